"""What layer 4 hears: second persons' decisions, and what became of its payments."""

from desk.types import ApprovalDecided
from payables import services
from payables.services.owner_approvals import EVIDENCE
from payables.services.vendors import BANK_CHANGE
from payments.types import (
    PaymentCameBack,
    PaymentCleared,
    PaymentReissued,
    PaymentUncleared,
    PaymentVoided,
)
from proptrust.lib.events import hears


@hears(ApprovalDecided)
def decided(fact: ApprovalDecided) -> None:
    """A second person has decided about bank details or about an owner's recorded word."""
    if fact.kind == BANK_CHANGE:
        services.decide_bank_change(fact)
    elif fact.kind == EVIDENCE:
        services.confirm_evidence(fact)


@hears(PaymentCameBack)
def came_back(fact: PaymentCameBack) -> None:
    """The bank brought a payment back: its lines can be paid again."""
    said = f"returned {fact.code}".strip()
    services.payment_came_back(fact.payment_id, on=fact.on, why=f"The payment was {said}.")


@hears(PaymentVoided)
def voided(fact: PaymentVoided) -> None:
    """A payment was voided or stopped: its lines can be paid again."""
    services.payment_came_back(fact.payment_id, on=fact.on, why=f"Voided: {fact.why}")


@hears(PaymentReissued)
def reissued(fact: PaymentReissued) -> None:
    """A payment that came back was paid again: its lines are paid by the new one."""
    services.payment_replaced(fact.old_id, fact.new_id)


@hears(PaymentCleared)
def cleared(fact: PaymentCleared) -> None:
    """The bank has taken payments."""
    services.payments_cleared(fact.payment_ids)


@hears(PaymentUncleared)
def uncleared(fact: PaymentUncleared) -> None:
    """A match was undone: the payments are outstanding again."""
    services.payments_cleared(fact.payment_ids)
