"""The standard chart of accounts of a legal entity, made on demand."""

from dataclasses import dataclass

from ledger.models import Account
from ledger.services import ensure_account

_KIND = Account.Kind
# Role: code, name, kind.
STANDARD: dict[str, tuple[str, str, str]] = {
    "bank": ("1000", "Cash at the bank", _KIND.BANK),
    "processors": ("1100", "With payment processors", _KIND.TRANSIT),
    "undeposited": ("1150", "Checks and cash not yet deposited", _KIND.TRANSIT),
    "receivable": ("1200", "Receivable from tenants", _KIND.RECEIVABLE),
    "held": ("1300", "Held in trust by the manager", _KIND.HELD),
    "escrowed": ("1310", "Held in escrow by the manager", _KIND.HELD),
    "due_from_owners": ("1400", "Advanced to owners", _KIND.RECEIVABLE),
    "claims": ("2000", "Held for beneficiaries", _KIND.CLAIM),
    "payable": ("2500", "Payable to vendors", _KIND.PAYABLE),
    "equity": ("3000", "Equity", _KIND.EQUITY),
    "draws": ("3100", "Owner draws", _KIND.EQUITY),
    "contributions": ("3200", "Owner contributions", _KIND.EQUITY),
    "rent_income": ("4000", "Rent", _KIND.INCOME),
    "other_income": ("4050", "Other charges to tenants", _KIND.INCOME),
    "fee_income": ("4100", "Management fees", _KIND.INCOME),
    "late_fee_income": ("4200", "Late fees", _KIND.INCOME),
    "concessions": ("4300", "Concessions and waivers", _KIND.INCOME),
    "service_income": ("4400", "Leasing and service fees", _KIND.INCOME),
    "interest_income": ("4500", "Interest", _KIND.INCOME),
    "expense": ("5000", "Expenses", _KIND.EXPENSE),
    "bank_fees": ("5100", "Bank and processor fees", _KIND.EXPENSE),
    "management_fees": ("5200", "Management fees", _KIND.EXPENSE),
    "deposit_interest": ("5300", "Interest on security deposits", _KIND.EXPENSE),
    "taxes_insurance": ("5400", "Property tax and insurance", _KIND.EXPENSE),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """The ids of a legal entity's standard accounts, by role."""

    bank: int
    processors: int
    undeposited: int
    receivable: int
    held: int
    escrowed: int
    due_from_owners: int
    claims: int
    payable: int
    equity: int
    draws: int
    contributions: int
    rent_income: int
    other_income: int
    fee_income: int
    late_fee_income: int
    concessions: int
    service_income: int
    interest_income: int
    expense: int
    bank_fees: int
    management_fees: int
    deposit_interest: int
    taxes_insurance: int


def chart(entity_id: int) -> Chart:
    """The standard chart of a legal entity; accounts that it lacks are made.

    A code that stands already keeps its name; one of another kind raises WrongParty.
    """
    codes = [code for code, _, _ in STANDARD.values()]
    rows = Account.objects.filter(entity_id=entity_id, code__in=codes)
    standing = {(account.code, account.kind): account.pk for account in rows}
    return Chart(
        **{
            role: standing.get((code, kind))
            or ensure_account(entity_id=entity_id, code=code, name=name, kind=kind).pk
            for role, (code, name, kind) in STANDARD.items()
        }
    )
