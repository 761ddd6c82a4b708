"""What crosses reconciliation's border: the three figures, and why they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from moneyed import Money

from proptrust.lib.banking import banking_days_between
from proptrust.lib.money import ZERO, total


@dataclass(frozen=True, slots=True)
class OutstandingItem:
    """Money in the journal that the bank has not moved by the day.

    amount: above zero is on its way in, below zero on its way out. line_id: the journal line; for
    money still at a processor it is None, and a receipt or the account's rest is named instead.
    """

    dated_on: date
    amount: Money
    reference: str
    who: str
    memo: str
    line_id: int | None = None
    entry_id: int | None = None
    receipt_id: int | None = None
    days_open: int = 0
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class UnmatchedLine:
    """A bank line up to the day that no journal line answered by then."""

    bank_line_id: int
    posted_on: date
    amount: Money
    description: str
    reference: str
    days_open: int = 0


class Cause(StrEnum):
    """Why bank and book differ, or book and beneficiaries."""

    UNMATCHED_LINE = "the bank moved money that the book does not know"
    BOOKED_LATER = "at the bank by this day, in the book later"
    OPENING = "the first bank balance is not the one the book began with"
    BALANCE_BREAK = "the bank's balances and its lines do not meet"
    OTHER_ACCOUNT = "a line of the book is neither cash, money in transit nor a claim"
    UNEXPLAINED = "no cause was found"


@dataclass(frozen=True, slots=True)
class DifferenceItem:
    """One part of a difference; the parts sum to it exactly. on: the day it began to count."""

    cause: Cause
    on: date
    amount: Money
    text: str
    subject_type: str = ""
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class BeneficiaryHolding:
    """What a beneficiary holds on the day; below zero is overdrawn."""

    beneficiary_id: int
    name: str
    kind: str
    held: Money


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """The three figures of one trust account at the end of a day, each found by its own path.

    statement_balance: the bank's balance from its statements and lines, or None if it told none.
    bank: that balance, plus deposits in transit, less outstanding payments (A). book: cash and
    transit accounts of the journal (B). beneficiaries: the sum of all claims, negatives included
    (C). unmatched bank lines adjust nothing: they are the difference of A and B.
    The lists are empty where only the figures were asked for (queries.figures).
    """

    bank_account_id: int
    book_id: int
    entity_id: int
    account_name: str
    as_of: date
    statement_balance: Money | None
    statement_on: date | None
    cash: Money
    transit: Money
    deposits_in_transit: Money
    outstanding_payments: Money
    beneficiaries: Money
    overdrawn: Money
    unmatched: Money
    since: date | None = None
    link: str = ""
    in_transit_items: Sequence[OutstandingItem] = ()
    outstanding_items: Sequence[OutstandingItem] = ()
    unmatched_lines: Sequence[UnmatchedLine] = ()
    overdrawn_beneficiaries: Sequence[BeneficiaryHolding] = ()
    bank_difference_items: Sequence[DifferenceItem] = ()
    beneficiary_difference_items: Sequence[DifferenceItem] = ()

    @property
    def bank(self) -> Money:
        """A: the bank's balance and what is outstanding; outstanding payments are below zero."""
        return (
            (self.statement_balance or ZERO) + self.deposits_in_transit + self.outstanding_payments
        )

    @property
    def book(self) -> Money:
        """B: cash and money in transit by the journal."""
        return self.cash + self.transit

    @property
    def bank_difference(self) -> Money:
        """A less B."""
        return self.bank - self.book

    @property
    def beneficiary_difference(self) -> Money:
        """B less C."""
        return self.book - self.beneficiaries

    @property
    def is_equal(self) -> bool:
        """Whether bank = book = beneficiaries, to the cent."""
        return self.bank_difference == ZERO and self.beneficiary_difference == ZERO

    @property
    def is_certifiable(self) -> bool:
        """Equal, no beneficiary overdrawn, and the bank has told its balance up to the last day."""
        told_on = self.statement_on
        return (
            self.is_equal
            and self.overdrawn == ZERO
            and told_on is not None
            and (told_on >= self.as_of or banking_days_between(told_on, self.as_of) == 0)
        )

    def explained(self) -> bool:
        """Whether the items of both differences sum to them; true of every full ThreeWay."""
        return (
            total(item.amount for item in self.bank_difference_items) == self.bank_difference
            and total(item.amount for item in self.beneficiary_difference_items)
            == self.beneficiary_difference
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer to a bank line: journal lines whose sum is exactly its amount.

    points: 0 to 100; reasons: criterion to points, as {"key": 60, "amount": 40}. words: what each
    criterion saw. rule: its name and version, as `deposit_slip.1`.
    """

    line_ids: tuple[int, ...]
    points: int
    reasons: Mapping[str, int]
    rule: str
    label: str
    words: Mapping[str, str] = field(default_factory=dict)
