"""Banking days of the Federal Reserve, and the check digit of routing numbers."""

from datetime import date, timedelta
from functools import lru_cache

import holidays

SATURDAY = 5
# First two digits that banks use: 00 is the US Treasury, 01-12 the Federal Reserve districts,
# 21-32 thrifts, 61-72 electronic, 80 traveler's checks. The ranges are unconfirmed.
_PREFIXES = {*range(13), *range(21, 33), *range(61, 73), 80}


@lru_cache(maxsize=1)
def _federal_reserve() -> holidays.HolidayBase:
    """Holidays of the Federal Reserve Banks: one on a Saturday closes nothing, one on a Sunday
    closes the Monday. Source: frbservices.org holiday schedules, read in `holidays` 0.109."""
    return holidays.financial_holidays("FED")


def is_banking_day(day: date) -> bool:
    """Whether the Federal Reserve Banks are open on a day."""
    return day.weekday() < SATURDAY and day not in _federal_reserve()


def next_banking_day(day: date) -> date:
    """The day itself if it is a banking day, else the first one after it."""
    while not is_banking_day(day):
        day += timedelta(days=1)
    return day


def add_banking_days(day: date, count: int) -> date:
    """The banking day that lies `count` banking days after a day (before it, if negative)."""
    step = timedelta(days=1 if count >= 0 else -1)
    for _ in range(abs(count)):
        day += step
        while not is_banking_day(day):
            day += step
    return day


@lru_cache(maxsize=65_536)
def banking_days_between(first: date, last: date) -> int:
    """How many banking days lie after the earlier and up to the later of two days."""
    first, last = min(first, last), max(first, last)
    days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
    return sum(is_banking_day(day) for day in days)


def is_routing_number(digits: str) -> bool:
    """Whether nine digits form a routing number: check digit and a prefix that is in use.

    Source: the ABA check digit, 3·(d1+d4+d7) + 7·(d2+d5+d8) + (d3+d6+d9) divisible by ten;
    000000000 satisfies it and is refused.
    """
    if len(digits) != 9 or not (digits.isascii() and digits.isdigit()) or digits == "0" * 9:
        return False
    weights = (3, 7, 1) * 3
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return weighted % 10 == 0 and int(digits[:2]) in _PREFIXES
