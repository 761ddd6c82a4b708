"""What deposits make of what payments tell: a refund, a hand-over or a bill that came back."""

from collections.abc import Iterable

from deposits.models import Deposit, EscrowBill, HandOver, RefundShare
from payments.types import (
    PaymentCameBack,
    PaymentCleared,
    PaymentReissued,
    PaymentUnclaimed,
    PaymentUncleared,
    PaymentVoided,
)
from proptrust.lib.events import hears


@hears(PaymentCameBack)
def came_back(fact: PaymentCameBack) -> None:
    """The money lies with the tenants (or the escrow) again."""
    _is_back([fact.payment_id])


@hears(PaymentVoided)
def voided(fact: PaymentVoided) -> None:
    """A payment that never reached its payee: the same as one that came back."""
    _is_back([fact.payment_id])


@hears(PaymentReissued)
def reissued(fact: PaymentReissued) -> None:
    """Paid again: the new payment stands in the old one's place."""
    RefundShare.objects.filter(payment=fact.old_id).update(
        payment=fact.new_id, state=RefundShare.State.PAID
    )
    EscrowBill.objects.filter(payment=fact.old_id).update(
        payment=fact.new_id, state=EscrowBill.State.PAID
    )
    row = HandOver.objects.filter(payment=fact.old_id).first()
    if row is not None:
        HandOver.objects.filter(pk=row.pk).update(payment=fact.new_id, is_back=False)
        _set_hands([row.pk], Deposit.State.HANDED_OVER)


@hears(PaymentCleared)
def cleared(fact: PaymentCleared) -> None:
    """The bank has paid."""
    RefundShare.objects.filter(payment__in=fact.payment_ids, state=RefundShare.State.PAID).update(
        state=RefundShare.State.CLEARED
    )


@hears(PaymentUncleared)
def uncleared(fact: PaymentUncleared) -> None:
    """The match was a mistake: outstanding again."""
    RefundShare.objects.filter(
        payment__in=fact.payment_ids, state=RefundShare.State.CLEARED
    ).update(state=RefundShare.State.PAID)


@hears(PaymentUnclaimed)
def unclaimed(fact: PaymentUnclaimed) -> None:
    """A refund that nobody cashed is kept for its payee, apart from the deposit."""
    RefundShare.objects.filter(payment=fact.payment_id).update(state=RefundShare.State.UNCLAIMED)


def _is_back(payment_ids: Iterable[int]) -> None:
    ids = list(payment_ids)
    RefundShare.objects.filter(payment__in=ids).update(state=RefundShare.State.BACK)
    EscrowBill.objects.filter(payment__in=ids).update(state=EscrowBill.State.BACK)
    rows = list(HandOver.objects.filter(payment__in=ids).values_list("pk", flat=True))
    HandOver.objects.filter(pk__in=rows).update(is_back=True)
    _set_hands(rows, Deposit.State.HELD)


def _set_hands(hand_over_ids: list[int], state: str) -> None:
    Deposit.objects.filter(hand_over_lines__hand_over__in=hand_over_ids).update(state=state)
