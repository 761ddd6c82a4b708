"""A small app above the desk: bank lines that wait for a match, kept in a table of the desk.

A line is "unmatched" as long as a heartbeat row named after it exists, so that a match and its undo
belong to the database transaction, as in a real app.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from moneyed import Money

from desk import registry
from desk.errors import Refused
from desk.models import Heartbeat, Severity
from desk.types import (
    Detail,
    Detector,
    Done,
    Effect,
    Evidence,
    Field,
    Finding,
    Remedy,
)
from proptrust.lib.money import ZERO, usd

KIND = "fake_line"


@dataclass(frozen=True)
class Candidate:
    """Somebody who may have paid."""

    name: str
    points: int
    criteria: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FakeLine:
    """A bank line with its candidates."""

    id: int
    entity_id: int
    amount: Money
    who: str = "ZELLE FROM R GARCIA"
    where: str = "Rent trust ···4821"
    day: date = field(default_factory=timezone.localdate)
    severity: int = Severity.WARNING
    candidates: tuple[Candidate, ...] = (Candidate("Rosa Garcia", 96, {"key": 60, "amount": 36}),)
    book_id: int | None = None

    @property
    def row_name(self) -> str:
        return f"line:{self.id}"


class FakeBank:
    """The detector and the handler of the fake lines."""

    def __init__(self) -> None:
        self.lines: dict[int, FakeLine] = {}
        self.acted: list[tuple[int, str, dict[str, str]]] = []

    def add(self, line: FakeLine) -> FakeLine:
        """A line that waits for its match."""
        self.lines[line.id] = line
        Heartbeat.objects.update_or_create(
            name=line.row_name, defaults={"beaten_at": timezone.now()}
        )
        return line

    def find(self, entity_id: int | None) -> Iterable[Finding]:
        waiting = set(Heartbeat.objects.values_list("name", flat=True))
        for line in self.lines.values():
            if line.row_name in waiting and entity_id in {None, line.entity_id}:
                yield self._finding(line)

    def find_one(self, subject_id: int) -> Iterable[Finding]:
        return [each for each in self.find(None) if each.subject_id == subject_id]

    def _finding(self, line: FakeLine) -> Finding:
        best = line.candidates[0] if line.candidates else None
        return Finding(
            key=f"{KIND}:{line.id}",
            kind=KIND,
            entity_id=line.entity_id,
            severity=line.severity,
            title=f"Bank line without a match: {line.who}",
            reason="The bank shows this payment, and the journal has nothing like it.",
            subject_type="tests.line",
            subject_id=line.id,
            happened_on=line.day,
            amount=line.amount,
            who=line.who,
            where=line.where,
            book_id=line.book_id,
            suggestion=f"{best.name} · rent" if best else "",
            suggestion_points=best.points if best else None,
        )

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        line = self.lines[subject_id]
        matches = [
            Remedy(
                key="match",
                label=f"{each.name} · rent {line.amount.amount:,.2f}",
                points=each.points,
                criteria=each.criteria,
                is_suggestion=True,
                facts={"candidate": each.name},
                effects=[Effect(each.name, usd("0"), line.amount)],
            )
            for each in line.candidates
            if find.lower() in each.name.lower()
        ]
        others = [
            Remedy(
                key="suspense",
                label="Hold in suspense",
                hint="Nobody's money yet; due in five banking days.",
                shortcut="s",
                effects=[Effect("Suspense", ZERO, line.amount)],
            ),
            Remedy(
                key="fee",
                label="Bank fee, the company pays",
                fields=[
                    Field("reason", "Reason", help="It stands in the journal."),
                    Field("amount", "Amount", kind="amount", initial=str(line.amount.amount)),
                ],
            ),
            Remedy(
                key="advance",
                label="Company advance",
                needs_confirmation=True,
                effects=[
                    Effect("Company", usd("500"), usd("500") - line.amount, "lends to the trust")
                ],
            ),
        ]
        evidence = [
            Evidence("Bank text", line.who),
            Evidence("Statement", "BAI2 of the day, line 212", "/admin/"),
        ]
        return Detail(
            evidence, [*matches, *others], find_hint="Name, unit or amount of an open charge"
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        self.acted.append((subject_id, remedy, {name: str(facts[name]) for name in facts}))
        if remedy == "fee" and not facts.get("reason"):
            raise Refused("Say why the company pays.")
        if remedy not in {"match", "suspense", "fee", "advance"}:
            raise Refused(f"There is no remedy {remedy!r} for a bank line.")
        line = self.lines[subject_id]
        Heartbeat.objects.filter(name=line.row_name).delete()
        said = f"Matched {line.amount.amount:,.2f} with {facts.get('candidate', remedy)}"
        return Done(said, {"line": line.id})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        line = self.lines[facts["line"]]
        Heartbeat.objects.create(name=line.row_name, beaten_at=timezone.now())
        return f"Took the match of {line.amount.amount:,.2f} back"


@dataclass(frozen=True)
class FakeFigures:
    """The three figures of one account."""

    account_name: str
    book_id: int
    entity_id: int
    bank: Money
    book: Money
    beneficiaries: Money
    as_of: date = field(default_factory=timezone.localdate)
    since: date | None = None
    link: str = ""

    @property
    def bank_difference(self) -> Money:
        return self.bank - self.book

    @property
    def beneficiary_difference(self) -> Money:
        return self.book - self.beneficiaries

    @property
    def is_equal(self) -> bool:
        return self.bank == self.book == self.beneficiaries


@contextmanager
def fake_bank() -> Iterator[FakeBank]:
    """Register the fake app instead of all others, and put these back at the end."""
    bank = FakeBank()
    stores: tuple[dict[str, Any], ...] = (
        registry._detectors,
        registry._handlers,
        registry._labels,
        registry._due_days,
        registry._cards,
    )
    kept = [dict(store) for store in stores]
    figures = list(registry._figures)
    for store in stores:
        store.clear()
    registry._figures.clear()
    registry.detect(Detector("fake", frozenset({KIND}), bank.find, bank.find_one))
    registry.handle(KIND, bank, label="Unmatched bank line", due_banking_days=3)
    try:
        yield bank
    finally:
        for store, before in zip(stores, kept, strict=True):
            store.clear()
            store.update(before)
        registry._figures[:] = figures


def days_ago(count: int) -> date:
    """A day before today."""
    return timezone.localdate() - timedelta(days=count)
