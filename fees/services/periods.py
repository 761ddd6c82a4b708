"""Fees of a month: so much a let unit, the minimum of a property, and the true-up of rounding."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from moneyed import Money

from fees import queries, terms
from fees.models import Fee
from fees.queries import MonthDue
from fees.services.locks import hold_claims, one_run_at_a_time
from fees.services.posting import Purse, affordable, mirror, parts_of, stored, write
from fees.types import FeesTaken
from leases.queries import shares_of_many
from proptrust.lib.money import ZERO


@transaction.atomic
def take_period_fees(entity_id: int, month: date, *, on: date) -> FeesTaken:
    """Bring the fees of a month to what the agreements ask for, property by property.

    month: any day of it. A fee per let unit is due at once, the minimum and the true-up when the
    month is over on `on`. The agreement and the owners of the month's last day count. Running it
    again takes or gives back only what has changed since, as when a payment of that month came back
    or a lease was added. Only what the owners' money reaches is taken; the rest waits.

    The number of statements does not depend on how many properties there are.
    """
    one_run_at_a_time(entity_id)
    first, last = month_of(month)
    changes = [
        due for due in queries.month_dues(entity_id, first, last, is_over=on > last) if due.change
    ]
    if not changes:
        return FeesTaken()
    given_up = _given_up(changes, on=on)
    owners = _owners(changes, last)
    made = [
        fee
        for due in changes
        if (weights := owners.get(due.property_id))
        and (fee := _fee(entity_id, due, first, min(on, last), weights))
    ]
    return _settle(given_up, made)


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


@dataclass(slots=True)
class _Sum:
    taken: int = 0
    given_back: int = 0
    waiting: int = 0
    amount_taken: Money = ZERO
    amount_given_back: Money = ZERO


def _given_up(changes: Sequence[MonthDue], *, on: date) -> list[Fee]:
    """What still waits of months where less is due now: given up before money is given back."""
    return [
        mirror(fee, on=max(on, fee.counts_on), reason="Less is due")
        for due in changes
        if due.change < ZERO
        for fee in due.waiting
    ]


def _owners(changes: Sequence[MonthDue], day: date) -> dict[int, dict[int, Decimal]]:
    """Whom each property's fees are taken from: the shares in force on a day."""
    found = shares_of_many({due.property_id for due in changes}, day)
    return {
        property_id: {share.beneficiary_id: share.share for share in shares}
        for property_id, shares in found.items()
    }


def _fee(
    entity_id: int, due: MonthDue, first: date, counts_on: date, owners: dict[int, Decimal]
) -> Fee | None:
    """The fee that brings a month to what is due; None where giving up what waits does it."""
    amount = due.change
    if amount < ZERO:
        amount += sum((fee.amount for fee in due.waiting), ZERO)
    if not amount:
        return None
    return Fee(
        entity_id=entity_id,
        property_id=due.property_id,
        agreement_id=due.agreement_id,
        book_id=due.book_id,
        kind=due.kind,
        basis=due.basis,
        amount=amount,
        parts=stored(terms.shared(amount, owners)),
        counts_on=counts_on,
        month=first,
        key=f"{due.kind}:{due.property_id}:{first:%Y-%m}:{due.count + 1}",
        reason=due.why,
    )


def _settle(given_up: Sequence[Fee], made: Sequence[Fee]) -> FeesTaken:
    purse = Purse(hold_claims({(fee.book_id, int(who)) for fee in made for who in fee.parts}))
    out = _Sum()
    posted: list[Fee] = []
    waiting: list[Fee] = []
    for fee in sorted(made, key=lambda fee: fee.amount > ZERO):
        if fee.amount < ZERO:
            purse.spend(fee.book_id, parts_of(fee))
            posted.append(fee)
            out.given_back += 1
            out.amount_given_back -= fee.amount
            continue
        got, rests = affordable(fee, purse)
        waiting += rests
        if got:
            posted.append(got)
            out.taken += 1
            out.amount_taken += got.amount
    write([*given_up, *posted, *waiting], waiting=[*given_up, *waiting])
    return FeesTaken(
        out.taken, out.given_back, len(waiting), out.amount_taken, out.amount_given_back
    )
