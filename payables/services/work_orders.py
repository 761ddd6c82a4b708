"""Work orders: made, approved, completed by people; invoiced, paid and cleared by what follows."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone
from moneyed import Money

from leases.models import Property, Unit
from payables.errors import OtherCompany, PayablesError, ToldOtherwise, WrongState
from payables.models import Bill, LinePayment, Vendor, WorkOrder, WorkOrderStep
from payments.models import Payment
from proptrust.lib.money import ZERO

_STATE = WorkOrder.State
_BEFORE_WORK = (_STATE.CREATED, _STATE.APPROVED)
# Once the work is done, its state follows the bills.
_FOLLOWS: tuple[str, ...] = (_STATE.COMPLETED, _STATE.INVOICED, _STATE.PAID, _STATE.CLEARED)


@transaction.atomic
def create_work_order(
    *,
    entity_id: int,
    key: str,
    property_: Property,
    vendor: Vendor,
    title: str,
    description: str = "",
    unit: Unit | None = None,
    estimate: Money | None = None,
    made_on: date | None = None,
    actor_id: int | None = None,
) -> WorkOrder:
    """Ask a vendor for work; the same key is the same work order.

    Raises OtherCompany, ToldOtherwise, and PayablesError for an estimate of nothing.
    """
    if entity_id not in (property_.entity_id,) or vendor.entity_id != entity_id:
        raise OtherCompany("Property and vendor must be of the company of the work order.")
    if unit is not None and unit.property_id != property_.pk:
        raise OtherCompany(f"{unit} is not a unit of {property_}.")
    if not title.strip():
        raise PayablesError("Say in a few words what is to be done.")
    if estimate is not None and estimate <= ZERO:
        raise PayablesError("An estimate is above zero; leave it empty if there is none.")
    facts = {
        "property_id": property_.pk,
        "vendor_id": vendor.pk,
        "unit_id": unit.pk if unit else None,
        "title": title.strip(),
        "estimate": estimate,
    }
    row, is_new = WorkOrder.objects.get_or_create(
        entity_id=entity_id,
        key=key,
        defaults={
            **facts,
            "description": description.strip(),
            "made_on": made_on or timezone.localdate(),
        },
    )
    if is_new:
        _step(row, actor_id=actor_id)
    elif differ := [name for name, fact in facts.items() if getattr(row, name) != fact]:
        raise ToldOtherwise(f"{row} was made with this key and has another {', '.join(differ)}.")
    return row


def approve_work_order(row: WorkOrder, *, actor_id: int) -> WorkOrder:
    """Let the vendor begin."""
    return _move(row, (_STATE.CREATED,), _STATE.APPROVED, actor_id=actor_id)


@transaction.atomic
def complete_work_order(
    row: WorkOrder, *, on: date | None = None, actor_id: int | None = None
) -> WorkOrder:
    """The work is done; a bill that came before takes it further at once."""
    done = _move(row, (_STATE.APPROVED,), _STATE.COMPLETED, actor_id=actor_id)
    done.completed_on = on or timezone.localdate()
    done.save(update_fields=["completed_on"])
    follow_bills([done.pk], actor_id=actor_id)
    done.refresh_from_db()
    return done


def cancel_work_order(row: WorkOrder, *, reason: str, actor_id: int) -> WorkOrder:
    """It will not be done or not be billed. Raises WrongState while a bill names it."""
    if not reason.strip():
        raise PayablesError("Say why the work order is cancelled.")
    if row.bills.exclude(state=Bill.State.CANCELLED).exists():
        raise WrongState(f"{row} has a bill; cancel the bill first.")
    allowed = (*_BEFORE_WORK, _STATE.COMPLETED)
    return _move(row, allowed, _STATE.CANCELLED, actor_id=actor_id, text=reason.strip()[:300])


@transaction.atomic
def _move(
    row: WorkOrder, allowed: Collection[str], to: str, *, actor_id: int | None, text: str = ""
) -> WorkOrder:
    held = WorkOrder.objects.select_for_update().get(pk=row.pk)
    if held.state == to:
        return held
    if held.state not in allowed:
        raise WrongState(
            f"{held} is {held.get_state_display().lower()}; that is too late, or early."
        )
    held.state = to
    held.save(update_fields=["state"])
    _step(held, actor_id=actor_id, text=text)
    return held


def _step(row: WorkOrder, *, actor_id: int | None, text: str = "") -> None:
    WorkOrderStep.objects.create(work_order=row, state=row.state, made_by_id=actor_id, text=text)


@transaction.atomic
def follow_bills(work_order_ids: Collection[int], *, actor_id: int | None = None) -> None:
    """Bring work orders that are done to where their bills stand, forwards or back.

    Invoiced: an approved bill names it. Paid: all of those are. Cleared: the bank has taken each
    payment. The way goes step by step, so that its history has them all; a handful of statements
    for any number.
    """
    rows = list(
        WorkOrder.objects.select_for_update()
        .filter(pk__in=work_order_ids, state__in=_FOLLOWS)
        .order_by("pk")
    )
    if not rows:
        return
    targets = _targets([row.pk for row in rows])
    steps: list[WorkOrderStep] = []
    waves: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for number, state in enumerate(_way(row.state, targets.get(row.pk, _STATE.COMPLETED))):
            waves[number][state].append(row.pk)
            steps.append(WorkOrderStep(work_order=row, state=state, made_by_id=actor_id))
    for number in sorted(waves):
        for state, ids in waves[number].items():
            WorkOrder.objects.filter(pk__in=ids).update(state=state)
    WorkOrderStep.objects.bulk_create(steps)


def _targets(work_order_ids: Collection[int]) -> dict[int, str]:
    bills = Bill.objects.filter(work_order__in=work_order_ids, entry__isnull=False, is_credit=False)
    counted = (
        bills.exclude(state=Bill.State.CANCELLED)
        .order_by()
        .values("work_order")
        .annotate(many=Count("pk"), paid=Count("pk", filter=Q(state=Bill.State.PAID)))
    )
    out = set(
        LinePayment.objects.filter(
            line__bill__work_order__in=work_order_ids,
            undone_on__isnull=True,
            payment__isnull=False,
        )
        .exclude(payment__state=Payment.State.CLEARED)
        .values_list(F("line__bill__work_order"), flat=True)
    )
    found: dict[int, str] = {}
    for row in counted:
        is_paid = row["many"] == row["paid"]
        state = _STATE.INVOICED if not is_paid else _STATE.CLEARED
        if is_paid and row["work_order"] in out:
            state = _STATE.PAID
        found[row["work_order"]] = state
    return found


def _way(state: str, target: str) -> list[str]:
    """The states that lie on the way, the last one included; PostgreSQL knows the same ways."""
    here, there = _FOLLOWS.index(state), _FOLLOWS.index(target)
    if there >= here:
        return list(_FOLLOWS[here + 1 : there + 1])
    if state == _STATE.CLEARED and target == _STATE.PAID:
        return [_STATE.PAID]
    way: list[str] = [] if state == _STATE.INVOICED else [_STATE.INVOICED]
    return [*way, _STATE.COMPLETED] if target == _STATE.COMPLETED else way
