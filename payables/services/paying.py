"""Pay bills: only lines whose owners have the money; one payment per vendor and trust account."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from django.db import transaction
from moneyed import Money

from leases.queries import shares_of_many
from leases.types import ShareInForce
from ledger.charts import chart
from ledger.models import Beneficiary
from payables import postings, queries
from payables.errors import OtherCompany, PayablesError, WrongState
from payables.models import Bill, BillLine, BillStep, LinePayment, Vendor, VendorBankChange
from payables.services.bills import refresh_states
from payables.services.vendors import usable_details
from payables.services.work_orders import follow_bills
from payables.types import (
    BillsPaid,
    OwnerEffect,
    PaymentPlan,
    PlannedLine,
    PlannedPayment,
    WaitingLine,
)
from payments.models import Payment
from payments.services import pay_many
from payments.types import NewPayment, Ordered
from proptrust.lib.money import ZERO, plain, split, total

MEMO_LENGTH = 300


def plan_payments(
    entity_id: int, bill_ids: Collection[int], *, on: date, method: str = ""
) -> PaymentPlan:
    """What paying bills on a day would do; nothing is written.

    A line is paid in full or waits with its reason: its bill is not approved, its owners' word is
    missing, the vendor cannot be paid, or its owners' claim in the property's trust account does
    not hold its part. Lines that are due first come first. method: for all, or each vendor's own.
    The number of queries does not grow with the bills.
    Raises OtherCompany for a bill of another company.
    """
    _all_of(entity_id, bill_ids)
    lines = list(
        queries.open_lines(entity_id, bill_ids).select_related(
            "bill__vendor", "property__rent_book"
        )
    )
    return _Planner(entity_id, lines, on, method).plan(_undecided(entity_id, bill_ids))


@transaction.atomic
def pay_bills(
    *,
    entity_id: int,
    bill_ids: Collection[int],
    on: date,
    method: str = "",
    expected: Money | None = None,
    actor_id: int | None = None,
) -> BillsPaid:
    """Pay what can be paid of bills: one payment per vendor and trust account, all or nothing.

    Called again it pays only what is open then, so that a retry pays nothing twice. Trust account:
    Dr each owner's claim by the shares of the day, Cr bank; property books: Dr payable, Cr held.
    expected: the total that a person saw before; other figures pay nothing.
    Raises OtherCompany, WrongState where the total differs, and what payments.services raises.
    """
    _all_of(entity_id, bill_ids)
    # In one order, so that two runs on the same bills wait for each other instead of in a ring.
    list(
        BillLine.objects.select_for_update()
        .filter(bill__in=bill_ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    plan = plan_payments(entity_id, bill_ids, on=on, method=method)
    if expected is not None and plan.total != expected:
        raise WrongState(
            f"The payments come to {plain(plan.total)} now, not to {plain(expected)}:"
            " something has changed since you looked. Look again."
        )
    if not plan.payments:
        return BillsPaid((), ZERO, plan.waiting)
    paid = pay_many(_orders(entity_id, plan.payments, on), posted_by_id=actor_id)
    LinePayment.objects.bulk_create(
        LinePayment(line_id=line.line_id, payment=payment, amount=line.amount)
        for payment, planned in zip(paid, plan.payments, strict=True)
        for line in planned.lines
    )
    _tell(zip(paid, plan.payments, strict=True), actor_id)
    _states_follow([line.bill_id for each in plan.payments for line in each.lines], actor_id)
    return BillsPaid(tuple(payment.pk for payment in paid), plan.total, plan.waiting)


def _all_of(entity_id: int, bill_ids: Collection[int]) -> None:
    if Bill.objects.filter(pk__in=bill_ids).exclude(entity=entity_id).exists():
        raise OtherCompany("A bill of another company was among them; nothing was paid.")


def _undecided(entity_id: int, bill_ids: Collection[int]) -> list[WaitingLine]:
    """Lines of bills that nobody has approved yet."""
    rows = (
        BillLine.objects.filter(
            bill__entity=entity_id, bill__in=bill_ids, bill__state__in=Bill.OPEN_TO_CHANGE
        )
        .select_related("bill__vendor", "property")
        .order_by("bill__due_on", "bill_id", "position")
    )
    return [_waits(line, "the bill is not approved") for line in rows]


def _waits(line: BillLine, why: str) -> WaitingLine:
    return WaitingLine(
        line_id=line.pk,
        bill_id=line.bill_id,
        bill_number=line.bill.number,
        vendor_name=line.bill.vendor.name,
        property_name=line.property.name,
        amount=line.amount - line.paid,
        why=why,
    )


class _Planner:
    """Goes through open lines once, with everything it needs read before."""

    def __init__(self, entity_id: int, lines: Sequence[BillLine], on: date, method: str) -> None:
        if method and method not in Payment.Method.values:
            raise PayablesError(f'"{method}" is no way to pay.')
        self.entity_id, self.lines, self.on, self.method = entity_id, lines, on, method
        books = sorted({line.property.rent_book_id for line in lines})
        vendors = {line.bill.vendor_id: line.bill.vendor for line in lines}
        self.held = queries.held_by_owner(books)
        self.on_the_way = queries.not_at_the_bank(books)
        self.cash = queries.cash_at_bank(entity_id, books)
        self.shares = shares_of_many({line.property_id for line in lines}, on)
        self.needs = {
            (need.bill_id, need.property_id): need
            for need in queries.owner_needs({line.bill_id for line in lines})
            if not need.is_approved
        }
        self.details = usable_details(list(vendors), on)
        self.lapsed = queries.lapsed_insurance(vendors.values(), on)
        self.payments: dict[tuple[int, int], PlannedPayment] = {}
        self.spent: dict[tuple[int, int], Money] = defaultdict(lambda: ZERO)
        self.book_spent: dict[int, Money] = defaultdict(lambda: ZERO)

    def plan(self, waiting: list[WaitingLine]) -> PaymentPlan:
        """The payments, and the lines that wait besides those given."""
        said = [(line, self._why_not(line)) for line in self.lines]
        waiting.extend(_waits(line, why) for line, why in said if why)
        payments = list(self.payments.values())
        return PaymentPlan(
            payments=payments,
            waiting=waiting,
            effects=self._effects(),
            total=total(payment.amount for payment in payments),
        )

    def _why_not(self, line: BillLine) -> str:
        """Take a line into its payment, or say why it waits."""
        vendor, need = line.bill.vendor, self.needs.get((line.bill_id, line.property_id))
        if need is not None:
            word = "rejected it" if need.is_rejected else "has not approved it"
            return f"the owner {word}: {need.why}"
        if why := self._vendor_waits(vendor):
            return why
        shares = self.shares.get(line.property_id)
        if not shares:
            return f"nobody owns {line.property} on {self.on:%b %-d, %Y}"
        return self._take(line, shares)

    def _vendor_waits(self, vendor: Vendor) -> str:
        if not vendor.is_active:
            return "the vendor is not active any more"
        lapsed = self.lapsed.get(vendor.pk)
        if lapsed and vendor.insurance_policy == Vendor.InsurancePolicy.BLOCKS:
            return lapsed
        if self._method_of(vendor) == Payment.Method.ACH and vendor.pk not in self.details:
            return "no bank details of the vendor are approved and past their waiting days"
        return ""

    def _method_of(self, vendor: Vendor) -> str:
        return self.method or vendor.payout_method

    def _take(self, line: BillLine, shares: Sequence[ShareInForce]) -> str:
        book = line.property.rent_book
        amount = line.amount - line.paid
        at = line.bill.vendor_id, book.pk
        payment = self.payments.get(at)
        before = payment.by_property.get(line.property_id, ZERO) if payment else ZERO
        old = payment.parts.get(line.property_id, {}) if payment else {}
        new = _parts(before + amount, shares)
        for who, part in new.items():
            left = self._available(book.pk, who) - self.spent[book.pk, who]
            wanted = part - old.get(who, ZERO)
            if wanted > left:
                return (
                    f"the owner's money in {book} does not cover it: {plain(max(left, ZERO))} of"
                    f" {plain(wanted)} is at the bank"
                )
        if self.book_spent[book.pk] + amount > self.cash[book.pk]:
            return f"the cash of {book} does not cover it: {plain(self.cash[book.pk])} is there"
        if payment is None:
            payment = self.payments[at] = self._new_payment(line.bill.vendor, line)
        for who, part in new.items():
            self.spent[book.pk, who] += part - old.get(who, ZERO)
        self.book_spent[book.pk] += amount
        payment.by_property[line.property_id] = before + amount
        payment.parts[line.property_id] = new
        payment.lines.append(
            PlannedLine(
                line_id=line.pk,
                bill_id=line.bill_id,
                bill_number=line.bill.number,
                property_id=line.property_id,
                property_name=line.property.name,
                amount=amount,
            )
        )
        return ""

    def _available(self, book_id: int, who: int) -> Money:
        """What the book holds for an owner less what of it is not at the bank yet."""
        on_the_way = self.on_the_way.get((book_id, who), ZERO)
        return self.held.get((book_id, who), ZERO) - on_the_way

    def _new_payment(self, vendor: Vendor, line: BillLine) -> PlannedPayment:
        lapsed = self.lapsed.get(vendor.pk)
        return PlannedPayment(
            vendor_id=vendor.pk,
            vendor_name=vendor.name,
            book_id=line.property.rent_book_id,
            book_name=line.property.rent_book.name,
            method=self._method_of(vendor),
            warnings=[lapsed] if lapsed else [],
        )

    def _effects(self) -> list[OwnerEffect]:
        touched = {at: amount for at, amount in self.spent.items() if amount.amount}
        held = self.held
        books = {line.property.rent_book_id: line.property.rent_book.name for line in self.lines}
        names = dict(
            Beneficiary.objects.filter(pk__in={who for _, who in touched}).values_list("pk", "name")
        )
        return [
            OwnerEffect(who, names[who], books[book], held[book, who], held[book, who] - amount)
            for (book, who), amount in sorted(touched.items(), key=lambda each: names[each[0][1]])
        ]


def _parts(amount: Money, shares: Sequence[ShareInForce]) -> dict[int, Money]:
    """What each owner's claim gives of a property's sum."""
    parts = split(amount, [share.share for share in shares])
    return {share.beneficiary_id: part for share, part in zip(shares, parts, strict=True)}


def _orders(entity_id: int, payments: Sequence[PlannedPayment], on: date) -> list[Ordered]:
    accounts = chart(entity_id)
    vendors = Vendor.objects.in_bulk({payment.vendor_id for payment in payments})
    details = usable_details(list(vendors), on)
    line_ids = [line.line_id for payment in payments for line in payment.lines]
    rows = BillLine.objects.filter(pk__in=line_ids)
    properties = dict(rows.values_list("property_id", "property__book_id"))
    before = _payments_before(line_ids)
    return [
        (
            _new_payment(entity_id, payment, vendors[payment.vendor_id], details, before, on),
            payment.claims,
            postings.paid(
                {properties[where]: amount for where, amount in payment.by_property.items()},
                accounts,
            ),
        )
        for payment in payments
    ]


def _payments_before(line_ids: Collection[int]) -> set[tuple[int, int]]:
    """What paid the lines before and came back: it makes the next payment another one."""
    rows = LinePayment.objects.filter(line__in=line_ids).values_list("line_id", "pk")
    return set(rows)


def _new_payment(
    entity_id: int,
    planned: PlannedPayment,
    vendor: Vendor,
    details: dict[int, VendorBankChange],
    before: set[tuple[int, int]],
    on: date,
) -> NewPayment:
    bank = details.get(vendor.pk) if planned.method == Payment.Method.ACH else None
    return NewPayment(
        entity_id=entity_id,
        book_id=planned.book_id,
        key=_key(planned, before),
        method=planned.method,
        purpose=Payment.Purpose.VENDOR,
        payee=vendor.name,
        payee_address=vendor.address,
        payee_code=vendor.code,
        amount=planned.amount,
        dated_on=on,
        routing_number=bank.routing_number if bank else "",
        account_number=bank.account_number if bank else "",
        is_savings=bank.is_savings if bank else False,
        is_firm=vendor.kind == Vendor.Kind.FIRM,
        memo=_memo(planned),
    )


def _key(planned: PlannedPayment, before: set[tuple[int, int]]) -> str:
    """The payment's key: of the lines that it pays and of what paid them before."""
    ids = {line.line_id for line in planned.lines}
    facts = [
        sorted((line.line_id, str(line.amount.amount)) for line in planned.lines),
        sorted(pk for line_id, pk in before if line_id in ids),
    ]
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    return f"bill:{planned.vendor_id}:{planned.book_id}:{digest}"


def _memo(planned: PlannedPayment) -> str:
    """The numbers of the bills, as the vendor looks for them; those that do not fit are counted."""
    numbers = list(dict.fromkeys(line.bill_number for line in planned.lines))
    said = f"Bill{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
    shown = len(numbers)
    while len(said) > MEMO_LENGTH:
        shown -= 1
        said = f"Bills {', '.join(numbers[:shown])} and {len(numbers) - shown} more"
    return said


def _tell(paid: Iterable[tuple[Payment, PlannedPayment]], actor_id: int | None) -> None:
    """Write into each bill's history what was paid of it."""
    steps = []
    for payment, planned in paid:
        sums: dict[int, Money] = defaultdict(lambda: ZERO)
        for line in planned.lines:
            sums[line.bill_id] += line.amount
        for bill_id, amount in sums.items():
            said = f"{plain(amount)} by {payment}"[:500]
            steps.append(
                BillStep(bill_id=bill_id, what=BillStep.What.PAID, text=said, made_by_id=actor_id)
            )
    BillStep.objects.bulk_create(steps)


def _states_follow(bill_ids: Collection[int], actor_id: int | None) -> None:
    refresh_states(bill_ids)
    work_orders = Bill.objects.filter(pk__in=bill_ids, work_order__isnull=False)
    follow_bills(set(work_orders.values_list("work_order_id", flat=True)), actor_id=actor_id)


@transaction.atomic
def payment_came_back(payment_id: int, *, on: date, why: str) -> int:
    """A payment was returned or voided: its lines can be paid again. Returns how many.

    The journal was mirrored by who published it. Twice is once.
    """
    live = LinePayment.objects.select_for_update().filter(
        payment=payment_id, undone_on__isnull=True
    )
    rows = list(live.order_by("line_id").values_list("line__bill", "amount"))
    if not rows:
        return 0
    LinePayment.objects.filter(payment=payment_id, undone_on__isnull=True).update(undone_on=on)
    bills = {bill_id for bill_id, _ in rows}
    BillStep.objects.bulk_create(
        BillStep(bill_id=bill_id, what=BillStep.What.CAME_BACK, text=why[:500])
        for bill_id in sorted(bills)
    )
    _states_follow(bills, None)
    return len(rows)


@transaction.atomic
def payment_replaced(old_id: int, new_id: int) -> int:
    """A payment that came back was paid again as it was: its lines are paid by the new one.

    Raises IntegrityError if a line was paid another way since, which undoes the replacement.
    """
    rows = list(LinePayment.objects.filter(payment=old_id).order_by("line_id"))
    if not rows:
        return 0
    LinePayment.objects.bulk_create(
        LinePayment(line_id=row.line_id, payment_id=new_id, amount=row.amount) for row in rows
    )
    bills = set(
        BillLine.objects.filter(pk__in=[row.line_id for row in rows]).values_list(
            "bill_id", flat=True
        )
    )
    payment = Payment.objects.get(pk=new_id)
    BillStep.objects.bulk_create(
        BillStep(bill_id=bill_id, what=BillStep.What.PAID, text=f"Again, by {payment}")
        for bill_id in sorted(bills)
    )
    _states_follow(bills, None)
    return len(rows)


def payments_cleared(payment_ids: Collection[int]) -> None:
    """The bank has taken payments, or has not after all: their work orders follow."""
    rows = LinePayment.objects.filter(payment__in=payment_ids, line__bill__work_order__isnull=False)
    follow_bills(set(rows.values_list("line__bill__work_order", flat=True)))
