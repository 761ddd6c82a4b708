"""BAI2, the prior-day and same-day report of US banks: records, continuations, totals, balances.

Written from the rules of BAI "Cash Management Balance Reporting Specifications, Version 2" (2005),
read 2026-11-22, and from what banks do instead of them: several records on one line, lines without
the closing slash, trailers that are missing, totals that are filled in the bank's own way. Control
totals and counts that do not fit are therefore warnings; the balances decide.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from reconciliation.formats import bai2_codes
from reconciliation.formats.errors import Refused
from reconciliation.formats.text import day_of, one_line, shown, too_many
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement

FORMAT = "bai2"

_RECORD = re.compile(r"\s*(01|02|03|16|49|88|98|99)[ \t]*(?:,|(?=/?\s*$))", re.ASCII)
# A record can follow another on the same line. What comes after the slash must look like a whole
# record, because a slash, and digits and a comma after it, may also stand in free text.
_NEXT_RECORD = (
    r"(?=(?:01,[^,]*,[^,]*,[0-9]{6},|02,[^,]*,[^,]*,[1-4]?,[0-9]{6},|03,[^,]+,(?:[A-Z]{3})?,"
    r"|16,[0-9]{3},[0-9]*,[012SVDZ]?,|49,[+-]?[0-9]*,[0-9]*\s*/|98,[+-]?[0-9]*,[0-9]*,[0-9]*\s*/"
    r"|99,[+-]?[0-9]*,[0-9]*,[0-9]*\s*/|88,))"
)
_BETWEEN = re.compile(r"/[ \t]+" + _NEXT_RECORD, re.ASCII)
_BETWEEN_WITHOUT_LINES = re.compile(r"/[ \t]*" + _NEXT_RECORD, re.ASCII)

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SIX_DIGITS = re.compile(r"[0-9]{6}", re.ASCII)
_THREE_DIGITS = re.compile(r"[0-9]{3}", re.ASCII)
_CHECK_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_FUNDS_TYPES = frozenset({"", "0", "1", "2", "S", "V", "D", "Z"})
_MOST_FLOAT_DAYS = 99

# ISO 4217 currencies whose smallest unit is not a hundredth.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}

_DELETION, _CORRECTION, _TEST = "2", "3", "4"
_FINAL_PREVIOUS_DAY = "2"


def read(text: str) -> ParsedFile:
    """Read a BAI2 file. Raises Refused where a record, an amount or a date cannot be read."""
    return _Reader().read(text)


@dataclass(slots=True)
class _Record:
    """A record with the 88 records that continue it; chunks are their texts, slash removed."""

    code: str
    line: int
    chunks: list[str]
    count: int = 1
    is_closed: bool = False  # Its last line ended in a slash.


class _Fields:
    """The fields of a record, read one by one across its continuations."""

    def __init__(self, record: _Record) -> None:
        self.line = record.line
        self._chunks = record.chunks
        self._next = 1
        self._left: str | None = record.chunks[0]
        self.is_first_of_chunk = False

    def take(self) -> str | None:
        """The next field, or None when there is none left."""
        if self._left is None:
            if self._next == len(self._chunks):
                return None
            self._left = self._chunks[self._next]
            self._next += 1
            self.is_first_of_chunk = True
        else:
            self.is_first_of_chunk = False
        value, comma, left = self._left.partition(",")
        self._left = left if comma else None
        return value.strip()

    def put_back(self, value: str) -> None:
        """Undo the last take."""
        self._left = value if self._left is None else f"{value},{self._left}"

    def text(self) -> str | None:
        """All that is left, as text: commas and slashes in it belong to it."""
        pieces = [] if self._left is None else [self._left]
        pieces += self._chunks[self._next :]
        self._left, self._next = None, len(self._chunks)
        return one_line(*pieces)


@dataclass(slots=True)
class _Group:
    line: int
    status: str
    as_of: date
    currency: str | None
    is_intraday: bool
    bank_id: str | None
    total: int = 0
    accounts: int = 0
    records: int = 1


@dataclass(slots=True)
class _Account:
    line: int
    account_id: str
    currency: str | None
    exponent: int
    balances: dict[str, int] = field(default_factory=dict)
    lines: list[ParsedLine] = field(default_factory=list)
    total: int = 0
    records: int = 0


class _Reader:
    def __init__(self) -> None:
        self.statements: list[ParsedStatement] = []
        self.warnings: list[FileWarning] = []
        self.group: _Group | None = None
        self.account: _Account | None = None
        self.is_in_file = False
        self.file_total = self.file_groups = self.file_records = self.count = 0
        self.line = 0

    def read(self, text: str) -> ParsedFile:
        for record in _records(text, self.warnings):
            self.line = record.line
            self._take(record)
        self._end()
        if not self.statements and not self.warnings:
            raise Refused("the file holds no account", self.line or None, FORMAT)
        return ParsedFile(FORMAT, tuple(self.statements), tuple(self.warnings))

    def _take(self, record: _Record) -> None:
        if record.code == "01":
            self._start_file(record)
            return
        if not self.is_in_file:
            reason = f"record {record.code} stands outside a file: no 01 record above it"
            raise Refused(reason, record.line, FORMAT)
        self.file_records += record.count
        if record.code in ("02", "98", "99"):
            {"02": self._start_group, "98": self._end_group, "99": self._end_file}[record.code](
                record
            )
            return
        if self.group is None:
            reason = f"record {record.code} stands outside a group: no 02 record above it"
            raise Refused(reason, record.line, FORMAT)
        self.group.records += record.count
        if record.code == "03":
            self._start_account(record, self.group)
        elif self.account is None:
            reason = f"record {record.code} stands outside an account: no 03 record above it"
            raise Refused(reason, record.line, FORMAT)
        elif record.code == "16":
            self.account.records += record.count
            self._movement(record, self.group, self.account)
        else:
            self.account.records += record.count
            self._end_account(record, self.account)

    def _warn(self, text: str, line: int | None) -> None:
        self.warnings.append(FileWarning(text, line))

    # Headers

    def _start_file(self, record: _Record) -> None:
        self._close_group(record.line)
        if self.is_in_file:
            self._warn("a new file begins before the 99 record of the one above", record.line)
        fields = _all(record)
        if len(fields) > 7 and fields[7] not in ("", "2"):
            self._warn(f"version {shown(fields[7])} of the format; read as version 2", record.line)
        self.is_in_file = True
        self.file_total = self.file_groups = 0
        self.file_records = record.count

    def _start_group(self, record: _Record) -> None:
        self._close_group(record.line)
        fields = [*_all(record), "", "", "", "", "", "", ""]
        as_of, modifier = fields[3], fields[6]
        if fields[2] not in ("", "1", _DELETION, _CORRECTION, _TEST):
            raise Refused(f"group status {shown(fields[2])} is not known", record.line, FORMAT)
        day = _day(as_of)
        if day is None:
            raise Refused(f"as-of date {shown(as_of)} is not a date", record.line, FORMAT)
        self.group = _Group(
            line=record.line,
            status=fields[2],
            as_of=day,
            currency=fields[5] or None,
            is_intraday=modifier not in ("", _FINAL_PREVIOUS_DAY),
            bank_id=fields[1] if re.fullmatch("[0-9]{9}", fields[1]) else None,
            records=record.count,
        )
        self.file_groups += 1

    def _start_account(self, record: _Record, group: _Group) -> None:
        self._close_account(record.line)
        fields = _Fields(record)
        account_id = fields.take() or ""
        if not account_id:
            raise Refused("an account record without an account number", record.line, FORMAT)
        currency = fields.take() or group.currency
        exponent = _EXPONENTS.get(currency or "", 2)
        self.account = _Account(record.line, account_id, currency, exponent, records=record.count)
        group.accounts += 1
        self._summaries(fields, self.account)

    def _summaries(self, fields: _Fields, account: _Account) -> None:
        """The type, amount, count and funds type of each balance or total in an 03 record."""
        while (code := fields.take()) is not None:
            if not code:  # Filled up with commas, or the comma before the slash.
                continue
            if not _THREE_DIGITS.fullmatch(code):
                reason = f"{shown(code)} stands where a type code is due in account record"
                raise Refused(reason, fields.line, FORMAT)
            amount = fields.take() or ""
            if amount:
                value = self._number(amount, fields.line)
                account.total += value
                account.balances.setdefault(code, value)
            fields.take()  # The item count.
            self._skip_funds(fields)

    def _skip_funds(self, fields: _Fields) -> date | None:
        """Pass over a funds type and the fields it brings. Returns the value date of a "V"."""
        funds = fields.take()
        if funds is None:
            return None
        if funds not in _FUNDS_TYPES:
            # Some banks end a line in ",/" and mean only "end": the next line starts a new item.
            if fields.is_first_of_chunk and _THREE_DIGITS.fullmatch(funds):
                fields.put_back(funds)
                return None
            raise Refused(f"funds type {shown(funds)} is not known", fields.line, FORMAT)
        if funds == "S":
            for _ in range(3):
                self._float_amount(fields)
        elif funds == "V":
            day = fields.take() or ""
            fields.take()  # The time.
            return self._value_day(day, fields.line)
        elif funds == "D":
            self._skip_float_days(fields)
        return None

    def _skip_float_days(self, fields: _Fields) -> None:
        count = fields.take() or ""
        if not re.fullmatch("[0-9]{1,2}", count) or int(count) > _MOST_FLOAT_DAYS:
            raise Refused(f"funds type D with {shown(count)} parts", fields.line, FORMAT)
        for _ in range(int(count)):
            fields.take()  # Days until the part can be used.
            self._float_amount(fields)

    def _float_amount(self, fields: _Fields) -> None:
        if value := fields.take():
            self._number(value, fields.line)

    def _value_day(self, text: str, line: int) -> date | None:
        if not text or not text.strip("0"):
            return None
        day = _day(text)
        if day is None:
            raise Refused(f"value date {shown(text)} is not a date", line, FORMAT)
        return day

    def _number(self, text: str, line: int) -> int:
        if not _NUMBER.fullmatch(text):
            reason = f"amount {shown(text)} is not a whole number of the smallest unit"
            raise Refused(reason, line, FORMAT)
        return int(text)

    # Movements

    def _movement(self, record: _Record, group: _Group, account: _Account) -> None:
        fields = _Fields(record)
        code = bai2_codes.type_code(fields.take() or "")
        amount = fields.take() or ""
        if code.direction == "message" and not amount.strip("+0"):
            return
        if code.direction not in ("credit", "debit") or code.code in (
            bai2_codes.TOTAL_CREDITS,
            bai2_codes.TOTAL_DEBITS,
        ):
            raise Refused(_no_direction(code), record.line, FORMAT)
        self._check_code(code, record.line)
        value = self._number(amount, record.line)
        if amount.startswith("-"):
            reason = f"a movement of code {code.code} with a minus sign: {amount}"
            raise Refused(reason, record.line, FORMAT)
        account.total += value
        value_on = self._skip_funds(fields)
        bank_reference, customer_reference = fields.take(), fields.take()
        signed = value if code.direction == "credit" else -value
        is_check = code.code in bai2_codes.CHECKS_PAID
        account.lines.append(
            ParsedLine(
                posted_on=group.as_of,
                amount=Decimal(signed).scaleb(-account.exponent),
                place=f"line {record.line}",
                type=code.code,
                bank_reference=bank_reference or None,
                customer_reference=customer_reference or None,
                check_number=_check_number(customer_reference) if is_check else None,
                description=fields.text(),
                value_on=value_on,
            )
        )
        self.count += 1
        too_many(self.count, record.line, FORMAT)

    def _check_code(self, code: bai2_codes.TypeCode, line: int) -> None:
        if code.level == "summary":
            self._warn(f"code {code.code} is a total, given here as a movement", line)
        elif not code.is_listed and not code.code.startswith("9"):
            self._warn(f"code {code.code} is not in the table; read as a {code.direction}", line)

    # Trailers

    def _end_account(self, record: _Record, account: _Account) -> None:
        total, count = [*_all(record), "", ""][:2]
        what = f"account {account.account_id}"
        self._check_total(what, total, account.total, record.line)
        self._check_count(what, "records", count, account.records, record.line)
        if self.group is not None:
            self.group.total += _or_zero(total, account.total)
        self._keep_account()

    def _end_group(self, record: _Record) -> None:
        if self.group is None:
            raise Refused("a group ends that never began: no 02 above", record.line, FORMAT)
        self._close_account(record.line)
        self.group.records += record.count
        total, accounts, records = [*_all(record), "", "", ""][:3]
        self._check_total("group", total, self.group.total, record.line)
        self._check_count("group", "accounts", accounts, self.group.accounts, record.line)
        self._check_count("group", "records", records, self.group.records, record.line)
        self.file_total += _or_zero(total, self.group.total)
        self.group = None

    def _end_file(self, record: _Record) -> None:
        self._close_group(record.line)
        total, groups, records = [*_all(record), "", "", ""][:3]
        self._check_total("file", total, self.file_total, record.line)
        self._check_count("file", "groups", groups, self.file_groups, record.line)
        self._check_count("file", "records", records, self.file_records, record.line)
        self.is_in_file = False

    def _end(self) -> None:
        """The text is at its end. A file cut off inside an account may have lost movements."""
        if self.account is not None:
            statement = self._statement(self.account)
            if not statement.is_balanced():
                reason = (
                    f"the file ends inside account {self.account.account_id}: its 49 record and "
                    "what may stand before it are missing"
                )
                raise Refused(reason, self.line, FORMAT)
        self._close_group(self.line)
        if self.is_in_file:
            self._warn("the 99 record is missing: the file may be cut off", self.line)

    def _close_account(self, line: int) -> None:
        if self.account is None:
            return
        self._warn(f"the 49 record of account {self.account.account_id} is missing", line)
        if self.group is not None:
            self.group.total += self.account.total
        self._keep_account()

    def _close_group(self, line: int) -> None:
        self._close_account(line)
        if self.group is not None:
            self._warn(f"the 98 record of the group in line {self.group.line} is missing", line)
            self.file_total += self.group.total
        self.group = None

    def _keep_account(self) -> None:
        account, group = self.account, self.group
        self.account = None
        if account is None or group is None:
            return
        if group.status in (_DELETION, _TEST):
            what = "withdraws an earlier report" if group.status == _DELETION else "is a test"
            self._warn(
                f"the group of {group.as_of} {what}: account {account.account_id} with "
                f"{len(account.lines)} lines was left out",
                account.line,
            )
            return
        if group.status == _CORRECTION:
            what = f"replaces what was sent before for account {account.account_id}"
            self._warn(f"a correction: the report of {group.as_of} {what}", account.line)
        self.account = account
        self.statements.append(self._statement(account))
        self.account = None

    def _statement(self, account: _Account) -> ParsedStatement:
        group = self.group
        if group is None:
            raise Refused("an account outside a group", account.line, FORMAT)
        opening = account.balances.get(bai2_codes.OPENING_LEDGER)
        closing = account.balances.get(bai2_codes.CLOSING_LEDGER)
        return ParsedStatement(
            account_id=account.account_id,
            bank_id=group.bank_id,
            currency=account.currency,
            opening_balance=_decimal(opening, account.exponent),
            opening_on=group.as_of if opening is not None else None,
            closing_balance=_decimal(closing, account.exponent),
            closing_on=group.as_of if closing is not None else None,
            from_on=group.as_of,
            to_on=group.as_of,
            is_intraday=group.is_intraday,
            lines=tuple(account.lines),
            place=f"line {account.line}",
        )

    def _check_total(self, what: str, stated: str, counted: int, line: int) -> None:
        if stated and (not _NUMBER.fullmatch(stated) or int(stated) != counted):
            self._warn(f"control total of {what} is {stated}, its amounts make {counted}", line)

    def _check_count(self, what: str, of: str, stated: str, counted: int, line: int) -> None:
        if stated and (not _NUMBER.fullmatch(stated) or int(stated) != counted):
            self._warn(f"{what} says {stated} {of}, it has {counted}", line)


def _records(text: str, warnings: list[FileWarning]) -> Iterator[_Record]:
    """The records of a file, each with the lines that continue it."""
    between = _BETWEEN if "\n" in text.strip() else _BETWEEN_WITHOUT_LINES
    record: _Record | None = None
    for number, physical in enumerate(text.split("\n"), 1):
        pieces = between.split(physical) if "/" in physical else [physical]
        for place, piece in enumerate(pieces, 1):
            body = piece.rstrip()
            if not body:
                continue
            found = _RECORD.match(body)
            if found is None:
                _wrap(record, body, number, warnings)
                continue
            # A piece that was split off lost its slash to the split; it is closed all the same.
            is_closed = body.endswith("/") or place < len(pieces)
            content = body[found.end() :].removesuffix("/")
            if found[1] != "88":
                if record is not None:
                    yield record
                record = _Record(found[1], number, [content], is_closed=is_closed)
            elif record is None:
                raise Refused("a continuation (88) with nothing above it", number, FORMAT)
            else:
                record.chunks.append(content)
                record.count += 1
                record.is_closed = is_closed
    if record is not None:
        yield record


def _wrap(record: _Record | None, body: str, line: int, warnings: list[FileWarning]) -> None:
    """Add a line without a record code to the text above it, where that text was left open."""
    if record is None or record.code != "16" or record.is_closed:
        raise Refused(f"{shown(body)} is not a BAI2 record", line, FORMAT)
    warnings.append(FileWarning("text goes on without an 88 record", line))
    record.is_closed = body.endswith("/")
    record.chunks[-1] += " " + body.removesuffix("/")


def _all(record: _Record) -> list[str]:
    fields = _Fields(record)
    values: list[str] = []
    while (value := fields.take()) is not None:
        values.append(value)
    return values


def _day(text: str) -> date | None:
    """A date YYMMDD; 80 to 99 are the last century."""
    if not _SIX_DIGITS.fullmatch(text):
        return None
    year = int(text[:2])
    return day_of(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[4:]))


def _decimal(value: int | None, exponent: int) -> Decimal | None:
    return None if value is None else Decimal(value).scaleb(-exponent)


def _or_zero(stated: str, counted: int) -> int:
    """The total that a trailer states, as the next level adds it up, else what was counted."""
    return int(stated) if _NUMBER.fullmatch(stated) else counted


def _check_number(reference: str | None) -> str | None:
    return reference if reference and _CHECK_NUMBER.fullmatch(reference) else None


def _no_direction(code: bai2_codes.TypeCode) -> str:
    if code.level in ("status", "summary"):
        return f"code {code.code} is a balance or a total, not a movement"
    return f"code {shown(code.code)} does not say whether money came in or went out"
