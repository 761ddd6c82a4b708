"""Which charges a sum of money pays, and whom it then belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.db.models import F
from moneyed import Money

from compliance import rules
from compliance.types import AllocationRule
from leases.errors import NoOwner
from leases.models import Lease, ManagementAgreement
from leases.queries import agreements_of_many, shares_of_many
from leases.types import ShareInForce
from ledger.charts import chart
from ledger.models import Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO, split, usd
from receivables import postings, queries
from receivables.models import Allocation, Charge, ChargeKind, Receipt
from receivables.services.changes import allocations_change, changed
from receivables.types import Cause, Claims, OpenCharge, Slice

_RENT_FIRST = ManagementAgreement.AllocationOrder.RENT_FIRST
_OLDEST_FIRST = ManagementAgreement.AllocationOrder.OLDEST_FIRST


def in_order(
    charges: Iterable[OpenCharge], order: str, first: Sequence[str] = ()
) -> list[OpenCharge]:
    """Open charges in the order in which money pays them (a value of AllocationOrder).

    first: kinds of charge that the law lets nothing come before, in its order; they stand above the
    agreement. Charges of one day and rank go by their number, so that the same input always pays
    the same.
    """
    of_law = {kind: position for position, kind in enumerate(first)}

    def rank(charge: OpenCharge) -> tuple[int, bool, date, int]:
        is_later = order == _RENT_FIRST and charge.kind != ChargeKind.RENT
        by_law = of_law.get(charge.kind, len(of_law))
        return by_law, is_later, charge.due_on, charge.charge_id

    return sorted(charges, key=rank)


def pay_in_order(amount: Money, charges: Iterable[OpenCharge]) -> list[tuple[OpenCharge, Money]]:
    """Spend an amount on charges in the given order; what is left over pays none of them."""
    paid = []
    left = amount
    for charge in charges:
        part = min(left, charge.open)
        if part > ZERO:
            paid.append((charge, part))
            left -= part
    return paid


def law_of_order(state: str, day: date) -> AllocationRule:
    """What a state says a payment must pay first, with its source."""
    return rules.allocation(state, on=day)


def first_by_law(state: str, day: date) -> tuple[str, ...]:
    """Kinds of charge that a state's law has paid first; none where it says nothing we know."""
    first = law_of_order(state, day).first
    return first if isinstance(first, tuple) else ()


def plan(lease: Lease, amount: Money, *, shares_day: date) -> tuple[list[Slice], Money]:
    """How an amount pays a lease's open charges, in its agreement's order, and what is left over.

    shares_day: whose shares count. Raises NoOwner if nobody owns the property on that day.
    The caller holds the lease (services.locks).
    """
    found = plans([lease], amount, shares_day=shares_day)[lease.pk]
    if isinstance(found, NoOwner):
        raise found
    return found


def plans(
    leases: Sequence[Lease], amount: Money | Mapping[int, Money], *, shares_day: date
) -> dict[int, tuple[list[Slice], Money] | NoOwner]:
    """How an amount would pay the open charges of each of some leases: three queries for all.

    amount: the same for each, or each lease's own.
    By lease: what plan returns, or the error that it raises.
    """
    charges: dict[int, list[OpenCharge]] = {lease.pk: [] for lease in leases}
    rows = Charge.objects.filter(lease__in=charges, paid__lt=F("amount")).order_by("due_on", "id")
    for lease_id, id_, kind, due, amt, paid in rows.values_list(
        "lease_id", "id", "kind", "due_on", "amount", "paid"
    ):
        charges[lease_id].append(OpenCharge(id_, kind, due, usd(amt) - usd(paid)))
    property_ids = {lease.unit.property_id for lease in leases if charges[lease.pk]}
    agreements = agreements_of_many(property_ids, shares_day) if property_ids else {}
    shares = shares_of_many(property_ids, shares_day) if property_ids else {}
    found: dict[int, tuple[list[Slice], Money] | NoOwner] = {}
    amounts = amount if isinstance(amount, Mapping) else dict.fromkeys(charges, amount)
    for lease in leases:
        property_id = lease.unit.property_id
        agreement = agreements.get(property_id)
        order = agreement.allocation_order if agreement else _OLDEST_FIRST
        try:
            slices = [
                _slice(lease, charge, part, shares.get(property_id, ()), shares_day)
                for charge, part in pay_in_order(
                    amounts[lease.pk],
                    in_order(
                        charges[lease.pk],
                        order,
                        first_by_law(lease.unit.property.state, shares_day),
                    ),
                )
            ]
        except NoOwner as error:
            found[lease.pk] = error
        else:
            spent = sum((each.amount for each in slices), ZERO)
            found[lease.pk] = slices, amounts[lease.pk] - spent
    return found


def _slice(
    lease: Lease, charge: OpenCharge, amount: Money, shares: Sequence[ShareInForce], day: date
) -> Slice:
    if charge.kind == ChargeKind.SECURITY_DEPOSIT:
        return Slice(charge.charge_id, amount, {lease.deposit_id: amount}, is_income=False)
    if not shares:
        raise NoOwner(f"{lease.unit.property} has no owner on {day}: whose money would it be?")
    parts = split(amount, [each.share for each in shares])
    owners = [each.beneficiary_id for each in shares]
    return Slice(charge.charge_id, amount, dict(zip(owners, parts, strict=True)), is_income=True)


def save(receipt: Receipt, slices: Iterable[Slice], entry: Entry) -> None:
    """Write what an entry allocated; PostgreSQL adds it to what the charges have been paid.

    The caller is inside allocations_change.
    """
    slices = list(slices)
    if not slices:
        return
    if receipt.lease_id is not None:
        changed(receipt.lease_id)
    Allocation.objects.bulk_create(
        Allocation(
            receipt=receipt,
            charge_id=each.charge_id,
            amount=each.amount,
            parts={str(who): str(part.amount) for who, part in each.parts.items() if part},
            entry=entry,
        )
        for each in slices
    )


def undo(rows: Iterable[Allocation], entry: Entry) -> None:
    """Note which entry undid allocations; PostgreSQL takes them off what the charges were paid.

    The caller is inside allocations_change and has posted the entry.
    """
    rows = list(rows)
    for lease_id in {row.charge.lease_id for row in rows}:
        changed(lease_id)
    if rows:
        Allocation.objects.filter(pk__in=[row.pk for row in rows]).update(undone_by=entry)


def live_slices(receipt: Receipt) -> list[tuple[Allocation, Slice]]:
    """The live allocations of a receipt, the newest first, each with what it gave to whom."""
    rows = receipt.allocations.filter(undone_by__isnull=True).select_related("charge")
    return [(row, slice_of(row)) for row in rows.order_by("-id")]


def slice_of(row: Allocation) -> Slice:
    """What an allocation of a receipt gave to whom."""
    parts = {int(who): usd(part) for who, part in row.parts.items()}
    is_income = row.charge.kind != ChargeKind.SECURITY_DEPOSIT
    return Slice(row.charge_id, row.amount, parts, is_income=is_income)


def kept_slice(whole: Slice, kept: Money) -> Slice:
    """What stays of an allocation when a part of it goes back, by the same proportions."""
    owners = [who for who, part in whole.parts.items() if part]
    parts = split(kept, [whole.parts[who].amount for who in owners])
    return Slice(
        whole.charge_id, kept, dict(zip(owners, parts, strict=True)), is_income=whole.is_income
    )


def books_of(receipt: Receipt, lease: Lease | None) -> postings.Books:
    """Where facts about a receipt are posted: the trust account that got it, and its property."""
    property_book_id = lease.unit.property.book_id if lease else None
    return postings.Books(chart(receipt.entity_id), receipt.book_id, property_book_id)


def next_move(receipt: Receipt) -> str:
    """The key of the receipt's next entry. The caller holds the receipt."""
    receipt.moves += 1
    receipt.save(update_fields=["moves"])
    return f"receipt:{receipt.pk}:move:{receipt.moves}"


def apply_prepaid(lease: Lease, *, on: date) -> Money:
    """Pay a lease's open charges from its prepaid rent, the oldest receipt first.

    The shares in force on the day count: prepaid rent becomes an owner's when a charge takes it.
    Returns what was applied. The caller holds the lease.
    """
    with allocations_change(lease.entity_id, on=on, cause=Cause.PREPAID_APPLIED):
        return _apply_prepaid(lease, on)


def _apply_prepaid(lease: Lease, on: date) -> Money:
    applied = ZERO
    for receipt in queries.prepaid_receipts([lease.pk]).select_for_update(
        of=("self",), no_key=True
    ):
        slices, left = plan(lease, queries.rest_of(receipt), shares_day=on)
        if not slices:
            break
        amount = queries.rest_of(receipt) - left
        claims: Claims = postings.claims_of(slices, (lease.prepaid_id, -amount))
        entry = post_fact(
            entity_id=receipt.entity_id,
            key=next_move(receipt),
            kind=Entry.Kind.ALLOCATION,
            day=max(on, receipt.received_on),
            memo=f"Prepaid rent of lease {lease.code} applied",
            lines=postings.moved(books_of(receipt, lease), claims, postings.collected_by(slices)),
        )
        save(receipt, slices, entry)
        applied += amount
    return applied
