"""Interest on deposits: worked by hand, credited once, paid by the bank's interest or the owner."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from moneyed import Money

from compliance import rules
from compliance.interest import DayCount, interest_owed
from compliance.types import InterestRule
from deposits import interest, services
from deposits.errors import AlreadyDone
from deposits.models import Deposit, InterestCredit, Question
from deposits.types import InterestRun, Step
from leases.models import Lease
from leases.services import create_unit
from ledger.charts import chart
from ledger.company import company_of, operating_book_of
from ledger.queries import account_balance, balance
from proptrust.lib.money import ZERO, usd
from tests.factories import deposits as make
from tests.factories.leases import Company, lease_in

pytestmark = pytest.mark.django_db
NEW_YEAR = date(2026, 1, 1)


def run(home: Company, on: date = NEW_YEAR) -> InterestRun:
    return services.credit_interest(home.entity.pk, on=on)


def pool(home: Company) -> Money:
    """The bank's interest that no tenant has yet."""
    who = services.interest_pool_of(home.deposit_book)
    return balance(book_id=home.deposit_book.pk, beneficiary_id=who)


def company_has(home: Company) -> Money:
    return balance(book_id=home.deposit_book.pk, beneficiary_id=company_of(home.entity.pk))


def deposit_holds(home: Company) -> Money:
    return balance(book_id=home.deposit_book.pk, beneficiary_id=home.lease.deposit_id)


def massachusetts(on: date) -> InterestRule:
    return rules.deposit_interest("MA", on=on, facts={})


def test_massachusetts_credits_what_the_bank_paid() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "40.00", year=2025, rate="0.03")

    done = run(home)

    assert (done.credited, done.amount) == (1, usd("36.00"))
    assert deposit_holds(home) == usd("1236.00")
    assert pool(home) == usd("4.00")
    row = InterestCredit.objects.get()
    assert (row.from_on, row.to_on) == (date(2025, 1, 1), date(2025, 12, 31))
    assert row.steps == [
        {
            "from": "2025-01-01",
            "to": "2025-12-31",
            "principal": "1200.00",
            "rate": "0.03",
            "days": 365,
            "of_days": 365,
            "rate_from": "statement of 2025",
        }
    ]
    assert "186" in row.citation


def test_massachusetts_stops_at_five_percent() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "72.00", year=2025, rate="0.06")

    assert run(home).amount == usd("60.00")
    assert pool(home) == usd("12.00")


def test_massachusetts_owes_nothing_before_twelve_months() -> None:
    home = make.home_in("MA", deposit="1200.00", taken_on=date(2025, 7, 1))
    make.bank_paid(home.deposit_book, "40.00", year=2025, rate="0.03")

    assert run(home) == InterestRun()
    assert not InterestCredit.objects.exists()

    make.bank_paid(home.deposit_book, "40.00", year=2026, rate="0.03")
    done = run(home, date(2027, 1, 1))

    # 1,200 at 3 % for the 184 days of 2025 from July on (18.15), and the whole of 2026 (36.00).
    assert done.amount == usd("54.15")
    assert done.credited == 2


def test_new_york_keeps_one_percent_of_the_deposit() -> None:
    home = make.home_in("NY", deposit="1500.00", units=6)
    make.bank_paid(home.deposit_book, "30.00", year=2025, rate="0.02")

    assert run(home).amount == usd("15.00")

    assert company_has(home) == usd("15.00")
    assert pool(home) == ZERO
    accounts = chart(home.entity.pk)
    operating = operating_book_of(home.entity.pk)
    assert account_balance(book_id=operating, account_id=accounts.held) == usd("15.00")
    income = account_balance(book_id=operating, account_id=accounts.interest_income)
    assert income == usd("-15.00")


def test_new_york_fee_never_exceeds_the_banks_interest() -> None:
    home = make.home_in("NY", deposit="1500.00", units=6)
    make.bank_paid(home.deposit_book, "7.50", year=2025, rate="0.005")

    done = run(home)

    assert (done.amount, done.nothing) == (ZERO, 1)
    assert InterestCredit.objects.get().state == InterestCredit.State.NOTHING


def test_small_new_york_house_asks_how_the_deposit_is_held() -> None:
    home = make.home_in("NY", deposit="1500.00", units=3)

    assert run(home).questions == 1
    question = Question.objects.get(topic="interest")
    assert question.fact == "deposit_held_as"

    services.know(home.property, "deposit_held_as", "account", lease=None, actor_id=None)
    assert run(home) == InterestRun()
    assert not Question.objects.filter(topic="interest").exists()


def test_florida_fixed_rate_is_paid_by_the_owner() -> None:
    home = make.home_in(
        "FL",
        deposit="1000.00",
        facts={"deposit_held_as": "interest account", "interest_election": "fixed rate"},
    )
    make.fund_owner(home, "500.00", on=date(2025, 12, 1))
    (owner,) = home.owner_beneficiaries()
    before = balance(book_id=home.rent_book.pk, beneficiary_id=owner)

    assert run(home).amount == usd("50.00")

    assert balance(book_id=home.rent_book.pk, beneficiary_id=owner) == before - usd("50.00")
    assert deposit_holds(home) == usd("1050.00")
    cost = account_balance(
        book_id=home.property.book_id, account_id=chart(home.entity.pk).deposit_interest
    )
    assert cost == usd("50.00")


def test_florida_share_is_three_quarters_of_the_accounts_interest() -> None:
    home = make.home_in(
        "FL",
        deposit="1000.00",
        facts={
            "deposit_held_as": "interest account",
            "interest_election": "share of account interest",
        },
    )
    make.bank_paid(home.deposit_book, "20.00", year=2025, rate="0.02")

    assert run(home).amount == usd("15.00")
    assert pool(home) == usd("5.00")


def test_california_owes_no_interest() -> None:
    home = make.home_in("CA")

    assert run(home) == InterestRun()
    assert not Question.objects.exists()


def test_running_twice_credits_once() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "80.00", year=2025, rate="0.03")
    run(home)

    assert run(home) == InterestRun()
    assert deposit_holds(home) == usd("1236.00")


def test_interest_waits_until_somebody_can_pay_it() -> None:
    home = make.home_in("MA", deposit="1200.00")
    services.enter_rate(home.deposit_book, year=2025, rate=Decimal("0.03"), source="bank's letter")
    assert run(home).waiting == 1
    assert "neither" in InterestCredit.objects.get().waits_for

    services.record_bank_interest(
        home.deposit_book, amount=usd("36.00"), paid_on=NEW_YEAR, key="2025"
    )
    done = run(home, date(2026, 1, 5))

    assert (done.credited, done.waiting) == (1, 0)
    row = InterestCredit.objects.get()
    assert (row.state, row.funded_by, row.credited_on) == ("credited", "bank", date(2026, 1, 5))


def test_principal_that_grew_bears_interest_from_its_day() -> None:
    home = make.home_in("MA", deposit="1000.00")
    make.hold(home.lease, "365.00", on=date(2025, 10, 2))
    make.bank_paid(home.deposit_book, "60.00", year=2025, rate="0.04")

    # 1,000 for the year (40.00); 365 more for the 91 days from October 2 on: 3.64.
    assert run(home).amount == usd("43.64")


def test_rate_of_each_calendar_year_counts_for_its_days() -> None:
    home = make.home_in("MA", deposit="3650.00", starts_on=date(2024, 7, 1))
    make.bank_paid(home.deposit_book, "100.00", year=2024, rate="0.02")
    make.bank_paid(home.deposit_book, "100.00", year=2025, rate="0.03")

    # 184 days at 2 % (36.80) and 181 at 3 % (54.30).
    assert run(home, date(2025, 7, 1)).amount == usd("91.10")


def test_used_rate_stays() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "40.00", year=2025, rate="0.03")
    run(home)

    with pytest.raises(AlreadyDone):
        services.enter_rate(home.deposit_book, year=2025, rate=Decimal("0.04"), source="x")


def test_interest_of_the_bank_is_recorded_once() -> None:
    home = make.home_in("MA")
    facts = {"paid_on": NEW_YEAR, "key": "dec"}
    services.record_bank_interest(home.deposit_book, amount=usd("9"), **facts)  # type: ignore[arg-type]
    services.record_bank_interest(home.deposit_book, amount=usd("9"), **facts)  # type: ignore[arg-type]

    assert pool(home) == usd("9")
    with pytest.raises(AlreadyDone):
        services.record_bank_interest(home.deposit_book, amount=usd("8"), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", ["0.01", "0.0333", "0.05", "0.061"])
@pytest.mark.parametrize("principal", ["1.00", "999.99", "1850.00", "12345.67"])
def test_one_step_is_what_compliance_reckons(rate: str, principal: str) -> None:
    first, last = date(2024, 2, 29), date(2025, 2, 28)
    amount, day_rate = usd(principal), Decimal(rate)
    steps = interest.steps_of(
        first, first, last, [(first, amount)], lambda day: (day_rate, "", date.max)
    )
    rule = massachusetts(first)

    found = interest.reckon(rule, first, last, steps, held_months=12)

    exact = amount.amount * day_rate
    credited = Money(exact, "USD")
    assert found is not None
    assert found.amount == interest_owed(
        rule, amount, first, last, day_count=DayCount.TENANCY_YEARS, credited=credited
    )


def test_steps_cover_each_day_once() -> None:
    first, last = date(2024, 3, 1), date(2025, 2, 28)
    principals = [(first, usd("10")), (date(2024, 5, 5), ZERO), (date(2024, 12, 1), usd("7"))]

    def rate(day: date) -> interest.Rate:
        return Decimal("0.01"), str(day.year), date(day.year, 12, 31)

    steps = interest.steps_of(first, first, last, principals, rate)

    assert [(step.first, step.last) for step in steps] == [
        (first, date(2024, 5, 4)),
        (date(2024, 12, 1), date(2024, 12, 31)),
        (date(2025, 1, 1), last),
    ]
    assert {step.of_days for step in steps} == {365}
    assert steps[0] == Step(first, date(2024, 5, 4), usd("10"), Decimal("0.01"), 365, "2024")


def test_queries_do_not_grow_with_the_leases() -> None:
    few, many = (_queries_of_a_run(count) for count in (2, 12))

    assert few == many


def _queries_of_a_run(count: int) -> int:
    home = make.home_in("MA", deposit="1200.00")
    for number in range(count - 1):
        unit = create_unit(property_=home.property, code=f"M{number}")
        lease = lease_in(unit, starts_on=date(2025, 1, 1))
        Lease.objects.filter(pk=lease.pk).update(deposit_agreed=usd("1200.00"))
        make.hold(make.fresh(lease), "1200.00", on=date(2025, 1, 1))
    make.bank_paid(home.deposit_book, "900.00", year=2025, rate="0.03")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        done = run(home)
    assert done.credited == count
    assert Deposit.objects.filter(entity=home.entity).count() == count
    return len(queries)
