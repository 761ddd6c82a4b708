"""Cells of portfolio files: text to facts. What does not read raises ValueError with the reason."""

import re
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from moneyed import Money

from leases.models import ManagementAgreement
from proptrust.lib.banking import is_routing_number
from proptrust.lib.money import usd
from receivables.models import ChargeKind

LONGEST = 200
_AMOUNT = re.compile(r"(\d{1,3}(,\d{3})+|\d+)(\.\d{1,2})?")
# A spreadsheet runs what begins like this. A number or a phone number may begin with a sign.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d (.]*$|[\d .()-]+$)")
_STATES = frozenset(
    """
    AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM
    NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY
    """.split()
)


def text(cell: str) -> str:
    """Plain text; what a spreadsheet would run as a formula is refused."""
    if _FORMULA.match(cell):
        raise ValueError(f"{cell[:20]!r} begins like a spreadsheet formula")
    if len(cell) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    if any(ord(letter) < 32 for letter in cell.replace("\n", " ")):
        raise ValueError("has characters that cannot be printed")
    return " ".join(cell.split())


def code(cell: str) -> str:
    """A short text that names a row: at most 40 characters."""
    value = text(cell)
    if len(value) > 40:
        raise ValueError("longer than the 40 characters of a code")
    return value


def email(cell: str) -> str:
    """An address with an @; a list of them gives the first."""
    value = text(re.split(r"[;,\s]+", cell.strip())[0])
    if "@" not in value:
        raise ValueError(f"{value!r} is no e-mail address")
    return value


def money(cell: str) -> Money:
    """1,234.50, $1,234.50, -12.00 or (12.00): whole cents."""
    bare = cell.replace("$", "").replace(" ", "")
    is_negative = bare.startswith("-") or (bare.startswith("(") and bare.endswith(")"))
    digits = bare.strip("()").lstrip("+-")
    if not _AMOUNT.fullmatch(digits):
        raise ValueError(f"{cell!r} is no amount; write 1234.50, 1,234.50 or (12.00)")
    amount = usd(digits.replace(",", ""))
    if amount.amount >= Decimal(10) ** 12:
        raise ValueError(f"{cell!r} is too large")
    return -amount if is_negative else amount


def positive(cell: str) -> Money:
    """An amount above zero."""
    amount = money(cell)
    if amount.amount <= 0:
        raise ValueError(f"{cell!r} is not above zero")
    return amount


def not_negative(cell: str) -> Money:
    """An amount of zero or above."""
    amount = money(cell)
    if amount.amount < 0:
        raise ValueError(f"{cell!r} is below zero")
    return amount


def day(cell: str) -> date:
    """2026-03-31, or 03/31/2026 as the exports write it."""
    for pattern in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            found = datetime.strptime(cell, pattern).date()  # noqa: DTZ007 - A day has no zone.
        except ValueError:
            continue
        if not 1900 <= found.year <= 2200:
            raise ValueError(f"{cell!r} lies in another century")
        return found
    raise ValueError(f"{cell!r} is no day; write 2026-03-31 or 03/31/2026")


def state(cell: str) -> str:
    """Two letters of a state or DC."""
    value = cell.upper()
    if value not in _STATES:
        raise ValueError(f"{cell!r} is no state; write two letters, as AZ")
    return value


def fraction(cell: str) -> Fraction:
    """A share: 50 %, 0.5 or 1/2; above zero, at most one."""
    bare = cell.replace(" ", "")
    try:
        value = Fraction(bare[:-1]) / 100 if bare.endswith("%") else Fraction(bare)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{cell!r} is no share; write 50 %, 0.5 or 1/2") from None
    if not 0 < value <= 1:
        raise ValueError(f"{cell!r} is not between 0 and 1; write 50 %, 0.5 or 1/2")
    return value


def rate(cell: str) -> Decimal:
    """A rate: 8 % or 0.08. A bare 8 is refused, because it could be either."""
    bare = cell.replace(" ", "")
    is_percent = bare.endswith("%")
    try:
        value = Decimal(bare.removesuffix("%"))
    except ArithmeticError:
        raise ValueError(f"{cell!r} is no rate; write 8 % or 0.08") from None
    value = value / 100 if is_percent else value
    if not 0 <= value <= 1:
        raise ValueError(f"{cell!r} is no rate; write 8 % or 0.08")
    return value


def day_of_month(cell: str) -> int:
    """1 to 28: a day that every month has."""
    if not cell.isdigit() or not 1 <= int(cell) <= 28:
        raise ValueError(f"{cell!r} is no day from 1 to 28")
    return int(cell)


def count(cell: str) -> int:
    """A small whole number."""
    if not cell.isdigit() or int(cell) > 365:
        raise ValueError(f"{cell!r} is no number of days")
    return int(cell)


def routing_number(cell: str) -> str:
    """Nine digits with a right check digit; zeros that a spreadsheet cut off are put back."""
    value = cell.zfill(9)
    if not is_routing_number(value):
        raise ValueError(f"{cell!r} is no routing number: its check digit is wrong")
    return value


def account_number(cell: str) -> str:
    """4 to 17 digits or letters, blanks and hyphens left out."""
    value = re.sub(r"[\s-]", "", cell)
    if not re.fullmatch(r"[0-9A-Za-z]{4,17}", value):
        raise ValueError("is no account number of 4 to 17 digits")
    return value


def _one_of(what: str, words: dict[str, str], cell: str) -> str:
    key = " ".join(re.sub(r"[^a-z]+", " ", cell.lower()).split())
    if key not in words:
        raise ValueError(f"{cell!r} is no {what}; write one of: {', '.join(sorted(set(words)))}")
    return words[key]


def purpose(cell: str) -> str:
    """What a trust account is for."""
    words = {
        "rent": "rent",
        "rent trust": "rent",
        "operating trust": "rent",
        "deposits": "deposits",
        "security deposits": "deposits",
        "security deposit": "deposits",
        "escrow": "escrow",
    }
    return _one_of("purpose", words, cell)


def holder(cell: str) -> str:
    """Whose an opening balance is."""
    words = {
        "owner": "owner",
        "prepaid": "prepaid",
        "prepaid rent": "prepaid",
        "deposit": "deposit",
        "security deposit": "deposit",
        "company": "company",
        "manager": "company",
        "suspense": "suspense",
        "unidentified": "suspense",
    }
    return _one_of("holder of money", words, cell)


def charge_kind(cell: str) -> str:
    """A kind of charge, by its name or label."""
    words = {" ".join(kind.value.split("_")): kind.value for kind in ChargeKind}
    words |= {kind.label.lower().replace("-", " "): kind.value for kind in ChargeKind}
    return _one_of("kind of charge", words, cell)


def outstanding(cell: str) -> str:
    """A check or a deposit that the bank had not seen."""
    words = {"check": "check", "deposit": "deposit", "deposit in transit": "deposit"}
    return _one_of("outstanding item", words, cell)


def order(cell: str) -> str:
    """In which order receipts pay charges."""
    words = {
        " ".join(each.value.split("_")): each.value for each in ManagementAgreement.AllocationOrder
    }
    return _one_of("order of allocation", words, cell)


def lease_status(cell: str) -> str:
    """vacant, ended or active; exports write Current, Notice, Evict, Future, Vacant-Unrented …"""
    key = cell.lower()
    if key.startswith("vacant"):
        return "vacant"
    return "ended" if key in ("past", "ended", "former", "moved out", "inactive") else "active"
