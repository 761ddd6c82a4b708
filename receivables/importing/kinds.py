"""The kinds of portfolio files: their columns, and the headers by which exports call them.

Headers compare in lower case with only letters and digits. Those of AppFolio, Buildium and Rent
Manager rent rolls are from memory of their screens: none of the three publishes its export's
columns, so all are unconfirmed (docs/importing.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from receivables.importing import cells


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, how a cell reads, whether a row needs it, and what else it is called."""

    name: str
    read: Callable[[str], Any] = cells.text
    is_required: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file. stems: names of files that are of this kind, without .csv.

    may_be_empty: required columns whose cells may be empty, as the tenant of a vacant unit.
    """

    key: str
    label: str
    stems: tuple[str, ...]
    columns: tuple[Column, ...]
    may_be_empty: frozenset[str] = frozenset()

    @property
    def required(self) -> set[str]:
        """The names of the columns that a file must have."""
        return {column.name for column in self.columns if column.is_required}


_PROPERTY = Column("property", cells.code, True, ("property code", "property name", "building"))
_LEASE = Column("lease", cells.code, True, ("lease code", "lease id"))
_ACCOUNT = Column("account", cells.text, True, ("trust account", "bank account"))

TRUST_ACCOUNTS = FileKind(
    "trust_accounts",
    "Trust accounts",
    ("trust_accounts", "bank_accounts"),
    (
        _ACCOUNT,
        Column("purpose", cells.purpose, True),
        Column("bank", cells.text, True, ("bank name",)),
        Column("title", cells.text, False, ("account title",)),
        Column("routing number", cells.routing_number, False, ("aba", "routing")),
        Column("account number", cells.account_number, True, ("number",)),
        Column("balance", cells.money, False, ("bank balance", "statement balance")),
    ),
)
PROPERTIES = FileKind(
    "properties",
    "Properties",
    ("properties", "property_directory"),
    (
        Column("code", cells.code, True, ("property code", "property id")),
        Column("name", cells.text, True, ("property name", "property")),
        Column("state", cells.state, True, ("property state",)),
        Column("street", cells.text, False, ("address", "property street address 1")),
        Column("city", cells.text, False, ("property city",)),
        Column("zip", cells.text, False, ("zip code", "postal code", "property zip")),
        Column("rent account", cells.text, False, ("rent trust account", "operating account")),
        Column(
            "deposit account", cells.text, False, ("escrow account", "security deposit account")
        ),
    ),
)
OWNERS = FileKind(
    "owners",
    "Owners and shares",
    ("owners", "ownership", "owner_directory"),
    (
        _PROPERTY,
        Column("owner", cells.code, True, ("owner code", "owner id")),
        Column("owner name", cells.text, True, ("name",)),
        Column("share", cells.fraction, False, ("ownership", "ownership percent", "percent")),
        Column("from", cells.day, False, ("since", "owned since")),
        Column("email", cells.email, False, ("owner email",)),
    ),
)
AGREEMENTS = FileKind(
    "agreements",
    "Management agreements",
    ("agreements", "management_agreements"),
    (
        _PROPERTY,
        Column("fee rate", cells.rate, True, ("management fee", "management fee percent")),
        Column("from", cells.day, False, ("since", "contract start")),
        Column("fee minimum", cells.not_negative, False, ("minimum fee",)),
        Column("late fee owner rate", cells.rate),
        Column("approval threshold", cells.not_negative, False, ("maintenance limit",)),
        Column("reserve target", cells.not_negative, False, ("reserve", "property reserve")),
        Column("cut off day", cells.day_of_month),
        Column("payment day", cells.day_of_month),
        Column("seasoning days", cells.count),
        Column("allocation order", cells.order),
    ),
)
UNITS = FileKind(
    "units",
    "Units",
    ("units", "unit_directory"),
    (
        _PROPERTY,
        Column("unit", cells.code, True, ("unit code", "unit number", "unit name")),
        Column("market rent", cells.not_negative),
    ),
)
RENT_ROLL = FileKind(
    "rent_roll",
    "Tenants and leases (rent roll)",
    ("rent_roll", "leases", "tenants"),
    (
        # AppFolio: Property, Unit, Tenant, Status, Market Rent, Rent, Deposit, Lease From,
        # Lease To, Move-in, Move-out. Buildium: Property, Unit, Tenants, Lease start, Lease end,
        # Rent, Deposits held. Rent Manager: Property, Unit, Tenant, Move In, Lease Start, Lease
        # End, Rent, Security Deposit. All unconfirmed.
        _PROPERTY,
        Column("unit", cells.code, True, ("unit number", "unit name")),
        Column("tenant", cells.text, True, ("tenants", "tenant name", "resident", "lease name")),
        Column("lease", cells.code, False, ("lease code", "lease id", "occupancy id")),
        Column(
            "starts on",
            cells.day,
            False,
            ("lease from", "lease start", "lease start date", "start date", "start"),
        ),
        Column(
            "ends on", cells.day, False, ("lease to", "lease end", "lease end date", "end date")
        ),
        Column("moved in on", cells.day, False, ("move in", "move in date")),
        Column("moved out on", cells.day, False, ("move out", "move out date")),
        Column("rent", cells.not_negative, False, ("monthly rent", "rent amount", "lease rent")),
        Column("due day", cells.day_of_month),
        Column(
            "deposit agreed",
            cells.not_negative,
            False,
            ("deposit", "deposits held", "security deposit", "security deposit held"),
        ),
        Column("status", cells.lease_status, False, ("lease status", "unit status")),
        Column("market rent", cells.not_negative),
        Column("email", cells.email, False, ("tenant email", "emails")),
        Column("phone", cells.text, False, ("phone number", "phone numbers")),
    ),
    may_be_empty=frozenset({"tenant"}),
)
OPENING_BALANCES = FileKind(
    "opening_balances",
    "Opening balances",
    ("opening_balances", "beneficiary_balances"),
    (
        _ACCOUNT,
        Column("holder", cells.holder, True, ("kind", "beneficiary")),
        Column("amount", cells.money, True, ("balance",)),
        Column("property", cells.code),
        Column("owner", cells.code, False, ("owner code",)),
        Column("lease", cells.code, False, ("lease code",)),
        Column("memo", cells.text, False, ("description", "note")),
    ),
)
DEPOSITS = FileKind(
    "deposits",
    "Security deposits held",
    ("deposits", "security_deposits"),
    (
        _LEASE,
        Column("amount held", cells.positive, True, ("held", "deposit held")),
        Column("account", cells.text, False, ("trust account", "bank account")),
    ),
)
OPEN_CHARGES = FileKind(
    "open_charges",
    "Open charges",
    ("open_charges", "delinquency", "receivables"),
    (
        _LEASE,
        Column("due on", cells.day, True, ("due date", "charge date", "due")),
        Column("amount due", cells.positive, True, ("open amount", "amount", "amount receivable")),
        Column("charge", cells.charge_kind, False, ("kind", "charge type")),
        Column("memo", cells.text, False, ("description", "note")),
    ),
)
OUTSTANDING = FileKind(
    "outstanding",
    "Outstanding checks and deposits in transit",
    ("outstanding", "outstanding_items", "outstanding_checks"),
    (
        _ACCOUNT,
        Column("item", cells.outstanding, True, ("kind", "type")),
        Column("number", cells.code, True, ("check number", "reference")),
        Column("dated on", cells.day, True, ("date", "check date")),
        Column("amount", cells.positive, True),
        Column("party", cells.text, False, ("payee", "payer")),
    ),
)
# In the order in which they are imported: each may name rows of those before it.
KINDS = (
    TRUST_ACCOUNTS,
    PROPERTIES,
    OWNERS,
    AGREEMENTS,
    UNITS,
    RENT_ROLL,
    OPENING_BALANCES,
    DEPOSITS,
    OPEN_CHARGES,
    OUTSTANDING,
)
