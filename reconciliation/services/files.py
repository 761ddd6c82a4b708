"""Bank files in: stored as they came, then imported whole or refused whole."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from moneyed import Money

from desk.models import LegalEntity
from desk.services import record
from ledger.models import BankAccount
from proptrust.lib.money import usd
from reconciliation import formats, identity, locks
from reconciliation.errors import FileRefused
from reconciliation.formats.types import ParsedFile, ParsedLine, ParsedStatement
from reconciliation.identity import Known, Pair, Told
from reconciliation.models import (
    BankLine,
    CsvProfile,
    IntradayLine,
    Sighting,
    Statement,
    StatementFile,
)
from reconciliation.services.accounts import account_of

# A file that stops its worker this often is refused instead of being tried for ever.
MAX_ATTEMPTS = 3
_CURRENCY = "USD"
_LARGEST = Decimal("999999999999.99")


def store_file(
    *,
    entity_id: int,
    name: str,
    body: bytes,
    bank_account_id: int | None = None,
    received_from_id: int | None = None,
) -> StatementFile:
    """Keep a bank file as it came, before anything is made of it.

    The same bytes for the same entity and account are one file. bank_account_id: None lets the
    account number in the file decide. Raises ValueError for an account of another entity.
    """
    if (
        bank_account_id is not None
        and not BankAccount.objects.filter(pk=bank_account_id, book__entity_id=entity_id).exists()
    ):
        raise ValueError("the bank account belongs to another company")
    file, _ = StatementFile.objects.get_or_create(
        entity_id=entity_id,
        bank_account_id=bank_account_id,
        sha256=hashlib.sha256(body).hexdigest(),
        defaults={"name": name[:200], "body": body, "received_from_id": received_from_id},
    )
    return file


def import_file(file_id: int, *, must_balance: bool = True) -> StatementFile:
    """Import a stored file: all of it in one transaction, or none of it with the reason kept.

    Safe to stop at any line and to run again: a file that is imported or refused stays as it is.
    must_balance: whether a statement whose lines do not lead from its opening to its closing
    balance refuses the file (a person may say otherwise, and the break is a finding then).
    Returns the file in its new state.
    """
    if not _begin(file_id):
        return StatementFile.objects.defer("body").get(pk=file_id)
    try:
        with transaction.atomic():
            file = StatementFile.objects.select_for_update(of=("self",)).get(pk=file_id)
            if file.state == StatementFile.State.STORED:
                _import(file, must_balance=must_balance)
    except formats.Refused as refused:
        _refuse(file_id, refused.reason, refused.line, refused.format or "")
    except FileRefused as refused:
        _refuse(file_id, refused.reason, refused.line)
    return StatementFile.objects.defer("body").get(pk=file_id)


def try_again(
    file_id: int, *, bank_account_id: int | None = None, must_balance: bool = True
) -> StatementFile:
    """Read a refused file again, for the account that a person names or the one it had."""
    changes: dict[str, object] = {
        "state": StatementFile.State.STORED,
        "reason": "",
        "line": None,
        "attempts": 0,
    }
    if bank_account_id is not None:
        changes["bank_account_id"] = bank_account_id
    StatementFile.objects.filter(
        pk=file_id,
        state__in=[StatementFile.State.REFUSED, StatementFile.State.SET_ASIDE],
    ).update(**changes)
    return import_file(file_id, must_balance=must_balance)


def set_aside(file_id: int, *, is_aside: bool = True) -> None:
    """Say that a refused file is no longer wanted (or that it is, after all); it stays kept."""
    was, becomes = StatementFile.State.REFUSED, StatementFile.State.SET_ASIDE
    if not is_aside:
        was, becomes = becomes, was
    StatementFile.objects.filter(pk=file_id, state=was).update(state=becomes)


@transaction.atomic
def _begin(file_id: int) -> bool:
    """Count the attempt before it is made, so that it counts even if it kills the worker."""
    file = StatementFile.objects.select_for_update(of=("self",)).defer("body").get(pk=file_id)
    if file.state != StatementFile.State.STORED:
        return False
    if file.attempts >= MAX_ATTEMPTS:
        file.state = StatementFile.State.REFUSED
        file.reason = f"reading it was begun {MAX_ATTEMPTS} times and never came to its end"
        file.save(update_fields=["state", "reason"])
        return False
    StatementFile.objects.filter(pk=file_id).update(attempts=F("attempts") + 1)
    return True


def _refuse(file_id: int, reason: str, line: int | None, format: str = "") -> None:  # noqa: A002
    StatementFile.objects.filter(pk=file_id, state=StatementFile.State.STORED).update(
        state=StatementFile.State.REFUSED, reason=reason, line=line, format=format[:20]
    )


@dataclass(slots=True)
class _Part:
    """One statement of the file, on its way into the database."""

    parsed: ParsedStatement
    account: BankAccount
    row: Statement
    lines: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The told lines of one account: new ones, others told before in other words, absent ones."""

    new: Sequence[tuple[_Part, Told]]
    pairs: Sequence[tuple[_Part, Pair]]
    known: int
    absent: dict[int, list[int]]  # Statement number -> ids of stored lines it does not have.


def _import(file: StatementFile, *, must_balance: bool) -> None:
    profile = CsvProfile.objects.filter(bank_account_id=file.bank_account_id).first()
    mapping = formats.CsvMapping.from_json(profile.mapping) if profile else None
    parsed = formats.read(
        bytes(file.body), name=file.name, mapping=mapping, must_balance=must_balance
    )
    warnings: list[dict[str, object]] = [
        {"text": each.text, "line": each.line} for each in parsed.warnings
    ]
    parts = _parts(file, parsed, warnings)
    locks.hold(part.account.pk for part in parts)
    by_account: dict[int, list[_Part]] = defaultdict(list)
    for part in parts:
        if not part.row.is_intraday:
            by_account[part.account.pk].append(part)
    sorted_by_account = {
        account_id: _sort(account_id, group, parsed.format)
        for account_id, group in by_account.items()
    }
    for sorted_ in sorted_by_account.values():
        for part in parts:
            if absent := sorted_.absent.get(part.row.number):
                part.row.absent = absent
    Statement.objects.bulk_create([part.row for part in parts])
    for account_id, sorted_ in sorted_by_account.items():
        _copy_lines(account_id, sorted_.new)
        Sighting.objects.bulk_create(
            Sighting(
                bank_account_id=account_id,
                bank_line_id=pair.known_id,
                statement=part.row,
                is_doubtful=pair.is_doubtful,
                **_facts(pair.told),
            )
            for part, pair in sorted_.pairs
        )
    _keep_intraday(parts)
    file.state = StatementFile.State.IMPORTED
    file.format, file.warnings = parsed.format, warnings
    file.imported_at = timezone.now()
    file.lines_new = sum(len(each.new) for each in sorted_by_account.values())
    file.lines_known = sum(each.known for each in sorted_by_account.values())
    file.save(
        update_fields=[
            "state", "format", "warnings", "imported_at", "lines_new", "lines_known",
        ]
    )  # fmt: skip
    record(
        "import statement",
        text=f"Imported {file.name}: {file.lines_new} new bank lines, {file.lines_known} known",
        subject=file,
        actor=file.received_from,
        facts={"sha256": file.sha256, "accounts": sorted(by_account)},
    )


# From parsed statements to rows


def _parts(
    file: StatementFile, parsed: ParsedFile, warnings: list[dict[str, object]]
) -> list[_Part]:
    accounts = list(
        BankAccount.objects.filter(book__entity_id=file.entity_id).select_related("book")
    )
    given = next((each for each in accounts if each.pk == file.bank_account_id), None)
    parts: list[_Part] = []
    for statement in parsed.statements:
        account = account_of(statement, accounts, given)
        _check_currency(statement)
        lines = [line for line in statement.lines if line.amount != 0]
        if len(lines) < len(statement.lines):
            count = len(statement.lines) - len(lines)
            warnings.append(
                {"text": f"{count} lines that move no money were left out", "line": None}
            )
        span = _span(statement, lines)
        if span is None:
            text = f"a statement of {account} without a day and without lines was left out"
            warnings.append({"text": text, "line": None})
            continue
        row = _statement_row(file, statement, account, span, len(parts) + 1)
        row.total = Money(sum((line.amount for line in lines), Decimal(0)), _CURRENCY)
        parts.append(_Part(statement, account, row))
        seen = _seen_so_far(parts)
        parts[-1].lines = identity.told(map(_checked, lines), parsed.format, seen)
    if not parts:
        raise FileRefused("there is no statement in the file")
    return parts


def _seen_so_far(parts: Sequence[_Part]) -> Counter[str]:
    """What the last part goes on counting from: the pages before it of the same statement.

    A page begins where the one before it ends, on the same days. Anything else is a download of
    its own, which tells its days anew.
    """
    seen: Counter[str] = Counter()
    page = parts[-1]
    for before in reversed(parts[:-1]):
        if before.account.pk != page.account.pk:
            continue
        opening, closing = page.parsed.opening_balance, before.parsed.closing_balance
        if (
            opening is None
            or opening != closing
            or (page.row.from_on, page.row.to_on) != (before.row.from_on, before.row.to_on)
            or before.parsed.opening_balance == opening
        ):
            break
        for line in before.lines:
            seen[line.fingerprint] = max(seen[line.fingerprint], line.number)
        page = before
    return seen


def _check_currency(statement: ParsedStatement) -> None:
    if statement.currency not in (None, _CURRENCY):
        raise FileRefused(
            f"the statement of {statement.place or 'the file'} is in {statement.currency}; "
            f"trust accounts are kept in {_CURRENCY}"
        )


def _checked(line: ParsedLine) -> ParsedLine:
    words = line.place.split()
    at = int(words[-1]) if words and words[-1].isdigit() else None
    if line.currency not in (None, _CURRENCY):
        raise FileRefused(f"{line.place}: an amount in {line.currency}", at)
    if line.amount.as_tuple().exponent < -2 and line.amount != round(line.amount, 2):  # type: ignore[operator]
        raise FileRefused(f"{line.place}: {line.amount} is not a whole number of cents", at)
    if abs(line.amount) > _LARGEST:
        raise FileRefused(f"{line.place}: {line.amount} is larger than any bank account", at)
    return line


def _span(statement: ParsedStatement, lines: Sequence[ParsedLine]) -> tuple[date, date] | None:
    """The first and last day that a statement covers.

    An end that lies after the day of the closing balance is only what was asked for (OFX): the
    balance's day is the last one that the bank has really told.
    """
    days = [line.posted_on for line in lines]
    last = statement.to_on
    if statement.closing_on and (last is None or statement.closing_on < last):
        last = statement.closing_on
    known = [*days, *(day for day in (statement.from_on, last) if day)]
    return (min(known), max(known)) if known else None


def _statement_row(
    file: StatementFile,
    statement: ParsedStatement,
    account: BankAccount,
    span: tuple[date, date],
    number: int,
) -> Statement:
    closing = statement.closing_balance
    return Statement(
        file=file,
        bank_account=account,
        number=number,
        from_on=span[0],
        to_on=span[1],
        closing_on=(statement.closing_on or span[1]) if closing is not None else None,
        opening=None if statement.opening_balance is None else usd(statement.opening_balance),
        closing=None if closing is None else usd(closing),
        is_intraday=statement.is_intraday,
    )


# New, known, told before in other words


def _sort(account_id: int, parts: Sequence[_Part], format: str) -> _Sorted:  # noqa: A002
    """Sort the told lines of one account. The account is held, so nothing changes meanwhile."""
    first = min(part.row.from_on for part in parts)
    last = max(part.row.to_on for part in parts)
    stored, prints = _stored(account_id, first, last)
    unknown: list[tuple[_Part, Told]] = []
    told_again: set[int] = set()
    once: set[tuple[str, int]] = set()
    known = 0
    for part in parts:
        for line in part.lines:
            place = (line.fingerprint, line.number)
            if place in prints:
                told_again.add(prints[place])
                known += 1
            elif place in once:  # The same download, twice in one file.
                known += 1
            else:
                once.add(place)
                unknown.append((part, line))
    others = [line for line in stored.values() if line.id not in told_again]
    pairs = identity.pair([line for _, line in unknown], others, format)
    by_place = {(pair.told.fingerprint, pair.told.number): pair for pair in pairs}
    new, paired = [], []
    for part, line in unknown:
        if pair := by_place.get((line.fingerprint, line.number)):
            paired.append((part, pair))
        else:
            new.append((part, line))
    told_again.update(pair.known_id for pair in pairs)
    absent = {
        part.row.number: sorted(
            line.id
            for line in stored.values()
            if line.id not in told_again and part.row.from_on <= line.posted_on <= part.row.to_on
        )
        for part in parts
        if part.row.opening is not None and part.row.closing is not None
    }
    return _Sorted(new, paired, known + len(paired), absent)


def _stored(
    account_id: int, first: date, last: date
) -> tuple[dict[int, Known], dict[tuple[str, int], int]]:
    """The account's lines of a span of days, and the fingerprints under which they are known."""
    rows: Iterable[tuple[Any, ...]] = BankLine.objects.filter(
        bank_account_id=account_id, posted_on__gte=first, posted_on__lte=last
    ).values_list(
        "id", "posted_on", "amount", "check_number", "bank_reference", "customer_reference",
        "description", "statement__file__format", "fingerprint", "number", "repeats_id",
    )  # fmt: skip
    found: dict[int, Known] = {}
    prints: dict[tuple[str, int], int] = {}
    told_by_line: dict[int, set[str]] = defaultdict(set)
    for id_, on, amount, check, bank, customer, text, told_by, print_, number, of in rows:
        prints[print_, number] = of or id_
        told_by_line[of or id_].add(told_by)
        if of is None:
            found[id_] = Known(id_, on, amount, check, (bank, customer, text), frozenset())
    others: Iterable[tuple[Any, ...]] = Sighting.objects.filter(
        bank_account_id=account_id, posted_on__gte=first, posted_on__lte=last
    ).values_list("bank_line_id", "became_id", "statement__file__format", "fingerprint", "number")
    for line_id, became_id, told_by, print_, number in others:
        if became_id is None:
            prints[print_, number] = line_id
            told_by_line[line_id].add(told_by)
    for line_id, line in found.items():
        found[line_id] = replace(line, formats=frozenset(told_by_line[line_id]))
    return found, prints


# Rows into tables

_COLUMNS = (
    "bank_account_id", "statement_id", "posted_on", "amount", "amount_currency", "type",
    "bank_reference", "customer_reference", "check_number", "description", "place", "fingerprint",
    "number", "is_matched",
)  # fmt: skip


def _copy_lines(account_id: int, lines: Iterable[tuple[_Part, Told]]) -> None:
    columns = ", ".join(_COLUMNS)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY reconciliation_bankline ({columns}) FROM STDIN") as copy,
    ):
        for part, line in lines:
            copy.write_row(
                (
                    account_id, part.row.pk, line.posted_on, line.amount, _CURRENCY, line.type,
                    line.bank_reference, line.customer_reference, line.check_number,
                    line.description, line.place, line.fingerprint, line.number, False,
                )
            )  # fmt: skip


def _facts(line: Told) -> dict[str, object]:
    return {
        "posted_on": line.posted_on,
        "amount": Money(line.amount, _CURRENCY),
        "type": line.type,
        "bank_reference": line.bank_reference,
        "customer_reference": line.customer_reference,
        "check_number": line.check_number,
        "description": line.description,
        "place": line.place,
        "fingerprint": line.fingerprint,
        "number": line.number,
    }


def _keep_intraday(parts: Sequence[_Part]) -> None:
    IntradayLine.objects.bulk_create(
        IntradayLine(statement=part.row, **_facts(line))
        for part in parts
        if part.row.is_intraday
        for line in part.lines
    )


def default_entity() -> LegalEntity:
    """The only legal entity there is; raises ValueError where there are several or none."""
    entities = list(LegalEntity.objects.all()[:2])
    if len(entities) != 1:
        raise ValueError("name the company: there is not exactly one")
    return entities[0]
