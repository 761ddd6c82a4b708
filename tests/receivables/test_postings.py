"""Every fact of rent collection, as the lines that it posts."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from ledger.charts import chart
from ledger.models import Entry, Line
from proptrust.lib.money import usd
from receivables import services
from receivables.models import ChargeKind, Receipt
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.leases import Company
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db

T, P, OWN = "trust", "property", "operating"


def lines(entry: Entry | None) -> dict[tuple[str, str, int | None], str]:
    """(book kind, account role, beneficiary) to amount."""
    assert entry is not None
    roles = {
        account_id: role
        for role, account_id in (
            (role, getattr(chart(entry.entity_id), role)) for role in chart_roles()
        )
    }
    rows: Iterable[Line] = entry.lines.select_related("book")
    return {
        (row.book.kind, roles[row.account_id], row.beneficiary_id): str(row.amount.amount)
        for row in rows
    }


def chart_roles() -> tuple[str, ...]:
    """The roles of the chart that rent collection uses."""
    return (
        "bank",
        "processors",
        "undeposited",
        "claims",
        "receivable",
        "held",
        "bank_fees",
        "rent_income",
        "late_fee_income",
        "other_income",
    )


@pytest.fixture
def home() -> Company:
    """A company whose property has two owners, three quarters and one."""
    return company(shares=("0.75", "0.25"))


def test_charge(home: Company) -> None:
    assert lines(make.charge(home.lease).entry) == {
        (P, "receivable", None): "1000.00",
        (P, "rent_income", None): "-1000.00",
    }


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        (ChargeKind.LATE_FEE, "late_fee_income"),
        (ChargeKind.NSF_FEE, "late_fee_income"),
        (ChargeKind.PARKING, "other_income"),
    ],
)
def test_each_kind_of_charge_has_its_income(home: Company, kind: str, role: str) -> None:
    entry = make.charge(home.lease, "50.00", kind=kind).entry

    assert lines(entry)[P, role, None] == "-50.00"


def test_security_deposit_is_no_income(home: Company) -> None:
    assert make.charge(home.lease, kind=ChargeKind.SECURITY_DEPOSIT).entry is None


@pytest.mark.parametrize(
    ("channel", "into", "role"),
    [
        ("ach", "processors", "processors"),
        ("cash", "processors", "processors"),
        ("ach", "bank", "bank"),
        ("wire", "bank", "bank"),
        ("check", "undeposited", "undeposited"),
        ("money_order", "undeposited", "undeposited"),
    ],
)
def test_receipt_goes_to_the_owners_for_what_it_pays_and_else_is_prepaid(
    home: Company, channel: str, into: str, role: str
) -> None:
    make.charge(home.lease)
    most, least = home.owner_beneficiaries()

    receipt = make.receipt(home.lease, "1200.00", channel=channel, into=into)

    assert lines(receipt.entry) == {
        (T, role, None): "1200.00",
        (T, "claims", most): "-750.00",
        (T, "claims", least): "-250.00",
        (T, "claims", home.lease.prepaid_id): "-200.00",
        (P, "held", None): "1000.00",
        (P, "receivable", None): "-1000.00",
    }


def test_own_collection_counts_from_the_day_it_reaches_the_bank(home: Company) -> None:
    receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))

    assert receipt.entry is not None
    assert receipt.entry.dated_on == date(2026, 3, 4)


def test_part_that_pays_a_security_deposit_is_held_for_the_tenant(home: Company) -> None:
    make.charge(home.lease, "500.00", kind=ChargeKind.SECURITY_DEPOSIT)

    receipt = make.receipt(home.lease, "500.00")

    assert lines(receipt.entry) == {
        (T, "processors", None): "500.00",
        (T, "claims", home.lease.deposit_id): "-500.00",
    }


def test_money_of_no_known_lease_is_in_suspense(home: Company) -> None:
    receipt = make.suspense(home.rent_book)

    assert lines(receipt.entry) == {
        (T, "bank", None): "1000.00",
        (T, "claims", services.suspense_of(home.entity.pk)): "-1000.00",
    }


def test_suspense_identified(home: Company) -> None:
    make.charge(home.lease, "600.00")
    receipt = make.suspense(home.rent_book)
    most, least = home.owner_beneficiaries()

    services.assign_receipt(receipt, home.lease)

    moved = Entry.objects.get(key=f"receipt:{receipt.pk}:move:1")
    assert moved.kind == Entry.Kind.ALLOCATION
    assert lines(moved) == {
        (T, "claims", services.suspense_of(home.entity.pk)): "1000.00",
        (T, "claims", most): "-450.00",
        (T, "claims", least): "-150.00",
        (T, "claims", home.lease.prepaid_id): "-400.00",
        (P, "held", None): "600.00",
        (P, "receivable", None): "-600.00",
    }


def test_prepaid_rent_applied_to_a_charge(home: Company) -> None:
    receipt = make.receipt(home.lease, "400.00")
    most, least = home.owner_beneficiaries()

    make.charge(home.lease, "1000.00")

    moved = Entry.objects.get(key=f"receipt:{receipt.pk}:move:1")
    assert lines(moved) == {
        (T, "claims", home.lease.prepaid_id): "400.00",
        (T, "claims", most): "-300.00",
        (T, "claims", least): "-100.00",
        (P, "held", None): "400.00",
        (P, "receivable", None): "-400.00",
    }


def test_deposit_slip(home: Company) -> None:
    checks = [
        make.receipt(home.lease, amount, channel="check", into="undeposited")
        for amount in ("700.00", "300.00")
    ]

    slip = services.make_deposit_slip(
        book=home.rent_book, number="17", day=date(2026, 3, 3), receipts=checks
    )

    assert lines(slip.entry) == {
        (T, "bank", None): "1000.00",
        (T, "undeposited", None): "-1000.00",
    }


def test_return_is_the_mirror_of_its_receipt_and_the_fee_is_the_companys(home: Company) -> None:
    make.charge(home.lease)
    receipt = make.receipt(home.lease, "1200.00")
    most, least = home.owner_beneficiaries()

    comeback = services.take_back(receipt, a_return("1200.00", fee=usd("4.00")))

    assert comeback.entry is not None
    assert comeback.entry.kind == Entry.Kind.RETURN
    assert lines(comeback.entry) == {
        (T, "processors", None): "-1204.00",
        (T, "claims", most): "750.00",
        (T, "claims", least): "250.00",
        (T, "claims", home.lease.prepaid_id): "200.00",
        (T, "claims", services.company_of(home.entity.pk)): "4.00",
        (OWN, "held", None): "-4.00",
        (OWN, "bank_fees", None): "4.00",
        (P, "held", None): "-1000.00",
        (P, "receivable", None): "1000.00",
    }


@pytest.mark.parametrize(("is_deposited", "role"), [(False, "undeposited"), (True, "bank")])
def test_returned_check_is_taken_from_where_it_is(
    home: Company, is_deposited: bool, role: str
) -> None:
    check = make.receipt(home.lease, channel="check", into="undeposited")
    if is_deposited:
        services.make_deposit_slip(
            book=home.rent_book, number="1", day=make.A_DAY, receipts=[check]
        )

    comeback = services.take_back(check, a_return("1000.00"))

    assert lines(comeback.entry)[T, role, None] == "-1000.00"


def test_return_of_own_collection_is_taken_from_the_bank_on_its_day(home: Company) -> None:
    receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))

    comeback = services.take_back(receipt, a_return("1000.00"))

    assert comeback.entry is not None
    assert comeback.entry.dated_on == date(2026, 3, 9)
    assert lines(comeback.entry)[T, "bank", None] == "-1000.00"


def test_partial_refund_undoes_the_newest_allocation_first(home: Company) -> None:
    older = make.charge(home.lease, "600.00", due_on=date(2026, 2, 1))
    newer = make.charge(home.lease, "400.00", due_on=date(2026, 3, 1))
    receipt = make.receipt(home.lease, "1000.00")

    services.take_back(
        receipt,
        NewComeback(kind="refund", key="refund:1", amount=usd("100.00"), on=date(2026, 3, 9)),
    )

    older.refresh_from_db()
    newer.refresh_from_db()
    assert (older.paid, newer.paid) == (usd("600.00"), usd("300.00"))
    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.SETTLED


def a_return(amount: str, **facts: Any) -> NewComeback:
    """A return a week after."""
    return NewComeback(
        kind="return",
        key="return:1",
        amount=usd(amount),
        on=date(2026, 3, 9),
        code="R01",
        **facts,
    )
