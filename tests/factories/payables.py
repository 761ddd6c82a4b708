"""Vendors, bills and the money to pay them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from desk.models import Role, User
from leases import services as leases
from leases.models import ManagementAgreement, Property
from payables import services
from payables.models import Bill, Vendor, WorkOrder
from payables.types import NewBill, NewBillLine
from payments.services import set_stock
from proptrust.lib.money import total, usd
from receivables.models import Receipt
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import LONG_AGO, Company, company, lease_in, property_in

_numbers = count(1)
A_DAY = date(2026, 3, 2)
PDF = b"%PDF-1.4 a bill"


def vendor(home: Company, **facts: Any) -> Vendor:
    """A firm that is paid by check."""
    number = next(_numbers)
    fresh = {"code": f"V{number}", "name": f"Vendor {number}", "address": "1 Main St\nMesa AZ"}
    return services.create_vendor(entity_id=home.entity.pk, **{**fresh, **facts})


def new_bill(vendor: Vendor, lines: Sequence[tuple[Property, str]], **facts: Any) -> NewBill:
    """A bill over properties, not entered yet."""
    number = next(_numbers)
    fresh: dict[str, Any] = {
        "entity_id": vendor.entity_id,
        "key": f"bill:{number}",
        "vendor_id": vendor.pk,
        "number": f"INV-{number * 7919}",
        "dated_on": A_DAY,
        "amount": total(usd(amount) for _, amount in lines),
        "lines": [
            NewBillLine(property_id=where.pk, amount=usd(amount), category="repairs")
            for where, amount in lines
        ],
    }
    return NewBill(**{**fresh, **facts})


def draft(vendor: Vendor, lines: Sequence[tuple[Property, str]], **facts: Any) -> Bill:
    """A bill that waits for approval, entered by nobody in particular unless `actor_id` says."""
    actor_id = facts.pop("actor_id", None)
    return services.enter_bill(new_bill(vendor, lines, **facts), actor_id=actor_id)


def bill(vendor: Vendor, lines: Sequence[tuple[Property, str]], **facts: Any) -> Bill:
    """A bill that a property manager has approved."""
    entered = draft(vendor, lines, **facts)
    return services.approve_bill(entered, actor_id=manager(vendor).pk)


def manager(vendor: Vendor) -> User:
    """A property manager of the vendor's company."""
    return person(Role.PROPERTY_MANAGER, vendor.entity)


def work_order(vendor: Vendor, place: Property, **facts: Any) -> WorkOrder:
    """A work order, just made."""
    fresh = {"title": "Leak under the sink", "made_on": A_DAY, "key": f"wo:{next(_numbers)}"}
    return services.create_work_order(
        entity_id=vendor.entity_id, property_=place, vendor=vendor, **{**fresh, **facts}
    )


def home(*, shares: tuple[str, ...] = ("1",)) -> Company:
    """A company whose one property bears no fees, so that what was collected is what is held."""
    made = company(shares=shares)
    ManagementAgreement.objects.filter(property=made.property).update(fee_rate=0)
    checks(made)
    return made


def place(home: Company, *, shares: tuple[str, ...] = ("1",), threshold: str = "500") -> Property:
    """One more property under management, without fees."""
    made, _ = property_in(home.entity, home.rent_book, home.deposit_book, shares=shares)
    leases.create_agreement(
        property_=made, from_on=LONG_AGO, fee_rate=Decimal(0), approval_threshold=usd(threshold)
    )
    return made


def checks(home: Company) -> None:
    """A stock of checks for the rent trust."""
    set_stock(home.rent_book, next_number=1001, actor=person(entity=home.entity))


def fund(place: Property, amount: str) -> None:
    """Rent that a tenant paid and the bank has: the owners of the property hold it by shares."""
    unit = place.units.first() or leases.create_unit(property_=place, code=f"U{next(_numbers)}")
    lease = unit.leases.first() or lease_in(unit)
    make.charge(lease, amount)
    make.receipt(lease, amount, channel=Receipt.Channel.WIRE, into=Receipt.Into.BANK)
