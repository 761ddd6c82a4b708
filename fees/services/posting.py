"""Fees into the journal: many at once, with a constant number of statements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from django.db import models
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Concat
from moneyed import Money

from fees import postings
from fees.models import Fee
from fees.postings import Company
from fees.services.locks import Claim
from leases.models import Property
from ledger.charts import chart
from ledger.company import company_of, operating_book_of
from ledger.errors import PeriodClosed
from ledger.models import Book, Entry, Period
from ledger.services import post_many
from ledger.types import NewEntry
from proptrust.lib.money import ZERO, plain, usd

BATCH = 2000
Parts = Mapping[int, Money]


class Purse:
    """What owners have for fees in one run: never more than is held for them, never below zero.

    held: their claims when the run began. What the run itself gives back may be taken again.
    """

    def __init__(self, held: Mapping[Claim, Money]) -> None:
        self._left = {claim: max(amount, ZERO) for claim, amount in held.items()}

    def has(self, book_id: int, parts: Parts) -> bool:
        """Whether every owner has their part."""
        return all(self.left(book_id, who) >= part for who, part in parts.items())

    def left(self, book_id: int, who: int) -> Money:
        """What an owner has left."""
        return self._left.get((book_id, who), ZERO)

    def spend(self, book_id: int, parts: Parts) -> None:
        """Take the parts; parts below zero are given."""
        for who, part in parts.items():
            self._left[book_id, who] = self.left(book_id, who) - part

    def shut(self, book_id: int, parts: Parts) -> None:
        """Let nothing newer overtake a fee of these owners that must wait."""
        for who in parts:
            self._left[book_id, who] = ZERO


def company(entity_id: int) -> Company:
    """Where the fees of an entity are posted."""
    return Company(chart(entity_id), company_of(entity_id), operating_book_of(entity_id))


def parts_of(fee: Fee) -> dict[int, Money]:
    """The parts of a fee as money."""
    return {int(who): usd(part) for who, part in fee.parts.items()}


def stored(parts: Parts) -> dict[str, str]:
    """Parts as a fee keeps them; PostgreSQL compares the texts."""
    return {str(who): f"{part.amount:.2f}" for who, part in parts.items() if part}


def mirror(fee: Fee, *, on: date, reason: str = "", made_by_id: int | None = None) -> Fee:
    """The fee that gives another back: its parts and its rate, whatever holds today. Not saved."""
    return Fee(
        entity_id=fee.entity_id,
        property_id=fee.property_id,
        lease_id=fee.lease_id,
        agreement_id=fee.agreement_id,
        book_id=fee.book_id,
        kind=fee.kind,
        allocation_id=fee.allocation_id,
        basis=-fee.basis,
        rate=fee.rate,
        amount=-fee.amount,
        parts=stored({who: -part for who, part in parts_of(fee).items()}),
        counts_on=on,
        month=fee.month,
        key=f"back:{fee.pk}",
        reason=reason,
        reverses=fee,
        made_by_id=made_by_id,
    )


def affordable(fee: Fee, purse: Purse) -> tuple[Fee | None, list[Fee]]:
    """A fee of no payment as far as the owners' money reaches: what is taken, and what waits.

    It stays one fee while all have their part; else one takes what they have, and one waits for
    each owner who is short. What is taken is spent.
    """
    parts = parts_of(fee)
    has = {who: min(part, purse.left(fee.book_id, who)) for who, part in parts.items()}
    taken = {who: part for who, part in has.items() if part > ZERO}
    purse.spend(fee.book_id, taken)
    if taken == parts:
        return fee, []
    short = [{who: part - has[who]} for who, part in parts.items() if part > has[who]]
    if not taken and len(short) == 1:
        return None, [fee]
    pieces = [*([taken] if taken else []), *short]
    made = [_piece(fee, piece, number) for number, piece in enumerate(pieces)]
    return (made[0], made[1:]) if taken else (None, made)


def _piece(fee: Fee, parts: Parts, number: int) -> Fee:
    """A part of a fee; the pieces share its basis by what each of them takes."""
    piece = Fee(
        **{
            field.attname: getattr(fee, field.attname)
            for field in Fee._meta.concrete_fields
            if field.attname not in ("id", "made_at")
        }
    )
    piece.amount = sum(parts.values(), ZERO)
    piece.basis, piece.rate = (fee.basis, fee.rate) if number == 0 else (ZERO, fee.rate)
    piece.parts = stored(parts)
    piece.key = fee.key if number == 0 else f"{fee.key}.{number}"
    return piece


def write(
    new: Sequence[Fee], *, waiting: Iterable[Fee] = (), posted_by_id: int | None = None
) -> None:
    """Write new fees of one entity, posting all but those in waiting; entries before their fees.

    Seven statements, however many fees there are.
    """
    if not new:
        return
    waits = {id(fee) for fee in waiting}
    posted = [fee for fee in new if id(fee) not in waits]
    entries = post([(fee, fee.counts_on) for fee in posted], posted_by_id=posted_by_id)
    for fee in posted:
        fee.entry_id = entries[_entry_key(fee)]
    Fee.objects.bulk_create(new, batch_size=BATCH)


def post_waiting(fees: Sequence[Fee], *, on: date, posted_by_id: int | None = None) -> None:
    """Post fees that waited, on a day. The caller holds them."""
    if not fees:
        return
    post([(fee, max(on, fee.counts_on)) for fee in fees], posted_by_id=posted_by_id)
    entry = Entry.objects.filter(
        entity=OuterRef("entity_id"), key=Concat(Value("fee:"), OuterRef("key"))
    ).values("id")[:1]
    Fee.objects.filter(pk__in=[fee.pk for fee in fees]).update(entry=Subquery(entry))


def post(fees: Sequence[tuple[Fee, date]], *, posted_by_id: int | None = None) -> dict[str, int]:
    """Post fees of one entity, each on its day or the first open one; entry ids by their keys."""
    if not fees:
        return {}
    entity_id = fees[0][0].entity_id
    books = _property_books({fee.property_id for fee, _ in fees})
    where = company(entity_id)
    while True:
        days = _Days.load(entity_id)
        entries = [
            _entry(fee, day, where, books[fee.property_id], days, posted_by_id) for fee, day in fees
        ]
        try:
            post_many(entries)
            break
        except PeriodClosed:
            # Somebody has closed a period since the days were looked up; else it stays refused.
            if _Days.load(entity_id).closed == days.closed:
                raise
    keys = [entry.key for entry in entries]
    return dict(Entry.objects.filter(entity=entity_id, key__in=keys).values_list("key", "id"))


def _property_books(property_ids: Iterable[int]) -> dict[int, int]:
    rows = Property.objects.filter(pk__in=set(property_ids))
    return dict(rows.values_list("pk", "book_id"))


def _entry_key(fee: Fee) -> str:
    return f"fee:{fee.key}"


def _entry(
    fee: Fee,
    day: date,
    where: Company,
    property_book_id: int,
    days: "_Days",
    posted_by_id: int | None,
) -> NewEntry:
    lines = postings.fee_lines(
        where,
        kind=fee.kind,
        book_id=fee.book_id,
        property_book_id=property_book_id,
        amount=fee.amount,
        parts=parts_of(fee),
    )
    dated_on, adjusts_id = days.dated_for({line.book_id for line in lines}, day)
    return NewEntry(
        entity_id=fee.entity_id,
        key=_entry_key(fee),
        kind=Entry.Kind.TRANSFER if fee.amount > ZERO else Entry.Kind.RETURN,
        dated_on=dated_on,
        memo=memo(fee)[:300],
        lines=lines,
        posted_by_id=posted_by_id,
        adjusts_id=adjusts_id,
    )


def memo(fee: Fee) -> str:
    """What a fee's entry is called: Management fee, 8 % of 1,234.56."""
    what = fee.get_kind_display()
    if fee.rate and fee.basis:
        what = f"{what}, {postings.percent(fee.rate)} of {plain(abs(fee.basis))}"
    if fee.month:
        what = f"{what}, {fee.month:%B %Y}"
    if fee.reason:
        what = f"{what}: {fee.reason}"
    return f"Given back: {what}" if fee.amount < ZERO else what


class _Days:
    """On which day a fact may be dated in several books, and the closed period that it adjusts.

    The same answers as ledger.queries.dated_for, which asks the database for each fact.
    """

    def __init__(self, closed: dict[int, date]) -> None:
        self.closed = closed
        self._periods: dict[int, list[Period]] = {}

    @classmethod
    def load(cls, entity_id: int) -> "_Days":
        """The days through which the books of an entity are closed, in one query."""
        rows = Book.objects.filter(entity=entity_id, closed_through__isnull=False)
        return cls(
            {pk: through for pk, through in rows.values_list("pk", "closed_through") if through}
        )

    def dated_for(self, book_ids: Iterable[int], day: date) -> tuple[date, int | None]:
        """The first day from a day on that is open in all books, and the period it was in."""
        books = sorted(book_ids)
        late = [pk for pk in books if pk in self.closed and day <= self.closed[pk]]
        if not late:
            return day, None
        dated_on = max(self.closed[pk] for pk in late) + timedelta(days=1)
        for pk in late:
            for period in self._closed_periods(pk):
                if period.first_on <= day <= period.last_on:
                    return dated_on, period.pk
        return dated_on, None

    def _closed_periods(self, book_id: int) -> list[Period]:
        """The closed periods of a book; those of all closed books are read at the first need."""
        if not self._periods:
            self._periods = {pk: [] for pk in self.closed}
            rows: models.QuerySet[Period] = Period.objects.filter(
                book__in=self.closed, closed_at__isnull=False
            )
            for period in rows:
                self._periods[period.book_id].append(period)
        return self._periods[book_id]
