"""What the company may draw from a trust account, and what the law says on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Min, Q, QuerySet, Sum
from moneyed import Money

from compliance import rules
from compliance.types import Rule, Unknown
from fees.models import Fee
from fees.types import DrawProposal
from ledger.charts import chart
from ledger.company import company_of
from ledger.models import Balance, Beneficiary, Book
from ledger.queries import account_balance, balance, overdrawn
from proptrust.lib.money import ZERO, plain, usd

ZERO_DECIMAL = Decimal(0)


def undrawn_fees(book_id: int) -> QuerySet[Fee]:
    """Posted fees of a trust account that no draw has taken, the oldest first."""
    return Fee.objects.filter(book=book_id, entry__isnull=False, draw__isnull=True).order_by(
        "counts_on", "pk"
    )


def books_with_own_money(entity_ids: Collection[int]) -> list[Book]:
    """Trust books of entities where the company has or owes money, by name."""
    has = Balance.objects.filter(
        book__entity__in=entity_ids,
        book__kind=Book.Kind.TRUST,
        beneficiary__kind=Beneficiary.Kind.COMPANY,
    )
    sums = has.order_by().values_list("book").annotate(sum=Sum("amount"))
    ids = [book_id for book_id, amount in sums if amount]
    return list(Book.objects.filter(pk__in=ids).select_related("entity").order_by("name", "pk"))


def draw_proposal(book: Book, on: date) -> DrawProposal:
    """What the company may draw from a trust account on a day, and what limits it."""
    held = balance(book_id=book.pk, beneficiary_id=company_of(book.entity_id))
    cash = account_balance(book_id=book.pk, account_id=chart(book.entity_id).bank)
    undrawn = undrawn_fees(book.pk)
    sums = undrawn.aggregate(fees=Sum("amount", default=ZERO_DECIMAL), oldest=Min("counts_on"))
    in_transit = usd(
        _not_at_the_bank(undrawn).aggregate(sum=Sum("amount", default=ZERO_DECIMAL))["sum"]
    )
    blockers = _overdrawn_clients(book.pk)
    free = min(held - max(in_transit, ZERO), cash)
    law = limits_of(book.entity.state, on)
    oldest_on = sums["oldest"] if sums["fees"] > 0 else None
    return DrawProposal(
        book_id=book.pk,
        book_name=book.name,
        entity_id=book.entity_id,
        on=on,
        held=held,
        fees=usd(sums["fees"]),
        in_transit=in_transit,
        cash=cash,
        drawable=ZERO if blockers else max(free, ZERO),
        blockers=blockers,
        oldest_on=oldest_on,
        must_by=oldest_on + timedelta(days=law.max_days)
        if oldest_on and law.max_days is not None
        else None,
        own_funds_max=law.own_funds_max,
        limits=law.said,
    )


def _not_at_the_bank(fees: QuerySet[Fee]) -> QuerySet[Fee]:
    """Fees of payments whose money a processor still has, or that wait for a deposit slip."""
    sent = Q(
        allocation__receipt__remittance__entry__isnull=False,
        allocation__receipt__remittance__failed_entry__isnull=True,
    )
    at_processor = Q(allocation__receipt__into="processors") & ~sent
    undeposited = Q(
        allocation__receipt__into="undeposited", allocation__receipt__deposit_slip__isnull=True
    )
    return fees.filter(at_processor | undeposited)


def _overdrawn_clients(book_id: int) -> list[str]:
    """Who but the company owes a trust account money, in words."""
    red = {row.beneficiary_id: row.held for row in overdrawn(book_id)}
    people = Beneficiary.objects.filter(pk__in=red).exclude(kind=Beneficiary.Kind.COMPANY)
    return [f"{who.name} is overdrawn by {plain(-red[who.pk])}" for who in people.order_by("pk")]


@dataclass(frozen=True, slots=True)
class DrawLimits:
    """What a state says on the company's money in a trust account; None: nothing, or not known."""

    max_days: int | None
    own_funds_max: Money | None
    said: Sequence[str]


def limits_of(state: str, on: date) -> DrawLimits:
    """What the law of a state says on earned fees and the company's own money, in words, too."""
    draw, account = rules.fee_draw(state, on=on), rules.trust_account(state, on=on)
    days, most = draw.max_days, account.own_funds_max
    said = [
        _said(draw, f"How long earned fees may stay in a trust account in {state}", days, "days"),
        _said(account, f"How much of its own the company may have there in {state}", most, ""),
    ]
    return DrawLimits(
        max_days=days if isinstance(days, int) else None,
        own_funds_max=most if isinstance(most, Money) else None,
        said=said,
    )


def _said(rule: Rule, what: str, value: int | Money | Unknown | None, unit: str) -> str:
    if isinstance(value, Unknown):
        return f"{what} is not known to the program; ask the broker or the state's rules."
    cited = f" ({rule.source.citation})" if rule.source.citation else ""
    sure = "" if rule.source.is_confirmed else ", not confirmed"
    if value is None:
        return f"{what}: the law names no limit{cited}{sure}."
    much = plain(value) if isinstance(value, Money) else f"{value} {unit}"
    return f"{what}: {much}{cited}{sure}."
