"""The law's questions about one deposit: which facts are known, and what the rules say to them.

Everything that deposits asks of `compliance` is asked here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count
from moneyed import Money

from compliance.conditions import FACTS, FactValue
from compliance.errors import ComplianceError, MissingFact
from compliance.interest import months_held
from compliance.types import Rule
from deposits.models import Deposit, DepositRate, KnownFact
from deposits.types import Asked
from leases.models import OwnershipShare, Unit
from proptrust.lib.money import usd

Facts = dict[str, FactValue]
# From this many units on, Florida counts the landlord's units no further; what we manage for the
# same owners is a lower bound, so that a larger number is certain and a smaller one is not.
LANDLORD_UNITS_CERTAIN = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some deposits, loaded with a handful of queries for all of them."""

    entered: Mapping[tuple[int, int | None], Facts]
    units: Mapping[int, int]
    landlord_units: Mapping[int, int]
    interest_books: frozenset[int]

    def of(self, deposit: Deposit, *, on: date, held: Money | None = None) -> Facts:
        """The facts of a deposit on a day; a person's entry for the lease beats the property's."""
        lease = deposit.lease
        property_id = lease.unit.property_id
        facts: Facts = {
            "units": self.units.get(property_id, 0),
            "tenancy_months": months_held(lease.starts_on, on) if on >= lease.starts_on else 0,
            "deposit": held or lease.deposit_agreed,
        }
        if self.landlord_units.get(property_id, 0) >= LANDLORD_UNITS_CERTAIN:
            facts["landlord_units"] = self.landlord_units[property_id]
        if deposit.taken_on is not None:
            facts["deposit_taken_on"] = deposit.taken_on
        if deposit.holder == Deposit.Holder.TRUST and deposit.book_id in self.interest_books:
            facts["deposit_held_as"] = "interest account"
        facts |= self.entered.get((property_id, None), {})
        return facts | self.entered.get((property_id, lease.pk), {})


def known_of(deposits: Collection[Deposit]) -> Known:
    """The facts that our own tables tell about some deposits: five queries, however many."""
    property_ids = {each.lease.unit.property_id for each in deposits}
    book_ids = {each.book_id for each in deposits}
    entered: dict[tuple[int, int | None], Facts] = {}
    for row in KnownFact.objects.filter(property__in=property_ids):
        entered.setdefault((row.property_id, row.lease_id), {})[row.name] = read(
            row.name, row.value
        )
    counted = Unit.objects.filter(property__in=property_ids).order_by()
    units = dict(counted.values_list("property").annotate(Count("id")))
    earning = DepositRate.objects.filter(book__in=book_ids, rate__gt=Decimal(0))
    return Known(
        entered=entered,
        units=units,
        landlord_units=_landlord_units(property_ids),
        interest_books=frozenset(earning.values_list("book_id", flat=True)),
    )


def _landlord_units(property_ids: Collection[int]) -> dict[int, int]:
    """How many units we manage for the owners of each property, in all their properties."""
    owners: dict[int, set[int]] = {}
    shares = OwnershipShare.objects.filter(property__in=property_ids, until_on__isnull=True)
    for property_id, owner_id in shares.values_list("property_id", "owner_id"):
        owners.setdefault(property_id, set()).add(owner_id)
    everyone = {owner for each in owners.values() for owner in each}
    theirs: dict[int, set[int]] = {}
    for owner_id, property_id in OwnershipShare.objects.filter(
        owner__in=everyone, until_on__isnull=True
    ).values_list("owner_id", "property_id"):
        theirs.setdefault(owner_id, set()).add(property_id)
    wanted = {each for properties in theirs.values() for each in properties}
    rows = Unit.objects.filter(property__in=wanted).order_by().values_list("property")
    count = dict(rows.annotate(Count("id")))
    return {
        property_id: sum(
            count.get(each, 0) for each in set().union(*(theirs[owner] for owner in found))
        )
        for property_id, found in owners.items()
    }


def facts_of(deposit: Deposit, *, on: date, held: Money | None = None) -> Facts:
    """The facts of one deposit on a day."""
    return known_of([deposit]).of(deposit, on=on, held=held)


def read(name: str, value: Any) -> FactValue:
    """A fact as it was entered, as its own type. Raises KeyError or ValueError for others."""
    kind = FACTS[name].type
    if kind is bool or kind is int:
        if type(value) is not kind:
            raise ValueError(f"{name} is {value!r}")
        return value
    if kind is date:
        return date.fromisoformat(str(value))
    return usd(Decimal(str(value))) if kind is Money else str(value)


def parse(name: str, text: str) -> Any:
    """What a person typed for a fact, as it is kept in JSON. Raises ValueError with a sentence."""
    if name not in FACTS:
        raise ValueError(f"no rule asks for {name!r}")
    fact = FACTS[name]
    given = text.strip()
    if fact.type is bool:
        if given.lower() not in ("yes", "no"):
            raise ValueError(f"{fact.meaning}: answer yes or no, not {given!r}")
        return given.lower() == "yes"
    if fact.choices and given not in fact.choices:
        raise ValueError(f"{fact.meaning}: answer one of {', '.join(sorted(fact.choices))}")
    try:
        if fact.type is int:
            number = int(given)
            if number < 0:
                raise ValueError(given)
            return number
        read(name, given)
    except (ValueError, ArithmeticError):
        raise ValueError(f"{fact.meaning}: {given!r} is no answer") from None
    return given


def state_of(deposit: Deposit) -> str:
    """Whose law counts: where the property lies."""
    return deposit.lease.unit.property.state


def asked(topic: str, refusal: ComplianceError) -> Asked:
    """What a rule wants to know, as a question for a person."""
    fact = refusal.fact if isinstance(refusal, MissingFact) else ""
    said = str(refusal)
    return Asked(topic, fact, f"{said[:1].upper()}{said[1:]}.")


def is_confirmed(rule: Rule, *names: str) -> bool:
    """Whether the fields of a rule that decided were read where it stands."""
    return rule.source.confirms(*names)
