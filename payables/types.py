"""What crosses the border of layer 4: bills to enter, and what a payment run would do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from moneyed import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBillLine:
    """One property's part of a bill. amount: above zero. category: of BillLine."""

    property_id: int
    amount: Money
    category: str = "repairs"
    unit_id: int | None = None
    memo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBill:
    """A vendor's bill or credit to enter. key: unique in the entity; the same key is the same bill.

    amount: above zero, also of a credit. due_on: empty means the day of the bill.
    """

    entity_id: int
    key: str
    vendor_id: int
    number: str
    dated_on: date
    amount: Money
    lines: Sequence[NewBillLine]
    due_on: date | None = None
    memo: str = ""
    is_credit: bool = False
    work_order_id: int | None = None
    document_id: int | None = None


@dataclass(frozen=True, slots=True)
class OwnerNeed:
    """A property whose owners must approve what a bill takes from it before it may be paid.

    together: with the vendor's other bills of the thirty days around; is_split: only this sum is
    above the threshold.
    """

    bill_id: int
    property_id: int
    total: Money
    threshold: Money
    together: Money
    is_split: bool
    is_approved: bool
    is_rejected: bool

    @property
    def why(self) -> str:
        """The reason, as a person reads it."""
        if self.is_split:
            return (
                f"{self.together} together with other bills of this vendor within 30 days;"
                f" the owner approves above {self.threshold}"
            )
        return f"{self.total}; the owner approves above {self.threshold}"


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A bill line that a payment would pay in full. amount: what is open of it."""

    line_id: int
    bill_id: int
    bill_number: str
    property_id: int
    property_name: str
    amount: Money


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A bill line that cannot be paid now, and why."""

    line_id: int
    bill_id: int
    bill_number: str
    vendor_name: str
    property_name: str
    amount: Money
    why: str


@dataclass(slots=True)
class PlannedPayment:
    """One payment to a vendor out of one trust account, over as many properties as it takes.

    by_property: what each property's book pays. claims: what each owner's claim gives.
    """

    vendor_id: int
    vendor_name: str
    book_id: int
    book_name: str
    method: str
    lines: list[PlannedLine] = field(default_factory=list)
    by_property: dict[int, Money] = field(default_factory=dict)
    parts: dict[int, dict[int, Money]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def amount(self) -> Money:
        """What the vendor gets."""
        amounts = [line.amount for line in self.lines]
        return sum(amounts[1:], amounts[0])

    @property
    def claims(self) -> dict[int, Money]:
        """What each owner's claim gives: the shares of each property, none of nothing."""
        return {
            who: amount
            for parts in self.parts.values()
            for who, amount in parts.items()
            if amount.amount
        }


@dataclass(frozen=True, slots=True)
class OwnerEffect:
    """What the payments of a plan do to one owner's claim in a trust account."""

    beneficiary_id: int
    who: str
    book_name: str
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """What a payment run would do: the payments, whom they touch, and what waits."""

    payments: Sequence[PlannedPayment]
    waiting: Sequence[WaitingLine]
    effects: Sequence[OwnerEffect]
    total: Money


@dataclass(frozen=True, slots=True)
class BillsPaid:
    """What a payment run did. payment_ids: in the order of the plan."""

    payment_ids: Sequence[int]
    total: Money
    waiting: Sequence[WaitingLine]


@dataclass(frozen=True, slots=True)
class LikeBill:
    """Another bill that this one looks like, and why."""

    bill_id: int
    why: str
