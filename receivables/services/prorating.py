"""Parts of a month: pure functions (docs/decisions/040-charges.md)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from moneyed import Money

from proptrust.lib.money import CENT
from receivables.models import Charge, RecurringCharge


@dataclass(frozen=True, slots=True)
class Due:
    """What a recurring charge asks for in a month, and the days that it is for."""

    row: RecurringCharge
    charge: Charge
    first_on: date
    last_on: date
    of_days: int


def prorated(amount: Money, days: int, of_days: int) -> Money:
    """The part of a month's amount for some of its days, rounded half up once.

    docs/decisions/040-charges.md says why by the days of the month itself.
    """
    part = amount.amount * days / Decimal(of_days)
    return Money(part.quantize(CENT, ROUND_HALF_UP), amount.currency)


def days_of(row: RecurringCharge, first: date, last: date) -> tuple[date, date] | None:
    """The first and the last day of a month for which a recurring charge is owed, if any.

    A lease begins and is moved out of, a recurring charge begins and ends: only its days count.
    """
    starts = max(first, row.from_on, row.lease.starts_on)
    ends = min(last, row.until_on or last, row.lease.moved_out_on or last)
    return (starts, ends) if starts <= ends else None


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
