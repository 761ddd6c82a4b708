"""The three figures of a trust account, each by its own path, and why they differ.

A: the bank's balance from its statements and lines, adjusted by what is outstanding. B: the
journal's cash and transit accounts. C: the beneficiaries' balances. How A and B part is read from
four places that together sum to the difference exactly (docs/decisions/052-three-figures.md).

A match counts on a day when all its lines, of the bank and of the journal, lie on or before it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.db import connection
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from moneyed import Money

from ledger import queries as ledger_queries
from ledger.models import BankAccount, Beneficiary, Book
from proptrust.lib.banking import banking_days_between, is_banking_day
from proptrust.lib.money import ZERO, usd
from reconciliation.queries.transit import transit_items
from reconciliation.types import (
    BeneficiaryHolding,
    Cause,
    DifferenceItem,
    OutstandingItem,
    ThreeWay,
    UnmatchedLine,
)

# Days after which an outstanding item is a finding: deposits in banking days, payments in days.
# Our own policy; states and banks differ (a check is commonly stale after 180 days, UCC 4-404).
DEPOSIT_IS_STALE_AFTER = 5
PAYMENT_IS_STALE_AFTER = 90


def three_way(bank_account_id: int, *, on: date, known_at: datetime | None = None) -> ThreeWay:
    """The three-way reconciliation of one trust account at the end of a day, with every item.

    known_at: as known at a moment; entries, statements and matches that came later do not count.
    """
    account = BankAccount.objects.select_related("book").get(pk=bank_account_id)
    at = _At((account,), on, known_at)
    equation = ledger_queries.trust_equation(account.book_id, on=on, known_at=known_at)
    held = ledger_queries.balances(book_id=account.book_id, on=on, known_at=known_at)
    bank = _bank_side(at)[account.pk]
    at = at.beginning({account.pk: bank.begins_on})
    open_lines = _open_journal_lines(at)
    in_transit = [item for item in open_lines if item.amount > ZERO]
    in_transit += transit_items(account.book_id, on=on, known_at=known_at, total=equation.transit)
    going_out = [item for item in open_lines if item.amount < ZERO]
    unmatched = _unmatched_lines(at)
    figures = ThreeWay(
        bank_account_id=account.pk,
        book_id=account.book_id,
        entity_id=account.book.entity_id,
        account_name=account.book.name,
        as_of=on,
        statement_balance=bank.balance,
        statement_on=bank.told_on,
        cash=equation.cash,
        transit=equation.transit,
        deposits_in_transit=sum((item.amount for item in in_transit), ZERO),
        outstanding_payments=sum((item.amount for item in going_out), ZERO),
        beneficiaries=sum(held.values(), ZERO),
        overdrawn=equation.overdrawn,
        unmatched=sum((line.amount for line in unmatched), ZERO),
        link=link_to(account.pk, on),
        in_transit_items=tuple(in_transit),
        outstanding_items=tuple(going_out),
        unmatched_lines=tuple(unmatched),
        overdrawn_beneficiaries=_overdrawn(held),
    )
    return _with_causes(figures, at, bank)


def figures(
    entity_ids: Sequence[int], *, on: date | None = None, says_since: bool = True
) -> list[ThreeWay]:
    """The figures of every trust account of some entities, now, without their items.

    A handful of queries for all accounts together; only an account that does not agree is looked
    at more closely, for the day since when (unless says_since is False).
    """
    on = on or timezone.localdate()
    accounts = tuple(
        BankAccount.objects.filter(
            book__entity_id__in=list(entity_ids), book__kind=Book.Kind.TRUST
        ).select_related("book")
    )
    if not accounts:
        return []
    at = _At(accounts, on, None)
    books, banks = _book_sides(at), _bank_side(at, is_brief=True)
    at = at.beginning({account_id: bank.begins_on for account_id, bank in banks.items()})
    open_sums, unmatched = _open_sums(at), _unmatched_sums(at)
    found = []
    for account in accounts:
        book, bank = books[account.book_id], banks[account.pk]
        coming, going = open_sums.get(account.book_id, (Decimal(0), Decimal(0)))
        by_day = unmatched.get(account.pk, {})
        three = ThreeWay(
            bank_account_id=account.pk,
            book_id=account.book_id,
            entity_id=account.book.entity_id,
            account_name=account.book.name,
            as_of=on,
            statement_balance=bank.balance,
            statement_on=bank.told_on,
            cash=usd(book.cash),
            transit=usd(book.transit),
            deposits_in_transit=usd(coming + book.transit),
            outstanding_payments=usd(going),
            beneficiaries=usd(book.held),
            overdrawn=usd(book.overdrawn),
            unmatched=usd(sum(by_day.values(), Decimal(0))),
            link=link_to(account.pk, on),
        )
        if says_since and not three.is_equal:
            whole = _with_all_lines(bank, at, account)
            parts = [(day, usd(amount)) for day, amount in by_day.items()]
            parts += [(item.on, item.amount) for item in _balance_causes(three, whole)]
            three = replace(three, since=_since(parts))
        found.append(three)
    return found


def link_to(bank_account_id: int, on: date) -> str:
    """The page with an account's reconciliation, or "" where the site has none."""
    try:
        return f"{reverse('reconciliation:account', args=[bank_account_id])}?on={on.isoformat()}"
    except NoReverseMatch:
        return ""


# What every query of one reckoning shares


@dataclass(frozen=True, slots=True)
class _At:
    """Which accounts, on which day, as known when."""

    accounts: tuple[BankAccount, ...]
    on: date
    known_at: datetime | None
    begins: tuple[date | None, ...] = ()
    after: tuple[date | None, ...] = ()

    def beginning(self, days: Mapping[int, date | None]) -> "_At":
        """The same, once it is known on which day each account's book begins."""
        return replace(self, begins=tuple(days[account.pk] for account in self.accounts))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query with this reckoning's parameters and fragments."""
        past = self.known_at is not None
        with connection.cursor() as cursor:
            cursor.execute(
                sql.format(
                    live=_LIVE_THEN if past else _LIVE_NOW,
                    told=_TOLD_THEN if past else "true",
                    known=_KNOWN_THEN if past else "true",
                    open_line=_OPEN_THEN if past else _OPEN_NOW,
                    open_money=_OPEN_MONEY_THEN if past else _OPEN_MONEY_NOW,
                    unfinished=_UNFINISHED.format(live=_LIVE_THEN if past else _LIVE_NOW),
                ),
                {
                    "accounts": [account.pk for account in self.accounts],
                    "books": [account.book_id for account in self.accounts],
                    "entities": sorted({account.book.entity_id for account in self.accounts}),
                    "begins": list(self.begins),
                    "after": list(self.after),
                    "on": self.on,
                    "known_at": self.known_at,
                },
            )
            return list(cursor.fetchall())


_LIVE_NOW = "side.is_live"
_LIVE_THEN = """EXISTS (
    SELECT FROM reconciliation_match AS made
    WHERE made.id = side.match_id AND made.made_at <= %(known_at)s
      AND (made.undone_at IS NULL OR made.undone_at > %(known_at)s))"""
_TOLD_THEN = """EXISTS (
    SELECT FROM reconciliation_statement AS told
    JOIN reconciliation_statementfile AS file ON file.id = told.file_id
    WHERE told.id = statement_id AND file.imported_at <= %(known_at)s)"""
_KNOWN_THEN = "entry.known_at <= %(known_at)s"
_OPEN_NOW = "NOT line.is_matched"
_OPEN_THEN = f"""NOT EXISTS (
    SELECT FROM reconciliation_matchbankline AS side
    WHERE side.bank_line_id = line.id AND {_LIVE_THEN})"""
# The journal's cash lines that no match answers: as PostgreSQL keeps them now, with those whose
# match says nothing yet; or all lines of the book without the answers of that moment.
_OPEN_MONEY_NOW = """
    SELECT line_id AS id, book_id, entry_id, dated_on, amount FROM reconciliation_openline
    WHERE book_id = ANY(%(books)s) AND dated_on <= %(on)s
    UNION ALL
    SELECT line.id, line.book_id, line.entry_id, line.dated_on, line.amount
    FROM unfinished
    JOIN reconciliation_matchline AS side ON side.match_id = unfinished.match_id AND side.is_live
    JOIN ledger_line AS line ON line.id = side.line_id
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
    WHERE line.book_id = ANY(%(books)s) AND line.dated_on <= %(on)s
"""
_OPEN_MONEY_THEN = f"""
    SELECT line.id, line.book_id, line.entry_id, line.dated_on, line.amount
    FROM ledger_line AS line
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
    WHERE line.book_id = ANY(%(books)s) AND line.beneficiary_id IS NULL
      AND line.dated_on <= %(on)s
      AND NOT EXISTS (
          SELECT FROM reconciliation_matchline AS side
          WHERE side.line_id = line.id AND {_LIVE_THEN}
            AND side.match_id NOT IN (SELECT match_id FROM unfinished))
"""  # noqa: S608 - only the constant above goes in.
# Live matches with a line that lies after the day: on that day they say nothing yet.
_UNFINISHED = """
    SELECT side.match_id
    FROM reconciliation_bankline AS later
    JOIN reconciliation_matchbankline AS side ON side.bank_line_id = later.id
    WHERE later.bank_account_id = ANY(%(accounts)s) AND later.posted_on > %(on)s
      AND later.repeats_id IS NULL AND {live}
    UNION
    SELECT side.match_id
    FROM ledger_line AS later
    JOIN reconciliation_matchline AS side ON side.line_id = later.id
    WHERE later.book_id = ANY(%(books)s) AND later.beneficiary_id IS NULL
      AND later.dated_on > %(on)s AND {live}
"""

# A: the bank


@dataclass(frozen=True, slots=True)
class _Point:
    """A balance that a statement states for the end of a day."""

    on: date
    balance: Decimal
    statement_id: int


class _Days:
    """An account's lines in sum, to ask for the sum up to any day."""

    def __init__(self, by_day: Mapping[date, Decimal]) -> None:
        self.days = sorted(by_day)
        self.sums = [Decimal(0), *accumulate(by_day[day] for day in self.days)]

    def until(self, day: date) -> Decimal:
        """The sum of all lines up to a day."""
        return self.sums[bisect_right(self.days, day)]


@dataclass(frozen=True, slots=True)
class _BankSide:
    """The bank's balance at the day, and the points it was reckoned from.

    begins_on, opening: the day and amount with which the book's cash began, or None and zero.
    """

    balance: Money | None
    told_on: date | None
    points: tuple[_Point, ...]
    begins_on: date | None
    opening: Decimal
    by_day: _Days


# A balance told without an opening one (OFX) is that of the moment of the download. When lines of
# its day came with a later file, it was not the day's last.
_POINTS = """
    SELECT bank_account_id, id, from_on, opening, closing_on, closing,
        opening IS NULL AND EXISTS (
            SELECT FROM reconciliation_bankline AS late
            WHERE late.bank_account_id = statement.bank_account_id
              AND late.posted_on = statement.closing_on AND late.statement_id > statement.id
              AND late.repeats_id IS NULL)
    FROM (
        SELECT id AS statement_id, * FROM reconciliation_statement
        WHERE bank_account_id = ANY(%(accounts)s) AND NOT is_intraday
          AND (opening IS NOT NULL OR closing IS NOT NULL)
    ) AS statement
    WHERE {told}
    ORDER BY id
"""
_BEGINNINGS = """
    SELECT line.book_id, max(line.dated_on), sum(line.amount) FILTER (WHERE line.dated_on <= %(on)s)
    FROM ledger_entry AS entry
    JOIN ledger_line AS line ON line.entry_id = entry.id
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
    WHERE entry.entity_id = ANY(%(entities)s) AND entry.kind = 'opening'
      AND line.book_id = ANY(%(books)s) AND {known}
      AND NOT EXISTS (SELECT FROM receivables_openingitem AS item WHERE item.entry_id = entry.id)
      AND NOT EXISTS (SELECT FROM ledger_entry AS undoing WHERE undoing.reverses_id = entry.id)
    GROUP BY line.book_id
"""
_SUMS_BY_DAY = """
    SELECT line.bank_account_id, line.posted_on, sum(line.amount)
    FROM unnest(%(accounts)s::bigint[], %(after)s::date[]) AS wanted (bank_account_id, after)
    JOIN reconciliation_bankline AS line ON line.bank_account_id = wanted.bank_account_id
        AND line.posted_on > coalesce(wanted.after, '-infinity')
    WHERE line.repeats_id IS NULL AND {told}
    GROUP BY line.bank_account_id, line.posted_on
"""


def _bank_side(at: _At, *, is_brief: bool = False) -> dict[int, _BankSide]:
    """The bank's balance of each account. is_brief: without the lines before the last balance told,
    which are only needed to say why it is what it is."""
    points: dict[int, list[_Point]] = defaultdict(list)
    for account_id, id_, from_on, opening, closing_on, closing, is_stale in at.rows(_POINTS):
        if opening is not None:
            points[account_id].append(_Point(from_on - timedelta(days=1), opening, id_))
        if closing is not None and not is_stale:
            points[account_id].append(_Point(closing_on, closing, id_))
    chains = {
        account.pk: tuple(sorted(points[account.pk], key=lambda point: point.on))  # Stable: by id.
        for account in at.accounts
    }
    told_at = {account_id: _point_at(chain, at.on) for account_id, chain in chains.items()}
    after = tuple(
        told.on if is_brief and (told := told_at[account.pk]) and told.on <= at.on else None
        for account in at.accounts
    )
    by_day: dict[int, dict[date, Decimal]] = defaultdict(dict)
    for account_id, day, amount in replace(at, after=after).rows(_SUMS_BY_DAY):
        by_day[account_id][day] = amount
    beginnings = {book_id: (day, amount) for book_id, day, amount in at.rows(_BEGINNINGS)}
    sides = {}
    for account in at.accounts:
        begins_on, opening = beginnings.get(account.book_id, (None, None))
        chain, told = chains[account.pk], told_at[account.pk]
        days = _Days(by_day[account.pk])
        if told is not None:
            balance = usd(told.balance + _between(days, told.on, at.on))
        elif opening is not None or days.days:
            start = begins_on or date.min
            balance = usd((opening or Decimal(0)) + _between(days, start, at.on))
        else:
            balance = None
        sides[account.pk] = _BankSide(
            balance, told.on if told else None, chain, begins_on, opening or Decimal(0), days
        )
    return sides


def _with_all_lines(bank: _BankSide, at: _At, account: BankAccount) -> _BankSide:
    """A brief bank side of an account with the lines before the last balance told, too."""
    rows = replace(at, accounts=(account,), after=(None,)).rows(_SUMS_BY_DAY)
    return replace(bank, by_day=_Days({day: amount for _, day, amount in rows}))


def _point_at(points: Sequence[_Point], on: date) -> _Point | None:
    """The last balance told for a day up to this one, else the first one after it."""
    before = [point for point in points if point.on <= on]
    return before[-1] if before else (points[0] if points else None)


def _between(days: _Days, after: date, until: date) -> Decimal:
    """The sum of the lines after one day and up to another; minus, if that is the earlier one."""
    return days.until(until) - days.until(after)


# B and C: the book and the beneficiaries


@dataclass(slots=True)
class _BookSide:
    cash: Decimal = Decimal(0)
    transit: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    overdrawn: Decimal = Decimal(0)


# The running sums less the lines dated later. Totals and beneficiaries are separate rows of it.
_BOOKS = """
    WITH later AS (
        SELECT line.book_id, line.account_id, line.beneficiary_id, line.amount
        FROM ledger_entry AS entry JOIN ledger_line AS line ON line.entry_id = entry.id
        WHERE entry.entity_id = ANY(%(entities)s) AND entry.dated_on > %(on)s
          AND line.book_id = ANY(%(books)s)
    ), totals AS (
        SELECT sums.book_id, account.kind, sum(sums.amount) AS amount
        FROM (
            SELECT book_id, account_id, amount FROM ledger_balance
            WHERE book_id = ANY(%(books)s) AND beneficiary_id IS NULL
            UNION ALL
            SELECT book_id, account_id, -amount FROM later
        ) AS sums
        JOIN ledger_account AS account ON account.id = sums.account_id
        GROUP BY sums.book_id, account.kind
    ), held AS (
        SELECT book_id, beneficiary_id, -sum(amount) AS amount
        FROM (
            SELECT book_id, beneficiary_id, amount FROM ledger_balance
            WHERE book_id = ANY(%(books)s) AND beneficiary_id IS NOT NULL
            UNION ALL
            SELECT book_id, beneficiary_id, -amount FROM later WHERE beneficiary_id IS NOT NULL
        ) AS sums
        GROUP BY book_id, beneficiary_id
    )
    SELECT book_id, kind, amount FROM totals
    UNION ALL
    SELECT book_id, 'held', sum(amount) FROM held GROUP BY book_id
    UNION ALL
    SELECT book_id, 'overdrawn', sum(amount) FROM held WHERE amount < 0 GROUP BY book_id
"""


def _book_sides(at: _At) -> dict[int, _BookSide]:
    sides: dict[int, _BookSide] = defaultdict(_BookSide)
    names = {"bank": "cash", "transit": "transit", "held": "held", "overdrawn": "overdrawn"}
    for book_id, kind, amount in at.rows(_BOOKS):
        if kind in names:
            setattr(sides[book_id], names[kind], amount)
    return sides


def _overdrawn(held: Mapping[int, Money]) -> tuple[BeneficiaryHolding, ...]:
    """Who is overdrawn, the deepest first."""
    red = {id_: amount for id_, amount in held.items() if amount < ZERO}
    who = Beneficiary.objects.in_bulk(red)
    holdings = [
        BeneficiaryHolding(id_, who[id_].name, who[id_].kind, amount) for id_, amount in red.items()
    ]
    return tuple(sorted(holdings, key=lambda each: each.held))


# Outstanding: in the journal, not yet at the bank

_OPEN_JOURNAL = """
    WITH RECURSIVE unfinished AS ({unfinished}), open AS ({open_money}), named AS (
        SELECT open.*, entry.kind, entry.memo,
            -- What set a stale check's money aside answers the check: the bank sees neither.
            coalesce(entry.reverses_id, kept.entry_id) AS reverses_id,
            item.number AS item_number, item.party AS item_party, item.dated_on AS item_on
        FROM open
        CROSS JOIN LATERAL (
            -- OFFSET 0: looked up one by one. What is open is few, and the journal is long.
            SELECT * FROM ledger_entry WHERE id = open.entry_id OFFSET 0) AS entry
        LEFT JOIN receivables_openingitem AS item ON item.entry_id = entry.id
        LEFT JOIN payments_payment AS kept
            ON kept.back_entry_id = entry.id AND kept.state = 'unclaimed'
        WHERE {known} AND NOT (entry.kind = 'opening' AND item.id IS NULL)
    ), chain AS (
        -- An entry and its reversal that the bank saw neither of are nothing at all; the reversal
        -- of a reversal stands for the entry again. place: how often it was reversed so far.
        SELECT named.id, named.book_id, named.entry_id, 0 AS place FROM named
        WHERE NOT EXISTS (
            SELECT FROM named AS first
            WHERE first.book_id = named.book_id AND first.entry_id = named.reverses_id)
        UNION ALL
        SELECT named.id, named.book_id, named.entry_id, chain.place + 1
        FROM chain JOIN named
            ON named.book_id = chain.book_id AND named.reverses_id = chain.entry_id
    ), outstanding AS (
        SELECT named.* FROM named JOIN chain USING (id)
        WHERE chain.place %% 2 = 0 AND NOT EXISTS (
            SELECT FROM named AS next
            WHERE next.book_id = named.book_id AND next.reverses_id = named.entry_id)
    )
"""
_OPEN_SUMS = (
    _OPEN_JOURNAL  # noqa: S608
    + """
    SELECT book_id, coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
        coalesce(sum(amount) FILTER (WHERE amount < 0), 0)
    FROM outstanding GROUP BY book_id
"""
)
_OPEN_LINES = (
    _OPEN_JOURNAL  # noqa: S608
    + """
    SELECT outstanding.id, outstanding.entry_id, coalesce(item_on, outstanding.dated_on),
        outstanding.amount, outstanding.memo,
        coalesce(item_number, slip.number, nullif(receipt.number, ''), nullif(receipt.batch, ''),
            nullif(receipt.trace, ''), nullif(remittance.trace, ''), remittance.vendor_id,
            nullif(paid.number, ''), nullif(paid.batch, ''), nullif(paid.trace, ''), ''),
        coalesce(item_party, nullif(receipt.payer, ''), paid.payee, ''), outstanding.book_id
    FROM outstanding
    LEFT JOIN receivables_depositslip AS slip ON slip.entry_id = outstanding.entry_id
    LEFT JOIN receivables_remittance AS remittance ON remittance.entry_id = outstanding.entry_id
    LEFT JOIN receivables_receipt AS receipt ON receipt.entry_id = outstanding.entry_id
    LEFT JOIN payments_payment AS paid
        ON paid.entry_id = outstanding.entry_id AND paid.book_id = outstanding.book_id
    ORDER BY 3, 1
"""
)


def _open_sums(at: _At) -> dict[int, tuple[Decimal, Decimal]]:
    return {book_id: (coming, going) for book_id, coming, going in at.rows(_OPEN_SUMS)}


def outstanding(entity_id: int | None, *, on: date) -> dict[int, list[OutstandingItem]]:
    """The journal's cash lines that the bank has not moved by a day, by bank account; transit
    accounts are not among them. entity_id: None is every legal entity."""
    accounts = BankAccount.objects.select_related("book")
    if entity_id is not None:
        accounts = accounts.filter(book__entity_id=entity_id)
    at = _At(tuple(accounts), on, None)
    by_book = _open_by_book(at) if at.accounts else {}
    return {
        account.pk: by_book[account.book_id]
        for account in at.accounts
        if account.book_id in by_book
    }


def _open_journal_lines(at: _At) -> list[OutstandingItem]:
    return [item for items in _open_by_book(at).values() for item in items]


def _open_by_book(at: _At) -> dict[int, list[OutstandingItem]]:
    items: dict[int, list[OutstandingItem]] = defaultdict(list)
    for row in at.rows(_OPEN_LINES):
        line_id, entry_id, dated_on, amount, memo, reference, who, book_id = row
        items[book_id].append(
            OutstandingItem(
                dated_on=dated_on,
                amount=usd(amount),
                reference=reference,
                who=who,
                memo=memo,
                line_id=line_id,
                entry_id=entry_id,
                days_open=(at.on - dated_on).days,
                is_stale=is_stale(dated_on, amount, at.on),
            )
        )
    return items


def is_stale(dated_on: date, amount: Decimal, on: date) -> bool:
    """Whether an outstanding item is open for too long on a day."""
    if amount > 0:
        return (
            banking_days_between(dated_on, on) > DEPOSIT_IS_STALE_AFTER if on > dated_on else False
        )
    return (on - dated_on).days > PAYMENT_IS_STALE_AFTER


# Unmatched: at the bank, not answered by the journal

_UNMATCHED = """
    WITH unfinished AS ({unfinished}), begun AS (
        SELECT * FROM unnest(%(accounts)s::bigint[], %(begins)s::date[])
            AS begun (bank_account_id, begins_on)
    ), unmatched AS (
        SELECT line.* FROM reconciliation_bankline AS line
        WHERE line.bank_account_id = ANY(%(accounts)s) AND line.posted_on <= %(on)s
          AND line.repeats_id IS NULL AND {open_line} AND {told}
        UNION ALL
        SELECT line.* FROM unfinished
        JOIN reconciliation_matchbankline AS side ON side.match_id = unfinished.match_id AND {live}
        JOIN reconciliation_bankline AS line ON line.id = side.bank_line_id
        WHERE line.posted_on <= %(on)s
    ), counted AS (
        SELECT unmatched.* FROM unmatched JOIN begun USING (bank_account_id)
        WHERE begins_on IS NULL OR posted_on > begins_on
    )
"""
_UNMATCHED_SUMS = (
    _UNMATCHED  # noqa: S608
    + """
    SELECT bank_account_id, posted_on, sum(amount) FROM counted GROUP BY bank_account_id, posted_on
"""
)
_UNMATCHED_LINES = (
    _UNMATCHED  # noqa: S608
    + """
    SELECT id, posted_on, amount, description,
        coalesce(nullif(check_number, ''), nullif(customer_reference, ''), bank_reference)
    FROM counted ORDER BY posted_on, id
"""
)


def _unmatched_sums(at: _At) -> dict[int, dict[date, Decimal]]:
    sums: dict[int, dict[date, Decimal]] = defaultdict(dict)
    for account_id, day, amount in at.rows(_UNMATCHED_SUMS):
        sums[account_id][day] = amount
    return sums


def _unmatched_lines(at: _At) -> list[UnmatchedLine]:
    return [
        UnmatchedLine(id_, on, usd(amount), text, reference, (at.on - on).days)
        for id_, on, amount, text, reference in at.rows(_UNMATCHED_LINES)
    ]


# Breaks between the balances that statements state


@dataclass(frozen=True, slots=True)
class BalanceBreak:
    """Two balances of a bank account that its lines between them do not join.

    amount: what is missing, zero where a balance is not known. missing: the banking days that no
    statement covers, first and last, or None. subject is the later statement.
    """

    bank_account_id: int
    statement_id: int
    on: date
    amount: Money
    missing: tuple[date, date] | None
    text: str


_SPANS = """
    SELECT bank_account_id, id, from_on, to_on FROM (
        SELECT id AS statement_id, * FROM reconciliation_statement
        WHERE bank_account_id = ANY(%(accounts)s) AND NOT is_intraday
    ) AS statement
    WHERE {told} ORDER BY bank_account_id, from_on, to_on, id
"""


def breaks(entity_id: int | None, *, on: date) -> list[BalanceBreak]:
    """Where statements do not join: days that none covers, and balances that do not meet."""
    accounts = BankAccount.objects.select_related("book").filter(statements__isnull=False)
    if entity_id is not None:
        accounts = accounts.filter(book__entity_id=entity_id)
    at = _At(tuple(accounts.distinct()), on, None)
    if not at.accounts:
        return []
    spans: dict[int, list[tuple[int, date, date]]] = defaultdict(list)
    for account_id, id_, from_on, to_on in at.rows(_SPANS):
        spans[account_id].append((id_, from_on, to_on))
    found: list[BalanceBreak] = []
    for account_id, side in _bank_side(at).items():
        gaps = _gaps(spans[account_id])
        found += _broken(account_id, side, gaps)
    return found


def _gaps(spans: Sequence[tuple[int, date, date]]) -> list[tuple[int, date, date]]:
    """Banking days between spans that none covers: (the statement after them, first, last)."""
    gaps = []
    covered: date | None = None
    for id_, from_on, to_on in spans:
        if covered is not None and from_on > covered + timedelta(days=1):
            days = [covered + timedelta(days=n) for n in range(1, (from_on - covered).days)]
            open_days = [day for day in days if is_banking_day(day)]
            if open_days:
                gaps.append((id_, open_days[0], open_days[-1]))
        covered = max(covered or to_on, to_on)
    return gaps


def _broken(
    account_id: int, side: _BankSide, gaps: Sequence[tuple[int, date, date]]
) -> list[BalanceBreak]:
    found = []
    left = list(gaps)
    for one, other in zip(side.points, side.points[1:], strict=False):
        cause = _break(one, other, side.by_day)
        between = [gap for gap in left if one.on < gap[2] and gap[1] <= other.on]
        left = [gap for gap in left if gap not in between]
        if cause is None:
            continue  # Balances that meet prove the days between them.
        missing = (between[0][1], between[-1][2]) if between else None
        found.append(
            BalanceBreak(
                account_id, other.statement_id, other.on, cause.amount, missing, cause.text
            )
        )
    for statement_id, first, last in left:
        text = "no balance on either side says whether the bank moved money on these days"
        found.append(BalanceBreak(account_id, statement_id, last, ZERO, (first, last), text))
    return found


# Why they differ


def _with_causes(figures_: ThreeWay, at: _At, bank: _BankSide) -> ThreeWay:
    causes = [*_line_causes(figures_.unmatched_lines, at), *_balance_causes(figures_, bank)]
    causes = [cause for cause in causes if cause.amount != ZERO]
    _add_rest(causes, figures_.bank_difference, figures_.as_of)
    of_book = _book_causes(figures_, at) if figures_.beneficiary_difference != ZERO else []
    _add_rest(of_book, figures_.beneficiary_difference, figures_.as_of)
    return replace(
        figures_,
        since=_earlier(
            _since((cause.on, cause.amount) for cause in causes),
            _since((cause.on, cause.amount) for cause in of_book),
        ),
        bank_difference_items=tuple(sorted(causes, key=lambda cause: cause.on)),
        beneficiary_difference_items=tuple(of_book),
    )


_BOOKED_LATER = """
    WITH unfinished AS ({unfinished})
    SELECT side.bank_line_id, max(line.dated_on)
    FROM unfinished
    JOIN reconciliation_matchbankline AS side ON side.match_id = unfinished.match_id AND {live}
    JOIN reconciliation_matchline AS other ON other.match_id = unfinished.match_id
    JOIN ledger_line AS line ON line.id = other.line_id
    GROUP BY side.bank_line_id
"""


def _line_causes(lines: Iterable[UnmatchedLine], at: _At) -> list[DifferenceItem]:
    later = dict(at.rows(_BOOKED_LATER))
    causes = []
    for line in lines:
        booked_on = later.get(line.bank_line_id)
        text = line.description or line.reference or "a bank line without a text"
        causes.append(
            DifferenceItem(
                Cause.BOOKED_LATER if booked_on else Cause.UNMATCHED_LINE,
                line.posted_on,
                line.amount,
                f"{text} (booked {booked_on:%b %-d, %Y})" if booked_on else text,
                "reconciliation.bankline",
                line.bank_line_id,
            )
        )
    return causes


def _balance_causes(figures_: ThreeWay, bank: _BankSide) -> list[DifferenceItem]:
    """What the bank's stated balances say beyond its lines: at the beginning, and at each break."""
    begins_on = bank.begins_on or date.min
    start = _point_at(bank.points, begins_on) if bank.begins_on else None
    if bank.begins_on is None and bank.points:
        start = bank.points[0]
    if start is None:
        return []
    causes = []
    if figures_.as_of < begins_on:
        return [
            DifferenceItem(
                Cause.OPENING, figures_.as_of, figures_.statement_balance or ZERO,
                f"the book begins on {begins_on:%b %-d, %Y}",
            )
        ]  # fmt: skip
    told = start.balance + _between(bank.by_day, start.on, begins_on)
    causes.append(
        DifferenceItem(
            Cause.OPENING,
            max(start.on, begins_on),
            usd(told - bank.opening),
            f"the bank's balance was {told:,.2f}, the book began with {bank.opening:,.2f}",
            "reconciliation.statement",
            start.statement_id,
        )
    )
    last = _point_at(bank.points, figures_.as_of)
    first_at = bank.points.index(start)
    last_at = bank.points.index(last) if last else first_at
    for one, other in zip(
        bank.points[first_at:last_at], bank.points[first_at + 1 : last_at + 1], strict=True
    ):
        if broken := _break(one, other, bank.by_day):
            causes.append(broken)
    return causes


def _break(one: _Point, other: _Point, by_day: _Days) -> DifferenceItem | None:
    """What two balances are apart beyond the lines between them, or None where they join."""
    expected = one.balance + _between(by_day, one.on, other.on)
    if other.balance == expected:
        return None
    return DifferenceItem(
        Cause.BALANCE_BREAK,
        other.on,
        usd(other.balance - expected),
        f"from {one.balance:,.2f} on {one.on:%b %-d} the lines lead to {expected:,.2f}, "
        f"but the bank says {other.balance:,.2f} on {other.on:%b %-d}",
        "reconciliation.statement",
        other.statement_id,
    )


_OUT_OF_BALANCE = """
    SELECT entry.id, entry.dated_on, sum(line.amount), entry.memo
    FROM ledger_line AS line JOIN ledger_entry AS entry ON entry.id = line.entry_id
    WHERE line.book_id = ANY(%(books)s) AND entry.dated_on <= %(on)s AND {known}
    GROUP BY entry.id HAVING sum(line.amount) <> 0
    ORDER BY entry.dated_on, entry.id
"""


def _book_causes(figures_: ThreeWay, at: _At) -> list[DifferenceItem]:
    """Entries of the book that do not balance. PostgreSQL refuses them, so there should be none."""
    return [
        DifferenceItem(Cause.OTHER_ACCOUNT, on, usd(amount), memo, "ledger.entry", entry_id)
        for entry_id, on, amount, memo in at.rows(_OUT_OF_BALANCE)
    ]


def _add_rest(causes: list[DifferenceItem], difference: Money, on: date) -> None:
    """What no cause explains is said as that; the items sum to the difference in every case."""
    rest = difference - sum((cause.amount for cause in causes), ZERO)
    if rest != ZERO:
        causes.append(DifferenceItem(Cause.UNEXPLAINED, on, rest, "run manage.py check_journal"))


def _since(parts: Iterable[tuple[date, Money]]) -> date | None:
    """The day on which the sum of the parts last left zero, or None if it is zero."""
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for day, amount in parts:
        by_day[day] += amount.amount
    running, since = Decimal(0), None
    for day in sorted(by_day):
        running += by_day[day]
        since = (since or day) if running else None
    return since


def _earlier(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day), default=None)
