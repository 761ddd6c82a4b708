"""Show what NACHA files hold, for support: nothing is stored."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from connectors.nacha.inspect import inspect, refusal


class Command(BaseCommand):
    """`manage.py inspect_ach FILE...` prints one JSON object a line per file."""

    help = (
        "Read NACHA files (returns, changes, originations; plain or gzip) and print one JSON "
        "object a line per file, with the outcome accept, accept_with_warnings or reject. "
        "Nothing is stored. Account numbers are shown in full."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)

    def handle(self, *_: Any, files: list[Path], **__: Any) -> None:
        for path in files:
            self.stdout.write(json.dumps(_said_of(path)))


def _said_of(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        return refusal(str(path), f"the file cannot be opened: {error.strerror}")
    return inspect(data, str(path))
