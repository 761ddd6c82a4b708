"""The pages of the books: what they show, to whom, and with how many queries."""

import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.models import AuditEvent, LegalEntity, Role, User
from ledger import browsing, queries
from ledger.admin import neutral
from ledger.browsing import JournalFilter, Place
from ledger.models import BankAccount, Beneficiary, Book, Entry, Period
from ledger.services import close_period, open_period, post
from ledger.services import reverse as reverse_entry
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import usd
from tests.factories.desk import LegalEntityFactory, person
from tests.factories.ledger import (
    A_DAY,
    BankAccountFactory,
    BeneficiaryFactory,
    BookFactory,
    a_payment,
    a_receipt,
    held,
    standard_chart,
)

pytestmark = pytest.mark.django_db
NUMBER = "4001234821"
MAX_QUERIES = 14


@pytest.fixture
def company(db: None) -> LegalEntity:
    return LegalEntityFactory.create(name="Saguaro Property Management")


@pytest.fixture
def trust(company: LegalEntity) -> Book:
    """A trust book of the company with its bank account."""
    book = BookFactory.create(entity=company, name="Rent trust AZ")
    BankAccountFactory.create(book=book, account_number=NUMBER)
    return book


@pytest.fixture
def owner(company: LegalEntity) -> Beneficiary:
    return BeneficiaryFactory.create(entity=company, name="Rosa Garcia")


@pytest.fixture
def browser(company: LegalEntity) -> Client:
    """A bookkeeper's browser."""
    return client_of(person(entity=company, first_name="Ann", last_name="Keller"))


@pytest.fixture
def administrator(company: LegalEntity) -> Client:
    return client_of(person(Role.ADMINISTRATOR, company))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(answer: Any) -> str:
    """What a page says, without its tags."""
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def numbers(answer: Any) -> list[int]:
    """The numbers of the entries that a page links to, each once, in their order."""
    found = re.findall(r"/admin/ledger/entry/(\d+)/change/", answer.content.decode())
    return list(dict.fromkeys(int(number) for number in found))


def receipts(book: Book, owner: Beneficiary, count: int, first: date = A_DAY) -> list[Entry]:
    """Receipts of 1.00, 2.00, 3.00 … on one day after the other."""
    return [
        held(book, (owner, usd(n)), dated_on=first + timedelta(days=n - 1))
        for n in range(1, count + 1)
    ]


def pages_of(book: Book, owner: Beneficiary, entry: Entry, period: Period) -> dict[str, str]:
    """An address of every page."""
    names = {
        "journal": ("entry_changelist", None),
        "entry": ("entry_change", entry.pk),
        "books": ("book_changelist", None),
        "book": ("book_change", book.pk),
        "beneficiaries": ("beneficiary_changelist", None),
        "card": ("beneficiary_change", owner.pk),
        "csv": ("beneficiary_csv", owner.pk),
        "periods": ("period_changelist", None),
        "period": ("period_change", period.pk),
        "bank accounts": ("bankaccount_changelist", None),
        "bank account": ("bankaccount_change", BankAccount.objects.get(book=book).pk),
    }
    return {
        page: reverse(f"admin:ledger_{name}", args=[pk] if pk else [])
        for page, (name, pk) in names.items()
    }


@pytest.fixture
def pages(trust: Book, owner: Beneficiary) -> dict[str, str]:
    entry = held(trust, (owner, usd("1840.00")))
    return pages_of(trust, owner, entry, open_period(book_id=trust.pk, first_on=date(2026, 3, 1)))


# --- Who sees what ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.BOOKKEEPER, Role.PROPERTY_MANAGER, Role.ADMINISTRATOR])
def test_who_reads_books_opens_every_page(
    role: str, company: LegalEntity, pages: dict[str, str]
) -> None:
    client = client_of(person(role, company))

    assert {page: client.get(url).status_code for page, url in pages.items()} == dict.fromkeys(
        pages, 200
    )


def test_a_regulator_opens_none_of_them(company: LegalEntity, pages: dict[str, str]) -> None:
    client = client_of(person(Role.REGULATOR, company))

    assert {page: client.get(url).status_code for page, url in pages.items()} == dict.fromkeys(
        pages, 403
    )
    assert "/admin/ledger/" not in client.get("/admin/").content.decode()


def test_a_bookkeeper_of_another_company_finds_nothing(pages: dict[str, str]) -> None:
    client = client_of(person())

    for page in ("entry", "book", "card", "csv", "period"):
        assert client.get(pages[page]).status_code == 404
    assert client.get(pages["bank account"]).status_code == 302  # Django's "does not exist".
    for page in ("journal", "books", "beneficiaries", "periods", "bank accounts"):
        shown = text_of(client.get(pages[page]))
        assert "Rent trust AZ" not in shown
        assert "Rosa Garcia" not in shown


def test_a_book_of_another_company_is_no_filter(trust: Book, pages: dict[str, str]) -> None:
    client = client_of(person())

    shown = text_of(client.get(pages["journal"], {"book": trust.pk}))

    assert "Select a valid choice" in shown
    assert "Rent trust AZ" not in shown


@pytest.mark.parametrize("object_id", ["x", "99999999999999999999999", "0", "²"])
def test_an_address_that_names_nothing_is_not_found(browser: Client, object_id: str) -> None:
    for model in ("entry", "book", "beneficiary", "period"):
        assert browser.get(f"/admin/ledger/{model}/{object_id}/change/").status_code == 404


def test_nobody_adds_or_deletes_rows_by_hand(
    administrator: Client, browser: Client, pages: dict[str, str]
) -> None:
    for client in (administrator, browser):
        for model in ("entry", "book", "beneficiary", "period", "bankaccount"):
            assert client.post(f"/admin/ledger/{model}/add/", {}).status_code == 403
        for page in ("entry", "book", "card", "period", "bank account"):
            url = pages[page].replace("/change/", "/delete/")
            assert client.post(url, {"post": "yes"}).status_code == 403


# --- The journal ------------------------------------------------------------------------------


def test_the_journal_shows_the_newest_day_first(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    late, early = (
        held(trust, (owner, usd(5)), dated_on=date(2026, 3, 9)),
        held(trust, (owner, usd(5)), dated_on=date(2026, 3, 2)),
    )
    last = held(trust, (owner, usd(5)), dated_on=date(2026, 3, 9))

    assert numbers(browser.get("/admin/ledger/entry/")) == [last.pk, late.pk, early.pk]


def test_older_and_newer_pages_show_each_entry_once(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    posted = [entry.pk for entry in receipts(trust, owner, 120)]

    seen: list[list[int]] = []
    answer = browser.get("/admin/ledger/entry/")
    while True:
        seen.append(numbers(answer))
        if not answer.context["older"]:
            break
        answer = browser.get(f"/admin/ledger/entry/{answer.context['older']}")

    assert [len(page) for page in seen] == [50, 50, 20]
    assert [number for page in seen for number in page] == posted[::-1]
    back = browser.get(f"/admin/ledger/entry/{answer.context['newer']}")
    assert numbers(back) == seen[1]
    first = browser.get(f"/admin/ledger/entry/{back.context['newer']}")
    assert numbers(first) == seen[0]


def test_the_amount_moved_is_that_of_one_book_not_the_sum_over_books(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    home = BookFactory.create(entity=company, kind="property", name="12 Alder Street")
    rent, accounts = usd("1840.00"), standard_chart(trust)
    post(
        NewEntry(
            company.pk,
            "receipt:7",
            "receipt",
            A_DAY,
            "Rent",
            [
                NewLine(trust.pk, accounts.bank, rent),
                NewLine(trust.pk, accounts.claims, -rent, owner.pk),
                NewLine(home.pk, accounts.held, rent),
                NewLine(home.pk, accounts.receivable, -rent),
            ],
        )
    )

    (row,) = browser.get("/admin/ledger/entry/").context["rows"]

    assert row.moved == rent
    assert row.books == ["Rent trust AZ", "12 Alder Street"]
    assert len(numbers(browser.get("/admin/ledger/entry/", {"book": home.pk}))) == 1


def test_filters_by_kind_book_and_days(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    other = BookFactory.create(entity=company, name="Deposits")
    first, second, third = receipts(trust, owner, 3)
    elsewhere = held(other, (owner, usd(9)), dated_on=A_DAY)
    paid = post(a_payment(trust, (owner, usd(1)), dated_on=date(2026, 3, 20)))

    def found(**query: str | int) -> list[int]:
        return numbers(browser.get("/admin/ledger/entry/", query))

    assert found(kind="disbursement") == [paid.pk]
    assert found(book=other.pk) == [elsewhere.pk]
    assert found(book=trust.pk, kind="receipt") == [third.pk, second.pk, first.pk]
    assert found(from_on="2026-03-11", to_on="2026-03-12") == [third.pk, second.pk]


def test_search_by_memo_key_number_and_exact_amount(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    one = post(a_receipt(trust, (owner, usd("1234.56")), key="receipt:812"))
    two = post(a_receipt(trust, (owner, usd("99.00")), key="receipt:8123"))
    paid = post(a_payment(trust, (owner, usd("12.00")), kind="vendor_payment"))

    def found(text: str) -> list[int]:
        return numbers(browser.get("/admin/ledger/entry/", {"q": text}))

    assert found("receipt:812") == [one.pk]  # A whole key is that entry alone.
    assert found("eipt:8") == [two.pk, one.pk]
    assert found(f"#{two.pk}") == [two.pk]
    assert found("vendor pay") == [paid.pk]
    for written in ("1234.56", "1,234.56", "$1,234.56", "-1234.56"):
        assert found(written) == [one.pk]
    assert found("99") == [two.pk]
    assert found("100%") == []
    assert found("receipt_812") == []  # No sign is a wildcard.


def test_an_amount_is_found_by_the_sum_that_the_list_shows(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    accounts = standard_chart(trust)
    tenant = BeneficiaryFactory.create(entity=company, kind="prepaid")
    entry = post(
        NewEntry(
            company.pk, "two", "receipt", A_DAY, "Two ways",
            [
                NewLine(trust.pk, accounts.bank, usd("30.00")),
                NewLine(trust.pk, accounts.undeposited, usd("12.00")),
                NewLine(trust.pk, accounts.claims, usd("-22.00"), owner.pk),
                NewLine(trust.pk, accounts.claims, usd("-20.00"), tenant.pk),
            ],
        )
    )  # fmt: skip

    for amount in ("42.00", "12", "20"):
        assert numbers(browser.get("/admin/ledger/entry/", {"q": amount})) == [entry.pk]
    assert numbers(browser.get("/admin/ledger/entry/", {"q": "41.00"})) == []


def test_a_search_without_index_stops_after_a_stretch_and_goes_on_from_there(
    browser: Client, trust: Book, owner: Beneficiary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "STRETCH", 10)
    wanted = post(a_payment(trust, (owner, usd(1)), kind="return", dated_on=date(2026, 3, 1)))
    receipts(trust, owner, 25, first=date(2026, 3, 2))

    answer = browser.get("/admin/ledger/entry/", {"kind": "return"})
    assert "Nothing found among 10 entries" in text_of(answer)
    steps = 1
    while answer.context["looked_to"]:
        answer = browser.get(f"/admin/ledger/entry/{answer.context['older']}")
        steps += 1

    assert numbers(answer) == [wanted.pk]
    assert steps == 3


@pytest.mark.parametrize("query", ["from_on=x", "before=yesterday", "after=2026-01-01_x", "kind=?"])
def test_an_address_that_is_not_whole_says_so(browser: Client, query: str) -> None:
    answer = browser.get(f"/admin/ledger/entry/?{query}")

    assert answer.status_code == 200
    assert 'class="field-error"' in answer.content.decode()


def test_a_place_survives_its_way_through_an_address() -> None:
    place = Place(date(2026, 3, 10), 812)
    assert Place.read(str(place)) == place
    with pytest.raises(ValueError, match="no place"):
        Place.read("2026-03-10")


def test_places_of_several_companies_are_merged_by_day(trust: Book, owner: Beneficiary) -> None:
    other = BookFactory.create()
    stranger = BeneficiaryFactory.create(entity=other.entity)
    mine = receipts(trust, owner, 40)
    theirs = receipts(other, stranger, 40)

    found = browsing.journal_page(JournalFilter([trust.entity_id, other.entity_id]))
    rest = browsing.journal_page(
        JournalFilter([trust.entity_id, other.entity_id]), before=found.older
    )

    shown = [row.entry for page in (found, rest) for row in page.rows]
    assert {entry.pk for entry in shown} == {entry.pk for entry in [*mine, *theirs]}
    assert [e.dated_on for e in shown] == sorted((e.dated_on for e in shown), reverse=True)


def test_a_page_of_the_journal_takes_as_many_queries_for_fifty_entries_as_for_one(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    def count(**query: str | int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            browser.get("/admin/ledger/entry/", query)
        assert not any("count(*)" in each["sql"].lower() for each in captured)
        return len(captured)

    first = held(trust, (owner, usd(1)))
    few = count()
    receipts(trust, owner, 60)
    reverse_entry(entry_id=first.pk, key="undo", dated_on=A_DAY, memo="Entered twice")

    assert count() == few <= MAX_QUERIES
    assert count(q="receipt", kind="receipt", book=trust.pk) <= MAX_QUERIES + 2


# --- An entry ---------------------------------------------------------------------------------


def test_an_entry_shows_its_lines_in_two_columns_with_totals(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    entry = post(a_receipt(trust, (owner, usd("1840.00")), key="receipt:7"))

    answer = browser.get(f"/admin/ledger/entry/{entry.pk}/change/")
    (book,) = answer.context["books"]

    assert [(row.debit, row.credit) for row in book.lines] == [
        (usd("1840.00"), None),
        (None, usd("1840.00")),
    ]
    assert (book.debits, book.credits) == (usd("1840.00"), usd("1840.00"))
    shown = text_of(answer)
    assert entry.digest in shown
    assert "receipt:7" in shown
    assert "the system" in shown
    assert "−" not in shown


def test_a_reversal_and_its_entry_link_to_each_other(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    ann = person(entity=company, first_name="Ann", last_name="Keller")
    entry = held(trust, (owner, usd(5)))
    undone = reverse_entry(
        entry_id=entry.pk, key="undo", dated_on=A_DAY, memo="Entered twice", posted_by_id=ann.pk
    )

    before = browser.get(f"/admin/ledger/entry/{entry.pk}/change/")
    after = browser.get(f"/admin/ledger/entry/{undone.pk}/change/")

    assert numbers(before) == [undone.pk]
    assert "Reversed on Mar 10, 2026 by entry" in text_of(before)
    assert numbers(after) == [entry.pk]
    assert "Ann Keller" in text_of(after)
    shown = text_of(browser.get("/admin/ledger/entry/"))
    assert f"Reverses {entry.pk}" in shown
    assert f"Reversed by {undone.pk}" in shown


# --- Books ------------------------------------------------------------------------------------


def test_books_show_both_sides_and_the_masked_number(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 4)
    manager = BeneficiaryFactory.create(entity=trust.entity, kind="company")
    post(a_payment(trust, (manager, usd("2.50")), kind="bank_fee"))

    answer = browser.get("/admin/ledger/book/")
    ((book, sides),) = answer.context["trust"]

    assert book == trust
    assert sides == queries.trust_equation(trust.pk)
    assert (sides.cash, sides.overdrawn, sides.difference) == (usd("7.50"), usd("-2.50"), usd(0))
    assert "···4821" in text_of(answer)
    assert NUMBER not in answer.content.decode()


def test_more_books_take_no_more_queries(browser: Client, trust: Book, owner: Beneficiary) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get("/admin/ledger/book/")
        return len(captured)

    held(trust, (owner, usd(1)))
    few = count()
    for _ in range(5):
        book = BankAccountFactory.create(book__entity=trust.entity).book
        held(book, (owner, usd(1)))
        BookFactory.create(entity=trust.entity, kind="property")

    assert count() == few <= MAX_QUERIES


def test_a_book_shows_the_balance_of_each_account(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 3)

    trial = browser.get(f"/admin/ledger/book/{trust.pk}/change/").context["trial"]

    assert [(each.code, each.debit, each.credit) for each in trial.accounts] == [
        ("1000", usd("6.00"), None),
        ("2000", None, usd("6.00")),
    ]
    assert trial.debits == trial.credits == usd("6.00")


# --- Beneficiaries ----------------------------------------------------------------------------


def test_beneficiaries_show_what_each_book_holds_in_one_query_for_all(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get("/admin/ledger/beneficiary/")
        return len(captured)

    deposits = BookFactory.create(entity=trust.entity, name="Deposits")
    held(trust, (owner, usd("12.00")))
    few = count()
    held(deposits, (owner, usd("3.00")))
    for _ in range(20):
        held(trust, (BeneficiaryFactory.create(entity=trust.entity), usd(1)))

    assert count() == few <= MAX_QUERIES
    rows = dict(browser.get("/admin/ledger/beneficiary/").context["rows"])
    assert [(each.book, each.held) for each in rows[owner]] == [
        ("Deposits", usd("3.00")),
        ("Rent trust AZ", usd("12.00")),
    ]


def test_who_is_overdrawn_comes_first_or_alone(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    zed = BeneficiaryFactory.create(entity=trust.entity, name="Zed", kind="company")
    held(trust, (owner, usd(5)))
    post(a_payment(trust, (zed, usd(2)), kind="bank_fee"))

    def names(**query: str | int) -> list[str]:
        rows = browser.get("/admin/ledger/beneficiary/", query).context["rows"]
        return [row.name for row, _ in rows]

    assert names() == ["Rosa Garcia", "Zed"]
    assert names(show="negative") == ["Zed", "Rosa Garcia"]
    assert names(show="overdrawn") == ["Zed"]
    assert names(kind="owner") == ["Rosa Garcia"]
    assert names(q="zed") == ["Zed"]
    assert names(book=BookFactory.create(entity=trust.entity).pk) == []


def test_a_card_runs_through_every_line_to_the_balance_of_the_ledger(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 70)
    post(a_payment(trust, (owner, usd("100.00")), dated_on=A_DAY + timedelta(days=50)))
    url = f"/admin/ledger/beneficiary/{owner.pk}/change/"

    newest = browser.get(url).context
    oldest = browser.get(f"{url}{newest['older']}").context

    lines = [*oldest["card"].lines, *newest["card"].lines]
    assert len(lines) == 71
    assert oldest["card"].opening == usd(0)
    assert oldest["older"] == ""
    assert oldest["card"].closing == newest["card"].opening
    running = usd(0)
    for line in lines:
        running += (line.credit or usd(0)) - (line.debit or usd(0))
        assert line.held == running
    assert running == usd("2385.00")
    assert newest["card"].closing == running
    assert running == queries.balance(book_id=trust.pk, beneficiary_id=owner.pk)
    back = browser.get(f"{url}{oldest['newer']}").context
    assert back["card"].lines == newest["card"].lines


def test_a_card_of_some_days_begins_with_what_was_held_before(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 10)
    url = f"/admin/ledger/beneficiary/{owner.pk}/change/"

    card = browser.get(url, {"from_on": "2026-03-13", "to_on": "2026-03-14"}).context["card"]
    assert (card.opening, card.closing) == (usd(6), usd(15))
    assert [line.credit for line in card.lines] == [usd(4), usd(5)]

    empty = browser.get(url, {"from_on": "2026-05-01"}).context["card"]
    assert (empty.opening, list(empty.lines), empty.closing) == (usd(55), [], usd(55))
    early = browser.get(url, {"to_on": "2026-03-01"}).context["card"]
    assert (early.opening, early.closing) == (usd(0), usd(0))


def test_lines_of_one_day_keep_their_order_over_pages(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    for n in range(1, 121):
        held(trust, (owner, usd(n)))
    url = f"/admin/ledger/beneficiary/{owner.pk}/change/"

    answer = browser.get(url)
    amounts: list[Decimal] = []
    while True:
        amounts = [line.credit.amount for line in answer.context["card"].lines] + amounts
        if not answer.context["older"]:
            break
        answer = browser.get(f"{url}{answer.context['older']}")

    assert amounts == [Decimal(n) for n in range(1, 121)]


def test_a_card_of_a_book_that_holds_nothing_for_them_is_not_found(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    assert (
        browser.get(f"/admin/ledger/beneficiary/{owner.pk}/change/?book={trust.pk}").status_code
        == 404
    )
    shown = text_of(browser.get(f"/admin/ledger/beneficiary/{owner.pk}/change/"))
    assert "Nothing was ever posted for this beneficiary." in shown


def test_the_csv_has_every_line_and_no_cell_is_a_formula(
    browser: Client, company: LegalEntity, trust: Book
) -> None:
    evil = BeneficiaryFactory.create(entity=company, name='=HYPERLINK("http://x")')
    receipts(trust, evil, 60)
    post(a_payment(trust, (evil, usd("2000.00")), kind="return", dated_on=date(2026, 6, 1)))

    answer = browser.get(f"/admin/ledger/beneficiary/{evil.pk}/card.csv?book={trust.pk}")
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(body)))

    assert answer["Content-Disposition"].startswith('attachment; filename="')
    assert len(rows) == 61
    assert rows[0]["beneficiary"] == '\'=HYPERLINK("http://x")'
    assert (rows[-1]["debit"], rows[-1]["credit"], rows[-1]["held"]) == ("2000.00", "", "-170.00")
    some = browser.get(
        f"/admin/ledger/beneficiary/{evil.pk}/card.csv?book={trust.pk}&from_on=2026-03-12&to_on=2026-03-12"
    )
    (line,) = csv.DictReader(io.StringIO(b"".join(some.streaming_content).decode()))  # type: ignore[attr-defined]
    assert (line["credit"], line["held"]) == ("3.00", "6.00")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", " ="])
def test_text_that_could_be_a_formula_gets_an_apostrophe(begin: str) -> None:
    assert neutral(f"{begin}1+1") == f"'{begin}1+1"
    assert neutral("Rent, March") == "Rent, March"


# --- Periods ----------------------------------------------------------------------------------


def test_a_bookkeeper_sees_what_is_fixed_then_closes_the_month(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 3)
    url = reverse("admin:ledger_book_close", args=[trust.pk])

    asked = browser.get(url)
    assert "Close March 2026" in text_of(asked)
    assert (asked.context["closing"].entries, asked.context["closing"].lines) == (3, 6)
    assert asked.context["closing"].debits == usd("6.00")
    assert asked.context["closing"].equation.held == usd("6.00")
    assert not Period.objects.exists()

    answer = browser.post(url, {"first_on": "2026-03-01"}, follow=True)

    period = Period.objects.get()
    assert period.closed_by is not None
    assert period.closed_by.get_full_name() == "Ann Keller"
    assert f"is closed; its digest begins with {period.digest[:12]}" in text_of(answer)
    event = AuditEvent.objects.get(verb="close period")
    assert (event.entity_id, event.facts["digest"]) == (trust.entity_id, period.digest)


def test_closing_what_was_closed_meanwhile_says_so_and_closes_nothing_more(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 1)
    close_period(
        book_id=trust.pk, first_on=date(2026, 3, 1), closed_by_id=person(entity=company).pk
    )

    answer = browser.post(
        reverse("admin:ledger_book_close", args=[trust.pk]), {"first_on": "2026-03-01"}, follow=True
    )

    assert "is not the next one to close any more. Next is April 2026" in text_of(answer)
    assert Period.objects.filter(closed_at__isnull=False).count() == 1
    assert not AuditEvent.objects.filter(verb="close period").exists()


def test_a_month_that_is_not_over_stays_open(
    browser: Client, trust: Book, owner: Beneficiary
) -> None:
    today = date.today() + timedelta(days=1)  # In every time zone.
    held(trust, (owner, usd(1)), dated_on=today)
    url = reverse("admin:ledger_book_close", args=[trust.pk])

    assert "is not over yet" in text_of(browser.get(url))
    answer = browser.post(url, {"first_on": today.replace(day=1).isoformat()}, follow=True)

    assert "is not over yet" in text_of(answer)
    assert not Period.objects.exists()


def test_an_empty_book_has_nothing_to_close(browser: Client, trust: Book) -> None:
    url = reverse("admin:ledger_book_close", args=[trust.pk])

    assert "nothing in this book to close" in text_of(browser.get(url))
    assert "nothing in this book" in text_of(browser.post(url, {}, follow=True))


@pytest.mark.parametrize("role", [Role.PROPERTY_MANAGER, Role.ADMINISTRATOR, Role.REGULATOR])
def test_who_does_not_post_does_not_close(
    role: str, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 1)
    client = client_of(person(role, company))
    url = reverse("admin:ledger_book_close", args=[trust.pk])

    assert client.get(url).status_code == 403
    assert client.post(url, {"first_on": "2026-03-01"}).status_code == 403
    assert "Close the month" not in client.get("/admin/ledger/period/").content.decode()
    assert not Period.objects.exists()


def test_another_companys_month_cannot_be_closed(trust: Book, owner: Beneficiary) -> None:
    receipts(trust, owner, 1)
    url = reverse("admin:ledger_book_close", args=[trust.pk])

    assert client_of(person()).post(url, {"first_on": "2026-03-01"}).status_code == 404
    assert not Period.objects.exists()


def test_the_periods_show_the_chain_of_their_digests(
    browser: Client, company: LegalEntity, trust: Book, owner: Beneficiary
) -> None:
    receipts(trust, owner, 40)
    ann = person(entity=company)
    first, second = (
        close_period(book_id=trust.pk, first_on=date(2026, month, 1), closed_by_id=ann.pk)
        for month in (3, 4)
    )

    answer = browser.get("/admin/ledger/period/", {"book": trust.pk})
    assert [period.pk for period in answer.context["periods"]] == [second.pk, first.pk]
    assert [period.before for period in answer.context["periods"]] == [first.digest, None]
    assert "not the period before" not in text_of(answer)
    one = text_of(browser.get(f"/admin/ledger/period/{second.pk}/change/"))
    assert second.digest in one
    assert first.digest in one
    assert "Holds" in one


# --- Bank accounts ----------------------------------------------------------------------------


def bank_form(**changes: str) -> dict[str, str]:
    return {
        "bank_name": "First Bank",
        "title": "Client trust account",
        "routing_number": "021000021",
        "new_number": "",
        **changes,
    }


def test_an_administrator_changes_the_number_and_the_trail_shows_it_masked(
    administrator: Client, trust: Book
) -> None:
    account = trust.bank_account
    url = f"/admin/ledger/bankaccount/{account.pk}/change/"
    shown = administrator.get(url).content.decode()
    assert NUMBER not in shown
    assert "···4821" in shown

    administrator.post(url, bank_form(bank_name="Second Bank", new_number="77700098765"))

    account.refresh_from_db()
    assert (account.account_number, account.last_four) == ("77700098765", "8765")
    event = AuditEvent.objects.get(verb="change bank details")
    assert event.entity_id == trust.entity_id
    assert event.facts["was"]["account_number"] == "···4821"
    assert event.facts["now"] == {
        "bank_name": "Second Bank",
        "title": "Client trust account",
        "account_number": "···8765",
    }
    assert "77700098765" not in f"{event.text} {event.facts}"
    assert "77700098765" not in administrator.get(url).content.decode()


def test_an_empty_new_number_leaves_the_number_and_no_change_leaves_no_trail(
    administrator: Client, trust: Book
) -> None:
    account = trust.bank_account
    url = f"/admin/ledger/bankaccount/{account.pk}/change/"

    administrator.post(url, bank_form(title=account.title))
    assert not AuditEvent.objects.filter(verb="change bank details").exists()
    administrator.post(url, bank_form(title="Another title"))

    account.refresh_from_db()
    assert (account.title, account.account_number) == ("Another title", NUMBER)
    assert AuditEvent.objects.filter(verb="change bank details").count() == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"routing_number": "021000022"}, "This is no routing number"),
        ({"new_number": "12 34 56"}, "no spaces or hyphens"),
        ({"new_number": "123"}, "Enter 4 to 17"),
        ({"new_number": "1" * 18}, "at most 17 characters"),
        ({"bank_name": ""}, "This field is required"),
    ],
)
def test_a_number_that_cannot_be_one_is_refused(
    administrator: Client, trust: Book, changes: dict[str, str], reason: str
) -> None:
    url = f"/admin/ledger/bankaccount/{trust.bank_account.pk}/change/"

    answer = administrator.post(url, bank_form(**changes))

    assert reason in text_of(answer)
    assert BankAccount.objects.get().account_number == NUMBER
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("role", [Role.BOOKKEEPER, Role.PROPERTY_MANAGER])
def test_others_see_the_bank_account_masked_and_change_nothing(
    role: str, company: LegalEntity, trust: Book
) -> None:
    client = client_of(person(role, company))
    url = f"/admin/ledger/bankaccount/{trust.bank_account.pk}/change/"

    shown = client.get(url).content.decode()
    assert "···4821" in shown
    assert NUMBER not in shown
    assert "new_number" not in shown
    assert client.post(url, bank_form(new_number="77700098765")).status_code == 403
    assert BankAccount.objects.get().account_number == NUMBER
    assert "···4821" in text_of(client.get("/admin/ledger/bankaccount/"))
