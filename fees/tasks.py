"""What the worker does for fees (proptrust/schedules.py)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from desk.models import LegalEntity
from fees import queries, services

# Payments that became known this long ago are looked at every time, older ones once a night.
LATELY = timedelta(days=2)


def take_lately() -> str:
    """Take the fees of the last days' payments, and what waited for the owners' money.

    Runs every ten minutes, as a net below the handler that does it at once. Each company is a
    transaction of its own. Returns the sentence that the task list shows.
    """
    since = timezone.now() - LATELY
    taken = given_back = 0
    for entity in LegalEntity.objects.order_by("id"):
        on = _today(entity)
        leases = queries.leases_with_work(entity.pk, since=since)
        for done in (
            services.take_fees(entity.pk, lease_ids=leases, on=on),
            services.take_waiting(entity.pk, on),
        ):
            taken += done.taken
            given_back += done.given_back
    return f"{taken} fees taken, {given_back} given back"


def take_all() -> str:
    """Take every fee that is due, of all payments, of this month and of the last one.

    Runs every night; safe to stop and to run twice. Returns the sentence of the task list.
    """
    taken = given_back = 0
    for entity in LegalEntity.objects.order_by("id"):
        on = _today(entity)
        last_month = on.replace(day=1) - timedelta(days=1)
        for done in (
            services.take_fees(entity.pk, on=on),
            services.take_period_fees(entity.pk, last_month, on=on),
            services.take_period_fees(entity.pk, on, on=on),
            services.take_waiting(entity.pk, on),
        ):
            taken += done.taken
            given_back += done.given_back
    return f"{taken} fees taken, {given_back} given back"


def _today(entity: LegalEntity) -> date:
    return datetime.now(ZoneInfo(entity.time_zone)).date()
