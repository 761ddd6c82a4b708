"""Fees of payments: taken with what tenants pay, given back with what goes back."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import QuerySet
from moneyed import Money

from fees import queries, terms
from fees.models import Fee
from fees.queries.due import agreements_by_property, in_force
from fees.services.locks import Claim, hold_claims, hold_leases
from fees.services.posting import Purse, affordable, mirror, parts_of, stored, write
from fees.types import FeesTaken
from leases.queries import shares_of_many
from proptrust.lib.money import ZERO, fee_of, usd


@dataclass(frozen=True, slots=True)
class _Paid:
    """A payment of a charge that bears no fee yet."""

    allocation_id: int
    amount: Money
    parts: dict[int, Money]
    counts_on: date
    received_on: date
    channel: str
    book_id: int
    charge_kind: str
    lease_id: int
    property_id: int


@transaction.atomic
def take_fees(entity_id: int, *, lease_ids: Collection[int] | None = None, on: date) -> FeesTaken:
    """Take the fees of every payment that has none, give back those of payments that were undone.

    lease_ids: only these; None looks at all leases. Running it again, or twice at once, changes
    nothing. A fee counts on the day on which its payment became the owner's, at the rate of the
    agreement in force when the money was received; it is given back at that rate and from the same
    owners, even if the company has drawn it. A fee that the owners' money does not reach waits
    (services.take_waiting). on: the day for what has no payment's day, a lease-up fee.

    The number of statements does not depend on how many payments there are.
    """
    wanted = sorted(queries.leases_with_work(entity_id) if lease_ids is None else set(lease_ids))
    hold_leases(wanted)
    back = list(_to_give_back(entity_id, wanted))
    paid = list(_without_fee(entity_id, wanted))
    lease_ups = queries.lease_ups(entity_id, wanted)
    if not (back or paid or lease_ups):
        return FeesTaken()
    mirrors = [
        mirror(fee, on=fee.allocation.undone_by.dated_on)
        for fee in back
        if fee.allocation is not None and fee.allocation.undone_by is not None
    ]
    mirrors += _lost_lease_ups(lease_ups, on=on)
    due = [*_due(entity_id, paid), *_earned_lease_ups(entity_id, lease_ups, on=on)]
    return _settle(mirrors, due)


def _settle(mirrors: Sequence[Fee], due: Sequence[Fee]) -> FeesTaken:
    """Give back first, then take as far as the owners' money reaches."""
    purse = Purse(hold_claims(_claims([*mirrors, *due])))
    given_up = [
        fee for fee in mirrors if fee.reverses is not None and fee.reverses.entry_id is None
    ]
    unposted = {id(fee) for fee in given_up}
    for fee in mirrors:
        if id(fee) not in unposted:
            purse.spend(fee.book_id, parts_of(fee))
    taken: list[Fee] = []
    waiting: list[Fee] = []
    for fee in due:
        got, rests = _as_far_as_it_reaches(fee, purse)
        taken += [got] if got else []
        waiting += rests
    write([*mirrors, *taken, *waiting], waiting=[*given_up, *waiting])
    given_back = [fee for fee in mirrors if id(fee) not in unposted]
    return FeesTaken(
        taken=len(taken),
        given_back=len(given_back),
        waiting=len(waiting),
        amount_taken=sum((fee.amount for fee in taken), ZERO),
        amount_given_back=-sum((fee.amount for fee in given_back), ZERO),
    )


def _as_far_as_it_reaches(fee: Fee, purse: Purse) -> tuple[Fee | None, list[Fee]]:
    """What is taken of a fee now, and what waits; a payment's fee is taken whole or waits."""
    if fee.kind not in Fee.OF_ALLOCATIONS:
        return affordable(fee, purse)
    parts = parts_of(fee)
    if not purse.has(fee.book_id, parts):
        return None, [fee]
    purse.spend(fee.book_id, parts)
    return fee, []


def _claims(fees: Iterable[Fee]) -> set[Claim]:
    return {(fee.book_id, int(who)) for fee in fees for who in fee.parts}


def _to_give_back(entity_id: int, lease_ids: Sequence[int]) -> QuerySet[Fee]:
    rows = queries.fees_of_undone(entity_id).filter(lease__in=lease_ids)
    return rows.select_related("allocation__undone_by").order_by("pk")


def _without_fee(entity_id: int, lease_ids: Sequence[int]) -> Iterable[_Paid]:
    rows = (
        queries.payments_without_fee(entity_id).filter(charge__lease__in=lease_ids).order_by("pk")
    )
    for (
        allocation_id, amount, parts, counts_on, received_on, channel, book_id, kind, lease_id,
        property_id,
    ) in rows.values_list(
        "pk", "amount", "parts", "entry__dated_on", "receipt__received_on", "receipt__channel",
        "receipt__book_id", "charge__kind", "charge__lease_id", "charge__lease__unit__property_id",
    ):  # fmt: skip
        yield _Paid(
            allocation_id=allocation_id,
            amount=usd(amount),
            parts={int(who): usd(part) for who, part in parts.items()},
            counts_on=counts_on,
            received_on=received_on,
            channel=channel,
            book_id=book_id,
            charge_kind=kind,
            lease_id=lease_id,
            property_id=property_id,
        )


def _due(entity_id: int, paid: Sequence[_Paid]) -> list[Fee]:
    """The fees of payments; those that bear none are left out."""
    agreements = agreements_by_property({each.property_id for each in paid})
    fees = []
    for each in paid:
        due = terms.fee_due(
            in_force(agreements[each.property_id], each.received_on),
            charge_kind=each.charge_kind,
            channel=each.channel,
            amount=each.amount,
            parts=each.parts,
        )
        if due is None:
            continue
        fees.append(
            Fee(
                entity_id=entity_id,
                property_id=each.property_id,
                lease_id=each.lease_id,
                agreement_id=due.agreement_id,
                book_id=each.book_id,
                kind=due.kind,
                allocation_id=each.allocation_id,
                basis=due.basis,
                rate=due.rate,
                amount=due.amount,
                parts=stored(due.parts),
                counts_on=each.counts_on,
                key=f"{due.kind}:{each.allocation_id}",
            )
        )
    return fees


def _lost_lease_ups(found: Iterable[queries.LeaseUp], *, on: date) -> list[Fee]:
    """Give back the lease-up fees of leases whose first month's rent is open again."""
    return [
        mirror(fee, on=max(on, fee.counts_on), reason="The first month's rent is open again")
        for each in found
        if not each.is_paid
        for fee in each.live
    ]


def _earned_lease_ups(entity_id: int, found: Sequence[queries.LeaseUp], *, on: date) -> list[Fee]:
    """The lease-up fees of leases whose first full month's rent is paid, once per lease."""
    earned = [each for each in found if each.is_paid and not each.live]
    shares = shares_of_many({each.property_id for each in earned}, on) if earned else {}
    fees = []
    for each in earned:
        owners = {share.beneficiary_id: share.share for share in shares.get(each.property_id, ())}
        amount = fee_of(each.rent, each.rate)
        if not owners or amount <= ZERO:
            continue
        fees.append(
            Fee(
                entity_id=entity_id,
                property_id=each.property_id,
                lease_id=each.lease_id,
                agreement_id=each.agreement_id,
                book_id=each.book_id,
                kind=Fee.Kind.LEASE_UP,
                basis=each.rent,
                rate=each.rate,
                amount=amount,
                parts=stored(terms.shared(amount, owners)),
                counts_on=on,
                key=f"lease_up:{each.lease_id}:{each.count + 1}",
            )
        )
    return fees
