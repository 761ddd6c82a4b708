"""A receipt that was recorded wrongly: taken out by reversals, and recorded anew if need be."""

from dataclasses import fields

from django.db import transaction
from django.template.defaultfilters import pluralize
from moneyed import Money

from ledger.models import Entry
from ledger.queries import dated_for
from ledger.services import post_fact, reverse
from proptrust.lib.money import ZERO
from receivables import postings
from receivables.errors import NotSettled, ReceivablesError
from receivables.models import DepositSlip, Receipt
from receivables.services.allocations import apply_prepaid, books_of, undo
from receivables.services.changes import allocations_change
from receivables.services.keys import joined
from receivables.services.locks import locked_receipt
from receivables.services.receipts import record_receipt
from receivables.types import Cause, NewReceipt


@transaction.atomic
def cancel_receipt(receipt: Receipt, *, why: str, actor_id: int | None = None) -> Receipt:
    """Take out a receipt that never was one: every entry of it is reversed, its charges are open.

    For a mistake of ours; money that a bank or processor took back is a comeback (take_back).
    Raises NotSettled if it is not posted, ReceivablesError if a part of it came back or it is on a
    deposit slip, and the ledger's Overdrawn if the money has left the trust meanwhile.
    """
    held, lease = locked_receipt(receipt.pk)
    if held.state != Receipt.State.SETTLED or held.entry_id is None:
        raise NotSettled(f"{held} is {held.get_state_display().lower()}; there is nothing to undo")
    if held.comebacks.exists():
        raise ReceivablesError(f"a part of {held} came back; it cannot be undone as a mistake")
    if held.deposit_slip_id is not None:
        raise ReceivablesError(f"{held} is on {held.deposit_slip}; correct the slip instead")
    keys = [f"receipt:{held.pk}", *(f"receipt:{held.pk}:move:{n + 1}" for n in range(held.moves))]
    entries = Entry.objects.filter(
        entity=held.entity_id, key__in=keys, reversed_by__isnull=True
    ).order_by("-id")
    with allocations_change(held.entity_id, on=held.received_on, cause=Cause.CANCELLED):
        for entry in entries:
            mirror = _reversed(entry, why, actor_id)
            rows = held.allocations.filter(entry=entry, undone_by__isnull=True)
            undo(rows.select_related("charge"), mirror)
        held.state = Receipt.State.CANCELLED
        held.memo = f"{held.memo} Cancelled: {why}".strip()[:300]
        held.save(update_fields=["state", "memo"])
        if lease is not None and held.entry is not None:
            apply_prepaid(lease, on=held.entry.dated_on)
    return held


@transaction.atomic
def correct_receipt(
    receipt: Receipt, amount: Money, *, why: str, actor_id: int | None = None
) -> Receipt:
    """Record a receipt anew with the amount that was meant; the wrong one is cancelled.

    A receipt on a deposit slip is corrected with the slip, whose total follows: its entry is
    reversed and posted anew. Returns the new receipt. Raises what cancel_receipt raises.
    """
    if amount <= ZERO:
        raise ReceivablesError("a receipt is above zero")
    slip = _emptied(receipt, why, actor_id) if receipt.deposit_slip_id else None
    on, cause = receipt.received_on, Cause.CORRECTED
    with allocations_change(receipt.entity_id, on=on, cause=cause):
        held = cancel_receipt(Receipt.objects.get(pk=receipt.pk), why=why, actor_id=actor_id)
        new = record_receipt(_anew(held, amount), posted_by_id=actor_id)
    if slip is not None:
        _refilled(slip, new, actor_id)
        new.refresh_from_db()
    return new


def _reversed(entry: Entry, why: str, actor_id: int | None) -> Entry:
    books = set(entry.lines.values_list("book_id", flat=True))
    dated_on, adjusts = dated_for(books, entry.dated_on)
    return reverse(
        entry_id=entry.pk,
        key=joined(entry.key, "cancelled"),
        dated_on=dated_on,
        memo=f"Cancelled: {why}"[:300],
        posted_by_id=actor_id,
        adjusts_id=adjusts.pk if adjusts else None,
    )


def _anew(receipt: Receipt, amount: Money) -> NewReceipt:
    """The facts of a receipt under the next free key, with another amount."""
    first = receipt.key.partition("#")[0]
    count = Receipt.objects.filter(entity=receipt.entity_id, key__startswith=first).count()
    facts = {each.name: getattr(receipt, each.name) for each in fields(NewReceipt)}
    facts.update(gross=amount, key=f"{first}#{count + 1}", event_id=None)
    return NewReceipt(**facts)


def _emptied(receipt: Receipt, why: str, actor_id: int | None) -> DepositSlip:
    """The receipt's slip, its entry reversed and the receipt taken off it."""
    slip = DepositSlip.objects.select_for_update(of=("self",)).get(receipts=receipt)
    if slip.entry is not None:
        _reversed(slip.entry, why, actor_id)
    Receipt.objects.filter(pk=receipt.pk).update(deposit_slip=None)
    return slip


def _refilled(slip: DepositSlip, receipt: Receipt, actor_id: int | None) -> None:
    """Put a receipt on a slip and post the slip anew with its new total."""
    Receipt.objects.filter(pk=receipt.pk).update(deposit_slip=slip)
    receipts = list(slip.receipts.all())
    slip.total = sum((each.gross for each in receipts), ZERO)
    prefix = f"deposit-slip:{slip.book_id}:{slip.number}"
    entity_id = receipt.entity_id
    count = Entry.objects.filter(
        entity=entity_id, key__startswith=prefix, kind=Entry.Kind.SETTLEMENT
    ).count()
    slip.entry = post_fact(
        entity_id=entity_id,
        key=f"{prefix}:corrected:{count}",
        kind=Entry.Kind.SETTLEMENT,
        day=slip.deposited_on,
        memo=(
            f"Deposit slip {slip.number}: {len(receipts)} receipt{pluralize(len(receipts))}, "
            "corrected"
        ),
        lines=postings.deposited(books_of(receipt, None), slip.total),
        posted_by_id=actor_id,
    )
    slip.save(update_fields=["total", "entry"])
