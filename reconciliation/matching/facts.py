"""What the rules look at: open bank lines and open money of the journal, as plain columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


def normal(key: str) -> str:
    """A key or token as it is compared: capitals, no blanks, numbers without leading zeros."""
    plain = "".join(key.upper().split())
    return plain.lstrip("0") or "0" if plain.isdigit() else plain


@dataclass(frozen=True, slots=True)
class OpenBankLine:
    """A final bank line without a match. amount: whole cents, above zero is into the account.

    fields: the references that the bank gives in fields of their own; tokens: words and numbers of
    all its texts, both in capitals, numbers without leading zeros. words: those that look like
    a name.
    """

    id: int
    posted_on: date
    cents: int
    type: str
    check_number: str
    text: str
    fields: frozenset[str]
    tokens: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class OpenMoney:
    """Journal lines that reach the bank as one movement: a deposit slip, a batch, a single receipt.

    keys: what identifies it at the bank, by the kind of key ("slip", "trace", "batch", "check",
    "remittance"). entry_id: None for a group of several entries. names: payers or payees.
    """

    line_ids: tuple[int, ...]
    dated_on: date
    cents: int
    what: str
    keys: Mapping[str, frozenset[str]]
    label: str
    words: frozenset[str] = frozenset()
    entry_id: int | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """All that is open on one bank account; a batch stands beside its single receipts."""

    bank_account_id: int
    lines: Sequence[OpenBankLine]
    money: Sequence[OpenMoney]
