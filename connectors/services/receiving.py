"""Store what a platform sent, once, and take the events out of it, once."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from connectors.errors import Ignored, Refused, Unreadable
from connectors.facts import Facts, decode_event, digest, encode
from connectors.models import Connection, Delivery, Event, EventConflict
from connectors.registry import connector_of
from connectors.services.queueing import queue
from connectors.types import SENT_BY_US, PaymentEvent, RemittanceFailed, RemittancePaid
from connectors.types import Delivery as Told
from connectors.types import Event as Fact
from desk.errors import Refused as DeskRefused
from desk.services.audit import record

log = logging.getLogger(__name__)

FILE_LIMIT = 50 * 1024 * 1024
KEY_LIMIT = 200
# Headers that are no evidence of anything and may hold a secret.
_LEFT_OUT = frozenset({"authorization", "cookie", "proxy-authorization"})


def receive(connection: Connection, body: bytes, headers: Mapping[str, str]) -> Delivery:
    """Verify a webhook and store it as it came; a task reads it.

    The same bytes are stored once and counted. Returns at once, before anything is parsed.
    Raises Refused for a delivery that is forged, stale or altered: it is counted, not stored.
    """
    now = timezone.now()
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        connector_of(connection).verify(Told(body=body, headers=lower, received_at=now))
    except Refused as refusal:
        _count_refusal(connection, str(refusal), len(body), now)
        raise
    return _store(connection, body, headers=lower, name="", at=now)


def receive_file(connection: Connection, name: str, body: bytes) -> Delivery:
    """Store a file that a person or a folder brought; a task reads it.

    The same bytes are stored once, under their first name. Raises Refused if it is too large.
    """
    if len(body) > FILE_LIMIT:
        raise Refused(f"a file has at most {FILE_LIMIT // 2**20} MB")
    now = timezone.now()
    connector_of(connection).verify(Told(body=body, received_at=now, name=name))
    return _store(connection, body, headers={}, name=name[:200], at=now)


@transaction.atomic
def _store(
    connection: Connection, body: bytes, *, headers: Mapping[str, str], name: str, at: datetime
) -> Delivery:
    sha256 = hashlib.sha256(body).hexdigest()
    kept = {key: value[:2000] for key, value in headers.items() if key not in _LEFT_OUT}
    row, is_new = Delivery.objects.get_or_create(
        connection=connection,
        sha256=sha256,
        defaults={"body": body, "headers": kept, "name": name, "received_at": at},
    )
    if is_new:
        queue("parse", row.pk)
    else:
        Delivery.objects.filter(pk=row.pk).update(times=F("times") + 1)
        row.times += 1
    return row


def store_own_file(connection: Connection, name: str, body: bytes, headers: Facts) -> Delivery:
    """Store a file that we wrote ourselves, to be read like any other."""
    return _store(
        connection, body, headers={SENT_BY_US: "1", **headers}, name=name, at=timezone.now()
    )


@transaction.atomic
def parse_delivery(delivery_id: int, *, is_again: bool = False) -> Delivery:
    """Take the events out of a stored delivery, all or none, and queue their publishing.

    An event whose key is known with the same facts is the same event; with other facts it becomes
    an EventConflict. Safe to run twice; is_again: read even what was read before (after a fix).
    """
    row = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("connection")
        .get(pk=delivery_id)
    )
    if not is_again and row.state != Delivery.State.STORED:
        return row
    if row.connection.state == Connection.State.PAUSED and not is_again:
        return row  # Read when the connection goes on.
    row.attempts = min(row.attempts + 1, 32_767)
    row.parsed_at = timezone.now()
    try:
        facts = _facts_in(row)
    except Ignored as ignored:
        row.state, row.reason = Delivery.State.IGNORED, str(ignored)
    except Unreadable as unreadable:
        row.state, row.reason = Delivery.State.UNREADABLE, str(unreadable)
    else:
        store_events(row, facts)
        row.state, row.reason = Delivery.State.PARSED, ""
    row.save(update_fields=["attempts", "parsed_at", "state", "reason"])
    return row


def _facts_in(row: Delivery) -> list[Fact]:
    told = Told(
        body=bytes(row.body), headers=row.headers, received_at=row.received_at, name=row.name
    )
    try:
        facts = list(connector_of(row.connection).parse(told))
    except (Ignored, Unreadable):
        raise
    except Exception as error:
        log.exception("delivery %s of %s could not be parsed", row.pk, row.connection.slug)
        raise Unreadable(f"a fault in PropTrust's own reader: {type(error).__name__}") from error
    if not facts:
        raise Ignored("it tells no fact that counts")
    for fact in facts:
        check_key(fact)
    return facts


def check_key(fact: Fact) -> None:
    """Raise Unreadable for a key or subject that cannot be stored."""
    for text in (fact.key, subject_of(fact)):
        if len(text) > KEY_LIMIT or "\x00" in text:
            raise Unreadable(f"an id of the platform is longer than {KEY_LIMIT} characters")
    if not fact.key:
        raise Unreadable("an event has no id")


def subject_of(fact: Fact) -> str:
    """The platform's id of the payment or remittance that an event is about."""
    if isinstance(fact, RemittancePaid | RemittanceFailed):
        return fact.remittance
    if isinstance(fact, PaymentEvent):
        return fact.payment
    return str(getattr(fact, "payment", ""))


def store_events(delivery: Delivery, facts: Sequence[Fact]) -> None:
    """Store events once by key and queue their publishing, in the caller's transaction.

    A known key with other facts is kept as an EventConflict, for a person.
    """
    # In the order of their keys, so that two deliveries never wait for each other in a ring.
    ordered = sorted(facts, key=lambda fact: fact.key)
    rows = [_event_row(delivery, fact) for fact in ordered]
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    stored = {
        row.key: row
        for row in Event.objects.filter(
            connection=delivery.connection, key__in={fact.key for fact in facts}
        ).defer("facts")
    }
    for fact in ordered:
        if stored[fact.key].digest != (told := digest(fact)):
            EventConflict.objects.get_or_create(
                event=stored[fact.key],
                digest=told,
                defaults={"delivery": delivery, "facts": encode(fact)},
            )
    queue("publish_delivery", delivery.pk)


def _event_row(delivery: Delivery, fact: Fact) -> Event:
    return Event(
        connection=delivery.connection,
        delivery=delivery,
        key=fact.key,
        kind=fact.kind,
        at=fact.at,
        subject=subject_of(fact),
        facts=encode(fact),
        digest=digest(fact),
    )


# -- What a person decides


@transaction.atomic
def ignore_delivery(delivery_id: int, *, reason: str) -> Delivery:
    """Leave an unreadable delivery aside. Raises desk.errors.Refused if it is not unreadable."""
    row = Delivery.objects.select_for_update().get(pk=delivery_id)
    if row.state != Delivery.State.UNREADABLE:
        raise DeskRefused("This delivery is not waiting for anybody.")
    row.state, row.reason = Delivery.State.IGNORED, f"Set aside: {reason}"
    row.save(update_fields=["state", "reason"])
    return row


@transaction.atomic
def settle_conflict(conflict_id: int, *, actor_id: int, is_another: bool = False) -> EventConflict:
    """Settle a key that came with other facts: the first facts stay, whichever way.

    is_another: the second message was about another fact, which the platform gave the same id; it
    is stored and published as an event of its own.
    Raises desk.errors.Refused if somebody was quicker.
    """
    row = (
        EventConflict.objects.select_for_update(of=("self",))
        .select_related("event", "delivery__connection")
        .get(pk=conflict_id)
    )
    if row.settled_by_id is not None:
        raise DeskRefused(f"Already settled by {row.settled_by}: {row.settled_how}")
    row.settled_by_id = actor_id
    row.settled_how = "The first facts stand."
    if is_another:
        row.settled_how = "Both are true: the second was stored as an event of its own."
        fact = decode_event(row.event.kind, row.facts)
        key = f"{fact.key[: KEY_LIMIT - 13]}#{row.digest[:12]}"
        store_events(row.delivery, [replace(fact, key=key)])
    row.save(update_fields=["settled_by_id", "settled_how"])
    return row


@transaction.atomic
def unsettle_conflict(conflict_id: int) -> EventConflict:
    """Open a conflict again whose first facts had been taken."""
    row = EventConflict.objects.select_for_update().get(pk=conflict_id)
    row.settled_by, row.settled_how = None, ""
    row.save(update_fields=["settled_by", "settled_how"])
    return row


# -- Refusals


def _count_refusal(connection: Connection, reason: str, size: int, at: datetime) -> None:
    """Count a refused delivery; the first of a day and reason also goes into the audit trail.

    Anybody who knows the address can send rubbish: what they can make us store is one short row a
    reason and day.
    """
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO connectors_refusal AS held
                (connection_id, "on", reason, times, last_size)
            VALUES (%(connection)s, %(on)s, %(reason)s, 1, %(size)s)
            ON CONFLICT (connection_id, "on", reason) DO UPDATE
            SET times = held.times + 1, last_at = clock_timestamp(), last_size = EXCLUDED.last_size
            RETURNING times
            """,
            {
                "connection": connection.pk,
                "on": timezone.localdate(at),
                "reason": reason[:200],
                "size": size,
            },
        )
        (times,) = cursor.fetchone()
        if times == 1:
            record(
                "refuse delivery",
                text=f"A delivery to {connection} was refused: {reason}"[:500],
                subject=connection,
                facts={"reason": reason[:200], "bytes": size},
            )
    log.warning("a delivery to connection %s was refused: %s", connection.pk, reason)
