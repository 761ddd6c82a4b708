"""Receipts: recorded once, paying charges in order, given to leases and taken from them."""

from datetime import date
from typing import Any

import pytest

from leases import services as lease_services
from leases.errors import NoOwner
from leases.models import ManagementAgreement, OwnershipShare
from ledger import queries as ledger_queries
from ledger.models import Entry
from ledger.services import close_period
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.errors import (
    AlreadyAssigned,
    NoBook,
    NotDepositable,
    NotSettled,
    TakenTwice,
    ToldOtherwise,
)
from receivables.models import ChargeKind, PayerAlias, Receipt
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.desk import UserFactory
from tests.factories.leases import company_without_fees as company
from tests.factories.leases import lease_in, property_in

pytestmark = pytest.mark.django_db


def test_same_receipt_told_again_is_the_same() -> None:
    home = company()
    new = make.new_receipt(home.rent_book, lease_id=home.lease.pk)

    first = services.record_receipt(new)
    again = services.record_receipt(new)

    assert first.pk == again.pk
    assert Entry.objects.filter(kind=Entry.Kind.RECEIPT).count() == 1


def test_same_key_with_another_amount_is_refused() -> None:
    home = company()
    services.record_receipt(make.new_receipt(home.rent_book, "10.00", key="k"))

    with pytest.raises(ToldOtherwise, match="gross"):
        services.record_receipt(make.new_receipt(home.rent_book, "11.00", key="k"))


def test_receipt_without_book_and_lease_is_refused() -> None:
    home = company()

    with pytest.raises(NoBook):
        services.record_receipt(make.new_receipt(home.rent_book, book_id=None))


def test_expected_receipt_posts_nothing_until_it_settles() -> None:
    home = company()
    make.charge(home.lease)
    new = make.new_receipt(home.rent_book, lease_id=home.lease.pk)

    services.expect_receipt(new)
    assert queries.owed(home.lease) == usd(1000)
    services.record_receipt(new)
    services.expect_receipt(new)

    assert queries.owed(home.lease) == usd(0)
    assert Receipt.objects.get().state == Receipt.State.SETTLED


def test_failed_payment_that_is_tried_again_settles() -> None:
    home = company()
    new = make.new_receipt(home.rent_book, lease_id=home.lease.pk)
    services.expect_receipt(new)

    assert services.fail_receipt(new).state == Receipt.State.FAILED
    assert services.record_receipt(new).state == Receipt.State.SETTLED
    assert services.fail_receipt(new).state == Receipt.State.SETTLED


@pytest.mark.parametrize(
    ("order", "rent_paid", "fee_paid"),
    [
        (ManagementAgreement.AllocationOrder.OLDEST_FIRST, "950.00", "50.00"),
        (ManagementAgreement.AllocationOrder.RENT_FIRST, "1000.00", "0.00"),
    ],
)
def test_agreement_says_what_is_paid_first(order: str, rent_paid: str, fee_paid: str) -> None:
    home = company(allocation_order=order)
    fee = make.charge(home.lease, "50.00", kind=ChargeKind.LATE_FEE, due_on=date(2026, 2, 6))
    rent = make.charge(home.lease, "1000.00")

    make.receipt(home.lease, "1000.00")

    rent.refresh_from_db()
    fee.refresh_from_db()
    assert (rent.paid, fee.paid) == (usd(rent_paid), usd(fee_paid))


def test_second_payment_of_a_month_is_prepaid() -> None:
    home = company()
    make.charge(home.lease)

    make.receipt(home.lease)
    second = make.receipt(home.lease)

    assert queries.unallocated(second) == usd(1000)


def test_owners_of_the_receipts_own_day_get_it() -> None:
    home = company()
    (old,) = home.owner_beneficiaries()
    buyer = lease_services.create_owner(entity_id=home.entity.pk, code="NEW", name="Nell New")
    lease_services.set_shares(
        property_=home.property, from_on=date(2026, 3, 1), shares={buyer: usd(1).amount}
    )
    new = OwnershipShare.objects.get(owner=buyer).beneficiary_id
    make.charge(home.lease, "300.00", due_on=date(2026, 2, 1))
    make.charge(home.lease, "400.00")

    make.receipt(home.lease, "300.00", received_on=date(2026, 2, 28))
    make.receipt(home.lease, "400.00", received_on=date(2026, 3, 1))

    held = ledger_queries.balances(book_id=home.rent_book.pk)
    assert (held[old], held[new]) == (usd(300), usd(400))


def test_money_without_an_owner_is_refused() -> None:
    home = company()
    make.charge(home.lease, due_on=date(2019, 1, 1))

    with pytest.raises(NoOwner, match="has no owner on 2019-12-31"):
        make.receipt(home.lease, received_on=date(2019, 12, 31))


def test_late_fact_is_dated_in_the_open_period_and_says_which_it_adjusts() -> None:
    home = company()
    make.charge(home.lease, due_on=date(2026, 2, 1))
    for book in (home.rent_book, home.property.book):
        close_period(
            book_id=book.pk, first_on=date(2026, 2, 1), closed_by_id=UserFactory.create().pk
        )

    receipt = make.receipt(home.lease, received_on=date(2026, 2, 27))

    assert receipt.entry is not None
    assert receipt.entry.dated_on == date(2026, 3, 1)
    assert receipt.entry.adjusts is not None


def test_assigned_receipt_taken_back_is_in_suspense_again() -> None:
    home = company(shares=("0.5", "0.5"))
    make.charge(home.lease, "600.01")
    receipt = make.suspense(home.rent_book, "1000.00")
    before = ledger_queries.balances(book_id=home.rent_book.pk)

    services.assign_receipt(receipt, home.lease)
    assert queries.owed(home.lease) == usd(0)
    services.unassign_receipt(receipt)

    after = ledger_queries.balances(book_id=home.rent_book.pk)
    assert {who: held for who, held in after.items() if held} == before
    assert queries.owed(home.lease) == usd("600.01")
    services.assign_receipt(receipt, home.lease)
    assert queries.owed(home.lease) == usd(0)


def test_receipt_moves_to_another_owner_s_lease() -> None:
    home = company()
    other, _ = property_in(home.entity, home.rent_book, home.deposit_book)
    right = lease_in(lease_services.create_unit(property_=other, code="1"))
    make.charge(home.lease)
    make.charge(right)
    receipt = make.receipt(home.lease)

    services.unassign_receipt(receipt)
    services.assign_receipt(receipt, right)

    assert (queries.owed(home.lease), queries.owed(right)) == (usd(1000), usd(0))
    assert ledger_queries.balance(
        book_id=home.rent_book.pk, beneficiary_id=home.owner_beneficiaries()[0]
    ) == usd(0)


def test_receipt_of_a_lease_is_not_given_to_another() -> None:
    home = company()
    receipt = make.receipt(home.lease)

    with pytest.raises(AlreadyAssigned):
        services.assign_receipt(receipt, lease_in(home.unit))


def test_lease_of_another_company_gets_nothing() -> None:
    receipt = make.suspense(company().rent_book)

    with pytest.raises(AlreadyAssigned, match="another company"):
        services.assign_receipt(receipt, company().lease)


def test_expected_money_is_not_assigned() -> None:
    home = company()
    receipt = services.expect_receipt(make.new_receipt(home.rent_book))

    with pytest.raises(NotSettled):
        services.assign_receipt(receipt, home.lease)


def test_counter_of_the_bank_is_never_remembered_as_a_payer() -> None:
    home = company()
    receipt = make.suspense(home.rent_book, payer="COUNTER CREDIT")

    services.assign_receipt(receipt, home.lease, remember=True)

    assert not PayerAlias.objects.exists()


def test_payer_is_remembered_when_asked() -> None:
    home = company()
    receipt = make.suspense(home.rent_book, payer="ZELLE M GARCIA")

    services.assign_receipt(receipt, home.lease, remember=True)

    assert PayerAlias.objects.get().alias == "m garcia"


def test_deposit_slip_told_again_is_the_same_and_with_others_is_refused() -> None:
    home = company()
    check = make.receipt(home.lease, channel="check", into="undeposited")
    facts: dict[str, Any] = {"book": home.rent_book, "number": "9", "day": make.A_DAY}

    slip = services.make_deposit_slip(receipts=[check], **facts)

    assert services.make_deposit_slip(receipts=[check], **facts) == slip
    more = make.receipt(home.lease, channel="check", into="undeposited")
    with pytest.raises(ToldOtherwise):
        services.make_deposit_slip(receipts=[check, more], **facts)
    with pytest.raises(NotDepositable, match="already"):
        services.make_deposit_slip(receipts=[check], **{**facts, "number": "10"})


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"into": "bank", "channel": "wire"}, "at the bank"),
        ({"received_on": date(2026, 3, 3)}, "after the deposit"),
    ],
)
def test_receipt_that_cannot_be_deposited_says_why(facts: dict[str, Any], reason: str) -> None:
    home = company()
    check = make.receipt(home.lease, **{"channel": "check", "into": "undeposited", **facts})

    with pytest.raises(NotDepositable, match=reason):
        services.make_deposit_slip(
            book=home.rent_book, number="9", day=make.A_DAY, receipts=[check]
        )


def test_more_than_came_in_does_not_go_back() -> None:
    home = company()
    receipt = make.receipt(home.lease)
    refund = NewComeback(kind="refund", key="r1", amount=usd(400), on=make.A_DAY)
    services.take_back(receipt, refund)

    assert services.take_back(receipt, refund).key == "r1"
    with pytest.raises(ToldOtherwise):
        services.take_back(
            receipt, NewComeback(kind="refund", key="r1", amount=usd(300), on=make.A_DAY)
        )
    with pytest.raises(TakenTwice, match=r"600\.00 of .* is left"):
        services.take_back(
            receipt, NewComeback(kind="return", key="r2", amount=usd(1000), on=make.A_DAY)
        )


def test_other_prepaid_rent_pays_what_a_return_opened() -> None:
    home = company()
    make.charge(home.lease)
    first = make.receipt(home.lease)
    make.receipt(home.lease)

    services.take_back(
        first, NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 3, 9))
    )

    assert queries.owed(home.lease) == usd(0)
