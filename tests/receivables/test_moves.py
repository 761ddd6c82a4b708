"""A receipt that was given to the wrong lease: moved by one entry, shown before, moved back."""

from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction
from moneyed import Money

from leases import services as lease_services
from leases.models import Lease
from ledger import queries as ledger_queries
from ledger.models import Account, Entry, Line
from proptrust.lib.events import hears
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.errors import CannotMove
from receivables.models import Allocation, ChargeKind, Receipt, ReceiptMove
from receivables.types import AllocationsChanged, NewComeback
from tests.factories import receivables as make
from tests.factories.leases import Company, company, lease_in, property_in, trust_book

pytestmark = pytest.mark.django_db
MOVED_ON = date(2026, 3, 20)
heard: list[AllocationsChanged] = []


@hears(AllocationsChanged)
def note(fact: AllocationsChanged) -> None:
    """Remember what was published, for the test that asks."""
    heard.append(fact)


@pytest.fixture
def home() -> Company:
    return without_fees(company(shares=("0.5", "0.5")))


def without_fees(home: Company) -> Company:
    """The same company, managed for nothing: a test's figures are of the move alone."""
    home.property.agreements.update(fee_rate=0)
    return home


@pytest.fixture
def right(home: Company) -> Lease:
    """A lease of another owner's property in the same trust account."""
    other, _ = property_in(home.entity, home.rent_book, home.deposit_book)
    return lease_in(lease_services.create_unit(property_=other, code="1"), tenants=("Ann Lee",))


def held(home: Company, beneficiary_id: int) -> Money:
    """What the rent trust holds for somebody."""
    return ledger_queries.balance(book_id=home.rent_book.pk, beneficiary_id=beneficiary_id)


def owner_of(lease: Lease) -> int:
    """The only owner of a lease's property, in the ledger."""
    return lease.unit.property.shares.get().beneficiary_id


def receivable(lease: Lease) -> Money:
    """What the property's own book says its tenants owe."""
    account = Account.objects.get(entity=lease.entity_id, code="1200")
    return ledger_queries.account_balance(
        book_id=lease.unit.property.book_id, account_id=account.pk
    )


def test_move_takes_the_rent_from_one_owner_and_gives_it_to_the_other(
    home: Company, right: Lease
) -> None:
    # 1,000.01 pays 900.01 of rent here and leaves 100.00; there it pays 700.00 and leaves 300.01.
    make.charge(home.lease, "900.01")
    make.charge(right, "700.00")
    receipt = make.receipt(home.lease, "1000.01")
    before = Entry.objects.count()

    services.move_receipt(receipt, right, on=MOVED_ON, why="Quoted the wrong lease")

    assert Entry.objects.count() == before + 1
    first, second = home.owner_beneficiaries()
    assert (held(home, first), held(home, second)) == (usd(0), usd(0))
    assert held(home, owner_of(right)) == usd("700.00")
    assert held(home, right.prepaid_id) == usd("300.01")
    assert held(home, home.lease.prepaid_id) == usd(0)
    assert (queries.owed(home.lease), queries.owed(right)) == (usd("900.01"), usd(0))
    assert (receivable(home.lease), receivable(right)) == (usd("900.01"), usd(0))
    move = ReceiptMove.objects.get()
    assert (move.from_lease, move.to_lease, move.on) == (home.lease, right, MOVED_ON)
    assert (move.entry.kind, move.entry.dated_on) == (Entry.Kind.ALLOCATION, MOVED_ON)


def test_move_back_is_its_undo(home: Company, right: Lease) -> None:
    make.charge(home.lease, "900.01")
    make.charge(right, "700.00")
    receipt = make.receipt(home.lease, "1000.01")
    before = {
        who: amount
        for who, amount in ledger_queries.balances(book_id=home.rent_book.pk).items()
        if amount
    }

    services.move_receipt(receipt, right, on=MOVED_ON, why="Wrong lease")
    services.move_receipt(receipt, home.lease, on=MOVED_ON, why="It was right")

    after = ledger_queries.balances(book_id=home.rent_book.pk)
    assert {who: amount for who, amount in after.items() if amount} == before
    assert (queries.owed(home.lease), queries.owed(right)) == (usd(0), usd("700.00"))


def test_move_to_the_same_lease_changes_nothing(home: Company, right: Lease) -> None:
    receipt = make.receipt(home.lease)
    services.move_receipt(receipt, right, why="Wrong lease")
    before = Entry.objects.count()

    services.move_receipt(receipt, right, why="Wrong lease")

    assert (Entry.objects.count(), ReceiptMove.objects.count()) == (before, 1)


def test_other_prepaid_rent_pays_what_a_move_opened(home: Company, right: Lease) -> None:
    make.charge(home.lease)
    wrong = make.receipt(home.lease)
    make.receipt(home.lease, "600.00")

    services.move_receipt(wrong, right, on=MOVED_ON, why="Wrong lease")

    # 600.00 was prepaid; it pays the rent of 1,000.00 in part.
    assert queries.owed(home.lease) == usd("400.00")
    assert held(home, home.lease.prepaid_id) == usd(0)
    assert held(home, right.prepaid_id) == usd("1000.00")


def test_move_to_a_lease_of_the_same_owner_leaves_the_owner_alone() -> None:
    home = without_fees(company())
    other = lease_in(lease_services.create_unit(property_=home.property, code="2"))
    make.charge(home.lease)
    make.charge(other)
    receipt = make.receipt(home.lease)

    services.move_receipt(receipt, other, on=MOVED_ON, why="Wrong unit")

    (owner,) = home.owner_beneficiaries()
    assert held(home, owner) == usd("1000.00")
    assert (queries.owed(home.lease), queries.owed(other)) == (usd("1000.00"), usd(0))
    assert not Line.objects.filter(entry=ReceiptMove.objects.get().entry, beneficiary=owner)


def test_owner_who_was_paid_already_owes_the_trust_and_the_preview_says_so() -> None:
    home = without_fees(company())
    other, _ = property_in(home.entity, home.rent_book, home.deposit_book)
    right = lease_in(lease_services.create_unit(property_=other, code="1"))
    make.charge(home.lease)
    make.charge(right)
    receipt = make.receipt(home.lease, into="bank", channel="wire")
    (owner,) = home.owner_beneficiaries()
    pay_out(home, owner, "950.00")
    entries = Entry.objects.count()

    preview = services.preview_move(receipt, right)

    # 1,000.00 − 950.00 paid out = 50.00 held; 1,000.00 goes away: 950.00 below zero.
    (paid,) = [each for each in preview.effects if each.before == usd("50.00")]
    assert paid.after == usd("-950.00")
    assert paid.warning == "Paid out already: below zero by 950.00"
    assert Entry.objects.count() == entries
    assert Receipt.objects.get(pk=receipt.pk).lease_id == home.lease.pk

    services.move_receipt(receipt, right, on=MOVED_ON, why="Wrong lease")
    assert held(home, owner) == usd("-950.00")
    assert held(home, owner_of(right)) == usd("1000.00")


def test_part_that_went_back_does_not_move(home: Company, right: Lease) -> None:
    make.charge(home.lease)
    receipt = make.receipt(home.lease)
    services.take_back(receipt, make.comeback("400.00"))

    services.move_receipt(receipt, right, on=MOVED_ON, why="Wrong lease")

    assert held(home, right.prepaid_id) == usd("600.00")
    services.take_back(
        receipt, NewComeback(kind="refund", key="r2", amount=usd(600), on=date(2026, 3, 25))
    )
    assert held(home, right.prepaid_id) == usd(0)
    with pytest.raises(CannotMove, match=r"nothing of .* is left"):
        services.move_receipt(receipt, home.lease, why="Back")


def test_security_deposit_that_was_paid_for_the_wrong_lease_moves(
    home: Company, right: Lease
) -> None:
    make.charge(home.lease, "500.00", kind=ChargeKind.SECURITY_DEPOSIT)
    make.charge(right, "500.00", kind=ChargeKind.SECURITY_DEPOSIT)
    receipt = make.receipt(home.lease, "500.00")

    services.move_receipt(receipt, right, on=MOVED_ON, why="Wrong lease")

    assert (held(home, home.lease.deposit_id), held(home, right.deposit_id)) == (usd(0), usd(500))


def test_move_tells_the_fees_about_both_leases_once(home: Company, right: Lease) -> None:
    make.charge(home.lease)
    make.charge(right)
    receipt = make.receipt(home.lease)
    heard.clear()

    services.move_receipt(receipt, right, on=MOVED_ON, why="Wrong lease")

    assert [fact.lease_ids for fact in heard] == [tuple(sorted([home.lease.pk, right.pk]))]
    assert (heard[0].cause, heard[0].on) == ("moved", MOVED_ON)


def test_money_in_another_trust_account_is_not_moved(home: Company) -> None:
    elsewhere, _ = property_in(home.entity, trust_book(home.entity, "rent"), home.deposit_book)
    far = lease_in(lease_services.create_unit(property_=elsewhere, code="1"))
    receipt = make.receipt(home.lease)

    with pytest.raises(CannotMove, match=r"transfer 1,000.00 between the two accounts"):
        services.move_receipt(receipt, far, why="Wrong lease")
    with pytest.raises(CannotMove, match="another company"):
        services.move_receipt(receipt, company().lease, why="Wrong lease")
    with pytest.raises(CannotMove, match="why"):
        services.move_receipt(receipt, lease_in(home.unit), why=" ")
    with pytest.raises(CannotMove, match="suspense"):
        services.move_receipt(make.suspense(home.rent_book), home.lease, why="Known now")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE receivables_receiptmove SET why = 'other'",
        "DELETE FROM receivables_receiptmove",
    ],
)
def test_what_was_moved_stays_told(home: Company, right: Lease, sql: str) -> None:
    services.move_receipt(make.receipt(home.lease), right, why="Wrong lease")

    with (
        pytest.raises(IntegrityError, match="stays as it is"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


def test_allocations_stay_with_the_charges_of_their_own_lease(home: Company, right: Lease) -> None:
    make.charge(home.lease)
    make.charge(right)
    receipt = make.receipt(home.lease)

    services.move_receipt(receipt, right, why="Wrong lease")

    live = Allocation.objects.get(receipt=receipt, undone_by__isnull=True)
    assert live.charge.lease_id == right.pk
    assert Allocation.objects.filter(receipt=receipt).count() == 2


def pay_out(home: Company, beneficiary_id: int, amount: str) -> None:
    """Pay an owner from the rent trust."""
    from ledger.charts import chart
    from ledger.services import post_fact
    from ledger.types import NewLine

    accounts, paid = chart(home.entity.pk), usd(amount)
    post_fact(
        entity_id=home.entity.pk,
        key="draw:1",
        kind=Entry.Kind.DISBURSEMENT,
        day=date(2026, 3, 15),
        memo="Owner draw",
        lines=[
            NewLine(home.rent_book.pk, accounts.claims, paid, beneficiary_id),
            NewLine(home.rent_book.pk, accounts.bank, -paid),
        ],
    )
