"""Take a payment back or pay it again: at once, or when a second person has agreed.

A payment that is voided and paid again is the shortest way to send money to somebody else.
Therefore a second person agrees above a limit, and always where somebody typed bank data.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction

from desk import services as desk
from desk.errors import Refused
from desk.models import Approval, User
from payments.errors import NotPossible
from payments.models import Payment
from payments.services.backs import hold, reissue, stop, void, why_not_void
from proptrust.lib.banking import is_routing_number
from proptrust.lib.fields import fernet, mask
from proptrust.lib.money import plain, usd

KIND = "payment_change"
# Our own policy; a company that wants another one changes it here.
FOUR_EYES_ABOVE = usd("2500.00")
VOID, STOP, BY_CHECK, BY_ACH = "void", "stop", "check", "ach"
_SAID = {
    VOID: "Void {payment} of {amount}",
    STOP: "Stop {payment} of {amount} at the bank",
    BY_CHECK: "Pay {amount} to {payee} again by check, instead of {payment}",
    BY_ACH: "Pay {amount} to {payee} again by ACH to account {account}, instead of {payment}",
}


def needs_second_person(payment: Payment, how: str) -> bool:
    """Whether a second person must agree to a change."""
    return how == BY_ACH or payment.amount > FOUR_EYES_ABOVE


@transaction.atomic
def change(
    payment: Payment,
    *,
    how: str,
    why: str,
    on: date,
    actor: User,
    routing_number: str = "",
    account_number: str = "",
    is_savings: bool = False,
) -> Payment | Approval:
    """Void, stop or pay again: the payment that results, or the approval that is asked for.

    how: void, stop, check (pay again by check) or ach (pay again to the bank data given). Asked
    twice, the same approval waits. Raises NotPossible, and what the services raise.
    """
    held = hold(payment.pk)
    if how not in _SAID:
        raise NotPossible(f'"{how}" is nothing that can be done with a payment.')
    if not why.strip():
        raise NotPossible("Say why.")
    _check(held, how, routing_number, account_number)
    facts: dict[str, Any] = {
        "payment": held.pk,
        "how": how,
        "why": why.strip(),
        "on": on.isoformat(),
        "routing_number": routing_number,
        # Nobody reads an account number out of the approvals.
        "account": fernet().encrypt(account_number.encode()).decode() if account_number else "",
        "is_savings": is_savings,
    }
    if not needs_second_person(held, how):
        return _do(facts, actor.pk)
    if (waiting := waiting_for(held)) is not None:
        return waiting
    asked_before = _asked(held).count()
    said = _SAID[how].format(
        payment=held, amount=plain(held.amount), payee=held.payee, account=mask(account_number)
    )
    return desk.ask_approval(
        key=f"payment:{held.pk}:change:{asked_before + 1}",
        kind=KIND,
        entity_id=held.entity_id,
        text=f"{said} ({held.book}): {why.strip()}",
        facts=facts,
        maker=actor,
    )


def _check(payment: Payment, how: str, routing_number: str, account_number: str) -> None:
    """Refuse now what could not be done later, so that nobody is asked in vain."""
    if how == BY_ACH and not (is_routing_number(routing_number) and account_number.strip()):
        raise NotPossible(f'"{routing_number}" with this account is no bank account: look again.')
    is_back = payment.state in Payment.TAKEN_BACK
    if how in (BY_CHECK, BY_ACH) and is_back:
        return
    if refusal := why_not_void(payment):
        raise NotPossible(refusal)


def _asked(payment: Payment) -> Any:
    return Approval.objects.filter(kind=KIND, key__startswith=f"payment:{payment.pk}:change:")


def waiting_for(payment: Payment) -> Approval | None:
    """What waits for a second person about a payment, or None."""
    found: Approval | None = _asked(payment).filter(state=Approval.State.WAITING).first()
    return found


def decided(facts: Mapping[str, Any], *, maker_id: int) -> Payment:
    """Do what a second person has agreed to. Raises Refused where it cannot be done any more."""
    try:
        return _do(facts, maker_id)
    except NotPossible as refusal:
        raise Refused(str(refusal)) from refusal


def _do(facts: Mapping[str, Any], actor_id: int) -> Payment:
    payment = hold(facts["payment"])
    on, why = date.fromisoformat(facts["on"]), facts["why"]
    if facts["how"] == VOID:
        return void(payment, why=why, on=on, actor_id=actor_id)
    if facts["how"] == STOP:
        return stop(payment, why=why, on=on, actor_id=actor_id)
    account = fernet().decrypt(facts["account"].encode()).decode() if facts["account"] else ""
    is_ach = facts["how"] == BY_ACH
    return reissue(
        payment,
        on=on,
        method=Payment.Method.ACH if is_ach else Payment.Method.CHECK,
        key=f"reissue:{payment.pk}",
        actor_id=actor_id,
        why=why,
        routing_number=facts["routing_number"] if is_ach else "",
        account_number=account,
        is_savings=facts["is_savings"],
    )
