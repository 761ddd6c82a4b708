"""What a run is made from: lines that no draw has counted, openings, and money not seasoned yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Max

from disbursements.models import Advance, DrawProperty, Run
from disbursements.types import ClaimLine, HeldBack, Owed
from fees.models import Fee
from leases.models import ManagementAgreement
from proptrust.lib.banking import add_banking_days
from receivables.models import Allocation, PaymentAuthorisation, Receipt
from receivables.seasoning import MOST_FOR_RETURNS, seasoned_on_many

# Longer than any transaction lives: what was being posted while the last run was frozen.
_STILL_WRITING = timedelta(days=1)
# A line is looked at if it counts for a day after the last run's cut-off, or was posted since: all
# others were there when that run was frozen, and it has counted them.
_UNCOUNTED = """
    SELECT l.id, l.entry_id, l.book_id, l.beneficiary_id, -l.amount, l.dated_on,
        e.kind, e.reverses_id, e.adjusts_id IS NOT NULL
    FROM ledger_entry e
    JOIN ledger_line l ON l.entry_id = e.id
    JOIN ledger_beneficiary y ON y.id = l.beneficiary_id AND y.kind = 'owner'
    JOIN ledger_book b ON b.id = l.book_id AND b.kind = 'trust'
    WHERE e.entity_id = %(entity)s
        AND (%(after)s::date IS NULL OR e.dated_on > %(after)s::date
            OR e.known_at > %(since)s::timestamptz)
        AND NOT EXISTS (
            SELECT FROM disbursements_drawline d
            WHERE d.line_id = l.id AND d.part IN ('counted', 'sent')
        )
    ORDER BY l.dated_on, l.id
"""

_Claim = tuple[int, int]
# No bank can take these back.
_AT_ONCE = (Receipt.Channel.OPENING, Receipt.Channel.DEPOSIT)
# Processors pay out within weeks; what takes longer is a finding of its own.
_LATEST_PAYOUT = 45


def last_paid_run(entity_id: int) -> Run | None:
    """The run whose closings are the next openings."""
    return Run.objects.filter(entity=entity_id, state__in=Run.PAID).order_by("-id").first()


def uncounted_lines(entity_id: int, last: Run | None) -> list[ClaimLine]:
    """The lines of all owners' claims that no draw has counted, by day."""
    with connection.cursor() as cursor:
        cursor.execute(
            _UNCOUNTED,
            {
                "entity": entity_id,
                "after": last.cut_off_on if last else None,
                "since": last.made_at - _STILL_WRITING if last else None,
            },
        )
        return [ClaimLine(*row) for row in cursor.fetchall()]


def openings(last: Run | None) -> dict[_Claim, tuple[Decimal, Decimal]]:
    """By (book, beneficiary): what the last run left in the claim, and what of it as reserve."""
    if last is None:
        return {}
    rows = DrawProperty.objects.filter(draw__run=last).values_list(
        "draw__book_id", "beneficiary_id", "closing", "reserve_held"
    )
    return {(book, who): (closing, reserve) for book, who, closing, reserve in rows}


def held_back(entity_id: int, *, cut_off_on: date, pays_on: date) -> list[HeldBack]:
    """What of the receipts up to the cut-off is not seasoned on the day of payment.

    The fee on it is taken off: it comes back together with the payment.
    """
    since = cut_off_on - timedelta(days=_longest(entity_id))
    rows = list(
        Allocation.objects.filter(
            receipt__entity=entity_id,
            receipt__received_on__gte=since,
            receipt__state=Receipt.State.SETTLED,
            undone_by__isnull=True,
            entry__dated_on__lte=cut_off_on,
        )
        .exclude(receipt__channel__in=_AT_ONCE)
        .values_list(
            "id", "receipt_id", "entry_id", "entry__dated_on", "parts", "charge__lease_id",
            "receipt__book_id",
        )
    )  # fmt: skip
    days = _seasoned({row[1] for row in rows}, by=pays_on)
    late = [row for row in rows if days[row[1]] > pays_on]
    fees = _fees_on([row[0] for row in late])
    found: list[HeldBack] = []
    for id_, receipt_id, entry_id, dated_on, parts, lease_id, book_id in late:
        for who, part in parts.items():
            amount = Decimal(part) - fees.get((id_, int(who)), Decimal(0))
            if amount > 0:
                found.append(
                    HeldBack(
                        book_id, int(who), entry_id, amount, dated_on, lease_id, days[receipt_id]
                    )
                )
    return found


def _seasoned(receipt_ids: Collection[int], *, by: date) -> dict[int, date]:
    """The first day on which the money of each receipt may be paid out.

    by: the day of payment; what has not reached the bank yet comes after it.
    """
    later = add_banking_days(by, 1)
    return {
        receipt_id: each.on if each.on is not None else later
        for receipt_id, each in seasoned_on_many(receipt_ids).items()
    }


def _longest(entity_id: int) -> int:
    """Calendar days in which every receipt is seasoned; a week beside the weekends for holidays."""
    terms = ManagementAgreement.objects.filter(property__entity=entity_id)
    agreed: int = terms.aggregate(most=Max("seasoning_days"))["most"] or 0
    holds = PaymentAuthorisation.objects.filter(lease__entity=entity_id)
    held: int = holds.aggregate(most=Max("hold_days"))["most"] or 0
    return max(2 * max(agreed + MOST_FOR_RETURNS, held) + 7, _LATEST_PAYOUT)


def _fees_on(allocation_ids: Sequence[int]) -> dict[_Claim, Decimal]:
    """By (allocation, beneficiary): the fee that came out of a payment and was not given back."""
    found: dict[_Claim, Decimal] = defaultdict(Decimal)
    rows = Fee.objects.filter(allocation__in=allocation_ids, entry__isnull=False)
    for allocation_id, parts in rows.values_list("allocation_id", "parts"):
        for who, part in parts.items():
            found[allocation_id, int(who)] += Decimal(part)
    return found


def owed_advances(entity_id: int) -> dict[_Claim, list[Owed]]:
    """By (owner, book): the advances that wait to be paid back, the oldest first."""
    rows = (
        Advance.objects.filter(recovery__entity=entity_id)
        .select_related("recovery")
        .order_by("on", "id")
    )
    found: dict[_Claim, list[Owed]] = defaultdict(list)
    for row in rows:
        left = (row.amount - row.repaid).amount
        if left > 0:
            found[row.recovery.owner_id, row.recovery.book_id].append(
                Owed(row.pk, row.recovery.beneficiary_id, left)
            )
    return found
