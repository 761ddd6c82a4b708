"""What is billed, open, funded and waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from moneyed import Money
from rapidfuzz import fuzz

from ledger import queries as ledger_queries
from ledger.charts import chart
from payables.models import Bill, BillLine, Vendor
from payables.types import LikeBill, OwnerNeed
from proptrust.lib.money import ZERO, usd
from receivables.models import Allocation, Receipt

# A bill that comes twice mostly comes within a quarter: a reminder, a copy by mail and one by post.
TWICE_WITHIN = timedelta(days=90)
ALIKE_POINTS = 85
# Two amounts this near to each other are worth a question: a late charge, a rounded total.
NEAR_RATE = "0.01"


def owner_needs(bill_ids: Collection[int]) -> list[OwnerNeed]:
    """Where the owners' word is needed before bills may be paid, given or not; one query.

    The rule itself stands in PostgreSQL (sql/owner_needs), which keeps it as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bill_id, property_id, total, threshold, together, is_split, is_approved,"
            " is_rejected FROM payables_owner_needs(%s::bigint[]) ORDER BY bill_id, property_id",
            [list(bill_ids)],
        )
        rows = cursor.fetchall()
    return [
        OwnerNeed(bill, place, usd(total), usd(threshold), usd(together), *flags)
        for bill, place, total, threshold, together, *flags in rows
    ]


def held_by_owner(book_ids: Collection[int]) -> dict[tuple[int, int], Money]:
    """What trust books hold for whom: (book, beneficiary) to an amount; a query for each book."""
    return {
        (book_id, who): held
        for book_id in book_ids
        for who, held in ledger_queries.balances(book_id=book_id).items()
    }


def not_at_the_bank(book_ids: Collection[int]) -> dict[tuple[int, int], Money]:
    """What of those claims is not at the bank yet: with a processor, or checks not deposited.

    Paying it out would take other people's cash (docs/decisions/073-funded-lines.md). One query.
    """
    found: dict[tuple[int, int], Money] = defaultdict(lambda: ZERO)
    for book_id, parts in _not_at_the_bank(book_ids):
        for who, amount in parts.items():
            found[book_id, int(who)] += usd(amount)
    return found


def _not_at_the_bank(book_ids: Collection[int]) -> list[tuple[int, dict[str, str]]]:
    with_processor = Q(
        Q(receipt__remittance__isnull=True) | Q(receipt__remittance__entry__isnull=True),
        receipt__into=Receipt.Into.PROCESSORS,
    )
    in_a_drawer = Q(receipt__into=Receipt.Into.UNDEPOSITED, receipt__deposit_slip__isnull=True)
    rows = Allocation.objects.filter(
        with_processor | in_a_drawer,
        undone_by__isnull=True,
        receipt__state=Receipt.State.SETTLED,
        receipt__book__in=book_ids,
    )
    return list(rows.values_list("receipt__book_id", "parts"))


def cash_at_bank(entity_id: int, book_ids: Collection[int]) -> dict[int, Money]:
    """The cash of trust books less what was paid out of them and is not at the bank yet."""
    bank = chart(entity_id).bank
    return {
        book_id: ledger_queries.account_balance(book_id=book_id, account_id=bank)
        for book_id in book_ids
    }


def open_lines(entity_id: int, bill_ids: Collection[int] | None = None) -> QuerySet[BillLine]:
    """Lines of approved bills with something left to pay, the first due first."""
    rows = BillLine.objects.filter(
        bill__entity=entity_id,
        bill__state__in=Bill.PAYABLE,
        bill__is_credit=False,
        paid__lt=F("amount"),
    )
    if bill_ids is not None:
        rows = rows.filter(bill__in=bill_ids)
    return rows.order_by("bill__due_on", "bill_id", "position")


def bills_to_pay(entity_ids: Collection[int]) -> QuerySet[Bill]:
    """Approved bills that are not paid in full, the first due first."""
    return (
        Bill.objects.filter(entity__in=entity_ids, state__in=Bill.PAYABLE, is_credit=False)
        .annotate(open=F("amount") - Sum("lines__paid"))
        .select_related("vendor", "entity")
        .order_by("due_on", "id")
    )


def bills_to_decide(entity_ids: Collection[int]) -> QuerySet[Bill]:
    """Bills that wait for a person's approval, the first due first."""
    return (
        Bill.objects.filter(entity__in=entity_ids, state=Bill.State.DRAFT)
        .select_related("vendor", "entity", "made_by", "work_order", "document")
        .defer("document__body")
        .order_by("due_on", "id")
    )


def like_bills(bill: Bill) -> list[LikeBill]:
    """Other bills of the vendor that this one looks like, and why."""
    return like_bills_of([bill]).get(bill.pk, [])


def like_bills_of(bills: Sequence[Bill]) -> dict[int, list[LikeBill]]:
    """For each bill the vendor's others that it looks like; bills without any are left out.

    A number is alike when its letters and digits are; or when they nearly are and the amounts are
    within one per cent. So are the same file, and the same amount, day and property. Two queries.
    """
    if not bills:
        return {}
    days = [bill.dated_on for bill in bills]
    documents = [bill.document_id for bill in bills if bill.document_id]
    others = list(
        Bill.objects.filter(vendor__in={bill.vendor_id for bill in bills})
        .exclude(state__in=[Bill.State.CANCELLED, Bill.State.REJECTED])
        .filter(
            Q(number_clean__in={bill.number_clean for bill in bills})
            | Q(document__in=documents)
            | Q(dated_on__range=(min(days) - TWICE_WITHIN, max(days) + TWICE_WITHIN))
        )
        .order_by("id")
    )
    by_vendor: dict[tuple[int, bool], list[Bill]] = defaultdict(list)
    for other in others:
        by_vendor[other.vendor_id, other.is_credit].append(other)
    places = _places({*(bill.pk for bill in bills), *(other.pk for other in others)})
    found: dict[int, list[LikeBill]] = defaultdict(list)
    for bill in bills:
        for other in by_vendor[bill.vendor_id, bill.is_credit]:
            shares_place = bool(places[bill.pk] & places[other.pk])
            if other.pk != bill.pk and (why := _why_alike(bill, other, shares_place=shares_place)):
                found[bill.pk].append(LikeBill(other.pk, why))
    return dict(found)


def _places(bill_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for bill_id, place in BillLine.objects.filter(bill__in=bill_ids).values_list(
        "bill_id", "property_id"
    ):
        found[bill_id].add(place)
    return found


def _why_alike(bill: Bill, other: Bill, *, shares_place: bool) -> str:
    name = f"{other.number} of {other.dated_on:%b %-d, %Y}"
    if other.number_clean == bill.number_clean:
        return f"the same number as {name}"
    if bill.document_id is not None and other.document_id == bill.document_id:
        return f"the same file as {name}"
    is_near = (
        abs(bill.amount - other.amount).amount
        <= max(bill.amount.amount, other.amount.amount) * usd(NEAR_RATE).amount
    )
    points = fuzz.ratio(bill.number_clean, other.number_clean)
    # Numbers that follow one another are alike, too: those differ in their end, not in a slip.
    if is_near and points >= ALIKE_POINTS and not _follow(bill.number_clean, other.number_clean):
        return f"nearly the number and amount of {name}"
    if shares_place and (bill.amount, bill.dated_on) == (other.amount, other.dated_on):
        return f"the same amount, day and property as {name}"
    return ""


def _follow(one: str, other: str) -> bool:
    """Whether two numbers are of one series: one beginning, figures of one length at the end."""
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    ends = one[head:], other[head:]
    return len(one) == len(other) and all(end.isdecimal() for end in ends)


def lapsed_insurance(vendors: Collection[Vendor], on: date) -> dict[int, str]:
    """What is wrong with vendors' insurance on a day, by vendor; the insured are left out."""
    return {
        vendor.pk: f"insurance lapsed on {vendor.insurance_expires_on:%b %-d, %Y}"
        for vendor in vendors
        if vendor.insurance_expires_on is not None and vendor.insurance_expires_on < on
    }
