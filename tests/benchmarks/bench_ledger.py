"""The ledger's bars: posting in bulk, posting from eight connections, and reading balances.

The baselines write the same rows into copies of the ledger's tables (`plain_…`) that have the same
columns, checks, primary keys and indexes, and a foreign key for each reference as Django would make
them, but none of the ledger's triggers.
"""

import gc
import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from statistics import median
from time import perf_counter

from django.db import connection, connections, transaction

from desk.models import LegalEntity
from ledger import facts, queries, services
from ledger.charts import Chart, chart
from ledger.models import Beneficiary, Book, Entry, Line
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import usd
from tests.benchmarks.rows import Row, Size, milliseconds, seconds

BULK = 100_000
BENEFICIARIES = 100_000
CONNECTIONS = 8
RUNS = 3
TURNS = 5
SECONDS_OF_POSTING = 2.0
FIRST_DAY = date(2026, 1, 1)
# Each reference of the plain tables: table, column, what it names.
REFERENCES = [
    ("plain_entry", "entity_id", "desk_legalentity"),
    ("plain_entry", "reverses_id", "plain_entry"),
    ("plain_entry", "adjusts_id", "ledger_period"),
    ("plain_entry", "posted_by_id", "desk_user"),
    ("plain_line", "entry_id", "plain_entry"),
    ("plain_line", "book_id", "ledger_book"),
    ("plain_line", "account_id", "ledger_account"),
    ("plain_line", "beneficiary_id", "ledger_beneficiary"),
]


class World:
    """A company with one trust book and many owners, and entries as it would post them."""

    def __init__(self, beneficiaries: int) -> None:
        self.entity = LegalEntity.objects.create(name=f"Bench {os.urandom(6).hex()}", state="CA")
        self.book: Book = services.ensure_book(
            entity_id=self.entity.pk, kind="trust", name="Rent trust"
        )
        self.chart: Chart = chart(self.entity.pk)
        self.company = services.ensure_beneficiary(
            entity_id=self.entity.pk, kind="company", name="Company", reference="company"
        )
        rows = Beneficiary.objects.bulk_create(
            [
                Beneficiary(entity=self.entity, kind="owner", name=f"Owner {n}", reference=f"o:{n}")
                for n in range(beneficiaries)
            ],
            batch_size=5_000,
        )
        self.owners = [row.pk for row in rows]
        self._random = random.Random(7)
        self._posted = 0

    def entries(self, count: int) -> list[NewEntry]:
        """Rent receipts of four lines, each with its management fee, over a quarter."""
        gross, fee = usd("1250.00"), usd("100.00")
        made = []
        for n in range(self._posted, self._posted + count):
            owner = self.owners[n % len(self.owners)] if n < len(self.owners) else self._owner()
            made.append(
                NewEntry(
                    entity_id=self.entity.pk,
                    key=f"receipt:{n}:settled",
                    kind="receipt",
                    dated_on=FIRST_DAY + timedelta(days=n % 90),
                    memo=f"Rent of unit {n % 5000}",
                    lines=[
                        NewLine(self.book.pk, self.chart.bank, gross),
                        NewLine(self.book.pk, self.chart.claims, -gross, owner),
                        NewLine(self.book.pk, self.chart.claims, fee, owner),
                        NewLine(self.book.pk, self.chart.claims, -fee, self.company.pk),
                    ],
                )
            )
        self._posted += count
        return made

    def _owner(self) -> int:
        return self._random.choice(self.owners)


def _make_plain(*, with_references: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS plain_line, plain_entry")
        for name in ("entry", "line"):
            cursor.execute(f"CREATE TABLE plain_{name} (LIKE ledger_{name} INCLUDING ALL)")
        for table, column, named in REFERENCES if with_references else []:
            cursor.execute(
                f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {named} (id)"
                " DEFERRABLE INITIALLY DEFERRED"
            )


def _copy_plain(entries: Sequence[NewEntry]) -> Callable[[], None]:
    """A COPY of the rows of entries, made to text beforehand."""
    checked = [facts.checked(entry) for entry in entries]
    heads = [services._entry_row(n, one) for n, one in enumerate(checked, 1)]
    lines = [services._line_rows(n, one) for n, one in enumerate(checked, 1)]
    parts = {
        "plain_entry (id, entity_id, key, kind, dated_on, memo, digest, reverses_id, adjusts_id,"
        " posted_by_id)": list(services._joined(heads)),
        "plain_line (entry_id, position, dated_on, book_id, account_id, beneficiary_id,"
        " amount_currency, amount)": list(services._joined(lines)),
    }

    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for table, texts in parts.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for text in texts:
                        copy.write(text)

    return run


def _vacuum() -> None:
    """Start every measured run from the same state of the tables."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) ledger_balance, ledger_line, ledger_entry")
        cursor.execute("CHECKPOINT")


def bench_bulk(size: Size) -> Iterator[Row]:
    """post_many of 100,000 entries beside COPY without the truths and beside the ORM."""
    world = World(beneficiaries=10_000)
    ours: list[float] = []
    keyed: list[float] = []
    bare: list[float] = []
    for _ in range(RUNS):
        for rates, with_references in ((keyed, True), (bare, False)):
            _make_plain(with_references=with_references)
            copy = _copy_plain(world.entries(BULK))
            _vacuum()
            rates.append(BULK / seconds(copy))
        entries = world.entries(BULK)
        _vacuum()
        ours.append(BULK / seconds(lambda: services.post_many(entries)))  # noqa: B023
    rate = median(ours)
    told = f"{rate:,.0f} entries/s beside"
    yield Row(
        "post_many / COPY into the same tables with keys",
        rate / median(keyed),
        "x",
        0.6,
        note=f"{told} {median(keyed):,.0f}",
    )
    yield Row(
        "post_many / COPY with indexes, but no foreign keys",
        rate / median(bare),
        "x",
        note=f"{told} {median(bare):,.0f}",
    )
    _make_plain(with_references=True)
    orm = _orm_rate(world.entries(1_000))
    yield Row("post_many / ORM saves one by one", rate / orm, "x", 25, note=f"{told} {orm:,.0f}")


def _orm_rate(entries: Sequence[NewEntry]) -> float:
    """Entries a second, each with its lines saved row by row in a transaction of its own."""
    names = Entry._meta.db_table, Line._meta.db_table
    Entry._meta.db_table, Line._meta.db_table = "plain_entry", "plain_line"
    try:
        start = perf_counter()
        for entry in entries:
            with transaction.atomic():
                saved = Entry(
                    entity_id=entry.entity_id,
                    key=entry.key,
                    kind=entry.kind,
                    dated_on=entry.dated_on,
                    memo=entry.memo,
                    digest="0" * 64,
                )
                saved.save()
                for position, line in enumerate(entry.lines, 1):
                    Line(
                        entry=saved,
                        position=position,
                        book_id=line.book_id,
                        account_id=line.account_id,
                        beneficiary_id=line.beneficiary_id,
                        dated_on=entry.dated_on,
                        amount=line.amount,
                    ).save()
        return len(entries) / (perf_counter() - start)
    finally:
        Entry._meta.db_table, Line._meta.db_table = names


def bench_connections(size: Size) -> Iterator[Row]:
    """post from eight processes beside plain inserts of the same rows."""
    world = World(beneficiaries=10_000)
    _make_plain(with_references=True)
    ours: list[float] = []
    raw: list[float] = []
    for turn in range(TURNS):
        for rates, write in ((raw, _write_plain), (ours, _write_posted)):
            rates.append(_commits(world, write, f"{turn}:{write.__name__}"))
    # Turn by turn, because whatever else the machine does slows both of a turn alike.
    yield Row(
        f"post / plain inserts, {CONNECTIONS} connections",
        median(mine / plain for mine, plain in zip(ours, raw, strict=True)),
        "x",
        0.6,
        note=f"{median(ours):,.0f} commits/s beside {median(raw):,.0f}",
    )


def _write_posted(entry: NewEntry) -> None:
    services.post(entry)


def _write_plain(entry: NewEntry) -> None:
    """The same rows as post writes, in the statements that one would write by hand."""
    checked = facts.checked(entry)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO plain_entry (entity_id, key, kind, dated_on, memo, digest)"
            " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id, known_at",
            [
                checked.entity_id,
                checked.key,
                checked.kind,
                checked.dated_on,
                checked.memo,
                checked.digest,
            ],
        )
        entry_id = cursor.fetchone()[0]
        values = [
            (entry_id, position, checked.dated_on, *line)
            for position, line in enumerate(checked.lines, 1)
        ]
        cursor.execute(
            "INSERT INTO plain_line (entry_id, position, dated_on, book_id, account_id,"
            " beneficiary_id, amount_currency, amount) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(values)),
            [value for row in values for value in row],
        )


def _commits(world: World, write: Callable[[NewEntry], None], prefix: str) -> float:
    """Commits a second of all connections together."""
    _vacuum()
    connections.close_all()
    context = get_context("fork")
    barrier = context.Barrier(CONNECTIONS)
    counts = context.Queue()
    workers = [
        context.Process(
            target=_work, args=(world, write, f"{prefix}:{n}", barrier, counts), daemon=True
        )
        for n in range(CONNECTIONS)
    ]
    for worker in workers:
        worker.start()
    total = sum(counts.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    return float(total) / SECONDS_OF_POSTING


def _work(
    world: World,
    write: Callable[[NewEntry], None],
    prefix: str,
    barrier: Barrier,
    counts: "object",
) -> None:
    chosen = random.Random(prefix)
    gross, fee = usd("1250.00"), usd("100.00")
    connection.ensure_connection()
    barrier.wait()
    end = perf_counter() + SECONDS_OF_POSTING
    count = 0
    while perf_counter() < end:
        owner = chosen.choice(world.owners)
        write(
            NewEntry(
                entity_id=world.entity.pk,
                key=f"{prefix}:{count}",
                kind="receipt",
                dated_on=FIRST_DAY,
                memo="Rent",
                lines=[
                    NewLine(world.book.pk, world.chart.bank, gross),
                    NewLine(world.book.pk, world.chart.claims, -gross, owner),
                    NewLine(world.book.pk, world.chart.claims, fee, owner),
                    NewLine(world.book.pk, world.chart.claims, -fee, world.company.pk),
                ],
            )
        )
        count += 1
    counts.put(count)  # type: ignore[attr-defined]


def _post_some(world: World) -> float:
    """How long it takes to post a hundred thousand more."""
    entries = world.entries(BULK)
    return seconds(lambda: services.post_many(entries))


def bench_balances(size: Size) -> Iterator[Row]:
    """Reading the balances of a book of 100,000 beneficiaries."""
    world = World(beneficiaries=BENEFICIARIES)
    parts = 25 if size.is_full else 1
    spent = 0.0
    for _ in range(parts):
        spent += _post_some(world)
    gc.collect()  # The entries were half a million objects, which no web process carries about.
    _vacuum()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_line")
        stored = cursor.fetchone()[0]
    note = f"{stored:,} lines stored"
    book_id, some = world.book.pk, random.Random(3)

    def one() -> object:
        return queries.balance(book_id=book_id, beneficiary_id=some.choice(world.owners))

    def one_past() -> object:
        return queries.balance(
            book_id=book_id, beneficiary_id=some.choice(world.owners), on=date(2026, 2, 28)
        )

    def plain_rows() -> object:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT beneficiary_id, amount FROM ledger_balance"
                " WHERE book_id = %s AND beneficiary_id IS NOT NULL",
                [book_id],
            )
            return cursor.fetchall()

    yield Row("posting them, in parts of 100,000", parts * BULK / spent, "1/s", note=note)
    yield Row("balance of one beneficiary", milliseconds(one), "ms", 1, at_least=False, note=note)
    yield Row("  the same, as of a past day", milliseconds(one_past), "ms", note=note)
    yield Row(
        f"balances of all {BENEFICIARIES:,} beneficiaries of a book",
        milliseconds(lambda: queries.balances(book_id=book_id)),
        "ms",
        100,
        at_least=False,
        note=note,
    )
    yield Row("  plain SELECT of the same rows", milliseconds(plain_rows), "ms", note=note)
    yield Row(
        "  the same, as of the day before the last",
        milliseconds(lambda: queries.balances(book_id=book_id, on=date(2026, 3, 30)), times=5),
        "ms",
        note=note,
    )
    yield Row(
        "trust equation of a book",
        milliseconds(lambda: queries.trust_equation(book_id)),
        "ms",
        5,
        at_least=False,
        note=note,
    )
    yield Row(
        "beneficiaries overdrawn",
        milliseconds(lambda: queries.overdrawn(book_id)),
        "ms",
        note=note,
    )
