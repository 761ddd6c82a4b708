"""Reconciliation's bars: import and match many bank lines, and read the three figures over them."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from desk.models import LegalEntity
from ledger.charts import chart
from ledger.models import BankAccount, Book
from ledger.services import ensure_beneficiary, post_many
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import usd
from reconciliation import queries, services
from reconciliation.matching import choose, load
from reconciliation.models import BankLine
from tests.benchmarks.rows import Row, Size, milliseconds, seconds
from tests.factories.reconciliation import Move, bai2

FIRST = date(2026, 1, 5)
DAYS = 250
FIGURES_MS = 50
# Of every hundred lines this many have no key in the bank's words.
WITHOUT_KEY = 3
WRONG_BAR = 1


def bench_matching(size: Size) -> Iterator[Row]:
    """A year of one account: import, match in memory, match to commit, and read the figures."""
    count = 100_000 if size.is_full else 20_000
    account = _account()
    _book(account, count)
    body = _file(account, count)
    file = services.store_file(entity_id=account.book.entity_id, name="year.bai", body=body)
    imported = seconds(lambda: services.import_file(file.pk))
    yield Row(f"reconciliation: import {count:,} bank lines", count / imported, "lines/s")
    _analyze()

    loaded = seconds(lambda: choose(load(account.pk)))
    yield Row(f"reconciliation: choose among {count:,} open lines", count / loaded, "lines/s")
    matched = seconds(lambda: services.match_account(account.pk))
    yield Row(f"reconciliation: match {count:,} lines to commit", count / matched, "lines/s")
    again = seconds(lambda: services.match_account(account.pk))
    yield Row("reconciliation: run again, nothing to do", again * 1000, "ms")
    _analyze()

    right, wrong = _compare(account)
    share = 100 * right / count
    yield Row("reconciliation: matched without a person", share, "%", 90)
    yield Row("reconciliation: wrong matches", wrong, "", WRONG_BAR, at_least=False)

    entity_id, last = account.book.entity_id, FIRST + timedelta(days=DAYS)
    took = milliseconds(lambda: queries.figures([entity_id], on=last), times=7)
    yield Row(
        f"reconciliation: figures over {count:,} lines",
        took,
        "ms",
        _bar(size),
        at_least=False,
        note="with a difference: its causes are read too",
    )
    took = milliseconds(lambda: queries.three_way(account.pk, on=last), times=7)
    yield Row("reconciliation: three-way with every item", took, "ms", _bar(size), at_least=False)
    middle = FIRST + timedelta(days=DAYS // 2)
    took = milliseconds(lambda: queries.three_way(account.pk, on=middle), times=7)
    yield Row("reconciliation: three-way of half a year ago", took, "ms")


def _bar(size: Size) -> float | None:
    """The bar is for 100,000 lines; at a smaller size the figure is only told."""
    return FIGURES_MS if size.is_full else None


def _account() -> BankAccount:
    entity = LegalEntity.objects.create(name=f"Bench {os.urandom(6).hex()}", state="CA")
    book = Book.objects.create(entity=entity, kind="trust", name="Bench rent trust")
    return BankAccount.objects.create(
        book=book,
        purpose="rent",
        bank_name="Bench Bank",
        title="Trust",
        routing_number="021000021",
        account_number=f"77{os.urandom(4).hex()}",
    )


def _day(number: int) -> date:
    return FIRST + timedelta(days=number % DAYS)


def _amount(number: int) -> Decimal:
    """Many equal amounts, as rents are."""
    return Decimal(900 + number % 400) + Decimal("0.50") * (number % 2)


def _book(account: BankAccount, count: int) -> None:
    """One deposit slip a line; the slip's number is the key."""
    entity_id, charted = account.book.entity_id, chart(account.book.entity_id)
    owner = ensure_beneficiary(entity_id=entity_id, kind="owner", name="O", reference="owner:1")
    post_many(
        NewEntry(
            entity_id=entity_id,
            key=f"slip:{n}",
            kind="settlement",
            dated_on=_day(n),
            memo=f"Deposit slip S-{n:07d}",
            lines=[
                NewLine(account.book_id, charted.bank, usd(_amount(n))),
                NewLine(account.book_id, charted.claims, -usd(_amount(n)), owner.pk),
            ],
        )
        for n in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO receivables_depositslip
                (book_id, number, deposited_on, total, total_currency, entry_id)
            SELECT line.book_id, substr(entry.memo, 14), entry.dated_on, line.amount, 'USD',
                entry.id
            FROM ledger_entry AS entry JOIN ledger_line AS line ON line.entry_id = entry.id
            WHERE line.book_id = %s AND line.beneficiary_id IS NULL
            """,
            [account.book_id],
        )


def _file(account: BankAccount, count: int) -> bytes:
    """A statement of all the lines, three in a hundred without their key."""
    moves = [
        Move(
            FIRST,
            _amount(n),
            "BRANCH DEPOSIT" if n % 100 < WITHOUT_KEY else f"BRANCH DEPOSIT S-{n:07d}",
            reference="" if n % 100 < WITHOUT_KEY else f"S-{n:07d}",
        )
        for n in range(count)
    ]
    by_day: dict[date, list[Move]] = {}
    for n, move in enumerate(moves):
        by_day.setdefault(_day(n), []).append(move)
    balance = Decimal(0)
    parts = []
    for day in sorted(by_day):
        parts.append(bai2(account, day, by_day[day], opening=balance))
        balance += sum((move.amount for move in by_day[day]), Decimal(0))
    return b"".join(parts)


def _compare(account: BankAccount) -> tuple[int, int]:
    """How many live matches are right and wrong against what the lines were made from."""
    rows = BankLine.objects.filter(bank_account=account, matchings__is_live=True).values_list(
        "bank_reference", "matchings__match__journal_sides__line__entry__memo"
    )
    right = sum(memo == f"Deposit slip {reference}" for reference, memo in rows)
    return right, len(rows) - right


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
