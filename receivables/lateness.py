"""When a rent is late and what that costs: pure functions (docs/decisions/043-late-fees.md).

Grace days are counted from the day after the due day; weekends and holidays move nothing. A fee
arises on the first day after them, if something is open at the end of the last one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from moneyed import Money

from compliance.types import Cap, LateFeeRule
from proptrust.lib.money import ZERO, fee_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed. kind: of leases.LateFeeTerms. most: the most for one rent, None: no end."""

    kind: str
    grace_days: int
    flat: Money = ZERO
    rate: Decimal = Decimal(0)
    daily: Money = ZERO
    most: Money | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """What of a rent was paid on a day, the day on which the money was received."""

    on: date
    amount: Money


@dataclass(frozen=True, slots=True)
class DueFee:
    """A fee that arises on a day. asked: what the terms ask for; the law may allow less."""

    on: date
    amount: Money
    asked: Money


def due_fees(
    terms: Terms,
    rule: LateFeeRule,
    *,
    due_on: date,
    rent: Money,
    paid: Iterable[Paid],
    on: date,
) -> list[DueFee]:
    """The late fees of one rent that have arisen by the end of a day, oldest first.

    A flat or percentage fee arises once; a daily one arises anew on each day that begins with
    something open. The agreed sum and the law's cap hold for all fees of the rent together.
    Raises RuleUnknown where the state's grace or cap is not known.
    """
    grace = max(terms.grace_days, rule.known(rule.grace_days, "the grace period") or 0)
    first = due_on + timedelta(days=grace + 1)
    waiting = sorted(paid, key=lambda each: each.on)
    asked_before, lawful_before = ZERO, ZERO
    fees: list[DueFee] = []
    day, asked = first, ZERO
    while day <= on:
        left = rent - _sum(waiting, before=day)
        if left <= ZERO:
            break
        asked = _within(terms, _asked(terms, left, asked, is_first=day == first))
        lawful = rule.capped(asked, rent=rent, days_late=(day - due_on).days)
        if lawful > lawful_before:
            fees.append(DueFee(day, lawful - lawful_before, asked - asked_before))
            asked_before, lawful_before = asked, lawful
        if not _may_grow(terms, rule, asked, lawful):
            break
        day += _DAY
    return fees


def _asked(terms: Terms, left: Money, before: Money, *, is_first: bool) -> Money:
    """What the terms ask for in sum after one more day with something open."""
    if not is_first:
        return before + terms.daily if terms.kind == "daily" else before
    return fee_of(left, terms.rate) if terms.kind == "percentage" else terms.flat


def _within(terms: Terms, asked: Money) -> Money:
    return min(asked, terms.most) if terms.most is not None else asked


def _may_grow(terms: Terms, rule: LateFeeRule, asked: Money, lawful: Money) -> bool:
    """Whether another day may cost more: the terms go on, or a cap by the day held them back."""
    if terms.kind == "daily" and terms.daily and asked != terms.most:
        # A cap that stays as it is has been reached for good.
        return lawful == asked or _is_by_day(rule)
    return lawful < asked and _is_by_day(rule)


def _is_by_day(rule: LateFeeRule) -> bool:
    cap = rule.cap
    return isinstance(cap, Cap) and any(
        band.daily_flat is not None or band.daily_rate is not None for band in cap.bands
    )


def _sum(paid: Sequence[Paid], *, before: date) -> Money:
    return sum((each.amount for each in paid if each.on < before), ZERO)
