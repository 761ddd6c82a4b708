"""What crosses the border of rent collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from moneyed import Money

from desk.types import Effect
from proptrust.lib.money import ZERO

# Claims: beneficiary id to what they are given; below zero is taken from them.
Claims = Mapping[int, Money]


class Cause(StrEnum):
    """Why allocations changed."""

    CHARGED = "charged"
    RECEIVED = "received"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    MOVED = "moved"
    CANCELLED = "cancelled"
    CORRECTED = "corrected"
    TAKEN_BACK = "taken back"
    CAME_AGAIN = "came again"
    CREDITED = "credited"
    CREDIT_UNDONE = "credit undone"
    PREPAID_APPLIED = "prepaid rent applied"
    LATE_FEES = "late fees"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationsChanged:
    """Published once per service call, in its transaction: leases whose allocations changed.

    on: the day the change counts for; entries of single allocations may have other days.
    cause: of Cause.
    """

    entity_id: int
    lease_ids: tuple[int, ...]
    on: date
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReceipt:
    """Money in for someone.

    key: unique in the entity; the same key is the same receipt. channel, into: of Receipt.
    lease_id: None is suspense. book_id: the trust account; None means the lease's own.
    received_on: the day it counts for; settles_on: the day it reaches the bank, if told.
    convenience_fee: the part of gross that is the company's. tenant_id: who of the lease paid.
    """

    entity_id: int
    key: str
    channel: str
    into: str
    gross: Money
    received_on: date
    book_id: int | None = None
    lease_id: int | None = None
    tenant_id: int | None = None
    connection_id: int | None = None
    event_id: int | None = None
    payment: str = ""
    fee: Money = ZERO
    convenience_fee: Money = ZERO
    settles_on: date | None = None
    payer: str = ""
    payer_reference: str = ""
    number: str = ""
    trace: str = ""
    batch: str = ""
    memo: str = ""
    matched_by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComeback:
    """Money of a receipt that went back. kind: of Comeback. key: unique in the receipt.

    amount: above zero. fee: what the processor takes for it, None when it has not told.
    """

    kind: str
    key: str
    amount: Money
    on: date
    fee: Money | None = None
    reference: str = ""
    code: str = ""
    reason: str = ""
    batch: str = ""
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What moving a receipt to another lease would do: what both owe, then who holds what."""

    from_lease_id: int
    to_lease_id: int
    effects: Sequence[Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubsidyLine:
    """One line of an agency's list. amount: below zero for what it takes back. row: from 1."""

    row: int
    tenant_code: str
    amount: Money
    tenant_name: str = ""
    memo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubsidyRemittance:
    """An agency's transfer and its list.

    number: as the bank prints it. month: any day of the month that it pays for.
    """

    agency_id: int
    book_id: int
    number: str
    month: date
    arrives_on: date
    amount: Money
    lines: Sequence[NewSubsidyLine]


@dataclass(frozen=True, slots=True)
class ShareOwed:
    """What one of several roommates owes of a lease; they stay liable for all of it together.

    charged: their share of what was charged, less what paid for all (an agency, a credit, a payer
    whom nobody knows); paid: by themselves; open: below zero when they have paid ahead.
    """

    tenant_id: int
    name: str
    share: Decimal
    charged: Money
    paid: Money
    open: Money


@dataclass(frozen=True, slots=True)
class OpenCharge:
    """A charge with something left to pay. open: above zero."""

    charge_id: int
    kind: str
    due_on: date
    open: Money


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a receipt that pays a charge, and whom it is given to.

    is_income: the property's books know the charge (a security deposit is no income).
    """

    charge_id: int
    amount: Money
    parts: Claims
    is_income: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lease that a payment may be for, with its points and what they are for.

    criteria: key, amount, date, name, history to points (desk: 0 to 100 in sum, capped).
    why: the same in words, "the lease code L-12 is in the text".
    """

    lease_id: int
    lease_code: str
    tenants: str
    place: str
    points: int
    criteria: Mapping[str, int]
    why: Sequence[str] = ()

    @property
    def label(self) -> str:
        """The lease as a button says it."""
        return f"{self.lease_code} {self.tenants}, {self.place}"
