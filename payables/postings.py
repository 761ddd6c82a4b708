"""Layer 4's facts as journal lines (docs/decisions/074-bills.md has the table)."""

from collections.abc import Iterable, Mapping

from moneyed import Money

from ledger.charts import Chart
from ledger.models import Account
from ledger.services import ensure_account
from ledger.types import NewLine
from payables.models import Bill, BillLine

_CATEGORY = BillLine.Category
# Category: code and name of the expense account. Two of them are in the standard chart.
ACCOUNTS: Mapping[str, tuple[str, str]] = {
    _CATEGORY.OTHER: ("5000", "Expenses"),
    _CATEGORY.REPAIRS: ("5010", "Repairs"),
    _CATEGORY.MAINTENANCE: ("5020", "Maintenance"),
    _CATEGORY.UTILITIES: ("5030", "Utilities"),
    _CATEGORY.CLEANING: ("5040", "Cleaning"),
    _CATEGORY.LANDSCAPING: ("5050", "Landscaping"),
    _CATEGORY.SUPPLIES: ("5060", "Supplies"),
    _CATEGORY.TAXES_INSURANCE: ("5400", "Property tax and insurance"),
}


def expense_accounts(entity_id: int, categories: Iterable[str]) -> dict[str, int]:
    """The accounts of some categories, by category; those that are missing are made."""
    return {
        category: ensure_account(
            entity_id=entity_id,
            code=ACCOUNTS[category][0],
            name=ACCOUNTS[category][1],
            kind=Account.Kind.EXPENSE,
        ).pk
        for category in sorted(set(categories))
    }


def approved(
    bill: Bill, lines: Iterable[BillLine], accounts: Mapping[str, int], chart: Chart
) -> list[NewLine]:
    """A bill approved: Dr expense, Cr payable in each property's book; a credit the reverse."""
    sign = -1 if bill.is_credit else 1
    posted = []
    for line in lines:
        book_id = line.property.book_id
        posted.append(NewLine(book_id, accounts[line.category], line.amount * sign))
        posted.append(NewLine(book_id, chart.payable, line.amount * -sign))
    return posted


def paid(by_book: Mapping[int, Money], chart: Chart) -> list[NewLine]:
    """A bill paid, beside the trust account's lines: Dr payable, Cr held per property."""
    posted = []
    for book_id, amount in by_book.items():
        posted.append(NewLine(book_id, chart.payable, amount))
        posted.append(NewLine(book_id, chart.held, -amount))
    return posted
