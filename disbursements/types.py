"""What crosses the border of the disbursements, and the facts that a draw is planned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from moneyed import Money


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A line of an owner's claim that no draw has counted. amount: above zero gives the owner.

    key, kind, reverses_id, is_late: of its entry; late: it adjusts a closed period.
    """

    line_id: int
    entry_id: int
    book_id: int
    beneficiary_id: int
    amount: Decimal
    dated_on: date
    kind: str
    reverses_id: int | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A part of a receipt, less the fee on it, that is not seasoned before a day."""

    book_id: int
    beneficiary_id: int
    entry_id: int
    amount: Decimal
    dated_on: date
    lease_id: int | None
    until_on: date


@dataclass(frozen=True, slots=True)
class Due:
    """Tax to hold back from one property's rent. carried: what earlier runs could not hold."""

    kind: str
    jurisdiction: str
    rate: Decimal
    base: Decimal
    amount: Decimal
    source: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """What an advance still waits for. beneficiary_id: whose shortage it filled."""

    advance_id: int
    beneficiary_id: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """One property of a draw before anything is paid.

    opening + change: the claim on the cut-off day; next_cycle: what has come since, with its sign.
    """

    beneficiary_id: int
    opening: Decimal
    change: Decimal
    next_cycle: Decimal = Decimal(0)
    reserve_target: Decimal = Decimal(0)
    held_back: Decimal = Decimal(0)
    dues: Sequence[Due] = ()


@dataclass(slots=True)
class Planned:
    """What a draw does with one property. netted: to (above zero) or from the others.

    withheld: one amount for each due of the part; repaid: advance to amount.
    """

    netted: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    withheld: list[Decimal] = field(default_factory=list)
    repaid: dict[int, Decimal] = field(default_factory=dict)
    reserve_held: Decimal = Decimal(0)
    closing: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Shortage:
    """An owner's claim below zero. amount: above zero, what is missing."""

    book_id: int
    beneficiary_id: int
    owner_id: int
    property_id: int
    amount: Money
    cause: str
    cause_entry_id: int | None
    since: date


@dataclass(frozen=True, slots=True)
class RunTotals:
    """A run in figures, for lists and for the approver."""

    owners: int
    payments: int
    amount: Money
    withheld: Money
    repaid: Money
    held: int
    problems: int
    by_method: Mapping[str, tuple[int, Money]]


@dataclass(frozen=True, slots=True)
class RunSent:
    """Published in the transaction that sends a run; draw_ids: of the draws that were paid."""

    run_id: int
    entity_id: int
    draw_ids: tuple[int, ...]
