"""Facts of rent collection as journal lines: pure functions (docs/decisions/042-postings.md).

T is the trust book where the money lies, P the property's accrual book. A debit is above zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moneyed import Money

from ledger.charts import Chart
from ledger.types import NewLine
from proptrust.lib.money import ZERO
from receivables.models import ChargeKind
from receivables.types import Claims, Slice


@dataclass(frozen=True, slots=True)
class Books:
    """Where a fact is posted. property_id: None while no lease is known."""

    chart: Chart
    trust_id: int
    property_id: int | None = None

    def asset(self, into: str) -> int:
        """The account that holds the money of a receipt (a value of Receipt.Into)."""
        places = {
            "processors": self.chart.processors,
            "bank": self.chart.bank,
            "undeposited": self.chart.undeposited,
        }
        return places[into]


def charged(chart: Chart, property_book_id: int, kind: str, amount: Money) -> list[NewLine]:
    """A charge of a kind (of ChargeKind, no security deposit). P: Dr receivable, Cr income."""
    income = {
        ChargeKind.RENT: chart.rent_income,
        ChargeKind.LATE_FEE: chart.late_fee_income,
        ChargeKind.NSF_FEE: chart.late_fee_income,
    }
    return [
        NewLine(property_book_id, chart.receivable, amount),
        NewLine(property_book_id, income.get(ChargeKind(kind), chart.other_income), -amount),
    ]


def credited(chart: Chart, property_book_id: int, amount: Money) -> list[NewLine]:
    """What of a charge need not be paid. P: Dr concessions, Cr receivable."""
    return [
        NewLine(property_book_id, chart.concessions, amount),
        NewLine(property_book_id, chart.receivable, -amount),
    ]


def received(books: Books, into: str, claims: Claims, collected: Money) -> list[NewLine]:
    """Money in. T: Dr where it is, Cr claims. P: Dr held, Cr receivable for what pays charges."""
    gross = sum(claims.values(), ZERO)
    return [
        *_line(books.trust_id, books.asset(into), gross),
        *given(books, claims),
        *_collected(books, collected),
    ]


def went_back(
    books: Books, into: str, claims: Claims, collected: Money, fee: tuple[int, Money]
) -> list[NewLine]:
    """Money back. T: Dr claims, Cr where it was; the fee is the company's. P: the reverse too.

    claims, collected: what is taken, above zero. fee: the company's beneficiary, and the fee.
    """
    company_id, amount = fee
    taken = {who: -part for who, part in claims.items()}
    taken[company_id] = taken.get(company_id, ZERO) - amount
    return received(books, into, taken, -collected)


def moved(books: Books, claims: Claims, collected: Money) -> list[NewLine]:
    """Money that changes hands inside the trust. T: claims only. P: what now pays charges.

    claims: what each gets (above zero) or gives; they sum to zero.
    """
    return [*given(books, claims), *_collected(books, collected)]


def deposited(books: Books, total: Money) -> list[NewLine]:
    """A deposit slip. T: Dr bank, Cr undeposited."""
    return [
        NewLine(books.trust_id, books.chart.bank, total),
        NewLine(books.trust_id, books.chart.undeposited, -total),
    ]


def remitted(books: Books, amount: Money, company_id: int, fees: Money) -> list[NewLine]:
    """A remittance. T: Dr bank what arrives, Dr the company its fees, Cr processors both.

    amount: below zero when the processor takes money. fees: below zero when it gives some back.
    """
    return [
        *_line(books.trust_id, books.chart.bank, amount),
        *given(books, {company_id: -fees}),
        *_line(books.trust_id, books.chart.processors, -(amount + fees)),
    ]


def remittance_failed(books: Books, amount: Money) -> list[NewLine]:
    """A remittance that did not arrive. T: Dr processors, Cr bank; the fees stay taken."""
    return [
        *_line(books.trust_id, books.chart.processors, amount),
        *_line(books.trust_id, books.chart.bank, -amount),
    ]


def company_charged(books: Books, company_id: int, amount: Money) -> list[NewLine]:
    """What a processor kept for a reason of the company's. T: Dr the company, Cr processors."""
    return [
        *given(books, {company_id: -amount}),
        *_line(books.trust_id, books.chart.processors, -amount),
    ]


def cash_moved(books: Books, amount: Money, claims: Claims) -> list[NewLine]:
    """Cash at the bank that comes (above zero) or goes. T: bank against claims."""
    return [*_line(books.trust_id, books.chart.bank, amount), *given(books, claims)]


def opened_charges(chart: Chart, property_book_id: int, amount: Money) -> list[NewLine]:
    """Charges that were open at the cut-over. P: Dr receivable, Cr equity."""
    return [
        NewLine(property_book_id, chart.receivable, amount),
        NewLine(property_book_id, chart.equity, -amount),
    ]


def given(books: Books, claims: Claims) -> list[NewLine]:
    """T: Cr what each beneficiary gets, Dr what each gives."""
    return [
        NewLine(books.trust_id, books.chart.claims, -part, beneficiary_id=who)
        for who, part in claims.items()
        if part
    ]


def claims_of(slices: Iterable[Slice], rest: tuple[int, Money] | None = None) -> dict[int, Money]:
    """What slices give to whom, in sum; rest: who gets what pays no charge, and how much."""
    claims: dict[int, Money] = {}
    for each in slices:
        claims = add(claims, each.parts)
    return add(claims, dict([rest])) if rest and rest[1] else claims


def collected_by(slices: Iterable[Slice]) -> Money:
    """What of slices pays charges that the property's books know."""
    return sum((each.amount for each in slices if each.is_income), ZERO)


def add(claims: Mapping[int, Money], more: Claims, sign: int = 1) -> dict[int, Money]:
    """Two claims in sum (sign 1) or their difference (sign −1)."""
    out = dict(claims)
    for who, part in more.items():
        out[who] = out.get(who, ZERO) + sign * part
    return out


def _collected(books: Books, amount: Money) -> list[NewLine]:
    if not amount:
        return []
    if books.property_id is None:
        raise ValueError("a receipt without a lease pays no charge")
    return [
        NewLine(books.property_id, books.chart.held, amount),
        NewLine(books.property_id, books.chart.receivable, -amount),
    ]


def _line(book_id: int, account_id: int, amount: Money) -> list[NewLine]:
    return [NewLine(book_id, account_id, amount)] if amount else []
