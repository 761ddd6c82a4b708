"""The company's revenue tied to its operating book, and the audit of all fees."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fees import queries, services
from fees.models import Fee
from fees.services import NewFee
from ledger.charts import chart
from ledger.company import operating_book_of
from ledger.services import post_fact
from ledger.types import NewLine
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import ChargeKind, Receipt
from receivables.types import NewComeback
from tests.factories.leases import Company, company, lease_in
from tests.factories.receivables import charge, receipt
from tests.fees.world import MARCH, MARCH_END, deaf, dollars, second_lease, terms

pytestmark = pytest.mark.django_db

MARCH_9 = date(2026, 3, 9)
MAY = date(2026, 5, 1)
AT_THE_BANK = {"channel": Receipt.Channel.WIRE, "into": Receipt.Into.BANK}


def a_month() -> tuple[Company, Receipt]:
    """A month of two leases: rent, a late fee, a return, a fee by hand."""
    home = company()
    terms(home.property, late_fee_owner_rate=Decimal("0.5"))
    other = second_lease(home, fee_rate="0.10")
    charge(home.lease, "1000.00")
    charge(home.lease, "50.00", kind=ChargeKind.LATE_FEE, due_on=date(2026, 3, 8))
    charge(other, "700.00")
    receipt(home.lease, "1050.00", received_on=MARCH_9, **AT_THE_BANK)  # 80.00 and 25.00
    gone = receipt(other, "700.00", received_on=MARCH_9, **AT_THE_BANK)  # 70.00
    services.add_fee(
        NewFee(
            property=home.property,
            lease=home.lease,
            kind=Fee.Kind.SCREENING,
            amount=usd("35.00"),
            on=MARCH_9,
            key="s1",
            reason="Screening of two applicants",
        )
    )
    return home, gone


def test_revenue_is_tied_to_the_income_accounts_to_the_cent() -> None:
    home, gone = a_month()
    services.draw_fees(home.rent_book, on=date(2026, 3, 12), actor_id=None)
    rent.take_back(
        gone, NewComeback(kind="return", key="r", amount=usd("700.00"), on=date(2026, 3, 20))
    )

    found = queries.revenue(home.entity.pk, MARCH, MARCH_END)

    assert found.is_tied
    assert [(tie.account, tie.booked, tie.fees) for tie in found.ties] == [
        ("4100 Management fees", usd("80.00"), usd("80.00")),
        ("4200 Late fees", usd("25.00"), usd("25.00")),
        ("4400 Leasing and service fees", usd("35.00"), usd("35.00")),
    ]
    by_kind = {row.kind: row for row in queries.rolled_up(found.rows, "kind")}
    management = by_kind["management"]
    assert (management.earned, management.given_back) == (usd("150.00"), usd("70.00"))
    assert (management.net, management.drawn) == (usd("80.00"), usd("150.00"))
    assert management.undrawn == usd("-70.00")  # The company owes it to the trust.
    by_lease = queries.rolled_up(found.rows, "lease")
    assert [row.net for row in by_lease if row.lease_code == home.lease.code] == dollars("140.00")


def test_other_income_is_named_and_a_difference_too() -> None:
    home, _ = a_month()
    accounts, operating = chart(home.entity.pk), operating_book_of(home.entity.pk)
    post_fact(
        entity_id=home.entity.pk,
        key="interest",
        kind="interest",
        day=MARCH_9,
        memo="Interest",
        lines=[
            NewLine(operating, accounts.bank, usd("1.23")),
            NewLine(operating, accounts.service_income, usd("-1.23")),
        ],
    )

    found = queries.revenue(home.entity.pk, MARCH, MARCH_END)

    tie = next(tie for tie in found.ties if tie.account.startswith("4400"))
    assert (tie.booked, tie.fees, list(tie.others)) == (
        usd("36.23"),
        usd("35.00"),
        [("Interest", usd("1.23"))],
    )
    assert not tie.difference


def test_a_fee_that_waits_is_shown_and_not_earned_yet() -> None:
    home = company()
    terms(home.property, fee_minimum=usd("60.00"))
    services.take_period_fees(home.entity.pk, MARCH, on=date(2026, 4, 1))

    found = queries.revenue(home.entity.pk, MARCH, MARCH_END)

    (row,) = found.rows
    assert (row.kind, row.earned, row.waiting) == ("minimum", usd(0), usd("60.00"))


def test_an_audit_of_a_right_month_finds_nothing() -> None:
    home, gone = a_month()
    rent.take_back(gone, NewComeback(kind="return", key="r", amount=usd("700"), on=MARCH_END))
    services.take_period_fees(home.entity.pk, MARCH, on=MAY)

    assert queries.audit(home.entity.pk, MARCH, MARCH_END, today=MAY) == []


def test_an_audit_finds_missing_wrong_and_kept_fees() -> None:
    home = company()
    other = second_lease(home, fee_rate="0.10")
    for lease in (home.lease, other):
        charge(lease, "1000.00", due_on=MARCH)
    with deaf():
        receipt(home.lease, "400.00", received_on=date(2026, 3, 3))  # 32.00 missing.
    gone = receipt(other, "300.00", received_on=date(2026, 3, 4))
    with deaf():
        rent.take_back(gone, NewComeback(kind="return", key="r", amount=usd("300"), on=MARCH_9))
        receipt(other, "500.00", received_on=MARCH_9)

    found = queries.audit(home.entity.pk, MARCH, MARCH_END, today=MARCH_9)

    assert [(each.what, each.expected, each.found) for each in found] == [
        ("missing", usd("32.00"), usd("0.00")),
        ("not given back", usd("0.00"), usd("30.00")),
        ("missing", usd("50.00"), usd("0.00")),
    ]
    assert found[0].why == "8 % of 400.00 is 32.00"
    services.take_fees(home.entity.pk, on=MARCH_9)
    assert queries.audit(home.entity.pk, MARCH, MARCH_END, today=MARCH_9) == []


def test_an_audit_finds_a_rate_that_the_agreement_does_not_have() -> None:
    home = company()
    charge(home.lease, "1000.00")
    receipt(home.lease, "1000.00")
    home.property.agreements.update(fee_rate=Decimal("0.06"))

    (found,) = queries.audit(home.entity.pk, MARCH, MARCH_END, today=MARCH_9)

    assert (found.what, found.out_by) == ("wrong rate", usd("20.00"))
    assert found.why == "6 % of 1,000.00 is 60.00; it was taken at 8 %"


def test_an_audit_finds_a_month_without_its_minimum() -> None:
    home = company()
    terms(home.property, fee_minimum=usd("60.00"))

    (found,) = queries.audit(home.entity.pk, MARCH, MARCH_END, today=MAY)

    assert (found.what, found.kind, found.expected) == ("missing", "minimum", usd("60.00"))
    assert queries.audit(home.entity.pk, MARCH, MARCH_END, today=MARCH_9) == []


def test_revenue_and_audit_cost_no_query_per_lease() -> None:
    def count_for(leases: int) -> tuple[int, int]:
        home = company()
        for _ in range(leases - 1):
            lease_in(home.unit)
        for lease in home.unit.leases.all():
            charge(lease, "100.00")
            receipt(lease, "100.00")
        with CaptureQueriesContext(connection) as revenue:
            queries.revenue(home.entity.pk, MARCH, MARCH_END)
        with CaptureQueriesContext(connection) as audit:
            assert not queries.audit(home.entity.pk, MARCH, MARCH_END, today=MARCH_9)
        return len(revenue), len(audit)

    assert count_for(2) == count_for(12)
