"""Conditions of a rule, as data: which facts they ask for, and whether given facts meet them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from moneyed import Money

from compliance.errors import WrongFact
from proptrust.lib.money import plain

FactValue = int | str | bool | date | Money
Facts = Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that a condition may ask for. choices: the only texts it can be, where it is one."""

    type: type[FactValue]
    meaning: str
    choices: frozenset[str] = frozenset()


# Everything that a condition in a file may ask for. A new one is added here and nowhere else.
FACTS: Mapping[str, Fact] = {
    "units": Fact(int, "dwelling units in the property"),
    "landlord_units": Fact(int, "dwelling units that the landlord rents out altogether"),
    "owner_is_natural_person": Fact(
        bool, "the owner is a natural person, or an LLC whose members all are"
    ),
    "owner_properties": Fact(int, "residential rental properties of the owner"),
    "owner_rental_units": Fact(int, "dwelling units that the owner offers for rent"),
    "tenancy_months": Fact(int, "whole months of the tenancy so far"),
    "tenant_age": Fact(int, "age of the tenant in years"),
    "tenant_is_service_member": Fact(bool, "the tenant is a service member"),
    "is_furnished": Fact(bool, "the dwelling is let furnished"),
    "is_rent_stabilised": Fact(bool, "the unit stands under rent stabilisation"),
    "deposit": Fact(Money, "the amount of the security deposit"),
    "deposit_taken_on": Fact(date, "the day on which the security deposit was taken"),
    "deposit_held_as": Fact(
        str,
        "how the security deposit is held",
        frozenset({"account", "interest account", "bond"}),
    ),
    "interest_election": Fact(
        str,
        "which way of paying interest the landlord has chosen",
        frozenset({"share of account interest", "fixed rate"}),
    ),
}


class Test(StrEnum):
    """How a fact is compared. Each is a key of a condition in a file."""

    IS = "is"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BEFORE = "before"
    FROM = "from"


_IN_WORDS = {
    Test.IS: "{fact}: {value}",
    Test.AT_LEAST: "{fact}: {value} or more",
    Test.AT_MOST: "{fact}: at most {value}",
    Test.BEFORE: "{fact}: before {value}",
    Test.FROM: "{fact}: {value} or later",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be so for a rule to count, as `{ fact = "units", at_least = 6 }`."""

    fact: str
    test: Test
    value: FactValue

    def is_met(self, facts: Facts) -> bool | None:
        """Whether given facts meet the condition; None where its fact is missing.

        Raises WrongFact if the fact is of another type than FACTS says.
        """
        if self.fact not in facts:
            return None
        given = facts[self.fact]
        check_fact(self.fact, given)
        if self.test is Test.IS:
            return given == self.value
        if self.test in (Test.AT_LEAST, Test.FROM):
            return bool(given >= self.value)  # type: ignore[operator]  # check_fact: one type.
        if self.test is Test.AT_MOST:
            return bool(given <= self.value)  # type: ignore[operator]
        return bool(given < self.value)  # type: ignore[operator]

    def __str__(self) -> str:
        return _IN_WORDS[self.test].format(fact=FACTS[self.fact].meaning, value=said(self.value))


def said(value: FactValue) -> str:
    """A value inside a sentence: yes, Jul 1, 2024, 50.00, 6."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return f"{value:%b} {value.day}, {value.year}"
    return plain(value) if isinstance(value, Money) else str(value)


def check_fact(name: str, value: FactValue) -> None:
    """Raise WrongFact unless a fact exists and has its type (a truth value is no number)."""
    if name not in FACTS:
        raise WrongFact(f"no rule asks for {name!r}; the facts are {', '.join(sorted(FACTS))}")
    fact = FACTS[name]
    # A day is no moment and a truth value no number, though Python says they are.
    is_its_type = type(value) is fact.type
    if not is_its_type and not (fact.type in (Money, str) and isinstance(value, fact.type)):
        raise WrongFact(f"{name} is {value!r}, but must be {_TYPE_WORDS[fact.type]}")
    if fact.choices and value not in fact.choices:
        raise WrongFact(f"{name} is {value!r}, but must be one of {sorted(fact.choices)}")


_TYPE_WORDS: Mapping[type[FactValue], str] = {
    int: "a whole number",
    str: "a text",
    bool: "yes or no",
    date: "a day",
    Money: "an amount of money",
}
