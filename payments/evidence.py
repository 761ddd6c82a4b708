"""What is shown of a payment: its facts, who paid it, its bank line where one is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import NoReverseMatch, reverse
from moneyed import Money

from desk.types import Evidence
from ledger.models import Beneficiary
from payments import queries
from payments.models import Payment
from proptrust.lib.money import plain


@dataclass(frozen=True, slots=True)
class BankMove:
    """A line of the bank that answers an entry. link: the page that shows it, or ""."""

    posted_on: date
    amount: Money
    text: str
    link: str = ""


# Bank lines are known to an app above this one, which registers where they come from.
BankMoves = Callable[[int, int], Sequence[BankMove]]
_sources: list[BankMoves] = []


def show_bank_moves(source: BankMoves) -> None:
    """Register who knows the bank lines that answer an entry in a book (entry id, book id)."""
    _sources[:] = [source]


def bank_moves(entry_id: int, book_id: int) -> Sequence[BankMove]:
    """The bank lines that answer an entry's cash in a book; none where nobody knows of any."""
    return _sources[0](entry_id, book_id) if _sources else ()


def of_payment(payment_id: int) -> list[Evidence]:
    """What a person needs to decide about a payment."""
    row = Payment.objects.select_related("book").get(pk=payment_id)
    told = [
        ("Payee", row.payee),
        ("For", f"{row.get_purpose_display()} {row.memo}".strip()),
        ("Account", row.account_shown()),
        ("Code", row.code),
        ("Reason", row.reason),
        ("Trace", row.trace),
    ]
    return [
        Evidence("Payment", f"{row}, {plain(row.amount)} on {row.dated_on:%b %-d, %Y}", link(row)),
        *(Evidence(label, value) for label, value in told if value),
        *(
            Evidence(f"Paid by {name}", plain(amount))
            for name, amount in payers(row)[:_MOST_PAYERS]
        ),
    ]


_MOST_PAYERS = 5


def payers(payment: Payment) -> list[tuple[str, Money]]:
    """Who paid how much of a payment, by name."""
    claims = queries.claims_of(payment)
    names = dict(Beneficiary.objects.filter(pk__in=claims).values_list("pk", "name"))
    return [(names[who], amount) for who, amount in claims.items()]


def link(payment: Payment) -> str:
    """The page of a payment, or "" where the site has none."""
    try:
        return reverse("payments:payment", args=[payment.pk])
    except NoReverseMatch:
        return ""
