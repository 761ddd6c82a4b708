"""Which fee a payment bears under an agreement: pure functions, for taking and for auditing."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from moneyed import Money

from fees.models import Fee
from fees.types import FeeDue
from leases.models import ManagementAgreement
from proptrust.lib.money import CENT, ZERO, fee_of, split
from receivables.models import ChargeKind

ONE = Decimal(1)
# A security deposit that pays rent when a tenant leaves: a value of Receipt.Channel.
DEPOSIT_CHANNEL = "deposit"


def fee_due(
    agreement: ManagementAgreement | None,
    *,
    charge_kind: str,
    channel: str,
    amount: Money,
    parts: Mapping[int, Money],
) -> FeeDue | None:
    """The fee that a payment of a charge bears, or None.

    agreement: in force on the day the money came; without one there is no fee. amount: what of the
    payment pays the charge; parts: whose money that became. Late fees and returned-payment fees are
    shared by their own rates and bear no management fee; a security deposit is nobody's income.
    """
    if agreement is None or charge_kind == ChargeKind.SECURITY_DEPOSIT:
        return None
    if charge_kind == ChargeKind.LATE_FEE:
        kind, rate = Fee.Kind.LATE_FEE_PART, ONE - agreement.late_fee_owner_rate
        fee = company_part(amount, rate)
    elif charge_kind == ChargeKind.NSF_FEE:
        kind, rate = Fee.Kind.NSF_PART, ONE - agreement.nsf_fee_owner_rate
        fee = company_part(amount, rate)
    else:
        if charge_kind in agreement.fee_free_kinds:
            return None
        if channel == DEPOSIT_CHANNEL and not agreement.is_fee_on_deposits:
            return None
        kind, rate = Fee.Kind.MANAGEMENT, agreement.fee_rate
        fee = fee_of(amount, rate)
    if fee <= ZERO:
        return None
    weights = {who: part.amount for who, part in parts.items()}
    return FeeDue(kind, amount, rate, fee, shared(fee, weights), agreement.pk)


def company_part(amount: Money, rate: Decimal) -> Money:
    """The company's part of a late fee at its rate: rounded down, the owner has the odd cent."""
    return Money((amount.amount * rate).quantize(CENT, ROUND_FLOOR), amount.currency)


def shared(amount: Money, weights: Mapping[int, Decimal]) -> dict[int, Money]:
    """An amount over beneficiaries by what each of them has, to the cent.

    amount: above or below zero. A part of zero is left out.
    """
    owners = [who for who, weight in weights.items() if weight]
    sign = -1 if amount < ZERO else 1
    parts = split(abs(amount), [weights[who] for who in owners])
    return {who: sign * part for who, part in zip(owners, parts, strict=True) if part}
