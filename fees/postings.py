"""How a fee is posted: pure functions from a fee to journal lines.

T: Dr the owners' claims, Cr the company. P: Dr the cost (or less income), Cr held in trust.
O: Dr held in trust, Cr income. A fee given back is the same with the other sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money

from fees.models import Fee
from ledger.charts import Chart
from ledger.company import CompanySide, mirrored
from ledger.types import NewLine

_KIND = Fee.Kind
_SHARED_INCOME = (_KIND.LATE_FEE_PART, _KIND.NSF_PART)
_SERVICES = (_KIND.LEASE_UP, _KIND.RENEWAL, _KIND.SCREENING, _KIND.SETUP)


@dataclass(frozen=True, slots=True)
class Company:
    """Where a company's fees are posted: its accounts, its claim, its own book."""

    chart: Chart
    beneficiary_id: int
    operating_id: int


def percent(rate: Decimal) -> str:
    """A rate inside a sentence: 8 %, 33.3333 %."""
    return f"{(rate * 100).normalize():f} %"


def cost_account(chart: Chart, kind: str) -> int:
    """The property's account that a fee is booked on: part of a late fee is less income."""
    return chart.late_fee_income if kind in _SHARED_INCOME else chart.management_fees


def income_account(chart: Chart, kind: str) -> int:
    """The operating book's account that a fee is earned on."""
    if kind in _SHARED_INCOME:
        return chart.late_fee_income
    return chart.service_income if kind in _SERVICES else chart.fee_income


def fee_lines(
    company: Company,
    *,
    kind: str,
    book_id: int,
    property_book_id: int,
    amount: Money,
    parts: Mapping[int, Money],
) -> list[NewLine]:
    """The lines of a fee; amount and parts below zero give it back."""
    chart = company.chart
    side = CompanySide(
        beneficiary_id=company.beneficiary_id,
        operating_id=company.operating_id,
        held_id=chart.held,
        account_id=income_account(chart, kind),
    )
    trust = [
        *(NewLine(book_id, chart.claims, part, who) for who, part in parts.items()),
        NewLine(book_id, chart.claims, -amount, company.beneficiary_id),
    ]
    accrual = [
        NewLine(property_book_id, cost_account(chart, kind), amount),
        NewLine(property_book_id, chart.held, -amount),
    ]
    return mirrored([*trust, *accrual], side)


def drawn_lines(company: Company, amount: Money) -> list[NewLine]:
    """The operating book's lines of a draw: Dr bank, Cr held in trust."""
    return [
        NewLine(company.operating_id, company.chart.bank, amount),
        NewLine(company.operating_id, company.chart.held, -amount),
    ]
