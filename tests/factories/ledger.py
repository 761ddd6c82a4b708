"""The smallest valid rows of the ledger."""

from datetime import date
from itertools import count

import factory
from factory.django import DjangoModelFactory
from moneyed import Money

from ledger.charts import Chart, chart
from ledger.models import Account, BankAccount, Beneficiary, Book, Entry
from ledger.services import post
from ledger.types import NewEntry, NewLine
from tests.factories.desk import LegalEntityFactory

_numbers = count(1)
A_DAY = date(2026, 3, 10)


class BookFactory(DjangoModelFactory[Book]):
    class Meta:
        model = Book

    entity = factory.SubFactory(LegalEntityFactory)
    kind = "trust"
    name = factory.Sequence(lambda n: f"Rent trust {n}")


class BankAccountFactory(DjangoModelFactory[BankAccount]):
    class Meta:
        model = BankAccount

    book = factory.SubFactory(BookFactory)
    purpose = "rent"
    bank_name = "First Bank"
    title = factory.LazyAttribute(lambda row: f"{row.book.entity.name} client trust account")
    routing_number = "021000021"
    account_number = factory.Sequence(lambda n: f"{4000000000 + n}")


class AccountFactory(DjangoModelFactory[Account]):
    class Meta:
        model = Account

    entity = factory.SubFactory(LegalEntityFactory)
    code = factory.Sequence(lambda n: f"9{n:05}")
    name = "Cash at the bank"
    kind = "bank"


class BeneficiaryFactory(DjangoModelFactory[Beneficiary]):
    class Meta:
        model = Beneficiary

    entity = factory.SubFactory(LegalEntityFactory)
    kind = "owner"
    name = factory.Sequence(lambda n: f"Owner {n}")
    reference = factory.Sequence(lambda n: f"beneficiary:{n}")


def standard_chart(book: Book) -> Chart:
    """The accounts of the book's legal entity."""
    return chart(book.entity_id)


def a_receipt(
    book: Book, *shares: tuple[Beneficiary, Money], key: str = "", dated_on: date = A_DAY
) -> NewEntry:
    """Cash that came into a trust book for beneficiaries; not posted."""
    return _cash(book, shares, 1, "receipt", key, dated_on)


def a_payment(
    book: Book,
    *shares: tuple[Beneficiary, Money],
    kind: str = "disbursement",
    key: str = "",
    dated_on: date = A_DAY,
) -> NewEntry:
    """Cash that leaves a trust book on behalf of beneficiaries; not posted."""
    return _cash(book, shares, -1, kind, key, dated_on)


def _cash(
    book: Book,
    shares: tuple[tuple[Beneficiary, Money], ...],
    sign: int,
    kind: str,
    key: str,
    dated_on: date,
) -> NewEntry:
    accounts = standard_chart(book)
    claims = [NewLine(book.pk, accounts.claims, -sign * money, who.pk) for who, money in shares]
    cash = NewLine(
        book.pk, accounts.bank, sum((-line.amount for line in claims[1:]), -claims[0].amount)
    )
    return NewEntry(
        entity_id=book.entity_id,
        key=key or f"test:{next(_numbers)}",
        kind=kind,
        dated_on=dated_on,
        memo=kind.replace("_", " ").capitalize(),
        lines=[cash, *claims],
    )


def held(book: Book, *shares: tuple[Beneficiary, Money], dated_on: date = A_DAY) -> Entry:
    """Post a receipt, so that a trust book holds amounts for beneficiaries."""
    return post(a_receipt(book, *shares, dated_on=dated_on))
