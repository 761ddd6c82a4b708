"""The PDF: archival, tagged, with its rows attached, and the same bytes for the same rows."""

import io
import json
import time
from typing import Any

import pikepdf
import pytest

from statements import canonical, pdf
from tests.statements.builders import report_rows


@pytest.fixture(scope="module")
def document() -> bytes:
    return pdf.render(report_rows(beneficiaries=60), [pdf.Source("june.bai", b"01,as received/")])


def _names(node: Any, found: list[str]) -> list[str]:
    """The structure types of a tagged PDF in reading order."""
    if isinstance(node, pikepdf.Array):
        for kid in node:
            _names(kid, found)
    elif isinstance(node, pikepdf.Dictionary):
        if "/S" in node:
            found.append(str(node.S))
        if "/K" in node:
            _names(node.K, found)
    return found


def test_same_rows_give_the_same_bytes_at_another_moment(document: bytes) -> None:
    time.sleep(1.1)  # Fonts and metadata count in whole seconds.
    again = pdf.render(report_rows(beneficiaries=60), [pdf.Source("june.bai", b"01,as received/")])

    assert canonical.sha256(again) == canonical.sha256(document)


def test_metadata_says_archival_and_accessible(document: bytes) -> None:
    with pikepdf.open(io.BytesIO(document)) as opened:
        metadata = opened.open_metadata()
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "U"
        assert metadata["{http://www.aiim.org/pdfua/ns/id/}part"] == "1"
        assert opened.Root.Lang == "en-US"
        assert opened.Root.MarkInfo.Marked
        assert opened.Root.ViewerPreferences.DisplayDocTitle
        assert "/Encrypt" not in opened.trailer


def test_every_font_is_embedded(document: bytes) -> None:
    with pikepdf.open(io.BytesIO(document)) as opened:
        fonts = [
            font
            for page in opened.pages
            for font in page.resources.get("/Font", pikepdf.Dictionary()).values()
        ]
        assert fonts
        for font in fonts:
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor
            assert "/ToUnicode" in font


def test_headings_and_tables_are_tagged_in_reading_order(document: bytes) -> None:
    with pikepdf.open(io.BytesIO(document)) as opened:
        names = _names(opened.Root.StructTreeRoot.K, [])

    headings = [name for name in names if name in {"/H1", "/H2"}]
    assert headings == ["/H1"] + ["/H2"] * 12
    assert names.count("/Table") >= 11
    assert "/TH" in names
    assert "/TD" in names


def test_rows_and_bank_files_are_attached_as_they_are(document: bytes) -> None:
    files = pdf.attached_files(document)

    assert files[pdf.ROWS_FILE] == canonical.to_json(report_rows(beneficiaries=60))
    assert files["bank-001-june.bai"] == b"01,as received/"
    assert b"owner:59" in files["beneficiaries.csv"]
    listed = json.loads(files[pdf.MANIFEST_FILE])["files"]
    assert set(listed) == set(files) - {pdf.MANIFEST_FILE}


def test_header_rows_repeat_on_each_page(document: bytes) -> None:
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert len(opened.pages) >= 4
