"""Bills are approved, split over owners, paid where the money is, payable again when it returns.

The figures are worked by hand beside each test.
"""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leases.models import Property
from ledger.charts import chart
from ledger.models import Entry
from ledger.queries import account_balance, balance, trust_equation
from payables import services
from payables.errors import LooksPaidTwice, OtherCompany, OwnBill, WrongSplit, WrongState
from payables.models import Bill, LinePayment, Vendor, WorkOrder
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import ZERO, usd
from tests.factories import payables as make
from tests.factories import receivables as money
from tests.factories.desk import person
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db

PAY_DAY = date(2026, 3, 16)
THIRDS = ("0.33333334", "0.33333333", "0.33333333")


@pytest.fixture
def home() -> Company:
    """A property of three owners in thirds, and a stock of checks."""
    return make.home(shares=THIRDS)


def held(home: Company) -> list[str]:
    """What the trust holds for each owner of the first property."""
    return [
        str(balance(book_id=home.rent_book.pk, beneficiary_id=who).amount)
        for who in home.owner_beneficiaries()
    ]


def payable(home: Company, place: Property | None = None) -> str:
    """What a property's book owes to vendors: a debt is below zero."""
    account_id = chart(home.entity.pk).payable
    book_id = (place or home.property).book_id
    return str(account_balance(book_id=book_id, account_id=account_id).amount)


def test_approved_bill_is_an_expense_of_its_property_and_moves_no_trust_money(
    home: Company,
) -> None:
    make.fund(home.property, "1000.00")
    before = held(home)
    plumber = make.vendor(home)

    bill = make.bill(plumber, [(home.property, "100.00")], memo="New trap")

    assert bill.state == Bill.State.APPROVED
    assert bill.entry is not None
    assert (bill.entry.kind, bill.entry.dated_on) == (Entry.Kind.ADJUSTMENT, make.A_DAY)
    assert payable(home) == "-100.00"
    assert held(home) == before


def test_hundred_dollars_of_three_owners_in_thirds_lose_no_cent(home: Company) -> None:
    # 1,000.00 in thirds: 333.34, 333.33, 333.33. 100.00 in thirds: 33.34, 33.33, 33.33.
    make.fund(home.property, "1000.00")
    assert held(home) == ["333.34", "333.33", "333.33"]
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert held(home) == ["300.00", "300.00", "300.00"]
    assert payable(home) == "0.00"
    payment = Payment.objects.get(pk=done.payment_ids[0])
    assert (payment.amount, payment.number, payment.purpose) == (usd("100.00"), "1001", "vendor")
    assert payment.entry.kind == Entry.Kind.VENDOR_PAYMENT
    bill.refresh_from_db()
    assert bill.state == Bill.State.PAID


def test_one_payment_pays_a_bill_over_thirty_properties_of_several_owners(home: Company) -> None:
    # 30 properties pay 10.01 to 10.30: 30 × 10 + (1 + 2 + … + 30) cents = 300 + 4.65 = 304.65.
    places = [home.property] + [make.place(home, shares=("0.5", "0.5")) for _ in range(29)]
    for place in places:
        make.fund(place, "500.00")
    lines = [(place, f"10.{cents:02}") for cents, place in enumerate(places, 1)]
    bill = make.bill(make.vendor(home), lines)
    assert bill.amount == usd("304.65")

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert done.total == usd("304.65")
    assert len(done.payment_ids) == 1
    assert Payment.objects.get().amount == usd("304.65")
    for place in places:
        assert payable(home, place) == "0.00"
    # The second property: 10.02 in halves, 5.01 each, of 250.00.
    second = places[1].shares.order_by("id")
    assert [
        balance(book_id=home.rent_book.pk, beneficiary_id=share.beneficiary_id) for share in second
    ] == [usd("244.99"), usd("244.99")]
    assert trust_equation(home.rent_book.pk).difference == ZERO


def test_line_without_money_waits_and_says_why_while_the_others_are_paid(home: Company) -> None:
    poor = make.place(home)
    make.fund(home.property, "300.00")
    make.fund(poor, "40.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00"), (poor, "40.01")])

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert done.total == usd("100.00")
    (waiting,) = done.waiting
    assert waiting.amount == usd("40.01")
    assert "40.00 of 40.01 is at the bank" in waiting.why
    bill.refresh_from_db()
    assert bill.state == Bill.State.PART_PAID

    make.fund(poor, "0.01")
    again = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    assert again.total == usd("40.01")
    bill.refresh_from_db()
    assert bill.state == Bill.State.PAID


def test_money_that_a_processor_still_has_pays_no_bill(home: Company) -> None:
    make.fund(home.property, "90.00")
    money.charge(home.lease, "500.00")
    money.receipt(home.lease, "500.00")  # Stripe has it; the bank does not.
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert done.payment_ids == ()
    assert "30.00 of 33.34 is at the bank" in done.waiting[0].why


def test_two_bills_share_the_money_in_the_order_they_are_due(home: Company) -> None:
    make.fund(home.property, "150.00")
    plumber, painter = make.vendor(home), make.vendor(home)
    later = make.bill(plumber, [(home.property, "100.00")], due_on=date(2026, 3, 20))
    sooner = make.bill(painter, [(home.property, "90.00")], due_on=date(2026, 3, 10))

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[later.pk, sooner.pk], on=PAY_DAY)

    assert Payment.objects.get().payee == painter.name
    assert [waiting.bill_id for waiting in done.waiting] == [later.pk]


def test_paying_again_pays_nothing_twice(home: Company) -> None:
    make.fund(home.property, "1000.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])
    for _ in range(2):
        services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert Payment.objects.count() == 1
    assert held(home) == ["300.00", "300.00", "300.00"]


def test_other_total_than_the_person_saw_pays_nothing(home: Company) -> None:
    make.fund(home.property, "1000.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    with pytest.raises(WrongState, match=r"come to 100\.00 now, not to 99\.00"):
        services.pay_bills(
            entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY, expected=usd("99.00")
        )
    assert not Payment.objects.exists()


def test_bill_of_another_company_is_refused(home: Company) -> None:
    strangers = company()
    bill = make.bill(make.vendor(strangers), [(strangers.property, "10.00")])

    with pytest.raises(OtherCompany):
        services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    with pytest.raises(OtherCompany, match="does not manage"):
        make.draft(make.vendor(home), [(strangers.property, "10.00")])


def test_payment_that_came_back_makes_the_lines_payable_again(home: Company) -> None:
    make.fund(home.property, "1000.00")
    plumber = make.vendor(home)
    order = make.work_order(plumber, home.property)
    boss = make.manager(plumber)
    services.approve_work_order(order, actor_id=boss.pk)
    services.complete_work_order(order, on=make.A_DAY)
    bill = make.bill(plumber, [(home.property, "100.00")], work_order_id=order.pk)
    (first,) = services.pay_bills(
        entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY
    ).payment_ids
    order.refresh_from_db()
    assert order.state == WorkOrder.State.PAID

    payments.clear([first], on=PAY_DAY)
    order.refresh_from_db()
    assert order.state == WorkOrder.State.CLEARED

    payments.come_back(Payment.objects.get(), code="R03", on=date(2026, 3, 18))

    bill.refresh_from_db()
    order.refresh_from_db()
    assert (bill.state, order.state) == (Bill.State.APPROVED, WorkOrder.State.INVOICED)
    assert held(home) == ["333.34", "333.33", "333.33"]
    assert payable(home) == "-100.00"

    services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=date(2026, 3, 19))
    order.refresh_from_db()
    assert order.state == WorkOrder.State.PAID
    assert held(home) == ["300.00", "300.00", "300.00"]
    assert [step.state for step in order.steps.all()] == [
        "created", "approved", "completed", "invoiced", "paid", "cleared", "invoiced", "paid",
    ]  # fmt: skip


def test_check_that_is_issued_again_pays_the_same_lines(home: Company) -> None:
    make.fund(home.property, "1000.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])
    services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    lost = Payment.objects.get()

    new = payments.reissue(
        lost, on=date(2026, 4, 1), method="check", key="again", actor_id=None, why="Lost"
    )

    bill.refresh_from_db()
    assert bill.state == Bill.State.PAID
    live = LinePayment.objects.get(undone_on__isnull=True)
    assert live.payment_id == new.pk
    assert held(home) == ["300.00", "300.00", "300.00"]


def test_vendor_credit_pays_the_next_bill_of_its_property_first(home: Company) -> None:
    # 100.00 less a credit of 30.00: the check is 70.00; the property's expense is 70.00 as well.
    make.fund(home.property, "1000.00")
    plumber = make.vendor(home)
    other = make.place(home)
    credit = make.bill(plumber, [(home.property, "30.00"), (other, "5.00")], is_credit=True)
    bill = make.bill(plumber, [(home.property, "100.00")])
    assert bill.state == Bill.State.PART_PAID
    assert payable(home) == "-70.00"

    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    assert done.total == usd("70.00")
    assert payable(home) == "0.00"
    # 1,000.00 − 70.00 = 930.00: 310.00 each, where a cent moves with the rounding of 70.00.
    assert held(home) == ["310.00", "310.00", "310.00"]
    credit.refresh_from_db()
    assert credit.state == Bill.State.PART_PAID  # 5.00 of the other property is still to be used.


def test_cancelled_bill_is_reversed_and_gives_its_credit_back(home: Company) -> None:
    plumber = make.vendor(home)
    credit = make.bill(plumber, [(home.property, "30.00")], is_credit=True)
    bill = make.bill(plumber, [(home.property, "30.00")])
    assert bill.state == Bill.State.PAID

    services.cancel_bill(bill, reason="Ours was the neighbour's", on=PAY_DAY)

    credit.refresh_from_db()
    assert credit.state == Bill.State.APPROVED
    assert payable(home) == "30.00"


def test_who_entered_a_bill_does_not_approve_it(home: Company) -> None:
    clerk = person(entity=home.entity)
    bill = make.draft(make.vendor(home), [(home.property, "10.00")], actor_id=clerk.pk)

    with pytest.raises(OwnBill):
        services.approve_bill(bill, actor_id=clerk.pk)


def test_lines_must_come_to_the_amount(home: Company) -> None:
    with pytest.raises(WrongSplit, match=r"come to 10\.00, the bill is 12\.00: 2\.00 too little"):
        make.draft(make.vendor(home), [(home.property, "10.00")], amount=usd("12.00"))


@pytest.mark.parametrize("number", ["inv 0042", "INV-0042", "Inv.0042"])
def test_same_number_in_other_writing_is_asked_about(home: Company, number: str) -> None:
    plumber = make.vendor(home)
    make.bill(plumber, [(home.property, "10.00")], number="INV-0042")
    twice = make.draft(plumber, [(home.property, "12.00")], number=number)

    with pytest.raises(LooksPaidTwice, match="the same number"):
        services.approve_bill(twice, actor_id=make.manager(plumber).pk)

    services.release(
        twice, kind="bill_entered_twice", reason="A second visit", actor_id=make.manager(plumber).pk
    )
    assert services.approve_bill(twice, actor_id=make.manager(plumber).pk).entry is not None


def test_vendor_with_lapsed_insurance_waits_or_is_paid_with_a_warning(home: Company) -> None:
    make.fund(home.property, "1000.00")
    roofer = make.vendor(
        home, insurance_expires_on=date(2026, 3, 1), insurance_policy=Vendor.InsurancePolicy.BLOCKS
    )
    bill = make.bill(roofer, [(home.property, "100.00")])

    plan = services.plan_payments(home.entity.pk, [bill.pk], on=PAY_DAY)
    assert plan.waiting[0].why == "insurance lapsed on Mar 1, 2026"

    services.change_vendor(roofer, insurance_policy=Vendor.InsurancePolicy.WARNS)
    plan = services.plan_payments(home.entity.pk, [bill.pk], on=PAY_DAY)
    assert plan.payments[0].warnings == ["insurance lapsed on Mar 1, 2026"]


def test_cost_in_queries_does_not_grow_with_the_bills(home: Company) -> None:
    make.fund(home.property, "5000.00")

    def cost(many: int) -> int:
        plumber = make.vendor(home)
        bills = [make.bill(plumber, [(home.property, f"{n}.00")]) for n in range(1, many + 1)]
        with CaptureQueriesContext(connection) as queries:
            services.pay_bills(
                entity_id=home.entity.pk, bill_ids=[bill.pk for bill in bills], on=PAY_DAY
            )
        return len(queries)

    assert cost(2) == cost(12)


def test_share_of_an_owner_is_of_the_day_that_pays(home: Company) -> None:
    assert sum(Decimal(share) for share in THIRDS) == 1
    make.fund(home.property, "90.00")
    bill = make.bill(make.vendor(home), [(home.property, "90.00")])
    plan = services.plan_payments(home.entity.pk, [bill.pk], on=PAY_DAY)
    assert [effect.after for effect in plan.effects] == [ZERO, ZERO, ZERO]
    assert plan.payments[0].claims == dict.fromkeys(home.owner_beneficiaries(), usd("30.00"))
