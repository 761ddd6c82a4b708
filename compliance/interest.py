"""Interest on security deposits: pure functions, rounded half up to the cent once, at the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction

from moneyed import Money

from compliance.errors import MissingFact
from compliance.types import InterestMethod, InterestRule
from proptrust.lib.money import CENT, ZERO

_DAY = timedelta(days=1)
MONTHS = 12


class DayCount(StrEnum):
    """How days become a part of a year.

    ACTUAL_365: every day is 1/365, so that a leap year carries a day more than the yearly rate.
    ACTUAL_ACTUAL: a day is 1/365 or 1/366 of its calendar year. THIRTY_360: twelve months of
    thirty days. TENANCY_YEARS: a whole year from the first day carries the yearly rate exactly,
    a started one its days over the days of that year.
    """

    ACTUAL_365 = "actual/365"
    ACTUAL_ACTUAL = "actual/actual"
    THIRTY_360 = "30/360"
    TENANCY_YEARS = "tenancy years"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both counted. is_whole: a full year."""

    first: date
    last: date
    is_whole: bool

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


def periods(first: date, last: date) -> list[Period]:
    """The years of a tenancy from its first to its last day, both counted; the last may be short.

    A tenancy that began on February 29 has its anniversary on March 1 of a common year.
    Raises ValueError if the last day is before the first.
    """
    if last < first:
        raise ValueError(f"the last day {last} is before the first day {first}")
    found = []
    for begin, end in _years(first):
        found.append(Period(begin, min(end, last), is_whole=end <= last))
        if end >= last:
            return found
    raise AssertionError("years go on for ever")


def _years(first: date) -> Iterator[tuple[date, date]]:
    number = 0
    while True:
        yield anniversary(first, number), anniversary(first, number + 1) - _DAY
        number += 1


def anniversary(first: date, years: int) -> date:
    """The same day so many years later; March 1 for February 29 in a common year."""
    try:
        return first.replace(year=first.year + years)
    except ValueError:
        return date(first.year + years, 3, 1)


def months_held(first: date, last: date) -> int:
    """Whole months from the first to the last day, both counted.

    A month that has no such day ends where the next one begins, as a year from February 29 does.
    """
    after = last + _DAY
    months = (after.year - first.year) * MONTHS + after.month - first.month
    return max(0, months - (after.day < first.day))


def year_part(first: date, last: date, day_count: DayCount) -> Fraction:
    """The part of a year (or the years) from the first to the last day, both counted; exact.

    Raises ValueError if the last day is before the first.
    """
    if last < first:
        raise ValueError(f"the last day {last} is before the first day {first}")
    days = (last - first).days + 1
    if day_count is DayCount.ACTUAL_365:
        return Fraction(days, 365)
    if day_count is DayCount.THIRTY_360:
        return _thirty_360(first, last + _DAY)
    if day_count is DayCount.ACTUAL_ACTUAL:
        return sum(
            (_part_of(year, first, last) for year in range(first.year, last.year + 1)), Fraction(0)
        )
    parts = Fraction(0)
    for number, each in enumerate(periods(first, last)):
        length = (anniversary(first, number + 1) - each.first).days
        parts += Fraction(each.days, length)
    return parts


def _part_of(year: int, first: date, last: date) -> Fraction:
    begin, end = max(first, date(year, 1, 1)), min(last, date(year, 12, 31))
    length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return Fraction((end - begin).days + 1, length)


def _thirty_360(first: date, after: date) -> Fraction:
    """The bond basis: a 31st counts as a 30th."""
    begin = min(first.day, 30)
    end = 30 if after.day == 31 and begin == 30 else after.day
    days = 360 * (after.year - first.year) + 30 * (after.month - first.month) + end - begin
    return Fraction(days, 360)


def simple_interest(
    principal: Money, rate: Decimal, first: date, last: date, *, day_count: DayCount
) -> Money:
    """Simple interest for the days from the first to the last, both counted.

    rate: a year, as a fraction (0.05). Raises ValueError if the last day is before the first.
    """
    return interest_by_rates(principal, [(rate, first, last)], day_count=day_count)


def interest_by_rates(
    principal: Money, spans: Sequence[tuple[Decimal, date, date]], *, day_count: DayCount
) -> Money:
    """Simple interest over spans of days that have each their own rate, rounded once for all.

    spans: rate a year, first day, last day (both counted).
    """
    exact = sum(
        (Fraction(rate) * year_part(first, last, day_count) for rate, first, last in spans),
        Fraction(0),
    )
    return _cents(Fraction(principal.amount) * exact, principal, ROUND_HALF_UP)


def interest_owed(
    rule: InterestRule,
    principal: Money,
    first: date,
    last: date,
    *,
    day_count: DayCount = DayCount.TENANCY_YEARS,
    credited: Money | None = None,
    held_since: date | None = None,
    spans: Sequence[tuple[Decimal, date, date]] | None = None,
) -> Money:
    """What a tenant is owed for the days from the first to the last, both counted.

    credited: what the bank paid on this deposit in these days, which bank_actual needs. spans: the
    published rates of these days, which published needs. held_since: the day on which the deposit
    came, if before `first`; it decides whether it was held long enough.
    Raises MissingFact for what is needed and not given, RuleUnknown where the rule is not known.
    """
    method = rule.known(rule.method, "how interest is reckoned")
    least = rule.known(rule.held_at_least_months, "how long the deposit must have been held")
    if method is None or months_held(held_since or first, last) < (least or 0):
        return Money(0, principal.currency)
    if method is InterestMethod.FIXED:
        rate = rule.known(rule.rate, "the rate") or Decimal(0)
        return simple_interest(principal, rate, first, last, day_count=day_count)
    if method is InterestMethod.PUBLISHED:
        if spans is None:
            raise MissingFact("spans", rule.name, "the published rates of these days")
        return interest_by_rates(principal, spans, day_count=day_count)
    if credited is None:
        raise MissingFact("credited", rule.name, "what the bank paid on the deposit")
    return _part_of_bank_interest(rule, principal, first, last, day_count, credited)


def _part_of_bank_interest(
    rule: InterestRule,
    principal: Money,
    first: date,
    last: date,
    day_count: DayCount,
    credited: Money,
) -> Money:
    """The tenant's part of what the bank paid, under the ceiling and after the manager's fee."""
    years = year_part(first, last, day_count)
    owed = Fraction(credited.amount)
    if ceiling := rule.known(rule.ceiling_rate, "the highest rate"):
        owed = min(owed, Fraction(principal.amount) * Fraction(ceiling) * years)
    if share := rule.known(rule.tenant_share_rate, "the tenant's share"):
        owed *= Fraction(share)
    if fee := rule.known(rule.admin_fee_rate, "the fee that may be kept"):
        owed -= admin_fee_exact(principal, fee, years)
    return _cents(max(owed, Fraction(0)), principal, ROUND_HALF_UP)


def admin_fee_exact(principal: Money, fee_rate: Decimal, years: Fraction) -> Fraction:
    """The most that may be kept of a deposit's interest: a rate of the DEPOSIT for the years.

    In whole cents, rounded down: half a cent above what may be kept is the tenant's.
    """
    kept = _cents(Fraction(principal.amount) * Fraction(fee_rate) * years, principal, ROUND_DOWN)
    return Fraction(kept.amount)


def _cents(exact: Fraction, like: Money, rounding: str) -> Money:
    """An exact amount in whole cents of the currency of another."""
    hundredths = exact * 100
    whole = hundredths.numerator // hundredths.denominator
    rest = hundredths - whole
    if rounding == ROUND_HALF_UP and rest >= Fraction(1, 2):
        whole += 1
    return Money(Decimal(whole) * CENT, like.currency) if whole else ZERO
