"""What the company earned, tied to the income accounts of its operating book."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum
from moneyed import Money

from fees import postings
from fees.models import Fee
from fees.types import IncomeTie, Revenue, RevenueRow
from ledger.charts import chart
from ledger.models import Account, Book, Entry, Line
from proptrust.lib.money import ZERO, usd

_NONE = Decimal(0)
_OF = ("kind", "property", "property__name", "lease", "lease__code")


def revenue(entity_id: int, first: date, last: date) -> Revenue:
    """What was earned from each lease by each kind of fee, on the days from first to last.

    Days are those of the entries, as the income accounts have them; what waits counts on the day
    on which it was earned. A constant number of queries.
    """
    found: dict[tuple[Any, ...], dict[str, Decimal]] = defaultdict(dict)
    posted = Fee.objects.filter(
        entity=entity_id, entry__dated_on__gte=first, entry__dated_on__lte=last
    )
    for row in _grouped(
        posted,
        earned=Sum("amount", filter=Q(amount__gt=0), default=_NONE),
        given_back=Sum("amount", filter=Q(amount__lt=0), default=_NONE),
        drawn=Sum("amount", filter=Q(draw__isnull=False), default=_NONE),
    ):
        found[row[:5]] |= {"earned": row[5], "given_back": -row[6], "drawn": row[7]}
    waiting = Fee.objects.filter(
        entity=entity_id,
        counts_on__gte=first,
        counts_on__lte=last,
        entry__isnull=True,
        reverses__isnull=True,
        reversed_by__isnull=True,
    )
    for row in _grouped(waiting, waiting=Sum("amount", default=_NONE)):
        found[row[:5]]["waiting"] = row[5]
    rows = sorted((_row(of, sums) for of, sums in found.items()), key=_place)
    return Revenue(first, last, rows, _ties(entity_id, first, last))


def rolled_up(rows: Iterable[RevenueRow], by: str) -> list[RevenueRow]:
    """The rows of a revenue in sums by `kind`, `property` or `lease`; what differs is left out."""
    sums: dict[tuple[Any, ...], list[RevenueRow]] = defaultdict(list)
    for row in rows:
        sums[_PLACES[by](row)].append(row)
    return [_summed(group, by) for _, group in sorted(sums.items(), key=lambda pair: pair[0])]


_BY_PLACE = ("property", "lease")
_PLACES: Mapping[str, Callable[[RevenueRow], tuple[Any, ...]]] = {
    "kind": lambda row: (list(Fee.Kind.values).index(row.kind),),
    "property": lambda row: (row.property_name, row.property_id),
    "lease": lambda row: (row.property_name, row.property_id, row.lease_code, row.lease_id or 0),
}


def summed(rows: Sequence[RevenueRow]) -> RevenueRow | None:
    """Rows in one; None if there are none."""
    return _summed(rows, "") if rows else None


def _summed(rows: Sequence[RevenueRow], by: str) -> RevenueRow:
    one = rows[0]
    return RevenueRow(
        kind=one.kind if by == "kind" else "",
        property_id=one.property_id if by in _BY_PLACE else 0,
        property_name=one.property_name if by in _BY_PLACE else "",
        lease_id=one.lease_id if by == "lease" else None,
        lease_code=one.lease_code if by == "lease" else "",
        earned=sum((row.earned for row in rows), ZERO),
        given_back=sum((row.given_back for row in rows), ZERO),
        drawn=sum((row.drawn for row in rows), ZERO),
        waiting=sum((row.waiting for row in rows), ZERO),
    )


def _grouped(fees: QuerySet[Fee], **sums: Sum) -> Iterable[tuple[Any, ...]]:
    return fees.order_by().values_list(*_OF).annotate(**{f"{k}_sum": v for k, v in sums.items()})


def _row(of: tuple[Any, ...], sums: dict[str, Decimal]) -> RevenueRow:
    kind, property_id, name, lease_id, code = of
    return RevenueRow(
        kind=kind,
        property_id=property_id,
        property_name=name,
        lease_id=lease_id,
        lease_code=code or "",
        **{key: usd(sums.get(key, _NONE)) for key in ("earned", "given_back", "drawn", "waiting")},
    )


def _place(row: RevenueRow) -> tuple[str, str, str]:
    return row.property_name, row.lease_code, row.kind


def _ties(entity_id: int, first: date, last: date) -> list[IncomeTie]:
    """Each income account of the operating books against the fees and whatever else is on it."""
    lines = Line.objects.filter(
        book__in=Book.objects.filter(entity=entity_id, kind=Book.Kind.OPERATING),
        account__in=Account.objects.filter(entity=entity_id, kind=Account.Kind.INCOME),
        dated_on__gte=first,
        dated_on__lte=last,
    )
    booked: dict[int, Money] = defaultdict(lambda: ZERO)
    others: dict[int, list[tuple[str, Money]]] = defaultdict(list)
    is_fee = Q(entry__fee__isnull=False)
    for account_id, kind, total, of_others in (
        lines.order_by()
        .values_list("account", "entry__kind")
        .annotate(total=Sum("amount"), others=Sum("amount", filter=~is_fee, default=_NONE))
    ):
        booked[account_id] -= usd(total)
        if of_others:
            others[account_id].append((Entry.Kind(kind).label, -usd(of_others)))
    fees = _fees_by_account(entity_id, first, last)
    accounts = Account.objects.in_bulk({*booked, *fees})
    return [
        IncomeTie(
            account=str(accounts[pk]),
            booked=booked[pk],
            fees=fees.get(pk, ZERO),
            others=others[pk],
        )
        for pk in sorted(accounts, key=lambda pk: accounts[pk].code)
    ]


def _fees_by_account(entity_id: int, first: date, last: date) -> dict[int, Money]:
    """What the fees say that each income account has, whatever their entries say."""
    accounts = chart(entity_id)
    sums: dict[int, Money] = defaultdict(lambda: ZERO)
    rows = Fee.objects.filter(
        entity=entity_id, entry__dated_on__gte=first, entry__dated_on__lte=last
    )
    for kind, amount in rows.order_by().values_list("kind").annotate(total=Sum("amount")):
        sums[postings.income_account(accounts, kind)] += usd(amount)
    return dict(sums)
