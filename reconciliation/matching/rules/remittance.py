"""A processor's transfer: its trace number or its own id stands in the bank's text."""

from reconciliation.matching.rules.base import Rule, shared

RULE = Rule("remittance.1", shared("remittance", "transfer"))
