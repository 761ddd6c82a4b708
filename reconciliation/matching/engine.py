"""Score candidates, and choose those that are certain.

Points: key 60, amount 40 when exact, date up to 10 (one less for each banking day), name up to 25;
capped at 100. Automatic only from 95 points and 15 ahead of the second. Without a key the sum
cannot reach 95, so that nothing is matched on resemblance alone; and a sum that is not exact is no
candidate at all (docs/decisions/053-matching.md). The ten points for history are for payers and
their leases, which receivables scores.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rapidfuzz import fuzz

from proptrust.lib.banking import banking_days_between
from reconciliation.matching.facts import Open, OpenBankLine, OpenMoney
from reconciliation.matching.rules import RULES
from reconciliation.types import Candidate

AUTOMATIC = 95
MARGIN = 15
KEY, AMOUNT, DATE, NAME = 60, 40, 10, 25
CAP = 100
# The rule without a key. It is only ever a suggestion.
RESEMBLANCE = "resemblance.1"
# How far apart the days of bank and journal may lie for a suggestion without a key.
_BEFORE, _AFTER = timedelta(days=10), timedelta(days=45)
_ALIKE = 80  # Of 100, by rapidfuzz's token_set_ratio; below it two names are not alike.


@dataclass(frozen=True, slots=True)
class Choice:
    """A bank line and the candidate that answers it for certain."""

    bank_line_id: int
    candidate: Candidate


def propose(open_: Open) -> dict[int, list[Candidate]]:
    """The candidates of every open bank line, best first. Each one's sum is exactly the line's."""
    wanted = {line.cents for line in open_.lines}
    by_cents: dict[int, list[OpenMoney]] = defaultdict(list)
    for each in open_.money:
        if each.cents in wanted:
            by_cents[each.cents].append(each)
    return {line.id: _ranked(line, by_cents.get(line.cents, ())) for line in open_.lines}


def choose(open_: Open) -> list[Choice]:
    """The lines that have one certain answer, none of it used twice.

    Only money that shares a key with the line is looked at: without one the points end at 75, too
    few to be automatic or to come within the margin of what is. A candidate whose journal lines are
    also certain for another bank line decides neither.
    """
    by_key = keyed(open_.money)
    certain: list[Choice] = []
    for line in open_.lines:
        sharing = sharing_a_key(line, by_key)
        candidates = _ranked(line, [each for each in sharing if each.cents == line.cents])
        if candidates and _is_certain(candidates):
            certain.append(Choice(line.id, candidates[0]))
    claims: dict[int, int] = defaultdict(int)
    for choice in certain:
        for id_ in choice.candidate.line_ids:
            claims[id_] += 1
    return [
        choice for choice in certain if all(claims[id_] == 1 for id_ in choice.candidate.line_ids)
    ]


def keyed(money: Iterable[OpenMoney]) -> dict[str, list[OpenMoney]]:
    """Open money by each of its keys."""
    found: dict[str, list[OpenMoney]] = defaultdict(list)
    for each in money:
        for key in {key for keys in each.keys.values() for key in keys}:
            found[key].append(each)
    return found


def sharing_a_key(line: OpenBankLine, by_key: Mapping[str, Sequence[OpenMoney]]) -> list[OpenMoney]:
    """The money one of whose keys stands in a line's texts: all that a rule can find a key in."""
    found = {id(each): each for token in line.tokens for each in by_key.get(token, ())}
    return list(found.values())


def _is_certain(candidates: Sequence[Candidate]) -> bool:
    best = candidates[0]
    if best.points < AUTOMATIC or "key" not in best.reasons:
        return False
    # A batch and its only receipt are the same lines: no rival of themselves.
    rivals = [each for each in candidates[1:] if set(each.line_ids) != set(best.line_ids)]
    return not rivals or best.points - rivals[0].points >= MARGIN


def _ranked(line: OpenBankLine, equal: Iterable[OpenMoney]) -> list[Candidate]:
    found: dict[tuple[int, ...], Candidate] = {}
    for money in equal:
        candidate = _scored(line, money)
        if candidate is None:
            continue
        standing = found.get(candidate.line_ids)
        if standing is None or candidate.points > standing.points:
            found[candidate.line_ids] = candidate
    return sorted(found.values(), key=lambda each: (-each.points, each.line_ids))


def _scored(line: OpenBankLine, money: OpenMoney) -> Candidate | None:
    """The points of one candidate whose amount is the line's, or None if it cannot be the one."""
    reasons: dict[str, int] = {}
    said: dict[str, str] = {}
    rule = RESEMBLANCE
    for each in RULES:
        if seen := each.key_of(line, money):
            rule = each.version
            reasons["key"] = KEY
            said["key"] = seen
            break
    else:
        if not line.posted_on - _AFTER <= money.dated_on <= line.posted_on + _BEFORE:
            return None
    reasons["amount"] = AMOUNT
    said["amount"] = "exact"
    if days := max(0, DATE - banking_days_between(line.posted_on, money.dated_on)):
        reasons["date"] = days
        said["date"] = f"{money.dated_on:%b} {money.dated_on.day}"
    if (name := _name(line, money)) is not None:
        reasons["name"], said["name"] = name
    points = min(CAP, sum(reasons.values()))
    return Candidate(money.line_ids, points, reasons, rule, money.label, said)


def _name(line: OpenBankLine, money: OpenMoney) -> tuple[int, str] | None:
    """Points for words that the bank's text and the payer's name share, with the words."""
    if not money.words or not line.words:
        return None
    common = sorted(line.words & money.words)
    if money.words <= line.words:
        return NAME, " ".join(common)
    alike = fuzz.token_set_ratio(" ".join(sorted(line.words)), " ".join(sorted(money.words)))
    if alike < _ALIKE:
        return None
    return int(NAME * alike / 100) - 3, " ".join(common) or "spelt alike"


def transposed(line: OpenBankLine, money: Iterable[OpenMoney]) -> Iterator[OpenMoney]:
    """Money with the line's own key whose amount differs by a multiple of nine cents.

    Two digits that change places alter an amount by a multiple of nine times a power of ten.
    """
    for each in money:
        difference = each.cents - line.cents
        if (
            difference
            and difference % 9 == 0
            and (each.cents > 0) == (line.cents > 0)
            and any(rule.key_of(line, each) for rule in RULES)
        ):
            yield each
