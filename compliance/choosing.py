"""Chooses among the rows of a topic the one that counts, and asks for a fact rather than guess."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from compliance.conditions import FACTS, Facts, check_fact
from compliance.errors import AmbiguousRule, MissingFact
from compliance.types import Rule

AnyRule = TypeVar("AnyRule", bound=Rule)


def choose(rows: Sequence[AnyRule], *, on: date, facts: Facts) -> AnyRule | None:
    """The row in force whose conditions are met, the one with more conditions if several are.

    on: the day asked about. None where no row counts. Raises MissingFact where a fact that is not
    given could lead to another row, AmbiguousRule where two rows fit alike, WrongFact.
    """
    for name, value in facts.items():
        check_fact(name, value)
    fitting: list[AnyRule] = []
    possible: list[AnyRule] = []
    for row in rows:
        answers = [_is_in_force(row, on, facts), *(each.is_met(facts) for each in row.when)]
        if False in answers:
            continue
        (possible if None in answers else fitting).append(row)
    most = max((len(row.when) for row in fitting), default=-1)
    for row in possible:
        # A row with fewer conditions would lose anyway: its fact need not be asked for.
        if len(row.when) >= most:
            fact = _first_missing(row, facts)
            raise MissingFact(fact, row.name, FACTS[fact].meaning)
    best = [row for row in fitting if len(row.when) == most]
    if len(best) > 1:
        raise AmbiguousRule(f"{best[0].name} and {best[1].name} fit the same facts")
    return best[0] if best else None


def is_in_force(row: Rule, on: date) -> bool:
    """Whether a row's days hold one."""
    is_begun = row.effective_from is None or row.effective_from <= on
    return is_begun and (row.effective_to is None or on <= row.effective_to)


def _is_in_force(row: Rule, on: date, facts: Facts) -> bool | None:
    if not row.counts_by:
        return is_in_force(row, on)
    given = facts.get(row.counts_by)
    return is_in_force(row, given) if isinstance(given, date) else None


def _first_missing(row: Rule, facts: Facts) -> str:
    if row.counts_by and row.counts_by not in facts:
        return row.counts_by
    return next(each.fact for each in row.when if each.fact not in facts)
