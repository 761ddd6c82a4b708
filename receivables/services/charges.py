"""What tenants owe: monthly charges in bulk, and single ones."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.db import connection, transaction
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat
from moneyed import Money

from desk.models import LegalEntity
from leases.models import Lease
from leases.queries import leases_in_force
from ledger.charts import Chart, chart
from ledger.models import Book, Entry
from ledger.queries import dated_for
from ledger.services import post_many
from ledger.types import NewEntry
from proptrust.lib.money import CENT, ZERO
from receivables import postings, queries
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Charge, ChargeKind, RecurringCharge
from receivables.services.allocations import apply_prepaid
from receivables.services.locks import locked_lease


@dataclass(frozen=True, slots=True)
class MonthlyCharges:
    """What a run made: how many charges, and how many of their leases paid from prepaid rent."""

    made: int
    prepaid: int


@transaction.atomic
def post_monthly_charges(entity: LegalEntity, month: date) -> MonthlyCharges:
    """Charge every lease what it owes every month, once per recurring charge and month.

    month: any day of it. However often it runs, a charge is made once; leases added since are
    charged then. Prepaid rent pays the new charges at once.
    """
    first = month.replace(day=1)
    last = month.replace(day=monthrange(month.year, month.month)[1])
    _one_run_at_a_time(entity.pk)
    due = [
        charge for row in _due_rows(entity.pk, first, last) if (charge := _charge(row, first, last))
    ]
    known = set(
        Charge.objects.filter(entity=entity, key__endswith=f":{first:%Y-%m}").values_list(
            "key", flat=True
        )
    )
    new = [charge for charge in due if charge.key not in known]
    _post(new)
    return MonthlyCharges(len(new), _apply_prepaid_to(new))


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
    _post([charge])
    apply_prepaid(held, on=due_on)
    return Charge.objects.get(entity=held.entity_id, key=key)


def prorated(amount: Money, days: int, of_days: int) -> Money:
    """The part of a month's amount for some of its days, rounded half up once.

    docs/decisions/040-charges.md says why by the days of the month itself.
    """
    part = amount.amount * days / Decimal(of_days)
    return Money(part.quantize(CENT, ROUND_HALF_UP), amount.currency)


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


def _charge(row: RecurringCharge, first: date, last: date) -> Charge | None:
    """The charge of a month; a lease or recurring charge that begins or ends in it pays its days.

    None for a part of a month that rounds to nothing.
    """
    starts = max(first, row.from_on, row.lease.starts_on)
    ends = min(last, row.until_on or last)
    days = (ends - starts).days + 1
    if days <= 0:
        return None
    amount = prorated(row.amount, days, last.day)
    if amount <= ZERO:
        return None
    is_part = days < last.day
    return Charge(
        entity_id=row.lease.entity_id,
        lease=row.lease,
        kind=row.kind,
        key=f"recurring:{row.pk}:{first:%Y-%m}",
        amount=amount,
        due_on=max(first.replace(day=row.due_day), starts),
        memo=f"{row.get_kind_display()} {first:%B %Y}"
        + (f", {days} of {last.day} days" if is_part else ""),
    )


def _post(charges: Sequence[Charge]) -> None:
    """Write charges and their entries with a few statements, however many there are."""
    if not charges:
        return
    made = Charge.objects.bulk_create(charges, batch_size=2000)
    entity_id = made[0].entity_id
    # Two books of one entity may be closed through different days: each is asked once.
    closed = dict(
        Book.objects.filter(entity=entity_id, closed_through__isnull=False).values_list(
            "id", "closed_through"
        )
    )
    accounts = chart(entity_id)
    with_entry = [each for each in made if each.kind != ChargeKind.SECURITY_DEPOSIT]
    post_many(_entry(each, accounts, closed) for each in with_entry)
    entry = Entry.objects.filter(
        entity=entity_id, key=Concat(Value("charge:"), OuterRef("key"))
    ).values("id")[:1]
    Charge.objects.filter(pk__in=[each.pk for each in with_entry]).update(entry=Subquery(entry))


def _entry(charge: Charge, accounts: Chart, closed: dict[int, date | None]) -> NewEntry:
    book_id = charge.lease.unit.property.book_id
    dated_on, adjusts_id = charge.due_on, None
    closed_through = closed.get(book_id)
    if closed_through is not None and charge.due_on <= closed_through:
        dated_on, period = dated_for([book_id], charge.due_on)
        adjusts_id = period.pk if period else None
    return NewEntry(
        entity_id=charge.entity_id,
        key=f"charge:{charge.key}",
        kind=Entry.Kind.CHARGE,
        dated_on=dated_on,
        memo=f"{charge.memo or charge.get_kind_display()}, lease {charge.lease.code}"[:300],
        lines=postings.charged(accounts, book_id, charge.kind, charge.amount),
        adjusts_id=adjusts_id,
    )


def _apply_prepaid_to(charges: Sequence[Charge]) -> int:
    """Pay new charges from prepaid rent, lease by lease in the order of their ids."""
    if not charges:
        return 0
    first_due: dict[int, date] = {}
    for charge in charges:
        due = first_due.setdefault(charge.lease_id, charge.due_on)
        first_due[charge.lease_id] = max(due, charge.due_on)
    rows = queries.prepaid_receipts(list(first_due))
    with_prepaid = set(rows.order_by().values_list("lease_id", flat=True))
    for lease_id in sorted(with_prepaid):
        apply_prepaid(locked_lease(lease_id), on=first_due[lease_id])
    return len(with_prepaid)
