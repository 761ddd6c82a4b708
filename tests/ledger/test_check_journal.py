"""check_journal finds what was planted behind the guards' back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ledger import services
from ledger.journal import CHECKS, GUARDS
from ledger.models import Beneficiary, Book
from proptrust.lib.money import usd
from tests.factories.desk import UserFactory
from tests.factories.ledger import (
    A_DAY,
    BeneficiaryFactory,
    BookFactory,
    a_payment,
    a_receipt,
    held,
    standard_chart,
)
from tests.ledger.plain_sql import check_at_commit, insert_entry, insert_lines, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    """A trust book with a closed March, a reversal, and an open April."""
    book: Book = BookFactory.create(kind="trust", name="Rent trust")
    ada: Beneficiary = BeneficiaryFactory.create(entity=book.entity, name="Ada")
    services.post_many([a_receipt(book, (ada, usd(n)), key=f"in:{n}") for n in range(1, 8)])
    first = services.post(a_receipt(book, (ada, usd("3.00")), key="wrong\nmemo · Zoë"))
    services.reverse(entry_id=first.pk, key="undo", dated_on=A_DAY, memo="Undo")
    for month in (2, 3):
        services.close_period(
            book_id=book.pk, first_on=date(2026, month, 1), closed_by_id=UserFactory.create().pk
        )
    held(book, (ada, usd("5.00")), dated_on=date(2026, 4, 2))
    services.post(a_payment(book, (ada, usd("2.00")), dated_on=date(2026, 4, 3)))
    check_at_commit()
    return book


@contextmanager
def guards_asleep() -> Iterator[None]:
    """What a superuser, a restored backup or a broken disk could do."""
    run("SET LOCAL session_replication_role = replica")
    yield
    run("SET LOCAL session_replication_role = origin")


def report(*arguments: str) -> str:
    out = StringIO()
    try:
        call_command("check_journal", *arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


def test_a_sound_journal_is_told_check_by_check(book: Book) -> None:
    said = report()

    assert said.splitlines() == [f"ok    {check.truth}" for check in CHECKS]


def test_the_command_fails_when_something_differs(book: Book) -> None:
    with guards_asleep():
        run("UPDATE ledger_balance SET amount = amount + 1 WHERE beneficiary_id IS NOT NULL")

    with pytest.raises(CommandError, match="the journal differs in 1 place") as failure:
        call_command("check_journal", stdout=StringIO())
    assert failure.value.returncode == 1


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (
            "UPDATE ledger_line SET amount = amount + 0.01 WHERE id ="
            " (SELECT max(id) FROM ledger_line)",
            "is out by 0.01 USD in book Rent trust",
        ),
        ("DELETE FROM ledger_line WHERE position = 2", "has 1 lines"),
        ("DELETE FROM ledger_line", "has 0 lines"),
        ("UPDATE ledger_balance SET amount = 0", "Ada: balance is 0.00, its lines sum to -31.00"),
        (
            "DELETE FROM ledger_balance WHERE beneficiary_id IS NOT NULL",
            "Ada: balance is 0, its lines sum to -31.00",
        ),
        ("UPDATE ledger_entry SET memo = 'x' WHERE key = 'in:3'", "the facts of its digest"),
        (
            "UPDATE ledger_entry SET memo = 'x' WHERE key = 'in:3'",
            "the lines of Rent trust 2026-03 are not those that were closed",
        ),
        (
            "UPDATE ledger_line SET id = id + 100000 WHERE dated_on < '2026-03-31'",
            "the lines of Rent trust 2026-03 are not those that were closed",
        ),
        (
            "UPDATE ledger_period SET previous_digest = repeat('a', 64)",
            "is not chained to the period before it",
        ),
        (
            "UPDATE ledger_period SET first_on = '2026-03-02' WHERE first_on = '2026-03-01'",
            "the period from 2026-03-02 follows one that ends on 2026-02-28",
        ),
        ("UPDATE ledger_book SET closed_through = NULL", "it says closed through never"),
        (
            "UPDATE ledger_line SET beneficiary_id = NULL WHERE position = 2",
            "a claim without a beneficiary",
        ),
        (
            "UPDATE ledger_line l SET beneficiary_id = (SELECT max(id) FROM ledger_beneficiary)"
            " WHERE position = 1",
            "a beneficiary on account Cash at the bank, which is no claim",
        ),
        ("UPDATE ledger_line SET account_id = 999999", "names account 999999, which is gone"),
        ("UPDATE ledger_line SET dated_on = '2026-01-01'", "names day 2026-01-01, its entry"),
        (
            "UPDATE ledger_line l SET amount = amount * 2 FROM ledger_entry e"
            " WHERE e.id = l.entry_id AND e.kind = 'reversal'",
            "is not the mirror of entry",
        ),
        (
            "UPDATE ledger_entry SET kind = 'charge' WHERE kind = 'disbursement'",
            "of kind charge takes 2.00 USD out of book Rent trust",
        ),
        (
            "UPDATE ledger_entry SET known_at = now() + interval '1 day' WHERE key = 'in:3'",
            "was known after book Rent trust was closed through 2026-03-31",
        ),
        (
            "ALTER TABLE ledger_line DISABLE TRIGGER ledger_lines_are_true",
            "trigger ledger_lines_are_true on ledger_line is missing or switched off",
        ),
        (
            "DROP TRIGGER ledger_balance_is_kept ON ledger_balance",
            "trigger ledger_balance_is_kept on ledger_balance is missing or switched off",
        ),
    ],
)
def test_a_planted_corruption_is_named(book: Book, planted: str, found: str) -> None:
    with guards_asleep():
        run(planted)

    assert found in report()


def test_an_entry_slipped_into_a_closed_month_is_named(book: Book) -> None:
    accounts = standard_chart(book)
    ada = book.entity.beneficiaries.get()
    with guards_asleep():
        entry_id = insert_entry(book)
        insert_lines(
            entry_id,
            book,
            [(accounts.bank, usd("5"), None), (accounts.claims, usd("-5"), ada.pk)],
        )

    said = report()

    assert f"entry {entry_id} of 2026-03-10 was known after book Rent trust" in said
    assert "the lines of Rent trust 2026-03 are not those that were closed" in said
    assert "its lines sum to" in said


def test_one_legal_entity_is_checked_alone(book: Book) -> None:
    other: Book = BookFactory.create(kind="trust", name="Other trust")
    held(other, (BeneficiaryFactory.create(entity=other.entity, name="Zed"), usd("5.00")))
    check_at_commit()
    with guards_asleep():
        run("UPDATE ledger_balance SET amount = 0 WHERE book_id = %s", [other.pk])

    assert "WRONG" not in report("--entity", str(book.entity_id))
    assert "Zed: balance is 0.00" in report("--entity", str(other.entity_id))
    assert "there is no legal entity 999999" in report("--entity", "999999")


def test_every_guard_that_the_migrations_make_is_watched() -> None:
    rows = run(
        "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relname LIKE 'ledger_%%'"
        " AND t.tgname LIKE 'ledger_%%'"
    )

    missing = {(name, table) for name, table in rows} - set(GUARDS.items())
    assert all(str(name).endswith("s_stay") for name, _ in missing), missing
