"""Several people and workers at once: each fact once, and nobody waits in a ring."""

from datetime import date

import pytest

from ledger import queries as ledger_queries
from ledger.models import Entry
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.errors import AlreadyAssigned
from receivables.models import Allocation, Charge, Receipt
from receivables.tasks import charge_month
from tests.factories import receivables as make
from tests.factories.leases import company_without_fees as company
from tests.factories.leases import lease_in
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 6


def test_same_payment_told_by_six_workers_is_posted_once() -> None:
    home = company()
    make.charge(home.lease)
    connection = make.connection(home)
    event = make.settled("pi_1", lease_code=home.lease.code)
    make.tell(connection, make.settled("warm up", lease_code="none"))

    told = at_once(*[lambda: make.tell(connection, event)] * AT_ONCE)

    assert told == [None] * AT_ONCE
    assert Entry.objects.filter(kind=Entry.Kind.RECEIPT).count() == 2
    assert queries.owed(home.lease) == usd(0)


def test_payments_of_one_lease_never_pay_a_charge_twice() -> None:
    home = company()
    make.charge(home.lease)

    at_once(*[lambda: make.receipt(home.lease, "400.00")] * AT_ONCE)

    assert Charge.objects.get().paid == usd(1000)
    held = ledger_queries.balance(book_id=home.rent_book.pk, beneficiary_id=home.lease.prepaid_id)
    assert held == usd(1400)


def test_return_told_by_six_workers_is_taken_back_once() -> None:
    home = company()
    make.charge(home.lease)
    receipt = make.receipt(home.lease)

    at_once(
        *[lambda: services.take_back(receipt, make.comeback("1000.00", kind="return"))] * AT_ONCE
    )

    assert Entry.objects.filter(kind=Entry.Kind.RETURN).count() == 1
    assert queries.owed(home.lease) == usd(1000)


def test_two_people_give_the_same_money_to_two_leases_and_one_is_told() -> None:
    home = company()
    other = lease_in(home.unit)
    for lease in (home.lease, other):
        make.charge(lease)
    receipt = make.suspense(home.rent_book)

    told = at_once(
        lambda: services.assign_receipt(receipt, home.lease),
        lambda: services.assign_receipt(receipt, other),
    )

    assert [isinstance(each, AlreadyAssigned) for each in told].count(True) == 1
    assert Allocation.objects.get().charge.lease == Receipt.objects.get().lease


def test_month_run_by_two_workers_is_charged_once() -> None:
    home = company()
    make.recurring(home.lease)

    at_once(*[lambda: services.post_monthly_charges(home.entity, date(2026, 3, 1))] * AT_ONCE)

    assert Charge.objects.count() == 1


def test_daily_task_charges_the_present_month_of_every_company() -> None:
    for home in (company(), company()):
        make.recurring(home.lease)

    assert charge_month() == "2 charges made"
    assert charge_month() == "0 charges made"
