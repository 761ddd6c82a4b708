"""A small trust account whose bank has told one day."""

from dataclasses import dataclass
from datetime import date

from desk.models import LegalEntity
from ledger.models import BankAccount
from reconciliation import services
from reconciliation.services import NewMatch
from tests.factories.leases import company_without_fees as company
from tests.factories.reconciliation import MONDAY, bai2, booked, imported, lines_of, move, opened

FIRST = date(2026, 3, 1)


@dataclass(frozen=True)
class Told:
    """The account of a company's rents, and its bank's one statement."""

    entity: LegalEntity
    account: BankAccount


def told_account() -> Told:
    """1,000.00 brought forward and 250.00 received, which the bank says too."""
    made = company()
    account = BankAccount.objects.select_related("book__entity").get(book=made.rent_book)
    opened(account, "1000.00", on=FIRST)
    receipt = booked(account, "250.00", on=MONDAY)
    imported(account, bai2(account, MONDAY, [move("250.00")], opening="1000.00"))
    (told,) = lines_of(account)
    services.match(
        NewMatch(
            bank_account_id=account.pk,
            bank_line_ids=[told.pk],
            line_ids=[receipt.pk],
            rule="test.1",
            points=100,
        )
    )
    return Told(made.entity, account)
