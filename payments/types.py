"""What crosses the border of payments: new payments in, facts about them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from moneyed import Money

from ledger.types import NewLine


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayment:
    """One bank payment to make.

    key: unique in the entity; the same key is the same payment. book_id: whose bank account pays.
    method, purpose: of Payment. amount: above zero, whole cents. routing_number, account_number:
    the payee's, for ACH. is_firm: whether that is a firm's account; None: a bill's payee, or a name
    with a legal form (LLC). number: of a check; empty takes the next one of the book's stock.
    memo: printed on the check. replaces_id: the payment that this one is instead of.
    """

    entity_id: int
    book_id: int
    key: str
    method: str
    purpose: str
    payee: str
    amount: Money
    dated_on: date
    payee_address: str = ""
    payee_code: str = ""
    routing_number: str = ""
    account_number: str = ""
    is_savings: bool = False
    is_firm: bool | None = None
    number: str = ""
    memo: str = ""
    replaces_id: int | None = None


# A payment, whose claims in its book pay it (beneficiary id to what each gives, above zero), and
# the lines of other books that belong to the same fact.
Ordered = tuple[NewPayment, Mapping[int, Money], Sequence[NewLine]]


@dataclass(frozen=True, slots=True)
class PaymentCameBack:
    """Published when the bank brought a payment back: its entry is mirrored in all books."""

    payment_id: int
    entity_id: int
    purpose: str
    key: str
    code: str
    on: date


@dataclass(frozen=True, slots=True)
class PaymentVoided:
    """Published when a payment was voided or stopped: its entry is reversed."""

    payment_id: int
    entity_id: int
    purpose: str
    key: str
    on: date
    why: str


@dataclass(frozen=True, slots=True)
class PaymentCleared:
    """Published when bank lines were matched with payments; once for all of them."""

    payment_ids: tuple[int, ...]
    on: date


@dataclass(frozen=True, slots=True)
class PaymentUncleared:
    """Published when the match of payments was undone; they are outstanding again."""

    payment_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PaymentReissued:
    """Published when a payment was replaced; the old one came back or was voided before."""

    old_id: int
    new_id: int


@dataclass(frozen=True, slots=True)
class PaymentUnclaimed:
    """Published when a stale check's money was set aside for its payee; to whom it stays paid."""

    payment_id: int
    entity_id: int
    purpose: str
    key: str
    on: date
