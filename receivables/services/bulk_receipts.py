"""Many settled receipts at once, as a housing agency sends them: a few statements for all."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.db.models import OuterRef, Subquery, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat
from moneyed import Money

from leases.errors import LeasesError
from leases.models import Lease
from ledger.charts import chart
from ledger.company import suspense_of
from ledger.models import Entry
from ledger.services import post_many
from ledger.types import NewEntry
from receivables import postings
from receivables.models import Allocation, Receipt
from receivables.services.allocations import plans
from receivables.services.changes import changed
from receivables.services.dating import Dating
from receivables.types import Slice

_Way = tuple[list[Slice], Money]


def post_receipts(
    receipts: Sequence[Receipt], leases: Mapping[int, Lease], *, on: date, posted_by_id: int | None
) -> list[Receipt]:
    """Write and post new receipts of one company and one day, each as record_receipt would.

    receipts: not saved yet, without a convenience fee, their keys free; a lease has one at most.
    leases: those of the receipts, held by the caller, who is inside allocations_change.
    Returns them saved, in the same order. Raises NoOwner.
    """
    if not receipts:
        return []
    for receipt in receipts:
        receipt.state = Receipt.State.PENDING
    made = Receipt.objects.bulk_create(receipts, batch_size=2000)
    ways = _ways(made, leases, on)
    _post(made, ways, leases, on, posted_by_id)
    entry = Entry.objects.filter(
        entity=OuterRef("entity"),
        key=Concat(Value("receipt:"), Cast(OuterRef("pk"), CharField())),
    ).values("id")[:1]
    ids = [each.pk for each in made]
    Receipt.objects.filter(pk__in=ids).update(entry=Subquery(entry), state=Receipt.State.SETTLED)
    posted = Receipt.objects.select_related("entry").in_bulk(ids)
    _allocate(posted, ways)
    return [posted[id_] for id_ in ids]


def _ways(
    receipts: Sequence[Receipt], leases: Mapping[int, Lease], on: date
) -> dict[int, tuple[list[Slice], Money]]:
    """How each receipt pays its lease's charges, and what is left, by receipt."""
    amounts = {each.lease_id: each.gross for each in receipts if each.lease_id is not None}
    planned = plans([leases[lease_id] for lease_id in amounts], amounts, shares_day=on)
    ways: dict[int, _Way] = {}
    for each in receipts:
        way = planned[each.lease_id] if each.lease_id is not None else ([], each.gross)
        if isinstance(way, LeasesError):
            raise way
        ways[each.pk] = way
    return ways


def _post(
    receipts: Sequence[Receipt],
    ways: Mapping[int, _Way],
    leases: Mapping[int, Lease],
    on: date,
    posted_by_id: int | None,
) -> None:
    entity_id = receipts[0].entity_id
    accounts, suspense_id, dating = chart(entity_id), suspense_of(entity_id), Dating(entity_id)

    def entry(receipt: Receipt) -> NewEntry:
        lease = leases[receipt.lease_id] if receipt.lease_id is not None else None
        property_book_id = lease.unit.property.book_id if lease else None
        books = postings.Books(accounts, receipt.book_id, property_book_id)
        slices, rest = ways[receipt.pk]
        claims = postings.claims_of(slices, (lease.prepaid_id if lease else suspense_id, rest))
        days = [
            dating.of(book_id, on) for book_id in (receipt.book_id, property_book_id) if book_id
        ]
        dated_on, adjusts_id = max(days, key=lambda each: each[0])
        where = f"lease {lease.code}" if lease else "not identified"
        return NewEntry(
            entity_id=entity_id,
            key=f"receipt:{receipt.pk}",
            kind=Entry.Kind.RECEIPT,
            dated_on=dated_on,
            memo=f"{receipt.get_channel_display()} from {receipt.payer}, {where}"[:300],
            lines=postings.received(books, receipt.into, claims, postings.collected_by(slices)),
            posted_by_id=posted_by_id,
            adjusts_id=adjusts_id,
        )

    post_many(entry(each) for each in receipts)


def _allocate(posted: Mapping[int, Receipt], ways: Mapping[int, _Way]) -> None:
    rows = []
    for receipt_id, (slices, _) in ways.items():
        receipt = posted[receipt_id]
        if slices and receipt.lease_id is not None:
            changed(receipt.lease_id)
        rows += [
            Allocation(
                receipt=receipt,
                charge_id=each.charge_id,
                amount=each.amount,
                parts={str(who): str(part.amount) for who, part in each.parts.items() if part},
                entry=receipt.entry,
            )
            for each in slices
        ]
    Allocation.objects.bulk_create(rows, batch_size=2000)
