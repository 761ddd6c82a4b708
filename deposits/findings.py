"""What is wrong with deposits and escrows today: queries that the desk turns into work items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from deposits import queries
from deposits.models import (
    EscrowFunding,
    InterestCredit,
    MoveOut,
    Notice,
    Question,
    RefundShare,
)
from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from leases.models import Lease
from ledger.company import company_of
from ledger.models import BankAccount, Book, Entry, Line
from ledger.queries import balance
from proptrust.lib.money import ZERO, plain

RETURN_DUE = "deposit_return_due"
NO_SHEET = "deposit_without_move_out"
NOTICE_DUE = "deposit_notice_due"
INTEREST_WAITS = "deposit_interest_waits"
QUESTION = "deposit_question"
BANK_FEE = "deposit_account_fee"
REFUND_BACK = "deposit_refund_back"
ESCROW_SHORT = "escrow_short"

_OPEN_NOTICES = Q(sent_on__isnull=True, due_on__isnull=False)


def register() -> None:
    """Make the detectors known to the desk."""
    by_row: list[tuple[str, str, Callable[[], QuerySet[Any]], Callable[..., Any], str]] = [
        ("returns due", RETURN_DUE, _due_rows, _return_due, "entity"),
        ("moved out", NO_SHEET, queries.leases_without_sheet, _no_sheet, "entity"),
        ("notices", NOTICE_DUE, _notice_rows, _notice_due, "deposit__entity"),
        ("interest", INTEREST_WAITS, _waiting_rows, _interest_waits, "deposit__entity"),
        ("questions", QUESTION, _question_rows, _question, "deposit__entity"),
        ("fees", BANK_FEE, _deposit_books, _bank_fee, "entity"),
        ("refunds back", REFUND_BACK, queries.refunds_back, _refund_back, "move_out__entity"),
        ("escrows", ESCROW_SHORT, _short_rows, _escrow_short, "fund__property__entity"),
    ]
    for name, kind, rows, told, entity_path in by_row:
        registry.detect(_detector(f"deposits: {name}", kind, rows, told, entity_path))


def _detector(
    name: str,
    kind: str,
    rows: Callable[[], QuerySet[Any]],
    told: Callable[[QuerySet[Any]], Iterable[Finding]],
    entity_path: str,
) -> Detector:
    """A detector of one kind, whose subjects are the rows of a query."""

    def find(entity_id: int | None) -> Iterable[Finding]:
        found = rows()
        return told(found if entity_id is None else found.filter(**{entity_path: entity_id}))

    def find_one(subject_id: int) -> Iterable[Finding]:
        return told(rows().filter(pk=subject_id))

    return Detector(name=name, kinds=frozenset({kind}), find=find, find_one=find_one)


def _due_rows() -> QuerySet[MoveOut]:
    return queries.due_move_outs(until=timezone.localdate() + queries.SOON)


def _return_due(rows: QuerySet[MoveOut]) -> Iterator[Finding]:
    for row in rows:
        left = None if row.due_on is None else (row.due_on - timezone.localdate()).days
        is_late = left is not None and left < 0
        penalty = f" If it is late: {row.penalty}." if row.penalty else ""
        owner = (
            f" The owner holds {plain(row.deposit.owner_held)} of it and must bring that first."
            if row.deposit.owner_held
            else ""
        )
        if row.due_on is None:
            title = f"No deadline known for the deposit of lease {row.lease.code}"
            reason = f"{row.due_how} Ask counsel, and enter the day on the sheet."
        else:
            title = f"Deposit of lease {row.lease.code}: {_when(row.due_on)}"
            law = row.due_citation or "the law"
            confirmed = "" if row.is_due_confirmed else " (not confirmed)"
            reason = (
                f"{law}{confirmed} gives until {_day(row.due_on)}, {row.due_how}. The sheet is"
                f" {row.get_state_display().lower()}.{owner}{penalty}"
            )
        yield Finding(
            key=f"{RETURN_DUE}:{row.pk}",
            kind=RETURN_DUE,
            entity_id=row.entity_id,
            severity=Severity.CRITICAL if is_late else Severity.WARNING,
            title=title[:200],
            reason=reason,
            subject_type="deposits.moveout",
            subject_id=row.pk,
            happened_on=row.moved_out_on,
            where=str(row.lease.unit),
            book_id=row.deposit.book_id,
            due_on=row.due_on,
        )


def _no_sheet(rows: QuerySet[Lease]) -> Iterator[Finding]:
    for lease in rows:
        assert lease.moved_out_on is not None
        yield Finding(
            key=f"{NO_SHEET}:{lease.pk}",
            kind=NO_SHEET,
            entity_id=lease.entity_id,
            severity=Severity.WARNING,
            title=f"Moved out, deposit not begun: lease {lease.code}",
            reason=(
                f"The tenants left on {_day(lease.moved_out_on)}: the days for returning their"
                " deposit run, and no sheet of deductions is begun."
            ),
            subject_type="leases.lease",
            subject_id=lease.pk,
            happened_on=lease.moved_out_on,
            where=str(lease.unit),
            book_id=lease.unit.property.deposit_book_id,
        )


def _notice_rows() -> QuerySet[Notice]:
    until = timezone.localdate() + queries.SOON
    return queries.open_notices().filter(_OPEN_NOTICES, due_on__lte=until)


def _notice_due(rows: QuerySet[Notice]) -> Iterator[Finding]:
    today = timezone.localdate()
    for row in rows:
        assert row.due_on is not None
        lease = row.deposit.lease
        law = f"{row.citation}{'' if row.is_confirmed else ' (not confirmed)'}"
        asks = f" It wants: {row.content}." if row.content else ""
        yield Finding(
            key=f"{NOTICE_DUE}:{row.pk}",
            kind=NOTICE_DUE,
            entity_id=row.deposit.entity_id,
            severity=Severity.CRITICAL if row.due_on < today else Severity.WARNING,
            title=f"{row.get_kind_display()}, lease {lease.code}: {_when(row.due_on)}"[:200],
            reason=(
                f"{law if row.citation else 'The change of holder'} asks for it by"
                f" {_day(row.due_on)}, {row.counted_how}.{asks}"
            ),
            subject_type="deposits.notice",
            subject_id=row.pk,
            happened_on=row.event_on,
            where=str(lease.unit),
            book_id=row.deposit.book_id,
            due_on=row.due_on,
        )


def _waiting_rows() -> QuerySet[InterestCredit]:
    return InterestCredit.objects.filter(state=InterestCredit.State.WAITING).select_related(
        "deposit__lease__unit__property", "deposit__book"
    )


def _interest_waits(rows: QuerySet[InterestCredit]) -> Iterator[Finding]:
    for row in rows:
        lease = row.deposit.lease
        yield Finding(
            key=f"{INTEREST_WAITS}:{row.pk}",
            kind=INTEREST_WAITS,
            entity_id=row.deposit.entity_id,
            severity=Severity.WARNING,
            title=f"Deposit interest of {plain(row.amount)} waits, lease {lease.code}",
            reason=(
                f"The tenant is owed it for {_day(row.from_on)} to {_day(row.to_on)}"
                f" ({row.citation}); {row.waits_for}."
            ),
            subject_type="deposits.interestcredit",
            subject_id=row.pk,
            happened_on=row.to_on,
            amount=row.amount,
            where=str(lease.unit),
            book_id=row.deposit.book_id,
        )


def _question_rows() -> QuerySet[Question]:
    """One question for a property and topic, though each of its leases asks it."""
    first = Question.objects.order_by(
        "deposit__lease__unit__property_id", "topic", "fact", "id"
    ).distinct("deposit__lease__unit__property_id", "topic", "fact")
    return Question.objects.filter(pk__in=first.values("pk")).select_related(
        "deposit__lease__unit__property"
    )


def _question(rows: QuerySet[Question]) -> Iterator[Finding]:
    for row in rows:
        place = row.deposit.lease.unit.property
        yield Finding(
            key=f"{QUESTION}:{place.pk}:{row.topic}:{row.fact}",
            kind=QUESTION,
            entity_id=row.deposit.entity_id,
            severity=Severity.NOTICE,
            title=f"A fact is missing for deposits of {place.name}: {row.fact or row.topic}"[:200],
            reason=f"{row.text} Until then nothing is taken for granted.",
            subject_type="deposits.question",
            subject_id=row.pk,
            happened_on=row.asked_on,
            where=place.name,
            book_id=row.deposit.book_id,
        )


def _deposit_books() -> QuerySet[Book]:
    return Book.objects.filter(
        kind=Book.Kind.TRUST, bank_account__purpose=BankAccount.Purpose.DEPOSITS
    )


def _bank_fee(rows: QuerySet[Book]) -> Iterator[Finding]:
    for book in rows:
        owes = -balance(book_id=book.pk, beneficiary_id=company_of(book.entity_id))
        if owes <= ZERO:
            continue
        last = (
            Line.objects.filter(
                book=book,
                beneficiary=company_of(book.entity_id),
                entry__kind=Entry.Kind.BANK_FEE,
            )
            .order_by("-dated_on", "-id")
            .select_related("entry")
            .first()
        )
        day = last.dated_on if last else timezone.localdate()
        what = last.entry.memo if last else "a fee"
        yield Finding(
            key=f"{BANK_FEE}:{book.pk}",
            kind=BANK_FEE,
            entity_id=book.entity_id,
            severity=Severity.CRITICAL,
            title=f"Deposit account short by {plain(owes)}: the company pays it in today",
            reason=(
                f"{what} of {_day(day)} was taken from {book.name}, where tenants' deposits lie."
                f" It is the company's cost: transfer {plain(owes)} from its own account today."
            ),
            subject_type="ledger.book",
            subject_id=book.pk,
            happened_on=day,
            amount=owes,
            where=book.name,
            book_id=book.pk,
            due_on=day,
        )


def _refund_back(rows: QuerySet[RefundShare]) -> Iterator[Finding]:
    for row in rows:
        lease = row.move_out.lease
        until = (
            f" It was to be returned by {_day(row.move_out.due_on)}." if row.move_out.due_on else ""
        )
        yield Finding(
            key=f"{REFUND_BACK}:{row.pk}",
            kind=REFUND_BACK,
            entity_id=row.move_out.entity_id,
            severity=Severity.WARNING,
            title=f"Deposit refund of {plain(row.amount)} to {row.payee} came back"[:200],
            reason=(
                f"{row.payment} came back: the money lies with the deposit of lease {lease.code}"
                f" again and the tenant is still owed it.{until} Pay it again."
            ),
            subject_type="deposits.refundshare",
            subject_id=row.pk,
            happened_on=(row.payment.back_on if row.payment else None) or timezone.localdate(),
            amount=row.amount,
            who=row.payee,
            where=str(lease.unit),
        )


def _short_rows() -> QuerySet[EscrowFunding]:
    return queries.short_fundings(timezone.localdate().replace(day=1))


def _escrow_short(rows: QuerySet[EscrowFunding]) -> Iterator[Finding]:
    for row in rows:
        lacks = row.planned - row.funded
        bill = row.fund.bills.filter(state="expected").order_by("due_on").first()
        coming = (
            f" The next bill is {plain(bill.amount)} of {bill.payee}, due {_day(bill.due_on)}."
            if bill
            else ""
        )
        yield Finding(
            key=f"{ESCROW_SHORT}:{row.pk}",
            kind=ESCROW_SHORT,
            entity_id=row.fund.property.entity_id,
            severity=Severity.WARNING,
            title=f"{row.fund}: {plain(lacks)} too little for {row.month:%B}"[:200],
            reason=(
                f"{plain(row.planned)} should be put aside this month, {plain(row.funded)} is;"
                f" {row.why_short or 'the owner had no more'}.{coming}"
            ),
            subject_type="deposits.escrowfunding",
            subject_id=row.pk,
            happened_on=row.month,
            amount=lacks,
            where=row.fund.property.name,
            book_id=row.fund.book_id,
        )


def _when(due_on: date) -> str:
    days = (due_on - timezone.localdate()).days
    if days < 0:
        return f"{-days} day{'s' if days < -1 else ''} late"
    return "due today" if days == 0 else f"due in {days} day{'s' if days > 1 else ''}"


def _day(day: date) -> str:
    return f"{day:%b %-d, %Y}"
