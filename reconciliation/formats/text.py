"""Bytes to text, and text to amounts and dates, without ever guessing a figure."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from reconciliation.formats.errors import Refused
from reconciliation.formats.types import FileWarning

# A bank statement of 200,000 lines is about 45 MB as OFX, the widest of the formats.
MAX_BYTES = 50 * 1024 * 1024
MAX_TRANSACTIONS = 500_000
# A date outside is a misread column, not a bank line.
EARLIEST_YEAR, LATEST_YEAR = 1970, 2099

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Marks that some systems leave at the very end: NUL, Ctrl-Z, Ctrl-C.
_TAIL = b"\x00\x1a\x03\r\n\t "
_PLAIN = re.compile(r"([+-]?)([0-9]{1,18})(?:\.([0-9]{0,18}))?|([+-]?)\.([0-9]{1,18})")


def decode(data: bytes, declared: Sequence[str] = ()) -> tuple[str, list[FileWarning]]:
    """Decode by trial: a byte order mark, UTF-8, what the file declares, Windows-1252.

    Line ends become "\\n". Amounts and dates are ASCII in every format, so a wrong code page can
    spoil a name but never a figure; bytes that no code page knows are replaced and warned of.
    Raises Refused for zero bytes inside the text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode_as(data[len(mark) :], encoding)
    data = data.rstrip(_TAIL) + b"\n" if data[-1:] in (b"\x00", b"\x1a", b"\x03") else data
    if (at := data.find(b"\x00")) >= 0:
        raise Refused("zero bytes inside the text", _line_of(data, at))
    for encoding in ("utf-8", *declared, "cp1252"):
        try:
            return _newlines(data.decode(encoding)), []
        except (UnicodeDecodeError, LookupError):
            continue
    return _decode_as(data, "cp1252")


def _decode_as(data: bytes, encoding: str) -> tuple[str, list[FileWarning]]:
    try:
        text, warnings = data.decode(encoding), []
    except UnicodeDecodeError as error:
        text = data.decode(encoding, "replace")
        what = "characters that no code page knows were replaced"
        warnings = [FileWarning(what, _line_of(data, error.start))]
    text = text.rstrip("\x00\x1a\x03")
    if (at := text.find("\x00")) >= 0:
        raise Refused("zero bytes inside the text", text.count("\n", 0, at) + 1)
    return _newlines(text), warnings


def _newlines(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def _line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def is_amount(text: str) -> bool:
    """Whether a text is a number with a decimal point, such as "-12.50"."""
    return _PLAIN.fullmatch(text) is not None


def amount_of(text: str, line: int | None, format: str, what: str = "amount") -> Decimal:  # noqa: A002
    """The number with a decimal point that a text is. Raises Refused with the line."""
    if not is_amount(text):
        raise Refused(f"{what} {shown(text)} is not a number", line, format)
    return Decimal(text)


def is_plausible(day: date) -> bool:
    """Whether a bank could have written a day."""
    return EARLIEST_YEAR <= day.year <= LATEST_YEAR


def day_of(year: int, month: int, day: int) -> date | None:
    """The date, or None if there is no such day or no bank would write it."""
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if is_plausible(found) else None


def shown(text: str) -> str:
    """A text as it may stand in a reason: quoted, and cut when long."""
    text = text if len(text) <= 40 else text[:39] + "…"
    return f'"{text}"' if text.strip() else "(empty)"


def one_line(*parts: str | None) -> str | None:
    """The parts that say something, blanks collapsed, in one line; None if none does."""
    words = " ".join(" ".join(part.split()) for part in parts if part and part.strip())
    return words or None


def too_many(count: int, line: int | None, format: str) -> None:  # noqa: A002
    """Raises Refused when a file holds more transactions than are read at once."""
    if count > MAX_TRANSACTIONS:
        raise Refused(f"more than {MAX_TRANSACTIONS:,} transactions in one file", line, format)
