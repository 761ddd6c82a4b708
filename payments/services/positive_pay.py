"""Positive pay: the list of checks that the bank may pay, as a CSV file."""

import csv
from datetime import date
from io import StringIO

from django.db.models import Q

from ledger.models import BankAccount, Book
from payments.errors import NotPossible
from payments.models import Payment, SkippedNumber

COLUMNS = ("account_number", "check_number", "amount", "issue_date", "payee", "void")
# What a spreadsheet would read as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def positive_pay(book: Book, *, since: date, until: date) -> bytes:
    """The checks of an account written or taken back in a span of days, both ends included.

    One row per check: account number, check number, amount (1234.56), issue date (MM/DD/YYYY),
    payee, and V where it must not be paid: void, stopped, came back, unclaimed. Spoiled numbers
    that a person explained in that span are listed as void with an amount of zero. The columns are
    those that banks ask for most (unconfirmed; each has its own order), so the file has a head.
    Raises NotPossible for an account without a bank.
    """
    account = BankAccount.objects.filter(book=book).first()
    if account is None:
        raise NotPossible(f"{book} has no bank account.")
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    rows = Payment.objects.filter(
        Q(dated_on__range=(since, until)) | Q(back_on__range=(since, until)),
        book=book,
        method=Payment.Method.CHECK,
    ).order_by("id")
    for row in rows.defer("account_number"):
        writer.writerow(
            (
                account.account_number,
                row.number,
                f"{row.amount.amount:.2f}",
                f"{row.dated_on:%m/%d/%Y}",
                _plain(row.payee),
                "V" if row.back_entry_id is not None else "",
            )
        )
    for skipped in SkippedNumber.objects.filter(
        book=book, said_at__date__range=(since, until)
    ).order_by("number"):
        writer.writerow(
            (
                account.account_number,
                skipped.number,
                "0.00",
                f"{skipped.said_at:%m/%d/%Y}",
                "",
                "V",
            )
        )
    return out.getvalue().encode()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
