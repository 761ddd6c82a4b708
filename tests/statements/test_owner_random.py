"""Random lives of two owners' money: whatever happens in whatever order, each statement adds up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.models import Beneficiary
from ledger.queries import balances, first_open_day
from ledger.services import close_period, post, reverse
from proptrust.lib.money import from_cents
from statements.models import OwnerStatement
from statements.owners import services
from statements.owners.stored import rows_of
from statements.owners.types import OwnerStatementRows
from tests.factories.desk import UserFactory
from tests.factories.leases import Company
from tests.factories.ledger import a_payment, a_receipt
from tests.statements.owner_world import adds_up, stamp, thirds

pytestmark = pytest.mark.django_db

FIRST = date(2026, 1, 1)
# Month ends of the statements, in the order in which they are made.
ENDS = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
CENTS = st.integers(1, 90_000)
DAYS = st.integers(0, 119)
STEP = st.one_of(
    st.tuples(st.just("in"), DAYS, CENTS, CENTS),
    st.tuples(st.just("out"), DAYS, CENTS, CENTS),
    st.tuples(st.just("return"), DAYS, CENTS, CENTS),
    st.tuples(st.just("reverse"), DAYS, CENTS, CENTS),
    st.tuples(st.just("close"), DAYS, CENTS, CENTS),
    st.tuples(st.just("state"), DAYS, CENTS, CENTS),
    st.tuples(st.just("state again"), DAYS, CENTS, CENTS),
)
Step = tuple[str, int, int, int]


@dataclass
class Life:
    """A company, the entries that can still be reversed, and the statements made so far."""

    home: Company
    owners: list[Beneficiary]
    entries: list[int] = field(default_factory=list)
    made: int = 0
    number: int = 0

    def do(self, step: Step) -> None:
        name, day, one, two = step
        acts: dict[str, Callable[[date, int, int], None]] = {
            "in": self.receive,
            "out": self.pay,
            "return": self.take,
            "reverse": self.reverse,
            "close": self.close,
            "state": self.state,
            "state again": self.state_again,
        }
        try:
            with transaction.atomic():
                acts[name](FIRST + timedelta(days=day), one, two)
        except LedgerError:
            pass  # The ledger refuses what would overdraw: nothing happened.

    def _open(self, day: date) -> date:
        return first_open_day(self.home.rent_book.pk, day)

    def receive(self, day: date, one: int, two: int) -> None:
        shares = [(self.owners[0], from_cents(one)), (self.owners[1], from_cents(two))]
        self.entries.append(
            post(a_receipt(self.home.rent_book, *shares, dated_on=self._open(day))).pk
        )

    def pay(self, day: date, one: int, two: int, kind: str = "disbursement") -> None:
        share = (self.owners[one % 2], from_cents(two))
        entry = a_payment(self.home.rent_book, share, kind=kind, dated_on=self._open(day))
        self.entries.append(post(entry).pk)

    def take(self, day: date, one: int, two: int) -> None:
        self.pay(day, one, two, kind="return")

    def reverse(self, day: date, one: int, two: int) -> None:
        if self.entries:
            entry_id = self.entries.pop(one % len(self.entries))
            self.number += 1
            reverse(
                entry_id=entry_id, key=f"undo:{self.number}", dated_on=self._open(day), memo="Undo"
            )

    def close(self, day: date, one: int, two: int) -> None:
        book = self.home.rent_book
        book.refresh_from_db()
        first = book.closed_through + timedelta(days=1) if book.closed_through else FIRST
        if first <= date(2026, 3, 1):
            close_period(book_id=book.pk, first_on=first, closed_by_id=UserFactory.create().pk)

    def state(self, day: date, one: int, two: int) -> None:
        if self.made < len(ENDS):
            self._state(ENDS[self.made])
            self.made += 1

    def state_again(self, day: date, one: int, two: int) -> None:
        if self.made:
            self._state(ENDS[one % self.made])

    def _state(self, last: date) -> None:
        rows = services.request_statements(
            self.home.entity, from_on=last.replace(day=1), to_on=last
        )
        services.compose_statements([row.pk for row in rows])
        for row in rows:
            row.refresh_from_db()
            assert row.state == OwnerStatement.State.COMPOSED, row.reason
            adds_up(rows_of(row))
            stamp(row)

    def last(self, owner: int) -> list[OwnerStatementRows]:
        """The first versions of an owner's statements, by month."""
        rows = OwnerStatement.objects.filter(owner=self.home.owners[owner]).order_by("to_on", "id")
        return [rows_of(row) for row in rows]


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=5, max_size=30))
def test_every_statement_adds_up_and_ties_whatever_happens_when(steps: list[Step]) -> None:
    with transaction.atomic():
        home = thirds()
        owners = [Beneficiary.objects.get(pk=pk) for pk in home.owner_beneficiaries()]
        life = Life(home, owners)
        for step in steps:
            life.do(step)
        while life.made < len(ENDS):
            life.state(FIRST, 0, 0)
        # One more version of each month in turn is what a reader adds up at the end.
        for last in ENDS:
            life._state(last)

        on = balances(book_id=home.rent_book.pk, on=ENDS[-1])
        for number, owner in enumerate(owners):
            newest = {rows.cover.to_on: rows for rows in life.last(number)}
            closing = "0.00"
            for last in ENDS:
                rows = newest[last.isoformat()]
                assert rows.opening == closing
                closing = rows.closing
            held = on[owner.pk].amount if owner.pk in on else 0
            assert closing == f"{held:.2f}"
            # Each line of the ledger stands on exactly one of them.
            told = [line.line_id for rows in newest.values() for line in rows.lines]
            assert len(told) == len(set(told))
            stands = owner.lines.filter(book=home.rent_book, dated_on__lte=ENDS[-1])
            assert set(told) == set(stands.values_list("pk", flat=True))
        transaction.set_rollback(True)
