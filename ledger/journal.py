"""The whole journal summed again from its lines, trusting no trigger.

Each check yields one sentence per difference; none means that it holds. Most are one query; the
digests are built again here, in Python, so that PostgreSQL does not vouch for itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection

from ledger.facts import LineFacts, digest_of, facts_text
from ledger.models import Entry, Period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 5_000
# What must be there and awake for PostgreSQL to keep the truths by itself.
GUARDS = {
    "ledger_lines_are_true": "ledger_line",
    "ledger_line_stays": "ledger_line",
    "ledger_lines_stay": "ledger_line",
    "ledger_entry_has_lines": "ledger_entry",
    "ledger_entry_stays": "ledger_entry",
    "ledger_entries_stay": "ledger_entry",
    "ledger_balance_is_kept": "ledger_balance",
    "ledger_period_opens": "ledger_period",
    "ledger_period_closes": "ledger_period",
    "ledger_period_stays": "ledger_period",
    "ledger_periods_stay": "ledger_period",
    "ledger_book_keeps_kind": "ledger_book",
    "ledger_book_starts_open": "ledger_book",
    "ledger_account_keeps_kind": "ledger_account",
    "ledger_beneficiary_keeps_kind": "ledger_beneficiary",
}


class Check(NamedTuple):
    """A truth in words, and what finds where it does not hold (entity id, or None for all)."""

    truth: str
    differences: Callable[[int | None], Iterator[str]]


def _stream(sql: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Rows as they come: millions never stand in memory together."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows


def _by_query(sql: str) -> Callable[[int | None], Iterator[str]]:
    """A check whose query answers with one sentence per difference."""

    def differences(entity_id: int | None) -> Iterator[str]:
        for (sentence,) in _stream(sql, {"entity": entity_id, "cash_out": _CASH_OUT}):
            yield sentence

    return differences


_CASH_OUT = [
    *(*Entry.MONEY_OUT, "transfer", "settlement", "return", "bank_fee", "reversal", "opening"),
]

_FEW_LINES = """
    SELECT format('entry %%s "%%s" has %%s lines', e.id, e.memo, count(l.id))
    FROM ledger_entry e LEFT JOIN ledger_line l ON l.entry_id = e.id
    WHERE %(entity)s::bigint IS NULL OR e.entity_id = %(entity)s
    GROUP BY e.id HAVING count(l.id) < 2 ORDER BY e.id
"""
_OUT_OF_BALANCE = """
    SELECT format('entry %%s is out by %%s %%s in book %%s',
        l.entry_id, abs(sum(l.amount)), l.amount_currency, b.name)
    FROM ledger_line l LEFT JOIN ledger_book b ON b.id = l.book_id
    WHERE %(entity)s::bigint IS NULL OR b.entity_id = %(entity)s
    GROUP BY l.entry_id, l.amount_currency, b.id HAVING sum(l.amount) <> 0 ORDER BY l.entry_id
"""
_MOVES_NOTHING = """
    SELECT format('line %%s of entry %%s is %%s', l.id, l.entry_id, l.amount)
    FROM ledger_line l LEFT JOIN ledger_book b ON b.id = l.book_id
    WHERE (l.amount = 0 OR l.amount = 'NaN')
        AND (%(entity)s::bigint IS NULL OR b.entity_id = %(entity)s)
    ORDER BY l.id
"""
_PARENTS = """
    SELECT format('line %%s names %%s', l.id, CASE
        WHEN e.id IS NULL THEN format('entry %%s, which is gone', l.entry_id)
        WHEN b.id IS NULL THEN format('book %%s, which is gone', l.book_id)
        WHEN a.id IS NULL THEN format('account %%s, which is gone', l.account_id)
        WHEN l.beneficiary_id IS NOT NULL AND y.id IS NULL
            THEN format('beneficiary %%s, which is gone', l.beneficiary_id)
        WHEN l.dated_on <> e.dated_on
            THEN format('day %%s, its entry %%s', l.dated_on, e.dated_on)
        ELSE format('book %%s, account %%s and beneficiary %%s of different legal entities',
            b.name, a.name, coalesce(y.name, 'none')) END)
    FROM ledger_line l
    LEFT JOIN ledger_entry e ON e.id = l.entry_id
    LEFT JOIN ledger_book b ON b.id = l.book_id
    LEFT JOIN ledger_account a ON a.id = l.account_id
    LEFT JOIN ledger_beneficiary y ON y.id = l.beneficiary_id
    WHERE (e.id IS NULL OR b.id IS NULL OR a.id IS NULL
        OR (l.beneficiary_id IS NOT NULL AND y.id IS NULL) OR l.dated_on <> e.dated_on
        OR b.entity_id <> e.entity_id OR a.entity_id <> e.entity_id OR y.entity_id <> e.entity_id)
        AND (%(entity)s::bigint IS NULL OR e.entity_id = %(entity)s OR b.entity_id = %(entity)s)
    ORDER BY l.id
"""
_CLAIMS = """
    SELECT format('line %%s: %%s', l.id, CASE
        WHEN a.kind = 'claim' AND l.beneficiary_id IS NULL THEN 'a claim without a beneficiary'
        WHEN a.kind <> 'claim' AND l.beneficiary_id IS NOT NULL
            THEN format('a beneficiary on account %%s, which is no claim', a.name)
        ELSE format('account %%s (%%s) in book %%s (%%s)', a.name, a.kind, b.name, b.kind) END)
    FROM ledger_line l
    JOIN ledger_book b ON b.id = l.book_id JOIN ledger_account a ON a.id = l.account_id
    WHERE ((a.kind = 'claim') <> (l.beneficiary_id IS NOT NULL)
        OR (b.kind = 'trust' AND a.kind NOT IN ('bank', 'transit', 'claim'))
        OR (b.kind <> 'trust' AND a.kind = 'claim'))
        AND (%(entity)s::bigint IS NULL OR b.entity_id = %(entity)s)
    ORDER BY l.id
"""
_CASH_KIND = """
    SELECT format('entry %%s of kind %%s takes %%s %%s out of book %%s',
        e.id, e.kind, -l.amount, l.amount_currency, b.name)
    FROM ledger_line l
    JOIN ledger_book b ON b.id = l.book_id AND b.kind = 'trust'
    JOIN ledger_entry e ON e.id = l.entry_id AND e.kind <> ALL (%(cash_out)s)
    WHERE l.beneficiary_id IS NULL AND l.amount < 0
        AND (%(entity)s::bigint IS NULL OR b.entity_id = %(entity)s)
    ORDER BY e.id
"""
_BALANCES = """
    WITH sums AS (
        SELECT book_id, account_id, beneficiary_id, amount_currency, sum(amount) AS amount
        FROM ledger_line GROUP BY book_id, account_id, beneficiary_id, amount_currency
    ), due AS (
        SELECT * FROM sums WHERE beneficiary_id IS NOT NULL
        UNION ALL
        SELECT book_id, account_id, NULL, amount_currency, sum(amount)
        FROM sums GROUP BY book_id, account_id, amount_currency
    ), kept AS (
        SELECT book_id, account_id, beneficiary_id, amount_currency, sum(amount) AS amount
        FROM ledger_balance GROUP BY book_id, account_id, beneficiary_id, amount_currency
    ), both_sides AS (
        SELECT book_id, account_id, beneficiary_id, amount_currency,
            sum(due) AS due, sum(kept) AS kept
        FROM (
            SELECT book_id, account_id, beneficiary_id, amount_currency, amount AS due, 0 AS kept
            FROM due
            UNION ALL
            SELECT book_id, account_id, beneficiary_id, amount_currency, 0, amount FROM kept
        ) x GROUP BY book_id, account_id, beneficiary_id, amount_currency
    )
    SELECT format('book %%s, %%s, %%s: balance is %%s, its lines sum to %%s %%s',
        b.name, coalesce(a.name, s.account_id::text), coalesce(y.name, 'all together'),
        s.kept, s.due, s.amount_currency)
    FROM both_sides s
    LEFT JOIN ledger_book b ON b.id = s.book_id
    LEFT JOIN ledger_account a ON a.id = s.account_id
    LEFT JOIN ledger_beneficiary y ON y.id = s.beneficiary_id
    WHERE s.due <> s.kept AND (%(entity)s::bigint IS NULL OR b.entity_id = %(entity)s)
    ORDER BY s.book_id, s.account_id, s.beneficiary_id
"""
_MIRRORS = """
    SELECT format('entry %%s is not the mirror of entry %%s, which it reverses',
        e.id, e.reverses_id)
    FROM ledger_entry e LEFT JOIN ledger_entry o ON o.id = e.reverses_id
    WHERE (e.kind = 'reversal' OR e.reverses_id IS NOT NULL)
        AND (%(entity)s::bigint IS NULL OR e.entity_id = %(entity)s)
        AND (o.id IS NULL OR e.kind <> 'reversal' OR o.entity_id <> e.entity_id OR EXISTS (
            SELECT FROM (
                SELECT book_id, account_id, beneficiary_id, amount_currency, amount, 1 AS side
                FROM ledger_line WHERE entry_id = e.id
                UNION ALL
                SELECT book_id, account_id, beneficiary_id, amount_currency, -amount, -1
                FROM ledger_line WHERE entry_id = o.id
            ) x GROUP BY book_id, account_id, beneficiary_id, amount_currency, amount
            HAVING sum(side) <> 0))
    ORDER BY e.id
"""
_REVERSED_TWICE = """
    SELECT format('entry %%s is reversed %%s times', reverses_id, count(*)) FROM ledger_entry
    WHERE reverses_id IS NOT NULL AND (%(entity)s::bigint IS NULL OR entity_id = %(entity)s)
    GROUP BY reverses_id HAVING count(*) > 1 ORDER BY reverses_id
"""
_KEYS = """
    SELECT format('key "%%s" is used by %%s entries: %%s',
        key, count(*), string_agg(id::text, ', '))
    FROM ledger_entry WHERE %(entity)s::bigint IS NULL OR entity_id = %(entity)s
    GROUP BY entity_id, key HAVING count(*) > 1 ORDER BY key
"""
_PERIODS = """
    WITH chain AS (
        SELECT p.*, b.name AS book, b.entity_id, b.closed_through,
            lag(p.last_on) OVER w AS before_on,
            lag(p.closed_at IS NOT NULL) OVER w AS before_closed,
            max(p.last_on) FILTER (WHERE p.closed_at IS NOT NULL) OVER (PARTITION BY p.book_id)
                AS really_through
        FROM ledger_period p JOIN ledger_book b ON b.id = p.book_id
        WINDOW w AS (PARTITION BY p.book_id ORDER BY p.first_on)
    )
    SELECT format('book %%s: %%s', book, CASE
        WHEN first_on <> before_on + 1
            THEN format('the period from %%s follows one that ends on %%s', first_on, before_on)
        WHEN closed_at IS NOT NULL AND NOT before_closed
            THEN format('the period from %%s is closed, the one before is open', first_on)
        ELSE format('it says closed through %%s, its periods say %%s',
            coalesce(closed_through::text, 'never'), coalesce(really_through::text, 'never')) END)
    FROM chain
    WHERE (first_on <> before_on + 1 OR (closed_at IS NOT NULL AND NOT before_closed)
        OR closed_through IS DISTINCT FROM really_through)
        AND (%(entity)s::bigint IS NULL OR entity_id = %(entity)s)
    ORDER BY book_id, first_on
"""
_LATE = """
    SELECT DISTINCT format('entry %%s of %%s was known after book %%s was closed through %%s',
        e.id, e.dated_on, b.name, p.last_on)
    FROM ledger_period p JOIN ledger_book b ON b.id = p.book_id
    JOIN ledger_entry e ON e.entity_id = b.entity_id AND e.dated_on BETWEEN p.first_on AND p.last_on
        AND e.known_at > p.closed_at
    JOIN ledger_line l ON l.entry_id = e.id AND l.book_id = b.id
    WHERE p.closed_at IS NOT NULL AND (%(entity)s::bigint IS NULL OR b.entity_id = %(entity)s)
"""
_JOURNAL = """
    SELECT e.id, e.entity_id, e.key, e.kind, e.dated_on, e.known_at, e.memo, e.digest,
        e.reverses_id, e.adjusts_id, e.posted_by_id,
        l.id, l.position, l.book_id, l.account_id, l.beneficiary_id, l.amount_currency, l.amount
    FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id
    WHERE %(entity)s::bigint IS NULL OR e.entity_id = %(entity)s
    ORDER BY e.id, l.position
"""


class _EntryRow(NamedTuple):
    id: int
    entity_id: int
    key: str
    kind: str
    dated_on: date
    known_at: datetime
    memo: str
    digest: str
    reverses_id: int | None
    adjusts_id: int | None
    posted_by_id: int | None


class _LineRow(NamedTuple):
    id: int
    position: int
    book_id: int
    account_id: int
    beneficiary_id: int | None
    currency: str
    amount: Decimal


_ENTRY_WIDTH = len(_EntryRow._fields)


def _entries(entity_id: int | None) -> Iterator[tuple[_EntryRow, list[_LineRow]]]:
    rows = _stream(_JOURNAL, {"entity": entity_id})
    for head, lines in groupby(rows, key=lambda row: row[:_ENTRY_WIDTH]):
        yield _EntryRow(*head), [_LineRow(*row[_ENTRY_WIDTH:]) for row in lines]


def _digests(entity_id: int | None) -> Iterator[str]:
    """Entries whose facts are not those of their digest, closed periods likewise: one pass."""
    periods = _ClosedPeriods(entity_id)
    for entry, lines in _entries(entity_id):
        facts: list[LineFacts] = [
            (line.book_id, line.account_id, line.beneficiary_id, line.currency, str(line.amount))
            for line in lines
        ]
        head = facts_text(
            entry.entity_id,
            entry.key,
            entry.kind,
            entry.dated_on,
            entry.memo,
            entry.reverses_id,
            entry.adjusts_id,
        )
        if digest_of(head, facts) != entry.digest:
            yield f'entry {entry.id} "{entry.memo}" does not have the facts of its digest'
        periods.take(entry, lines)
    yield from periods.differences()


class _ClosedPeriods:
    """The digests of closed periods, built again while the entries go by in their order."""

    def __init__(self, entity_id: int | None) -> None:
        rows = Period.objects.filter(closed_at__isnull=False).select_related("book")
        if entity_id is not None:
            rows = rows.filter(book__entity=entity_id)
        self._of_book: dict[int, list[Period]] = defaultdict(list)
        for period in rows.order_by("book", "first_on"):
            self._of_book[period.book_id].append(period)
        self._sums = {
            period.pk: sha256(
                f"{period.previous_digest}|{period.book_id}|{period.first_on}|{period.last_on}"
                .encode()
            )
            for periods in self._of_book.values()
            for period in periods
        }  # fmt: skip

    def take(self, entry: _EntryRow, lines: list[_LineRow]) -> None:
        """Add an entry to the closed periods of its books that it is dated in."""
        for book_id in {line.book_id for line in lines}:
            for period in self._of_book.get(book_id, []):
                if period.first_on <= entry.dated_on <= period.last_on:
                    digest = _text_in_book(entry, lines, book_id)
                    self._sums[period.pk].update(f"\n{digest}".encode())

    def differences(self) -> Iterator[str]:
        """Closed periods that are not what their digest says, or not chained to the one before."""
        for periods in self._of_book.values():
            before = ""
            for period in periods:
                if self._sums[period.pk].hexdigest() != period.digest:
                    yield f"the lines of {period} are not those that were closed"
                if period.previous_digest != before:
                    yield f"{period} is not chained to the period before it"
                before = period.digest


def _text_in_book(entry: _EntryRow, lines: list[_LineRow], book_id: int) -> str:
    """An entry's digest as a period of a book sees it (docs/decisions/012-period-digest.md)."""
    moment = (entry.known_at - _EPOCH) // timedelta(microseconds=1)
    head = (
        f"{entry.id}|{entry.entity_id}|{entry.kind}|{entry.dated_on}|{moment}"
        f"|{entry.reverses_id or ''}|{entry.adjusts_id or ''}|{entry.posted_by_id or ''}"
        f"|{len(entry.key)}:{entry.key}|{len(entry.memo)}:{entry.memo}"
    )
    rows = "".join(
        f"\n{line.id}|{line.position}|{line.account_id}|{line.beneficiary_id or ''}"
        f"|{line.currency}|{line.amount}"
        for line in lines
        if line.book_id == book_id
    )
    return sha256((head + rows).encode()).hexdigest()


def _sleeping_guards(entity_id: int | None) -> Iterator[str]:
    """Triggers that are missing or switched off; the same for every legal entity."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgenabled IN ('O', 'A') AND c.relnamespace = current_schema::regnamespace"
        )
        awake = set(cursor.fetchall())
    for trigger, table in GUARDS.items():
        if (trigger, table) not in awake:
            yield f"trigger {trigger} on {table} is missing or switched off"


CHECKS = [
    Check("Every truth has its guard in PostgreSQL", _sleeping_guards),
    Check("Every entry has two lines or more", _by_query(_FEW_LINES)),
    Check("Every entry sums to zero in each book and currency", _by_query(_OUT_OF_BALANCE)),
    Check("Every line moves money", _by_query(_MOVES_NOTHING)),
    Check("Every line has parents of one legal entity, and its entry's day", _by_query(_PARENTS)),
    Check("Claims, and only claims, name a beneficiary, in trust books alone", _by_query(_CLAIMS)),
    Check("Cash leaves a trust book by entries that may take it", _by_query(_CASH_KIND)),
    Check("Every balance is the sum of its lines", _by_query(_BALANCES)),
    Check("Every reversal is the mirror of its entry", _by_query(_MIRRORS)),
    Check("No entry is reversed twice", _by_query(_REVERSED_TWICE)),
    Check("No key is used twice", _by_query(_KEYS)),
    Check("Periods follow one another and close in order", _by_query(_PERIODS)),
    Check("Nothing was posted into a closed period", _by_query(_LATE)),
    Check("Every digest is that of its facts, and closed periods are chained", _digests),
]
