"""Fee draws: the company's part of a trust account goes to its operating account."""

from datetime import date

from django.db import transaction
from moneyed import Money

from desk import services as desk
from desk.models import Approval, User
from fees import postings, queries
from fees.errors import NothingToDraw, ToldOtherwise
from fees.models import Fee, FeeDraw
from fees.services.locks import one_run_at_a_time
from fees.services.posting import company
from fees.types import DrawProposal
from ledger.models import Book
from payments.models import Payment
from payments.services import pay
from payments.types import NewPayment
from proptrust.lib.money import ZERO, plain

# The kind of the approval that a draw waits for (desk.services.ask_approval).
APPROVAL = "fee_draw"
MEMO_LENGTH = 300


@transaction.atomic
def draw_fees(
    book: Book,
    *,
    on: date,
    amount: Money | None = None,
    actor_id: int | None,
    approved_by_id: int | None = None,
    key: str = "",
) -> FeeDraw:
    """Move what the company has in a trust account to its operating account, once per key.

    amount: None draws all that may go (queries.draw_proposal). key: one a day and account if not
    given; the same key with the same facts returns the first draw. The oldest fees are marked as
    drawn as far as the amount reaches.

    Raises NothingToDraw for more than may go, with the reason; the ledger's Overdrawn, naming the
    client, while one of the account is overdrawn; ToldOtherwise; what payments.services.pay raises.
    """
    one_run_at_a_time(book.entity_id)
    key = key or f"{book.pk}:{on:%Y-%m-%d}"
    if known := FeeDraw.objects.filter(entity=book.entity_id, key=key).first():
        return _same(known, book, on, amount)
    proposal = queries.draw_proposal(book, on)
    wanted = proposal.drawable if amount is None else amount
    if wanted <= ZERO or wanted > proposal.drawable:
        raise NothingToDraw(_why_not(proposal, wanted))
    where = company(book.entity_id)
    payment = pay(
        NewPayment(
            entity_id=book.entity_id,
            book_id=book.pk,
            key=f"fee-draw:{key}",
            method=Payment.Method.TRANSFER,
            purpose=Payment.Purpose.FEE_DRAW,
            payee=book.entity.name,
            amount=wanted,
            dated_on=on,
            memo=f"Fees earned, drawn from {book.name}"[:MEMO_LENGTH],
        ),
        claims={where.beneficiary_id: wanted},
        other_lines=postings.drawn_lines(where, wanted),
        posted_by_id=actor_id,
    )
    return _record(
        payment, key, is_all=wanted == proposal.held, made_by=actor_id, approved_by=approved_by_id
    )


def _record(
    payment: Payment, key: str, *, is_all: bool, made_by: int | None, approved_by: int | None = None
) -> FeeDraw:
    """The draw that a payment is, with the fees that it draws."""
    fees = _oldest(payment.book_id, payment.amount, is_all=is_all)
    drawn = sum((fee.amount for fee in fees), ZERO)
    draw = FeeDraw.objects.create(
        entity_id=payment.entity_id,
        book_id=payment.book_id,
        key=key,
        drawn_on=payment.dated_on,
        amount=payment.amount,
        fees=drawn,
        other=payment.amount - drawn,
        payment=payment,
        made_by_id=made_by,
        approved_by_id=approved_by,
    )
    Fee.objects.filter(pk__in=[fee.pk for fee in fees]).update(draw=draw)
    return draw


@transaction.atomic
def ask_draw(book: Book, *, on: date, amount: Money, maker: User) -> Approval:
    """Ask a second person to agree to a draw; it is made when they do (handlers).

    Raises NothingToDraw when it could not be made now.
    """
    proposal = queries.draw_proposal(book, on)
    if amount <= ZERO or amount > proposal.drawable:
        raise NothingToDraw(_why_not(proposal, amount))
    number = Approval.objects.filter(entity=book.entity_id, kind=APPROVAL).count() + 1
    return desk.ask_approval(
        key=f"{APPROVAL}:{book.pk}:{on:%Y-%m-%d}:{number}",
        kind=APPROVAL,
        entity_id=book.entity_id,
        text=(
            f"Draw {plain(amount)} of earned fees from {book.name} to the operating account on"
            f" {on:%B %-d, %Y}. The company has {plain(proposal.held)} there now,"
            f" {plain(proposal.held - amount)} after it. No client's money changes."
        ),
        facts={"book": book.pk, "on": on.isoformat(), "amount": str(amount.amount)},
        maker=maker,
    )


@transaction.atomic
def undo_draw(payment_id: int, *, on: date, reason: str) -> FeeDraw | None:
    """Let the fees of a draw go, whose payment came back or was voided; None if it is no draw.

    The money is the company's in the trust account again: payments has posted that.
    """
    draw = FeeDraw.objects.select_for_update(no_key=True).filter(payment=payment_id).first()
    if draw is None or draw.undone_on is not None:
        return draw
    draw.undone_on, draw.reason = on, reason[:300]
    draw.save(update_fields=["undone_on", "reason"])
    Fee.objects.filter(draw=draw).update(draw=None)
    return draw


@transaction.atomic
def redraw(old_payment_id: int, new_payment_id: int) -> FeeDraw | None:
    """Record that a draw which came back was paid anew; None if the old payment was no draw."""
    old = FeeDraw.objects.filter(payment=old_payment_id).first()
    if old is None:
        return None
    payment = Payment.objects.get(pk=new_payment_id)
    if known := FeeDraw.objects.filter(payment=payment).first():
        return known
    return _record(payment, f"again:{payment.pk}", is_all=False, made_by=payment.made_by_id)


def _same(known: FeeDraw, book: Book, on: date, amount: Money | None) -> FeeDraw:
    was = (known.book_id, known.drawn_on, known.amount)
    if was != (book.pk, on, known.amount if amount is None else amount):
        raise ToldOtherwise(f"fee draw {known.key} was made with other facts: {known}")
    return known


def _why_not(proposal: DrawProposal, wanted: Money) -> str:
    if proposal.blockers:
        return f"Nothing may be drawn from {proposal.book_name}: {'; '.join(proposal.blockers)}."
    if wanted <= ZERO:
        return f"There is nothing to draw from {proposal.book_name}: {proposal.why}."
    return (
        f"{plain(wanted)} is more than may be drawn from {proposal.book_name}, which is"
        f" {plain(proposal.drawable)}: {proposal.why}."
    )


def _oldest(book_id: int, amount: Money, *, is_all: bool) -> list[Fee]:
    """The fees that an amount draws: all of the account, or the oldest that it covers.

    Fees given back count against those taken; the first that does not fit any more ends the list.
    """
    rows = list(queries.undrawn_fees(book_id).only("pk", "amount", "amount_currency"))
    if is_all:
        return rows
    reach, sums = 0, ZERO
    for count, fee in enumerate(rows, 1):
        sums += fee.amount
        if sums > amount:
            break
        reach = count
    return rows[:reach]
