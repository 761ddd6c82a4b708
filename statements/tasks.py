"""Tasks of the statements app; each takes ids and returns the sentence that the task list shows."""

from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from statements import services
from statements.errors import StatementsError
from statements.models import TrustReport

# The worker ends a task after its time-out: one that began earlier is not running any more.
LOST_AFTER = timedelta(seconds=cast("int", settings.Q_CLUSTER["timeout"]) + 60)


def make_report(report_id: int) -> str:
    """Make one trust report. What a person can mend is kept on the report as its reason."""
    try:
        report = services.make_report(report_id)
    except StatementsError as error:
        services.record_failure(report_id, str(error))
        return f"Report {report_id} was not made: {error}"
    if report.state == TrustReport.State.FAILED:
        return f"Report {report_id} was not made: {report.reason}"
    return f"{report} is made: {report.get_outcome_display()}"


def make_waiting_reports() -> str:
    """Make reports whose task was lost: asked for, or begun, longer ago than any task takes."""
    long_ago = timezone.now() - LOST_AFTER
    lost = TrustReport.objects.filter(
        Q(state=TrustReport.State.QUEUED, asked_at__lt=long_ago)
        | Q(state=TrustReport.State.MAKING, started_at__lt=long_ago)
    )
    made = [make_report(pk) for pk in lost.order_by("id").values_list("pk", flat=True)]
    return f"{len(made)} lost reports were taken up again"
