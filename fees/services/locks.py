"""What a run of fees holds while it looks and writes, in one order: leases, fees, balances.

Whoever changes what a lease has paid holds the lease's row (receivables.services.locks), so a run
over leases holds the same rows and meets nobody half-way; an entity-wide lock taken by every
receipt would instead wait for rows that another receipt holds (docs/decisions/063-fees.md).
"""

from collections.abc import Collection

from django.db import connection
from moneyed import Money

from leases.models import Lease
from proptrust.lib.money import ZERO, usd

# A book and a beneficiary of it.
Claim = tuple[int, int]

_HELD = """
    SELECT k.book_id, k.beneficiary_id, k.amount
    FROM ledger_balance k
    JOIN unnest(%s::bigint[], %s::bigint[]) AS wanted (book_id, beneficiary_id)
        ON k.book_id = wanted.book_id AND k.beneficiary_id = wanted.beneficiary_id
    ORDER BY k.book_id, k.beneficiary_id, k.account_id, k.amount_currency, k.part
    FOR NO KEY UPDATE OF k
"""


def hold_leases(lease_ids: Collection[int]) -> None:
    """Hold the rows of leases, in the order of their ids, until the transaction ends."""
    if lease_ids:
        rows = Lease.objects.filter(pk__in=lease_ids).order_by("pk")
        list(rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def one_run_at_a_time(entity_id: int) -> None:
    """Runs of an entity that go by property or by age wait for each other, before all else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('fees', %s))", [entity_id])


def hold_claims(claims: Collection[Claim]) -> dict[Claim, Money]:
    """What is held for beneficiaries, nobody else moving it until the transaction ends."""
    held = dict.fromkeys(claims, ZERO)
    if not held:
        return held
    books, people = zip(*sorted(held), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [list(books), list(people)])
        for book_id, beneficiary_id, amount in cursor.fetchall():
            held[book_id, beneficiary_id] -= usd(amount)
    return held
