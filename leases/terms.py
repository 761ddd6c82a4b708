"""Change the terms of the portfolio from a day on, each change with a line of the audit trail.

What was in force stays as it was until the day before. A day that the books have passed is refused:
money has been divided, or a fee taken, by the terms of that day.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from moneyed import Money

from desk.models import Approval, User
from desk.services import ask_approval, record
from desk.types import ApprovalDecided
from leases.errors import TermsRefused
from leases.models import (
    LateFeeTerms,
    Lease,
    ManagementAgreement,
    Owner,
    OwnerBankChange,
    OwnershipShare,
    Property,
    Tenant,
)
from leases.services import create_agreement, set_shares
from ledger.charts import chart
from ledger.models import Line
from proptrust.lib.banking import is_routing_number
from proptrust.lib.fields import mask
from proptrust.lib.money import ZERO

BANK_CHANGE = "leases.owner_bank_change"
OWNER_FACTS = frozenset(
    "name email address payout_method tax_id tax_id_asked_on is_tax_id_certified is_nonresident"
    " nets_properties".split()
)


@transaction.atomic
def change_shares(
    *,
    property_: Property,
    from_on: date,
    shares: Mapping[Owner, Decimal],
    tax_shares: Mapping[Owner, Decimal] | None = None,
    actor: User,
) -> list[OwnershipShare]:
    """Who owns a property from a day on (`set_shares`), where nothing was divided since that day.

    Raises TermsRefused for a day before the newest shares or that the owners' money has passed,
    and what set_shares raises.
    """
    held = Property.objects.select_for_update().get(pk=property_.pk)
    newest = held.shares.order_by("-from_on").first()
    if newest is not None and from_on < newest.from_on:
        raise TermsRefused(f"shares from {newest.from_on:%b %-d, %Y} stand already; begin later")
    posted = (
        Line.objects.filter(
            beneficiary__in=held.shares.values("beneficiary"), entry__dated_on__gte=from_on
        )
        .order_by("-entry__dated_on")
        .values_list("entry__dated_on", flat=True)
        .first()
    )
    if posted is not None:
        raise TermsRefused(
            f"the owners' money was divided up to {posted:%b %-d, %Y}; begin the day after"
        )
    rows = set_shares(property_=held, from_on=from_on, shares=shares, tax_shares=tax_shares)
    said = ", ".join(f"{row.owner} {row.share.normalize():f}" for row in rows)
    _record("change shares", f"Shares of {held} from {from_on}: {said}", held, actor)
    return rows


@transaction.atomic
def change_agreement(
    *, property_: Property, from_on: date, fee_rate: Decimal, actor: User, **terms: Any
) -> ManagementAgreement:
    """New terms of management from a day on; the agreement in force ends the day before.

    terms: the other fields of ManagementAgreement. Raises TermsRefused for a day that is not after
    the newest agreement's first, or on or after which a management fee is posted.
    """
    held = Property.objects.select_for_update().get(pk=property_.pk)
    newest = held.agreements.order_by("-from_on").first()
    if newest is not None and from_on <= newest.from_on:
        raise TermsRefused(
            f"an agreement from {newest.from_on:%b %-d, %Y} stands already; begin later"
        )
    fee = (
        Line.objects.filter(
            book=held.book_id,
            account=chart(held.entity_id).management_fees,
            entry__dated_on__gte=from_on,
        )
        .order_by("-entry__dated_on")
        .values_list("entry__dated_on", flat=True)
        .first()
    )
    if fee is not None:
        raise TermsRefused(f"management fees are taken up to {fee:%b %-d, %Y}; begin the day after")
    row = create_agreement(property_=held, from_on=from_on, fee_rate=fee_rate, **terms)
    text = f"Agreement of {held} from {from_on}, fee rate {fee_rate.normalize():f}"
    _record("change agreement", text, row, actor, entity_id=held.entity_id)
    return row


@transaction.atomic
def change_late_fee_terms(
    *,
    of: Property | Lease,
    from_on: date,
    kind: str,
    grace_days: int,
    flat: Money = ZERO,
    rate: Decimal = Decimal(0),
    daily: Money = ZERO,
    most: Money | None = None,
    actor: User,
) -> LateFeeTerms:
    """Late-fee terms of a property or of one lease from a day on; those in force end before it.

    Raises TermsRefused for a day that is not after the newest terms' first, and for terms by
    which nothing is ever owed.
    """
    charged: dict[str, Decimal] = {
        LateFeeTerms.Kind.FLAT: flat.amount,
        LateFeeTerms.Kind.PERCENTAGE: rate,
        LateFeeTerms.Kind.DAILY: daily.amount,
    }
    if charged[kind] == 0:
        raise TermsRefused("these terms charge nothing: give the amount or the rate of their kind")
    held = type(of)._default_manager.select_for_update().get(pk=of.pk)
    whose = {"property": held} if isinstance(held, Property) else {"lease": held}
    rows = LateFeeTerms.objects.select_for_update().filter(**whose)
    newest = rows.order_by("-from_on").first()
    if newest is not None and from_on <= newest.from_on:
        raise TermsRefused(f"terms from {newest.from_on:%b %-d, %Y} stand already; begin later")
    in_force = Q(until_on__isnull=True) | Q(until_on__gte=from_on)
    rows.filter(in_force).update(until_on=from_on - timedelta(days=1))
    row = LateFeeTerms.objects.create(
        **whose,
        from_on=from_on,
        kind=kind,
        grace_days=grace_days,
        flat=flat,
        rate=rate,
        daily=daily,
        most=most,
    )
    _record("change late-fee terms", f"Late fees: {row}", row, actor, entity_id=of.entity_id)
    return row


@transaction.atomic
def change_owner(owner: Owner, *, actor: User, **facts: Any) -> Owner:
    """Change what is known of an owner, bank details excepted; the audit trail names the fields.

    facts: some of OWNER_FACTS. Raises TermsRefused for others, and for a certified tax id that is
    not told.
    """
    if unknown := facts.keys() - OWNER_FACTS:
        raise TermsRefused(f"{', '.join(sorted(unknown))} cannot be changed on an owner")
    held = Owner.objects.select_for_update().get(pk=owner.pk)
    changed = sorted(name for name, value in facts.items() if getattr(held, name) != value)
    if not changed:
        return held
    for name in changed:
        setattr(held, name, facts[name])
    if held.is_tax_id_certified and not held.tax_id:
        raise TermsRefused("a tax id that is not told cannot be certified")
    held.save(update_fields=changed)
    said = ", ".join(name.replace("_", " ") for name in changed)
    _record("change owner", f"Changed of {held}: {said}", held, actor)
    return held


@transaction.atomic
def ask_owner_bank_change(
    owner: Owner, *, routing_number: str, account_number: str, evidence: str, asked_by: User
) -> OwnerBankChange:
    """Ask a second person to agree to where an owner is paid, the first time as well.

    evidence: the call that confirmed it. The same details that wait already are returned.
    Raises TermsRefused for wrong details and while other ones wait.
    """
    routing_number, account_number = routing_number.strip(), account_number.strip()
    if not is_routing_number(routing_number):
        raise TermsRefused("this is no routing number: check its digits")
    # Up to 17 characters fit an ACH entry (Nacha entry detail record, DFI account number).
    if not (4 <= len(account_number) <= 17 and account_number.isalnum()):
        raise TermsRefused("an account number has 4 to 17 letters or digits")
    if not evidence.strip():
        raise TermsRefused("say whom you called, at which number known before, and when")
    held = Owner.objects.select_for_update().get(pk=owner.pk)
    _forget_withdrawn(held)
    if waiting := held.bank_changes.filter(state=OwnerBankChange.State.WAITING).first():
        if (waiting.routing_number, waiting.account_number) == (routing_number, account_number):
            return waiting
        raise TermsRefused(f"other bank details of {held} wait for a second person already")
    change = OwnerBankChange.objects.create(
        owner=held,
        routing_number=routing_number,
        account_number=account_number,
        last_four=account_number[-4:],
        evidence=evidence.strip(),
        asked_by=asked_by,
    )
    ask_approval(
        key=f"owner-bank:{change.pk}",
        kind=BANK_CHANGE,
        entity_id=held.entity_id,
        text=(
            f"Pay the draws of {held} into account {mask(account_number)} at {routing_number} from"
            f" your approval on. Confirmed how: {change.evidence}"
        ),
        facts={"change": change.pk},
        maker=asked_by,
    )
    return change


def _forget_withdrawn(owner: Owner) -> None:
    """A change whose maker withdrew it on the desk waits no longer."""
    waiting = owner.bank_changes.filter(state=OwnerBankChange.State.WAITING)
    for change in waiting:
        key, withdrawn = f"owner-bank:{change.pk}", Approval.State.WITHDRAWN
        if Approval.objects.filter(key=key, state=withdrawn).exists():
            OwnerBankChange.objects.filter(pk=change.pk).update(
                state=OwnerBankChange.State.REFUSED,
                decided_on=timezone.localdate(),
                reason="Withdrawn by who asked for it",
            )


@transaction.atomic
def decide_owner_bank_change(decided: ApprovalDecided) -> OwnerBankChange:
    """Carry a decision about an owner's bank details out: agreed ones are used from now on."""
    change = OwnerBankChange.objects.select_for_update().get(pk=decided.facts["change"])
    state = OwnerBankChange.State.APPROVED if decided.is_agreed else OwnerBankChange.State.REFUSED
    # The account number is not written again: its encryption would differ.
    OwnerBankChange.objects.filter(pk=change.pk).update(
        state=state,
        decided_by_id=decided.checker_id,
        decided_on=timezone.localdate(),
        reason="" if decided.is_agreed else decided.reason,
    )
    if decided.is_agreed:
        owner = Owner.objects.select_for_update().get(pk=change.owner_id)
        owner.payout_routing_number = change.routing_number
        owner.payout_account_number = change.account_number
        owner.save(update_fields=["payout_routing_number", "payout_account_number"])
    change.state = state
    return change


@transaction.atomic
def change_forwarding_address(tenant: Tenant, *, address: str, actor: User) -> Tenant:
    """Where a tenant's refund goes."""
    held = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if held.forwarding_address != address.strip():
        held.forwarding_address = address.strip()
        held.save(update_fields=["forwarding_address"])
        _record("change tenant", f"Changed of {held}: forwarding address", held, actor)
    return held


@transaction.atomic
def move_out(lease: Lease, *, on: date, actor: User) -> Lease:
    """Note the day on which the tenants moved out; the same day twice is once.

    Raises TermsRefused for a day before the lease, and for another day than the one that stands:
    charges and the security deposit's deadline follow from it.
    """
    held = Lease.objects.select_for_update().get(pk=lease.pk)
    if held.moved_out_on == on:
        return held
    if held.moved_out_on is not None:
        raise TermsRefused(f"they moved out on {held.moved_out_on:%b %-d, %Y}; that day stands")
    if on < held.starts_on:
        raise TermsRefused(f"the lease begins on {held.starts_on:%b %-d, %Y}")
    held.moved_out_on = on
    held.save(update_fields=["moved_out_on"])
    _record("move out", f"Moved out of lease {held.code} on {on}", held, actor)
    return held


def _record(
    verb: str, text: str, subject: Any, actor: User, *, entity_id: int | None = None
) -> None:
    record(verb, text=text, subject=subject, actor=actor, entity_id=entity_id)
