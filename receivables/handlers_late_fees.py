"""Late fees follow every change of what was paid, in the same transaction."""

from proptrust.lib.events import hears
from receivables.services.late_fees import reassess
from receivables.types import AllocationsChanged, Cause

# Money or a credit was taken away: a rent that was paid may be late now.
_TAKES = frozenset(
    {
        Cause.TAKEN_BACK,
        Cause.UNASSIGNED,
        Cause.MOVED,
        Cause.CANCELLED,
        Cause.CORRECTED,
        Cause.CREDIT_UNDONE,
    }
)


@hears(AllocationsChanged)
def work_out_again(fact: AllocationsChanged) -> None:
    """Charge or take off the late fees of the leases; a change by late fees themselves is done."""
    if fact.cause != Cause.LATE_FEES:
        reassess(fact.entity_id, fact.lease_ids, on=fact.on, is_taken=fact.cause in _TAKES)
