"""Write proptrust/schedules.py to the database; the list in the code is the whole truth."""

from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from proptrust.schedules import SCHEDULES, Recurring


class Command(BaseCommand):
    help = "Write the schedules of proptrust/schedules.py to the database and remove all others."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for recurring in SCHEDULES:
            self._write(recurring)
        names = [recurring.name for recurring in SCHEDULES]
        gone, _ = Schedule.objects.exclude(name__in=names).delete()
        if options["verbosity"]:
            self.stdout.write(f"{len(names)} schedules stand, {gone} removed")

    def _write(self, recurring: Recurring) -> None:
        """Create or change one schedule; an unchanged one keeps the time of its next run."""
        try:
            import_string(recurring.func)
        except ImportError as error:
            raise CommandError(f"schedule {recurring.name!r}: {error}") from error
        facts = {
            "func": recurring.func,
            "schedule_type": Schedule.DAILY if recurring.daily_at else Schedule.MINUTES,
            "minutes": recurring.every_minutes,
        }
        standing = Schedule.objects.filter(name=recurring.name)
        same = standing.filter(**facts, repeats=-1)
        if standing.count() == 1 and any(_is_at(each, recurring.daily_at) for each in same):
            return
        standing.delete()
        Schedule.objects.create(name=recurring.name, next_run=_next_run(recurring), **facts)


def _is_at(schedule: Any, daily_at: time | None) -> bool:
    return daily_at is None or timezone.localtime(schedule.next_run).time() == daily_at


def _next_run(recurring: Recurring) -> datetime:
    now = timezone.localtime()
    if recurring.daily_at is None:
        return now
    today = timezone.make_aware(datetime.combine(now.date(), recurring.daily_at))
    return today if today > now else today + timedelta(days=1)
