"""Lay out report rows as PDF/A-3 with the rows attached, tagged for screen readers.

Sources: ISO 19005-3 (PDF/A-3), ISO 14289-1 (PDF/UA-1). The same rows give the same bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pikepdf
from django.template.loader import render_to_string

from statements import canonical
from statements.errors import CannotLayOut
from statements.types import TrustReportRows

ROWS_FILE = "trust-report.json"
MANIFEST_FILE = "manifest.json"
_HERE = Path(__file__).resolve().parent
_SHEETS = {_HERE / "trust_report.css", _HERE / "owner_statement.css"}
# The embedded fonts carry the moment of their subsetting unless this says otherwise
# (reproducible-builds.org/docs/source-date-epoch); with it the same rows give the same bytes.
os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
_UA_NAMESPACE = "http://www.aiim.org/pdfua/ns/id/"


@dataclass(frozen=True, slots=True)
class Source:
    """A bank statement file to attach as it came."""

    name: str
    body: bytes


def attachments(
    rows: canonical.Rows, sources: list[Source], rows_file: str = ROWS_FILE
) -> dict[str, bytes]:
    """Every file that goes into the PDF by its name, the manifest of all others last."""
    files = {rows_file: canonical.to_json(rows)}
    for name, table in canonical.tables(rows).items():
        if table:
            files[f"{name}.csv"] = canonical.to_csv(table)
    for number, source in enumerate(sources, start=1):
        files[f"bank-{number:03d}-{_file_name(source.name)}"] = source.body
    files[MANIFEST_FILE] = canonical.manifest(rows, files)
    return files


def _file_name(name: str) -> str:
    """A bank's file name as a reader may save it: no folder, and nothing that is not seen."""
    plain = "".join(sign for sign in name if sign.isprintable())
    return plain.replace("\\", "/").rpartition("/")[2].lstrip(".") or "statement"


def _is_ours(url: str) -> bool:
    parts = urlsplit(url)
    path = Path(unquote(parts.path)).resolve()
    return parts.scheme == "file" and not parts.netloc and _is_look(path)


def _is_look(path: Path) -> bool:
    return path in _SHEETS or path.parent == _HERE / "fonts"


def render(rows: TrustReportRows, sources: list[Source]) -> bytes:
    """The report as PDF bytes. sources: the bank's files, attached as they came.

    Raises CannotLayOut where the system has no Pango; nothing but the layout needs it, so it is
    loaded only here.
    """
    files = attachments(rows, sources)
    rows_digest = canonical.sha256(files[ROWS_FILE])
    html = render_to_string(
        "statements/trust_report.html",
        {"report": rows, "rows_sha256": rows_digest, "attached": sorted(files)},
    )
    known_at = datetime.fromisoformat(rows.cover.known_at)
    return lay_out(html, files, main=ROWS_FILE, known_at=known_at)


def lay_out(html: str, files: Mapping[str, bytes], *, main: str, known_at: datetime) -> bytes:
    """Pages as an archival, tagged PDF with files attached; main: the file it is printed from.

    The same pages, files and moment give the same bytes. Raises CannotLayOut without Pango.
    """
    try:
        from weasyprint import HTML, Attachment
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import URLFetcher
    except OSError as error:
        raise CannotLayOut(
            "reports cannot be laid out on this machine: install Pango, as `make run` says"
        ) from error

    class OurFiles(URLFetcher):  # type: ignore[misc]
        """The style sheets and fonts beside this file alone: no text of a report is fetched."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not _is_ours(url):
                raise ValueError(f"a report fetches nothing from elsewhere: {url[:200]}")
            return super().fetch(url, headers)

    document = HTML(string=html, base_url=f"{_HERE}/", url_fetcher=OurFiles()).write_pdf(
        font_config=FontConfiguration(),
        pdf_variant="pdf/a-3u",
        pdf_tags=True,
        pdf_identifier=bytes.fromhex(canonical.sha256(files[main]))[:16],
        attachments=[
            Attachment(
                string=body,
                name=name,
                description=name,
                created=known_at,
                modified=known_at,
                relationship="Source" if name == main else "Data",
            )
            for name, body in files.items()
        ],
    )
    return _as_universally_accessible(document)


def _as_universally_accessible(document: bytes) -> bytes:
    """Say in the metadata that the tagged file is PDF/UA-1 too; its title is in the window."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata.register_xml_namespace(_UA_NAMESPACE, "pdfuaid")
            metadata[f"{{{_UA_NAMESPACE}}}part"] = "1"
        pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True, linearize=False)
    return out.getvalue()


def attached_files(document: bytes) -> dict[str, bytes]:
    """The files attached to a PDF by their names. Raises pikepdf.PdfError if it is no PDF."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        return {name: spec.get_file().read_bytes() for name, spec in pdf.attachments.items()}
