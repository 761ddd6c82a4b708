"""Random sequences of postings, reversals, refusals and closings beside a model in plain Python."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import StringIO
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger import queries, services
from ledger.errors import (
    AlreadyReversed,
    KeyReused,
    LedgerError,
    Overdrawn,
    PeriodClosed,
    Unbalanced,
    WrongKind,
)
from ledger.models import Beneficiary, Book, Entry
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import from_cents, to_cents
from tests.factories.desk import UserFactory
from tests.factories.ledger import BeneficiaryFactory, BookFactory, standard_chart
from tests.ledger.plain_sql import run

MONEY_OUT = {"disbursement", "vendor_payment", "refund", "fee_draw"}
MAY_TAKE_CASH = MONEY_OUT | {"transfer", "settlement", "return", "bank_fee", "reversal"}
COMPANY_MAY_OWE = {"settlement", "return", "bank_fee", "reversal"}
KINDS = sorted(
    MAY_TAKE_CASH - {"reversal"} | {"receipt", "allocation", "adjustment", "interest", "charge"}
)
FIRST_DAY = date(2026, 1, 1)
DAYS = st.integers(0, 120).map(lambda n: FIRST_DAY + timedelta(days=n))
COMPANY = 3  # Its place among the beneficiaries.
# Beneficiary's place: cents, of which each is a claim (held above zero).
SHARES = st.dictionaries(
    st.integers(0, 4), st.integers(-3000, 3000).filter(bool), min_size=1, max_size=3
)


@dataclass
class Posted:
    """An entry as the model knows it. held: cents added to what is held, by place."""

    id: int
    kind: str
    dated_on: date
    held: dict[int, int]
    known_at: datetime
    reverses: "Posted | None" = None


@dataclass
class Model:
    """What a bookkeeper would write by hand, with every rule in a line or two."""

    entries: list[Posted] = field(default_factory=list)
    closed_through: date | None = None

    def held(self, on: date | None = None, known_at: datetime | None = None) -> Counter[int]:
        sums: Counter[int] = Counter()
        for entry in self.entries:
            if (on is None or entry.dated_on <= on) and (
                known_at is None or entry.known_at <= known_at
            ):
                for place, cents in entry.held.items():
                    sums[place] += cents
        return sums

    def refusals(
        self, new: list[tuple[str, date, dict[int, int], Posted | None]]
    ) -> set[type[LedgerError]]:
        """Why entries that come together are refused; any of these may be told."""
        found: set[type[LedgerError]] = set()
        after = self.held()
        for _, _, held, _ in new:
            for place, cents in held.items():
                after[place] += cents
        company_gives = 0
        for kind, dated_on, held, reverses in new:
            cash = sum(held.values())
            if self.closed_through is not None and dated_on <= self.closed_through:
                found.add(PeriodClosed)
            if cash < 0 and kind not in MAY_TAKE_CASH:
                found.add(WrongKind)
            clients_pay = any(cents < 0 for place, cents in held.items() if place != COMPANY)
            goes_out = kind in MONEY_OUT or (
                cash < 0
                and (
                    kind == "transfer"
                    or (kind in {"settlement", "bank_fee"} and clients_pay)
                    or (reverses is not None and reverses.kind == "reversal")
                )
            )
            if goes_out and any(after[place] < 0 for place in after if place != COMPANY):
                found.add(Overdrawn)
            if kind not in COMPANY_MAY_OWE:
                company_gives -= held.get(COMPANY, 0)
        if company_gives > 0 and after[COMPANY] < 0:
            found.add(Overdrawn)
        return found


class Journal(RuleBasedStateMachine):
    """One trust book: three owners, the company and suspense."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.book: Book = BookFactory.create(kind="trust")
        kinds = ["owner", "deposit", "prepaid", "company", "suspense"]
        self.beneficiaries: list[Beneficiary] = [
            BeneficiaryFactory.create(entity=self.book.entity, kind=kind) for kind in kinds
        ]
        self.chart = standard_chart(self.book)
        self.person = UserFactory.create()
        self.model = Model()
        self.news: dict[str, NewEntry] = {}
        self.numbers = count(1)
        self.moments: list[datetime] = []

    def teardown(self) -> None:
        try:
            connection.check_constraints()
            call_command("check_journal", "--entity", str(self.book.entity_id), stdout=StringIO())
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    def _new(self, kind: str, dated_on: date, held: dict[int, int]) -> NewEntry:
        lines = [
            NewLine(self.book.pk, self.chart.claims, from_cents(-cents), self.beneficiaries[at].pk)
            for at, cents in held.items()
        ]
        if cash := sum(held.values()):
            lines.insert(0, NewLine(self.book.pk, self.chart.bank, from_cents(cash)))
        return NewEntry(
            self.book.entity_id, f"key:{next(self.numbers)}", kind, dated_on, "Random", lines
        )

    def _remember(self, new: NewEntry, held: dict[int, int], reverses: Posted | None) -> None:
        entry = Entry.objects.get(entity_id=new.entity_id, key=new.key)
        self.news[new.key] = new
        self.model.entries.append(
            Posted(entry.pk, entry.kind, entry.dated_on, held, entry.known_at, reverses)
        )
        ((moment,),) = run("SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        self.moments.append(moment)

    @initialize(cents=st.integers(1, 9000))
    def some_money(self, cents: int) -> None:
        self.post_one("receipt", FIRST_DAY, dict.fromkeys(range(5), cents))

    @rule(kind=st.sampled_from(KINDS), dated_on=DAYS, held=SHARES)
    def post_one(self, kind: str, dated_on: date, held: dict[int, int]) -> None:
        if len(held) == 1 and not sum(held.values()):
            return
        new = self._new(kind, dated_on, held)
        expected = self.model.refusals([(kind, dated_on, held, None)])
        self._expect(expected, lambda: services.post(new))
        if not expected:
            self._remember(new, held, None)

    @rule(kind=st.sampled_from(["receipt", "disbursement"]), dated_on=DAYS, data=st.data())
    def post_plausibly(self, kind: str, dated_on: date, data: st.DataObject) -> None:
        """Receipts above zero and draws of what is there: most random entries are refused."""
        place = data.draw(st.integers(0, 4))
        there = self.model.held()[place]
        cents = data.draw(st.integers(1, 3000 if kind == "receipt" else max(there, 1)))
        self.post_one(kind, dated_on, {place: cents if kind == "receipt" else -cents})

    @rule(many=st.lists(st.tuples(st.sampled_from(KINDS), DAYS, SHARES), min_size=1, max_size=4))
    def post_together(self, many: list[tuple[str, date, dict[int, int]]]) -> None:
        new = [self._new(kind, dated_on, held) for kind, dated_on, held in many]
        expected = self.model.refusals([(*one, None) for one in many])
        self._expect(expected, lambda: services.post_many(new))
        if not expected:
            for entry, (_, _, held) in zip(new, many, strict=True):
                self._remember(entry, held, None)

    @rule(dated_on=DAYS, cents=st.integers(1, 100), off_by=st.sampled_from([-1, 1, 50]))
    def post_unbalanced(self, dated_on: date, cents: int, off_by: int) -> None:
        new = self._new("receipt", dated_on, {0: cents + 100})
        first, *rest = new.lines
        off = NewLine(first.book_id, first.account_id, first.amount + from_cents(off_by))
        wrong = NewEntry(new.entity_id, new.key, new.kind, new.dated_on, new.memo, [off, *rest])
        self._expect({Unbalanced}, lambda: services.post(wrong))
        self._expect({Unbalanced}, lambda: services.post_many([wrong]))

    @precondition(lambda self: self.news)
    @rule(data=st.data(), is_same=st.booleans())
    def post_again(self, data: st.DataObject, is_same: bool) -> None:
        new = self.news[data.draw(st.sampled_from(sorted(self.news)))]
        if is_same:
            assert services.post(new).key == new.key
            assert services.post_many([new]) == 0
            return
        other = NewEntry(new.entity_id, new.key, new.kind, new.dated_on, "Other memo", new.lines)
        self._expect({KeyReused}, lambda: services.post(other))
        self._expect({KeyReused}, lambda: services.post_many([other]))

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data(), dated_on=DAYS)
    def reverse(self, data: st.DataObject, dated_on: date) -> None:
        first = self.model.entries[data.draw(st.integers(0, len(self.model.entries) - 1))]
        held = {place: -cents for place, cents in first.held.items()}
        expected = self.model.refusals([("reversal", dated_on, held, first)])
        if any(entry.reverses is first for entry in self.model.entries):
            expected.add(AlreadyReversed)
        key = f"key:{next(self.numbers)}"
        made: list[Entry] = []
        self._expect(
            expected,
            lambda: made.append(
                services.reverse(entry_id=first.id, key=key, dated_on=dated_on, memo="Undo")
            ),
        )
        if not expected:
            (entry,) = made
            assert entry.reverses_id == first.id
            self.model.entries.append(
                Posted(entry.pk, "reversal", dated_on, held, entry.known_at, first)
            )

    @rule()
    def close_the_next_month(self) -> None:
        through = self.model.closed_through
        first_on = FIRST_DAY if through is None else through + timedelta(days=1)
        if first_on > date(2026, 3, 1):
            return
        period = services.close_period(
            book_id=self.book.pk, first_on=first_on, closed_by_id=self.person.pk
        )
        self.model.closed_through = period.last_on

    def _expect(self, expected: set[type[LedgerError]], work: object) -> None:
        assert callable(work)
        before = self._journal_size()
        if not expected:
            work()
            return
        with pytest.raises(tuple(expected)):
            work()
        assert self._journal_size() == before, "a refused entry left something behind"

    def _journal_size(self) -> list[tuple[object, ...]]:
        return run("SELECT (SELECT count(*) FROM ledger_entry), (SELECT count(*) FROM ledger_line)")

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        self._compare(None, None)
        equation = queries.trust_equation(self.book.pk)
        held = self.model.held()
        assert to_cents(equation.cash) == to_cents(equation.held) == sum(held.values())
        assert to_cents(equation.overdrawn) == sum(cents for cents in held.values() if cents < 0)
        assert {row.beneficiary_id for row in queries.overdrawn(self.book.pk)} == {
            self.beneficiaries[place].pk for place, cents in held.items() if cents < 0
        }

    @rule(on=st.none() | DAYS, data=st.data())
    def look_back(self, on: date | None, data: st.DataObject) -> None:
        known_at = data.draw(st.none() | st.sampled_from(self.moments)) if self.moments else None
        self._compare(on, known_at)
        equation = queries.trust_equation(self.book.pk, on=on, known_at=known_at)
        held = self.model.held(on, known_at)
        assert to_cents(equation.cash) == to_cents(equation.held) == sum(held.values())
        assert to_cents(equation.overdrawn) == sum(cents for cents in held.values() if cents < 0)

    def _compare(self, on: date | None, known_at: datetime | None) -> None:
        expected = self.model.held(on, known_at)
        asked: dict[str, Any] = {"book_id": self.book.pk, "on": on, "known_at": known_at}
        found: defaultdict[int, int] = defaultdict(int)
        for beneficiary_id, money in queries.balances(**asked).items():
            found[beneficiary_id] = to_cents(money)
        for place, beneficiary in enumerate(self.beneficiaries):
            one = queries.balance(beneficiary_id=beneficiary.pk, **asked)
            assert to_cents(one) == found[beneficiary.pk] == expected[place]


@pytest.mark.django_db
def test_random_journals_are_those_of_the_model() -> None:
    run_state_machine_as_test(
        Journal,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
