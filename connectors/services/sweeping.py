"""Find whatever was left lying: stored and not read, told and not heard, due and not sent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import OperationalError

from connectors.models import Connection, Delivery, Event
from connectors.services.publishing import OPEN, due_events, publish_event
from connectors.services.receiving import parse_delivery
from connectors.services.sending import due_requests, send_request


@dataclass(frozen=True, slots=True)
class Swept:
    """How many deliveries were read, events published and requests sent."""

    parsed: int
    published: int
    sent: int


def catch_up(connection_id: int | None = None, *, is_sending: bool = True) -> Swept:
    """Do everything that is due, oldest first, as the queued tasks would.

    Each row is its own transaction, and a row that another worker has is left to it: it can stop at
    any line and run beside itself. connection_id: one connection, or None for all.
    """
    parsed = _each(_stored(connection_id), parse_delivery)
    published = _publish_due(connection_id)
    sent = _each(due_requests(connection_id), send_request) if is_sending else 0
    return Swept(parsed, published, sent)


def _publish_due(connection_id: int | None) -> int:
    """Publish until a round moves nothing: what is heard makes others due that waited for it."""
    heard_in_all = 0
    while ids := due_events(connection_id):
        before = Event.objects.filter(pk__in=ids, state__in=OPEN).count()
        _each(ids, publish_event)
        moved = before - Event.objects.filter(pk__in=ids, state__in=OPEN).count()
        heard_in_all += moved
        if moved <= 0:
            break
    return heard_in_all


def _stored(connection_id: int | None) -> Iterable[int]:
    rows = Delivery.objects.filter(state=Delivery.State.STORED).exclude(
        connection__state=Connection.State.PAUSED
    )
    if connection_id is not None:
        rows = rows.filter(connection_id=connection_id)
    return list(rows.order_by("received_at", "id").values_list("pk", flat=True))


def _each(ids: Iterable[int], service: Callable[[int], object]) -> int:
    done = 0
    for row_id in ids:
        try:
            service(row_id)
        except OperationalError:
            continue  # A deadlock with another worker: the next sweep finds it again.
        done += 1
    return done
