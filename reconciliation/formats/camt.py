"""camt.053, camt.052 and camt.054 of ISO 20022: statements, intraday reports, notifications.

Read element by element, matched by local name, since every version and bank has its own
namespace. One entry is one line, also when it carries details of a batch: the entry is what the
account moved. Only booked entries are money; pending ones are shown in an intraday report alone.
A document type declaration is refused, which leaves no door for entities; the network is off.

Source: ISO 20022 message definitions camt.052/053/054 versions 2 to 8 (iso20022.org), as in our
fact sheet, read 2026-11-22.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from io import BytesIO

from lxml import etree

from reconciliation.formats.errors import Refused
from reconciliation.formats.text import day_of, is_amount, one_line, shown, too_many
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement

_MESSAGES = {
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}
_STATEMENTS = frozenset({"Stmt", "Rpt", "Ntfctn"})
_DATE = re.compile(r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_BOOKED, _PENDING = "BOOK", "PDNG"
_NO_KEYS = frozenset({"", "NOTPROVIDED", "NONREF"})
_DOCTYPE = re.compile(rb"<!DOCTYPE|<!ENTITY", re.IGNORECASE)


def read_bytes(data: bytes) -> ParsedFile:
    """Read a camt file. Raises Refused where the XML, an amount or a date cannot be read, and
    for any other XML than camt.052, 053 and 054."""
    return _Reader().read(data)


@dataclass(slots=True)
class _Balance:
    code: str
    amount: Decimal
    currency: str | None
    day: date | None
    line: int


@dataclass(slots=True)
class _Statement:
    balances: list[_Balance] = field(default_factory=list)
    entries: list[tuple[ParsedLine, str | None]] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)  # Entries by a status other than BOOK.


class _Reader:
    def __init__(self) -> None:
        self.format: str | None = None
        self.message: str | None = None
        self.line: int | None = None
        self.statement = _Statement()
        self.statements: list[ParsedStatement] = []
        self.warnings: list[FileWarning] = []
        self.count = 0

    def read(self, data: bytes) -> ParsedFile:
        # Entities are off as well, but a declaration has no business in a bank file at all.
        if _DOCTYPE.search(data):
            raise Refused("a document type declaration in the XML", None, self.format)
        try:
            for event, element in _events(data):
                if event == "start":
                    self._start(element)
                else:
                    self._end(element)
        except etree.XMLSyntaxError as error:
            raise Refused(f"broken XML: {error.msg}", error.lineno, self.format) from error
        if self.format is None:
            raise Refused("XML, but none of camt.052, camt.053 and camt.054", 1, None)
        if not self.statements:
            raise Refused("there is no statement in the file", self.line, self.format)
        return ParsedFile(self.format, tuple(self.statements), tuple(self.warnings))

    def _start(self, element: etree._Element) -> None:
        name = _name(element)
        if name in _MESSAGES:
            if element.getroottree().docinfo.internalDTD is not None:
                raise Refused("a document type declaration in the XML", None, _MESSAGES[name])
            self.format, self.message = _MESSAGES[name], name
            self.line = _line(element)
        elif name in _STATEMENTS and self._is_child_of_message(element):
            self.statement = _Statement()

    def _is_child_of_message(self, element: etree._Element) -> bool:
        parent = element.getparent()
        return parent is not None and _name(parent) == self.message

    def _end(self, element: etree._Element) -> None:
        name = _name(element)
        if name in ("Ntry", "Bal"):
            parent = element.getparent()
            if parent is None or not self._is_child_of_message(parent):
                return
            if name == "Bal":
                self._balance(element)
            else:
                self._entry(element)
                element.clear()
                while (before := element.getprevious()) is not None and _name(before) == "Ntry":
                    parent.remove(before)
        elif name in _STATEMENTS and self._is_child_of_message(element):
            self._keep(element)
            element.clear()

    def _refuse(self, reason: str, element: etree._Element) -> Refused:
        return Refused(reason, _line(element), self.format)

    def _amount(self, element: etree._Element, what: str) -> tuple[Decimal, str | None]:
        """The signed amount of an entry or a balance, and its currency."""
        amount = element.find("{*}Amt")
        text = (amount.text or "").strip() if amount is not None else ""
        if amount is None or not is_amount(text) or text.startswith(("-", "+")):
            raise self._refuse(f"{what} {shown(text)} is not an amount", element)
        direction = _text(element, "{*}CdtDbtInd")
        if direction not in ("CRDT", "DBIT"):
            reason = f"{what} is neither credit nor debit: {shown(direction or '')}"
            raise self._refuse(reason, element)
        value = Decimal(text)
        return (value if direction == "CRDT" else -value), amount.get("Ccy")

    def _balance(self, element: etree._Element) -> None:
        code = _text(element, "{*}Tp/{*}CdOrPrtry/{*}Cd") or ""
        if code not in ("OPBD", "PRCD", "CLBD"):
            return
        amount, currency = self._amount(element, "balance")
        day = self._day(element, "{*}Dt")
        balance = _Balance(code, amount, currency, day, _line(element) or 0)
        self.statement.balances.append(balance)

    def _day(self, element: etree._Element, path: str) -> date | None:
        """The day at a path that holds Dt or DtTm, sometimes one inside the other."""
        found = element.find(path)
        if found is None:
            return None
        text = one_line(*(str(piece) for piece in found.itertext())) or ""
        match = _DATE.match(text)
        day = day_of(int(match[1]), int(match[2]), int(match[3])) if match else None
        if day is None:
            raise self._refuse(f"{shown(text)} is not a date", found)
        return day

    def _entry(self, entry: etree._Element) -> None:
        self.count += 1
        too_many(self.count, _line(entry), self.format or "")
        status = _text(entry, "{*}Sts/{*}Cd") or _text(entry, "{*}Sts") or _BOOKED
        if status != _BOOKED:
            others = self.statement.others
            others[status] = others.get(status, 0) + 1
            if not self._is_kept(status):
                return
        amount, currency = self._amount(entry, "amount")
        posted_on, value_on = self._day(entry, "{*}BookgDt"), self._day(entry, "{*}ValDt")
        if posted_on is None and value_on is not None:
            self.warnings.append(
                FileWarning("no booking date: the value date is taken", _line(entry))
            )
            posted_on = value_on
        if posted_on is None:
            raise self._refuse("an entry without a booking date", entry)
        details = entry.findall("{*}NtryDtls/{*}TxDtls")
        only = details[0] if len(details) == 1 else None
        line = ParsedLine(
            posted_on=posted_on,
            amount=amount,
            place=f"line {_line(entry)}",
            type=_type(entry),
            bank_reference=_text(entry, "{*}AcctSvcrRef")
            or (_text(only, "{*}Refs/{*}AcctSvcrRef") if only is not None else None)
            or _text(entry, "{*}NtryRef"),
            customer_reference=_key(only, "{*}Refs/{*}EndToEndId"),
            check_number=_key(only, "{*}Refs/{*}ChqNb"),
            description=_description(entry, details),
            value_on=value_on,
        )
        self.statement.entries.append((line, currency))

    def _is_kept(self, status: str) -> bool:
        """Whether an entry that is not booked is shown: pending ones are, in an intraday report."""
        return self.format == "camt.052" and status == _PENDING

    def _keep(self, element: etree._Element) -> None:
        statement = self.statement
        self.statement = _Statement()
        place = _line(element)
        for status, count in statement.others.items():
            what = "entry" if count == 1 else "entries"
            end = "not booked yet" if self._is_kept(status) else "left out, not booked"
            text = f"{count} {what} with status {status}: {end}"
            self.warnings.append(FileWarning(text, place))
        opening = _balance(statement.balances, ("OPBD", "PRCD"))
        closing = _balance(statement.balances[::-1], ("CLBD",))
        currency = self._currency(element, statement, opening, closing)
        opening, closing = self._same(opening, currency), self._same(closing, currency)
        if _text(element, "{*}StmtPgntn/{*}LastPgInd") in ("false", "0"):
            text = "not the last page of the statement: the others are in other files"
            self.warnings.append(FileWarning(text, place))
        self.statements.append(
            ParsedStatement(
                account_id=_text(element, "{*}Acct/{*}Id/{*}IBAN")
                or _text(element, "{*}Acct/{*}Id/{*}Othr/{*}Id"),
                bank_id=_bank_id(element),
                currency=currency,
                opening_balance=opening.amount if opening else None,
                opening_on=opening.day if opening else None,
                closing_balance=closing.amount if closing else None,
                closing_on=closing.day if closing else None,
                from_on=self._day(element, "{*}FrToDt/{*}FrDtTm")
                or self._day(element, "{*}FrToDt/{*}FrDt"),
                to_on=self._day(element, "{*}FrToDt/{*}ToDtTm")
                or self._day(element, "{*}FrToDt/{*}ToDt"),
                is_intraday=self.format == "camt.052",
                lines=tuple(_in_currency(line, unit, currency) for line, unit in statement.entries),
                place=f"line {place}",
            )
        )

    def _currency(
        self,
        element: etree._Element,
        statement: _Statement,
        opening: _Balance | None,
        closing: _Balance | None,
    ) -> str | None:
        """The currency of the account, else of its balances, else of its first entry."""
        return (
            _text(element, "{*}Acct/{*}Ccy")
            or (opening.currency if opening else None)
            or (closing.currency if closing else None)
            or next((unit for _, unit in statement.entries), None)
        )

    def _same(self, balance: _Balance | None, currency: str | None) -> _Balance | None:
        """A balance in the currency of the account; one in another says nothing about it."""
        if balance is None or balance.currency in (None, currency):
            return balance
        text = f"the {balance.code} balance is in {balance.currency}, the account in {currency}"
        self.warnings.append(FileWarning(text, balance.line))
        return None


def _events(data: bytes) -> Iterator[tuple[str, etree._Element]]:
    return etree.iterparse(
        BytesIO(data),
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in (*_MESSAGES, *_STATEMENTS, "Bal", "Ntry")],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _line(element: etree._Element) -> int | None:
    return element.sourceline


def _text(element: etree._Element, path: str) -> str | None:
    found = element.find(path)
    return one_line(found.text) if found is not None else None


def _key(details: etree._Element | None, path: str) -> str | None:
    """A reference that tells something; a filler such as NOTPROVIDED does not."""
    found = _text(details, path) if details is not None else None
    return None if found is None or found.upper() in _NO_KEYS else found


def _type(entry: etree._Element) -> str | None:
    """The bank transaction code: the ISO domain, family and sub-family, else the bank's own."""
    if entry.find("{*}BkTxCd") is None:
        return None
    codes = [
        _text(entry, f"{{*}}BkTxCd/{{*}}Domn/{path}")
        for path in ("{*}Cd", "{*}Fmly/{*}Cd", "{*}Fmly/{*}SubFmlyCd")
    ]
    return "-".join(code for code in codes if code) or _text(entry, "{*}BkTxCd/{*}Prtry/{*}Cd")


def _description(entry: etree._Element, details: list[etree._Element]) -> str | None:
    """The bank's words, the parties and what they wrote; each said once."""
    words = [_text(entry, "{*}AddtlNtryInf")]
    for detail in details:
        for path in (
            "{*}RltdPties/{*}Dbtr/{*}Nm",
            "{*}RltdPties/{*}Dbtr/{*}Pty/{*}Nm",
            "{*}RltdPties/{*}Cdtr/{*}Nm",
            "{*}RltdPties/{*}Cdtr/{*}Pty/{*}Nm",
            "{*}RmtInf/{*}Ustrd",
            "{*}RmtInf/{*}Strd/{*}CdtrRefInf/{*}Ref",
            "{*}AddtlTxInf",
        ):
            words += [one_line(found.text) for found in detail.findall(path)]
    return one_line(*dict.fromkeys(word for word in words if word))


def _balance(balances: list[_Balance], codes: tuple[str, ...]) -> _Balance | None:
    """The first balance with the first of the codes that there is."""
    for code in codes:
        for balance in balances:
            if balance.code == code:
                return balance
    return None


def _bank_id(element: etree._Element) -> str | None:
    bank = "{*}Acct/{*}Svcr/{*}FinInstnId/"
    return (
        _text(element, bank + "{*}ClrSysMmbId/{*}MmbId")
        or _text(element, bank + "{*}BICFI")
        or _text(element, bank + "{*}BIC")
    )


def _in_currency(line: ParsedLine, unit: str | None, currency: str | None) -> ParsedLine:
    if unit in (None, currency):
        return line
    return replace(line, currency=unit)
