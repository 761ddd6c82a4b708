"""What crosses the desk's border: findings that apps report, and remedies that they offer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from django.http import QueryDict
from moneyed import Money


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now; the same thing has the same key every time it is found."""

    key: str
    kind: str
    entity_id: int
    severity: int
    title: str
    reason: str
    subject_type: str
    subject_id: int
    happened_on: date
    amount: Money | None = None
    who: str = ""
    where: str = ""
    book_id: int | None = None
    suggestion: str = ""
    suggestion_points: int | None = None
    due_on: date | None = None  # A day that the law sets; else the kind's banking days count.


@dataclass(frozen=True, slots=True)
class Detector:
    """A set of finding kinds that one query (or a few) of an app looks for.

    find: returns every finding of these kinds that holds now, for one legal entity or (None) for
    all. An open item of one of the kinds that is not found any more is closed.
    find_one: the same for one subject (by its id), so that an item is gone the moment its remedy
    worked; without it the desk runs find for the item's legal entity, which is slower.
    """

    name: str
    kinds: frozenset[str]
    find: Callable[[int | None], Iterable[Finding]]
    find_one: Callable[[int], Iterable[Finding]] | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a remedy would do to one balance."""

    who: str
    before: Money
    after: Money
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What a remedy did: a sentence for the page, and what its undo needs."""

    said: str
    undo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One input that a remedy asks for before it acts."""

    name: str
    label: str
    kind: str = "text"  # text, amount, date, choice, hidden
    choices: Sequence[tuple[str, str]] = ()
    initial: str = ""
    help: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Remedy:
    """One button of an item: the usual answer, with its effect shown before it acts.

    key: stable name of the remedy; facts: what the service needs, round-tripped by the form.
    points/criteria: for a suggested match, the explained score, e.g. {"amount": 40, "date": 10}.
    """

    key: str
    label: str
    hint: str = ""
    effects: Sequence[Effect] = ()
    points: int | None = None
    criteria: Mapping[str, int] = field(default_factory=dict)
    fields: Sequence[Field] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    is_suggestion: bool = False
    needs_confirmation: bool = False
    shortcut: str = ""  # A letter beside its number: s suspense, t transfer, / split.


@dataclass(frozen=True, slots=True)
class Evidence:
    """A fact about the item with where it comes from; link opens it."""

    label: str
    value: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """The right side of the desk for one item."""

    evidence: Sequence[Evidence] = ()
    remedies: Sequence[Remedy] = ()
    warnings: Sequence[str] = ()
    find_hint: str = ""  # Where a search for more candidates makes sense, what to type.


class Handler(Protocol):
    """What an app registers for the kinds of its items (desk.registry.handle)."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Evidence, suggestions and remedies as of now. find: the text of the search box."""
        ...

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry a remedy out in the caller's transaction; raises errors.Refused with a reason."""
        ...

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Undo an action by reversal; returns what was undone, or raises desk.errors.Refused."""
        ...


@dataclass(frozen=True, slots=True)
class ApprovalDecided:
    """A second person has decided; published in the same transaction, so that the app acts in it.

    kind, facts: as the app asked (services.ask_approval). An app that hears it and raises
    undoes the decision, too.
    """

    approval_id: int
    entity_id: int
    kind: str
    facts: Mapping[str, Any]
    is_agreed: bool
    maker_id: int
    checker_id: int
    reason: str = ""


class AccountFigures(Protocol):
    """The three figures of one trust account on one day (reconciliation.types.ThreeWay).

    bank is adjusted by the outstanding items; a difference of zero is agreement.
    since: the day it broke, or None. link: the page with the reconciliation, or "".
    """

    @property
    def account_name(self) -> str: ...
    @property
    def book_id(self) -> int: ...
    @property
    def entity_id(self) -> int: ...
    @property
    def bank(self) -> Money: ...
    @property
    def book(self) -> Money: ...
    @property
    def beneficiaries(self) -> Money: ...
    @property
    def bank_difference(self) -> Money: ...
    @property
    def beneficiary_difference(self) -> Money: ...
    @property
    def as_of(self) -> date: ...
    @property
    def since(self) -> date | None: ...
    @property
    def is_equal(self) -> bool: ...
    @property
    def link(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CardRow:
    """One row of a dashboard card: what, when, how it went; link opens it."""

    label: str
    detail: str = ""
    at: datetime | None = None
    state: str = "good"  # good, warning, bad, waiting
    state_text: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A dashboard card that an app supplies, as "Last imports".

    rows: for the legal entities that the person may see, newest first, at most eight.
    empty: what to do when there is nothing yet, in a sentence. permission: of desk.roles.
    """

    key: str
    title: str
    rows: Callable[[Sequence[int]], Sequence[CardRow]]
    empty: str
    permission: str
    link: str = ""  # The name of a URL, as admin:connectors_delivery_changelist.
