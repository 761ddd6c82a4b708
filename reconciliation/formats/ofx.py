"""OFX, and its brands QFX and QBO: bank and card statements, 1.x (SGML) and 2.x (XML) alike.

Read as a stream of tags and values, with or without end tags, never against a schema: banks do
not keep to it. Dates are the first eight digits as printed, because the bank means a day of its
calendar and a conversion of zones would move a payment into another month. There is no opening
balance in OFX, and LEDGERBAL is the balance at the moment of the download.

Source: OFX 1.0.3 and 2.2 (ofx.net) as described in our fact sheet, read 2026-11-22.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from reconciliation.formats.errors import Refused
from reconciliation.formats.text import amount_of, day_of, one_line, shown, too_many
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement

FORMAT = "ofx"

_TAG = re.compile(r"<(/?)([A-Za-z0-9_.:-]+)[^<>]*?(/?)>([^<]*)")
_START = re.compile(r"<OFX\s*>", re.IGNORECASE)
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r"&(amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)
_CHARSET = re.compile(rb"CHARSET:\s*([A-Za-z0-9_-]+)")
_XML_ENCODING = re.compile(rb"<\?xml[^>]*encoding=[\"']([A-Za-z0-9_.-]+)")
_VERSION = re.compile(r"(?<![A-Z])VERSION\s*[:=]\s*\"?\s*([0-9]+)", re.IGNORECASE)
_KNOWN_VERSIONS = frozenset({"1", "2"})  # The first digit of 102, 151, 160, 200, 220 ...

_RESPONSES = frozenset({"STMTTRNRS", "CCSTMTTRNRS", "INVSTMTTRNRS", "SONRS"})
_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
_ACCOUNTS = frozenset({"BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"})
_PENDING = frozenset({"BANKTRANLISTP", "STMTTRNP"})
# What moves cash in an investment account beside its bank transactions.
_TRADES = re.compile(
    r"(?:BUY|SELL)(?:STOCK|MF|DEBT|OPT|OTHER)|INCOME|REINVEST|RETOFCAP|MARGININTEREST|INVEXPENSE"
    r"|JRNLFUND"
)


def declared_encodings(data: bytes) -> list[str]:
    """The code pages that the header of an OFX file names."""
    head = data[:2000]
    names = [found[1].decode() for found in _CHARSET.finditer(head)]
    names += [found[1].decode() for found in _XML_ENCODING.finditer(head)]
    return [f"cp{name}" if name.isdigit() else name for name in names if name.upper() != "NONE"]


def read(text: str, warnings: list[FileWarning] | None = None) -> ParsedFile:
    """Read an OFX file. Raises Refused where an amount or a date cannot be read, where the bank
    answered with an error, and where there is no statement in it."""
    start = _START.search(text)
    if start is None:
        raise Refused("no <OFX> in the file", None, FORMAT)
    reader = _Reader(list(warnings or ()))
    reader.header(text[: start.start()])
    text = _prepared(text)
    if (again := _START.search(text, start.end())) is not None:
        reason = "a second OFX file begins behind the first: split them"
        raise Refused(reason, text.count("\n", 0, again.start()) + 1, FORMAT)
    for line, is_end, name, value in _tags(text, start.start()):
        if reader.take(line, name, value, is_end=is_end):
            break
    return reader.finish()


@dataclass(slots=True)
class _Statement:
    line: int
    kind: str
    currency: str | None = None
    account: dict[str, str] = field(default_factory=dict)
    balance: dict[str, str] = field(default_factory=dict)
    balance_line: int | None = None
    starts: list[date] = field(default_factory=list)
    ends: list[date] = field(default_factory=list)
    lines: list[ParsedLine] = field(default_factory=list)
    trades: int = 0
    pending: int = 0


class _Reader:
    def __init__(self, warnings: list[FileWarning]) -> None:
        self.warnings = warnings
        self.statements: list[ParsedStatement] = []
        self.statement: _Statement | None = None
        self.values: dict[str, str] | None = None  # Of the transaction being read.
        self.values_line = 0
        self.account: dict[str, str] | None = None
        self.balance: dict[str, str] | None = None
        self.status: dict[str, str] | None = None
        self.in_currency: str | None = None  # CURRENCY or ORIGCURRENCY of the transaction.
        self.pending = 0
        self.line = 0
        self.is_complete = False
        self.accounts_line = 0
        self.count = 0

    def header(self, text: str) -> None:
        """Warn of a version that is none."""
        if (found := _VERSION.search(text.partition("<?OFX")[2] or text)) and (
            found[1][:1] not in _KNOWN_VERSIONS
        ):
            self._warn(f"version {found[1]} of OFX is not known", None)

    def take(self, line: int, name: str, value: str, *, is_end: bool) -> bool:
        """Take one tag with the text behind it. Returns whether it ended the file."""
        self.line = line
        if is_end:
            return self._end(name)
        self._start(name, value)
        return False

    def finish(self) -> ParsedFile:
        """What was read, once the text is at its end."""
        if not self.is_complete:
            if self.statement is not None:
                reason = "the file ends inside a statement: it is cut off"
                raise Refused(reason, self.line, FORMAT)
            self._warn("the file does not end with </OFX>", self.line)
        self._keep_statement()
        if not self.statements:
            if self.accounts_line:
                reason = "a list of accounts without a statement"
                raise Refused(reason, self.accounts_line, FORMAT)
            raise Refused("there is no statement in the file", self.line, FORMAT)
        return ParsedFile(FORMAT, tuple(self.statements), tuple(self.warnings))

    def _warn(self, text: str, line: int | None) -> None:
        self.warnings.append(FileWarning(text, line))

    def _start(self, name: str, value: str) -> None:
        if name in _STATEMENTS:
            self._keep_statement()
            self.statement = _Statement(self.line, name)
        elif name == "STATUS":
            self.status = {}
        elif name in _PENDING:
            self.pending += 1
            if self.statement is not None and name == "STMTTRNP":
                self.statement.pending += 1
        elif name == "ACCTINFORS":
            self.accounts_line = self.line
        elif self.status is not None:
            self.status.setdefault(name, value)
            if name in ("STMTTRN", "BANKTRANLIST"):
                self.status = None
        if self.statement is not None and not self.pending:
            self._start_in_statement(self.statement, name, value)

    def _start_in_statement(self, statement: _Statement, name: str, value: str) -> None:
        if name == "STMTTRN":
            self._keep_transaction()
            self.values, self.values_line, self.in_currency = {}, self.line, None
        elif self.values is not None:
            self._transaction_value(self.values, name, value)
        elif name in _ACCOUNTS:
            self.account = statement.account
        elif name == "LEDGERBAL":
            self.balance = statement.balance
            statement.balance_line = self.line
        elif name == "AVAILBAL":
            self.balance = {}
        elif self.account is not None:
            self.account.setdefault(name, value)
        elif self.balance is not None:
            self.balance.setdefault(name, value)
        elif name == "CURDEF":
            statement.currency = value.upper() or None
        elif name in ("DTSTART", "DTEND"):
            if (day := _day(value)) is not None:
                (statement.starts if name == "DTSTART" else statement.ends).append(day)
        elif statement.kind == "INVSTMTRS" and _TRADES.fullmatch(name):
            statement.trades += 1

    def _transaction_value(self, values: dict[str, str], name: str, value: str) -> None:
        if name in ("CURRENCY", "ORIGCURRENCY"):
            self.in_currency = name
        elif name == "CURSYM" and self.in_currency == "CURRENCY":
            values["CURRENCY"] = value.upper()
        elif name in ("BANKACCTTO", "CCACCTTO"):
            values["ACCTTO"] = "1"
        elif name == "NAME" and "NAME" in values:
            values.setdefault("NAME2", value)
        else:
            values.setdefault(name, value)

    def _end(self, name: str) -> bool:
        if name == "OFX":
            self.is_complete = True
            return True
        if name in ("STMTTRN", "BANKTRANLIST", "INVTRANLIST", "INVBANKTRAN"):
            self._keep_transaction()
        if name in _PENDING:
            self.pending = max(0, self.pending - 1)
        elif name in _STATEMENTS:
            self._keep_statement()
        elif name in _ACCOUNTS:
            self.account = None
        elif name in ("LEDGERBAL", "AVAILBAL"):
            self.balance = None
        elif name in ("CURRENCY", "ORIGCURRENCY"):
            self.in_currency = None
        elif name == "STATUS" or name in _RESPONSES:
            self._check_status()
        return False

    def _check_status(self) -> None:
        """Stop at the first answer of the bank that is an error, in the bank's own words."""
        status, self.status = self.status, None
        if status and status.get("SEVERITY", "").upper() == "ERROR":
            said = one_line(status.get("MESSAGE")) or "no reason given"
            code = status.get("CODE") or "unknown"
            raise Refused(f"the bank answered with error {code}: {said}", self.line, FORMAT)

    # Transactions

    def _keep_transaction(self) -> None:
        values, self.values = self.values, None
        statement = self.statement
        if values is None or statement is None:
            return
        line = self.values_line
        posted_on = _day(values.get("DTPOSTED", ""))
        if posted_on is None:
            reason = f"posting date {shown(values.get('DTPOSTED', ''))} is not a date"
            raise Refused(reason, line, FORMAT)
        amount = _amount(values.get("TRNAMT", ""), line)
        if action := values.get("CORRECTACTION", "").upper():
            fitid = values.get("CORRECTFITID", "")
            self._warn(f"transaction {shown(fitid)} of an earlier download: {action}", line)
            if action == "DELETE":
                return
        currency = values.get("CURRENCY")
        statement.lines.append(
            ParsedLine(
                posted_on=posted_on,
                amount=amount,
                place=f"line {line}",
                type=values.get("TRNTYPE") or None,
                bank_reference=values.get("FITID") or None,
                customer_reference=values.get("REFNUM") or None,
                check_number=_check_number(values),
                description=_description(values),
                value_on=_day(values.get("DTAVAIL", "")),
                currency=currency if currency and currency != statement.currency else None,
            )
        )
        self.count += 1
        too_many(self.count, line, FORMAT)

    # Statements

    def _keep_statement(self) -> None:
        self._keep_transaction()
        statement, self.statement = self.statement, None
        self.account = self.balance = None
        self.pending = 0
        if statement is None:
            return
        if statement.kind == "INVSTMTRS" and not self._is_cash_account(statement):
            return
        if statement.pending:
            self._warn(f"{statement.pending} pending transactions left out", statement.line)
        if "ACCTID" not in statement.account:
            self._warn("the statement does not name its account", statement.line)
        closing, closing_on = self._closing(statement)
        self.statements.append(
            ParsedStatement(
                account_id=statement.account.get("ACCTID") or None,
                bank_id=statement.account.get("BANKID") or None,
                currency=statement.currency,
                closing_balance=closing,
                closing_on=closing_on,
                from_on=min(statement.starts, default=None),
                to_on=max(statement.ends, default=None),
                lines=tuple(statement.lines),
                place=f"line {statement.line}",
            )
        )

    def _is_cash_account(self, statement: _Statement) -> bool:
        """Whether an investment statement is only the cash side: some banks send a checking
        account that way. Trades move cash too, and are no bank lines, so with them it is not."""
        if statement.lines and not statement.trades:
            return True
        reason = "an investment statement: there is nothing in it to reconcile a bank account with"
        raise Refused(reason, statement.line, FORMAT)

    def _closing(self, statement: _Statement) -> tuple[Decimal | None, date | None]:
        text = statement.balance.get("BALAMT", "")
        closing_on = _day(statement.balance.get("DTASOF", ""))
        if not text:
            what = "the ledger balance is empty" if statement.balance_line else "no ledger balance"
            self._warn(what, statement.balance_line or statement.line)
            return None, closing_on
        return _amount(text, statement.balance_line, "ledger balance"), closing_on


def _prepared(text: str) -> str:
    """The text with comments blanked out and CDATA sections escaped, lines kept in place."""
    if "<!--" in text:
        text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    if "<![CDATA[" in text:
        text = _SECTION.sub(lambda found: found[1].replace("&", "&amp;").replace("<", "&lt;"), text)
    return text


def _tags(text: str, start: int) -> Iterator[tuple[int, bool, str, str]]:
    """The line, whether it is an end tag, the name and the value of each tag."""
    line, counted = text.count("\n", 0, start) + 1, start
    for found in _TAG.finditer(text, start):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        slash, name, closed, value = found.groups()
        value = "" if closed else value.strip()
        if "&" in value:
            value = _REFERENCE.sub(_character, value)
        yield line, bool(slash), name.upper(), value


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name in _NAMED:
        return _NAMED[name]
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    is_character = 32 <= number < 0x110000 and not 0xD800 <= number < 0xE000
    return chr(number) if is_character else " "


def _amount(text: str, line: int | None, what: str = "amount") -> Decimal:
    """An OFX amount: a point or a comma before the decimals, no thousands marks by the rule.

    Banks set thousands marks all the same; they are taken where only one reading is left.
    """
    text = text.replace(" ", "")
    point, comma = text.rfind("."), text.rfind(",")
    if point >= 0 and comma >= 0:
        mark, decimal = (",", ".") if point > comma else (".", ",")
        whole, _, decimals = text.rpartition(decimal)
        if not re.fullmatch(r"[+-]?[0-9]{1,3}(?:" + re.escape(mark) + r"[0-9]{3})+", whole):
            raise Refused(f"{what} {shown(text)} is not a number", line, FORMAT)
        text = f"{whole.replace(mark, '')}.{decimals}"
    elif comma >= 0:
        if re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", text):
            reason = f"{what} {shown(text)} can be read with and without decimals"
            raise Refused(reason, line, FORMAT)
        text = text.replace(",", ".")
    return amount_of(text, line, FORMAT, what)


def _day(text: str) -> date | None:
    found = _DATE.match(text)
    return day_of(int(found[1]), int(found[2]), int(found[3])) if found else None


def _check_number(values: dict[str, str]) -> str | None:
    """The check number; banks that always send the tag fill it with zeros."""
    number = values.get("CHECKNUM", "")
    return number if number.strip("0") else None


def _description(values: dict[str, str]) -> str | None:
    """Payee and memo, each said once."""
    name = one_line(values.get("EXTDNAME") or values.get("NAME"))
    memo = one_line(values.get("MEMO"))
    if name and memo and memo.startswith(name):
        return memo
    return one_line(name, None if memo == name else memo)
