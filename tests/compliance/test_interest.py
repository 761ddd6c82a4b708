"""Interest on security deposits, worked by hand."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import rules
from compliance.conditions import Facts
from compliance.errors import MissingFact, RuleUnknown
from compliance.interest import (
    DayCount,
    anniversary,
    interest_by_rates,
    interest_owed,
    months_held,
    periods,
    simple_interest,
    year_part,
)
from compliance.types import InterestRule
from proptrust.lib.money import ZERO, from_cents, usd

TODAY = date(2026, 11, 23)
FIVE = Decimal("0.05")
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
LEAP_YEAR = (date(2024, 1, 1), date(2024, 12, 31))


@pytest.mark.parametrize(
    ("principal", "rate", "days", "day_count", "interest"),
    [
        ("1500.00", "0.05", YEAR, DayCount.ACTUAL_365, "75.00"),
        ("1500.00", "0.05", YEAR, DayCount.TENANCY_YEARS, "75.00"),
        ("1500.00", "0.05", LEAP_YEAR, DayCount.TENANCY_YEARS, "75.00"),
        ("1500.00", "0.05", LEAP_YEAR, DayCount.ACTUAL_ACTUAL, "75.00"),
        # 366 days of a 365th: 75.205...
        ("1500.00", "0.05", LEAP_YEAR, DayCount.ACTUAL_365, "75.21"),
        ("1500.00", "0.05", YEAR, DayCount.THIRTY_360, "75.00"),
        # One day: 1500 x 0.05 / 365 = 0.2054...
        ("1500.00", "0.05", (date(2026, 3, 1), date(2026, 3, 1)), DayCount.ACTUAL_365, "0.21"),
        # 146 days are two fifths of a year: 1825 x 0.01 x 0.4 = 7.30.
        ("1825.00", "0.01", (date(2026, 1, 1), date(2026, 5, 26)), DayCount.ACTUAL_365, "7.30"),
        # Exactly half a cent goes up: 0.50 x 0.01 x 1 = 0.005.
        ("0.50", "0.01", YEAR, DayCount.ACTUAL_365, "0.01"),
        ("0.49", "0.01", YEAR, DayCount.ACTUAL_365, "0.00"),
        # Half of a common and half of a leap year: 184/365 + 182/366, times 100.
        (
            "1000.00",
            "0.10",
            (date(2023, 7, 1), date(2024, 6, 30)),
            DayCount.ACTUAL_ACTUAL,
            "100.14",
        ),
        # One month of thirty days.
        ("1200.00", "0.05", (date(2026, 2, 1), date(2026, 2, 28)), DayCount.THIRTY_360, "5.00"),
        ("0.00", "0.05", YEAR, DayCount.ACTUAL_365, "0.00"),
    ],
)
def test_simple_interest(
    principal: str, rate: str, days: tuple[date, date], day_count: DayCount, interest: str
) -> None:
    found = simple_interest(usd(principal), Decimal(rate), *days, day_count=day_count)

    assert found == usd(interest)


def test_rates_that_change_are_rounded_once() -> None:
    # 1234.56 at 2.3 % for the first half and 5.2 % for the second: 14.0807... + 32.3658...
    first = (Decimal("0.023"), date(2026, 1, 1), date(2026, 6, 30))
    second = (Decimal("0.052"), date(2026, 7, 1), date(2026, 12, 31))

    both = interest_by_rates(usd("1234.56"), [first, second], day_count=DayCount.ACTUAL_365)

    assert both == usd("46.44")


def test_days_that_run_backwards_are_refused() -> None:
    with pytest.raises(ValueError, match="before the first day"):
        simple_interest(usd(1), FIVE, *reversed(YEAR), day_count=DayCount.ACTUAL_365)
    with pytest.raises(ValueError, match="before the first day"):
        periods(YEAR[1], YEAR[0])


def test_a_tenancy_falls_into_whole_years_and_a_rest() -> None:
    found = periods(date(2024, 2, 29), date(2026, 3, 15))

    assert [(each.first, each.last, each.is_whole) for each in found] == [
        (date(2024, 2, 29), date(2025, 2, 28), True),
        (date(2025, 3, 1), date(2026, 2, 28), True),
        (date(2026, 3, 1), date(2026, 3, 15), False),
    ]
    assert [each.days for each in found] == [366, 365, 15]


def test_anniversary_of_a_leap_day() -> None:
    assert anniversary(date(2024, 2, 29), 1) == date(2025, 3, 1)
    assert anniversary(date(2024, 2, 29), 4) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 1, 1), date(2026, 12, 31), 12),
        (date(2026, 1, 1), date(2026, 12, 30), 11),
        (date(2024, 2, 29), date(2025, 2, 28), 12),
        (date(2024, 2, 29), date(2025, 2, 27), 11),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2026, 1, 31), date(2026, 2, 27), 0),
        (date(2026, 1, 31), date(2026, 4, 30), 3),
        (date(2026, 3, 10), date(2026, 3, 20), 0),
    ],
)
def test_whole_months_are_counted_to_the_last_day(first: date, last: date, months: int) -> None:
    assert months_held(first, last) == months


@given(first=st.dates(date(2000, 1, 1), date(2060, 1, 1)), years=st.integers(1, 30))
def test_whole_tenancy_years_carry_the_yearly_rate_exactly(first: date, years: int) -> None:
    last = date.fromordinal(anniversary(first, years).toordinal() - 1)

    assert year_part(first, last, DayCount.TENANCY_YEARS) == years


@given(
    first=st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    days=st.integers(1, 3000),
    cut=st.integers(1, 2999),
    day_count=st.sampled_from([DayCount.ACTUAL_365, DayCount.ACTUAL_ACTUAL]),
)
def test_no_day_is_lost_or_counted_twice_where_a_span_is_cut(
    first: date, days: int, cut: int, day_count: DayCount
) -> None:
    last = date.fromordinal(first.toordinal() + days)
    middle = date.fromordinal(first.toordinal() + min(cut, days) - 1)
    after = date.fromordinal(middle.toordinal() + 1)

    parts = year_part(first, middle, day_count) + year_part(after, last, day_count)

    assert parts == year_part(first, last, day_count)


# --- What the four states owe ----------------------------------------------------------


def test_massachusetts_owes_the_lesser_of_five_percent_and_the_banks_interest() -> None:
    rule = rules.deposit_interest("MA", on=TODAY, facts={})

    low = interest_owed(rule, usd("2000.00"), *YEAR, credited=usd("31.40"))
    high = interest_owed(rule, usd("2000.00"), *YEAR, credited=usd("131.40"))

    assert low == usd("31.40")
    assert high == usd("100.00")


def test_massachusetts_owes_nothing_below_a_year_and_the_rest_after_one() -> None:
    rule = rules.deposit_interest("MA", on=TODAY, facts={})
    almost = (date(2026, 1, 1), date(2026, 12, 30))
    third_year = (date(2026, 1, 1), date(2026, 3, 31))

    assert interest_owed(rule, usd("2000.00"), *almost, credited=usd("20.00")) == ZERO
    # 90 of 365 days at 5 %: 24.657...
    assert interest_owed(
        rule, usd("2000.00"), *third_year, credited=usd("40.00"), held_since=date(2024, 1, 1)
    ) == usd("24.66")


@pytest.mark.parametrize(
    ("credited", "owed"),
    [
        ("60.00", "40.00"),  # Less 1 % of the deposit of 2000.00.
        ("20.00", "0.00"),
        ("12.00", "0.00"),  # The fee never takes from the deposit itself.
        ("20.01", "0.01"),
    ],
)
def test_new_york_keeps_one_percent_of_the_deposit(credited: str, owed: str) -> None:
    facts: Facts = {"units": 6, "deposit_held_as": "interest account"}
    rule = rules.deposit_interest("NY", on=TODAY, facts=facts)

    assert interest_owed(rule, usd("2000.00"), *YEAR, credited=usd(credited)) == usd(owed)


def test_what_may_be_kept_is_rounded_down() -> None:
    rule = rules.deposit_interest("NY", on=TODAY, facts={"units": 6})
    # One percent of 1850.55 is 18.5055: 18.50 is kept, half a cent more would be too much.
    assert interest_owed(rule, usd("1850.55"), *YEAR, credited=usd("30.00")) == usd("11.50")


def test_florida_pays_three_quarters_or_five_percent_as_the_landlord_chose() -> None:
    def owed(**facts: str) -> object:
        rule = rules.deposit_interest("FL", on=TODAY, facts=facts)
        return interest_owed(rule, usd("1000.00"), *YEAR, credited=usd("10.01"))

    held = {"deposit_held_as": "interest account"}
    # 7.5075 and 50.00.
    assert owed(**held, interest_election="share of account interest") == usd("7.51")
    assert owed(**held, interest_election="fixed rate") == usd("50.00")
    assert owed(deposit_held_as="bond") == usd("50.00")
    assert owed(deposit_held_as="account") == ZERO


def test_california_owes_none() -> None:
    rule = rules.deposit_interest("CA", on=TODAY, facts={})

    assert interest_owed(rule, usd("3000.00"), *YEAR) == ZERO


def test_interest_of_the_bank_is_asked_for() -> None:
    rule = rules.deposit_interest("MA", on=TODAY, facts={})

    with pytest.raises(MissingFact, match="what the bank paid"):
        interest_owed(rule, usd("2000.00"), *YEAR)


def test_interest_that_is_not_known_is_not_reckoned() -> None:
    rule = InterestRule.unknown("TX", "there is no file for TX yet")

    with pytest.raises(RuleUnknown, match="TX deposit interest"):
        interest_owed(rule, usd("2000.00"), *YEAR)


@given(cents=st.integers(0, 10_000_000), credited=st.integers(0, 1_000_000))
def test_nobody_is_owed_more_than_the_bank_paid(cents: int, credited: int) -> None:
    rule = rules.deposit_interest("MA", on=TODAY, facts={})

    owed = interest_owed(rule, from_cents(cents), *YEAR, credited=from_cents(credited))

    assert ZERO <= owed <= from_cents(credited)
    assert Fraction(owed.amount) <= Fraction(cents, 2000) + Fraction(1, 200)
