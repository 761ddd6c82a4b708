"""What crosses the border of the portfolio."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ShareInForce:
    """One owner's part of a property on a day. share: a fraction; the parts of a day sum to one."""

    owner_id: int
    beneficiary_id: int
    share: Decimal


@dataclass(frozen=True, slots=True)
class Address:
    """Where a property stands. state: two letters."""

    state: str
    street: str = ""
    city: str = ""
    zip_code: str = ""
