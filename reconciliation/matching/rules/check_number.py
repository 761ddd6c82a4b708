"""A check that we wrote: its number in the bank's own field for it, whatever the day it clears.

Only that field counts, because a short number in a text may be anything. Banks pay a check for six
months as a rule, and later ones at their own choice (UCC 4-404); beyond 400 days the same number is
taken for that of another check book.
"""

from datetime import timedelta

from reconciliation.matching.facts import OpenBankLine, OpenMoney
from reconciliation.matching.rules.base import Rule


def _find(line: OpenBankLine, money: OpenMoney) -> str:
    keys = money.keys.get("check")
    number = line.check_number.lstrip("0")
    return f"check {number}" if keys and number and number in keys else ""


RULE = Rule("check_number.1", _find, earliest=timedelta(days=1), latest=timedelta(days=400))
