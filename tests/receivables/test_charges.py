"""Monthly charges: once, rightly prorated, in bulk, and paid from prepaid rent."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leases.models import Lease
from ledger.charts import chart
from ledger.queries import account_balance
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Charge, ChargeKind
from tests.factories import receivables as make
from tests.factories.leases import Company, lease_in
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db

MARCH = date(2026, 3, 1)


def charged(home: Company, month: date = MARCH) -> list[str]:
    """The amounts that a month's run has charged the lease."""
    services.post_monthly_charges(home.entity, month)
    rows = Charge.objects.filter(lease=home.lease, key__endswith=f"{month:%Y-%m}").order_by("id")
    return [str(row.amount.amount) for row in rows]


def test_month_is_charged_once_however_often_it_runs() -> None:
    home = company()
    make.recurring(home.lease, "1000.00")

    first = services.post_monthly_charges(home.entity, date(2026, 3, 17))
    second = services.post_monthly_charges(home.entity, MARCH)

    assert (first.made, second.made) == (1, 0)
    receivable = chart(home.entity.pk).receivable
    book_id = home.property.book_id
    assert account_balance(book_id=book_id, account_id=receivable) == usd("1000.00")


@pytest.mark.parametrize(
    ("starts_on", "amount", "due_on"),
    [
        (date(2026, 3, 1), "1000.00", date(2026, 3, 1)),
        (date(2026, 3, 17), "483.87", date(2026, 3, 17)),  # 15 of 31 days.
        (date(2026, 3, 31), "32.26", date(2026, 3, 31)),
    ],
)
def test_lease_that_begins_in_the_month_pays_its_days(
    starts_on: date, amount: str, due_on: date
) -> None:
    home = company(starts_on=starts_on)
    make.recurring(home.lease, "1000.00")

    assert charged(home) == [amount]
    assert Charge.objects.get().due_on == due_on


def test_rent_that_changes_in_the_month_is_charged_by_days() -> None:
    home = company()
    make.recurring(home.lease, "1000.00", until_on=date(2026, 3, 10))
    make.recurring(home.lease, "1100.00", from_on=date(2026, 3, 11))

    assert charged(home) == ["322.58", "745.16"]


@pytest.mark.parametrize(
    ("facts", "is_charged"),
    [
        ({"moved_out_on": date(2026, 2, 28)}, False),
        ({"moved_out_on": date(2026, 3, 5)}, True),
        ({"ends_on": date(2026, 1, 31)}, True),  # It goes on by the month.
        ({"ends_on": date(2026, 1, 31), "state": "ended"}, False),
        ({"starts_on": date(2026, 4, 1)}, False),
    ],
)
def test_only_leases_in_force_are_charged(facts: dict[str, object], is_charged: bool) -> None:
    home = company()
    make.recurring(home.lease)
    Lease.objects.filter(pk=home.lease.pk).update(**facts)

    assert bool(charged(home)) is is_charged


def test_prepaid_rent_pays_a_new_charge_at_once() -> None:
    home = company()
    make.recurring(home.lease, "1000.00")
    make.receipt(home.lease, "1300.00", received_on=date(2026, 2, 20))

    result = services.post_monthly_charges(home.entity, MARCH)

    assert result.prepaid == 1
    assert queries.owed(home.lease) == usd(0)
    assert charged(home, date(2026, 4, 1)) == ["1000.00"]
    assert queries.owed(home.lease) == usd("700.00")


def test_bulk_takes_no_more_queries_for_more_leases() -> None:
    home = company()
    make.recurring(home.lease)
    services.post_monthly_charges(home.entity, date(2026, 1, 1))
    with CaptureQueriesContext(
        connection,
    ) as few:
        services.post_monthly_charges(home.entity, date(2026, 2, 1))
    for number in range(30):
        make.recurring(lease_in(home.unit, tenants=(f"Tenant {number}",)))

    with CaptureQueriesContext(connection) as many:
        assert services.post_monthly_charges(home.entity, MARCH).made == 31

    assert len(many) <= len(few)


def test_same_key_with_other_facts_is_refused() -> None:
    home = company()
    facts: dict[str, Any] = {
        "lease": home.lease,
        "kind": ChargeKind.LATE_FEE,
        "due_on": MARCH,
        "key": "late:1",
    }

    first = services.add_charge(amount=usd(50), **facts)

    assert services.add_charge(amount=usd(50), **facts) == first
    with pytest.raises(ToldOtherwise, match="late:1"):
        services.add_charge(amount=usd(60), **facts)
    with pytest.raises(ReceivablesError, match="above zero"):
        services.add_charge(amount=usd(0), **{**facts, "key": "late:2"})
