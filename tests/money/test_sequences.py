"""Orders of events that nobody plans: no cent is lost or made, and what cannot be is refused."""

from collections.abc import Callable
from datetime import date

import pytest
from django.http import QueryDict

from desk import services as desk
from desk.errors import Refused
from desk.models import Role, WorkItem
from ledger import queries as ledger
from ledger.models import Entry
from ledger.services import close_period
from proptrust.lib.money import ZERO, usd
from receivables import findings as rent_findings
from receivables import queries, services
from receivables.errors import NotDepositable, TakenTwice
from receivables.models import Allocation, Charge, Receipt, Remittance, RemittanceItem
from reconciliation import findings
from reconciliation import services as bank
from reconciliation.models import BankLine, Match
from tests.factories import receivables as make
from tests.factories.desk import WorkItemFactory, person
from tests.factories.leases import Company, lease_in
from tests.factories.leases import company_without_fees as company
from tests.factories.reconciliation import MONDAY, bai2, imported, lines_of, move
from tests.threads import at_once


def sums_hold(home: Company) -> None:
    """Bank = beneficiaries in each trust book, charges paid = live allocations."""
    for book in (home.rent_book, home.deposit_book):
        both = ledger.trust_equation(book.pk)
        assert both.book == both.held
    for charge in Charge.objects.filter(entity=home.entity):
        live = Allocation.objects.filter(charge=charge, undone_by__isnull=True)
        assert charge.paid == sum((row.amount for row in live), ZERO)


def form(**facts: str) -> QueryDict:
    sent = QueryDict(mutable=True)
    sent.update(facts)
    return sent


@pytest.mark.django_db
def test_adjustment_given_to_the_company_undone_and_given_again_is_posted_again() -> None:
    home = company()
    connection = make.connection(home)
    row = Remittance.objects.create(
        connection=connection, vendor_id="po_1", book=home.rent_book, arrives_on=MONDAY,
        amount=ZERO, fees=ZERO,
    )  # fmt: skip
    item = RemittanceItem.objects.create(
        remittance=row, key="txn_1", what="adjustment", gross=usd("-7.00"), fee=ZERO,
        net=usd("-7.00"),
    )  # fmt: skip
    bookkeeper = person(entity=home.entity)
    who = services.company_of(home.entity.pk)

    def give() -> None:
        work = WorkItemFactory.create(
            entity=home.entity, kind=rent_findings.ITEM_UNMATCHED, subject_id=item.pk,
            subject_type="receivables.remittanceitem",
        )  # fmt: skip
        desk.act(work, "company", form(), actor=bookkeeper)

    give()
    desk.undo(bookkeeper)
    assert ledger.balance(book_id=home.rent_book.pk, beneficiary_id=who) == ZERO
    give()

    assert ledger.balance(book_id=home.rent_book.pk, beneficiary_id=who) == usd("-7.00")
    sums_hold(home)


@pytest.mark.django_db
def test_undo_never_takes_money_from_the_lease_that_another_person_gave_it_to() -> None:
    home = company()
    second = lease_in(home.unit)
    receipt = make.suspense(home.rent_book)
    work: WorkItem = WorkItemFactory.create(
        entity=home.entity, kind=rent_findings.IN_SUSPENSE, subject_id=receipt.pk,
        subject_type="receivables.receipt",
    )  # fmt: skip
    first = person(entity=home.entity)
    desk.act(work, "assign_once", form(code=home.lease.code), actor=first)
    services.unassign_receipt(receipt)
    services.assign_receipt(Receipt.objects.get(pk=receipt.pk), second)

    with pytest.raises(Refused, match=f"to lease {second.code} since"):
        desk.undo(first)

    assert Receipt.objects.get(pk=receipt.pk).lease == second
    sums_hold(home)


@pytest.mark.django_db
def test_answer_that_lies_in_a_closed_month_is_not_undone_and_says_the_way_out() -> None:
    home = company()
    account = home.rent_book.bank_account
    imported(account, bai2(account, MONDAY, [move("81.00", "CREDIT")]))
    (line,) = lines_of(account)
    bookkeeper = person(entity=home.entity)
    work = WorkItemFactory.create(
        entity=home.entity, kind=findings.UNMATCHED, subject_id=line.pk,
        subject_type="reconciliation.bankline",
    )  # fmt: skip
    desk.act(work, "suspense", form(), actor=bookkeeper)
    close_period(book_id=account.book_id, first_on=date(2026, 3, 1), closed_by_id=bookkeeper.pk)

    with pytest.raises(Refused, match=r"lies in a closed month.*in the open month"):
        desk.undo(bookkeeper)

    assert Match.objects.get().undone_at is None
    assert BankLine.objects.get().is_matched
    assert not Entry.objects.filter(kind="reversal").exists()


@pytest.mark.django_db
def test_refunds_disputes_and_returns_never_take_more_than_came() -> None:
    home = company()
    make.charge(home.lease)
    receipt = make.receipt(home.lease)
    services.take_back(receipt, make.comeback("400.00", key="refund:1"))
    services.take_back(receipt, make.comeback("300.00", key="refund:2"))
    for amount, kind in (("300.01", "refund"), ("1000.00", "return"), ("1000.00", "dispute")):
        with pytest.raises(TakenTwice):
            services.take_back(receipt, make.comeback(amount, key=f"{kind}:9", kind=kind))
    services.take_back(receipt, make.comeback("300.00", key="return:1", kind="return"))
    with pytest.raises(TakenTwice):
        services.take_back(receipt, make.comeback("0.01", key="dispute:1", kind="dispute"))

    assert queries.owed(home.lease) == usd("1000.00")
    sums_hold(home)


@pytest.mark.django_db
def test_check_that_was_returned_is_on_no_slip() -> None:
    home = company()
    check = make.receipt(home.lease, channel="check", into="undeposited")
    services.take_back(check, make.comeback("1000.00", kind="return"))

    with pytest.raises(NotDepositable):
        services.make_deposit_slip(
            book=home.rent_book, number="1", day=date(2026, 3, 10), receipts=[check]
        )
    sums_hold(home)


@pytest.mark.django_db(transaction=True)
def test_two_people_answer_one_item_and_one_is_told() -> None:
    home = company()
    account = home.rent_book.bank_account
    imported(account, bai2(account, MONDAY, [move("81.00", "CREDIT")]))
    (line,) = lines_of(account)
    people = [person(Role.BOOKKEEPER, home.entity) for _ in range(2)]
    work = WorkItemFactory.create(
        entity=home.entity, kind=findings.UNMATCHED, subject_id=line.pk,
        subject_type="reconciliation.bankline",
    )  # fmt: skip

    told = at_once(*[
        lambda each=each: desk.act(work, "suspense", form(), actor=each) for each in people
    ])  # fmt: skip

    assert [isinstance(each, Refused) for each in told].count(True) == 1, told
    assert Receipt.objects.get().gross == usd("81.00")
    sums_hold(home)


@pytest.mark.django_db(transaction=True)
def test_undo_by_two_clicks_and_a_match_at_once_undoes_once() -> None:
    home = company()
    account = home.rent_book.bank_account
    imported(account, bai2(account, MONDAY, [move("81.00", "CREDIT")]))
    (line,) = lines_of(account)
    one = person(Role.BOOKKEEPER, home.entity)
    work = WorkItemFactory.create(
        entity=home.entity, kind=findings.UNMATCHED, subject_id=line.pk,
        subject_type="reconciliation.bankline",
    )  # fmt: skip
    desk.act(work, "suspense", form(), actor=one)

    told = at_once(
        lambda: desk.undo(one), lambda: desk.undo(one), lambda: bank.match_account(account.pk)
    )

    assert [isinstance(each, Refused) for each in told[:2]].count(True) == 1, told
    assert not isinstance(told[2], Exception)
    assert ledger.balance(
        book_id=account.book_id, beneficiary_id=services.suspense_of(home.entity.pk)
    ) == (usd("81.00") if BankLine.objects.get().is_matched else ZERO)
    sums_hold(home)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", ["unassign", "settle again", "refund"])
def test_return_against_something_else_at_once_keeps_every_sum(other: str) -> None:
    home = company()
    make.charge(home.lease)
    receipt = make.receipt(home.lease)
    calls: dict[str, Callable[[], object]] = {
        "unassign": lambda: services.unassign_receipt(receipt),
        "settle again": lambda: services.settle_receipt(receipt),
        "refund": lambda: services.take_back(receipt, make.comeback("600.00")),
    }

    at_once(
        lambda: services.take_back(receipt, make.comeback("1000.00", key="r:1", kind="return")),
        calls[other],
        calls[other],
    )

    taken = queries.taken_back(Receipt.objects.get())
    assert taken in ({usd("1000.00"), usd("600.00")} if other == "refund" else {usd("1000.00")})
    sums_hold(home)


@pytest.mark.django_db(transaction=True)
def test_month_is_closed_while_others_post_into_it() -> None:
    home = company()
    one = person(Role.BOOKKEEPER, home.entity)
    make.receipt(home.lease)

    told = at_once(
        *[lambda: make.receipt(home.lease, "10.00")] * 5,
        lambda: close_period(
            book_id=home.rent_book.pk, first_on=date(2026, 3, 1), closed_by_id=one.pk
        ),
    )

    assert not [each for each in told if isinstance(each, Exception)], told
    closed = told[-1]
    late = Entry.objects.filter(kind="receipt", dated_on__gte=date(2026, 4, 1))
    assert all(entry.adjusts_id == closed.pk for entry in late)  # type: ignore[attr-defined]
    sums_hold(home)
