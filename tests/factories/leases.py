"""The smallest valid portfolio: a company, its trust accounts, a property, owners, a lease."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from desk.models import LegalEntity
from leases import services
from leases.models import Lease, ManagementAgreement, Owner, Property, Tenant, Unit
from leases.types import Address
from ledger.models import BankAccount, Book
from proptrust.lib.money import ZERO
from tests.factories.desk import LegalEntityFactory
from tests.factories.ledger import BankAccountFactory, BookFactory

_numbers = count(1)
LONG_AGO = date(2020, 1, 1)


@dataclass(slots=True)
class Company:
    """A company with one property, its owners, one unit and one lease; more by `lease_in`."""

    entity: LegalEntity
    rent_book: Book
    deposit_book: Book
    property: Property
    owners: list[Owner]
    unit: Unit
    lease: Lease
    tenants: list[Tenant] = field(default_factory=list)

    def owner_beneficiaries(self) -> list[int]:
        """The owners in the ledger, in the order of `owners`."""
        shares = {row.owner_id: row.beneficiary_id for row in self.property.shares.all()}
        return [shares[owner.pk] for owner in self.owners]


def company(
    *,
    shares: tuple[str, ...] = ("1",),
    tenants: tuple[str, ...] = ("Maria Garcia",),
    starts_on: date = LONG_AGO,
    lease_code: str = "",
    allocation_order: str = ManagementAgreement.AllocationOrder.OLDEST_FIRST,
    entity: LegalEntity | None = None,
) -> Company:
    """A company whose property belongs to one owner per share, let on one lease."""
    entity = entity or LegalEntityFactory.create()
    rent_book = trust_book(entity, "rent")
    deposit_book = trust_book(entity, "deposits")
    property_, owners = property_in(entity, rent_book, deposit_book, shares=shares)
    services.create_agreement(
        property_=property_,
        from_on=LONG_AGO,
        fee_rate=Decimal("0.08"),
        allocation_order=allocation_order,
    )
    unit = services.create_unit(property_=property_, code=f"U{next(_numbers)}")
    lease = lease_in(unit, tenants=tenants, starts_on=starts_on, code=lease_code)
    people = [row.tenant for row in lease.tenancies.select_related("tenant").order_by("id")]
    return Company(entity, rent_book, deposit_book, property_, owners, unit, lease, people)


def company_without_fees(**facts: Any) -> Company:
    """A company that takes no management fee, for tests that are about other money."""
    home = company(**facts)
    home.property.agreements.update(fee_rate=0)
    return home


def trust_book(entity: LegalEntity, purpose: str) -> Book:
    """A trust book with its bank account: rent or deposits."""
    book = BookFactory.create(entity=entity, name=f"{purpose} trust {next(_numbers)}")
    account: BankAccount = BankAccountFactory.create(book=book, purpose=purpose)
    return account.book


def property_in(
    entity: LegalEntity, rent_book: Book, deposit_book: Book, *, shares: tuple[str, ...] = ("1",)
) -> tuple[Property, list[Owner]]:
    """A property owned since long ago, with an owner per share."""
    number = next(_numbers)
    property_ = services.create_property(
        entity_id=entity.pk,
        code=f"P{number}",
        name=f"{number} Elm Street",
        address=Address(state="AZ"),
        rent_book=rent_book,
        deposit_book=deposit_book,
    )
    owners = [
        services.create_owner(
            entity_id=entity.pk, code=f"O{number}-{n}", name=f"Owner {number}-{n}"
        )
        for n in range(len(shares))
    ]
    services.set_shares(
        property_=property_,
        from_on=LONG_AGO,
        shares={owner: Decimal(share) for owner, share in zip(owners, shares, strict=True)},
    )
    return property_, owners


def lease_in(
    unit: Unit,
    *,
    tenants: tuple[str, ...] = ("Maria Garcia",),
    starts_on: date = LONG_AGO,
    code: str = "",
    ends_on: date | None = None,
) -> Lease:
    """A lease of a unit by tenants who pay equal shares (of one, of two, of four or five)."""
    number = next(_numbers)
    people = [
        services.create_tenant(entity_id=unit.property.entity_id, code=f"T{number}-{n}", name=name)
        for n, name in enumerate(tenants)
    ]
    share = Decimal(1) / len(people)
    return services.create_lease(
        unit=unit,
        code=code or f"L-{number:04}",
        starts_on=starts_on,
        ends_on=ends_on,
        tenants=dict.fromkeys(people, share),
        deposit_agreed=ZERO,
    )
