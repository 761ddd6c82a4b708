"""Verification names what was altered, by table, row and column."""

import io
import json
from pathlib import Path

import pikepdf
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from statements import canonical, pdf
from statements.errors import NotAReport
from statements.verifying import verify
from tests.statements.builders import report_rows, with_changed_amount
from tests.statements.published import publish, with_attachment

pytestmark = pytest.mark.django_db


def test_the_published_file_is_genuine() -> None:
    report = publish()

    verdict = verify(bytes(report.pdf or b""))

    assert verdict.is_genuine
    assert verdict.differences == []


def test_a_changed_amount_is_named_by_table_row_and_column() -> None:
    report = publish()
    altered = canonical.to_json(with_changed_amount(report_rows(report.pk)))

    verdict = verify(with_attachment(bytes(report.pdf or b""), pdf.ROWS_FILE, altered))

    assert not verdict.is_genuine
    assert not verdict.is_consistent
    assert (
        "table beneficiaries, row 1, closing: is 999.00, was published as 125.00"
        in verdict.differences
    )
    assert "table beneficiaries, row 1: changed after the report was made" in verdict.differences


def test_a_forger_who_mends_the_manifest_is_found_too() -> None:
    report = publish()
    forged = pdf.render(with_changed_amount(report_rows(report.pk)), [])

    verdict = verify(forged)

    assert verdict.is_consistent
    assert not verdict.is_genuine
    assert any("was published as 125.00" in line for line in verdict.differences)


def test_changed_pages_under_right_rows_are_found() -> None:
    report = publish()
    with pikepdf.open(io.BytesIO(bytes(report.pdf or b""))) as opened:
        del opened.pages[-1]
        out = io.BytesIO()
        opened.save(out)

    verdict = verify(out.getvalue())

    assert not verdict.is_genuine
    assert any("printed pages may have been changed" in line for line in verdict.differences)


def test_a_report_of_another_house_is_not_genuine() -> None:
    verdict = verify(pdf.render(report_rows(report_id=999_999), []))

    assert not verdict.is_genuine
    assert verdict.is_consistent


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "cannot be opened"), (b"%PDF-1.7 rubbish", "cannot be opened")],
)
def test_what_is_no_pdf_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(NotAReport, match=reason):
        verify(body)


def test_a_pdf_without_attachments_is_refused() -> None:
    empty = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(empty)

    with pytest.raises(NotAReport, match=r"no attachment trust-report\.json"):
        verify(empty.getvalue())


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (pdf.ROWS_FILE, b"{}"),
        (pdf.ROWS_FILE, b'{"cover": "me"}'),
        (pdf.ROWS_FILE, b'{"cover": {}, "journal": [1, 2]}'),
        (pdf.ROWS_FILE, b'{"cover": {"entity": "\\ud800"}}'),
        (pdf.ROWS_FILE, b"[" * 100_000),
        (pdf.ROWS_FILE, b"\xff\xfe"),
        (pdf.MANIFEST_FILE, b"[]"),
        (pdf.MANIFEST_FILE, b'{"files": [], "rows": {}}'),
        (pdf.MANIFEST_FILE, b'{"files": {}, "rows": {"cover": 7}}'),
    ],
)
def test_rubbish_in_an_attachment_is_refused_by_its_name(name: str, body: bytes) -> None:
    document = pdf.render(report_rows(), [])

    with pytest.raises(NotAReport, match=f"the attachment {name}"):
        verify(with_attachment(document, name, body))


def test_a_number_beyond_all_numbers_is_no_report_of_ours() -> None:
    rows = json.loads(canonical.to_json(report_rows()))
    rows["cover"]["report_id"] = float("inf")
    altered = with_attachment(
        pdf.render(report_rows(), []), pdf.ROWS_FILE, json.dumps(rows).encode()
    )

    assert not verify(altered).is_genuine


def test_command_ends_with_one_for_an_altered_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = publish()
    genuine, altered = tmp_path / "genuine.pdf", tmp_path / "altered.pdf"
    genuine.write_bytes(bytes(report.pdf or b""))
    rows = json.loads(bytes(report.rows or b""))
    rows["result"]["book"] = "1.00"
    altered.write_bytes(
        with_attachment(bytes(report.pdf or b""), pdf.ROWS_FILE, json.dumps(rows).encode())
    )

    call_command("verify_report", str(genuine))
    with pytest.raises(SystemExit):
        call_command("verify_report", str(altered))

    said = capsys.readouterr().out
    assert "genuine" in said
    assert "table result, row 1, book: is 1.00, was published as 250.00" in said


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE statements_trustreport SET sha256 = 'x' WHERE id = %s",
        "UPDATE statements_trustreport SET state = 'queued' WHERE id = %s",
        "DELETE FROM statements_trustreport WHERE id = %s",
    ],
)
def test_a_made_report_stays_whoever_writes(sql: str) -> None:
    report = publish()

    with pytest.raises(DatabaseError, match="stays as it is"), connection.cursor() as cursor:
        cursor.execute(sql, [report.pk])
