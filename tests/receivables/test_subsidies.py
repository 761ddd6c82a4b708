"""Housing subsidies: one bank credit for many leases, money taken back, and what differs."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from moneyed import Money

from leases import services as lease_services
from leases.models import Lease
from ledger import queries as ledger_queries
from ledger.charts import chart
from ledger.company import company_of, suspense_of
from ledger.models import Entry
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.errors import SubsidyRefused, ToldOtherwise
from receivables.models import (
    HousingAgency,
    Receipt,
    Subsidy,
    SubsidyLine,
    SubsidyRemittance,
    SubsidyVariance,
)
from receivables.types import NewSubsidyLine, NewSubsidyRemittance
from tests.factories import receivables as make
from tests.factories.desk import UserFactory
from tests.factories.leases import Company, company, lease_in, property_in

pytestmark = pytest.mark.django_db
MARCH, APRIL = date(2026, 3, 2), date(2026, 4, 1)


@pytest.fixture
def home() -> Company:
    home = company()
    home.property.agreements.update(fee_rate=0)
    return home


@pytest.fixture
def agency(home: Company) -> HousingAgency:
    return services.create_agency(entity_id=home.entity.pk, name="City Housing")


def subsidised(
    agency: HousingAgency, lease: Lease, amount: str, code: str, from_on: date = date(2026, 1, 1)
) -> Subsidy:
    """A lease for which the agency pays."""
    return services.create_subsidy(
        lease=lease, agency=agency, tenant_code=code, amount=usd(amount), from_on=from_on
    )


def told(
    home: Company,
    agency: HousingAgency,
    lines: Sequence[tuple[str, str]],
    *,
    number: str = "EFT00123",
    on: date = MARCH,
    amount: str | None = None,
) -> NewSubsidyRemittance:
    """An agency's list of codes and amounts."""
    rows = [
        NewSubsidyLine(row=n, tenant_code=code, amount=usd(part))
        for n, (code, part) in enumerate(lines, start=1)
    ]
    total = usd(amount) if amount else sum((each.amount for each in rows), ZERO)
    return NewSubsidyRemittance(
        agency_id=agency.pk,
        book_id=home.rent_book.pk,
        number=number,
        month=on,
        arrives_on=on,
        amount=total,
        lines=rows,
    )


def held(home: Company, who: int) -> Money:
    """What the rent trust holds for somebody."""
    return ledger_queries.balance(book_id=home.rent_book.pk, beneficiary_id=who)


def at_the_bank(home: Company) -> Money:
    """The rent trust's cash."""
    return ledger_queries.account_balance(
        book_id=home.rent_book.pk, account_id=chart(home.entity.pk).bank
    )


def test_one_transfer_pays_many_leases(home: Company, agency: HousingAgency) -> None:
    second = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, home.lease, "700.00", "F-1")
    subsidised(agency, second, "450.50", "F-2")
    make.charge(home.lease, "1000.00")
    make.charge(second, "400.00")

    row = services.record_subsidies(told(home, agency, [("F-1", "700.00"), ("F-2", "450.50")]))

    (owner,) = home.owner_beneficiaries()
    assert row.amount == usd("1150.50") == at_the_bank(home)
    # 700.00 of 1,000.00 and all of 400.00 are rent; 50.50 is the second tenant's in advance.
    assert held(home, owner) == usd("1100.00")
    assert held(home, second.prepaid_id) == usd("50.50")
    assert (queries.owed(home.lease), queries.owed(second)) == (usd("300.00"), ZERO)
    receipts = Receipt.objects.order_by("id")
    assert [(each.channel, each.batch) for each in receipts] == [("subsidy", "EFT00123")] * 2
    assert {(each.expected, each.paid) for each in SubsidyVariance.objects.all()} == {
        (usd("700.00"), usd("700.00")),
        (usd("450.50"), usd("450.50")),
    }


def test_transfer_told_again_is_the_same_and_with_others_is_refused(
    home: Company, agency: HousingAgency
) -> None:
    subsidised(agency, home.lease, "700.00", "F-1")
    first = services.record_subsidies(told(home, agency, [("F-1", "700.00")]))
    before = Entry.objects.count()

    assert services.record_subsidies(told(home, agency, [("F-1", "700.00")])) == first
    assert Entry.objects.count() == before
    with pytest.raises(ToldOtherwise):
        services.record_subsidies(told(home, agency, [("F-1", "700.01")]))


def test_lines_that_do_not_sum_are_refused_with_the_difference(
    home: Company, agency: HousingAgency
) -> None:
    with pytest.raises(SubsidyRefused, match=r"sum to 700\.00, 18\.00 less than the 718\.00"):
        services.record_subsidies(told(home, agency, [("F-1", "700.00")], amount="718.00"))
    with pytest.raises(SubsidyRefused, match=r"row 2: .* paid nothing"):
        services.record_subsidies(told(home, agency, [("F-1", "700.00"), ("F-2", "0.00")]))
    with pytest.raises(SubsidyRefused, match="trust account"):
        services.record_subsidies(told(company(), agency, [("F-1", "700.00")]))
    assert not SubsidyRemittance.objects.exists()


def test_code_that_nobody_knows_waits_in_suspense(home: Company, agency: HousingAgency) -> None:
    services.record_subsidies(told(home, agency, [("F-9", "700.00")]))

    assert held(home, suspense_of(home.entity.pk)) == usd("700.00")
    receipt = Receipt.objects.get()
    assert receipt.lease is None
    assert "F-9" in receipt.memo


def test_code_of_two_leases_and_lease_of_another_account_wait_in_suspense(
    home: Company, agency: HousingAgency
) -> None:
    twin = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, home.lease, "700.00", "F-1")
    subsidised(agency, twin, "700.00", "F-1")
    from tests.factories.leases import trust_book

    far, _ = property_in(home.entity, trust_book(home.entity, "rent"), home.deposit_book)
    away = lease_in(lease_services.create_unit(property_=far, code="1"))
    subsidised(agency, away, "300.00", "F-3")

    services.record_subsidies(told(home, agency, [("F-1", "700.00"), ("F-3", "300.00")]))

    assert held(home, suspense_of(home.entity.pk)) == usd("1000.00")


def test_money_taken_back_comes_out_of_the_newest_receipt_first(
    home: Company, agency: HousingAgency
) -> None:
    other = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, home.lease, "700.00", "F-1")
    subsidised(agency, other, "900.00", "F-2")
    make.charge(home.lease, "700.00", due_on=date(2026, 2, 1))
    make.charge(home.lease, "700.00", due_on=MARCH)
    services.record_subsidies(
        told(home, agency, [("F-1", "700.00")], number="E1", on=date(2026, 2, 2))
    )
    services.record_subsidies(told(home, agency, [("F-1", "700.00")], number="E2"))
    assert queries.owed(home.lease) == ZERO

    # April: 900.00 for the second lease, less 800.00 that was paid too much for the first.
    row = services.record_subsidies(
        told(home, agency, [("F-2", "900.00"), ("F-1", "-800.00")], number="E3", on=APRIL)
    )

    assert row.amount == usd("100.00")
    assert at_the_bank(home) == usd("1500.00")
    # 700.00 of March's receipt and 100.00 of February's went back: 800.00 is owed again.
    assert queries.owed(home.lease) == usd("800.00")
    taken = {
        each.number: queries.taken_back(each) for each in Receipt.objects.filter(lease=home.lease)
    }
    assert taken == {"E1": usd("100.00"), "E2": usd("700.00")}
    assert SubsidyLine.objects.get(amount__lt=0).open == ZERO


def test_money_taken_back_without_a_receipt_stands_open_until_somebody_bears_it(
    home: Company, agency: HousingAgency
) -> None:
    other = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, home.lease, "700.00", "F-1")
    subsidised(agency, other, "900.00", "F-2")
    make.charge(other, "900.00")
    services.record_subsidies(told(home, agency, [("F-2", "900.00"), ("F-1", "-250.00")]))
    line = SubsidyLine.objects.get(amount__lt=0)
    suspense_id = suspense_of(home.entity.pk)
    assert (line.open, held(home, suspense_id)) == (usd("250.00"), usd("-250.00"))
    assert at_the_bank(home) == usd("650.00")

    services.answer_recoupment(line, is_owners=True, on=MARCH)

    (owner,) = home.owner_beneficiaries()
    assert (held(home, suspense_id), held(home, owner)) == (ZERO, usd("650.00"))
    # Once answered it stays so; undone it can be answered otherwise.
    services.answer_recoupment(line, is_owners=False, on=MARCH)
    assert held(home, owner) == usd("650.00")
    services.undo_answer(line, on=MARCH)
    assert held(home, owner) == usd("900.00")
    services.answer_recoupment(line, is_owners=False, on=MARCH)
    assert held(home, company_of(home.entity.pk)) == usd("-250.00")
    assert (held(home, suspense_id), held(home, owner)) == (ZERO, usd("900.00"))


def test_variance_stays_until_explained_and_opens_again_with_other_figures(
    home: Company, agency: HousingAgency
) -> None:
    subsidised(agency, home.lease, "700.00", "F-1")
    services.record_subsidies(told(home, agency, [("F-1", "682.00")], number="E1"))
    row = SubsidyVariance.objects.get()
    assert (row.expected, row.paid) == (usd("700.00"), usd("682.00"))

    with pytest.raises(SubsidyRefused):
        services.explain_variance(row, explanation=" ", actor_id=UserFactory.create().pk)
    services.explain_variance(
        row, explanation="Income was looked at again", actor_id=UserFactory.create().pk
    )
    services.record_subsidies(told(home, agency, [("F-1", "10.00")], number="E2"))

    row.refresh_from_db()
    assert (row.paid, row.explanation) == (usd("692.00"), "")


def test_first_month_is_expected_by_its_days_and_a_missing_line_is_seen(
    home: Company, agency: HousingAgency
) -> None:
    # From March 17 on: 15 of 31 days of 620.00 are 300.00.
    late = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, home.lease, "700.00", "F-1")
    subsidised(agency, late, "620.00", "F-2", from_on=date(2026, 3, 17))

    services.record_subsidies(told(home, agency, [("F-1", "700.00")]))

    row = SubsidyVariance.objects.get(subsidy__lease=late)
    assert (row.expected, row.paid) == (usd("300.00"), ZERO)


def test_two_subsidies_of_one_agency_and_lease_do_not_overlap(
    home: Company, agency: HousingAgency
) -> None:
    first = subsidised(agency, home.lease, "700.00", "F-1")
    assert subsidised(agency, home.lease, "700.00", "F-1") == first
    with pytest.raises(SubsidyRefused, match="already"):
        subsidised(agency, home.lease, "710.00", "F-1", from_on=APRIL)
    with pytest.raises(SubsidyRefused, match="two companies"):
        subsidised(agency, company().lease, "1.00", "F-1")


def test_fifty_lines_ask_as_often_as_five(home: Company, agency: HousingAgency) -> None:
    def lines(first: int, last: int) -> list[tuple[str, str]]:
        found = []
        for n in range(first, last):
            lease = lease_in(lease_services.create_unit(property_=home.property, code=f"B{n}"))
            subsidised(agency, lease, "10.00", f"B-{n}")
            make.charge(lease, "8.00")
            found.append((f"B-{n}", "10.00"))
        return found

    few = told(home, agency, lines(0, 5), number="E1")
    with CaptureQueriesContext(database) as five:
        services.record_subsidies(few)
    many = told(home, agency, lines(5, 55), number="E2")
    with CaptureQueriesContext(database) as fifty:
        services.record_subsidies(many)

    assert len(fifty) <= len(five) + 2
    assert len(fifty) < 70


@pytest.mark.parametrize(
    ("sql", "by"),
    [
        (
            "INSERT INTO receivables_subsidyline (remittance_id, row, tenant_code, tenant_name,"
            " amount, amount_currency, memo, open, open_currency)"
            " SELECT id, 9, 'X', '', 5, 'USD', '', 0, 'USD' FROM receivables_subsidyremittance",
            "subsidy_lines_sum",
        ),
        ("UPDATE receivables_subsidyline SET amount = 1", "posted_stays"),
        ("DELETE FROM receivables_subsidyline", "posted_stays"),
        ("UPDATE receivables_subsidyremittance SET amount = 1", "posted_stays"),
        (
            "INSERT INTO receivables_subsidyremittance (entity_id, agency_id, book_id, number,"
            " month, arrives_on, amount, amount_currency) SELECT entity_id, agency_id, book_id,"
            " 'E9', month, arrives_on, 5, 'USD' FROM receivables_subsidyremittance",
            "subsidy_lines_sum",
        ),
    ],
)
def test_database_keeps_the_lines_at_the_sum(
    home: Company, agency: HousingAgency, sql: str, by: str
) -> None:
    subsidised(agency, home.lease, "700.00", "F-1")
    services.record_subsidies(told(home, agency, [("F-1", "700.00")]))

    with pytest.raises(IntegrityError) as caught:
        execute_now(sql)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.diag.constraint_name == by  # type: ignore[attr-defined]


def test_share_of_two_owners_bears_what_is_taken_back_to_the_cent(agency: HousingAgency) -> None:
    home = company(shares=("0.5", "0.5"), entity=agency.entity)
    home.property.agreements.update(fee_rate=Decimal(0))
    subsidised(agency, home.lease, "700.00", "F-1")
    other = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    subsidised(agency, other, "100.00", "F-2")
    services.record_subsidies(told(home, agency, [("F-2", "100.00"), ("F-1", "-50.01")]))

    services.answer_recoupment(SubsidyLine.objects.get(amount__lt=0), is_owners=True, on=MARCH)

    first, second = home.owner_beneficiaries()
    assert (held(home, first), held(home, second)) == (usd("-25.01"), usd("-25.00"))


def execute_now(sql: str) -> None:
    """Run plain SQL, and look at once at what is else looked at when a transaction ends."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
