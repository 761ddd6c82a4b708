"""An agency's list of payments: a CSV file, or lines that a person typed.

Nothing is guessed: every cell that does not read makes a problem with its line and column.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from receivables.importing import cells
from receivables.services.subsidies import MOST_LINES
from receivables.types import NewSubsidyLine

MOST_BYTES = 5 * 1024 * 1024
HEADER_WITHIN = 20  # Lists begin with a title and their filters.
# What a column is called where nobody has said otherwise: code, name, amount, memo.
USUAL = {"code": "Tenant code", "name": "Tenant", "amount": "Amount", "memo": "Memo"}
REQUIRED = ("code", "amount")
CODE_SIZE = 60
_TYPED = re.compile(
    r"^(?P<code>[^\s,;]+)[\s,;]+(?P<amount>\(?-?\$?[\d,.]+\)?)(?:[\s,;]+(?P<memo>.*))?$"
)
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not read, and where. line 0: the list as a whole."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        where = f"Line {self.line}" if self.line else "The list"
        column = f", column {self.column}" if self.column else ""
        return f"{where}{column}: {self.reason}"


class Unreadable(ValueError):
    """A list with problems; nothing of it is taken."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def read_csv(body: bytes, columns: Mapping[str, str]) -> list[NewSubsidyLine]:
    """The lines of a CSV. columns: what each of USUAL is called in it. Raises Unreadable."""
    rows = list(enumerate(_rows(_decoded(body)), start=1))
    wanted = {name: columns.get(name, "") or usual for name, usual in USUAL.items()}
    at = _header(rows, wanted)
    places = _places(rows[at][1], wanted)
    lines, problems = [], []
    for number, row in rows[at + 1 :]:
        told = {name: row[n].strip() if n < len(row) else "" for name, n in places.items()}
        if not any(told.values()):
            continue
        if not told["code"] and not told.get("name"):
            continue  # A total at the end; the sum is compared with what arrives.
        try:
            lines.append(_line(number, told))
        except _Cell as bad:
            problems.append(Problem(number, wanted[bad.column], str(bad)))
    return _whole(lines, problems)


def read_typed(text: str) -> list[NewSubsidyLine]:
    """Lines as a person types them: code, amount, and a memo if need be. Raises Unreadable."""
    lines, problems = [], []
    for number, row in enumerate(text.splitlines(), start=1):
        if not row.strip():
            continue
        found = _TYPED.match(row.strip())
        if found is None:
            problems.append(Problem(number, "", "write the code, a blank and the amount"))
            continue
        try:
            lines.append(_line(number, {k: v or "" for k, v in found.groupdict().items()}))
        except _Cell as bad:
            problems.append(Problem(number, bad.column, str(bad)))
    return _whole(lines, problems)


class _Cell(ValueError):
    """A cell that does not read. column: of USUAL."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def _line(number: int, told: Mapping[str, str]) -> NewSubsidyLine:
    read = {}
    for column, cell in told.items():
        try:
            read[column] = cells.text(cell) if column != "amount" else cell
            if column == "code" and not 0 < len(read[column]) <= CODE_SIZE:
                raise ValueError(f"a code has 1 to {CODE_SIZE} characters")
        except ValueError as bad:
            raise _Cell(column, str(bad)) from bad
    try:
        amount = cells.money(told["amount"])
        if not amount:
            raise ValueError("nothing is paid")
    except ValueError as bad:
        raise _Cell("amount", str(bad)) from bad
    return NewSubsidyLine(
        row=number,
        tenant_code=read["code"],
        amount=amount,
        tenant_name=read.get("name", ""),
        memo=read.get("memo", ""),
    )


def _whole(lines: list[NewSubsidyLine], problems: list[Problem]) -> list[NewSubsidyLine]:
    if not lines and not problems:
        problems = [Problem(0, "", "there are no lines in it")]
    if len(lines) > MOST_LINES:
        problems = [Problem(0, "", f"more than {MOST_LINES:,} lines")]
    if problems:
        raise Unreadable(problems)
    return lines


def _decoded(body: bytes) -> str:
    if len(body) > MOST_BYTES:
        raise Unreadable([Problem(0, "", "larger than 5 MB")])
    if b"\x00" in body:
        raise Unreadable([Problem(0, "", "no text file: it has zero bytes; save it as CSV")])
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def _rows(text: str) -> list[list[str]]:
    head = text[:4096]
    mark = max(_DELIMITERS, key=head.count)
    try:
        return list(csv.reader(io.StringIO(text), delimiter=mark))
    except csv.Error as bad:
        raise Unreadable([Problem(0, "", f"no CSV: {bad}")]) from bad


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _header(rows: Sequence[tuple[int, list[str]]], wanted: Mapping[str, str]) -> int:
    """Where the header is: the first row that has every column that must be there."""
    needed = {_plain(wanted[name]) for name in REQUIRED}
    for n, (_, row) in enumerate(rows[:HEADER_WITHIN]):
        if needed <= {_plain(cell) for cell in row}:
            return n
    first = next((row for _, row in rows if any(row)), [])
    names = ", ".join(cell.strip() for cell in first if cell.strip()) or "nothing"
    missing = " and ".join(f'"{wanted[name]}"' for name in REQUIRED)
    raise Unreadable([Problem(0, "", f"no row has the columns {missing}; it begins with: {names}")])


def _places(header: Iterable[str], wanted: Mapping[str, str]) -> dict[str, int]:
    names = [_plain(cell) for cell in header]
    twice = [wanted[name] for name in wanted if names.count(_plain(wanted[name])) > 1]
    if twice:
        raise Unreadable([Problem(0, twice[0], "this column is there twice")])
    return {
        name: names.index(_plain(called))
        for name, called in wanted.items()
        if _plain(called) in names
    }
