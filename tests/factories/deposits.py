"""Deposits of the smallest kind: a state, a lease with money in the deposit account, a sheet."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from deposits import services
from deposits.models import Deposit, MoveOut
from deposits.types import NewDeduction
from desk.models import Role, User
from leases.models import Lease, Property, Unit
from leases.services import create_unit
from ledger.models import Book
from payments.services import set_stock
from proptrust.lib.money import usd
from receivables.models import ChargeKind, Receipt
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company


def home_in(
    state: str,
    *,
    deposit: str = "2000.00",
    starts_on: date = date(2025, 1, 1),
    taken_on: date | None = None,
    tenants: tuple[str, ...] = ("Maria Garcia",),
    shares: tuple[str, ...] = ("1",),
    units: int = 1,
    facts: Mapping[str, object] | None = None,
) -> Company:
    """A company with one lease in a state, whose deposit lies in the deposit account."""
    home = company(starts_on=starts_on, tenants=tenants, shares=shares)
    Property.objects.filter(pk=home.property.pk).update(state=state)
    Lease.objects.filter(pk=home.lease.pk).update(deposit_agreed=usd(deposit))
    for number in range(Unit.objects.filter(property=home.property).count(), units):
        create_unit(property_=home.property, code=f"N{number}")
    home.property.refresh_from_db()
    home.lease = fresh(home.lease)
    for name, value in (facts or {}).items():
        services.know(home.property, name, value, lease=None, actor_id=None)
    hold(home.lease, deposit, on=taken_on or starts_on)
    return home


def fresh(lease: Lease) -> Lease:
    """The lease as it is now, with its unit and property."""
    return Lease.objects.select_related("unit__property").get(pk=lease.pk)


def hold(lease: Lease, amount: str, *, on: date) -> Deposit:
    """A security deposit that was charged and paid into the deposit account."""
    make.charge(lease, amount, kind=ChargeKind.SECURITY_DEPOSIT, due_on=on)
    make.receipt(
        lease,
        amount,
        book_id=lease.unit.property.deposit_book_id,
        into=Receipt.Into.BANK,
        channel=Receipt.Channel.WIRE,
        received_on=on,
    )
    return services.deposit_of(lease)


def fund_owner(home: Company, amount: str, *, on: date) -> None:
    """Money of the owners in the rent account: rent that a tenant has paid by wire."""
    make.charge(home.lease, amount, due_on=on)
    make.receipt(
        home.lease,
        amount,
        into=Receipt.Into.BANK,
        channel=Receipt.Channel.WIRE,
        received_on=on,
    )


def bank_paid(book: Book, amount: str, *, year: int, rate: str) -> None:
    """What a bank paid on a deposit account in a year, and at which rate."""
    services.enter_rate(book, year=year, rate=Decimal(rate), source=f"statement of {year}")
    services.record_bank_interest(
        book, amount=usd(amount), paid_on=date(year, 12, 31), key=f"{year}"
    )


def rate(text: str) -> Decimal:
    """A yearly rate."""
    return Decimal(text)


def checks(book: Book, first: int = 1001) -> None:
    """Check numbers for a trust account."""
    set_stock(book, next_number=first, actor=person(Role.BOOKKEEPER, book.entity))


def sheet(home: Company, *, moved_out_on: date, deductions: Mapping[str, str]) -> MoveOut:
    """A move-out with deductions by kind, made by a bookkeeper."""
    move_out = services.start_move_out(
        home.lease,
        moved_out_on=moved_out_on,
        forwarding_address="9 New Road\nTucson, AZ 85701",
        actor_id=person(Role.BOOKKEEPER, home.entity).pk,
    )
    for kind, amount in deductions.items():
        services.add_deduction(
            move_out, NewDeduction(kind=kind, amount=usd(amount), memo=f"for {kind}")
        )
    move_out.refresh_from_db()
    return move_out


def reviewed(home: Company, move_out: MoveOut) -> User:
    """A second person agrees to a sheet."""
    reviewer = person(Role.PROPERTY_MANAGER, home.entity)
    services.review_move_out(move_out, reviewer=reviewer)
    move_out.refresh_from_db()
    return reviewer
