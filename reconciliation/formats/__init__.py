"""Bank files: bytes in, facts out. No database, no network, no guess.

`read` tells the format by the content, reads it, and checks opening + lines = closing. Whatever it
cannot read it refuses with a reason and, where there is one, the line.
"""

from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile
from zlib import error as BrokenStream  # noqa: N812

from reconciliation.formats import bai2, camt, csv_file, mt940, ofx, sniff
from reconciliation.formats.csv_mapping import CsvMapping
from reconciliation.formats.errors import Refused
from reconciliation.formats.text import MAX_BYTES, decode
from reconciliation.formats.types import FileWarning, ParsedFile, ParsedLine, ParsedStatement

__all__ = [
    "CsvMapping",
    "FileWarning",
    "ParsedFile",
    "ParsedLine",
    "ParsedStatement",
    "Refused",
    "read",
]

_MOST_MEMBERS = 100
# Notifications have no balances, intraday reports have balances that still move.
_WITHOUT_EQUATION = frozenset({"camt.052", "camt.054", "mt942"})


def read(
    data: bytes,
    *,
    name: str = "",
    mapping: CsvMapping | None = None,
    must_balance: bool = True,
) -> ParsedFile:
    """Read a bank file of any known format.

    name: the file name; it never tells the format, so a wrong ending does no harm.
    mapping: how to read a CSV, where the account has one saved.
    must_balance: whether a statement whose opening balance and lines do not make its closing
    balance refuses the file. If not, or if the statement has no lines to book, it is a warning.
    A zip archive is read when it holds nothing but camt files.
    Raises Refused for everything that cannot be read rightly.
    """
    if len(data) > MAX_BYTES:
        raise Refused(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB")
    parsed = _read_zip(data) if data.startswith((sniff.ZIP, sniff.EMPTY_ZIP)) else None
    return _check_balances(parsed or _read_one(data, mapping), must_balance=must_balance)


def _read_one(data: bytes, mapping: CsvMapping | None) -> ParsedFile:
    sniff.refuse_binary(data)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<Document")) and (
        b"<OFX" not in data[:20_000].upper()
    ):
        kind, text, warnings = "xml", "", list[FileWarning]()
    else:
        text, warnings = decode(data, ofx.declared_encodings(data))
        kind = sniff.kind_of(text)
    if kind == "xml":
        if text:
            sniff.kind_of(text)
        return camt.read_bytes(data)
    if kind == "ofx":
        return ofx.read(text, warnings)
    if kind == "bai2":
        return _with(warnings, bai2.read(text))
    if kind == "mt940":
        return _with(warnings, mt940.read(text))
    if mapping is not None and mapping.encoding:
        text, warnings = decode(data, [mapping.encoding])
    return _with(warnings, csv_file.read(text, mapping))


def _with(warnings: list[FileWarning], parsed: ParsedFile) -> ParsedFile:
    return replace(parsed, warnings=(*warnings, *parsed.warnings)) if warnings else parsed


def _read_zip(data: bytes) -> ParsedFile:
    """The statements of an archive of camt files. Raises Refused for any other archive."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = [member.filename for member in members]
            if "[Content_Types].xml" in names:
                raise Refused("an Excel workbook: save the sheet as CSV", None, "xlsx")
            if not members or not all(name.lower().endswith(".xml") for name in names):
                raise Refused("an archive (zip): unpack it first", None, "zip")
            if len(members) > _MOST_MEMBERS:
                raise Refused(f"an archive with more than {_MOST_MEMBERS} files", None, "zip")
            if any(member.flag_bits & 1 for member in members):
                raise Refused("an archive with a password", None, "zip")
            if any(member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for member in members):
                raise Refused("an archive with an unusual compression", None, "zip")
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise Refused("an archive whose files are too large", None, "zip")
            files = [(member.filename, archive.read(member)) for member in members]
    except (BadZipFile, BrokenStream, EOFError, NotImplementedError, ValueError) as error:
        raise Refused(f"a broken archive (zip): {error}", None, "zip") from error
    return _joined(_read_member(name, content) for name, content in files)


def _read_member(name: str, content: bytes) -> ParsedFile:
    try:
        parsed = camt.read_bytes(content)
    except Refused as refused:
        reason = f"{name}: {refused.reason}"
        raise Refused(reason, refused.line, refused.format or "zip") from refused
    warnings = [replace(warning, text=f"{name}: {warning.text}") for warning in parsed.warnings]
    return replace(parsed, warnings=tuple(warnings))


def _joined(files: Iterable[ParsedFile]) -> ParsedFile:
    parsed = list(files)
    if len({file.format for file in parsed}) > 1:
        raise Refused("an archive with files of several formats", None, "zip")
    return ParsedFile(
        parsed[0].format,
        tuple(statement for file in parsed for statement in file.statements),
        tuple(warning for file in parsed for warning in file.warnings),
    )


def _check_balances(parsed: ParsedFile, *, must_balance: bool) -> ParsedFile:
    if parsed.format in _WITHOUT_EQUATION:
        return parsed
    warnings: list[FileWarning] = []
    for statement in parsed.statements:
        difference = statement.difference()
        if not difference or statement.is_intraday:
            continue
        line = int((statement.place or "line 0").split()[-1]) or None
        reason = (
            f"account {statement.account_id or '?'}: opening {statement.opening_balance:f} + lines "
            f"{statement.total:f} is not closing {statement.closing_balance:f}, "
            f"out by {difference:f}"
        )
        if must_balance and statement.lines:
            raise Refused(reason, line, parsed.format)
        warnings.append(FileWarning(reason, line))
    return replace(parsed, warnings=(*parsed.warnings, *warnings)) if warnings else parsed
