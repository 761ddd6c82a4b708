"""Findings to work items: open what is new, refresh what changed, close what is gone."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from desk import registry
from desk.models import WorkItem
from desk.types import Detector, Finding
from proptrust.lib.banking import add_banking_days

# A detector that began before a person's action committed may still report what that action
# settled: an item that a person closed within this time is left to the next run.
SETTLING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Synced:
    """How many items a run opened (or opened again), refreshed and closed."""

    opened: int = 0
    changed: int = 0
    closed: int = 0

    def __add__(self, other: "Synced") -> "Synced":
        return Synced(
            self.opened + other.opened, self.changed + other.changed, self.closed + other.closed
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which open items a run answers for: those in scope that were not found are closed."""

    kinds: frozenset[str]
    started_at: datetime
    entity_id: int | None = None
    subject: tuple[str, int] | None = None


def run_detectors(entity_id: int | None = None) -> str:
    """Sync the findings of every detector to work items; running it twice changes nothing.

    entity_id: one legal entity, or None for all. Each detector is a transaction of its own, and two
    runs of one detector wait for each other. Returns the sentence that the task list shows.
    Raises ExceptionGroup with what failed, after every other detector has had its turn.
    """
    woken, synced, failed = wake_waiting(), Synced(), []
    for detector in registry.detectors():
        try:
            synced += run_detector(detector, entity_id)
        except Exception as error:  # noqa: BLE001 - raised below, when the others are done.
            error.add_note(f"in the detector {detector.name!r}")
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} detectors failed", failed)
    return (
        f"{synced.opened} items opened, {synced.changed} changed, {synced.closed} closed, "
        f"{woken} waited long enough"
    )


@transaction.atomic
def run_detector(detector: Detector, entity_id: int | None = None) -> Synced:
    """Sync one detector's findings to its items, in one transaction under its own lock."""
    _lock(detector.name)
    scope = Scope(detector.kinds, timezone.now(), entity_id)
    return _sync(detector.find(entity_id), scope)


@transaction.atomic
def recheck(item: WorkItem) -> bool:
    """Look again for what an item is about; close or refresh it. Returns whether it is still wrong.

    Only the item's own detector runs, and only for its subject when the detector can do that. An
    item of a kind that no detector finds is never wrong any more: its action was the answer.
    """
    detector = registry.detector_of(item.kind)
    if detector is None:
        return False
    if detector.find_one is None:
        run_detector(detector, item.entity_id)
    else:
        subject = (item.subject_type, item.subject_id)
        scope = Scope(detector.kinds, timezone.now(), item.entity_id, subject)
        _sync(detector.find_one(item.subject_id), scope)
    item.refresh_from_db()
    return item.state != WorkItem.State.CLOSED


def wake_waiting() -> int:
    """Bring the items back whose day has come; returns how many."""
    return WorkItem.objects.filter(
        state=WorkItem.State.WAITING, wait_until__lte=timezone.localdate()
    ).update(state=WorkItem.State.OPEN, wait_until=None, wait_reason="")


def _lock(name: str) -> None:
    """Wait until no other run of the detector is on its way; freed with the transaction."""
    number = int.from_bytes(hashlib.sha256(f"desk:{name}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _sync(findings: Iterable[Finding], scope: Scope) -> Synced:
    found = {finding.key: finding for finding in findings}
    for finding in found.values():
        if finding.kind not in scope.kinds:
            raise ValueError(f"{finding.key}: {finding.kind} is not a kind of its detector")
    keys = list(found)
    reopened = _reopen(keys, scope)
    opened, changed = _write(list(found.values()))
    return Synced(opened + reopened, changed, _close(keys, scope))


def _reopen(keys: Sequence[str], scope: Scope) -> int:
    if not keys:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH back AS (
                UPDATE desk_workitem AS item
                SET state = 'open', opened_at = now(),
                    closed_at = NULL, closed_by_id = NULL, closed_how = ''
                FROM unnest(%(keys)s::text[]) AS found (key)
                WHERE item.key = found.key AND item.state = 'closed'
                  AND (item.closed_by_id IS NULL OR item.closed_at < %(settled)s)
                RETURNING item.id, item.entity_id, item.title
            )
            INSERT INTO desk_auditevent (entity_id, verb, subject_type, subject_id, text, facts)
            SELECT entity_id, 'reopen', 'desk.workitem', id, 'Found again: ' || title, '{}'
            FROM back
            """,
            {"keys": list(keys), "settled": scope.started_at - SETTLING},
        )
        return int(cursor.rowcount)


def _close(keys: Sequence[str], scope: Scope) -> int:
    subject_type, subject_id = scope.subject or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
                UPDATE desk_workitem AS item
                SET state = 'closed', closed_at = clock_timestamp(),
                    closed_how = 'No longer found.', wait_until = NULL, wait_reason = ''
                WHERE item.kind = ANY(%(kinds)s) AND item.state <> 'closed'
                  AND item.opened_at <= %(started)s
                  AND (%(entity)s::bigint IS NULL OR item.entity_id = %(entity)s)
                  AND (%(type)s::text IS NULL
                       OR (item.subject_type = %(type)s AND item.subject_id = %(subject)s))
                  AND NOT EXISTS (
                      SELECT FROM unnest(%(keys)s::text[]) AS found (key)
                      WHERE found.key = item.key)
                RETURNING item.id, item.entity_id, item.title
            )
            INSERT INTO desk_auditevent (entity_id, verb, subject_type, subject_id, text, facts)
            SELECT entity_id, 'close', 'desk.workitem', id, 'No longer found: ' || title, '{}'
            FROM gone
            """,
            {
                "kinds": sorted(scope.kinds),
                "started": scope.started_at,
                "entity": scope.entity_id,
                "type": subject_type,
                "subject": subject_id,
                "keys": list(keys),
            },
        )
        return int(cursor.rowcount)


# What a finding says and an item repeats, with the PostgreSQL type of each column.
_COLUMNS = {
    "severity": "smallint",
    "title": "text",
    "reason": "text",
    "amount": "numeric",
    "amount_currency": "text",
    "who": "text",
    '"where"': "text",
    "book_id": "bigint",
    "subject_type": "text",
    "subject_id": "bigint",
    "happened_on": "date",
    "suggestion": "text",
    "suggestion_points": "smallint",
}
_WRITE = """
    INSERT INTO desk_workitem (
        key, entity_id, kind, {names}, state, due_at, wait_reason, closed_how)
    SELECT found.key, found.entity_id, found.kind, {found_names}, 'open',
        (found.due_on + time '17:00') AT TIME ZONE entity.time_zone, '', ''
    FROM unnest(%s::text[], %s::bigint[], %s::text[], {types}, %s::date[])
        AS found (key, entity_id, kind, {names}, due_on)
    JOIN desk_legalentity AS entity ON entity.id = found.entity_id
    ON CONFLICT (key) DO UPDATE SET {updates}
    WHERE desk_workitem.state <> 'closed' AND ({old}) IS DISTINCT FROM ({new})
    RETURNING xmax = 0
""".format(  # noqa: S608 - only the names above go in.
    names=", ".join(_COLUMNS),
    found_names=", ".join(f"found.{name}" for name in _COLUMNS),
    types=", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values()),
    updates=", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS),
    old=", ".join(f"desk_workitem.{name}" for name in _COLUMNS),
    new=", ".join(f"EXCLUDED.{name}" for name in _COLUMNS),
)


def _write(findings: Sequence[Finding]) -> tuple[int, int]:
    """Open and refresh items in one statement; returns (opened, refreshed)."""
    if not findings:
        return 0, 0
    today = timezone.localdate()
    due = {
        kind: add_banking_days(today, registry.due_banking_days(kind))
        for kind in {finding.kind for finding in findings}
    }
    rows = [_row(finding, due[finding.kind]) for finding in findings]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)
        is_new = [new for (new,) in cursor.fetchall()]
    return sum(is_new), len(is_new) - sum(is_new)


def _row(finding: Finding, due_on: date) -> tuple[object, ...]:
    return (
        finding.key,
        finding.entity_id,
        finding.kind,
        finding.severity,
        finding.title[:200],
        finding.reason,
        finding.amount.amount if finding.amount is not None else None,
        str(finding.amount.currency) if finding.amount is not None else "USD",
        finding.who[:200],
        finding.where[:200],
        finding.book_id,
        finding.subject_type,
        finding.subject_id,
        finding.happened_on,
        finding.suggestion[:200],
        finding.suggestion_points,
        finding.due_on or due_on,
    )
