"""One run at a time for each company, and a run's row held until the transaction ends."""

from django.db import connection

from disbursements.errors import WrongState
from disbursements.models import Run

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def hold_company(entity_id: int) -> None:
    """Wait until nobody else freezes or sends a run of the company, or plans its recoveries."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"disbursements:{entity_id}"])


def locked_run(run_id: int, *states: str) -> Run:
    """The run, held; WrongState unless it is in one of the states."""
    entity_id = Run.objects.values_list("entity_id", flat=True).get(pk=run_id)
    hold_company(entity_id)
    run = (
        Run.objects.select_for_update(of=("self",), no_key=True)
        .select_related("entity")
        .get(pk=run_id)
    )
    if states and run.state not in states:
        raise WrongState(
            f"The run to {run.cut_off_on:%b %-d, %Y} is {run.get_state_display().lower()}."
        )
    return run
