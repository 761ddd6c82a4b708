"""Check numbers: set by a bookkeeper, taken one after the other, each left-out one explained."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, Value
from django.db.models.functions import Cast, NullIf

from desk.models import User
from desk.services import record
from ledger.models import Book
from payments.errors import BadPayment, NoStock, NotPossible
from payments.models import CheckStock, Payment, SkippedNumber
from payments.types import NewPayment

LARGEST = 10**12
MOST_SKIPPED = 1_000


@dataclass(frozen=True, slots=True)
class Taken:
    """Numbers taken, by (entity, key). waited: the stock was locked, so others may have written."""

    by_key: Mapping[tuple[int, str], str] = field(default_factory=dict)
    waited: bool = False


def take_numbers(orders: Sequence[NewPayment]) -> Taken:
    """Take the next check numbers of each book for the checks that have none, in their order.

    The stock stays locked until the transaction ends, so that a number is neither used twice nor
    lost: a payment that is refused gives its number back. Raises NoStock naming the account.
    """
    wanting = [each for each in orders if each.method == Payment.Method.CHECK and not each.number]
    if not wanting:
        return Taken()
    stocks = {
        stock.book_id: stock
        for stock in CheckStock.objects.select_for_update()
        .filter(book__in={each.book_id for each in wanting})
        .order_by("id")
    }
    # Whoever had the stock before may have written these very payments.
    standing = set(
        Payment.objects.filter(key__in=[each.key for each in wanting]).values_list(
            "entity_id", "key"
        )
    )
    wanting = [each for each in wanting if (each.entity_id, each.key) not in standing]
    taken: dict[tuple[int, str], str] = {}
    used = _used(stocks.values())
    for each in wanting:
        stock = stocks.get(each.book_id)
        if stock is None:
            name = Book.objects.filter(pk=each.book_id).first() or f"Book {each.book_id}"
            raise NoStock(f"{name} has no check numbers; set its next check number first.")
        while stock.next_number in used[stock.book_id]:
            stock.next_number += 1
        taken[each.entity_id, each.key] = str(stock.next_number)
        stock.next_number += 1
    CheckStock.objects.bulk_update(stocks.values(), ["next_number"])
    return Taken(taken, waited=True)


def _used(stocks: Iterable[CheckStock]) -> dict[int, set[int]]:
    """Numbers from the next one on that were given by hand, by book."""
    used: dict[int, set[int]] = {}
    for stock in stocks:
        texts = (
            Payment.objects.filter(book=stock.book_id)
            .annotate(value=Cast(NullIf("number", Value("")), BigIntegerField()))
            .filter(value__gte=stock.next_number)
        )
        used[stock.book_id] = {int(text) for text in texts.values_list("number", flat=True)}
        skipped = SkippedNumber.objects.filter(book=stock.book_id, number__gte=stock.next_number)
        used[stock.book_id] |= set(skipped.values_list("number", flat=True))
    return used


@transaction.atomic
def set_stock(book: Book, *, next_number: int, actor: User) -> CheckStock:
    """Say which check number of an account comes next; numbers left out are listed as gaps.

    Raises BadPayment for a number that is none, NotPossible for one that is used already.
    """
    if not 1 <= next_number < LARGEST:
        raise BadPayment(f"{next_number} is no check number.")
    if Payment.objects.filter(book=book, number=str(next_number)).exists():
        raise NotPossible(f"Check {next_number} of {book} is written already.")
    stock, is_new = CheckStock.objects.select_for_update().get_or_create(
        book=book, defaults={"first_number": next_number, "next_number": next_number}
    )
    before = stock.next_number
    stock.next_number = next_number
    stock.first_number = min(stock.first_number, next_number)
    stock.set_by = actor
    stock.save()
    record(
        "set check stock",
        text=f"The next check of {book} is {next_number}"
        + ("" if is_new or before == next_number else f"; it was {before}"),
        subject=stock,
        entity_id=book.entity_id,
        actor=actor,
        facts={"before": None if is_new else before, "after": next_number},
    )
    return stock


@transaction.atomic
def explain_gap(book: Book, *, first: int, last: int, why: str, actor: User) -> int:
    """Say what became of check numbers that no payment has; returns how many were new.

    Raises BadPayment without a reason or for numbers that run backwards, NotPossible where a
    payment has one of them.
    """
    if not why.strip():
        raise BadPayment("Say what became of these checks.")
    if not 1 <= first <= last < LARGEST or last - first >= MOST_SKIPPED:
        raise BadPayment(f"{first} to {last} are no check numbers, or more than {MOST_SKIPPED}.")
    texts = [str(number) for number in range(first, last + 1)]
    paid = Payment.objects.filter(book=book, number__in=texts).first()
    if paid is not None:
        raise NotPossible(f"Check {paid.number} was written to {paid.payee}.")
    known = set(
        SkippedNumber.objects.filter(book=book, number__range=(first, last)).values_list(
            "number", flat=True
        )
    )
    rows = [
        SkippedNumber(book=book, number=number, why=why.strip()[:200], said_by=actor)
        for number in range(first, last + 1)
        if number not in known
    ]
    try:
        with transaction.atomic():
            SkippedNumber.objects.bulk_create(rows)
    except IntegrityError as error:
        raise NotPossible("Somebody else has just explained one of these numbers.") from error
    record(
        "explain check numbers",
        text=f"Checks {first} to {last} of {book}: {why.strip()}",
        subject_type="payments.checkstock",
        subject_id=None,
        entity_id=book.entity_id,
        actor=actor,
    )
    return len(rows)
