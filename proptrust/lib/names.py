"""Names of payers as banks and platforms print them: cleaned, then compared.

A name only ranks candidates; it never decides alone. The scorer is token_sort_ratio, because banks
print "LAST,FIRST" as often as "First Last" (docs/decisions/041-payer-names.md has the measurement).
"""

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

# Words that banks print around a name. They say how the money came, never from whom.
NOISE = frozenset(
    """
    ach acct account bill billpay bpay card ccd check checking chk cash conf confirmation credit
    ctx debit dep deposit des electronic external for from id incoming indn instant internet inv
    invoice landlord misc on mobile mr mrs ms memo number online orig originator p2p pay payer
    payment payments payroll pmt pmts ppd property quickpay real recd received ref reference rent
    rental rents sender sent seq tel the time to trace transaction transfer trn trnsfr txn unit
    apt web wire wires withdrawal xfer zelle venmo paypal cashapp
    """.split()
)
# Words of a bank's counter. They are surnames, too, so they stay in a name; alone they are none.
PLACES = frozenset("atm branch counter customer drawer lockbox merchant teller vault".split())
_NOT_LETTERS = re.compile(r"[^a-z]+")
# What stands between letters without parting two words: O'Brien, D.J.
_INSIDE_WORDS = re.compile(r"['’`.]")
# A token with a digit is a number of some kind: a trace, a unit, a date, "x1234".
_WITH_DIGIT = re.compile(r"\S*\d\S*")


@lru_cache(maxsize=65_536)
def clean(text: str) -> str:
    """The words of a name in lower case: no accents, digits, punctuation or bank's words.

    Returns "" when nothing is left, as for "ACH CREDIT 0042".
    """
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    letters = _NOT_LETTERS.sub(" ", _WITH_DIGIT.sub(" ", _INSIDE_WORDS.sub("", flat)))
    return " ".join(word for word in letters.split() if word not in NOISE)


def names_somebody(text: str) -> bool:
    """Whether a text says from whom money came: "COUNTER CREDIT" does not, "M BRANCH" does."""
    return bool(set(clean(text).split()) - PLACES)


def score(a: str, b: str) -> int:
    """How alike two names are, 0 to 100, whatever the order of their words.

    Both are cleaned first; 0 if nothing of one is left.
    """
    first, second = clean(a), clean(b)
    if not first or not second:
        return 0
    return round(fuzz.token_sort_ratio(first, second))
