"""What the disbursements hear: decisions of second persons, and what became of payments."""

from collections.abc import Collection
from datetime import date

from desk.types import ApprovalDecided
from disbursements.models import OwnerDraw, Run
from disbursements.services import deciding, recovering
from disbursements.services.sending import match_run
from payments.types import (
    PaymentCameBack,
    PaymentCleared,
    PaymentReissued,
    PaymentUnclaimed,
    PaymentUncleared,
    PaymentVoided,
)
from proptrust.lib.events import hears

_STATE = OwnerDraw.State


@hears(ApprovalDecided)
def decided(fact: ApprovalDecided) -> None:
    """A run or an advance that waited for a second person."""
    if fact.kind == deciding.APPROVAL_KIND:
        deciding.hear_decision(fact)
    elif fact.kind == recovering.ADVANCE_KIND:
        recovering.hear_decision(fact)


@hears(PaymentCleared)
def cleared(fact: PaymentCleared) -> None:
    """The bank has paid draws."""
    _move(fact.payment_ids, _STATE.CLEARED, fact.on)


@hears(PaymentUncleared)
def uncleared(fact: PaymentUncleared) -> None:
    """A match was undone: the draws are outstanding again."""
    _move(fact.payment_ids, _STATE.SENT, None)


@hears(PaymentCameBack)
def came_back(fact: PaymentCameBack) -> None:
    """The owner's claim has the money again: the next run pays it, if it is not reissued first."""
    _move([fact.payment_id], _STATE.RETURNED, fact.on)


@hears(PaymentVoided)
def voided(fact: PaymentVoided) -> None:
    """The same for a check that was voided or stopped."""
    _move([fact.payment_id], _STATE.RETURNED, fact.on)


@hears(PaymentUnclaimed)
def unclaimed(fact: PaymentUnclaimed) -> None:
    """The owner's check was never cashed: its money is kept for them, and the draw stays paid."""
    _move([fact.payment_id], _STATE.CLEARED, fact.on)


@hears(PaymentReissued)
def reissued(fact: PaymentReissued) -> None:
    """A draw was paid again: it follows the new payment."""
    runs = list(OwnerDraw.objects.filter(payment=fact.old_id).values_list("run_id", flat=True))
    OwnerDraw.objects.filter(payment=fact.old_id).update(payment=fact.new_id, state=_STATE.SENT)
    for run_id in runs:
        match_run(run_id)


def _move(payment_ids: Collection[int], state: str, on: date | None) -> None:
    draws = OwnerDraw.objects.filter(payment__in=payment_ids)
    runs = sorted(set(draws.values_list("run_id", flat=True)))
    if not runs:
        return
    list(
        Run.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=runs).order_by("pk")
    )
    draws.update(state=state)
    for run_id in runs:
        match_run(run_id, on=on)
