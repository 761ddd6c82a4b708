"""Checks that nobody cashes: stale after six months, then money to be kept for its payee."""

from datetime import date

from django.db import transaction

from desk.models import User
from desk.services import record
from ledger.charts import chart
from ledger.models import Beneficiary, Entry
from ledger.services import ensure_beneficiary, post_fact
from payments import postings
from payments.errors import NotPossible
from payments.models import Payment
from payments.queries import stale_from
from payments.services.backs import hold
from payments.services.paying import entry_key
from payments.types import PaymentUnclaimed
from proptrust.lib.events import publish

_State = Payment.State


@transaction.atomic
def mark_stale(entity_id: int | None, *, on: date) -> int:
    """Mark the checks that are out for more than 180 days; returns how many were new.

    entity_id: one company, or None for all. A stale check may still be paid: a bank is free to
    (UCC 4-404), and then it clears. Safe to repeat.
    """
    rows = Payment.objects.filter(
        method=Payment.Method.CHECK,
        state__in=(_State.ISSUED, _State.SENT),
        dated_on__lt=stale_from(on),
    )
    if entity_id is not None:
        rows = rows.filter(entity=entity_id)
    return rows.update(state=_State.STALE)


@transaction.atomic
def to_unclaimed(payment: Payment, *, on: date, actor_id: int | None) -> Payment:
    """Set the money of a stale check aside for its payee: Dr bank, Cr unclaimed.

    For those who paid it stays paid, so nothing of their books changes. The check itself is to be
    stopped at the bank, for it could still be presented.
    Raises NotPossible for anything but a stale check.
    """
    held = hold(payment.pk)
    if held.state == _State.UNCLAIMED:
        return held
    if held.state != _State.STALE:
        raise NotPossible(
            f"{held} is {held.get_state_display().lower()}; only a stale check becomes unclaimed."
        )
    who = unclaimed_beneficiary(held)
    entry = post_fact(
        entity_id=held.entity_id,
        key=f"{entry_key(held.key)}:unclaimed",
        kind=Entry.Kind.ADJUSTMENT,
        day=on,
        memo=f"{held} of {held.dated_on:%b %-d, %Y} was not cashed: kept for its payee",
        lines=postings.set_aside(held.book_id, chart(held.entity_id), held.amount, who.pk),
        posted_by_id=actor_id,
    )
    held.state, held.back_entry, held.back_on = _State.UNCLAIMED, entry, on
    held.save(update_fields=["state", "back_entry", "back_on"])
    record(
        "set aside unclaimed",
        text=f"{held} of {held.amount} is kept as unclaimed money of {held.payee}",
        subject=held,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
    publish(PaymentUnclaimed(held.pk, held.entity_id, held.purpose, held.key, on))
    return held


def unclaimed_beneficiary(payment: Payment) -> Beneficiary:
    """Whose unclaimed money it is: the payee's by their code, else this check's own."""
    reference = f"unclaimed:{payment.payee_code or f'payment:{payment.pk}'}"
    return ensure_beneficiary(
        entity_id=payment.entity_id,
        kind=Beneficiary.Kind.UNCLAIMED,
        name=f"Unclaimed: {payment.payee}"[:200],
        reference=reference,
    )
