"""Money that goes back: returns, refunds, disputes, each once; and what of it comes again."""

from django.db import transaction
from moneyed import Money

from leases.models import Lease
from ledger.company import company_of, suspense_of
from ledger.models import Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO
from receivables import postings, queries
from receivables.errors import NotSettled, TakenTwice, ToldOtherwise
from receivables.models import Allocation, Comeback, Receipt, RemittanceItem
from receivables.services.allocations import (
    apply_prepaid,
    books_of,
    kept_slice,
    live_slices,
    plan,
    save,
    undo,
)
from receivables.services.changes import allocations_change
from receivables.services.company_part import fee_gone, own_book
from receivables.services.keys import joined
from receivables.services.locks import locked_receipt
from receivables.services.returned import follow_return
from receivables.types import Cause, NewComeback, Slice

_Kind = Comeback.Kind
_Undone = tuple[Allocation, Slice]
_STATE_AFTER = {
    _Kind.RETURN: Receipt.State.RETURNED,
    _Kind.REFUND: Receipt.State.REFUNDED,
    _Kind.DISPUTE: Receipt.State.DISPUTED,
}


@transaction.atomic
def take_back(receipt: Receipt, new: NewComeback) -> Comeback:
    """Post money of a receipt that went back, once: a return, a refund or a dispute.

    It takes what was prepaid (or in suspense) and then undoes the receipt's allocations, the newest
    first, from those who had got them, even if that overdraws them: the money is gone already.
    A second return of the same amount is the first one, told twice. Then other prepaid rent of the
    lease pays the charges that are open again, and a return has what its code asks for
    (services.returned).
    Raises NotSettled, ToldOtherwise for a key with other facts, TakenTwice for more than is left.
    """
    held, lease = locked_receipt(receipt.pk)
    if known := _told_before(held, new):
        return known
    if held.state not in queries.POSTED:
        raise NotSettled(f"{held} is {held.get_state_display().lower()}; no money came in yet")
    left = held.gross - queries.taken_back(held)
    if new.amount > left:
        raise TakenTwice(
            f"{new.amount} of {held} would go back, but {left} of {held.gross} is left"
        )
    part = fee_gone(held, held.gross - left + new.amount) - fee_gone(held, held.gross - left)
    undone, kept, rest = _undo(held, new.amount - part)
    holder = lease.prepaid_id if lease else suspense_of(held.entity_id)
    taken = postings.claims_of([each for _, each in undone], (holder, rest))
    claims = postings.add(taken, postings.claims_of(kept), sign=-1)
    collected = postings.collected_by([each for _, each in undone]) - postings.collected_by(kept)
    fee = _fee(held, new)
    company_id = company_of(held.entity_id)
    if part:
        claims = postings.add(claims, {company_id: part})
    entry = post_fact(
        entity_id=held.entity_id,
        key=joined(f"receipt:{held.pk}", new.key),
        kind=Entry.Kind.RETURN,
        day=new.on,
        memo=_memo(held, lease, new),
        lines=[
            *postings.went_back(
                books_of(held, lease), _place(held), claims, collected, (company_id, fee)
            ),
            *own_book(held.entity_id, earned=-part, cost=fee),
        ],
    )
    with allocations_change(held.entity_id, on=new.on, cause=Cause.TAKEN_BACK):
        undo((row for row, _ in undone), entry)
        comeback = _save(held, new, fee, entry)
        save(held, kept, entry)
        if new.amount == left:
            held.state = _STATE_AFTER[_Kind(new.kind)]
            held.save(update_fields=["state"])
        if lease is not None:
            apply_prepaid(lease, on=entry.dated_on)
        if new.kind == _Kind.RETURN:
            follow_return(comeback, held, lease)
    return comeback


@transaction.atomic
def come_again(receipt: Receipt, new: NewComeback) -> Comeback:
    """Post money that went back and came again, once: a dispute won, or a refund that failed.

    It pays open charges like any receipt, the rest is prepaid rent or suspense. The shares of the
    day it came again count. new.fee: below zero, what the processor gives back of its fee.
    """
    held, lease = locked_receipt(receipt.pk)
    if known := _told_before(held, new):
        return known
    taken = queries.taken_back(held)
    if new.amount > taken:
        raise TakenTwice(f"{new.amount} of {held} would come again, but less than that went back")
    part = fee_gone(held, taken) - fee_gone(held, taken - new.amount)
    slices: list[Slice] = []
    rest = new.amount - part
    if lease is not None:
        slices, rest = plan(lease, rest, shares_day=new.on)
    holder = lease.prepaid_id if lease else suspense_of(held.entity_id)
    fee = _fee(held, new)
    claims = postings.add(
        postings.claims_of(slices, (holder, rest)), {company_of(held.entity_id): part - fee}
    )
    entry = post_fact(
        entity_id=held.entity_id,
        key=joined(f"receipt:{held.pk}", new.key),
        kind=Entry.Kind.RECEIPT,
        day=new.on,
        memo=_memo(held, lease, new),
        lines=[
            *postings.received(
                books_of(held, lease), _place(held), claims, postings.collected_by(slices)
            ),
            *own_book(held.entity_id, earned=part, cost=fee),
        ],
    )
    with allocations_change(held.entity_id, on=new.on, cause=Cause.CAME_AGAIN):
        comeback = _save(held, new, fee, entry)
        save(held, slices, entry)
        held.state = Receipt.State.SETTLED
        held.save(update_fields=["state"])
    return comeback


@transaction.atomic
def lose_dispute(receipt: Receipt, new: NewComeback) -> Comeback:
    """Record that a dispute was lost: the money went when it was opened, so nothing is posted."""
    held, _ = locked_receipt(receipt.pk)
    return _told_before(held, new) or _save(held, new, ZERO, None)


def _place(receipt: Receipt) -> str:
    """Where the money of a receipt is now: a check that was deposited goes back from the bank."""
    return Receipt.Into.BANK if receipt.deposit_slip_id else receipt.into


def _told_before(receipt: Receipt, new: NewComeback) -> Comeback | None:
    """The comeback of the key, or the return that another message told before."""
    known = receipt.comebacks.filter(key=new.key).first()
    if known is None and new.kind == _Kind.RETURN and receipt.state == Receipt.State.RETURNED:
        known = receipt.comebacks.filter(kind=_Kind.RETURN, amount=new.amount).first()
    if known is not None and (known.kind, known.amount) != (new.kind, new.amount):
        raise ToldOtherwise(
            f"{new.key} of {receipt} was {known.get_kind_display().lower()} of {known.amount},"
            f" and is now told as {new.kind} of {new.amount}"
        )
    return known


def _undo(receipt: Receipt, amount: Money) -> tuple[list[_Undone], list[Slice], Money]:
    """Which allocations an amount undoes, what is kept of the last one, and what no charge gives.

    The receipt's prepaid rent (or suspense) gives first: so no owner's cents move for money that
    paid nothing. Then the allocations, the newest first.
    """
    rest = min(amount, max(queries.unallocated(receipt), ZERO))
    left = amount - rest
    undone: list[_Undone] = []
    kept: list[Slice] = []
    for row, whole in live_slices(receipt):
        if left <= ZERO:
            break
        undone.append((row, whole))
        if whole.amount > left:
            kept.append(kept_slice(whole, whole.amount - left))
        left = max(left - whole.amount, ZERO)
    return undone, kept, rest + left


def _fee(receipt: Receipt, new: NewComeback) -> Money:
    """What the processor takes for a comeback: as told, else as a remittance has listed it.

    The remittance leaves these fees to us (services.remittances), so that each is posted once,
    whichever comes first.
    """
    if new.fee is not None:
        return new.fee
    return sum((item.fee for item in items_of(receipt, new.kind, new.amount)), ZERO)


def items_of(receipt: Receipt, kind: str, amount: Money) -> list[RemittanceItem]:
    """The movements of remittances that pay for a comeback of a kind and amount."""
    what = RemittanceItem.What.RETURN if kind == _Kind.RETURN else RemittanceItem.What.DISPUTE
    if kind not in (_Kind.RETURN, _Kind.DISPUTE, _Kind.DISPUTE_WON):
        return []
    gross = amount if kind == _Kind.DISPUTE_WON else -amount
    return list(receipt.remittance_items.filter(what=what, gross=gross))


def _save(receipt: Receipt, new: NewComeback, fee: Money, entry: Entry | None) -> Comeback:
    return Comeback.objects.create(
        receipt=receipt,
        kind=new.kind,
        key=new.key,
        amount=new.amount,
        fee=fee,
        on=new.on,
        reference=new.reference,
        code=new.code,
        reason=new.reason[:300],
        batch=new.batch,
        answer_by=new.answer_by,
        entry=entry,
    )


def _memo(receipt: Receipt, lease: Lease | None, new: NewComeback) -> str:
    what = _Kind(new.kind).label
    code = f" {new.code}" if new.code else ""
    who = f" of {receipt.payer}" if receipt.payer else ""
    where = f", lease {lease.code}" if lease else ", not identified"
    return f"{what}{code}: {receipt.get_channel_display()} payment{who}{where}"
