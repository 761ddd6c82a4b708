"""Vendors, and their bank details: asked by one person, approved by another, used after a wait."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from desk.models import Approval, User
from desk.services import ask_approval, record
from desk.types import ApprovalDecided
from payables.errors import OtherCompany, PayablesError, ToldOtherwise, WrongDetails, WrongState
from payables.models import Document, Vendor, VendorBankChange
from proptrust.lib.banking import add_banking_days, is_routing_number
from proptrust.lib.fields import mask

# A forged change of bank details is mostly noticed by the true vendor within days
# (docs/decisions/071-vendor-bank-details.md).
COOL_DOWN_BANKING_DAYS = 3
BANK_CHANGE = "payables.vendor_bank_change"
CHANGEABLE = frozenset(
    "name kind tax_id is_tax_id_certified insurance_expires_on insurance_policy payout_method"
    " address email phone is_active".split()
)


@transaction.atomic
def create_vendor(
    *, entity_id: int, code: str, name: str, actor_id: int | None = None, **facts: Any
) -> Vendor:
    """A vendor; the same code with the same name is the same vendor.

    facts: other fields of Vendor. Bank details come by ask_bank_change.
    Raises ToldOtherwise if the code is another vendor's.
    """
    _only_changeable(facts)
    code, name = code.strip(), name.strip()
    if not code or not name:
        raise PayablesError("A vendor needs a code and a name.")
    vendor, is_new = Vendor.objects.get_or_create(
        entity_id=entity_id, code=code, defaults={"name": name, **facts}
    )
    if not is_new and vendor.name != name:
        raise ToldOtherwise(f"The code {code} is that of {vendor.name}.")
    if is_new:
        record(
            "add vendor", text=f"Added the vendor {vendor}", subject=vendor, actor=_user(actor_id)
        )
    return vendor


@transaction.atomic
def change_vendor(
    vendor: Vendor, *, actor_id: int | None = None, w9: Document | None = None, **facts: Any
) -> Vendor:
    """Change what is known of a vendor, bank details excepted; the audit trail names the fields.

    w9: the signed form as a file, of the same company.
    """
    _only_changeable(facts)
    held = Vendor.objects.select_for_update().get(pk=vendor.pk)
    if w9 is not None:
        if w9.entity_id != held.entity_id:
            raise OtherCompany("The W-9 was uploaded for another company.")
        facts["w9"] = w9
    changed = sorted(name for name, value in facts.items() if getattr(held, name) != value)
    if not changed:
        return held
    for name in changed:
        setattr(held, name, facts[name])
    if held.is_tax_id_certified and held.w9_id is None:
        raise PayablesError("A tax id is certified by a signed W-9; upload it first.")
    held.save(update_fields=changed)
    said = ", ".join(name.replace("_", " ") for name in changed)
    record("change vendor", text=f"Changed of {held}: {said}", subject=held, actor=_user(actor_id))
    return held


def _only_changeable(facts: dict[str, Any]) -> None:
    if unknown := facts.keys() - CHANGEABLE:
        raise WrongDetails(f"{', '.join(sorted(unknown))} cannot be set on a vendor.")


@transaction.atomic
def ask_bank_change(
    vendor: Vendor,
    *,
    routing_number: str,
    account_number: str,
    evidence: str,
    asked_by: User,
    is_savings: bool = False,
) -> VendorBankChange:
    """Ask a second person to agree to a vendor's bank details, the first as well as new ones.

    evidence: the call that confirmed them: whom, at which number known before, when. A mail that
    asks for the change is no evidence. What was asked the same way and still waits is returned.
    Raises WrongDetails, and WrongState while another change waits.
    """
    routing_number, account_number = routing_number.strip(), account_number.strip()
    if not is_routing_number(routing_number):
        raise WrongDetails(f"{routing_number or 'Nothing'} is no routing number: check its digits.")
    # Up to 17 characters fit an ACH entry (Nacha entry detail record, DFI account number).
    if not (4 <= len(account_number) <= 17 and account_number.isalnum()):
        raise WrongDetails("An account number has 4 to 17 letters or digits.")
    if not evidence.strip():
        raise WrongDetails("Say whom you called, at which number known before, and when.")
    held = Vendor.objects.select_for_update().get(pk=vendor.pk)
    asked = (routing_number, account_number, is_savings)
    _forget_withdrawn(held)
    if waiting := held.bank_changes.filter(state=VendorBankChange.State.WAITING).first():
        if (waiting.routing_number, waiting.account_number, waiting.is_savings) == asked:
            return waiting
        raise WrongState(f"Other bank details of {held} wait for a second person already.")
    change = VendorBankChange.objects.create(
        vendor=held,
        routing_number=routing_number,
        account_number=account_number,
        is_savings=is_savings,
        evidence=evidence.strip(),
        asked_by=asked_by,
    )
    ask_approval(
        key=f"vendor-bank:{change.pk}",
        kind=BANK_CHANGE,
        entity_id=held.entity_id,
        text=(
            f"Pay {held} into account {mask(change.last_four)} at {routing_number}, from"
            f" {COOL_DOWN_BANKING_DAYS} banking days after your approval. Confirmed how:"
            f" {change.evidence}"
        ),
        facts={"change": change.pk},
        maker=asked_by,
    )
    return change


def _forget_withdrawn(vendor: Vendor) -> None:
    """A change whose maker withdrew it on the desk waits no longer."""
    for change in vendor.bank_changes.filter(state=VendorBankChange.State.WAITING):
        withdrawn = Approval.objects.filter(
            key=f"vendor-bank:{change.pk}", state=Approval.State.WITHDRAWN
        )
        if withdrawn.exists():
            VendorBankChange.objects.filter(pk=change.pk).update(
                state=VendorBankChange.State.REFUSED,
                decided_on=timezone.localdate(),
                reason="Withdrawn by who asked for it",
            )


def decide_bank_change(decided: ApprovalDecided) -> VendorBankChange:
    """Carry a decision about bank details out; they are used after the cool-down."""
    change = VendorBankChange.objects.select_for_update().get(pk=decided.facts["change"])
    today = timezone.localdate()
    change.decided_by_id, change.decided_on = decided.checker_id, today
    if decided.is_agreed:
        change.state = VendorBankChange.State.APPROVED
        change.usable_on = add_banking_days(today, COOL_DOWN_BANKING_DAYS)
    else:
        change.state, change.reason = VendorBankChange.State.REFUSED, decided.reason
    # The account number is not written again: its encryption would differ.
    VendorBankChange.objects.filter(pk=change.pk).update(
        state=change.state,
        decided_by_id=change.decided_by_id,
        decided_on=today,
        usable_on=change.usable_on,
        reason=change.reason,
    )
    return change


def usable_details(vendor_ids: list[int], on: date) -> dict[int, VendorBankChange]:
    """The bank details in use on a day, by vendor, in one query; vendors without any are left out.

    The last change that was approved and whose wait is over; until then those before it.
    """
    rows = VendorBankChange.objects.filter(
        vendor__in=vendor_ids, state=VendorBankChange.State.APPROVED, usable_on__lte=on
    )
    newest = rows.order_by("vendor_id", "-usable_on", "-id").distinct("vendor_id")
    return {row.vendor_id: row for row in newest}


def _user(actor_id: int | None) -> User | None:
    return User.objects.filter(pk=actor_id).first() if actor_id else None
