"""The whole way in Chromium: log in, answer a bank line, take it back, open the trust report."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from desk import services as desk
from desk.models import Role, User, WorkItem
from ledger.models import Entry
from proptrust.lib.money import usd
from receivables.models import Receipt
from reconciliation import findings
from reconciliation import services as reconciliation
from reconciliation.models import BankLine
from statements.models import TrustReport
from statements.tasks import make_report
from tests.factories import leases
from tests.factories import receivables as rent
from tests.factories.desk import person
from tests.factories.leases import Company
from tests.factories.reconciliation import bai2, imported, move

PASSWORD = "passwords are long"  # Of the factory's people.
RENT = "1365.00"
MISSPELT = "ZELLE FROM ROSA GARCA"


@pytest.fixture
def company(transactional_db: None) -> Company:
    """A company whose bank shows a tenant's rent that the book does not know, and a fee."""
    day = timezone.localdate() - timedelta(days=3)
    made = leases.company(tenants=("Rosa Garcia",), lease_code="L-0042")
    rent.charge(made.lease, RENT, due_on=day)
    account = made.rent_book.bank_account
    file = imported(account, bai2(account, day, [move(RENT, MISSPELT), move("-18.00", "FEE")]))
    assert file.state == "imported", file.reason
    reconciliation.match_account(account.pk)
    desk.run_detectors()
    return made


@pytest.fixture
def bookkeeper(company: Company) -> User:
    return person(Role.BOOKKEEPER, entity=company.entity)


def log_in(page: Page, live_url: str, user: User) -> None:
    """By the form, as people do."""
    page.goto(f"{live_url}/admin/")
    page.get_by_label("User name").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def figures(page: Page, company: Company) -> Locator:
    """Bank, book, beneficiaries and the two differences of the rent trust."""
    row = page.locator(".figures tbody tr").filter(has_text=company.rent_book.name)
    return row.locator("td.num")


def open_line() -> WorkItem:
    return WorkItem.objects.get(kind=findings.UNMATCHED, amount=usd(RENT))


def test_bookkeeper_logs_in_accepts_a_suggestion_and_takes_it_back(
    page: Page, live_url: str, company: Company, bookkeeper: User
) -> None:
    log_in(page, live_url, bookkeeper)
    expect(page.get_by_text("1 of 2 trust accounts does not agree")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/desk/*")
    item = open_line()
    page.locator(f'tr.item[data-item="{item.pk}"] .row-link').click()
    expect(page.locator("#detail")).to_have_attribute("data-item", str(item.pk))
    before = ["1,347.00", "0.00", "0.00", "1,347.00", "0.00"]
    expect(figures(page, company)).to_have_text(before)

    page.keyboard.press("Enter")

    live = page.locator("#live")
    expect(live).to_contain_text("1,365.00 received from lease L-0042")
    expect(figures(page, company)).to_have_text(
        ["1,347.00", "1,365.00", "1,365.00", "−18.00", "0.00"]
    )
    assert page.locator("#detail").get_attribute("data-item") != str(item.pk)
    assert BankLine.objects.get(amount=usd(RENT)).is_matched

    page.keyboard.press("u")

    expect(live).to_contain_text("Undone: 1,365.00 received")
    expect(page.locator("#detail")).to_have_attribute("data-item", str(item.pk))
    expect(figures(page, company)).to_have_text(before)
    receipt = Receipt.objects.get()
    assert receipt.state == Receipt.State.CANCELLED
    assert Entry.objects.filter(reverses=receipt.entry).count() == 1
    assert not BankLine.objects.get(amount=usd(RENT)).is_matched


def test_when_every_line_is_answered_the_account_agrees_and_nothing_differs(
    page: Page, live_url: str, company: Company, bookkeeper: User
) -> None:
    log_in(page, live_url, bookkeeper)
    page.goto(f"{live_url}/desk/?kind={findings.UNMATCHED}&item={open_line().pk}")
    live = page.locator("#live")
    expect(page.locator("tr.item")).to_have_count(2)

    page.keyboard.press("Enter")
    expect(live).to_contain_text("received from lease")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirm")).to_be_visible()
    page.keyboard.press("Enter")
    expect(live).to_contain_text("18.00 booked as a bank fee")

    page.goto(f"{live_url}/reconciliation/")
    row = page.get_by_role("row").filter(has_text=company.rent_book.name)
    expect(row.get_by_text("Equal")).to_be_visible()
    desk.run_detectors()
    left = WorkItem.objects.exclude(state=WorkItem.State.CLOSED)
    # The fees that the company has earned meanwhile cover what the processor took.
    assert not set(left.values_list("kind", flat=True))


def test_difference_leads_by_a_link_to_the_line_that_makes_it(
    page: Page, live_url: str, company: Company, bookkeeper: User
) -> None:
    log_in(page, live_url, bookkeeper)
    differs = WorkItem.objects.get(kind=findings.DIFFERS)
    page.goto(f"{live_url}/desk/?item={differs.pk}")

    page.locator(".evidence").get_by_role("link", name=MISSPELT).click()

    expect(page.locator("#detail")).to_have_attribute("data-item", str(open_line().pk))


def test_trust_report_is_made_opens_and_is_genuine(
    page: Page, live_url: str, company: Company, bookkeeper: User
) -> None:
    log_in(page, live_url, bookkeeper)
    today = timezone.localdate().isoformat()
    page.goto(f"{live_url}/reports/")
    page.get_by_label("Trust account").select_option(label=company.rent_book.name)
    page.get_by_label("From").fill(today)
    page.get_by_label("To").fill(today)
    page.get_by_role("button", name="Make the report").click()
    page.wait_for_url("**/reports/*/")
    make_report(TrustReport.objects.get().pk)  # As the worker does.
    expect(page.get_by_text("Not certifiable")).to_be_visible()
    expect(page.locator(".reasons")).to_contain_text("differ")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    path = download.value.path()
    assert path.read_bytes().startswith(b"%PDF-")

    page.goto(f"{live_url}/reports/verify/")
    page.get_by_label("Report (PDF)").set_input_files(path)
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Genuine: as published here")).to_be_visible()


def test_regulator_finds_the_reports_and_not_the_desk(
    page: Page, live_url: str, company: Company
) -> None:
    log_in(page, live_url, person(Role.REGULATOR, entity=company.entity))

    expect(page.get_by_role("link", name="Trust reports")).to_be_visible()
    expect(page.get_by_role("link", name="Exceptions")).to_have_count(0)
    page.goto(f"{live_url}/reports/")
    expect(page.get_by_role("heading", name="Trust reports")).to_be_visible()
    expect(page.get_by_role("button", name="Make the report")).to_have_count(0)
