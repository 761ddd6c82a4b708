"""What crosses the border of fees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from moneyed import Money

from proptrust.lib.money import ZERO, plain


@dataclass(frozen=True, slots=True)
class FeesTaken:
    """What a run did. taken, given_back: how many fees; waiting: of the new ones, not yet taken."""

    taken: int = 0
    given_back: int = 0
    waiting: int = 0
    amount_taken: Money = ZERO
    amount_given_back: Money = ZERO


@dataclass(frozen=True, slots=True)
class FeeDue:
    """A fee that a payment bears. basis × rate, rounded once, is amount; parts sum to it.

    parts: beneficiary id to what each owner gives.
    """

    kind: str
    basis: Money
    rate: Decimal
    amount: Money
    parts: Mapping[int, Money]
    agreement_id: int


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """What the company earned from one lease or property by one kind of fee.

    earned, given_back: posted on the days asked for, both above zero. drawn: of their sum, what is
    at the operating account. waiting: earned on these days, not yet taken for want of money.
    """

    kind: str
    property_id: int
    property_name: str
    lease_id: int | None
    lease_code: str
    earned: Money
    given_back: Money
    drawn: Money
    waiting: Money

    @property
    def net(self) -> Money:
        """Earned less given back: what the income account says."""
        return self.earned - self.given_back

    @property
    def undrawn(self) -> Money:
        """What of it still lies in the trust account."""
        return self.net - self.drawn


@dataclass(frozen=True, slots=True)
class IncomeTie:
    """One income account of the operating book against what made it.

    booked: what the account says for the days. fees: what the fees say. others: what else was
    booked there, by what it is. difference: booked − fees − others; zero, or something is wrong.
    """

    account: str
    booked: Money
    fees: Money
    others: Sequence[tuple[str, Money]]

    @property
    def difference(self) -> Money:
        """What neither the fees nor another fact explains."""
        return self.booked - self.fees - sum((amount for _, amount in self.others), ZERO)


@dataclass(frozen=True, slots=True)
class Revenue:
    """The company's revenue over some days, tied to its operating book."""

    first: date
    last: date
    rows: Sequence[RevenueRow]
    ties: Sequence[IncomeTie]

    @property
    def is_tied(self) -> bool:
        """Whether fees and income accounts say the same, to the cent."""
        return not any(tie.difference for tie in self.ties)


@dataclass(frozen=True, slots=True)
class Difference:
    """A fee that is not as the agreement asks. what: missing, doubled, wrong, not given back …

    expected, found: amounts; allocation_id, fee_id: what to open, where there is one.
    """

    what: str
    kind: str
    property_id: int
    property_name: str
    lease_code: str
    counts_on: date
    expected: Money
    found: Money
    why: str
    allocation_id: int | None = None
    fee_id: int | None = None

    @property
    def out_by(self) -> Money:
        """Found less expected: above zero is too much taken."""
        return self.found - self.expected


@dataclass(frozen=True, slots=True)
class DrawProposal:
    """What the company may draw from a trust account on a day, and why no more.

    held: its claim there, fees and all else. in_transit: fees of money that is not at the bank yet.
    cash: what the bank account has by the book. drawable: what may go now. fees: the undrawn fees
    in held, other: the rest of it. blockers: clients who are overdrawn, in words; nothing may go
    while there is one. oldest_on: the day of the oldest undrawn fee. must_by: the day by which the
    law wants it drawn, None where it names none or is not known. limits: what the law says, in
    words, each with its source.
    """

    book_id: int
    book_name: str
    entity_id: int
    on: date
    held: Money
    fees: Money
    in_transit: Money
    cash: Money
    drawable: Money
    blockers: Sequence[str] = ()
    oldest_on: date | None = None
    must_by: date | None = None
    own_funds_max: Money | None = None
    limits: Sequence[str] = ()

    @property
    def other(self) -> Money:
        """What of the claim is no fee: convenience fees less costs."""
        return self.held - self.fees

    @property
    def why(self) -> str:
        """Why no more may go, in words."""
        if self.in_transit > ZERO:
            return (
                f"the company has {plain(self.held)} there, of which {plain(self.in_transit)} is of"
                " money that has not reached the bank"
            )
        if self.cash < self.held:
            return f"the bank account has {plain(self.cash)}"
        return f"the company has {plain(self.held)} there"

    @property
    def is_late(self) -> bool:
        """Whether earned fees lie there longer than the law lets them."""
        return self.must_by is not None and self.must_by < self.on

    @property
    def over_limit(self) -> Money:
        """What the company has there above the law's limit for its own money."""
        if self.own_funds_max is None:
            return ZERO
        return max(self.held - self.own_funds_max, ZERO)
