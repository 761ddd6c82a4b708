"""Every truth of the ledger, attacked with plain SQL past the services."""

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from desk.models import User
from ledger import queries, services
from ledger.models import Balance, Beneficiary, Book, Entry, Line, Period
from proptrust.lib.money import ZERO, usd
from tests.factories.ledger import (
    A_DAY,
    AccountFactory,
    BeneficiaryFactory,
    BookFactory,
    a_receipt,
    held,
    standard_chart,
)
from tests.ledger.plain_sql import (
    check_at_commit,
    insert_entry,
    insert_lines,
    insert_with_plain_sql,
    run,
)

pytestmark = pytest.mark.django_db


class Trust:
    """A trust book with its accounts, two owners and the company."""

    def __init__(self) -> None:
        self.book: Book = BookFactory.create(kind="trust", name="Rent trust")
        self.chart = standard_chart(self.book)
        entity = self.book.entity
        self.ada: Beneficiary = BeneficiaryFactory.create(entity=entity, name="Ada")
        self.ben: Beneficiary = BeneficiaryFactory.create(entity=entity, name="Ben")
        self.company: Beneficiary = BeneficiaryFactory.create(
            entity=entity, name="Harbor", kind="company"
        )

    def held_for(self, beneficiary: Beneficiary) -> object:
        return queries.balance(book_id=self.book.pk, beneficiary_id=beneficiary.pk)


@pytest.fixture
def trust() -> Trust:
    return Trust()


# 1. Zero sum within each entry, book and currency.


def test_entry_out_by_one_cent_is_refused_by_the_database(trust: Trust) -> None:
    with pytest.raises(IntegrityError, match=r"is out by 0\.01 USD in book Rent trust"):
        insert_with_plain_sql(
            trust.book,
            [
                (trust.chart.bank, usd("1000.00"), None),
                (trust.chart.claims, usd("-999.99"), trust.ada.pk),
            ],
        )


def test_books_balance_one_by_one_and_not_only_together(trust: Trust) -> None:
    other = BookFactory.create(entity=trust.book.entity, kind="operating")
    entry_id = insert_entry(trust.book, kind="transfer")

    with pytest.raises(IntegrityError, match=r"is out by 10\.00 USD in book"):
        run(
            "INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,"
            " amount_currency, amount) VALUES (%s, 1, %s, %s, %s, 'USD', 10),"
            " (%s, 2, %s, %s, %s, 'USD', -10)",
            [
                *(entry_id, A_DAY, trust.book.pk, trust.chart.bank),
                *(entry_id, A_DAY, other.pk, trust.chart.bank),
            ],
        )


def test_currencies_balance_one_by_one(trust: Trust) -> None:
    entry_id = insert_entry(trust.book)

    with pytest.raises(IntegrityError, match="is out by"):
        run(
            "INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,"
            " beneficiary_id, amount_currency, amount) VALUES"
            " (%s, 1, %s, %s, %s, NULL, 'USD', 10), (%s, 2, %s, %s, %s, %s, 'CAD', -10)",
            [
                *(entry_id, A_DAY, trust.book.pk, trust.chart.bank),
                *(entry_id, A_DAY, trust.book.pk, trust.chart.claims, trust.ada.pk),
            ],
        )


def test_entry_without_lines_does_not_survive_the_commit(trust: Trust) -> None:
    insert_entry(trust.book)

    with pytest.raises(IntegrityError, match="has no lines"):
        check_at_commit()


def test_entry_with_one_line_is_refused(trust: Trust) -> None:
    with pytest.raises(IntegrityError, match=r"out by 5\.00 USD"):
        insert_with_plain_sql(trust.book, [(trust.chart.bank, usd("5.00"), None)])


@pytest.mark.parametrize("amount", ["0", "NaN"])
def test_line_that_moves_nothing_is_refused(trust: Trust, amount: str) -> None:
    entry_id = insert_entry(trust.book)

    with pytest.raises(IntegrityError):
        run(
            "INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,"
            " amount_currency, amount) VALUES (%s, 1, %s, %s, %s, 'USD', %s)",
            [entry_id, A_DAY, trust.book.pk, trust.chart.bank, amount],
        )


def test_lines_of_an_entry_in_two_statements_are_refused(trust: Trust) -> None:
    entry_id = insert_entry(trust.book)

    with pytest.raises(IntegrityError, match="out by"):
        insert_lines(entry_id, trust.book, [(trust.chart.bank, usd("5.00"), None)])


@pytest.mark.parametrize("first_position", [1, 3])
def test_balanced_lines_added_later_are_refused(trust: Trust, first_position: int) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match=r"line_place_once|come in one statement"):
        insert_lines(
            entry.pk,
            trust.book,
            [
                (trust.chart.bank, usd("5.00"), None),
                (trust.chart.claims, usd("-5.00"), trust.ada.pk),
            ],
            first_position=first_position,
        )


def test_lines_cannot_name_an_entry_that_does_not_exist(trust: Trust) -> None:
    with pytest.raises(IntegrityError, match="which does not exist"):
        insert_lines(
            999_999_999,
            trust.book,
            [
                (trust.chart.bank, usd("5.00"), None),
                (trust.chart.claims, usd("-5.00"), trust.ada.pk),
            ],
        )


def test_lines_count_for_the_day_of_their_entry(trust: Trust) -> None:
    entry_id = insert_entry(trust.book, dated_on=A_DAY)

    with pytest.raises(IntegrityError, match="its lines for another day"):
        insert_lines(
            entry_id,
            trust.book,
            [
                (trust.chart.bank, usd("5.00"), None),
                (trust.chart.claims, usd("-5.00"), trust.ada.pk),
            ],
            dated_on=date(2026, 1, 1),
        )


# 2. What is posted stays; a correction is a reversal.


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_line SET amount = amount * 2",
        "UPDATE ledger_line SET beneficiary_id = NULL",
        "DELETE FROM ledger_line",
        "TRUNCATE ledger_line CASCADE",
        "UPDATE ledger_entry SET memo = 'Another story'",
        "UPDATE ledger_entry SET dated_on = '2020-01-01'",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry CASCADE",
        "TRUNCATE ledger_book CASCADE",
        "TRUNCATE ledger_account CASCADE",
        "TRUNCATE ledger_beneficiary CASCADE",
        "INSERT INTO ledger_entry SELECT * FROM ledger_entry"
        " ON CONFLICT (id) DO UPDATE SET memo = 'Another story'",
        "MERGE INTO ledger_line l USING ledger_entry e ON e.id = l.entry_id"
        " WHEN MATCHED THEN UPDATE SET amount = 1",
    ],
)
def test_what_is_posted_stays(trust: Trust, attack: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    check_at_commit()

    with pytest.raises(IntegrityError, match=r"posted|never emptied|balances follow"):
        run(attack)


def test_the_orm_cannot_change_what_is_posted(trust: Trust) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")))

    entry.memo = "Another story"
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()
    with pytest.raises(ProtectedError):
        entry.delete()
    with pytest.raises(IntegrityError):
        Line.objects.filter(entry=entry).update(amount=1)


def test_reversal_that_is_no_mirror_is_refused(trust: Trust) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")), (trust.ben, usd("5.00")))
    for lines in (
        [(trust.chart.bank, usd("-15.00"), None), (trust.chart.claims, usd("15.00"), trust.ada.pk)],
        [(trust.chart.bank, usd("15.00"), None), (trust.chart.claims, usd("-15.00"), trust.ada.pk)],
        [
            (trust.chart.bank, usd("-16.00"), None),
            (trust.chart.claims, usd("10.00"), trust.ada.pk),
            (trust.chart.claims, usd("6.00"), trust.ben.pk),
        ],
    ):
        before = transaction.savepoint()
        reversal = insert_entry(trust.book, kind="reversal", reverses_id=entry.pk)
        with pytest.raises(IntegrityError, match="not the mirror"):
            insert_lines(reversal, trust.book, lines)
        transaction.savepoint_rollback(before)


def test_entry_is_reversed_once(trust: Trust) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")))
    services.reverse(entry_id=entry.pk, key="undo", dated_on=A_DAY, memo="Undo")

    with pytest.raises(IntegrityError, match="reverses_id"):
        insert_entry(trust.book, kind="reversal", reverses_id=entry.pk)


@pytest.mark.parametrize(("kind", "names_entry"), [("reversal", False), ("receipt", True)])
def test_a_reversal_and_nothing_else_names_an_entry(
    trust: Trust, kind: str, names_entry: bool
) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match="reversal_names_its_entry"):
        insert_entry(trust.book, kind=kind, reverses_id=entry.pk if names_entry else None)


def test_reversal_of_another_companys_entry_is_refused(trust: Trust) -> None:
    entry = held(trust.book, (trust.ada, usd("10.00")))
    other = Trust()
    reversal = insert_entry(other.book, kind="reversal", reverses_id=entry.pk)

    with pytest.raises(IntegrityError, match="not the mirror"):
        insert_lines(
            reversal,
            other.book,
            [
                (other.chart.bank, usd("-10.00"), None),
                (other.chart.claims, usd("10.00"), other.ada.pk),
            ],
        )


# 3. Claims have a beneficiary, and all belong to one legal entity.


def test_claim_without_a_beneficiary_is_refused(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match="names no beneficiary"):
        insert_with_plain_sql(
            trust.book,
            [(trust.chart.bank, usd("5.00"), None), (trust.chart.claims, usd("-5.00"), None)],
        )


def test_cash_with_a_beneficiary_is_refused(trust: Trust) -> None:
    with pytest.raises(IntegrityError, match="only claims have one"):
        insert_with_plain_sql(
            trust.book,
            [
                (trust.chart.bank, usd("5.00"), trust.ada.pk),
                (trust.chart.claims, usd("-5.00"), trust.ada.pk),
            ],
        )


@pytest.mark.parametrize("kind", ["receivable", "held", "payable", "income", "expense", "equity"])
def test_trust_book_takes_cash_and_claims_alone(trust: Trust, kind: str) -> None:
    account = AccountFactory.create(entity=trust.book.entity, kind=kind)

    with pytest.raises(IntegrityError, match="takes no line on account"):
        insert_with_plain_sql(
            trust.book, [(trust.chart.bank, usd("5.00"), None), (account.pk, usd("-5.00"), None)]
        )


@pytest.mark.parametrize("kind", ["operating", "property"])
def test_other_books_take_no_claim(trust: Trust, kind: str) -> None:
    book = BookFactory.create(entity=trust.book.entity, kind=kind)

    with pytest.raises(IntegrityError, match="takes no line on account"):
        insert_with_plain_sql(
            book,
            [
                (trust.chart.bank, usd("5.00"), None),
                (trust.chart.claims, usd("-5.00"), trust.ada.pk),
            ],
        )


@pytest.mark.parametrize("stranger", ["entry", "book", "account", "beneficiary"])
def test_all_belong_to_one_legal_entity(trust: Trust, stranger: str) -> None:
    other = Trust()
    entry_id = insert_entry(other.book if stranger == "entry" else trust.book)

    with pytest.raises(IntegrityError, match="different legal entities"):
        insert_lines(
            entry_id,
            other.book if stranger == "book" else trust.book,
            [
                (other.chart.bank if stranger == "account" else trust.chart.bank, usd("5"), None),
                (
                    trust.chart.claims,
                    usd("-5"),
                    other.ada.pk if stranger == "beneficiary" else trust.ada.pk,
                ),
            ],
        )


@pytest.mark.parametrize("missing", ["book", "account", "beneficiary"])
def test_lines_name_what_exists(trust: Trust, missing: str) -> None:
    nobody = 999_999_999
    entry_id = insert_entry(trust.book)

    with pytest.raises(IntegrityError, match="exist"):
        insert_lines(
            entry_id,
            Book(pk=nobody) if missing == "book" else trust.book,
            [
                (nobody if missing == "account" else trust.chart.bank, usd("5"), None),
                (
                    trust.chart.claims,
                    usd("-5"),
                    nobody if missing == "beneficiary" else trust.ada.pk,
                ),
            ],
        )


@pytest.mark.parametrize("table", ["ledger_book", "ledger_account", "ledger_beneficiary"])
@pytest.mark.parametrize("change", ["entity_id = entity_id + 1", "kind = 'escrow'"])
def test_entity_and_kind_of_a_parent_never_change(trust: Trust, table: str, change: str) -> None:
    with pytest.raises(IntegrityError, match=r"never change|kind_known"):
        run(f"UPDATE {table} SET {change}")


@pytest.mark.parametrize("table", ["ledger_book", "ledger_account", "ledger_beneficiary"])
def test_parents_of_lines_cannot_be_deleted(trust: Trust, table: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    check_at_commit()

    with pytest.raises(IntegrityError):
        run(f"SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM {table}")


# 4. Money does not go out of a book that it leaves overdrawn.

MONEY_OUT = [str(kind) for kind in Entry.MONEY_OUT]
FORBIDDEN_TO_LOWER_CASH = ["charge", "receipt", "allocation", "interest", "adjustment"]


def _pay(trust: Trust, beneficiary: Beneficiary, amount: str, kind: str) -> None:
    insert_with_plain_sql(
        trust.book,
        [
            (trust.chart.bank, -usd(amount), None),
            (trust.chart.claims, usd(amount), beneficiary.pk),
        ],
        kind=kind,
    )


@pytest.mark.parametrize("kind", [*MONEY_OUT, "transfer"])
def test_money_out_that_overdraws_is_refused(trust: Trust, kind: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")), (trust.ben, usd("90.00")))

    with pytest.raises(IntegrityError, match=r"Ada would be overdrawn by 0\.01 USD in book Rent"):
        _pay(trust, trust.ada, "10.01", kind)


@pytest.mark.parametrize("kind", MONEY_OUT)
def test_money_out_to_the_last_cent_is_posted(trust: Trust, kind: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))

    _pay(trust, trust.ada, "10.00", kind)

    assert trust.held_for(trust.ada) == ZERO


@pytest.mark.parametrize("kind", FORBIDDEN_TO_LOWER_CASH)
def test_another_name_does_not_take_cash_out(trust: Trust, kind: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match=f"kind {kind} takes no cash out of book Rent trust"):
        _pay(trust, trust.ada, "5.00", kind)


def test_an_outstanding_check_is_brought_forward_before_the_book_is_in_use(trust: Trust) -> None:
    insert_with_plain_sql(
        trust.book,
        [(trust.chart.bank, usd("50"), None), (trust.chart.claims, usd("-50"), trust.ada.pk)],
        kind="opening",
    )
    insert_lines(
        insert_entry(trust.book, kind="opening", key="check 1041"),
        trust.book,
        [(trust.chart.bank, usd("-20"), None), (trust.chart.claims, usd("20"), trust.ada.pk)],
    )
    assert trust.held_for(trust.ada) == usd("30.00")
    held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match="book Rent trust is in use"):
        insert_lines(
            insert_entry(trust.book, kind="opening", key="check 1042"),
            trust.book,
            [(trust.chart.bank, usd("-20"), None), (trust.chart.claims, usd("20"), trust.ada.pk)],
        )


@pytest.mark.parametrize("kind", ["settlement", "bank_fee"])
def test_a_clients_money_pays_no_fee_that_it_does_not_cover(trust: Trust, kind: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))

    with pytest.raises(IntegrityError, match="Ada would be overdrawn"):
        _pay(trust, trust.ada, "10.01", kind)


@pytest.mark.parametrize("kind", ["settlement", "bank_fee"])
def test_the_company_owes_a_fee_and_the_others_are_still_paid(trust: Trust, kind: str) -> None:
    held(trust.book, (trust.ada, usd("100.00")))

    _pay(trust, trust.company, "15.00", kind)
    insert_lines(
        insert_entry(trust.book, key="draw", kind="disbursement"),
        trust.book,
        [(trust.chart.bank, usd("-60"), None), (trust.chart.claims, usd("60"), trust.ada.pk)],
    )

    assert trust.held_for(trust.company) == usd("-15.00")
    assert trust.held_for(trust.ada) == usd("40.00")


def test_a_return_may_overdraw_and_then_nobody_is_paid(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")), (trust.ben, usd("90.00")))
    _pay(trust, trust.ada, "25.00", "return")
    assert trust.held_for(trust.ada) == usd("-15.00")

    with pytest.raises(IntegrityError, match=r"Ada would be overdrawn by 15\.00 USD"):
        insert_lines(
            insert_entry(trust.book, key="draw", kind="disbursement"),
            trust.book,
            [(trust.chart.bank, usd("-1"), None), (trust.chart.claims, usd("1"), trust.ben.pk)],
        )


@pytest.mark.parametrize(
    "kind", ["transfer", "allocation", "adjustment", "interest", "charge", "receipt", "fee_draw"]
)
def test_the_company_gives_only_what_it_has(trust: Trust, kind: str) -> None:
    """Else it could give an owner money that is not there, and pay it out from the others'."""
    held(trust.book, (trust.company, usd("5.00")), (trust.ada, usd("100.00")))

    with pytest.raises(IntegrityError, match=r"Harbor would be overdrawn by 0\.01 USD"):
        insert_with_plain_sql(
            trust.book,
            [
                (trust.chart.claims, usd("5.01"), trust.company.pk),
                (trust.chart.claims, usd("-5.01"), trust.ben.pk),
            ],
            kind=kind,
        )


def test_a_claim_on_another_account_covers_the_draw(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    second = AccountFactory.create(entity=trust.book.entity, kind="claim", name="Reserves")

    insert_with_plain_sql(
        trust.book,
        [(trust.chart.bank, usd("-10"), None), (second.pk, usd("10"), trust.ada.pk)],
        kind="disbursement",
    )

    assert trust.held_for(trust.ada) == ZERO
    assert queries.overdrawn(trust.book.pk) == []


def test_reversing_a_reversal_of_a_draw_is_a_draw(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    _pay(trust, trust.ada, "10.00", "disbursement")
    draw = Entry.objects.get(kind="disbursement")
    back = services.reverse(entry_id=draw.pk, key="back", dated_on=A_DAY, memo="Came back")
    insert_lines(
        insert_entry(trust.book, key="second draw", kind="disbursement"),
        trust.book,
        [(trust.chart.bank, usd("-10"), None), (trust.chart.claims, usd("10"), trust.ada.pk)],
    )

    with pytest.raises(IntegrityError, match="Ada would be overdrawn"):
        insert_lines(
            insert_entry(trust.book, key="again", kind="reversal", reverses_id=back.pk),
            trust.book,
            [(trust.chart.bank, usd("-10"), None), (trust.chart.claims, usd("10"), trust.ada.pk)],
        )


# 5. Nothing is posted into a closed period, and it stays closed.


def _closed_march(trust: Trust) -> Period:
    person = User.objects.create(username="closer")
    held(trust.book, (trust.ada, usd("10.00")))
    return services.close_period(
        book_id=trust.book.pk, first_on=date(2026, 3, 1), closed_by_id=person.pk
    )


@pytest.mark.parametrize("day", [date(2026, 3, 31), date(2026, 3, 1), date(2020, 1, 1)])
def test_nothing_is_posted_into_a_closed_period_or_before_it(trust: Trust, day: date) -> None:
    _closed_march(trust)

    with pytest.raises(IntegrityError, match="Rent trust is closed through 2026-03-31"):
        insert_with_plain_sql(
            trust.book,
            [(trust.chart.bank, usd("5"), None), (trust.chart.claims, usd("-5"), trust.ada.pk)],
            dated_on=day,
        )


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_period SET closed_at = NULL, digest = '', previous_digest = ''",
        "UPDATE ledger_period SET last_on = '2026-03-05'",
        "UPDATE ledger_period SET digest = repeat('f', 64)",
        "UPDATE ledger_period SET closed_by_id = closed_by_id",
        "DELETE FROM ledger_period",
        "TRUNCATE ledger_period CASCADE",
        "UPDATE ledger_book SET closed_through = NULL",
        "UPDATE ledger_book SET closed_through = '2030-01-01'",
        "INSERT INTO ledger_book (entity_id, kind, name, closed_through)"
        " SELECT entity_id, kind, 'Other', '2030-01-01' FROM ledger_book LIMIT 1",
    ],
)
def test_a_closed_period_stays_closed(trust: Trust, attack: str) -> None:
    _closed_march(trust)
    check_at_commit()

    with pytest.raises(IntegrityError):
        run(attack)


def test_an_open_period_changes_only_by_being_closed(trust: Trust) -> None:
    services.open_period(book_id=trust.book.pk, first_on=date(2026, 3, 1))

    with pytest.raises(IntegrityError, match="changes only by being closed"):
        run("UPDATE ledger_period SET last_on = '2026-03-15'")


def test_the_database_makes_the_digest_whoever_closes(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    period = services.open_period(book_id=trust.book.pk, first_on=date(2026, 3, 1))

    run("UPDATE ledger_period SET closed_at = '2001-01-01', digest = 'mine', previous_digest = 'x'")

    period.refresh_from_db()
    assert len(period.digest) == 64
    assert period.previous_digest == ""
    assert period.closed_at is not None
    assert period.closed_at > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("first_on", ["2026-03-15", "2026-05-01", "2026-02-01"])
def test_periods_follow_one_another_without_gap(trust: Trust, first_on: str) -> None:
    services.open_period(book_id=trust.book.pk, first_on=date(2026, 3, 1))

    with pytest.raises(IntegrityError, match="does not follow the one before"):
        run(
            "INSERT INTO ledger_period (book_id, first_on, last_on, previous_digest, digest)"
            " VALUES (%s, %s, '2026-06-30', '', '')",
            [trust.book.pk, first_on],
        )


def test_a_period_is_not_born_closed(trust: Trust) -> None:
    with pytest.raises(IntegrityError, match="opens before it closes"):
        run(
            "INSERT INTO ledger_period (book_id, first_on, last_on, closed_at, previous_digest,"
            " digest) VALUES (%s, '2026-03-01', '2026-03-31', now(), '', repeat('0', 64))",
            [trust.book.pk],
        )


def test_entry_says_which_closed_period_it_adjusts(trust: Trust) -> None:
    period = _closed_march(trust)
    other = Trust()

    with pytest.raises(IntegrityError, match="not an earlier closed one of its books"):
        run(
            "WITH e AS (INSERT INTO ledger_entry (entity_id, key, kind, dated_on, memo, digest,"
            " adjusts_id) VALUES (%s, 'odd', 'receipt', '2026-04-01', '', '', %s) RETURNING id)"
            " INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,"
            " beneficiary_id, amount_currency, amount)"
            " SELECT id, 1, '2026-04-01'::date, %s, %s, NULL::bigint, 'USD', 5 FROM e UNION ALL"
            " SELECT id, 2, '2026-04-01', %s, %s, %s, 'USD', -5 FROM e",
            [
                other.book.entity_id,
                period.pk,
                *(other.book.pk, other.chart.bank),
                *(other.book.pk, other.chart.claims, other.ada.pk),
            ],
        )


@pytest.mark.parametrize("moment", ["2020-01-01", "2099-01-01"])
def test_an_entry_is_known_when_it_is_posted(trust: Trust, moment: str) -> None:
    ((entry_id,),) = run(
        "INSERT INTO ledger_entry (entity_id, key, kind, dated_on, memo, digest, known_at)"
        " VALUES (%s, 'k', 'receipt', %s, '', '', %s) RETURNING id",
        [trust.book.entity_id, A_DAY, moment],
    )
    assert isinstance(entry_id, int)

    with pytest.raises(IntegrityError, match="is known when it is posted"):
        insert_lines(
            entry_id,
            trust.book,
            [(trust.chart.bank, usd("5"), None), (trust.chart.claims, usd("-5"), trust.ada.pk)],
        )


# 6. A key is used once in a legal entity.


def test_a_key_is_used_once(trust: Trust) -> None:
    insert_entry(trust.book, key="once")

    with pytest.raises(IntegrityError, match="entry_key_once"):
        insert_entry(trust.book, key="once")


def test_two_companies_may_use_one_key(trust: Trust) -> None:
    other = Trust()
    entries = [
        services.post(a_receipt(one.book, (one.ada, usd("5.00")), key="once"))
        for one in (trust, other)
    ]

    assert entries[0].pk != entries[1].pk


# 7. Balances follow the lines, and nobody else writes them.


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_balance SET amount = 0",
        "UPDATE ledger_balance SET amount = 0 WHERE false",
        "DELETE FROM ledger_balance",
        "TRUNCATE ledger_balance",
        "INSERT INTO ledger_balance (book_id, account_id, part, amount_currency, amount)"
        " SELECT book_id, account_id, 99, amount_currency, 1 FROM ledger_balance LIMIT 1",
    ],
)
def test_nobody_else_writes_balances(trust: Trust, attack: str) -> None:
    held(trust.book, (trust.ada, usd("10.00")))
    check_at_commit()

    with pytest.raises(IntegrityError, match="balances follow the lines"):
        run(attack)


def test_balances_are_the_sums_of_the_lines(trust: Trust) -> None:
    held(trust.book, (trust.ada, usd("10.00")), (trust.company, usd("2.00")))
    _pay(trust, trust.ada, "4.00", "refund")

    rows = Balance.objects.filter(book=trust.book, beneficiary__isnull=False)
    assert {row.beneficiary_id: -row.amount for row in rows} == {
        trust.ada.pk: usd("6.00"),
        trust.company.pk: usd("2.00"),
    }
    equation = queries.trust_equation(trust.book.pk)
    assert (equation.cash, equation.held, equation.difference) == (usd("8"), usd("8"), ZERO)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_no_other_isolation_level_writes_the_ledger(level: str) -> None:
    """Its locks hold what a snapshot taken earlier could not see."""
    trust = Trust()
    entry = a_receipt(trust.book, (trust.ada, usd("5.00")))

    with transaction.atomic():
        run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        with pytest.raises(IntegrityError, match="read committed alone"):
            services.post(entry)
