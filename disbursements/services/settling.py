"""Recoveries that are done: the claim is not negative, and the company has its advances back."""

from datetime import date

from django.db.models import F

from disbursements.models import Advance, Contribution, Recovery, RecoveryStep
from disbursements.queries import held_by_claims
from proptrust.lib.money import ZERO


def close_recoveries(entity_id: int, *, on: date) -> int:
    """Close the recoveries of a company that are made good; returns how many.

    A step that was planned and not needed any more is given up, and nobody is asked any longer.
    Runs by itself every ten minutes, before a run is frozen, after it is sent and whenever money
    comes in for one; twice changes nothing.
    """
    recoveries = list(Recovery.objects.filter(entity=entity_id, state=Recovery.State.OPEN))
    if not recoveries:
        return 0
    held = held_by_claims({(row.book_id, row.beneficiary_id) for row in recoveries})
    owing = set(
        Advance.objects.filter(recovery__in=recoveries, repaid__lt=F("amount")).values_list(
            "recovery_id", flat=True
        )
    )
    done = [
        row.pk
        for row in recoveries
        if held[row.book_id, row.beneficiary_id] >= ZERO and row.pk not in owing
    ]
    closed = Recovery.objects.filter(pk__in=done, state=Recovery.State.OPEN).update(
        state=Recovery.State.CLOSED, closed_on=on
    )
    steps = RecoveryStep.objects.filter(recovery__in=done, state=RecoveryStep.State.PLANNED)
    next_cycles = steps.filter(kind=RecoveryStep.Kind.NEXT_CYCLES)
    next_cycles.update(state=RecoveryStep.State.DONE, done_on=on)
    steps.update(state=RecoveryStep.State.GIVEN_UP)
    Contribution.objects.filter(recovery__in=done, state=Contribution.State.ASKED).update(
        state=Contribution.State.WITHDRAWN
    )
    return closed
