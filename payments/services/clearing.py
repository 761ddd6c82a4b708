"""The bank has paid: reconciliation says so when it matches, and takes it back with the match."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.db.models import Case, Q, Value, When

from payments.models import Payment
from payments.types import PaymentCleared, PaymentUncleared
from proptrust.lib.events import publish

_State = Payment.State


@transaction.atomic
def clear(payment_ids: Sequence[int], *, on: date) -> int:
    """Say that the bank paid these payments on a day; returns how many were still out.

    A payment that came back after it had cleared only gets the day. Safe to repeat.
    """
    rows = Payment.objects.filter(pk__in=list(payment_ids)).order_by("pk")
    held = dict(rows.select_for_update(of=("self",)).values_list("pk", "state"))
    out = [pk for pk, state in held.items() if state in Payment.OUTSTANDING]
    Payment.objects.filter(pk__in=out).update(state=_State.CLEARED, cleared_on=on)
    Payment.objects.filter(
        pk__in=list(held), state=_State.RETURNED, cleared_on__isnull=True
    ).update(cleared_on=on)
    if out:
        publish(PaymentCleared(tuple(out), on))
    return len(out)


@transaction.atomic
def unclear(payment_ids: Sequence[int]) -> int:
    """Say that the bank has not paid these payments after all; returns how many are out again."""
    rows = Payment.objects.filter(pk__in=list(payment_ids)).order_by("pk")
    held = list(rows.select_for_update(of=("self",)).values_list("pk", "state"))
    cleared = [pk for pk, state in held if state == _State.CLEARED]
    was_given_away = Q(printed_at__isnull=False) | Q(request__isnull=False)
    Payment.objects.filter(pk__in=cleared).update(
        state=Case(When(was_given_away, then=Value(_State.SENT)), default=Value(_State.ISSUED)),
        cleared_on=None,
    )
    if cleared:
        publish(PaymentUncleared(tuple(cleared)))
    return len(cleared)
