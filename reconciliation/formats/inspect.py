"""A bank file as one JSON object, for support people: what it is, what it says, what is wrong."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from reconciliation.formats import ParsedFile, ParsedLine, ParsedStatement, Refused, read
from reconciliation.formats.csv_mapping import CsvMapping
from reconciliation.formats.text import MAX_BYTES

ACCEPT, ACCEPT_WITH_WARNINGS, REJECT = "accept", "accept_with_warnings", "reject"


def inspect_path(path: str, mapping: CsvMapping | None = None) -> dict[str, Any]:
    """The report on a file at a path; one that cannot be opened is a reject with the reason."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _rejected(path, Refused(f"the file cannot be read: {reason}"))
    return inspect(data, name=path, mapping=mapping)


def inspect(data: bytes, *, name: str, mapping: CsvMapping | None = None) -> dict[str, Any]:
    """The report on the bytes of a file: its outcome, its warnings, its statements.

    Amounts are decimal strings, plus is into the account; what the file does not say is None.
    Lines that do not lead from opening to closing are a warning here, where nothing is booked; an
    import refuses them.
    """
    try:
        parsed = read(data, name=name, mapping=mapping, must_balance=False)
    except Refused as refused:
        return _rejected(name, refused)
    return _accepted(name, parsed)


def _rejected(name: str, refused: Refused) -> dict[str, Any]:
    return {
        "file": name,
        "format": refused.format,
        "outcome": REJECT,
        "reason": refused.reason,
        "line": refused.line,
        "warnings": [],
        "statements": [],
    }


def _accepted(name: str, parsed: ParsedFile) -> dict[str, Any]:
    return {
        "file": name,
        "format": parsed.format,
        "outcome": ACCEPT_WITH_WARNINGS if parsed.warnings else ACCEPT,
        "reason": None,
        "line": None,
        "warnings": [str(warning) for warning in parsed.warnings],
        "statements": [_statement(statement) for statement in parsed.statements],
    }


def _statement(statement: ParsedStatement) -> dict[str, Any]:
    return {
        "account_id": statement.account_id,
        "currency": statement.currency,
        "opening_balance": _amount(statement.opening_balance),
        "closing_balance": _amount(statement.closing_balance),
        "transactions": [_line(line) for line in statement.lines],
    }


def _line(line: ParsedLine) -> dict[str, Any]:
    return {
        "date": line.posted_on.isoformat(),
        "amount": _amount(line.amount),
        "type": line.type,
        "bank_reference": line.bank_reference,
        "customer_reference": line.customer_reference,
        "check_number": line.check_number,
        "description": line.description,
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
