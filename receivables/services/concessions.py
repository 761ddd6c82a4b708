"""Credits that come with the monthly charges: concessions, and the days after a move-out."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Concat, TruncMonth
from moneyed import Money

from leases.models import Lease
from proptrust.lib.money import ZERO, fee_of
from receivables.errors import ReceivablesError
from receivables.models import Charge, ChargeKind, Concession, Credit, RecurringCharge
from receivables.services.credits import NewCredit, credited, give_credit
from receivables.services.locks import locked_lease
from receivables.services.prorating import Due, days_of, month_of, prorated


@transaction.atomic
def agree_concession(
    lease: Lease,
    *,
    from_on: date,
    until_on: date | None = None,
    amount: Money | None = None,
    rate: Decimal | None = None,
    charge_kind: str = ChargeKind.RENT,
    memo: str = "",
) -> Concession:
    """Agree on what a lease is let off every month: an amount or a rate, with the same facts once.

    Charges that stand already are credited by the next monthly run. Raises ReceivablesError for
    both or neither, for what is not above zero, and for a security deposit.
    """
    if (amount is None) == (rate is None):
        raise ReceivablesError("a concession is either an amount or a rate")
    if (amount is not None and amount <= ZERO) or (rate is not None and not 0 < rate <= 1):
        raise ReceivablesError("a concession is above zero, and a rate one at the most")
    if charge_kind == ChargeKind.SECURITY_DEPOSIT:
        raise ReceivablesError("a security deposit is no income to let off")
    held = locked_lease(lease.pk)
    facts = {
        "lease": held,
        "charge_kind": charge_kind,
        "amount": amount,
        "rate": rate,
        "from_on": from_on,
        "until_on": until_on,
    }
    known = Concession.objects.filter(**facts).first()
    return known or Concession.objects.create(**facts, memo=memo)


def not_given(entity_id: int, due: Sequence[Due]) -> list[NewCredit]:
    """What concessions let off of a month's charges and no credit has said yet."""
    wanted = {each.key: each for each in _wanted(due)} if due else {}
    if not wanted:
        return []
    rows = Credit.objects.filter(entity=entity_id, key__in=list(wanted))
    given = set(rows.values_list("key", flat=True))
    return [each for key, each in wanted.items() if key not in given]


def give_later(wanted: Sequence[NewCredit]) -> int:
    """Give credits on charges that were made before, one by one; returns how many were given.

    A part of a charge may have been let off since: no more than what is left of it is.
    """
    given = 0
    for new in sorted(wanted, key=lambda each: (each.charge.lease_id, each.key)):
        charge = Charge.objects.get(entity=new.charge.entity_id, key=new.charge.key)
        amount = min(new.amount, charge.amount - credited(charge))
        if amount > ZERO:
            give_credit(charge, amount, kind=new.kind, reason=new.reason, key=new.key, on=new.on)
            given += 1
    return given


def _wanted(due: Sequence[Due]) -> Iterator[NewCredit]:
    """The credits of a month; several on one charge never exceed it, the older one comes first."""
    concessions = _concessions(due)
    for each in due:
        left = each.charge.amount
        for concession in concessions[each.row.lease_id, each.row.kind]:
            amount = min(_let_off(concession, each), left)
            if amount <= ZERO:
                continue
            left -= amount
            yield NewCredit(
                charge=each.charge,
                kind=Credit.Kind.CONCESSION,
                key=f"concession:{concession.pk}:{each.charge.key}",
                amount=amount,
                reason=concession.memo or "Concession",
                on=each.charge.due_on,
            )


def _concessions(due: Sequence[Due]) -> dict[tuple[int, str], list[Concession]]:
    first, last = month_of(due[0].first_on)
    rows = Concession.objects.filter(
        Q(until_on__isnull=True) | Q(until_on__gte=first),
        lease__in={each.row.lease_id for each in due},
        from_on__lte=last,
    )
    found: dict[tuple[int, str], list[Concession]] = defaultdict(list)
    for row in rows.order_by("id"):
        found[row.lease_id, row.charge_kind].append(row)
    return found


def _let_off(concession: Concession, due: Due) -> Money:
    """What a concession lets off of a charge: an amount a month, or a rate of it, by its days."""
    starts = max(due.first_on, concession.from_on)
    ends = min(due.last_on, concession.until_on or due.last_on)
    days = (ends - starts).days + 1
    if days <= 0:
        return ZERO
    if concession.amount is not None:
        return prorated(concession.amount, days, due.of_days)
    assert concession.rate is not None
    charged_days = (due.last_on - due.first_on).days + 1
    return fee_of(prorated(due.charge.amount, days, charged_days), concession.rate)


def after_move_out(entity_id: int) -> list[NewCredit]:
    """What is let off for days after a move-out, on charges made before it was known.

    A concession on such a charge stays whole.
    """
    told = Credit.objects.filter(
        entity=OuterRef("entity"), key=Concat(Value("moved-out:"), OuterRef("key"))
    )
    charges = Charge.objects.filter(
        ~Exists(told),
        entity=entity_id,
        key__startswith="recurring:",
        lease__moved_out_on__isnull=False,
        due_on__gte=TruncMonth(F("lease__moved_out_on")),
    )
    rows = RecurringCharge.objects.filter(
        lease__entity=entity_id, lease__moved_out_on__isnull=False
    ).select_related("lease")
    recurring = {f"recurring:{row.pk}": row for row in rows}
    found = []
    for charge in charges.select_related("lease").order_by("lease", "id"):
        prefix, _, month = charge.key.rpartition(":")
        row = recurring.get(prefix)
        if row is None:
            continue
        first, last = month_of(date.fromisoformat(f"{month}-01"))
        days = days_of(row, first, last)
        owed = prorated(row.amount, (days[1] - days[0]).days + 1, last.day) if days else ZERO
        if charge.amount > owed:
            found.append(
                NewCredit(
                    charge=charge,
                    kind=Credit.Kind.ADJUSTMENT,
                    key=f"moved-out:{charge.key}",
                    amount=charge.amount - owed,
                    reason=f"Moved out on {row.lease.moved_out_on:%b %-d, %Y}",
                    on=charge.due_on,
                )
            )
    return found
