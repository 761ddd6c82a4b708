"""From when received money is safe to pay out: it has settled, and stayed long enough.

Money is seasoned so many banking days after its settlement as the property's agreement says, longer
where payments of the lease came back before. Waiting out the 60 days of an unauthorised return is
nobody's practice, so that day is shown beside it (docs/decisions/049-seasoning.md).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Max, QuerySet

from connectors.nacha import codes
from leases.models import ManagementAgreement
from proptrust.lib.banking import add_banking_days
from receivables.models import Comeback, PaymentAuthorisation, Receipt

# Banking days that each return of the last year adds, and what all of them add at the most.
DAYS_PER_RETURN = 5
MOST_FOR_RETURNS = 20
HISTORY = timedelta(days=365)
# Where no agreement stands on the day: what its form proposes.
_WITHOUT_AGREEMENT = 5
# Money that nobody can take back once it is there.
_FINAL = frozenset({Receipt.Channel.WIRE, Receipt.Channel.CASH, Receipt.Channel.OPENING})
# A code whose window is the longest one: a consumer says that a debit was not authorised.
_UNAUTHORISED = "R10"


@dataclass(frozen=True, slots=True)
class Seasoning:
    """When the money of a receipt is seasoned, and why then.

    on: None while it has not settled or is not in the bank. settled_on: the day it is counted from.
    days: banking days. unauthorised_until: the last day on which an ACH debit can come back as not
    authorised, None for other channels.
    """

    on: date | None
    settled_on: date | None
    days: int
    why: str
    unauthorised_until: date | None = None


def seasoned_on(receipt: Receipt) -> date | None:
    """The day from which the money of a receipt is seasoned; None while nobody can say."""
    return seasoned_on_many([receipt.pk])[receipt.pk].on


def seasoned_on_many(receipt_ids: Collection[int]) -> dict[int, Seasoning]:
    """When the money of many receipts is seasoned, by receipt: four queries for all."""
    rows = list(_receipts(receipt_ids))
    lease_ids = {row.lease_id for row in rows if row.lease_id is not None}
    agreed = _agreed({row.lease.unit.property_id for row in rows if row.lease})
    returned = _returns(lease_ids)
    held = _held(lease_ids)
    return {row.pk: _seasoning(row, agreed, returned, held) for row in rows}


def _receipts(receipt_ids: Collection[int]) -> QuerySet[Receipt]:
    return Receipt.objects.filter(pk__in=receipt_ids).select_related(
        "lease__unit", "deposit_slip", "remittance"
    )


def _seasoning(
    receipt: Receipt,
    agreed: Mapping[int, list[ManagementAgreement]],
    returned: Mapping[int, list[date]],
    held: Mapping[tuple[int, str], int],
) -> Seasoning:
    settled_on = _settled_on(receipt)
    if settled_on is None:
        return Seasoning(None, None, 0, "It has not reached the bank yet.")
    if receipt.channel in _FINAL:
        why = f"{receipt.get_channel_display()} cannot be taken back."
        return Seasoning(settled_on, settled_on, 0, why)
    days, why = _days(receipt, settled_on, agreed, returned, held)
    latest = None
    if receipt.channel == Receipt.Channel.ACH:
        latest = codes.return_code(_UNAUTHORISED).latest_on(settled_on)
    return Seasoning(add_banking_days(settled_on, days), settled_on, days, why, latest)


def _settled_on(receipt: Receipt) -> date | None:
    """The day on which the money is in the bank, or with the processor that owes it to us."""
    if receipt.state != Receipt.State.SETTLED:
        return None
    if receipt.into == Receipt.Into.UNDEPOSITED:
        return receipt.deposit_slip.deposited_on if receipt.deposit_slip else None
    if receipt.remittance is not None:
        return max(receipt.remittance.arrives_on, receipt.received_on)
    if receipt.into == Receipt.Into.PROCESSORS:
        return None
    return receipt.settles_on or receipt.received_on


def _days(
    receipt: Receipt,
    settled_on: date,
    agreed: Mapping[int, list[ManagementAgreement]],
    returned: Mapping[int, list[date]],
    held: Mapping[tuple[int, str], int],
) -> tuple[int, str]:
    """Banking days to wait, and the sentence that says why."""
    if receipt.lease is None or receipt.lease_id is None:
        return _WITHOUT_AGREEMENT, f"{_WITHOUT_AGREEMENT} banking days after settlement."
    agreement = next(
        (
            row
            for row in agreed.get(receipt.lease.unit.property_id, ())
            if row.from_on <= settled_on and (row.until_on is None or row.until_on >= settled_on)
        ),
        None,
    )
    days = agreement.seasoning_days if agreement else _WITHOUT_AGREEMENT
    why = f"{days} banking days after settlement"
    count = sum(settled_on - HISTORY < day for day in returned.get(receipt.lease_id, ()))
    if count:
        more = min(count * DAYS_PER_RETURN, MOST_FOR_RETURNS)
        days += more
        why += f", {more} more for {count} returned in a year"
    least = held.get((receipt.lease_id, receipt.channel), 0)
    if least > days:
        days, why = least, f"{least} banking days, as the tenant's authorisation says"
    return days, f"{why}."


def _agreed(property_ids: Collection[int]) -> dict[int, list[ManagementAgreement]]:
    found: dict[int, list[ManagementAgreement]] = {}
    for row in ManagementAgreement.objects.filter(property__in=property_ids):
        found.setdefault(row.property_id, []).append(row)
    return found


def _returns(lease_ids: Collection[int]) -> dict[int, list[date]]:
    """The days on which payments of leases came back."""
    rows = (
        Comeback.objects.filter(receipt__lease__in=lease_ids, kind=Comeback.Kind.RETURN)
        .values_list("receipt__lease", "receipt")
        .annotate(on=Max("on"), count=Count("pk"))
    )
    found: dict[int, list[date]] = {}
    for lease_id, _, on, _ in rows.order_by():
        found.setdefault(lease_id, []).append(on)
    return found


def _held(lease_ids: Collection[int]) -> dict[tuple[int, str], int]:
    """The longest hold that an authorisation of each lease and channel asks for."""
    rows = (
        PaymentAuthorisation.objects.filter(lease__in=lease_ids, hold_days__gt=0)
        .values_list("lease", "channel")
        .annotate(most=Max("hold_days"))
    )
    return {(lease_id, channel): most for lease_id, channel, most in rows.order_by()}
