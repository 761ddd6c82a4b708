"""Open money that only together makes a bank line: exact sums of two to four items, suggested."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations

from reconciliation.matching.facts import OpenBankLine, OpenMoney
from reconciliation.types import Candidate

SUM = 30
RULE = "sum.1"
# The nearest items only: among more than these any amount is the sum of something.
_NEAREST = 40
_BEFORE, _AFTER = timedelta(days=10), timedelta(days=30)


def sums(line: OpenBankLine, money: Sequence[OpenMoney], most: int = 3) -> list[Candidate]:
    """The exact sums of two to four single items that make a line, nearest days first.

    Never matched without a person: that a sum fits is no proof that it is the one.
    """
    near = [
        each
        for each in money
        if len(each.line_ids) == 1
        and (each.cents > 0) == (line.cents > 0)
        and abs(each.cents) < abs(line.cents)
        and line.posted_on - _AFTER <= each.dated_on <= line.posted_on + _BEFORE
    ]
    near.sort(key=lambda each: (abs((line.posted_on - each.dated_on).days), each.line_ids))
    found: list[Candidate] = []
    for items in _exact(near[:_NEAREST], line.cents):
        found.append(
            Candidate(
                line_ids=tuple(sorted(each.line_ids[0] for each in items)),
                points=SUM,
                reasons={"amount": SUM},
                rule=RULE,
                label=" + ".join(each.label for each in items),
                words={"amount": f"the sum of {len(items)} open items"},
            )
        )
        if len(found) == most:
            break
    return found


def _exact(items: Sequence[OpenMoney], cents: int) -> Iterator[tuple[OpenMoney, ...]]:
    """Combinations of two, three, then four items that sum to an amount; pairs are looked up."""
    by_cents: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(items):
        by_cents[each.cents].append(place)
    for one, first in enumerate(items):
        for two in by_cents.get(cents - first.cents, ()):
            if two > one:
                yield first, items[two]
    pairs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, two in combinations(range(len(items)), 2):
        pairs[items[one].cents + items[two].cents].append((one, two))
    for one, first in enumerate(items):
        for two, three in pairs.get(cents - first.cents, ()):
            if one < two:
                yield first, items[two], items[three]
    for amount, some in pairs.items():
        for one, two in some:
            for three, four in pairs.get(cents - amount, ()):
                if two < three:
                    yield items[one], items[two], items[three], items[four]
