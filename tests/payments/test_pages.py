"""Pages of money out: what they show, what their forms do, and who may not see them."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Request
from desk.errors import Refused
from desk.models import Approval, AuditEvent, Role
from desk.services import decide
from ledger.models import Beneficiary, Book
from ledger.queries import balance
from payments import services
from payments.models import CheckStock, Payment
from payments.services import approvals
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from tests.factories.desk import person
from tests.factories.payments import A_BANK, ach, old_check, payment, trust
from tests.payments.test_files import a_bank, written

pytestmark = pytest.mark.django_db
LATER = date(2026, 3, 12)
Paying = tuple[Book, Beneficiary]


@pytest.fixture
def paying() -> Paying:
    return trust("100000.00")


def signed_in(book: Book, role: str = Role.BOOKKEEPER) -> Client:
    client = Client()
    client.force_login(person(role, book.entity))
    return client


def page(client: Client, name: str, *args: int, **query: str | int) -> str:
    answer = client.get(reverse(f"payments:{name}", args=args), query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def post(client: Client, name: str, *args: int, **facts: object) -> str:
    """Post a form and follow it; the messages of the page it leads to."""
    answer = client.post(reverse(f"payments:{name}", args=args), facts, follow=True)
    assert answer.status_code == 200, answer.status_code
    return " ".join(str(each) for each in answer.context["messages"])


def test_list_is_filtered_by_everything_that_is_offered(paying: Paying) -> None:
    book, owner = paying
    client = signed_in(book)
    payment(book, owner, "1.00", payee="Ann Able")
    ach(book, owner, "2.00", payee="Bob Baker", purpose="vendor", payee_code="V-7")
    voided = payment(book, owner, "3.00", payee="Cid Cole")
    services.void(voided, why="Wrong", on=LATER, actor_id=None)

    def shown(**query: str | int) -> list[str]:
        text = page(client, "list", **query)
        return [name for name in ("Ann Able", "Bob Baker", "Cid Cole") if name in text]

    assert shown() == ["Ann Able", "Bob Baker", "Cid Cole"]
    assert shown(q="01002") == ["Cid Cole"]
    assert shown(q="v-7") == shown(purpose="vendor") == shown(method="ach") == ["Bob Baker"]
    assert shown(state="void") == ["Cid Cole"]
    assert shown(book=book.pk, q="able") == ["Ann Able"]
    assert shown(book=999_999) == ["Ann Able", "Bob Baker", "Cid Cole"]
    assert "No payment fits" in page(client, "list", q="nobody")


def test_a_list_of_a_hundred_takes_as_many_queries_as_one_of_two(paying: Paying) -> None:
    book, owner = paying
    client = signed_in(book)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            page(client, "list")
        return len(seen)

    for _ in range(2):
        payment(book, owner, "1.00")
    queries()
    few = queries()
    for _ in range(60):
        payment(book, owner, "1.00")
    assert queries() == few


def test_a_payment_shows_who_paid_it_and_what_became_of_it(paying: Paying) -> None:
    book, owner = paying
    client = signed_in(book)
    paid = ach(book, owner, payee_address="12 Main St\nPhoenix")
    services.come_back(paid, code="R03", on=LATER, reason="No account")
    again = services.reissue(paid, on=LATER, method="check", key="again", actor_id=None)
    text = page(client, "payment", paid.pk)
    for said in ("Olga Owner", "12 Main St", "R03", "No account", "Check 1001", "021000021"):
        assert said in text
    assert A_BANK["account_number"] not in text
    assert "6789" in text
    assert reverse("payments:payment", args=[again.pk]) in text


def test_every_page_and_form_is_closed_to_other_companies(paying: Paying) -> None:
    book, owner = paying
    paid = old_check(book, owner)
    request, _ = written(book, [ach(book, owner)])
    stranger = signed_in(trust()[0])
    assert "Olga Owner" not in page(stranger, "list")
    assert book.name not in page(stranger, "stock")
    for name in ("payment", "letter"):
        assert stranger.get(reverse(f"payments:{name}", args=[paid.pk])).status_code == 404
    for name in ("change", "unclaimed"):
        assert stranger.post(reverse(f"payments:{name}", args=[paid.pk])).status_code == 404
    assert stranger.get(reverse("payments:file", args=[request.pk])).status_code == 404
    for name in ("hand_over", "withdraw"):
        assert stranger.post(reverse(f"payments:{name}", args=[request.pk])).status_code == 404
    assert "Choose" in post(stranger, "print", payment=paid.pk)
    assert "no check number" in post(stranger, "set_stock", book=book.pk, next_number=7)
    assert "what became" in post(stranger, "explain_gap", book=book.pk, first=1, last=2, why="Mine")
    answer = stranger.get(
        reverse("payments:positive_pay"),
        {"book": str(book.pk), "since": "2026-01-01", "until": "2026-12-31"},
    )
    assert answer.status_code == 302
    paid.refresh_from_db()
    assert paid.state == "stale"
    assert CheckStock.objects.get(book=book).next_number == 1002


@pytest.mark.parametrize(
    ("role", "may_read"), [(Role.PROPERTY_MANAGER, True), (Role.REGULATOR, False)]
)
def test_who_may_not_post_reads_at_most(paying: Paying, role: str, may_read: bool) -> None:
    book, owner = paying
    paid = payment(book, owner)
    client = signed_in(book, role)
    answer = client.get(reverse("payments:list"))
    assert answer.status_code == (200 if may_read else 403)
    if may_read:
        assert "Print the chosen" not in answer.content.decode()
        assert "Take it back" not in page(client, "payment", paid.pk)
    for name, args in (("print", []), ("change", [paid.pk]), ("set_stock", [])):
        assert client.post(reverse(f"payments:{name}", args=args)).status_code == 403
    assert client.get(reverse("payments:positive_pay")).status_code == 403


def test_a_visitor_signs_in_first(paying: Paying) -> None:
    assert Client().get(reverse("payments:list")).status_code == 302


@pytest.mark.layout
def test_chosen_checks_are_printed_and_downloaded(paying: Paying) -> None:
    book, owner = paying
    paid = payment(book, owner)
    answer = signed_in(book).post(reverse("payments:print"), {"payment": [paid.pk, "x", "-1"]})
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    paid.refresh_from_db()
    assert paid.state == "sent"
    assert AuditEvent.objects.filter(verb="print check", subject_id=paid.pk).exists()


def test_a_file_is_written_downloaded_handed_over(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), ach(book, owner)
    bank = a_bank(book)
    day = add_banking_days(timezone.localdate(), 2)
    facts = {"payment": paid.pk, "connection": bank.pk, "effective_on": day.isoformat()}
    assert "Written: ach_nacha" in post(client, "write_files", **facts)
    assert "does not wait" in post(client, "write_files", **facts)
    request = Request.objects.get()
    body = client.get(reverse("payments:file", args=[request.pk]))
    assert isinstance(body, HttpResponse)
    assert body.content.startswith(b"101")
    assert "is at the bank" in post(client, "hand_over", request.pk)
    assert "given to the bank already" in post(client, "withdraw", request.pk, why="Late")
    paid.refresh_from_db()
    assert paid.state == "sent"


def test_a_file_is_withdrawn_with_a_reason(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), ach(book, owner)
    request, _ = written(book, [paid])
    assert "Say why" in post(client, "withdraw", request.pk)
    assert "1 payments wait again" in post(client, "withdraw", request.pk, why="Wrong day")
    paid.refresh_from_db()
    assert paid.request is None


def test_a_day_on_which_banks_are_closed_settles_nothing(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), ach(book, owner)
    sunday = timezone.localdate() + timedelta(days=6 - timezone.localdate().weekday())
    said = post(
        client,
        "write_files",
        payment=paid.pk,
        connection=a_bank(book).pk,
        effective_on=sunday.isoformat(),
    )
    assert "Banks are closed" in said
    assert "Choose the payments" in post(
        client,
        "write_files",
        connection=paid.book.connections.get().pk,
        effective_on=add_banking_days(timezone.localdate(), 2).isoformat(),
    )


def test_a_small_payment_is_voided_at_once(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), payment(book, owner, "2500.00")
    assert "is void" in post(client, "change", paid.pk, how="void", why="Misprinted")
    assert "This field is required" in post(client, "change", paid.pk, how="check")
    assert "not one of the available" in post(client, "change", paid.pk, how="void", why="x")
    said = post(client, "change", paid.pk, how="check", why="Printed again")
    assert "Check 1002 to Olga Owner is issued" in said
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("97500.00")


def test_a_large_payment_waits_for_a_second_person(paying: Paying) -> None:
    book, owner = paying
    maker, checker = person(entity=book.entity), person(entity=book.entity)
    client = Client()
    client.force_login(maker)
    paid = payment(book, owner, "2500.01")
    assert "second person" in post(client, "change", paid.pk, how="void", why="Lost")
    assert "second person" in post(client, "change", paid.pk, how="void", why="Lost")
    waiting = Approval.objects.get()
    assert "Void Check 1001 to Olga Owner of 2,500.01" in waiting.text
    assert waiting.text in page(client, "payment", paid.pk)
    paid.refresh_from_db()
    assert paid.state == "issued"
    with pytest.raises(Refused):
        decide(waiting, is_agreed=True, checker=maker)
    decide(waiting, is_agreed=True, checker=checker)
    paid.refresh_from_db()
    assert (paid.state, paid.reason) == ("void", "Lost")


def test_other_bank_data_always_need_a_second_person_and_stay_secret(paying: Paying) -> None:
    book, owner = paying
    maker, checker = person(entity=book.entity), person(entity=book.entity)
    client = Client()
    client.force_login(maker)
    paid = ach(book, owner, "10.00")
    services.come_back(paid, code="R03", on=LATER)
    facts = {"how": "ach", "why": "Called the owner", "routing_number": "021000021"}
    assert "no bank account" in post(client, "change", paid.pk, **facts)
    assert "second person" in post(
        client, "change", paid.pk, **facts, account_number="555444333", is_savings="on"
    )
    waiting = Approval.objects.get()
    assert "555444333" not in f"{waiting.text} {waiting.facts}"
    assert "4333" in waiting.text
    decide(waiting, is_agreed=True, checker=checker)
    again = Payment.objects.get(replaces=paid)
    assert (again.account_number, again.is_savings) == ("555444333", True)
    assert again.method == "ach"


def test_an_approval_that_comes_too_late_is_refused(paying: Paying) -> None:
    book, owner = paying
    maker, checker = person(entity=book.entity), person(entity=book.entity)
    paid = payment(book, owner, "5000.00")
    asked = services.change(paid, how="void", why="Lost", on=LATER, actor=maker)
    assert isinstance(asked, Approval)
    services.clear([paid.pk], on=LATER)
    with pytest.raises(Refused, match="has cleared"):
        decide(asked, is_agreed=True, checker=checker)
    asked.refresh_from_db()
    assert asked.state == "waiting"


def test_a_refusal_leaves_the_payment_and_it_can_be_asked_again(paying: Paying) -> None:
    book, owner = paying
    maker, checker = person(entity=book.entity), person(entity=book.entity)
    paid = payment(book, owner, "5000.00")
    first = services.change(paid, how="void", why="Lost", on=LATER, actor=maker)
    assert isinstance(first, Approval)
    decide(first, is_agreed=False, checker=checker, reason="Ask the owner first")
    second = services.change(paid, how="void", why="Asked", on=LATER, actor=maker)
    assert isinstance(second, Approval)
    assert second.pk != first.pk
    assert approvals.waiting_for(paid) == second


def test_numbers_of_checks_are_set_and_gaps_explained(paying: Paying) -> None:
    book, _ = paying
    client = signed_in(book)
    assert "next check 1010" in post(client, "set_stock", book=book.pk, next_number=1010)
    text = page(client, "stock")
    assert "1001 to 1009" in text
    said = post(client, "explain_gap", book=book.pk, first=1001, last=1009, why="Burnt")
    assert "9 check numbers are explained" in said
    assert "1001 to 1009" not in page(client, "stock")
    assert "no check number" in post(client, "set_stock", book=book.pk, next_number=0)


def test_positive_pay_is_a_download_that_the_audit_trail_knows(paying: Paying) -> None:
    book, owner = paying
    payment(book, owner)
    client = signed_in(book)
    answer = client.get(
        reverse("payments:positive_pay"),
        {"book": str(book.pk), "since": "2026-03-01", "until": "2026-03-31"},
    )
    assert answer["Content-Type"].startswith("text/csv")
    assert b",1001,100.00,03/10/2026,Olga Owner," in answer.content
    assert AuditEvent.objects.filter(verb="download positive pay").count() == 1


@pytest.mark.layout
def test_a_stale_check_offers_a_letter_and_a_place_for_its_money(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), old_check(book, owner)
    text = page(client, "payment", paid.pk)
    assert "Nobody has cashed it" in text
    assert "not known here" in text or "months" in text
    letter = client.get(reverse("payments:letter", args=[paid.pk]))
    assert letter.content.startswith(b"%PDF")
    assert "kept as unclaimed" in post(client, "unclaimed", paid.pk)
    assert "only a stale check" in post(client, "unclaimed", payment(book, owner).pk)


def test_pages_have_no_inline_script_or_style(paying: Paying) -> None:
    book, owner = paying
    client, paid = signed_in(book), old_check(book, owner)
    for text in (
        page(client, "list"),
        page(client, "payment", paid.pk),
        page(client, "stock"),
    ):
        main = text[text.index('<div class="page') :]
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", main)
