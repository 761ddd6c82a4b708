"""What a reviewer changes of a frozen draw: each change is kept with its reason."""

from collections import defaultdict

from django.db import transaction
from moneyed import Money

from desk.models import User
from desk.services import record
from disbursements import reading
from disbursements.errors import DisbursementsError, WrongState
from disbursements.models import DrawChange, DrawProperty, OwnerDraw, Run, Withholding
from disbursements.services import drafting
from disbursements.services.drafting import Draft
from disbursements.services.locks import locked_run
from proptrust.lib.money import ZERO, plain, usd

_FIGURES = ("amount", "withheld", "repaid", "closing")


@transaction.atomic
def hold_draw(draw: OwnerDraw, *, reason: str, actor: User) -> OwnerDraw:
    """Leave a draw out of its run: nothing is paid, and all of it is the next run's opening.

    It may be done after the approval, too, for it pays less than was approved. Shortages are still
    filled from the owner's other properties. Raises DisbursementsError without a reason, WrongState
    while the run waits for its second person or was sent.
    """
    if not reason.strip():
        raise DisbursementsError("Say why the owner is left out.")
    held = _locked(draw, Run.State.FROZEN, Run.State.APPROVED)
    if held.state == OwnerDraw.State.HELD:
        return held
    _note(held, actor, "left out", plain(held.amount), "0.00", reason.strip())
    if held.run.state == Run.State.FROZEN:
        held.state, held.hold_reason = OwnerDraw.State.HELD, reason.strip()[:300]
        return _plan_again(held)
    return _pay_nothing(held, reason.strip()[:300])


@transaction.atomic
def release_draw(draw: OwnerDraw, *, actor: User) -> OwnerDraw:
    """Take a draw into its run again; only while the run is frozen."""
    held = _locked(draw, Run.State.FROZEN)
    if held.state != OwnerDraw.State.HELD:
        return held
    _note(held, actor, "taken in", held.hold_reason, "", "")
    held.state, held.hold_reason = OwnerDraw.State.PLANNED, ""
    return _plan_again(held)


@transaction.atomic
def lower_draw(draw: OwnerDraw, most: Money | None, *, reason: str, actor: User) -> OwnerDraw:
    """Pay at most an amount, or (None) all that can be paid; only while the run is frozen.

    What is not paid stays in the owner's claim, over the properties in proportion.
    """
    held = _locked(draw, Run.State.FROZEN)
    if most is not None and most <= ZERO:
        raise DisbursementsError("Pay more than nothing, or leave the owner out.")
    if most is not None and not reason.strip():
        raise DisbursementsError("Say why less is paid.")
    if held.most == most:
        return held
    was = plain(held.most) if held.most is not None else "all"
    now = plain(most) if most is not None else "all"
    _note(held, actor, "pay at most", was, now, reason.strip())
    held.most = most
    return _plan_again(held)


@transaction.atomic
def set_memo(draw: OwnerDraw, memo: str, *, actor: User) -> OwnerDraw:
    """Set what is printed with the payment; only while the run is frozen."""
    held = _locked(draw, Run.State.FROZEN)
    text = memo.strip()
    if len(text) > 200:
        raise DisbursementsError("A memo has at most 200 characters.")
    if text != held.memo:
        _note(held, actor, "memo", held.memo, text, "")
        held.memo = text
        held.save(update_fields=["memo"])
    return held


def _locked(draw: OwnerDraw, *states: str) -> OwnerDraw:
    run = locked_run(draw.run_id)
    if run.state not in states:
        raise WrongState(
            f"The run is {run.get_state_display().lower()}: this can be done while it is"
            f" {' or '.join(Run.State(state).label.lower() for state in states)}."
        )
    held = OwnerDraw.objects.select_related("owner").get(pk=draw.pk)
    held.run = run
    return held


def _note(draw: OwnerDraw, actor: User, what: str, was: str, now: str, reason: str) -> None:
    DrawChange.objects.create(
        draw=draw, what=what, was=was[:300], now=now[:300], reason=reason[:300], made_by=actor
    )
    record(
        "change draw",
        text=f"{draw.owner}: {what} {now} {reason}".strip(),
        subject=draw,
        entity_id=draw.run.entity_id,
        actor=actor,
        facts={"was": was, "now": now, "reason": reason},
    )


def _plan_again(draw: OwnerDraw) -> OwnerDraw:
    """Plan a draw of a frozen run from its rows; the lines stay as they were counted."""
    rows = list(draw.properties.select_related("property").order_by("id"))
    taxes: dict[int, list[Withholding]] = defaultdict(list)
    for tax in Withholding.objects.filter(draw_property__draw=draw).order_by("id"):
        taxes[tax.draw_property_id].append(tax)
    owed = reading.owed_advances(draw.run.entity_id).get((draw.owner_id, draw.book_id), ())
    parts = [drafting.part_of(row, taxes[row.pk]) for row in rows]
    draft = Draft(draw, draw.owner, rows, parts, owed)
    drafting.settle(draft)
    for row, done in zip(rows, draft.planned, strict=True):
        for tax, amount in zip(taxes[row.pk], done.withheld, strict=True):
            tax.amount = usd(amount)
    Withholding.objects.bulk_update([tax for each in taxes.values() for tax in each], ["amount"])
    names = [*_FIGURES, "netted", "reserve_held"]
    DrawProperty.objects.bulk_update(rows, [*names, "repays"])
    draw.save()
    return draw


def _pay_nothing(draw: OwnerDraw, reason: str) -> OwnerDraw:
    """Leave a draw of an approved run out: what would be paid stays in the claims."""
    draw.closing += draw.amount + draw.withheld + draw.repaid
    draw.amount = draw.withheld = draw.repaid = ZERO
    draw.state, draw.hold_reason = OwnerDraw.State.HELD, reason
    draw.save(update_fields=["state", "hold_reason", *_FIGURES])
    rows = list(draw.properties.order_by("id"))
    for row in rows:
        row.closing += row.amount + row.withheld + row.repaid
        row.amount = row.withheld = row.repaid = ZERO
        row.repays = {}
    DrawProperty.objects.bulk_update(rows, [*_FIGURES, "repays"])
    Withholding.objects.filter(draw_property__draw=draw).update(amount=ZERO)
    return draw
