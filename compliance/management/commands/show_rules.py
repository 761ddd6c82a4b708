"""Show the rules of a state: `manage.py show_rules CA [--on 2026-11-30] [--json]`."""

import json
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from compliance import words
from compliance.errors import BadFile, NoSuchJurisdiction
from compliance.jurisdictions import chain
from compliance.loading import lawbook


class Command(BaseCommand):
    """The rows of the page "State rules", as text or as JSON; ends with 1 without a file."""

    help = "Show what a state's law says, where it stands and whether it was read."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", help="two letters, US for what is federal, or a locality")
        parser.add_argument("--on", default="", metavar="DATE", help="a day; today if left out")
        parser.add_argument("--json", action="store_true", help="one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        code = options["state"].upper()
        try:
            on = date.fromisoformat(options["on"]) if options["on"] else timezone.localdate()
        except ValueError as error:
            raise CommandError(f"--on: {options['on']!r} is no day like 2026-11-30") from error
        try:
            files = chain(code)
            book = lawbook()
        except (NoSuchJurisdiction, BadFile) as error:
            raise CommandError(str(error)) from error
        if not any(each in book for each in files):
            raise CommandError(f"there is no file for {code} yet; there are {', '.join(book)}")
        rows = [row for each in files for row in words.lines(book, each, on=on)]
        if options["json"]:
            self.stdout.write(json.dumps([row.as_row() for row in rows], indent=2))
            return
        for row in rows:
            mark = "confirmed" if row.is_confirmed else "NOT confirmed"
            when = f" [{row.condition}]" if row.condition else ""
            self.stdout.write(f"{row.jurisdiction}  {row.title}{when}: {row.words}")
            facts = [row.source.citation or "no source found", row.dates, mark]
            self.stdout.write(f"      {', '.join(each for each in facts if each)}")
