"""Fees that a person enters: renewal, screening, set-up, and a lease-up that no rule found."""

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from moneyed import Money

from fees import terms
from fees.errors import FeesError, NoOwners, NotGivenBack, ToldOtherwise
from fees.models import Fee
from fees.services.locks import hold_claims, hold_leases, one_run_at_a_time
from fees.services.posting import Purse, affordable, mirror, stored, write
from leases.models import Lease, Property
from leases.queries import agreement_on, shares_on
from proptrust.lib.money import ZERO, plain

KEY_LENGTH = 180
REASON_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFee:
    """A fee that a person enters. key: unique in the entity. kind: of Fee.BY_HAND.

    lease: that it is for, if it is for one; of the same property.
    """

    property: Property
    kind: str
    amount: Money
    on: date
    key: str
    reason: str
    lease: Lease | None = None


@transaction.atomic
def add_fee(new: NewFee, *, actor_id: int | None = None) -> list[Fee]:
    """Charge the owners of a property a fee once, as far as their money reaches; the rest waits.

    Returns the fee, in pieces where a part of it waits. The same key with the same facts returns
    the first one. Raises FeesError for facts that cannot be, NoOwners, ToldOtherwise.
    """
    _check(new)
    one_run_at_a_time(new.property.entity_id)
    if known := _told_before(new):
        return known
    if new.lease is not None:
        hold_leases([new.lease.pk])
    shares = {each.beneficiary_id: each.share for each in shares_on(new.property, new.on)}
    if not shares:
        raise NoOwners(f"{new.property} has no owner on {new.on}: who would pay the fee?")
    agreement = agreement_on(new.property, new.on)
    fee = Fee(
        entity_id=new.property.entity_id,
        property=new.property,
        lease=new.lease,
        agreement=agreement,
        book_id=new.property.rent_book_id,
        kind=new.kind,
        basis=new.amount,
        amount=new.amount,
        parts=stored(terms.shared(new.amount, shares)),
        counts_on=new.on,
        key=f"hand:{new.key}",
        reason=new.reason.strip(),
        made_by_id=actor_id,
    )
    purse = Purse(hold_claims({(fee.book_id, who) for who in shares}))
    taken, rests = affordable(fee, purse)
    pieces = [*([taken] if taken else []), *rests]
    write(pieces, waiting=rests, posted_by_id=actor_id)
    return pieces


@transaction.atomic
def give_back(fee: Fee, *, on: date, reason: str, actor_id: int | None = None) -> Fee:
    """Give a fee that was entered by hand back to its owners, once; one that waits is given up.

    Raises NotGivenBack for a fee of a payment or a month, which follows its payment or month, and
    FeesError without a reason.
    """
    if not 0 < len(reason.strip()) <= REASON_LENGTH:
        raise FeesError(f"Say why the fee is given back, in {REASON_LENGTH} characters at most.")
    one_run_at_a_time(fee.entity_id)
    if fee.lease_id is not None:
        hold_leases([fee.lease_id])
    held = Fee.objects.select_for_update(no_key=True).get(pk=fee.pk)
    if held.kind not in Fee.BY_HAND or held.reverses_id is not None:
        raise NotGivenBack(
            f"{held} follows its payment or its month: it is given back with it, not by hand"
        )
    if known := Fee.objects.filter(reverses=held).first():
        return known
    back = mirror(held, on=max(on, held.counts_on), reason=reason.strip(), made_by_id=actor_id)
    write([back], waiting=[back] if held.entry_id is None else [], posted_by_id=actor_id)
    return back


def _check(new: NewFee) -> None:
    if new.kind not in Fee.BY_HAND:
        raise FeesError(f"A fee of kind {new.kind} is not entered by hand.")
    if new.amount <= ZERO:
        raise FeesError(f"A fee is above zero, not {plain(new.amount)}.")
    if not new.reason.strip():
        raise FeesError("Say what the fee is for.")
    if len(new.reason.strip()) > REASON_LENGTH:
        raise FeesError(f"The reason is longer than {REASON_LENGTH} characters.")
    if not new.key or len(f"hand:{new.key}.99") > KEY_LENGTH:
        raise FeesError(f"The key of a fee has 1 to {KEY_LENGTH - 8} characters.")
    if new.lease is not None and new.lease.unit.property_id != new.property.pk:
        raise FeesError(f"Lease {new.lease.code} is not of {new.property}.")


def _told_before(new: NewFee) -> list[Fee]:
    """The pieces of the key's fee; ToldOtherwise where it was another fee."""
    key = f"hand:{new.key}"
    rows = Fee.objects.filter(entity=new.property.entity_id, reverses__isnull=True)
    pieces = [
        fee
        for fee in rows.filter(key__startswith=key).order_by("pk")
        if fee.key == key or fee.key.removeprefix(f"{key}.").isdigit()
    ]
    if not pieces:
        return []
    first = pieces[0]
    was = (first.property_id, first.lease_id, first.kind, first.counts_on)
    said = (new.property.pk, new.lease.pk if new.lease else None, new.kind, new.on)
    amount = sum((fee.amount for fee in pieces), ZERO)
    if was != said or amount != new.amount:
        raise ToldOtherwise(f"fee {new.key} was entered with other facts: {first}")
    return pieces
