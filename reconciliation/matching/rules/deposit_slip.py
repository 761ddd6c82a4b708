"""Checks and cash taken to the bank: the number of the deposit slip stands in the bank's text."""

from reconciliation.matching.rules.base import Rule, shared

RULE = Rule("deposit_slip.1", shared("slip", "deposit slip"))
