"""A run as a table that a spreadsheet opens, whose cells are never taken for formulas."""

import csv
from collections.abc import Iterable
from io import StringIO

from disbursements.models import FIGURE_NAMES, OwnerDraw, Run

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AMOUNTS = (
    "opening", *FIGURE_NAMES, "amount", "withheld", "repaid", "closing", "reserve_held", "held_back"
)  # fmt: skip


def safe(text: str) -> str:
    """A text that a spreadsheet shows as text. Source: OWASP, CSV injection."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def run_csv(run: Run) -> str:
    """The draws of a run, one row each, with what they pay and why."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            "run",
            "cut_off_on",
            "pays_on",
            "owner_code",
            "owner",
            "trust_account",
            "method",
            "state",
            *_AMOUNTS,
            "warnings",
            "left_out_because",
        ]
    )
    for row in _rows(run):
        writer.writerow(row)
    return out.getvalue()


def _rows(run: Run) -> Iterable[list[str]]:
    draws = (
        OwnerDraw.objects.filter(run=run)
        .select_related("owner", "book")
        .order_by("owner__name", "id")
    )
    for draw in draws.iterator(chunk_size=2000):
        yield [
            str(run.pk),
            run.cut_off_on.isoformat(),
            run.pays_on.isoformat(),
            safe(draw.owner.code),
            safe(draw.owner.name),
            safe(draw.book.name),
            draw.get_method_display(),
            draw.get_state_display(),
            *(str(getattr(draw, name).amount) for name in _AMOUNTS),
            safe(" ".join(draw.warnings)),
            safe(draw.hold_reason),
        ]
