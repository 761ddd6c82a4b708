"""What a rule is: a kind of key, and how far apart the days may lie."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from reconciliation.matching.facts import OpenBankLine, OpenMoney

# A shorter number in a text may be a date, a store or a street.
LONG = 6
Finder = Callable[[OpenBankLine, OpenMoney], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A deterministic key. version: name and number, stored with each match that it makes.

    earliest, latest: how long before and after the journal's day the bank may move the money.
    find: the key that line and money share, in words, or "".
    """

    version: str
    find: Finder
    earliest: timedelta = timedelta(days=5)
    latest: timedelta = timedelta(days=45)

    def key_of(self, line: OpenBankLine, money: OpenMoney) -> str:
        """The key that line and money share, or "" if none or on days that cannot be."""
        found = self.find(line, money)
        if not found:
            return ""
        wait = line.posted_on - money.dated_on
        return found if -self.earliest <= wait <= self.latest else ""


def shared(kind: str, name: str) -> Finder:
    """A finder for a kind of key that the bank gives as a reference, or names in its text.

    In a text only a key counts that is too long to be there by chance.
    """

    def find(line: OpenBankLine, money: OpenMoney) -> str:
        keys = money.keys.get(kind)
        if not keys:
            return ""
        both = keys & line.fields or {key for key in keys & line.tokens if _is_long(key)}
        return f"{name} {min(both)}" if both else ""

    return find


def _is_long(key: str) -> bool:
    return len(key) >= LONG and any(sign.isdigit() for sign in key)
