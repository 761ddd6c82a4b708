"""Small worlds of fees: agreements with terms, balances to compare, a draw."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from moneyed import Money

from fees.models import Fee
from leases import services as leases
from leases.models import Lease, ManagementAgreement, Property
from ledger.charts import chart
from ledger.company import company_of, operating_book_of
from ledger.models import Account, Book, Line
from ledger.queries import balance
from ledger.services import post_fact
from ledger.types import NewLine
from proptrust.lib import events
from proptrust.lib.money import ZERO, usd
from receivables.types import AllocationsChanged
from tests.factories.leases import LONG_AGO, Company, lease_in, property_in

MARCH = date(2026, 3, 1)
MARCH_END = date(2026, 3, 31)
APRIL_2 = date(2026, 4, 2)


def terms(property_: Property, fee_rate: str = "0.08", **facts: Any) -> ManagementAgreement:
    """The agreement of a property since long ago, in the place of the factory's own."""
    ManagementAgreement.objects.filter(property=property_).delete()
    return leases.create_agreement(
        property_=property_, from_on=LONG_AGO, fee_rate=Decimal(fee_rate), **facts
    )


def second_lease(company: Company, *, fee_rate: str, **facts: Any) -> Lease:
    """A lease of another property of the same trust accounts, with another owner and rate."""
    property_, _ = property_in(company.entity, company.rent_book, company.deposit_book)
    terms(property_, fee_rate, **facts)
    unit = leases.create_unit(property_=property_, code="B1")
    return lease_in(unit, tenants=("Sam Hill",))


def held(company: Company, who: int) -> Money:
    """What the rent trust holds for a beneficiary."""
    return balance(book_id=company.rent_book.pk, beneficiary_id=who)


def of_company(company: Company) -> Money:
    """The company's claim in the rent trust."""
    return held(company, company_of(company.entity.pk))


def of_owners(company: Company) -> list[Money]:
    """The owners' claims in the rent trust, in the order of the owners."""
    return [held(company, who) for who in company.owner_beneficiaries()]


def booked(book: Book | int, code: str) -> Money:
    """The sum of an account's lines in a book: a debit is above zero."""
    account = Account.objects.filter(code=code)
    rows = Line.objects.filter(book=book, account__in=account)
    return sum((line.amount for line in rows), ZERO)


def earned(company: Company, code: str = "4100") -> Money:
    """What the operating book says of an income account: above zero is earned."""
    return -booked(operating_book_of(company.entity.pk), code)


def sum_of_fees(company: Company) -> Money:
    """All posted fees of the company, those given back taken off."""
    rows = Fee.objects.filter(entity=company.entity, entry__isnull=False)
    return sum((fee.amount for fee in rows), ZERO)


def assert_company_side_stands_twice(company: Company) -> None:
    """What the trust holds for the company is what its operating book says is held."""
    operating = operating_book_of(company.entity.pk)
    assert booked(operating, "1300") == of_company(company)


def dollars(*amounts: str) -> list[Money]:
    """Several amounts."""
    return [usd(amount) for amount in amounts]


@contextmanager
def deaf() -> Iterator[None]:
    """Nobody hears that allocations changed, as if a worker had died or this app came later."""
    heard = events._handlers.pop(AllocationsChanged, [])
    try:
        yield
    finally:
        events._handlers[AllocationsChanged] = heard


def pay_out(company: Company, amount: str, *, on: date = date(2026, 3, 3)) -> None:
    """Pay the first owner from the rent trust."""
    who = company.owner_beneficiaries()[0]
    accounts = chart(company.entity.pk)
    post_fact(
        entity_id=company.entity.pk,
        key=f"paid:{who}:{on}:{amount}",
        kind="disbursement",
        day=on,
        memo="Owner draw",
        lines=[
            NewLine(company.rent_book.pk, accounts.claims, usd(amount), who),
            NewLine(company.rent_book.pk, accounts.bank, -usd(amount)),
        ],
    )
