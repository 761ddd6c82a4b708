"""A run's way to its approval: reviewed by one person, agreed to by another, or cancelled."""

from django.db import transaction
from django.utils import timezone

from desk.errors import Refused
from desk.models import Approval, User
from desk.services import ask_approval, record, withdraw
from desk.types import ApprovalDecided
from disbursements.errors import DisbursementsError, NotPayable
from disbursements.models import DrawLine, OwnerDraw, Run
from disbursements.queries import said_of
from disbursements.services.drafting import payee_problem
from disbursements.services.locks import locked_run

APPROVAL_KIND = "owner draws"
NAMED = 5
_State = Run.State


@transaction.atomic
def review_run(run: Run, *, actor: User) -> Run:
    """Say that a frozen run was looked through, and ask a second person to agree to it.

    PostgreSQL checks that every figure is the sum of its lines. A run that is reviewed already is
    returned. Raises NotPayable naming owners who could not be paid, WrongState.
    """
    held = locked_run(run.pk, _State.FROZEN, _State.REVIEWED)
    if held.state == _State.REVIEWED:
        return held
    check_payees(held)
    held.approval = ask_approval(
        key=f"run:{held.pk}",
        kind=APPROVAL_KIND,
        entity_id=held.entity_id,
        text=said_of(held),
        facts={"run": held.pk},
        maker=actor,
    )
    held.state, held.reviewed_by, held.reviewed_at = _State.REVIEWED, actor, timezone.now()
    held.save(update_fields=["state", "reviewed_by", "reviewed_at", "approval"])
    return held


def check_payees(run: Run) -> None:
    """Raise NotPayable if an owner of the run could not be paid by their method."""
    draws = OwnerDraw.objects.filter(run=run, amount__gt=0).select_related("owner")
    bad = [
        f"{draw.owner.name}: {problem}" for draw in draws if (problem := payee_problem(draw.owner))
    ]
    if bad:
        more = f" And {len(bad) - NAMED} more." if len(bad) > NAMED else ""
        raise NotPayable(f"Complete their data, or leave them out. {' '.join(bad[:NAMED])}{more}")


def hear_decision(decided: ApprovalDecided) -> None:
    """Act on what the second person said of a run: approved, or refused and with that cancelled.

    Raises desk.errors.Refused, which undoes the decision, for whoever froze the run.
    """
    run = locked_run(int(decided.facts["run"]))
    if run.state != _State.REVIEWED or run.approval_id != decided.approval_id:
        raise Refused(f"The run is {run.get_state_display().lower()}; nothing is left to decide.")
    if not decided.is_agreed:
        _cancel(run, why=f"Refused: {decided.reason}", actor_id=decided.checker_id)
        return
    if decided.checker_id == run.made_by_id:
        raise Refused("You froze this run yourself; another person must agree to it.")
    run.state = _State.APPROVED
    run.approved_by_id, run.approved_at = decided.checker_id, timezone.now()
    run.save(update_fields=["state", "approved_by", "approved_at"])


@transaction.atomic
def cancel_run(run: Run, *, why: str, actor: User) -> Run:
    """Give up a run that was not sent: its lines are free for the next one.

    Raises DisbursementsError without a reason, WrongState once it was sent.
    """
    if not why.strip():
        raise DisbursementsError("Say why the run is cancelled.")
    held = locked_run(run.pk, *Run.OPEN, _State.CANCELLED)
    if held.state == _State.CANCELLED:
        return held
    approval = held.approval
    if approval is not None and approval.state == Approval.State.WAITING:
        withdraw(approval, maker=approval.maker)
    _cancel(held, why=why.strip(), actor_id=actor.pk)
    record(
        "cancel run",
        text=f"Cancelled the run to {held.cut_off_on:%b %-d, %Y}: {why.strip()}",
        subject=held,
        actor=actor,
    )
    return held


def _cancel(run: Run, *, why: str, actor_id: int) -> None:
    DrawLine.objects.filter(draw_property__draw__run=run, part=DrawLine.Part.COUNTED).update(
        part=DrawLine.Part.FREED
    )
    run.state, run.cancelled_why, run.cancelled_by_id = _State.CANCELLED, why[:300], actor_id
    run.save(update_fields=["state", "cancelled_why", "cancelled_by"])
