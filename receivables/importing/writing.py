"""What the writers of all files share: the company, its rows by code, and what was done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeVar

from moneyed import Money

from desk.models import LegalEntity
from leases.models import Lease, Property
from ledger.models import BankAccount, Book
from receivables.importing.reading import Row

Found = TypeVar("Found")


class BadRow(Exception):
    """A row that reads but does not fit. is_known: because of a row that was refused before."""

    def __init__(
        self, reason: str, *, column: str = "", row: Row | None = None, is_known: bool = False
    ) -> None:
        super().__init__(reason)
        self.column = column
        self.row = row
        self.is_known = is_known


@dataclass(frozen=True, slots=True)
class Opening:
    """One fact of the cut-over. kind and key name it, scope is what it is a part of.

    scope: the trust account, or for open charges the property; within one the openings are imported
    together. amount: signed as it counts for the account's bank or beneficiaries.
    """

    kind: str
    scope: str
    key: str
    amount: Money
    row: Row
    beneficiary_id: int | None = None
    book_id: int | None = None
    lease_id: int | None = None
    charge_kind: str = ""
    item: str = ""
    memo: str = ""
    number: str = ""
    day: date | None = None

    @property
    def name(self) -> tuple[str, str, str]:
        """What tells it from every other."""
        return self.kind, self.scope, self.key


@dataclass
class Writing:
    """One import on its way."""

    entity: LegalEntity
    cut_over_on: date
    created: Counter[str]
    unchanged: Counter[str]
    broken: set[str]
    openings: list[Opening] = field(default_factory=list)
    _by_name: dict[tuple[str, str, str], Opening] = field(default_factory=dict)

    def done(self, what: str, *, is_new: bool) -> None:
        """Count a row that was made, or that stood already as the file says."""
        (self.created if is_new else self.unchanged)[what] += 1

    def same(self, row: Row, what: str, facts: dict[str, tuple[object, object]]) -> None:
        """Raise BadRow if a row stands with other facts: column to (stands, the file says)."""
        for column, (stands, says) in facts.items():
            if says is not None and stands != says:
                reason = f"{what} stands with {stands}; change it in the admin, not by an import"
                raise BadRow(reason, column=column, row=row)

    def refuse(self, rows: Sequence[Row]) -> None:
        """Remember what refused rows would have made: rows that name it are not told again."""
        for row in rows:
            self.broken.update(value for value in row.values.values() if isinstance(value, str))
            self.broken.add(f"{row.get('property')}-{row.get('unit')}")

    def add_opening(self, opening: Opening) -> None:
        """Note an opening; the same one twice is refused, because its sum would be a guess."""
        twice = self._by_name.setdefault(opening.name, opening)
        if twice is not opening:
            where = f"{twice.row.file}, line {twice.row.line}"
            raise BadRow(f"stands in {where} already; put them together", row=opening.row)
        self.openings.append(opening)

    def book(self, row: Row, name: str | None, purpose: str, column: str) -> Book:
        """A trust account by its name; without a name the only one of a purpose."""
        if name is not None:
            return self._found(self._books.get(name.lower()), name, "trust account", row, column)
        fits = [book for book in self._books.values() if book.bank_account.purpose == purpose]
        if len(fits) != 1:
            reason = f"names no trust account, and there are {len(fits)} for {purpose}"
            raise BadRow(reason, column=column, row=row)
        return fits[0]

    def property(self, row: Row, code: str) -> Property:
        """A property by its code, or by its name where exports have only that."""
        found = self._properties.get(code.lower()) or self._properties_by_name.get(code.lower())
        return self._found(found, code, "property", row, "property")

    def lease(self, row: Row, code: str) -> Lease:
        """A lease by its code."""
        is_known = self._lease_was_refused(code)
        return self._found(self._leases.get(code.lower()), code, "lease", row, "lease", is_known)

    def know_book(self, book: Book) -> None:
        """A trust account that was just made."""
        self._books[book.name.lower()] = book

    def know_property(self, property_: Property) -> None:
        """A property that was just made."""
        self._properties[property_.code.lower()] = property_
        self._properties_by_name.setdefault(property_.name.lower(), property_)

    def know_lease(self, lease: Lease) -> None:
        """A lease that was just made."""
        self._leases[lease.code.lower()] = lease

    def has_lease(self, code: str) -> Lease | None:
        """The lease of a code, if there is one."""
        return self._leases.get(code.lower())

    def _found(
        self,
        found: Found | None,
        name: str,
        what: str,
        row: Row,
        column: str,
        is_known: bool = False,  # noqa: FBT001
    ) -> Found:
        if found is None:
            reason = f"there is no {what} {name!r}, neither in the files nor in PropTrust"
            raise BadRow(reason, column=column, row=row, is_known=is_known or name in self.broken)
        return found

    def _lease_was_refused(self, code: str) -> bool:
        """Whether the row that would have made a lease was refused: its own, or its property's."""
        place, _, unit = code.rpartition("-")
        property_ = self._properties.get(place.lower())
        by_name = f"{property_.name}-{unit}" if property_ else ""
        return bool({place, code, by_name} & self.broken)

    @cached_property
    def _books(self) -> dict[str, Book]:
        rows = BankAccount.objects.filter(book__entity=self.entity, book__kind=Book.Kind.TRUST)
        return {
            row.book.name.lower(): row.book for row in rows.select_related("book__bank_account")
        }

    @cached_property
    def _properties(self) -> dict[str, Property]:
        rows = Property.objects.filter(entity=self.entity)
        return {row.code.lower(): row for row in rows}

    @cached_property
    def _properties_by_name(self) -> dict[str, Property]:
        return {row.name.lower(): row for row in self._properties.values()}

    @cached_property
    def _leases(self) -> dict[str, Lease]:
        rows = Lease.objects.filter(entity=self.entity).select_related("unit__property")
        return {row.code.lower(): row for row in rows}
