"""Carry a remedy out, and undo it: one transaction, one audit event, one reversal."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.http import QueryDict
from django.utils import timezone

from desk import registry, roles
from desk.errors import Refused
from desk.models import Action, User, WorkItem
from desk.roles import Permission
from desk.services.audit import record
from desk.services.findings import recheck
from desk.services.items import locked
from desk.types import Handler

MAX_IN_GROUP = 1000
SAID_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did: its sentence, and whether its item is gone from the list."""

    action: Action
    said: str
    is_closed: bool


@dataclass(slots=True)
class GroupOutcome:
    """What became of items that were answered together: those left out carry the reason."""

    group: uuid.UUID
    done: list[Outcome] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)


@transaction.atomic
def act(
    item: WorkItem,
    remedy: str,
    facts: QueryDict,
    *,
    actor: User,
    group: uuid.UUID | None = None,
) -> Outcome:
    """Carry one remedy of an item out, and close the item when what was wrong is gone.

    facts: what the remedy's form sent. group: actions with one group are undone together.
    Raises AlreadyDone if another person was quicker, Refused with the handler's reason, and
    PermissionDenied; nothing is posted then.
    """
    held = locked(item.pk)
    roles.require(actor, Permission.WORK_ITEMS, held.entity_id)
    with _refusal_told():
        done = _handler(held.kind).act(held.subject_id, remedy, facts, actor_id=actor.pk)
    action = Action.objects.create(
        item=held,
        remedy=remedy,
        actor=actor,
        group=group or uuid.uuid4(),
        said=done.said[:SAID_LENGTH],
        undo=dict(done.undo),
    )
    record(
        "act",
        text=done.said,
        subject=held,
        actor=actor,
        facts={"remedy": remedy, "action": action.pk, "group": str(action.group)},
    )
    if not recheck(held):
        _close(held, action)
    return Outcome(action, done.said, held.state == WorkItem.State.CLOSED)


def act_on_many(choices: Iterable[tuple[WorkItem, str, QueryDict]], *, actor: User) -> GroupOutcome:
    """Carry out one remedy on each of many items as one group, which one undo takes back.

    An item that is refused is left out with its reason and the others go on.
    Raises Refused for more than a thousand.
    """
    chosen = list(choices)
    if len(chosen) > MAX_IN_GROUP:
        raise Refused(f"At most {MAX_IN_GROUP:,} items go together; {len(chosen):,} were ticked.")
    outcome = GroupOutcome(uuid.uuid4())
    with transaction.atomic():
        # In the order of their ids: two people's groups never wait for each other in a ring.
        for item, remedy, facts in sorted(chosen, key=lambda choice: choice[0].pk):
            try:
                done = act(item, remedy, facts, actor=actor, group=outcome.group)
            except Refused as refusal:
                outcome.left_out.append((item.pk, str(refusal)))
            else:
                outcome.done.append(done)
    return outcome


def undo(actor: User) -> list[Action]:
    """Undo what a person did last: the whole group of that action.

    Raises Refused when there is nothing left to undo, or when a part cannot be undone.
    """
    last = Action.objects.filter(actor=actor, undone_at=None).order_by("-id").first()
    if last is None:
        raise Refused("There is nothing to undo.")
    return undo_group(last.group, actor=actor)


@transaction.atomic
def undo_group(group: uuid.UUID, *, actor: User) -> list[Action]:
    """Undo actions that were done together, the last one first: all of them or none.

    Returns the actions, whose items are open again where what was wrong has come back.
    """
    actions = list(
        Action.objects.select_for_update(of=("self",))
        .filter(group=group)
        .select_related("item", "undone_by")
        .order_by("-id")
    )
    if not actions:
        raise Refused("There is no such action.")
    for action in actions:
        roles.require(actor, Permission.WORK_ITEMS, action.item.entity_id)
        if action.undone_at is not None:
            undone_at = timezone.localtime(action.undone_at)
            raise Refused(
                f"Already undone by {action.undone_by} at {undone_at:%b %-d, %H:%M}: {action.said}"
            )
        _undo_one(action, actor)
    return actions


def _undo_one(action: Action, actor: User) -> None:
    item = WorkItem.objects.select_for_update(of=("self",)).get(pk=action.item_id)
    with _refusal_told():
        said = _handler(item.kind).undo(action.remedy, action.undo, actor_id=actor.pk)
    action.undone_at, action.undone_by = timezone.now(), actor
    action.save(update_fields=["undone_at", "undone_by"])
    record(
        "undo",
        text=said or f"Undid: {action.said}",
        subject=item,
        actor=actor,
        facts={"action": action.pk, "group": str(action.group)},
    )
    if item.state == WorkItem.State.CLOSED:
        _open_again(item)


@contextmanager
def _refusal_told() -> Iterator[None]:
    """Turn a truth that PostgreSQL keeps (a closed period, an overdrawn beneficiary) into words."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        reason = str(error).strip().splitlines()[0]
        raise Refused(f"The books refused this: {reason}.") from error


def _close(item: WorkItem, action: Action) -> None:
    """Name the person and the action on an item that is no longer wrong."""
    WorkItem.objects.filter(pk=item.pk).update(
        state=WorkItem.State.CLOSED,
        closed_at=timezone.now(),
        closed_by=action.actor,
        closed_how=action.said,
        wait_until=None,
        wait_reason="",
    )
    item.refresh_from_db()


def _open_again(item: WorkItem) -> None:
    """Open an item whose action was undone; if all is well without it, its recheck closes it."""
    WorkItem.objects.filter(pk=item.pk).update(
        state=WorkItem.State.OPEN, opened_at=Now(), closed_at=None, closed_by=None, closed_how=""
    )
    item.refresh_from_db()
    if registry.detector_of(item.kind):
        recheck(item)


def _handler(kind: str) -> Handler:
    try:
        return registry.handler_of(kind)
    except KeyError:
        raise Refused(f"No part of PropTrust answers for items of the kind {kind!r}.") from None
