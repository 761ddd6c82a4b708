"""Deposits and their accounts: who has one, what the bank adds and takes, what the owner holds."""

from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from moneyed import Money

from deposits import postings
from deposits.errors import AlreadyDone, DepositsError, NotHere
from deposits.models import (
    BankInterest,
    Deposit,
    DepositRate,
    DepositShare,
    InterestCredit,
    KnownFact,
)
from leases.models import Lease, LeaseTenant, Property
from leases.queries import shares_on
from ledger.charts import chart
from ledger.company import company_of, company_side
from ledger.models import BankAccount, Beneficiary, Book, Entry, Line
from ledger.queries import balance
from ledger.services import ensure_beneficiary, post_fact
from proptrust.lib.money import ZERO, plain, split


def interest_pool_of(book: Book) -> int:
    """The beneficiary of interest that a bank paid on deposits and that no tenant has yet."""
    return ensure_beneficiary(
        entity_id=book.entity_id,
        kind=Beneficiary.Kind.DEPOSIT,
        name=f"Bank interest not yet credited, {book.name}"[:200],
        reference=f"interest:{book.pk}",
    ).pk


@transaction.atomic
def ensure_deposits(entity_id: int, *, lease_ids: Collection[int] | None = None) -> int:
    """Make the deposit of every lease that agreed on one or has money for it; how many were made.

    Deposits whose first money has come since learn that day. However often it runs, a lease has
    one deposit; roommates' shares are those of the lease, until a person changes them.
    """
    money = Line.objects.filter(beneficiary=OuterRef("deposit"))
    leases = Lease.objects.filter(
        Q(deposit_agreed__gt=0) | Exists(money), entity=entity_id, security_deposit__isnull=True
    ).select_related("unit__property")
    if lease_ids is not None:
        leases = leases.filter(pk__in=lease_ids)
    made = Deposit.objects.bulk_create(
        [
            Deposit(entity_id=entity_id, lease=lease, book_id=lease.unit.property.deposit_book_id)
            for lease in leases.order_by("id")
        ],
        ignore_conflicts=True,
    )
    _share(entity_id, [each.lease_id for each in made])
    _learn_first_days(entity_id)
    return len(made)


def deposit_of(lease: Lease) -> Deposit:
    """The deposit of a lease, made if it has none yet."""
    ensure_deposits(lease.entity_id, lease_ids=[lease.pk])
    found = Deposit.objects.select_related("lease__unit__property", "book").filter(lease=lease)
    deposit = found.first()
    if deposit is None:
        raise NotHere(f"lease {lease.code} has agreed on no security deposit and has paid none")
    return deposit


def _share(entity_id: int, lease_ids: Iterable[int]) -> None:
    deposits = dict(
        Deposit.objects.filter(
            entity=entity_id, lease__in=list(lease_ids), shares__isnull=True
        ).values_list("lease_id", "id")
    )
    DepositShare.objects.bulk_create(
        [
            DepositShare(
                deposit_id=deposits[row.lease_id], tenant_id=row.tenant_id, share=row.share
            )
            for row in LeaseTenant.objects.filter(lease__in=deposits).order_by("id")
        ],
        ignore_conflicts=True,
    )


def _learn_first_days(entity_id: int) -> None:
    """The day of a deposit's first money; one brought forward came when the tenancy began."""
    waiting = {
        each.lease.deposit_id: each
        for each in Deposit.objects.filter(entity=entity_id, taken_on__isnull=True).select_related(
            "lease"
        )
    }
    first = (
        Line.objects.filter(beneficiary__in=waiting, amount__lt=0)
        .order_by("beneficiary_id", "dated_on", "id")
        .distinct("beneficiary_id")
        .values_list("beneficiary_id", "dated_on", "entry__kind")
    )
    changed = []
    for beneficiary_id, day, kind in first:
        deposit = waiting[beneficiary_id]
        deposit.is_brought_forward = kind == Entry.Kind.OPENING
        deposit.banked_on = day
        starts = deposit.lease.starts_on
        deposit.taken_on = min(day, starts) if deposit.is_brought_forward else day
        changed.append(deposit)
    Deposit.objects.bulk_update(
        changed, ["taken_on", "banked_on", "is_brought_forward"], batch_size=1000
    )


@transaction.atomic
def set_shares(deposit: Deposit, shares: dict[int, Decimal]) -> None:
    """What part of a deposit each roommate gave: tenant id to a fraction; they sum to one."""
    held = held_deposit(deposit.pk)
    on_lease = set(held.lease.tenancies.values_list("tenant_id", flat=True))
    if shares.keys() - on_lease:
        raise DepositsError("a share is for somebody who is not on the lease")
    if sum(shares.values(), Decimal(0)) != 1:
        raise DepositsError(f"the shares of {held} must sum to 1")
    held.shares.all().delete()
    DepositShare.objects.bulk_create(
        DepositShare(deposit=held, tenant_id=who, share=share) for who, share in shares.items()
    )


def held_deposit(deposit_id: int) -> Deposit:
    """A deposit, locked until the transaction ends; its lease first, as everywhere."""
    lease_id = Deposit.objects.values_list("lease_id", flat=True).get(pk=deposit_id)
    Lease.objects.select_for_update(of=("self",), no_key=True).get(pk=lease_id)
    return (
        Deposit.objects.select_for_update(of=("self",))
        .select_related("lease__unit__property", "book")
        .get(pk=deposit_id)
    )


@transaction.atomic
def record_bank_interest(
    book: Book, *, amount: Money, paid_on: date, key: str, actor_id: int | None = None
) -> BankInterest:
    """Record interest that the bank paid into a deposit account; it waits for the tenants' credit.

    key: what the bank calls it, unique in the account. The same key with other facts raises
    AlreadyDone. T: Dr bank, Cr the waiting interest.
    """
    _must_hold_deposits(book)
    known = BankInterest.objects.filter(book=book, key=key).first()
    if known is None:
        entry = post_fact(
            entity_id=book.entity_id,
            key=f"bank-interest:{book.pk}:{key}",
            kind=Entry.Kind.INTEREST,
            day=paid_on,
            memo=f"Interest of the bank on {book}",
            lines=postings.came_in(chart(book.entity_id), book.pk, interest_pool_of(book), amount),
            posted_by_id=actor_id,
        )
        known, _ = BankInterest.objects.get_or_create(
            book=book, key=key, defaults={"amount": amount, "paid_on": paid_on, "entry": entry}
        )
    if (known.amount, known.paid_on) != (amount, paid_on):
        raise AlreadyDone(
            f"interest {key} of {book} was recorded as {plain(known.amount)} on"
            f" {known.paid_on:%b %-d, %Y}"
        )
    return known


def enter_rate(
    book: Book, *, year: int, rate: Decimal, source: str, actor_id: int | None = None
) -> DepositRate:
    """Enter what a bank paid on a deposit account in a calendar year (0.015 is 1.5 %).

    Raises AlreadyDone where interest has been credited by another rate of that year.
    """
    _must_hold_deposits(book)
    if not Decimal(0) <= rate < 1:
        raise DepositsError(f"a yearly rate lies between 0 and 1, as 0.015 for 1.5 %, not {rate}")
    row = DepositRate.objects.filter(book=book, year=year).first()
    if row is not None and row.rate != rate and _is_rate_used(book, year):
        raise AlreadyDone(
            f"interest of {year} was credited at {row.rate.normalize():f}; it stays as it is"
        )
    row, _ = DepositRate.objects.update_or_create(
        book=book,
        year=year,
        defaults={"rate": rate, "source": source.strip()[:200], "entered_by_id": actor_id},
    )
    return row


def _is_rate_used(book: Book, year: int) -> bool:
    return InterestCredit.objects.filter(
        deposit__book=book,
        state=InterestCredit.State.CREDITED,
        method="bank_actual",
        from_on__lte=date(year, 12, 31),
        to_on__gte=date(year, 1, 1),
    ).exists()


@transaction.atomic
def reimburse(
    book: Book, *, amount: Money, on: date, key: str, actor_id: int | None = None
) -> Entry:
    """Record that the company paid in what it owes a trust account, as after a bank fee.

    Both bank accounts show it. Raises DepositsError for more than the company owes there.
    """
    full_key = f"reimburse:{book.pk}:{key}"
    owes = -balance(book_id=book.pk, beneficiary_id=company_of(book.entity_id))
    is_new = not Entry.objects.filter(entity=book.entity_id, key=full_key).exists()
    if is_new and not ZERO < amount <= owes:
        raise DepositsError(
            f"the company owes {book} {plain(max(owes, ZERO))}, not {plain(amount)}"
        )
    accounts = chart(book.entity_id)
    return post_fact(
        entity_id=book.entity_id,
        key=full_key,
        kind=Entry.Kind.SETTLEMENT,
        day=on,
        memo=f"The company makes good what it owes {book}",
        lines=postings.reimbursed(
            accounts, book.pk, amount, company_side(book.entity_id, accounts, accounts.bank)
        ),
        posted_by_id=actor_id,
    )


@transaction.atomic
def owner_holds(deposit: Deposit, amount: Money) -> Deposit:
    """Record that the owner, not we, holds a deposit (zero: nobody but us does)."""
    held = held_deposit(deposit.pk)
    if amount < ZERO:
        raise DepositsError("what the owner holds is zero or above")
    held.owner_held = amount
    held.holder = Deposit.Holder.OWNER if amount else Deposit.Holder.TRUST
    held.save(update_fields=["owner_held", "holder"])
    return held


@transaction.atomic
def bring_from_owner(
    deposit: Deposit,
    *,
    amount: Money,
    on: date,
    key: str,
    from_rent: bool = False,
    actor_id: int | None = None,
) -> Entry:
    """Take into the deposit account what the owner holds of a deposit, so that it can be returned.

    from_rent: it comes from the owner's money in the rent account (both bank accounts show it) and
    counts as drawn; else the owner has paid it in. key: unique in the deposit.
    Raises NotHere for more than the owner holds, and Overdrawn where the owner has not got it.
    """
    held = held_deposit(deposit.pk)
    full_key = f"deposit:{held.pk}:from-owner:{key}"
    if known := Entry.objects.filter(entity=held.entity_id, key=full_key).first():
        return known
    if not ZERO < amount <= held.owner_held:
        raise NotHere(f"the owner holds {plain(held.owner_held)} of {held}, not {plain(amount)}")
    accounts = chart(held.entity_id)
    lease = held.lease
    if from_rent:
        kind = Entry.Kind.TRANSFER
        lines = postings.owner_brings_from_rent(
            accounts,
            rent_book_id=lease.unit.property.rent_book_id,
            deposit_book_id=held.book_id,
            property_book_id=lease.unit.property.book_id,
            parts=owner_parts(lease.unit.property, amount, on),
            deposit_id=lease.deposit_id,
        )
    else:
        kind = Entry.Kind.RECEIPT
        lines = postings.came_in(accounts, held.book_id, lease.deposit_id, amount)
    entry = post_fact(
        entity_id=held.entity_id,
        key=full_key,
        kind=kind,
        day=on,
        memo=f"Owner brings the security deposit of lease {lease.code}",
        lines=lines,
        posted_by_id=actor_id,
    )
    held.owner_held -= amount
    held.holder = Deposit.Holder.OWNER if held.owner_held else Deposit.Holder.TRUST
    held.save(update_fields=["owner_held", "holder"])
    return entry


def owner_parts(property_: Property, amount: Money, on: date) -> dict[int, Money]:
    """An amount split over the owners of a property on a day: beneficiary id to part.

    Raises DepositsError if nobody owns it.
    """
    shares = shares_on(property_, on)
    if not shares:
        raise DepositsError(f"{property_} has no owner on {on:%b %-d, %Y}")
    parts = split(amount, [each.share for each in shares])
    found: dict[int, Money] = {}
    for each, part in zip(shares, parts, strict=True):
        if part:
            found[each.beneficiary_id] = found.get(each.beneficiary_id, ZERO) + part
    return found


def know(
    property_: Property, name: str, value: object, *, lease: Lease | None, actor_id: int | None
) -> KnownFact:
    """Enter a fact that a rule asks for, of a property or of one lease in its place."""
    row, _ = KnownFact.objects.update_or_create(
        property=property_,
        lease=lease,
        name=name,
        defaults={"value": value, "entered_by_id": actor_id},
    )
    return row


def _must_hold_deposits(book: Book) -> None:
    purpose = BankAccount.objects.filter(book=book).values_list("purpose", flat=True).first()
    if book.kind != Book.Kind.TRUST or purpose is None:
        raise NotHere(f"{book} is no trust account at a bank")
