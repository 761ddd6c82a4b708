"""What changed between two versions of an owner statement, line by line."""

from dataclasses import replace
from decimal import Decimal

from disbursements.models import Section
from statements.owners.types import ChangeRow, Earlier, LineRow, OwnerStatementRows

_NONE = "–"


def changes(before: Earlier, rows: OwnerStatementRows) -> OwnerStatementRows:
    """The same rows with the list of what differs from the version before.

    A line is the same line if it is the same line of the ledger.
    """
    old = {line.line_id: line for line in before.lines}
    new = {line.line_id: line for line in rows.lines}
    found = [
        ChangeRow(0, 0, what, was, now)
        for what, was, now in (
            ("Opening", _amount(before.opening), _amount(rows.opening)),
            ("Closing", _amount(before.closing), _amount(rows.closing)),
        )
        if was != now
    ]
    for line_id, line in new.items():
        was = old.get(line_id)
        if was is None:
            found.append(ChangeRow(line.number, line.entry_id, "New line", _NONE, said(line)))
        elif said(was) != said(line):
            found.append(ChangeRow(line.number, line.entry_id, "Changed", said(was), said(line)))
    found += [
        ChangeRow(0, line.entry_id, "No longer here", said(line), _NONE)
        for line_id, line in old.items()
        if line_id not in new
    ]
    return replace(rows, changes=tuple(found))


def said(line: LineRow) -> str:
    """A line in one sentence, as a list of changes shows it."""
    parts = [Section(line.section).label, line.unit, line.tenant, line.what, _amount(line.amount)]
    return ", ".join(part for part in parts if part)


def _amount(text: str) -> str:
    """An amount for reading, with a true minus."""
    return f"{Decimal(text):,.2f}".replace("-", "\N{MINUS SIGN}")
