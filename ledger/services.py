"""What writes to the ledger. PostgreSQL keeps the truths (sql/); this explains what it refuses."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from moneyed import Money, get_currency

from ledger import facts as facts_of
from ledger.errors import (
    AlreadyReversed,
    KeyReused,
    LedgerError,
    PeriodClosed,
    PeriodOutOfOrder,
    Unbalanced,
    WrongParty,
    constraint_of,
    refusal_of,
)
from ledger.facts import Facts
from ledger.models import Account, Beneficiary, Book, Entry, Line, Period
from ledger.queries import dated_for
from ledger.types import NewEntry, NewLine

KEY_ONCE = "entry_key_once"
REVERSED_ONCE = "ledger_entry_reverses_id_key"
# A bulk of lines is sorted and summed in memory instead of on disk.
BULK_MEMORY = "256MB"

_POST = (
    "SELECT entry_id, known_at FROM ledger_post("
    "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def post(entry: NewEntry) -> Entry:
    """Post one journal entry once; the same key with the same facts returns the first entry.

    One statement writes entry, lines and balances, so that it is whole without a transaction of
    its own; inside the caller's transaction a refusal undoes this entry alone. Entries that belong
    together are best posted with one post_many: balances are then locked in one order.

    Raises a ledger.errors.LedgerError that says what PostgreSQL refuses, KeyReused for the same key
    with other facts.
    """
    return _post(facts_of.checked(entry))


def _post(facts: Facts) -> Entry:
    try:
        if connection.in_atomic_block:
            with transaction.atomic():
                row = _insert(facts)
        else:
            row = _insert(facts)
    except IntegrityError as error:
        if (refusal := _explained(error, [facts])) is None:
            raise
        raise refusal from error
    if row is None:
        return _posted_before(facts)
    entry = Entry(
        id=row[0],
        entity_id=facts.entity_id,
        key=facts.key,
        kind=facts.kind,
        dated_on=facts.dated_on,
        known_at=row[1],
        memo=facts.memo,
        digest=facts.digest,
        reverses_id=facts.reverses_id,
        adjusts_id=facts.adjusts_id,
        posted_by_id=facts.posted_by_id,
    )
    entry._state.adding = False
    entry._state.db = connection.alias
    return entry


def _insert(facts: Facts) -> tuple[Any, ...] | None:
    """The id and moment of the entry just written; None where its key stands already."""
    books, accounts, beneficiaries, currencies, amounts = zip(*facts.lines, strict=True)
    values: list[Any] = [
        facts.entity_id, facts.key, facts.kind, facts.dated_on, facts.memo, facts.digest,
        facts.reverses_id, facts.adjusts_id, facts.posted_by_id,
        # Arrays as PostgreSQL writes them: numbers and currency codes need no quotes.
        f"{{{','.join(map(str, books))}}}",
        f"{{{','.join(map(str, accounts))}}}",
        f"{{{','.join(['NULL' if who is None else str(who) for who in beneficiaries])}}}",
        f"{{{','.join(currencies)}}}",
        f"{{{','.join(amounts)}}}",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_POST, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _posted_before(facts: Facts) -> Entry:
    entry = Entry.objects.get(entity_id=facts.entity_id, key=facts.key)
    if entry.digest != facts.digest and (found := facts_of.differences(entry, facts)):
        raise KeyReused(f'key "{facts.key}" is used by entry {entry.pk}: {"; ".join(found)}')
    return entry


def post_many(entries: Iterable[NewEntry]) -> int:
    """Post many journal entries with a handful of statements; return how many were new.

    All are posted or none. The truths are those of post; they hold after all entries together, as
    if these came at one moment.
    The entries are held in memory (about 2 kB each); a caller with millions gives them in parts.
    """
    waiting = _by_key(entries)
    try:
        with transaction.atomic():
            return _copy_new(waiting)
    except IntegrityError as error:
        if (refusal := _explained(error, waiting.values())) is None:
            raise
        raise refusal from error


def _by_key(entries: Iterable[NewEntry]) -> dict[tuple[int, str], Facts]:
    waiting: dict[tuple[int, str], Facts] = {}
    for entry in entries:
        facts = facts_of.checked(entry)
        first = waiting.setdefault((facts.entity_id, facts.key), facts)
        if first is not facts and first.digest != facts.digest:
            raise KeyReused(f'key "{facts.key}" comes twice with different facts')
    return waiting


def _copy_new(waiting: dict[tuple[int, str], Facts]) -> int:
    """Copy the entries whose keys are free. Mostly all are, so that looking comes second."""
    new = list(waiting.values())
    while new:
        try:
            with transaction.atomic():
                _copy(new)
        except IntegrityError as error:
            if constraint_of(error) != KEY_ONCE:
                raise
            # Another process may post while we look: then we look again.
            new = _not_yet_posted(new)
        else:
            return len(new)
    return 0


def _not_yet_posted(many: list[Facts]) -> list[Facts]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.entity_id, e.key, e.digest
            FROM unnest(%s::bigint[], %s::varchar[]) AS wanted (entity_id, key)
            JOIN ledger_entry e ON e.entity_id = wanted.entity_id AND e.key = wanted.key
            """,
            [[facts.entity_id for facts in many], [facts.key for facts in many]],
        )
        posted = {(entity_id, key): digest for entity_id, key, digest in cursor.fetchall()}
    new = []
    for facts in many:
        digest = posted.get((facts.entity_id, facts.key))
        if digest is None:
            new.append(facts)
        elif digest != facts.digest:
            _posted_before(facts)  # Raises KeyReused, unless only a late fact's day differs.
    return new


def _copy(many: list[Facts]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.execute("SELECT current_setting('work_mem')")
        (usual,) = cursor.fetchone()
        cursor.execute("SELECT set_config('work_mem', %s, true)", [BULK_MEMORY])
        _copy_rows(cursor, many)
        cursor.execute("SELECT set_config('work_mem', %s, true)", [usual])


def _copy_rows(cursor: Any, many: list[Facts]) -> None:
    cursor.execute("SELECT nextval('ledger_entry_id_seq') FROM generate_series(1, %s)", [len(many)])
    ids = [row[0] for row in cursor.fetchall()]
    with cursor.copy(
        "COPY ledger_entry (id, entity_id, key, kind, dated_on, memo, digest,"
        " reverses_id, adjusts_id, posted_by_id) FROM STDIN"
    ) as copy:
        for part in _joined(_entry_row(i, facts) for i, facts in zip(ids, many, strict=True)):
            copy.write(part)
    with cursor.copy(
        "COPY ledger_line (entry_id, position, dated_on, book_id, account_id, beneficiary_id,"
        " amount_currency, amount) FROM STDIN"
    ) as copy:
        for part in _joined(_line_rows(i, facts) for i, facts in zip(ids, many, strict=True)):
            copy.write(part)


def _joined(rows: Iterable[str], *, together: int = 2000) -> Iterator[str]:
    """Rows joined to parts that are worth a write each."""
    part: list[str] = []
    for row in rows:
        part.append(row)
        if len(part) == together:
            yield "".join(part)
            part = []
    yield "".join(part)


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NULL = "\\N"


def _entry_row(entry_id: int, facts: Facts) -> str:
    return (
        f"{entry_id}\t{facts.entity_id}\t{facts.key.translate(_ESCAPES)}\t{facts.kind}\t"
        f"{facts.dated_on}\t{facts.memo.translate(_ESCAPES)}\t{facts.digest}\t"
        f"{facts.reverses_id or _NULL}\t{facts.adjusts_id or _NULL}\t"
        f"{facts.posted_by_id or _NULL}\n"
    )


def _line_rows(entry_id: int, facts: Facts) -> str:
    day = facts.dated_on.isoformat()
    return "".join([
        f"{entry_id}\t{position}\t{day}\t{book}\t{account}\t{beneficiary or _NULL}"
        f"\t{currency}\t{amount}\n"
        for position, (book, account, beneficiary, currency, amount) in enumerate(facts.lines, 1)
    ])  # fmt: skip


def _explained(error: IntegrityError, many: Iterable[Facts]) -> LedgerError | None:
    """The ledger's error for a refusal; an entry that is out of balance is named by its key."""
    known = refusal_of(error)
    if isinstance(known, Unbalanced):
        for facts in many:
            for (book_id, currency), out_by in _out_by(facts).items():
                book = Book.objects.filter(pk=book_id).first()
                return Unbalanced(
                    f'entry "{facts.key}" is out by {abs(out_by.amount)} {currency}'
                    f" in book {book or book_id}"
                )
    return known


def _out_by(facts: Facts) -> dict[tuple[int, str], Money]:
    """{(book, currency): what is too much}; empty when each book balances."""
    sums: dict[tuple[int, str], Decimal] = {}
    for book_id, _, _, currency, amount in facts.lines:
        sums[book_id, currency] = sums.get((book_id, currency), Decimal(0)) + Decimal(amount)
    return {at: Money(out, get_currency(at[1])) for at, out in sums.items() if out}


def post_fact(
    *,
    entity_id: int,
    key: str,
    kind: str,
    day: date,
    memo: str,
    lines: Sequence[NewLine],
    posted_by_id: int | None = None,
) -> Entry:
    """Post a fact on its day, or in the first open period, naming the closed one it adjusts."""
    books = {line.book_id for line in lines}
    while True:
        dated_on, adjusts = dated_for(books, day)
        try:
            return post(
                NewEntry(
                    entity_id=entity_id,
                    key=key,
                    kind=kind,
                    dated_on=dated_on,
                    memo=memo[:300],
                    lines=lines,
                    posted_by_id=posted_by_id,
                    adjusts_id=adjusts.pk if adjusts else None,
                )
            )
        except PeriodClosed:
            # Somebody has closed the period since it was asked for; then the fact is a late one.
            if dated_for(books, day)[0] == dated_on:
                raise


def reverse(
    *,
    entry_id: int,
    key: str,
    dated_on: date,
    memo: str,
    posted_by_id: int | None = None,
    adjusts_id: int | None = None,
) -> Entry:
    """Post the mirror of an entry, linked both ways; the same key again returns the first reversal.

    Raises AlreadyReversed if another reversal stands, and what post raises.
    """
    entry = Entry.objects.get(pk=entry_id)
    lines = [
        NewLine(line.book_id, line.account_id, -line.amount, line.beneficiary_id)
        for line in Line.objects.filter(entry=entry).order_by("position")
    ]
    new = NewEntry(
        entity_id=entry.entity_id,
        key=key,
        kind=Entry.Kind.REVERSAL,
        dated_on=dated_on,
        memo=memo,
        lines=lines,
        posted_by_id=posted_by_id,
        adjusts_id=adjusts_id,
    )
    try:
        return _post(facts_of.checked(new, reverses_id=entry_id))
    except IntegrityError as error:
        if constraint_of(error) != REVERSED_ONCE:
            raise
        # The reversal that won may not be visible inside the caller's older statement.
        by = Entry.objects.filter(reverses_id=entry_id).first()
        said = f"by entry {by.pk} of {by.dated_on}" if by else "by another entry"
        raise AlreadyReversed(f"entry {entry_id} is reversed already, {said}") from error


def open_period(*, book_id: int, first_on: date) -> Period:
    """Open the period of a book from a day to the end of its month; one that is open stays.

    Raises PeriodOutOfOrder if it does not follow the book's last period.
    """
    last_on = first_on.replace(day=monthrange(first_on.year, first_on.month)[1])
    try:
        with transaction.atomic():
            period, _ = Period.objects.get_or_create(
                book_id=book_id, first_on=first_on, defaults={"last_on": last_on}
            )
    except IntegrityError as error:
        if (refusal := refusal_of(error)) is None:
            raise
        raise refusal from error
    return period


def close_period(*, book_id: int, first_on: date, closed_by_id: int) -> Period:
    """Close a period of a book, opening it first where needed; closing twice changes nothing.

    PostgreSQL waits for all who are posting into the book, then fixes the period's lines with a
    digest chained to the period before. Raises PeriodOutOfOrder while the one before is open.
    """
    try:
        with transaction.atomic():
            opened = open_period(book_id=book_id, first_on=first_on)
            period = Period.objects.select_for_update().get(pk=opened.pk)
            if period.closed_at is None:
                Period.objects.filter(pk=period.pk).update(
                    closed_at=Now(), closed_by_id=closed_by_id, digest="made by PostgreSQL"
                )
                period.refresh_from_db()
    except IntegrityError as error:
        if (refusal := refusal_of(error)) is None:
            raise
        raise refusal from error
    return period


def ensure_book(*, entity_id: int, kind: str, name: str) -> Book:
    """The book of a legal entity by its name; made if it is not there."""
    book, _ = Book.objects.get_or_create(entity_id=entity_id, name=name, defaults={"kind": kind})
    _must_match(f'book "{name}"', book.kind, kind)
    return book


def ensure_account(*, entity_id: int, code: str, name: str, kind: str) -> Account:
    """The account of a legal entity by its code; made if it is not there."""
    account, _ = Account.objects.get_or_create(
        entity_id=entity_id, code=code, defaults={"name": name, "kind": kind}
    )
    _must_match(f"account {code}", account.kind, kind)
    return account


def ensure_beneficiary(*, entity_id: int, kind: str, name: str, reference: str) -> Beneficiary:
    """The beneficiary of a legal entity by its reference; made if it is not there.

    reference: stable, of the caller's own making, e.g. `owner:12:property:7`.
    """
    beneficiary, _ = Beneficiary.objects.get_or_create(
        entity_id=entity_id, reference=reference, defaults={"kind": kind, "name": name}
    )
    _must_match(f'beneficiary "{reference}"', beneficiary.kind, kind)
    return beneficiary


def _must_match(what: str, was: str, now: str) -> None:
    if was != now:
        raise WrongParty(f'{what} is of kind "{was}", not "{now}"')


__all__ = [
    "LedgerError",
    "PeriodOutOfOrder",
    "close_period",
    "ensure_account",
    "ensure_beneficiary",
    "ensure_book",
    "open_period",
    "post",
    "post_fact",
    "post_many",
    "reverse",
]
