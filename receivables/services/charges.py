"""What tenants owe: monthly charges in bulk, and single ones."""

from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat
from moneyed import Money

from desk.models import LegalEntity
from leases.models import Lease
from leases.queries import leases_in_force
from ledger.charts import Chart, chart
from ledger.models import Entry
from ledger.services import post_many
from ledger.types import NewEntry
from proptrust.lib.money import ZERO
from receivables import postings, queries
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Charge, ChargeKind, RecurringCharge
from receivables.services import concessions
from receivables.services.allocations import apply_prepaid
from receivables.services.changes import allocations_change
from receivables.services.credits import credit_new_charges
from receivables.services.dating import Dating
from receivables.services.locks import locked_lease, locked_leases
from receivables.services.prorating import Due, days_of, prorated
from receivables.types import Cause


@dataclass(frozen=True, slots=True)
class MonthlyCharges:
    """What a run made: charges, leases that paid from prepaid rent, and credits on charges."""

    made: int
    prepaid: int
    credited: int = 0


@transaction.atomic
def post_monthly_charges(entity: LegalEntity, month: date) -> MonthlyCharges:
    """Charge every lease what it owes every month, once per recurring charge and month.

    month: any day of it. However often it runs, a charge is made once; leases added since are
    charged then. Concessions are let off in the same run, those added since in the next one; days
    after a move-out that became known since are let off, too. Prepaid rent pays the new charges.
    """
    first = month.replace(day=1)
    last = month.replace(day=monthrange(month.year, month.month)[1])
    _one_run_at_a_time(entity.pk)
    due = [each for row in _due_rows(entity.pk, first, last) if (each := _due(row, first, last))]
    known = set(
        Charge.objects.filter(entity=entity, key__endswith=f":{first:%Y-%m}").values_list(
            "key", flat=True
        )
    )
    new = [each.charge for each in due if each.charge.key not in known]
    fresh = {charge.key for charge in new}
    wanted = concessions.not_given(entity.pk, due)
    at_once = [each for each in wanted if each.charge.key in fresh]
    later = [each for each in wanted if each.charge.key not in fresh]
    later += concessions.after_move_out(entity.pk)
    latest = max((each.due_on for each in new), default=first)
    with allocations_change(entity.pk, on=latest, cause=Cause.CHARGED):
        prepaid = _with_prepaid(new)
        # All at the start, in one order: later steps hold some of them again.
        locked_leases(prepaid | {each.charge.lease_id for each in later})
        post_charges(new)
        credit_new_charges(entity.pk, at_once)
        credited = len(at_once) + concessions.give_later(later)
        for lease_id, due_on in _latest_due(new, prepaid).items():
            apply_prepaid(locked_lease(lease_id), on=due_on)
    return MonthlyCharges(len(new), len(prepaid), credited)


@transaction.atomic
def add_charge(
    *,
    lease: Lease,
    kind: str,
    amount: Money,
    due_on: date,
    key: str,
    memo: str = "",
) -> Charge:
    """Charge a lease once; prepaid rent pays it at once.

    key: unique in the entity; the same key with the same facts returns the first charge.
    Raises ToldOtherwise for other facts, ReceivablesError for an amount that is not above zero.
    """
    if amount <= ZERO:
        raise ReceivablesError(f"a charge is above zero, not {amount}")
    held = locked_lease(lease.pk)
    known = Charge.objects.filter(entity=held.entity_id, key=key).first()
    if known is not None:
        was = (known.lease_id, known.kind, known.amount, known.due_on)
        if was != (held.pk, kind, amount, due_on):
            raise ToldOtherwise(f"charge {key} was made with other facts: {known}")
        return known
    charge = Charge(
        entity_id=held.entity_id,
        lease=held,
        kind=kind,
        key=key,
        amount=amount,
        due_on=due_on,
        memo=memo,
    )
    with allocations_change(held.entity_id, on=due_on, cause=Cause.CHARGED):
        post_charges([charge])
        apply_prepaid(held, on=due_on)
    return Charge.objects.get(entity=held.entity_id, key=key)


def _one_run_at_a_time(entity_id: int) -> None:
    """Two runs of one entity wait for each other: the second finds the charges of the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('monthly charges', %s))", [entity_id]
        )


def _due_rows(entity_id: int, first: date, last: date) -> Sequence[RecurringCharge]:
    in_span = Q(from_on__lte=last) & (Q(until_on__isnull=True) | Q(until_on__gte=first))
    return list(
        RecurringCharge.objects.filter(in_span, lease__in=leases_in_force(entity_id, first, last))
        .select_related("lease__unit__property")
        .order_by("lease", "id")
    )


def _due(row: RecurringCharge, first: date, last: date) -> Due | None:
    """What is due of a recurring charge in a month; a part of the month pays its days.

    The month of a move-out is paid until that day, the day itself included. None for a part that
    rounds to nothing.
    """
    days = days_of(row, first, last)
    if days is None:
        return None
    starts, ends = days
    count = (ends - starts).days + 1
    amount = prorated(row.amount, count, last.day)
    if amount <= ZERO:
        return None
    charge = Charge(
        entity_id=row.lease.entity_id,
        lease=row.lease,
        kind=row.kind,
        key=f"recurring:{row.pk}:{first:%Y-%m}",
        amount=amount,
        due_on=max(first.replace(day=row.due_day), starts),
        memo=f"{row.get_kind_display()} {first:%B %Y}"
        + (f", {count} of {last.day} days" if count < last.day else ""),
    )
    return Due(row, charge, starts, ends, last.day)


def post_charges(charges: Sequence[Charge]) -> None:
    """Write charges of one company and their entries with a few statements, however many.

    Prepaid rent does not pay them yet (apply_prepaid_to).
    """
    if not charges:
        return
    made = Charge.objects.bulk_create(charges, batch_size=2000)
    entity_id = made[0].entity_id
    accounts, dating = chart(entity_id), Dating(entity_id)
    with_entry = [each for each in made if each.kind != ChargeKind.SECURITY_DEPOSIT]
    post_many(_entry(each, accounts, dating) for each in with_entry)
    entry = Entry.objects.filter(
        entity=entity_id, key=Concat(Value("charge:"), OuterRef("key"))
    ).values("id")[:1]
    Charge.objects.filter(pk__in=[each.pk for each in with_entry]).update(entry=Subquery(entry))


def _entry(charge: Charge, accounts: Chart, dating: Dating) -> NewEntry:
    book_id = charge.lease.unit.property.book_id
    dated_on, adjusts_id = dating.of(book_id, charge.due_on)
    return NewEntry(
        entity_id=charge.entity_id,
        key=f"charge:{charge.key}",
        kind=Entry.Kind.CHARGE,
        dated_on=dated_on,
        memo=f"{charge.memo or charge.get_kind_display()}, lease {charge.lease.code}"[:300],
        lines=postings.charged(accounts, book_id, charge.kind, charge.amount),
        adjusts_id=adjusts_id,
    )


def apply_prepaid_to(charges: Sequence[Charge]) -> None:
    """Pay new charges from prepaid rent, lease by lease in the order of their ids.

    The caller is inside allocations_change.
    """
    for lease_id, due_on in _latest_due(charges, _with_prepaid(charges)).items():
        apply_prepaid(locked_lease(lease_id), on=due_on)


def _with_prepaid(charges: Sequence[Charge]) -> set[int]:
    """The leases of charges that have prepaid rent."""
    if not charges:
        return set()
    rows = queries.prepaid_receipts({charge.lease_id for charge in charges})
    return set(rows.order_by().values_list("lease_id", flat=True))


def _latest_due(charges: Sequence[Charge], lease_ids: Collection[int]) -> dict[int, date]:
    """By lease, in the order of their ids: the last day on which one of its charges is due."""
    latest: dict[int, date] = {}
    for charge in sorted(charges, key=lambda each: each.lease_id):
        if charge.lease_id in lease_ids:
            latest[charge.lease_id] = max(latest.get(charge.lease_id, charge.due_on), charge.due_on)
    return latest
