"""Writing to the ledger's tables with plain SQL, past every service."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import connection
from moneyed import Money

from ledger.models import Book
from tests.factories.ledger import A_DAY

# Account, amount, beneficiary.
PlainLine = tuple[int, Money, int | None]


def run(sql: str, values: Sequence[Any] = ()) -> list[tuple[object, ...]]:
    """Run one statement; its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []


def insert_entry(
    book: Book,
    *,
    key: str = "plain",
    kind: str = "receipt",
    dated_on: date = A_DAY,
    reverses_id: int | None = None,
    entity_id: int | None = None,
) -> int:
    """Insert an entry without lines; its id."""
    ((entry_id,),) = run(
        "INSERT INTO ledger_entry (entity_id, key, kind, dated_on, memo, digest, reverses_id)"
        " VALUES (%s, %s, %s, %s, 'Plain SQL', repeat('0', 64), %s) RETURNING id",
        [entity_id or book.entity_id, key, kind, dated_on, reverses_id],
    )
    assert isinstance(entry_id, int)
    return entry_id


def insert_lines(
    entry_id: int,
    book: Book,
    lines: Iterable[PlainLine],
    *,
    dated_on: date = A_DAY,
    first_position: int = 1,
) -> None:
    """Insert lines of an entry with one statement."""
    rows = [
        (entry_id, position, dated_on, book.pk, account, who, str(money.currency), money.amount)
        for position, (account, money, who) in enumerate(lines, first_position)
    ]
    run(
        "INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,"
        " beneficiary_id, amount_currency, amount) VALUES "
        + ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(rows)),
        [value for row in rows for value in row],
    )


def insert_with_plain_sql(
    book: Book, lines: Iterable[PlainLine], *, kind: str = "receipt", dated_on: date = A_DAY
) -> int:
    """Insert an entry and its lines; its id."""
    entry_id = insert_entry(book, kind=kind, dated_on=dated_on)
    insert_lines(entry_id, book, lines, dated_on=dated_on)
    return entry_id


def check_at_commit() -> None:
    """Run now what PostgreSQL keeps for the commit."""
    connection.check_constraints()
