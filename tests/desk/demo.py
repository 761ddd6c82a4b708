"""A morning's worth of bank lines for pictures and browser tests, made with the fake app."""

from datetime import timedelta

from django.utils import timezone

from desk import registry, services
from desk.models import LegalEntity, Severity, User, WorkItem
from desk.types import Card, CardRow
from proptrust.lib.money import usd
from tests.desk.fakes import Candidate, FakeBank, FakeFigures, FakeLine, days_ago
from tests.factories.desk import WorkItemFactory

RENT, DEPOSITS = "Rent trust · First National ···4821", "Deposit trust · First National ···7710"
LABELS = {
    "return_after_disbursement": ("ACH return after disbursement", 1),
    "owner_negative": ("Owner below zero", 1),
    "suspense": ("Suspense", 5),
    "partial_payment": ("Partial payment", 5),
}
NAMES = [
    ("ZELLE FROM R GARCIA", "Rosa Garcia · L7"),
    ("CHECK 2207 T WEBER", "Tom Weber · L12"),
    ("ACH CREDIT STRIPE PAYOUT", "Payout po_8Q, 14 receipts"),
    ("DEPOSIT BRANCH 0031", "Checks 118, 119 and 121"),
    ("WIRE FAY OKONKWO", "Fay Okonkwo · contribution"),
    ("VENMO CASHOUT D LEE", "Dana Lee · L31"),
]


def fill(bank: FakeBank, company: LegalEntity, count: int = 34) -> None:
    """Open items of several kinds, ages and severities, with figures and cards."""
    sure = {"key": 60, "amount": 26, "date": 10}
    for n in range(count):
        text, best = NAMES[n % len(NAMES)]
        amount = usd(f"{(n * 137) % 1900 + 90}.{(n * 13) % 100:02d}")
        age = (n * n) % 9 if n % 7 else 20 + n
        candidates: tuple[Candidate, ...] = (Candidate(best, 96 + n % 4, sure),)
        if n % 5 == 1:
            pair = {"amount": 40, "name": 21, "date": 10, "key": 0}
            candidates = (
                Candidate("Rosa Garcia · L7", 71, pair),
                Candidate("Raul Garcia · L8", 71, pair),
            )
        elif n % 5 == 3:
            candidates = ()
        bank.add(
            FakeLine(
                id=100 + n,
                entity_id=company.pk,
                amount=amount if n % 6 != 4 else -amount,
                who=text,
                where=RENT if n % 3 else DEPOSITS,
                day=days_ago(age),
                severity=Severity.CRITICAL if n == 0 else Severity(1 + n % 2),
                candidates=candidates,
                book_id=1 if n % 3 else 2,
            )
        )
    registry.show_figures(lambda ids: _figures(bank, company) if company.pk in ids else [])
    registry.show_card(
        Card(
            "imports",
            "Last imports",
            lambda _: _imports(),
            "Nothing was imported yet. Upload a bank statement.",
            "read the books and the portfolio",
        )
    )
    services.run_detectors()
    _other_kinds(company)
    late = WorkItem.objects.filter(happened_on__lt=days_ago(6))
    late.update(due_at=timezone.now() - timedelta(days=2))
    services.beat("worker")
    services.beat("findings")


def _figures(bank: FakeBank, company: LegalEntity) -> list[FakeFigures]:
    """The bank is ahead of the book by the lines that nobody has matched yet."""
    open_lines = {finding.subject_id for finding in bank.find(None)}
    gap = sum((bank.lines[id_].amount for id_ in open_lines if id_ % 17 == 0), usd("0"))
    book = usd("247966.69")
    return [
        FakeFigures(RENT, 1, company.pk, book + gap, book, book, since=days_ago(9)),
        FakeFigures(DEPOSITS, 2, company.pk, usd("88150.00"), usd("88150.00"), usd("88150.00")),
    ]


def _imports() -> list[CardRow]:
    now = timezone.now()
    return [
        CardRow("First National, BAI2", "212 lines", now - timedelta(minutes=12), "good", "Done"),
        CardRow("Stripe", "Payout po_8Q", now - timedelta(hours=2), "good", "Done"),
        CardRow(
            "Deposit trust, CSV",
            "Line 14: the amount 1,2O0.00 is no number",
            now - timedelta(hours=5),
            "bad",
            "Refused",
        ),
    ]


def _other_kinds(company: LegalEntity) -> None:
    """Items of kinds that nobody detects, so that they stay: the list shows more than one kind."""
    people = list(User.objects.filter(memberships__entity=company))
    rows = [
        (
            "return_after_disbursement",
            3,
            "R01 of February rent after the owner was paid",
            "-2000.00",
            "Tom Weber",
            2,
        ),
        (
            "owner_negative",
            3,
            "Fay Okonkwo is below zero at 12 Palm Court",
            "-1840.00",
            "Fay Okonkwo",
            2,
        ),
        ("suspense", 2, "Money that nobody has claimed", "875.00", "R Garcia", 6),
        ("partial_payment", 1, "February rent is paid in part", "900.00", "Cy Novak", 16),
    ]
    for n, (kind, severity, title, amount, who, age) in enumerate(rows):
        label, days = LABELS[kind]
        registry.handle(kind, registry.handler_of("fake_line"), label=label, due_banking_days=days)
        WorkItemFactory.create(
            entity=company,
            kind=kind,
            key=f"{kind}:{n}",
            severity=severity,
            title=title,
            reason="The bank took the money back after it had been paid out to the owner.",
            amount=usd(amount),
            who=who,
            where=RENT,
            subject_type="tests.line",
            subject_id=100 + n,
            happened_on=days_ago(age),
            due_at=timezone.now() + timedelta(days=2 - age),
            assigned_to=people[n % len(people)] if people else None,
        )
