"""Roommates: who paid, what is open of whose share; all stay liable for the whole lease."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from leases.models import Lease, Tenant
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.models import PayerAlias, Receipt
from tests.factories import receivables as make
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db
ON = date(2026, 3, 31)


@pytest.fixture
def home() -> Company:
    return company(tenants=("Maria Garcia", "Ann Lee"))


def shares(lease: Lease) -> list[tuple[str, str, str, str]]:
    """Name, charged, paid and open of each roommate."""
    return [
        (
            each.name,
            f"{each.charged.amount:.2f}",
            f"{each.paid.amount:.2f}",
            f"{each.open.amount:.2f}",
        )
        for each in queries.shares_owed(lease, on=ON)
    ]


def test_each_roommate_owes_what_is_left_of_the_own_share(home: Company) -> None:
    make.charge(home.lease, "1000.01")
    make.receipt(home.lease, "500.00", payer="GARCIA, MARIA")
    make.receipt(home.lease, "200.00", payer="Ann Lee")

    # 1,000.01 in halves: 500.01 and 500.00 (the odd cent goes to the first).
    assert shares(home.lease) == [
        ("Maria Garcia", "500.01", "500.00", "0.01"),
        ("Ann Lee", "500.00", "200.00", "300.00"),
    ]
    assert queries.owed(home.lease) == usd("300.01")


def test_fourths_lose_no_cent_and_sum_to_what_the_lease_owes() -> None:
    home = company(tenants=("A One", "B Two", "C Three", "D Four"))
    make.charge(home.lease, "1000.02")
    make.receipt(home.lease, "100.00", payer="B Two")

    rows = queries.shares_owed(home.lease, on=ON)

    # 250.01 + 250.01 + 250.00 + 250.00 = 1,000.02; B has paid 100.00.
    opens = [usd("250.01"), usd("150.01"), usd("250.00"), usd("250.00")]
    assert [each.open for each in rows] == opens
    assert sum(opens, ZERO) == queries.owed(home.lease) == usd("900.02")


def test_what_an_agency_pays_is_for_all_of_them(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    make.receipt(home.lease, "600.00", channel="subsidy", into="bank", payer="City Housing")
    make.receipt(home.lease, "250.00", payer="Maria Garcia")

    # 1,000.00 − 600.00 = 400.00, 200.00 each; Maria is 50.00 ahead.
    assert shares(home.lease) == [
        ("Maria Garcia", "200.00", "250.00", "-50.00"),
        ("Ann Lee", "200.00", "0.00", "200.00"),
    ]


def test_returned_payment_is_not_paid(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    receipt = make.receipt(home.lease, "500.00", payer="Maria Garcia")
    services.take_back(receipt, make.comeback("500.00"))

    assert [each.open for each in queries.shares_owed(home.lease, on=ON)] == [usd(500), usd(500)]


def test_payer_is_known_by_the_platforms_customer_id_from_then_on(home: Company) -> None:
    maria = Tenant.objects.get(name="Maria Garcia")
    connection = make.connection(home)
    make.tell(
        connection,
        make.settled(
            "pi_1", lease_code=home.lease.code, payer="Maria Garcia", payer_reference="cus_1"
        ),
    )
    assert PayerAlias.objects.get().tenant == maria

    make.tell(connection, make.settled("pi_2", payer="M G PAYMENTS", payer_reference="cus_1"))

    assert Receipt.objects.get(payment="pi_2").tenant == maria


def test_name_that_fits_two_roommates_names_nobody() -> None:
    home = company(tenants=("Ann Lee", "Lee Ann"))

    assert make.receipt(home.lease, payer="Ann Lee").tenant is None
    assert make.receipt(home.lease, payer="Somebody Else").tenant is None


def test_receipt_taken_from_the_lease_forgets_who_paid(home: Company) -> None:
    receipt = make.receipt(home.lease, payer="Maria Garcia")
    assert receipt.tenant is not None

    assert services.unassign_receipt(receipt).tenant is None
    assert services.assign_receipt(receipt, home.lease).tenant == home.tenants[0]


def test_shares_ask_as_often_for_many_receipts_as_for_one(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    make.receipt(home.lease, "10.00", payer="Maria Garcia")
    with CaptureQueriesContext(database) as one:
        queries.shares_owed(home.lease, on=ON)
    for n in range(5):
        make.receipt(home.lease, f"1{n}.00", payer="Ann Lee")
    with CaptureQueriesContext(database) as many:
        queries.shares_owed(home.lease, on=ON)

    assert len(many) == len(one) <= 6


def test_share_is_what_they_agreed_on(home: Company) -> None:
    first, second = home.lease.tenancies.order_by("id")
    type(first).objects.filter(pk=first.pk).update(share=Decimal("0.75"))
    type(second).objects.filter(pk=second.pk).update(share=Decimal("0.25"))
    make.charge(home.lease, "1000.00")

    assert [each.charged for each in queries.shares_owed(home.lease, on=ON)] == [
        usd("750.00"),
        usd("250.00"),
    ]
