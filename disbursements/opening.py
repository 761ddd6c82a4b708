"""What the page of a draw shows: every figure with its lines, and where each line stands."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.urls import reverse
from moneyed import Money

from disbursements.models import DrawLine, DrawProperty, OwnerDraw, Section
from proptrust.lib.money import ZERO, usd
from receivables.models import Allocation

_PART = DrawLine.Part


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line with its documents: the entry, and the receipt where it is of one."""

    dated_on: date
    memo: str
    property: str
    lease: str
    amount: Money
    entry_url: str
    receipt_url: str
    until_on: date | None


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section of a draw: its lines, and their sum, which is in the figure."""

    key: str
    title: str
    total: Money
    lines: Sequence[ShownLine]


@dataclass(frozen=True, slots=True)
class Opened:
    """A draw with everything behind its figures. Five queries, however many lines there are."""

    properties: Sequence[DrawProperty]
    sections: Sequence[ShownSection]
    sent: Sequence[ShownLine]
    next_cycle: Sequence[ShownLine]
    held_back: Sequence[ShownLine]


def opened(draw: OwnerDraw) -> Opened:
    """The lines of a draw by section, in the order of the sections."""
    properties = list(
        draw.properties.select_related("property", "beneficiary")
        .prefetch_related("withholdings")
        .order_by("property__name", "id")
    )
    lines = list(
        DrawLine.objects.filter(draw_property__draw=draw)
        .select_related("draw_property__property", "entry", "lease")
        .order_by("dated_on", "id")
    )
    receipts = _receipts({line.entry_id for line in lines})
    parts: dict[str, list[DrawLine]] = defaultdict(list)
    for line in lines:
        # What a cancelled run had counted is shown as it was.
        parts[_PART.COUNTED if line.part == _PART.FREED else line.part].append(line)
    by_section: dict[str, list[DrawLine]] = defaultdict(list)
    for line in parts[_PART.COUNTED]:
        by_section[line.section].append(line)
    return Opened(
        properties=properties,
        sections=[
            ShownSection(
                section.value,
                section.label,
                usd(sum((line.amount.amount for line in by_section[section]), Decimal(0))),
                [_shown(line, receipts) for line in by_section[section]],
            )
            for section in Section
            if by_section[section]
        ],
        sent=[_shown(line, receipts) for line in parts[_PART.SENT]],
        next_cycle=[_shown(line, receipts) for line in parts[_PART.NEXT_CYCLE]],
        held_back=[_shown(line, receipts) for line in parts[_PART.HELD_BACK]],
    )


def _receipts(entry_ids: Collection[int]) -> dict[int, int]:
    """The receipt that each entry is of or took back from, by entry."""
    used = Allocation.objects.filter(receipt__isnull=False)
    found: dict[int, int] = {}
    for name in ("undone_by_id", "entry_id"):
        rows = used.filter(**{f"{name}__in": entry_ids}).values_list(name, "receipt_id")
        found |= {entry_id: receipt_id for entry_id, receipt_id in rows if receipt_id}
    return found


def _shown(line: DrawLine, receipts: dict[int, int]) -> ShownLine:
    receipt_id = receipts.get(line.entry_id)
    return ShownLine(
        dated_on=line.dated_on,
        memo=line.entry.memo,
        property=line.draw_property.property.name,
        lease=line.lease.code if line.lease else "",
        amount=line.amount,
        entry_url=reverse("admin:ledger_entry_change", args=[line.entry_id]),
        receipt_url=(
            reverse("admin:receivables_receipt_change", args=[receipt_id]) if receipt_id else ""
        ),
        until_on=line.until_on,
    )


def total(lines: Collection[ShownLine]) -> Money:
    """The sum of lines."""
    return sum((line.amount for line in lines), ZERO)
