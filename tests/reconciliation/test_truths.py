"""What PostgreSQL keeps whoever writes: each truth is attacked with plain SQL."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.models import BankAccount
from reconciliation import services
from reconciliation.errors import WrongMatch
from reconciliation.models import BankLine, Match
from reconciliation.services import NewMatch
from tests.factories.reconciliation import (
    MONDAY,
    a_bank_account,
    bai2,
    booked,
    imported,
    lines_of,
    move,
)

pytestmark = pytest.mark.django_db


def sql(statement: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None


def refused(expected: str, *statements: tuple[Any, ...]) -> None:
    """The statements in one transaction, its commit included, end in this refusal."""
    with pytest.raises(DatabaseError, match=expected):
        _commit(statements)


@transaction.atomic
def _commit(statements: Sequence[tuple[Any, ...]]) -> None:
    for statement in statements:
        sql(*statement)
    sql("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def account() -> BankAccount:
    account = a_bank_account()
    imported(account, bai2(account, MONDAY, [move("100.00", "A"), move("60.00", "B")]))
    return account


def a_match(account: BankAccount) -> Match:
    line = booked(account, "100.00")
    return services.match(
        NewMatch(
            bank_account_id=account.pk,
            bank_line_ids=[lines_of(account)[0].pk],
            line_ids=[line.pk],
            rule="test.1",
            points=100,
        )
    )


def _new(account: BankAccount, bank: list[int], journal: list[int]) -> list[tuple[Any, ...]]:
    """A match with its sides, as plain SQL."""
    (id_,) = sql("SELECT nextval('reconciliation_match_id_seq')")
    return [
        (
            "INSERT INTO reconciliation_match (id, bank_account_id, made, rule, points, reasons,"
            " undone_why) VALUES (%s, %s, 'automatic', 'sql.1', 100, '{}', '')",
            id_,
            account.pk,
        ),
        *(
            (
                "INSERT INTO reconciliation_matchbankline (match_id, bank_line_id, is_live)"
                " VALUES (%s, %s, true)",
                id_,
                line,
            )
            for line in bank
        ),
        *(
            (
                "INSERT INTO reconciliation_matchline (match_id, line_id, is_live)"
                " VALUES (%s, %s, true)",
                id_,
                line,
            )
            for line in journal
        ),
    ]


def test_match_whose_sums_differ_by_a_cent_is_refused(account: BankAccount) -> None:
    line = booked(account, "99.99")

    refused("out by 0.01 USD", *_new(account, [lines_of(account)[0].pk], [line.pk]))


def test_match_with_one_side_is_refused(account: BankAccount) -> None:
    refused("needs a bank line and a journal line", *_new(account, [lines_of(account)[0].pk], []))
    refused("needs a bank line and a journal line", *_new(account, [], []))


def test_match_with_a_line_of_another_account_is_refused(account: BankAccount) -> None:
    other = a_bank_account(account.book.entity)
    line = booked(other, "100.00")

    refused("not of its bank account", *_new(account, [lines_of(account)[0].pk], [line.pk]))


def test_match_with_a_claim_instead_of_cash_is_refused(account: BankAccount) -> None:
    cash = booked(account, "-100.00", kind="return")
    claim = cash.entry.lines.exclude(pk=cash.pk).get()

    refused("not of its bank account", *_new(account, [lines_of(account)[0].pk], [claim.pk]))


def test_bank_line_is_in_one_live_match(account: BankAccount) -> None:
    a_match(account)
    line = booked(account, "100.00")

    refused("bank_line_matched_once", *_new(account, [lines_of(account)[0].pk], [line.pk]))


def test_journal_line_is_in_one_live_match(account: BankAccount) -> None:
    imported(account, bai2(account, MONDAY, [move("100.00", "C")]))
    made = a_match(account)

    refused(
        "journal_line_matched_once",
        *_new(account, [lines_of(account)[2].pk], [made.journal_sides.get().line_id]),
    )


def test_side_that_is_added_to_a_standing_match_is_refused(account: BankAccount) -> None:
    made = a_match(account)

    refused(
        "out by 60.00 USD",
        (
            "INSERT INTO reconciliation_matchbankline (match_id, bank_line_id, is_live)"
            " VALUES (%s, %s, true)",
            made.pk,
            lines_of(account)[1].pk,
        ),
    )


def test_match_is_never_deleted_or_changed(account: BankAccount) -> None:
    made = a_match(account)

    refused("is history", ("DELETE FROM reconciliation_match WHERE id = %s", made.pk))
    refused("is history", ("UPDATE reconciliation_match SET points = 1 WHERE id = %s", made.pk))
    refused("stays as long", ("DELETE FROM reconciliation_matchline",))
    refused("stays as long", ("UPDATE reconciliation_matchline SET is_live = false",))
    refused("stays as long", ("UPDATE reconciliation_matchbankline SET is_live = false",))


def test_undone_match_frees_its_lines_and_is_undone_once(account: BankAccount) -> None:
    made = a_match(account)

    sql(
        "UPDATE reconciliation_match SET undone_at = now(), undone_why = 'x' WHERE id = %s", made.pk
    )
    sql("SET CONSTRAINTS ALL IMMEDIATE")

    assert not lines_of(account)[0].is_matched
    assert not made.journal_sides.get().is_live
    refused("is history", ("UPDATE reconciliation_match SET undone_at = NULL",))


def test_undo_says_why(account: BankAccount) -> None:
    a_match(account)

    refused("undone_match_says_why", ("UPDATE reconciliation_match SET undone_at = now()",))


def test_is_matched_follows_the_matches_alone(account: BankAccount) -> None:
    made = a_match(account)
    assert lines_of(account)[0].is_matched

    refused("follows its matches", ("UPDATE reconciliation_bankline SET is_matched = false",))
    refused("follows its matches", ("UPDATE reconciliation_bankline SET is_matched = true",))
    services.undo_match(made.pk, why="wrong")
    assert not BankLine.objects.filter(is_matched=True).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reconciliation_bankline SET amount = amount + 1",
        "UPDATE reconciliation_bankline SET posted_on = posted_on + 1",
        "UPDATE reconciliation_bankline SET description = 'other'",
        "DELETE FROM reconciliation_bankline",
        "UPDATE reconciliation_statement SET closing = 0",
        "DELETE FROM reconciliation_statement",
    ],
)
def test_what_the_bank_told_stays(account: BankAccount, statement: str) -> None:
    refused("what the bank told", (statement,))


def test_file_keeps_its_bytes(account: BankAccount) -> None:
    refused("kept as it came", ("UPDATE reconciliation_statementfile SET body = ''",))
    refused("kept as it came", ("DELETE FROM reconciliation_statementfile",))
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    refused("never emptied", ("TRUNCATE reconciliation_bankline CASCADE",))


def test_line_repeats_only_an_equal_line_of_its_account(account: BankAccount) -> None:
    one, two = lines_of(account)

    refused(
        "repeats no line",
        ("UPDATE reconciliation_bankline SET repeats_id = %s WHERE id = %s", one.pk, two.pk),
    )
    with pytest.raises(WrongMatch, match="same amount"):
        services.name_repetition(two.pk, of=one.pk)


def test_line_of_an_intraday_statement_is_refused(account: BankAccount) -> None:
    imported(account, bai2(account, MONDAY, [move("5.00")], is_intraday=True))

    refused(
        "final statement",
        (
            "INSERT INTO reconciliation_bankline (bank_account_id, statement_id, posted_on, amount,"
            " amount_currency, type, bank_reference, customer_reference, check_number, description,"
            " place, fingerprint, number, is_matched)"
            " SELECT %s, max(id), now()::date, 1, 'USD', '', '', '', '', '', '', 'x', 1, false"
            " FROM reconciliation_statement",
            account.pk,
        ),
    )


def test_service_says_what_postgresql_refuses(account: BankAccount) -> None:
    line = booked(account, "99.99")

    with pytest.raises(WrongMatch, match="no tolerance"):
        services.match(
            NewMatch(
                bank_account_id=account.pk,
                bank_line_ids=[lines_of(account)[0].pk],
                line_ids=[line.pk],
                rule="test.1",
                points=100,
            )
        )
