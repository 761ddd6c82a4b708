"""A receipt that was given to the wrong lease goes to the right one, in one journal entry.

The owners of the wrong lease give back what they got, the owners of the right one get it, and the
charges of both follow. If the wrong owner was paid already, their claim falls below zero: the
receipt is moved all the same, because it is not theirs, and the desk asks for the money.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from desk.types import Effect
from leases.models import Lease, OwnershipShare
from ledger.company import company_of
from ledger.models import Beneficiary, Book, Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO, plain
from receivables import postings, queries
from receivables.errors import CannotMove, NotSettled
from receivables.models import Receipt, ReceiptMove
from receivables.services.aliases import payer_of
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
from receivables.services.locks import locked_lease
from receivables.types import Cause, MovePreview, Slice

WHY_SIZE = 300  # Of ReceiptMove.why.
_Way = tuple[list[Slice], Money]


@transaction.atomic
def move_receipt(
    receipt: Receipt,
    lease: Lease,
    *,
    why: str,
    on: date | None = None,
    actor_id: int | None = None,
) -> Receipt:
    """Take a receipt from its lease and give it to another one of the same trust account.

    on: the day that the mistake is put right, today if not given; never before the receipt. The
    shares of the receipt's own day count. Other prepaid rent of the old lease pays what is open
    again there. A receipt that belongs to the lease already stays as it is.
    Raises CannotMove with what to do instead, NotSettled, and what planning raises (NoOwner).
    """
    held, old, new = _locked(receipt.pk, lease.pk)
    if old is not None and old.pk == new.pk:
        return held
    _must_be_movable(held, old, new, why)
    assert old is not None
    day = max(on or timezone.localdate(), held.received_on)
    rest = queries.unallocated(held)
    live = live_slices(held)
    taken = [each for _, each in live], rest
    amount = rest + sum((each.amount for each in taken[0]), ZERO)
    if amount <= ZERO:
        raise CannotMove(f"nothing of {held} is left to move: it went back")
    given = plan(new, amount, shares_day=held.received_on)
    entry = _post(held, (old, taken), (new, given), day=day, why=why, actor_id=actor_id)
    with allocations_change(held.entity_id, on=day, cause=Cause.MOVED):
        undo((row for row, _ in live), entry)
        held.lease = new
        held.tenant_id = payer_of(held, new)
        held.matched_by = {"moved by a person": 0}
        held.save(update_fields=["lease", "tenant", "matched_by"])
        save(held, given[0], entry)
        ReceiptMove.objects.create(
            receipt=held,
            from_lease=old,
            to_lease=new,
            on=day,
            why=why,
            entry=entry,
            made_by_id=actor_id,
        )
        apply_prepaid(old, on=day)
    return held


def preview_move(receipt: Receipt, lease: Lease) -> MovePreview:
    """What moving a receipt would do to everybody it touches; nothing stays posted.

    The move is made and undone again, so that what listens to it (management fees) is shown too.
    Raises what move_receipt raises.
    """
    old = receipt.lease
    if old is None:
        raise CannotMove(_IN_SUSPENSE.format(receipt=receipt))
    people = _touched(receipt, old, lease)
    with _undone_again():
        before = queries.held_now(receipt.book_id, people)
        owed = queries.owed_by([old.pk, lease.pk])
        move_receipt(receipt, lease, why="Preview")
        after = queries.held_now(receipt.book_id, people)
        owes = queries.owed_by([old.pk, lease.pk])
    names = dict(Beneficiary.objects.filter(pk__in=people).values_list("pk", "name"))
    effects = [
        Effect(names[who], before[who], after[who], warning=_warning(before[who], after[who]))
        for who in people
        if before[who] != after[who]
    ]
    tenants = [
        Effect(f"Owed by lease {each.code}", owed[each.pk], owes[each.pk]) for each in (old, lease)
    ]
    return MovePreview(from_lease_id=old.pk, to_lease_id=lease.pk, effects=[*tenants, *effects])


_IN_SUSPENSE = "{receipt} is in suspense; give it to its lease there"


def _locked(receipt_id: int, to_id: int) -> tuple[Receipt, Lease | None, Lease]:
    """The receipt, its lease and the other one, held in the order that all services use."""
    while True:
        from_id = Receipt.objects.values_list("lease_id", flat=True).get(pk=receipt_id)
        held = {id_: locked_lease(id_) for id_ in sorted({to_id, *([from_id] if from_id else [])})}
        receipt = Receipt.objects.select_for_update(of=("self",), no_key=True).get(pk=receipt_id)
        if receipt.lease_id == from_id:
            return receipt, held.get(from_id) if from_id else None, held[to_id]
        # Somebody has moved it in between; then its new lease is to be held before it.


def _must_be_movable(receipt: Receipt, old: Lease | None, new: Lease, why: str) -> None:
    if not 0 < len(why.strip()) <= WHY_SIZE:
        raise CannotMove(f"say in 1 to {WHY_SIZE} characters why the receipt is moved")
    if old is None:
        raise CannotMove(_IN_SUSPENSE.format(receipt=receipt))
    if receipt.state not in queries.POSTED:
        raise NotSettled(
            f"{receipt} is {receipt.get_state_display().lower()}; no money came in yet"
        )
    if receipt.entity_id != new.entity_id:
        raise CannotMove(f"lease {new.code} belongs to another company than {receipt}")
    if receipt.channel == Receipt.Channel.DEPOSIT:
        raise CannotMove(f"{receipt} is a tenant's own security deposit; undo its settlement")
    property_ = new.unit.property
    if receipt.book_id not in (property_.rent_book_id, property_.deposit_book_id):
        here, there = Book.objects.get(pk=receipt.book_id), property_.rent_book
        raise CannotMove(
            f"the money lies in {here.name}, and lease {new.code} is held in {there.name}: take the"
            f" receipt back into suspense, transfer {plain(receipt.gross)} between the two accounts"
            " at the bank, and record what arrives there for the lease"
        )


def _post(
    receipt: Receipt,
    source: tuple[Lease, _Way],
    target: tuple[Lease, _Way],
    *,
    day: date,
    why: str,
    actor_id: int | None,
) -> Entry:
    """One entry for both sides: the trust's claims in their difference, each property's own books.

    The property's books of the old lease get their receivable back, those of the new one are paid.
    """
    (old, (taken, old_rest)), (new, (given, new_rest)) = source, target
    gives = postings.claims_of(taken, (old.prepaid_id, old_rest))
    gets = postings.claims_of(given, (new.prepaid_id, new_rest))
    back = postings.moved(
        books_of(receipt, old), postings.add(gets, gives, sign=-1), -postings.collected_by(taken)
    )
    paid = postings.moved(books_of(receipt, new), {}, postings.collected_by(given))
    return post_fact(
        entity_id=receipt.entity_id,
        key=next_move(receipt),
        kind=Entry.Kind.ALLOCATION,
        day=day,
        memo=f"{receipt} moved from lease {old.code} to lease {new.code}: {why}",
        lines=[*back, *paid],
        posted_by_id=actor_id,
    )


def _touched(receipt: Receipt, old: Lease, new: Lease) -> list[int]:
    """Everybody whom a move may give to or take from, owners first, each once."""
    properties = [old.unit.property_id, new.unit.property_id]
    owners = OwnershipShare.objects.filter(property__in=properties).order_by("property", "id")
    tenants = [each for lease in (old, new) for each in (lease.prepaid_id, lease.deposit_id)]
    everyone = [*owners.values_list("beneficiary_id", flat=True), *tenants]
    return list(dict.fromkeys([*everyone, company_of(receipt.entity_id)]))


def _warning(before: Money, after: Money) -> str:
    if after >= ZERO or after >= before:
        return ""
    return f"Paid out already: below zero by {plain(-after)}"


@contextmanager
def _undone_again() -> Iterator[None]:
    """What happens inside is undone when it ends; an error goes on to the caller."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)
