"""Reports that are stored as made, and what becomes of their files in other hands."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pikepdf
from django.utils import timezone

from ledger.models import BankAccount
from statements import canonical, pdf
from statements.models import TrustReport
from statements.types import TrustReportRows
from tests.factories.ledger import BankAccountFactory
from tests.statements.builders import report_rows


def a_made_report(
    account: BankAccount | None = None, *, supersedes: TrustReport | None = None
) -> TrustReport:
    """A report of June that is stored as made; its file is a mere word, which no reader opens."""
    account = account or BankAccountFactory.create()
    return TrustReport.objects.create(
        **_days(account),
        version=supersedes.version + 1 if supersedes else 1,
        supersedes=supersedes,
        state=TrustReport.State.MADE,
        **_files(b"the document", b"{}"),
    )


def publish(
    rows_of: Callable[[int], TrustReportRows] = report_rows, *, account: BankAccount | None = None
) -> TrustReport:
    """A report of June that is stored as made, with its rows in a PDF."""
    report = TrustReport.objects.create(**_days(account or BankAccountFactory.create()))
    rows = rows_of(report.pk)
    files = _files(pdf.render(rows, []), canonical.to_json(rows))
    TrustReport.objects.filter(pk=report.pk).update(state=TrustReport.State.MADE, **files)
    report.refresh_from_db()
    return report


def _days(account: BankAccount) -> dict[str, Any]:
    return {
        "entity": account.book.entity,
        "bank_account": account,
        "from_on": date(2026, 6, 1),
        "to_on": date(2026, 6, 30),
    }


def _files(document: bytes, rows: bytes) -> dict[str, Any]:
    return {
        "pdf": document,
        "sha256": canonical.sha256(document),
        "rows": rows,
        "rows_sha256": canonical.sha256(rows),
        "outcome": TrustReport.Outcome.NOT_CERTIFIABLE,
        "known_at": timezone.now(),
        "made_at": timezone.now(),
    }


def with_attachment(document: bytes, name: str, body: bytes) -> bytes:
    """The same PDF with one attachment exchanged."""
    with pikepdf.open(io.BytesIO(document)) as opened:
        opened.attachments[name] = pikepdf.AttachedFileSpec(
            opened,
            body,
            description="",
            filename=name,
            mime_type="application/json",
            creation_date="",
            mod_date="",
        )
        out = io.BytesIO()
        opened.save(out)
    return out.getvalue()
