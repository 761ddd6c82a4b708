"""What is owed, what came in, and what of it pays nothing yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from django.db.models import (
    DecimalField,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Least
from django.utils import timezone
from moneyed import Money

from leases.models import Lease
from ledger.models import Balance, Line
from proptrust.lib.money import ZERO, split, usd
from receivables.models import Allocation, Charge, Comeback, Credit, Receipt
from receivables.types import ShareOwed

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Rest(TypedDict):
        unallocated: Decimal

    ReceiptWithRest = WithAnnotations[Receipt, _Rest]

_AMOUNT = DecimalField(max_digits=14, decimal_places=2)
# Receipts whose money is with us or was for a while; pending and failed ones moved nothing.
POSTED = (
    Receipt.State.SETTLED,
    Receipt.State.RETURNED,
    Receipt.State.REFUNDED,
    Receipt.State.DISPUTED,
)


def receipts_with_unallocated() -> QuerySet[ReceiptWithRest]:
    """Posted receipts with `unallocated` (a Decimal): what neither pays charges nor went back.

    With a lease it is the tenants' prepaid rent, without one it is suspense. A convenience fee is
    the company's: no part of it, and what went back takes the fee last.
    """
    back = Comeback.objects.filter(receipt=OuterRef("pk"))
    allocated = Allocation.objects.filter(receipt=OuterRef("pk"), undone_by__isnull=True)
    client = F("gross") - F("convenience_fee")
    taken = _sum_of(back.filter(kind__in=Comeback.TAKES)) - _sum_of(
        back.filter(kind__in=Comeback.GIVES)
    )
    return Receipt.objects.filter(state__in=POSTED).annotate(
        unallocated=ExpressionWrapper(
            client - _sum_of(allocated) - Least(taken, client, output_field=_AMOUNT),
            output_field=_AMOUNT,
        )
    )


def rest_of(receipt: ReceiptWithRest) -> Money:
    """What a row of receipts_with_unallocated has left."""
    return usd(receipt.unallocated)


def unallocated(receipt: Receipt) -> Money:
    """What of a posted receipt pays no charge and did not go back."""
    row = receipts_with_unallocated().filter(pk=receipt.pk).values_list("unallocated", flat=True)
    amount = row.first()
    return usd(amount if amount is not None else 0)


def prepaid_receipts(lease_ids: Collection[int]) -> QuerySet[ReceiptWithRest]:
    """Receipts of leases with prepaid money left, oldest first."""
    return (
        receipts_with_unallocated()
        .filter(lease__in=lease_ids, unallocated__gt=Decimal(0))
        .order_by("received_on", "id")
    )


def suspense_receipts(entity_id: int | None = None) -> QuerySet[ReceiptWithRest]:
    """Receipts whose lease nobody knows yet, with money left."""
    rows = receipts_with_unallocated().filter(lease__isnull=True, unallocated__gt=Decimal(0))
    return rows if entity_id is None else rows.filter(entity=entity_id)


def taken_back(receipt: Receipt) -> Money:
    """What went back of a receipt, less what came again."""
    rows = receipt.comebacks.aggregate(
        taken=_total(Q(kind__in=Comeback.TAKES)), given=_total(Q(kind__in=Comeback.GIVES))
    )
    return usd(rows["taken"] - rows["given"])


def open_charges(lease: Lease | int, *, on: date | None = None) -> QuerySet[Charge]:
    """Charges of a lease with something left to pay, oldest first. on: only those due by a day."""
    rows = Charge.objects.filter(lease=lease, paid__lt=F("amount")).order_by("due_on", "id")
    return rows if on is None else rows.filter(due_on__lte=on)


def owed(lease: Lease | int) -> Money:
    """What a lease owes in all: its open charges; prepaid rent is not taken off."""
    opened = ExpressionWrapper(F("amount") - F("paid"), output_field=_AMOUNT)
    return usd(open_charges(lease).aggregate(total=Sum(opened, default=Decimal(0)))["total"])


def owed_by(lease_ids: Collection[int]) -> dict[int, Money]:
    """What each of some leases owes in all, in one query."""
    opened = ExpressionWrapper(F("amount") - F("paid"), output_field=_AMOUNT)
    rows = Charge.objects.filter(lease__in=lease_ids, paid__lt=F("amount")).order_by()
    found = dict(rows.values_list("lease").annotate(total=Sum(opened)))
    return {id_: usd(found.get(id_, Decimal(0))) for id_ in lease_ids}


def shares_owed(lease: Lease, *, on: date | None = None) -> list[ShareOwed]:
    """What each roommate owes of a lease by a day (today if not given); constant queries.

    The shares say how they divide it among themselves: each is still liable for all of it, and the
    sum is what the lease owes, less its prepaid rent. What nobody in particular paid (an agency, a
    credit, a payer whom we do not know) is for all of them by their shares.
    """
    day = on or timezone.localdate()
    tenancies = list(lease.tenancies.select_related("tenant").order_by("id"))
    if not tenancies:
        return []
    paid = _paid_by_tenant(lease, day)
    joint = sum((part for who, part in paid.items() if who is None), ZERO)
    base = _charged(lease, day) - _credited(lease, day) - joint
    weights = [row.share for row in tenancies]
    # Shares of one third do not sum to one: they are weights, and no cent is lost.
    parts = split(abs(base), weights)
    found = []
    for row, part in zip(tenancies, parts, strict=True):
        charged = part if base >= ZERO else -part
        own = paid.get(row.tenant_id, ZERO)
        found.append(
            ShareOwed(row.tenant_id, row.tenant.name, row.share, charged, own, charged - own)
        )
    return found


def _paid_by_tenant(lease: Lease, day: date) -> dict[int | None, Money]:
    """What came in for a lease and stayed, by who paid it; None: nobody in particular.

    Somebody who has left the lease counts as nobody in particular.
    """
    living = set(lease.tenancies.values_list("tenant_id", flat=True))
    back = Comeback.objects.filter(receipt=OuterRef("pk"), on__lte=day)
    client = F("gross") - F("convenience_fee")
    taken = _sum_of(back.filter(kind__in=Comeback.TAKES)) - _sum_of(
        back.filter(kind__in=Comeback.GIVES)
    )
    rows = (
        Receipt.objects.filter(lease=lease, state__in=POSTED, received_on__lte=day)
        .annotate(
            kept=ExpressionWrapper(
                client - Least(taken, client, output_field=_AMOUNT), output_field=_AMOUNT
            )
        )
        .values_list("tenant_id", "kept")
    )
    found: dict[int | None, Money] = {}
    for tenant_id, kept in rows:
        who = tenant_id if tenant_id in living else None
        found[who] = found.get(who, ZERO) + usd(kept)
    return found


def _charged(lease: Lease, day: date) -> Money:
    rows = Charge.objects.filter(lease=lease, due_on__lte=day)
    return usd(rows.aggregate(total=Sum("amount", default=Decimal(0)))["total"])


def _credited(lease: Lease, day: date) -> Money:
    rows = Credit.objects.filter(
        charge__lease=lease, charge__due_on__lte=day, counts_on__lte=day, undone_by__isnull=True
    )
    return usd(rows.aggregate(total=Sum("amount", default=Decimal(0)))["total"])


def held_by_leases(of: Q, *, purpose: str) -> list[tuple[int, int, Money, date]]:
    """Security deposits above zero in trust accounts of a purpose (of BankAccount).

    of: which leases. Returns lease id, book id, what is held and the day of the last movement.
    """
    rows = (
        Line.objects.filter(
            beneficiary__deposit_lease__in=Lease.objects.filter(of),
            book__bank_account__purpose=purpose,
        )
        .values("beneficiary__deposit_lease", "book")
        .annotate(held=-Sum("amount", output_field=_AMOUNT), since=Max("dated_on"))
        .filter(held__gt=0)
        .order_by("beneficiary__deposit_lease", "book")
    )
    return [
        (row["beneficiary__deposit_lease"], row["book"], usd(row["held"]), row["since"])
        for row in rows
    ]


def held_now(book_id: int, beneficiary_ids: Collection[int]) -> dict[int, Money]:
    """What a book holds for some beneficiaries, in one query; those without lines hold nothing."""
    rows = (
        Balance.objects.filter(book=book_id, beneficiary__in=beneficiary_ids)
        .values_list("beneficiary")
        .annotate(held=-Sum("amount", output_field=_AMOUNT))
    )
    found = {beneficiary_id: usd(held) for beneficiary_id, held in rows}
    return {who: found.get(who, ZERO) for who in beneficiary_ids}


def _total(condition: Q) -> Sum:
    return Sum("amount", filter=condition, default=Decimal(0), output_field=_AMOUNT)


def _sum_of(rows: QuerySet[Allocation] | QuerySet[Comeback]) -> Coalesce:
    sums = rows.order_by().values("receipt").annotate(total=Sum("amount", output_field=_AMOUNT))
    return Coalesce(Subquery(sums.values("total")), Value(Decimal(0)), output_field=_AMOUNT)
