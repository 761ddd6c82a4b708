"""What the law of a state says about money that nobody claims, in words with its source."""

from dataclasses import dataclass

from compliance.rules import unclaimed
from compliance.types import Unknown
from payments.models import Payment

_Purpose = Payment.Purpose
_KINDS = {
    _Purpose.OWNER_DRAW: "owner_disbursement",
    _Purpose.DEPOSIT_REFUND: "security_deposit",
    _Purpose.TENANT_REFUND: "rent",
}
_OTHERS = "vendor_check"


@dataclass(frozen=True, slots=True)
class Dormancy:
    """months: after which the state asks for the money; None where it is not known or not set.

    said: the whole in a sentence for a bookkeeper, with its source and whether that is confirmed.
    """

    state: str
    months: int | None
    said: str

    @property
    def for_payee(self) -> str:
        """What a letter to the payee says of it; nothing where it is not known."""
        return f"In {self.state} that is after {self.months} months." if self.months else ""


def dormancy_of(payment: Payment) -> Dormancy:
    """After how many months the money of a payment is the state's, by the law of its day."""
    state = payment.entity.state
    rule = unclaimed(state, _KINDS.get(_Purpose(payment.purpose), _OTHERS), on=payment.dated_on)
    months = rule.dormancy_months
    if months is None or isinstance(months, Unknown):
        return Dormancy(
            state,
            None,
            f"When {state} asks for money that nobody claims is not known here; look it up.",
        )
    source = rule.source
    sure = "confirmed" if source.is_confirmed else "unconfirmed"
    return Dormancy(
        state,
        months,
        f"{state} asks for it after {months} months ({source.citation or source.title}, {sure}).",
    )
