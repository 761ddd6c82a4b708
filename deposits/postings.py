"""Facts of deposits and escrows as journal lines: pure functions (docs/decisions/070-deposits.md).

A debit is above zero. T is a trust book, P the property's accrual book.
"""

from collections.abc import Mapping

from moneyed import Money

from ledger.charts import Chart
from ledger.company import CompanySide, mirrored
from ledger.types import NewLine
from proptrust.lib.money import ZERO


def cash(chart: Chart, book_id: int, amount: Money) -> list[NewLine]:
    """T: Dr bank (above zero) or Cr bank; nothing for nothing."""
    return [NewLine(book_id, chart.bank, amount)] if amount else []


def claims(chart: Chart, book_id: int, given: Mapping[int, Money]) -> list[NewLine]:
    """T: Cr what each beneficiary gets, Dr what each gives (below zero)."""
    return [
        NewLine(book_id, chart.claims, -amount, beneficiary_id=who)
        for who, amount in given.items()
        if amount
    ]


def came_in(chart: Chart, book_id: int, who: int, amount: Money) -> list[NewLine]:
    """Cash for one beneficiary. T: Dr bank, Cr claim."""
    return [*cash(chart, book_id, amount), *claims(chart, book_id, {who: amount})]


def kept(chart: Chart, book_id: int, deposit_id: int, amount: Money) -> list[NewLine]:
    """A deposit that pays charges leaves its account. T: Dr deposit, Cr bank.

    The other bank account gets it as the receipt that pays the charges.
    """
    return came_in(chart, book_id, deposit_id, -amount)


def interest_from_bank(
    chart: Chart,
    book_id: int,
    *,
    pool_id: int,
    deposit_id: int,
    amount: Money,
    fee: Money,
    company: CompanySide,
) -> list[NewLine]:
    """The bank's interest becomes the tenant's. T: Dr the waiting interest, Cr deposit, Cr company.

    fee: the manager's part, which stands a second time in its operating book.
    """
    given = {pool_id: -(amount + fee), deposit_id: amount, company.beneficiary_id: fee}
    return mirrored(claims(chart, book_id, given), company)


def interest_from_owner(
    chart: Chart,
    *,
    rent_book_id: int,
    deposit_book_id: int,
    property_book_id: int,
    parts: Mapping[int, Money],
    deposit_id: int,
) -> list[NewLine]:
    """Interest that the owner owes. T rent: Dr owners, Cr bank. T deposits: Dr bank, Cr deposit.

    P: Dr interest on deposits, Cr held.
    """
    amount = sum(parts.values(), ZERO)
    return [
        *between(chart, rent_book_id, deposit_book_id, parts, deposit_id),
        NewLine(property_book_id, chart.deposit_interest, amount),
        NewLine(property_book_id, chart.held, -amount),
    ]


def between(
    chart: Chart, from_book_id: int, to_book_id: int, parts: Mapping[int, Money], to: int
) -> list[NewLine]:
    """Claims of one trust book become another's; the cash goes along if the books differ."""
    amount = sum(parts.values(), ZERO)
    taken = {who: -part for who, part in parts.items()}
    if from_book_id == to_book_id:
        return claims(chart, from_book_id, {**taken, to: amount})
    return [
        *cash(chart, from_book_id, -amount),
        *claims(chart, from_book_id, taken),
        *came_in(chart, to_book_id, to, amount),
    ]


def owner_brings_from_rent(
    chart: Chart,
    *,
    rent_book_id: int,
    deposit_book_id: int,
    property_book_id: int,
    parts: Mapping[int, Money],
    deposit_id: int,
) -> list[NewLine]:
    """A deposit that the owner held, brought from the owner's own money with us.

    T as in `between`; P: Dr draws, Cr held: it is as if the owner had drawn it and paid it in.
    """
    amount = sum(parts.values(), ZERO)
    return [
        *between(chart, rent_book_id, deposit_book_id, parts, deposit_id),
        NewLine(property_book_id, chart.draws, amount),
        NewLine(property_book_id, chart.held, -amount),
    ]


def reimbursed(chart: Chart, book_id: int, amount: Money, company: CompanySide) -> list[NewLine]:
    """The company pays in what it owes. T: Dr bank, Cr company; its own book: Dr held, Cr bank."""
    return mirrored(came_in(chart, book_id, company.beneficiary_id, amount), company)


def escrow_funded(
    chart: Chart,
    *,
    rent_book_id: int,
    escrow_book_id: int,
    property_book_id: int,
    parts: Mapping[int, Money],
    escrow_id: int,
) -> list[NewLine]:
    """Owners' money put aside. T: Dr owners, Cr escrow. P: Dr held in escrow, Cr held."""
    amount = sum(parts.values(), ZERO)
    return [
        *between(chart, rent_book_id, escrow_book_id, parts, escrow_id),
        NewLine(property_book_id, chart.escrowed, amount),
        NewLine(property_book_id, chart.held, -amount),
    ]


def escrow_spent(
    chart: Chart, property_book_id: int, amount: Money, *, is_upkeep: bool
) -> list[NewLine]:
    """What a bill paid from an escrow costs. P: Dr taxes and insurance (or expense), Cr escrow."""
    cost = chart.expense if is_upkeep else chart.taxes_insurance
    return [
        NewLine(property_book_id, cost, amount),
        NewLine(property_book_id, chart.escrowed, -amount),
    ]
