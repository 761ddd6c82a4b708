"""No order of payments, returns, moves and runs loses a cent or takes a fee twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moneyed import Money

from fees import queries, services, terms
from fees.errors import FeesError
from fees.models import Fee
from leases.models import Lease
from ledger.models import Beneficiary
from ledger.queries import balances, trust_equation
from proptrust.lib.money import ZERO, usd
from receivables import services as rent
from receivables.models import Allocation, ChargeKind, Receipt
from receivables.queries import taken_back
from receivables.types import NewComeback
from tests.factories.leases import Company, company
from tests.factories.receivables import charge, receipt
from tests.fees.world import (
    assert_company_side_stands_twice,
    deaf,
    of_company,
    pay_out,
    second_lease,
)
from tests.fees.world import terms as agree

START = date(2026, 3, 1)

cents = st.integers(min_value=1, max_value=200_000).map(lambda n: usd(Decimal(n).scaleb(-2)))
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["charge", "late", "pay", "return", "move", "miss", "run", "draw", "pay out", "wait"]
        ),
        cents,
        st.booleans(),
        st.integers(min_value=0, max_value=10),
    ),
    min_size=3,
    max_size=14,
)


@pytest.mark.django_db
@settings(max_examples=40)
@given(steps=steps, rate=st.integers(min_value=0, max_value=200))
def test_fees_are_those_of_the_payments_that_stand(
    steps: list[tuple[str, Money, bool, int]], rate: int
) -> None:
    home = company(shares=("0.33333334", "0.33333333", "0.33333333"))
    agree(home.property, str(Decimal(rate).scaleb(-3)), late_fee_owner_rate=Decimal("0.4"))
    leases = [home.lease, second_lease(home, fee_rate="0.1")]

    for number, (what, amount, is_second, pick) in enumerate(steps):
        day = START + timedelta(days=number)
        _STEPS[what](Turn(home, leases[is_second], amount, pick, day, number))
        trust = trust_equation(home.rent_book.pk)
        assert trust.book == trust.held
        assert_company_side_stands_twice(home)

    end = START + timedelta(days=40)
    services.take_fees(home.entity.pk, on=end)
    assert services.take_fees(home.entity.pk, on=end).taken == 0
    assert_fees_are_recomputed(home)
    assert queries.audit(home.entity.pk, START, end, today=START) == []
    assert queries.revenue(home.entity.pk, START, end).is_tied


def assert_fees_are_recomputed(home: Company) -> None:
    """Sum of fees = sum over live payments; owners + company + rest = receipts less what left."""
    expected = ZERO
    for row in Allocation.objects.filter(undone_by__isnull=True, charge__entity=home.entity):
        assert row.receipt is not None
        agreement = row.charge.lease.unit.property.agreements.get()
        due = terms.fee_due(
            agreement,
            charge_kind=row.charge.kind,
            channel=row.receipt.channel,
            amount=row.amount,
            parts={int(who): usd(part) for who, part in row.parts.items()},
        )
        expected += due.amount if due else ZERO
    fees = Fee.objects.filter(entity=home.entity)
    assert sum((fee.amount for fee in fees), ZERO) == expected
    waiting = sum((fee.amount for fee in queries.waiting_fees(home.entity.pk)), ZERO)
    drawn = sum((row.amount for row in home.entity.fee_draws.all()), ZERO)
    assert of_company(home) == expected - waiting - drawn
    came = sum(
        (row.gross - taken_back(row) for row in Receipt.objects.filter(entity=home.entity)), ZERO
    )
    held = balances(book_id=home.rent_book.pk)
    out = drawn + _paid_out(home)
    assert sum(held.values(), ZERO) == came - out


def _paid_out(home: Company) -> Money:
    rows = home.entity.entries.filter(kind="disbursement")
    lines = [line for row in rows for line in row.lines.filter(beneficiary__isnull=True)]
    return -sum((line.amount for line in lines), ZERO)


@dataclass(frozen=True)
class Turn:
    """One step: on which lease, how much, which receipt, on which day."""

    home: Company
    lease: Lease
    amount: Money
    pick: int
    day: date
    number: int


Step = Callable[[Turn], None]


def _charge(turn: Turn) -> None:
    charge(turn.lease, str(turn.amount.amount), due_on=turn.day)


def _late(turn: Turn) -> None:
    charge(turn.lease, str(turn.amount.amount), kind=ChargeKind.LATE_FEE, due_on=turn.day)


def _pay(turn: Turn) -> None:
    receipt(
        turn.lease,
        str(turn.amount.amount),
        received_on=turn.day,
        channel=Receipt.Channel.WIRE,
        into=Receipt.Into.BANK,
    )


def _miss(turn: Turn) -> None:
    with deaf():
        _pay(turn)


def _return(turn: Turn) -> None:
    row = _picked(turn.home, turn.pick)
    if row is None or (left := row.gross - taken_back(row)) <= ZERO:
        return
    back = NewComeback(
        kind="refund", key=f"r{turn.number}", amount=min(turn.amount, left), on=turn.day
    )
    rent.take_back(row, back)


def _move(turn: Turn) -> None:
    row = _picked(turn.home, turn.pick)
    if row is None or row.gross == taken_back(row):
        return
    rent.unassign_receipt(row, on=turn.day)
    rent.assign_receipt(Receipt.objects.get(pk=row.pk), turn.lease, on=turn.day)


def _run(turn: Turn) -> None:
    services.take_fees(turn.home.entity.pk, on=turn.day)


def _wait(turn: Turn) -> None:
    before = balances(book_id=turn.home.rent_book.pk)
    services.take_waiting(turn.home.entity.pk, turn.day)
    after = balances(book_id=turn.home.rent_book.pk)
    owners = Beneficiary.objects.filter(kind="owner", pk__in=after).values_list("pk", flat=True)
    for who in owners:
        assert after[who] == before.get(who, ZERO) or after[who] >= ZERO


def _draw(turn: Turn) -> None:
    try:
        services.draw_fees(turn.home.rent_book, on=turn.day, actor_id=None)
    except FeesError:
        proposal = queries.draw_proposal(turn.home.rent_book, turn.day)
        assert proposal.blockers or proposal.drawable <= ZERO


def _pay_out(turn: Turn) -> None:
    held = balances(book_id=turn.home.rent_book.pk)
    who = turn.home.owner_beneficiaries()[0]
    if held.get(who, ZERO) > ZERO and not any(each < ZERO for each in held.values()):
        pay_out(turn.home, str(held[who].amount), on=turn.day)


def _picked(home: Company, pick: int) -> Receipt | None:
    rows = list(Receipt.objects.filter(entity=home.entity, state="settled").order_by("pk"))
    return rows[pick % len(rows)] if rows else None


_STEPS: dict[str, Step] = {
    "charge": _charge,
    "late": _late,
    "pay": _pay,
    "miss": _miss,
    "return": _return,
    "move": _move,
    "run": _run,
    "draw": _draw,
    "pay out": _pay_out,
    "wait": _wait,
}
