"""The deterministic keys, in the order in which they are tried."""

from reconciliation.matching.rules import ach_batch, check_number, deposit_slip, remittance, trace
from reconciliation.matching.rules.base import Rule

RULES: tuple[Rule, ...] = (
    remittance.RULE,
    trace.RULE,
    check_number.RULE,
    deposit_slip.RULE,
    ach_batch.RULE,
)

__all__ = ["RULES", "Rule"]
