"""Payments of the smallest kind: an owner with money in a trust account, and checks to pay it."""

from datetime import date
from itertools import count
from typing import Any

from moneyed import Money

from ledger.charts import chart
from ledger.models import Beneficiary, Book
from ledger.types import NewLine
from payments import services
from payments.models import CheckStock, Payment
from payments.types import NewPayment
from proptrust.lib.money import usd
from tests.factories.ledger import A_DAY, BankAccountFactory, BeneficiaryFactory, BookFactory, held

_numbers = count(1)
A_BANK = {"routing_number": "021000021", "account_number": "000123456789"}


def trust(amount: str = "1000.00", *, first_check: int = 1001) -> tuple[Book, Beneficiary]:
    """A trust account with its checks, and an owner for whom it holds an amount."""
    book = BankAccountFactory.create().book
    owner = BeneficiaryFactory.create(entity=book.entity, name="Olga Owner")
    CheckStock.objects.create(book=book, first_number=first_check, next_number=first_check)
    if usd(amount).amount:
        held(book, (owner, usd(amount)))
    return book, owner


def new_payment(book: Book, amount: str = "100.00", **facts: Any) -> NewPayment:
    """An owner draw by check, not paid yet."""
    fresh: dict[str, Any] = {
        "entity_id": book.entity_id,
        "book_id": book.pk,
        "key": f"draw:{next(_numbers)}",
        "method": Payment.Method.CHECK,
        "purpose": Payment.Purpose.OWNER_DRAW,
        "payee": "Olga Owner",
        "amount": usd(amount),
        "dated_on": A_DAY,
    }
    return NewPayment(**{**fresh, **facts})


def property_lines(book: Book, amount: Money) -> tuple[NewLine, NewLine]:
    """What an owner draw is in the owner's accrual book: Dr draws, Cr held."""
    accounts = chart(book.entity_id)
    accrual = BookFactory.create(entity=book.entity, kind="property", name=f"P {next(_numbers)}")
    return (
        NewLine(accrual.pk, accounts.draws, amount),
        NewLine(accrual.pk, accounts.held, -amount),
    )


def payment(book: Book, owner: Beneficiary, amount: str = "100.00", **facts: Any) -> Payment:
    """A payment to an owner that is issued: a check unless told otherwise."""
    new = new_payment(book, amount, **facts)
    return services.pay(new, claims={owner.pk: new.amount})


def ach(book: Book, owner: Beneficiary, amount: str = "100.00", **facts: Any) -> Payment:
    """An ACH payment to an owner whose bank account is on record."""
    return payment(book, owner, amount, **{"method": Payment.Method.ACH, **A_BANK, **facts})


def old_check(book: Book, owner: Beneficiary, *, dated_on: date = date(2026, 3, 10)) -> Payment:
    """A check that nobody has cashed for years; stale."""
    paid = payment(book, owner, dated_on=dated_on)
    services.mark_stale(book.entity_id, on=date(2027, 3, 10))
    paid.refresh_from_db()
    return paid
