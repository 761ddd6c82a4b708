"""One writer at a time for a bank account: imports and matching of it wait for each other."""

from collections.abc import Iterable

from django.db import connection

# The first half of the key; the second is the bank account's id.
_SPACE = 0x7265636F  # "reco"


def hold(bank_account_ids: Iterable[int]) -> None:
    """Hold accounts until the transaction ends, in one order so that no two writers form a ring."""
    with connection.cursor() as cursor:
        for account_id in sorted(set(bank_account_ids)):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_SPACE, account_id])
