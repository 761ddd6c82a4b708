"""Our own ACH file: many receipts are one credit; the bank prints the batch or our company id."""

from reconciliation.matching.facts import OpenBankLine, OpenMoney
from reconciliation.matching.rules.base import Rule, shared

_batch = shared("batch", "batch")
_company = shared("company", "company id")


def _find(line: OpenBankLine, money: OpenMoney) -> str:
    """The batch's own name; or our company id on the very day that the batch settles."""
    if found := _batch(line, money):
        return found
    if line.posted_on == money.dated_on and (found := _company(line, money)):
        return f"{found} on its settlement day"
    return ""


RULE = Rule("ach_batch.2", _find)
