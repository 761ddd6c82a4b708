"""What the worker does for payments by the clock."""

from django.utils import timezone

from payments import services


def mark_stale_checks() -> str:
    """Mark the checks that nobody has cashed for 180 days.

    Runs daily (proptrust/schedules.py) and is safe to stop or to run twice: it is one statement.
    """
    count = services.mark_stale(None, on=timezone.localdate())
    return f"{count} checks are stale now"
