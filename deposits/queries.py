"""What deposits know: an account's deposits against its books, sheets, papers, escrows."""

from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import DecimalField, Exists, F, OuterRef, Prefetch, Q, QuerySet, Sum
from django.utils import timezone
from moneyed import Money

from deposits.models import (
    Deposit,
    EscrowFund,
    EscrowFunding,
    HandOver,
    InterestCredit,
    MoveOut,
    Notice,
    RefundShare,
)
from deposits.types import DepositAccount, DepositRow, OtherClaim
from leases.models import Lease, LeaseTenant
from ledger.models import BankAccount, Beneficiary, Book, Line
from ledger.queries import balances, trust_equation
from proptrust.lib.money import ZERO, plain, usd
from receivables.queries import held_now

# A paper or a return that is due within a week is worth a line on the desk.
SOON = timedelta(days=7)
_AMOUNT = DecimalField(max_digits=14, decimal_places=2)
OPEN_SHEETS = (MoveOut.State.OPEN, MoveOut.State.REVIEWED)


def deposit_books(entity_ids: Collection[int]) -> QuerySet[Book]:
    """The trust accounts that hold deposits: by their purpose, or because a property says so."""
    by_purpose = Q(bank_account__purpose=BankAccount.Purpose.DEPOSITS)
    return (
        Book.objects.filter(entity__in=entity_ids, kind=Book.Kind.TRUST)
        .filter(by_purpose | Q(deposit_properties__isnull=False))
        .select_related("entity")
        .order_by("name")
        .distinct()
    )


def deposit_account(book: Book, *, on: date | None = None) -> DepositAccount:
    """A deposit account on a day (None: now): each tenant's money, and what else lies in it.

    deposits + others = claims = cash and money in transit. Seven queries, however many deposits.
    """
    held = {who: amount for who, amount in balances(book_id=book.pk, on=on).items() if amount}
    equation = trust_equation(book.pk, on=on)
    deposits = Deposit.objects.filter(
        Q(book=book) | Q(lease__deposit__in=held), entity=book.entity_id
    ).select_related("lease__unit__property")
    interest = _credited(book.entity_id)
    tenants = _tenants_of(Lease.objects.filter(security_deposit__in=deposits))
    rows, owner_held = [], []
    for each in deposits.order_by("lease__code"):
        amount = held.pop(each.lease.deposit_id, ZERO)
        row = _row(each, amount, interest.get(each.pk, ZERO), tenants.get(each.lease_id, ""))
        if each.holder == Deposit.Holder.OWNER:
            owner_held.append(row)
        if amount or (each.state == Deposit.State.HELD and each.book_id == book.pk):
            rows.append(row)
    return DepositAccount(
        book_id=book.pk,
        name=book.name,
        rows=rows,
        others=_others(held, book),
        claims=equation.held,
        cash=equation.cash,
        transit=equation.transit,
        owner_held=owner_held,
    )


def _row(deposit: Deposit, held: Money, interest: Money, tenants: str) -> DepositRow:
    agreed = deposit.lease.deposit_agreed
    note = ""
    if deposit.state == Deposit.State.HELD:
        missing = agreed - (held - min(interest, held)) - deposit.owner_held
        if missing > ZERO:
            note = f"{plain(missing)} of what was agreed is not here"
        elif missing < ZERO:
            note = f"{plain(-missing)} more than was agreed"
    elif held > ZERO:
        note = f"{deposit.get_state_display().lower()}, and money is here still"
    return DepositRow(
        deposit_id=deposit.pk,
        lease_id=deposit.lease_id,
        lease_code=deposit.lease.code,
        tenants=tenants,
        place=str(deposit.lease.unit),
        agreed=agreed,
        held=held,
        interest=min(interest, held),
        holder=deposit.get_holder_display(),
        state=deposit.get_state_display(),
        note=note,
        owner_held=deposit.owner_held,
    )


def _others(held: dict[int, Money], book: Book) -> list[OtherClaim]:
    """Money in a deposit account that is no lease's deposit, each with why it may be there."""
    rows = Beneficiary.objects.in_bulk(list(held))
    found = [
        OtherClaim(rows[who].name, amount, _why(rows[who], amount, book), _is_fine(rows[who], book))
        for who, amount in held.items()
    ]
    return sorted(found, key=lambda each: (each.name, each.amount.amount))


def _is_fine(who: Beneficiary, book: Book) -> bool:
    return who.reference == f"interest:{book.pk}" or who.kind == Beneficiary.Kind.UNCLAIMED


def _why(who: Beneficiary, amount: Money, book: Book) -> str:
    if who.reference == f"interest:{book.pk}":
        return "the bank's interest, until it is credited to tenants"
    if who.kind == Beneficiary.Kind.COMPANY:
        return (
            "the company owes it, as for a bank fee: it pays that in"
            if amount < ZERO
            else "the company's own money: it is drawn out"
        )
    if who.kind == Beneficiary.Kind.UNCLAIMED:
        return "a refund that nobody has cashed"
    if who.kind == Beneficiary.Kind.DEPOSIT:
        return "a lease whose deposit is not on record here"
    return "it does not belong in a deposit account"


def _credited(entity_id: int) -> dict[int, Money]:
    rows = (
        InterestCredit.objects.filter(
            deposit__entity=entity_id, state=InterestCredit.State.CREDITED
        )
        .order_by()
        .values_list("deposit")
        .annotate(total=Sum("amount", output_field=_AMOUNT))
    )
    return {deposit_id: usd(total) for deposit_id, total in rows}


def _tenants_of(leases: QuerySet[Lease]) -> dict[int, str]:
    names: dict[int, list[str]] = {}
    rows = LeaseTenant.objects.filter(lease__in=leases).order_by("id")
    for lease_id, name in rows.values_list("lease_id", "tenant__name"):
        names.setdefault(lease_id, []).append(name)
    return {lease_id: " & ".join(each) for lease_id, each in names.items()}


def deposits_of(entity_ids: Collection[int]) -> QuerySet[Deposit]:
    """The deposits of some companies with lease, unit and property."""
    return Deposit.objects.filter(entity__in=entity_ids).select_related(
        "lease__unit__property", "book"
    )


def move_outs_of(entity_ids: Collection[int]) -> QuerySet[MoveOut]:
    """The sheets of some companies: the open ones first, by their deadline."""
    return (
        MoveOut.objects.filter(entity__in=entity_ids)
        .select_related("lease__unit__property", "deposit", "reviewed_by", "made_by")
        .defer("letter")
    )


def leases_without_sheet(entity_ids: Collection[int] | None = None) -> QuerySet[Lease]:
    """Leases whose tenants have moved out while their deposit waits and no sheet is begun."""
    sheets = MoveOut.objects.filter(lease=OuterRef("pk")).exclude(state=MoveOut.State.CANCELLED)
    rows = Lease.objects.filter(
        ~Exists(sheets),
        security_deposit__state=Deposit.State.HELD,
        security_deposit__taken_on__isnull=False,
        moved_out_on__isnull=False,
        moved_out_on__lte=timezone.localdate(),
    ).select_related("unit__property", "security_deposit")
    return rows if entity_ids is None else rows.filter(entity__in=entity_ids)


def due_move_outs(*, until: date) -> QuerySet[MoveOut]:
    """Open sheets whose deadline comes by a day, or whose law is not known."""
    return (
        MoveOut.objects.filter(state__in=OPEN_SHEETS)
        .filter(Q(due_on__lte=until) | Q(due_on__isnull=True))
        .select_related("lease__unit__property", "deposit")
        .defer("letter")
    )


def open_notices(entity_ids: Collection[int] | None = None) -> QuerySet[Notice]:
    """Papers that have not gone out, the first due first."""
    rows = (
        Notice.objects.filter(sent_on__isnull=True)
        .select_related("deposit__lease__unit__property", "deposit__book")
        .defer("letter", "proof")
    )
    return rows if entity_ids is None else rows.filter(deposit__entity__in=entity_ids)


def refunds_back() -> QuerySet[RefundShare]:
    """Refunds whose payment came back and that are not paid again."""
    return RefundShare.objects.filter(state=RefundShare.State.BACK).select_related(
        "move_out__lease__unit__property", "payment"
    )


def funds_of(entity_ids: Collection[int]) -> QuerySet[EscrowFund]:
    """The escrows of some companies with their bills, and this month's funding."""
    month = timezone.localdate().replace(day=1)
    return (
        EscrowFund.objects.filter(property__entity__in=entity_ids)
        .select_related("property", "book", "beneficiary")
        .prefetch_related(
            "bills",
            Prefetch(
                "fundings", EscrowFunding.objects.filter(month=month), to_attr="of_this_month"
            ),
        )
    )


def short_fundings(month: date) -> QuerySet[EscrowFunding]:
    """What escrows lack of a month."""
    return EscrowFunding.objects.filter(month=month, funded__lt=F("planned")).select_related(
        "fund__property", "fund__book"
    )


def hand_overs_of(entity_ids: Collection[int]) -> QuerySet[HandOver]:
    """Hand-overs of some companies, the newest first."""
    return (
        HandOver.objects.filter(property__entity__in=entity_ids)
        .select_related("property", "payment")
        .defer("receipt")
    )


def held_since(lease: Lease) -> list[Line]:
    """Every line of a lease's deposit, the oldest first."""
    return list(
        Line.objects.filter(beneficiary=lease.deposit_id)
        .select_related("entry", "book")
        .order_by("dated_on", "id")
    )


def held_by_funds(funds: Collection[EscrowFund]) -> dict[int, Money]:
    """What each of some escrows holds now, by its id: one query for each trust account."""
    found: dict[int, Money] = {}
    for book_id in {fund.book_id for fund in funds}:
        found |= held_now(book_id, [f.beneficiary_id for f in funds if f.book_id == book_id])
    return {fund.pk: found[fund.beneficiary_id] for fund in funds}
