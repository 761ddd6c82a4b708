"""What is wrong with the company's money in the trusts today: queries for the desk."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from django.utils import timezone

from desk import registry
from desk.models import LegalEntity, Severity
from desk.types import Detector, Finding
from fees import queries
from fees.types import DrawProposal
from ledger.models import Book
from proptrust.lib.money import ZERO, plain

DRAW_OVERDUE = "fee_draw_overdue"
OVER_OWN_FUNDS = "own_funds_over_limit"
FEE_WAITS = "fee_waits_long"

# A fee that waits for money longer than this is worth a talk with the owner.
WAITS_DAYS = 45


def register() -> None:
    """Make the detectors known to the desk."""
    registry.detect(
        Detector(
            name="fees: draws",
            kinds=frozenset({DRAW_OVERDUE, OVER_OWN_FUNDS}),
            find=_of_entities,
            find_one=_of_book,
        )
    )
    registry.detect(
        Detector(
            name="fees: waiting",
            kinds=frozenset({FEE_WAITS}),
            find=lambda entity_id: _waiting(entity_id=entity_id),
            find_one=lambda property_id: _waiting(property_id=property_id),
        )
    )


def _of_entities(entity_id: int | None) -> Iterator[Finding]:
    rows = LegalEntity.objects.order_by("pk")
    ids = [entity_id] if entity_id is not None else list(rows.values_list("pk", flat=True))
    for book in queries.books_with_own_money(ids):
        yield from _findings(book)


def _of_book(book_id: int) -> Iterable[Finding]:
    book = Book.objects.select_related("entity").filter(pk=book_id).first()
    return _findings(book) if book else ()


def _findings(book: Book) -> Iterator[Finding]:
    """What the law of the company's state says against its money in a trust account."""
    proposal = queries.draw_proposal(book, timezone.localdate())
    if proposal.is_late and proposal.held > ZERO:
        yield _overdue(proposal)
    if proposal.over_limit:
        yield _over_limit(proposal)


def _overdue(proposal: DrawProposal) -> Finding:
    assert proposal.must_by is not None
    assert proposal.oldest_on is not None
    return Finding(
        key=f"{DRAW_OVERDUE}:{proposal.book_id}",
        kind=DRAW_OVERDUE,
        entity_id=proposal.entity_id,
        severity=Severity.WARNING,
        title=f"Earned fees too long in trust: {plain(proposal.held)}",
        reason=(
            f"The oldest fee of {proposal.book_name} that was not drawn is of"
            f" {proposal.oldest_on:%b %-d, %Y}; it had to leave by {proposal.must_by:%b %-d, %Y}."
            f" {proposal.limits[0]} {plain(proposal.drawable)} may be drawn now."
        ),
        subject_type="ledger.book",
        subject_id=proposal.book_id,
        happened_on=proposal.must_by,
        amount=proposal.held,
        where=proposal.book_name,
        book_id=proposal.book_id,
        suggestion=f"Draw {plain(proposal.drawable)}" if proposal.drawable else "",
    )


def _over_limit(proposal: DrawProposal) -> Finding:
    return Finding(
        key=f"{OVER_OWN_FUNDS}:{proposal.book_id}",
        kind=OVER_OWN_FUNDS,
        entity_id=proposal.entity_id,
        severity=Severity.WARNING,
        title=f"Company money in trust {plain(proposal.over_limit)} above the limit",
        reason=(
            f"The company has {plain(proposal.held)} in {proposal.book_name}. {proposal.limits[1]}"
            f" {plain(proposal.drawable)} may be drawn now."
        ),
        subject_type="ledger.book",
        subject_id=proposal.book_id,
        happened_on=proposal.oldest_on or proposal.on,
        amount=proposal.over_limit,
        where=proposal.book_name,
        book_id=proposal.book_id,
        suggestion=f"Draw {plain(proposal.drawable)}" if proposal.drawable else "",
    )


def _waiting(*, entity_id: int | None = None, property_id: int | None = None) -> Iterator[Finding]:
    """Properties whose fees wait for the owner's money for long."""
    before: date = timezone.localdate() - timedelta(days=WAITS_DAYS)
    for row in queries.waiting_by_property(
        entity_id=entity_id, property_id=property_id, before=before
    ):
        yield Finding(
            key=f"{FEE_WAITS}:{row.property_id}",
            kind=FEE_WAITS,
            entity_id=row.entity_id,
            severity=Severity.NOTICE,
            title=f"Fees wait for money: {plain(row.amount)}, {row.property_name}",
            reason=(
                f"{row.count} fee{'' if row.count == 1 else 's'} of {plain(row.amount)} wait since"
                f" {row.oldest_on:%b %-d, %Y} because the owner has no money there. A fee never"
                " makes an owner negative: ask for a contribution, or give the fee up."
            ),
            subject_type="leases.property",
            subject_id=row.property_id,
            happened_on=row.oldest_on,
            amount=row.amount,
            where=row.property_name,
            book_id=row.book_id,
        )
