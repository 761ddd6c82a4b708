"""Checks and letters on paper, and the list that the bank gets of them."""

import csv
import io
import shutil
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from payments import services
from payments.errors import NotPossible
from payments.models import Payment
from payments.services import printing
from payments.services.positive_pay import COLUMNS
from payments.words import amount_in_words
from proptrust.lib.money import from_cents, usd
from tests.factories.desk import person
from tests.factories.ledger import BeneficiaryFactory, held
from tests.factories.payments import ach, new_payment, old_check, payment, trust

LATER = date(2026, 3, 12)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0.07", "Zero and 07/100 dollars"),
        ("1.00", "One and 00/100 dollars"),
        ("19.99", "Nineteen and 99/100 dollars"),
        ("40.00", "Forty and 00/100 dollars"),
        ("100.00", "One hundred and 00/100 dollars"),
        ("1234.56", "One thousand two hundred thirty-four and 56/100 dollars"),
        ("90011.00", "Ninety thousand eleven and 00/100 dollars"),
        (
            "1000000.10",
            "One million and 10/100 dollars",
        ),
        (
            "12345678.90",
            "Twelve million three hundred forty-five thousand six hundred seventy-eight"
            " and 90/100 dollars",
        ),
    ],
)
def test_an_amount_in_words(amount: str, words: str) -> None:
    assert amount_in_words(usd(amount)) == words


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_different_amounts_have_different_words(first: int, second: int) -> None:
    same = amount_in_words(from_cents(first)) == amount_in_words(from_cents(second))
    assert same is (first == second)


def test_an_amount_below_zero_is_no_check() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        amount_in_words(usd("-1.00"))


@pytest.mark.django_db
def test_a_check_says_whom_how_much_and_who_pays_it() -> None:
    book, owner = trust()
    other = BeneficiaryFactory.create(entity=book.entity, name="Oscar Owner, 7 Oak Lane")
    held(book, (other, usd("500.00")))
    paid = services.pay(
        new_payment(
            book,
            "234.56",
            purpose="vendor",
            payee="Péter & Söhne <Plumbing>",
            payee_address="12 Main St\nPhoenix AZ 85001",
            memo="Invoice 4711",
        ),
        claims={owner.pk: usd("200.00"), other.pk: usd("34.56")},
    )
    (check,) = printing.printed([paid])
    page = render_to_string("payments/print_checks.html", {"checks": [check], "title": "One"})

    account = book.bank_account
    assert check.micr == f"C00001001C A021000021A {account.account_number}C"
    assert check.words == "Two hundred thirty-four and 56/100 dollars"
    assert [(row.who, row.amount) for row in check.rows] == [
        ("Olga Owner", usd("200.00")),
        ("Oscar Owner, 7 Oak Lane", usd("34.56")),
    ]
    assert "$ **234.56" in page
    assert "Péter &amp; Söhne &lt;Plumbing&gt;" in page
    assert page.count("Invoice 4711") == 5  # The check's memo, and two rows on each of two stubs.


@pytest.mark.django_db
def test_a_stub_without_room_says_how_much_is_left_out() -> None:
    book, _ = trust("0.00")
    owners = BeneficiaryFactory.create_batch(30, entity=book.entity)
    held(book, *((each, usd("10.00")) for each in owners))
    paid = services.pay(
        new_payment(book, "300.00"), claims={each.pk: usd("10.00") for each in owners}
    )
    (check,) = printing.printed([paid])
    shown = sum((row.amount.amount for row in check.rows), Decimal(0))
    assert (len(check.rows), check.left_out) == (12, 18)
    assert shown + check.left_out_amount.amount == 300


@pytest.mark.django_db
@pytest.mark.layout
def test_checks_are_one_letter_page_each_and_count_as_sent(tmp_path: Path) -> None:
    book, owner = trust()
    paid = [payment(book, owner, f"{n}.00") for n in (1, 2, 3)]
    document = services.print_checks(paid)

    with pikepdf.open(io.BytesIO(document)) as opened:
        sizes = [tuple(map(float, page.mediabox)) for page in opened.pages]
    assert sizes == [(0, 0, 612, 792)] * 3
    states = Payment.objects.values_list("state", flat=True)
    assert list(states) == ["sent"] * 3
    text = text_of(document, tmp_path)
    for number in ("1001", "1002", "1003"):
        assert f"C0000{number}C A021000021A" in text
    assert "Three and 00/100 dollars" in text


@pytest.mark.django_db
def test_what_is_void_or_no_check_is_not_printed() -> None:
    book, owner = trust()
    voided = services.void(payment(book, owner), why="Wrong", on=LATER, actor_id=None)
    for row, said in ((voided, "is void"), (ach(book, owner), "is no check")):
        with pytest.raises(NotPossible, match=said):
            services.print_checks([row])
    with pytest.raises(NotPossible, match="Choose"):
        services.print_checks([])


@pytest.mark.django_db
@pytest.mark.layout
def test_letters_name_the_check_and_the_difference(tmp_path: Path) -> None:
    book, owner = trust()
    stale = old_check(book, owner)
    letter = services.due_diligence_letter(stale, on=LATER, dormancy="Arizona asks after 3 years.")
    text = text_of(letter, tmp_path)
    assert "check 1001 of March 10, 2026 for $100.00, payable to Olga Owner" in text
    assert "Arizona asks after 3 years." in text

    wrong = services.bank_error_letter(stale, on=LATER, paid=usd("118.00"), paid_on=LATER)
    assert "$18.00 too much" in text_of(wrong, tmp_path)


@pytest.mark.django_db
def test_positive_pay_lists_each_check_once_with_what_must_not_be_paid() -> None:
    book, owner = trust()
    actor = person(entity=book.entity)
    payment(book, owner, "1.50")
    services.void(
        payment(book, owner, payee="=cmd()"), why="Wrong", on=date(2026, 4, 1), actor_id=None
    )
    ach(book, owner)
    payment(book, owner, dated_on=date(2026, 5, 1))
    services.explain_gap(book, first=900, last=900, why="Spoiled", actor=actor)
    account = book.bank_account.account_number

    def rows(since: date, until: date) -> list[list[str]]:
        text = services.positive_pay(book, since=since, until=until).decode()
        head, *found = csv.reader(io.StringIO(text))
        assert tuple(head) == COLUMNS
        return found

    assert rows(date(2026, 3, 1), date(2026, 3, 31)) == [
        [account, "1001", "1.50", "03/10/2026", "Olga Owner", ""],
        [account, "1002", "100.00", "03/10/2026", "'=cmd()", "V"],
    ]
    assert [row[1] for row in rows(date(2026, 4, 1), date(2026, 4, 30))] == ["1002"]
    assert [row[1] for row in rows(date(2026, 5, 1), date(2100, 1, 1))] == ["1003", "900"]


def text_of(document: bytes, folder: Path) -> str:
    """The text of a PDF, with its lines joined; skips where the system cannot read it."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not on this system")
    path = folder / "document.pdf"
    path.write_bytes(document)
    out = subprocess.run([tool, path, "-"], capture_output=True, text=True, check=True)
    return " ".join(out.stdout.split())
