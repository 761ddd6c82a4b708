"""The bank's side: our checks, files and transfers are found on statements, and clear."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from connectors import services as connectors
from desk.models import LegalEntity
from ledger.models import BankAccount, Beneficiary, Entry, Line
from ledger.queries import balance
from payments import services
from payments.models import CheckStock, Payment
from payments.services.files import id_number_of
from proptrust.lib.banking import next_banking_day
from proptrust.lib.money import usd
from receivables.models import Acknowledgement
from reconciliation import queries
from reconciliation import services as bank
from reconciliation.models import Match
from reconciliation.payments import WRONG_AMOUNT, bank_moves
from reconciliation.queries import three_way
from tests.factories.desk import LegalEntityFactory, person
from tests.factories.ledger import A_DAY
from tests.factories.payments import ach, old_check, payment
from tests.factories.reconciliation import (
    Move,
    a_bank_account,
    an_owner,
    bai2,
    imported,
    move,
    opened,
)
from tests.payments.test_files import written

pytestmark = pytest.mark.django_db
LATER = A_DAY + timedelta(days=2)


@pytest.fixture
def entity() -> LegalEntity:
    return LegalEntityFactory.create()


@pytest.fixture
def account(entity: LegalEntity) -> BankAccount:
    """A trust account that holds 1,000.00 for an owner."""
    account = a_bank_account(entity)
    opened(account, "1000.00")
    CheckStock.objects.create(book=account.book, first_number=1001, next_number=1001)
    return account


@pytest.fixture
def owner(account: BankAccount) -> Beneficiary:
    return an_owner(account)


def came(account: BankAccount, *moves: Move, on: date = LATER) -> int:
    """Import what the bank tells of a day, and match it; how many lines were matched."""
    imported(account, bai2(account, on, moves, opening="1000.00"))
    return bank.match_account(account.pk)


def state_of(row: Payment) -> tuple[str, date | None]:
    row.refresh_from_db()
    return row.state, row.cleared_on


def test_a_check_clears_by_its_number_and_is_out_again_when_the_match_is_undone(
    account: BankAccount, owner: Beneficiary
) -> None:
    first, second = payment(account.book, owner), payment(account.book, owner)
    assert came(account, move("-100.00", "CHECK PAID", on=LATER, check="0001002")) == 1
    assert state_of(second) == ("cleared", LATER)
    assert state_of(first) == ("issued", None)
    made = Match.objects.get()
    assert made.rule == "check_number.1"
    (shown,) = bank_moves(second.entry_id, account.book_id)
    assert (shown.posted_on, shown.amount) == (LATER, usd("-100.00"))

    bank.undo_match(made.pk, why="Wrong check")
    assert state_of(second) == ("issued", None)
    assert bank_moves(second.entry_id, account.book_id) == []
    assert bank.match_account(account.pk) == 1
    assert state_of(second) == ("cleared", LATER)


def test_a_file_is_one_debit_of_the_bank_on_its_settlement_day(
    account: BankAccount, owner: Beneficiary
) -> None:
    rows = [ach(account.book, owner, amount) for amount in ("10.00", "20.00", "30.50")]
    request, _ = written(account.book, rows)
    connectors.hand_over(request.pk)
    rows[0].refresh_from_db()
    assert rows[0].settles_on is not None
    company_id = rows[0].batch.partition(":")[0]
    day = rows[0].settles_on
    text = f"ACH DEBIT OUR HOMES {company_id} OFFSET"
    assert came(account, move("-60.50", text, on=day, reference=company_id), on=day) == 1

    assert [state_of(row) for row in rows] == [("cleared", day)] * 3
    bank.undo_match(Match.objects.get().pk, why="Looked at")
    assert [state_of(row) for row in rows] == [("sent", None)] * 3


def test_a_single_ach_payment_is_found_by_its_trace_or_our_reference(
    account: BankAccount, owner: Beneficiary
) -> None:
    rows = [ach(account.book, owner, amount) for amount in ("10.00", "20.00")]
    written(account.book, rows)
    day = next_banking_day(timezone.localdate())
    for row in rows:
        row.refresh_from_db()
    told = [
        move("-10.00", f"ACH DEBIT {rows[0].trace}", on=day),
        move("-20.00", "ACH DEBIT", on=day, reference=id_number_of(rows[1])),
    ]
    assert came(account, *told, on=day) == 2
    assert [state_of(row)[0] for row in rows] == ["cleared"] * 2


def test_a_transfer_without_a_key_is_suggested_by_payee_and_amount(
    account: BankAccount, owner: Beneficiary
) -> None:
    from reconciliation.matching import load, propose

    row = payment(account.book, owner, method="transfer")
    assert came(account, move("-100.00", "WIRE OUT OLGA OWNER", on=LATER)) == 0
    ((candidate,),) = propose(load(account.pk)).values()
    assert candidate.reasons["name"] == 25
    (line_id,) = candidate.line_ids
    assert Line.objects.get(pk=line_id).entry_id == row.entry_id


def test_a_return_is_matched_by_the_trace_of_the_payment(
    account: BankAccount, owner: Beneficiary
) -> None:
    row = ach(account.book, owner)
    written(account.book, [row])
    row.refresh_from_db()
    services.come_back(row, code="R03", on=LATER, batch="1840000000:2026-03-12")
    assert came(account, move("100.00", f"RETURN SETTLE {row.trace}", on=LATER)) == 1
    assert state_of(row)[0] == "returned"
    three = three_way(account.pk, on=LATER)
    assert [item.who for item in three.outstanding_items] == ["Olga Owner"]


def test_a_check_set_aside_is_nothing_outstanding_any_more(
    account: BankAccount, owner: Beneficiary
) -> None:
    row = old_check(account.book, owner)
    before = three_way(account.pk, on=date(2027, 3, 10))
    assert [item.reference for item in before.outstanding_items] == ["1001"]
    services.to_unclaimed(row, on=date(2027, 3, 10), actor_id=None)
    after = three_way(account.pk, on=date(2027, 3, 10))
    assert (after.outstanding_items, after.in_transit_items) == ((), ())
    assert after.book == before.book + usd("100.00")
    assert after.bank == before.bank + usd("100.00")
    assert came(account, move("-100.00", "CHECK", on=LATER, check="1001")) == 0


def test_a_check_paid_with_another_amount_is_found_with_a_letter_to_the_bank(
    account: BankAccount, owner: Beneficiary
) -> None:
    from desk import registry

    payment(account.book, owner)
    assert came(account, move("-118.00", "CHECK", on=LATER, check="1001")) == 0
    detector = registry.detector_of(WRONG_AMOUNT)
    assert detector is not None
    (found,) = detector.find(account.book.entity_id)
    assert found.title == "Check 1001 was paid 18.00 too much"
    assert list(detector.find(LegalEntityFactory.create().pk)) == []

    handler = registry.handler_of(WRONG_AMOUNT)
    assert any(each.value == "Print it" for each in handler.detail(found.subject_id).evidence)
    from django.http import QueryDict

    actor = person(entity=account.book.entity)
    done = handler.act(found.subject_id, "written", QueryDict(""), actor_id=actor.pk)
    assert list(detector.find(None)) == []
    handler.undo("written", done.undo, actor_id=actor.pk)
    assert not Acknowledgement.objects.exists()
    assert len(list(detector.find(None))) == 1


def test_matching_keeps_the_three_figures_equal(account: BankAccount, owner: Beneficiary) -> None:
    payment(account.book, owner)
    assert three_way(account.pk, on=LATER).is_equal
    came(account, move("-100.00", "CHECK", on=LATER, check="1001"))
    three = three_way(account.pk, on=LATER)
    assert three.is_equal
    assert three.outstanding_items == ()
    assert balance(book_id=account.book_id, beneficiary_id=owner.pk) == usd("900.00")
    assert queries.outstanding(account.book.entity_id, on=LATER) == {}
    assert Entry.objects.filter(kind="disbursement").count() == 1
