"""Statements as they are stored: from the canonical JSON to rows, and what a later one needs."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Max

from leases.models import OwnershipShare
from statements.models import OwnerStatement
from statements.owners import composing
from statements.owners.types import (
    ChangeRow,
    DocumentRow,
    Earlier,
    LineRow,
    NextRow,
    OwnerCover,
    OwnerIntegrity,
    OwnerStatementRows,
    PropertyRow,
    SummaryRow,
    TieRow,
)

_TABLES: dict[str, Any] = {
    "summary": SummaryRow,
    "properties": PropertyRow,
    "lines": LineRow,
    "next_cycle": NextRow,
    "ties": TieRow,
    "documents": DocumentRow,
    "changes": ChangeRow,
}


def rows_of(statement: OwnerStatement) -> OwnerStatementRows:
    """The rows of a statement that is composed, read back from what is stored."""
    kept: dict[str, Any] = json.loads(bytes(statement.rows or b"{}"))
    figures: dict[str, Any] = {
        name: kept[name] for name in ("opening", "change", "paid", "closing")
    }
    tables: dict[str, Any] = {name: _table(row, kept[name]) for name, row in _TABLES.items()}
    return OwnerStatementRows(
        cover=OwnerCover(**kept["cover"]),
        integrity=_row(OwnerIntegrity, kept["integrity"]),
        **figures,
        **tables,
    )


def _table(kind: Any, rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(_row(kind, row) for row in rows)


def _row(kind: Any, row: dict[str, Any]) -> Any:
    """A row; JSON knows no tuples, rows know no lists."""
    names = {each.name for each in fields(kind)}
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in row.items()
            if name in names
        }
    )


def needed_by(statements: Sequence[OwnerStatement]) -> dict[int, list[Earlier]]:
    """By owner: the statements that these follow (the last version made) or replace.

    In a number of queries that no owner adds to.
    """
    made = OwnerStatement.objects.filter(state=OwnerStatement.State.MADE)
    ends = {(one.owner_id, one.from_on - timedelta(days=1)) for one in statements}
    ending = made.filter(
        owner__in={owner_id for owner_id, _ in ends}, to_on__in={end for _, end in ends}
    )
    ids = {
        pk
        for owner_id, to_on, pk in ending.values("owner_id", "to_on")
        .annotate(last=Max("id"))
        .values_list("owner_id", "to_on", "last")
        if (owner_id, to_on) in ends
    }
    return _read(ids | {one.supersedes_id for one in statements if one.supersedes_id})


def covering(days: Mapping[int, Collection[date]]) -> dict[int, list[Earlier]]:
    """By owner: the last version of each statement made that covers one of some days."""
    wanted = {owner_id: sorted(each) for owner_id, each in days.items() if each}
    if not wanted:
        return {}
    spans = (
        OwnerStatement.objects.filter(
            owner__in=wanted,
            state=OwnerStatement.State.MADE,
            from_on__lte=max(each[-1] for each in wanted.values()),
            to_on__gte=min(each[0] for each in wanted.values()),
        )
        .values("owner_id", "from_on", "to_on")
        .annotate(last=Max("id"))
        .values_list("owner_id", "from_on", "to_on", "last")
    )
    return _read(
        {
            pk
            for owner_id, first, last, pk in spans
            if any(first <= on <= last for on in wanted[owner_id])
        }
    )


def _read(statement_ids: Collection[int]) -> dict[int, list[Earlier]]:
    """Statements by owner, newest first."""
    rows = OwnerStatement.objects.filter(pk__in=statement_ids).defer("pdf")
    known = list(rows.order_by("-to_on", "-id"))
    claims = _claims({one.owner_id for one in known})
    found: dict[int, list[Earlier]] = defaultdict(list)
    for row in known:
        found[row.owner_id].append(_earlier(row, claims.get(row.owner_id, {})))
    return found


def _claims(owner_ids: set[int]) -> dict[int, dict[int, int]]:
    """By owner and property: the beneficiary that stands for both."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = OwnershipShare.objects.filter(owner__in=owner_ids)
    for owner_id, property_id, who in rows.values_list("owner_id", "property_id", "beneficiary_id"):
        found[owner_id][property_id] = who
    return found


def _earlier(row: OwnerStatement, beneficiaries: dict[int, int]) -> Earlier:
    rows = rows_of(row)
    assert row.known_at is not None
    return Earlier(
        statement_id=row.pk,
        title=(
            f"Statement {composing.days(row.from_on, row.to_on)}"
            f" (no. {row.pk}, version {row.version})"
        ),
        version=row.version,
        from_on=row.from_on,
        to_on=row.to_on,
        known_at=row.known_at,
        sha256=row.sha256,
        closings={
            (each.book_id, beneficiaries[each.property_id]): Decimal(each.closing)
            for each in rows.properties
        },
        years={each.section: Decimal(each.year_to_date) for each in rows.summary},
        numbers={(each.entry_id, each.property_id): each.number for each in rows.lines},
        carried=frozenset(rows.integrity.carried),
        opening=rows.opening,
        closing=rows.closing,
        lines=rows.lines,
    )
