"""What crosses the ledger's border."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from moneyed import Money


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line to post. amount: a debit is above zero, a credit below."""

    book_id: int
    account_id: int
    amount: Money
    beneficiary_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One journal entry to post.

    key: unique in the entity for ever, e.g. `receipt:812:settled`. kind: a value of Entry.Kind.
    adjusts_id: the closed period that a late fact belongs to (ledger.queries.dated_for gives it).
    """

    entity_id: int
    key: str
    kind: str
    dated_on: date
    memo: str
    lines: Sequence[NewLine]
    posted_by_id: int | None = None
    adjusts_id: int | None = None


@dataclass(frozen=True, slots=True)
class BeneficiaryBalance:
    """What a book holds for a beneficiary: above zero is owed to them, below zero is overdrawn."""

    book_id: int
    beneficiary_id: int
    held: Money


@dataclass(frozen=True, slots=True)
class TrustEquation:
    """Both sides of a trust book.

    cash: its bank account's balance; transit: money on its way to it; held: the sum of all claims
    (above zero is owed to beneficiaries), of which overdrawn is the sum of the negative ones.
    """

    book_id: int
    cash: Money
    transit: Money
    held: Money
    overdrawn: Money

    @property
    def book(self) -> Money:
        """Cash and money in transit."""
        return self.cash + self.transit

    @property
    def difference(self) -> Money:
        """Book less beneficiaries; PostgreSQL keeps it at zero."""
        return self.book - self.held
