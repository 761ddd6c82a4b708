"""Verify a trust report: `manage.py verify_report FILE…`."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from statements.errors import NotAReport
from statements.verifying import verify


class Command(BaseCommand):
    """Prints what was compared and every difference; ends with 1 unless every file is genuine."""

    help = "Compare trust report PDFs with their attachments and with what was published here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path)

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        all_genuine = True
        for path in files:
            try:
                verdict = verify(path.read_bytes())
            except (OSError, NotAReport) as error:
                self.stdout.write(f"{path}: NOT a report: {error}")
                all_genuine = False
                continue
            word = "genuine" if verdict.is_genuine else "NOT as published"
            self.stdout.write(f"{path}: {word}: {verdict.report}")
            for check in verdict.checks:
                self.stdout.write(f"  checked: {check}")
            for difference in verdict.differences:
                self.stdout.write(f"  differs: {difference}")
            all_genuine &= verdict.is_genuine
        if not all_genuine:
            sys.exit(1)
