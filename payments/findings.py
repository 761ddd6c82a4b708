"""What is wrong with money out today: queries that the desk turns into work items."""

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Q, QuerySet
from django.utils import timezone

from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from payments.law import dormancy_of
from payments.models import Payment
from payments.queries import stale_from
from proptrust.lib.money import plain

CAME_BACK = "our_payment_came_back"
STALE = "check_stale"
Told = Callable[[QuerySet[Payment]], Iterator[Finding]]


def register() -> None:
    """Make the detectors known to the desk."""
    registry.detect(_detector("payments: came back", CAME_BACK, came_back_rows, _came_back))
    registry.detect(_detector("payments: stale checks", STALE, stale_rows, _stale))


def _detector(name: str, kind: str, rows: Callable[[], QuerySet[Payment]], told: Told) -> Detector:
    def find(entity_id: int | None) -> Iterable[Finding]:
        found = rows()
        return told(found if entity_id is None else found.filter(entity=entity_id))

    def find_one(payment_id: int) -> Iterable[Finding]:
        return told(rows().filter(pk=payment_id))

    return Detector(name=name, kinds=frozenset({kind}), find=find, find_one=find_one)


def came_back_rows() -> QuerySet[Payment]:
    """Payments that came back and that nobody has paid again or answered."""
    return Payment.objects.filter(
        state=Payment.State.RETURNED, is_answered=False, replaced_by__isnull=True
    )


def _came_back(rows: QuerySet[Payment]) -> Iterator[Finding]:
    for each in rows.select_related("book").defer("account_number"):
        assert each.back_on is not None
        code = f" {each.code}" if each.code else ""
        yield Finding(
            key=f"{CAME_BACK}:{each.pk}",
            kind=CAME_BACK,
            entity_id=each.entity_id,
            severity=Severity.WARNING,
            title=f"Our payment came back{code}: {plain(each.amount)} to {each.payee}",
            reason=(
                f"{each.reason or 'The bank brought it back'}. It was paid on"
                f" {each.dated_on:%b %-d} and came back on {each.back_on:%b %-d}; the money lies"
                " with those who paid it. Pay it again, or say what happens with it."
            ),
            subject_type="payments.payment",
            subject_id=each.pk,
            happened_on=each.back_on,
            amount=each.amount,
            who=each.payee,
            where=each.book.name,
            book_id=each.book_id,
            suggestion="Pay it again by check",
        )


def stale_rows() -> QuerySet[Payment]:
    """Checks that are out for too long, marked as stale or about to be."""
    is_old = Q(
        state__in=(Payment.State.ISSUED, Payment.State.SENT),
        dated_on__lt=stale_from(timezone.localdate()),
    )
    return Payment.objects.filter(
        Q(state=Payment.State.STALE) | is_old, method=Payment.Method.CHECK
    )


def _stale(rows: QuerySet[Payment]) -> Iterator[Finding]:
    today = timezone.localdate()
    for each in rows.select_related("book", "entity").defer("account_number"):
        days = (today - each.dated_on).days
        yield Finding(
            key=f"{STALE}:{each.pk}",
            kind=STALE,
            entity_id=each.entity_id,
            severity=Severity.NOTICE,
            title=f"Check {each.number} not cashed for {days} days: {plain(each.amount)}",
            reason=(
                f"{each.payee} has not cashed the check of {each.dated_on:%b %-d, %Y}. Banks need"
                " not pay it any more. Write to the payee, pay again, or keep the money as"
                f" unclaimed. {dormancy_of(each).said}"
            ),
            subject_type="payments.payment",
            subject_id=each.pk,
            happened_on=each.dated_on,
            amount=each.amount,
            who=each.payee,
            where=each.book.name,
            book_id=each.book_id,
        )
