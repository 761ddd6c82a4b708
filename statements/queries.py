"""The rows of a trust report, read in one snapshot of the database as known at one moment."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection

from desk import registry
from desk.models import Membership, WorkItem
from ledger.models import BankAccount, Beneficiary, Entry, Period
from proptrust import __version__
from proptrust.lib.banking import banking_days_between
from proptrust.lib.fields import mask
from proptrust.lib.money import usd
from reconciliation import queries as reconciliation
from reconciliation.models import Statement, StatementFile
from reconciliation.types import OutstandingItem, ThreeWay
from statements.models import TrustReport
from statements.types import (
    BeneficiaryRow,
    Cover,
    ExceptionRow,
    Integrity,
    JournalRow,
    LateRow,
    NegativeRow,
    OtherRow,
    PersonRow,
    Result,
    SourceRow,
    SubtotalRow,
    TransitRow,
    TrustReportRows,
)

ZERO = Decimal("0.00")
SOFTWARE = f"PropTrust {__version__}"
# The printed order of kinds: owners and their reserves first, the manager's own money last.
KIND_ORDER = [
    Beneficiary.Kind.OWNER,
    Beneficiary.Kind.RESERVE,
    Beneficiary.Kind.DEPOSIT,
    Beneficiary.Kind.PREPAID,
    Beneficiary.Kind.ESCROW,
    Beneficiary.Kind.SUSPENSE,
    Beneficiary.Kind.COMPANY,
]

# Claim lines of a book up to a day, as known at a moment: one row a line.
_CLAIM_LINES = """
    SELECT e.dated_on, e.id, e.kind, e.memo, b.id, b.name, b.kind, b.reference, -l.amount
      FROM ledger_line l
      JOIN ledger_entry e ON e.id = l.entry_id
      JOIN ledger_beneficiary b ON b.id = l.beneficiary_id
     WHERE l.book_id = %(book)s AND e.dated_on BETWEEN %(first)s AND %(last)s
       AND e.known_at <= %(known_at)s
     ORDER BY e.dated_on, e.id, l.id
"""
_OPENING = """
    SELECT l.beneficiary_id, -sum(l.amount), max(e.dated_on)
      FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id
     WHERE l.book_id = %(book)s AND l.beneficiary_id IS NOT NULL AND e.dated_on < %(first)s
       AND e.known_at <= %(known_at)s
     GROUP BY l.beneficiary_id
"""
# Entries that only move money between the bank and what is on its way to it.
_INSIDE_MOVES = """
    SELECT e.dated_on, e.id, e.kind, e.memo, sum(l.amount) FILTER (WHERE l.amount > 0)
      FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id
     WHERE l.book_id = %(book)s AND e.dated_on BETWEEN %(first)s AND %(last)s
       AND e.known_at <= %(known_at)s
     GROUP BY e.id HAVING count(l.beneficiary_id) = 0
     ORDER BY e.dated_on, e.id
"""
_DIGESTS = """
    SELECT e.id, e.digest, count(*)
      FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id
     WHERE l.book_id = %(book)s AND e.dated_on BETWEEN %(first)s AND %(last)s
       AND e.known_at <= %(known_at)s
     GROUP BY e.id ORDER BY e.id
"""
_LATE = """
    SELECT e.dated_on, e.known_at, e.id, e.memo, sum(abs(l.amount)) / 2
      FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id
     WHERE l.book_id = %(book)s AND e.dated_on < %(first)s
       AND e.known_at > %(reported_at)s AND e.known_at <= %(known_at)s
     GROUP BY e.id ORDER BY e.dated_on, e.id
"""


@dataclass(frozen=True, slots=True)
class _ClaimLine:
    dated_on: date
    entry: int
    kind: str
    memo: str
    beneficiary: int
    name: str
    beneficiary_kind: str
    reference: str
    amount: Decimal  # Above zero: more is held for the beneficiary.


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _select(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def trust_report_rows(report: TrustReport) -> TrustReportRows:
    """Everything that a report prints; report.known_at must be set.

    Reads only; call it in one repeatable-read transaction so that all tables show one moment.
    """
    assert report.known_at is not None
    account = report.bank_account
    params = {
        "book": account.book_id,
        "first": report.from_on,
        "last": report.to_on,
        "known_at": report.known_at,
    }
    three_way = reconciliation.three_way(account.pk, on=report.to_on, known_at=report.known_at)
    opening = {row[0]: (row[1], row[2]) for row in _select(_OPENING, params)}
    lines = [_ClaimLine(*row) for row in _select(_CLAIM_LINES, params)]
    held_before = sum((amount for amount, _ in opening.values()), ZERO)
    money_in = sum((line.amount for line in lines if line.amount > 0), ZERO)
    money_out = -sum((line.amount for line in lines if line.amount < 0), ZERO)
    beneficiaries = _beneficiaries(opening, lines)
    negatives = _negatives(report, opening, lines)
    exceptions = _exceptions(report)
    return TrustReportRows(
        cover=_cover(report),
        result=_result(three_way, beneficiaries, exceptions, report),
        deposits_in_transit=tuple(_transit(item) for item in three_way.in_transit_items),
        outstanding_payments=tuple(_transit(item) for item in three_way.outstanding_items),
        other_items=_other_items(three_way, report.to_on),
        opening=_text(held_before),
        money_in=_text(money_in),
        money_out=_text(money_out),
        closing=_text(held_before + money_in - money_out),
        journal=_journal(held_before, lines, _select(_INSIDE_MOVES, params)),
        beneficiaries=beneficiaries,
        subtotals=_subtotals(beneficiaries),
        negatives=negatives,
        exceptions=exceptions,
        late_entries=_late_entries(report, params),
        people=_people(report),
        sources=_sources(report),
        integrity=_integrity(report, params),
    )


def statement_files(report: TrustReport) -> list[StatementFile]:
    """The bank files that the report's days come from, oldest first, each once."""
    file_ids = Statement.objects.filter(
        bank_account=report.bank_account,
        to_on__gte=report.from_on,
        from_on__lte=report.to_on,
        file__imported_at__lte=report.known_at,
    ).values("file_id")
    return list(StatementFile.objects.filter(pk__in=file_ids).order_by("received_at", "id"))


def _cover(report: TrustReport) -> Cover:
    account, entity = report.bank_account, report.entity
    assert report.known_at is not None
    supersedes = report.supersedes
    return Cover(
        report_id=report.pk,
        version=report.version,
        supersedes=f"no. {supersedes.pk}, SHA-256 {supersedes.sha256}" if supersedes else "",
        entity=entity.name,
        state=entity.state,
        licence_number=entity.licence_number,
        broker_of_record=entity.broker_of_record,
        bank=account.bank_name,
        account_title=account.title,
        account_number_masked=mask(account.last_four),
        account_type=BankAccount.Purpose(account.purpose).label,
        from_on=report.from_on.isoformat(),
        to_on=report.to_on.isoformat(),
        known_at=report.known_at.isoformat(),
        time_zone=entity.time_zone,
        currency="USD",
    )


def _result(
    figures: ThreeWay,
    beneficiaries: tuple[BeneficiaryRow, ...],
    exceptions: tuple[ExceptionRow, ...],
    report: TrustReport,
) -> Result:
    closings = [Decimal(row.closing) for row in beneficiaries]
    negative = [amount for amount in closings if amount < 0]
    positive = [amount for amount in closings if amount > 0]
    reasons = _reasons(figures, len(negative), exceptions, report)
    outcome = TrustReport.Outcome
    return Result(
        statement_balance=_text((figures.statement_balance or usd(0)).amount),
        deposits_in_transit=_text(figures.deposits_in_transit.amount),
        deposits_in_transit_count=len(figures.in_transit_items),
        outstanding_payments=_text(figures.outstanding_payments.amount),
        outstanding_payments_count=len(figures.outstanding_items),
        adjusted_bank=_text(figures.bank.amount),
        book=_text(figures.book.amount),
        beneficiaries_positive=_text(sum(positive, ZERO)),
        beneficiaries_positive_count=len(positive),
        beneficiaries_negative=_text(sum(negative, ZERO)),
        beneficiaries_negative_count=len(negative),
        beneficiaries=_text(figures.beneficiaries.amount),
        bank_less_book=_text(figures.bank_difference.amount),
        book_less_beneficiaries=_text(figures.beneficiary_difference.amount),
        outcome=outcome.NOT_CERTIFIABLE if reasons else outcome.CERTIFIABLE,
        reasons=reasons,
    )


def reasons_of(report: TrustReport) -> list[str]:
    """Why a report that is made cannot be certified, in sentences; empty when it can be."""
    if report.outcome != TrustReport.Outcome.NOT_CERTIFIABLE:
        return []
    result = json.loads(bytes(report.rows or b"{}")).get("result", {})
    return [str(reason) for reason in result.get("reasons", [])]


def _reasons(
    figures: ThreeWay, overdrawn: int, exceptions: tuple[ExceptionRow, ...], report: TrustReport
) -> tuple[str, ...]:
    """Why the report cannot be certified, in sentences; empty when it can."""
    found = []
    if figures.bank_difference.amount:
        count = len(figures.bank_difference_items)
        found.append(
            f"The bank and the book differ by {figures.bank_difference.amount:,.2f}: "
            f"section 4 lists what it consists of ({count})."
        )
    if figures.beneficiary_difference.amount:
        found.append(
            "The book and the beneficiaries differ by "
            f"{figures.beneficiary_difference.amount:,.2f}."
        )
    if overdrawn:
        found.append(
            f"Overdrawn beneficiaries: {overdrawn}. Others' money stands in for them (section 7)."
        )
    told_until = figures.statement_on
    if told_until is None or (
        told_until < report.to_on and banking_days_between(told_until, report.to_on)
    ):
        until = told_until or "no day"
        found.append(f"The bank's statements reach until {until}, not until {report.to_on}.")
    critical = [row for row in exceptions if row.kind.startswith("Critical") and not row.closed_on]
    if critical:
        found.append(f"Open critical exceptions: {len(critical)} (section 8).")
    return tuple(found)


def _transit(item: OutstandingItem) -> TransitRow:
    return TransitRow(
        dated_on=item.dated_on.isoformat(),
        reference=item.reference,
        party=item.who,
        what=item.memo,
        amount=_text(item.amount.amount),
        days_open=item.days_open,
        is_stale=item.is_stale,
    )


def _other_items(figures: ThreeWay, day: date) -> tuple[OtherRow, ...]:
    """What both differences consist of, each with the work item that stands for it."""
    parts = [*figures.bank_difference_items, *figures.beneficiary_difference_items]
    items: dict[tuple[str, int], int] = {}
    wanted = {part.subject_id for part in parts if part.subject_id is not None}
    for item in WorkItem.objects.filter(subject_id__in=wanted).order_by("-id"):
        items[item.subject_type, item.subject_id] = item.pk
    rows = []
    for part in parts:
        number = items.get((part.subject_type, part.subject_id or 0))
        rows.append(
            OtherRow(
                since_on=part.on.isoformat(),
                cause=str(part.cause),
                text=part.text,
                amount=_text(part.amount.amount),
                days_open=(day - part.on).days,
                work_item=f"EX-{number}" if number else "",
            )
        )
    return tuple(rows)


def _journal(
    opening: Decimal, lines: list[_ClaimLine], inside: list[tuple[Any, ...]]
) -> tuple[JournalRow, ...]:
    labels = dict(Entry.Kind.choices)
    by_order: list[tuple[date, int, _ClaimLine | tuple[Any, ...]]] = [
        (line.dated_on, line.entry, line) for line in lines
    ]
    by_order += [(row[0], row[1], row) for row in inside]
    by_order.sort(key=lambda row: row[:2])
    rows, balance = [], opening
    for dated_on, entry, what in by_order:
        if isinstance(what, _ClaimLine):
            balance += what.amount
            kind, memo, name = what.kind, what.memo, what.name
            money_in = _text(what.amount) if what.amount > 0 else ""
            money_out = _text(-what.amount) if what.amount < 0 else ""
        else:
            kind, memo = what[2], f"{what[3]} ({what[4]:,.2f} moved inside the account)"
            name = money_in = money_out = ""
        rows.append(
            JournalRow(
                dated_on.isoformat(), entry, str(labels[kind]), memo, name,
                money_in, money_out, _text(balance),
            )
        )  # fmt: skip
    return tuple(rows)


def _beneficiaries(
    opening: dict[int, tuple[Decimal, date]], lines: list[_ClaimLine]
) -> tuple[BeneficiaryRow, ...]:
    moved: dict[int, list[_ClaimLine]] = defaultdict(list)
    for line in lines:
        moved[line.beneficiary].append(line)
    known = Beneficiary.objects.in_bulk(set(opening) | set(moved))
    rows = []
    for pk, beneficiary in known.items():
        before, last_on = opening.get(pk, (ZERO, None))
        mine = moved.get(pk, [])
        money_in = sum((line.amount for line in mine if line.amount > 0), ZERO)
        money_out = -sum((line.amount for line in mine if line.amount < 0), ZERO)
        closing = before + money_in - money_out
        if not mine and not closing:
            continue
        last_on = mine[-1].dated_on if mine else last_on
        rows.append(
            (
                (
                    closing >= 0,
                    KIND_ORDER.index(Beneficiary.Kind(beneficiary.kind)),
                    beneficiary.name,
                    pk,
                ),
                BeneficiaryRow(
                    reference=beneficiary.reference,
                    name=beneficiary.name,
                    kind=Beneficiary.Kind(beneficiary.kind).label,
                    opening=_text(before),
                    money_in=_text(money_in),
                    money_out=_text(money_out),
                    closing=_text(closing),
                    last_activity=last_on.isoformat() if last_on else "",
                ),
            )
        )
    return tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))


def _subtotals(beneficiaries: tuple[BeneficiaryRow, ...]) -> tuple[SubtotalRow, ...]:
    rows = []
    for kind in KIND_ORDER:
        mine = [row for row in beneficiaries if row.kind == kind.label]
        if mine:
            sums = (
                _text(sum((Decimal(getattr(row, name)) for row in mine), ZERO))
                for name in ("opening", "money_in", "money_out", "closing")
            )
            rows.append(SubtotalRow(kind.label, len(mine), *sums))
    return tuple(rows)


def _negatives(
    report: TrustReport, opening: dict[int, tuple[Decimal, date]], lines: list[_ClaimLine]
) -> tuple[NegativeRow, ...]:
    """Each span of days at whose ends a beneficiary was overdrawn, within the period."""
    moved: dict[int, list[_ClaimLine]] = defaultdict(list)
    for line in lines:
        moved[line.beneficiary].append(line)
    already = [pk for pk, (amount, _) in opening.items() if amount < 0]
    names = Beneficiary.objects.in_bulk(set(moved) | set(already))
    rows = []
    for pk, beneficiary in sorted(names.items(), key=lambda pair: (pair[1].name, pair[0])):
        balance = opening.get(pk, (ZERO, None))[0]
        since, lowest, cause = report.from_on, balance, "Overdrawn before the period"
        for day, group in groupby(moved.get(pk, []), key=lambda line: line.dated_on):
            todays = list(group)
            before, balance = balance, balance + sum((line.amount for line in todays), ZERO)
            if before >= 0 > balance:
                since, lowest = day, balance
                cause = min(todays, key=lambda line: line.amount).memo
            elif before < 0 <= balance:
                until = day - timedelta(days=1)
                rows.append(_negative(beneficiary, since, until, lowest, cause, is_cured=True))
            lowest = min(lowest, balance)
        if balance < 0:
            rows.append(_negative(beneficiary, since, report.to_on, lowest, cause, is_cured=False))
    return tuple(rows)


def _negative(
    beneficiary: Beneficiary,
    since: date,
    until: date,
    lowest: Decimal,
    cause: str,
    *,
    is_cured: bool,
) -> NegativeRow:
    return NegativeRow(
        beneficiary.reference, beneficiary.name, since.isoformat(), until.isoformat(),
        _text(lowest), is_cured, cause,
    )  # fmt: skip


def _exceptions(report: TrustReport) -> tuple[ExceptionRow, ...]:
    """Work items of the account that were open at the end, or closed within the days reported on.

    An item counts from the day it happened, not from the day it was found.
    """
    items = WorkItem.objects.filter(
        book_id=report.bank_account.book_id, happened_on__lte=report.to_on
    ).exclude(closed_at__date__lt=report.from_on)
    rows = []
    for item in items.order_by("-severity", "happened_on", "id"):
        closed_on = item.closed_at.date().isoformat() if item.closed_at else ""
        rows.append(
            ExceptionRow(
                number=f"EX-{item.pk}",
                kind=f"{item.get_severity_display()}: {registry.label_of(item.kind)}",
                title=item.title,
                reason=item.reason,
                amount=_text(item.amount.amount) if item.amount is not None else "",
                opened_on=item.happened_on.isoformat(),
                days_open=(report.to_on - item.happened_on).days,
                closed_on=closed_on,
                closed_how=item.closed_how,
            )
        )
    return tuple(rows)


def _late_entries(report: TrustReport, params: dict[str, Any]) -> tuple[LateRow, ...]:
    """Entries dated before the period that no earlier report of the account knew of."""
    earlier = (
        TrustReport.objects.filter(
            bank_account=report.bank_account,
            state=TrustReport.State.MADE,
            to_on__lt=report.from_on,
        )
        .order_by("-known_at")
        .first()
    )
    if earlier is None:
        return ()
    rows = _select(_LATE, {**params, "reported_at": earlier.known_at})
    return tuple(
        LateRow(day.isoformat(), _minute(known), entry, memo, _text(amount))
        for day, known, entry, memo, amount in rows
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"


def _people(report: TrustReport) -> tuple[PersonRow, ...]:
    members = (
        Membership.objects.filter(entity=report.entity, user__is_active=True)
        .select_related("user")
        .order_by("user__username", "role")
    )
    return tuple(
        PersonRow(member.user.get_full_name() or member.user.username, member.get_role_display())
        for member in members
    )


def _sources(report: TrustReport) -> tuple[SourceRow, ...]:
    return tuple(
        SourceRow(file.name, file.format, _minute(file.received_at), file.sha256)
        for file in statement_files(report)
    )


def _integrity(report: TrustReport, params: dict[str, Any]) -> Integrity:
    entries = _select(_DIGESTS, params)
    chain = hashlib.sha256()
    for entry, digest, _ in entries:
        chain.update(f"{entry}:{digest}\n".encode())
    period = Period.objects.filter(
        book=report.bank_account.book_id,
        last_on=report.to_on,
        closed_at__lte=report.known_at,
    ).first()
    last = entries[-1] if entries else (0, "", 0)
    return Integrity(
        last_entry=last[0],
        last_entry_digest=last[1],
        entries=len(entries),
        lines=sum(row[2] for row in entries),
        lines_digest=chain.hexdigest(),
        period_digest=period.digest if period else "",
        software=SOFTWARE,
    )
