"""Any order of events keeps what there is: claims and payments still out make the start."""

from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moneyed import Money

from ledger.errors import LedgerError
from ledger.queries import balance, overdrawn, trust_equation
from payments import queries, services
from payments.errors import PaymentsError
from payments.models import Payment
from proptrust.lib.money import ZERO, from_cents, total, usd
from tests.factories.ledger import BeneficiaryFactory, held
from tests.factories.payments import new_payment, property_lines, trust

START = usd("1000.00")
LATER = date(2026, 3, 12)
KEPT = (*Payment.OUTSTANDING, Payment.State.CLEARED)


class MoneyOut(RuleBasedStateMachine):
    """Payments of two owners, taken back and paid again at random."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.book, first = trust(str(START.amount))
        second = BeneficiaryFactory.create(entity=self.book.entity)
        held(self.book, (second, START))
        self.owners = [first, second]
        self.ids: list[int] = []
        self.refused = 0

    def teardown(self) -> None:
        try:
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    def chosen(self, number: int) -> Payment:
        return Payment.objects.get(pk=self.ids[number % len(self.ids)])

    def tried(self, act: Any) -> None:
        """Do something that may be refused, as it is for a payment that is at its end."""
        try:
            act()
        except (PaymentsError, LedgerError):
            self.refused += 1

    @rule(
        cents=st.integers(1, 60_000),
        parts=st.integers(0, 2),
        method=st.sampled_from(["check", "ach", "transfer"]),
    )
    def pay(self, cents: int, parts: int, method: str) -> None:
        amount = from_cents(cents)
        half = from_cents(cents // 2)
        claims = (
            {self.owners[0].pk: half, self.owners[1].pk: amount - half}
            if parts == 2
            else {self.owners[parts].pk: amount}
        )
        new = new_payment(self.book, str(amount.amount), method=method)

        def act() -> None:
            paid = services.pay(new, claims=claims, other_lines=property_lines(self.book, amount))
            self.ids.append(paid.pk)
            assert services.pay(new, claims=claims, other_lines=_others(paid)) == paid

        self.tried(act)

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 50), again=st.booleans())
    def come_back(self, number: int, again: bool) -> None:
        for _ in range(1 + again):
            self.tried(lambda: services.come_back(self.chosen(number), code="R03", on=LATER))

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 50), is_stop=st.booleans())
    def take_back(self, number: int, is_stop: bool) -> None:
        act = services.stop if is_stop else services.void
        self.tried(lambda: act(self.chosen(number), why="Wrong", on=LATER, actor_id=None))

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 50), is_undone=st.booleans())
    def clear(self, number: int, is_undone: bool) -> None:
        services.clear([self.chosen(number).pk], on=LATER)
        if is_undone:
            services.unclear([self.chosen(number).pk])

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 50), again=st.booleans())
    def pay_again(self, number: int, again: bool) -> None:
        old = self.chosen(number)

        def act() -> None:
            paid = services.reissue(
                old, on=LATER, method="check", key=f"reissue:{old.pk}", actor_id=None
            )
            if paid.pk not in self.ids:
                self.ids.append(paid.pk)

        for _ in range(1 + again):
            self.tried(act)

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 50))
    def set_aside(self, number: int) -> None:
        services.mark_stale(self.book.entity_id, on=date(2027, 3, 10))
        self.tried(lambda: services.to_unclaimed(self.chosen(number), on=LATER, actor_id=None))

    @invariant()
    def claims_and_what_is_paid_make_the_start(self) -> None:
        paid = total(amount for state, amount in self.rows() if state in KEPT)
        unclaimed = total(amount for state, amount in self.rows() if state == "unclaimed")
        claims = total(
            balance(book_id=self.book.pk, beneficiary_id=owner.pk) for owner in self.owners
        )
        equation = trust_equation(self.book.pk)
        assert claims + paid + unclaimed == START + START
        assert equation.cash == claims + unclaimed
        assert equation.difference == ZERO
        assert overdrawn(self.book.pk) == []

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        for row in Payment.objects.exclude(replaces=None).select_related("replaces"):
            assert row.replaces is not None
            assert row.replaces.state in Payment.TAKEN_BACK

    def rows(self) -> list[tuple[str, Money]]:
        found = Payment.objects.filter(pk__in=self.ids).defer("account_number")
        return [(row.state, row.amount) for row in found]


def _others(paid: Payment) -> list[Any]:
    return [line for line in queries.lines_of(paid.entry_id) if line.book_id != paid.book_id]


@pytest.mark.django_db
def test_random_payments_keep_what_there_is() -> None:
    run_state_machine_as_test(
        MoneyOut,
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
