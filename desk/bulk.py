"""Answer many items at once: what would be done, what is left out and why, as a plan to confirm."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core import signing
from django.http import QueryDict
from moneyed import Money

from desk import roles, workbench
from desk.errors import Refused
from desk.models import User, WorkItem
from desk.roles import Permission
from desk.services.actions import MAX_IN_GROUP
from desk.types import Remedy
from proptrust.lib.money import ZERO

SALT = "desk.bulk"
TYPED_ABOVE = 100
PLAN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Planned:
    """One item with the suggestion that would be accepted."""

    item: WorkItem
    remedy: Remedy

    @property
    def facts(self) -> QueryDict:
        """What the suggestion's own form would send."""
        facts = QueryDict(mutable=True)
        facts.update(dict(self.remedy.facts))
        return facts


@dataclass(slots=True)
class Plan:
    """What accepting the ticked suggestions would do."""

    accepted: list[Planned] = field(default_factory=list)
    left_out: list[tuple[WorkItem, str]] = field(default_factory=list)

    @property
    def sum_in(self) -> Money:
        """Money into the accounts."""
        return sum((each for each in self._amounts() if each.amount > 0), ZERO)

    @property
    def sum_out(self) -> Money:
        """Money out of the accounts, below zero."""
        return sum((each for each in self._amounts() if each.amount < 0), ZERO)

    @property
    def by_account(self) -> list[tuple[str, int, Money]]:
        """(account or place, items, sum), by name."""
        rows: dict[str, list[Money]] = defaultdict(list)
        for each in self.accepted:
            rows[each.item.where or "–"].append(each.item.amount or ZERO)
        return [(name, len(sums), sum(sums, ZERO)) for name, sums in sorted(rows.items())]

    @property
    def by_beneficiary(self) -> list[tuple[str, Money]]:
        """(who, change), as far as the suggestions say what they do to the trust."""
        changes: dict[str, Money] = defaultdict(lambda: ZERO)
        for each in self.accepted:
            for effect in each.remedy.effects:
                changes[effect.who] += effect.after - effect.before
        return sorted(changes.items())

    @property
    def must_type_count(self) -> bool:
        """Whether the number of items must be typed to confirm."""
        return len(self.accepted) > TYPED_ABOVE

    def signed(self) -> str:
        """The plan as text that cannot be altered on its way through the browser."""
        rows = [[each.item.pk, each.remedy.key, dict(each.remedy.facts)] for each in self.accepted]
        return signing.dumps(rows, salt=SALT, compress=True)

    def _amounts(self) -> Sequence[Money]:
        return [each.item.amount for each in self.accepted if each.item.amount is not None]


def plan_for(user: User, item_ids: Sequence[int]) -> Plan:
    """The plan for ticked items: accept the top suggestion of each that has a clear one.

    Raises Refused for none, or for more than a thousand.
    """
    if not item_ids:
        raise Refused("Tick some items first: x ticks one, X all on the page.")
    if len(item_ids) > MAX_IN_GROUP:
        raise Refused(f"At most {MAX_IN_GROUP:,} items go together; {len(item_ids):,} are ticked.")
    items = WorkItem.objects.filter(
        pk__in=item_ids, entity__in=roles.entity_ids(user, Permission.WORK_ITEMS)
    ).order_by("-severity", "happened_on", "id")
    plan = Plan()
    for item in items:
        remedy, reason = _clear_suggestion(item)
        if remedy is None:
            plan.left_out.append((item, reason))
        else:
            plan.accepted.append(Planned(item, remedy))
    return plan


def confirmed(user: User, text: str) -> Plan:
    """The plan that a person confirmed; what has changed since the preview is left out.

    Raises Refused for a plan that was altered, or is older than an hour.
    """
    try:
        rows: list[list[Any]] = signing.loads(text, salt=SALT, max_age=PLAN_SECONDS)
    except signing.BadSignature:
        raise Refused("This preview is too old. Tick the items again.") from None
    agreed = {pk: (key, facts) for pk, key, facts in rows}
    now = plan_for(user, list(agreed))
    plan = Plan(left_out=now.left_out)
    for each in now.accepted:
        if (each.remedy.key, dict(each.remedy.facts)) == agreed[each.item.pk]:
            plan.accepted.append(each)
        else:
            plan.left_out.append((each.item, "its suggestion has changed since the preview"))
    return plan


def _clear_suggestion(item: WorkItem) -> tuple[Remedy | None, str]:
    """The suggestion to accept, or why there is none."""
    if item.state == WorkItem.State.CLOSED:
        return None, "it is already done"
    choices = workbench.numbered(workbench.detail_of(item))
    suggestions = [each for each in choices if each.remedy.is_suggestion]
    if not suggestions:
        return None, "it has no suggestion"
    top = suggestions[0]
    if not top.is_top:
        return None, "two suggestions have the same points"
    if top.inputs:
        return None, "its suggestion asks for something first"
    if top.remedy.needs_confirmation:
        return None, "its suggestion must be confirmed by itself"
    return top.remedy, ""
