"""What the worker does for the connectors: queued with the row, or by the clock (schedules.py).

Each task takes an id, can stop at any line and be run again, and returns the sentence that the
task list shows.
"""

from connectors import services
from connectors.models import Connection, Event


def parse(delivery_id: int) -> str:
    """Take the events out of a stored delivery."""
    row = services.parse_delivery(delivery_id)
    return f"delivery {delivery_id}: {row.get_state_display()} {row.reason}".strip()


def publish(event_id: int) -> str:
    """Publish one event."""
    return f"event {event_id}: {services.publish_event(event_id)}"


def publish_delivery(delivery_id: int) -> str:
    """Publish every event of a delivery that was not heard yet, in the order they happened."""
    ids = Event.objects.filter(delivery_id=delivery_id, state=Event.State.NEW)
    states = [
        services.publish_event(event_id)
        for event_id in ids.order_by("at", "id").values_list("pk", flat=True)
    ]
    heard = states.count(Event.State.HEARD)
    return f"delivery {delivery_id}: {heard} of {len(states)} events heard"


def send(request_id: int) -> str:
    """Send one request of the outbox."""
    return f"request {request_id}: {services.send_request(request_id)}"


def catch_up_connection(connection_id: int) -> str:
    """Do everything that is due at one connection, after it was paused or renewed."""
    return _said(services.catch_up(connection_id))


def test_connection(connection_id: int) -> str:
    """Ask the platform of a connection whether all is well."""
    connection = Connection.objects.get(pk=connection_id)
    services.test_connection(connection)
    return f"{connection}: {connection.test_said}"


def catch_up_all() -> str:
    """Do everything that was left lying, at every connection. Runs every minute."""
    return _said(services.catch_up())


def settle_files() -> str:
    """Tell the payments of our own ACH files whose settlement day has come. Runs daily."""
    return f"{services.settle_files()} files settled"


def _said(swept: services.Swept) -> str:
    return f"{swept.parsed} deliveries read, {swept.published} events published, {swept.sent} sent"
