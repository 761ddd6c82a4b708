"""No order of charges, payments, returns, credits and fee runs breaks a sum or charges twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moneyed import Money

from compliance import rules
from compliance.types import AllocationRule, Source
from leases.models import LateFeeTerms
from ledger import queries as ledger
from ledger.charts import chart
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.errors import ReceivablesError
from receivables.lateness import Paid, due_fees
from receivables.models import Allocation, Charge, Credit, Receipt
from receivables.services import LateFees, allocations
from receivables.services.late_fees import OWN_CREDIT, terms_of
from receivables.types import NewComeback, OpenCharge
from tests.factories import receivables as make
from tests.factories.late import home_in, nsf_fee, terms
from tests.factories.leases import Company

START = date(2026, 3, 1)
_WORDS = (
    "rent", "parking", "pay", "pay", "pay late", "return", "part back", "credit", "write off",
    "waive", "undo", "assess", "unassign", "assign", "cancel",
)  # fmt: skip
amounts = st.integers(1, 200_000).map(lambda cents: usd(Decimal(cents).scaleb(-2)))
orders = st.lists(
    st.tuples(st.sampled_from(_WORDS), amounts, st.integers(0, 9)), min_size=4, max_size=16
)
agreed = st.sampled_from(
    [
        ("CA", {"kind": "flat", "flat": "40.00"}),
        ("CA", {"kind": "percentage", "rate": Decimal("0.05")}),
        ("CA", {"kind": "daily", "flat": "10.00", "daily": "2.50", "most": "60.00"}),
        ("NY", {"kind": "daily", "flat": "10.00", "daily": "5.00"}),
        ("AZ", {"kind": "flat", "flat": "40.00"}),
    ]
)


@dataclass
class World:
    """A company on a day that moves on with each step; everything is done twice."""

    home: Company
    agreed: LateFeeTerms
    day: date = START
    number: int = 0
    waived: set[int] = field(default_factory=set)

    def receipts(self, *states: str) -> list[Receipt]:
        rows = Receipt.objects.filter(entity=self.home.entity, state__in=states)
        return list(rows.order_by("id"))

    def live_credits(self) -> list[Credit]:
        rows = Credit.objects.filter(entity=self.home.entity, undone_by__isnull=True)
        return list(rows.order_by("id"))


def _charge(world: World, kind: str, amount: Money) -> None:
    for _ in range(2):
        services.add_charge(
            lease=world.home.lease, kind=kind, amount=amount, due_on=world.day,
            key=f"random:{world.number}",
        )  # fmt: skip


def _pay(world: World, amount: Money, on: date) -> None:
    for _ in range(2):
        make.receipt(
            world.home.lease, str(amount.amount), key=f"pay:{world.number}", received_on=on,
            settles_on=on, into="bank",
        )  # fmt: skip


def _back(world: World, pick: int, share: Decimal) -> None:
    if rows := world.receipts("settled"):
        receipt = rows[pick % len(rows)]
        left = receipt.gross - queries.taken_back(receipt)
        cents = max((left.amount * share).quantize(Decimal("0.01")), Decimal("0.01"))
        new = NewComeback(
            kind="return", key=f"back:{world.number}", amount=usd(cents), on=world.day, code="R01"
        )
        for _ in range(2):
            services.take_back(receipt, new)


def _credit(world: World, amount: Money, pick: int, kind: str) -> None:
    rows = list(Charge.objects.filter(entity=world.home.entity).order_by("id"))
    if rows:
        charge = rows[pick % len(rows)]
        if charge.late_for_id is not None:
            world.waived.add(charge.late_for_id)
        for _ in range(2):
            services.give_credit(
                charge, amount, kind=kind, reason="By chance", key=f"credit:{world.number}",
                on=world.day,
            )  # fmt: skip


def _waive(world: World, pick: int) -> None:
    rows = Charge.objects.filter(entity=world.home.entity, kind__in=("late_fee", "nsf_fee"))
    if found := list(rows.order_by("id")):
        charge = found[pick % len(found)]
        if charge.late_for_id is not None:
            world.waived.add(charge.late_for_id)
        for _ in range(2):
            services.waive(charge, reason="By chance", on=world.day)


def _undo(world: World, pick: int) -> None:
    # What the run took off by itself is no person's to take back.
    if rows := [each for each in world.live_credits() if not each.key.startswith(OWN_CREDIT)]:
        for _ in range(2):
            services.undo_credit(rows[pick % len(rows)], why="By chance", on=world.day)


def _unassign(world: World, pick: int) -> None:
    if rows := [each for each in world.receipts("settled") if each.lease_id]:
        for _ in range(2):
            services.unassign_receipt(rows[pick % len(rows)], on=world.day)


def _assign(world: World, pick: int) -> None:
    if rows := [each for each in world.receipts("settled") if not each.lease_id]:
        for _ in range(2):
            services.assign_receipt(rows[pick % len(rows)], world.home.lease, on=world.day)


def _cancel(world: World, pick: int) -> None:
    if rows := world.receipts("settled"):
        services.cancel_receipt(rows[pick % len(rows)], why="By chance")


def _assess(world: World) -> None:
    for _ in range(2):
        services.assess_late_fees(world.home.entity.pk, on=world.day)


STEPS: dict[str, Callable[[World, Money, int], None]] = {
    "rent": lambda world, amount, _: _charge(world, "rent", amount),
    "parking": lambda world, amount, _: _charge(world, "parking", amount),
    "pay": lambda world, amount, _: _pay(world, amount, world.day),
    "pay late": lambda world, amount, pick: _pay(world, amount, world.day - timedelta(days=pick)),
    "return": lambda world, _, pick: _back(world, pick, Decimal(1)),
    "part back": lambda world, _, pick: _back(world, pick, Decimal("0.4")),
    "credit": lambda world, amount, pick: _credit(world, amount, pick, "adjustment"),
    "write off": lambda world, amount, pick: _credit(world, amount, pick, "write_off"),
    "waive": lambda world, _, pick: _waive(world, pick),
    "undo": lambda world, _, pick: _undo(world, pick),
    "assess": lambda world, *_: _assess(world),
    "unassign": lambda world, _, pick: _unassign(world, pick),
    "assign": lambda world, _, pick: _assign(world, pick),
    "cancel": lambda world, _, pick: _cancel(world, pick),
}


@pytest.mark.django_db
@settings(max_examples=40)
@given(steps=orders, agreement=agreed)
def test_every_order_keeps_every_sum_and_charges_each_fee_once(
    steps: list[tuple[str, Money, int]], agreement: tuple[str, dict[str, object]]
) -> None:
    state, facts = agreement
    home = home_in(state, shares=("0.6", "0.4"))
    nsf_fee(home, "20.00")
    world = World(home, terms(home, grace_days=3, **facts))
    for number, (what, amount, pick) in enumerate(steps):
        world.number = number
        world.day += timedelta(days=2)
        try:
            STEPS[what](world, amount, pick)
        except ReceivablesError:
            continue  # Refused with a reason; nothing may have changed, which is looked at now.
        finally:
            assert_sums(home)
    world.day += timedelta(days=1)
    _assess(world)
    assert_fees(world)
    assert services.assess_late_fees(home.entity.pk, on=world.day) in (
        LateFees(),
        LateFees(unknown=Charge.objects.filter(entity=home.entity, kind="rent").count()),
    )


def assert_sums(home: Company) -> None:
    """Paid = live allocations; receivable = open charges; book = beneficiaries; receipts once."""
    opened = ZERO
    for charge in Charge.objects.filter(entity=home.entity):
        live = Allocation.objects.filter(charge=charge, undone_by__isnull=True)
        assert charge.paid == sum((row.amount for row in live), ZERO)
        opened += charge.amount - charge.paid
    accounts = chart(home.entity.pk)
    receivable = ledger.account_balance(
        book_id=home.property.book_id, account_id=accounts.receivable
    )
    assert receivable == opened
    both = ledger.trust_equation(home.rent_book.pk)
    assert both.book == both.held
    for credit in Credit.objects.filter(entity=home.entity):
        live = credit.allocations.filter(undone_by__isnull=True)
        stands = credit.amount if credit.undone_by_id is None else ZERO
        assert sum((row.amount for row in live), ZERO) == stands


def assert_fees(world: World) -> None:
    """Each rent has the fees of the payments that stand; less where a person waived some."""
    rule = rules.late_fee(world.home.property.state, on=START)
    for rent in Charge.objects.filter(entity=world.home.entity, kind="rent"):
        fees = Charge.objects.filter(late_for=rent)
        left = ZERO
        for fee in fees:
            let_off = fee.credits.filter(undone_by__isnull=True)
            left += fee.amount - sum((row.amount for row in let_off), ZERO)
        if rules.is_unknown(rule.cap):
            assert not fees.exists()
            continue
        due = due_fees(
            terms_of(world.agreed), rule, due_on=rent.due_on, rent=rent.amount,
            paid=paid_of(rent), on=world.day,
        )  # fmt: skip
        expected = sum((fee.amount for fee in due), ZERO)
        assert left <= expected if rent.pk in world.waived else left == expected


def paid_of(rent: Charge) -> list[Paid]:
    """What of a rent was paid on which day, told from its rows one by one."""
    found = []
    for row in rent.allocations.filter(undone_by__isnull=True):
        if row.receipt is not None:
            found.append(Paid(row.receipt.received_on, row.amount))
        elif row.credit is not None and row.credit.kind == "write_off":
            found.append(Paid(row.credit.counts_on, row.amount))
        else:
            found.append(Paid(rent.due_on, row.amount))
    return found


# -- The order in which money pays


def test_law_stands_above_the_agreement() -> None:
    charges = [
        OpenCharge(1, "late_fee", date(2026, 1, 1), usd(1)),
        OpenCharge(2, "utilities", date(2026, 2, 1), usd(1)),
        OpenCharge(3, "rent", date(2026, 3, 1), usd(1)),
        OpenCharge(4, "parking", date(2026, 1, 15), usd(1)),
    ]

    def order(agreed: str, *first: str) -> list[int]:
        return [each.charge_id for each in allocations.in_order(charges, agreed, first)]

    assert order("oldest_first") == [1, 4, 2, 3]
    assert order("rent_first") == [3, 1, 4, 2]
    assert order("oldest_first", "rent", "utilities") == [3, 2, 1, 4]
    assert order("rent_first", "utilities") == [2, 3, 1, 4]


@pytest.mark.django_db
def test_state_that_says_rent_first_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_in("NY")
    fee = make.charge(home.lease, "50.00", kind="late_fee", due_on=date(2026, 2, 1))
    rent = make.charge(home.lease, "100.00")
    law = AllocationRule(
        jurisdiction="NY", first=("rent",),
        source=Source("A statute", "", "statute text", "2026-11", is_row_confirmed=True),
    )  # fmt: skip
    monkeypatch.setattr(rules, "allocation", lambda state, *, on: law)

    make.receipt(home.lease, "120.00")

    fee.refresh_from_db()
    rent.refresh_from_db()
    assert (rent.paid, fee.paid) == (usd("100.00"), usd("20.00"))
    assert allocations.law_of_order("NY", START).source.citation == "A statute"


@pytest.mark.django_db
def test_state_whose_order_is_unknown_leaves_it_to_the_agreement() -> None:
    assert allocations.first_by_law("CA", START) == ()
    assert allocations.first_by_law("AZ", START) == ()
