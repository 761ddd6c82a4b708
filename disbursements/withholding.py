"""Tax held back from owners' rent: by which rule, of what, and how much."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum
from moneyed import Money

from compliance import rules
from compliance.types import (
    ThresholdIs,
    Unknown,
    WithholdingBase,
    WithholdingKind,
    WithholdingRule,
)
from disbursements.models import DrawProperty, Run, Withholding
from disbursements.types import Due
from leases.models import Owner
from proptrust.lib.money import fee_of, usd

FEDERAL = "US"
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Gross:
    """What a run credits to an owner for one property. fees: above zero, what was taken of it."""

    beneficiary_id: int
    state: str
    collected: Decimal
    fees: Decimal


def kinds_for(owner: Owner) -> list[WithholdingKind]:
    """Which taxes may be held back from an owner.

    A foreign owner falls under the federal rule for foreigners and, as a non-resident of the
    property's state, under that state's; anybody else without a certified number under backup
    withholding.
    """
    if owner.is_nonresident:
        return [WithholdingKind.FOREIGN, WithholdingKind.STATE_NONRESIDENT]
    if owner.is_tax_id_certified and owner.tax_id:
        return []
    return [WithholdingKind.BACKUP]


def dues(
    owner: Owner,
    gross: Sequence[Gross],
    *,
    on: date,
    year_before: Decimal,
    carried: Mapping[tuple[int, str, str], Decimal],
) -> tuple[dict[int, list[Due]], list[str]]:
    """What to hold back of each property, by beneficiary, and sentences for the reviewer.

    year_before: what runs of the same calendar year credited before. carried: what earlier runs
    could not hold, by (beneficiary, kind, jurisdiction); it is due as long as the reason lasts.
    """
    found: dict[int, list[Due]] = defaultdict(list)
    said: list[str] = []
    this_year = year_before + sum((max(each.collected, _NOTHING) for each in gross), _NOTHING)
    for kind in kinds_for(owner):
        for each in gross:
            rule = rules.withholding(kind, state=each.state, on=on)
            due, warning = _due(rule, each, this_year, carried)
            if warning and warning not in said:
                said.append(warning)
            if due is not None:
                found[each.beneficiary_id].append(due)
    if said or found:
        said.insert(0, _reason(owner))
    return found, said


def _reason(owner: Owner) -> str:
    if owner.is_nonresident:
        return "Foreign owner: tax is withheld from the gross rents."
    missing = "No tax number" if not owner.tax_id else "The tax number is not certified"
    return f"{missing}: backup withholding applies until a W-9 is on file."


def _due(
    rule: WithholdingRule,
    gross: Gross,
    this_year: Decimal,
    carried: Mapping[tuple[int, str, str], Decimal],
) -> tuple[Due | None, str]:
    kind, jurisdiction = str(rule.kind), rule.jurisdiction
    if isinstance(rule.rate, Unknown):
        return (
            None,
            f"{rule.name}: the rate is not known, so nothing is withheld. Ask a tax adviser.",
        )
    if rule.rate is None:
        return None, ""
    is_reached, warning = _is_reached(rule, this_year)
    base = _base(rule, gross) if is_reached else _NOTHING
    before = carried.get((gross.beneficiary_id, kind, jurisdiction), _NOTHING)
    amount = fee_of(usd(base), rule.rate).amount + before
    if amount <= 0:
        return None, warning
    source = rule.source.citation or rule.source.title or "source not on file"
    due = Due(
        kind, jurisdiction, rule.rate, base, amount, source[:300], rule.source.confirms("rate")
    )
    return due, warning


def _is_reached(rule: WithholdingRule, this_year: Decimal) -> tuple[bool, str]:
    """Whether the year's payments are at the rule's threshold; one that is not known binds none."""
    if isinstance(rule.threshold, Unknown):
        return True, (
            f"{rule.name}: the threshold is not known; tax is withheld from the first dollar."
        )
    if rule.threshold is None:
        return True, ""
    most: Money = rule.threshold
    if rule.threshold_is is ThresholdIs.EXCEEDED:
        return this_year > most.amount, ""
    return this_year >= most.amount, ""


def _base(rule: WithholdingRule, gross: Gross) -> Decimal:
    if rule.base is WithholdingBase.NET_OF_MANAGEMENT_FEE:
        return max(gross.collected - gross.fees, _NOTHING)
    return max(gross.collected, _NOTHING)


def credited_this_year(owner_ids: Collection[int], *, on: date) -> dict[int, Decimal]:
    """What paid runs of the calendar year credited to each owner before."""
    rows = (
        DrawProperty.objects.filter(
            draw__owner__in=owner_ids, draw__run__state__in=Run.PAID,
            draw__run__pays_on__year=on.year, collected__gt=0,
        )
        .values_list("draw__owner")
        .annotate(total=Sum("collected"))
    )  # fmt: skip
    return dict(rows)


def carried_from(last: Run | None) -> dict[tuple[int, str, str], Decimal]:
    """What the last run could not hold, by (beneficiary, kind, jurisdiction)."""
    if last is None:
        return {}
    rows = Withholding.objects.filter(draw_property__draw__run=last).values_list(
        "draw_property__beneficiary_id", "kind", "jurisdiction", "due", "amount"
    )
    return {
        (who, kind, where): due - amount for who, kind, where, due, amount in rows if due > amount
    }
