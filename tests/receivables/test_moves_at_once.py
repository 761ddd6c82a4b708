"""Moves, returns and agencies' lists by several people at once: no ring, no cent twice."""

from datetime import date

import pytest

from leases import services as lease_services
from ledger import queries as ledger_queries
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.models import Receipt, ReceiptMove, SubsidyRemittance
from receivables.types import NewSubsidyLine, NewSubsidyRemittance
from tests.factories import receivables as make
from tests.factories.leases import company_without_fees as company
from tests.factories.leases import lease_in, property_in
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_money_that_is_moved_and_returned_at_once_is_nobodys_afterwards() -> None:
    home = company()
    other, _ = property_in(home.entity, home.rent_book, home.deposit_book)
    right = lease_in(lease_services.create_unit(property_=other, code="1"))
    make.charge(home.lease)
    make.charge(right)
    receipt = make.receipt(home.lease)

    told = at_once(
        lambda: services.move_receipt(receipt, right, why="Wrong lease"),
        lambda: services.take_back(receipt, make.comeback("1000.00", kind="return")),
    )

    assert not isinstance(told[1], Exception)
    assert (queries.owed(home.lease), queries.owed(right)) == (usd(1000), usd(1000))
    held = ledger_queries.balances(book_id=home.rent_book.pk)
    assert {amount for amount in held.values() if amount} == set()


def test_two_leases_that_exchange_their_receipts_at_once_do_not_wait_in_a_ring() -> None:
    home = company()
    other = lease_in(home.unit)
    make.charge(home.lease)
    make.charge(other)
    mine, theirs = make.receipt(home.lease), make.receipt(other)

    told = at_once(
        lambda: services.move_receipt(mine, other, why="Exchanged"),
        lambda: services.move_receipt(theirs, home.lease, why="Exchanged"),
    )

    assert [each for each in told if isinstance(each, Exception)] == []
    assert (queries.owed(home.lease), queries.owed(other)) == (ZERO, ZERO)
    assert Receipt.objects.get(pk=mine.pk).lease == other
    assert ReceiptMove.objects.count() == 2


def test_list_sent_by_four_people_at_once_is_recorded_once() -> None:
    home = company()
    agency = services.create_agency(entity_id=home.entity.pk, name="City")
    on = date(2026, 3, 2)
    new = NewSubsidyRemittance(
        agency_id=agency.pk,
        book_id=home.rent_book.pk,
        number="EFT-1",
        month=on,
        arrives_on=on,
        amount=usd("10.00"),
        lines=[NewSubsidyLine(row=1, tenant_code="F-1", amount=usd("10.00"))],
    )

    told = at_once(*[lambda: services.record_subsidies(new)] * 4)

    assert {each.pk for each in told if isinstance(each, SubsidyRemittance)} == {
        SubsidyRemittance.objects.get().pk
    }
    assert Receipt.objects.count() == 1
