"""Writers of the portfolio's rows: trust accounts, properties, owners, agreements, units, leases.

Each takes rows that belong together (mostly one), makes what is not there, and leaves what stands
as the file says. What stands otherwise is refused: an import does not change master data.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from leases import services
from leases.models import Lease, ManagementAgreement, Owner, OwnershipShare, Tenant, Unit
from leases.types import Address
from ledger.models import BankAccount, Book
from ledger.services import ensure_book
from receivables.importing import kinds
from receivables.importing.kinds import FileKind
from receivables.importing.reading import Row
from receivables.importing.writing import BadRow, Opening, Writing
from receivables.models import RecurringCharge

# Roommates in one cell. A comma stands inside "Garcia, Maria" and parts nobody.
_AND = re.compile(r"\s*(?:;|&|\+|\band\b)\s*")
_ALONE = [Fraction(1)]


def grouped(kind: FileKind, rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that are written together: all owners of a property from one day; else each alone."""
    if kind is not kinds.OWNERS:
        return [[row] for row in rows]
    groups: dict[tuple[str, date | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["property"].lower(), row.get("from")].append(row)
    return list(groups.values())


def trust_account(writing: Writing, rows: Sequence[Row]) -> None:
    """A trust book with its bank account, and its balance at the cut-over."""
    (row,) = rows
    book = ensure_book(entity_id=writing.entity.pk, kind=Book.Kind.TRUST, name=row["account"])
    known = BankAccount.objects.filter(book=book).first()
    if known is None:
        BankAccount.objects.create(
            book=book,
            purpose=row["purpose"],
            bank_name=row["bank"],
            title=row.get("title", f"{writing.entity.name} trust account"),
            routing_number=row.get("routing number", ""),
            account_number=row["account number"],
        )
    else:
        facts = {
            "purpose": (known.purpose, row["purpose"]),
            "account number": (known.account_number[-4:], row["account number"][-4:]),
        }
        writing.same(row, f"trust account {book}", facts)
    writing.know_book(book)
    writing.done("trust accounts", is_new=known is None)
    if "balance" in row.values:
        writing.add_opening(
            Opening("bank", book.name, "balance", row["balance"], row, book_id=book.pk)
        )


def a_property(writing: Writing, rows: Sequence[Row]) -> None:
    """A property with its accrual book, in its trust accounts."""
    (row,) = rows
    rent = writing.book(row, row.get("rent account"), "rent", "rent account")
    deposit = writing.book(row, row.get("deposit account"), "deposits", "deposit account")
    known = writing.entity.properties.filter(code=row["code"]).first()
    if known is not None:
        facts = {
            "name": (known.name, row["name"]),
            "state": (known.state, row["state"]),
            "rent account": (known.rent_book_id, rent.pk),
            "deposit account": (known.deposit_book_id, deposit.pk),
        }
        writing.same(row, f"property {known.code}", facts)
    made = known or services.create_property(
        entity_id=writing.entity.pk,
        code=row["code"],
        name=row["name"],
        address=Address(
            row["state"], row.get("street", ""), row.get("city", ""), row.get("zip", "")
        ),
        rent_book=rent,
        deposit_book=deposit,
    )
    writing.know_property(made)
    writing.done("properties", is_new=known is None)


def owners(writing: Writing, rows: Sequence[Row]) -> None:
    """The owners of a property from a day on, with shares that sum to one."""
    first = rows[0]
    property_ = writing.property(first, first["property"])
    from_on = first.get("from", writing.cut_over_on)
    fractions = _ALONE if len(rows) == 1 else [_share(row) for row in rows]
    if len(rows) == 1 and first.get("share", Fraction(1)) != 1:
        raise BadRow(f"the only share of {property_} is {first['share']}", column="share")
    if sum(fractions) != 1:
        said = " + ".join(str(each) for each in fractions)
        raise BadRow(f"the shares of {property_} are {said}; they must sum to 1", column="share")
    shares = services.whole_shares(fractions)
    wanted = {_owner(writing, row): share for row, share in zip(rows, shares, strict=True)}
    if len(wanted) != len(rows):
        raise BadRow(f"an owner of {property_} stands twice", column="owner")
    standing = {
        row.owner: row.share
        for row in OwnershipShare.objects.filter(property=property_, until_on__isnull=True)
        .select_related("owner")
        .order_by("id")
    }
    if standing and standing != wanted:
        reason = f"{property_} has other owners or shares already; change them in the admin"
        raise BadRow(reason, column="share")
    if not standing:
        services.set_shares(property_=property_, from_on=from_on, shares=wanted)
    writing.done("ownership shares", is_new=not standing)


def _share(row: Row) -> Fraction:
    if "share" not in row.values:
        raise BadRow("is empty; several owners need their shares", column="share", row=row)
    share: Fraction = row["share"]
    return share


def _owner(writing: Writing, row: Row) -> Owner:
    known = Owner.objects.filter(entity=writing.entity, code=row["owner"]).first()
    if known is not None:
        writing.same(row, f"owner {known.code}", {"owner name": (known.name, row["owner name"])})
        return known
    writing.done("owners", is_new=True)
    return services.create_owner(
        entity_id=writing.entity.pk,
        code=row["owner"],
        name=row["owner name"],
        email=row.get("email", ""),
    )


def agreement(writing: Writing, rows: Sequence[Row]) -> None:
    """The terms on which a property is managed."""
    (row,) = rows
    property_ = writing.property(row, row["property"])
    from_on = row.get("from", writing.cut_over_on)
    terms = {
        column.name.replace(" ", "_"): row[column.name]
        for column in kinds.AGREEMENTS.columns
        if column.name in row.values and column.name not in ("property", "from", "fee rate")
    }
    known = ManagementAgreement.objects.filter(property=property_, from_on=from_on).first()
    if known is not None:
        facts = {
            name.replace("_", " "): (getattr(known, name), said) for name, said in terms.items()
        }
        facts["fee rate"] = (known.fee_rate, row["fee rate"])
        writing.same(row, f"the agreement of {property_}", facts)
    else:
        services.create_agreement(
            property_=property_, from_on=from_on, fee_rate=row["fee rate"], **terms
        )
    writing.done("agreements", is_new=known is None)


def unit(writing: Writing, rows: Sequence[Row]) -> None:
    """A unit of a property."""
    (row,) = rows
    _unit(writing, row)


def _unit(writing: Writing, row: Row) -> Unit:
    property_ = writing.property(row, row["property"])
    known = Unit.objects.filter(property=property_, code=row["unit"]).first()
    made = known or services.create_unit(
        property_=property_, code=row["unit"], market_rent=row.get("market rent")
    )
    made.property = property_
    writing.done("units", is_new=known is None)
    return made


def lease(writing: Writing, rows: Sequence[Row]) -> None:
    """A unit with its lease, tenants and monthly rent; a vacant unit is the unit alone."""
    (row,) = rows
    home = _unit(writing, row)
    if row.get("status") == "vacant" or "tenant" not in row.values:
        return
    starts_on = row.get("starts on") or row.get("moved in on")
    if starts_on is None:
        raise BadRow("is empty; a lease begins on some day", column="starts on", row=row)
    code = row.get("lease") or f"{home.property.code}-{home.code}"
    known = writing.has_lease(code)
    if known is not None:
        facts = {"starts on": (known.starts_on, starts_on), "unit": (known.unit_id, home.pk)}
        writing.same(row, f"lease {code}", facts)
        writing.done("leases", is_new=False)
        return
    if len(code) > 40:
        raise BadRow(f"give lease {code[:20]}… a code of its own", column="lease", row=row)
    made = services.create_lease(
        unit=home,
        code=code,
        starts_on=starts_on,
        ends_on=row.get("ends on"),
        moved_out_on=row.get("moved out on"),
        state=Lease.State.ENDED if row.get("status") == "ended" else Lease.State.ACTIVE,
        tenants=_tenants(writing, row, code),
        **({"deposit_agreed": row["deposit agreed"]} if "deposit agreed" in row.values else {}),
    )
    writing.know_lease(made)
    writing.done("leases", is_new=True)
    if row.get("rent"):
        RecurringCharge.objects.create(
            lease=made,
            amount=row["rent"],
            due_day=row.get("due day", 1),
            from_on=_charged_from(writing.cut_over_on, starts_on),
        )
        writing.done("recurring charges", is_new=True)


def _charged_from(cut_over_on: date, starts_on: date) -> date:
    """The month of the cut-over was charged before us: it stands among the open charges."""
    if starts_on > cut_over_on:
        return starts_on
    return (cut_over_on.replace(day=1) + timedelta(days=32)).replace(day=1)


def _tenants(writing: Writing, row: Row, code: str) -> dict[Tenant, Decimal]:
    """The tenants of a cell, each liable for all; equal shares among roommates."""
    names = [name for name in _AND.split(row["tenant"]) if name]
    if not names:
        raise BadRow("names nobody", column="tenant", row=row)
    shares = services.whole_shares([Fraction(1, len(names))] * len(names))
    people: dict[Tenant, Decimal] = {}
    for number, (name, share) in enumerate(zip(names, shares, strict=True), start=1):
        tenant = services.create_tenant(
            entity_id=writing.entity.pk,
            code=f"{code[:36]}-{number}",
            name=name,
            email=row.get("email", "") if number == 1 else "",
            phone=row.get("phone", "")[:30] if number == 1 else "",
        )
        writing.done("tenants", is_new=True)
        people[tenant] = share
    return people


WRITERS: dict[str, Callable[[Writing, Sequence[Row]], None]] = {
    kinds.TRUST_ACCOUNTS.key: trust_account,
    kinds.PROPERTIES.key: a_property,
    kinds.OWNERS.key: owners,
    kinds.AGREEMENTS.key: agreement,
    kinds.UNITS.key: unit,
    kinds.RENT_ROLL.key: lease,
}
