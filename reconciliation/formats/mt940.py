"""MT940 and MT942 of SWIFT: end-of-day statements and interim reports, as fields :NN:.

The sign follows the mark alone: C and RD put money in, D and RC take it out. Every statement of a
file stands by itself, and the balance of each proves the signs.

Source: SWIFT MT940/MT942 as described in our fact sheet, read 2026-11-22; the layouts of several
banks in public test files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from reconciliation.formats.errors import Refused
from reconciliation.formats.text import day_of, one_line, shown, too_many
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement, add

FORMAT = "mt940"
INTERIM = "mt942"

# A line that begins with a colon and digits can be text (":08 card"): only known tags are tags.
_FIELD = re.compile(
    r":(20|21|25P?|28C?|NS|NSF|34F|13D?|60[FM]|61|62[FM]|64|65|86|90[CD]):(.*)", re.ASCII
)
_BLOCK = re.compile(r"^\x01?(?:\{[1-5]:[^{}]*\}?)+|^-?\}?(?:\{5:.*)?$", re.ASCII)
_LINE = re.compile(
    r"([0-9]{6})([0-9]{4})?[ ]*(R?[CD]|E[CD])([A-Z])?([0-9]{1,15}(?:,[0-9]{0,6})?)"
    r"([NSF][A-Z0-9]{3})(.*)",
    re.ASCII,
)
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})?([0-9]{1,15}(?:,[0-9]{0,6})?)", re.ASCII)
_COUNTED = re.compile(r"([0-9]{1,5})([A-Z]{3})([0-9]{1,15}(?:,[0-9]{0,6})?)", re.ASCII)
_SUBFIELD = re.compile(r"\?([0-9]{2})", re.ASCII)
_CREDITS = frozenset({"C", "RD"})
_EXPECTED = frozenset({"EC", "ED"})
_CHECK_TYPE = "NCHK"
_HALF_A_YEAR = timedelta(days=183)


def read(text: str) -> ParsedFile:
    """Read an MT940 or MT942 file. Raises Refused where a line, an amount or a balance cannot be
    read, and where a statement ends before its closing balance."""
    return _Reader().read(text)


@dataclass(slots=True)
class _Field:
    tag: str
    line: int
    texts: list[str]


@dataclass(slots=True)
class _Balance:
    amount: Decimal
    currency: str | None
    day: date


@dataclass(slots=True)
class _Line:
    """A :61: with the :86: that explains it."""

    line: int
    posted_on: date
    value_on: date
    amount: Decimal
    type: str
    customer_reference: str | None
    bank_reference: str | None
    supplement: list[str]
    info: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Statement:
    line: int
    account: str | None = None
    opening: _Balance | None = None
    closing: _Balance | None = None
    currency: str | None = None
    lines: list[_Line] = field(default_factory=list)
    counts: dict[str, tuple[int, Decimal, int]] = field(default_factory=dict)
    is_interim: bool = False
    expected: int = 0
    end: int = 0


class _Reader:
    def __init__(self) -> None:
        self.statements: list[ParsedStatement] = []
        self.warnings: list[FileWarning] = []
        self.statement: _Statement | None = None
        self.can_explain = False  # An :86: now belongs to the last :61:.
        self.count = 0
        self.has_interim = False

    def read(self, text: str) -> ParsedFile:
        for item in _fields(text, self.warnings):
            self._take(item)
        self._keep()
        if not self.statements:
            raise Refused("there is no statement in the file", None, FORMAT)
        name = INTERIM if self.has_interim else FORMAT
        return ParsedFile(name, tuple(self.statements), tuple(self.warnings))

    def _warn(self, text: str, line: int | None) -> None:
        self.warnings.append(FileWarning(text, line))

    def _take(self, item: _Field) -> None:
        if item.tag == "20":
            self._keep()
            self.statement = _Statement(item.line)
            self.can_explain = False
            return
        if item.tag == "-":
            self._keep()
            return
        if self.statement is None:
            reason = f"field :{item.tag}: stands outside a statement: no :20: above it"
            raise Refused(reason, item.line, FORMAT)
        self.statement.end = item.line
        self._fill(self.statement, item)

    def _fill(self, statement: _Statement, item: _Field) -> None:
        first = item.texts[0].strip()
        if item.tag == "61":
            self._line(statement, item)
        elif item.tag == "86":
            if self.can_explain and statement.lines:
                statement.lines[-1].info += item.texts
        elif item.tag in ("25", "25P"):
            statement.account = one_line(*item.texts)
        elif item.tag.startswith("60"):
            statement.opening = self._balance(first, item.line)
        elif item.tag.startswith("62"):
            statement.closing = self._balance(first, item.line)
        elif item.tag == "34F":
            statement.is_interim = True
            statement.currency = first[:3] if first[:3].isalpha() else None
        elif item.tag in ("90C", "90D"):
            statement.is_interim = True
            self._counted(statement, item.tag, first, item.line)
        elif item.tag in ("13", "13D"):
            statement.is_interim = True
        if item.tag not in ("61", "86", "NS", "NSF"):
            self.can_explain = False

    def _line(self, statement: _Statement, item: _Field) -> None:
        found = _LINE.fullmatch(item.texts[0].rstrip())
        if found is None:
            raise Refused(f"{shown(item.texts[0])} is not a movement", item.line, FORMAT)
        value, entry, mark, _, amount, kind, references = found.groups()
        self.can_explain = mark not in _EXPECTED
        if mark in _EXPECTED:
            statement.expected += 1
            return
        value_on = self._day(value, item.line)
        customer, _, bank = references.partition("//")
        statement.lines.append(
            _Line(
                line=item.line,
                posted_on=self._entry_day(entry, value_on, item.line),
                value_on=value_on,
                amount=_decimal(amount) if mark in _CREDITS else -_decimal(amount),
                type=kind,
                customer_reference=_reference(customer),
                bank_reference=_reference(bank),
                supplement=item.texts[1:],
            )
        )
        self.count += 1
        too_many(self.count, item.line, FORMAT)

    def _day(self, text: str, line: int) -> date:
        """A date YYMMDD. Banks write 30 February and 31 November: the last day of the month."""
        year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
        found = self._day_of(year + (1900 if year >= 80 else 2000), month, day, text, line)
        if found is None:
            raise Refused(f"{shown(text)} is not a date", line, FORMAT)
        return found

    def _day_of(self, year: int, month: int, day: int, text: str, line: int) -> date | None:
        found = day_of(year, month, day)
        if found is None and 28 < day <= 31 and 1 <= month <= 12:
            found = next(day_of(year, month, n) for n in (30, 29, 28) if day_of(year, month, n))
            if found is not None:
                self._warn(f"there is no day {text}: read as {found}", line)
        return found

    def _entry_day(self, text: str | None, value_on: date, line: int) -> date:
        """The entry date MMDD, in the year that brings it nearest to the value date."""
        if text is None:
            return value_on
        month, day, year = int(text[:2]), int(text[2:]), value_on.year
        if month == 2 and day == 29:
            days = [day_of(year + n, 2, 29) for n in (-1, 0, 1)]
            near = [found for found in days if found and abs(found - value_on) < _HALF_A_YEAR]
            if near:
                return near[0]
        posted_on = self._day_of(year, month, day, text, line)
        if posted_on is None:
            raise Refused(f"{shown(text)} is not a month and a day", line, FORMAT)
        if posted_on - value_on > _HALF_A_YEAR:
            return posted_on.replace(year=year - 1)
        if value_on - posted_on > _HALF_A_YEAR:
            return posted_on.replace(year=year + 1)
        return posted_on

    def _balance(self, text: str, line: int) -> _Balance:
        found = _BALANCE.fullmatch(text)
        if found is None:
            raise Refused(f"{shown(text)} is not a balance", line, FORMAT)
        mark, day, currency, amount = found.groups()
        if currency is None:
            self._warn("a balance without a currency", line)
        value = _decimal(amount)
        return _Balance(value if mark == "C" else -value, currency, self._day(day, line))

    def _counted(self, statement: _Statement, tag: str, text: str, line: int) -> None:
        if found := _COUNTED.fullmatch(text):
            count, _, amount = found.groups()
            statement.counts[tag] = (int(count), _decimal(amount), line)
        else:
            self._warn(f"count and sum {shown(text)} cannot be read", line)

    def _keep(self) -> None:
        statement, self.statement = self.statement, None
        if statement is None:
            return
        is_interim = statement.is_interim and statement.opening is None
        self.has_interim = self.has_interim or is_interim
        if not is_interim:
            self._check_balances(statement)
        self._check_counts(statement)
        if statement.expected:
            text = f"{statement.expected} expected movements left out: not booked"
            self._warn(text, statement.line)
        opening, closing = statement.opening, statement.closing
        currency = (
            statement.currency
            or (opening.currency if opening else None)
            or (closing.currency if closing else None)
        )
        self.statements.append(
            ParsedStatement(
                account_id=statement.account,
                currency=currency,
                opening_balance=opening.amount if opening else None,
                opening_on=opening.day if opening else None,
                closing_balance=closing.amount if closing else None,
                closing_on=closing.day if closing else None,
                is_intraday=is_interim,
                lines=tuple(_parsed(line) for line in statement.lines),
                place=f"line {statement.line}",
            )
        )

    def _check_balances(self, statement: _Statement) -> None:
        opening, closing = statement.opening, statement.closing
        if closing is None:
            reason = "the statement ends without a closing balance (:62F:): it is cut off"
            raise Refused(reason, statement.end or statement.line, FORMAT)
        if opening is None:
            self._warn("the statement has no opening balance (:60F:)", statement.line)
        if opening and opening.currency and closing.currency not in (None, opening.currency):
            reason = f"opens in {opening.currency} and closes in {closing.currency}"
            raise Refused(reason, statement.end, FORMAT)

    def _check_counts(self, statement: _Statement) -> None:
        """The number and sum of debits and credits of an interim report, where it gives them."""
        for tag, (count, amount, line) in statement.counts.items():
            is_credit = tag == "90C"
            lines = [item.amount for item in statement.lines if (item.amount > 0) == is_credit]
            if (len(lines), abs(add(lines))) != (count, amount):
                text = f":{tag}: says {count} with {amount}, there are {len(lines)} with "
                self._warn(f"{text}{abs(add(lines))}", line)


def _fields(text: str, warnings: list[FileWarning]) -> Iterator[_Field]:
    """The fields of a file with the lines that continue them; "-" ends a statement."""
    item: _Field | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        body = raw.strip("\x01\x03").rstrip()
        if body.startswith(("\x01", "{")):
            body = _BLOCK.sub("", body)
        if found := _FIELD.match(body):
            if item is not None:
                yield item
            item = _Field(found[1], number, [found[2]])
        elif re.match(r"-(?:\}|$|X{3}$)", body):
            if item is not None:
                yield item
                yield _Field("-", number, [""])
            item = None
        elif item is not None:
            if body:
                item.texts.append(body)
        elif re.match(r":[0-9]{2,4}[A-Z]?:", body):
            warnings.append(FileWarning(f"{shown(body)} is not a field of a statement", number))
    if item is not None:
        yield item


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ".").removesuffix("."))


def _reference(text: str) -> str | None:
    found = one_line(text)
    return None if found is None or found.upper() == "NONREF" else found


def _parsed(line: _Line) -> ParsedLine:
    is_check = line.type == _CHECK_TYPE and (line.customer_reference or "").isdigit()
    return ParsedLine(
        posted_on=line.posted_on,
        amount=line.amount,
        place=f"line {line.line}",
        type=line.type,
        bank_reference=line.bank_reference,
        customer_reference=line.customer_reference,
        check_number=line.customer_reference if is_check else None,
        description=one_line(*line.supplement, _info(line.info)),
        value_on=line.value_on,
    )


def _info(texts: list[str]) -> str | None:
    """The text of an :86:. Where it is cut into ?NN parts, lines and parts may break a word, so
    the lines are joined first; the parts with bank and account number stay in it too."""
    if not any(_SUBFIELD.search(text) for text in texts[:1]):
        return one_line(*texts)
    whole = "".join(texts)
    first, *parts = _SUBFIELD.split(whole)
    return one_line(first, *parts[1::2])
