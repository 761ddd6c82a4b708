"""manage.py import_portfolio FILE... --entity NAME [--state AZ] [--cut-over DAY] [--dry-run]"""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proptrust.lib.money import plain
from receivables.importing import ImportOutcome, Upload, import_portfolio


class Command(BaseCommand):
    help = "Import a portfolio with its opening balances from CSV files (docs/importing.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--entity", required=True, help="The company's name.")
        parser.add_argument("--state", default="", help="Two letters; makes the company if new.")
        parser.add_argument("--cut-over", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done.")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = import_portfolio(
            [Upload(path.name, self._body(path)) for path in options["files"]],
            entity_name=options["entity"],
            state=options["state"],
            cut_over_on=options["cut_over"],
            is_dry_run=options["dry_run"],
        )
        self._say(outcome)
        if not outcome.is_good:
            raise CommandError(f"{len(outcome.problems)} problems; nothing was imported")

    def _body(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error

    def _say(self, outcome: ImportOutcome) -> None:
        verb = "would be made" if outcome.is_dry_run or not outcome.is_good else "made"
        for what, count in outcome.created.items():
            if count:
                self.stdout.write(f"{count:>8,} {what} {verb}")
        for what, count in outcome.unchanged.items():
            if count:
                self.stdout.write(f"{count:>8,} {what} stand already")
        for proof in outcome.proofs:
            self.stdout.write(
                f"{proof.account}: bank {plain(proof.bank)}, book {plain(proof.book)},"
                f" beneficiaries {plain(proof.beneficiaries)},"
                f" difference {plain(proof.difference)}"
            )
        for name, columns in outcome.ignored.items():
            self.stdout.write(f"{name}: not read: {', '.join(columns)}")
        for problem in outcome.problems:
            self.stderr.write(str(problem))
