"""Bytes of a CSV file to rows of one kind, with everything that does not read.

Nothing is guessed: a cell that does not read makes a problem with its file, line and column, and
the row is left out. All problems of a file are found, not only the first.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from receivables.importing.kinds import KINDS, FileKind

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 100
HEADER_WITHIN = 20  # Exports put a title and their filters above the header.
_DELIMITERS = ",;\t|"
_NOT_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit, and where. line 0: the file as a whole; column "": the row as a whole."""

    file: str
    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}{line}{column}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that reads: values by column name; a cell that is empty is not there."""

    file: str
    line: int
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a column, or the default when its cell is empty."""
        return self.values.get(name, default)


@dataclass(slots=True)
class Table:
    """A file that was read. broken: what rows that do not read would have named, as typed."""

    name: str
    kind: FileKind | None = None
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def problem(self, reason: str, *, line: int = 0, column: str = "") -> None:
        """Note what does not fit."""
        self.problems.append(Problem(self.name, line, column, reason))


def read(name: str, body: bytes) -> Table:
    """Read a file of any kind: the kind follows from its name, else from its header."""
    table = Table(name)
    text = _decoded(table, body)
    if text is None:
        return table
    best = max(_DELIMITERS, key=lambda mark: _recognised(text, mark))
    lines = list(_rows(table, text, best))
    at = _header_at(lines)
    if at is None:
        table.problem("no header is recognised; docs/importing.md lists the columns of each file")
        return table
    _, header = lines[at]
    table.kind = _kind_of(name, header)
    if table.kind is None:
        table.problem(
            f"the columns {', '.join(header)} do not make up any kind of file;"
            " docs/importing.md lists the columns of each"
        )
        return table
    _read_rows(table, table.kind, header, lines[at + 1 :])
    return table


def _decoded(table: Table, body: bytes) -> str | None:
    if len(body) > MOST_BYTES:
        table.problem(f"larger than {MOST_BYTES // 1024 // 1024} MB")
        return None
    if body.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        table.problem("this is a spreadsheet; save it as CSV")
        return None
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: Sequence[str] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    table.problem("this is no text file")
    return None


def _recognised(text: str, mark: str) -> int:
    """How many known headers the first lines hold when they are split by a mark."""
    lines = text.splitlines()[:HEADER_WITHIN]
    return max((_known(line.replace('"', "").split(mark)) for line in lines), default=0)


def _known(cells: Sequence[str]) -> int:
    return max(len(_columns(kind, cells)) for kind in KINDS)


def _rows(table: Table, text: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins on; a broken quote ends the file with a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    begins = 1
    try:
        for count, cells in enumerate(reader):
            if count > MOST_ROWS:
                table.problem(f"more than {MOST_ROWS:,} rows", line=begins)
                return
            if any(cell.strip() for cell in cells):
                yield begins, [cell.strip() for cell in cells]
            begins = reader.line_num + 1
    except csv.Error as error:
        table.problem(f"the quotes do not close: {error}", line=begins)


def _header_at(lines: Sequence[tuple[int, list[str]]]) -> int | None:
    """The row that looks most like a header, among the first."""
    first = lines[:HEADER_WITHIN]
    scores = [_known(cells) for _, cells in first]
    best = max(scores, default=0)
    return scores.index(best) if best >= 2 else None


def _kind_of(name: str, header: Sequence[str]) -> FileKind | None:
    """The kind whose required columns are all there; the file's name decides between several.

    A file that is named after a kind and lacks its columns is of that kind, so that the problem
    can say which are missing.
    """
    stem = _NOT_WORDS.sub("_", PurePath(name).stem.lower())
    named = next((kind for kind in KINDS if stem.startswith(kind.stems)), None)
    fits = [kind for kind in KINDS if kind.required <= set(_columns(kind, header).values())]
    if named in fits or not fits:
        return named
    return max(fits, key=lambda kind: len(_columns(kind, header)))


def _columns(kind: FileKind, header: Sequence[str]) -> dict[int, str]:
    """Place to column name; a column's own name goes before what else it is called."""
    places: dict[int, str] = {}
    words = [_words(cell) for cell in header[:MOST_COLUMNS]]
    for column in kind.columns:
        for word in (column.name, *column.also):
            if word in words and words.index(word) not in places:
                places[words.index(word)] = column.name
                break
    return places


def _words(cell: str) -> str:
    return _NOT_WORDS.sub(" ", cell.lower()).strip()


def _read_rows(
    table: Table, kind: FileKind, header: Sequence[str], lines: Sequence[tuple[int, list[str]]]
) -> None:
    places = _columns(kind, header)
    if len(header) > MOST_COLUMNS:
        table.problem(f"more than {MOST_COLUMNS} columns")
        return
    if missing := kind.required - set(places.values()):
        table.problem(f"{kind.label}: no column {' and none '.join(sorted(missing))}", line=1)
        return
    table.ignored = [cell for place, cell in enumerate(header) if cell and place not in places]
    for line, cells in lines:
        if len(cells) > len(header):
            table.problem(f"{len(cells)} cells, but the header has {len(header)}", line=line)
            continue
        row = _read_row(table, kind, places, header, line, cells)
        if row is not None:
            table.rows.append(row)


def _read_row(
    table: Table,
    kind: FileKind,
    places: Mapping[int, str],
    header: Sequence[str],
    line: int,
    cells: Sequence[str],
) -> Row | None:
    """The row, or None with its problems noted."""
    values: dict[str, Any] = {}
    count = len(table.problems)
    columns = {column.name: column for column in kind.columns}
    for place, name in places.items():
        cell = cells[place] if place < len(cells) else ""
        if not cell:
            if columns[name].is_required and name not in kind.may_be_empty:
                table.problem("is empty", line=line, column=header[place])
            continue
        try:
            values[name] = columns[name].read(cell)
        except ValueError as error:
            table.problem(str(error), line=line, column=header[place])
    if len(table.problems) > count:
        table.broken.update(cell for cell in cells if cell)
        table.broken.add(f"{values.get('property')}-{values.get('unit')}")
        return None
    return Row(table.name, line, values)
