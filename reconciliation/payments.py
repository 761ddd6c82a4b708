"""Where the bank and our payments meet: which bank line paid one, and a check paid wrongly."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from desk import registry
from desk.errors import Refused
from desk.models import Severity
from desk.types import Detail, Detector, Done, Evidence, Finding, Remedy
from ledger.models import Line
from payments import evidence
from payments import services as payments
from payments.evidence import BankMove
from payments.models import Payment
from proptrust.lib.money import ZERO, plain
from receivables.models import Acknowledgement
from reconciliation.models import BankLine

WRONG_AMOUNT = "check_cleared_for_another_amount"


def register() -> None:
    """Tell payments where bank lines come from, and the desk what to look for."""
    evidence.show_bank_moves(bank_moves)
    registry.detect(
        Detector(
            "reconciliation: checks paid wrongly",
            frozenset({WRONG_AMOUNT}),
            lambda entity_id: _wrong(_checks(entity_id)),
            lambda line_id: _wrong(_checks(None).filter(pk=line_id)),
        )
    )
    registry.handle(
        WRONG_AMOUNT, WrongAmountAnswers(), label="Check paid wrongly", due_banking_days=1
    )


def bank_moves(entry_id: int, book_id: int) -> list[BankMove]:
    """The bank lines whose live match answers an entry's lines in a book."""
    lines = Line.objects.filter(entry=entry_id, book=book_id, beneficiary__isnull=True)
    found = BankLine.objects.filter(
        matchings__is_live=True,
        matchings__match__journal_sides__is_live=True,
        matchings__match__journal_sides__line__in=lines,
    ).distinct()
    return [
        BankMove(
            line.posted_on,
            line.amount,
            line.description or "Bank line",
            reverse("admin:reconciliation_bankline_change", args=[line.pk]),
        )
        for line in found.order_by("posted_on", "id")
    ]


def _checks(entity_id: int | None) -> QuerySet[BankLine]:
    """Open bank lines that are checks."""
    rows = BankLine.objects.filter(is_matched=False, repeats__isnull=True, amount__lt=0)
    rows = rows.exclude(check_number="").select_related("bank_account")
    return rows if entity_id is None else rows.filter(bank_account__book__entity=entity_id)


def check_of(line: BankLine) -> Payment | None:
    """The check of ours that a bank line names and that it paid with another amount."""
    return _checks_of([line]).get(line.pk)


def _checks_of(lines: list[BankLine]) -> dict[int, Payment]:
    """For each bank line the outstanding check with its number and another amount; one query."""
    numbers = {line.check_number.lstrip("0") for line in lines}
    out = Payment.objects.filter(
        book__in={line.bank_account.book_id for line in lines},
        number__in=numbers - {""},
        state__in=Payment.OUTSTANDING,
    )
    by_number = {
        (row.book_id, row.number): row
        for row in out.select_related("book__bank_account", "entity").defer("account_number")
    }
    found = {}
    for line in lines:
        row = by_number.get((line.bank_account.book_id, line.check_number.lstrip("0")))
        if row is not None and row.amount != -line.amount:
            found[line.pk] = row
    return found


def _wrong(rows: QuerySet[BankLine]) -> Iterator[Finding]:
    lines = list(rows)
    written = Acknowledgement.objects.filter(
        kind=WRONG_AMOUNT, subject_id__in=[line.pk for line in lines]
    )
    done = set(written.values_list("subject_id", flat=True))
    checks = _checks_of([line for line in lines if line.pk not in done])
    for line in lines:
        check = checks.get(line.pk)
        if check is None:
            continue
        off = -line.amount - check.amount
        way = "too much" if off > ZERO else "too little"
        yield Finding(
            key=f"{WRONG_AMOUNT}:{line.pk}",
            kind=WRONG_AMOUNT,
            entity_id=check.entity_id,
            severity=Severity.WARNING,
            title=f"Check {check.number} was paid {plain(abs(off))} {way}",
            reason=(
                f"The bank paid {plain(-line.amount)} on {line.posted_on:%b %-d} for the check to"
                f" {check.payee}, which was written for {plain(check.amount)}. Ask the bank to"
                " correct it; if the check itself was altered, report it at once."
            ),
            subject_type="reconciliation.bankline",
            subject_id=line.pk,
            happened_on=line.posted_on,
            amount=off,
            who=check.payee,
            where=check.book.name,
            book_id=check.book_id,
            suggestion="Write to the bank",
        )


def letter_to_bank(line: BankLine) -> bytes | None:
    """The letter about a check that the bank paid with another amount; None if it did not."""
    check = check_of(line)
    if check is None:
        return None
    return payments.bank_error_letter(
        check, on=timezone.localdate(), paid=-line.amount, paid_on=line.posted_on
    )


class WrongAmountAnswers:
    """A letter to the bank; the bank line stays open until the bank has corrected it."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Both amounts, and the letter to print."""
        line = BankLine.objects.select_related("bank_account").get(pk=subject_id)
        check = check_of(line)
        facts = evidence.of_payment(check.pk) if check else []
        return Detail(
            evidence=[
                Evidence("The bank paid", f"{plain(-line.amount)} on {line.posted_on:%b %-d, %Y}"),
                *facts,
                Evidence(
                    "Letter to the bank",
                    "Print it",
                    reverse("reconciliation:letter_to_bank", args=[line.pk]),
                ),
            ],
            remedies=[
                Remedy(
                    key="written",
                    label="The bank is told",
                    hint="The bank line stays open until the bank corrects it.",
                    is_suggestion=True,
                )
            ],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Note that the bank is told."""
        if remedy != "written":
            raise Refused(f"There is no remedy {remedy!r} here.")
        row, _ = Acknowledgement.objects.get_or_create(
            kind=WRONG_AMOUNT, subject_id=subject_id, defaults={"made_by_id": actor_id}
        )
        return Done("The bank is told", {"acknowledgement": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Ask for the letter again."""
        Acknowledgement.objects.filter(pk=facts["acknowledgement"]).delete()
        return "The bank is not told yet"
