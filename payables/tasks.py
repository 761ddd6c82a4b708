"""What the worker does for layer 4 (proptrust/schedules.py says when)."""

from datetime import timedelta

from django.utils import timezone

from payables import services
from payables.models import WrongLink


def send_owner_requests() -> str:
    """Send the mails to owners that did not go out at once; safe to stop and to run twice.

    Runs every five minutes. Returns the sentence that the task list shows.
    """
    WrongLink.objects.filter(tried_at__lt=timezone.now() - timedelta(days=1)).delete()
    return f"{services.send_requests()} mails to owners sent"
