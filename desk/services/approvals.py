"""Four eyes: what needs a second person waits here; its maker is never its checker."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from desk import roles
from desk.errors import Refused
from desk.models import Approval, User
from desk.roles import Permission
from desk.services.audit import record
from desk.types import ApprovalDecided
from proptrust.lib.events import publish


@transaction.atomic
def ask_approval(
    *, key: str, kind: str, entity_id: int, text: str, facts: Mapping[str, Any], maker: User
) -> Approval:
    """Ask a second person to agree to a change; the same key asks once.

    text: what will happen, with its effect on the trust. facts: what the change needs to be done.
    Raises Refused when the key was asked before with other facts.
    """
    asked = {"kind": kind, "entity_id": entity_id, "text": text, "facts": dict(facts)}
    approval, is_new = Approval.objects.get_or_create(key=key, defaults={**asked, "maker": maker})
    if not is_new and (approval.kind, approval.facts) != (kind, dict(facts)):
        raise Refused(f"{key} was asked before, with other facts.")
    if is_new:
        record("ask approval", text=text, subject=approval, actor=maker)
    return approval


@transaction.atomic
def decide(approval: Approval, *, is_agreed: bool, checker: User, reason: str = "") -> Approval:
    """Agree to a change or refuse it, as the second person; a refusal says why."""
    held = _waiting(approval)
    roles.require(checker, Permission.APPROVE, held.entity_id)
    if held.maker_id == checker.pk:
        raise Refused("You asked for this yourself; another person must decide.")
    if not is_agreed and not reason.strip():
        raise Refused("Say why it is refused.")
    held.state = Approval.State.APPROVED if is_agreed else Approval.State.REFUSED
    held.checker, held.checked_at, held.reason = checker, timezone.now(), reason.strip()[:300]
    held.save(update_fields=["state", "checker", "checked_at", "reason"])
    record("approve" if is_agreed else "refuse", text=held.text, subject=held, actor=checker)
    publish(
        ApprovalDecided(
            approval_id=held.pk,
            entity_id=held.entity_id,
            kind=held.kind,
            facts=held.facts,
            is_agreed=is_agreed,
            maker_id=held.maker_id,
            checker_id=checker.pk,
            reason=held.reason,
        )
    )
    return held


@transaction.atomic
def withdraw(approval: Approval, *, maker: User) -> Approval:
    """Take back what one asked for oneself."""
    held = _waiting(approval)
    if held.maker_id != maker.pk:
        raise Refused("Only the person who asked may withdraw it.")
    held.state = Approval.State.WITHDRAWN
    held.save(update_fields=["state"])
    record("withdraw", text=held.text, subject=held, actor=maker)
    return held


def _waiting(approval: Approval) -> Approval:
    held = Approval.objects.select_for_update().get(pk=approval.pk)
    if held.state != Approval.State.WAITING:
        raise Refused(f"This was decided already: {held.get_state_display().lower()}.")
    return held
