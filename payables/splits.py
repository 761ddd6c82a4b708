"""How a bill is split over properties: by amounts, percentages, units or weights; or pasted."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.db.models import Count, Sum
from moneyed import Money

from leases.models import Property, Unit
from payables.errors import WrongSplit
from payables.models import Bill, BillLine
from payables.types import NewBillLine
from proptrust.lib.money import CENT, plain, split, total, usd

BY_AMOUNT = "amount"
BY_PERCENTAGE = "percentage"
BY_UNITS = "units"
BY_WEIGHTS = "weights"
AS_LAST_TIME = "last"
WAYS = {
    BY_AMOUNT: "By amount",
    BY_PERCENTAGE: "By percentage",
    BY_UNITS: "By number of units",
    BY_WEIGHTS: "By weights",
    AS_LAST_TIME: "As last time",
}
HUNDRED = Decimal(100)
MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class PastedRow:
    """A row of the text area: a property (and perhaps its unit), a figure and a memo."""

    number: int
    property_id: int
    unit_id: int | None
    figure: Decimal | None
    memo: str


def split_bill(
    amount: Money, way: str, rows: Sequence[PastedRow], *, category: str, vendor_id: int
) -> list[NewBillLine]:
    """The lines of a bill, one per row, which sum to its amount.

    way: a key of WAYS. By amount, the figures are dollars and must come to the amount; by
    percentage they must come to 100; weights are any figures above zero; by units and as last time
    the rows need no figure, and as last time they need not even be given.
    Cents left over go to the largest remainders (proptrust.lib.money.split).
    Raises WrongSplit naming the row.
    """
    if way == AS_LAST_TIME:
        return _as_last_time(amount, vendor_id, category, {row.property_id for row in rows})
    if not rows:
        raise WrongSplit("Give at least one property.")
    if way == BY_AMOUNT:
        amounts = [_dollars(row) for row in rows]
        if (came := total(amounts)) != amount:
            raise WrongSplit(
                f"The {len(rows)} lines come to {plain(came)}, the bill is {plain(amount)}:"
                f" {_apart(came, amount)}."
            )
    elif way == BY_UNITS:
        counts = unit_counts([row.property_id for row in rows])
        for row in rows:
            if not counts.get(row.property_id):
                raise WrongSplit(f"Row {row.number}: the property has no units to count.")
        amounts = split(amount, [Decimal(counts[row.property_id]) for row in rows])
    elif way in (BY_PERCENTAGE, BY_WEIGHTS):
        figures = [_figure(row, "a figure above zero") for row in rows]
        if way == BY_PERCENTAGE and (came_to := sum(figures, Decimal(0))) != HUNDRED:
            raise WrongSplit(f"The percentages come to {came_to.normalize():f}, not to 100.")
        amounts = split(amount, figures)
    else:
        raise WrongSplit(f'"{way}" is no way to split; choose one of {", ".join(WAYS)}.')
    lines = []
    for row, part in zip(rows, amounts, strict=True):
        if not part:
            raise WrongSplit(f"Row {row.number}: its part of {plain(amount)} is nothing.")
        lines.append(
            NewBillLine(
                property_id=row.property_id,
                unit_id=row.unit_id,
                amount=part,
                category=category,
                memo=row.memo,
            )
        )
    return lines


def _apart(came: Money, amount: Money) -> str:
    return f"{plain(abs(amount - came))} too {'much' if came > amount else 'little'}"


def _figure(row: PastedRow, what: str) -> Decimal:
    if row.figure is None or row.figure <= 0:
        raise WrongSplit(f"Row {row.number} needs {what}.")
    return row.figure


def _dollars(row: PastedRow) -> Money:
    figure = _figure(row, "an amount")
    if figure != figure.quantize(CENT):
        raise WrongSplit(f"Row {row.number}: {figure} is no whole number of cents.")
    return usd(figure)


def unit_counts(property_ids: Collection[int]) -> dict[int, int]:
    """How many units each property has; properties without any are left out."""
    rows = Unit.objects.filter(property__in=property_ids).order_by().values("property")
    return {row["property"]: row["many"] for row in rows.annotate(many=Count("pk"))}


def last_weights(vendor_id: int) -> dict[int, Decimal]:
    """What the vendor's last bill that stands took from each property; empty if there is none."""
    last = (
        Bill.objects.filter(vendor=vendor_id, is_credit=False)
        .exclude(state__in=[Bill.State.CANCELLED, Bill.State.REJECTED])
        .order_by("-dated_on", "-id")
        .values("pk")[:1]
    )
    rows = BillLine.objects.filter(bill__in=last).order_by("property_id").values("property")
    return {row["property"]: row["sum"] for row in rows.annotate(sum=Sum("amount"))}


def _as_last_time(
    amount: Money, vendor_id: int, category: str, only: Collection[int]
) -> list[NewBillLine]:
    weights = last_weights(vendor_id)
    if only and (missing := set(only) - weights.keys()):
        names = Property.objects.filter(pk__in=missing).values_list("code", flat=True)
        raise WrongSplit(f"Last time took nothing from {', '.join(names)}.")
    if not weights:
        raise WrongSplit("This vendor has no bill yet whose split could be taken.")
    chosen = {who: weight for who, weight in weights.items() if not only or who in only}
    parts = split(amount, list(chosen.values()))
    return [
        NewBillLine(property_id=property_id, amount=part, category=category)
        for property_id, part in zip(chosen, parts, strict=True)
        if part
    ]


def read_rows(text: str, entity_id: int) -> list[PastedRow]:
    """Rows as they are pasted from a sheet or typed: property code, figure, memo.

    Columns are parted by tabs, semicolons, or commas; a unit stands after the property's code and a
    slash: `P-12/4B`. Empty rows do not count. Figures may have a dollar sign, a per cent sign
    and thousands' commas (in quotes where commas part the columns).
    Raises WrongSplit with every row that cannot be read, by its number.
    """
    given = [(n, cells) for n, cells in enumerate(_cells(text), 1) if any(cells)]
    if len(given) > MOST_LINES:
        raise WrongSplit(f"{len(given)} rows; a bill has at most {MOST_LINES}.")
    codes = {cells[0].partition("/")[0].strip() for _, cells in given}
    places = {
        code.casefold(): pk
        for code, pk in Property.objects.filter(
            entity=entity_id, code__in=_spellings(codes)
        ).values_list("code", "pk")
    }
    units = {
        (property_id, code.casefold()): pk
        for property_id, code, pk in Unit.objects.filter(property__in=places.values()).values_list(
            "property_id", "code", "pk"
        )
    }
    rows, wrong = [], []
    for number, cells in given:
        try:
            rows.append(_row(number, cells, places, units))
        except WrongSplit as error:
            wrong.append(str(error))
    if wrong:
        raise WrongSplit(" ".join(wrong))
    return rows


def _spellings(codes: Collection[str]) -> set[str]:
    return {spelled for code in codes for spelled in (code, code.upper(), code.lower())}


def _cells(text: str) -> list[list[str]]:
    lines = text.splitlines()
    delimiter = next((sign for sign in "\t;" if sign in text), ",")
    return [[cell.strip() for cell in cells] for cells in csv.reader(lines, delimiter=delimiter)]


def _row(
    number: int,
    cells: Sequence[str],
    places: Mapping[str, int],
    units: Mapping[tuple[int, str], int],
) -> PastedRow:
    code, _, unit = (part.strip() for part in cells[0].partition("/"))
    property_id = places.get(code.casefold())
    if property_id is None:
        raise WrongSplit(f'Row {number}: there is no property "{code}".')
    unit_id = units.get((property_id, unit.casefold())) if unit else None
    if unit and unit_id is None:
        raise WrongSplit(f'Row {number}: property {code} has no unit "{unit}".')
    figure = _number(number, cells[1]) if len(cells) > 1 and cells[1] else None
    memo = " ".join(cell for cell in cells[2:] if cell)
    if len(memo) > 200:
        raise WrongSplit(f"Row {number}: the memo is longer than 200 characters.")
    return PastedRow(number, property_id, unit_id, figure, memo)


def _number(row: int, text: str) -> Decimal:
    plain_text = text.replace(",", "").replace("$", "").replace("%", "").strip()
    try:
        figure = Decimal(plain_text)
    except InvalidOperation:
        raise WrongSplit(f'Row {row}: "{text}" is no figure.') from None
    if not figure.is_finite() or abs(figure) >= Decimal(10) ** 12:
        raise WrongSplit(f'Row {row}: "{text}" is no figure.')
    return figure
