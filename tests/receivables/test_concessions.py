"""Concessions, and the days after a move-out: let off with the charge, once, by the day."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leases.models import Lease
from leases.services import create_unit
from ledger import queries as ledger
from ledger.charts import chart
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.errors import ReceivablesError
from receivables.models import Charge, Credit
from receivables.services import MonthlyCharges
from tests.factories import receivables as make
from tests.factories.late import home_in
from tests.factories.leases import Company, lease_in
from tests.threads import at_once

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)


def run(home: Company, month: date = MARCH) -> MonthlyCharges:
    return services.post_monthly_charges(home.entity, month)


def let_off(home: Company) -> list[tuple[str, str]]:
    rows = Credit.objects.filter(entity=home.entity, undone_by__isnull=True).order_by("id")
    return [(row.kind, str(row.amount.amount)) for row in rows]


def test_concession_comes_with_its_charge_and_once() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    services.agree_concession(home.lease, from_on=MARCH, amount=usd("100.00"), memo="New tenant")

    assert run(home) == MonthlyCharges(made=1, prepaid=0, credited=1)
    assert run(home) == MonthlyCharges(made=0, prepaid=0, credited=0)

    credit = Credit.objects.get()
    assert (credit.kind, credit.amount, credit.reason) == (
        "concession", usd("100.00"), "New tenant",
    )  # fmt: skip
    assert credit.counts_on == MARCH
    assert queries.owed(home.lease) == usd("900.00")
    accounts = chart(home.entity.pk)
    income = ledger.account_balance(book_id=home.property.book_id, account_id=accounts.rent_income)
    # 1,000 of income is told whole, 100 of concessions beside it.
    assert income == usd("-1000.00")


def test_concession_is_taken_off_before_prepaid_rent_pays() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    services.agree_concession(home.lease, from_on=MARCH, amount=usd("100.00"))
    make.receipt(home.lease, "1000.00", received_on=date(2026, 2, 27))

    assert run(home) == MonthlyCharges(made=1, prepaid=1, credited=1)

    held = ledger.balance(book_id=home.rent_book.pk, beneficiary_id=home.lease.prepaid_id)
    assert held == usd("100.00")


def test_rate_and_amount_go_by_the_days_of_the_month() -> None:
    home = home_in("NY", starts_on=date(2026, 3, 17))
    make.recurring(home.lease, "1000.00")
    make.recurring(home.lease, "60.00", kind="parking")
    services.agree_concession(home.lease, from_on=MARCH, rate=Decimal("0.5"), charge_kind="parking")
    services.agree_concession(
        home.lease, from_on=date(2026, 3, 22), until_on=date(2026, 3, 31), amount=usd("31.00")
    )

    run(home)

    # 15 of 31 days: rent 483.87, parking 29.03. The amount holds for ten days: 31 × 10 / 31 = 10.
    # Half of 29.03 is 14.515, half up 14.52.
    assert [str(each.amount.amount) for each in Charge.objects.order_by("id")] == [
        "483.87", "29.03",
    ]  # fmt: skip
    assert let_off(home) == [("concession", "10.00"), ("concession", "14.52")]


def test_concessions_never_exceed_the_charge() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    for amount in ("700.00", "600.00"):
        services.agree_concession(home.lease, from_on=MARCH, amount=usd(amount))

    run(home)

    assert let_off(home) == [("concession", "700.00"), ("concession", "300.00")]
    assert queries.owed(home.lease) == ZERO


def test_concession_agreed_on_after_the_charge_comes_with_the_next_run() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    run(home)
    make.receipt(home.lease, "1000.00")
    services.agree_concession(home.lease, from_on=MARCH, amount=usd("100.00"))

    assert run(home).credited == 1
    assert run(home).credited == 0

    # The rent was paid: what is let off of it is prepaid rent now.
    held = ledger.balance(book_id=home.rent_book.pk, beneficiary_id=home.lease.prepaid_id)
    assert held == usd("100.00")


def test_month_of_the_move_out_is_charged_to_that_day() -> None:
    home = home_in("NY")
    Lease.objects.filter(pk=home.lease.pk).update(moved_out_on=date(2026, 3, 10))
    make.recurring(home.lease, "1000.00")

    run(home)

    # 1,000 × 10 / 31 = 322.5806…
    charge = Charge.objects.get()
    assert charge.amount == usd("322.58")
    assert charge.memo == "Rent March 2026, 10 of 31 days"


def test_move_out_known_after_the_charge_lets_off_the_days_after_it() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    for month in (MARCH, date(2026, 4, 1)):
        run(home, month)
    make.receipt(home.lease, "2000.00", received_on=MARCH)
    Lease.objects.filter(pk=home.lease.pk).update(moved_out_on=date(2026, 3, 10))

    for _ in range(2):
        run(home, date(2026, 4, 1))

    # March: 1,000 less 322.58 is 677.42; April was not lived in at all. All of it is prepaid now.
    assert let_off(home) == [("adjustment", "677.42"), ("adjustment", "1000.00")]
    held = ledger.balance(book_id=home.rent_book.pk, beneficiary_id=home.lease.prepaid_id)
    assert held == usd("1677.42")
    assert {credit.reason for credit in Credit.objects.all()} == {"Moved out on Mar 10, 2026"}


def test_months_before_the_move_out_stay_as_they_are() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    run(home, date(2026, 2, 1))
    Lease.objects.filter(pk=home.lease.pk).update(moved_out_on=date(2026, 3, 31))

    assert run(home) == MonthlyCharges(made=1, prepaid=0, credited=0)
    assert queries.owed(home.lease) == usd("2000.00")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "either an amount or a rate"),
        ({"amount": usd(1), "rate": Decimal("0.1")}, "either an amount or a rate"),
        ({"amount": ZERO}, "above zero"),
        ({"rate": Decimal("1.1")}, "above zero, and a rate one"),
        ({"amount": usd(1), "charge_kind": "security_deposit"}, "no income"),
    ],
)
def test_wrong_concession_is_refused(facts: dict[str, object], says: str) -> None:
    home = home_in("NY")
    with pytest.raises(ReceivablesError, match=says):
        services.agree_concession(home.lease, from_on=MARCH, **facts)  # type: ignore[arg-type]


def test_run_for_many_leases_costs_the_same_queries_as_for_few() -> None:
    counts = []
    for count in (2, 30):
        home = home_in("NY")
        for number in range(count):
            lease = lease_in(create_unit(property_=home.property, code=f"Q{number}"))
            make.recurring(lease)
            services.agree_concession(lease, from_on=MARCH, amount=usd("10.00"))
        with CaptureQueriesContext(connection) as queried:
            done = run(home)
        counts.append((done.credited, len(queried)))

    assert [credited for credited, _ in counts] == [2, 30]
    assert counts[0][1] == counts[1][1]


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_charge_and_credit_once() -> None:
    home = home_in("NY")
    make.recurring(home.lease, "1000.00")
    services.agree_concession(home.lease, from_on=MARCH, amount=usd("100.00"))

    said = at_once(*[lambda: run(home)] * 3)

    assert sorted(str(each) for each in said)[0] == str(MonthlyCharges(0, 0, 0)), said
    assert queries.owed(home.lease) == usd("900.00")
