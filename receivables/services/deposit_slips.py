"""Checks, money orders and cash that are taken to the bank together."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.template.defaultfilters import pluralize

from ledger.charts import chart
from ledger.models import Book, Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO
from receivables import postings
from receivables.errors import NotDepositable, ToldOtherwise
from receivables.models import DepositSlip, Receipt


@transaction.atomic
def make_deposit_slip(
    *,
    book: Book,
    number: str,
    day: date,
    receipts: Sequence[Receipt],
    posted_by_id: int | None = None,
) -> DepositSlip:
    """Take receipts to the bank as one deposit, which is one credit on the statement.

    The same number with the same receipts returns the first slip.
    Raises ToldOtherwise for a number with other receipts, NotDepositable for a receipt that is not
    settled, is of another trust account, is deposited already or never needs a slip.
    """
    ids = sorted(receipt.pk for receipt in receipts)
    if not ids:
        raise NotDepositable(f"deposit slip {number} lists no receipts")
    # Sorted, so that two slips over the same receipts wait for each other instead of in a ring.
    held = list(
        Receipt.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=ids)
        .order_by("pk")
    )
    known = DepositSlip.objects.filter(book=book, number=number).first()
    if known is not None:
        if sorted(known.receipts.values_list("pk", flat=True)) != ids:
            raise ToldOtherwise(f"deposit slip {number} of {book} exists with other receipts")
        return known
    for receipt in held:
        if reason := _why_not(receipt, book, day):
            raise NotDepositable(f"{receipt} cannot be on deposit slip {number}: {reason}")
    total = sum((receipt.gross for receipt in held), ZERO)
    entry = post_fact(
        entity_id=book.entity_id,
        key=f"deposit-slip:{book.pk}:{number}",
        kind=Entry.Kind.SETTLEMENT,
        day=day,
        memo=f"Deposit slip {number}: {len(held)} receipt{pluralize(len(held))}",
        lines=postings.deposited(postings.Books(chart(book.entity_id), book.pk), total),
        posted_by_id=posted_by_id,
    )
    slip = DepositSlip.objects.create(
        book=book, number=number, deposited_on=day, total=total, entry=entry
    )
    Receipt.objects.filter(pk__in=ids).update(deposit_slip=slip)
    return slip


def _why_not(receipt: Receipt, book: Book, day: date) -> str:
    if receipt.state != Receipt.State.SETTLED:
        return f"it is {receipt.get_state_display().lower()}"
    if receipt.book_id != book.pk:
        return "it belongs to another trust account"
    if receipt.into != Receipt.Into.UNDEPOSITED:
        return f"its money is {receipt.get_into_display().lower()}"
    if receipt.deposit_slip_id is not None:
        return f"it is on {receipt.deposit_slip} already"
    if receipt.comebacks.filter(kind__in=("return", "refund", "dispute")).exists():
        return "a part of it went back"
    if receipt.received_on > day:
        return f"it was received on {receipt.received_on}, after the deposit"
    return ""
