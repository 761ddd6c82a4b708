"""What the portfolio hears: second persons' decisions about owners' bank details."""

from desk.types import ApprovalDecided
from leases import terms
from proptrust.lib.events import hears


@hears(ApprovalDecided)
def decided(fact: ApprovalDecided) -> None:
    """A second person has decided about where an owner is paid."""
    if fact.kind == terms.BANK_CHANGE:
        terms.decide_owner_bank_change(fact)
