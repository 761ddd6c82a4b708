"""What the worker does for owner draws (proptrust/schedules.py)."""

from django.utils import timezone

from desk.models import LegalEntity
from disbursements import services


def close_recoveries() -> str:
    """Close the recoveries that are made good, company by company.

    Safe to stop or to run twice. Returns the sentence that the task list shows.
    """
    today = timezone.localdate()
    ids = LegalEntity.objects.order_by("id").values_list("pk", flat=True)
    closed = sum(services.close_recoveries(entity_id, on=today) for entity_id in ids)
    return f"{closed} recoveries made good"
