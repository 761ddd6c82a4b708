"""The audit trail, and the worker's heartbeat."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils import timezone

from desk.models import AuditEvent, Heartbeat, User

TEXT_LENGTH = 500


def record(
    verb: str,
    *,
    text: str,
    subject: models.Model | None = None,
    subject_type: str = "",
    subject_id: int | None = None,
    entity_id: int | None = None,
    actor: User | None = None,
    facts: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write one line of the audit trail, in the caller's transaction.

    verb: what happened in a word or two, as "match" or "change role". text: the whole sentence.
    subject: the row it happened to; or subject_type ("ledger.entry") with subject_id.
    facts: what a later reader needs, in JSON; no secret and no full account number.
    """
    if subject is not None:
        subject_type, subject_id = subject._meta.label_lower, subject.pk
        entity_id = entity_id or getattr(subject, "entity_id", None)
    return AuditEvent.objects.create(
        verb=verb,
        text=text[:TEXT_LENGTH],
        subject_type=subject_type,
        subject_id=subject_id,
        entity_id=entity_id,
        actor=actor,
        facts=dict(facts or {}),
    )


def beat(name: str = "worker") -> None:
    """Say that a worker has just finished its beat."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beaten_at": timezone.now()})
