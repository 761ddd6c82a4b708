"""Tasks of the statements app; each takes ids and returns the sentence that the task list shows."""

from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from statements import services
from statements.errors import StatementsError, StillWriting
from statements.models import LinkVisit, OwnerStatement, TrustReport
from statements.owners import services as owners

# The worker ends a task after its time-out: one that began earlier is not running any more.
LOST_AFTER = timedelta(seconds=cast("int", settings.Q_CLUSTER["timeout"]) + 60)
VISITS_KEPT = timedelta(days=90)


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


def compose_owner_statements(statement_ids: list[int]) -> str:
    """Compose the rows of owner statements; what a person can mend is kept as their reason."""
    try:
        made = owners.compose_statements(statement_ids)
    except StillWriting as error:
        return f"{len(statement_ids)} owner statements wait: {error}"
    except StatementsError as error:
        owners.record_failure(statement_ids, str(error))
        return f"{len(statement_ids)} owner statements were not composed: {error}"
    return f"{made} owner statements are composed"


def make_owner_statement(statement_id: int) -> str:
    """Lay one owner statement out."""
    try:
        statement = owners.make_statement(statement_id)
    except StatementsError as error:
        owners.record_failure([statement_id], str(error))
        return f"Owner statement {statement_id} was not made: {error}"
    return f"{statement} is {statement.get_state_display().lower()}"


def make_waiting_owner_statements() -> str:
    """Make owner statements whose task was lost: asked for longer ago than any task takes."""
    lost = OwnerStatement.objects.filter(
        state__in=OwnerStatement.RUNNING, asked_at__lt=timezone.now() - LOST_AFTER
    ).order_by("id")
    states = list(lost.values_list("pk", "state")[: owners.BATCH])
    queued = [pk for pk, state in states if state == OwnerStatement.State.QUEUED]
    if queued:
        compose_owner_statements(queued)
    composed = [pk for pk, state in states if state == OwnerStatement.State.COMPOSED]
    for pk in composed:
        make_owner_statement(pk)
    return f"{len(states)} lost owner statements were taken up again"


def forget_visits() -> str:
    """Forget who opened owners' links after ninety days."""
    count, _ = LinkVisit.objects.filter(at__lt=timezone.now() - VISITS_KEPT).delete()
    return f"{count} visits of owners' links were forgotten"
