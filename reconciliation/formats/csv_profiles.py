"""The CSV layouts of the big US banks, recognised by their header rows.

Headers change without notice: a layout that is not here is refused by name of its columns, never
read by likeness, and a mapping can be saved for the account. Source: header rows and files that
people published, collected in our fact sheet on 2026-11-22; a comment says what is
unconfirmed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciliation.formats.csv_mapping import Column, CsvMapping, Sign, normal


@dataclass(frozen=True, slots=True)
class Profile:
    """A layout: the header cells it has (normalised) and those it may have."""

    mapping: CsvMapping
    header: frozenset[str]
    optional: frozenset[str] = frozenset()

    def fits(self, cells: frozenset[str]) -> bool:
        """Whether a row holds exactly the header cells of this layout."""
        named = cells - {""}
        return self.header <= named <= self.header | self.optional


@dataclass(frozen=True, slots=True)
class Headerless:
    """A layout without a header row: a pattern for each cell of every row."""

    mapping: CsvMapping
    cells: tuple[re.Pattern[str], ...]

    def fits(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether every row is of this layout."""
        return bool(rows) and all(self._fits(row) for row in rows)

    def _fits(self, row: Sequence[str]) -> bool:
        return len(row) == len(self.cells) and all(
            pattern.fullmatch(cell.strip()) for pattern, cell in zip(self.cells, row, strict=True)
        )


def _profile(
    name: str,
    header: str,
    sign: Sign,
    columns: dict[str, Column | tuple[Column, ...]],
    *,
    optional: str = "",
    **settings: object,
) -> Profile:
    stored = {
        "name": name,
        "sign": sign,
        "columns": columns,
        "date_order": "MDY",
        **settings,
    }
    cells = frozenset(normal(cell) for cell in header.split("|"))
    extra = frozenset(normal(cell) for cell in optional.split("|") if cell)
    return Profile(CsvMapping.from_json(stored), cells, extra)


PROFILES: tuple[Profile, ...] = (
    _profile(
        "Chase checking",
        "Details|Posting Date|Description|Amount|Type|Balance|Check or Slip #",
        "signed",
        {
            "posted_on": "posting date",
            "amount": "amount",
            "balance": "balance",
            "description": "description",
            "type": "type",
            "direction": "details",
            "check_number": "check or slip #",
        },
        has_pending_without_balance=True,
    ),
    _profile(
        "Chase card",
        "Transaction Date|Post Date|Description|Category|Type|Amount",
        "signed",
        {
            "posted_on": "post date",
            "value_on": "transaction date",
            "amount": "amount",
            "description": "description",
            "type": "type",
        },
        optional="Memo|Card",
    ),
    _profile(
        "Bank of America checking and savings",
        "Date|Description|Amount|Running Bal.",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "balance": "running bal.",
            "description": "description",
        },
    ),
    _profile(
        "Bank of America, all accounts",
        "Status|Date|Original Description|Split Type|Category|Currency|Amount|User Description"
        "|Memo|Classification|Account Name|Simple Description",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "description": "original description",
            "type": "category",
            "status": "status",
            "currency": "currency",
            "account": "account name",
        },
        booked_words=["posted"],
    ),
    _profile(
        "U.S. Bank",
        "Date|Transaction|Name|Memo|Amount",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "direction": "transaction",
            "type": "transaction",
            "description": ("name", "memo"),
        },
    ),
    _profile(
        "Capital One 360",
        "Account Number|Transaction Description|Transaction Date|Transaction Type"
        "|Transaction Amount|Balance",
        "direction",
        {
            "posted_on": "transaction date",
            "amount": "transaction amount",
            "direction": "transaction type",
            "type": "transaction type",
            "balance": "balance",
            "description": "transaction description",
            "account": "account number",
        },
    ),
    _profile(
        "Capital One card",
        "Transaction Date|Posted Date|Card No.|Description|Category|Debit|Credit",
        "columns",
        {
            "posted_on": "posted date",
            "value_on": "transaction date",
            "debit": "debit",
            "credit": "credit",
            "description": "description",
            "type": "category",
            "account": "card no.",
        },
    ),
    _profile(
        "Citi",
        "Status|Date|Description|Debit|Credit",
        "columns_absolute",
        {
            "posted_on": "date",
            "debit": "debit",
            "credit": "credit",
            "description": "description",
            "status": "status",
        },
        optional="Member Name",
        booked_words=["cleared", "posted"],
    ),
    _profile(
        "PNC",
        "Date|Description|Withdrawals|Deposits|Balance",
        "columns",
        {
            "posted_on": "date",
            "debit": "withdrawals",
            "credit": "deposits",
            "balance": "balance",
            "description": "description",
        },
        optional="Category",
    ),
    # One source only (unconfirmed).
    _profile(
        "Truist",
        "Date|Description|Amount|Running Balance",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "balance": "running balance",
            "description": "description",
        },
    ),
    _profile(
        "TD Bank",
        "Date|Bank RTN|Account Number|Transaction Type|Description|Debit|Credit|Check Number"
        "|Account Running Balance",
        "columns",
        {
            "posted_on": "date",
            "debit": "debit",
            "credit": "credit",
            "balance": "account running balance",
            "description": "description",
            "type": "transaction type",
            "check_number": "check number",
            "account": "account number",
        },
    ),
    _profile(
        "Schwab checking",
        "Date|Status|Type|CheckNumber|Description|Withdrawal|Deposit|RunningBalance",
        "columns",
        {
            "posted_on": "date",
            "debit": "withdrawal",
            "credit": "deposit",
            "balance": "runningbalance",
            "description": "description",
            "type": "type",
            "check_number": "checknumber",
            "status": "status",
        },
        booked_words=["posted"],
    ),
    _profile(
        "Schwab checking, older",
        "Date|Type|Check #|Description|Withdrawal (-)|Deposit (+)|RunningBalance",
        "columns",
        {
            "posted_on": "date",
            "debit": "withdrawal (-)",
            "credit": "deposit (+)",
            "balance": "runningbalance",
            "description": "description",
            "type": "type",
            "check_number": "check #",
        },
    ),
    _profile(
        "Ally",
        "Date|Time|Amount|Type|Description",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "direction": "type",
            "type": "type",
            "description": "description",
        },
        date_order="YMD",
    ),
    _profile(
        "USAA",
        "Date|Description|Original Description|Amount",
        "signed",
        {"posted_on": "date", "amount": "amount", "description": "original description"},
        optional="Category|Status|Balance",
        date_order="YMD",
    ),
    _profile(
        "Discover",
        "Trans. Date|Post Date|Description|Amount|Category",
        "reversed",
        {
            "posted_on": "post date",
            "value_on": "trans. date",
            "amount": "amount",
            "description": "description",
            "type": "category",
        },
    ),
    _profile(
        "Venmo",
        "ID|Datetime|Type|Status|Note|From|To|Amount (total)|Beginning Balance|Ending Balance",
        "signed",
        {
            "posted_on": "datetime",
            "amount": "amount (total)",
            "opening_balance": "beginning balance",
            "closing_balance": "ending balance",
            "description": ("from", "to", "note"),
            "type": "type",
            "status": "status",
            "bank_reference": "id",
        },
        optional="Username|Amount (tip)|Amount (tax)|Amount (fee)|Tax Rate|Tax Exempt"
        "|Funding Source|Destination|Statement Period Venmo Fees|Terminal Location"
        "|Year to Date Venmo Fees|Disclaimer",
        date_order="YMD",
        booked_words=["complete"],
    ),
    # The statuses and the optional columns are unconfirmed.
    _profile(
        "Mercury",
        "Date (UTC)|Description|Amount|Status|Source Account",
        "signed",
        {
            "posted_on": "date (utc)",
            "amount": "amount",
            "description": ("description", "bank description", "note"),
            "status": "status",
            "account": "source account",
            "customer_reference": "reference",
            "check_number": "check number",
            "bank_reference": "tracking id",
        },
        optional="Bank Description|Reference|Note|Last Four Digits|Name On Card|Category|GL Code"
        "|Mercury Category|Timestamp|Original Currency|Check Number|Tags|Cardholder Email"
        "|Tracking ID",
        booked_words=["sent", "completed", "posted"],
    ),
    _profile(
        "Digital Federal Credit Union",
        "DATE|TRANSACTION TYPE|DESCRIPTION|AMOUNT|ID|MEMO|CURRENT BALANCE",
        "signed",
        {
            "posted_on": "date",
            "amount": "amount",
            "balance": "current balance",
            "direction": "transaction type",
            "type": "transaction type",
            "description": ("description", "memo"),
            "bank_reference": "id",
        },
    ),
    _profile(
        "Mint export",
        "Date|Description|Original Description|Amount|Transaction Type|Category|Account Name"
        "|Labels|Notes",
        "direction",
        {
            "posted_on": "date",
            "amount": "amount",
            "direction": "transaction type",
            "type": "transaction type",
            "description": ("original description", "notes"),
            "account": "account name",
        },
    ),
    # Plaid: a positive amount is money out of the account.
    # Source: plaid.com/docs/api/products/transactions, as in our fact sheet (unconfirmed).
    _profile(
        "Plaid export",
        "date|name|amount|pending|account_id|transaction_id|iso_currency_code",
        "reversed",
        {
            "posted_on": "date",
            "value_on": "authorized_date",
            "amount": "amount",
            "description": "name",
            "type": "transaction_code",
            "bank_reference": "transaction_id",
            "check_number": "check_number",
            "account": "account_id",
            "currency": "iso_currency_code",
            "status": "pending",
        },
        optional="website|datetime|logo_url|category_id|check_number|account_owner|merchant_name"
        "|authorized_date|payment_channel|transaction_code|transaction_type|merchant_entity_id"
        "|authorized_datetime|pending_transaction_id|unofficial_currency_code"
        "|personal_finance_category_icon_url|counterparties__name|counterparties__type"
        "|counterparties__website|counterparties__logo_url|counterparties__entity_id"
        "|counterparties__phone_number|counterparties__confidence_level"
        "|personal_finance_category__primary|personal_finance_category__detailed"
        "|personal_finance_category__confidence_level",
        date_order="YMD",
        booked_words=["false"],
    ),
)

# Layouts whose sign differs by source: recognised, and refused until a mapping says the sign.
UNSIGNED: dict[str, frozenset[str]] = {
    "Bank of America card": frozenset(
        {"posted date", "reference number", "payee", "address", "amount"}
    ),
    "American Express": frozenset({"date", "description", "amount"}),
}

_DATE = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", re.ASCII)
_OFX_DATE = re.compile(r"[0-9]{14}\[0:GMT\]", re.ASCII)
_MONEY = re.compile(r"-?\$?[0-9][0-9,]*(?:\.[0-9]{1,2})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]*", re.ASCII)
_ANY = re.compile(r".*", re.DOTALL)

HEADERLESS: tuple[Headerless, ...] = (
    Headerless(
        CsvMapping(
            name="Wells Fargo",
            has_header=False,
            sign="signed",
            date_order="MDY",
            columns={
                "posted_on": (0,),
                "amount": (1,),
                "check_number": (3,),
                "description": (4,),
            },
        ),
        (_DATE, _MONEY, re.compile(r"\*"), _DIGITS, _ANY),
    ),
    Headerless(
        CsvMapping(
            name="Chase, older",
            has_header=False,
            sign="signed",
            date_order="YMD",
            columns={
                "direction": (0,),
                "type": (0,),
                "posted_on": (1,),
                "description": (2,),
                "amount": (3,),
            },
        ),
        (re.compile("CREDIT|DEBIT|CHECK|DSLIP"), _OFX_DATE, _ANY, _MONEY),
    ),
    Headerless(
        CsvMapping(
            name="SunTrust",
            has_header=False,
            sign="columns",
            date_order="MDY",
            columns={
                "posted_on": (0,),
                "check_number": (1,),
                "description": (2,),
                "debit": (3,),
                "credit": (4,),
                "balance": (5,),
            },
        ),
        (_DATE, _DIGITS, _ANY, _MONEY, _MONEY, _MONEY),
    ),
)

# What the columns of an unknown layout may be called. It is read only where the file itself
# proves the sign: two columns, a column of words, or a running balance that every row follows.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "posted_on": (
        "posting date",
        "posted date",
        "post date",
        "posted",
        "booking date",
        "date",
        "transaction date",
    ),
    "value_on": ("value date", "effective date", "transaction date", "trans. date"),
    "debit": (
        "debit",
        "debits",
        "debit amount",
        "withdrawal",
        "withdrawals",
        "withdrawal (-)",
        "money out",
        "paid out",
    ),
    "credit": (
        "credit",
        "credits",
        "credit amount",
        "deposit",
        "deposits",
        "deposit (+)",
        "money in",
        "paid in",
    ),
    "amount": ("amount", "transaction amount", "amount (usd)"),
    "direction": (
        "d/c",
        "dr/cr",
        "cr/dr",
        "debit/credit",
        "credit/debit",
        "transaction type",
        "type",
    ),
    "balance": (
        "balance",
        "running balance",
        "running bal.",
        "current balance",
        "ledger balance",
        "account balance",
        "runningbalance",
    ),
    "description": (
        "description",
        "original description",
        "label",
        "memo",
        "name",
        "payee",
        "details",
        "narrative",
        "partner name",
    ),
    "check_number": (
        "check number",
        "check #",
        "check no",
        "check no.",
        "checknumber",
        "check or slip #",
    ),
    "bank_reference": ("transaction id", "bank reference", "reference number", "reference"),
    "account": ("account number", "account"),
    "currency": ("currency",),
    "type": ("transaction type", "type", "category"),
}


def not_a_statement(cells: frozenset[str]) -> tuple[str, str] | None:
    """The name and the reason if a header row is of a file that is no bank statement."""
    if not_card := _processor(cells):
        reason = f"a settlement report of {not_card}: payments, not the lines of a bank account"
        return "card-settlement", reason
    checks = {"check #", "check number", "check no", "check no.", "serial number", "check"}
    issued = {"payee", "payee name", "issue date", "void", "void indicator", "issue/void"}
    if cells & checks and cells & issued and not any("balance" in cell for cell in cells):
        known = checks | issued | {"amount", "account", "account number", "date", "check date"}
        if cells <= known:
            return "positive-pay", "a positive pay file: checks we issued, not a statement"
    return None


def _processor(cells: frozenset[str]) -> str | None:
    stripe = {"balance_transaction_id", "automatic_payout_id", "amount_refunded", "amount refunded"}
    if cells & stripe:
        return "Stripe"
    if cells & {"psp reference", "merchant account"}:
        return "Adyen"
    is_gross = {"gross", "fee", "net"} <= cells
    if "paypal reference id" in cells or (
        is_gross and cells & {"transaction id", "timezone", "time zone"}
    ):
        return "PayPal"
    if {"gross sales", "net sales"} <= cells or "deposit id" in cells:
        return "Square"
    return "a payment processor" if is_gross else None
