"""Read a platform's CSV file with care: a wrong cell is Unreadable, with its row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from moneyed import Money

from connectors.errors import Unreadable
from proptrust.lib.money import usd

MOST_ROWS = 50_000
_LARGEST = Decimal(10) ** 10


class Row:
    """One row of a CSV file. number: its place in the file, the header row is 1."""

    def __init__(self, number: int, cells: dict[str, str]) -> None:
        self.number = number
        self._cells = cells

    def fail(self, column: str, reason: str) -> Unreadable:
        """The error for a cell, to be raised by the caller."""
        return Unreadable(f"row {self.number}, column {column}: {reason}")

    def optional_text(self, column: str, *, limit: int = 200) -> str:
        """The text of a cell, blanks around it left out."""
        text = self._cells[column].strip()
        if len(text) > limit:
            raise self.fail(column, f"longer than {limit} characters")
        if not text.isprintable():
            raise self.fail(column, "has characters that cannot be printed")
        return text

    def text(self, column: str, *, limit: int = 200) -> str:
        """The text of a cell that must not be empty."""
        if text := self.optional_text(column, limit=limit):
            return text
        raise self.fail(column, "is empty")

    def amount(self, column: str, *, at_least: str = "0.01") -> Money:
        """An amount of US dollars such as `1250.00` or `1,250.00`, in whole cents."""
        text = self.text(column, limit=20)
        try:
            amount = Decimal(text.replace(",", ""))
        except InvalidOperation:
            raise self.fail(column, f"{text!r} is not an amount") from None
        if not amount.is_finite() or amount != amount.quantize(Decimal("0.01")):
            raise self.fail(column, f"{text!r} is not a whole number of cents")
        if not Decimal(at_least) <= amount < _LARGEST:
            raise self.fail(column, f"{text!r} must be {at_least} or more")
        return usd(amount)

    def day(self, column: str) -> date:
        """A day as 2026-03-31."""
        text = self.text(column, limit=10)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.fail(column, f"{text!r} is not a day such as 2026-03-31") from None

    def moment(self, column: str) -> datetime:
        """A moment as 2026-03-31T16:40:00Z; without a zone it is UTC."""
        text = self.text(column, limit=40)
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise self.fail(column, f"{text!r} is not a moment") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def rows(body: bytes, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file in UTF-8 whose header has these columns, in any order.

    Raises Unreadable for another encoding, a missing column, a short or long row, or no rows.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is not UTF-8: byte {error.start}") from error
    if "\x00" in text:
        raise Unreadable("the file holds NUL characters: it is no text")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in columns if name not in header]:
            raise Unreadable(f"row 1: the column {missing[0]} is missing")
        count = 0
        for cells in reader:
            if not cells:
                continue
            count += 1
            if count > MOST_ROWS:
                raise Unreadable(f"the file has more than {MOST_ROWS} rows")
            if len(cells) != len(header):
                place = f"row {count + 1}"
                raise Unreadable(f"{place}: {len(cells)} cells, the header has {len(header)}")
            yield Row(count + 1, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise Unreadable(f"row {reader.line_num}: {error}") from error
    if not count:
        raise Unreadable("the file has no rows below its header")
