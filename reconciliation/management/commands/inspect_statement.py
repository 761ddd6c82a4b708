"""`manage.py inspect_statement FILE...`: say what bank files hold, and store nothing."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reconciliation.formats.inspect import inspect_path


class Command(BaseCommand):
    """One JSON object a line per file; the exit code is 0 for refused files as well."""

    help = "Read bank statement files and print what they hold; nothing is stored."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        for path in options["files"]:
            self.stdout.write(json.dumps(inspect_path(path)))
