"""What the pages of the books read: the journal, ledger cards, what each book holds.

A page of the journal or of a card begins after a place (the day and the number of a row), so that
the thousandth page costs what the first one does and nothing is ever counted. What no index
answers, words inside a memo or an amount, is looked for in a bounded stretch of the journal; the
page then says how far it looked and goes on from there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from moneyed import Money, get_currency

from ledger import queries
from ledger.models import Account, Book, Entry, Line, Period
from ledger.types import TrustEquation

PER_PAGE = 50
# How many entries a page looks through where no index answers: words take 25 ms on one core, an
# amount 0.3 s.
STRETCH = 20_000
FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
_CURRENCY = get_currency(settings.DEFAULT_CURRENCY)
_AMOUNT = re.compile(r"[-\N{MINUS SIGN}+]?\$?(\d{1,3}(?:,\d{3})+|\d{1,12})(\.\d{1,2})?")
_NUMBER = re.compile(r"#(\d{1,18})")


def _money(amount: Decimal | int) -> Money:
    return Money(amount, _CURRENCY)


def _rows(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"currency": _CURRENCY.code, **values})
        return list(cursor.fetchall())


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a page begins: after (or before) the row of this day and number."""

    day: date
    number: int

    @classmethod
    def read(cls, text: str) -> "Place":
        """The place that str() wrote. Raises ValueError for anything else."""
        day, separator, number = text.partition("_")
        if not separator or not number.isdecimal() or len(number) > 18:
            raise ValueError(f'"{text}" is no place of a page')
        return cls(date.fromisoformat(day), int(number))

    def __str__(self) -> str:
        return f"{self.day.isoformat()}_{self.number}"


# --- The journal ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which entries of the journal.

    text: words of a memo or key, an exact amount, a whole key, or "#812" for an entry's number.
    """

    entity_ids: Sequence[int]
    kind: str = ""
    book: Book | None = None
    from_on: date | None = None
    to_on: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class JournalRow:
    """An entry in the list. moved: the debits of its largest book, or of the book asked for."""

    entry: Entry
    moved: Money
    books: Sequence[str]


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Entries, newest first. older, newer: where the neighbouring pages begin.

    looked_to: where the search stopped before it had a page full; older goes on from there.
    """

    rows: Sequence[JournalRow]
    older: Place | None
    newer: Place | None
    looked_to: Place | None


def journal_page(
    wanted: JournalFilter, *, before: Place | None = None, after: Place | None = None
) -> JournalPage:
    """A page of the journal, newest first.

    before: entries older than this place; after: the entries next newer than it; neither: the
    newest. Reads at most STRETCH entries where a filter has no index.
    """
    search = _Search(wanted, start=after or before, goes_up=after is not None)
    found = search.places()
    stopped = search.stopped() if len(found) <= PER_PAGE else None
    more = len(found) > PER_PAGE or stopped is not None
    if after is not None and not more:
        return journal_page(wanted)  # The top is reached: a whole page is read more easily.
    shown = sorted(found[:PER_PAGE], reverse=True)
    first = shown[0] if shown else None
    last = shown[-1] if shown else None
    rows = _journal_rows(shown, wanted.book)
    if after is not None:
        return JournalPage(rows, last or after, stopped or first, stopped)
    newer = first or before if before else None
    return JournalPage(rows, (stopped or last) if more else None, newer, stopped)


class _Search:
    """One look into the journal from a place on, upwards (to newer days) or downwards."""

    def __init__(self, wanted: JournalFilter, start: Place | None, *, goes_up: bool) -> None:
        first = wanted.from_on or FIRST_DAY
        last = wanted.to_on or LAST_DAY
        self._values: dict[str, Any] = {
            "entities": list(wanted.entity_ids),
            "first": max(first, start.day) if start and goes_up else first,
            "last": min(last, start.day) if start and not goes_up else last,
            "start_day": start.day if start else (FIRST_DAY if goes_up else LAST_DAY),
            "start_number": start.number if start else (0 if goes_up else 2**62),
            "kind": wanted.kind,
            "book": wanted.book.pk if wanted.book else None,
            "page": PER_PAGE + 1,
        }
        self._order = "ASC" if goes_up else "DESC"
        self._after = ">" if goes_up else "<"
        named = _named_entries(wanted) if wanted.text else []
        conditions = self._conditions(wanted, is_named=bool(named))
        self._where = " AND ".join(conditions) or "true"
        self._is_bounded = False
        if named:
            self._values["named"] = named
            source = "SELECT unnest(%(named)s::bigint[]) AS entry_id"
            self._seen = self._chosen(source)
        elif wanted.book is not None and wanted.book.kind != Book.Kind.TRUST:
            # Only trust books have lines with a beneficiary: one index knows all of this book's.
            source = (
                "SELECT DISTINCT entry_id FROM ledger_line WHERE book_id = %(book)s"
                " AND beneficiary_id IS NULL AND dated_on BETWEEN %(first)s AND %(last)s"
            )
            self._seen = self._chosen(source)
        else:
            self._is_bounded = bool(conditions)
            self._values["stretch"] = STRETCH if conditions else PER_PAGE + 1
            self._seen = self._walked()

    def _conditions(self, wanted: JournalFilter, *, is_named: bool) -> list[str]:
        conditions = []
        if wanted.kind:
            conditions.append("seen.kind = %(kind)s")
        if wanted.book is not None and (is_named or wanted.book.kind == Book.Kind.TRUST):
            conditions.append(
                "EXISTS (SELECT FROM ledger_line l"
                " WHERE l.entry_id = seen.id AND l.book_id = %(book)s)"
            )
        if wanted.text and not is_named:
            conditions.append(self._text_condition(wanted.text))
        return conditions

    def _text_condition(self, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        self._values["like"] = f"%{escaped}%"
        ways = ["seen.memo ILIKE %(like)s", "seen.key ILIKE %(like)s"]
        if amount := amount_of(text):
            self._values["amount"] = amount
            ways += [
                "EXISTS (SELECT FROM ledger_line l WHERE l.entry_id = seen.id"
                " AND abs(l.amount) = %(amount)s)",
                "EXISTS (SELECT FROM ledger_line l WHERE l.entry_id = seen.id AND l.amount > 0"
                " GROUP BY l.book_id HAVING sum(l.amount) = %(amount)s)",
            ]
        return f"({' OR '.join(ways)})"

    def _chosen(self, source: str) -> str:
        """The entries that an index has found already; they are few."""
        return f"""
            WITH chosen AS MATERIALIZED ({source})
            SELECT e.id, e.dated_on, e.kind, e.memo, e.key
            FROM chosen JOIN ledger_entry e ON e.id = chosen.entry_id
            WHERE e.entity_id = ANY (%(entities)s)
                AND e.dated_on BETWEEN %(first)s AND %(last)s
                AND (e.dated_on, e.id) {self._after} (%(start_day)s, %(start_number)s)
        """  # noqa: S608

    def _walked(self) -> str:
        """The next stretch of the journal: each legal entity's by its index of days."""
        order = f"dated_on {self._order}, id {self._order}"
        return f"""
            SELECT walk.* FROM unnest(%(entities)s::bigint[]) AS allowed (entity_id)
            CROSS JOIN LATERAL (
                SELECT id, dated_on, kind, memo, key FROM ledger_entry
                WHERE entity_id = allowed.entity_id
                    AND dated_on BETWEEN %(first)s AND %(last)s
                    AND (dated_on, id) {self._after} (%(start_day)s, %(start_number)s)
                ORDER BY {order} LIMIT %(stretch)s
            ) walk ORDER BY {order} LIMIT %(stretch)s
        """  # noqa: S608

    def places(self) -> list[Place]:
        """The entries found, in the order of the walk; one more than a page shows."""
        sql = f"""
            SELECT dated_on, id FROM ({self._seen}) seen WHERE {self._where}
            ORDER BY dated_on {self._order}, id {self._order} LIMIT %(page)s
        """  # noqa: S608
        return [Place(day, number) for day, number in _rows(sql, **self._values)]

    def stopped(self) -> Place | None:
        """The last entry that was looked at, if the journal goes on behind it."""
        if not self._is_bounded:
            return None
        sql = f"SELECT dated_on, id FROM ({self._seen}) seen OFFSET %(stretch)s - 1 LIMIT 1"  # noqa: S608
        found = _rows(sql, **self._values)
        return Place(*found[0]) if found else None


def amount_of(text: str) -> Decimal | None:
    """The amount that a search asks for, without its sign; None where it is no amount."""
    if not (match := _AMOUNT.fullmatch(text.strip())):
        return None
    return Decimal(match[1].replace(",", "") + (match[2] or ""))


def _named_entries(wanted: JournalFilter) -> list[int]:
    """The entry with this number, or those whose whole key is the text."""
    if match := _NUMBER.fullmatch(wanted.text):
        return [int(match[1])]
    keyed = Entry.objects.filter(entity__in=wanted.entity_ids, key=wanted.text)
    return list(keyed.values_list("pk", flat=True))


def _journal_rows(places: Sequence[Place], book: Book | None) -> list[JournalRow]:
    ids = [place.number for place in places]
    entries = Entry.objects.select_related("entity", "reverses", "reversed_by").in_bulk(ids)
    moved: dict[int, dict[int, Decimal]] = defaultdict(dict)
    names: dict[int, list[str]] = defaultdict(list)
    for entry_id, book_id, name, debits in _rows(
        """
        SELECT l.entry_id, b.id, b.name, coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0)
        FROM ledger_line l JOIN ledger_book b ON b.id = l.book_id
        WHERE l.entry_id = ANY (%(ids)s) AND l.amount_currency = %(currency)s
        GROUP BY l.entry_id, b.id ORDER BY l.entry_id, b.kind = 'trust' DESC, b.name
        """,
        ids=ids,
    ):
        moved[entry_id][book_id] = debits
        names[entry_id].append(name)
    return [
        JournalRow(
            entry=entries[pk],
            moved=_money(moved[pk][book.pk] if book else max(moved[pk].values(), default=0)),
            books=names[pk],
        )
        for pk in ids
    ]


@dataclass(frozen=True, slots=True)
class BookLine:
    """A line of an entry, its amount in the column of its side."""

    line: Line
    debit: Money | None
    credit: Money | None


@dataclass(frozen=True, slots=True)
class BookLines:
    """The lines of an entry in one book, and the sums of both columns."""

    book: Book
    lines: Sequence[BookLine]
    debits: Money
    credits: Money


def lines_by_book(entry_id: int) -> list[BookLines]:
    """The lines of an entry, trust books first."""
    rows = Line.objects.filter(entry=entry_id).select_related("book", "account", "beneficiary")
    by_book: dict[Book, list[BookLine]] = defaultdict(list)
    for line in rows.order_by("position"):
        by_book[line.book].append(BookLine(line, *_sides(line.amount.amount)))
    found = [
        BookLines(book, lines, *_column_sums((each.debit, each.credit) for each in lines))
        for book, lines in by_book.items()
    ]
    return sorted(found, key=lambda of: (of.book.kind != Book.Kind.TRUST, of.book.name))


def _sides(amount: Decimal) -> tuple[Money | None, Money | None]:
    """An amount as (debit, credit); one of them is None."""
    return (_money(amount), None) if amount > 0 else (None, _money(-amount))


def _column_sums(sides: Iterable[tuple[Money | None, Money | None]]) -> tuple[Money, Money]:
    debits = credits_ = _money(0)
    for debit, credit in sides:
        debits += debit or _money(0)
        credits_ += credit or _money(0)
    return debits, credits_


# --- The ledger card of a beneficiary ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line of a ledger card. held: what the book holds for the beneficiary after it."""

    place: Place
    entry_id: int
    kind: str
    memo: str
    debit: Money | None
    credit: Money | None
    held: Money


@dataclass(frozen=True, slots=True)
class Card:
    """A page of a ledger card, oldest line first. opening: held before it; closing: after it."""

    opening: Money
    lines: Sequence[CardLine]
    closing: Money
    older: Place | None
    newer: Place | None

    @property
    def totals(self) -> tuple[Money, Money]:
        """The debits and the credits of this page."""
        return _column_sums((line.debit, line.credit) for line in self.lines)


_CARD_LINES = """
    SELECT l.id, l.dated_on, l.entry_id, e.kind, e.memo, l.amount
    FROM ledger_line l JOIN ledger_entry e ON e.id = l.entry_id
    WHERE l.book_id = %(book)s AND l.beneficiary_id = %(beneficiary)s
        AND l.amount_currency = %(currency)s AND l.dated_on BETWEEN %(first)s AND %(last)s
"""
_CARD_BACK = f"""
    {_CARD_LINES} AND (l.dated_on, l.id) < (%(day)s, %(number)s)
    ORDER BY l.dated_on DESC, l.id DESC LIMIT %(limit)s
"""
_CARD_ON = f"""
    {_CARD_LINES} AND (l.dated_on, l.id) > (%(day)s, %(number)s)
    ORDER BY l.dated_on, l.id LIMIT %(limit)s
"""
_HELD_BEFORE = """
    SELECT -coalesce(sum(amount), 0) FROM ledger_line
    WHERE book_id = %(book)s AND beneficiary_id = %(beneficiary)s
        AND amount_currency = %(currency)s AND dated_on <= %(day)s
        AND (dated_on, id) < (%(day)s, %(number)s)
"""
_START, _END = Place(FIRST_DAY, 0), Place(LAST_DAY, 2**62)


def card(
    *,
    book_id: int,
    beneficiary_id: int,
    from_on: date | None = None,
    to_on: date | None = None,
    before: Place | None = None,
    after: Place | None = None,
) -> Card:
    """A page of the ledger card of a beneficiary in a book, with its running balance.

    before: the lines next older than this place; after: the next newer; neither: the newest page.
    """
    values: dict[str, Any] = {
        "book": book_id,
        "beneficiary": beneficiary_id,
        "first": from_on or FIRST_DAY,
        "last": to_on or LAST_DAY,
        "limit": PER_PAGE + 1,
    }
    start = after or before or _END
    sql = _CARD_ON if after else _CARD_BACK
    found = _rows(sql, day=start.day, number=start.number, **values)
    has_more = len(found) > PER_PAGE
    if after and not has_more:  # The newest line is reached: a whole page is read more easily.
        return card(book_id=book_id, beneficiary_id=beneficiary_id, from_on=from_on, to_on=to_on)
    rows = sorted(found[:PER_PAGE], key=lambda row: (row[1], row[0]))
    opens_at = Place(rows[0][1], rows[0][0]) if rows else _after_last_day(to_on)
    ((opening,),) = _rows(_HELD_BEFORE, day=opens_at.day, number=opens_at.number, **values)
    lines = list(_card_lines(rows, opening))
    closing = lines[-1].held if lines else _money(opening)
    first = lines[0].place if lines else None
    last = lines[-1].place if lines else None
    if after:
        return Card(_money(opening), lines, closing, older=first, newer=last)
    newer = last or before if before else None
    return Card(_money(opening), lines, closing, older=first if has_more else None, newer=newer)


def _after_last_day(to_on: date | None) -> Place:
    return Place(to_on, _END.number) if to_on else _END


def _card_lines(rows: Iterable[tuple[Any, ...]], held: Decimal) -> Iterator[CardLine]:
    for line_id, day, entry_id, kind, memo, amount in rows:
        held -= amount
        debit, credit = _sides(amount)
        yield CardLine(
            place=Place(day, line_id),
            entry_id=entry_id,
            kind=Entry.Kind(kind).label,
            memo=memo,
            debit=debit,
            credit=credit,
            held=_money(held),
        )


def card_lines(
    *, book_id: int, beneficiary_id: int, from_on: date | None = None, to_on: date | None = None
) -> Iterator[CardLine]:
    """Every line of a ledger card, oldest first, read in parts while they are used."""
    values: dict[str, Any] = {
        "book": book_id,
        "beneficiary": beneficiary_id,
        "first": from_on or FIRST_DAY,
        "last": to_on or LAST_DAY,
        "limit": 2_000,
    }
    start = Place(from_on, 0) if from_on else _START
    ((held,),) = _rows(_HELD_BEFORE, day=start.day, number=start.number, **values)
    while rows := _rows(_CARD_ON, day=start.day, number=start.number, **values):
        for line in _card_lines(rows, held):
            held, start = line.held.amount, line.place
            yield line


# --- What books hold --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holding:
    """What one book holds for one beneficiary."""

    book_id: int
    book: str
    held: Money


def holdings(beneficiary_ids: Sequence[int]) -> dict[int, list[Holding]]:
    """What each book holds now for each of some beneficiaries, in one query."""
    held: dict[int, list[Holding]] = defaultdict(list)
    for beneficiary_id, book_id, name, amount in _rows(
        """
        SELECT k.beneficiary_id, b.id, b.name, -sum(k.amount)
        FROM ledger_balance k JOIN ledger_book b ON b.id = k.book_id
        WHERE k.beneficiary_id = ANY (%(ids)s) AND k.amount_currency = %(currency)s
        GROUP BY k.beneficiary_id, b.id ORDER BY b.name
        """,
        ids=list(beneficiary_ids),
    ):
        held[beneficiary_id].append(Holding(book_id, name, _money(amount)))
    return held


def overdrawn_beneficiaries(book_ids: Sequence[int] | None = None) -> list[int]:
    """The beneficiaries who owe a book money (of some books, or of any)."""
    wanted = None if book_ids is None else set(book_ids)
    return [
        row.beneficiary_id for row in queries.overdrawn() if wanted is None or row.book_id in wanted
    ]


def trust_equations(book_ids: Sequence[int]) -> dict[int, TrustEquation]:
    """Both sides of each of some trust books now, in two queries."""
    sums: dict[int, dict[str, Decimal]] = {pk: defaultdict(Decimal) for pk in book_ids}
    for book_id, kind, amount in _rows(
        """
        SELECT k.book_id, a.kind, sum(k.amount)
        FROM ledger_balance k JOIN ledger_account a ON a.id = k.account_id
        WHERE k.book_id = ANY (%(books)s) AND k.beneficiary_id IS NULL
            AND k.amount_currency = %(currency)s
        GROUP BY k.book_id, a.kind
        """,
        books=list(book_ids),
    ):
        sums[book_id][kind] = amount
    red: dict[int, Decimal] = defaultdict(Decimal)
    for row in queries.overdrawn() if book_ids else []:
        red[row.book_id] += row.held.amount
    return {
        pk: TrustEquation(
            book_id=pk,
            cash=_money(of[Account.Kind.BANK]),
            transit=_money(of[Account.Kind.TRANSIT]),
            held=_money(-of[Account.Kind.CLAIM]),
            overdrawn=_money(red[pk]),
        )
        for pk, of in sums.items()
    }


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """An account's balance in a book, in the column of its side."""

    code: str
    name: str
    kind: str
    debit: Money | None
    credit: Money | None


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The balance of each account of a book, and the sums of both columns."""

    accounts: Sequence[AccountTotal]
    debits: Money
    credits: Money


def trial_balance(book_id: int) -> TrialBalance:
    """The balance of each account of a book now; accounts at zero are left out."""
    accounts = [
        AccountTotal(code, name, Account.Kind(kind).label, *_sides(amount))
        for code, name, kind, amount in _rows(
            """
            SELECT a.code, a.name, a.kind, sum(k.amount)
            FROM ledger_balance k JOIN ledger_account a ON a.id = k.account_id
            WHERE k.book_id = %(book)s AND k.beneficiary_id IS NULL
                AND k.amount_currency = %(currency)s
            GROUP BY a.id HAVING sum(k.amount) <> 0 ORDER BY a.code
            """,
            book=book_id,
        )
    ]
    return TrialBalance(accounts, *_column_sums((each.debit, each.credit) for each in accounts))


# --- Periods ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Month:
    """The days of a book that are closed next."""

    first_on: date
    last_on: date


def next_to_close(books: Iterable[Book]) -> dict[int, Month]:
    """The month of each book that is closed next: the open period, else the one after the last
    closed one, else the month of its first line. A book without lines has none.
    """
    wanted = {book.pk: book for book in books}
    opened = Period.objects.filter(book__in=wanted, closed_at=None).order_by("-first_on")
    months = {each.book_id: Month(each.first_on, each.last_on) for each in opened}
    for pk, book in wanted.items():
        if pk not in months and book.closed_through is not None:
            months[pk] = _month_from(book.closed_through + timedelta(days=1))
    for book_id, first in _rows(
        """
        SELECT t.book_id, min(first.dated_on) FROM (
            SELECT DISTINCT book_id, account_id FROM ledger_balance
            WHERE book_id = ANY (%(books)s) AND beneficiary_id IS NULL
        ) t
        CROSS JOIN LATERAL (
            SELECT l.dated_on FROM ledger_line l
            WHERE l.book_id = t.book_id AND l.account_id = t.account_id AND l.beneficiary_id IS NULL
            ORDER BY l.dated_on LIMIT 1
        ) first
        GROUP BY t.book_id
        """,
        books=[pk for pk in wanted if pk not in months],
    ):
        months[book_id] = _month_from(first.replace(day=1))
    return months


def _month_from(first_on: date) -> Month:
    next_month = (first_on.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Month(first_on, next_month - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a month of a book would fix."""

    entries: int
    lines: int
    debits: Money
    equation: TrustEquation | None
    previous_digest: str


def closing(book: Book, month: Month) -> Closing:
    """What closing a month of a book would fix, as it stands now."""
    ((entries, lines, debits),) = _rows(
        """
        SELECT count(DISTINCT l.entry_id), count(*),
            coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0)
        FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id
        WHERE e.entity_id = %(entity)s AND e.dated_on BETWEEN %(first)s AND %(last)s
            AND l.book_id = %(book)s
        """,
        entity=book.entity_id,
        book=book.pk,
        first=month.first_on,
        last=month.last_on,
    )
    is_trust = book.kind == Book.Kind.TRUST
    before = Period.objects.filter(book=book, closed_at__isnull=False).order_by("-first_on").first()
    return Closing(
        entries=entries,
        lines=lines,
        debits=_money(debits),
        equation=queries.trust_equation(book.pk, on=month.last_on) if is_trust else None,
        previous_digest=before.digest if before else "",
    )
