"""Ask for a trust report, and make it."""

from __future__ import annotations

from datetime import date

from django.db import connection, transaction
from django.utils import timezone
from django_q.tasks import async_task

from desk import services as desk
from desk.models import User
from ledger.models import BankAccount
from reconciliation.models import Statement
from statements import canonical, pdf, queries
from statements.errors import NothingToReport, StatementsError
from statements.models import TrustReport

MAX_ATTEMPTS = 3


@transaction.atomic
def request_report(
    *, bank_account_id: int, from_on: date, to_on: date, asked_by: User | None
) -> TrustReport:
    """Queue a trust report; a task makes it. A report of the same days becomes the next version.

    One that is still being made is returned as it is, so that asking twice makes one.
    Raises NothingToReport if the bank has told nothing up to the last day.
    """
    account = (
        BankAccount.objects.select_for_update(of=("self",))
        .select_related("book")
        .get(pk=bank_account_id)
    )
    if from_on > to_on:
        raise StatementsError(f"the first day {from_on} lies after the last day {to_on}")
    if not Statement.objects.filter(bank_account=account, from_on__lte=to_on).exists():
        raise NothingToReport(
            f"there is no bank statement of {account} up to {to_on}; import one first"
        )
    same_days = TrustReport.objects.filter(bank_account=account, from_on=from_on, to_on=to_on)
    if running := same_days.filter(state__in=["queued", "making"]).first():
        return running
    latest = same_days.order_by("-version").first()
    report = TrustReport.objects.create(
        entity_id=account.book.entity_id,
        bank_account=account,
        from_on=from_on,
        to_on=to_on,
        version=latest.version + 1 if latest else 1,
        supersedes=same_days.filter(state="made").order_by("-version").first(),
        asked_by=asked_by,
    )
    desk.record(
        "ask for a trust report",
        actor=asked_by,
        subject=report,
        text=f"Asked for {report}",
    )
    async_task("statements.tasks.make_report", report.pk, task_name=f"trust report {report.pk}")
    return report


def make_report(report_id: int) -> TrustReport:
    """Compute, lay out and store a report; safe to stop at any line and to run again.

    Rows are read in one snapshot, so that a posting that happens meanwhile is wholly in or out.
    After MAX_ATTEMPTS starts that did not finish the report is marked as failed with the reason.
    """
    report = _start(report_id)
    if report.state in {TrustReport.State.MADE, TrustReport.State.FAILED}:
        return report
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Only the outermost transaction may choose; a test around it reads its own snapshot.
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        report.known_at = timezone.now()
        rows = queries.trust_report_rows(report)
        sources = [
            pdf.Source(file.name, bytes(file.body)) for file in queries.statement_files(report)
        ]
    _progress(report, 40, f"Laying out {len(rows.journal)} journal rows")
    document = pdf.render(rows, sources)
    _progress(report, 95, "Storing")
    with transaction.atomic():
        # Another worker may have finished the same report meanwhile: the first one stands.
        stored = TrustReport.objects.select_for_update().get(pk=report.pk)
        if stored.state == TrustReport.State.MADE:
            return stored
        report.state = TrustReport.State.MADE
        report.progress, report.step, report.reason = 100, "", ""
        report.outcome = rows.result.outcome
        report.made_at = timezone.now()
        report.rows = canonical.to_json(rows)
        report.rows_sha256 = canonical.sha256(report.rows)
        report.pdf = document
        report.sha256 = canonical.sha256(document)
        report.save()
        desk.record(
            "make a trust report",
            subject=report,
            text=f"Made {report}: {report.get_outcome_display()}",
            facts={"sha256": report.sha256, "rows_sha256": report.rows_sha256},
        )
    return report


@transaction.atomic
def _start(report_id: int) -> TrustReport:
    report = TrustReport.objects.select_for_update().get(pk=report_id)
    if report.state in {TrustReport.State.MADE, TrustReport.State.FAILED}:
        return report
    if report.attempts >= MAX_ATTEMPTS:
        report.state = TrustReport.State.FAILED
        report.reason = report.reason or f"It did not finish in {MAX_ATTEMPTS} attempts."
    else:
        report.attempts += 1
        report.started_at = timezone.now()
        report.state = TrustReport.State.MAKING
        report.progress, report.step = 5, "Reading the rows"
    report.save()
    return report


def _progress(report: TrustReport, per_cent: int, step: str) -> None:
    # Another worker may have made it meanwhile; then it stays as it is.
    running = TrustReport.objects.filter(pk=report.pk).exclude(state=TrustReport.State.MADE)
    running.update(progress=per_cent, step=step)


def record_failure(report_id: int, reason: str) -> None:
    """Keep why an attempt failed where a person can see it."""
    TrustReport.objects.filter(pk=report_id).exclude(state=TrustReport.State.MADE).update(
        reason=reason, state=TrustReport.State.FAILED, step=""
    )
