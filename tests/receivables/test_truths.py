"""What PostgreSQL keeps about charges, receipts and allocations, whoever writes."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from proptrust.lib.money import usd
from receivables import services
from receivables.models import Allocation, Charge, Comeback, Receipt
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.leases import Company, lease_in
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    """A charge of 1,000 paid by a receipt of 1,500."""
    home = company()
    make.charge(home.lease)
    make.receipt(home.lease, "1500.00")
    return home


def refused(sql: str, *values: str | int | None, by: str) -> None:
    """Run plain SQL that PostgreSQL must refuse by the name of a truth."""
    with (
        pytest.raises(DatabaseError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
    assert refusal.value.__cause__ is not None
    diagnosis = refusal.value.__cause__.diag  # type: ignore[attr-defined]
    assert diagnosis.constraint_name == by


def insert_allocation(receipt: Receipt, charge: Charge, amount: str, *, by: str) -> None:
    """An allocation that no service would make."""
    refused(
        "INSERT INTO receivables_allocation"
        " (receipt_id, charge_id, amount, amount_currency, parts, entry_id)"
        " VALUES (%s, %s, %s, 'USD', '{}', %s)",
        receipt.pk,
        charge.pk,
        amount,
        receipt.entry_id,
        by=by,
    )


def test_paid_is_the_sum_of_the_allocations(home: Company) -> None:
    charge = Charge.objects.get()
    assert charge.paid == usd("1000.00")

    refused(
        "UPDATE receivables_charge SET paid = 900 WHERE id = %s",
        charge.pk,
        by="charge_paid_is_allocated",
    )


def test_charge_is_not_born_paid(home: Company) -> None:
    refused(
        "INSERT INTO receivables_charge (entity_id, lease_id, kind, key, amount, amount_currency,"
        " due_on, memo, paid, paid_currency)"
        " VALUES (%s, %s, 'rent', 'x', 10, 'USD', '2026-03-01', '', 10, 'USD')",
        home.entity.pk,
        home.lease.pk,
        by="charge_paid_is_allocated",
    )


def test_charge_is_not_paid_beyond_its_amount(home: Company) -> None:
    insert_allocation(
        Receipt.objects.get(), Charge.objects.get(), "0.01", by="charge_paid_within_amount"
    )


def test_receipt_is_not_spent_beyond_its_gross(home: Company) -> None:
    receipt = Receipt.objects.get()
    services.take_back(
        receipt, NewComeback(kind="refund", key="r", amount=usd(600), on=date(2026, 3, 9))
    )
    more = make.charge(home.lease, "5000.00")

    insert_allocation(receipt, more, "1000.01", by="receipt_spent_once")


def test_more_does_not_go_back_than_came_in(home: Company) -> None:
    refused(
        "INSERT INTO receivables_comeback (receipt_id, kind, key, amount, amount_currency, fee,"
        ' fee_currency, "on", reference, code, reason, batch)'
        " VALUES (%s, 'return', 'x', 500.01, 'USD', 0, 'USD', '2026-03-09', '', '', '', '')",
        Receipt.objects.get().pk,
        by="receipt_spent_once",
    )


def test_allocation_stays_within_its_lease(home: Company) -> None:
    other = make.charge(lease_in(home.unit), "100.00")

    insert_allocation(Receipt.objects.get(), other, "100.00", by="allocation_within_lease")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE receivables_allocation SET amount = amount - 1",
        "UPDATE receivables_allocation SET parts = '{}'",
        "DELETE FROM receivables_allocation",
    ],
)
def test_allocation_is_never_changed(home: Company, sql: str) -> None:
    refused(sql, by="allocation_stays")


def test_undone_allocation_is_not_done_again(home: Company) -> None:
    receipt = Receipt.objects.get()
    services.take_back(
        receipt, NewComeback(kind="return", key="r", amount=usd(1500), on=date(2026, 3, 9))
    )
    assert Allocation.objects.get().undone_by is not None

    refused("UPDATE receivables_allocation SET undone_by_id = NULL", by="allocation_stays")


@pytest.mark.parametrize(
    "change", ["gross = gross + 1", "\"into\" = 'bank'", "key = 'other'", "entry_id = NULL"]
)
def test_posted_receipt_keeps_its_facts(home: Company, change: str) -> None:
    refused(f"UPDATE receivables_receipt SET {change}", by="receipt_stays")


def test_receipt_does_not_leave_a_lease_whose_charges_it_pays(home: Company) -> None:
    refused("UPDATE receivables_receipt SET lease_id = NULL", by="receipt_keeps_lease")


def test_comeback_keeps_its_facts(home: Company) -> None:
    services.take_back(
        Receipt.objects.get(),
        NewComeback(kind="return", key="r", amount=usd(1500), on=date(2026, 3, 9)),
    )

    refused("UPDATE receivables_comeback SET amount = 1", by="comeback_stays")
    refused("DELETE FROM receivables_comeback", by="comeback_stays")
    assert Comeback.objects.count() == 1


def test_settled_receipt_without_an_entry_is_refused(home: Company) -> None:
    refused(
        'INSERT INTO receivables_receipt (entity_id, book_id, key, payment, channel, "into",'
        " state, gross, gross_currency, fee, fee_currency, convenience_fee,"
        " convenience_fee_currency, received_on, payer, payer_reference,"
        " number, trace, batch, memo, matched_by, moves) VALUES (%s, %s, 'x', '', 'wire', 'bank',"
        " 'settled', 1, 'USD', 0, 'USD', 0, 'USD', '2026-03-02', '', '', '', '', '', '', '{}', 0)",
        home.entity.pk,
        home.rent_book.pk,
        by="settled_receipt_is_posted",
    )
