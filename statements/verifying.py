"""Whether a report in a file is what was published here, and if not, where it differs.

Trust reports and owner statements are told apart by the rows that are attached.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from django.core.exceptions import ObjectDoesNotExist

from statements import canonical, pdf
from statements.errors import NotAReport
from statements.models import OwnerStatement, TrustReport
from statements.owners.pdf import ROWS_FILE as OWNER_ROWS_FILE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: is_genuine means that every byte is as published here.

    is_consistent: the attachments agree with the file's own manifest. differences name the table,
    the row and the column; checks are sentences of what was compared, in order.
    """

    is_genuine: bool
    is_consistent: bool
    report: str
    checks: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of report: its rows, where it is stored, and what its cover calls it."""

    label: str
    rows_file: str
    model: type[TrustReport] | type[OwnerStatement]
    number: str
    title: tuple[str, str, str]


_TRUST_REPORT = _Kind(
    "trust report", pdf.ROWS_FILE, TrustReport, "report_id", ("account_title", "from_on", "to_on")
)
_OWNER_STATEMENT = _Kind(
    "owner statement", OWNER_ROWS_FILE, OwnerStatement, "statement_id",
    ("owner", "from_on", "to_on"),
)  # fmt: skip


def verify(document: bytes, *, entity_ids: Collection[int] | None = None) -> Verdict:
    """Compare a PDF with its own manifest and with the report that is stored here.

    entity_ids: the legal entities whose reports may be told about (None: all). A difference quotes
    what was published, so that a file with another company's number must not be compared.
    Raises NotAReport with the reason if it is no PDF or lacks the attachments of a report.
    """
    try:
        files = pdf.attached_files(document)
    except pikepdf.PdfError as error:
        raise NotAReport("the file cannot be opened as a PDF") from error
    kind = _OWNER_STATEMENT if OWNER_ROWS_FILE in files else _TRUST_REPORT
    rows, manifest = _parse(files, kind.rows_file), _parse(files, pdf.MANIFEST_FILE)
    if not _has_tables(rows):
        raise NotAReport(f"the attachment {kind.rows_file} has not the tables of a {kind.label}")
    if not _has_digests(manifest):
        raise NotAReport(f"the attachment {pdf.MANIFEST_FILE} does not list files and rows")
    checks: list[str] = []
    differences = _against_manifest(files, rows, manifest)
    checks.append(f"{len(files) - 1} attached files and their rows compared with the manifest")
    is_consistent = not differences

    published = _published(kind, rows, entity_ids)
    if published is None:
        differences.append(
            "no report with this number is stored here, or you may not read it: "
            "only the manifest was compared"
        )
        return Verdict(False, is_consistent, _title(kind, rows), checks, differences)
    stored = json.loads(bytes(published.rows or b""))
    differences += _changed_rows(stored, rows)
    checks.append("rows compared with the stored report, cell by cell")
    is_same_file = canonical.sha256(document) == published.sha256
    checks.append("SHA-256 of the file compared with the stored one")
    if not is_same_file and not differences:
        differences.append(
            "the rows are as published, the file is not: its printed pages may have been changed"
        )
    if replacement := kind.model.objects.filter(supersedes=published.pk).first():
        checks.append(f"superseded by version {replacement.version}")
    return Verdict(is_same_file, is_consistent, str(published), checks, differences)


def _parse(files: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(files[name])
        json.dumps(parsed, ensure_ascii=False).encode()  # Half a character cannot be hashed.
    except KeyError:
        raise NotAReport(f"the PDF has no attachment {name}") from None
    except (ValueError, RecursionError) as error:
        raise NotAReport(f"the attachment {name} cannot be read: {error}") from error
    if not isinstance(parsed, dict):
        raise NotAReport(f"the attachment {name} is not a JSON object")
    return parsed


def _has_tables(rows: dict[str, Any]) -> bool:
    every = (row for table in _tables(rows).values() for row in table)
    return isinstance(rows.get("cover"), dict) and all(isinstance(row, dict) for row in every)


def _has_digests(manifest: dict[str, Any]) -> bool:
    files, rows = manifest.get("files"), manifest.get("rows")
    if not isinstance(files, dict) or not isinstance(rows, dict):
        return False
    return all(isinstance(digests, list) for digests in rows.values())


def _title(kind: _Kind, rows: dict[str, Any]) -> str:
    title, first, last = (rows["cover"].get(name, "?") for name in kind.title)
    return f"{title} {first} to {last}"


def _tables(rows: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, value in rows.items():
        if isinstance(value, list):
            tables[name] = value
        elif isinstance(value, dict):
            tables[name] = [value]
    return tables


def _against_manifest(
    files: dict[str, bytes], rows: dict[str, Any], manifest: dict[str, Any]
) -> list[str]:
    listed: dict[str, str] = manifest["files"]
    missing = sorted(set(listed) - set(files))
    added = sorted(set(files) - set(listed) - {pdf.MANIFEST_FILE})
    changed = [
        name
        for name in sorted(set(files) & set(listed))
        if canonical.sha256(files[name]) != listed[name]
    ]
    found = [
        *(f"{name}: listed in the manifest, but not attached" for name in missing),
        *(f"{name}: attached, but not in the manifest" for name in added),
        *(f"{name}: changed after the report was made" for name in changed),
    ]
    digests: dict[str, list[str]] = manifest["rows"]
    for table, content in sorted(_tables(rows).items()):
        expected = digests.get(table, [])
        actual = canonical.row_digests(content)
        if len(actual) != len(expected):
            found.append(f"table {table}: {len(actual)} rows, the manifest has {len(expected)}")
        for number, (one, other) in enumerate(zip(actual, expected, strict=False), start=1):
            if one != other:
                found.append(f"table {table}, row {number}: changed after the report was made")
    return found


def _published(
    kind: _Kind, rows: dict[str, Any], entity_ids: Collection[int] | None
) -> TrustReport | OwnerStatement | None:
    made = kind.model.objects.filter(state="made")
    if entity_ids is not None:
        made = made.filter(entity__in=entity_ids)
    try:
        return made.get(pk=int(rows["cover"].get(kind.number, 0)))
    except (ObjectDoesNotExist, ValueError, TypeError, OverflowError):
        return None


def _changed_rows(stored: dict[str, Any], given: dict[str, Any]) -> list[str]:
    found = [
        f"{name}: is {given.get(name)}, was published as {stored.get(name)}"
        for name in sorted(set(stored) | set(given))
        if not isinstance(stored.get(name), list | dict) and stored.get(name) != given.get(name)
    ]
    ours, theirs = _tables(stored), _tables(given)
    for table in sorted(set(ours) | set(theirs)):
        mine, other = ours.get(table, []), theirs.get(table, [])
        if len(mine) != len(other):
            found.append(f"table {table}: {len(other)} rows, published with {len(mine)}")
        for number, (before, after) in enumerate(zip(mine, other, strict=False), start=1):
            found.extend(
                f"table {table}, row {number}, {column}: is {after.get(column)}, "
                f"was published as {before.get(column)}"
                for column in sorted(set(before) | set(after))
                if before.get(column) != after.get(column)
            )
    return found


def read_pdf(stream: io.BufferedIOBase, limit: int = 100 * 1024 * 1024) -> bytes:
    """The bytes of an uploaded report. Raises NotAReport above the limit."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise NotAReport(f"the file is larger than {limit // 1024 // 1024} MiB")
    return data
