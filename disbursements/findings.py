"""What is wrong with owner draws today: runs that are late."""

from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils import timezone

from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from disbursements.models import Run

RUN_LATE = "owner_run_late"


def register() -> None:
    """Make the detectors known to the desk."""
    registry.detect(
        Detector(
            name="disbursements: late runs",
            kinds=frozenset({RUN_LATE}),
            find=lambda entity_id: _late(
                _rows().filter(entity=entity_id) if entity_id else _rows()
            ),
            find_one=lambda run_id: _late(_rows().filter(pk=run_id)),
        )
    )


def _rows() -> QuerySet[Run]:
    """Runs that are not sent although their day of payment is over."""
    return Run.objects.filter(state__in=Run.OPEN, pays_on__lt=timezone.localdate())


def _late(rows: QuerySet[Run]) -> Iterator[Finding]:
    for run in rows.order_by("id"):
        yield Finding(
            key=f"{RUN_LATE}:{run.pk}",
            kind=RUN_LATE,
            entity_id=run.entity_id,
            severity=Severity.WARNING,
            title=f"Owner draws of {run.pays_on:%b %-d} are not paid",
            reason=(
                f"The run to {run.cut_off_on:%b %-d, %Y} is {run.get_state_display().lower()}; its"
                " owners were to be paid. Send it, or cancel it and freeze a new one."
            ),
            subject_type="disbursements.run",
            subject_id=run.pk,
            happened_on=run.pays_on,
        )
