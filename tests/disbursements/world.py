"""A company whose owners can be paid: checks, bank accounts, certified tax numbers, two people."""

from dataclasses import dataclass
from datetime import date
from itertools import count

from desk.models import Role, User
from desk.services import decide
from disbursements import services
from disbursements.models import DrawProperty, OwnerDraw, Run
from leases.models import ManagementAgreement, Owner, PayoutMethod
from ledger.models import Book
from ledger.queries import balance
from payments.models import CheckStock, Payment
from payments.services import pay
from payments.types import NewPayment
from proptrust.lib.money import usd
from receivables.models import Receipt
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company, lease_in, property_in

_numbers = count(1)
MARCH = (date(2026, 3, 25), date(2026, 4, 10))
APRIL = (date(2026, 4, 25), date(2026, 5, 11))
MAY = (date(2026, 5, 25), date(2026, 6, 10))


@dataclass(slots=True)
class World:
    """A company with one property, and the people who pay its owners."""

    home: Company
    maker: User
    checker: User

    @property
    def book(self) -> Book:
        """The rent trust account."""
        return self.home.rent_book

    def freeze(self, days: tuple[date, date] = MARCH) -> Run:
        """A frozen run up to a cut-off."""
        cut_off_on, pays_on = days
        return services.freeze_run(
            self.home.entity, cut_off_on=cut_off_on, pays_on=pays_on, actor=self.maker
        )

    def approve(self, run: Run) -> Run:
        """The run, reviewed by its maker and approved by the other person."""
        reviewed = services.review_run(run, actor=self.maker)
        assert reviewed.approval is not None
        decide(reviewed.approval, is_agreed=True, checker=self.checker)
        run.refresh_from_db()
        return run

    def send(self, days: tuple[date, date] = MARCH) -> Run:
        """A run that is frozen, approved and sent."""
        return services.send_run(self.approve(self.freeze(days)), actor=self.maker)

    def rent(self, day: date, amount: str = "1000.00", **facts: object) -> Receipt:
        """Rent that is owed on the first of a month and comes in by wire on a day."""
        make.charge(self.home.lease, amount, due_on=day.replace(day=1))
        return wire(self.home, day, amount, **facts)

    def held(self, n: int = 0) -> str:
        """What the trust account holds for an owner, as text."""
        who = self.home.owner_beneficiaries()[n]
        return str(balance(book_id=self.book.pk, beneficiary_id=who).amount)


def world(*, shares: tuple[str, ...] = ("1",), reserve: str = "0", seasoning: int = 5) -> World:
    """A company whose owners are paid by check."""
    home = company(shares=shares)
    ManagementAgreement.objects.filter(property=home.property).update(
        reserve_target=usd(reserve), seasoning_days=seasoning
    )
    for owner in home.owners:
        payable(owner)
    CheckStock.objects.create(book=home.rent_book, first_number=1001, next_number=1001)
    maker, checker = person(entity=home.entity), person(Role.PROPERTY_MANAGER, entity=home.entity)
    return World(home, maker, checker)


def payable(owner: Owner, method: str = PayoutMethod.CHECK) -> Owner:
    """An owner with all that a payment and the tax law ask for."""
    owner.payout_method, owner.address = method, "1 Main Street\nPhoenix, AZ 85001"
    owner.payout_routing_number, owner.payout_account_number = "021000021", "000123456789"
    owner.tax_id, owner.is_tax_id_certified = "12-3456789", True
    owner.save()
    return owner


def wire(home: Company, day: date, amount: str = "1000.00", **facts: object) -> Receipt:
    """A wire of the lease into the bank."""
    at_bank = {"channel": Receipt.Channel.WIRE, "into": Receipt.Into.BANK, "received_on": day}
    return make.receipt(home.lease, amount, **{**at_bank, **facts})


def second_property(home: Company) -> Company:
    """A further property of the first owner of a home, in the same trust accounts, let as well."""
    from decimal import Decimal

    from leases import services as leases
    from leases.models import OwnershipShare

    property_, strangers = property_in(home.entity, home.rent_book, home.deposit_book)
    OwnershipShare.objects.filter(property=property_).delete()
    Owner.objects.filter(pk__in=[owner.pk for owner in strangers]).delete()
    owner = home.owners[0]
    leases.set_shares(property_=property_, from_on=date(2020, 1, 1), shares={owner: Decimal(1)})
    leases.create_agreement(property_=property_, from_on=date(2020, 1, 1), fee_rate=Decimal("0.08"))
    unit = leases.create_unit(property_=property_, code=f"W{next(_numbers)}")
    lease = lease_in(unit)
    return Company(home.entity, home.rent_book, home.deposit_book, property_, [owner], unit, lease)


def bill(book: Book, claims: dict[int, str], day: date) -> Payment:
    """A vendor paid by transfer from owners' claims."""
    parts = {who: usd(amount) for who, amount in claims.items()}
    total = sum(parts.values(), usd(0))
    return pay(
        NewPayment(
            entity_id=book.entity_id, book_id=book.pk, key=f"bill:{next(_numbers)}",
            method=Payment.Method.TRANSFER, purpose=Payment.Purpose.VENDOR, payee="Ace Plumbing",
            amount=total, dated_on=day,
        ),
        claims=parts,
    )  # fmt: skip


def figures(draw: OwnerDraw | DrawProperty, *names: str) -> list[str]:
    """Figures of a draw as texts."""
    return [str(getattr(draw, name).amount) for name in names]
