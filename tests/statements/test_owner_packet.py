"""The packet: the statement, a list, and each paper in order; what does not fit is told."""

import io
from datetime import date
from decimal import Decimal

import pikepdf
import pytest
from PIL import Image

from leases import services as leases
from payables import services as payables
from payables.models import Document
from statements.models import OwnerStatement
from statements.owners import packet as packets
from statements.owners.packet import packet
from statements.owners.stored import rows_of
from tests.factories import payables as bills
from tests.factories.desk import person
from tests.factories.leases import Company, property_in
from tests.statements.owner_world import (
    MARCH,
    bill_paid,
    document,
    publish,
    rent_paid,
    thirds,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    made = thirds()
    rent_paid(made, date(2026, 3, 2), "2000.00")
    return made


def a_pdf(pages: int = 1, *, password: str = "") -> bytes:
    """A vendor's bill; each page has a link and a script."""
    out = io.BytesIO()
    with pikepdf.new() as made:
        for number in range(pages):
            page = made.add_blank_page(page_size=(595, 842 + number))
            page.Annots = made.make_indirect(pikepdf.Array([]))
            page.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.JavaScript))
        encryption = pikepdf.Encryption(owner=password, user=password) if password else False
        made.save(out, encryption=encryption, deterministic_id=not password)
    return out.getvalue()


def a_picture(kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (600, 300), "white").save(out, kind)
    return out.getvalue()


def statement_with(home: Company, *bodies: bytes) -> OwnerStatement:
    """A's statement of March with a bill for each file."""
    for number, body in enumerate(bodies):
        paper = document(home, body, f"bill-{number}.pdf")
        bill_paid(home, date(2026, 3, 16), f"{10 + number}.00", paper)
    return publish(home, MARCH, [0])[0]


def test_bills_follow_the_statement_in_the_order_of_its_lines(home: Company) -> None:
    made = statement_with(home, a_pdf(2), a_picture(), a_pdf(1) + b"\n", a_picture("PNG"))
    with pikepdf.open(io.BytesIO(bytes(made.pdf or b""))) as own:
        before = len(own.pages)

    result = packet(made)

    rows = rows_of(made)
    assert [row.number for row in rows.documents] == [1, 2, 3, 4]
    assert [line.documents for line in rows.lines if line.section == "bill"] == [
        (1,), (2,), (3,), (4,)
    ]  # fmt: skip
    first = before + 2  # After the list.
    assert [(each.first_page, each.last_page, each.why_not) for each in result.documents] == [
        (first, first + 1, ""), (first + 2, first + 2, ""), (first + 3, first + 3, ""),
        (first + 4, first + 4, ""),
    ]  # fmt: skip
    with pikepdf.open(io.BytesIO(result.body)) as opened:
        assert len(opened.pages) == first + 4
        assert opened.pages[first - 1].mediabox[3] == 842
        assert opened.pages[first].mediabox[3] == 843
        assert opened.pages[first + 1].mediabox[3] == 792  # A picture on a letter page.
        with opened.open_outline() as outline:
            assert len(outline.root) == 6


def test_nothing_that_runs_comes_along(home: Company) -> None:
    result = packet(statement_with(home, a_pdf()))

    with pikepdf.open(io.BytesIO(result.body)) as opened:
        assert "/AA" not in opened.pages[-1]
        assert "/Annots" not in opened.pages[-1]
        assert "/OpenAction" not in opened.Root


def test_same_statement_gives_the_same_packet(home: Company) -> None:
    made = statement_with(home, a_pdf(), a_picture())

    assert packet(made).body == packet(made).body


def test_what_cannot_be_opened_is_left_out_and_told(home: Company) -> None:
    made = statement_with(
        home, b"%PDF-1.7 rubbish", a_pdf(password="secret"), b"\xff\xd8\xffrubbish", a_pdf()
    )

    result = packet(made)

    assert [each.why_not for each in result.documents] == [
        "it cannot be opened as a PDF",
        "it is locked with a password",
        "it cannot be opened as a picture",
        "",
    ]
    assert len(result.left_out) == 3


def test_a_packet_that_grows_too_large_lists_what_it_leaves_out(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = a_pdf(), a_pdf() + b"\n"
    monkeypatch.setattr(packets, "MOST_BYTES", len(one) + 1)

    result = packet(statement_with(home, one, two))

    assert [bool(each.why_not) for each in result.documents] == [False, True]
    assert "would be larger" in result.documents[1].why_not


def test_a_packet_has_so_many_pages_and_no_more(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "MOST_PAGES", 3)

    result = packet(statement_with(home, a_pdf(2), a_pdf(2) + b"\n", a_pdf(1)))

    assert [bool(each.why_not) for each in result.documents] == [False, True, False]


def test_a_bill_that_names_other_owners_properties_stays_inside(home: Company) -> None:
    other, _ = property_in(home.entity, home.rent_book, home.deposit_book)
    leases.create_agreement(property_=other, from_on=date(2020, 1, 1), fee_rate=Decimal(0))
    bills.fund(other, "500.00")
    paper = document(home, a_pdf())
    shared = bills.bill(
        bills.vendor(home), [(home.property, "30.00"), (other, "30.00")], document_id=paper.pk
    )
    payables.pay_bills(
        entity_id=home.entity.pk, bill_ids=[shared.pk], on=date(2026, 3, 16),
        actor_id=person(entity=home.entity).pk,
    )  # fmt: skip
    (made,) = publish(home, MARCH, [0])

    (row,) = rows_of(made).documents
    assert row.is_shared
    assert packet(made).documents[0].why_not == "it also bills properties of other owners"


def test_a_statement_without_documents_is_a_packet_of_itself(home: Company) -> None:
    result = packet(publish(home, MARCH, [0])[0])

    assert result.documents == []
    assert not Document.objects.exists()
