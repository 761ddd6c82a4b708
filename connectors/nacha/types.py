"""What a NACHA file says, once read. Amounts are cents inside, `Money` outside."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from moneyed import Money

from proptrust.lib.money import from_cents

CREDIT_DIGITS = frozenset("1234")
PRENOTE_DIGITS = frozenset("38")
RETURN_DIGITS = frozenset("16")
ZERO_DOLLAR_DIGITS = frozenset("49")
# First digit: checking, savings, general ledger, loan. Loan accounts take credits, and debits
# only as the reversal of one (55, returned as 56).
ACCOUNT_DIGITS = {"2": "checking", "3": "savings", "4": "ledger", "5": "loan"}
LOAN_CODES = frozenset({"51", "52", "53", "54", "55", "56"})
ADV_CODES = frozenset({"81", "82", "83", "84", "85", "86", "87", "88"})
TRANSACTION_CODES = (
    frozenset(first + second for first in "234" for second in "12346789") | LOAN_CODES | ADV_CODES
)


class NachaError(ValueError):
    """Something about a NACHA file is wrong."""


class Refused(NachaError):
    """A file that cannot be read safely: the reason, and the line that shows it.

    line: 1-based line of the file; for a file without line ends the number of the record; None
    where no single line is to blame.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Warned:
    """Something odd that changes no money: read all the same. line: as in `Refused`."""

    text: str
    line: int | None = None

    def __str__(self) -> str:
        return self.text if self.line is None else f"line {self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a dishonored (R61-R70) or contested (R71-R77) return says of the return before it.

    Settlement days are days of the year. The reasons are codes like "R07".
    """

    return_trace: str | None
    return_settlement_day: int | None
    return_reason: str | None
    returned_on: date | None = None
    original_settlement_day: int | None = None
    dishonored_trace: str | None = None
    dishonored_settlement_day: int | None = None
    dishonored_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Addenda:
    """One addenda record: payment text (02, 05, 10-18), a change (98) or a return (99)."""

    type: str
    line: int
    text: str = ""
    sequence: int | None = None
    trace: str | None = None
    return_code: str | None = None
    change_code: str | None = None
    original_trace: str | None = None
    corrected_data: str | None = None
    date_of_death: date | None = None
    original_rdfi: str | None = None
    # International returns repeat the amount of the forward entry.
    original_cents: int | None = None
    dispute: Dispute | None = None
    # Of a refused notification (C61-C69): the change code that is refused, and the last seven
    # digits of the notification's trace number.
    refused_change_code: str | None = None
    refused_sequence: str | None = None

    @property
    def is_dishonored(self) -> bool:
        """Whether our side's bank sent the return back (R61-R70)."""
        return self.return_code is not None and "R61" <= self.return_code <= "R70"

    @property
    def is_contested(self) -> bool:
        """Whether the receiver's bank insists on its return (R71-R77)."""
        return self.return_code is not None and "R71" <= self.return_code <= "R77"


@dataclass(frozen=True, slots=True)
class AchEntry:
    """One 6 record with its addenda. Text is stripped; what is blank in the file is empty here.

    routing_number: nine digits. trace: 15 digits. id_number: our own reference on what we sent.
    """

    transaction_code: str
    routing_number: str
    account: str
    cents: int
    id_number: str
    name: str
    discretionary: str
    trace: str
    line: int
    addenda: tuple[Addenda, ...] = ()

    @property
    def amount(self) -> Money:
        """The amount, never below zero: `is_debit` tells the direction."""
        return from_cents(self.cents)

    @property
    def is_debit(self) -> bool:
        """Whether it takes money out of the receiver's account (for a return: took)."""
        return is_debit_code(self.transaction_code)

    @property
    def is_prenote(self) -> bool:
        """Whether it is a zero-dollar test of the account before the first live entry."""
        return self.transaction_code[1] in PRENOTE_DIGITS and self.transaction_code[0] != "8"

    @property
    def return_addenda(self) -> Addenda | None:
        """The last addenda 99: the newest word when return and dispute stand side by side."""
        return next((item for item in reversed(self.addenda) if item.return_code), None)

    @property
    def change_addenda(self) -> Addenda | None:
        """The addenda 98 of a notification of change."""
        return next((item for item in self.addenda if item.change_code), None)

    @property
    def is_return(self) -> bool:
        """Whether it brings an entry back; the addenda decides, as banks keep old codes."""
        return self.return_addenda is not None

    @property
    def is_notification(self) -> bool:
        """Whether it is a notification of change or the refusal of one."""
        return self.change_addenda is not None

    @property
    def account_type(self) -> str:
        """checking, savings, ledger or loan; empty for accounting advices."""
        return ACCOUNT_DIGITS.get(self.transaction_code[0], "")


@dataclass(frozen=True, slots=True)
class Control:
    """The totals that an 8 or 9 record claims; they were checked when the file was read."""

    count: int
    entry_hash: int
    debit_cents: int
    credit_cents: int
    line: int
    # Of a file control only.
    batches: int | None = None
    blocks: int | None = None

    @property
    def debits(self) -> Money:
        """The claimed total of debits."""
        return from_cents(self.debit_cents)

    @property
    def credits(self) -> Money:
        """The claimed total of credits."""
        return from_cents(self.credit_cents)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. effective_on and settlement_day (day of the year) are None where not given."""

    service_class: str
    company_name: str
    discretionary: str
    company_id: str
    sec: str
    entry_description: str
    descriptive_date: str
    effective_on: date | None
    settlement_day: int | None
    originator_status: str
    odfi: str
    number: int
    line: int
    entries: tuple[AchEntry, ...]
    control: Control | None

    @property
    def debits(self) -> Money:
        """The sum of the debit entries."""
        return from_cents(sum(entry.cents for entry in self.entries if entry.is_debit))

    @property
    def credits(self) -> Money:
        """The sum of the credit entries."""
        return from_cents(sum(entry.cents for entry in self.entries if not entry.is_debit))

    @property
    def is_reversal(self) -> bool:
        """Whether the batch undoes entries sent before."""
        return self.entry_description.upper() == "REVERSAL"


@dataclass(frozen=True, slots=True)
class AchFile:
    """A file that was read: header, batches, control and what was odd about it."""

    immediate_destination: str
    immediate_origin: str
    created_on: date | None
    created_time: str
    file_id_modifier: str
    destination_name: str
    origin_name: str
    reference: str
    batches: tuple[Batch, ...]
    control: Control | None
    warnings: tuple[Warned, ...] = field(default=())

    @property
    def entries(self) -> Iterator[tuple[Batch, AchEntry]]:
        """Every entry with its batch, in file order."""
        return ((batch, entry) for batch in self.batches for entry in batch.entries)

    @property
    def returns(self) -> Iterator[tuple[Batch, AchEntry]]:
        """The entries that bring an entry back, disputes of a return included."""
        return ((batch, entry) for batch, entry in self.entries if entry.is_return)

    @property
    def notifications(self) -> Iterator[tuple[Batch, AchEntry]]:
        """The notifications of change, refused ones included."""
        return ((batch, entry) for batch, entry in self.entries if entry.is_notification)


def is_debit_code(transaction_code: str) -> bool:
    """Whether a transaction code takes money out of the account; ADV codes: even is a debit."""
    if transaction_code[0] == "8":
        return transaction_code in {"82", "84", "86", "88"}
    return transaction_code[1] not in CREDIT_DIGITS
