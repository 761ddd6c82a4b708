"""`manage.py check`: every file of rules can be read, or an error says where it cannot."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core import checks

from compliance import loading
from compliance.errors import BadFile

log = logging.getLogger(__name__)


def register_and_warm() -> None:
    """Register the check, and read the rules before the first question needs them."""
    checks.register(files_are_good, "compliance")
    try:
        loading.lawbook()
    except BadFile as bad:
        # `check` must still be able to run and say it; whoever asks for a rule is refused.
        log.critical("The rules of the states cannot be read: %s", bad)


def files_are_good(app_configs: Any = None, **options: Any) -> Sequence[checks.CheckMessage]:
    """One error for each file that is wrong."""
    return errors_in(loading.FOLDER)


def errors_in(folder: Path) -> list[checks.CheckMessage]:
    """The errors of the files of a folder, the first of each."""
    found: list[checks.CheckMessage] = []
    for path in loading.files_of(folder):
        try:
            loading.read_file(path)
        except BadFile as bad:
            hint = "docs/compliance.md says what a file of rules holds."
            found.append(checks.Error(str(bad), hint=hint, obj=str(path), id="compliance.E001"))
    return found
