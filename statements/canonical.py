"""The canonical form of report rows: the JSON that is hashed, attached and printed from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from statements.owners.types import OwnerStatementRows
from statements.types import TrustReportRows

Rows = TrustReportRows | OwnerStatementRows

# Spreadsheets run a cell that begins with one of these as a formula.
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")


def to_json(rows: Rows) -> bytes:
    """The rows as UTF-8 JSON: sorted keys, no spaces to spare, one line feed at the end.

    The same rows give the same bytes on every machine.
    """
    text = json.dumps(asdict(rows), sort_keys=True, ensure_ascii=False, indent=1)
    return (text + "\n").encode()


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def tables(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Each table of the report by its name, as dictionaries in printed order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for part in fields(rows):
        value = getattr(rows, part.name)
        if isinstance(value, tuple):
            found[part.name] = [asdict(row) for row in value]
        elif is_dataclass(value) and not isinstance(value, type):
            found[part.name] = [asdict(value)]
    return found


def to_csv(table: list[dict[str, Any]]) -> bytes:
    """One table as CSV (RFC 4180, UTF-8), its first row the column names.

    Text that a spreadsheet would run as a formula follows an apostrophe; amounts are not text.
    """
    text = io.StringIO(newline="")
    if table:
        writer = csv.DictWriter(text, fieldnames=list(table[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in table)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = " · ".join(str(part) for part in value)
    text = str(value)
    if text.startswith(_FORMULA_MARKS) and not _is_amount(text):
        return f"'{text}"
    return text


def _is_amount(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def row_digests(table: list[dict[str, Any]]) -> list[str]:
    """The SHA-256 of each row's own canonical JSON, so that a changed row can be named."""
    return [sha256(json.dumps(row, sort_keys=True, ensure_ascii=False).encode()) for row in table]


def manifest(rows: Rows, files: dict[str, bytes]) -> bytes:
    """The list of everything attached with its SHA-256, and of every row of every table."""
    content = {
        "files": {name: sha256(body) for name, body in sorted(files.items())},
        "rows": {name: row_digests(table) for name, table in sorted(tables(rows).items())},
    }
    return (json.dumps(content, sort_keys=True, indent=1) + "\n").encode()
