"""Whose payment is it? Certain knowledge first, then candidates with points that a person can read.

The points are those of the desk: key 60; amount 40, or 30 for a sum of open charges; name up to 25;
date up to 10; history 10; capped at 100. Without a key the sum stays below what is taken without a
person, so that nothing is decided on resemblance alone (docs/decisions/041-payer-names.md).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import combinations

from django.db.models import Count, DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Upper
from moneyed import Money
from rapidfuzz import fuzz, process

from leases.models import Lease, LeaseTenant
from leases.queries import lease_by_code
from proptrust.lib.banking import banking_days_between
from proptrust.lib.money import plain, usd
from proptrust.lib.names import clean, score
from receivables.models import Charge, PayerAlias, Receipt, RecurringCharge
from receivables.services.aliases import NAME
from receivables.types import Candidate

KEY, EXACT, SUM, NAME_MOST, DATE_MOST, HISTORY, ALL = 60, 40, 30, 25, 10, 10, 100
CERTAIN = 95  # From here, and with the margin, a match needs no person.
MARGIN = 15
ALIKE = 75  # Below this, two names say nothing about each other.
MOST_ITEMS = 4  # Open charges that one payment is thought to add up.
MOST_CANDIDATES = 8
# An amount that so many leases owe points to none of them; their other signs still count with it.
TOO_COMMON = 100
_AMOUNT = DecimalField(max_digits=14, decimal_places=2)
# Beyond so many days there are more than ten banking days, which leave no point.
FAR_DAYS = 20
# A shorter code, or one of letters alone, stands in a text by accident too often.
_CODE = re.compile(r"^(?=.*\d).{4,}$")
_WORDS = re.compile(r"[^A-Z0-9-]+")


@dataclass(frozen=True, slots=True)
class Known:
    """A lease that a payment is certainly for, and what says so."""

    lease_id: int
    criteria: Mapping[str, int]


def known_lease(
    entity_id: int,
    *,
    lease_code: str = "",
    slug: str = "",
    payer_reference: str = "",
    payer: str = "",
    text: str = "",
) -> Known | None:
    """The lease that a payment names beyond doubt, or None.

    In this order: our own code in the payment's data; the platform's customer id, if a person or
    our code has confirmed it; a lease code in the text; a confirmed name. What fits two leases
    decides nothing, and a code that is not ours is not passed over: the money waits in suspense.
    """
    if lease_code:
        lease = lease_by_code(entity_id, lease_code)
        return Known(lease.pk, {"lease code": KEY}) if lease else None
    if payer_reference and slug:
        lease_ids = _aliased(entity_id, slug, payer_reference)
        if lease_ids:
            return Known(lease_ids[0], {"customer id": KEY}) if len(lease_ids) == 1 else None
    named = _named_in(entity_id, text)
    if named:
        return Known(named[0], {"lease code in text": KEY}) if len(named) == 1 else None
    lease_ids = _aliased(entity_id, NAME, clean(payer)) if clean(payer) else []
    return Known(lease_ids[0], {"confirmed name": KEY}) if len(lease_ids) == 1 else None


def candidates(
    entity_id: int, amount: Money, day: date, payer: str = "", text: str = ""
) -> list[Candidate]:
    """The leases that a payment may be for, most points first, at most eight.

    payer: the name as it was told, text: the rest of what the bank or platform says.
    For many payments load a Matcher once and ask it; this one reads what bears on the payment.
    """
    return Matcher.load_for(entity_id, amount, payer, text).candidates(amount, day, payer, text)


def certain(found: Sequence[Candidate]) -> Candidate | None:
    """The candidate that needs no person: 95 points or more, 15 above the next; else None."""
    if not found or found[0].points < CERTAIN:
        return None
    if len(found) > 1 and found[0].points - found[1].points < MARGIN:
        return None
    return found[0]


@dataclass(slots=True)
class LeaseFacts:
    """What is known of a lease that a payment can be compared with."""

    lease_id: int
    code: str
    place: str
    tenants: list[str] = field(default_factory=list)
    open: list[tuple[date, Decimal]] = field(default_factory=list)  # Due day, what is left to pay.
    monthly: Decimal = Decimal(0)
    due_day: int = 1


@dataclass(slots=True)
class Matcher:
    """The leases of an entity, loaded with a handful of queries, to ask about many payments."""

    leases: Mapping[int, LeaseFacts]  # All, or those that one payment may be for.
    aliases: Mapping[str, list[int]]  # Cleaned name to leases.
    payers: Mapping[str, set[int]]  # Cleaned payer to leases that it has paid before.
    codes: Mapping[str, int]
    by_amount: Mapping[Decimal, set[int]]
    names: Sequence[str]  # Cleaned, their words in order.
    name_leases: Sequence[int]

    @classmethod
    def load(cls, entity_id: int) -> "Matcher":
        """Read the entity's leases, open charges, aliases and payers: five queries."""
        leases = _lease_facts(entity_id)
        pairs = [(_in_order(name), id_) for id_, each in leases.items() for name in each.tenants]
        return cls(
            leases=leases,
            aliases=_aliases(entity_id),
            payers=_payers(entity_id),
            codes={
                each.code.upper(): id_ for id_, each in leases.items() if _CODE.match(each.code)
            },
            by_amount=_by_amount(leases.values()),
            names=[name for name, _ in pairs],
            name_leases=[id_ for _, id_ in pairs],
        )

    @classmethod
    def load_for(cls, entity_id: int, amount: Money, payer: str = "", text: str = "") -> "Matcher":
        """Read what bears on one payment alone: the names of all tenants, but few leases.

        It answers for this payment as the whole would, and for no other.
        """
        who = clean(payer) or clean(text)
        pairs = [(_in_order(name), id_) for id_, name in _tenant_names(entity_id)]
        matcher = cls(
            leases={},
            aliases={who: _aliased_all(entity_id, who)} if who else {},
            payers=_payers(entity_id) if who else {},
            codes=_codes_in(entity_id, f"{payer} {text}"),
            by_amount={amount.amount: _owing(entity_id, amount.amount)},
            names=[name for name, _ in pairs],
            name_leases=[id_ for _, id_ in pairs],
        )
        matcher.leases = _lease_facts(entity_id, matcher._signs(amount, payer, text).lease_ids)
        return matcher

    def candidates(
        self, amount: Money, day: date, payer: str = "", text: str = ""
    ) -> list[Candidate]:
        """The leases that a payment may be for, most points first, at most eight."""
        signs = self._signs(amount, payer, text)
        scored = [
            self._candidate(
                self.leases[id_],
                amount=amount,
                day=day,
                key=_key(id_, signs.named, signs.aliased),
                name=NAME_MOST if id_ in signs.aliased else signs.alike.get(id_, 0),
                has_history=id_ in signs.paid_before,
            )
            for id_ in signs.lease_ids
            if id_ in self.leases
        ]
        worth = [each for each in scored if set(each.criteria) - {"date"}]
        return sorted(worth, key=lambda each: (-each.points, each.lease_code))[:MOST_CANDIDATES]

    def _signs(self, amount: Money, payer: str, text: str) -> "_Signs":
        who = clean(payer) or clean(text)
        by_amount = self.by_amount.get(amount.amount, set())
        return _Signs(
            named={self.codes[word] for word in _words(f"{payer} {text}") if word in self.codes},
            alike=self._alike(who),
            aliased=self.aliases.get(who, []),
            paid_before=self.payers.get(who, set()) if who else set(),
            by_amount=by_amount if len(by_amount) <= TOO_COMMON else set(),
        )

    def _alike(self, who: str) -> dict[int, int]:
        """Leases with a tenant of a similar name, and the points for it."""
        if not who:
            return {}
        found: dict[int, int] = {}
        # On words in order the plain ratio is token_sort_ratio, without sorting each name again.
        hits = process.extract(
            _in_order(who), self.names, scorer=fuzz.ratio, score_cutoff=ALIKE, limit=20
        )
        for _, ratio, index in hits:
            points = round(NAME_MOST * (ratio - ALIKE / 2) / (ALL - ALIKE / 2))
            lease_id = self.name_leases[index]
            found[lease_id] = max(points, found.get(lease_id, 0))
        return found

    def _candidate(
        self,
        lease: LeaseFacts,
        *,
        amount: Money,
        day: date,
        key: str,
        name: int,
        has_history: bool,
    ) -> Candidate:
        amount_points, amount_why, due_on = _amount_points(lease, amount.amount, day)
        criteria: dict[str, int] = {}
        why: list[str] = []
        if key:
            criteria["key"] = KEY
            why.append(key)
        if amount_points:
            criteria["amount"] = amount_points
            why.append(amount_why)
        if name:
            criteria["name"] = name
            why.append(f"the name is like {' & '.join(lease.tenants)}")
        if due_on is not None and (points := _date_points(day, due_on)):
            criteria["date"] = points
            why.append(f"due on {due_on:%b %-d}")
        if has_history:
            criteria["history"] = HISTORY
            why.append("the same payer has paid this lease before")
        return Candidate(
            lease_id=lease.lease_id,
            lease_code=lease.code,
            tenants=" & ".join(lease.tenants),
            place=lease.place,
            points=min(sum(criteria.values()), ALL),
            criteria=criteria,
            why=tuple(why),
        )


@dataclass(frozen=True, slots=True)
class _Signs:
    """The leases that one payment points to, by what points there."""

    named: set[int]
    alike: Mapping[int, int]
    aliased: Sequence[int]
    paid_before: set[int]
    by_amount: set[int]

    @property
    def lease_ids(self) -> set[int]:
        return {*self.named, *self.alike, *self.aliased, *self.paid_before, *self.by_amount}


def name_points(payer: str, name: str) -> int:
    """The points of a payer's name against a tenant's: 0, or up to 25 for the same words."""
    ratio = score(payer, name)
    return 0 if ratio < ALIKE else round(NAME_MOST * (ratio - ALIKE / 2) / (ALL - ALIKE / 2))


def _key(lease_id: int, named: set[int], aliased: Sequence[int]) -> str:
    """What says beyond doubt that it is this lease: a code in the text, or a name of one lease."""
    if lease_id in named and len(named) == 1:
        return "its lease code stands in the text"
    if list(aliased) == [lease_id]:
        return "a person has confirmed this name"
    return ""


def _amount_points(lease: LeaseFacts, amount: Decimal, day: date) -> tuple[int, str, date | None]:
    """Points for the amount, in words, and the due day that it answers."""
    for due_on, left in lease.open:
        if left == amount:
            return EXACT, f"{plain(usd(amount))} is open", due_on
    for count in range(2, min(MOST_ITEMS, len(lease.open)) + 1):
        # The oldest charges only: more than a dozen open ones fit any amount by accident.
        for chosen in combinations(lease.open[:12], count):
            if sum(left for _, left in chosen) == amount:
                return SUM, f"{count} open charges sum to {plain(usd(amount))}", chosen[0][0]
    if lease.monthly == amount:
        due_on = day.replace(day=lease.due_day)
        return SUM, f"{plain(usd(amount))} is what it owes every month", due_on
    return 0, "", None


def _date_points(day: date, due_on: date) -> int:
    if abs((day - due_on).days) > FAR_DAYS:
        return 0
    return max(DATE_MOST - banking_days_between(due_on, day), 0)


def _words(text: str) -> set[str]:
    """The words of a text in capitals, as codes are written; "L-12." counts as L-12."""
    return {word.strip("-") for word in _WORDS.split(text.upper())} - {""}


def _named_in(entity_id: int, text: str) -> list[int]:
    words = {word for word in _words(text) if _CODE.match(word)}
    if not words:
        return []
    rows = Lease.objects.annotate(upper=Upper("code")).filter(entity=entity_id, upper__in=words)
    return list(rows.values_list("id", flat=True)[:2])


def _aliased(entity_id: int, source: str, alias: str) -> list[int]:
    """The leases of an active alias, two at most: more than one decides nothing."""
    rows = PayerAlias.objects.filter(
        entity=entity_id, source=source, alias=alias[:200], is_active=True
    )
    return list(rows.values_list("lease_id", flat=True).distinct()[:2])


def _lease_facts(entity_id: int, lease_ids: Collection[int] | None = None) -> dict[int, LeaseFacts]:
    """What is known of an entity's leases, or of some of them."""
    of = Q() if lease_ids is None else Q(lease__in=lease_ids)
    leases = Lease.objects.filter(entity=entity_id).order_by("id")
    if lease_ids is not None:
        leases = leases.filter(pk__in=lease_ids)
    facts = {
        id_: LeaseFacts(id_, code, f"{place} {unit}")
        for id_, code, place, unit in leases.values_list(
            "id", "code", "unit__property__name", "unit__code"
        )
    }
    tenants = LeaseTenant.objects.filter(of, lease__entity=entity_id).order_by("id")
    for lease_id, name in tenants.values_list("lease_id", "tenant__name"):
        facts[lease_id].tenants.append(name)
    charges = Charge.objects.filter(of, entity=entity_id, paid__lt=F("amount"))
    for lease_id, due_on, amount, paid in charges.order_by("due_on", "id").values_list(
        "lease_id", "due_on", "amount", "paid"
    ):
        facts[lease_id].open.append((due_on, amount - paid))
    recurring = _recurring(entity_id).filter(of)
    for lease_id, amount, due_day in recurring.values_list("lease_id", "amount", "due_day"):
        facts[lease_id].monthly += amount
        facts[lease_id].due_day = due_day
    return facts


def _recurring(entity_id: int) -> QuerySet[RecurringCharge]:
    return RecurringCharge.objects.filter(lease__entity=entity_id, until_on__isnull=True).order_by(
        "id"
    )


def _in_order(name: str) -> str:
    """A cleaned name with its words in order, as two names are compared."""
    return " ".join(sorted(clean(name).split()))


def _tenant_names(entity_id: int) -> Iterable[tuple[int, str]]:
    """(lease id, tenant's name) of all leases, in the order of the whole Matcher."""
    rows = LeaseTenant.objects.filter(lease__entity=entity_id).order_by("lease__id", "id")
    return rows.values_list("lease_id", "tenant__name")


def _codes_in(entity_id: int, text: str) -> dict[str, int]:
    """The leases whose code stands in a text, by the code in capitals."""
    words = {word for word in _words(text) if _CODE.match(word)}
    if not words:
        return {}
    rows = Lease.objects.annotate(upper=Upper("code")).filter(entity=entity_id, upper__in=words)
    return dict(rows.order_by("id").values_list("upper", "id"))


def _owing(entity_id: int, amount: Decimal) -> set[int]:
    """Leases that an amount answers: one open charge, all of them, or a month; as _by_amount."""
    left = ExpressionWrapper(F("amount") - F("paid"), output_field=_AMOUNT)
    charges = (
        Charge.objects.filter(entity=entity_id, paid__lt=F("amount"))
        .values("lease_id")
        .annotate(all=Sum(left), one=Count("id", filter=Q(amount=F("paid") + amount)))
        .filter(Q(all=amount) | Q(one__gt=0))
    )
    monthly = (
        _recurring(entity_id)
        .order_by()
        .values("lease_id")
        .annotate(all=Sum("amount", output_field=_AMOUNT))
        .filter(all=amount)
    )
    return {id_ for rows in (charges, monthly) for id_ in rows.values_list("lease_id", flat=True)}


def _aliased_all(entity_id: int, alias: str) -> list[int]:
    rows = PayerAlias.objects.filter(entity=entity_id, source=NAME, is_active=True, alias=alias)
    return list(rows.order_by("id").values_list("lease_id", flat=True))


def _aliases(entity_id: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    rows = PayerAlias.objects.filter(entity=entity_id, source=NAME, is_active=True)
    for alias, lease_id in rows.order_by("id").values_list("alias", "lease_id"):
        found[alias].append(lease_id)
    return found


def _payers(entity_id: int) -> dict[str, set[int]]:
    """Who has paid which leases; what was undone as a mistake says nothing."""
    found: dict[str, set[int]] = defaultdict(set)
    rows = Receipt.objects.filter(entity=entity_id, lease__isnull=False).exclude(
        Q(payer="") | Q(state=Receipt.State.CANCELLED)
    )
    for payer, lease_id in rows.order_by().values_list("payer", "lease_id").distinct():
        found[clean(payer)].add(lease_id)
    return found


def _by_amount(leases: Iterable[LeaseFacts]) -> dict[Decimal, set[int]]:
    """Leases by an amount that would answer one of their open charges, all, or a month."""
    found: dict[Decimal, set[int]] = defaultdict(set)
    for lease in leases:
        amounts = {left for _, left in lease.open}
        amounts.add(sum((left for _, left in lease.open), Decimal(0)))
        amounts.add(lease.monthly)
        for amount in amounts - {Decimal(0)}:
            found[amount].add(lease.lease_id)
    return found
