"""What a file is, by its content, and by name what it is when it is no bank statement."""

import re

from reconciliation.formats.errors import Refused

# (first bytes, name, what to say). The longest marks come first where one begins another.
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "pdf", "a PDF: download the statement as a data file instead"),
    (b"\x1f\x8b", "gzip", "a compressed file (gzip): unpack it first"),
    (b"\xd0\xcf\x11\xe0", "xls", "an Excel workbook: save the sheet as CSV"),
    (b"\x89PNG", "image", "a picture, not a bank statement"),
    (b"\xff\xd8\xff", "image", "a picture, not a bank statement"),
    (b"II*\x00", "image", "a picture, not a bank statement"),
    (b"MM\x00*", "image", "a picture, not a bank statement"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "an archive: unpack it first"),
    (b"Rar!", "archive", "an archive: unpack it first"),
)
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"

_IMAGE_CASH_LETTER = "an image cash letter (X9.37): checks on their way to a bank, not a statement"
_X9_LENGTH = 80
_NACHA = "an ACH file (NACHA): entries between banks, not a statement"
_LOCKBOX = "a BAI lockbox file: the checks of a deposit, not a statement"

_OFX = re.compile(r"<OFX\s*>|^\s*OFXHEADER\s*:|<\?OFX\b", re.IGNORECASE)
_MT = re.compile(r"^(?:\x01|\{[^\n]*\{4:)?\s*:20:", re.MULTILINE)
_MT_FIELD = re.compile(r"^:(?:25P?|28C?|60[FM]|61|62[FM]|34F):", re.MULTILINE)
_BAI2 = re.compile(r"\s*0[0-3],[^\n]*(?:/|\n\s*0[23],|,[23]\s*$)")
_BAI2_LATER = re.compile(r"^\s*0[13],[^,\n]*,[^,\n]*,[0-9]{6},[^\n]*\n\s*02,", re.MULTILINE)
_HTML = re.compile(r"\s*(?:<!doctype\s+html|<html\b|<head\b|<body\b|<table\b)", re.IGNORECASE)
_NACHA_HEAD = re.compile(r"101[ 0-9].{30}[0-9A-Z]?094101|101.{31}094101", re.DOTALL)
_NACHA_LINE = re.compile(r"[156789][0-9]{2}.{91}")
_LOCKBOX_END = re.compile(r"^9[0-9]{6}[0-9 ]*$", re.MULTILINE)
_QIF = re.compile(r"\s*!(?:Type|Account|Option)\b", re.IGNORECASE)


def refuse_binary(data: bytes) -> None:
    """Raises Refused for an empty file and for what its first bytes show to be no statement."""
    if not data.strip(b"\x00\x1a \t\r\n\xef\xbb\xbf"):
        raise Refused("the file is empty")
    for mark, name, reason in _MAGIC:
        if data.startswith(mark):
            raise Refused(reason, None, name)
    if _is_image_cash_letter(data):
        raise Refused(_IMAGE_CASH_LETTER, None, "x937")


def _is_image_cash_letter(data: bytes) -> bool:
    """A file header record 01, in ASCII or EBCDIC, with or without its length in front."""
    if int.from_bytes(data[:4], "big") == _X9_LENGTH:
        return data[4:6] in (b"01", b"\xf0\xf1")
    if int.from_bytes(data[:2], "big") == _X9_LENGTH:
        return data[2:4] in (b"01", b"\xf0\xf1")
    ascii_head = re.match(rb"01[0-9]{2}[TP][0-9]{9}", data)
    ebcdic_head = re.match(rb"\xf0\xf1[\xf0-\xf9]{2}[\xe3\xd7][\xf0-\xf9]{9}", data)
    return ascii_head is not None or ebcdic_head is not None


def kind_of(text: str) -> str:
    """What a text holds: "ofx", "xml", "mt940", "bai2" or, for the rest, "csv".

    Raises Refused, by name, for what is no bank statement.
    """
    head = text[:20_000]
    if _HTML.match(head):
        raise Refused("a web page, not a bank statement", None, "html")
    if _OFX.search(head):
        return "ofx"
    if head.lstrip().startswith("<"):
        return "xml"
    if _BAI2.match(head) or _BAI2_LATER.search(head):
        return "bai2"
    _refuse_fixed_width(text, head)
    if _QIF.match(head):
        raise Refused("a QIF file: it has no account and no balance; use OFX or CSV", None, "qif")
    if head.lstrip()[:1] in ("{", "[") and not _MT.search(head):
        raise Refused("a JSON file, not a bank statement", None, "json")
    if _MT.search(head) or len(_MT_FIELD.findall(head)) > 1:
        return "mt940"
    return "csv"


def _refuse_fixed_width(text: str, head: str) -> None:
    if _NACHA_HEAD.match(head):
        raise Refused(_NACHA, None, "nacha")
    lines = [line for line in head.split("\n")[:-1] if line]
    first = lines[:20]
    if first and sum(bool(_NACHA_LINE.fullmatch(line)) for line in first) * 2 > len(first):
        raise Refused(_NACHA, None, "nacha")
    if (
        re.match("1[0-9]{2}[^,;\t]", head)
        and len(lines) > 2
        and lines[1].startswith("2")
        and _LOCKBOX_END.search(text)
    ):
        raise Refused(_LOCKBOX, None, "lockbox")
