"""Reads of owner statements: who gets one, lists, progress, documents behind lines."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from disbursements.models import Run
from leases.models import Owner, OwnershipShare
from ledger.models import Book, Line
from statements.models import OwnerStatement


def owners_of_days(entity_id: int, from_on: date, to_on: date) -> list[int]:
    """The owners who get a statement: who owned something in these days, or whose claims moved."""
    shares = OwnershipShare.objects.filter(owner=OuterRef("pk"), from_on__lte=to_on)
    owning = shares.filter(Q(until_on__isnull=True) | Q(until_on__gte=from_on))
    moved = Line.objects.filter(
        beneficiary__ownership_shares__owner=OuterRef("pk"),
        book__kind=Book.Kind.TRUST,
        dated_on__range=(from_on, to_on),
    )
    rows = Owner.objects.filter(Exists(owning) | Exists(moved), entity=entity_id)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def run_before(run: Run) -> Run | None:
    """The paid run that came before one."""
    rows = Run.objects.filter(entity=run.entity_id, state__in=Run.PAID, pk__lt=run.pk)
    return rows.order_by("-pk").first()


def light(entity_ids: Collection[int]) -> QuerySet[OwnerStatement]:
    """The statements of some companies without their files, newest days first."""
    return (
        OwnerStatement.objects.filter(entity__in=entity_ids)
        .select_related("owner", "entity", "run", "superseded_by", "asked_by")
        .defer("pdf", "rows", "superseded_by__pdf", "superseded_by__rows")
        .order_by("-to_on", "owner__name", "-version", "-pk")
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lot of statements is."""

    total: int
    made: int
    failed: int

    @property
    def waiting(self) -> int:
        """How many are still being made."""
        return self.total - self.made - self.failed

    @property
    def per_cent(self) -> int:
        """How much is done."""
        return 100 * (self.made + self.failed) // self.total if self.total else 100


def progress(statements: QuerySet[OwnerStatement]) -> Progress:
    """How far these statements are, in one query."""
    state = OwnerStatement.State
    counts = statements.order_by().aggregate(
        total=Count("id"),
        made=Count("id", filter=Q(state=state.MADE)),
        failed=Count("id", filter=Q(state=state.FAILED)),
    )
    return Progress(counts["total"], counts["made"], counts["failed"])
