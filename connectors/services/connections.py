"""A connection's own life: tested, paused, resumed, authorised again."""

from django.db import transaction
from django.utils import timezone

from connectors.errors import ConnectorError, Reauthorise
from connectors.models import Connection
from connectors.registry import connector_of
from connectors.services.queueing import queue
from desk.models import User
from desk.services.audit import record


def test_connection(connection: Connection, *, actor: User | None = None) -> bool:  # noqa: PT028
    """Ask the platform something harmless and keep what it said; returns whether all is well.

    A connection that had to be authorised again and now works goes on.
    """
    try:
        said, is_well = connector_of(connection).test_connection(), True
    except ConnectorError as error:
        said, is_well = str(error), False
        if isinstance(error, Reauthorise) and connection.state == Connection.State.ACTIVE:
            connection.state = Connection.State.REAUTHORISE
    if is_well and connection.state == Connection.State.REAUTHORISE:
        connection.state = Connection.State.ACTIVE
    connection.tested_at, connection.test_said = timezone.now(), said[:300]
    with transaction.atomic():
        connection.save(update_fields=["state", "tested_at", "test_said"])
        record("test connection", text=f"{connection}: {said}", subject=connection, actor=actor)
        queue("catch_up_connection", connection.pk)
    return is_well


def queue_test(connection_id: int) -> None:
    """Have a task test a connection, for a caller inside a transaction."""
    queue("test_connection", connection_id)


@transaction.atomic
def pause(connection: Connection, *, actor: User | None = None) -> None:
    """Stop reading and sending; deliveries are still stored and answered, so that none is lost."""
    _set_state(connection, Connection.State.PAUSED, actor)


@transaction.atomic
def resume(connection: Connection, *, actor: User | None = None) -> None:
    """Go on: what came in the meantime is read now."""
    _set_state(connection, Connection.State.ACTIVE, actor)
    queue("catch_up_connection", connection.pk)


@transaction.atomic
def reauthorised(connection: Connection, *, actor: User | None = None) -> None:
    """New credentials were stored: a connection that waited for them goes on."""
    if connection.state == Connection.State.REAUTHORISE:
        resume(connection, actor=actor)


def _set_state(connection: Connection, state: str, actor: User | None) -> None:
    connection.state = state
    connection.save(update_fields=["state"])
    verb = "pause" if state == Connection.State.PAUSED else "resume"
    record(verb, text=f"{connection} is now {state}", subject=connection, actor=actor)
