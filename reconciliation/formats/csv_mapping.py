"""How to read the CSV of one bank account: which column says what, and which sign means what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

DateOrder = Literal["MDY", "DMY", "YMD"]
# signed: plus is into the account. reversed: plus is out of it. direction: unsigned, a column of
# words says which. columns: one column for each way. columns_absolute: the same, and a minus sign
# in them only repeats what the column says.
Sign = Literal["signed", "reversed", "direction", "columns", "columns_absolute"]

ROLES = frozenset(
    {
        "posted_on",
        "value_on",
        "amount",
        "debit",
        "credit",
        "direction",
        "balance",
        "opening_balance",
        "closing_balance",
        "description",
        "type",
        "bank_reference",
        "customer_reference",
        "check_number",
        "account",
        "currency",
        "status",
    }
)
_NEEDS: dict[str, frozenset[str]] = {
    "signed": frozenset({"posted_on", "amount"}),
    "reversed": frozenset({"posted_on", "amount"}),
    "direction": frozenset({"posted_on", "amount", "direction"}),
    "columns": frozenset({"posted_on", "debit", "credit"}),
    "columns_absolute": frozenset({"posted_on", "debit", "credit"}),
}
DEBIT_WORDS = ("debit", "d", "dr", "withdrawal", "db", "-")
CREDIT_WORDS = ("credit", "c", "cr", "deposit", "+")

Column = str | int

_WORDS = ("debit_words", "credit_words", "booked_words")
_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_WORDS, (list, tuple)),
    **dict.fromkeys(("name", "sign", "decimal_mark"), str),
    **dict.fromkeys(("date_order", "delimiter", "encoding"), (str, type(None))),
    **dict.fromkeys(("has_header", "has_pending_without_balance"), bool),
    "skip_rows": int,
}


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """The columns of one CSV layout, and how its figures are to be read.

    columns: for each role of ROLES the column by its header (compared without case and extra
    blanks) or by its position from zero; a role may have several columns only for "description".
    date_order: None lets the column decide, and refuses a file whose dates have two readings.
    booked_words: statuses that count, lower case; rows with any other status are left out.
    skip_rows: rows above the header, or above the first line if has_header is False.
    Raises ValueError when the mapping cannot be used.
    """

    columns: Mapping[str, tuple[Column, ...]]
    sign: Sign
    name: str = "saved mapping"
    has_header: bool = True
    date_order: DateOrder | None = None
    debit_words: tuple[str, ...] = DEBIT_WORDS
    credit_words: tuple[str, ...] = CREDIT_WORDS
    booked_words: tuple[str, ...] = ()
    decimal_mark: Literal[".", ","] = "."
    delimiter: str | None = None
    skip_rows: int = 0
    encoding: str | None = None
    has_pending_without_balance: bool = False

    def __post_init__(self) -> None:
        if self.sign not in get_args(Sign):
            raise ValueError(f"sign {self.sign!r} is none of {', '.join(get_args(Sign))}")
        if self.date_order is not None and self.date_order not in get_args(DateOrder):
            raise ValueError(f"date order {self.date_order!r} is none of MDY, DMY, YMD")
        if unknown := set(self.columns) - ROLES:
            raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
        if missing := _NEEDS[self.sign] - set(self.columns):
            raise ValueError(f"no column for {', '.join(sorted(missing))}")
        for role, columns in self.columns.items():
            self._check_columns(role, columns)
        if self.decimal_mark not in (".", ","):
            raise ValueError("the decimal mark is a point or a comma")
        if self.delimiter is not None and self.delimiter not in (",", ";", "\t", "|"):
            raise ValueError("the delimiter is a comma, a semicolon, a tab or a bar")
        if self.skip_rows < 0:
            raise ValueError("skip_rows is a count")

    def _check_columns(self, role: str, columns: tuple[Column, ...]) -> None:
        if not columns or (len(columns) > 1 and role != "description"):
            raise ValueError(f"{role} takes one column")
        for column in columns:
            if isinstance(column, int) and column < 0:
                raise ValueError(f"{role}: positions count from zero")
            if isinstance(column, str) and not self.has_header:
                raise ValueError(f"{role}: without a header, columns are positions")

    def to_json(self) -> dict[str, Any]:
        """The mapping as a JSON object, as it is stored with a bank account."""
        return {
            "name": self.name,
            "columns": {role: list(columns) for role, columns in self.columns.items()},
            "sign": self.sign,
            "has_header": self.has_header,
            "date_order": self.date_order,
            "debit_words": list(self.debit_words),
            "credit_words": list(self.credit_words),
            "booked_words": list(self.booked_words),
            "decimal_mark": self.decimal_mark,
            "delimiter": self.delimiter,
            "skip_rows": self.skip_rows,
            "encoding": self.encoding,
            "has_pending_without_balance": self.has_pending_without_balance,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "CsvMapping":
        """The mapping that a JSON object describes. Raises ValueError, naming what is wrong."""
        known = set(cls.__dataclass_fields__)
        if unknown := set(stored) - known:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        columns = stored.get("columns")
        if not isinstance(columns, Mapping) or "sign" not in stored:
            raise ValueError("a mapping needs columns and a sign")
        for setting, kind in _KINDS.items():
            if setting in stored and not isinstance(stored[setting], kind):
                raise ValueError(f"{setting}: {stored[setting]!r} is of the wrong kind")
        values = dict(stored)
        values["columns"] = {role: _columns(role, value) for role, value in columns.items()}
        for words in _WORDS:
            if words in values:
                values[words] = tuple(str(word).lower() for word in values[words])
        return cls(**values)


def _columns(role: str, value: object) -> tuple[Column, ...]:
    columns = value if isinstance(value, (list, tuple)) else [value]
    for column in columns:
        if isinstance(column, bool) or not isinstance(column, (str, int)):
            raise ValueError(f"{role}: a column is a header or a position")
    return tuple(columns)


def normal(header: str) -> str:
    """A header cell as it is compared: lower case, blanks collapsed."""
    return " ".join(header.replace("\ufeff", "").lower().split())
