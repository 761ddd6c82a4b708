"""A single payment or return: its trace number, or its payment id, stands in the bank's text."""

from reconciliation.matching.rules.base import Rule, shared

RULE = Rule("trace.1", shared("trace", "trace"))
