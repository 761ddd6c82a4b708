"""Row locks in one order, lease then receipt, so that two services never wait in a ring.

Whatever changes the charges, receipts or prepaid rent of a lease holds the lease's row first.
"""

from collections.abc import Collection

from leases.models import Lease
from receivables.models import Receipt


def locked_lease(lease_id: int) -> Lease:
    """The lease with unit, property and their books' ids, held until the transaction ends."""
    return (
        Lease.objects.select_for_update(of=("self",), no_key=True)
        .select_related("unit__property")
        .get(pk=lease_id)
    )


def locked_leases(lease_ids: Collection[int]) -> dict[int, Lease]:
    """Leases with unit and property, by id, all held until the transaction ends: one statement.

    They are locked in the order of their ids, so that two bulks wait instead of standing in a ring.
    """
    rows = (
        Lease.objects.select_for_update(of=("self",), no_key=True)
        .select_related("unit__property")
        .filter(pk__in=lease_ids)
        .order_by("pk")
    )
    return {row.pk: row for row in rows} if lease_ids else {}


def locked_receipt(receipt_id: int) -> tuple[Receipt, Lease | None]:
    """The receipt and its lease, both held until the transaction ends."""
    while True:
        lease_id = Receipt.objects.values_list("lease_id", flat=True).get(pk=receipt_id)
        lease = locked_lease(lease_id) if lease_id else None
        receipt = Receipt.objects.select_for_update(of=("self",), no_key=True).get(pk=receipt_id)
        if receipt.lease_id == lease_id:
            return receipt, lease
        # Another person gave it to a lease in between; a lease must be held before its receipt,
        # which is still free of conflict: nobody gives it to a lease without holding it.
