"""What crosses the border of deposits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from moneyed import Money

from proptrust.lib.money import ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """Days in which principal and rate stayed the same. of_days: the days of that tenancy year."""

    first: date
    last: date
    principal: Money
    rate: Decimal
    of_days: int
    rate_from: str = ""

    @property
    def days(self) -> int:
        """How many days it has, both ends counted."""
        return (self.last - self.first).days + 1

    def as_json(self) -> dict[str, Any]:
        """The step as it is kept with its credit."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "principal": str(self.principal.amount),
            "rate": str(self.rate.normalize()),
            "days": self.days,
            "of_days": self.of_days,
            "rate_from": self.rate_from,
        }


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Interest of a deposit for some days.

    bank: what the bank paid on it, where that decides. fee_most: what the manager may keep of that.
    amount: the tenant's, after that fee.
    """

    first: date
    last: date
    method: str
    steps: Sequence[Step]
    amount: Money
    bank: Money = ZERO
    fee_most: Money = ZERO
    citation: str = ""
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class InterestRun:
    """What a run of interest did: credited, waiting for money, nothing owed, questions asked."""

    credited: int = 0
    waiting: int = 0
    nothing: int = 0
    questions: int = 0
    amount: Money = ZERO


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a rule wants to know, or does not know itself (fact is empty then)."""

    topic: str
    fact: str
    text: str


@dataclass(frozen=True, slots=True)
class DepositRow:
    """One deposit in its account. difference: held less agreed."""

    deposit_id: int
    lease_id: int
    lease_code: str
    tenants: str
    place: str
    agreed: Money
    held: Money
    interest: Money
    holder: str
    state: str
    note: str = ""
    owner_held: Money = ZERO

    @property
    def difference(self) -> Money:
        """What is held beyond (or short of) what was agreed; interest is not counted."""
        return self.held - self.interest - self.agreed


@dataclass(frozen=True, slots=True)
class OtherClaim:
    """Money in a deposit account that is no tenant's deposit, by name.

    is_fine: it may lie there: the bank's interest before it is credited, an uncashed refund.
    """

    name: str
    amount: Money
    why: str
    is_fine: bool = False


@dataclass(frozen=True, slots=True)
class DepositAccount:
    """A deposit account: its deposits, whatever else lies in it, and its bank side.

    deposits + others = claims = cash + transit, always; what is not a deposit is named.
    """

    book_id: int
    name: str
    rows: Sequence[DepositRow]
    others: Sequence[OtherClaim]
    claims: Money
    cash: Money
    transit: Money
    owner_held: Sequence[DepositRow] = ()

    @property
    def deposits(self) -> Money:
        """The sum of what is held for tenants."""
        return sum((row.held for row in self.rows), ZERO)

    @property
    def bank_side(self) -> Money:
        """Cash at the bank and money on its way there, by the journal."""
        return self.cash + self.transit

    @property
    def difference(self) -> Money:
        """Deposits less the account; what `others` explain to the cent."""
        return self.bank_side - self.deposits

    @property
    def is_equal(self) -> bool:
        """Whether the account holds the deposits, and nothing else that may not lie there."""
        return all(each.is_fine for each in self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeduction:
    """A reason to keep a part of a deposit. kind: of Deduction. amount: above zero."""

    kind: str
    amount: Money
    memo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefund:
    """Who gets a part of what goes back: by a share of the rest, or a fixed amount before it.

    method: check or ach; ach needs routing and account number.
    """

    payee: str
    method: str = "check"
    tenant_id: int | None = None
    address: str = ""
    routing_number: str = ""
    account_number: str = ""
    share: Decimal | None = None
    fixed: Money | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a settlement would do: the same figures before and after it is posted."""

    held: Money
    interest: Money
    deducted: Money
    prepaid: Money
    kept: Money
    refunded: Money
    still_owed: Money
    refunds: Mapping[int, Money] = field(default_factory=dict)

    @property
    def deposit(self) -> Money:
        """The deposit with its interest."""
        return self.held + self.interest


@dataclass(frozen=True, slots=True)
class EscrowMonth:
    """One month of an escrow's projection. closing: opening + funding − bills."""

    month: date
    opening: Money
    funding: Money
    bills: Money
    closing: Money


@dataclass(frozen=True, slots=True)
class EscrowAnalysis:
    """What an escrow will hold, and whether that is enough.

    monthly: what goes in each month from now on. lowest, lowest_on: its smallest month end.
    shortage: what the lowest month lacks of the target; surplus: what every month has above it.
    """

    held: Money
    target: Money
    monthly: Money
    months: Sequence[EscrowMonth]
    lowest: Money
    lowest_on: date
    shortage: Money
    surplus: Money


@dataclass(frozen=True, slots=True)
class EscrowsFunded:
    """What a run of escrow funding did."""

    moved: int
    amount: Money
    short: int
