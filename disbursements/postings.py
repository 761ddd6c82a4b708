"""What owner draws and recoveries post: pure functions from facts to journal lines.

T is the trust book, P the property's accrual book, O the company's own book. A debit is above zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from moneyed import Money

from ledger.charts import Chart
from ledger.company import CompanySide, mirrored
from ledger.types import NewLine
from proptrust.lib.money import ZERO


@dataclass(frozen=True, slots=True)
class Claim:
    """An owner's claim for one property, and the property's accrual book."""

    beneficiary_id: int
    property_book_id: int


def drawn(chart: Chart, amounts: Mapping[Claim, Money]) -> list[NewLine]:
    """An owner draw in the properties' books. P: Dr draws, Cr held."""
    return [
        line
        for claim, amount in amounts.items()
        if amount
        for line in _taken_out(chart, claim, amount)
    ]


def netted(chart: Chart, trust_id: int, moved: Mapping[Claim, Money]) -> list[NewLine]:
    """Money between an owner's properties. moved: what each gets (above zero) or gives.

    T: Dr the claims that give, Cr those that get. P: Dr draws, Cr held; Dr held, Cr contributions.
    """
    lines = [
        NewLine(trust_id, chart.claims, -amount, claim.beneficiary_id)
        for claim, amount in moved.items()
        if amount
    ]
    for claim, amount in moved.items():
        if amount > ZERO:
            lines += _put_in(chart, claim, amount)
        elif amount < ZERO:
            lines += _taken_out(chart, claim, -amount)
    return lines


def withheld(
    chart: Chart, trust_id: int, claim: Claim, parts: Mapping[int, Money]
) -> list[NewLine]:
    """Tax held back. parts: the authority's beneficiary to its tax. T: Dr owner, Cr withheld."""
    total = sum(parts.values(), ZERO)
    return [
        NewLine(trust_id, chart.claims, total, claim.beneficiary_id),
        *(NewLine(trust_id, chart.claims, -part, who) for who, part in parts.items() if part),
        *_taken_out(chart, claim, total),
    ]


def contributed(chart: Chart, trust_id: int, claim: Claim, amount: Money) -> list[NewLine]:
    """Money of an owner that came in. T: Dr bank, Cr owner. P: Dr held, Cr contributions."""
    return [
        NewLine(trust_id, chart.bank, amount),
        NewLine(trust_id, chart.claims, -amount, claim.beneficiary_id),
        *_put_in(chart, claim, amount),
    ]


def advanced(
    chart: Chart, trust_id: int, claim: Claim, amount: Money, company: CompanySide
) -> list[NewLine]:
    """What the company holds in the trust account is lent to an owner's claim.

    T: Dr company, Cr owner. P: Dr held, Cr contributions. O: Dr due from owners, Cr held.
    """
    lines = [
        NewLine(trust_id, chart.claims, amount, company.beneficiary_id),
        NewLine(trust_id, chart.claims, -amount, claim.beneficiary_id),
        *_put_in(chart, claim, amount),
    ]
    return mirrored(lines, company)


def advanced_from_operating(
    chart: Chart, trust_id: int, claim: Claim, amount: Money, operating_id: int
) -> list[NewLine]:
    """The same out of the operating account. T: Dr bank. O: Dr due from owners, Cr bank."""
    return [
        *contributed(chart, trust_id, claim, amount),
        NewLine(operating_id, chart.due_from_owners, amount),
        NewLine(operating_id, chart.bank, -amount),
    ]


def repaid(
    chart: Chart, trust_id: int, claim: Claim, amount: Money, company: CompanySide
) -> list[NewLine]:
    """A draw pays an advance back: the mirror of `advanced`."""
    lines = [
        NewLine(trust_id, chart.claims, amount, claim.beneficiary_id),
        NewLine(trust_id, chart.claims, -amount, company.beneficiary_id),
        NewLine(claim.property_book_id, chart.contributions, amount),
        NewLine(claim.property_book_id, chart.held, -amount),
    ]
    return mirrored(lines, company)


def _taken_out(chart: Chart, claim: Claim, amount: Money) -> list[NewLine]:
    return [
        NewLine(claim.property_book_id, chart.draws, amount),
        NewLine(claim.property_book_id, chart.held, -amount),
    ]


def _put_in(chart: Chart, claim: Claim, amount: Money) -> list[NewLine]:
    return [
        NewLine(claim.property_book_id, chart.held, amount),
        NewLine(claim.property_book_id, chart.contributions, -amount),
    ]
