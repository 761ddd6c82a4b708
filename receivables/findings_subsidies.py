"""What differs with housing agencies: paid otherwise than expected, and taken back for nothing."""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import F, Q, QuerySet

from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from proptrust.lib.money import ZERO, plain
from receivables.models import SubsidyLine, SubsidyVariance

Row = TypeVar("Row", SubsidyVariance, SubsidyLine)
PAID_OTHERWISE = "subsidy_paid_otherwise"
TAKEN_BACK_OPEN = "subsidy_taken_back_open"


def register() -> None:
    """Make the detectors known to the desk."""
    registry.detect(
        Detector(
            name="receivables: subsidies paid otherwise",
            kinds=frozenset({PAID_OTHERWISE}),
            find=lambda entity_id: _otherwise(_of(variances(), "subsidy__agency", entity_id)),
            find_one=lambda row_id: _otherwise(variances().filter(pk=row_id)),
        )
    )
    registry.detect(
        Detector(
            name="receivables: subsidies taken back",
            kinds=frozenset({TAKEN_BACK_OPEN}),
            find=lambda entity_id: _open(_of(open_lines(), "remittance", entity_id)),
            find_one=lambda row_id: _open(open_lines().filter(pk=row_id)),
        )
    )


def variances() -> QuerySet[SubsidyVariance]:
    """Months for which an agency paid another amount, and nobody has said why."""
    return SubsidyVariance.objects.filter(~Q(expected=F("paid")), explanation="")


def open_lines() -> QuerySet[SubsidyLine]:
    """Money taken back that no earlier receipt answers and nobody bears yet."""
    return SubsidyLine.objects.filter(open__gt=0, answer__isnull=True)


def _of(rows: QuerySet[Row], path: str, entity_id: int | None) -> QuerySet[Row]:
    return rows if entity_id is None else rows.filter(**{f"{path}__entity": entity_id})


def _otherwise(rows: QuerySet[SubsidyVariance]) -> Iterator[Finding]:
    for row in rows.select_related("subsidy__agency", "subsidy__lease__unit__property"):
        lease, agency = row.subsidy.lease, row.subsidy.agency
        off = row.paid - row.expected
        said = f"{plain(abs(off))} too {'little' if off < ZERO else 'much'}"
        yield Finding(
            key=f"{PAID_OTHERWISE}:{row.pk}",
            kind=PAID_OTHERWISE,
            entity_id=agency.entity_id,
            severity=Severity.NOTICE,
            title=f"{agency} paid {said}, lease {lease.code}, {row.month:%B %Y}",
            reason=(
                f"{plain(row.expected)} were expected for {row.month:%B %Y} and {plain(row.paid)}"
                f" came under the code {row.subsidy.tenant_code}. Ask the agency, or note why."
            ),
            subject_type="receivables.subsidyvariance",
            subject_id=row.pk,
            happened_on=row.month,
            amount=off,
            who=agency.name,
            where=str(lease.unit),
            book_id=lease.unit.property.rent_book_id,
        )


def _open(rows: QuerySet[SubsidyLine]) -> Iterator[Finding]:
    for row in rows.select_related("remittance__agency", "remittance__book", "lease__unit"):
        told = row.remittance
        where = f"lease {row.lease.code}" if row.lease else f"code {row.tenant_code}"
        yield Finding(
            key=f"{TAKEN_BACK_OPEN}:{row.pk}",
            kind=TAKEN_BACK_OPEN,
            entity_id=told.entity_id,
            severity=Severity.WARNING,
            title=f"{told.agency} took back {plain(row.open)} that no receipt answers, {where}",
            reason=(
                f"Transfer {told.number} was that much smaller. Nothing that the agency paid for"
                f" {where} is left to take it from, so it stands against suspense in"
                f" {told.book.name} until somebody bears it."
            ),
            subject_type="receivables.subsidyline",
            subject_id=row.pk,
            happened_on=told.arrives_on,
            amount=-row.open,
            who=told.agency.name,
            where=told.book.name,
            book_id=told.book_id,
            suggestion="The owners bear it" if row.lease else "",
        )
