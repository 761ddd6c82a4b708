"""What the worker does for rent collection (proptrust/schedules.py)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from desk.models import LegalEntity
from receivables import services


def charge_month() -> str:
    """Charge every company's leases for the month that it is there.

    Runs daily, so that a lease added within the month is charged the day after; a charge is made
    once. Each company is a transaction of its own. Returns the sentence that the task list shows.
    """
    made = 0
    for entity in LegalEntity.objects.order_by("id"):
        today = datetime.now(ZoneInfo(entity.time_zone)).date()
        made += services.post_monthly_charges(entity, today).made
    return f"{made} charges made"


def charge_late_fees() -> str:
    """Charge the late fees of every company that have arisen by yesterday's end.

    Runs daily after the monthly charges. A fee that was charged already is not charged again, and
    days that were missed are caught up. Each company is a transaction of its own. Returns the
    sentence that the task list shows.
    """
    made = waived = 0
    for entity in LegalEntity.objects.order_by("id"):
        today = datetime.now(ZoneInfo(entity.time_zone)).date()
        fees = services.assess_late_fees(entity.pk, on=today)
        made, waived = made + fees.made, waived + fees.waived
    return f"{made} late fees charged, {waived} taken off"
