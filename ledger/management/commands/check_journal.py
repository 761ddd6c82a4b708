"""`manage.py check_journal`: sum the journal again, trusting no trigger."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from desk.models import LegalEntity
from ledger.journal import CHECKS


class Command(BaseCommand):
    help = "Recompute everything from the lines; name every difference; exit 1 if there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--entity", type=int, help="the id of one legal entity; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        entity_id: int | None = options["entity"]
        if entity_id is not None and not LegalEntity.objects.filter(pk=entity_id).exists():
            raise CommandError(f"there is no legal entity {entity_id}")
        if connection.in_atomic_block:  # The caller's transaction has its own snapshot.
            found = self._run(entity_id)
        else:
            with transaction.atomic(), connection.cursor() as cursor:
                # One snapshot for all checks, while others go on posting.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                found = self._run(entity_id)
        if found:
            raise CommandError(f"the journal differs in {found} place{'s' if found > 1 else ''}")

    def _run(self, entity_id: int | None) -> int:
        return sum(self._report(check.truth, check.differences(entity_id)) for check in CHECKS)

    def _report(self, truth: str, differences: Iterator[str]) -> int:
        count = 0
        for sentence in differences:
            if not count:
                self.stdout.write(f"WRONG {truth}")
            self.stdout.write(f"      {sentence}")
            count += 1
        if not count:
            self.stdout.write(f"ok    {truth}")
        return count
