"""Two owners of a property in thirds, what happens to their money, and their statements."""

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pikepdf

from desk.models import Role
from fees.services import take_fees
from ledger.queries import balances
from payables import services as payables
from payables.models import Bill, Document
from payables.services.documents import keep_document
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import ChargeKind, Receipt
from receivables.types import NewComeback
from statements.models import OwnerStatement
from statements.owners import services
from statements.owners.stored import rows_of
from statements.owners.types import LineRow, OwnerStatementRows
from tests.factories import payables as bills
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company

THIRDS = ("0.33333333", "0.66666667")
FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))
MARCH = (date(2026, 3, 1), date(2026, 3, 31))
APRIL = (date(2026, 4, 1), date(2026, 4, 30))


def thirds() -> Company:
    """A property of two owners, a third and two thirds, at a fee of 8 %."""
    home = company(shares=THIRDS)
    bills.checks(home)
    return home


def rent_paid(
    home: Company, day: date, amount: str, *, kind: str = ChargeKind.RENT, month: date | None = None
) -> Receipt:
    """A charge of a month that is paid by wire on a day; the fee is taken the same day."""
    make.charge(home.lease, amount, kind=kind, due_on=month or day.replace(day=1))
    paid = make.receipt(
        home.lease, amount, channel=Receipt.Channel.WIRE, into=Receipt.Into.BANK, received_on=day
    )
    take_fees(home.entity.pk, on=day)
    return paid


def returned(home: Company, receipt: Receipt, day: date) -> None:
    """The bank takes a payment back; its fee is given back."""
    rent.take_back(
        receipt,
        NewComeback(
            kind="return", key=f"return:{receipt.pk}", amount=receipt.gross, on=day, code="R01",
            reason="Insufficient funds",
        ),
    )  # fmt: skip
    take_fees(home.entity.pk, on=day)


def bill_paid(home: Company, day: date, amount: str, document: Document | None = None) -> Bill:
    """A bill of Hazel Plumbing that is paid on a day."""
    vendor = bills.vendor(home, name="Hazel Plumbing")
    made = bills.bill(
        vendor,
        [(home.property, amount)],
        memo="Leak in the kitchen",
        document_id=document.pk if document else None,
    )
    payables.pay_bills(
        entity_id=home.entity.pk,
        bill_ids=[made.pk],
        on=day,
        actor_id=person(entity=home.entity).pk,
    )
    return made


def document(home: Company, body: bytes, name: str = "bill-1042.pdf") -> Document:
    """A file as a vendor sent it."""
    return keep_document(entity_id=home.entity.pk, name=name, body=body)


def ask(
    home: Company, span: tuple[date, date], owners: Sequence[int] = (0, 1)
) -> list[OwnerStatement]:
    """Statements of some owners, composed but not laid out; in the order of the owners."""
    first, last = span
    rows = services.request_statements(
        home.entity,
        from_on=first,
        to_on=last,
        owner_ids=[home.owners[n].pk for n in owners],
        asked_by=person(Role.BOOKKEEPER, home.entity),
    )
    services.compose_statements([row.pk for row in rows])
    for row in rows:
        row.refresh_from_db()
        assert row.state == OwnerStatement.State.COMPOSED, row.reason
    return sorted(rows, key=lambda row: row.owner_id)


def publish(
    home: Company, span: tuple[date, date], owners: Sequence[int] = (0, 1)
) -> list[OwnerStatement]:
    """Statements of some owners, made."""
    return [services.make_statement(row.pk) for row in ask(home, span, owners)]


def _blank() -> bytes:
    """A PDF of one empty page."""
    with pikepdf.new() as made:
        made.add_blank_page()
        written = io.BytesIO()
        made.save(written)
    return written.getvalue()


def stamp(statement: OwnerStatement) -> OwnerStatement:
    """The statement made with an empty page as its file, for tests that read no page."""
    OwnerStatement.objects.filter(pk=statement.pk).update(
        state="made", pdf=_blank(), sha256=f"{statement.pk:064}", made_at="2026-07-01T00:00Z"
    )
    statement.refresh_from_db()
    return statement


def told(
    home: Company, span: tuple[date, date], owners: Sequence[int] = (0, 1)
) -> list[OwnerStatementRows]:
    """The rows of statements that are made (stamp)."""
    return [rows_of(stamp(row)) for row in ask(home, span, owners)]


def summary(rows: OwnerStatementRows) -> dict[str, str]:
    """What each section of a statement comes to; opening and closing, too."""
    sections = {row.section: row.amount for row in rows.summary if row.lines}
    return {"opening": rows.opening, **sections, "closing": rows.closing}


def lines_of(rows: OwnerStatementRows, section: str) -> list[LineRow]:
    """The lines of a section."""
    return [line for line in rows.lines if line.section == section]


def adds_up(rows: OwnerStatementRows) -> None:
    """Every equation that a statement prints, worked out again from its lines."""
    paying = {"draw", "withheld"}
    change = sum((Decimal(x.amount) for x in rows.lines if x.section not in paying), Decimal(0))
    paid = -sum((Decimal(x.amount) for x in rows.lines if x.section in paying), Decimal(0))
    assert Decimal(rows.change) == change
    assert Decimal(rows.paid) == paid
    assert Decimal(rows.opening) + change == paid + Decimal(rows.closing)
    for name in ("opening", "change", "paid", "closing"):
        of_properties = sum((Decimal(getattr(x, name)) for x in rows.properties), Decimal(0))
        assert Decimal(getattr(rows, name)) == of_properties
    assert Decimal(rows.closing) == sum((Decimal(x.closing) for x in rows.ties), Decimal(0))
    assert [line.number for line in rows.lines] == list(range(1, len(rows.lines) + 1))


def held(home: Company, owner: int, on: date) -> str:
    """What the rent trust holds for an owner at the end of a day, from the ledger."""
    who = home.owner_beneficiaries()[owner]
    found = balances(book_id=home.rent_book.pk, on=on).get(who, usd(0))
    return f"{found.amount:.2f}"
