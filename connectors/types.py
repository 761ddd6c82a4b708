"""What crosses the connectors' border: deliveries in, events for the apps above, actions out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from moneyed import Money

# The header of a stored file that we wrote for the bank ourselves.
SENT_BY_US = "x-proptrust-sent"
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def snake(name: str) -> str:
    """PaymentSettled → payment_settled."""
    return _WORD_START.sub("_", name).lower()


class Channel(StrEnum):
    """How a payment reaches us; each has its own settlement time, fee and way to fail.

    UNKNOWN: the platform's message allows several, and nobody could be asked which it was.
    """

    ACH = "ach"
    CARD = "card"
    CHECK = "check"
    MONEY_ORDER = "money_order"
    CASH = "cash"
    WIRE = "wire"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a platform sent, as it came. headers: names in lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None
    name: str = ""  # Of the file, when it came as one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact that a platform told us.

    key: the platform's own id of the fact, unique in the connection: the same key, the same event.
    at: the moment it happened there, aware. Every event type has a `kind`, its name in snake case.
    loose: names of facts in which two messages about the same event may differ. Platforms send one
    fact in several messages, seconds apart; only what is not loose makes an event another one.
    needs_person: what a person must do, for events that nothing can be made of without one.
    """

    kind: ClassVar[str] = "event"
    needs_person: ClassVar[str] = ""
    loose: ClassVar[frozenset[str]] = frozenset({"at"})

    key: str
    at: datetime

    def __init_subclass__(cls) -> None:
        cls.kind = snake(cls.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent(Event):
    """A fact about one payment.

    payment: the platform's id of the payment, the same in every event about it.
    amount: what the payer gave or gets back, above zero. lease_code, payer, payer_reference: what
    the platform knows of whom it is from (our own code put into metadata; name; its customer id).
    """

    payment: str
    amount: Money
    channel: Channel
    lease_code: str = ""
    payer: str = ""
    payer_reference: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPending(PaymentEvent):
    """The payer has paid, the money is not certain yet (ACH in its first days)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled(PaymentEvent):
    """The platform holds the money for us. fee: what it keeps of it, None when not told yet.

    pays_out: True when the money reaches the bank inside a later remittance (a processor), False
    when it goes to the bank account directly on settles_on (our own ACH file).
    convenience_fee: the part of amount that the payer gave for using a card; None when the
    platform does not tell one.
    """

    fee: Money | None = None
    convenience_fee: Money | None = None
    pays_out: bool = True
    settles_on: date | None = None
    batch: str = ""  # Payments that reach the bank as one credit share it.
    number: str = ""  # Of a check or money order, which lies in the office until it is deposited.


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsDeposited(Event):
    """Checks and money orders were taken to the bank together: one credit on the statement.

    slip: the deposit slip's number. payments: the ids that PaymentSettled gave them; amount: their
    sum as the office knows it.
    """

    slip: str
    amount: Money
    deposited_on: date
    payments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(PaymentEvent):
    """The payment did not happen; no money moved. code: the platform's or Nacha's reason."""

    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturned(PaymentEvent):
    """Money that had been told as settled was taken back (an ACH return).

    code: R01 …, or the platform's word where it gives no Nacha code. fee: what the platform keeps
    for it; a processor's remittance lists it too. batch: returns that reach the bank as one debit.
    """

    loose: ClassVar[frozenset[str]] = frozenset({"at", "returned_on", "batch", "reason"})

    code: str
    reason: str = ""
    returned_on: date | None = None
    batch: str = ""
    fee: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisbursementReturned(PaymentEvent):
    """Money that we had sent to somebody's bank account came back; amount comes to us."""

    loose: ClassVar[frozenset[str]] = frozenset({"at", "returned_on", "batch", "reason"})

    code: str
    reason: str = ""
    returned_on: date | None = None
    batch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnDisputed(PaymentEvent):
    """Two banks disagree over a return: dishonored (R61-R70) or contested (R71-R77).

    What it means for the money is agreed with the bank, so it always goes to a person.
    """

    needs_person: ClassVar[str] = (
        "The banks disagree over this return. Ask your bank what stands, then post it by hand."
    )

    code: str
    reason: str = ""
    return_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(PaymentEvent):
    """We gave money back. amount: of this refund; refunded_in_all: with the earlier ones.

    refund: the platform's id of the refund, empty where its message does not say.
    """

    # Without the refund's own id two refunds may look alike but for the moment.
    loose: ClassVar[frozenset[str]] = frozenset()

    refund: str = ""
    refunded_in_all: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed(PaymentEvent):
    """A refund did not reach the payer; the platform holds the money for us again."""

    refund: str
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDisputed(PaymentEvent):
    """The payer's bank took the money back until a dispute is decided.

    fee: of the dispute; the remittance that pays for it lists it too.
    """

    loose: ClassVar[frozenset[str]] = frozenset({"at", "answer_by", "reason", "description"})

    dispute: str
    reason: str = ""
    fee: Money | None = None
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeClosed(PaymentEvent):
    """A dispute is decided; is_won gives the money back to us.

    fee_returned: what the platform gives back of the dispute's fee.
    """

    loose: ClassVar[frozenset[str]] = frozenset({"at", "fee_returned", "description"})

    dispute: str
    is_won: bool
    fee_returned: Money | None = None


@dataclass(frozen=True, slots=True)
class RemittanceItem:
    """One movement inside a remittance: gross − fee = net; money that comes to us is above zero.

    what: payment, refund (above zero when one failed), dispute (a bank debit's return too; above
    zero when won), fee, reserve, adjustment. payment: the id that PaymentEvents use.
    """

    key: str
    what: str
    gross: Money
    fee: Money
    net: Money
    payment: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittancePaid(Event):
    """A processor sent money to our bank account. amount: what arrives, below zero if it takes.

    items: None until the platform has been asked for them; their net sums to amount.
    """

    loose: ClassVar[frozenset[str]] = frozenset({"at", "trace"})

    remittance: str
    amount: Money
    arrives_on: date
    trace: str = ""
    items: tuple[RemittanceItem, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceFailed(Event):
    """A remittance did not arrive; the processor has the money again."""

    remittance: str
    amount: Money
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDetailsChanged(Event):
    """A notification of change: the payer's bank corrects routing or account number (C01 …).

    corrected: the fields and their new values, to be shown to a person; empty where only the code
    speaks, as when a test entry came back (R03 …). correct_by: the last day to do so if no entry
    goes out earlier.
    """

    loose: ClassVar[frozenset[str]] = frozenset({"at", "correct_by"})

    payment: str
    code: str
    payer: str = ""
    payer_reference: str = ""
    corrected: Mapping[str, str] = field(default_factory=dict)
    correct_by: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something we ask a platform to do. key: repeats are the same action.

    Every action type has a `kind`, its name in snake case, which is also the connector's method.
    """

    kind: ClassVar[str] = "action"

    key: str

    def __init_subclass__(cls) -> None:
        cls.kind = snake(cls.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectPayment(Action):
    """Take a payment from a stored method that the payer has authorised."""

    amount: Money
    channel: Channel
    payer_reference: str
    method_reference: str
    lease_code: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRemittance(Action):
    """Ask for the items of a remittance; answered by a tuple of RemittanceItem."""

    remittance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPayment(Action):
    """Ask how a payment was made; answered by PaymentDetails."""

    payment: str


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """What a platform says of a payment when asked. fee: None when it is not known yet."""

    channel: Channel
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A platform's answer to an action: its id of what it made, and the answer as it came."""

    vendor_id: str
    raw: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """Published for each new event, inside its transaction; apps above hear the event types.

    `proptrust.lib.events.publish` receives this wrapper: connection and entity the event came by.
    """

    connection_id: int
    entity_id: int
    slug: str
    event_id: int  # Of connectors.models.Event.
    event: Event


@dataclass(frozen=True, slots=True)
class FileHandedOver:
    """Published when a file of ours was given to the bank, in the same transaction."""

    request_id: int


EVENTS: Mapping[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        PaymentPending,
        PaymentSettled,
        PaymentsDeposited,
        PaymentFailed,
        PaymentReturned,
        DisbursementReturned,
        ReturnDisputed,
        PaymentRefunded,
        RefundFailed,
        PaymentDisputed,
        DisputeClosed,
        RemittancePaid,
        RemittanceFailed,
        BankDetailsChanged,
    )
}
ACTIONS: Mapping[str, type[Action]] = {
    cls.kind: cls for cls in (CollectPayment, FetchRemittance, FetchPayment)
}
