"""From the bytes of a NACHA file to its 94-character records, whatever the line ends.

Line breaks are no part of the format: records come one a line, several on a line, or with no line
end at all; editors strip trailing blanks; some systems write names in 8-bit characters.
"""

import gzip
import io
import zlib

from connectors.nacha.layout import RECORD_SIZE
from connectors.nacha.types import Refused, Warned

# A file of a million entries has 95 MB; a gzip that unpacks to more than this is not opened.
SIZE_LIMIT = 256 * 1024 * 1024
GZIP_MARK = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
DOS_END_OF_FILE = b"\x1a"
BLANKS = " \t"

# Only these records end in blanks, so only they can have lost some: the file header after its
# format code, the file control after its totals.
_SHORTEST = {"1": 40, "9": 55}

# What people upload by mistake, by its first bytes.
_OTHER_KINDS = (
    (b"01,", "a BAI2 bank statement"),
    (b"OFXHEADER", "an OFX bank statement"),
    (b"<", "an XML, OFX or HTML document"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b":20:", "an MT940 bank statement"),
    (b"{1:", "a SWIFT message"),
    (b"\x00\x00\x00\x50", "an image cash letter (X9.37)"),
    (b"\xf1\xf0\xf1", "a NACHA file in EBCDIC; ask the bank for ASCII"),
    (b"\xff\xfe", "a text in UTF-16"),
    (b"\xfe\xff", "a text in UTF-16"),
)

Record = tuple[int, str]


def split(data: bytes) -> tuple[list[Record], list[Warned]]:
    """The records of a file with their line numbers, each 94 characters, filler included.

    Filler (a line of nines) comes back as it was cut, from one to 94 nines. A gzip archive of one
    file is opened. In a file without line ends the number of a record is its line.
    Raises Refused for what cannot be cut into records without guessing.
    """
    data = _unpacked(data)
    if len(data) > SIZE_LIMIT:
        raise Refused(f"the file is larger than {SIZE_LIMIT // 2**20} MB")
    data = data.removeprefix(UTF8_MARK).rstrip(DOS_END_OF_FILE)
    if not data.strip():
        raise Refused("the file is empty")
    _refuse_other_kinds(data)
    lines = [(number, raw) for number, raw in enumerate(data.splitlines(), 1) if raw.strip()]
    warnings: list[Warned] = []
    if len(lines) == 1 and len(lines[0][1]) > RECORD_SIZE:
        return _cut_stream(_decoded(lines[0][1], 1, warnings), warnings), warnings
    records: list[Record] = []
    for number, raw in lines:
        text = _decoded(raw, number, warnings)
        if len(text) == RECORD_SIZE:
            records.append((number, text))
        else:
            records.extend((number, record) for record in _fitted(text, number, warnings))
    return records, warnings


def is_filler(record: str) -> bool:
    """Whether a record is block filler: nothing but nines, cut short or not."""
    return record.startswith("9") and not record.rstrip(BLANKS).strip("9")


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(GZIP_MARK):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as archive:
            return archive.read(SIZE_LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"the gzip archive is damaged: {error}") from error


def _refuse_other_kinds(data: bytes) -> None:
    start = data.lstrip()[:16]
    for mark, kind in _OTHER_KINDS:
        if start.startswith(mark):
            raise Refused(f"not a NACHA file but {kind}", 1)


def _decoded(raw: bytes, number: int, warnings: list[Warned]) -> str:
    """Text of a line. 8-bit names are cut by characters, so the encoding must keep the width."""
    if raw.isascii():
        text = raw.decode("ascii")
        if not text.isprintable():
            warnings.append(Warned("the record holds control characters", number))
        return text
    warnings.append(Warned("the record holds characters outside ASCII", number))
    single = raw.decode("latin-1")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return single
    # UTF-8 whose fields were filled by bytes, not by characters, keeps its positions as bytes.
    is_filled_by_bytes = len(raw) % RECORD_SIZE == 0 and len(text) % RECORD_SIZE != 0
    return single if is_filled_by_bytes else text


def _cut_stream(text: str, warnings: list[Warned]) -> list[Record]:
    """Records of a file that has no line ends."""
    records: list[Record] = []
    for number, start in enumerate(range(0, len(text), RECORD_SIZE), 1):
        piece = text[start : start + RECORD_SIZE]
        if piece.strip(BLANKS):
            whole = [piece] if len(piece) == RECORD_SIZE else _fitted(piece, number, warnings)
            records.extend((number, record) for record in whole)
    return records


def _fitted(text: str, number: int, warnings: list[Warned]) -> list[str]:
    """Records of a line that is not 94 characters long."""
    bare = text.rstrip(BLANKS)
    if is_filler(bare) and len(bare) < RECORD_SIZE:
        return [bare]
    if len(bare) > RECORD_SIZE and len(text) % RECORD_SIZE == 0:
        return [text[at : at + RECORD_SIZE] for at in range(0, len(text), RECORD_SIZE)]
    if len(bare) <= RECORD_SIZE < len(text):
        return [text[:RECORD_SIZE]]
    if len(text) > RECORD_SIZE or len(bare) < _SHORTEST.get(text[0], RECORD_SIZE):
        raise Refused(f"the record has {len(text)} characters instead of {RECORD_SIZE}", number)
    warnings.append(Warned(f"the record has {len(text)} characters; blanks were added", number))
    return [text.ljust(RECORD_SIZE)]
