"""What payments know: lists, numbers left out, the lines and bank lines of one payment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.db.models import QuerySet
from moneyed import Money

from ledger.models import Line
from ledger.types import NewLine
from payments.models import CheckStock, Payment, SkippedNumber
from proptrust.lib.money import ZERO

# A bank need not pay a check that is presented more than six months after its date.
# Source: Uniform Commercial Code 4-404; counted as 180 days, as banks do (unconfirmed).
STALE_AFTER = timedelta(days=180)
# Numbers left out that are listed one by one; a stock that jumps leaves thousands.
MOST_GAPS = 500


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of check numbers that no payment has and nobody has explained."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many numbers it is."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def lines_of(entry_id: int) -> list[NewLine]:
    """The lines of an entry as they could be posted again."""
    return [
        NewLine(line.book_id, line.account_id, line.amount, line.beneficiary_id)
        for line in Line.objects.filter(entry=entry_id).order_by("position")
    ]


def claims_of(payment: Payment) -> dict[int, Money]:
    """Who paid a payment: beneficiary id to what each gave, above zero."""
    claims: dict[int, Money] = {}
    for line in lines_of(payment.entry_id):
        if line.book_id == payment.book_id and line.beneficiary_id is not None:
            claims[line.beneficiary_id] = claims.get(line.beneficiary_id, ZERO) + line.amount
    return claims


def payments_of(entity_ids: Iterable[int]) -> QuerySet[Payment]:
    """The payments of some companies, newest first, with what a list shows."""
    return (
        Payment.objects.filter(entity__in=list(entity_ids))
        .select_related("book", "request")
        .defer("account_number")
        .order_by("-dated_on", "-id")
    )


def to_print(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Checks that are not on paper yet."""
    return payments.filter(method=Payment.Method.CHECK, state=Payment.State.ISSUED)


def to_send(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """ACH payments that stand in no file yet."""
    return payments.filter(
        method=Payment.Method.ACH, state=Payment.State.ISSUED, request__isnull=True
    )


def stale_from(on: date) -> date:
    """Checks dated before this day are stale on a day."""
    return on - STALE_AFTER


def gaps(book_id: int) -> list[Gap]:
    """The check numbers of a book before the next one that nobody has used or explained."""
    stock = CheckStock.objects.filter(book=book_id).first()
    if stock is None:
        return []
    used = _numbers(Payment.objects.filter(book=book_id).exclude(number=""))
    used |= set(SkippedNumber.objects.filter(book=book_id).values_list("number", flat=True))
    inside = sorted(n for n in used if stock.first_number <= n < stock.next_number)
    found: list[Gap] = []
    before = stock.first_number - 1
    for number in [*inside, stock.next_number]:
        if number > before + 1:
            found.append(Gap(before + 1, number - 1))
        before = number
    return found


def _numbers(rows: QuerySet[Payment]) -> set[int]:
    texts = rows.values_list("number", flat=True)
    return {int(text) for text in texts if text.isascii() and text.isdecimal()}


def history(payment: Payment) -> list[Payment]:
    """A payment with all that it replaced and that replaced it, the oldest first."""
    chain = [payment]
    while (older := chain[0].replaces) is not None:
        chain.insert(0, older)
    while (newer := Payment.objects.filter(replaces=chain[-1]).first()) is not None:
        chain.append(newer)
    return chain


def payments_of_lines(line_ids: Sequence[int]) -> dict[int, int]:
    """The payments whose own bank lines are among some journal lines, by the line's id."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT line.id, paid.id
            FROM ledger_line AS line
            JOIN payments_payment AS paid
                ON paid.entry_id = line.entry_id AND paid.book_id = line.book_id
            WHERE line.id = ANY(%s) AND line.beneficiary_id IS NULL
            """,
            [list(line_ids)],
        )
        return dict(cursor.fetchall())
