"""Late fees of many leases: what is due is compared with what was charged, and made good.

Nothing remembers that a fee was decided: each run works out afresh, from the payments that stand,
what each rent costs by a day. So a payment that came back leaves what would be had it never been,
and one that is recorded late, but was received in time, takes its fee away again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from moneyed import Money

from compliance import rules
from compliance.errors import RuleUnknown
from compliance.types import LateFeeRule
from leases.models import LateFeeTerms, Lease
from ledger.models import Entry
from proptrust.lib.money import ZERO, usd
from receivables.lateness import DueFee, Paid, Terms, due_fees
from receivables.models import Allocation, Charge, ChargeKind, Credit
from receivables.services.changes import allocations_change
from receivables.services.charges import apply_prepaid_to, post_charges
from receivables.services.credits import give_credit
from receivables.services.locks import locked_leases
from receivables.types import Cause

# Credits of ours begin so; all others are a person's, and stay whatever is worked out.
OWN_CREDIT = "late-fee:"
# A rent that is paid is looked at for so long by the daily run; a return looks further by itself.
LOOK_BACK = timedelta(days=93)


@dataclass(frozen=True, slots=True)
class LateFees:
    """What a run did. unknown: rents in states whose law on late fees is not on file."""

    made: int = 0
    waived: int = 0
    unknown: int = 0


@dataclass(slots=True)
class _Standing:
    """The fees of one rent and day that stand: the charges, and what was let off of each."""

    charges: list[Charge] = field(default_factory=list)
    own_credits: Money = ZERO
    all_credits: dict[int, Money] = field(default_factory=dict)

    @property
    def net(self) -> Money:
        """What was charged, less what we took off again; a person's waiver is no change of mind."""
        return sum((each.amount for each in self.charges), ZERO) - self.own_credits

    @property
    def room(self) -> Money:
        """What could still be let off."""
        left = (each.amount - self.all_credits.get(each.pk, ZERO) for each in self.charges)
        return sum(left, ZERO)


@dataclass(frozen=True, slots=True)
class _Difference:
    """By how much the fees of a rent and day are off: above zero is missing, below is too much."""

    rent: Charge
    on: date
    amount: Money
    asked: Money | None
    standing: _Standing


def assess_late_fees(
    entity_id: int, *, on: date, lease_ids: Collection[int] | None = None
) -> LateFees:
    """Charge the late fees that have arisen by a day, and take off those that have not, once.

    entity_id: of the company. lease_ids: only these, however old their rents are. Each rent costs
    what its terms say within its state's law; where that is not on file nothing is charged, and the
    desk says so. Safe to run twice and by two at once: the leases are held while it writes.
    """
    rows, unknown = _differences(entity_id, on, lease_ids)
    if not rows:
        return LateFees(unknown=unknown)
    with transaction.atomic():
        held = {row.rent.lease_id for row in rows}
        with allocations_change(entity_id, on=on, cause=Cause.LATE_FEES):
            locked_leases(held)
            rows, _ = _differences(entity_id, on, held)
            new = [_charge(row) for row in rows if row.amount > ZERO]
            post_charges(new)
            waived = sum(_take_off(row) for row in rows if row.amount < ZERO)
            apply_prepaid_to(new)
    return LateFees(len(new), waived, unknown)


def reassess(entity_id: int, lease_ids: Collection[int], *, on: date, is_taken: bool) -> LateFees:
    """Work the late fees of leases out again after their payments changed.

    is_taken: whether money was taken away: then fees may be due that never were. Else only leases
    with late fees are looked at, since nothing else can have become wrong.
    """
    fees = Charge.objects.filter(lease__in=lease_ids, late_for__isnull=False)
    latest = fees.aggregate(latest=Max("due_on"))["latest"]
    if latest is None and not is_taken:
        return LateFees()
    # Not before the last fee: a day on which it had not arisen yet would take it off. And no
    # further where money came in: the daily run goes on from there.
    day = max(on, latest or on) if is_taken else latest
    return assess_late_fees(entity_id, on=day, lease_ids=lease_ids)


def _differences(
    entity_id: int, on: date, lease_ids: Collection[int] | None
) -> tuple[list[_Difference], int]:
    """Where fees are missing or too much, and how many rents have no known law: five queries."""
    terms = _TermsOf.load(entity_id)
    if not terms.is_any:
        return [], 0
    rents = list(_rents(entity_id, on, lease_ids))
    paid = _paid([rent.pk for rent in rents])
    standing = _standing([rent.pk for rent in rents])
    law = _Law()
    found: list[_Difference] = []
    unknown = 0
    for rent in rents:
        agreed = terms.on(rent.lease, rent.due_on)
        try:
            due = _due(rent, agreed, law, paid.get(rent.pk, ()), on)
        except RuleUnknown:
            unknown += 1
            continue
        found += _compare(rent, due, standing.get(rent.pk, {}))
    return found, unknown


def _rents(entity_id: int, on: date, lease_ids: Collection[int] | None) -> QuerySet[Charge]:
    """Rents that were due before a day; those brought forward at the cut-over had their fees."""
    rows = Charge.objects.filter(entity=entity_id, kind=ChargeKind.RENT, due_on__lt=on).exclude(
        entry__kind=Entry.Kind.OPENING
    )
    if lease_ids is not None:
        rows = rows.filter(lease__in=lease_ids)
    else:
        rows = rows.filter(Q(paid__lt=F("amount")) | Q(due_on__gte=on - LOOK_BACK))
    return rows.select_related("lease__unit__property").order_by("lease", "id")


def _paid(charge_ids: Sequence[int]) -> dict[int, list[Paid]]:
    """What of each rent was paid when. A credit counts as if it had never been owed.

    Only what is written off was owed until the day it was given up.
    """
    rows = Allocation.objects.filter(charge__in=charge_ids, undone_by__isnull=True).values_list(
        "charge_id",
        "amount",
        "receipt__received_on",
        "credit__kind",
        "credit__counts_on",
        "charge__due_on",
    )
    found: dict[int, list[Paid]] = defaultdict(list)
    for charge_id, amount, received_on, kind, counts_on, due_on in rows:
        day = received_on
        if kind is not None:
            day = counts_on if kind == Credit.Kind.WRITE_OFF else due_on
        found[charge_id].append(Paid(day, usd(amount)))
    return found


def _standing(charge_ids: Sequence[int]) -> dict[int, dict[date, _Standing]]:
    found: dict[int, dict[date, _Standing]] = defaultdict(lambda: defaultdict(_Standing))
    by_id: dict[int, _Standing] = {}
    for fee in Charge.objects.filter(late_for__in=charge_ids).order_by("id"):
        assert fee.late_for_id is not None
        by_id[fee.pk] = found[fee.late_for_id][fee.due_on]
        by_id[fee.pk].charges.append(fee)
    let_off = Credit.objects.filter(charge__late_for__in=charge_ids, undone_by__isnull=True)
    for charge_id, key, amount in let_off.values_list("charge_id", "key", "amount"):
        row = by_id[charge_id]
        row.all_credits[charge_id] = row.all_credits.get(charge_id, ZERO) + usd(amount)
        if key.startswith(OWN_CREDIT):
            row.own_credits += usd(amount)
    return found


def _due(
    rent: Charge, agreed: LateFeeTerms | None, law: "_Law", paid: Iterable[Paid], on: date
) -> list[DueFee]:
    if agreed is None:
        return []
    return due_fees(
        terms_of(agreed),
        law.on(rent.lease.unit.property.state, rent.due_on),
        due_on=rent.due_on,
        rent=rent.amount,
        paid=paid,
        on=on,
    )


def _compare(
    rent: Charge, due: Sequence[DueFee], standing: dict[date, _Standing]
) -> list[_Difference]:
    by_day = {fee.on: fee for fee in due}
    found = []
    for day in sorted(by_day.keys() | standing.keys()):
        fee = by_day.get(day)
        row = standing.get(day, _Standing())
        off = (fee.amount if fee else ZERO) - row.net
        # What a person has waived cannot be let off once more.
        off = max(off, -row.room)
        if off:
            reduced = fee.asked if fee and fee.asked > fee.amount else None
            found.append(_Difference(rent, day, off, reduced, row))
    return found


def _charge(row: _Difference) -> Charge:
    lease = row.rent.lease
    number = len(row.standing.charges) + 1
    within = ", within the state's limit" if row.asked is not None else ""
    return Charge(
        entity_id=row.rent.entity_id,
        lease=lease,
        kind=ChargeKind.LATE_FEE,
        key=f"late:{row.rent.pk}:{row.on}:{number}",
        amount=row.amount,
        due_on=row.on,
        memo=f"Late fee for rent due {row.rent.due_on:%b %-d, %Y}{within}",
        late_for=row.rent,
        asked=row.asked,
    )


def _take_off(row: _Difference) -> int:
    """Let off what has not arisen, the newest fee first; returns how many credits."""
    need = -row.amount
    given = 0
    for fee in reversed(row.standing.charges):
        part = min(need, fee.amount - row.standing.all_credits.get(fee.pk, ZERO))
        if part <= ZERO:
            continue
        give_credit(
            fee,
            part,
            kind=Credit.Kind.WAIVER,
            reason=f"The rent due {row.rent.due_on:%b %-d, %Y} was paid in time after all",
            key=f"{OWN_CREDIT}{fee.pk}:{fee.credits.count() + 1}",
            on=fee.due_on,
        )
        need -= part
        given += 1
    return given


def terms_of(row: LateFeeTerms) -> Terms:
    """Late-fee terms as the pure functions take them."""
    return Terms(
        kind=row.kind,
        grace_days=row.grace_days,
        flat=row.flat,
        rate=row.rate,
        daily=row.daily,
        most=row.most,
    )


class _Law:
    """The rules of late fees, asked once for each state and due day."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, date], LateFeeRule] = {}

    def on(self, state: str, day: date) -> LateFeeRule:
        """The rule of a state for a rent due on a day."""
        key = (state, day)
        if key not in self._known:
            self._known[key] = law_of(state, day)
        return self._known[key]


def law_of(state: str, day: date) -> LateFeeRule:
    """What a state allows for rent that is due on a day, with its source."""
    return rules.late_fee(state, on=day)


@dataclass(slots=True)
class _TermsOf:
    """All late-fee terms of a company: a lease's own stand before its property's."""

    of_lease: Mapping[int, list[LateFeeTerms]]
    of_property: Mapping[int, list[LateFeeTerms]]

    @classmethod
    def load(cls, entity_id: int) -> "_TermsOf":
        of_lease: dict[int, list[LateFeeTerms]] = defaultdict(list)
        of_property: dict[int, list[LateFeeTerms]] = defaultdict(list)
        rows = LateFeeTerms.objects.filter(
            Q(property__entity=entity_id) | Q(lease__entity=entity_id)
        )
        for row in rows:
            if row.lease_id is not None:
                of_lease[row.lease_id].append(row)
            elif row.property_id is not None:
                of_property[row.property_id].append(row)
        return cls(of_lease, of_property)

    @property
    def is_any(self) -> bool:
        """Whether a late fee was agreed with anybody."""
        return bool(self.of_lease or self.of_property)

    def on(self, lease: Lease, day: date) -> LateFeeTerms | None:
        """The terms of a lease for a rent due on a day."""
        candidates: list[LateFeeTerms] = [
            *self.of_lease.get(lease.pk, ()),
            *self.of_property.get(lease.unit.property_id, ()),
        ]
        for row in candidates:
            if row.from_on <= day and (row.until_on is None or row.until_on >= day):
                return row
        return None
