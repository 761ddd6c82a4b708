"""Reads of the disbursements: runs and their totals, claims, shortages, what is withheld."""

from collections.abc import Collection
from decimal import Decimal

from django.db.models import Count, DecimalField, Max, Q, QuerySet, Sum
from moneyed import Money

from disbursements.models import (
    Advance,
    Contribution,
    OwnerDraw,
    Recovery,
    Run,
    Withholding,
)
from disbursements.types import RunTotals, Shortage
from leases.models import ManagementAgreement, OwnershipShare, PayoutMethod
from ledger.models import Balance, Beneficiary, Book, Entry, Line
from ledger.queries import overdrawn
from proptrust.lib.money import ZERO, plain, usd

_AMOUNT = DecimalField(max_digits=14, decimal_places=2)
_Claim = tuple[int, int]  # Book and beneficiary.


def held_by_claims(claims: Collection[_Claim]) -> dict[_Claim, Money]:
    """What is held now for each claim, in one query; below zero is owed by the owner."""
    rows = (
        Balance.objects.filter(
            book__in={book_id for book_id, _ in claims}, beneficiary__in={who for _, who in claims}
        )
        .values_list("book", "beneficiary")
        .annotate(held=-Sum("amount", output_field=_AMOUNT))
    )
    found = {(book_id, who): usd(held) for book_id, who, held in rows}
    return {claim: found.get(claim, ZERO) for claim in claims}


def overdrawn_clients(book_ids: Collection[int]) -> list[tuple[Book, Beneficiary, Money]]:
    """Whose shortage keeps trust accounts from paying: the ledger refuses money out till then."""
    red = [row for row in overdrawn() if row.book_id in set(book_ids)]
    people = Beneficiary.objects.in_bulk({row.beneficiary_id for row in red})
    books = Book.objects.in_bulk({row.book_id for row in red})
    return [
        (books[row.book_id], people[row.beneficiary_id], -row.held)
        for row in red
        if people[row.beneficiary_id].kind != Beneficiary.Kind.COMPANY
    ]


def shortages(
    entity_ids: Collection[int],
    *,
    beneficiary_id: int | None = None,
    book_id: int | None = None,
) -> list[Shortage]:
    """The owners' claims below zero, each with the last entry that took from it."""
    red = [
        row
        for row in overdrawn(book_id)
        if beneficiary_id is None or row.beneficiary_id == beneficiary_id
    ]
    ids = {row.beneficiary_id for row in red}
    whose = {
        share.beneficiary_id: share
        for share in OwnershipShare.objects.filter(
            beneficiary__in=ids, owner__entity__in=entity_ids
        ).order_by("from_on")
    }
    last = {
        (line.book_id, line.beneficiary_id): line.entry
        for line in Line.objects.filter(beneficiary__in=ids, amount__gt=0)
        .select_related("entry")
        .order_by("book_id", "beneficiary_id", "-entry_id")
        .distinct("book_id", "beneficiary_id")
    }
    found = []
    for row in red:
        share = whose.get(row.beneficiary_id)
        if share is None:
            continue
        entry: Entry = last[row.book_id, row.beneficiary_id]
        found.append(
            Shortage(
                row.book_id, row.beneficiary_id, share.owner_id, share.property_id, -row.held,
                f"{entry.memo} on {entry.dated_on:%b %-d, %Y}", entry.pk, entry.dated_on,
            )
        )  # fmt: skip
    return found


def runs_of(entity_ids: Collection[int]) -> QuerySet[Run]:
    """The runs of some companies, the newest first, with their sums."""
    return (
        Run.objects.filter(entity__in=entity_ids)
        .select_related("entity", "made_by", "approved_by")
        .annotate(
            owner_count=Count("draws__owner", distinct=True),
            payment_count=Count("draws", filter=Q(draws__amount__gt=0)),
            total=Sum("draws__amount", default=Decimal(0), output_field=_AMOUNT),
            problem_count=Count("draws", filter=Q(draws__problems__gt=0)),
        )
        .order_by("-cut_off_on", "-id")
    )


def run_totals(run: Run) -> RunTotals:
    """A run in figures; two queries."""
    draws = OwnerDraw.objects.filter(run=run)
    row = draws.aggregate(
        owners=Count("owner", distinct=True),
        payments=Count("id", filter=Q(amount__gt=0)),
        paid=_sum("amount"),
        tax=_sum("withheld"),
        back=_sum("repaid"),
        held=Count("id", filter=Q(state=OwnerDraw.State.HELD)),
        bad=Count("id", filter=Q(problems__gt=0)),
    )
    methods = (
        draws.filter(amount__gt=0)
        .order_by()
        .values_list("method")
        .annotate(count=Count("id"), total=_sum("amount"))
    )
    return RunTotals(
        owners=row["owners"],
        payments=row["payments"],
        amount=usd(row["paid"]),
        withheld=usd(row["tax"]),
        repaid=usd(row["back"]),
        held=row["held"],
        problems=row["bad"],
        by_method={
            PayoutMethod(method).label: (count, usd(total)) for method, count, total in methods
        },
    )


def said_of(run: Run) -> str:
    """A run in a sentence, for its approver and the audit trail."""
    totals = run_totals(run)
    tax = f", {plain(totals.withheld)} of tax withheld" if totals.withheld else ""
    back = f", {plain(totals.repaid)} of advances paid back" if totals.repaid else ""
    held = f", {totals.held} left out" if totals.held else ""
    return (
        f"Pay {plain(totals.amount)} to owners in {totals.payments} payments on"
        f" {run.pays_on:%b %-d, %Y}, of what came in up to {run.cut_off_on:%b %-d, %Y}"
        f"{tax}{back}{held}."
    )


def left_of_recovery(recovery: Recovery) -> Money:
    """What is still missing: the shortage of now and what the company waits for."""
    held = held_by_claims([(recovery.book_id, recovery.beneficiary_id)])
    short = max(-held[recovery.book_id, recovery.beneficiary_id], ZERO)
    return short + owed_to_company([recovery.pk]).get(recovery.pk, ZERO)


def owed_to_company(recovery_ids: Collection[int]) -> dict[int, Money]:
    """By recovery: what of its advances is not paid back."""
    rows = (
        Advance.objects.filter(recovery__in=recovery_ids)
        .order_by()
        .values_list("recovery")
        .annotate(lent=_sum("amount"), back=_sum("repaid"))
    )
    return {recovery_id: usd(lent - back) for recovery_id, lent, back in rows}


def contributions_of(entity_ids: Collection[int]) -> QuerySet[Contribution]:
    """What was asked of owners and what came in, the newest first."""
    return (
        Contribution.objects.filter(entity__in=entity_ids)
        .select_related("owner", "property", "book", "entry", "recovery")
        .order_by("-id")
    )


def withheld_now(entity_ids: Collection[int]) -> list[tuple[Beneficiary, Book, Money]]:
    """What trust accounts hold for tax authorities and have not remitted."""
    rows = list(
        Balance.objects.filter(
            beneficiary__kind=Beneficiary.Kind.WITHHELD, beneficiary__entity__in=entity_ids
        )
        .values_list("beneficiary", "book")
        .annotate(held=-Sum("amount", output_field=_AMOUNT))
        .order_by("beneficiary", "book")
    )
    people = Beneficiary.objects.in_bulk({who for who, _, _ in rows})
    books = Book.objects.in_bulk({book_id for _, book_id, _ in rows})
    return [(people[who], books[book_id], usd(held)) for who, book_id, held in rows if held]


def last_cut_off(entity_id: int) -> Run | None:
    """The last run that was not cancelled, for the days of the next one."""
    rows = Run.objects.filter(entity=entity_id).exclude(state=Run.State.CANCELLED)
    return rows.order_by("-cut_off_on", "-id").first()


def calendar_of(entity_id: int) -> tuple[int, int]:
    """The cut-off and payment day that most agreements of a company have (25 and 10 if none)."""
    row = (
        ManagementAgreement.objects.filter(property__entity=entity_id, until_on__isnull=True)
        .values_list("cut_off_day", "payment_day")
        .annotate(count=Count("id"), newest=Max("id"))
        .order_by("-count", "-newest")
        .first()
    )
    return (row[0], row[1]) if row else (25, 10)


def _sum(name: str, condition: Q | None = None) -> Sum:
    return Sum(name, filter=condition, default=Decimal(0), output_field=_AMOUNT)


def withheld_by_owner(entity_ids: Collection[int], year: int) -> list[dict[str, object]]:
    """What paid runs of a year withheld, by owner and rule, with the gross it was taken of."""
    rows = (
        Withholding.objects.filter(
            draw_property__draw__run__entity__in=entity_ids,
            draw_property__draw__run__state__in=Run.PAID,
            draw_property__draw__run__pays_on__year=year,
        )
        .values(
            "draw_property__draw__owner__name", "kind", "jurisdiction", "rate", "source",
            "is_confirmed",
        )
        .annotate(gross=_sum("base"), tax=_sum("amount"))
        .order_by("draw_property__draw__owner__name", "kind", "jurisdiction")
    )  # fmt: skip
    return [
        {**row, "owner": row["draw_property__draw__owner__name"], "gross": usd(row["gross"]),
         "tax": usd(row["tax"]), "percent": row["rate"] * 100}
        for row in rows
    ]  # fmt: skip
