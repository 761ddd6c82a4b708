"""Layer 2: runs of owner draws, their return from the bank, recoveries and contributions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desk import services as desk
from desk.models import Approval
from disbursements import services
from disbursements.models import Contribution, OwnerDraw, Recovery, Run
from leases.models import OwnershipShare
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import ZERO, plain, total
from tests.stories.endings import PARTS
from tests.stories.reading import Args, StoryError, as_money
from tests.stories.stage import Stage
from tests.stories.verbs import verb


@verb("freeze run")
def freeze_run(stage: Stage, args: Args) -> str:
    """A run of owner draws is frozen: `cut off` (the step's day), `pays` (the step's day), `as`."""
    run = services.freeze_run(
        stage.entity,
        cut_off_on=args.day("cut off", stage.on),
        pays_on=args.day("pays", stage.on),
        actor=stage.maker,
    )
    stage.keep(args, run)
    return f"{run} frozen: {_said(run)}"


@verb("hold draw")
def hold_draw(stage: Stage, args: Args) -> str:
    """An owner is left out of a run: `run`, `owner`, `reason`."""
    draw = services.hold_draw(_draw(stage, args), reason=args.text("reason"), actor=stage.maker)
    return f"{draw.owner} is left out: {draw.hold_reason}"


@verb("send run")
def send_run(stage: Stage, args: Args) -> str:
    """A frozen run is reviewed by one, approved by a second person, and sent: `run`."""
    run = services.review_run(stage.thing(Run, args, "run"), actor=stage.maker)
    assert run.approval is not None
    desk.decide(run.approval, is_agreed=True, checker=stage.checker)
    run = services.send_run(Run.objects.get(pk=run.pk), actor=stage.maker)
    return f"{run} approved by {stage.checker} and sent: {_said(run)}"


@verb("owner draws")
def owner_draws(stage: Stage, args: Args) -> str:
    """A whole run at once: frozen, reviewed, approved, sent: `cut off`, `pays`, `as`."""
    said = freeze_run(stage, args)
    run = Run.objects.filter(entity=stage.entity).latest("id")
    stage.things["the run"] = run
    return f"{said}; {send_run(stage, Args({'run': 'the run'}, args.place))}"


@verb("cancel run")
def cancel_run(stage: Stage, args: Args) -> str:
    """A run that was not sent is cancelled; its lines are free again: `run`, `why`."""
    run = services.cancel_run(
        stage.thing(Run, args, "run"), why=args.text("why"), actor=stage.maker
    )
    return f"{run} cancelled: {run.cancelled_why}"


@verb("draw comes back")
def draw_comes_back(stage: Stage, args: Args) -> str:
    """The bank returns an owner's draw: `run`, `owner`, `code`."""
    payment = _draw(stage, args).payment
    if payment is None:
        raise StoryError(args.place, "this draw was not paid")
    payments.come_back(payment, code=args.text("code", "R03"), on=stage.on)
    return f"The draw of {plain(payment.amount)} came back, {args.text('code', 'R03')}"


@verb("reissue payment")
def reissue(stage: Stage, args: Args) -> str:
    """What came back, was voided or is stale is paid again: `payee`, `method` (check), `as`."""
    old = _payment(stage, args)
    new = payments.reissue(
        old,
        on=stage.on,
        method=args.choice("method", ["check", "ach", "transfer"], "check"),
        key=stage.new_key("reissue"),
        actor_id=stage.maker.pk,
        why="Paid again",
    )
    stage.keep(args, new)
    return f"{plain(new.amount)} paid again to {new.payee} by {new.get_method_display().lower()}"


@verb("void payment")
def void(stage: Stage, args: Args) -> str:
    """A payment that was not cashed is voided: `payee`, `why`."""
    payment = _payment(stage, args)
    payments.void(payment, why=args.text("why"), on=stage.on, actor_id=stage.maker.pk)
    return f"The payment of {plain(payment.amount)} to {payment.payee} is void"


@verb("stale checks")
def stale(stage: Stage, args: Args) -> str:
    """The daily look for checks that nobody cashed in six months."""
    return f"{payments.mark_stale(stage.entity.pk, on=stage.on)} checks are stale"


@verb("to unclaimed")
def to_unclaimed(stage: Stage, args: Args) -> str:
    """A stale check's money is kept for its payee: `payee`."""
    payment = payments.to_unclaimed(_payment(stage, args), on=stage.on, actor_id=stage.maker.pk)
    return f"{plain(payment.amount)} is kept for {payment.payee}, unclaimed"


@verb("contribution")
def contribution(stage: Stage, args: Args) -> str:
    """An owner pays in: `owner`, `property`, `amount`, `asked` names the request."""
    asked = stage.thing(Contribution, args, "asked") if args.has("asked") else None
    made = services.record_contribution(
        owner=stage.owner(args.text("owner"), args.place),
        property_=stage.property(args.text("property"), args.place),
        amount=args.money("amount"),
        received_on=stage.on,
        key=stage.new_key("contribution"),
        reference=args.text("reference", ""),
        asked=asked,
        actor_id=stage.maker.pk,
    )
    return f"{made.owner} paid in {plain(made.amount)}"


@verb("plan recovery")
def plan_recovery(stage: Stage, args: Args) -> str:
    """An owner's claim is below zero; how it is made good: `owner`, `property`, `as`."""
    property_ = stage.property(args.text("property"), args.place)
    share = OwnershipShare.objects.filter(
        property=property_, owner=stage.owner(args.text("owner"), args.place)
    ).latest("from_on")
    recovery = services.plan_recovery(
        stage.entity.pk,
        beneficiary_id=share.beneficiary_id,
        book_id=property_.rent_book_id,
        on=stage.on,
        actor_id=stage.maker.pk,
    )
    stage.keep(args, recovery)
    steps = ", ".join(
        f"{s.get_kind_display().lower()} {plain(s.amount)}" for s in recovery.steps.all()
    )
    return f"{plain(recovery.amount)} to recover: {steps}"


@verb("recover from other properties")
def from_other_properties(stage: Stage, args: Args) -> str:
    """The owner's other properties fill the shortage: `recovery`."""
    recovery = stage.thing(Recovery, args, "recovery")
    services.take_from_other_properties(recovery, on=stage.on, actor_id=stage.maker.pk)
    return f"Filled from other properties of {recovery.owner}"


@verb("ask contribution")
def ask_contribution(stage: Stage, args: Args) -> str:
    """The owner is asked to pay in: `recovery`, `amount`, `as`."""
    recovery = stage.thing(Recovery, args, "recovery")
    made = services.ask_contribution(
        recovery, amount=args.money("amount"), on=stage.on, actor_id=stage.maker.pk
    )
    stage.keep(args, made)
    return f"{recovery.owner} is asked for {plain(made.amount)}"


@verb("company advance")
def advance(stage: Stage, args: Args) -> str:
    """The company advances what an owner lacks, agreed to by a second person: `recovery`,
    `amount`, `source` (trust: what it holds there; operating: it pays in)."""
    recovery = stage.thing(Recovery, args, "recovery")
    asked: Approval = services.ask_advance(
        recovery,
        amount=args.money("amount"),
        source=args.text("source", "operating"),
        on=stage.on,
        maker=stage.maker,
    )
    desk.decide(asked, is_agreed=True, checker=stage.checker)
    return f"The company advanced {plain(args.money('amount'))} to {recovery.owner}"


def _said(run: Run) -> str:
    draws = run.draws.select_related("owner").order_by("owner__name", "id")
    return ", ".join(f"{draw.owner} {plain(draw.amount)}" for draw in draws) or "nobody"


def _draw(stage: Stage, args: Args) -> OwnerDraw:
    run = stage.thing(Run, args, "run")
    owner = stage.owner(args.text("owner"), args.place)
    return run.draws.get(owner=owner)


def _payment(stage: Stage, args: Args) -> Payment:
    payee = args.text("payee")
    found = Payment.objects.filter(entity=stage.entity, payee=payee).order_by("-id").first()
    if found is None:
        raise StoryError(args.place, f"nothing was paid to {payee!r}")
    return found


def _drawn(stage: Stage) -> dict[str, Any]:
    """What each owner was paid in all, less what came back."""
    gone = [Payment.State.RETURNED, Payment.State.VOID, Payment.State.STOPPED]
    rows = Payment.objects.filter(entity=stage.entity, purpose=Payment.Purpose.OWNER_DRAW).exclude(
        state__in=gone
    )
    return {
        name: total(row.amount for row in rows if row.payee == owner.name)
        for name, owner in stage.owners.items()
        if any(row.payee == owner.name for row in rows)
    }


def _differ(stage: Stage, found: Any, wanted: Any) -> Iterator[str]:
    for name, text in wanted.items():
        amount = found.get(name, ZERO)
        if amount != as_money(text, f"{stage.story.name}, ends, draws"):
            yield f"{stage.story.name}, ends: {name} was paid {plain(amount)}, expected {text}"


PARTS["draws"] = (_drawn, _differ)
