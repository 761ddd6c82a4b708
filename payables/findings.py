"""What is wrong with vendors, work orders and bills today: queries the desk turns into items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from leases.models import Property
from payables import queries
from payables.models import Bill, BillLine, Release, Vendor, WorkOrder
from payables.services.bills import TWICE
from payables.types import OwnerNeed
from proptrust.lib.money import plain

SPLIT = "bills_split_below_threshold"
WAITS_FOR_OWNER = "bill_waits_for_owner"
EMERGENCY = "bill_paid_in_emergency"
WITHOUT_ORDER = "bill_without_work_order"
OTHER_VENDOR = "bill_of_other_vendor"
ABOVE_ESTIMATE = "bill_above_estimate"
BEFORE_DONE = "bill_before_work_is_done"
WITHOUT_BILL = "work_order_without_bill"
INSURANCE = "vendor_insurance_lapsed"

# A tenth above an estimate is usual; more is asked about.
TOLERANCE = Decimal("1.10")
# Vendors mostly bill within two weeks.
BILLED_WITHIN = timedelta(days=14)
_WORK = (BillLine.Category.REPAIRS, BillLine.Category.MAINTENANCE)
_ALIVE = (
    Bill.State.DRAFT,
    Bill.State.QUESTIONED,
    Bill.State.APPROVED,
    Bill.State.PART_PAID,
)

Told = Callable[[QuerySet[Any]], Iterable[Finding]]


def register() -> None:
    """Make the detectors known to the desk."""
    for name, kinds, rows, told in (
        ("bills entered twice", {TWICE}, _drafts, _twice),
        ("owners' words", {SPLIT, WAITS_FOR_OWNER}, _alive, _owners),
        ("emergencies", {EMERGENCY}, _emergencies, _emergency),
        ("bills without work orders", {WITHOUT_ORDER}, _without_order, _no_order),
        ("bills of other vendors", {OTHER_VENDOR}, _other_vendor, _wrong_vendor),
        ("bills above estimates", {ABOVE_ESTIMATE}, _above_estimate, _too_much),
        ("bills before work is done", {BEFORE_DONE}, _before_done, _too_early),
        ("work orders without bills", {WITHOUT_BILL}, _without_bill, _no_bill),
        ("lapsed insurance", {INSURANCE}, _lapsed, _uninsured),
    ):
        registry.detect(_detector(f"payables: {name}", frozenset(kinds), rows, told))


def _detector(
    name: str, kinds: frozenset[str], rows: Callable[[], QuerySet[Any]], told: Told
) -> Detector:
    def find(entity_id: int | None) -> Iterable[Finding]:
        found = rows()
        return told(found if entity_id is None else found.filter(entity=entity_id))

    def find_one(subject_id: int) -> Iterable[Finding]:
        return told(rows().filter(pk=subject_id))

    return Detector(name=name, kinds=kinds, find=find, find_one=find_one)


def _not_released(kind: str, of: str = "bill") -> Q:
    return Q(~Exists(Release.objects.filter(Q(**{of: OuterRef("pk")}), kind=kind)))


def _finding(bill: Bill, kind: str, title: str, reason: str, **facts: Any) -> Finding:
    fresh: dict[str, Any] = {
        "key": f"{kind}:{bill.pk}",
        "kind": kind,
        "entity_id": bill.entity_id,
        "severity": Severity.WARNING,
        "title": title[:200],
        "reason": reason,
        "subject_type": "payables.bill",
        "subject_id": bill.pk,
        "happened_on": bill.dated_on,
        "amount": bill.amount,
        "who": bill.vendor.name,
    }
    return Finding(**{**fresh, **facts})


def _bills() -> QuerySet[Bill]:
    return Bill.objects.filter(is_credit=False).select_related("vendor", "work_order__vendor")


def _drafts() -> QuerySet[Bill]:
    waiting = (Bill.State.DRAFT, Bill.State.QUESTIONED)
    rows = Bill.objects.select_related("vendor").filter(state__in=waiting)
    return rows.filter(_not_released(TWICE))


def _twice(rows: QuerySet[Bill]) -> Iterator[Finding]:
    bills = list(rows)
    like = queries.like_bills_of(bills)
    for bill in bills:
        if others := like.get(bill.pk):
            yield _finding(
                bill,
                TWICE,
                f"Entered twice? {bill.number} of {bill.vendor}, {plain(bill.amount)}",
                f"It has {'; '.join(other.why for other in others[:3])}. Paid, the owner would pay"
                " the same work twice.",
                suggestion="Cancel the second one",
            )


def _alive() -> QuerySet[Bill]:
    return _bills().filter(state__in=_ALIVE, emergency_reason="")


def _owners(rows: QuerySet[Bill]) -> Iterator[Finding]:
    bills = {bill.pk: bill for bill in rows}
    needs = [need for need in queries.owner_needs(bills) if not need.is_approved]
    places = Property.objects.in_bulk({need.property_id for need in needs})
    by_bill: dict[tuple[int, bool], list[OwnerNeed]] = {}
    for need in needs:
        by_bill.setdefault((need.bill_id, need.is_split), []).append(need)
    for (bill_id, is_split), needed in by_bill.items():
        bill = bills[bill_id]
        said = "; ".join(f"{places[need.property_id]}: {need.why}" for need in needed[:3])
        where = ", ".join(str(places[need.property_id]) for need in needed)[:200]
        if is_split:
            yield _finding(
                bill,
                SPLIT,
                f"Split below the threshold? {bill.number} of {bill.vendor}",
                f"{said}. Each bill stays below what the owner must approve, their sum does not."
                " It is not paid until the owner approves it, or another person says that it is"
                " work of its own.",
                where=where,
            )
        elif bill.state in Bill.PAYABLE:
            rejected = any(need.is_rejected for need in needed)
            yield _finding(
                bill,
                WAITS_FOR_OWNER,
                f"{'Rejected by' if rejected else 'Waits for'} the owner: {bill.number} of"
                f" {bill.vendor}",
                f"{said}. It is approved here and cannot be paid without the owner's word.",
                where=where,
                severity=Severity.WARNING if rejected else Severity.NOTICE,
            )


def _emergencies() -> QuerySet[Bill]:
    return _bills().filter(
        _not_released(EMERGENCY),
        ~Q(emergency_reason=""),
        state__in=[*Bill.PAYABLE, Bill.State.PAID],
    )


def _emergency(rows: QuerySet[Bill]) -> Iterator[Finding]:
    for bill in rows:
        yield _finding(
            bill,
            EMERGENCY,
            f"Emergency: tell the owner of {bill.number}, {plain(bill.amount)}",
            f"It may be paid before the owner was asked: {bill.emergency_reason}",
            severity=Severity.NOTICE,
        )


def _without_order() -> QuerySet[Bill]:
    work = BillLine.objects.filter(bill=OuterRef("pk"), category__in=_WORK)
    return _bills().filter(
        Exists(work), _not_released(WITHOUT_ORDER), work_order__isnull=True, state__in=_ALIVE
    )


def _no_order(rows: QuerySet[Bill]) -> Iterator[Finding]:
    for bill in rows:
        yield _finding(
            bill,
            WITHOUT_ORDER,
            f"Work without a work order: {bill.number} of {bill.vendor}",
            "The bill is for repairs or maintenance, and nobody asked for that work here.",
            severity=Severity.NOTICE,
        )


def _other_vendor() -> QuerySet[Bill]:
    return _bills().filter(
        ~Q(work_order__vendor=F("vendor")),
        _not_released(OTHER_VENDOR),
        work_order__isnull=False,
        state__in=_ALIVE,
    )


def _wrong_vendor(rows: QuerySet[Bill]) -> Iterator[Finding]:
    for bill in rows:
        assert bill.work_order is not None
        yield _finding(
            bill,
            OTHER_VENDOR,
            f"{bill.vendor} bills the work of {bill.work_order.vendor}",
            f"{bill.work_order} was given to {bill.work_order.vendor}.",
        )


def _above_estimate() -> QuerySet[Bill]:
    return _bills().filter(
        _not_released(ABOVE_ESTIMATE),
        work_order__estimate__isnull=False,
        amount__gt=F("work_order__estimate") * TOLERANCE,
        state__in=_ALIVE,
    )


def _too_much(rows: QuerySet[Bill]) -> Iterator[Finding]:
    for bill in rows:
        assert bill.work_order is not None
        assert bill.work_order.estimate is not None
        above = bill.amount - bill.work_order.estimate
        yield _finding(
            bill,
            ABOVE_ESTIMATE,
            f"{plain(above)} above the estimate: {bill.number} of {bill.vendor}",
            f"{bill.work_order} was estimated at {plain(bill.work_order.estimate)}, the bill is"
            f" {plain(bill.amount)}: more than a tenth above.",
        )


def _before_done() -> QuerySet[Bill]:
    early = (WorkOrder.State.CREATED, WorkOrder.State.APPROVED, WorkOrder.State.CANCELLED)
    return _bills().filter(
        _not_released(BEFORE_DONE), work_order__state__in=early, state__in=_ALIVE
    )


def _too_early(rows: QuerySet[Bill]) -> Iterator[Finding]:
    for bill in rows:
        assert bill.work_order is not None
        yield _finding(
            bill,
            BEFORE_DONE,
            f"Billed before it is done: {bill.number} of {bill.vendor}",
            f"{bill.work_order} is {bill.work_order.get_state_display().lower()}, not completed.",
        )


def _without_bill() -> QuerySet[WorkOrder]:
    since = timezone.localdate() - BILLED_WITHIN
    bills = Bill.objects.filter(work_order=OuterRef("pk")).exclude(state=Bill.State.CANCELLED)
    return WorkOrder.objects.filter(
        ~Exists(bills),
        _not_released(WITHOUT_BILL, "work_order"),
        state=WorkOrder.State.COMPLETED,
        completed_on__lt=since,
    ).select_related("vendor", "property")


def _no_bill(rows: QuerySet[WorkOrder]) -> Iterator[Finding]:
    for row in rows:
        assert row.completed_on is not None
        yield Finding(
            key=f"{WITHOUT_BILL}:{row.pk}",
            kind=WITHOUT_BILL,
            entity_id=row.entity_id,
            severity=Severity.NOTICE,
            title=f"No bill yet for {row}"[:200],
            reason=(
                f"The work was done on {row.completed_on:%b %-d}; a bill that comes late surprises"
                " the owner. Ask the vendor, or cancel the work order."
            ),
            subject_type="payables.workorder",
            subject_id=row.pk,
            happened_on=row.completed_on,
            amount=row.estimate,
            who=row.vendor.name,
            where=str(row.property),
        )


def _lapsed() -> QuerySet[Vendor]:
    bills = Bill.objects.filter(vendor=OuterRef("pk"), state__in=_ALIVE)
    orders = WorkOrder.objects.filter(
        vendor=OuterRef("pk"), state__in=[WorkOrder.State.CREATED, WorkOrder.State.APPROVED]
    )
    return Vendor.objects.filter(
        Exists(bills) | Exists(orders),
        is_active=True,
        insurance_expires_on__lt=timezone.localdate(),
    )


def _uninsured(rows: QuerySet[Vendor]) -> Iterator[Finding]:
    for row in rows:
        assert row.insurance_expires_on is not None
        is_blocked = row.insurance_policy == Vendor.InsurancePolicy.BLOCKS
        yield Finding(
            key=f"{INSURANCE}:{row.pk}",
            kind=INSURANCE,
            entity_id=row.entity_id,
            severity=Severity.WARNING if is_blocked else Severity.NOTICE,
            title=f"Insurance lapsed: {row}"[:200],
            reason=(
                f"It expired on {row.insurance_expires_on:%b %-d, %Y} and the vendor has open work"
                f" or bills. {row.get_insurance_policy_display()}."
            ),
            subject_type="payables.vendor",
            subject_id=row.pk,
            happened_on=row.insurance_expires_on,
            who=row.name,
        )
