"""Tell once per service call that allocations were made or undone, whatever services it calls.

Whoever makes or undoes an allocation (services.allocations) does it inside `allocations_change`.
The outermost one publishes AllocationsChanged when its work is whole, in the same transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date

from proptrust.lib.events import publish
from receivables.types import AllocationsChanged


@dataclass(slots=True)
class Changes:
    """The leases of one service call whose allocations changed. on: the day it counts for."""

    entity_id: int
    on: date
    cause: str
    lease_ids: set[int] = field(default_factory=set)


_running: ContextVar[Changes | None] = ContextVar("allocations_change", default=None)


@contextmanager
def allocations_change(entity_id: int, *, on: date, cause: str) -> Iterator[Changes]:
    """Gather the leases whose allocations change inside; publish them once at the end.

    cause: of types.Cause. Inside another one it only adds to that. Nothing is published if nothing
    changed or an error leaves it.
    """
    running = _running.get()
    if running is not None:
        yield running
        return
    changes = Changes(entity_id, on, cause)
    token = _running.set(changes)
    try:
        yield changes
    finally:
        # Before it is told: a service that a listener calls tells for itself.
        _running.reset(token)
    if changes.lease_ids:
        publish(
            AllocationsChanged(
                entity_id=changes.entity_id,
                lease_ids=tuple(sorted(changes.lease_ids)),
                on=changes.on,
                cause=changes.cause,
            )
        )


def changed(lease_id: int) -> None:
    """Note a lease whose allocations change. Raises RuntimeError outside allocations_change."""
    running = _running.get()
    if running is None:
        raise RuntimeError(
            "an allocation is made or undone outside `with allocations_change(...)`: "
            "those who listen for AllocationsChanged would not hear of it"
        )
    running.lease_ids.add(lease_id)
