"""Escrows: funding by schedule, shortage, payment, analysis."""

from datetime import date

import pytest
from moneyed import Money

from deposits import services
from deposits.errors import AlreadyDone, DepositsError
from deposits.models import EscrowBill, EscrowFund, EscrowFunding
from deposits.services.escrows import held_of
from ledger.charts import chart
from ledger.errors import Overdrawn
from ledger.queries import account_balance, balance, trust_equation
from payments import services as payments
from proptrust.lib.money import ZERO, usd
from tests.factories import deposits as make
from tests.factories.leases import Company, company, trust_book

pytestmark = pytest.mark.django_db
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))


@pytest.fixture
def home() -> Company:
    return company()


def owner(home: Company) -> Money:
    (who,) = home.owner_beneficiaries()
    return balance(book_id=home.rent_book.pk, beneficiary_id=who)


def tax(home: Company, amount: str = "1200.00", due_on: date = date(2026, 4, 10)) -> EscrowFund:
    """A tax escrow for one bill a year."""
    fund = services.open_fund(home.property, kind="tax")
    services.expect_bill(fund, payee="County", amount=usd(amount), due_on=due_on, repeats_months=12)
    return fund


def fund(home: Company, month: date) -> tuple[Money, int]:
    done = services.fund_escrows(home.entity.pk, month, on=month)
    return done.amount, done.short


def test_bill_is_spread_over_the_months_until_it_is_due(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    escrow = tax(home)
    before = owner(home)

    assert fund(home, JANUARY) == (usd("300.00"), 0)
    assert fund(home, FEBRUARY) == (usd("300.00"), 0)

    assert held_of(escrow) == usd("600.00")
    assert owner(home) == before - usd("600.00")
    accounts = chart(home.entity.pk)
    put_aside = account_balance(book_id=home.property.book_id, account_id=accounts.escrowed)
    assert put_aside == usd("600.00")


def test_funding_twice_takes_once(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    escrow = tax(home)
    fund(home, JANUARY)

    assert fund(home, JANUARY) == (ZERO, 0)
    assert held_of(escrow) == usd("300.00")


def test_what_the_owner_lacks_is_taken_when_it_is_there(home: Company) -> None:
    escrow = tax(home)
    make.fund_owner(home, "100.00", on=JANUARY)
    has = owner(home)

    assert fund(home, JANUARY) == (has, 1)
    row = EscrowFunding.objects.get()
    assert "the owner has" in row.why_short

    make.fund_owner(home, "1000.00", on=date(2026, 1, 20))
    services.top_up(row, on=date(2026, 1, 20))

    row.refresh_from_db()
    assert (row.funded, row.why_short) == (usd("300.00"), "")
    assert held_of(escrow) == usd("300.00")


def test_later_months_make_up_for_a_short_one(home: Company) -> None:
    tax(home)
    assert fund(home, JANUARY) == (ZERO, 1)
    make.fund_owner(home, "5000.00", on=FEBRUARY)

    assert fund(home, FEBRUARY) == (usd("400.00"), 0)


def test_owners_pay_by_their_shares() -> None:
    home = company(shares=("0.33333333", "0.66666667"))
    make.fund_owner(home, "3000.00", on=JANUARY)
    tax(home, "100.00", due_on=JANUARY)
    ids = home.owner_beneficiaries()
    before = [balance(book_id=home.rent_book.pk, beneficiary_id=each) for each in ids]

    fund(home, JANUARY)

    after = [balance(book_id=home.rent_book.pk, beneficiary_id=each) for each in ids]
    taken = [was - now for was, now in zip(before, after, strict=True)]
    assert taken == [usd("33.33"), usd("66.67")]


def test_escrow_in_another_account_moves_the_cash(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    other = trust_book(home.entity, "escrow")
    escrow = services.open_fund(home.property, kind="insurance", book=other)
    services.expect_bill(escrow, payee="Insurer", amount=usd("90"), due_on=date(2026, 3, 1))

    fund(home, JANUARY)

    assert trust_equation(other.pk).cash == usd("30.00")
    assert held_of(escrow) == usd("30.00")


def test_bill_is_paid_once_and_the_next_one_is_expected(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    make.checks(home.rent_book)
    escrow = tax(home, "300.00", due_on=JANUARY)
    fund(home, JANUARY)
    bill = escrow.bills.get()

    for _ in range(2):
        services.pay_bill(bill, on=JANUARY)

    assert held_of(escrow) == ZERO
    paid, coming = escrow.bills.order_by("due_on")
    assert (paid.state, coming.state) == ("paid", "expected")
    assert coming.due_on == date(2027, 1, 1)
    accounts = chart(home.entity.pk)
    cost = account_balance(book_id=home.property.book_id, account_id=accounts.taxes_insurance)
    assert cost == usd("300.00")
    left = account_balance(book_id=home.property.book_id, account_id=accounts.escrowed)
    assert left == ZERO


def test_escrow_is_never_overdrawn(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    make.checks(home.rent_book)
    escrow = tax(home)
    fund(home, JANUARY)

    with pytest.raises(Overdrawn):
        services.pay_bill(escrow.bills.get(), on=JANUARY)

    assert held_of(escrow) == usd("300.00")


def test_bill_whose_payment_came_back_is_paid_in_its_place(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    make.checks(home.rent_book)
    escrow = tax(home, "300.00", due_on=JANUARY)
    fund(home, JANUARY)
    bill = services.pay_bill(escrow.bills.get(), on=JANUARY)
    assert bill.payment is not None
    payments.void(bill.payment, why="Wrong parcel", on=JANUARY, actor_id=None)
    bill.refresh_from_db()
    assert bill.state == EscrowBill.State.BACK
    assert held_of(escrow) == usd("300.00")

    again = services.pay_bill(bill, on=FEBRUARY)

    assert again.state == EscrowBill.State.PAID
    assert again.payment is not None
    assert again.payment.replaces_id == bill.payment_id
    assert held_of(escrow) == ZERO
    assert escrow.bills.count() == 2


def test_reserve_is_filled_to_its_target(home: Company) -> None:
    make.fund_owner(home, "1000.00", on=JANUARY)
    escrow = services.open_fund(home.property, kind="maintenance", target=usd("400.00"))

    assert fund(home, JANUARY) == (usd("400.00"), 0)
    assert fund(home, FEBRUARY) == (ZERO, 0)
    assert held_of(escrow) == usd("400.00")


def test_analysis_names_shortage_and_month(home: Company) -> None:
    escrow = tax(home)
    fund(home, JANUARY)  # Nothing is there: 300.00 of January stays missing.

    found = services.analyse(escrow, on=JANUARY)

    assert (found.held, found.monthly) == (ZERO, usd("300.00"))
    assert [month.closing for month in found.months[:4]] == [
        usd("300"),
        usd("600"),
        usd("900"),
        ZERO,
    ]
    assert (found.lowest, found.lowest_on) == (ZERO, date(2026, 4, 1))
    assert found.shortage == ZERO


def test_analysis_of_a_bill_that_grew_shows_the_shortage(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    escrow = tax(home)
    fund(home, JANUARY)
    services.expect_bill(
        escrow, payee="County", amount=usd("1500"), due_on=date(2026, 4, 10), repeats_months=12
    )

    found = services.analyse(escrow, on=JANUARY)

    # The month's 300.00 is fixed; three more of them leave the April bill 300.00 short.
    assert (found.shortage, found.lowest_on) == (usd("300.00"), date(2026, 4, 1))


def test_bad_bills_are_refused(home: Company) -> None:
    escrow = services.open_fund(home.property, kind="tax")
    with pytest.raises(DepositsError, match="above zero"):
        services.expect_bill(escrow, payee="County", amount=ZERO, due_on=JANUARY)
    with pytest.raises(DepositsError, match="payee"):
        services.expect_bill(escrow, payee=" ", amount=usd("1"), due_on=JANUARY)
    with pytest.raises(DepositsError, match="no trust account"):
        services.open_fund(home.property, kind="tax", book=trust_book(company().entity, "escrow"))
    make.fund_owner(home, "50.00", on=JANUARY)
    make.checks(home.rent_book)
    bill = services.expect_bill(escrow, payee="County", amount=usd("10"), due_on=JANUARY)
    fund(home, JANUARY)
    services.pay_bill(bill, on=JANUARY)
    with pytest.raises(AlreadyDone):
        services.cancel_bill(bill)


def test_month_of_march_is_not_needed_for_a_paid_up_escrow(home: Company) -> None:
    make.fund_owner(home, "5000.00", on=JANUARY)
    tax(home, "300.00", due_on=JANUARY)
    fund(home, JANUARY)

    assert fund(home, MARCH) == (ZERO, 0)
