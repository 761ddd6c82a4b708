"""Ask for owner statements, compose their rows in bulk, lay each one out."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone
from django_q.tasks import async_task

from desk import services as desk
from desk.models import LegalEntity, User
from disbursements.models import Run
from leases.models import Owner
from proptrust.lib.money import usd
from statements import canonical
from statements.errors import DoesNotTie, NothingToReport, StatementsError
from statements.models import OwnerStatement
from statements.owners import pdf, queries, reading, stored
from statements.owners.composing import compose, days
from statements.owners.types import OwnerStatementRows
from statements.queries import SOFTWARE

# So many statements are read at once: the facts of a few hundred claims take little memory.
BATCH = 100
MAX_ATTEMPTS = 3
_STATE = OwnerStatement.State


@transaction.atomic
def request_statements(
    entity: LegalEntity,
    *,
    to_on: date,
    from_on: date | None = None,
    owner_ids: Collection[int] | None = None,
    run: Run | None = None,
    asked_by: User | None = None,
) -> list[OwnerStatement]:
    """Queue a statement for each owner (None: for all who have one to get); tasks make them.

    from_on: None begins the day after each owner's last statement, or with the month. The same days
    once more make the next version; one that is still being made is returned as it is, so that
    asking twice makes one. The queries do not grow with the owners, but for one task a batch.

    Raises StatementsError for days that do not fit or a run that has paid nothing yet, and
    NothingToReport if no owner has a statement to get.
    """
    _check(entity, from_on, to_on, run)
    if owner_ids is None:
        owner_ids = queries.owners_of_days(entity.pk, from_on or to_on.replace(day=1), to_on)
    # Whoever asks for the same owners waits here, so that a version is given out once.
    owners = list(
        Owner.objects.select_for_update(of=("self",))
        .filter(pk__in=owner_ids, entity=entity)
        .order_by("pk")
    )
    if not owners:
        raise NothingToReport(f"No owner of {entity} has a statement up to {to_on}.")
    firsts = dict.fromkeys((owner.pk for owner in owners), from_on) if from_on else {}
    firsts = firsts or _firsts(owners, to_on, run)
    asked = _queue(owners, firsts, to_on, run, asked_by)
    fresh = [row.pk for row in asked if row.state == _STATE.QUEUED and not row.attempts]
    for first in range(0, len(fresh), BATCH):
        part = fresh[first : first + BATCH]
        async_task(
            "statements.tasks.compose_owner_statements", part, task_name=f"owners from {part[0]}"
        )
    desk.record(
        "ask for owner statements",
        actor=asked_by,
        subject=run or entity,
        entity_id=entity.pk,
        text=f"Asked for {len(asked)} owner statements up to {to_on}",
        facts={"statements": len(asked), "to_on": to_on.isoformat()},
    )
    return asked


def request_statements_of_run(run: Run, *, asked_by: User | None = None) -> list[OwnerStatement]:
    """Queue the statements of every owner whom a run has paid or reckoned with."""
    owner_ids = set(run.draws.values_list("owner_id", flat=True))
    return request_statements(
        run.entity, to_on=run.cut_off_on, owner_ids=owner_ids, run=run, asked_by=asked_by
    )


def _check(entity: LegalEntity, from_on: date | None, to_on: date, run: Run | None) -> None:
    if from_on is not None and from_on > to_on:
        raise StatementsError(f"The first day {from_on} lies after the last day {to_on}.")
    if to_on > timezone.localdate():
        raise StatementsError(f"{to_on} has not come yet; no statement ends on it.")
    if run is None:
        return
    if run.entity_id != entity.pk or run.cut_off_on != to_on:
        raise StatementsError(f"{run} is not of these days.")
    if not run.is_paid:
        raise StatementsError(
            f"{run} is {run.get_state_display().lower()}: send it first, so that the statements"
            " show what was paid."
        )


def _firsts(owners: Sequence[Owner], to_on: date, run: Run | None) -> dict[int, date]:
    """The first day of each owner's statement: after the last one, or what begins the first one."""
    made = OwnerStatement.objects.filter(
        owner__in=owners, state=_STATE.MADE, to_on__lte=to_on
    ).values("owner_id")
    ends = dict(made.annotate(last=Max("to_on")).values_list("owner_id", "last"))
    same = made.filter(to_on=to_on).annotate(first=Max("from_on"))
    again = dict(same.values_list("owner_id", "first"))
    before = queries.run_before(run) if run else None
    begins = before.cut_off_on + timedelta(days=1) if before else to_on.replace(day=1)
    return {
        owner.pk: again.get(owner.pk)
        or (ends[owner.pk] + timedelta(days=1) if owner.pk in ends else begins)
        for owner in owners
    }


def _queue(
    owners: Sequence[Owner],
    firsts: dict[int, date],
    to_on: date,
    run: Run | None,
    asked_by: User | None,
) -> list[OwnerStatement]:
    standing: dict[int, list[OwnerStatement]] = defaultdict(list)
    same_end = OwnerStatement.objects.filter(owner__in=owners, to_on=to_on)
    for row in same_end.defer("pdf", "rows").order_by("version"):
        if row.from_on == firsts[row.owner_id]:
            standing[row.owner_id].append(row)
    new, old, again = [], [], []
    for owner in owners:
        versions = standing.get(owner.pk, [])
        last = versions[-1] if versions else None
        if last is not None and last.state in OwnerStatement.RUNNING:
            old.append(last)
        elif last is not None and last.state == _STATE.FAILED and last.run_id == (run and run.pk):
            again.append(last)
        else:
            new.append(
                OwnerStatement(
                    entity_id=owner.entity_id,
                    owner=owner,
                    run=run,
                    from_on=firsts[owner.pk],
                    to_on=to_on,
                    version=last.version + 1 if last else 1,
                    supersedes=next((v for v in versions[::-1] if v.state == _STATE.MADE), None),
                    asked_by=asked_by,
                )
            )
    OwnerStatement.objects.bulk_create(new)
    _try_again(again)
    return [*new, *again, *old]


def _try_again(rows: Iterable[OwnerStatement]) -> None:
    ids = [row.pk for row in rows]
    for row in rows:
        row.state, row.reason, row.attempts = _STATE.QUEUED, "", 0
    OwnerStatement.objects.filter(pk__in=ids).update(
        state=_STATE.QUEUED, reason="", attempts=0, asked_at=timezone.now()
    )


def compose_statements(statement_ids: Collection[int]) -> int:
    """Compute and store the rows of statements that are queued, and queue a PDF for each.

    Safe to stop at any line and to run again. All rows are read in one snapshot. One that does not
    tie is failed with its reason; the others go on. Returns how many were composed.
    """
    waiting = _begin(statement_ids)
    composed = 0
    for batch in _alike(waiting):
        made, failed = _read(batch)
        composed += _store(batch, made, failed)
    return composed


@transaction.atomic
def _begin(statement_ids: Collection[int]) -> list[OwnerStatement]:
    queued = OwnerStatement.objects.select_for_update(of=("self",)).filter(
        pk__in=statement_ids, state=_STATE.QUEUED
    )
    ids = list(queued.order_by("pk").values_list("pk", flat=True))
    rows = OwnerStatement.objects.filter(pk__in=ids)
    rows.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=_STATE.FAILED, reason=f"It did not finish in {MAX_ATTEMPTS} attempts."
    )
    rows.filter(state=_STATE.QUEUED).update(attempts=F("attempts") + 1)
    ready = rows.filter(state=_STATE.QUEUED).defer("pdf", "rows").order_by("pk")
    return list(ready.select_related("entity", "owner", "run", "supersedes"))


def _alike(rows: Iterable[OwnerStatement]) -> list[list[OwnerStatement]]:
    """Statements by company and last day, which are read together."""
    found: dict[tuple[int, date], list[OwnerStatement]] = defaultdict(list)
    for row in rows:
        found[row.entity_id, row.to_on].append(row)
    return list(found.values())


def _read(
    batch: Sequence[OwnerStatement],
) -> tuple[dict[int, OwnerStatementRows], dict[int, str]]:
    """The rows of each statement, and why others have none. Sets known_at and follows."""
    known_at = reading.settled_moment()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Only the outermost transaction may choose; a test around it reads its own snapshot.
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        facts = reading.statement_facts(batch, known_at=known_at)
    made: dict[int, OwnerStatementRows] = {}
    failed: dict[int, str] = {}
    for row in batch:
        follows = facts[row.pk].follows
        row.known_at, row.follows_id = known_at, follows.statement_id if follows else None
        try:
            made[row.pk] = compose(facts[row.pk], SOFTWARE)
        except DoesNotTie as error:
            failed[row.pk] = str(error)
    return made, failed


@transaction.atomic
def _store(
    batch: Sequence[OwnerStatement],
    made: dict[int, OwnerStatementRows],
    failed: dict[int, str],
) -> int:
    # Another worker may have composed some meanwhile: the first one stands.
    still = set(
        OwnerStatement.objects.select_for_update(of=("self",))
        .filter(pk__in=[row.pk for row in batch], state=_STATE.QUEUED)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    done = []
    for row in batch:
        if row.pk not in still:
            continue
        rows = made.get(row.pk)
        if rows is None:
            row.state, row.reason = _STATE.FAILED, failed[row.pk]
        else:
            # From here on the attempts to lay it out are counted.
            row.state, row.reason, row.attempts = _STATE.COMPOSED, "", 0
            row.rows = canonical.to_json(rows)
            row.rows_sha256 = canonical.sha256(row.rows)
            row.opening, row.change = usd(Decimal(rows.opening)), usd(Decimal(rows.change))
            row.paid, row.closing = usd(Decimal(rows.paid)), usd(Decimal(rows.closing))
        done.append(row)
    OwnerStatement.objects.bulk_update(
        done,
        [
            "state", "reason", "attempts", "known_at", "follows", "rows", "rows_sha256",
            "opening", "change", "paid", "closing",
        ],
    )  # fmt: skip
    ready = [row for row in done if row.state == _STATE.COMPOSED]
    for row in ready:
        async_task("statements.tasks.make_owner_statement", row.pk, task_name=f"owner {row.pk}")
    return len(ready)


def make_statement(statement_id: int) -> OwnerStatement:
    """Lay a composed statement out and store it; safe to stop at any line and to run again."""
    statement = _begin_layout(statement_id)
    if statement.state != _STATE.COMPOSED:
        return statement
    rows = stored.rows_of(statement)
    if canonical.to_json(rows) != bytes(statement.rows or b""):
        raise StatementsError(f"{statement} was composed by another version; ask for it again.")
    document = pdf.render(rows)
    with transaction.atomic():
        # Another worker may have finished the same statement meanwhile: the first one stands.
        kept = OwnerStatement.objects.select_for_update(of=("self",)).get(pk=statement_id)
        if kept.state != _STATE.COMPOSED:
            return kept
        kept.state, kept.reason, kept.made_at = _STATE.MADE, "", timezone.now()
        kept.pdf, kept.sha256 = document, canonical.sha256(document)
        kept.save(update_fields=["state", "reason", "made_at", "pdf", "sha256"])
        desk.record(
            "make an owner statement",
            subject=kept,
            text=f"Made the statement of {kept.owner}, {days(kept.from_on, kept.to_on)},"
            f" version {kept.version}",
            facts={"sha256": kept.sha256, "rows_sha256": kept.rows_sha256},
        )
    return kept


@transaction.atomic
def _begin_layout(statement_id: int) -> OwnerStatement:
    statement = (
        OwnerStatement.objects.select_for_update(of=("self",)).defer("pdf").get(pk=statement_id)
    )
    if statement.state == _STATE.COMPOSED:
        if statement.attempts >= MAX_ATTEMPTS:
            statement.state = _STATE.FAILED
            statement.reason = f"It was not laid out in {MAX_ATTEMPTS} attempts."
        else:
            statement.attempts += 1
        statement.save(update_fields=["state", "reason", "attempts"])
    return statement


def record_failure(statement_ids: Collection[int], reason: str) -> None:
    """Keep why statements failed where a person can see it."""
    rows = OwnerStatement.objects.filter(pk__in=statement_ids, state__in=OwnerStatement.RUNNING)
    rows.update(reason=reason, state=_STATE.FAILED)
