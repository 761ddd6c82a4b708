"""What reconciliation knows: the three figures, statements and their lines, and what is open."""

from reconciliation.queries.lines import (
    doubtful_sightings,
    equal_lines,
    intraday_lines,
    lines_told_twice,
    mirrors,
    returned_receipts,
    statements_with_absent_lines,
    typed_wrongly,
)
from reconciliation.queries.three_way import (
    BalanceBreak,
    breaks,
    figures,
    outstanding,
    three_way,
)

__all__ = [
    "BalanceBreak",
    "breaks",
    "doubtful_sightings",
    "equal_lines",
    "figures",
    "intraday_lines",
    "lines_told_twice",
    "mirrors",
    "outstanding",
    "returned_receipts",
    "statements_with_absent_lines",
    "three_way",
    "typed_wrongly",
]
