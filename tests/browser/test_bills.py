"""A bill's way in Chromium: typed, asked about by its owner, approved by keys, paid."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core import mail
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from desk.models import Role, User
from leases.models import Owner
from payables import services
from payables.models import Bill, OwnerApproval
from payments.models import Payment
from tests.factories import payables as make
from tests.factories.leases import Company

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture
def home() -> Company:
    home = make.home(shares=("0.33333334", "0.33333333", "0.33333333"))
    Owner.objects.update(email="owner@example.test")
    make.fund(home.property, "3000.00")
    return home


def look(page: Page, name: str) -> None:
    """Keep a picture where PROPTRUST_PICTURES says, to be looked at by a person."""
    if folder := os.environ.get("PROPTRUST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing makes the page wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_bill_is_typed_approved_by_keys_and_paid(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[..., User],
    home: Company,
) -> None:
    vendor = make.vendor(home, name="Ace Plumbing")
    other = make.place(home)
    make.fund(other, "50.00")
    sign_in(page, Role.BOOKKEEPER, entity=home.entity)
    page.goto(f"{live_server.url}/payables/bills/new/")
    page.get_by_label("Vendor", exact=True).select_option(label="Ace Plumbing")
    page.get_by_label("The vendor's number").fill("A-100")
    page.get_by_label("Amount").fill("300.00")
    page.get_by_label("Split over properties").select_option("weights")
    page.get_by_label("Properties, one per row").fill(
        f"{home.property.code}\t2\tNew trap\n{other.code}\t1\tWasher"
    )
    page.get_by_role("button", name="Show the split").click()
    expect(page.get_by_role("region", name="The split")).to_contain_text("200.00")
    look(page, "bill-form")
    page.get_by_role("button", name="Enter the bill").click()
    expect(page.get_by_text("waits for approval.")).to_be_visible()
    make.draft(vendor, [(home.property, "45.00")], number="B-7", memo="Washer")

    sign_in(page, Role.PROPERTY_MANAGER, entity=home.entity)
    page.goto(f"{live_server.url}/payables/approvals/")
    expect(page.locator("[data-row]")).to_have_count(2)
    look(page, "inbox")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.keyboard.press("r")
    page.keyboard.type("Which unit?")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    fits(page)
    look(page, "inbox-phone")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("Nothing waits for your approval")).to_be_visible()
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    sign_in(page, Role.BOOKKEEPER, entity=home.entity)
    approved = Bill.objects.get(state=Bill.State.APPROVED)
    page.goto(f"{live_server.url}/payables/pay/?bill={approved.pk}")
    look(page, "pay")
    page.get_by_role("button", name=re.compile("^Make 1 payment of")).click()
    expect(page.get_by_text(re.compile("1 payment of .* made"))).to_be_visible()
    assert Payment.objects.get().payee == "Ace Plumbing"
    page.goto(f"{live_server.url}/payables/bills/{approved.pk}/")
    look(page, "bill")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for name in ("bills", "vendors", "work-orders", "pay", f"bills/{approved.pk}"):
        page.goto(f"{live_server.url}/payables/{name}/")
        fits(page)
    page.goto(f"{live_server.url}/payables/vendors/{vendor.pk}/")
    fits(page)
    look(page, "vendor-phone")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/payables/vendors/{vendor.pk}/")
    look(page, "vendor")


def test_owner_approves_on_a_phone_without_a_password(
    page: Page, live_server: LiveServer, home: Company
) -> None:
    bill = make.bill(
        make.vendor(home, name="Ace Plumbing"), [(home.property, "812.50")], memo="Water heater"
    )
    services.ask_owners(bill)
    services.send_requests()
    links = [
        found[1]
        for message in mail.outbox
        if (found := re.search(r"(/owner-approvals/\S+)", str(message.body)))
    ]
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]

    page.goto(live_server.url + links[0])
    expect(page.get_by_role("heading", level=1)).to_contain_text("812.50")
    fits(page)
    look(page, "owner-phone")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("You have approved up to $812.50")).to_be_visible()

    page.goto(live_server.url + links[1])
    page.get_by_role("button", name="Ask a question").click()
    expect(page.get_by_role("alert")).to_contain_text("Write your question.")
    assert OwnerApproval.objects.filter(state="approved").count() == 1
