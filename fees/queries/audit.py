"""All fees of some days worked out again from the agreements, and what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from moneyed import Money

from fees import terms
from fees.models import Fee
from fees.postings import percent
from fees.queries.due import agreements_by_property, in_force, lease_ups, month_dues
from fees.types import Difference, FeeDue
from leases.models import Lease, Property
from proptrust.lib.money import ZERO, fee_of, plain, usd
from receivables.models import Allocation


def audit(entity_id: int, first: date, last: date, *, today: date) -> list[Difference]:
    """What is not as the agreements ask: fees missing, doubled, wrong, or not given back.

    Payments whose entry counts on the days from first to last are worked out again one by one; the
    months that end in these days and are over today, and the lease-up fees, as they are due now.
    Empty when all is right. A constant number of queries for each month.
    """
    found = [*_of_payments(entity_id, first, last), *_of_leases(entity_id)]
    for start, end in _months(first, last):
        if end < today:
            found += _of_month(entity_id, start, end)
    return sorted(found, key=lambda each: (each.counts_on, each.property_name, each.lease_code))


def _of_payments(entity_id: int, first: date, last: date) -> Iterator[Difference]:
    paid = (
        Allocation.objects.filter(
            charge__entity=entity_id,
            receipt__isnull=False,
            entry__dated_on__gte=first,
            entry__dated_on__lte=last,
        )
        .select_related("receipt", "entry", "charge__lease__unit__property")
        .order_by("pk")
    )
    rows = list(paid)
    agreements = agreements_by_property({_house(row).pk for row in rows})
    fees = _fees_of(rows)
    for row in rows:
        assert row.receipt is not None
        due = terms.fee_due(
            in_force(agreements.get(_house(row).pk, ()), row.receipt.received_on),
            charge_kind=row.charge.kind,
            channel=row.receipt.channel,
            amount=row.amount,
            parts={int(who): usd(part) for who, part in row.parts.items()},
        )
        yield from _differences(row, due, fees.get(row.pk, []))


def _house(row: Allocation) -> Property:
    return row.charge.lease.unit.property


def _fees_of(rows: Iterable[Allocation]) -> dict[int, list[Fee]]:
    """The fees of payments that were taken, with what gave them back, by payment."""
    found: dict[int, list[Fee]] = defaultdict(list)
    taken = Fee.objects.filter(allocation__in=[row.pk for row in rows], reverses__isnull=True)
    for fee in taken.select_related("reversed_by").order_by("pk"):
        found[fee.allocation_id or 0].append(fee)
    return found


def _differences(row: Allocation, due: FeeDue | None, fees: list[Fee]) -> Iterator[Difference]:
    live = [fee for fee in fees if not hasattr(fee, "reversed_by")]
    found = sum((fee.amount for fee in live), ZERO)
    if row.undone_by_id is not None:
        if live:
            why = "The payment went back and its fee did not"
            yield _one("not given back", row, live[0].kind, ZERO, found, why, live[0])
    elif due is None:
        if live:
            why = "By the agreement this payment bears no fee"
            yield _one("without cause", row, live[0].kind, ZERO, found, why, live[0])
    elif not live:
        yield _one("missing", row, due.kind, due.amount, ZERO, _sum_in_words(due))
    elif len(live) > 1:
        why = f"{len(live)} fees stand for one payment"
        yield _one("doubled", row, due.kind, due.amount, found, why, live[0])
    elif (live[0].kind, live[0].rate) != (due.kind, due.rate):
        why = f"{_sum_in_words(due)}; it was taken at {percent(live[0].rate)}"
        yield _one("wrong rate", row, due.kind, due.amount, found, why, live[0])
    elif found != due.amount:
        yield _one("wrong amount", row, due.kind, due.amount, found, _sum_in_words(due), live[0])


def _sum_in_words(due: FeeDue) -> str:
    return f"{percent(due.rate)} of {plain(due.basis)} is {plain(due.amount)}"


def _one(
    what: str,
    row: Allocation,
    kind: str,
    expected: Money,
    found: Money,
    why: str,
    fee: Fee | None = None,
) -> Difference:
    return Difference(
        what=what,
        kind=kind,
        property_id=_house(row).pk,
        property_name=_house(row).name,
        lease_code=row.charge.lease.code,
        counts_on=row.entry.dated_on,
        expected=expected,
        found=found,
        why=why,
        allocation_id=row.pk,
        fee_id=fee.pk if fee else None,
    )


def _of_leases(entity_id: int) -> Iterator[Difference]:
    """Lease-up fees to take or to give back."""
    dues = lease_ups(entity_id, None)
    leases = Lease.objects.select_related("unit__property").in_bulk(
        [each.lease_id for each in dues]
    )
    for each in dues:
        lease = leases[each.lease_id]
        yield Difference(
            what="missing" if each.is_paid else "not given back",
            kind=Fee.Kind.LEASE_UP,
            property_id=each.property_id,
            property_name=lease.unit.property.name,
            lease_code=lease.code,
            counts_on=lease.starts_on,
            expected=fee_of(each.rent, each.rate) if each.is_paid else ZERO,
            found=sum((fee.amount for fee in each.live), ZERO),
            why=f"{percent(each.rate)} of the first full month's {plain(each.rent)}",
            fee_id=each.live[0].pk if each.live else None,
        )


def _of_month(entity_id: int, first: date, last: date) -> Iterator[Difference]:
    dues = [each for each in month_dues(entity_id, first, last, is_over=True) if each.change]
    houses = Property.objects.in_bulk([each.property_id for each in dues])
    for each in dues:
        yield Difference(
            what="missing" if each.change > ZERO else "not given back",
            kind=each.kind,
            property_id=each.property_id,
            property_name=houses[each.property_id].name,
            lease_code="",
            counts_on=last,
            expected=each.due,
            found=each.taken,
            why=each.why,
        )


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The first and last days of the months that end on the days from first to last."""
    start = first.replace(day=1)
    while start <= last:
        following = (start + timedelta(days=32)).replace(day=1)
        end = following - timedelta(days=1)
        if end <= last:
            yield start, end
        start = following
