"""Set the portfolio up: each row with what the ledger needs to hold its money."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from moneyed import Money

from leases.errors import AlreadyExists, OtherEntity, SharesNotWhole
from leases.models import (
    Lease,
    LeaseTenant,
    ManagementAgreement,
    Owner,
    OwnershipShare,
    Property,
    Tenant,
    Unit,
)
from leases.types import Address
from ledger.models import Beneficiary, Book
from ledger.services import ensure_beneficiary, ensure_book
from proptrust.lib.money import ZERO

SHARE_STEP = Decimal("0.00000001")  # What OwnershipShare.share can hold.
WHOLE = Decimal(1)


@transaction.atomic
def create_property(
    *,
    entity_id: int,
    code: str,
    name: str,
    address: Address,
    rent_book: Book,
    deposit_book: Book,
) -> Property:
    """A property with its own accrual book, whose money lies in two trust accounts.

    Raises AlreadyExists if the code is taken, OtherEntity for a trust account of another company.
    """
    for book in (rent_book, deposit_book):
        if book.entity_id != entity_id:
            raise OtherEntity(f"{book} belongs to another company than property {code}")
    if Property.objects.filter(entity=entity_id, code=code).exists():
        raise AlreadyExists(f"property {code} exists already")
    return Property.objects.create(
        entity_id=entity_id,
        code=code,
        name=name,
        state=address.state,
        street=address.street,
        city=address.city,
        zip_code=address.zip_code,
        book=ensure_book(
            entity_id=entity_id, kind=Book.Kind.PROPERTY, name=f"Property {code}: {name}"[:200]
        ),
        rent_book=rent_book,
        deposit_book=deposit_book,
    )


def create_owner(*, entity_id: int, code: str, name: str, email: str = "") -> Owner:
    """An owner. Raises AlreadyExists if the code is taken."""
    owner: Owner = _create_once(Owner, entity_id=entity_id, code=code, name=name, email=email)
    return owner


def create_tenant(
    *, entity_id: int, code: str, name: str, email: str = "", phone: str = ""
) -> Tenant:
    """A person who rents. Raises AlreadyExists if the code is taken."""
    tenant: Tenant = _create_once(
        Tenant, entity_id=entity_id, code=code, name=name, email=email, phone=phone
    )
    return tenant


def create_unit(*, property_: Property, code: str, market_rent: Money | None = None) -> Unit:
    """What is let. Raises AlreadyExists if the property has a unit of that code."""
    if Unit.objects.filter(property=property_, code=code).exists():
        raise AlreadyExists(f"unit {code} of {property_} exists already")
    return Unit.objects.create(property=property_, code=code, market_rent=market_rent)


@transaction.atomic
def set_shares(
    *,
    property_: Property,
    from_on: date,
    shares: Mapping[Owner, Decimal],
    tax_shares: Mapping[Owner, Decimal] | None = None,
) -> list[OwnershipShare]:
    """Who owns a property from a day on; the shares that were in force end on the day before.

    shares: fractions above zero that sum to one exactly (`whole_shares` makes thirds fit).
    tax_shares: where the tax follows other shares than the cash; they sum to one as well.
    Raises SharesNotWhole, and OtherEntity for an owner of another company.
    """
    total = sum(shares.values(), Decimal(0))
    if total != WHOLE or any(share <= 0 for share in shares.values()):
        said = " + ".join(f"{share.normalize():f}" for share in shares.values()) or "none"
        raise SharesNotWhole(
            f"the shares of {property_} from {from_on} are {said}; they must sum to 1"
        )
    if tax_shares and (
        sum(tax_shares.values(), Decimal(0)) != WHOLE or tax_shares.keys() != shares.keys()
    ):
        raise SharesNotWhole(f"the tax shares of {property_} must name its owners and sum to 1")
    for owner in shares:
        if owner.entity_id != property_.entity_id:
            raise OtherEntity(f"{owner} belongs to another company than {property_}")
    in_force = OwnershipShare.objects.select_for_update().filter(property=property_)
    in_force.filter(from_on__gte=from_on).delete()
    in_force.filter(Q(until_on__isnull=True) | Q(until_on__gte=from_on)).update(
        until_on=from_on - timedelta(days=1)
    )
    return [
        OwnershipShare.objects.create(
            property=property_,
            owner=owner,
            share=share,
            tax_share=tax_shares[owner] if tax_shares else None,
            from_on=from_on,
            beneficiary=_owner_beneficiary(property_, owner),
        )
        for owner, share in shares.items()
    ]


def whole_shares(parts: Sequence[Fraction]) -> list[Decimal]:
    """Fractions that sum to one, as the eight decimals that are stored, still summing to one.

    What rounding down leaves goes to the largest remainders, then to the earlier ones.
    Raises SharesNotWhole if the fractions themselves do not sum to one.
    """
    if sum(parts) != 1:
        raise SharesNotWhole(f"the shares sum to {sum(parts)}, not to 1")
    exact = [Decimal(part.numerator) / Decimal(part.denominator) for part in parts]
    floors = [share.quantize(SHARE_STEP, ROUND_FLOOR) for share in exact]
    missing = int((WHOLE - sum(floors, Decimal(0))) / SHARE_STEP)
    for i in sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))[:missing]:
        floors[i] += SHARE_STEP
    return floors


def create_agreement(
    *, property_: Property, from_on: date, fee_rate: Decimal, **terms: Any
) -> ManagementAgreement:
    """The terms on which a property is managed from a day on; the one in force ends the day before.

    terms: the other fields of ManagementAgreement.
    """
    with transaction.atomic():
        ManagementAgreement.objects.select_for_update().filter(
            Q(until_on__isnull=True) | Q(until_on__gte=from_on),
            property=property_,
            from_on__lt=from_on,
        ).update(until_on=from_on - timedelta(days=1))
        return ManagementAgreement.objects.create(
            property=property_, from_on=from_on, fee_rate=fee_rate, **terms
        )


@transaction.atomic
def create_lease(
    *,
    unit: Unit,
    code: str,
    starts_on: date,
    tenants: Mapping[Tenant, Decimal],
    ends_on: date | None = None,
    moved_out_on: date | None = None,
    state: str = Lease.State.ACTIVE,
    deposit_agreed: Money = ZERO,
) -> Lease:
    """A unit let to tenants, with beneficiaries for their prepaid rent and security deposit.

    tenants: what each roommate agreed to pay, fractions that sum to one. They are liable jointly.
    Raises SharesNotWhole, AlreadyExists for a code that is taken, OtherEntity.
    """
    entity_id = unit.property.entity_id
    if sum(tenants.values(), Decimal(0)) != WHOLE:
        raise SharesNotWhole(f"the tenants' shares of lease {code} must sum to 1")
    if any(tenant.entity_id != entity_id for tenant in tenants):
        raise OtherEntity(f"a tenant of lease {code} belongs to another company")
    if Lease.objects.filter(entity=entity_id, code=code).exists():
        raise AlreadyExists(f"lease {code} exists already")
    names = " & ".join(tenant.name for tenant in tenants)
    lease = Lease.objects.create(
        entity_id=entity_id,
        unit=unit,
        code=code,
        starts_on=starts_on,
        ends_on=ends_on,
        moved_out_on=moved_out_on,
        state=state,
        deposit_agreed=deposit_agreed,
        prepaid=_lease_beneficiary(entity_id, code, names, Beneficiary.Kind.PREPAID),
        deposit=_lease_beneficiary(entity_id, code, names, Beneficiary.Kind.DEPOSIT),
    )
    LeaseTenant.objects.bulk_create(
        LeaseTenant(lease=lease, tenant=tenant, share=share) for tenant, share in tenants.items()
    )
    return lease


def _owner_beneficiary(property_: Property, owner: Owner) -> Beneficiary:
    return ensure_beneficiary(
        entity_id=property_.entity_id,
        kind=Beneficiary.Kind.OWNER,
        name=f"{owner.name}, {property_.name}"[:200],
        reference=f"owner:{owner.pk}:property:{property_.pk}",
    )


def _lease_beneficiary(entity_id: int, code: str, names: str, kind: str) -> Beneficiary:
    what = {"prepaid": "prepaid rent", "deposit": "security deposit"}[kind]
    return ensure_beneficiary(
        entity_id=entity_id,
        kind=kind,
        name=f"{names}, {what} {code}"[:200],
        reference=f"lease:{code}:{kind}",
    )


def _create_once(model: type[models.Model], *, entity_id: int, code: str, **facts: Any) -> Any:
    row, is_new = model._default_manager.get_or_create(
        entity_id=entity_id, code=code, defaults=facts
    )
    if not is_new:
        raise AlreadyExists(f"{model._meta.verbose_name} {code} exists already")
    return row
