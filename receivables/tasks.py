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
