"""What a bank file says, as plain facts: no database, no guess.

Amounts are decimals in the currency of the statement; plus is money into the account, minus is
money out of it, whatever sign the file itself uses. What a file does not say is None, never zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

# Wide enough that no sum of a file's amounts is ever rounded.
_PRECISION = 80


def add(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum of amounts; zero when there are none."""
    with localcontext(prec=_PRECISION):
        return sum(amounts, Decimal(0))


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """One movement of a bank account.

    type: the file's own code of what happened (a BAI2 type code, an OFX TRNTYPE ...).
    place: where the line stands in the file, such as "line 212".
    currency: only where the amount is not in the currency of the statement.
    """

    posted_on: date
    amount: Decimal
    place: str
    type: str | None = None
    bank_reference: str | None = None
    customer_reference: str | None = None
    check_number: str | None = None
    description: str | None = None
    value_on: date | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """The lines of one account in one report, with the ledger balances that the report states.

    account_id: as written, so leading zeros and masks stay. bank_id: the routing number, or what
    the file gives in its place. is_intraday: the lines may still change or go away (BAI2 same day
    and interim, camt.052, MT942); they are shown, never booked.
    """

    account_id: str | None = None
    bank_id: str | None = None
    currency: str | None = None
    opening_balance: Decimal | None = None
    opening_on: date | None = None
    closing_balance: Decimal | None = None
    closing_on: date | None = None
    from_on: date | None = None
    to_on: date | None = None
    is_intraday: bool = False
    lines: tuple[ParsedLine, ...] = ()
    place: str | None = None

    @property
    def total(self) -> Decimal:
        """The sum of the lines that are in the statement's own currency."""
        return add(line.amount for line in self.lines if line.currency is None)

    def difference(self) -> Decimal | None:
        """Closing balance less opening balance less lines; None when a balance is not stated."""
        if self.opening_balance is None or self.closing_balance is None:
            return None
        return add((self.closing_balance, -self.opening_balance, -self.total))

    def is_balanced(self) -> bool | None:
        """Whether opening + lines = closing; None when a balance is not stated."""
        difference = self.difference()
        return None if difference is None else difference == 0


@dataclass(frozen=True, slots=True)
class FileWarning:
    """Something odd that does not stop a file from being read. line: counted from one, or None."""

    text: str
    line: int | None = None

    @property
    def place(self) -> str | None:
        """The line in words, such as "line 212"."""
        return f"line {self.line}" if self.line else None

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """All that one file says. format: "bai2", "ofx", "camt.053", "camt.052", "camt.054",
    "mt940", "mt942" or "csv"."""

    format: str
    statements: tuple[ParsedStatement, ...]
    warnings: tuple[FileWarning, ...] = ()
