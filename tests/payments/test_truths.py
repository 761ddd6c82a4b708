"""What PostgreSQL keeps of payments, whoever writes: each test goes around the services."""

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from ledger.models import Beneficiary, Book
from ledger.services import post, reverse
from payments import services
from payments.models import Payment
from proptrust.lib.money import usd
from tests.factories.ledger import a_payment, a_receipt
from tests.factories.payments import ach, payment, trust
from tests.ledger.plain_sql import check_at_commit, run

pytestmark = pytest.mark.django_db
LATER = date(2026, 3, 12)
INSERT = """
    INSERT INTO payments_payment (entity_id, book_id, key, method, purpose, payee, payee_address,
        payee_code, amount, amount_currency, dated_on, number, memo, routing_number, account_number,
        last_four, is_savings, is_firm, state, entry_id, replaces_id, back_entry_id, batch,
        back_batch, trace, id_number, code, reason, is_answered)
    VALUES (%(entity)s, %(in_book)s, %(key)s, %(method)s, 'owner_draw', 'Plain', '', '', %(amount)s,
        'USD', '2026-03-10', %(number)s, '', %(routing)s, '', '', false, false, %(state)s,
        %(entry)s, %(replaces)s, null, '', '', '', '', '', '', false)
"""


def insert(book: Book, owner: Beneficiary, **facts: Any) -> None:
    """Insert a payment and its entry with plain SQL."""
    amount = facts.pop("entry_amount", "10.00")
    kind = facts.pop("kind", "disbursement")
    new = (
        a_payment(book, (owner, usd(amount)), kind=kind)
        if kind != "receipt"
        else a_receipt(book, (owner, usd(amount)))
    )
    row: dict[str, Any] = {
        "entity": book.entity_id, "in_book": book.pk, "key": "plain", "method": "ach",
        "amount": "10.00", "number": "", "routing": "", "state": "issued", "entry": post(new).pk,
        "replaces": None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(INSERT, {**row, **facts})


def test_a_payment_inserted_with_its_entry_stands() -> None:
    book, owner = trust()
    insert(book, owner)
    assert Payment.objects.get().amount == usd("10.00")


@pytest.mark.parametrize(
    ("facts", "constraint"),
    [
        ({"amount": "10.01"}, "its entry"),
        ({"entry_amount": "9.99"}, "its entry"),
        ({"kind": "receipt"}, "its entry"),
        ({"kind": "return"}, "its entry"),
        ({"amount": "0.00"}, "payment_above_zero"),
        ({"state": "cleared"}, "cleared"),
        ({"state": "sent"}, "begins as issued"),
        ({"routing": "021000022"}, "payment_routing_number"),
        ({"routing": "000000000"}, "payment_routing_number"),
        ({"number": "12"}, "check_has_a_number"),
        ({"method": "check"}, "check_has_a_number"),
        ({"method": "check", "number": "012"}, "check_number_is_a_number"),
        ({"method": "check", "number": "A1"}, "check_number_is_a_number"),
        ({"method": "cash"}, "payment_kind_known"),
    ],
)
def test_a_payment_that_is_not_its_entry_is_refused(facts: dict[str, Any], constraint: str) -> None:
    book, owner = trust()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        insert(book, owner, **facts)


def test_the_entry_of_another_book_is_no_payment() -> None:
    book, owner = trust()
    other, _ = trust()
    with pytest.raises(IntegrityError, match="takes 0 out of the account"), transaction.atomic():
        insert(book, owner, in_book=other.pk)


def test_a_check_number_is_used_once_in_a_book() -> None:
    book, owner = trust()
    payment(book, owner)
    with pytest.raises(IntegrityError, match="check_number_once"), transaction.atomic():
        insert(book, owner, method="check", number="1001")
    other, somebody = trust()
    insert(other, somebody, method="check", number="1001")


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1", "payee = 'Somebody else'", "number = '7'", "book_id = book_id + 1",
        "entry_id = entry_id + 1", "key = 'other'", "dated_on = dated_on + 1", "payee_code = 'X'",
        "account_number = 'x'", "routing_number = '021000021'", "method = 'ach', number = ''",
        "purpose = 'vendor'", "payee_address = 'x'",
    ],
)  # fmt: skip
def test_facts_of_a_payment_never_change(change: str) -> None:
    book, owner = trust()
    paid = payment(book, owner)
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        run(f"UPDATE payments_payment SET {change} WHERE id = {paid.pk}")


def test_a_payment_is_neither_deleted_nor_emptied_away() -> None:
    book, owner = trust()
    payment(book, owner)
    with pytest.raises(IntegrityError, match="void it instead"), transaction.atomic():
        run("DELETE FROM payments_payment")
    check_at_commit()
    with pytest.raises(IntegrityError, match="never emptied"), transaction.atomic():
        run("TRUNCATE payments_payment CASCADE")


@pytest.mark.parametrize("state", ["void", "stopped"])
def test_a_cleared_payment_is_not_voided(state: str) -> None:
    book, owner = trust()
    paid = payment(book, owner)
    services.clear([paid.pk], on=LATER)
    back = reverse(entry_id=paid.entry_id, key="r", dated_on=LATER, memo="Reversed")
    with pytest.raises(IntegrityError, match="cannot become"), transaction.atomic():
        run(
            "UPDATE payments_payment SET state = %s, back_entry_id = %s, reason = 'x'",
            [state, back.pk],
        )


def test_an_end_is_an_end() -> None:
    book, owner = trust()
    paid = payment(book, owner)
    services.void(paid, why="Spoiled", on=LATER, actor_id=None)
    for state in ("issued", "sent", "cleared", "returned", "unclaimed"):
        with pytest.raises(IntegrityError), transaction.atomic():
            run("UPDATE payments_payment SET state = %s, cleared_on = now()", [state])
    with pytest.raises(IntegrityError, match="keeps the entry"), transaction.atomic():
        run("UPDATE payments_payment SET back_entry_id = NULL")


def test_what_takes_a_payment_back_brings_its_amount() -> None:
    book, owner = trust()
    paid = payment(book, owner)
    wrong = post(a_receipt(book, (owner, usd("99.99"))))
    with pytest.raises(IntegrityError, match=r"brings 99\.99"), transaction.atomic():
        run(
            "UPDATE payments_payment SET state = 'returned', back_entry_id = %s WHERE id = %s",
            [wrong.pk, paid.pk],
        )
    with pytest.raises(IntegrityError, match="payment_back_has_its_entry"), transaction.atomic():
        run("UPDATE payments_payment SET state = 'returned'")


def test_only_money_that_came_back_is_paid_again_and_only_once() -> None:
    book, owner = trust()
    paid = ach(book, owner)
    with pytest.raises(IntegrityError, match="when its money has come back"), transaction.atomic():
        insert(book, owner, replaces=paid.pk)
    services.come_back(paid, code="R03", on=LATER)
    insert(book, owner, replaces=paid.pk)
    with pytest.raises(IntegrityError, match="replaces_id"), transaction.atomic():
        insert(book, owner, key="again", replaces=paid.pk)


def test_numbers_left_out_say_why() -> None:
    book, _ = trust()
    with pytest.raises(IntegrityError, match="skipped_number_says_why"), transaction.atomic():
        run(
            "INSERT INTO payments_skippednumber (book_id, number, why) VALUES (%s, 5, '')",
            [book.pk],
        )
