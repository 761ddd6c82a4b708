"""What is wrong with returns and late fees today: findings of their own kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from compliance.types import LateFeeRule, Unknown
from connectors.models import Connection
from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from leases.models import LateFeeTerms, Property
from proptrust.lib.money import plain
from receivables import return_rates
from receivables.models import Acknowledgement, Charge, ChargeKind, ReturnStep
from receivables.return_rates import Rate, ReturnRates
from receivables.services.late_fees import law_of

UNTIMELY = "untimely_return"
STEP = "return_step"
RATE = "return_rate"
LAW_UNKNOWN = "late_fee_law_unknown"
ABOVE_CAP = "late_fee_above_cap"

# A rate that a person has seen is told again after so long, if it is still near its limit.
SEEN_FOR = timedelta(days=14)
_KINDS_OF_STEPS = {UNTIMELY: Q(kind=ReturnStep.Kind.UNTIMELY), STEP: ~Q(kind="untimely")}


def register() -> None:
    """Make the detectors known to the desk."""
    for kind in _KINDS_OF_STEPS:
        registry.detect(_detector_of_steps(kind))
    registry.detect(
        Detector(
            name="receivables: return rates",
            kinds=frozenset({RATE}),
            find=_near_rates,
            find_one=_near_rate,
        )
    )
    registry.detect(
        Detector(
            name="receivables: late-fee terms",
            kinds=frozenset({LAW_UNKNOWN, ABOVE_CAP}),
            find=lambda entity_id: _terms(_of_entity(entity_id)),
            find_one=lambda terms_id: _terms(Q(pk=terms_id)),
        )
    )


def _detector_of_steps(kind: str) -> Detector:
    of_kind = _KINDS_OF_STEPS[kind]

    def find(entity_id: int | None) -> Iterable[Finding]:
        rows = ReturnStep.objects.filter(of_kind, state=ReturnStep.State.OPEN)
        if entity_id is not None:
            rows = rows.filter(comeback__receipt__entity=entity_id)
        return _steps(kind, rows)

    def find_one(step_id: int) -> Iterable[Finding]:
        return _steps(
            kind, ReturnStep.objects.filter(of_kind, pk=step_id, state=ReturnStep.State.OPEN)
        )

    return Detector(f"receivables: {kind}", frozenset({kind}), find, find_one)


def _steps(kind: str, rows: QuerySet[ReturnStep]) -> Iterator[Finding]:
    for step in rows.select_related(
        "comeback__receipt__lease__unit__property", "comeback__receipt__book"
    ):
        comeback = step.comeback
        receipt = comeback.receipt
        where = f"lease {receipt.lease.code}" if receipt.lease else "not identified"
        code = f" {comeback.code}" if comeback.code else ""
        yield Finding(
            key=f"{kind}:{step.pk}",
            kind=kind,
            entity_id=receipt.entity_id,
            severity=Severity.WARNING if kind == UNTIMELY else Severity.NOTICE,
            title=f"{step.get_kind_display()}: {plain(comeback.amount)}{code}, {where}",
            reason=step.advice,
            subject_type="receivables.returnstep",
            subject_id=step.pk,
            happened_on=comeback.on,
            amount=comeback.amount,
            who=receipt.payer,
            where=str(receipt.lease.unit) if receipt.lease else receipt.book.name,
            book_id=receipt.book_id,
            due_on=step.until_on if kind == UNTIMELY else None,
        )


def _near_rates(entity_id: int | None) -> Iterator[Finding]:
    rows = Connection.objects.all()
    if entity_id is not None:
        rows = rows.filter(entity=entity_id)
    yield from _rates(list(rows))


def _near_rate(connection_id: int) -> Iterator[Finding]:
    yield from _rates(list(Connection.objects.filter(pk=connection_id)))


def _rates(connections: list[Connection]) -> Iterator[Finding]:
    """Connections one of whose rates has reached 80 % of its limit; the worst one is told."""
    today = timezone.localdate()
    by_id = {each.pk: each for each in connections}
    since = timezone.now() - SEEN_FOR
    notes = Acknowledgement.objects.filter(kind=RATE, subject_id__in=by_id, made_at__gte=since)
    seen = set(notes.values_list("subject_id", flat=True))
    for found in return_rates.return_rates(connections, today):
        near = [rate for rate in found.rates if rate.is_near]
        if not near or found.connection_id in seen:
            continue
        yield _rate(by_id[found.connection_id], found, near, today)


def _rate(connection: Connection, found: ReturnRates, near: list[Rate], today: date) -> Finding:
    worst = max(near, key=lambda rate: rate.rate / rate.limit_rate)
    told = "; ".join(in_words(rate) for rate in found.rates)
    return Finding(
        key=f"{RATE}:{found.connection_id}",
        kind=RATE,
        entity_id=connection.entity_id,
        severity=Severity.CRITICAL if worst.is_over else Severity.WARNING,
        title=f"{found.label}: {worst.name} returns at {percent(worst)} of sent debits",
        reason=(
            f"The network asks questions above {worst.limit_rate:.1%}. Over 60 days: {told}. Send"
            " nothing more to accounts that came back, and look for a common cause."
        ),
        subject_type="connectors.connection",
        subject_id=found.connection_id,
        happened_on=today,
        who=found.label,
        book_id=connection.book_id,
    )


def percent(rate: Rate) -> str:
    """A rate as a person reads it: 0.42 %."""
    return f"{rate.rate:.2%}"


def in_words(rate: Rate) -> str:
    """One rate with its counts, limit and forecast."""
    return (
        f"{rate.name} {rate.returned} of {rate.sent} ({percent(rate)}, limit"
        f" {rate.limit_rate:.1%}, at the pace of the last 30 days {rate.forecast_rate:.2%})"
    )


def _of_entity(entity_id: int | None) -> Q:
    if entity_id is None:
        return Q()
    return Q(property__entity=entity_id) | Q(lease__entity=entity_id)


def _terms(of: Q) -> Iterator[Finding]:
    """Late-fee terms in force that the law does not let stand, or nobody knows whether it does."""
    today = timezone.localdate()
    rows = LateFeeTerms.objects.filter(
        of, Q(until_on__isnull=True) | Q(until_on__gte=today), from_on__lte=today
    )
    reduced, late = _reduced(), _late(today)
    seen = set(
        Acknowledgement.objects.filter(kind__in=(LAW_UNKNOWN, ABOVE_CAP)).values_list(
            "kind", "subject_id"
        )
    )
    for row in rows.select_related("property", "lease__unit__property"):
        state = _property_of(row).state
        rule = law_of(state, today)
        if is_unknown(rule) and late.since(row) and (LAW_UNKNOWN, row.pk) not in seen:
            yield _law_unknown(row, state, rule)
        elif not is_unknown(rule) and reduced.since(row) and (ABOVE_CAP, row.pk) not in seen:
            yield _above_cap(row, state, rule)


def is_unknown(rule: LateFeeRule) -> bool:
    """Whether a state's grace or cap is not on file, so that no fee can be charged."""
    return isinstance(rule.grace_days, Unknown) or isinstance(rule.cap, Unknown)


@dataclass(frozen=True, slots=True)
class _Latest:
    """The last due day of some charges, by lease and by property."""

    of_lease: dict[int, date]
    of_property: dict[int, date]

    @classmethod
    def of(cls, charges: QuerySet[Charge]) -> _Latest:
        """One query: a row for each lease."""
        of_lease: dict[int, date] = {}
        of_property: dict[int, date] = {}
        rows = charges.values_list("lease", "lease__unit__property").annotate(last=Max("due_on"))
        for lease_id, property_id, last in rows.order_by():
            of_lease[lease_id] = last
            of_property[property_id] = max(of_property.get(property_id, last), last)
        return cls(of_lease, of_property)

    def since(self, row: LateFeeTerms) -> bool:
        """Whether one of them came due under these terms."""
        last = (
            self.of_lease.get(row.lease_id)
            if row.lease_id is not None
            else self.of_property.get(_property_of(row).pk)
        )
        return last is not None and last >= row.from_on


def _reduced() -> _Latest:
    """Late fees that the law had to make smaller than the terms ask for."""
    # The index of late fees serves it: other charges are not looked at.
    return _Latest.of(Charge.objects.filter(late_for__isnull=False, asked__isnull=False))


def _late(today: date) -> _Latest:
    """Rents that are open after their due day."""
    return _Latest.of(
        Charge.objects.filter(kind=ChargeKind.RENT, paid__lt=F("amount"), due_on__lt=today)
    )


def _law_unknown(row: LateFeeTerms, state: str, rule: LateFeeRule) -> Finding:
    return _of_row(
        row,
        kind=LAW_UNKNOWN,
        severity=Severity.WARNING,
        title=f"No late fees at {row.property or row.lease}: the law of {state} is not on file",
        reason=(
            "Rent is late here and its terms ask for a fee, but what the state allows is not known:"
            f" {rule.source.note or 'no rule is on file'} No fee is charged until it is. Add the"
            " rule, or charge a fee by hand once you know."
        ),
    )


def _above_cap(row: LateFeeTerms, state: str, rule: LateFeeRule) -> Finding:
    sure = "" if rule.source.is_confirmed else " This rule is not confirmed: check it."
    return _of_row(
        row,
        kind=ABOVE_CAP,
        severity=Severity.NOTICE,
        title=f"Late-fee terms of {row.property or row.lease} ask for more than {state} allows",
        reason=(
            f"Fees were charged at the limit of {rule.source.citation or 'the law'} instead. In"
            " some places a clause that asks for too much is void as a whole: have the terms"
            f" changed.{sure}"
        ),
    )


def _property_of(row: LateFeeTerms) -> Property:
    if row.property is not None:
        return row.property
    assert row.lease is not None
    return row.lease.unit.property


def _of_row(
    row: LateFeeTerms, *, kind: str, severity: Severity, title: str, reason: str
) -> Finding:
    property_ = _property_of(row)
    return Finding(
        key=f"{kind}:{row.pk}",
        kind=kind,
        entity_id=property_.entity_id,
        severity=severity,
        title=title,
        reason=reason,
        subject_type="leases.latefeeterms",
        subject_id=row.pk,
        happened_on=row.from_on,
        where=str(property_),
        book_id=property_.rent_book_id,
    )
