"""What the rent pages read: leases with what they owe, one lease's account, a month's charges.

A page of leases begins after a code, so that the last page costs what the first one does, and what
it shows of each lease comes in a few queries for all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Collate, Upper
from django.utils import timezone
from moneyed import Money

from leases.models import Lease, LeaseTenant, Property, Tenant, Unit
from ledger.models import Balance
from proptrust.lib.money import ZERO, plain, usd
from receivables import queries
from receivables.models import Charge, ChargeKind, Comeback, Credit, Receipt, ReceiptMove
from receivables.services.company_part import client_money, fee_gone
from receivables.types import ShareOwed

Row = TypeVar("Row", Lease, Tenant, Property)
PER_PAGE = 50
SHOWN_ROWS = 300
SHOWS = {
    "running": "Running leases",
    "late": "Late",
    "prepaid": "With prepaid rent",
    "ended": "Ended",
}


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease in the list. late_since: the oldest due day of what is open; None: nothing is due."""

    lease: Lease
    tenants: str
    owed: Money
    prepaid: Money
    late_since: date | None


@dataclass(frozen=True, slots=True)
class LeasePage:
    """Leases by their code. previous, next: the codes that the neighbouring pages begin from."""

    rows: Sequence[LeaseRow]
    previous: str
    next: str


def lease_page(
    entity_id: int, *, show: str = "running", text: str = "", after: str = "", before: str = ""
) -> LeasePage:
    """A page of a company's leases, by code. show: of SHOWS. text: code, tenant, unit, property."""
    rows = _leases(entity_id, show, text.strip())
    if before:
        found = list(rows.filter(code__lt=before).order_by("-code")[: PER_PAGE + 1])
        if len(found) <= PER_PAGE:
            return lease_page(entity_id, show=show, text=text)  # The top is reached.
        shown = found[:PER_PAGE][::-1]
        return LeasePage(_lease_rows(shown), shown[0].code, shown[-1].code)
    found = list(rows.filter(code__gt=after).order_by("code")[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    further = shown[-1].code if len(found) > PER_PAGE else ""
    return LeasePage(_lease_rows(shown), shown[0].code if after and shown else "", further)


def _leases(entity_id: int, show: str, text: str) -> QuerySet[Lease]:
    rows = Lease.objects.filter(entity=entity_id).select_related("unit__property")
    if text:
        rows = rows.filter(_like(entity_id, text))
    elif show == "running":
        rows = rows.filter(state=Lease.State.ACTIVE)
    if show == "ended":
        return rows.filter(state=Lease.State.ENDED)
    if show == "late":
        due = Charge.objects.filter(
            lease=OuterRef("pk"), paid__lt=F("amount"), due_on__lt=timezone.localdate()
        )
        return rows.filter(Exists(due))
    if show == "prepaid":
        holds = Balance.objects.filter(beneficiary=OuterRef("prepaid"), amount__lt=0)
        return rows.filter(Exists(holds))
    return rows


def _like(entity_id: int, text: str) -> Q:
    """Leases that a text names. Each table is looked through once, not once for each lease."""
    codes = _holding(Lease.objects.filter(entity=entity_id), "code", text)
    people = _holding(Tenant.objects.filter(entity=entity_id), "name", text)
    named = LeaseTenant.objects.filter(tenant__in=people.order_by().values("pk"))
    places = _holding(Property.objects.filter(entity=entity_id), "name", text)
    units = Unit.objects.filter(property__entity=entity_id, code__in={text, text.upper()})
    return (
        Q(pk__in=codes.order_by().values("pk"))
        | Q(pk__in=named.order_by().values("lease"))
        | Q(unit__in=units.order_by().values("pk"))
        | Q(unit__property__in=places.order_by().values("pk"))
    )


def _holding(rows: QuerySet[Row], field: str, text: str) -> QuerySet[Row]:
    """Rows whose field holds a text, whatever the case of its ASCII letters.

    In the plain collation: that of a language takes five times as long for a hundred thousand.
    """
    wanted = "".join(each.upper() if each.isascii() else each for each in text)
    return rows.annotate(searched=Upper(Collate(field, "C"))).filter(searched__contains=wanted)


def _lease_rows(leases: Sequence[Lease]) -> list[LeaseRow]:
    ids = [lease.pk for lease in leases]
    owed = queries.owed_by(ids)
    prepaid = _held_for([lease.prepaid_id for lease in leases])
    names: dict[int, list[str]] = defaultdict(list)
    for lease_id, name in (
        LeaseTenant.objects.filter(lease__in=ids)
        .order_by("id")
        .values_list("lease", "tenant__name")
    ):
        names[lease_id].append(name)
    late = dict(
        Charge.objects.filter(lease__in=ids, paid__lt=F("amount"), due_on__lt=timezone.localdate())
        .order_by()
        .values_list("lease")
        .annotate(first=Min("due_on"))
    )
    return [
        LeaseRow(
            lease,
            " & ".join(names[lease.pk]),
            owed[lease.pk],
            prepaid[lease.prepaid_id],
            late.get(lease.pk),
        )
        for lease in leases
    ]


def _held_for(beneficiary_ids: Sequence[int]) -> dict[int, Money]:
    """What all books together hold for each of some beneficiaries."""
    rows = (
        Balance.objects.filter(beneficiary__in=beneficiary_ids)
        .order_by()
        .values_list("beneficiary")
        .annotate(held=-Sum("amount"))
    )
    found = {who: usd(held) for who, held in rows}
    return {who: found.get(who, ZERO) for who in beneficiary_ids}


# --- One lease's account ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One fact of a lease's account. amount: above zero is owed, below zero is paid or let off.

    balance: after it; below zero is prepaid. note: what is added in grey.
    """

    day: date
    what: str
    amount: Money
    balance: Money
    note: str = ""
    entry_id: int | None = None
    charge: Charge | None = None
    credit: Credit | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class LeaseAccount:
    """Everything of a lease's account, the newest first. earlier: rows that are not shown."""

    rows: Sequence[AccountRow]
    earlier: int
    owed: Money
    prepaid: Money
    deposit: Money
    roommates: Sequence[ShareOwed]
    moves: Sequence[ReceiptMove]

    @property
    def balance(self) -> Money:
        """What is owed, less what was paid ahead."""
        return self.owed - self.prepaid


def lease_account(lease: Lease) -> LeaseAccount:
    """The account of a lease: charges, credits, receipts and what of them came back."""
    found = sorted(
        [*_charge_rows(lease), *_credit_rows(lease), *_receipt_rows(lease)],
        key=lambda each: each[0],
    )
    rows = []
    balance = ZERO
    for _, row in found:
        balance += row.amount
        rows.append(
            AccountRow(
                row.day, row.what, row.amount, balance, row.note, row.entry_id, row.charge,
                row.credit, row.receipt,
            )
        )  # fmt: skip
    held = _held_for([lease.prepaid_id, lease.deposit_id])
    roommates = queries.shares_owed(lease)
    return LeaseAccount(
        rows=rows[::-1][:SHOWN_ROWS],
        earlier=max(0, len(rows) - SHOWN_ROWS),
        owed=queries.owed(lease),
        prepaid=held[lease.prepaid_id],
        deposit=held[lease.deposit_id],
        roommates=roommates if len(roommates) > 1 else [],
        moves=list(
            ReceiptMove.objects.filter(Q(from_lease=lease) | Q(to_lease=lease))
            .select_related("receipt", "from_lease", "to_lease", "made_by")
            .order_by("-id")
        ),
    )


# The day, then charges before what pays them, then the row's number.
_Place = tuple[date, int, int]


def _charge_rows(lease: Lease) -> Iterable[tuple[_Place, AccountRow]]:
    for each in Charge.objects.filter(lease=lease):
        note = "" if each.paid else "open"
        if each.paid:
            note = "paid" if each.paid == each.amount else f"{plain(each.amount - each.paid)} open"
        yield (
            (each.due_on, 0, each.pk),
            AccountRow(
                each.due_on,
                each.memo or each.get_kind_display(),
                each.amount,
                ZERO,
                note=note,
                entry_id=each.entry_id,
                charge=each,
            ),
        )


def _credit_rows(lease: Lease) -> Iterable[tuple[_Place, AccountRow]]:
    rows = Credit.objects.filter(charge__lease=lease, undone_by__isnull=True)
    for each in rows.select_related("charge"):
        yield (
            (each.counts_on, 1, each.pk),
            AccountRow(
                each.counts_on,
                f"{each.get_kind_display()}, {each.charge.get_kind_display().lower()}"
                f" of {each.charge.due_on:%b %-d}",
                -each.amount,
                ZERO,
                note=each.reason,
                entry_id=each.entry_id,
                credit=each,
            ),
        )


def _receipt_rows(lease: Lease) -> Iterable[tuple[_Place, AccountRow]]:
    receipts = list(
        Receipt.objects.filter(lease=lease, state__in=queries.POSTED).select_related(
            "tenant", "deposit_slip"
        )
    )
    back: Mapping[int, list[Comeback]] = defaultdict(list)
    for comeback in Comeback.objects.filter(receipt__in=receipts).order_by("on", "id"):
        back[comeback.receipt_id].append(comeback)
    for each in receipts:
        number = f" {each.number}" if each.number else ""
        who = str(each.tenant or each.payer or "payer not known")
        fee = (
            f", convenience fee {plain(each.convenience_fee)} beside it"
            if each.convenience_fee
            else ""
        )
        yield (
            (each.received_on, 2, each.pk),
            AccountRow(
                each.received_on,
                f"{each.get_channel_display()}{number}",
                -client_money(each),
                ZERO,
                note=f"{who}{fee}",
                entry_id=each.entry_id,
                receipt=each,
            ),
        )
        yield from _comeback_rows(each, back[each.pk])


def _comeback_rows(
    receipt: Receipt, comebacks: Sequence[Comeback]
) -> Iterable[tuple[_Place, AccountRow]]:
    """What of a receipt went back and came again, without the convenience fee's part."""
    gone = ZERO
    for each in comebacks:
        sign = 1 if each.kind in Comeback.TAKES else -1 if each.kind in Comeback.GIVES else 0
        if not sign:
            continue
        after = gone + sign * each.amount
        part = (after - fee_gone(receipt, after)) - (gone - fee_gone(receipt, gone))
        gone = after
        code = f" {each.code}" if each.code else ""
        yield (
            (each.on, 3, each.pk),
            AccountRow(
                each.on,
                f"{each.get_kind_display()}{code}",
                part,
                ZERO,
                note=each.reason,
                entry_id=each.entry_id,
            ),
        )


# --- A month's charges ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KindOfMonth:
    """The monthly charges of one kind in a month."""

    kind: str
    count: int
    total: Money
    paid: Money


def monthly_charges(entity_id: int, month: date) -> list[KindOfMonth]:
    """What was charged for a month by its runs, by kind; one query."""
    rows = (
        Charge.objects.filter(
            entity=entity_id,
            key__startswith="recurring:",
            key__endswith=f":{month:%Y-%m}",
        )
        .order_by()
        .values_list("kind")
        .annotate(
            count=Count("pk"),
            total=Sum("amount", default=Decimal(0)),
            paid_=Sum("paid", default=Decimal(0)),
        )
    )
    found = [
        KindOfMonth(ChargeKind(kind).label, count, usd(total), usd(paid))
        for kind, count, total, paid in rows
    ]
    return sorted(found, key=lambda each: (-each.total, each.kind))
