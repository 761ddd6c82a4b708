"""What tenants need not pay: concessions, waivers, write-offs, adjustments, and their undo."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from moneyed import Money

from leases.models import Lease
from ledger.charts import Chart, chart
from ledger.models import Entry
from ledger.queries import dated_for
from ledger.services import post_fact, post_many, reverse
from ledger.types import NewEntry
from proptrust.lib.money import ZERO, plain, usd
from receivables import postings
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Allocation, Charge, ChargeKind, Credit, Receipt
from receivables.services.allocations import (
    apply_prepaid,
    books_of,
    kept_slice,
    next_move,
    save,
    slice_of,
    undo,
)
from receivables.services.changes import allocations_change, changed
from receivables.services.dating import Dating
from receivables.services.keys import joined
from receivables.services.locks import locked_lease
from receivables.types import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredit:
    """What is let off. key: unique in the entity. on: the day, the charge's own at the earliest."""

    charge: Charge
    kind: str
    key: str
    amount: Money
    reason: str
    on: date

    @property
    def counts_on(self) -> date:
        """Nothing is let off before it is owed."""
        return max(self.on, self.charge.due_on)


@transaction.atomic
def give_credit(
    charge: Charge,
    amount: Money,
    *,
    kind: str,
    reason: str,
    key: str,
    on: date | None = None,
    actor_id: int | None = None,
) -> Credit:
    """Let a tenant off a part of a charge, or all of it, once.

    What of it was paid with money becomes prepaid rent, which pays other open charges at once.
    kind: of Credit.Kind. key: unique in the entity; the same key with the same facts returns the
    first credit. on: today if not given.
    Raises ReceivablesError for more than is left of the charge, for no reason, or for a security
    deposit; ToldOtherwise for a key with other facts.
    """
    lease = locked_lease(charge.lease_id)
    new = NewCredit(
        charge=Charge.objects.select_related("lease__unit__property").get(pk=charge.pk),
        kind=Credit.Kind(kind),
        key=key,
        amount=amount,
        reason=reason.strip(),
        on=on or timezone.localdate(),
    )
    if known := _given_before(new):
        return known
    _check(new)
    with allocations_change(lease.entity_id, on=new.counts_on, cause=Cause.CREDITED):
        _make_room(lease, new, actor_id)
        credit = _give(lease, new, actor_id)
        apply_prepaid(lease, on=new.counts_on)
    return credit


@transaction.atomic
def waive(
    charge: Charge, *, reason: str, on: date | None = None, actor_id: int | None = None
) -> Credit:
    """Let a tenant off all that is left of a charge, as of a late fee, for a reason.

    A charge of which nothing is left was waived before: that credit is returned.
    Raises what give_credit raises.
    """
    locked_lease(charge.lease_id)
    left = charge.amount - credited(charge)
    if not left:
        return charge.credits.filter(undone_by__isnull=True).latest("pk")
    return give_credit(
        charge,
        left,
        kind=Credit.Kind.WAIVER,
        reason=reason,
        key=f"waiver:{charge.pk}:{charge.credits.count() + 1}",
        on=on,
        actor_id=actor_id,
    )


@transaction.atomic
def undo_credit(
    credit: Credit, *, why: str, on: date | None = None, actor_id: int | None = None
) -> Credit:
    """Take a credit back: its entry is reversed and the charge is owed again, once.

    Prepaid rent of the lease pays it. Raises ReceivablesError without a reason.
    """
    lease = locked_lease(credit.charge.lease_id)
    held = Credit.objects.select_related("charge", "entry").get(pk=credit.pk)
    if held.undone_by_id is not None:
        return held
    if not why.strip():
        raise ReceivablesError("a credit is taken back for a reason: say which")
    day = max(on or timezone.localdate(), held.counts_on)
    dated_on, adjusts = dated_for([lease.unit.property.book_id], day)
    mirror = reverse(
        entry_id=held.entry_id,
        key=joined(held.entry.key, "undone"),
        dated_on=dated_on,
        memo=f"Taken back: {why.strip()}"[:300],
        posted_by_id=actor_id,
        adjusts_id=adjusts.pk if adjusts else None,
    )
    with allocations_change(lease.entity_id, on=day, cause=Cause.CREDIT_UNDONE):
        undo(held.allocations.filter(undone_by__isnull=True).select_related("charge"), mirror)
        held.undone_by = mirror
        held.save(update_fields=["undone_by"])
        apply_prepaid(lease, on=day)
    return held


def credited(charge: Charge) -> Money:
    """What a charge's live credits let off."""
    rows = Credit.objects.filter(charge=charge, undone_by__isnull=True)
    return usd(rows.aggregate(total=Sum("amount", default=0))["total"])


def credit_new_charges(entity_id: int, news: Sequence[NewCredit]) -> list[Credit]:
    """Give credits on charges that nobody has paid yet, with a handful of statements.

    For charges made in the same transaction: no other session sees them, and nothing of them was
    paid. The caller is inside allocations_change.
    """
    if not news:
        return []
    for new in news:
        _check_facts(new)
    dating, accounts = Dating(entity_id), chart(entity_id)
    entries = [_entry(new, accounts, dating) for new in news]
    post_many(entries)
    posted = Entry.objects.filter(entity=entity_id, key__in=[entry.key for entry in entries])
    ids = dict(posted.values_list("key", "pk"))
    made = Credit.objects.bulk_create(
        [
            _row(new, ids[entry.key], actor_id=None)
            for new, entry in zip(news, entries, strict=True)
        ],
        batch_size=2000,
    )
    Allocation.objects.bulk_create([_allocation(each) for each in made], batch_size=2000)
    for new in news:
        changed(new.charge.lease_id)
    return made


def _given_before(new: NewCredit) -> Credit | None:
    known = Credit.objects.filter(entity=new.charge.entity_id, key=new.key).first()
    if known is None:
        return None
    was, says = (known.charge_id, known.kind, known.amount), (new.charge.pk, new.kind, new.amount)
    if was != says:
        raise ToldOtherwise(f"credit {new.key} was given with other facts: {known}")
    return known


def _check(new: NewCredit) -> None:
    _check_facts(new)
    left = new.charge.amount - credited(new.charge)
    if new.amount > left:
        raise ReceivablesError(
            f"{plain(new.amount)} of {new.charge} would be let off, but {plain(left)} of it is left"
        )


def _check_facts(new: NewCredit) -> None:
    if new.amount <= ZERO:
        raise ReceivablesError(f"a credit is above zero, not {new.amount}")
    if not new.reason:
        raise ReceivablesError("a credit has a reason: say why the tenant need not pay")
    if new.charge.kind == ChargeKind.SECURITY_DEPOSIT:
        raise ReceivablesError(
            f"{new.charge} is a tenant's own money, not income: what need not be paid of it is"
            " agreed in the lease"
        )


def _make_room(lease: Lease, new: NewCredit, actor_id: int | None) -> None:
    """Take money off a charge that a credit pays in its place; it becomes prepaid rent."""
    need = new.amount - (new.charge.amount - new.charge.paid)
    if need <= ZERO:
        return
    rows = Allocation.objects.filter(
        charge=new.charge, receipt__isnull=False, undone_by__isnull=True
    )
    held = Receipt.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    receipts = {each.pk: each for each in held.filter(allocations__in=rows)}
    for row in rows.select_related("charge").order_by("-id"):
        if need <= ZERO:
            break
        assert row.receipt_id is not None
        freed = min(row.amount, need)
        _free(lease, receipts[row.receipt_id], row, freed, new, actor_id)
        need -= freed


def _free(
    lease: Lease,
    receipt: Receipt,
    row: Allocation,
    freed: Money,
    new: NewCredit,
    actor_id: int | None,
) -> None:
    """Make a part of an allocation prepaid rent, taken from those who had got it."""
    whole = slice_of(row)
    kept = [kept_slice(whole, row.amount - freed)] if freed < row.amount else []
    taken = postings.add(whole.parts, postings.claims_of(kept), sign=-1)
    entry = post_fact(
        entity_id=receipt.entity_id,
        key=next_move(receipt),
        kind=Entry.Kind.ALLOCATION,
        day=max(new.counts_on, row.entry.dated_on),
        memo=f"{new.charge.get_kind_display()} let off, lease {lease.code}: now prepaid rent",
        lines=postings.moved(
            books_of(receipt, lease),
            postings.add({lease.prepaid_id: freed}, taken, sign=-1),
            -freed,
        ),
        posted_by_id=actor_id,
    )
    undo([row], entry)
    save(receipt, kept, entry)


def _give(lease: Lease, new: NewCredit, actor_id: int | None) -> Credit:
    facts = _entry(new, chart(lease.entity_id), None)
    entry = post_fact(
        entity_id=facts.entity_id,
        key=facts.key,
        kind=facts.kind,
        day=facts.dated_on,
        memo=facts.memo,
        lines=facts.lines,
        posted_by_id=actor_id,
    )
    credit = _row(new, entry.pk, actor_id)
    credit.save()
    changed(lease.pk)
    _allocation(credit).save()
    return credit


def _entry(new: NewCredit, accounts: Chart, dating: Dating | None) -> NewEntry:
    """The entry of a credit. dating: for a bulk, which asks for closed periods once."""
    charge = new.charge
    book_id = charge.lease.unit.property.book_id
    dated_on, adjusts_id = dating.of(book_id, new.counts_on) if dating else (new.counts_on, None)
    what = Credit.Kind(new.kind).label
    return NewEntry(
        entity_id=charge.entity_id,
        key=joined("credit", new.key),
        kind=Entry.Kind.ADJUSTMENT,
        dated_on=dated_on,
        memo=f"{what} on {charge.get_kind_display().lower()}, lease {charge.lease.code}: "
        f"{new.reason}"[:300],
        lines=postings.credited(accounts, book_id, new.amount),
        adjusts_id=adjusts_id,
    )


def _row(new: NewCredit, entry_id: int, actor_id: int | None) -> Credit:
    return Credit(
        entity_id=new.charge.entity_id,
        charge=new.charge,
        kind=new.kind,
        key=new.key,
        amount=new.amount,
        counts_on=new.counts_on,
        reason=new.reason[:300],
        made_by_id=actor_id,
        entry_id=entry_id,
    )


def _allocation(credit: Credit) -> Allocation:
    return Allocation(
        credit=credit, charge_id=credit.charge_id, amount=credit.amount, entry_id=credit.entry_id
    )
