"""Payments on paper: checks with their stubs, and letters to payees and to the bank."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from desk.models import User
from desk.services import record
from ledger.models import BankAccount, Line
from payments import pdf
from payments.errors import NotPossible
from payments.models import Payment
from payments.words import amount_in_words
from proptrust.lib.money import ZERO, plain, total

_State = Payment.State
# What a stub has room for; what is beyond is summed in one line.
STUB_ROWS = 12
# Written behind the words so that nothing can be added.
_LINE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class StubRow:
    """One line of a stub: whose money paid, for what."""

    who: str
    what: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PrintedCheck:
    """Everything that stands on one sheet."""

    payment: Payment
    company: str
    account_title: str
    bank: str
    words: str
    micr: str
    rows: Sequence[StubRow]
    left_out: int
    left_out_amount: Money
    stubs: Sequence[str] = ("payee", "file")

    @property
    def filler(self) -> str:
        """Asterisks up to the end of the line."""
        return "*" * max(3, _LINE_LENGTH - len(self.words))


def print_checks(payments: Sequence[Payment], *, actor: User | None = None) -> bytes:
    """Checks as a PDF on letter paper: the check on top, two stubs that say what it pays.

    Each check counts as sent from then on; printing again prints the same number. Raises
    NotPossible for what is no check, or one that is void; CannotLayOut without Pango.
    """
    if not payments:
        raise NotPossible("Choose the checks to print.")
    with transaction.atomic():
        rows = _held(payments)
        document = pdf.render(
            "payments/print_checks.html",
            {"checks": printed(rows), "title": f"{len(rows)} checks"},
        )
        _mark(rows, actor)
    return document


def _held(payments: Sequence[Payment]) -> list[Payment]:
    ids = [payment.pk for payment in payments]
    held = Payment.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    rows = {row.pk: row for row in held.select_related("entity", "book__bank_account")}
    for row in rows.values():
        if row.method != Payment.Method.CHECK:
            raise NotPossible(f"{row} is no check.")
        if row.back_entry_id is not None or row.state == _State.CLEARED:
            raise NotPossible(f"{row} is {row.get_state_display().lower()}; it is not printed.")
    return sorted(rows.values(), key=lambda row: (row.book_id, int(row.number)))


def _mark(rows: Sequence[Payment], actor: User | None) -> None:
    ids = [row.pk for row in rows]
    again = [row for row in rows if row.printed_at is not None]
    Payment.objects.filter(pk__in=ids).update(printed_at=timezone.now())
    Payment.objects.filter(pk__in=ids, state=_State.ISSUED).update(state=_State.SENT)
    for row in rows:
        record(
            "print check",
            text=f"{row} of {row.amount} was printed{' again' if row in again else ''}",
            subject=row,
            actor=actor,
        )


def printed(rows: Sequence[Payment]) -> list[PrintedCheck]:
    """What stands on the sheets of some checks; one query for the stubs of all."""
    stubs = _stub_rows(rows)
    found = []
    for row in rows:
        account: BankAccount = row.book.bank_account
        lines = stubs[row.pk]
        kept, rest = (
            (lines, []) if len(lines) <= STUB_ROWS else (lines[:STUB_ROWS], lines[STUB_ROWS:])
        )
        found.append(
            PrintedCheck(
                payment=row,
                company=row.entity.name,
                account_title=account.title,
                bank=account.bank_name,
                words=amount_in_words(row.amount),
                micr=micr_line(row.number, account),
                rows=kept,
                left_out=len(rest),
                left_out_amount=total(each.amount for each in rest),
            )
        )
    return found


def micr_line(number: str, account: BankAccount) -> str:
    """The digits of the MICR band: check number, routing number, account number.

    C stands for the on-us sign and A for the transit sign, as fonts for checks expect them. Source:
    ANSI X9.100-160 (the order of the fields on a business check); the letters are the common
    mapping of E-13B fonts (unconfirmed for any one font).
    """
    return f"C{int(number):08}C A{account.routing_number}A {account.account_number}C"


def _stub_rows(rows: Sequence[Payment]) -> dict[int, list[StubRow]]:
    """For each check: who paid how much, and for what."""
    by_entry = {row.entry_id: row for row in rows}
    lines = (
        Line.objects.filter(entry__in=by_entry, beneficiary__isnull=False)
        .select_related("beneficiary")
        .order_by("entry", "position")
    )
    found: dict[int, list[StubRow]] = defaultdict(list)
    for line in lines:
        row = by_entry[line.entry_id]
        if line.book_id == row.book_id and line.amount > ZERO and line.beneficiary is not None:
            what = row.memo or row.get_purpose_display()
            found[row.pk].append(StubRow(line.beneficiary.name, what, line.amount))
    return found


# -- Letters


def due_diligence_letter(payment: Payment, *, on: date, dormancy: str) -> bytes:
    """A letter to the payee of a check that was not cashed, before the state gets the money.

    dormancy: when the state asks for it, in a sentence; empty where that is not known.
    """
    text = due_diligence_text(payment, dormancy)
    return _letter(payment, on, to=payment.payee, address=payment.payee_address, **text)


def due_diligence_text(payment: Payment, dormancy: str) -> dict[str, object]:
    """The letter's title and paragraphs."""
    return {
        "title": "We hold money that belongs to you",
        "facts": [
            ("Check", payment.number),
            ("Dated", f"{payment.dated_on:%B %-d, %Y}"),
            ("Amount", f"${plain(payment.amount)}"),
        ],
        "paragraphs": [
            f"Our records show that check {payment.number} of {payment.dated_on:%B %-d, %Y} for"
            f" ${plain(payment.amount)}, payable to {payment.payee}, has not been cashed.",
            "Banks need not pay a check that is older than six months. If you still have it, please"
            " do not deposit it: write or call us, confirm your name and address, and we will send"
            " you a new payment without any charge.",
            f"If we do not hear from you, the law of the state may require us to hand the money"
            f" over as unclaimed property, where you can still claim it. {dormancy}".strip(),
        ],
    }


def bank_error_letter(payment: Payment, *, on: date, paid: Money, paid_on: date) -> bytes:
    """A letter to the bank that paid a check with another amount than was written."""
    account: BankAccount = payment.book.bank_account
    return _letter(
        payment,
        on,
        to=account.bank_name,
        address="",
        **bank_error_text(payment, paid=paid, paid_on=paid_on),
    )


def bank_error_text(payment: Payment, *, paid: Money, paid_on: date) -> dict[str, object]:
    """The letter's title and paragraphs."""
    account: BankAccount = payment.book.bank_account
    off = paid - payment.amount
    way = "too much" if off > ZERO else "too little"
    return {
        "title": f"Check {payment.number} was paid with the wrong amount",
        "facts": [
            ("Account", f"{account.title}, {account}"),
            ("Check", payment.number),
            ("Written for", f"${plain(payment.amount)}"),
            ("Paid for", f"${plain(paid)}"),
            ("Difference", f"${plain(abs(off))} {way}"),
        ],
        "paragraphs": [
            f"On {paid_on:%B %-d, %Y} you charged {account.title} with ${plain(paid)} for check"
            f" {payment.number}. We wrote it on {payment.dated_on:%B %-d, %Y} to {payment.payee}"
            f" for ${plain(payment.amount)}.",
            "This is a trust account; it holds other people's money. Please send us an image of"
            " both sides of the check, and correct the account by a separate entry.",
            "If the check was altered, please treat this letter as our report of it.",
        ],
    }


def _letter(payment: Payment, on: date, **facts: object) -> bytes:
    context = {"company": payment.entity, "on": on, **facts}
    return pdf.render("payments/print_letter.html", context)
