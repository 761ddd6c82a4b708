"""Each rule, and all that must never be matched without a person."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from connectors.models import Connection
from ledger.models import BankAccount, Line
from proptrust.lib.money import usd
from receivables.models import Comeback, DepositSlip, OpeningItem, Receipt, Remittance
from reconciliation import identity, services, tasks
from reconciliation.matching import choose, propose
from reconciliation.matching.engine import transposed
from reconciliation.matching.facts import Open, OpenBankLine, OpenMoney, normal
from reconciliation.models import Match
from tests.factories.reconciliation import (
    MONDAY,
    Move,
    a_bank_account,
    bai2,
    booked,
    imported,
    lines_of,
    move,
)

TUESDAY = MONDAY + timedelta(days=1)


# The engine alone


def bank_line(
    cents: int,
    text: str = "",
    *,
    id: int = 1,  # noqa: A002
    on: date = MONDAY,
    check: str = "",
    reference: str = "",
) -> OpenBankLine:
    tokens = identity.tokens(text, reference, check)
    fields = frozenset(normal(each) for each in (check, reference) if each)
    return OpenBankLine(
        id, on, cents, "", check, text, fields, frozenset(map(normal, tokens)) | fields,
        identity.words(tokens),
    )  # fmt: skip


def money(
    cents: int,
    *,
    id: int = 1,  # noqa: A002
    on: date = MONDAY,
    names: str = "",
    **keys: str,
) -> OpenMoney:
    return OpenMoney(
        (id,), on, cents, "receipt", {kind: frozenset({normal(key)}) for kind, key in keys.items()},
        f"money {id}", identity.words(identity.tokens(names)),
    )  # fmt: skip


def chosen(lines: list[OpenBankLine], monies: list[OpenMoney]) -> dict[int, tuple[int, ...]]:
    return {
        choice.bank_line_id: choice.candidate.line_ids for choice in choose(Open(1, lines, monies))
    }


@pytest.mark.parametrize(
    ("line", "one", "rule"),
    [
        (
            bank_line(500, "STRIPE TRANSFER", reference="000123456789012"),
            money(500, remittance="123456789012"),
            "remittance.1",
        ),
        (bank_line(500, "STRIPE PO_1ABC CCD"), money(500, remittance="po_1ABC"), "remittance.1"),
        (
            bank_line(-500, "ACH RETURN R01 TRACE 121000350000017"),
            money(-500, trace="121000350000017"),
            "trace.1",
        ),
        (bank_line(-500, "CHECK", check="2041"), money(-500, check="002041"), "check_number.1"),
        (bank_line(500, "DEPOSIT", reference="0101"), money(500, slip="101"), "deposit_slip.1"),
        (
            bank_line(500, "SETTLEMENT ACH-CA-20260302"),
            money(500, batch="ACH-CA-20260302"),
            "ach_batch.2",
        ),
    ],
)  # fmt: skip
def test_key_and_exact_amount_are_certain(line: OpenBankLine, one: OpenMoney, rule: str) -> None:
    (choice,) = choose(Open(1, [line], [one]))

    assert choice.candidate.points == 100
    assert choice.candidate.rule == rule
    assert choice.candidate.reasons["key"] == 60


def test_amount_off_by_a_cent_is_no_candidate_at_all() -> None:
    line, one = bank_line(501, "DEPOSIT", reference="S-1001"), money(500, slip="S-1001")

    assert propose(Open(1, [line], [one])) == {1: []}


def test_key_of_the_other_direction_is_no_candidate() -> None:
    line, one = bank_line(-500, "X", reference="S-1001"), money(500, slip="S-1001")

    assert propose(Open(1, [line], [one])) == {1: []}


def test_resemblance_alone_never_reaches_what_is_automatic() -> None:
    line = bank_line(87500, "ZELLE FROM ROSA GARCIA")
    one = money(87500, names="Rosa Garcia")

    (candidate,) = propose(Open(1, [line], [one]))[1]

    assert candidate.reasons == {"amount": 40, "date": 10, "name": 25}
    assert candidate.points == 75
    assert chosen([line], [one]) == {}


def test_two_candidates_with_the_same_key_and_amount_are_left_to_a_person() -> None:
    line = bank_line(500, "DEPOSIT", reference="S-1001")

    assert chosen([line], [money(500, slip="S-1001"), money(500, id=2, slip="S-1001")]) == {}


def test_one_money_that_answers_two_bank_lines_answers_neither() -> None:
    lines = [bank_line(500, "D", reference="S-1001"), bank_line(500, "D", id=2, reference="S-1001")]

    assert chosen(lines, [money(500, slip="S-1001")]) == {}


def test_second_candidate_without_a_key_is_far_enough_behind() -> None:
    line = bank_line(500, "DEPOSIT", reference="S-1001")

    assert chosen([line], [money(500, slip="S-1001"), money(500, id=2)]) == {1: (1,)}


def test_short_number_in_a_text_is_no_key() -> None:
    line, one = bank_line(500, "STORE 4711 OAKLAND"), money(500, slip="4711")

    assert chosen([line], [one]) == {}


def test_check_number_counts_only_in_its_own_field() -> None:
    line, one = bank_line(-500, "POS 2041 HARDWARE"), money(-500, check="2041")

    assert chosen([line], [one]) == {}


def test_check_clears_months_later_and_never_before_it_was_written() -> None:
    check = money(-500, check="2041")
    late = bank_line(-500, "CHECK", check="2041", on=MONDAY + timedelta(days=150))
    early = bank_line(-500, "CHECK", check="2041", on=MONDAY - timedelta(days=3))

    assert chosen([late], [check]) == {1: (1,)}
    assert chosen([early], [check]) == {}


def test_date_takes_a_point_for_each_banking_day() -> None:
    friday = MONDAY - timedelta(days=3)
    line, one = bank_line(500, on=MONDAY), money(500, on=friday)

    (candidate,) = propose(Open(1, [line], [one]))[1]

    assert candidate.reasons["date"] == 9


def test_transposed_digits_are_found_by_the_key_and_the_nine() -> None:
    line = bank_line(126900, "DEPOSIT", reference="S-1001")
    wrong = money(129600, slip="S-1001")
    other = money(129500, id=2, slip="S-1001")
    stranger = money(129600, id=3, slip="S-2002")

    assert list(transposed(line, [wrong, other, stranger])) == [wrong]


# With the database


@pytest.fixture
def account(db: None) -> BankAccount:
    return a_bank_account()


def _slip(account: BankAccount, number: str, amount: str, *, on: date = MONDAY) -> Line:
    line = booked(account, amount, on=on, memo=f"Deposit slip {number}")
    DepositSlip.objects.create(
        book=account.book,
        number=number,
        deposited_on=on,
        total=usd(Decimal(amount)),
        entry=line.entry,
    )
    return line


def _own_ach(account: BankAccount, amount: str, batch: str, trace: str = "") -> Receipt:
    line = booked(account, amount)
    return Receipt.objects.create(
        entity=account.book.entity,
        book=account.book,
        key=f"ach:{line.pk}",
        channel="ach",
        into="bank",
        state="settled",
        gross=usd(Decimal(amount)),
        received_on=MONDAY,
        settles_on=MONDAY,
        batch=batch,
        trace=trace,
        entry=line.entry,
    )


def _import(account: BankAccount, *moves: Move, on: date = MONDAY) -> None:
    assert imported(account, bai2(account, on, moves)).state == "imported"


def test_deposit_slip_is_matched_and_says_why(account: BankAccount) -> None:
    line = _slip(account, "S-CA-0101", "1500.00")
    _import(
        account, move("1500.00", "BRANCH DEPOSIT", reference="S-CA-0101", on=TUESDAY), on=TUESDAY
    )

    assert services.match_account(account.pk) == 1

    made = Match.objects.get()
    assert (made.rule, made.points, made.made) == ("deposit_slip.1", 100, "automatic")
    assert made.reasons["points"] == {"key": 60, "amount": 40, "date": 9}
    assert made.reasons["words"]["key"] == "deposit slip S-CA-0101"
    assert made.journal_sides.get().line_id == line.pk
    assert lines_of(account)[0].is_matched


def test_running_again_changes_nothing(account: BankAccount) -> None:
    _slip(account, "S-CA-0101", "1500.00")
    _import(account, move("1500.00", reference="S-CA-0101"))
    services.match_account(account.pk)

    assert tasks.match_all() == "0 bank lines matched"
    assert Match.objects.count() == 1


def test_ach_batch_is_one_credit_for_many_receipts(account: BankAccount) -> None:
    receipts = [_own_ach(account, amount, "ACH-CA-20260302") for amount in ("100.00", "250.50")]
    _own_ach(account, "77.00", "ACH-CA-20260309")
    _import(account, move("350.50", "RENT ACH SETTLEMENT", reference="ACH-CA-20260302"))

    assert services.match_account(account.pk) == 1

    sides = Match.objects.get().journal_sides.values_list("line__entry_id", flat=True)
    assert set(sides) == {receipt.entry_id for receipt in receipts}


def test_return_is_matched_by_the_trace_of_its_receipt(account: BankAccount) -> None:
    receipt = _own_ach(account, "100.00", "B1-20260302", trace="121000350000017")
    line = booked(account, "-100.00", on=TUESDAY, kind="return")
    Comeback.objects.create(
        receipt=receipt,
        kind="return",
        key="r1",
        amount=usd(100),
        on=TUESDAY,
        code="R01",
        entry=line.entry,
    )
    _import(
        account,
        move("-100.00", "ACH RETURN R01", reference="121000350000017", on=TUESDAY),
        on=TUESDAY,
    )

    services.match_account(account.pk)

    assert Match.objects.get().rule == "trace.1"


def test_remittance_is_matched_by_its_trace(account: BankAccount) -> None:
    line = booked(account, "970.70", kind="settlement")
    Remittance.objects.create(
        connection=Connection.objects.create(
            entity=account.book.entity, slug="stripe", label="Stripe", token="t"
        ),
        vendor_id="po_1",
        book=account.book,
        arrives_on=MONDAY,
        amount=usd("970.70"),
        fees=usd("29.30"),
        trace="123456789012345",
        entry=line.entry,
    )
    _import(account, move("970.70", "STRIPE TRANSFER", reference="123456789012345"))

    services.match_account(account.pk)

    assert Match.objects.get().rule == "remittance.1"


def test_outstanding_check_of_the_cut_over_is_matched_by_its_number(account: BankAccount) -> None:
    booked(account, "1000.00", on=MONDAY - timedelta(days=1), kind="opening")
    line = booked(account, "-250.00", on=MONDAY - timedelta(days=1), kind="opening")
    OpeningItem.objects.create(
        book=account.book,
        kind="check",
        number="2041",
        party="Novak Plumbing",
        dated_on=MONDAY - timedelta(days=60),
        amount=usd(250),
        entry=line.entry,
    )
    _import(account, move("-250.00", "CHECK", check="2041"))

    services.match_account(account.pk)

    made = Match.objects.get()
    assert (made.rule, made.journal_sides.get().line_id) == ("check_number.1", line.pk)


def test_money_of_another_account_answers_nothing(account: BankAccount) -> None:
    other = a_bank_account(account.book.entity)
    _slip(other, "S-CA-0101", "1500.00")
    _import(account, move("1500.00", reference="S-CA-0101"))

    assert services.match_account(account.pk) == 0


def test_reversed_entry_answers_nothing(account: BankAccount) -> None:
    from ledger.services import reverse

    line = _slip(account, "S-CA-0101", "1500.00")
    reverse(entry_id=line.entry_id, key="undo", dated_on=MONDAY, memo="Wrong")
    _import(account, move("1500.00", reference="S-CA-0101"))

    assert services.match_account(account.pk) == 0


def test_thousand_lines_take_as_many_queries_as_one(
    account: BankAccount, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    for number in range(60):
        _slip(account, f"S-CA-{number:04d}", "10.00")
    _import(account, *[move("10.00", reference=f"S-CA-{n:04d}") for n in range(60)])

    with django_assert_max_num_queries(13):  # type: ignore[operator]
        assert services.match_account(account.pk) == 60


def test_undone_match_opens_both_lines_and_can_be_made_again(account: BankAccount) -> None:
    _slip(account, "S-CA-0101", "1500.00")
    _import(account, move("1500.00", reference="S-CA-0101"))
    services.match_account(account.pk)

    services.undo_match(Match.objects.get().pk, why="another deposit")

    assert not lines_of(account)[0].is_matched
    assert services.match_account(account.pk) == 1
    assert Match.objects.count() == 2


def test_single_receipt_of_a_batch_is_no_answer_for_the_batch_reference() -> None:
    line = bank_line(10000, "SETTLEMENT ACH-CA-20260302")
    single = money(10000)
    group = replace(money(35050, batch="ACH-CA-20260302"), line_ids=(1, 2), what="receipt batch")

    assert chosen([line], [single, group]) == {}
