"""What is wrong at the connections now: nothing that a platform told us may lie unseen."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from django.db.models import Model, Q, QuerySet, Sum
from django.utils import timezone
from moneyed import Money

from connectors.facts import decode_event
from connectors.models import Connection, Delivery, Event, EventConflict, Refusal, Request
from connectors.types import PaymentEvent, RemittancePaid
from desk.models import Severity
from desk.registry import detect
from desk.types import Detector, Finding
from proptrust.lib.banking import add_banking_days

Row = TypeVar("Row", bound=Model)

UNREADABLE = "delivery_unreadable"
REFUSED = "deliveries_refused"
CONFLICT = "event_conflict"
WAITING = "event_waiting"
FAILED = "event_failed"
REQUEST = "request_refused"
FILE = "file_not_sent"
REAUTHORISE = "connection_reauthorise"

Find = Callable[[int | None, int | None], Iterator[Finding]]

# Platforms tell the parts of a story out of order, minutes apart; what waits longer is odd.
PATIENCE = timedelta(hours=24)
# New events are heard within seconds; older ones mean that the worker or the platform stands still.
UNHEARD = timedelta(hours=1)
# One forged delivery is noise of the internet; this many a day look like a wrong signing secret.
REFUSALS = 3


def unreadable_deliveries(
    entity_id: int | None, subject_id: int | None = None
) -> Iterator[Finding]:
    """Deliveries from which no fact could be taken."""
    rows = Delivery.objects.filter(state=Delivery.State.UNREADABLE)
    rows = rows.select_related("connection").defer("body")
    for row in _scoped(rows, "connection__entity_id", entity_id, subject_id):
        yield Finding(
            key=f"{UNREADABLE}:{row.pk}",
            kind=UNREADABLE,
            entity_id=row.connection.entity_id,
            severity=Severity.CRITICAL,
            title=f"A delivery of {row.connection} cannot be read",
            reason=f"{row.reason}. Until it is read, a payment may be missing from the books.",
            subject_type="connectors.delivery",
            subject_id=row.pk,
            happened_on=timezone.localdate(row.received_at),
            where=row.name or str(row.connection),
            book_id=row.connection.book_id,
        )


def conflicts(entity_id: int | None, subject_id: int | None = None) -> Iterator[Finding]:
    """Events that came twice, with facts that differ."""
    rows = EventConflict.objects.filter(settled_by=None).select_related("event__connection")
    for row in _scoped(rows, "event__connection__entity_id", entity_id, subject_id):
        event = row.event
        amount, who = _amount_and_who(event)
        yield Finding(
            key=f"{CONFLICT}:{row.pk}",
            kind=CONFLICT,
            entity_id=event.connection.entity_id,
            severity=Severity.CRITICAL,
            title=f"{event.connection} told {event.key} twice, differently",
            reason="The same id came again with other facts. The first ones count; the second "
            "message was kept and posted nothing.",
            subject_type="connectors.eventconflict",
            subject_id=row.pk,
            happened_on=timezone.localdate(row.seen_at),
            amount=amount,
            who=who,
            where=str(event.connection),
            book_id=event.connection.book_id,
        )


def unheard_events(entity_id: int | None, subject_id: int | None = None) -> Iterator[Finding]:
    """Events that failed, and those that wait for too long."""
    now = timezone.now()
    rows = Event.objects.filter(
        Q(state=Event.State.FAILED)
        | Q(state=Event.State.WAITING, stored_at__lt=now - PATIENCE)
        | Q(state=Event.State.NEW, stored_at__lt=now - UNHEARD)
    ).exclude(connection__state=Connection.State.PAUSED)
    rows = rows.select_related("connection")
    for row in _scoped(rows, "connection__entity_id", entity_id, subject_id):
        yield _unheard(row)


def _unheard(row: Event) -> Finding:
    is_failed = row.state == Event.State.FAILED
    amount, who = _amount_and_who(row)
    what = row.kind.replace("_", " ")
    if is_failed:
        title, reason = f"Event not posted: {what}", row.reason
    elif row.state == Event.State.WAITING:
        title, reason = (
            f"Event waits: {what}",
            f"It waits since {row.stored_at:%b %-d}: {row.reason}",
        )
    else:
        title = f"Event not heard yet: {what}"
        reason = row.reason or "No worker has taken it."
    return Finding(
        key=f"{FAILED if is_failed else WAITING}:{row.pk}",
        kind=FAILED if is_failed else WAITING,
        entity_id=row.connection.entity_id,
        severity=Severity.CRITICAL if is_failed else Severity.WARNING,
        title=title,
        reason=reason,
        subject_type="connectors.event",
        subject_id=row.pk,
        happened_on=timezone.localdate(row.at),
        amount=amount,
        who=who,
        where=str(row.connection),
        book_id=row.connection.book_id,
    )


def stuck_requests(entity_id: int | None, subject_id: int | None = None) -> Iterator[Finding]:
    """Requests that a platform refused, and files that their bank should have by now."""
    rows = Request.objects.filter(state__in=[Request.State.REFUSED, Request.State.READY])
    rows = rows.select_related("connection")
    soon = add_banking_days(timezone.localdate(), 1)
    for row in _scoped(rows, "connection__entity_id", entity_id, subject_id):
        if row.state == Request.State.REFUSED:
            yield _stuck(
                row,
                REQUEST,
                f"{row.connection} refused: {row.kind.replace('_', ' ')}",
                row.reason or "The platform said no.",
            )
        elif row.facts["effective_on"] <= soon.isoformat():
            yield _stuck(
                row,
                FILE,
                f"{row.facts['name']} is not at the bank yet",
                f"Its entries are due on {row.facts['effective_on']}: {row.facts['debits']} USD of "
                f"debits, {row.facts['credits']} USD of credits.",
            )


def _stuck(row: Request, kind: str, title: str, reason: str) -> Finding:
    return Finding(
        key=f"{kind}:{row.pk}",
        kind=kind,
        entity_id=row.connection.entity_id,
        severity=Severity.WARNING,
        title=title,
        reason=reason,
        subject_type="connectors.request",
        subject_id=row.pk,
        happened_on=timezone.localdate(row.created_at),
        where=str(row.connection),
        book_id=row.connection.book_id,
    )


def broken_connections(entity_id: int | None, subject_id: int | None = None) -> Iterator[Finding]:
    """Connections that must be authorised again, or whose deliveries are refused today."""
    refused = dict(
        Refusal.objects.filter(on=timezone.localdate())
        .values_list("connection_id")
        .annotate(Sum("times"))
    )
    rows = Connection.objects.exclude(state=Connection.State.PAUSED)
    for row in _scoped(rows, "entity_id", entity_id, subject_id):
        if row.state == Connection.State.REAUTHORISE:
            yield _broken(
                row,
                REAUTHORISE,
                f"{row} must be authorised again",
                f"{row.test_said} Nothing is sent until new credentials are stored.",
            )
        if (times := refused.get(row.pk, 0)) >= REFUSALS:
            yield _broken(
                row,
                REFUSED,
                f"{times} deliveries of {row} were refused today",
                "Their signature does not fit. Either somebody forges them, or the signing secret "
                "stored here is not the platform's.",
            )


def _broken(row: Connection, kind: str, title: str, reason: str) -> Finding:
    return Finding(
        key=f"{kind}:{row.pk}",
        kind=kind,
        entity_id=row.entity_id,
        severity=Severity.CRITICAL,
        title=title,
        reason=reason,
        subject_type="connectors.connection",
        subject_id=row.pk,
        happened_on=timezone.localdate(),
        where=str(row),
        book_id=row.book_id,
    )


def _scoped(
    rows: QuerySet[Row], path: str, entity_id: int | None, subject_id: int | None
) -> QuerySet[Row]:
    """The rows of one legal entity, or the one of an item; all where neither is given."""
    if entity_id is not None:
        rows = rows.filter(**{path: entity_id})
    if subject_id is not None:
        rows = rows.filter(pk=subject_id)
    return rows.order_by("pk")


def _amount_and_who(row: Event) -> tuple[Money | None, str]:
    fact = decode_event(row.kind, row.facts)
    if isinstance(fact, PaymentEvent):
        return fact.amount, fact.payer
    return (fact.amount, "") if isinstance(fact, RemittancePaid) else (None, "")


def _register(name: str, kinds: frozenset[str], find: Find) -> None:
    detect(
        Detector(
            name=f"connectors.{name}",
            kinds=kinds,
            find=lambda entity_id: find(entity_id, None),
            find_one=lambda subject_id: find(None, subject_id),
        )
    )


_register("deliveries", frozenset({UNREADABLE}), unreadable_deliveries)
_register("conflicts", frozenset({CONFLICT}), conflicts)
_register("events", frozenset({WAITING, FAILED}), unheard_events)
_register("requests", frozenset({REQUEST, FILE}), stuck_requests)
_register("connections", frozenset({REAUTHORISE, REFUSED}), broken_connections)
