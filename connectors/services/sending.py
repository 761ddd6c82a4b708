"""The outbox: what we ask platforms to do is written with the fact and sent until answered."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from connectors.base import Connector
from connectors.errors import (
    Denied,
    KeyReused,
    NotPerformed,
    Reauthorise,
    RetryLater,
    Unreadable,
)
from connectors.facts import decode_action, digest, encode
from connectors.models import Connection, Request
from connectors.registry import connector_class, connector_of
from connectors.services.publishing import pause
from connectors.services.queueing import queue
from connectors.types import Action, Receipt
from desk.errors import Refused as DeskRefused
from desk.services.audit import record

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
# A worker that is killed while it sends holds its request this long; then another sends it again
# under the same key. Longer than the worst call.
HELD = timedelta(minutes=10)


@transaction.atomic
def enqueue(action: Action, connection: Connection) -> Request:
    """Ask a platform for something, in the caller's transaction; a task sends it.

    The same key with the same facts is the same request. Raises KeyReused for other facts, and
    NotPerformed if the platform does not do this.
    """
    cls = connector_class(connection.slug)
    if type(action) not in cls.performs:
        raise NotPerformed(f"{cls.label} does not perform {action.kind}")
    row, is_new = Request.objects.get_or_create(
        connection=connection,
        key=action.key,
        defaults={"kind": action.kind, "facts": encode(action)},
    )
    if row.kind != action.kind or digest(decode_action(row.kind, row.facts)) != digest(action):
        raise KeyReused(f"the key {action.key} was used for another request")
    if is_new:
        queue("send", row.pk)
    return row


def send_request(request_id: int) -> str:
    """Send one request if it is due; returns the state it is in then.

    The platform's answers become: done, later (with growing pauses, at most eight times), refused
    (a person must look), or the connection must be authorised again. The call is made outside any
    transaction; a worker killed in it leaves a request that is sent again under the same key.
    """
    row = _take(request_id)
    if row is None:
        return Request.objects.values_list("state", flat=True).get(pk=request_id)
    connector = connector_of(row.connection, request_id=row.pk)
    if _key_is_forgotten(row, connector):
        return _refuse(
            row,
            "It was tried, no answer came, and the platform has forgotten its key since: look "
            "there whether it was done before it is sent again.",
        )
    try:
        receipt: Receipt = connector.perform(decode_action(row.kind, row.facts))
    except RetryLater as error:
        return _later(row, str(error), error.after)
    except Reauthorise as error:
        return _reauthorise(row, str(error))
    except (Denied, NotPerformed, Unreadable) as error:
        return _refuse(row, str(error))
    except Exception as error:
        log.exception("request %s could not be sent", row.pk)
        return _later(row, f"a fault in PropTrust: {type(error).__name__}", None)
    return _finish(row, receipt)


@transaction.atomic
def _take(request_id: int) -> Request | None:
    """Hold a due request for a while, so that no other worker sends it at the same time."""
    now = timezone.now()
    row = (
        Request.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("connection")
        .filter(
            pk=request_id,
            state=Request.State.WAITING,
            next_at__lte=now,
            connection__state=Connection.State.ACTIVE,
        )
        .first()
    )
    if row is None:
        return None
    row.attempts += 1
    row.next_at = now + HELD
    row.save(update_fields=["attempts", "next_at"])
    return row


def _key_is_forgotten(row: Request, connector: Connector) -> bool:
    if row.first_tried_at is None:
        row.first_tried_at = timezone.now()
        Request.objects.filter(pk=row.pk).update(first_tried_at=row.first_tried_at)
        return False
    return timezone.now() - row.first_tried_at > connector.key_lives


def _finish(row: Request, receipt: Receipt) -> str:
    # The platform has done it: that is the truth even if somebody withdrew it meanwhile.
    row.state, row.reason = Request.State.SENT, ""
    row.vendor_id, row.answer = receipt.vendor_id[:200], dict(receipt.raw)
    row.sent_at = timezone.now()
    row.save(update_fields=["state", "reason", "vendor_id", "answer", "sent_at"])
    return row.state


def _later(row: Request, reason: str, after: timedelta | None) -> str:
    if row.attempts >= MOST_ATTEMPTS:
        return _refuse(row, f"Given up after {row.attempts} attempts: {reason}")
    return _waits(row, reason, timezone.now() + max(pause(row.attempts), after or timedelta(0)))


def _waits(row: Request, reason: str, until: datetime, **changes: object) -> str:
    Request.objects.filter(pk=row.pk, state=Request.State.WAITING).update(
        reason=reason, next_at=until, **changes
    )
    return Request.State.WAITING


def _refuse(row: Request, reason: str) -> str:
    Request.objects.filter(pk=row.pk, state=Request.State.WAITING).update(
        state=Request.State.REFUSED, reason=reason
    )
    return Request.State.REFUSED


@transaction.atomic
def _reauthorise(row: Request, reason: str) -> str:
    """Stop the connection's sending until a person renews it; the attempt does not count."""
    changed = Connection.objects.filter(pk=row.connection_id, state=Connection.State.ACTIVE).update(
        state=Connection.State.REAUTHORISE, test_said=reason[:300]
    )
    if changed:
        record("reauthorise", text=f"{row.connection}: {reason}", subject=row.connection)
    return _waits(row, reason, timezone.now(), attempts=row.attempts - 1)


# -- What a person decides


@transaction.atomic
def send_again(request_id: int) -> Request:
    """Send a refused request once more. Raises desk.errors.Refused for any other."""
    row = Request.objects.select_for_update().get(pk=request_id)
    if row.state not in {Request.State.REFUSED, Request.State.WITHDRAWN} or row.delivery_id:
        raise DeskRefused("Only a refused request can be sent again.")
    row.state, row.attempts, row.next_at = Request.State.WAITING, 0, timezone.now()
    row.first_tried_at = None
    row.save(update_fields=["state", "attempts", "next_at", "first_tried_at"])
    queue("send", row.pk)
    return row


@transaction.atomic
def withdraw(request_id: int, *, reason: str) -> Request:
    """Give a request up that was not done. Raises desk.errors.Refused if it was done already."""
    row = Request.objects.select_for_update().get(pk=request_id)
    if row.state == Request.State.SENT:
        raise DeskRefused("The platform has done this already.")
    row.state, row.reason = Request.State.WITHDRAWN, reason
    row.save(update_fields=["state", "reason"])
    return row


@transaction.atomic
def unwithdraw(request_id: int) -> Request:
    """Put a withdrawn request before a person again. Raises desk.errors.Refused for any other."""
    row = Request.objects.select_for_update().get(pk=request_id)
    if row.state != Request.State.WITHDRAWN:
        raise DeskRefused("This request was not withdrawn.")
    row.state = Request.State.REFUSED
    row.save(update_fields=["state"])
    return row


def due_requests(connection_id: int | None = None) -> list[int]:
    """Ids of the requests that should be sent by now, oldest first."""
    rows = Request.objects.filter(
        state=Request.State.WAITING,
        next_at__lte=timezone.now(),
        connection__state=Connection.State.ACTIVE,
    )
    if connection_id is not None:
        rows = rows.filter(connection_id=connection_id)
    return list(rows.order_by("next_at", "id").values_list("pk", flat=True)[:1000])
