"""The rows of a trust report: everything that is printed, computed before anything is laid out.

Amounts are decimal strings with two places, below zero with a minus; days are ISO dates. The tree
is frozen and plain, so that the same facts always give the same canonical JSON
(statements.canonical). Sections follow the union of what state forms ask for; the numbers in the
docstrings are the sections of the printed report.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cover:
    """Whose account, which days, and which state of knowledge."""

    report_id: int
    version: int
    supersedes: str
    entity: str
    state: str
    licence_number: str
    broker_of_record: str
    bank: str
    account_title: str
    account_number_masked: str
    account_type: str
    from_on: str
    to_on: str
    known_at: str
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True)
class Result:
    """Section 1: the three figures, each by its own path, and both differences."""

    statement_balance: str
    deposits_in_transit: str
    deposits_in_transit_count: int
    outstanding_payments: str
    outstanding_payments_count: int
    adjusted_bank: str  # A
    book: str  # B
    beneficiaries_positive: str
    beneficiaries_positive_count: int
    beneficiaries_negative: str
    beneficiaries_negative_count: int
    beneficiaries: str  # C
    bank_less_book: str
    book_less_beneficiaries: str
    outcome: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransitRow:
    """Sections 2 and 3: a movement that the books have and the bank does not show yet."""

    dated_on: str
    reference: str
    party: str
    what: str
    amount: str
    days_open: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class OtherRow:
    """Section 4: one part of a difference between the three figures; the parts sum to it."""

    since_on: str
    cause: str
    text: str
    amount: str
    days_open: int
    work_item: str


@dataclass(frozen=True, slots=True)
class JournalRow:
    """Section 5: a claim line of an entry, or an entry that only moves money in the account."""

    dated_on: str
    entry: int
    kind: str
    memo: str
    beneficiary: str
    money_in: str
    money_out: str
    balance: str


@dataclass(frozen=True, slots=True)
class BeneficiaryRow:
    """Section 6: one beneficiary's opening, movements and closing."""

    reference: str
    name: str
    kind: str
    opening: str
    money_in: str
    money_out: str
    closing: str
    last_activity: str


@dataclass(frozen=True, slots=True)
class SubtotalRow:
    """Section 6: the sum of a kind of beneficiary."""

    kind: str
    count: int
    opening: str
    money_in: str
    money_out: str
    closing: str


@dataclass(frozen=True, slots=True)
class NegativeRow:
    """Section 7: a beneficiary that was overdrawn on days of the period, cured or not."""

    reference: str
    name: str
    from_on: str
    to_on: str
    lowest: str
    is_cured: bool
    cause: str


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """Section 8: a work item open at the end of the period, or closed in it."""

    number: str
    kind: str
    title: str
    reason: str
    amount: str
    opened_on: str
    days_open: int
    closed_on: str
    closed_how: str


@dataclass(frozen=True, slots=True)
class LateRow:
    """Section 9: an entry dated in an earlier period that became known after it was reported."""

    dated_on: str
    known_at: str
    entry: int
    memo: str
    amount: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Section 10: who could do what."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Section 12: a bank statement file that the bank's figures come from."""

    name: str
    format: str
    received_at: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Integrity:
    """Section 12: what the figures can be checked against."""

    last_entry: int
    last_entry_digest: str
    entries: int
    lines: int
    lines_digest: str
    period_digest: str
    software: str


@dataclass(frozen=True, slots=True)
class TrustReportRows:
    """A whole trust report; opening + money_in − money_out = closing, and closing is B."""

    cover: Cover
    result: Result
    deposits_in_transit: tuple[TransitRow, ...]
    outstanding_payments: tuple[TransitRow, ...]
    other_items: tuple[OtherRow, ...]
    opening: str
    money_in: str
    money_out: str
    closing: str
    journal: tuple[JournalRow, ...]
    beneficiaries: tuple[BeneficiaryRow, ...]
    subtotals: tuple[SubtotalRow, ...]
    negatives: tuple[NegativeRow, ...]
    exceptions: tuple[ExceptionRow, ...]
    late_entries: tuple[LateRow, ...]
    people: tuple[PersonRow, ...]
    sources: tuple[SourceRow, ...]
    integrity: Integrity
