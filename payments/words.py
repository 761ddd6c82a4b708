"""Amounts as a check says them, in words."""

from moneyed import Money

from proptrust.lib.money import to_cents

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))


def amount_in_words(amount: Money) -> str:
    """1,234.05 as `One thousand two hundred thirty-four and 05/100 dollars`.

    amount: zero or above, whole cents, below a trillion. Raises ValueError otherwise.
    """
    cents = to_cents(amount)
    if not 0 <= cents < 10**14:
        raise ValueError(f"{amount} cannot be written on a check")
    words = _words(cents // 100)
    return f"{words[0].upper()}{words[1:]} and {cents % 100:02}/100 dollars"


def _words(number: int) -> str:
    """A whole number below a trillion in words."""
    for scale, name in _SCALES:
        if number >= scale:
            rest = f" {_words(number % scale)}" if number % scale else ""
            return f"{_words(number // scale)} {name}{rest}"
    if number < 20:
        return _UNITS[number]
    ones = f"-{_UNITS[number % 10]}" if number % 10 else ""
    return f"{_TENS[number // 10 - 2]}{ones}"
