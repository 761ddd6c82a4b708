"""Assign a work item, let it wait, remark on it."""

from datetime import date

from django.db import transaction
from django.utils import timezone

from desk import roles
from desk.errors import AlreadyDone, Refused
from desk.models import Note, User, WorkItem
from desk.roles import Permission
from desk.services.audit import record


def locked(item_id: int) -> WorkItem:
    """The item, held until the transaction ends. Raises AlreadyDone with who, when and how."""
    item = (
        WorkItem.objects.select_for_update(of=("self",)).select_related("closed_by").get(pk=item_id)
    )
    if item.state == WorkItem.State.CLOSED:
        raise AlreadyDone(already_done(item))
    return item


def already_done(item: WorkItem) -> str:
    """The sentence for the second person."""
    closed_at = timezone.localtime(item.closed_at)
    by = f"by {item.closed_by}" if item.closed_by else "by itself"
    return f"EX-{item.pk} was already done {by} at {closed_at:%b %-d, %H:%M}: {item.closed_how}"


@transaction.atomic
def assign(item: WorkItem, to: User | None, *, actor: User) -> WorkItem:
    """Give an item to a person who may work on it, or (None) to nobody."""
    held = locked(item.pk)
    roles.require(actor, Permission.WORK_ITEMS, held.entity_id)
    if to is not None and not roles.can(to, Permission.WORK_ITEMS, held.entity_id):
        raise Refused(f"{to} may not work on items of this company.")
    if held.assigned_to_id == (to.pk if to else None):
        return held
    held.assigned_to = to
    held.save(update_fields=["assigned_to"])
    record("assign", text=f"Assigned to {to or 'nobody'}", subject=held, actor=actor)
    return held


@transaction.atomic
def wait(item: WorkItem, *, until: date, reason: str, actor: User) -> WorkItem:
    """Take an item off the list until a day; its due time goes on running."""
    held = locked(item.pk)
    roles.require(actor, Permission.WORK_ITEMS, held.entity_id)
    if until <= timezone.localdate():
        raise Refused("The day to wait for must lie after today.")
    if not reason.strip():
        raise Refused("Say what the item waits for.")
    held.state = WorkItem.State.WAITING
    held.wait_until, held.wait_reason = until, reason.strip()[:300]
    held.save(update_fields=["state", "wait_until", "wait_reason"])
    record(
        "wait",
        text=f"Waits until {until:%b %-d, %Y}: {held.wait_reason}",
        subject=held,
        actor=actor,
    )
    return held


@transaction.atomic
def stop_waiting(item: WorkItem, *, actor: User) -> WorkItem:
    """Bring a waiting item back to the list."""
    held = locked(item.pk)
    roles.require(actor, Permission.WORK_ITEMS, held.entity_id)
    held.state, held.wait_until, held.wait_reason = WorkItem.State.OPEN, None, ""
    held.save(update_fields=["state", "wait_until", "wait_reason"])
    record("wait", text="Brought back to the list", subject=held, actor=actor)
    return held


@transaction.atomic
def add_note(item: WorkItem, text: str, *, actor: User) -> Note:
    """Write a remark on an item, open or closed."""
    roles.require(actor, Permission.WORK_ITEMS, item.entity_id)
    if not text.strip():
        raise Refused("A note needs some text.")
    note = Note.objects.create(item=item, author=actor, text=text.strip())
    record("note", text=f"Noted: {note.text}", subject=item, actor=actor)
    return note
