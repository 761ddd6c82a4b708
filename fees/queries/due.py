"""Which fees are due: of leases, of months, and those that wait for the owners' money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from moneyed import Money

from fees.models import Fee
from leases.models import Lease, ManagementAgreement
from leases.queries import leases_in_force
from ledger.models import Entry
from proptrust.lib.money import ZERO, fee_of, plain, usd
from receivables.models import Allocation, ChargeKind


@dataclass(frozen=True, slots=True)
class LeaseUp:
    """A lease that bears a lease-up fee: its first full month's rent, and whether that is paid.

    live: the fees taken for it and not given back; count: how many there ever were.
    """

    lease_id: int
    property_id: int
    agreement_id: int
    book_id: int
    rate: Decimal
    rent: Money
    is_paid: bool
    count: int = 0
    live: Sequence[Fee] = field(default=())


# The first full month is the month of the first day, or the next one where the lease begins later.
_LEASE_UPS = """
    SELECT lease.id, house.id, terms.id, house.rent_book_id, terms.lease_up_rate,
        sum(charge.amount), bool_and(charge.paid = charge.amount)
    FROM leases_managementagreement terms
    JOIN leases_property house ON house.id = terms.property_id AND house.entity_id = %(entity)s
    JOIN leases_unit unit ON unit.property_id = house.id
    JOIN leases_lease lease ON lease.unit_id = unit.id
        AND lease.starts_on >= terms.from_on
        AND (terms.until_on IS NULL OR lease.starts_on <= terms.until_on)
    CROSS JOIN LATERAL (
        SELECT date_trunc('month', lease.starts_on + CASE
            WHEN extract(day FROM lease.starts_on) = 1 THEN interval '0'
            ELSE interval '1 month' END)::date AS first_on
    ) month
    JOIN receivables_charge charge ON charge.lease_id = lease.id AND charge.kind = 'rent'
        AND charge.due_on >= month.first_on
        AND charge.due_on < month.first_on + interval '1 month'
    WHERE terms.lease_up_rate > 0
        AND (%(leases)s::bigint[] IS NULL OR lease.id = ANY (%(leases)s::bigint[]))
    GROUP BY lease.id, house.id, terms.id
    ORDER BY lease.id
"""


def lease_ups(entity_id: int, lease_ids: Collection[int] | None) -> list[LeaseUp]:
    """Leases (None: all) that have a lease-up fee to take or to give back; two queries."""
    wanted = None if lease_ids is None else list(lease_ids)
    with connection.cursor() as cursor:
        cursor.execute(_LEASE_UPS, {"entity": entity_id, "leases": wanted})
        rows = cursor.fetchall()
    if not rows:
        return []
    taken: dict[int, list[Fee]] = defaultdict(list)
    of_leases = Fee.objects.filter(kind=Fee.Kind.LEASE_UP, lease__in=[row[0] for row in rows])
    for fee in of_leases.select_related("reversed_by").order_by("pk"):
        taken[fee.lease_id or 0].append(fee)
    found = []
    for lease_id, property_id, agreement_id, book_id, rate, rent, is_paid in rows:
        fees = taken[lease_id]
        live = [fee for fee in fees if fee.reverses_id is None and not hasattr(fee, "reversed_by")]
        if is_paid == bool(live):
            continue
        found.append(
            LeaseUp(
                lease_id, property_id, agreement_id, book_id, rate, usd(rent), is_paid,
                len(fees), live,
            )
        )  # fmt: skip
    return found


def waiting_fees(entity_id: int) -> QuerySet[Fee]:
    """Fees that wait for the owners' money, the oldest first."""
    return Fee.objects.filter(
        entity=entity_id, entry__isnull=True, reverses__isnull=True, reversed_by__isnull=True
    ).order_by("counts_on", "pk")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a property's fees waits, since when, in how many fees."""

    entity_id: int
    property_id: int
    property_name: str
    book_id: int
    amount: Money
    oldest_on: date
    count: int


def waiting_by_property(
    *, entity_id: int | None, property_id: int | None, before: date
) -> list[Waiting]:
    """Properties with fees that wait since before a day, in one query. None: all of them."""
    rows = Fee.objects.filter(
        entry__isnull=True,
        reverses__isnull=True,
        reversed_by__isnull=True,
        counts_on__lt=before,
    )
    if entity_id is not None:
        rows = rows.filter(entity=entity_id)
    if property_id is not None:
        rows = rows.filter(property=property_id)
    sums = (
        rows.order_by("property")
        .values_list("entity", "property", "property__name", "property__rent_book")
        .annotate(total=Sum("amount"), oldest=Min("counts_on"), fees=Count("pk"))
    )
    return [
        Waiting(entity, house, name, book, usd(total), oldest, fees)
        for entity, house, name, book, total, oldest, fees in sums
    ]


def waiting_of_property(property_id: int) -> QuerySet[Fee]:
    """The fees of a property that wait, the oldest first."""
    return Fee.objects.filter(
        property=property_id,
        entry__isnull=True,
        reverses__isnull=True,
        reversed_by__isnull=True,
    ).order_by("counts_on", "pk")


@dataclass(frozen=True, slots=True)
class MonthDue:
    """A fee of a property for a month: what is due, what was taken so far, and the change.

    waiting: of what was taken, the fees that wait; count: how many fees there ever were for it.
    why: the arithmetic in words.
    """

    kind: str
    property_id: int
    book_id: int
    agreement_id: int
    due: Money
    taken: Money
    basis: Money
    why: str
    count: int
    waiting: Sequence[Fee] = ()

    @property
    def change(self) -> Money:
        """What is still to take; below zero, to give back."""
        return self.due - self.taken


def month_dues(entity_id: int, first: date, last: date, *, is_over: bool) -> list[MonthDue]:
    """What each property owes for a month by the agreement of its last day; five queries.

    is_over: only then the minimum and the true-up are known.
    """
    in_force = Q(from_on__lte=last) & (Q(until_on__isnull=True) | Q(until_on__gte=last))
    agreements = ManagementAgreement.objects.filter(in_force, property__entity=entity_id)
    units = _let_units(entity_id, first, last)
    collected = _management(entity_id, first, last)
    rows = _fees_of_month(entity_id, first)
    found: list[MonthDue] = []
    for terms in agreements.select_related("property").order_by("property"):
        fees = collected.get(terms.property_id, {})
        for kind, due, basis, why in _asked(
            terms, units.get(terms.property_id, 0), fees, is_over=is_over
        ):
            known = rows.get((terms.property_id, kind), [])
            found.append(
                MonthDue(
                    kind=kind,
                    property_id=terms.property_id,
                    book_id=terms.property.rent_book_id,
                    agreement_id=terms.pk,
                    due=due,
                    taken=sum((fee.amount for fee in known), ZERO),
                    basis=basis,
                    why=why,
                    count=sum(fee.reverses_id is None for fee in known),
                    waiting=[fee for fee in known if _is_waiting(fee)],
                )
            )
    return found


# Of one rate: what the fees were worked out from, and what they are.
Sums = tuple[Money, Money]


def _asked(
    terms: ManagementAgreement, units: int, fees: dict[Decimal, Sums], *, is_over: bool
) -> list[tuple[str, Money, Money, str]]:
    """Kind, what is due, what it is worked out from, and why, for the fees of a month."""
    per_unit = terms.fee_per_unit * units
    asked = [
        (
            str(Fee.Kind.PER_UNIT),
            per_unit,
            terms.fee_per_unit,
            f"{units} let unit{'' if units == 1 else 's'} at {plain(terms.fee_per_unit)}",
        )
    ]
    if not is_over:
        return asked
    taken = sum((fee for _, fee in fees.values()), ZERO)
    once = sum((fee_of(basis, rate) for rate, (basis, _) in fees.items()), ZERO)
    basis = sum((basis for basis, _ in fees.values()), ZERO)
    short = max(terms.fee_minimum - max(once, ZERO), ZERO)
    return [
        *asked,
        (
            str(Fee.Kind.TRUE_UP),
            once - taken,
            basis,
            f"Rounded once it is {plain(once)}, by payment it was {plain(taken)}",
        ),
        (
            str(Fee.Kind.MINIMUM),
            short,
            max(once, ZERO),
            f"The minimum is {plain(terms.fee_minimum)}, by rate it was {plain(max(once, ZERO))}",
        ),
    ]


def _let_units(entity_id: int, first: date, last: date) -> dict[int, int]:
    """How many units of each property are let on any day of a span."""
    rows = Lease.objects.filter(pk__in=leases_in_force(entity_id, first, last).values("pk"))
    return dict(
        rows.order_by().values_list("unit__property").annotate(units=Count("unit", distinct=True))
    )


def _management(entity_id: int, first: date, last: date) -> dict[int, dict[Decimal, Sums]]:
    """The management fees of a span by property and rate, those given back taken off."""
    rows = (
        Fee.objects.filter(
            entity=entity_id,
            kind=Fee.Kind.MANAGEMENT,
            counts_on__gte=first,
            counts_on__lte=last,
        )
        .order_by()
        .values_list("property", "rate")
        .annotate(basis_sum=Sum("basis"), amount_sum=Sum("amount"))
    )
    found: dict[int, dict[Decimal, Sums]] = defaultdict(dict)
    for property_id, rate, basis, amount in rows:
        found[property_id][rate] = usd(basis), usd(amount)
    return found


def _fees_of_month(entity_id: int, first: date) -> dict[tuple[int, str], list[Fee]]:
    found: dict[tuple[int, str], list[Fee]] = defaultdict(list)
    for fee in Fee.objects.filter(entity=entity_id, month=first).select_related("reversed_by"):
        found[fee.property_id, fee.kind].append(fee)
    return found


def _is_waiting(fee: Fee) -> bool:
    """Whether a fee (with its reversed_by loaded) waits for money."""
    return fee.entry_id is None and fee.reverses_id is None and not hasattr(fee, "reversed_by")


def payments_without_fee(entity_id: int) -> QuerySet[Allocation]:
    """Live payments of charges that are an owner's income and bear no fee (yet, or at all)."""
    has_fee = Fee.objects.filter(allocation=OuterRef("pk"))
    return Allocation.objects.filter(
        ~Exists(has_fee),
        ~Q(charge__kind=ChargeKind.SECURITY_DEPOSIT),
        charge__entity=entity_id,
        undone_by__isnull=True,
        receipt__isnull=False,
    )


def fees_of_undone(entity_id: int) -> QuerySet[Fee]:
    """Live fees of payments that were undone."""
    return Fee.objects.filter(
        entity=entity_id,
        allocation__undone_by__isnull=False,
        reverses__isnull=True,
        reversed_by__isnull=True,
    )


def leases_with_work(entity_id: int, *, since: datetime | None = None) -> set[int]:
    """Leases with a payment without a fee, a fee without its payment, or a lease-up due.

    since: of the payments without a fee, only those whose entry became known since.
    """
    paid = payments_without_fee(entity_id)
    if since is not None:
        known = Entry.objects.filter(entity=entity_id, known_at__gte=since)
        paid = paid.filter(entry__in=known.values("pk"))
    leases = set(paid.values_list("charge__lease_id", flat=True))
    leases |= set(fees_of_undone(entity_id).values_list("allocation__charge__lease_id", flat=True))
    return leases | {each.lease_id for each in lease_ups(entity_id, None)}


def agreements_by_property(
    property_ids: Collection[int],
) -> dict[int, list[ManagementAgreement]]:
    """Every agreement that properties ever had, by property, in one query."""
    found: dict[int, list[ManagementAgreement]] = defaultdict(list)
    for row in ManagementAgreement.objects.filter(property__in=property_ids):
        found[row.property_id].append(row)
    return found


def in_force(agreements: Iterable[ManagementAgreement], day: date) -> ManagementAgreement | None:
    """The one agreement of a property that is in force on a day, if any."""
    for each in agreements:
        if each.from_on <= day and (each.until_on is None or each.until_on >= day):
            return each
    return None
