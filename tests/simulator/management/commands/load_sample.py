"""Load the sample company through the doors that production uses: `manage.py load_sample`."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from desk.models import LegalEntity
from tests.simulator import company, loading
from tests.simulator.world import COMPANY


class Command(BaseCommand):
    """Does nothing if the sample company is there already."""

    help = "Simulate a company and feed its files through imports, webhooks and uploads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        company.add_arguments(parser)

    def handle(
        self, *args: Any, seed: int, units: int, months: int, cut_over: date, **_: Any
    ) -> None:
        if LegalEntity.objects.filter(name=COMPANY, is_sample=True).exists():
            self.stdout.write(f"{COMPANY} is loaded already")
            return
        if LegalEntity.objects.filter(name=COMPANY).exists():
            raise CommandError(
                f"{COMPANY} was loaded in part; `make reset` starts over with an empty database"
            )
        made = company.make(seed=seed, units=units, months=months, cut_over_on=cut_over)
        loading.load(made, say=self.stdout.write)
