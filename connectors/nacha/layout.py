"""Where each field of a NACHA record stands.

Positions are 1-based and inclusive, as every description of the format gives them. A table here is
used both to cut a record and to fill one, so reader and writer cannot disagree. Each table covers
all 94 positions without gap or overlap; a test proves it.

Sources: moov-io/ach (file structure guide and record sources) and bank originator guides, read
2026-11; the layouts of ADV, IAT addenda and refused notifications rest on moov-io/ach alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

RECORD_SIZE = 94
BLOCKING_FACTOR = 10
FILLER = "9" * RECORD_SIZE


class Field(NamedTuple):
    """One field: text is left justified and blank filled, digits right justified, zero filled."""

    name: str
    first: int
    last: int
    is_digits: bool = False

    @property
    def size(self) -> int:
        """How many characters the field holds."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Layout:
    """The fields of one kind of record, in order."""

    name: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        slices = {field.name: slice(field.first - 1, field.last) for field in self.fields}
        object.__setattr__(self, "_slices", tuple(slices.items()))

    def cut(self, record: str) -> dict[str, str]:
        """The fields of a 94-character record by name, blanks kept."""
        slices: tuple[tuple[str, slice], ...] = self._slices  # type: ignore[attr-defined]
        return {name: record[part] for name, part in slices}

    def fill(self, values: Mapping[str, str | int]) -> str:
        """A 94-character record from values; a field that is not given is blank or zero.

        Raises ValueError for a name that the layout does not have and for a value too long.
        """
        if unknown := values.keys() - {field.name for field in self.fields}:
            raise ValueError(f"{self.name} has no field {', '.join(sorted(unknown))}")
        return "".join(_fitted(field, values.get(field.name, "")) for field in self.fields)


def _fitted(field: Field, value: str | int) -> str:
    text = str(value)
    if len(text) > field.size:
        raise ValueError(f"{field.name}: {text!r} does not fit in {field.size} characters")
    return text.rjust(field.size, "0") if field.is_digits else text.ljust(field.size)


FILE_HEADER = Layout(
    "file header",
    (
        Field("record_type", 1, 1),
        Field("priority", 2, 3, is_digits=True),
        Field("immediate_destination", 4, 13),
        Field("immediate_origin", 14, 23),
        Field("created_on", 24, 29),
        Field("created_time", 30, 33),
        Field("file_id_modifier", 34, 34),
        Field("record_size", 35, 37),
        Field("blocking_factor", 38, 39),
        Field("format_code", 40, 40),
        Field("destination_name", 41, 63),
        Field("origin_name", 64, 86),
        Field("reference", 87, 94),
    ),
)

BATCH_HEADER = Layout(
    "batch header",
    (
        Field("record_type", 1, 1),
        Field("service_class", 2, 4),
        Field("company_name", 5, 20),
        Field("discretionary", 21, 40),
        Field("company_id", 41, 50),
        Field("sec", 51, 53),
        Field("entry_description", 54, 63),
        Field("descriptive_date", 64, 69),
        Field("effective_on", 70, 75),
        Field("settlement_day", 76, 78),
        Field("originator_status", 79, 79),
        Field("odfi", 80, 87),
        Field("number", 88, 94, is_digits=True),
    ),
)

ENTRY = Layout(
    "entry",
    (
        Field("record_type", 1, 1),
        Field("transaction_code", 2, 3),
        Field("routing_number", 4, 12),
        Field("account", 13, 29),
        Field("amount", 30, 39, is_digits=True),
        Field("id_number", 40, 54),
        Field("name", 55, 76),
        Field("discretionary", 77, 78),
        Field("has_addenda", 79, 79),
        Field("trace", 80, 94),
    ),
)

# CTX, and the other classes that count their addenda in the entry.
COUNTED_ENTRY = Layout(
    "entry with an addenda count",
    (
        *ENTRY.fields[:6],
        Field("addenda_count", 55, 58, is_digits=True),
        Field("name", 59, 74),
        Field("reserved", 75, 76),
        *ENTRY.fields[7:],
    ),
)

IAT_ENTRY = Layout(
    "international entry",
    (
        *ENTRY.fields[:3],
        Field("addenda_count", 13, 16, is_digits=True),
        Field("reserved", 17, 29),
        Field("amount", 30, 39, is_digits=True),
        Field("account", 40, 74),
        Field("reserved_2", 75, 76),
        Field("screening", 77, 78),
        *ENTRY.fields[8:],
    ),
)

ADV_ENTRY = Layout(
    "accounting advice entry",
    (
        *ENTRY.fields[:3],
        Field("account", 13, 27),
        Field("amount", 28, 39, is_digits=True),
        Field("advice_routing_number", 40, 48),
        Field("file_identification", 49, 53),
        Field("operator_data", 54, 54),
        *ENTRY.fields[6:],
    ),
)

PAYMENT_ADDENDA = Layout(
    "payment addenda",
    (
        Field("record_type", 1, 1),
        Field("type", 2, 3),
        Field("text", 4, 83),
        Field("sequence", 84, 87, is_digits=True),
        Field("entry_sequence", 88, 94, is_digits=True),
    ),
)

# Addenda 02 of card classes: terminal data up to the trace number.
TERMINAL_ADDENDA = Layout(
    "terminal addenda",
    (
        Field("record_type", 1, 1),
        Field("type", 2, 3),
        Field("text", 4, 79),
        Field("trace", 80, 94),
    ),
)

# The receiver of an international entry is named in addenda 10, his number in addenda 15.
IAT_RECEIVER = Layout(
    "international addenda 10",
    (
        Field("record_type", 1, 1),
        Field("type", 2, 3),
        Field("transaction_type", 4, 6),
        Field("foreign_amount", 7, 24),
        Field("foreign_trace", 25, 46),
        Field("name", 47, 81),
        Field("reserved", 82, 87),
        Field("entry_sequence", 88, 94, is_digits=True),
    ),
)

IAT_RECEIVER_ADDRESS = Layout(
    "international addenda 15",
    (
        Field("record_type", 1, 1),
        Field("type", 2, 3),
        Field("id_number", 4, 18),
        Field("street", 19, 53),
        Field("reserved", 54, 87),
        Field("entry_sequence", 88, 94, is_digits=True),
    ),
)

# Addenda 98 and 99 begin alike: a code and the trace number of the entry they speak of.
_COMMENT_HEAD = (
    Field("record_type", 1, 1),
    Field("type", 2, 3),
    Field("code", 4, 6),
    Field("original_trace", 7, 21),
)

RETURN = Layout(
    "return addenda",
    (
        *_COMMENT_HEAD,
        Field("date_of_death", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("text", 36, 79),
        Field("trace", 80, 94),
    ),
)

IAT_RETURN = Layout(
    "international return addenda",
    (
        *_COMMENT_HEAD,
        Field("date_of_death", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("original_amount", 36, 45),
        Field("text", 46, 79),
        Field("trace", 80, 94),
    ),
)

DISHONORED_RETURN = Layout(
    "dishonored return addenda",
    (
        *_COMMENT_HEAD,
        Field("reserved", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("reserved_2", 36, 38),
        Field("return_trace", 39, 53),
        Field("return_settlement_day", 54, 56),
        Field("return_reason", 57, 58),
        Field("text", 59, 79),
        Field("trace", 80, 94),
    ),
)

CONTESTED_RETURN = Layout(
    "contested dishonored return addenda",
    (
        *_COMMENT_HEAD,
        Field("returned_on", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("original_settlement_day", 36, 38),
        Field("return_trace", 39, 53),
        Field("return_settlement_day", 54, 56),
        Field("return_reason", 57, 58),
        Field("dishonored_trace", 59, 73),
        Field("dishonored_settlement_day", 74, 76),
        Field("dishonored_reason", 77, 78),
        Field("reserved", 79, 79),
        Field("trace", 80, 94),
    ),
)

CHANGE = Layout(
    "notification of change addenda",
    (
        *_COMMENT_HEAD,
        Field("reserved", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("corrected_data", 36, 64),
        Field("reserved_2", 65, 79),
        Field("trace", 80, 94),
    ),
)

IAT_CHANGE = Layout(
    "international notification of change addenda",
    (
        *_COMMENT_HEAD,
        Field("reserved", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("corrected_data", 36, 70),
        Field("reserved_2", 71, 79),
        Field("trace", 80, 94),
    ),
)

REFUSED_CHANGE = Layout(
    "refused notification of change addenda",
    (
        *_COMMENT_HEAD,
        Field("reserved", 22, 27),
        Field("original_rdfi", 28, 35),
        Field("corrected_data", 36, 64),
        Field("change_code", 65, 67),
        Field("change_sequence", 68, 74),
        Field("reserved_2", 75, 79),
        Field("trace", 80, 94),
    ),
)

BATCH_CONTROL = Layout(
    "batch control",
    (
        Field("record_type", 1, 1),
        Field("service_class", 2, 4),
        Field("count", 5, 10, is_digits=True),
        Field("entry_hash", 11, 20, is_digits=True),
        Field("debits", 21, 32, is_digits=True),
        Field("credits", 33, 44, is_digits=True),
        Field("company_id", 45, 54),
        Field("authentication", 55, 73),
        Field("reserved", 74, 79),
        Field("odfi", 80, 87),
        Field("number", 88, 94, is_digits=True),
    ),
)

ADV_BATCH_CONTROL = Layout(
    "accounting advice batch control",
    (
        *BATCH_CONTROL.fields[:4],
        Field("debits", 21, 40, is_digits=True),
        Field("credits", 41, 60, is_digits=True),
        Field("operator_data", 61, 79),
        *BATCH_CONTROL.fields[9:],
    ),
)

FILE_CONTROL = Layout(
    "file control",
    (
        Field("record_type", 1, 1),
        Field("batches", 2, 7, is_digits=True),
        Field("blocks", 8, 13, is_digits=True),
        Field("count", 14, 21, is_digits=True),
        Field("entry_hash", 22, 31, is_digits=True),
        Field("debits", 32, 43, is_digits=True),
        Field("credits", 44, 55, is_digits=True),
        Field("reserved", 56, 94),
    ),
)

ADV_FILE_CONTROL = Layout(
    "accounting advice file control",
    (
        *FILE_CONTROL.fields[:5],
        Field("debits", 32, 51, is_digits=True),
        Field("credits", 52, 71, is_digits=True),
        Field("reserved", 72, 94),
    ),
)

ALL = (
    FILE_HEADER,
    BATCH_HEADER,
    ENTRY,
    COUNTED_ENTRY,
    IAT_ENTRY,
    ADV_ENTRY,
    PAYMENT_ADDENDA,
    TERMINAL_ADDENDA,
    IAT_RECEIVER,
    IAT_RECEIVER_ADDRESS,
    RETURN,
    IAT_RETURN,
    DISHONORED_RETURN,
    CONTESTED_RETURN,
    CHANGE,
    IAT_CHANGE,
    REFUSED_CHANGE,
    BATCH_CONTROL,
    ADV_BATCH_CONTROL,
    FILE_CONTROL,
    ADV_FILE_CONTROL,
)

_ENTRY_LAYOUTS = {
    "IAT": IAT_ENTRY,
    "ADV": ADV_ENTRY,
    "CTX": COUNTED_ENTRY,
    "ENR": COUNTED_ENTRY,
    "TRX": COUNTED_ENTRY,
    "ATX": COUNTED_ENTRY,
}


def entry_layout(sec: str, *, is_international: bool = False) -> Layout:
    """The layout of the 6 records of a class; a COR batch marked IATCOR is international."""
    return IAT_ENTRY if is_international else _ENTRY_LAYOUTS.get(sec, ENTRY)


def return_layout(code: str, *, is_international: bool = False) -> Layout:
    """The layout of an addenda 99: plain, dishonored (R61-R70) or contested (R71-R77)."""
    if "R61" <= code <= "R70":
        return DISHONORED_RETURN
    if "R71" <= code <= "R77":
        return CONTESTED_RETURN
    return IAT_RETURN if is_international else RETURN


def change_layout(code: str, *, is_international: bool = False) -> Layout:
    """The layout of an addenda 98: a notification, or its refusal (C61-C69)."""
    if "C61" <= code <= "C69":
        return REFUSED_CHANGE
    return IAT_CHANGE if is_international else CHANGE
