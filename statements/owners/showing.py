"""The rows of a statement grouped as its pages and its PDF show them; no figure is made here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from disbursements.models import Section
from statements.owners.types import LineRow, OwnerStatementRows, PropertyRow, SummaryRow


@dataclass(frozen=True, slots=True)
class SectionView:
    """The lines of one section of one property, with their sum."""

    section: str
    label: str
    lines: Sequence[LineRow]
    amount: str


@dataclass(frozen=True, slots=True)
class PropertyView:
    """One property in one trust account, with its sections."""

    row: PropertyRow
    sections: Sequence[SectionView]


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement as it is shown: the equation's steps on both sides, and each property."""

    rows: OwnerStatementRows
    changes_of_money: Sequence[SummaryRow]
    paid_out: Sequence[SummaryRow]
    before_paid: str
    properties: Sequence[PropertyView]
    reserve: str
    available: str


def view_of(rows: OwnerStatementRows) -> StatementView:
    """A statement grouped for showing. before_paid: the opening and all changes."""
    return StatementView(
        rows=rows,
        changes_of_money=[row for row in rows.summary if row.side == "change"],
        paid_out=[row for row in rows.summary if row.side == "paid"],
        before_paid=_sum((rows.opening, rows.change)),
        properties=[_property(row, rows.lines) for row in rows.properties],
        reserve=_sum(row.reserve for row in rows.properties),
        available=_sum(row.available for row in rows.properties),
    )


def _property(row: PropertyRow, lines: Iterable[LineRow]) -> PropertyView:
    mine = [
        line for line in lines if (line.property_id, line.book_id) == (row.property_id, row.book_id)
    ]
    return PropertyView(
        row,
        [
            _section(name, list(group))
            for name, group in groupby(mine, key=lambda line: line.section)
        ],
    )


def _section(name: str, lines: list[LineRow]) -> SectionView:
    return SectionView(name, Section(name).label, lines, _sum(line.amount for line in lines))


def _sum(amounts: Iterable[str]) -> str:
    return f"{sum((Decimal(amount) for amount in amounts), Decimal('0.00')):.2f}"
