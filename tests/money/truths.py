"""What holds of a company's money after whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Count, Q, Sum

from disbursements.models import DrawLine, DrawProperty, OwnerDraw
from fees.queries import audit
from ledger.models import Book, Line
from ledger.queries import overdrawn
from proptrust.lib.money import ZERO, total, usd
from receivables.models import Allocation, Charge, Receipt
from receivables.queries import taken_back
from tests.stories.figures import broken
from tests.stories.stage import Stage

# PostgreSQL lets these happen only while nobody of the book is overdrawn by them.
_GUARDED = ("disbursement", "vendor_payment", "refund", "fee_draw")
_APPS = ("ledger", "receivables", "fees", "payments", "payables", "deposits", "disbursements")
_FIRST = date(2026, 1, 1)

Fingerprint = dict[str, Any]


def fingerprint(entity_id: int) -> Fingerprint:
    """How many rows each table has, and the sums that a row can change without a new one."""
    tables = [
        model._meta.db_table
        for app in _APPS
        for model in apps.get_app_config(app).get_models()
        if not model._meta.proxy
    ]
    counts = ", ".join(f'(SELECT count(*) FROM "{table}")' for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        found: Fingerprint = dict(zip(tables, cursor.fetchone(), strict=True))
    charges = Charge.objects.filter(entity=entity_id).order_by("id")
    found["paid"] = list(charges.values_list("amount", "paid"))
    receipts = Receipt.objects.filter(entity=entity_id).order_by("id")
    found["receipts"] = list(receipts.values_list("state", "lease", "gross", "into"))
    found["last line"] = Line.objects.order_by("-id").values_list("id", flat=True).first()
    for model in ("disbursements.Run", "payments.Payment", "payables.Bill"):
        rows = apps.get_model(model)._default_manager.order_by("id")
        found[f"{model} states"] = list(rows.values_list("id", "state"))
    return found


def hold(stage: Stage, before: Fingerprint) -> None:
    """Assert every truth. before: the fingerprint from before the last event."""
    wrong = [
        *broken(stage),
        *_charges(stage),
        *_receipts(stage),
        *_payments_out(stage, before),
        *_draws(stage),
        *map(str, audit(stage.entity.pk, _FIRST, stage.on, today=_FIRST)),
    ]
    assert not wrong, "\n".join(wrong)


def _charges(stage: Stage) -> Iterator[str]:
    live = Q(allocations__undone_by__isnull=True)
    rows = Charge.objects.filter(entity=stage.entity).annotate(
        given=Sum("allocations__amount", filter=live)
    )
    for row in rows:
        if row.paid != usd(row.given or 0) or row.paid > row.amount:
            yield f"{row} says paid {row.paid}, its allocations {row.given}"


def _receipts(stage: Stage) -> Iterator[str]:
    rows = Allocation.objects.filter(undone_by__isnull=True, receipt__entity=stage.entity)
    given = dict(rows.values_list("receipt").annotate(sum=Sum("amount")))
    for row in Receipt.objects.filter(pk__in=given):
        if usd(given[row.pk]) > row.gross - taken_back(row):
            yield f"{row}: {given[row.pk]} is given out, {taken_back(row)} went back"


def _payments_out(stage: Stage, before: Fingerprint) -> Iterator[str]:
    """No client whose money an entry just took out is below zero."""
    books = Book.objects.filter(
        kind=Book.Kind.TRUST,
        lines__id__gt=before["last line"] or 0,
        lines__entry__kind__in=_GUARDED,
    )
    for book in books.distinct():
        for row in overdrawn(book.pk):
            touched = Line.objects.filter(
                pk__gt=before["last line"] or 0,
                beneficiary=row.beneficiary_id,
                entry__kind__in=_GUARDED,
            )
            if touched.exists():
                yield f"beneficiary {row.beneficiary_id} was paid below zero: {row.held}"


def _draws(stage: Stage) -> Iterator[str]:
    counted = DrawLine.objects.filter(part__in=["counted", "sent"])
    twice = counted.values("line").annotate(n=Count("id")).filter(n__gt=1)
    if twice:
        yield f"lines {[row['line'] for row in twice]} are in two draws"
    for draw in OwnerDraw.objects.filter(run__entity=stage.entity):
        parts = list(draw.properties.all())
        for name in ("opening", "amount", "withheld", "repaid", "closing"):
            if getattr(draw, name) != total(getattr(part, name) for part in parts):
                yield f"{draw}: {name} is not the sum of its properties"
    yield from _draw_lines(stage)
    yield from _chain(stage)


def _draw_lines(stage: Stage) -> Iterator[str]:
    rows = DrawProperty.objects.filter(draw__run__entity=stage.entity).exclude(
        draw__run__state="cancelled"
    )
    for row in rows.annotate(sum=Sum("lines__amount", filter=Q(lines__part="counted"))):
        if row.change != usd(row.sum or 0):
            yield f"{row}: change {row.change}, its lines {row.sum}"


def _chain(stage: Stage) -> Iterator[str]:
    """A run opens with what the run before it left."""
    rows = DrawProperty.objects.filter(
        draw__run__entity=stage.entity, draw__run__state__in=["sent", "matched"]
    ).order_by("beneficiary", "draw__run__id")
    left: dict[int, Any] = {}
    for row in rows:
        known = left.get(row.beneficiary_id, ZERO)
        if row.opening != known:
            yield f"{row}: opens with {row.opening}, the run before left {known}"
        left[row.beneficiary_id] = row.closing
