"""Fees that waited for the owners' money: taken when it is there, the oldest first."""

from datetime import date

from django.db import transaction

from fees import queries
from fees.models import Fee
from fees.services.locks import hold_claims, hold_leases, one_run_at_a_time
from fees.services.posting import Purse, parts_of, post_waiting
from fees.types import FeesTaken
from proptrust.lib.money import ZERO


@transaction.atomic
def take_waiting(entity_id: int, on: date, *, posted_by_id: int | None = None) -> FeesTaken:
    """Take fees that wait as far as the owners' money reaches now.

    A newer fee never overtakes an older one of the same owner. The number of statements does not
    depend on how many wait.
    """
    one_run_at_a_time(entity_id)
    hold_leases(
        {
            lease
            for lease in queries.waiting_fees(entity_id).values_list("lease", flat=True)
            if lease
        }
    )
    waiting = list(queries.waiting_fees(entity_id).select_for_update(of=("self",), no_key=True))
    purse = Purse(hold_claims({(fee.book_id, int(who)) for fee in waiting for who in fee.parts}))
    taken: list[Fee] = []
    for fee in waiting:
        parts = parts_of(fee)
        if purse.has(fee.book_id, parts):
            purse.spend(fee.book_id, parts)
            taken.append(fee)
        else:
            purse.shut(fee.book_id, parts)
    post_waiting(taken, on=on, posted_by_id=posted_by_id)
    return FeesTaken(
        taken=len(taken),
        waiting=len(waiting) - len(taken),
        amount_taken=sum((fee.amount for fee in taken), ZERO),
    )
