"""What the worker does for the project itself (proptrust/schedules.py says when)."""

from datetime import timedelta

from django.utils import timezone
from django_q.models import Failure, Success

KEEP_SUCCESSES = timedelta(days=7)
KEEP_FAILURES = timedelta(days=90)


def forget_finished() -> str:
    """Delete what the task list says of old tasks; safe to stop and to run twice.

    Runs every night. Returns the sentence that the task list shows.
    """
    now = timezone.now()
    successes, _ = Success.objects.filter(stopped__lt=now - KEEP_SUCCESSES).delete()
    failures, _ = Failure.objects.filter(stopped__lt=now - KEEP_FAILURES).delete()
    return f"{successes} successful and {failures} failed tasks forgotten"
