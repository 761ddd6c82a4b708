"""The table of open cash lines follows the journal and its matches, whoever writes."""

from decimal import Decimal

import pytest
from django.db import Error, connection, transaction

from ledger.models import BankAccount, Line
from reconciliation import services
from reconciliation.models import BankLine, Match, MatchLine, OpenLine
from reconciliation.services.matches import NewMatch
from tests.factories.reconciliation import (
    MONDAY,
    Move,
    a_bank_account,
    bai2,
    booked,
    imported,
    lines_of,
)

pytestmark = pytest.mark.django_db


def one_of_each() -> tuple[BankAccount, Line, BankLine]:
    account = a_bank_account()
    line = booked(account, Decimal("75.00"), on=MONDAY)
    imported(account, bai2(account, MONDAY, [Move(MONDAY, Decimal("75.00"), "MOVE")]))
    return account, Line.objects.get(pk=line.pk), lines_of(account)[0]


def open_ids() -> set[int]:
    return set(OpenLine.objects.values_list("line_id", flat=True))


def matched(account: BankAccount, bank_line: BankLine, line: Line) -> Match:
    return services.match(
        NewMatch(
            bank_account_id=account.pk,
            bank_line_ids=[bank_line.pk],
            line_ids=[line.pk],
            rule="by_hand.1",
            points=40,
        )
    )


def test_posted_cash_is_open_and_repeats_its_line() -> None:
    _, line, _ = one_of_each()

    row = OpenLine.objects.get(line=line)

    assert open_ids() == {line.pk}, "the claim's line is not cash"
    assert (row.book_id, row.entry_id, row.dated_on, row.amount) == (
        line.book_id,
        line.entry_id,
        line.dated_on,
        line.amount,
    )


def test_matched_line_is_open_no_more_until_its_match_is_undone() -> None:
    account, line, bank_line = one_of_each()
    made = matched(account, bank_line, line)
    assert open_ids() == set()

    services.undo_match(made.pk, why="wrong")

    assert open_ids() == {line.pk}
    matched(account, bank_line, line)
    assert open_ids() == set()
    assert MatchLine.objects.filter(line=line).count() == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM reconciliation_openline",
        "UPDATE reconciliation_openline SET amount = amount + 1",
        "INSERT INTO reconciliation_openline SELECT * FROM reconciliation_openline",
        "TRUNCATE reconciliation_openline",
    ],
)
def test_nobody_else_writes_open_lines(sql: str) -> None:
    one_of_each()

    with (
        pytest.raises(Error, match="open lines follow the journal"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
