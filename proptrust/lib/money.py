"""Amounts of money: exact, in whole cents, split without losing one."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from moneyed import USD, Currency, Money, get_currency

CENT = Decimal("0.01")
ZERO = Money(0, USD)


def usd(amount: Decimal | str | int) -> Money:
    """An amount of US dollars from a decimal, a decimal string or whole dollars; never a float."""
    if isinstance(amount, float):
        raise TypeError("money is never a float")
    return Money(Decimal(amount), USD)


def from_cents(cents: int, currency: Currency | str = USD) -> Money:
    """An amount from its count of cents."""
    return Money(Decimal(cents).scaleb(-2), get_currency(str(currency)))


def to_cents(money: Money) -> int:
    """The count of cents of an amount. Raises ValueError if it is not a whole count."""
    cents = money.amount.scaleb(2)
    if cents != cents.to_integral_value():
        raise ValueError(f"{money.amount} is not a whole number of cents")
    return int(cents)


def total(amounts: Iterable[Money], currency: Currency | str = USD) -> Money:
    """The sum of amounts of one currency; zero when there are none."""
    return sum(amounts, Money(0, get_currency(str(currency))))


def plain(amount: Money) -> str:
    """An amount inside a sentence: 1,840.00; dollars go without a sign."""
    currency = "" if amount.currency == USD else f" {amount.currency}"
    return f"{amount.amount:,.2f}{currency}"


def fee_of(amount: Money, rate: Decimal) -> Money:
    """A fee of an amount at a rate (0.08), rounded half up to the cent, once."""
    return Money((amount.amount * rate).quantize(CENT, ROUND_HALF_UP), amount.currency)


def split(amount: Money, weights: Sequence[Decimal]) -> list[Money]:
    """Split an amount by weights without losing a cent.

    Each share is rounded down; the cents left over go to the largest remainders, on a tie to the
    larger weight and then to the earlier one, so that the same input always gives the same split.

    amount: zero or above, whole cents. weights: above zero, in any unit.
    Returns one share per weight, in the same order; they sum to amount.
    Raises ValueError for a negative amount, no weights, or a weight that is not above zero.
    Source: the largest-remainder method; the tie rule is ours (docs/decisions/002-splits.md).
    """
    cents = to_cents(amount)
    if cents < 0:
        raise ValueError(f"a negative amount cannot be split: {amount}")
    if not weights or any(weight <= 0 for weight in weights):
        raise ValueError("a split needs weights, each above zero")
    whole = sum(weights, Decimal(0))
    exact = [Decimal(cents) * weight / whole for weight in weights]
    shares = [int(share.to_integral_value(ROUND_FLOOR)) for share in exact]
    by_claim = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], -weights[i], i))
    for i in by_claim[: cents - sum(shares)]:
        shares[i] += 1
    return [from_cents(share, amount.currency) for share in shares]
