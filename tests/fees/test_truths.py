"""The truths of fees, kept by PostgreSQL: each test goes around the services with plain SQL."""

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from fees import services
from fees.models import Fee, FeeDraw
from ledger.company import company_of
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import Allocation, Receipt
from receivables.types import NewComeback
from tests.factories.desk import UserFactory
from tests.factories.leases import Company, company
from tests.factories.receivables import charge, receipt
from tests.fees.world import deaf
from tests.ledger.plain_sql import insert_entry, insert_lines, run

pytestmark = pytest.mark.django_db

MARCH_2 = date(2026, 3, 2)
MARCH_9 = date(2026, 3, 9)


def paid(amount: str = "1000.00") -> Company:
    """A company with one payment at the bank, and its fee."""
    home = company()
    charge(home.lease, amount)
    receipt(home.lease, amount, channel=Receipt.Channel.WIRE, into=Receipt.Into.BANK)
    return home


def copy_of(fee: Fee, **facts: Any) -> None:
    """Insert a fee like another one with plain SQL, some facts changed."""
    columns = [
        "entity_id", "property_id", "lease_id", "agreement_id", "book_id", "kind",
        "allocation_id", "basis", "basis_currency", "rate", "amount", "amount_currency", "parts",
        "counts_on", "month", "key", "reason", "entry_id", "reverses_id", "draw_id",
    ]  # fmt: skip
    given = [f"%({name})s" if name in facts else name for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO fees_fee ({', '.join(columns)})"
            f" SELECT {', '.join(given)} FROM fees_fee WHERE id = %(id)s",
            {**facts, "id": fee.pk},
        )


def waiting(home: Company) -> Fee:
    """A fee that waits: what an owner cannot pay of a month's minimum."""
    home.property.agreements.update(fee_minimum=5000)
    services.take_period_fees(home.entity.pk, date(2026, 1, 1), on=MARCH_2)
    return Fee.objects.get(kind="minimum", entry__isnull=True)


@pytest.mark.parametrize(
    "change",
    ["amount = 1", "parts = '{}'", "rate = 0.5", "counts_on = '2026-04-01'", "entry_id = NULL"],
)
def test_a_fee_never_changes(change: str) -> None:
    paid()
    with pytest.raises(IntegrityError, match="stays as it was earned"):
        run(f"UPDATE fees_fee SET {change}")


def test_a_fee_is_never_deleted() -> None:
    paid()
    with pytest.raises(IntegrityError, match="give it back instead"):
        run("DELETE FROM fees_fee")


@pytest.mark.django_db(transaction=True)
def test_the_tables_are_never_emptied() -> None:
    paid()
    with pytest.raises(IntegrityError, match="never emptied"):
        run("TRUNCATE fees_fee, fees_feedraw")


def test_a_payment_bears_one_fee_of_a_kind_for_ever() -> None:
    paid()
    with pytest.raises(IntegrityError, match="fee_once_per_allocation"):
        copy_of(Fee.objects.get(), key="again", entry_id=None)


def test_a_fee_whose_parts_are_out_by_a_cent_is_refused() -> None:
    home = paid()
    fee = waiting(home)
    (who,) = fee.parts
    with pytest.raises(IntegrityError, match="its parts are"):
        copy_of(fee, key="other", parts=f'{{"{who}": "{fee.amount.amount - 1}"}}')


def test_a_fee_says_what_its_entry_says() -> None:
    home = paid()
    (who,) = home.owner_beneficiaries()
    accounts = run("SELECT id FROM ledger_account WHERE code = '2000' AND entity_id = %s",
                   [home.entity.pk])  # fmt: skip
    claims = accounts[0][0]
    assert isinstance(claims, int)
    entry_id = insert_entry(home.rent_book, key="plain", kind="transfer")
    insert_lines(
        entry_id,
        home.rent_book,
        [(claims, usd("99.99"), who), (claims, usd("-99.99"), company_of(home.entity.pk))],
    )
    fee = waiting(home)
    with pytest.raises(IntegrityError, match=r"its entry .* says 99\.99"):
        run("UPDATE fees_fee SET entry_id = %s WHERE id = %s", [entry_id, fee.pk])


def test_a_fee_of_an_entry_that_moves_other_claims_is_refused() -> None:
    home = paid()
    fee = waiting(home)
    receipt_entry = Receipt.objects.get().entry_id
    with pytest.raises(IntegrityError, match="says"):
        run("UPDATE fees_fee SET entry_id = %s WHERE id = %s", [receipt_entry, fee.pk])


def test_no_more_is_given_back_than_was_taken_and_only_once() -> None:
    home = company()
    charge(home.lease, "1000.00")
    back = receipt(home.lease, "1000.00")
    fee = Fee.objects.get()
    with deaf():
        rent.take_back(back, NewComeback(kind="return", key="r", amount=usd("1000"), on=MARCH_9))
    (who,) = fee.parts
    with pytest.raises(IntegrityError, match="not the mirror"), transaction.atomic():
        copy_of(
            fee, key="more", reverses_id=fee.pk, amount=-81, basis=-1000, entry_id=None,
            parts=f'{{"{who}": "-81.00"}}',
        )  # fmt: skip
    services.take_fees(home.entity.pk, on=MARCH_9)
    mirror = Fee.objects.get(reverses=fee)
    with pytest.raises(IntegrityError, match="reverses_id"):
        copy_of(mirror, key="twice", entry_id=None)


def test_a_fee_is_not_given_back_while_its_payment_stands() -> None:
    paid()
    fee = Fee.objects.get()
    (who,) = fee.parts
    with pytest.raises(IntegrityError, match=r"fit the payment|not the mirror"):
        copy_of(
            fee, key="gift", reverses_id=fee.pk, amount=-80, basis=-1000, entry_id=None,
            parts=f'{{"{who}": "-80.00"}}',
        )  # fmt: skip


def test_no_fee_is_taken_of_a_payment_that_was_undone() -> None:
    home = company()
    charge(home.lease, "1000.00")
    with deaf():
        back = receipt(home.lease, "1000.00")
        rent.take_back(back, NewComeback(kind="return", key="r", amount=usd("1000"), on=MARCH_9))
    other = waiting(home)
    with pytest.raises(IntegrityError, match="does not fit the payment"):
        copy_of(
            other, key="late", kind="management", month=None, basis=1000, rate="0.08",
            lease_id=home.lease.pk, allocation_id=Allocation.objects.get().pk,
        )  # fmt: skip


def test_a_fee_below_zero_gives_something_back() -> None:
    home = paid()
    fee = waiting(home)
    (who,) = fee.parts
    with pytest.raises(IntegrityError, match="fee_below_zero_gives_back"):
        copy_of(
            fee, key="odd", kind="setup", month=None, amount=-5, basis=-5,
            parts=f'{{"{who}": "-5.00"}}',
        )  # fmt: skip


def test_a_fee_that_was_given_up_is_never_posted() -> None:
    home = paid()
    fee = waiting(home)
    posted = Fee.objects.get(kind="management")
    home.property.agreements.update(fee_minimum=0)
    services.take_period_fees(home.entity.pk, date(2026, 1, 1), on=MARCH_2)
    with pytest.raises(IntegrityError, match="given up while it waited"):
        run("UPDATE fees_fee SET entry_id = %s WHERE id = %s", [posted.entry_id, fee.pk])


def test_a_draw_is_the_sum_of_its_fees() -> None:
    home = paid()
    draw = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)
    charge(home.lease, "500.00")
    receipt(home.lease, "500.00", received_on=MARCH_9)
    newer = Fee.objects.get(draw__isnull=True)
    with pytest.raises(IntegrityError, match=r"those that name it are 120\.00"):
        run("UPDATE fees_fee SET draw_id = %s WHERE id = %s", [draw.pk, newer.pk])


def test_a_drawn_fee_is_not_let_go_while_the_draw_stands() -> None:
    home = paid()
    services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)
    with pytest.raises(IntegrityError, match="stays as it was earned"):
        run("UPDATE fees_fee SET draw_id = NULL")


@pytest.mark.parametrize("change", ["amount = 1, fees = 1", "drawn_on = '2026-01-01'"])
def test_a_draw_never_changes(change: str) -> None:
    home = paid()
    services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)
    with pytest.raises(IntegrityError, match="stays as it was made"):
        run(f"UPDATE fees_feedraw SET {change}")


@pytest.mark.django_db(transaction=True)
def test_a_draw_that_is_undone_has_no_fees_when_the_transaction_ends() -> None:
    home = paid()
    draw = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)
    with pytest.raises(IntegrityError, match=r"is of fees of 80\.00, those that name it are 80"):
        run("UPDATE fees_feedraw SET undone_on = '2026-03-10'")
    assert FeeDraw.objects.get(pk=draw.pk).undone_on is None


def test_the_maker_of_a_draw_is_never_its_checker() -> None:
    home = paid()
    person = UserFactory.create()
    with pytest.raises(IntegrityError, match="maker_is_never_checker"):
        services.draw_fees(home.rent_book, on=MARCH_9, actor_id=person.pk, approved_by_id=person.pk)
