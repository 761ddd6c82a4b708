"""What the ledger knows: balances now, as of a day, and as known at a moment.

`on` counts the entries dated on or before a day, `known_at` those known at or before a moment; both
may be given. What is held for a beneficiary is above zero when it is owed to them.

Balances of now are read from the running sums. Balances of the past are the same sums less every
line that came after: reports ask for a day not long ago, so that this reads little.
"""

import gc
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any

from django.conf import settings
from django.db import connection
from moneyed import Money, get_currency

from ledger.models import Account, Book, Period
from ledger.types import BeneficiaryBalance, TrustEquation

_CURRENCY = get_currency(settings.DEFAULT_CURRENCY)

_HELD_OF_ONE = """
    SELECT -coalesce(sum(amount), 0) FROM ledger_balance
    WHERE book_id = %(book)s AND beneficiary_id = %(beneficiary)s
        AND amount_currency = %(currency)s
"""
# A hundred thousand rows come quicker as two long texts, the few that are spread over parts apart.
_HELD_OF_ALL = """
    SELECT
        string_agg(beneficiary_id::text, ',') FILTER (WHERE part = 0),
        string_agg((-amount)::text, ',') FILTER (WHERE part = 0),
        string_agg(beneficiary_id::text, ',') FILTER (WHERE part > 0),
        string_agg((-amount)::text, ',') FILTER (WHERE part > 0)
    FROM ledger_balance
    WHERE book_id = %(book)s AND beneficiary_id IS NOT NULL AND amount_currency = %(currency)s
"""
_HELD_OF_ONE_PAST = """
    SELECT -coalesce(sum(l.amount), 0) FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id
    WHERE l.book_id = %(book)s AND l.beneficiary_id = %(beneficiary)s
        AND l.amount_currency = %(currency)s
        AND (%(on)s::date IS NULL OR l.dated_on <= %(on)s::date)
        AND (%(known_at)s::timestamptz IS NULL OR e.known_at <= %(known_at)s::timestamptz)
"""
# The lines of a book that came after a day or a moment: two sets that do not meet, each with an
# index of its own.
_LATER = """
    SELECT l.* FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id
    WHERE e.entity_id = %(entity)s AND e.dated_on > %(on)s::date
        AND l.book_id = %(book)s AND l.amount_currency = %(currency)s
    UNION ALL
    SELECT l.* FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id
    WHERE e.known_at > %(known_at)s::timestamptz
        AND e.dated_on <= coalesce(%(on)s::date, 'infinity')
        AND l.book_id = %(book)s AND l.amount_currency = %(currency)s
"""
_HELD_OF_ALL_PAST = f"""
    SELECT beneficiary_id, -sum(amount) FROM (
        SELECT beneficiary_id, amount FROM ledger_balance
        WHERE book_id = %(book)s AND beneficiary_id IS NOT NULL AND amount_currency = %(currency)s
        UNION ALL
        SELECT beneficiary_id, -amount FROM ({_LATER}) later WHERE beneficiary_id IS NOT NULL
    ) sums GROUP BY beneficiary_id
"""  # noqa: S608
_TOTALS = """
    SELECT account_id, sum(amount) FROM ledger_balance
    WHERE book_id = %(book)s AND beneficiary_id IS NULL AND amount_currency = %(currency)s
    GROUP BY account_id
"""
_TOTALS_PAST = f"""
    SELECT account_id, sum(amount) FROM (
        SELECT account_id, amount FROM ledger_balance
        WHERE book_id = %(book)s AND beneficiary_id IS NULL AND amount_currency = %(currency)s
        UNION ALL
        SELECT account_id, -amount FROM ({_LATER}) later
    ) sums GROUP BY account_id
"""  # noqa: S608
_OVERDRAWN = """
    SELECT DISTINCT o.book_id, o.beneficiary_id, -h.owes
    FROM ledger_balance o
    CROSS JOIN LATERAL (
        SELECT sum(k.amount) AS owes FROM ledger_balance k
        WHERE k.book_id = o.book_id AND k.beneficiary_id = o.beneficiary_id
            AND k.amount_currency = o.amount_currency
    ) h
    WHERE o.is_overdrawn AND h.owes > 0 AND o.amount_currency = %(currency)s
        AND (%(book)s::bigint IS NULL OR o.book_id = %(book)s::bigint)
    ORDER BY 1, 2
"""


def _money(amount: Decimal | int) -> Money:
    return Money(amount, _CURRENCY)


def _rows(sql: str, book_id: int | None, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"book": book_id, "currency": _CURRENCY.code, **values})
        return list(cursor.fetchall())


def _past(book_id: int, on: date | None, known_at: datetime | None) -> dict[str, Any]:
    entity_id = Book.objects.values_list("entity_id", flat=True).get(pk=book_id)
    return {"entity": entity_id, "on": on, "known_at": known_at}


def balance(
    *,
    book_id: int,
    beneficiary_id: int,
    on: date | None = None,
    known_at: datetime | None = None,
) -> Money:
    """What a book holds for one beneficiary; above zero is owed to them."""
    if on is None and known_at is None:
        ((held,),) = _rows(_HELD_OF_ONE, book_id, beneficiary=beneficiary_id)
    else:
        ((held,),) = _rows(
            _HELD_OF_ONE_PAST, book_id, beneficiary=beneficiary_id, on=on, known_at=known_at
        )
    return _money(held)


def balances(
    *, book_id: int, on: date | None = None, known_at: datetime | None = None
) -> dict[int, Money]:
    """What a book holds for each beneficiary that it ever had a line for (zero included)."""
    with _no_collection():
        if on is None and known_at is None:
            held = _held_now(book_id)
        else:
            held = dict(_rows(_HELD_OF_ALL_PAST, book_id, **_past(book_id, on, known_at)))
        return dict(zip(held, map(Money, held.values(), repeat(_CURRENCY)), strict=False))


def _held_now(book_id: int) -> dict[int, Decimal]:
    ((ids, amounts, spread_ids, spread_amounts),) = _rows(_HELD_OF_ALL, book_id)
    beneficiaries, rows = _listed(ids, amounts)
    held = dict(zip(beneficiaries, rows, strict=True))
    if len(held) < len(rows):  # Somebody has claims on several accounts.
        held = _summed(beneficiaries, rows)
    held.update(_summed(*_listed(spread_ids, spread_amounts)))
    return held


def _listed(ids: str | None, amounts: str | None) -> tuple[list[int], list[Decimal]]:
    if ids is None or amounts is None:
        return [], []
    # JSON reads a list of whole numbers twice as fast as int does one by one.
    return json.loads(f"[{ids}]"), list(map(Decimal, amounts.split(",")))


def _summed(beneficiaries: list[int], amounts: list[Decimal]) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for beneficiary_id, amount in zip(beneficiaries, amounts, strict=True):
        sums[beneficiary_id] += amount
    return sums


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector still while a hundred thousand objects are made.

    It would look through the whole process several times, in vain: none of them is garbage. That
    is three quarters of the time otherwise.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def account_balance(
    *, book_id: int, account_id: int, on: date | None = None, known_at: datetime | None = None
) -> Money:
    """The sum of an account's lines in a book: a debit is above zero."""
    return _money(_totals(book_id, on, known_at).get(account_id, Decimal(0)))


def _totals(book_id: int, on: date | None, known_at: datetime | None) -> dict[int, Decimal]:
    if on is None and known_at is None:
        return dict(_rows(_TOTALS, book_id))
    return dict(_rows(_TOTALS_PAST, book_id, **_past(book_id, on, known_at)))


def trust_equation(
    book_id: int, *, on: date | None = None, known_at: datetime | None = None
) -> TrustEquation:
    """Both sides of a trust book: its cash and money in transit, and what it holds for whom."""
    totals = _totals(book_id, on, known_at)
    kinds = dict(Account.objects.filter(pk__in=totals).values_list("pk", "kind"))
    sides = {
        kind: sum((amount for pk, amount in totals.items() if kinds[pk] == kind), Decimal(0))
        for kind in (Account.Kind.BANK, Account.Kind.TRANSIT, Account.Kind.CLAIM)
    }
    if on is None and known_at is None:
        red = [row.held for row in overdrawn(book_id)]
    else:
        held = balances(book_id=book_id, on=on, known_at=known_at)
        red = [amount for amount in held.values() if amount.amount < 0]
    return TrustEquation(
        book_id=book_id,
        cash=_money(sides[Account.Kind.BANK]),
        transit=_money(sides[Account.Kind.TRANSIT]),
        held=_money(-sides[Account.Kind.CLAIM]),
        overdrawn=sum(red, _money(0)),
    )


def overdrawn(book_id: int | None = None) -> list[BeneficiaryBalance]:
    """The beneficiaries of a book (None: of every book) who owe it money; held is below zero."""
    return [
        BeneficiaryBalance(book_id=book, beneficiary_id=beneficiary, held=_money(held))
        for book, beneficiary, held in _rows(_OVERDRAWN, book_id)
    ]


def first_open_day(book_id: int, day: date) -> date:
    """The day itself, or the first one after the book's closed periods if it lies in them."""
    through = Book.objects.values_list("closed_through", flat=True).get(pk=book_id)
    return day if through is None or day > through else through + timedelta(days=1)


def dated_for(book_ids: Iterable[int], day: date) -> tuple[date, Period | None]:
    """The day to date a fact of a day with in all of some books, and the period that it adjusts.

    A day in an open period is itself, and adjusts nothing.
    """
    books = list(book_ids)
    dated_on = max((first_open_day(book_id, day) for book_id in books), default=day)
    if dated_on == day:
        return day, None
    period = (
        Period.objects.filter(
            book__in=books, first_on__lte=day, last_on__gte=day, closed_at__isnull=False
        )
        .order_by("book_id")
        .first()
    )
    return dated_on, period
