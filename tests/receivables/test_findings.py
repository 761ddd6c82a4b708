"""What is wrong today, and what the desk's remedies do about it."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors.types import BankDetailsChanged, DisputeClosed, PaymentDisputed, RemittancePaid
from connectors.types import RemittanceItem as ToldItem
from desk import registry
from desk import services as desk
from desk.models import User, WorkItem
from desk.types import Finding
from ledger import queries as ledger_queries
from ledger.charts import chart
from ledger.services import post
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.models import PayerAlias, Receipt
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, lease_in
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db


def found(kind: str, entity_id: int | None = None) -> list[Finding]:
    """The findings of a kind that hold now."""
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each for each in detector.find(entity_id) if each.kind == kind]


def item(kind: str) -> WorkItem:
    """The one item of a kind after a run of all detectors."""
    desk.run_detectors()
    return WorkItem.objects.get(kind=kind)


def remedies(item: WorkItem, find: str = "") -> list[str]:
    """The keys of an item's remedies."""
    handler = registry.handler_of(item.kind)
    return [each.key for each in handler.detail(item.subject_id, find=find).remedies]


def act(item: WorkItem, remedy: str, actor: User, **facts: str) -> None:
    """Carry a remedy out as the desk does, with what its form carries."""
    handler = registry.handler_of(item.kind)
    offered = {each.key: each for each in handler.detail(item.subject_id).remedies}
    form = QueryDict(mutable=True)
    form.update({**dict(offered[remedy].facts), **facts})
    desk.act(item, remedy, form, actor=actor)


def pay_out(home: Company, amount: str) -> None:
    """The owner's money leaves the rent account."""
    accounts = chart(home.entity.pk)
    (owner,) = home.owner_beneficiaries()
    book_id = home.rent_book.pk
    lines = [
        NewLine(book_id, accounts.claims, usd(amount), owner),
        NewLine(book_id, accounts.bank, -usd(amount)),
    ]
    post(
        NewEntry(home.entity.pk, f"draw:{amount}", "disbursement", date(2026, 3, 5), "Draw", lines)
    )


def test_money_in_suspense_names_the_likely_lease_and_is_given_to_it_with_one_key() -> None:
    home = company()
    actor = person(entity=home.entity)
    make.charge(home.lease)
    receipt = make.suspense(home.rent_book, payer="GARCIA,MARIA")

    odd = item("receipt_in_suspense")
    assert odd.suggestion.startswith(f"Lease {home.lease.code} Maria Garcia")
    assert odd.suggestion_points == 75
    act(odd, f"assign:{home.lease.pk}", actor)

    odd.refresh_from_db()
    assert odd.state == WorkItem.State.CLOSED
    assert queries.owed(home.lease) == usd(0)
    assert PayerAlias.objects.get(is_active=True).alias == "garcia maria"
    receipt.refresh_from_db()
    assert receipt.matched_by == {"amount": 40, "name": 25, "date": 10}


def test_undo_takes_the_money_back_into_suspense_and_forgets_the_payer() -> None:
    home = company()
    actor = person(entity=home.entity)
    make.charge(home.lease)
    make.suspense(home.rent_book, payer="GARCIA,MARIA")
    act(item("receipt_in_suspense"), f"assign:{home.lease.pk}", actor)

    desk.undo(actor)

    assert queries.owed(home.lease) == usd(1000)
    assert item("receipt_in_suspense").state == WorkItem.State.OPEN
    assert not PayerAlias.objects.filter(is_active=True).exists()


def test_effects_of_a_suggestion_are_what_it_then_does() -> None:
    home = company(shares=("0.5", "0.5"))
    actor = person(entity=home.entity)
    make.charge(home.lease, "600.01")
    make.suspense(home.rent_book, "1000.00", payer="Maria Garcia")
    odd = item("receipt_in_suspense")
    handler = registry.handler_of(odd.kind)
    top = handler.detail(odd.subject_id).remedies[0]
    told = sorted(str(each.after.amount) for each in top.effects[1:])

    act(odd, top.key, actor)

    held = ledger_queries.balances(book_id=home.rent_book.pk)
    assert sorted(str(money.amount) for money in held.values()) == told


def test_search_finds_a_lease_by_tenant_and_it_can_be_given_without_remembering() -> None:
    home = company(tenants=("Quentin Quill",))
    actor = person(entity=home.entity)
    make.suspense(home.rent_book, "13.37", payer="Somebody")
    odd = item("receipt_in_suspense")

    assert f"assign:{home.lease.pk}" not in remedies(odd)
    assert f"assign:{home.lease.pk}" in remedies(odd, find="quill")
    act(odd, "assign_once", actor, code=home.lease.code)

    assert Receipt.objects.get().lease == home.lease
    assert not PayerAlias.objects.exists()


def test_suspense_takes_no_more_queries_for_more_receipts() -> None:
    home = company()
    make.suspense(home.rent_book)
    with CaptureQueriesContext(connection) as few:
        assert len(found("receipt_in_suspense", home.entity.pk)) == 1
    for _ in range(20):
        make.suspense(home.rent_book)

    with CaptureQueriesContext(connection) as many:
        assert len(found("receipt_in_suspense", home.entity.pk)) == 21

    assert len(many) == len(few)


def test_second_payment_of_a_month_is_asked_about_until_a_person_keeps_it() -> None:
    home = company()
    actor = person(entity=home.entity)
    make.charge(home.lease)
    make.receipt(home.lease)
    make.receipt(home.lease, received_on=date(2026, 3, 4))

    twice = item("paid_twice")
    act(twice, "acknowledge", actor)

    assert found("paid_twice") == []
    desk.undo(actor)
    assert len(found("paid_twice")) == 1


def test_rent_paid_early_for_the_next_month_is_not_twice() -> None:
    home = company()
    make.charge(home.lease)
    make.receipt(home.lease)
    make.receipt(home.lease, received_on=date(2026, 3, 28))

    assert found("paid_twice") == []


def test_partial_payment_is_a_notice_until_it_is_paid_in_full() -> None:
    home = company()
    make.charge(home.lease)
    make.receipt(home.lease, "400.00")

    (finding,) = found("charge_paid_in_part")
    assert finding.amount == usd(600)
    make.receipt(home.lease, "600.00")

    assert found("charge_paid_in_part") == []


def test_return_is_a_notice_and_an_owner_who_was_paid_already_is_critical() -> None:
    home = company()
    make.charge(home.lease)
    receipt = make.receipt(home.lease, into="bank", channel="wire")
    pay_out(home, "1000.00")

    services.take_back(receipt, make.comeback("1000.00", kind="return"))

    (notice,) = found("payment_returned")
    assert notice.amount == usd(1000)
    (red,) = found("owner_overdrawn_by_return")
    assert (red.severity, red.amount, red.happened_on) == (3, usd(-1000), date(2026, 3, 9))
    assert found("beneficiary_overdrawn") == []
    details = registry.handler_of(red.kind).detail(red.subject_id)
    assert "1,000.00" in details.evidence[0].value
    make.charge(home.lease, "500.00")
    make.receipt(home.lease, "1500.00", received_on=date(2026, 3, 12))
    assert found("owner_overdrawn_by_return") == []


def test_processors_fee_is_the_companys_debt_to_the_trust() -> None:
    home = company()
    connection_ = make.connection(home)
    make.tell(connection_, make.settled("pi_1", lease_code=home.lease.code))
    told = ToldItem("i", "payment", usd(1000), usd(8), usd(992), "pi_1")
    make.tell(connection_, paid_out(told))

    (finding,) = found("company_owes_trust")

    assert finding.amount == usd(-8)
    assert "Processor and bank fees of 8.00" in finding.reason


def test_item_of_an_unknown_payment_is_received_in_suspense_from_the_desk() -> None:
    home = company()
    actor = person(entity=home.entity)
    told = ToldItem("i", "payment", usd(1000), usd(8), usd(992), "pi_9")
    make.tell(make.connection(home), paid_out(told))

    act(item("remittance_item_unmatched"), "receive", actor)

    assert found("remittance_item_unmatched") == []
    assert len(found("receipt_in_suspense")) == 1


def test_adjustment_given_to_the_company_is_reversed_by_undo() -> None:
    home = company()
    actor = person(entity=home.entity)
    told = ToldItem("i", "adjustment", usd(-12), usd(0), usd(-12))
    make.tell(make.connection(home), paid_out(told))

    act(item("remittance_item_unmatched"), "company", actor)
    assert found("remittance_item_unmatched") == []
    desk.undo(actor)

    assert len(found("remittance_item_unmatched")) == 1
    company_id = services.company_of(home.entity.pk)
    assert ledger_queries.balance(book_id=home.rent_book.pk, beneficiary_id=company_id) == usd(0)


def test_remittance_without_its_list_is_told_after_two_days() -> None:
    home = company()
    bare = RemittancePaid(
        key="p", at=make.NOON, remittance="p", amount=usd(5), arrives_on=date(2026, 3, 2)
    )
    make.tell(make.connection(home), bare)

    assert len(found("remittance_without_items")) == 1


def test_security_deposit_in_the_rent_account_is_moved_in_both_books() -> None:
    home = company()
    actor = person(entity=home.entity)
    make.charge(home.lease, "500.00", kind="security_deposit")
    make.receipt(home.lease, "500.00", into="bank", channel="wire")

    odd = item("deposit_in_rent_account")
    assert odd.amount == usd(500)
    act(odd, f"transfer:{home.rent_book.pk}", actor, on="2026-03-04")

    assert found("deposit_in_rent_account") == []
    deposit: dict[str, Any] = {"beneficiary_id": home.lease.deposit_id}
    assert ledger_queries.balance(book_id=home.deposit_book.pk, **deposit) == usd(500)
    desk.undo(actor)
    assert ledger_queries.balance(book_id=home.rent_book.pk, **deposit) == usd(500)


def test_changed_bank_details_are_shown_masked() -> None:
    home = company()
    notice = BankDetailsChanged(
        key="n",
        at=make.NOON,
        payment="pi",
        code="C01",
        payer="Maria Garcia",
        corrected={"account_number": "99887766"},
    )
    make.tell(make.connection(home), notice)

    (finding,) = found("bank_details_changed")
    shown = registry.handler_of(finding.kind).detail(finding.subject_id).evidence

    assert "···7766" in [each.value for each in shown]
    assert not any("9988" in each.value for each in shown)


def test_dispute_is_due_when_it_must_be_answered_and_goes_when_it_is_decided() -> None:
    home = company()
    connection_ = make.connection(home)
    facts: dict[str, Any] = {
        "payment": "pi_1",
        "amount": usd(1000),
        "channel": "card",
        "dispute": "dp",
    }
    answer_by = make.NOON + timedelta(days=10)
    make.tell(connection_, make.settled("pi_1", lease_code=home.lease.code))
    make.tell(
        connection_,
        PaymentDisputed(key="d", at=make.NOON, answer_by=answer_by, **facts),
    )

    (finding,) = found("payment_disputed")
    assert finding.due_on == timezone.localtime(answer_by).date()
    make.tell(connection_, DisputeClosed(key="c", at=answer_by, is_won=False, **facts))

    assert found("payment_disputed") == []


def test_payment_that_neither_settles_nor_fails_is_told() -> None:
    home = company()
    services.expect_receipt(make.new_receipt(home.rent_book, lease_id=home.lease.pk))
    services.expect_receipt(make.new_receipt(home.rent_book, received_on=timezone.localdate()))

    assert [each.amount for each in found("payment_pending_long")] == [usd(1000)]


def test_findings_of_one_company_are_not_those_of_another() -> None:
    homes = [company(), company()]
    for home in homes:
        make.suspense(home.rent_book)

    entities: Iterable[int] = (
        each.entity_id for each in found("receipt_in_suspense", homes[0].entity.pk)
    )

    assert set(entities) == {homes[0].entity.pk}


def test_every_kind_has_an_answer_that_can_be_shown() -> None:
    home = company()
    make.charge(home.lease)
    make.charge(lease_in(home.unit), "50.00")
    receipt = make.receipt(home.lease, "400.00")
    make.suspense(home.rent_book, payer="X")
    services.take_back(receipt, make.comeback("100.00", kind="return"))

    desk.run_detectors()

    for odd in WorkItem.objects.all():
        detail = registry.handler_of(odd.kind).detail(odd.subject_id)
        assert detail.evidence, odd.kind


def paid_out(*items: ToldItem) -> RemittancePaid:
    """A remittance of some items."""
    return RemittancePaid(
        key="po",
        at=make.NOON,
        remittance="po",
        amount=usd(sum(each.net.amount for each in items)),
        arrives_on=date(2026, 3, 10),
        items=items,
    )
