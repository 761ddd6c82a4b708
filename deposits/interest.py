"""Interest of one deposit, step by step: pure functions on days, principals and rates.

A tenancy year carries the yearly rate exactly; a part of it carries its days over the days of that
year. Everything is summed exactly and rounded once: half up for the tenant, down for the manager.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from moneyed import Money

from compliance.interest import anniversary, periods
from compliance.types import InterestMethod, InterestRule
from deposits.types import Reckoned, Step
from proptrust.lib.money import CENT, ZERO

_DAY = timedelta(days=1)
# A day's rate, where it stands, and the last day on which it counts.
Rate = tuple[Decimal, str, date]
RateOn = Callable[[date], Rate]
# The principal from a day on; in the order of the days.
Principals = Sequence[tuple[date, Money]]


def whole_years(runs_from: date, on: date) -> list[tuple[date, date]]:
    """The tenancy years from a day that have ended by a day: first and last day of each."""
    if on < runs_from:
        return []
    return [(each.first, each.last) for each in periods(runs_from, on) if each.is_whole]


def years_until(runs_from: date, last: date) -> list[tuple[date, date]]:
    """The tenancy years from a day up to a last day; the last one may be short."""
    if last < runs_from:
        return []
    return [(each.first, each.last) for each in periods(runs_from, last)]


def steps_of(
    runs_from: date, first: date, last: date, principals: Principals, rate_on: RateOn
) -> list[Step]:
    """The days of one tenancy year cut wherever principal or rate changes.

    rate_on: the rate of a day; it may raise for a day whose rate nobody knows. Days without
    principal have no step.
    """
    length = (_year_end(runs_from, first) - first).days + 1
    found: list[Step] = []
    day = first
    while day <= last:
        principal = _principal_on(principals, day)
        end = min(last, _next_change(principals, day) - _DAY)
        if principal <= ZERO:
            day = end + _DAY
            continue
        rate, rate_from, rate_ends = rate_on(day)
        end = min(end, rate_ends)
        found.append(Step(day, end, principal, rate, length, rate_from))
        day = end + _DAY
    return found


def reckon(
    rule: InterestRule,
    first: date,
    last: date,
    steps: Sequence[Step],
    *,
    held_months: int,
) -> Reckoned | None:
    """What the tenant is owed for steps, and what the manager may keep of the bank's interest.

    held_months: how long the deposit has been held by now; None is returned while that is not long
    enough: the days are reckoned when it is.
    Raises RuleUnknown where the rule does not say what is needed.
    """
    method = rule.known(rule.method, "how interest is reckoned")
    least = rule.known(rule.held_at_least_months, "how long the deposit must have been held")
    source = rule.source
    nothing = Reckoned(
        first,
        last,
        str(method.value) if method else "none",
        steps,
        ZERO,
        citation=source.citation,
        is_confirmed=source.is_confirmed,
    )
    if method is not None and held_months < (least or 0):
        return None
    if method is None or not steps:
        return nothing
    earned = _sum(steps, lambda step: Fraction(step.rate))
    if method is not InterestMethod.BANK_ACTUAL:
        return _with(nothing, _cents(earned, ROUND_HALF_UP))
    ceiling = rule.known(rule.ceiling_rate, "the highest rate")
    share = rule.known(rule.tenant_share_rate, "the tenant's share")
    fee_rate = rule.known(rule.admin_fee_rate, "the fee that may be kept")
    owed = earned
    if ceiling is not None:
        owed = _sum(steps, lambda step: min(Fraction(step.rate), Fraction(ceiling)))
    if share is not None:
        owed *= Fraction(share)
    fee = ZERO
    if fee_rate is not None:
        most = _sum(steps, lambda step: Fraction(fee_rate))
        fee = _cents(min(most, owed), ROUND_DOWN)
        owed -= Fraction(fee.amount)
    return _with(
        nothing, _cents(owed, ROUND_HALF_UP), bank=_cents(earned, ROUND_HALF_UP), fee_most=fee
    )


def _with(nothing: Reckoned, amount: Money, bank: Money = ZERO, fee_most: Money = ZERO) -> Reckoned:
    return Reckoned(
        nothing.first,
        nothing.last,
        nothing.method,
        nothing.steps,
        amount,
        bank,
        fee_most,
        nothing.citation,
        nothing.is_confirmed,
    )


def _sum(steps: Sequence[Step], rate: Callable[[Step], Fraction]) -> Fraction:
    return sum(
        (
            Fraction(step.principal.amount) * rate(step) * Fraction(step.days, step.of_days)
            for step in steps
        ),
        Fraction(0),
    )


def _cents(exact: Fraction, rounding: str) -> Money:
    # A fraction of cents seldom ends as a decimal, so that it is rounded as one of integers.
    hundredths = exact * 100
    whole = hundredths.numerator // hundredths.denominator
    if rounding == ROUND_HALF_UP and hundredths - whole >= Fraction(1, 2):
        whole += 1
    return Money(Decimal(whole) * CENT, ZERO.currency)


def _year_end(runs_from: date, first: date) -> date:
    years = first.year - runs_from.year
    return anniversary(runs_from, years + 1) - _DAY


def _principal_on(principals: Principals, day: date) -> Money:
    found = ZERO
    for since, amount in principals:
        if since > day:
            break
        found = amount
    return found


def _next_change(principals: Principals, day: date) -> date:
    return next((since for since, _ in principals if since > day), date.max)
