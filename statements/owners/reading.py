"""The facts of many owner statements, in a number of queries that no owner or line adds to."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from disbursements.models import DrawLine, DrawProperty, Section
from disbursements.sections import classified
from disbursements.types import ClaimLine
from fees.models import Fee
from leases.models import LeaseTenant, OwnershipShare
from leases.queries import agreements_of_many, shares_of_many
from ledger import queries as ledger
from ledger.models import Book, Entry
from payables.models import BillLine, LinePayment
from payments.models import Payment
from proptrust.lib.money import plain, split
from receivables.models import Allocation, ChargeKind
from statements.errors import StillWriting
from statements.models import OwnerStatement, TrustReport
from statements.owners import composing
from statements.owners.stored import covering, needed_by
from statements.owners.types import (
    Account,
    Claim,
    Earlier,
    Moved,
    Owned,
    OwnerCover,
    Paper,
    Share,
    StatementFacts,
    Told,
)

# How far behind the last day "next cycle" looks.
NEXT_DAYS = 31
# A process that writes for longer than this is stuck, and a person must look.
PATIENCE = timedelta(minutes=10)

# Every entry known up to this moment can be read by a snapshot that is taken afterwards: an entry
# is known from the start of the statement that writes it, so that whatever is being written now is
# known later than the oldest writing transaction, or the oldest statement that may yet write.
_SETTLED = """
    SELECT statement_timestamp(), min(
        CASE WHEN backend_xid IS NOT NULL THEN xact_start
             WHEN state = 'active' THEN query_start END
    ) - interval '1 microsecond'
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
"""
# wanted: a beneficiary of a statement, and the days that its statement looks at.
_LINES = """
    SELECT w.statement, l.id, l.entry_id, l.book_id, l.beneficiary_id, -l.amount, l.dated_on,
        e.known_at, e.digest, e.kind, e.memo, e.reverses_id, p.first_on
    FROM unnest(%(statements)s::bigint[], %(who)s::bigint[], %(first)s::date[], %(last)s::date[],
        %(since)s::timestamptz[]) AS w (statement, beneficiary, first_on, last_on, since)
    JOIN ledger_book b ON b.entity_id = %(entity)s AND b.kind = 'trust'
    JOIN ledger_line l ON l.book_id = b.id AND l.beneficiary_id = w.beneficiary
    JOIN ledger_entry e ON e.id = l.entry_id
    LEFT JOIN ledger_period p ON p.id = e.adjusts_id
    WHERE e.known_at <= %(known_at)s
        AND (l.dated_on BETWEEN w.first_on AND w.last_on OR e.known_at > w.since
            OR l.id = ANY(%(always)s))
    ORDER BY w.statement, l.dated_on, l.id
"""
_OPENINGS = """
    SELECT w.statement, l.book_id, l.beneficiary_id, -sum(l.amount)
    FROM unnest(%(statements)s::bigint[], %(who)s::bigint[], %(first)s::date[])
        AS w (statement, beneficiary, first_on)
    JOIN ledger_book b ON b.entity_id = %(entity)s AND b.kind = 'trust'
    JOIN ledger_line l ON l.book_id = b.id AND l.beneficiary_id = w.beneficiary
    JOIN ledger_entry e ON e.id = l.entry_id
    WHERE l.dated_on < w.first_on AND e.known_at <= %(known_at)s
    GROUP BY w.statement, l.book_id, l.beneficiary_id
"""


def settled_moment() -> datetime:
    """The moment up to which a snapshot taken afterwards shows everything that was known.

    Without it a statement could miss an entry known a moment before it, and the next one, which
    looks for what became known since, would miss it too. Raises StillWriting if it is long ago.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED)
        now, oldest = cursor.fetchone()
    moment: datetime = min(oldest or now, now)
    if now - moment > PATIENCE:
        raise StillWriting(
            f"Another process has been writing to the books since {moment:%Y-%m-%d %H:%M %Z};"
            " try again when it has finished."
        )
    return moment


def statement_facts(
    statements: Sequence[OwnerStatement], *, known_at: datetime
) -> dict[int, StatementFacts]:
    """The facts of statements of one legal entity and one last day, by statement.

    Call it in one repeatable-read transaction, so that all of them show one moment.
    """
    if not statements:
        return {}
    entity_id, to_on = statements[0].entity_id, statements[0].to_on
    needed = needed_by(statements)
    follows = {one.pk: _followed(one, needed.get(one.owner_id, ())) for one in statements}
    replaces = {one.pk: _replaced(one, needed.get(one.owner_id, ())) for one in statements}
    owned = _owned({one.owner_id for one in statements})
    lines = _lines(statements, owned, follows, known_at)
    moved = _moved(lines)
    earlier = covering(_days_before(statements, moved))
    openings = _openings([one for one in statements if not follows[one.pk]], owned, known_at)
    accounts = _accounts(entity_id, to_on, known_at)
    reserves = _reserves(statements, owned, to_on)
    return {
        one.pk: StatementFacts(
            cover=_cover(one, follows[one.pk], known_at),
            from_on=one.from_on,
            to_on=one.to_on,
            run_id=one.run_id,
            owned=owned.get(one.owner_id, ()),
            accounts=accounts,
            openings=openings.get(one.pk, {}),
            moved=moved.get(one.pk, ()),
            reserves=reserves.get(one.owner_id, {}),
            follows=follows[one.pk],
            replaces=replaces[one.pk],
            earlier=[each for each in earlier.get(one.owner_id, ()) if each.to_on < one.from_on],
        )
        for one in statements
    }


def _followed(one: OwnerStatement, earlier: Iterable[Earlier]) -> Earlier | None:
    """The last version of the statement that ends the day before this one begins."""
    before = one.from_on - timedelta(days=1)
    found = [each for each in earlier if each.to_on == before]
    return max(found, key=lambda each: each.statement_id, default=None)


def _replaced(one: OwnerStatement, earlier: Iterable[Earlier]) -> Earlier | None:
    return next((each for each in earlier if each.statement_id == one.supersedes_id), None)


def _days_before(
    statements: Sequence[OwnerStatement], moved: Mapping[int, Sequence[Moved]]
) -> dict[int, set[date]]:
    """By owner: the days before a statement's first one that its lines are about."""
    found: dict[int, set[date]] = defaultdict(set)
    for one in statements:
        for line in moved.get(one.pk, ()):
            days = (line.undoes_on, line.adjusts_on, line.dated_on)
            found[one.owner_id] |= {on for on in days if on is not None and on < one.from_on}
    return found


def _cover(one: OwnerStatement, follows: Earlier | None, known_at: datetime) -> OwnerCover:
    old, run = one.supersedes, one.run
    return OwnerCover(
        statement_id=one.pk,
        version=one.version,
        supersedes=f"version {old.version}, SHA-256 {old.sha256}" if old else "",
        follows=f"{follows.title}, SHA-256 {follows.sha256}" if follows else "",
        entity=one.entity.name,
        state=one.entity.state,
        licence_number=one.entity.licence_number,
        owner=one.owner.name,
        owner_code=one.owner.code,
        address=one.owner.address,
        from_on=one.from_on.isoformat(),
        to_on=one.to_on.isoformat(),
        run=(
            f"Owner draws up to {composing.day(run.cut_off_on)},"
            f" paid on {composing.day(run.pays_on)}"
            if run
            else ""
        ),
        known_at=known_at.isoformat(),
        time_zone=one.entity.time_zone,
        currency="USD",
    )


def _owned(owner_ids: Collection[int]) -> dict[int, list[Owned]]:
    """Every property that each owner has or had, with the shares of all days."""
    rows = (
        OwnershipShare.objects.filter(owner__in=owner_ids)
        .select_related("property")
        .order_by("property__name", "property_id", "from_on")
    )
    shares: dict[tuple[int, int], list[OwnershipShare]] = defaultdict(list)
    for row in rows:
        shares[row.owner_id, row.beneficiary_id].append(row)
    found: dict[int, list[Owned]] = defaultdict(list)
    for (owner_id, beneficiary_id), parts in shares.items():
        where = parts[0].property
        place = ", ".join(part for part in (where.street, where.city, where.state) if part)
        found[owner_id].append(
            Owned(
                beneficiary_id=beneficiary_id,
                property_id=where.pk,
                book_id=where.rent_book_id,
                name=where.name,
                place=place,
                shares=[
                    Share(
                        part.share,
                        part.share if part.tax_share is None else part.tax_share,
                        part.from_on,
                        part.until_on,
                    )
                    for part in parts
                ],
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a claim as the ledger has it."""

    line_id: int
    entry_id: int
    book_id: int
    beneficiary_id: int
    amount: Decimal
    dated_on: date
    known_at: datetime
    digest: str
    kind: str
    memo: str
    reverses_id: int | None
    adjusts_on: date | None


@dataclass(slots=True)
class _Read:
    """Lines by statement, and which property each beneficiary is of."""

    by_statement: dict[int, list[_Line]] = field(default_factory=lambda: defaultdict(list))
    property_of: dict[int, int] = field(default_factory=dict)

    def every(self) -> dict[int, _Line]:
        """All lines by their ids, each once."""
        return {line.line_id: line for lines in self.by_statement.values() for line in lines}


def _lines(
    statements: Sequence[OwnerStatement],
    owned: Mapping[int, Sequence[Owned]],
    follows: Mapping[int, Earlier | None],
    known_at: datetime,
) -> _Read:
    wanted: list[tuple[int, int, date, date, datetime | None]] = []
    of_runs = _lines_of_runs({one.run_id for one in statements if one.run_id})
    always = set(of_runs)
    for one in statements:
        before = follows[one.pk]
        always |= before.carried if before else frozenset()
        new_year = date(one.to_on.year, 1, 1)
        is_same_year = before is not None and before.to_on.year == one.to_on.year
        first = one.from_on if is_same_year else min(one.from_on, new_year)
        last = one.to_on + timedelta(days=NEXT_DAYS)
        since = before.known_at if before else None
        wanted += [
            (one.pk, each.beneficiary_id, first, last, since)
            for each in owned.get(one.owner_id, ())
        ]
    read = _Read()
    for each in owned.values():
        read.property_of |= {one.beneficiary_id: one.property_id for one in each}
    if not wanted:
        return read
    ids, who, firsts, lasts, sinces = map(list, zip(*wanted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _LINES,
            {
                "entity": statements[0].entity_id, "statements": ids, "who": who,
                "first": firsts, "last": lasts, "since": sinces, "known_at": known_at,
                "always": list(always),
            },
        )  # fmt: skip
        for statement_id, *columns in cursor.fetchall():
            read.by_statement[statement_id].append(_Line(*columns))
    return read


def _lines_of_runs(run_ids: Collection[int]) -> set[int]:
    """The ledger lines by which runs paid, withheld and netted."""
    if not run_ids:
        return set()
    rows = DrawLine.objects.filter(
        part=DrawLine.Part.SENT, draw_property__draw__run__in=run_ids, line__isnull=False
    )
    return {line_id for line_id in rows.values_list("line_id", flat=True) if line_id}


def _openings(
    statements: Sequence[OwnerStatement], owned: Mapping[int, Sequence[Owned]], known_at: datetime
) -> dict[int, dict[Claim, Decimal]]:
    """What the ledger held for each claim before the first day, where no statement comes before."""
    wanted = [
        (one.pk, each.beneficiary_id, one.from_on)
        for one in statements
        for each in owned.get(one.owner_id, ())
    ]
    found: dict[int, dict[Claim, Decimal]] = defaultdict(dict)
    if not wanted:
        return found
    ids, who, firsts = map(list, zip(*wanted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _OPENINGS,
            {
                "entity": statements[0].entity_id, "statements": ids, "who": who,
                "first": firsts, "known_at": known_at,
            },
        )  # fmt: skip
        for statement_id, book_id, beneficiary_id, amount in cursor.fetchall():
            found[statement_id][book_id, beneficiary_id] = amount
    return found


def _moved(read: _Read) -> dict[int, list[Moved]]:
    """The lines with their sections and what they are about."""
    every = read.every()
    sections = classified(
        [
            ClaimLine(
                line.line_id, line.entry_id, line.book_id, line.beneficiary_id, line.amount,
                line.dated_on, line.kind, line.reverses_id, line.adjusts_on is not None,
            )
            for line in every.values()
        ]
    )  # fmt: skip
    runs = _run_sections(every)
    words = _Words.read(every.values())
    first_days = _days_of({entry_id for each in words.undoes.values() for entry_id in each})
    found: dict[int, list[Moved]] = {}
    for statement_id, lines in read.by_statement.items():
        found[statement_id] = [
            _one(line, read.property_of[line.beneficiary_id], sections, runs, words, first_days)
            for line in lines
        ]
    return found


def _one(
    line: _Line,
    property_id: int,
    sections: Mapping[int, tuple[Section, int | None]],
    runs: Mapping[int, tuple[int, str]],
    words: "_Words",
    first_days: Mapping[int, date],
) -> Moved:
    run_id, section = runs.get(line.line_id, (None, sections[line.line_id][0].value))
    undoes = tuple(sorted(words.undoes.get(line.entry_id, ())))
    return Moved(
        line_id=line.line_id,
        entry_id=line.entry_id,
        book_id=line.book_id,
        beneficiary_id=line.beneficiary_id,
        amount=line.amount,
        dated_on=line.dated_on,
        known_at=line.known_at,
        digest=line.digest,
        section=section,
        told=words.told(line, property_id),
        run_id=run_id,
        pays_draw=line.entry_id in words.draws,
        undoes=undoes,
        undoes_on=min((first_days[entry_id] for entry_id in undoes), default=None),
        adjusts_on=line.adjusts_on,
    )


def _run_sections(line_ids: Collection[int]) -> dict[int, tuple[int, str]]:
    """The run and the section of lines that a run posted itself."""
    rows = DrawLine.objects.filter(line__in=line_ids, part=DrawLine.Part.SENT)
    return {
        line_id: (run_id, section)
        for line_id, run_id, section in rows.values_list(
            "line_id", "draw_property__draw__run_id", "section"
        )
    }


def _days_of(entry_ids: Collection[int]) -> dict[int, date]:
    return dict(Entry.objects.filter(pk__in=entry_ids).values_list("pk", "dated_on"))


@dataclass(slots=True)
class _Words:
    """What entries are about, by entry and property.

    places: the properties that an entry is about. undoes: the entries that each takes back. draws:
    entries by which an owner draw was paid.
    """

    units: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    tenants: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    papers: dict[tuple[int, int], dict[int, Paper]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    places: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    payments: dict[int, str] = field(default_factory=dict)
    undoes: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    draws: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, lines: Iterable[_Line]) -> "_Words":
        """What the apps below know of these entries; a reversal is about what its original is."""
        words = cls()
        reverses = {line.entry_id: line.reverses_id for line in lines if line.reverses_id}
        entry_ids = {line.entry_id for line in lines} | set(reverses.values())
        words._read_rent(entry_ids)
        words._read_fees(entry_ids)
        words._read_payments(entry_ids)
        for entry_id, original_id in reverses.items():
            words.undoes[entry_id].add(original_id)
            words._copy(entry_id, original_id)
        return words

    def told(self, line: _Line, property_id: int) -> Told:
        """A line in words: what the apps know, or the memo of its entry."""
        at = line.entry_id, property_id
        what = "; ".join(dict.fromkeys(self.parts.get(at, ())))
        payment = self.payments.get(line.entry_id, "")
        if payment:
            what = f"{what} ({payment})" if what else payment
        return Told(
            unit=", ".join(dict.fromkeys(self.units.get(at, ()))),
            tenant=", ".join(dict.fromkeys(self.tenants.get(at, ()))),
            what=what or line.memo,
            papers=tuple(self.papers.get(at, {}).values()),
        )

    def _copy(self, entry_id: int, original_id: int) -> None:
        for property_id in self.places.get(original_id, ()):
            at, original = (entry_id, property_id), (original_id, property_id)
            self.units[at] = self.units[original]
            self.tenants[at] = self.tenants[original]
            self.parts[at] = self.parts[original]
            self.papers[at] = self.papers[original]
        if original_id in self.payments:
            self.payments[entry_id] = self.payments[original_id]

    def _read_rent(self, entry_ids: Collection[int]) -> None:
        """Which charges of whom an entry paid, or stopped paying."""
        rows = list(
            Allocation.objects.filter(receipt__isnull=False)
            .filter(Q(entry__in=entry_ids) | Q(undone_by__in=entry_ids))
            .order_by("id")
            .values_list(
                "entry_id", "undone_by_id", "amount", "charge__kind", "charge__due_on",
                "charge__lease_id", "charge__lease__unit__code",
                "charge__lease__unit__property_id", "undone_by__memo",
            )
        )  # fmt: skip
        tenants = _tenants({row[5] for row in rows})
        for entry_id, undone_by, amount, kind, due_on, lease_id, unit, property_id, memo in rows:
            what = f"{ChargeKind(kind).label} {due_on:%B %Y}, {amount:,.2f} in all"
            if entry_id in entry_ids:
                self._add(entry_id, property_id, unit, tenants[lease_id], what)
            if undone_by in entry_ids:
                self._add(undone_by, property_id, unit, tenants[lease_id], f"{memo}: {what}")
                if undone_by != entry_id:
                    self.undoes[undone_by].add(entry_id)

    def _read_fees(self, entry_ids: Collection[int]) -> None:
        rows = Fee.objects.filter(entry__in=entry_ids).order_by("id")
        for row in rows.select_related("lease__unit", "reverses"):
            assert row.entry_id is not None
            what = str(Fee.Kind(row.kind).label)
            if row.rate:
                what += f", {composing.percent(row.rate)} of {plain(abs(row.basis))}"
            if row.reason:
                what += f": {row.reason}"
            original = row.reverses
            if original is not None:
                what = f"Given back: {what}"
                if original.entry_id is not None:
                    self.undoes[row.entry_id].add(original.entry_id)
            unit = row.lease.unit.code if row.lease else ""
            self._add(row.entry_id, row.property_id, unit, "", what)

    def _read_payments(self, entry_ids: Collection[int]) -> None:
        rows = Payment.objects.filter(Q(entry__in=entry_ids) | Q(back_entry__in=entry_ids))
        entries: dict[int, list[int]] = defaultdict(list)
        for row in rows.order_by("id"):
            name = str(row)
            if row.entry_id in entry_ids:
                self.payments[row.entry_id] = name
                entries[row.pk].append(row.entry_id)
                if row.purpose == Payment.Purpose.OWNER_DRAW:
                    self.draws.add(row.entry_id)
            if row.back_entry_id in entry_ids:
                assert row.back_entry_id is not None
                why = row.reason or row.code
                self.payments[row.back_entry_id] = f"{name} came back{': ' if why else ''}{why}"
                self.undoes[row.back_entry_id].add(row.entry_id)
                entries[row.pk].append(row.back_entry_id)
        self._read_bills(entries)

    def _read_bills(self, entries: Mapping[int, Sequence[int]]) -> None:
        """The bills that payments paid, and their papers."""
        rows = (
            LinePayment.objects.filter(payment__in=entries)
            .select_related("line__bill__vendor", "line__bill__work_order", "line__bill__document")
            .defer("line__bill__document__body")
            .order_by("id")
        )
        billed = _properties_of({row.line.bill_id for row in rows})
        for row in rows:
            assert row.payment_id is not None
            bill = row.line.bill
            what = f"{bill.vendor}, bill {bill.number}"
            if bill.work_order is not None:
                what += f", WO-{bill.work_order_id} {bill.work_order.title}"
            memo = row.line.memo or bill.memo
            for entry_id in entries[row.payment_id]:
                at = entry_id, row.line.property_id
                self.places[entry_id].add(row.line.property_id)
                self.parts[at].append(f"{what}{': ' if memo else ''}{memo}, {plain(row.amount)}")
                if bill.document is not None:
                    paper = bill.document
                    self.papers[at][paper.pk] = Paper(
                        paper.pk, paper.name, paper.content_type, paper.size, paper.sha256, what,
                        billed[bill.pk],
                    )  # fmt: skip

    def _add(self, entry_id: int, property_id: int, unit: str, tenant: str, what: str) -> None:
        at = entry_id, property_id
        self.places[entry_id].add(property_id)
        self.parts[at].append(what)
        if unit:
            self.units[at].append(unit)
        if tenant:
            self.tenants[at].append(tenant)


def _properties_of(bill_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """Every property that each bill is for."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = BillLine.objects.filter(bill__in=bill_ids)
    for bill_id, property_id in rows.values_list("bill_id", "property_id"):
        found[bill_id].add(property_id)
    return {bill_id: frozenset(each) for bill_id, each in found.items()}


def _tenants(lease_ids: Collection[int]) -> dict[int, str]:
    """Who lives there, by lease."""
    names: dict[int, list[str]] = {lease_id: [] for lease_id in lease_ids}
    rows = LeaseTenant.objects.filter(lease__in=lease_ids).order_by("id")
    for lease_id, name in rows.values_list("lease_id", "tenant__name"):
        names[lease_id].append(name)
    return {lease_id: ", ".join(each) for lease_id, each in names.items()}


def _accounts(entity_id: int, on: date, known_at: datetime) -> dict[int, Account]:
    """The company's trust accounts on a day; a few queries an account."""
    books = Book.objects.filter(entity=entity_id, kind=Book.Kind.TRUST).order_by("id")
    reports: dict[int, str] = {}
    made = TrustReport.objects.filter(
        entity=entity_id, to_on=on, state=TrustReport.State.MADE
    ).order_by("version")
    for book_id, number, version, digest in made.values_list(
        "bank_account__book_id", "id", "version", "rows_sha256"
    ):
        reports[book_id] = f"Trust report no. {number}, version {version}, rows {digest[:16]}"
    return {
        book.pk: Account(
            book_id=book.pk,
            name=book.name,
            held={
                who: held.amount
                for who, held in ledger.balances(book_id=book.pk, on=on, known_at=known_at).items()
            },
            trust_report=reports.get(book.pk, ""),
        )
        for book in books
    }


def _reserves(
    statements: Sequence[OwnerStatement], owned: Mapping[int, Sequence[Owned]], on: date
) -> dict[int, dict[Claim, Decimal]]:
    """What stays of each claim: what the run kept, else the owner's part of the agreement's."""
    found: dict[int, dict[Claim, Decimal]] = defaultdict(dict)
    properties = {each.property_id: each.book_id for own in owned.values() for each in own}
    agreements = agreements_of_many(list(properties), on)
    owner_of = {each.beneficiary_id: pk for pk, own in owned.items() for each in own}
    for property_id, shares in shares_of_many(list(properties), on).items():
        agreement = agreements.get(property_id)
        if agreement is None or not agreement.reserve_target:
            continue
        parts = split(agreement.reserve_target, [share.share for share in shares])
        for share, part in zip(shares, parts, strict=True):
            if (owner_id := owner_of.get(share.beneficiary_id)) is not None:
                claim = properties[property_id], share.beneficiary_id
                found[owner_id][claim] = part.amount
    run_ids = {one.run_id for one in statements if one.run_id}
    kept = DrawProperty.objects.filter(draw__run__in=run_ids, draw__owner__in=owned)
    for owner_id, book_id, who, reserve in kept.values_list(
        "draw__owner_id", "draw__book_id", "beneficiary_id", "reserve_held"
    ):
        found[owner_id][book_id, who] = reserve
    return found
