"""Findings of the bank, and every remedy with its undo."""

from datetime import date, timedelta

import pytest
from django.http import QueryDict
from moneyed import Money

from desk import registry
from desk import services as desk
from desk.errors import Refused
from desk.models import User, WorkItem
from desk.types import Remedy
from ledger import queries as ledger
from ledger.models import BankAccount, Book, Line
from proptrust.lib.money import ZERO, usd
from receivables import services as receivables
from receivables.findings import COMPANY_OWES
from receivables.models import Charge, Receipt
from reconciliation import findings, services
from reconciliation.models import BankLine, Match, Sighting, Statement, StatementFile
from reconciliation.queries import figures
from reconciliation.queries.lines import ABSENT, TOLD_TWICE
from reconciliation.types import ThreeWay
from tests.factories import leases
from tests.factories import receivables as rent
from tests.factories.desk import person
from tests.factories.leases import Company
from tests.factories.ledger import BankAccountFactory
from tests.factories.reconciliation import (
    MONDAY,
    Move,
    bai2,
    booked,
    imported,
    lines_of,
    move,
    ofx,
    opened,
)

pytestmark = pytest.mark.django_db
TUESDAY = MONDAY + timedelta(days=1)


class Office:
    """A company, its rent account at the bank, and a bookkeeper at the desk."""

    def __init__(self) -> None:
        self.company: Company = leases.company(tenants=("Rosa Garcia",), lease_code="L-0042")
        self.account: BankAccount = self.company.rent_book.bank_account
        self.bookkeeper: User = person(entity=self.company.entity)

    def bank(self, *moves: Move, on: date = MONDAY) -> list[BankLine]:
        """The bank tells movements; those that are certain are matched."""
        before = sum((line.amount for line in lines_of(self.account)), ZERO).amount
        file = imported(self.account, bai2(self.account, on, moves, opening=before))
        assert file.state == "imported", file.reason
        services.match_account(self.account.pk)
        return lines_of(self.account)

    def item(self, kind: str) -> WorkItem:
        """The only open item of a kind, after the detectors ran."""
        desk.run_detectors(self.company.entity.pk)
        return WorkItem.objects.get(kind=kind, state="open")

    def kinds(self) -> set[str]:
        """The kinds of the open items, after the detectors ran."""
        desk.run_detectors(self.company.entity.pk)
        return set(WorkItem.objects.filter(state="open").values_list("kind", flat=True))

    def remedies(self, item: WorkItem, find: str = "") -> dict[str, Remedy]:
        """What the desk offers, by key."""
        detail = registry.handler_of(item.kind).detail(item.subject_id, find=find)
        return {remedy.key: remedy for remedy in detail.remedies}

    def act(self, item: WorkItem, remedy: Remedy, **facts: str) -> bool:
        """Do what a button does; returns whether the item is gone."""
        form = QueryDict(mutable=True)
        form.update({**remedy.facts, **facts})
        return desk.act(item, remedy.key, form, actor=self.bookkeeper).is_closed

    def undo(self) -> None:
        """The key `u`."""
        desk.undo(self.bookkeeper)

    def difference(self) -> Money:
        """Bank less book."""
        return self.three().bank_difference

    def unmatched(self) -> Money:
        """The sum of what the bank moved and the book does not know."""
        return self.three().unmatched

    def three(self) -> ThreeWay:
        """The figures of the rent account."""
        three = {each.book_id: each for each in figures([self.company.entity.pk])}
        return three[self.company.rent_book.pk]


@pytest.fixture
def office() -> Office:
    return Office()


def only(remedies: dict[str, Remedy], verb: str) -> Remedy:
    (found,) = [each for key, each in remedies.items() if key.partition(":")[0] == verb]
    return found


# Unmatched bank lines


def test_unmatched_line_is_a_finding_with_its_best_suggestion(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    office.bank(move("875.00", "ZELLE FROM ROSA GARCIA"))

    item = office.item(findings.UNMATCHED)

    assert "Rosa Garcia" in item.suggestion
    assert item.suggestion_points == 75
    assert item.amount == usd("875.00")
    assert item.book_id == office.company.rent_book.pk
    assert findings.DIFFERS in office.kinds()


def test_tenants_payment_is_recorded_and_matched_with_one_answer_and_undone_with_one(
    office: Office,
) -> None:
    charge = rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    (line,) = office.bank(move("875.00", "ZELLE FROM ROSA GARCIA"))
    item = office.item(findings.UNMATCHED)
    top = next(iter(office.remedies(item).values()))

    assert top.key == f"receive:{office.company.lease.pk}"
    assert top.is_suggestion
    assert office.act(item, top)

    made = Match.objects.get(undone_at=None)
    assert (made.rule, made.points, made.made_by) == ("tenant.1", 75, office.bookkeeper)
    assert made.reasons["points"] == {"amount": 40, "name": 25, "date": 10}
    charge.refresh_from_db()
    assert charge.paid == usd("875.00")
    assert office.difference() == ZERO

    office.undo()

    charge.refresh_from_db()
    line.refresh_from_db()
    assert charge.paid == ZERO
    assert not line.is_matched
    assert Receipt.objects.get().state == Receipt.State.CANCELLED
    assert office.item(findings.UNMATCHED).pk == item.pk
    assert office.difference() == usd("875.00")


def test_answer_that_was_undone_can_be_given_again(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    office.bank(move("875.00", "ZELLE FROM ROSA GARCIA"))
    item = office.item(findings.UNMATCHED)
    remedy = only(office.remedies(item), "receive")
    office.act(item, remedy)
    office.undo()

    assert office.act(office.item(findings.UNMATCHED), remedy)

    assert Receipt.objects.filter(state="settled").count() == 1
    assert office.difference() == ZERO


def test_credit_that_names_the_lease_and_pays_what_it_owes_needs_no_person(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)

    (line,) = office.bank(move("875.00", "ZELLE FROM R GARCIA RENT L-0042"))

    line.refresh_from_db()
    assert line.is_matched
    made = Match.objects.get()
    assert (made.made, made.rule, made.points) == ("automatic", "tenant.1", 100)
    assert findings.UNMATCHED not in office.kinds()


@pytest.mark.parametrize("amount", ["874.99", "875.01", "400.00"])
def test_credit_that_names_the_lease_with_another_amount_waits_for_a_person(
    office: Office, amount: str
) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)

    (line,) = office.bank(move(amount, "ZELLE FROM R GARCIA RENT L-0042"))

    assert not line.is_matched


def test_second_equal_credit_for_one_charge_waits_for_a_person(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    text = "ZELLE RENT L-0042"

    lines = office.bank(move("875.00", text, reference="Z1"), move("875.00", text, reference="Z2"))

    assert sorted(line.is_matched for line in lines) == [False, True]


def test_money_that_is_booked_already_is_not_recorded_again(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    rent.receipt(office.company.lease, "875.00", into="bank", channel="wire", payer="Rosa Garcia")

    (line,) = office.bank(move("875.00", "ZELLE FROM ROSA GARCIA RENT L-0042"))

    assert not line.is_matched
    item = office.item(findings.UNMATCHED)
    assert any(key.startswith("match:") for key in office.remedies(item))


def test_journal_line_is_matched_by_a_person_and_unlinked_again(office: Office) -> None:
    opened(office.account, "0.01")
    entry_line = booked(office.account, "100.00", memo="Insurance refund")
    (line,) = office.bank(move("100.00", "ACME INSURANCE"))
    item = office.item(findings.UNMATCHED)
    remedy = only(office.remedies(item), "match")

    assert (remedy.points, remedy.criteria) == (50, {"amount": 40, "date": 10})
    assert office.act(item, remedy)
    assert Match.objects.get().journal_sides.get().line_id == entry_line.pk

    office.undo()
    line.refresh_from_db()
    assert not line.is_matched


def test_suspense_takes_the_money_and_gives_it_back(office: Office) -> None:
    office.bank(move("33.00", "COUNTER CREDIT"))
    item = office.item(findings.UNMATCHED)
    remedy = office.remedies(item)["suspense"]
    suspense = receivables.suspense_of(office.company.entity.pk)

    assert remedy.shortcut == "s"
    assert [(effect.before, effect.after) for effect in remedy.effects] == [(ZERO, usd("33.00"))]
    assert office.act(item, remedy)
    held = ledger.balance(book_id=office.company.rent_book.pk, beneficiary_id=suspense)
    assert held == usd("33.00")

    office.undo()
    assert ledger.balance(book_id=office.company.rent_book.pk, beneficiary_id=suspense) == ZERO


def test_bank_fee_is_owed_by_the_company(office: Office) -> None:
    office.bank(move("-15.00", "MAINTENANCE FEE"))
    item = office.item(findings.UNMATCHED)
    remedy = office.remedies(item)["fee"]

    assert remedy.needs_confirmation
    assert office.act(item, remedy)
    company = receivables.company_of(office.company.entity.pk)
    book_id = office.company.rent_book.pk
    assert ledger.balance(book_id=book_id, beneficiary_id=company) == usd("-15.00")
    assert office.difference() == ZERO

    office.undo()
    assert ledger.balance(book_id=book_id, beneficiary_id=company) == ZERO


def test_transfer_between_two_trust_accounts_matches_both_lines(office: Office) -> None:
    deposits: Book = office.company.deposit_book
    lease = office.company.lease
    rent.charge(lease, "900.00", kind="security_deposit", due_on=MONDAY)
    rent.receipt(lease, "900.00", into="bank", channel="wire")
    office.bank(move("-900.00", "TRANSFER TO 4839"), on=TUESDAY)
    other = deposits.bank_account
    imported(other, bai2(other, TUESDAY, [move("900.00", "TRANSFER FROM 4821", on=TUESDAY)]))
    desk.run_detectors(office.company.entity.pk)
    item = WorkItem.objects.get(kind=findings.UNMATCHED, book_id=office.company.rent_book.pk)
    remedy = only(office.remedies(item), "transfer")

    assert remedy.fields[0].choices[0][0] == str(lease.deposit_id)
    assert office.act(item, remedy, beneficiary=str(lease.deposit_id))

    assert ledger.balance(book_id=deposits.pk, beneficiary_id=lease.deposit_id) == usd("900.00")
    assert Match.objects.filter(undone_at=None).count() == 2
    office.undo()
    assert Match.objects.filter(undone_at=None).count() == 0
    assert ledger.balance(book_id=deposits.pk, beneficiary_id=lease.deposit_id) == ZERO


def test_transfer_of_more_than_is_held_is_refused(office: Office) -> None:
    office.bank(move("-900.00", "TRANSFER TO 4839"), on=TUESDAY)
    other = office.company.deposit_book.bank_account
    imported(other, bai2(other, TUESDAY, [move("900.00", "TRANSFER FROM 4821", on=TUESDAY)]))
    desk.run_detectors(office.company.entity.pk)
    item = WorkItem.objects.get(kind=findings.UNMATCHED, book_id=office.company.rent_book.pk)
    remedy = only(office.remedies(item), "transfer")

    with pytest.raises(Refused, match=r"holds 0\.00"):
        office.act(item, remedy, beneficiary=str(office.company.lease.deposit_id))


def test_split_takes_an_exact_sum_and_refuses_any_other(office: Office) -> None:
    parts = [booked(office.account, amount).pk for amount in ("10.00", "20.00", "30.00", "5.00")]
    office.bank(move("60.00", "COUNTER CREDIT"))
    item = office.item(findings.UNMATCHED)
    split = office.remedies(item)["split"]

    with pytest.raises(Refused, match="no tolerance"):
        office.act(item, split, lines=f"{parts[0]}, {parts[1]}")
    assert office.act(item, split, lines=", ".join(map(str, parts[:3])))
    assert Match.objects.get().journal_sides.count() == 3


def test_exact_sum_of_open_items_is_suggested_and_never_taken(office: Office) -> None:
    for amount in ("10.00", "20.00", "5.00"):
        booked(office.account, amount)
    (line,) = office.bank(move("30.00", "COUNTER CREDIT"))
    item = office.item(findings.UNMATCHED)

    remedy = only(office.remedies(item), "match")

    assert not line.is_matched
    assert (remedy.points, remedy.criteria) == (30, {"amount": 30})
    assert office.act(item, remedy)


def test_search_finds_a_lease_by_name_and_a_line_by_amount(office: Office) -> None:
    other = leases.lease_in(office.company.unit, tenants=("Hugo Novak",), code="L-0099")
    line = booked(office.account, "12.34", memo="Odd refund")
    office.bank(move("500.00", "COUNTER CREDIT"))
    item = office.item(findings.UNMATCHED)

    assert f"receive:{other.pk}" in office.remedies(item, find="novak")
    assert str(line.pk) in office.remedies(item, find="12.34")["split"].hint


def test_transposed_check_is_corrected_to_what_the_bank_says(office: Office) -> None:
    lease = office.company.lease
    charge = rent.charge(lease, "1269.00", due_on=MONDAY)
    wrong = rent.receipt(
        lease, "1296.00", into="undeposited", channel="check", number="204", received_on=MONDAY
    )
    fine = rent.receipt(
        lease, "50.00", into="undeposited", channel="check", number="205", received_on=MONDAY
    )
    slip = receivables.make_deposit_slip(
        book=office.company.rent_book, number="S-CA-0101", day=MONDAY, receipts=[wrong, fine]
    )
    (line,) = office.bank(move("1319.00", "BRANCH DEPOSIT", reference="S-CA-0101"))
    item = office.item(findings.UNMATCHED)
    remedy = only(office.remedies(item), "correct")

    assert "Two digits exchanged" in remedy.hint
    assert item.suggestion == "Two digits exchanged: Deposit slip S-CA-0101: 2 receipts"
    assert item.suggestion_points == remedy.points == 90
    assert remedy.key == f"correct:{wrong.pk}"
    assert office.act(item, remedy)

    slip.refresh_from_db()
    line.refresh_from_db()
    charge.refresh_from_db()
    assert (slip.total, line.is_matched, charge.paid) == (usd("1319.00"), True, usd("1269.00"))
    assert office.difference() == ZERO

    office.undo()
    slip.refresh_from_db()
    line.refresh_from_db()
    assert (slip.total, line.is_matched) == (usd("1346.00"), False)
    assert office.item(findings.UNMATCHED).pk == item.pk


def test_returned_check_is_taken_back_from_whom_it_was_given_to(office: Office) -> None:
    lease = office.company.lease
    charge = rent.charge(lease, "700.00", due_on=MONDAY)
    check = rent.receipt(
        lease, "700.00", into="undeposited", channel="check", number="7", received_on=MONDAY
    )
    receivables.make_deposit_slip(
        book=office.company.rent_book, number="S-CA-0101", day=MONDAY, receipts=[check]
    )
    office.bank(move("700.00", reference="S-CA-0101"))
    office.bank(move("-700.00", "RETURNED DEPOSITED ITEM", on=TUESDAY), on=TUESDAY)
    item = office.item(findings.UNMATCHED)

    assert office.act(item, only(office.remedies(item), "return"))

    charge.refresh_from_db()
    assert charge.paid == ZERO
    assert office.difference() == ZERO
    with pytest.raises(Refused, match="fact of the bank"):
        office.undo()


def test_line_that_the_bank_told_twice_is_named_a_repetition(office: Office) -> None:
    moves = [move("50.00", "CREDIT", id="A1"), move("50.00", "CREDIT", id="B2")]
    imported(office.account, ofx(office.account, moves))
    desk.run_detectors(office.company.entity.pk)
    item = WorkItem.objects.filter(kind=findings.UNMATCHED).latest("subject_id")
    remedy = only(office.remedies(item), "repeat")

    assert office.act(item, remedy)
    assert office.unmatched() == usd("50.00")

    office.undo()
    assert office.unmatched() == usd("100.00")


def test_second_person_is_told_that_it_is_done(office: Office) -> None:
    office.bank(move("33.00", "COUNTER CREDIT"))
    item = office.item(findings.UNMATCHED)
    remedy = office.remedies(item)["suspense"]
    office.act(item, remedy)

    with pytest.raises(Refused, match="already done"):
        office.act(item, remedy)
    assert Receipt.objects.count() == 1


# Outstanding, files, statements, formats


def test_deposit_that_never_arrives_is_a_finding_and_can_be_reversed(office: Office) -> None:
    line: Line = booked(office.account, "300.00", memo="Deposit")
    item = office.item(findings.OUTSTANDING)
    remedy = office.remedies(item)["reverse"]

    assert office.act(item, remedy)
    assert Line.objects.filter(entry__reverses=line.entry_id).exists()
    assert findings.OUTSTANDING not in office.kinds()

    office.undo()
    assert findings.OUTSTANDING in office.kinds()


def test_deposit_of_which_digits_were_exchanged_is_corrected_from_its_own_item_too(
    office: Office,
) -> None:
    check = {"into": "undeposited", "channel": "check", "received_on": MONDAY}
    wrong = rent.receipt(office.company.lease, "2270.00", number="596", **check)
    receivables.make_deposit_slip(
        book=office.company.rent_book, number="S-CA-0104", day=MONDAY, receipts=[wrong]
    )
    office.bank(move("2720.00", "BRANCH DEPOSIT", reference="S-CA-0104"))
    item = office.item(findings.OUTSTANDING)

    assert office.act(item, only(office.remedies(item), "correct"))
    assert office.kinds().isdisjoint({findings.OUTSTANDING, findings.UNMATCHED, findings.DIFFERS})

    office.undo()

    assert office.kinds() >= {findings.OUTSTANDING, findings.UNMATCHED, findings.DIFFERS}


def test_outstanding_item_without_an_answer_says_whom_to_ask(office: Office) -> None:
    check = {"into": "undeposited", "channel": "check", "received_on": MONDAY}
    receipt = rent.receipt(office.company.lease, "300.00", number="597", **check)
    receivables.make_deposit_slip(
        book=office.company.rent_book, number="S-1", day=MONDAY, receipts=[receipt]
    )
    item = office.item(findings.OUTSTANDING)
    detail = registry.handler_of(item.kind).detail(item.subject_id)

    assert not detail.remedies
    assert detail.warnings[0].startswith("Ask the bank for the deposit")


def test_refused_file_is_a_finding_until_it_is_read_or_set_aside(office: Office) -> None:
    other = BankAccountFactory.create(
        account_number=f"77{office.account.account_number}"[-4:].rjust(10, "9"),
        book__entity=office.company.entity,
    )
    file = imported(
        office.account, ofx(office.account, [move("1.00")], number=f"XXX{other.last_four}")
    )
    assert file.state == StatementFile.State.REFUSED
    item = office.item(findings.REFUSED)

    assert office.act(item, office.remedies(item)["aside"])
    office.undo()
    again = office.item(findings.REFUSED)
    assert office.act(again, office.remedies(again)["account"], account=str(office.account.pk))

    assert len(lines_of(office.account)) == 1


def test_file_that_does_not_add_up_is_taken_by_a_person_and_its_break_stays(office: Office) -> None:
    imported(office.account, bai2(office.account, MONDAY, [move("10.00")], closing="12.00"))
    item = office.item(findings.REFUSED)

    assert office.act(item, office.remedies(item)["unbalanced"])

    assert office.item(findings.BREAK).amount == usd("2.00")


def test_missing_day_is_a_finding_where_the_balances_do_not_meet(office: Office) -> None:
    imported(office.account, bai2(office.account, MONDAY, [], opening="100.00"))
    wednesday = MONDAY + timedelta(days=2)
    imported(office.account, bai2(office.account, wednesday, [], opening="130.00"))

    item = office.item(findings.GAP)

    assert (item.amount, item.severity) == (usd("30.00"), 3)
    assert "Mar 3" in item.title
    imported(office.account, bai2(office.account, TUESDAY, [move("30.00")], opening="100.00"))
    assert findings.GAP not in office.kinds()


def test_quiet_day_without_a_statement_is_no_finding_where_the_balances_meet(
    office: Office,
) -> None:
    imported(office.account, bai2(office.account, MONDAY, [], opening="100.00"))
    imported(office.account, bai2(office.account, MONDAY + timedelta(days=2), [], opening="100.00"))

    assert findings.GAP not in office.kinds()


def test_wrong_continuity_is_a_finding(office: Office) -> None:
    imported(office.account, bai2(office.account, MONDAY, [], opening="100.00"))
    imported(office.account, bai2(office.account, TUESDAY, [], opening="99.00"))

    assert office.item(findings.BREAK).amount == usd("-1.00")


def test_doubtful_line_is_counted_once_until_a_person_says_two(office: Office) -> None:
    imported(office.account, bai2(office.account, MONDAY, [move("300.00", "LOCKBOX 77")]))
    imported(office.account, ofx(office.account, [move("300.00", "COUNTER CREDIT")]))
    item = office.item(findings.DOUBTFUL)
    remedies = office.remedies(item)

    assert office.act(item, remedies["apart"])
    assert office.unmatched() == usd("600.00")
    office.undo()
    assert office.unmatched() == usd("300.00")
    assert office.act(office.item(findings.DOUBTFUL), remedies["apart"])
    assert office.unmatched() == usd("600.00")
    office.undo()
    assert office.act(office.item(findings.DOUBTFUL), remedies["once"])
    assert not Sighting.objects.get().is_doubtful


def test_check_that_clears_twice_is_a_question(office: Office) -> None:
    office.bank(move("-80.00", "CHECK", check="2041"))
    office.bank(move("-80.00", "CHECK", check="2041", on=TUESDAY), on=TUESDAY)
    item = office.item(TOLD_TWICE)

    assert office.act(item, office.remedies(item)["both"])
    office.undo()
    item = office.item(TOLD_TWICE)
    assert office.act(item, only(office.remedies(item), "repeat"))
    assert office.unmatched() == usd("-80.00")


def test_line_that_a_later_statement_does_not_have_is_a_question(office: Office) -> None:
    imported(office.account, bai2(office.account, MONDAY, [move("10.00", "A"), move("20.00", "B")]))
    imported(office.account, bai2(office.account, MONDAY, [move("10.00", "A")]))
    item = office.item(ABSENT)

    assert "20.00" in item.title
    assert office.act(item, office.remedies(item)["seen"])
    office.undo()
    assert ABSENT in office.kinds()


def test_difference_names_its_causes_and_is_never_plugged(office: Office) -> None:
    office.bank(move("33.00", "COUNTER CREDIT"))
    item = office.item(findings.DIFFERS)
    detail = registry.handler_of(item.kind).detail(item.subject_id)

    assert item.amount == usd("33.00")
    assert "COUNTER CREDIT" in item.reason
    assert any("COUNTER CREDIT" in each.value for each in detail.evidence)
    with pytest.raises(Refused, match="Nothing is plugged"):
        registry.handler_of(item.kind).act(
            item.subject_id, "plug", QueryDict(), actor_id=office.bookkeeper.pk
        )


def test_difference_leads_to_the_items_that_answer_it(office: Office) -> None:
    office.bank(move("33.00", "COUNTER CREDIT"))
    difference = office.item(findings.DIFFERS)
    line = office.item(findings.UNMATCHED)
    detail = registry.handler_of(difference.kind).detail(difference.subject_id)

    (cause,) = [each for each in detail.evidence if "COUNTER CREDIT" in each.value]
    assert cause.link == f"/desk/?item={line.pk}"
    assert cause.value.startswith(f"EX-{line.pk} ")
    assert "Answer the causes" in detail.warnings[0]


def test_company_repays_what_it_owes_with_one_answer_and_undoes_it_with_one(
    office: Office,
) -> None:
    office.bank(move("-15.00", "SERVICE FEE"))
    fee = office.item(findings.UNMATCHED)
    office.act(fee, office.remedies(fee)["fee"])
    owes = office.item(COMPANY_OWES)
    told = registry.handler_of(owes.kind).detail(owes.subject_id)
    assert "The company pays what it owes the trust" in told.warnings[0]
    office.bank(move("15.00", "TRANSFER FROM OPERATING", on=TUESDAY), on=TUESDAY)
    item = office.item(findings.UNMATCHED)

    assert office.act(item, office.remedies(item)["repay"])

    assert ledger.overdrawn(office.company.rent_book.pk) == []
    assert office.kinds().isdisjoint({COMPANY_OWES, findings.DIFFERS})

    office.undo()

    assert office.kinds() >= {COMPANY_OWES, findings.UNMATCHED, findings.DIFFERS}


def test_company_never_puts_more_into_the_trust_than_it_owes(office: Office) -> None:
    office.bank(move("-15.00", "SERVICE FEE"))
    fee = office.item(findings.UNMATCHED)
    office.act(fee, office.remedies(fee)["fee"])
    office.bank(move("15.01", "TRANSFER FROM OPERATING", on=TUESDAY), on=TUESDAY)
    item = office.item(findings.UNMATCHED)

    assert "repay" not in office.remedies(item)
    with pytest.raises(Refused, match=r"owes .* 15\.00, not that much"):
        registry.handler_of(item.kind).act(
            item.subject_id, "repay", QueryDict(), actor_id=office.bookkeeper.pk
        )


def test_answer_that_was_undone_leaves_no_trace_in_the_points(office: Office) -> None:
    rent.charge(office.company.lease, "875.00", due_on=MONDAY)
    office.bank(move("875.00", "ZELLE FROM ROSA GARCIA"))
    item = office.item(findings.UNMATCHED)
    before = only(office.remedies(item), "receive").criteria
    office.act(item, only(office.remedies(item), "receive"))
    office.undo()

    assert only(office.remedies(office.item(findings.UNMATCHED)), "receive").criteria == before


def test_running_the_detectors_twice_changes_nothing(office: Office) -> None:
    office.bank(move("33.00", "COUNTER CREDIT"), move("-15.00", "FEE"))
    desk.run_detectors(office.company.entity.pk)

    assert desk.run_detectors(office.company.entity.pk).startswith("0 items opened, 0 changed")


def test_books_of_another_company_are_not_looked_at(office: Office) -> None:
    stranger = leases.company()
    office.bank(move("33.00", "COUNTER CREDIT"))

    desk.run_detectors(stranger.entity.pk)

    assert not WorkItem.objects.exists()
    assert Charge.objects.count() == 0
    assert Statement.objects.count() == 1
