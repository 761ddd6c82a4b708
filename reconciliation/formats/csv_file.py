"""CSV statements: which layout it is, which column is which, and what the running balance proves.

Nothing is guessed. A layout that is not known is read only where the file itself proves the sign;
dates are read only where the whole column has one reading or the layout says which it is.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import StringIO

from reconciliation.formats.csv_mapping import (
    CREDIT_WORDS,
    DEBIT_WORDS,
    Column,
    CsvMapping,
    DateOrder,
    Sign,
    normal,
)
from reconciliation.formats.csv_profiles import (
    HEADERLESS,
    PROFILES,
    SYNONYMS,
    UNSIGNED,
    not_a_statement,
)
from reconciliation.formats.errors import Refused
from reconciliation.formats.text import day_of, one_line, shown, too_many
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement, add

FORMAT = "csv"

_DELIMITERS = (",", ";", "\t", "|")
_ROWS_ABOVE_HEADER = 30
_HEAD = 20_000
_ORDERS: tuple[DateOrder, ...] = ("MDY", "DMY", "YMD")
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?=$|[ T])", re.ASCII)
_YEAR_LAST = re.compile(
    r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}|[0-9]{2})(?=$|[ T,])", re.ASCII
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{6}\S*)?$", re.ASCII)
_MONEY = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})?(?:\.[0-9]{0,10})?", re.ASCII)
_POSITIVE_PAY = re.compile(r"[ICV],\"?[0-9]+\"?,\"?[0-9]+\"?,[0-9]{6,8},[0-9.]+,.*", re.ASCII)
_TOTAL = re.compile(r"\s*(?:sub)?(?:total|balance|saldo|beginning|ending|opening|closing)", re.I)


def read(text: str, mapping: CsvMapping | None = None) -> ParsedFile:
    """Read a CSV statement, by a mapping or else by its layout.

    Raises Refused for a layout that is not known, for a row that cannot be read, and for dates or
    signs that have two readings.
    """
    return _Reader(text, mapping).read()


@dataclass(slots=True)
class _Row:
    line: int
    cells: list[str]
    amount: Decimal | None = None
    balance: Decimal | None = None
    posted_on: date | None = None


@dataclass(slots=True)
class _Account:
    rows: list[_Row] = field(default_factory=list)
    opening: Decimal | None = None
    closing: Decimal | None = None


class _Reader:
    def __init__(self, text: str, mapping: CsvMapping | None) -> None:
        self.text = text
        self.warnings: list[FileWarning] = []
        self.signs: tuple[Sign, ...] = ()
        self.header_line = 0
        self.columns: dict[str, tuple[int, ...]] = {}
        self.delimiter = ","
        self.width = 0
        self.is_generic = False
        self.mapping = self._apply(mapping) if mapping else self._recognise()

    # Which layout

    def _apply(self, mapping: CsvMapping) -> CsvMapping:
        named = {normal(c) for cs in mapping.columns.values() for c in cs if isinstance(c, str)}
        for delimiter in (mapping.delimiter,) if mapping.delimiter else _DELIMITERS:
            head = self._head(delimiter)[mapping.skip_rows :]
            if not mapping.has_header:
                needed = 1 + max(int(c) for cs in mapping.columns.values() for c in cs)
                if head and len(head[0][1]) >= needed:
                    line = head[0][0] - 1
                    return self._settle(mapping, delimiter, line, (), len(head[0][1]))
                continue
            for line, cells in head[:_ROWS_ABOVE_HEADER]:
                header = tuple(normal(cell) for cell in cells)
                if named <= set(header) and any(header):
                    return self._settle(mapping, delimiter, line, header, len(header))
        wanted = ", ".join(sorted(named)) or "as many as the mapping counts"
        reason = f"the columns of mapping {shown(mapping.name)} are not there: {wanted}"
        raise Refused(reason, None, FORMAT)

    def _recognise(self) -> CsvMapping:
        heads = {delimiter: self._head(delimiter) for delimiter in _DELIMITERS}
        for delimiter, head in heads.items():
            for line, cells in head:
                if mapping := self._by_header(delimiter, line, cells):
                    return mapping
        for delimiter, head in heads.items():
            rows = [cells for _, cells in head]
            for layout in HEADERLESS:
                if layout.fits(rows):
                    return self._settle(layout.mapping, delimiter, 0, (), len(rows[0]))
        for delimiter, head in heads.items():
            for line, cells in head:
                if mapping := self._by_words(delimiter, line, cells):
                    return mapping
        raise self._unknown(heads)

    def _by_header(self, delimiter: str, line: int, cells: list[str]) -> CsvMapping | None:
        header = _header(cells)
        names = frozenset(header)
        if len(names) < 3:
            return None
        if other := not_a_statement(names):
            raise Refused(other[1], line, other[0])
        for profile in PROFILES:
            if profile.fits(names):
                return self._settle(profile.mapping, delimiter, line, header, len(header))
        for name, columns in UNSIGNED.items():
            if names == columns:
                reason = (
                    f"the layout of {name} does not say which sign is money in: save a mapping "
                    "for the account that does"
                )
                raise Refused(reason, line, FORMAT)
        return None

    def _by_words(self, delimiter: str, line: int, cells: list[str]) -> CsvMapping | None:
        """A mapping for an unknown layout whose header uses plain words, sign still open."""
        header = _header(cells)
        columns: dict[str, tuple[Column, ...]] = {}
        for role, words in SYNONYMS.items():
            found = [word for word in words if word in header]
            if found:
                columns[role] = tuple(found[: 2 if role == "description" else 1])
        if columns.get("value_on") == columns.get("posted_on"):
            columns.pop("value_on", None)
        if "posted_on" not in columns or "description" not in columns:
            return None
        self.is_generic = True
        if "debit" in columns and "credit" in columns:
            columns.pop("amount", None)
            self.signs = ("columns", "columns_absolute")
        elif "amount" in columns:
            has_words = "direction" in columns
            self.signs = (
                ("direction", "signed", "reversed") if has_words else ("signed", "reversed")
            )
        else:
            return None
        mapping = CsvMapping(columns=columns, sign=self.signs[0], name="unknown layout")
        return self._settle(mapping, delimiter, line, header, len(header))

    def _settle(
        self,
        mapping: CsvMapping,
        delimiter: str,
        line: int,
        header: Sequence[str],
        width: int,
    ) -> CsvMapping:
        self.delimiter, self.header_line, self.width = delimiter, line, width
        for role, columns in mapping.columns.items():
            places = (c if isinstance(c, int) else _place(header, normal(c)) for c in columns)
            found = tuple(place for place in places if place is not None)
            if found:
                self.columns[role] = found
        self.signs = self.signs or (mapping.sign,)
        return mapping

    def _unknown(self, heads: dict[str, list[tuple[int, list[str]]]]) -> Refused:
        widest = max(
            (row for head in heads.values() for row in head[:1]),
            key=lambda row: len(row[1]),
            default=(1, []),
        )
        if all(_POSITIVE_PAY.fullmatch(line) for line in self.text.split("\n") if line.strip()):
            reason = "a positive pay file: checks we issued, not a statement"
            return Refused(reason, None, "positive-pay")
        line, cells = widest
        if len(cells) < 3:
            return Refused("neither a bank file that is known nor a CSV of one", None, None)
        names = ", ".join(shown(cell) for cell in cells[:8])
        reason = f"no layout is known with the columns {names}: save a mapping for the account"
        return Refused(reason, line, FORMAT)

    # Rows

    def _head(self, delimiter: str) -> list[tuple[int, list[str]]]:
        """The first rows, for a look at the layout; broken quotes are found later."""
        rows = csv.reader(StringIO(self.text[:_HEAD]), delimiter=delimiter)
        head: list[tuple[int, list[str]]] = []
        line = 1
        try:
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    head.append((line, cells))
                line = rows.line_num + 1
                if len(head) > _ROWS_ABOVE_HEADER:
                    break
        except csv.Error as error:
            raise Refused(f"broken CSV: {error}", rows.line_num, FORMAT) from error
        # The last row may be cut by the look.
        return head[:-1] if len(self.text) > _HEAD and len(head) <= _ROWS_ABOVE_HEADER else head

    def _rows(self) -> Iterator[_Row]:
        reader = csv.reader(StringIO(self.text), delimiter=self.delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                first, line = line, reader.line_num + 1
                if not any(cell.strip() for cell in cells):
                    continue
                if first > self.header_line:
                    yield _Row(first, [cell.strip() for cell in cells])
        except csv.Error as error:
            raise Refused(f"broken CSV: {error}", reader.line_num, FORMAT) from error

    def _cell(self, row: _Row, role: str) -> str:
        places = self.columns.get(role, ())
        return row.cells[places[0]] if places and places[0] < len(row.cells) else ""

    def read(self) -> ParsedFile:
        accounts: dict[str, _Account] = {}
        left_out: dict[str, int] = {}
        count = 0
        for row in self._rows():
            account = accounts.setdefault(self._cell(row, "account"), _Account())
            if self._is_no_movement(row, account):
                continue
            if status := self._is_left_out(row):
                left_out[status] = left_out.get(status, 0) + 1
                continue
            if len(row.cells) > self.width and any(row.cells[self.width :]):
                reason = f"{len(row.cells)} cells where the header has {self.width}"
                raise Refused(reason, row.line, FORMAT)
            account.rows.append(row)
            count += 1
            too_many(count, row.line, FORMAT)
        for status, number in left_out.items():
            self.warnings.append(FileWarning(f"{number} rows left out: {status}"))
        accounts = {name: account for name, account in accounts.items() if account.rows}
        if not accounts:
            reason = "a header without a row: nothing says the account had no movement"
            raise Refused(reason, self.header_line or None, FORMAT)
        self._read_dates([row for account in accounts.values() for row in account.rows])
        self._read_amounts(accounts)
        statements = [self._statement(name, account) for name, account in accounts.items()]
        return ParsedFile(FORMAT, tuple(statements), tuple(self.warnings))

    def _is_no_movement(self, row: _Row, account: _Account) -> bool:
        """A title, section or balance row; balances are kept for the check."""
        header_again = row.cells and all(
            normal(self._cell(row, role)) == normal(str(columns[0]))
            for role, columns in self.mapping.columns.items()
            if role in ("posted_on", "amount", "debit") and isinstance(columns[0], str)
        )
        if header_again and self.mapping.has_header:
            return True
        has_balance = False
        for role in ("opening_balance", "closing_balance"):
            if text := self._cell(row, role):
                value = self._money(text, row.line, "balance")
                has_balance = True
                if role == "opening_balance":
                    account.opening = value
                else:
                    account.closing = value
        posted = self._cell(row, "posted_on")
        money = [self._cell(row, role) for role in ("amount", "debit", "credit")]
        if posted and any(char.isdigit() for char in posted):
            return False
        if sum(bool(cell) for cell in row.cells) <= 1 or (has_balance and not any(money)):
            return True
        if not any(money) or any(_TOTAL.match(cell) for cell in row.cells):
            self.warnings.append(FileWarning("a row without a date left out", row.line))
            return True
        raise Refused(f"{shown(posted)} is not a date", row.line, FORMAT)

    def _is_left_out(self, row: _Row) -> str | None:
        """The reason why a row is not booked yet, or None."""
        status = self._cell(row, "status")
        booked = self.mapping.booked_words
        if booked and status.lower() not in booked and "status" in self.columns:
            return f"status {shown(status)}"
        if self.mapping.has_pending_without_balance and not self._cell(row, "balance"):
            return "pending, without a balance"
        return None

    # Dates

    def _read_dates(self, rows: list[_Row]) -> None:
        for row in rows:
            text = self._cell(row, "posted_on")
            if not _readings(text):
                raise Refused(f"{shown(text)} is not a date", row.line, FORMAT)
        order = self.mapping.date_order or self._date_order(rows)
        for row in rows:
            text = self._cell(row, "posted_on")
            found = _readings(text)
            posted_on = found.get(order) or (found.get("YMD") if _starts_with_year(text) else None)
            if posted_on is None:
                reason = f"{shown(text)} is not a date in the order {order}"
                raise Refused(reason, row.line, FORMAT)
            row.posted_on = posted_on

    def _date_order(self, rows: list[_Row]) -> DateOrder:
        """The one order in which every date of the column can be read."""
        readings = [_readings(self._cell(row, "posted_on")) for row in rows]
        possible = [order for order in _ORDERS if all(order in found for found in readings)]
        if not possible:
            raise Refused("the dates of the column have no order in common", rows[0].line, FORMAT)
        for row, found in zip(rows, readings, strict=True):
            if len({found[order] for order in possible}) > 1:
                text = self._cell(row, "posted_on")
                both = " or ".join(str(found[order]) for order in possible)
                reason = f"{shown(text)} can be {both}: the column does not decide it"
                raise Refused(reason, row.line, FORMAT)
        return possible[0]

    # Amounts

    def _read_amounts(self, accounts: dict[str, _Account]) -> None:
        for account in accounts.values():
            for row in account.rows:
                if text := self._cell(row, "balance"):
                    row.balance = self._money(text, row.line, "balance")
        if not self.is_generic:
            self._set_amounts(accounts, self.mapping.sign)
            return
        self._prove_sign(accounts)

    def _prove_sign(self, accounts: dict[str, _Account]) -> None:
        """Take the reading of an unknown layout that the file itself proves, if it is one."""
        proven: list[Sign] = []
        plain: Refused | None = None
        for sign in self.signs:
            try:
                self._set_amounts(accounts, sign)
            except Refused as refused:
                plain = plain or refused
                continue
            if any(self._steps(account) for account in accounts.values()) and all(
                not self._breaks(account, is_newest_first=self._order(account))
                for account in accounts.values()
            ):
                proven.append(sign)
        same = {tuple(self._amounts(accounts, sign)) for sign in proven}
        if len(same) == 1:
            self._set_amounts(accounts, proven[0])
            return
        if self.signs[0] in ("columns", "direction"):
            # Two columns and a column of words say the direction themselves.
            self._set_amounts(accounts, self.signs[0])
            return
        if plain is not None:
            raise plain
        reason = "nothing in the file says which sign is money in: save a mapping for the account"
        raise Refused(reason, self.header_line, FORMAT)

    def _amounts(self, accounts: dict[str, _Account], sign: Sign) -> Iterator[Decimal | None]:
        for account in accounts.values():
            for row in account.rows:
                yield self._amount(row, sign)

    def _set_amounts(self, accounts: dict[str, _Account], sign: Sign) -> None:
        for account in accounts.values():
            for row in account.rows:
                row.amount = self._amount(row, sign)

    def _amount(self, row: _Row, sign: Sign) -> Decimal | None:
        """The signed amount of a row; None for a row that only states a balance."""
        if sign in ("columns", "columns_absolute"):
            return self._from_columns(row, is_absolute=sign == "columns_absolute")
        text = self._cell(row, "amount")
        if not text:
            self._need_balance(row)
            return None
        amount = self._money(text, row.line)
        if sign != "direction":
            return amount if sign == "signed" else -amount
        word = self._cell(row, "direction").lower()
        is_debit, is_credit = word in self.mapping.debit_words, word in self.mapping.credit_words
        if not is_debit and not is_credit:
            is_debit = any(len(known) > 2 and known in word for known in DEBIT_WORDS)
            is_credit = any(len(known) > 2 and known in word for known in CREDIT_WORDS)
        if is_debit == is_credit:
            raise Refused(f"{shown(word)} is neither debit nor credit", row.line, FORMAT)
        if amount < 0 and not self._has_balances():
            reason = f"a {word} with a minus sign: {text}"
            raise Refused(reason, row.line, FORMAT)
        return -abs(amount) if is_debit else abs(amount)

    def _has_balances(self) -> bool:
        return self.is_generic and "balance" in self.columns

    def _need_balance(self, row: _Row) -> None:
        if row.balance is None:
            raise Refused("a row with a date but without an amount", row.line, FORMAT)

    def _from_columns(self, row: _Row, *, is_absolute: bool) -> Decimal | None:
        texts = [self._cell(row, "debit"), self._cell(row, "credit")]
        debit, credit = [self._money(text, row.line) if text else None for text in texts]
        if debit and credit:
            raise Refused("a debit and a credit in one row", row.line, FORMAT)
        if debit is None and credit is None:
            self._need_balance(row)
            return None
        if not is_absolute and any(value is not None and value < 0 for value in (debit, credit)):
            text = texts[0] or texts[1]
            reason = f"a minus sign in a column that says the direction already: {text}"
            raise Refused(reason, row.line, FORMAT)
        return -abs(debit) if debit else abs(credit or Decimal(0))

    def _money(self, text: str, line: int, what: str = "amount") -> Decimal:
        value = _money(text, self.mapping.decimal_mark)
        if value is None:
            raise Refused(f"{what} {shown(text)} is not a number", line, FORMAT)
        return value

    # The running balance

    def _steps(self, account: _Account) -> int:
        return sum(row.balance is not None for row in account.rows) - 1

    def _order(self, account: _Account) -> bool:
        """Whether the newest row comes first: what the balances follow best, else the dates."""
        rows = account.rows
        down, up = (len(self._breaks(account, is_newest_first=order)) for order in (True, False))
        if down != up:
            return down < up
        first, last = rows[0].posted_on, rows[-1].posted_on
        return first is not None and last is not None and first > last

    def _breaks(self, account: _Account, *, is_newest_first: bool) -> list[_Row]:
        """The rows whose balance does not follow from the row before them in time."""
        rows = account.rows[::-1] if is_newest_first else account.rows
        breaks: list[_Row] = []
        before: Decimal | None = None
        for row in rows:
            follows = before is None or add((before, row.amount or Decimal(0))) == row.balance
            if row.balance is None or not follows:
                breaks.append(row)
            before = row.balance
        return breaks

    def _statement(self, name: str, account: _Account) -> ParsedStatement:
        opening, closing = account.opening, account.closing
        if "balance" in self.columns and any(row.balance is not None for row in account.rows):
            opening, closing = self._chained(account)
        elif "balance" in self.columns:
            self.warnings.append(FileWarning("the balance column is empty"))
        self._check_directions(account)
        lines = tuple(self._line(row) for row in account.rows if row.amount is not None)
        days = [row.posted_on for row in account.rows if row.posted_on is not None]
        currency = self._currency(account)
        return ParsedStatement(
            account_id=name or None,
            currency=currency,
            opening_balance=opening,
            closing_balance=closing,
            closing_on=max(days) if closing is not None else None,
            from_on=min(days),
            to_on=max(days),
            lines=lines,
            place=f"line {account.rows[0].line}",
        )

    def _chained(self, account: _Account) -> tuple[Decimal | None, Decimal | None]:
        """Opening and closing balance as the running balance gives them."""
        is_newest_first = self._order(account)
        breaks = self._breaks(account, is_newest_first=is_newest_first)
        rows = account.rows[::-1] if is_newest_first else account.rows
        closing = rows[-1].balance
        if not breaks and rows[0].balance is not None:
            return add((rows[0].balance, -(rows[0].amount or Decimal(0)))), closing
        steps = len(rows) - 1
        if steps > 2 and len(breaks) >= steps:
            reason = "the running balance follows from no row: amounts or signs are not as read"
            raise Refused(reason, breaks[0].line, FORMAT)
        text = f"the running balance does not follow in {len(breaks)} of {steps} rows: rows missing"
        self.warnings.append(FileWarning(text, breaks[0].line))
        return None, closing

    def _check_directions(self, account: _Account) -> None:
        """Where amounts are signed and a word says the direction as well, warn if they differ."""
        if self.mapping.sign != "signed" or "direction" not in self.columns or self.is_generic:
            return
        for row in account.rows:
            word = self._cell(row, "direction").lower()
            if not row.amount:
                continue
            is_debit, is_credit = word in DEBIT_WORDS, word in CREDIT_WORDS
            if (is_debit and row.amount > 0) or (is_credit and row.amount < 0):
                text = f"says {word}, its amount is {row.amount}: the sign is taken"
                self.warnings.append(FileWarning(text, row.line))

    def _currency(self, account: _Account) -> str | None:
        found = {self._cell(row, "currency").upper() for row in account.rows} - {""}
        if len(found) > 1:
            names = ", ".join(sorted(found))
            raise Refused(f"rows in several currencies: {names}", account.rows[0].line, FORMAT)
        return found.pop() if found else None

    def _line(self, row: _Row) -> ParsedLine:
        if row.posted_on is None or row.amount is None:
            raise Refused("a row without a date or an amount", row.line, FORMAT)
        places = self.columns.get("description", ())
        words = [row.cells[place] for place in places if place < len(row.cells)]
        value = _readings(self._cell(row, "value_on"))
        order = self.mapping.date_order
        check = self._cell(row, "check_number")
        return ParsedLine(
            posted_on=row.posted_on,
            amount=row.amount,
            place=f"line {row.line}",
            type=one_line(self._cell(row, "type")),
            bank_reference=one_line(self._cell(row, "bank_reference")),
            customer_reference=one_line(self._cell(row, "customer_reference")),
            check_number=check if check.strip("0") else None,
            description=one_line(*words),
            value_on=(value.get(order) if order else None) or value.get("YMD"),
        )


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    """The header cells as they are compared, without empty ones at the end."""
    header = [normal(cell) for cell in cells]
    while header and not header[-1]:
        header.pop()
    return tuple(header)


def _place(header: Sequence[str], name: str) -> int | None:
    return header.index(name) if name in header else None


def _starts_with_year(text: str) -> bool:
    return _YEAR_FIRST.match(text) is not None or _COMPACT.match(text) is not None


def _readings(text: str) -> dict[DateOrder, date]:
    """The days a text can mean, by the order of its parts; empty if it is no date."""
    text = text.strip()
    if found := _YEAR_FIRST.match(text) or _COMPACT.match(text):
        day = day_of(int(found[1]), int(found[2]), int(found[3]))
        return {"YMD": day} if day else {}
    if (found := _YEAR_LAST.match(text)) is None:
        return {}
    first, second, last = int(found[1]), int(found[2]), int(found[3])
    is_short = len(found[3]) == 2
    parts: dict[DateOrder, tuple[int, int, int]] = {
        "MDY": (_year(last, is_short=is_short), first, second),
        "DMY": (_year(last, is_short=is_short), second, first),
    }
    if is_short and len(found[1]) == 2:
        parts["YMD"] = (_year(first, is_short=True), second, last)
    days = {order: day_of(*part) for order, part in parts.items()}
    return {order: day for order, day in days.items() if day}


def _year(number: int, *, is_short: bool) -> int:
    if not is_short:
        return number
    return number + (1900 if number >= 80 else 2000)


def _money(text: str, decimal_mark: str = ".") -> Decimal | None:
    """The number that a cell of money means, or None if it has no single meaning.

    Signs in front or behind, parentheses, CR and DR, the signs of dollar, euro and pound, and
    thousands marks in their places are understood.
    """
    text = text.replace("\u2212", "-").replace("\u00a0", " ").strip()
    is_negative = False
    if text.startswith("(") and text.endswith(")"):
        text, is_negative = text[1:-1].strip(), True
    upper = text.upper()
    if upper.endswith(("CR", "DR")):
        is_negative = is_negative or upper.endswith("DR")
        text = text[:-2].strip()
    signs = ""
    for _ in range(3):
        if text[:1] in ("+", "-"):
            signs, text = signs + text[0], text[1:].strip()
        elif text[-1:] in ("+", "-"):
            signs, text = signs + text[-1], text[:-1].strip()
        elif text[:1] in ("$", "€", "£"):
            text = text[1:].strip()
    if len(signs) > 1 or (signs and is_negative):
        return None
    if decimal_mark == ",":
        text = text.replace(".", "\0").replace(",", ".").replace("\0", ",")
    if not any(char.isdigit() for char in text) or not _MONEY.fullmatch(text):
        return None
    value = Decimal(text.replace(",", ""))
    return -value if is_negative or signs == "-" else value
