"""What PostgreSQL keeps about vendors and bills, whoever writes: plain SQL around the services."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.models import Entry
from payables import services
from payables.models import Bill, BillLine, LinePayment
from payments.models import Payment
from proptrust.lib.money import usd
from tests.factories import payables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db

PAY_DAY = date(2026, 3, 16)


@pytest.fixture
def home() -> Company:
    home = make.home()
    make.fund(home.property, "3000.00")
    return home


@pytest.fixture
def bill(home: Company) -> Bill:
    """An approved bill of 100.00."""
    return make.bill(make.vendor(home), [(home.property, "100.00")])


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


def paid(home: Company, bill: Bill) -> Payment:
    services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    return Payment.objects.latest("id")


def test_bill_is_not_approved_while_its_lines_come_to_another_amount(home: Company) -> None:
    draft = make.draft(make.vendor(home), [(home.property, "100.00")])
    entry = Entry.objects.latest("id")
    BillLine.objects.filter(bill=draft).update(amount=usd("99.00"))

    refused(
        "UPDATE payables_bill SET state = 'approved', entry_id = %s, approved_at = now()"
        " WHERE id = %s",
        entry.pk,
        draft.pk,
        by="bill_lines_sum",
    )


@pytest.mark.parametrize(
    "change", ["amount = 90", "number = 'X'", "vendor_id = vendor_id + 0, dated_on = '2026-01-01'"]
)
def test_approved_bill_stays(bill: Bill, change: str) -> None:
    refused(f"UPDATE payables_bill SET {change} WHERE id = %s", bill.pk, by="bill_stays")


def test_lines_of_an_approved_bill_stay(bill: Bill) -> None:
    refused(
        "UPDATE payables_billline SET amount = 90 WHERE bill_id = %s", bill.pk, by="bill_line_stays"
    )
    refused("DELETE FROM payables_billline WHERE bill_id = %s", bill.pk, by="bill_line_stays")


def test_line_of_another_companys_property_is_refused(home: Company) -> None:
    draft = make.draft(make.vendor(home), [(home.property, "100.00")])
    stranger = company().property
    refused(
        "UPDATE payables_billline SET property_id = %s WHERE bill_id = %s",
        stranger.pk,
        draft.pk,
        by="bill_line_one_entity",
    )


def test_line_is_not_paid_beyond_its_amount(home: Company, bill: Bill) -> None:
    payment = paid(home, bill)
    line = bill.lines.get()
    LinePayment.objects.filter(line=line)
    again = make.bill(make.vendor(home), [(home.property, "50.00")])
    other = paid(home, again)
    refused(
        "INSERT INTO payables_linepayment (line_id, payment_id, amount, amount_currency)"
        " VALUES (%s, %s, 1, 'USD')",
        line.pk,
        other.pk,
        by="bill_line_paid_once",
    )
    assert payment.pk != other.pk


def test_paid_is_what_the_payments_say(bill: Bill) -> None:
    refused(
        "UPDATE payables_billline SET paid = 100 WHERE bill_id = %s",
        bill.pk,
        by="bill_line_paid_is_true",
    )


def test_payment_of_a_line_stays_and_is_undone_once(home: Company, bill: Bill) -> None:
    payment = paid(home, bill)
    row = LinePayment.objects.get(payment=payment)
    refused(
        "UPDATE payables_linepayment SET amount = 1 WHERE id = %s", row.pk, by="line_payment_stays"
    )
    refused("DELETE FROM payables_linepayment WHERE id = %s", row.pk, by="line_payment_stays")
    LinePayment.objects.filter(pk=row.pk).update(undone_on=PAY_DAY)
    refused(
        "UPDATE payables_linepayment SET undone_on = NULL WHERE id = %s",
        row.pk,
        by="line_payment_stays",
    )


def test_bill_above_the_threshold_is_not_paid_without_its_owner(home: Company) -> None:
    small = make.bill(make.vendor(home), [(home.property, "100.00")])
    payment = paid(home, small)
    large = make.bill(make.vendor(home), [(home.property, "500.01")])

    refused(
        "INSERT INTO payables_linepayment (line_id, payment_id, amount, amount_currency)"
        " VALUES (%s, %s, 1, 'USD')",
        large.lines.get().pk,
        payment.pk,
        by="owners_approve_above_threshold",
    )


def test_bill_split_below_the_threshold_is_not_paid_without_its_owner(home: Company) -> None:
    payment = paid(home, make.bill(make.vendor(home), [(home.property, "100.00")]))
    plumber = make.vendor(home)
    make.bill(plumber, [(home.property, "300.00")])
    second = make.bill(plumber, [(home.property, "250.00")])

    refused(
        "INSERT INTO payables_linepayment (line_id, payment_id, amount, amount_currency)"
        " VALUES (%s, %s, 1, 'USD')",
        second.lines.get().pk,
        payment.pk,
        by="owners_approve_above_threshold",
    )


def test_draft_is_not_paid(home: Company, bill: Bill) -> None:
    payment = paid(home, bill)
    draft = make.draft(make.vendor(home), [(home.property, "10.00")])
    refused(
        "INSERT INTO payables_linepayment (line_id, payment_id, amount, amount_currency)"
        " VALUES (%s, %s, 10, 'USD')",
        draft.lines.get().pk,
        payment.pk,
        by="only_approved_bills_are_paid",
    )


def test_payment_out_of_another_trust_account_pays_no_line(home: Company, bill: Bill) -> None:
    strangers = make.home()
    make.fund(strangers.property, "500.00")
    theirs = paid(strangers, make.bill(make.vendor(strangers), [(strangers.property, "20.00")]))
    refused(
        "INSERT INTO payables_linepayment (line_id, payment_id, amount, amount_currency)"
        " VALUES (%s, %s, 20, 'USD')",
        bill.lines.get().pk,
        theirs.pk,
        by="bill_paid_from_its_account",
    )


def test_owner_approval_is_never_inserted_as_given(home: Company, bill: Bill) -> None:
    refused(
        "INSERT INTO payables_ownerapproval (bill_id, property_id, owner_id, share, cap,"
        " cap_currency, state, said, evidence, decided_at, decided_from)"
        " VALUES (%s, %s, %s, 1, 900, 'USD', 'approved', '', '', now(), '10.0.0.1')",
        bill.pk,
        home.property.pk,
        home.owners[0].pk,
        by="owner_approval_is_given",
    )


def test_maker_of_a_bill_neither_approves_nor_releases_it(home: Company) -> None:
    clerk = person(entity=home.entity)
    draft = make.draft(make.vendor(home), [(home.property, "10.00")], actor_id=clerk.pk)
    refused(
        "UPDATE payables_bill SET approved_by_id = %s WHERE id = %s",
        clerk.pk,
        draft.pk,
        by="bill_maker_never_approves",
    )
    refused(
        "INSERT INTO payables_release (kind, bill_id, reason, made_by_id)"
        " VALUES ('bill_entered_twice', %s, 'So it is', %s)",
        draft.pk,
        clerk.pk,
        by="release_by_another_person",
    )


def test_bank_details_without_an_approved_change_are_refused(home: Company) -> None:
    vendor, clerk = make.vendor(home), person(entity=home.entity)
    change = services.ask_bank_change(
        vendor,
        routing_number="021000021",
        account_number="123456789",
        evidence="Called the number on the contract of 2024",
        asked_by=clerk,
    )
    boss = make.manager(vendor)
    refused(
        "UPDATE payables_vendorbankchange SET state = 'approved', decided_by_id = %s,"
        " decided_on = current_date, usable_on = current_date + 9 WHERE id = %s",
        boss.pk,
        change.pk,
        by="bank_change_is_approved",
    )
    refused(
        "UPDATE payables_vendorbankchange SET routing_number = '011000015' WHERE id = %s",
        change.pk,
        by="bank_change_stays",
    )
    refused(
        "DELETE FROM payables_vendorbankchange WHERE id = %s", change.pk, by="bank_change_stays"
    )
    refused(
        "INSERT INTO payables_vendorbankchange (vendor_id, routing_number, account_number,"
        " last_four, is_savings, evidence, asked_by_id, state, decided_by_id, usable_on, reason)"
        " VALUES (%s, '021000021', 'x', '6789', false, 'x', %s, 'approved', %s, current_date, '')",
        vendor.pk,
        clerk.pk,
        boss.pk,
        by="bank_change_is_asked_first",
    )


def test_work_order_does_not_jump(home: Company) -> None:
    order = make.work_order(make.vendor(home), home.property)
    refused(
        "UPDATE payables_workorder SET state = 'paid' WHERE id = %s",
        order.pk,
        by="work_order_goes_on",
    )
