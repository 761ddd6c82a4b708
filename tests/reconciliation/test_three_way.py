"""A, B and C by three paths, and every difference explained to the cent."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ledger.models import BankAccount
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import ZERO, usd
from reconciliation import services
from reconciliation.queries import figures, three_way
from reconciliation.services import NewMatch
from reconciliation.types import Cause
from tests.factories.reconciliation import (
    MONDAY,
    Move,
    a_bank_account,
    an_owner,
    bai2,
    booked,
    imported,
    lines_of,
    move,
    ofx,
    opened,
)

pytestmark = pytest.mark.django_db


def day(number: int) -> date:
    """The days from the first Monday on."""
    return MONDAY + timedelta(days=number)


def matched(account: BankAccount, bank_line: int, journal_line: int) -> int:
    return services.match(
        NewMatch(
            bank_account_id=account.pk,
            bank_line_ids=[bank_line],
            line_ids=[journal_line],
            rule="test.1",
            points=100,
        )
    ).pk


@pytest.fixture
def worked() -> BankAccount:
    """The hand-worked example.

    Opening 1,000.00. Monday: a receipt of 500.00 that the bank has on Monday, a check of 200.00
    that it pays on Wednesday. Tuesday: a receipt of 300.00 that never arrives, checks of 40.00 not
    yet taken to the bank, and a bank fee of 15.00 that nobody booked.
    """
    account = a_bank_account()
    opened(account, "1000.00")
    first = booked(account, "500.00", on=day(0))
    check = booked(account, "-200.00", on=day(0), kind="vendor_payment", memo="Check 2041")
    booked(account, "300.00", on=day(1))
    booked(account, "40.00", on=day(1), asset="undeposited")
    imported(account, bai2(account, day(0), [move("500.00", on=day(0))], opening="1000.00"))
    imported(account, bai2(account, day(1), [move("-15.00", "FEE", on=day(1))], opening="1500.00"))
    imported(
        account, bai2(account, day(2), [move("-200.00", "CHECK", on=day(2))], opening="1485.00")
    )
    deposit, _, paid = lines_of(account)
    matched(account, deposit.pk, first.pk)
    matched(account, paid.pk, check.pk)
    return account


def test_worked_example_on_its_last_day(worked: BankAccount) -> None:
    three = three_way(worked.pk, on=day(2))

    assert three.statement_balance == usd("1285.00")
    assert three.deposits_in_transit == usd("340.00")
    assert three.outstanding_payments == ZERO
    assert three.bank == usd("1625.00")
    assert (three.cash, three.transit) == (usd("1600.00"), usd("40.00"))
    assert three.book == three.beneficiaries == usd("1640.00")
    assert three.bank_difference == usd("-15.00")
    assert three.beneficiary_difference == ZERO
    assert not three.is_equal
    assert three.since == day(1)
    (cause,) = three.bank_difference_items
    assert (cause.cause, cause.amount, cause.text) == (Cause.UNMATCHED_LINE, usd("-15.00"), "FEE")
    assert [item.amount for item in three.in_transit_items] == [usd("300.00"), usd("40.00")]
    assert three.explained()


def test_worked_example_on_its_first_day_shows_the_check_as_outstanding(
    worked: BankAccount,
) -> None:
    three = three_way(worked.pk, on=day(0))

    assert three.statement_balance == usd("1500.00")
    assert three.outstanding_payments == usd("-200.00")
    assert [item.memo for item in three.outstanding_items] == ["Check 2041"]
    assert three.bank == three.book == three.beneficiaries == usd("1300.00")
    assert three.is_equal
    assert three.is_certifiable
    assert three.since is None


def test_figures_are_those_of_the_three_way(worked: BankAccount) -> None:
    (short,) = figures([worked.book.entity_id], on=day(2))
    three = three_way(worked.pk, on=day(2))

    assert (short.bank, short.book, short.beneficiaries) == (
        three.bank,
        three.book,
        three.beneficiaries,
    )
    assert (short.unmatched, short.overdrawn, short.since) == (
        three.unmatched,
        three.overdrawn,
        day(1),
    )


def test_matched_on_a_later_day_as_known_before_it_was_outstanding(worked: BankAccount) -> None:
    from django.utils import timezone

    line = booked(worked, "-15.00", on=day(2), kind="bank_fee", memo="Fee")
    before = timezone.now()
    fee = lines_of(worked)[1]
    made = matched(worked, fee.pk, line.pk)

    now = three_way(worked.pk, on=day(2))
    then = three_way(worked.pk, on=day(2), known_at=before)

    assert now.is_equal
    assert then.bank_difference == usd("-15.00")
    assert then.outstanding_payments == usd("-15.00")
    assert then.explained()
    services.undo_match(made, why="wrong")
    assert three_way(worked.pk, on=day(2)).bank_difference == usd("-15.00")


def test_bank_line_that_the_book_dates_later_is_explained_as_that(worked: BankAccount) -> None:
    line = booked(worked, "-15.00", on=day(2), kind="bank_fee", memo="Fee")
    matched(worked, lines_of(worked)[1].pk, line.pk)

    three = three_way(worked.pk, on=day(1))

    assert [item.cause for item in three.bank_difference_items] == [Cause.BOOKED_LATER]
    assert three.explained()


def test_balances_that_do_not_meet_are_a_cause_of_their_own() -> None:
    account = a_bank_account()
    opened(account, "100.00")
    imported(account, bai2(account, day(0), [], opening="100.00"))
    imported(account, bai2(account, day(2), [], opening="130.00"))

    three = three_way(account.pk, on=day(2))

    (cause,) = three.bank_difference_items
    assert (cause.cause, cause.amount) == (Cause.BALANCE_BREAK, usd("30.00"))
    assert three.bank_difference == usd("30.00")


def test_bank_that_opens_with_another_balance_than_the_book_is_explained() -> None:
    account = a_bank_account()
    opened(account, "100.00")
    imported(account, bai2(account, day(0), [], opening="90.00"))

    (cause,) = three_way(account.pk, on=day(0)).bank_difference_items

    assert (cause.cause, cause.amount) == (Cause.OPENING, usd("-10.00"))


def test_lines_before_the_book_begins_are_in_its_opening_balance() -> None:
    account = a_bank_account()
    opened(account, "100.00")
    imported(
        account,
        bai2(account, day(-4), [move("30.00", on=day(-4))], opening="70.00"),
    )

    three = three_way(account.pk, on=day(0))

    assert three.is_equal
    assert three.unmatched_lines == ()


def test_before_any_statement_the_opening_balance_and_the_lines_count() -> None:
    account = a_bank_account()
    opened(account, "100.00")

    three = three_way(account.pk, on=day(0))

    assert (three.statement_balance, three.statement_on) == (usd("100.00"), None)
    assert three.is_equal
    assert not three.is_certifiable


def test_entry_and_its_reversal_that_the_bank_never_saw_are_not_outstanding() -> None:
    from ledger.services import reverse

    account = a_bank_account()
    opened(account, "100.00")
    line = booked(account, "25.00")
    reverse(entry_id=line.entry_id, key="undo", dated_on=MONDAY, memo="Wrong")

    three = three_way(account.pk, on=MONDAY)

    assert (three.in_transit_items, three.outstanding_items) == ((), ())
    assert three.is_equal


def test_reversal_that_is_reversed_makes_the_entry_outstanding_again() -> None:
    from ledger.services import reverse

    account = a_bank_account()
    opened(account, "100.00")
    line = booked(account, "25.00")
    undone = reverse(entry_id=line.entry_id, key="undo", dated_on=MONDAY, memo="Wrong")
    reverse(entry_id=undone.pk, key="redo", dated_on=MONDAY, memo="Right after all")

    three = three_way(account.pk, on=MONDAY)

    assert [item.amount for item in three.in_transit_items] == [usd("25.00")]
    assert three.is_equal


def test_overdrawn_beneficiary_is_shown_apart_and_forbids_certifying() -> None:
    account = a_bank_account()
    opened(account, "100.00")
    imported(account, bai2(account, MONDAY, [move("-30.00")], opening="100.00"))
    other = an_owner(account, "Paul Poor")
    line = booked(account, "-30.00", kind="return", who=other)
    matched(account, lines_of(account)[0].pk, line.pk)

    three = three_way(account.pk, on=MONDAY)

    assert three.is_equal
    assert not three.is_certifiable
    (red,) = three.overdrawn_beneficiaries
    assert (red.name, red.held) == ("Paul Poor", usd("-30.00"))


def test_repeated_line_counts_nowhere() -> None:
    account = a_bank_account()
    opened(account, "0.01")
    imported(account, ofx(account, [move("50.00", id="1"), move("50.00", id="2")], closing="50.01"))
    one, two = lines_of(account)
    services.name_repetition(two.pk, of=one.pk)

    three = three_way(account.pk, on=MONDAY)

    assert three.unmatched == usd("50.00")
    assert three.explained()


def test_old_items_are_stale() -> None:
    account = a_bank_account()
    opened(account, "1000.00", on=day(-200))
    booked(account, "10.00", on=day(0))
    booked(account, "-20.00", on=day(-91), kind="vendor_payment")

    three = three_way(account.pk, on=add_banking_days(day(0), 6))

    assert [item.is_stale for item in three.in_transit_items] == [True]
    assert [item.is_stale for item in three.outstanding_items] == [True]
    assert not three_way(account.pk, on=add_banking_days(day(0), 5)).in_transit_items[0].is_stale


def test_figures_of_many_accounts_take_a_handful_of_queries(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    account = a_bank_account()
    entity = account.book.entity
    for _ in range(5):
        opened(a_bank_account(entity), "10.00")

    with django_assert_max_num_queries(7):  # type: ignore[operator]
        found = figures([entity.pk], on=MONDAY)

    assert len(found) == 6
    assert all(three.is_equal for three in found)


# For every history

_AMOUNTS = st.decimals(Decimal("-99.99"), Decimal("99.99"), places=2).filter(bool)
_LAST = 5


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[int, Decimal, int | None, bool]]:
    """Movements: day in the book, amount, day at the bank (None: never), in the book at all."""
    return draw(
        st.lists(
            st.tuples(
                st.integers(0, _LAST),
                _AMOUNTS,
                st.one_of(st.none(), st.integers(0, _LAST)),
                st.booleans(),
            ),
            max_size=8,
        )
    )


class AnyHistory(TestCase):
    # Each history is looked at on eight days, in full and in short: half as many say as much.
    @settings(max_examples=50)
    @given(history=_histories(), lost=st.integers(0, _LAST), by=st.sampled_from(["0", "0", "7.77"]))
    def test_items_sum_to_both_differences_on_every_day(
        self, history: list[tuple[int, Decimal, int | None, bool]], lost: int, by: str
    ) -> None:
        account = a_bank_account()
        opened(account, "1000.00")
        at_bank: list[list[tuple[int, Move]]] = [[] for _ in range(_LAST + 1)]
        journal: dict[int, int] = {}
        for number, (book_day, amount, bank_day, is_booked) in enumerate(history):
            if is_booked:
                kind = "receipt" if amount > 0 else "return"
                journal[number] = booked(account, amount, on=day(book_day), kind=kind).pk
            if bank_day is not None:
                reference = f"N{number:06d}"
                at_bank[bank_day].append(
                    (number, Move(day(bank_day), amount, "MOVE", reference=reference))
                )
        balance = Decimal("1000.00")
        for number, moves in enumerate(at_bank):
            balance += Decimal(by) if number == lost else 0
            imported(
                account, bai2(account, day(number), [each for _, each in moves], opening=balance)
            )
            balance += sum((each.amount for _, each in moves), Decimal(0))
        for line in lines_of(account):
            if journal_line := journal.get(int(line.bank_reference[1:])):
                matched(account, line.pk, journal_line)

        for number in range(-1, _LAST + 2):
            three = three_way(account.pk, on=day(number))
            assert three.explained()
            assert Cause.UNEXPLAINED not in {item.cause for item in three.bank_difference_items}
            assert three.beneficiary_difference == ZERO
            expected = Decimal("1000.00") + sum(
                (amount for on, amount, _, is_booked in history if is_booked and on <= number),
                Decimal(0),
            )
            assert three.book == usd(expected)
            (short,) = figures([account.book.entity_id], on=day(number))
            assert (short.bank, short.book, short.beneficiaries, short.since) == (
                three.bank,
                three.book,
                three.beneficiaries,
                three.since,
            )
