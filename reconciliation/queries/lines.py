"""Bank lines and what may be told of them."""

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Length
from moneyed import Money

from proptrust.lib.money import ZERO
from receivables.models import Acknowledgement, Receipt
from reconciliation.models import BankLine, IntradayLine, Sighting, Statement

# Two lines with one reference this close together may be one movement, told twice.
TWICE_WITHIN = timedelta(days=5)
# A check that bounces comes back within the two banking days of Regulation CC and the post's time;
# a longer wait than this is a claim, not a return. The limit is ours.
RETURNED_WITHIN = timedelta(days=60)
# Money between two banks of one company; same day as a rule, a weekend at most.
MIRRORED_WITHIN = timedelta(days=5)
TOLD_TWICE = "bank_line_told_twice"
ABSENT = "bank_line_gone"
_LONG_REFERENCE = 6


def doubtful_sightings(entity_id: int | None = None) -> QuerySet[Sighting]:
    """Lines of a second format of which nothing says that they are the known ones."""
    rows = Sighting.objects.filter(is_doubtful=True).select_related(
        "bank_account__book", "bank_line", "statement__file"
    )
    return rows if entity_id is None else rows.filter(bank_account__book__entity_id=entity_id)


def lines_told_twice(entity_id: int | None = None) -> QuerySet[BankLine]:
    """Lines that share amount and check number (or a long reference) with an earlier one nearby.

    Those that a person has looked at are left out.
    """
    earlier = BankLine.objects.filter(
        bank_account=OuterRef("bank_account"),
        amount=OuterRef("amount"),
        repeats__isnull=True,
        id__lt=OuterRef("id"),
        posted_on__gte=OuterRef("posted_on") - TWICE_WITHIN,
        posted_on__lte=OuterRef("posted_on") + TWICE_WITHIN,
    )
    same_check = earlier.filter(check_number=OuterRef("check_number"))
    same_reference = earlier.filter(bank_reference=OuterRef("bank_reference")).exclude(
        posted_on=OuterRef("posted_on")
    )
    # Each way by itself, so that PostgreSQL joins on the number instead of asking line by line.
    lines = BankLine.objects.filter(repeats__isnull=True).order_by()
    by_check = lines.exclude(check_number="").filter(Exists(same_check))
    by_reference = lines.annotate(length=Length("bank_reference")).filter(
        Exists(same_reference), length__gte=_LONG_REFERENCE
    )
    rows = (
        BankLine.objects.filter(
            Q(pk__in=by_check.values("pk")) | Q(pk__in=by_reference.values("pk"))
        )
        .exclude(Exists(Acknowledgement.objects.filter(kind=TOLD_TWICE, subject_id=OuterRef("id"))))
        .select_related("bank_account__book")
    )
    return rows if entity_id is None else rows.filter(bank_account__book__entity_id=entity_id)


def statements_with_absent_lines(entity_id: int | None = None) -> QuerySet[Statement]:
    """Complete statements without a line that an earlier file has for one of their days."""
    rows = (
        Statement.objects.exclude(absent=[])
        .exclude(Exists(Acknowledgement.objects.filter(kind=ABSENT, subject_id=OuterRef("id"))))
        .select_related("bank_account__book", "file")
    )
    return rows if entity_id is None else rows.filter(bank_account__book__entity_id=entity_id)


def equal_lines(line: BankLine) -> QuerySet[BankLine]:
    """Other lines of the account with the same amount within a few days."""
    return BankLine.objects.filter(
        bank_account_id=line.bank_account_id,
        amount=line.amount,
        repeats__isnull=True,
        posted_on__range=(line.posted_on - TWICE_WITHIN, line.posted_on + TWICE_WITHIN),
    ).exclude(pk=line.pk)


def mirrors(line: BankLine) -> QuerySet[BankLine]:
    """Open lines of the company's other accounts that move the same amount the other way."""
    return (
        BankLine.objects.filter(
            bank_account__book__entity_id=line.bank_account.book.entity_id,
            amount=-line.amount,
            is_matched=False,
            repeats__isnull=True,
            posted_on__range=(line.posted_on - MIRRORED_WITHIN, line.posted_on + MIRRORED_WITHIN),
        )
        .exclude(bank_account_id=line.bank_account_id)
        .select_related("bank_account__book")
        .order_by("posted_on", "id")
    )


def returned_receipts(line: BankLine) -> QuerySet[Receipt]:
    """Receipts that a debit may be the return of: at the bank, the same amount, not long ago."""
    return (
        Receipt.objects.filter(
            book_id=line.bank_account.book_id,
            state=Receipt.State.SETTLED,
            gross=-line.amount,
            received_on__range=(line.posted_on - RETURNED_WITHIN, line.posted_on),
        )
        .filter(Q(into=Receipt.Into.BANK) | Q(deposit_slip__isnull=False))
        .select_related("lease")
        .order_by("-received_on", "id")
    )


def intraday_lines(bank_account_id: int) -> QuerySet[IntradayLine]:
    """Movements that only a same-day report has told so far; the newest report alone counts."""
    final = Statement.objects.filter(bank_account_id=bank_account_id, is_intraday=False)
    newest = (
        Statement.objects.filter(bank_account_id=bank_account_id, is_intraday=True)
        .order_by("-to_on", "-id")
        .exclude(Exists(final.filter(to_on__gte=OuterRef("to_on"))))
        .first()
    )
    if newest is None:
        return IntradayLine.objects.none()
    return IntradayLine.objects.filter(statement=newest).order_by(F("posted_on"), "id")


def typed_wrongly(entry_id: int, difference: Money) -> list[Receipt]:
    """The receipts of an entry (or of its deposit slip) of which two digits changed places."""
    rows = Receipt.objects.filter(
        Q(entry_id=entry_id) | Q(deposit_slip__entry_id=entry_id), state=Receipt.State.SETTLED
    ).order_by("id")
    return [
        row
        for row in rows
        if row.gross + difference > ZERO and _same_digits(row.gross, row.gross + difference)
    ]


def _same_digits(one: Money, other: Money) -> bool:
    """Whether two amounts are the same digits with two neighbours in each other's place."""
    first, second = (f"{int(each.amount.scaleb(2)):012d}" for each in (one, other))
    apart = [place for place in range(12) if first[place] != second[place]]
    return (
        len(apart) == 2
        and apart[1] - apart[0] == 1
        and first[apart[0]] == second[apart[1]]
        and first[apart[1]] == second[apart[0]]
    )
