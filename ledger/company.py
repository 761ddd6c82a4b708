"""The manager's own side of the trusts, and money that nobody has identified yet.

What the trust books hold for the company stands a second time in its operating book, as an asset:
the sum of the company's claims equals the operating book's "held in trust"
(docs/decisions/061-operating-book.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from moneyed import Money

from ledger.charts import Chart
from ledger.models import Beneficiary, Book
from ledger.services import ensure_beneficiary, ensure_book
from ledger.types import NewLine
from proptrust.lib.money import ZERO

OPERATING_BOOK = "The company's own money"


@dataclass(frozen=True, slots=True)
class CompanySide:
    """Where the company's part of a fact is mirrored.

    account_id: the other side in the operating book: what was earned, or what it cost.
    """

    beneficiary_id: int
    operating_id: int
    held_id: int
    account_id: int


def company_of(entity_id: int) -> int:
    """The beneficiary for the manager's own money in a trust account, and what it owes there."""
    return ensure_beneficiary(
        entity_id=entity_id,
        kind=Beneficiary.Kind.COMPANY,
        name="The company",
        reference="company",
    ).pk


def suspense_of(entity_id: int) -> int:
    """The beneficiary of money that nobody has identified yet."""
    return ensure_beneficiary(
        entity_id=entity_id,
        kind=Beneficiary.Kind.SUSPENSE,
        name="Suspense: not yet identified",
        reference="suspense",
    ).pk


def operating_book_of(entity_id: int) -> int:
    """The company's own book; the one with its bank account, if it has one."""
    rows = Book.objects.filter(entity=entity_id, kind=Book.Kind.OPERATING)
    found = rows.order_by("bank_account", "id").values_list("pk", flat=True).first()
    if found is not None:
        return found
    return ensure_book(entity_id=entity_id, kind=Book.Kind.OPERATING, name=OPERATING_BOOK).pk


def company_side(entity_id: int, chart: Chart, account_id: int | None = None) -> CompanySide:
    """Where the company's part of a fact is mirrored; without account_id it is a payment's cost."""
    return CompanySide(
        beneficiary_id=company_of(entity_id),
        operating_id=operating_book_of(entity_id),
        held_id=chart.held,
        account_id=account_id or chart.bank_fees,
    )


def mirrored(lines: Sequence[NewLine], side: CompanySide) -> list[NewLine]:
    """Lines with what they change of the company's claims repeated in its operating book.

    Dr held in trust, Cr the other side, for what the company gets; the reverse for what it gives.
    """
    return [*lines, *own_lines(lines, side)]


def own_lines(lines: Sequence[NewLine], side: CompanySide) -> list[NewLine]:
    """The operating book's lines alone; none if the company neither gets nor gives."""
    got: Money = -sum(
        (line.amount for line in lines if line.beneficiary_id == side.beneficiary_id), ZERO
    )
    if not got:
        return []
    return [
        NewLine(side.operating_id, side.held_id, got),
        NewLine(side.operating_id, side.account_id, -got),
    ]
