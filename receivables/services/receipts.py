"""Money in: recorded once, settled once, given to a lease, taken from it again."""

from dataclasses import fields
from datetime import date

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from leases.models import Lease
from ledger.company import company_of, suspense_of
from ledger.models import Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO
from receivables import postings, queries
from receivables.errors import (
    AlreadyAssigned,
    NoBook,
    NotSettled,
    ReceivablesError,
    ToldOtherwise,
)
from receivables.models import Receipt
from receivables.services.aliases import payer_of, remember_alias
from receivables.services.allocations import (
    apply_prepaid,
    books_of,
    live_slices,
    next_move,
    plan,
    save,
    undo,
)
from receivables.services.changes import allocations_change
from receivables.services.company_part import client_money, own_book
from receivables.services.locks import locked_lease, locked_receipt
from receivables.types import Cause, Claims, NewReceipt, Slice

# What makes a receipt another one; the rest may become known later.
_FACTS = ("gross", "payment", "number")


@transaction.atomic
def record_receipt(new: NewReceipt, *, posted_by_id: int | None = None) -> Receipt:
    """Record settled money once: it pays open charges, the rest is prepaid rent or suspense.

    The same key with the same facts returns the receipt as it is now; one that was expected, or had
    failed and was tried again, is settled. Raises ToldOtherwise for other facts, NoBook if no trust
    account is named, NoOwner if the property has no owner on the day.
    """
    receipt = _registered(new)
    if receipt.state in (Receipt.State.PENDING, Receipt.State.FAILED):
        return settle_receipt(receipt, new=new, posted_by_id=posted_by_id)
    return receipt


@transaction.atomic
def expect_receipt(new: NewReceipt) -> Receipt:
    """Record money that a payer has sent and that is not certain yet; nothing is posted."""
    return _registered(new)


@transaction.atomic
def fail_receipt(new: NewReceipt) -> Receipt:
    """Record that a payment did not happen; nothing is posted.

    A payment that was tried again and settled stays settled: the caller compares the moments.
    """
    receipt = _registered(new)
    if receipt.state == Receipt.State.PENDING:
        Receipt.objects.filter(pk=receipt.pk).update(state=Receipt.State.FAILED)
        receipt.refresh_from_db()
    return receipt


@transaction.atomic
def settle_receipt(
    receipt: Receipt, *, new: NewReceipt | None = None, posted_by_id: int | None = None
) -> Receipt:
    """Post an expected receipt; new: what became known since. A settled one stays as it is."""
    held, lease = locked_receipt(receipt.pk)
    if held.state not in (Receipt.State.PENDING, Receipt.State.FAILED):
        return held
    if new is not None:
        lease = _learn(held, lease, new)
    slices: list[Slice] = []
    rest = client_money(held)
    if lease is not None:
        slices, rest = plan(lease, rest, shares_day=held.received_on)
        held.tenant_id = held.tenant_id or payer_of(held, lease)
    claims = postings.claims_of(slices, (_holder_of_rest(held, lease), rest))
    if held.convenience_fee:
        company_id = company_of(held.entity_id)
        claims = postings.add(claims, {company_id: held.convenience_fee})
    collected = postings.collected_by(slices)
    held.entry = post_fact(
        entity_id=held.entity_id,
        key=f"receipt:{held.pk}",
        kind=Entry.Kind.RECEIPT,
        day=_dated_on(held),
        memo=_memo(held, lease),
        lines=[
            *postings.received(books_of(held, lease), held.into, claims, collected),
            *own_book(held.entity_id, earned=held.convenience_fee),
        ],
        posted_by_id=posted_by_id,
    )
    held.state = Receipt.State.SETTLED
    held.save()
    with allocations_change(held.entity_id, on=held.received_on, cause=Cause.RECEIVED):
        save(held, slices, held.entry)
    return held


@transaction.atomic
def assign_receipt(
    receipt: Receipt,
    lease: Lease,
    *,
    on: date | None = None,
    matched_by: dict[str, int] | None = None,
    remember: bool = False,
    actor_id: int | None = None,
) -> Receipt:
    """Give a receipt in suspense to a lease: it pays open charges, the rest is prepaid rent.

    on: the day it was identified, today if not given; never before the receipt. The shares of the
    receipt's own day count. remember: the payer is known as this lease's from now on.
    Raises AlreadyAssigned, NotSettled.
    """
    to = locked_lease(lease.pk)
    held = Receipt.objects.select_for_update(of=("self",), no_key=True).get(pk=receipt.pk)
    if held.lease_id == to.pk:
        return held
    if held.lease_id is not None:
        raise AlreadyAssigned(
            f"{held} belongs to lease {held.lease} already; take it from there first"
        )
    if held.entity_id != to.entity_id:
        raise AlreadyAssigned(f"lease {to.code} belongs to another company than {held}")
    if held.state not in queries.POSTED:
        raise NotSettled(f"{held} is {held.get_state_display().lower()}; no money came in yet")
    suspense_id = suspense_of(held.entity_id)
    amount = queries.unallocated(held)
    held.lease = to
    held.tenant_id = payer_of(held, to)
    held.matched_by = matched_by or {}
    held.save(update_fields=["lease", "tenant", "matched_by"])
    if amount:
        slices, rest = plan(to, amount, shares_day=held.received_on)
        claims = postings.claims_of(slices, (to.prepaid_id, rest))
        with allocations_change(held.entity_id, on=_day(on), cause=Cause.ASSIGNED):
            _move(
                held,
                to,
                slices,
                postings.add(claims, {suspense_id: -amount}),
                on=on,
                memo=f"{_from(held)} identified: lease {to.code}",
                actor_id=actor_id,
            )
    if remember:
        remember_alias(held, to, made_by_id=actor_id)
    return held


@transaction.atomic
def unassign_receipt(
    receipt: Receipt, *, on: date | None = None, actor_id: int | None = None
) -> Receipt:
    """Take a receipt from its lease back into suspense: its charges are open again.

    Its prepaid rest goes too, also what was applied to later charges. Other prepaid rent of the
    lease pays what is open again. A receipt in suspense stays as it is.
    """
    held, lease = locked_receipt(receipt.pk)
    if lease is None:
        return held
    if held.state not in queries.POSTED:
        raise NotSettled(f"{held} is {held.get_state_display().lower()}; no money came in yet")
    rest = queries.unallocated(held)
    with allocations_change(held.entity_id, on=_day(on), cause=Cause.UNASSIGNED):
        _take_from(lease, held, rest, on=on, actor_id=actor_id)
        held.lease = None
        held.tenant = None
        held.matched_by = {}
        held.save(update_fields=["lease", "tenant", "matched_by"])
        apply_prepaid(lease, on=max(_day(on), held.received_on))
    return held


def _take_from(
    lease: Lease, held: Receipt, rest: Money, *, on: date | None, actor_id: int | None
) -> None:
    """Post a receipt's money from those who have it into suspense."""
    live = live_slices(held)
    slices = [each for _, each in live]
    given = postings.claims_of(slices, (lease.prepaid_id, rest))
    amount = sum(given.values(), ZERO)
    if amount:
        claims = postings.add({suspense_of(held.entity_id): amount}, given, sign=-1)
        entry = _post_move(
            held,
            lease,
            claims,
            -postings.collected_by(slices),
            on=on,
            memo=f"{_from(held)} taken from lease {lease.code}",
            actor_id=actor_id,
        )
        undo((row for row, _ in live), entry)


def _day(on: date | None) -> date:
    return on or timezone.localdate()


def _registered(new: NewReceipt) -> Receipt:
    """The receipt of a key, made if it is new, with the same facts."""
    if not ZERO <= new.convenience_fee <= new.gross:
        raise ReceivablesError(
            f"receipt {new.key} of {new.gross} holds no convenience fee of {new.convenience_fee}"
        )
    facts = {each.name: getattr(new, each.name) for each in fields(new)}
    book_id = new.book_id or _book_of(new)
    defaults = {**facts, "book_id": book_id, "matched_by": dict(new.matched_by)}
    receipt, is_new = Receipt.objects.get_or_create(
        entity_id=new.entity_id,
        key=new.key,
        defaults={**defaults, "state": Receipt.State.PENDING},
    )
    if not is_new:
        _compare(receipt, new)
    return receipt


def _compare(receipt: Receipt, new: NewReceipt) -> None:
    # Where the money lies is known when it has settled.
    is_posted = receipt.state in queries.POSTED
    for name in (*_FACTS, "into", "convenience_fee") if is_posted else _FACTS:
        was, says = getattr(receipt, name), getattr(new, name)
        if was != says:
            raise ToldOtherwise(
                f"receipt {new.key} was recorded with {name} {was}, and is now told as {says}"
            )


def _learn(receipt: Receipt, lease: Lease | None, new: NewReceipt) -> Lease | None:
    """Take over what a settlement tells that the expectation did not; returns the lease."""
    for name in ("connection_id", "event_id", "payer", "payer_reference", "trace", "batch", "memo"):
        setattr(receipt, name, getattr(new, name) or getattr(receipt, name))
    receipt.channel, receipt.into = new.channel, new.into
    receipt.fee = new.fee
    receipt.convenience_fee = new.convenience_fee
    receipt.tenant_id = new.tenant_id or receipt.tenant_id
    receipt.received_on = new.received_on
    receipt.settles_on = new.settles_on or receipt.settles_on
    if lease is None and new.lease_id is not None:
        lease = locked_lease(new.lease_id)
        receipt.lease = lease
        receipt.matched_by = dict(new.matched_by)
    return lease


def _book_of(new: NewReceipt) -> int:
    leases = Lease.objects.select_related("unit__property")
    lease = leases.filter(pk=new.lease_id).first() if new.lease_id is not None else None
    if lease is None:
        raise NoBook(f"receipt {new.key} names neither a trust account nor a lease")
    return lease.unit.property.rent_book_id


def _holder_of_rest(receipt: Receipt, lease: Lease | None) -> int:
    return lease.prepaid_id if lease else suspense_of(receipt.entity_id)


def _dated_on(receipt: Receipt) -> date:
    """Our own collections count from the day they reach the bank, all else from the day it came."""
    if receipt.into == Receipt.Into.BANK and receipt.settles_on:
        return receipt.settles_on
    return receipt.received_on


def _move(
    receipt: Receipt,
    lease: Lease,
    slices: list[Slice],
    claims: Claims,
    *,
    on: date | None,
    memo: str,
    actor_id: int | None,
) -> None:
    collected = postings.collected_by(slices)
    entry = _post_move(receipt, lease, claims, collected, on=on, memo=memo, actor_id=actor_id)
    save(receipt, slices, entry)


def _post_move(
    receipt: Receipt,
    lease: Lease,
    claims: Claims,
    collected: Money,
    *,
    on: date | None,
    memo: str,
    actor_id: int | None,
) -> Entry:
    return post_fact(
        entity_id=receipt.entity_id,
        key=next_move(receipt),
        kind=Entry.Kind.ALLOCATION,
        day=max(_day(on), _dated_on(receipt)),
        memo=memo,
        lines=postings.moved(books_of(receipt, lease), claims, collected),
        posted_by_id=actor_id,
    )


def _from(receipt: Receipt) -> str:
    who = f" from {receipt.payer}" if receipt.payer else ""
    number = f" {receipt.number}" if receipt.number else ""
    return f"{receipt.get_channel_display()}{number}{who}"


def _memo(receipt: Receipt, lease: Lease | None) -> str:
    return f"{_from(receipt)}, lease {lease.code}" if lease else f"{_from(receipt)}, not identified"
