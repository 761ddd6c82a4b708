"""Tell the apps above each event, once, in one transaction with what they make of it."""

import logging
from dataclasses import replace
from datetime import timedelta

from django.db import OperationalError, transaction
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from connectors.base import Connector
from connectors.errors import ConnectorError, NotPerformed, NotYet, Unreadable
from connectors.facts import decode_event, encode
from connectors.models import Connection, Event
from connectors.registry import connector_of
from connectors.services.queueing import queue
from connectors.types import (
    Channel,
    FetchPayment,
    FetchRemittance,
    Heard,
    PaymentDetails,
    PaymentPending,
    PaymentSettled,
    RemittanceItem,
    RemittancePaid,
)
from connectors.types import Event as Fact
from desk.errors import Refused as DeskRefused
from proptrust.lib import events
from proptrust.lib.money import total

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
OPEN = (Event.State.NEW, Event.State.WAITING)


def publish_event(event_id: int) -> str:
    """Publish one event if it is still to be heard; returns what state it is in now.

    What the platform must be asked for first (the items of a remittance) is fetched before, outside
    any transaction. Then every handler runs in one transaction with the event's new state:
    NotYet leaves it WAITING, any other error leaves it FAILED with the reason, and nothing of what
    the handlers did remains. Safe to run twice and by two workers at once.
    """
    row = Event.objects.select_related("connection").get(pk=event_id)
    if row.state not in OPEN or row.connection.state == Connection.State.PAUSED:
        return row.state
    fact = decode_event(row.kind, row.facts)
    connector = connector_of(row.connection)
    if _lacks(fact, connector):
        try:
            fact = _completed(fact, connector)
        except ConnectorError as error:
            return _incomplete(row, str(error))
        _keep_completed(row, fact)
    return _publish(event_id)


@transaction.atomic
def _publish(event_id: int) -> str:
    row = (
        Event.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("connection")
        .filter(pk=event_id, state__in=OPEN)
        .first()
    )
    if row is None:  # Another worker has it, or had it.
        return Event.objects.values_list("state", flat=True).get(pk=event_id)
    row.attempts = min(row.attempts + 1, 32_767)
    try:
        with transaction.atomic():
            _tell(row)
            # What PostgreSQL would only check at the end is this event's fault, not its batch's.
            database.check_constraints()
    except NotYet as reason:
        row.state, row.reason = Event.State.WAITING, str(reason)
        row.waits_for, row.next_at = reason.waits_for[:200], timezone.now() + pause(row.attempts)
    except OperationalError:
        raise  # A deadlock or a lost connection: nothing was done, it is tried again.
    except Exception as error:
        log.warning("event %s failed", row, exc_info=True)
        row.state, row.reason = Event.State.FAILED, str(error) or type(error).__name__
    else:
        row.state, row.reason, row.waits_for = Event.State.HEARD, "", ""
        row.heard_at = timezone.now()
        _wake(row)
    row.save(update_fields=["attempts", "state", "reason", "waits_for", "next_at", "heard_at"])
    return row.state


def _tell(row: Event) -> None:
    fact = decode_event(row.kind, row.facts)
    if fact.needs_person:
        raise ConnectorError(fact.needs_person)
    heard = Heard(
        connection_id=row.connection_id,
        entity_id=row.connection.entity_id,
        slug=row.connection.slug,
        event_id=row.pk,
        event=fact,
    )
    if not events.publish(heard):
        raise ConnectorError(f"No part of PropTrust answers to events of the kind {row.kind}.")


def _wake(heard: Event) -> None:
    """Queue the events that wait for what has just been heard."""
    now = timezone.now()
    # One that is due already was woken before and waits for its turn.
    waiting = Event.objects.filter(
        Q(waits_for=heard.subject) | Q(waits_for=""),
        connection_id=heard.connection_id,
        state=Event.State.WAITING,
        next_at__gt=now,
    )
    ids = list(waiting.order_by("at", "id").values_list("pk", flat=True))
    Event.objects.filter(pk__in=ids).update(next_at=now)
    for event_id in ids:
        queue("publish", event_id)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 2, 4 … minutes, at most an hour."""
    doublings = min(max(attempts - 1, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


# -- Asking for what the platform's message leaves out


def _lacks(fact: Fact, connector: Connector) -> bool:
    """Whether the platform can and must be asked before the fact is published."""
    if isinstance(fact, RemittancePaid):
        return fact.items is None
    is_unclear = isinstance(fact, PaymentPending | PaymentSettled) and (
        fact.channel is Channel.UNKNOWN
    )
    return is_unclear and FetchPayment in connector.performs


def _completed(fact: Fact, connector: Connector) -> Fact:
    if isinstance(fact, RemittancePaid):
        return _with_items(fact, connector)
    assert isinstance(fact, PaymentPending | PaymentSettled)
    details: PaymentDetails = connector.perform(
        FetchPayment(key=f"{fact.key}:details", payment=fact.payment)
    )
    if isinstance(fact, PaymentSettled):
        return replace(fact, channel=details.channel, fee=fact.fee or details.fee)
    return replace(fact, channel=details.channel)


def _with_items(fact: RemittancePaid, connector: Connector) -> RemittancePaid:
    if FetchRemittance not in connector.performs:
        raise NotPerformed(f"{connector.label} does not say what is in a remittance")
    items: tuple[RemittanceItem, ...] = connector.perform(
        FetchRemittance(key=f"{fact.key}:items", remittance=fact.remittance)
    )
    if (net := total((item.net for item in items), fact.amount.currency)) != fact.amount:
        raise Unreadable(
            f"the {len(items)} items of {fact.remittance} come to {net}, "
            f"but {fact.amount} was sent: {fact.amount - net} is not explained"
        )
    for item in items:
        if item.gross - item.fee != item.net:
            raise Unreadable(f"{item.key}: {item.gross} less a fee of {item.fee} is not {item.net}")
    return replace(fact, items=items)


@transaction.atomic
def _incomplete(row: Event, reason: str) -> str:
    """Count a fetch that did not work; after the last attempt a person must look."""
    held = Event.objects.select_for_update().get(pk=row.pk)
    if held.state not in OPEN:
        return held.state
    held.attempts += 1
    held.reason = reason
    held.state = Event.State.FAILED if held.attempts >= MOST_ATTEMPTS else Event.State.NEW
    held.next_at = timezone.now() + pause(held.attempts)
    held.save(update_fields=["attempts", "reason", "state", "next_at"])
    return held.state


def _keep_completed(row: Event, fact: Fact) -> None:
    """Keep what was fetched, so that it is asked for once; the digest stays as it was told."""
    Event.objects.filter(pk=row.pk, state__in=OPEN).update(facts=encode(fact), attempts=0)


# -- What a person decides


@transaction.atomic
def try_again(event_id: int) -> Event:
    """Queue a failed or set-aside event once more. Raises desk.errors.Refused for others."""
    row = Event.objects.select_for_update().get(pk=event_id)
    if row.state not in {Event.State.FAILED, Event.State.SET_ASIDE, Event.State.WAITING}:
        raise DeskRefused("This event was heard already.")
    row.state, row.attempts, row.next_at = Event.State.NEW, 0, timezone.now()
    row.save(update_fields=["state", "attempts", "next_at"])
    queue("publish", row.pk)
    return row


@transaction.atomic
def set_aside(event_id: int, *, reason: str) -> Event:
    """Leave an event unheard because a person has dealt with it otherwise.

    Raises desk.errors.Refused if it was heard already.
    """
    row = Event.objects.select_for_update().get(pk=event_id)
    if row.state == Event.State.HEARD:
        raise DeskRefused("This event was heard already.")
    row.state, row.reason = Event.State.SET_ASIDE, reason
    row.save(update_fields=["state", "reason"])
    return row


def due_events(connection_id: int | None = None) -> list[int]:
    """Ids of the events that should be heard by now, oldest first."""
    rows = Event.objects.filter(state__in=OPEN, next_at__lte=timezone.now()).exclude(
        connection__state=Connection.State.PAUSED
    )
    if connection_id is not None:
        rows = rows.filter(connection_id=connection_id)
    return list(rows.order_by("at", "id").values_list("pk", flat=True)[:10_000])
