"""A bookkeeper makes an owner's statement and a link; the owner reads it on a phone."""

from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from desk.models import Role
from statements import tasks
from statements.models import OwnerLink, OwnerStatement
from statements.owners import links
from tests.browser.conftest import SignIn
from tests.factories.leases import Company
from tests.statements.owner_world import (
    FEBRUARY,
    bill_paid,
    document,
    publish,
    rent_paid,
    returned,
    thirds,
)
from tests.statements.test_owner_packet import a_pdf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.layout]
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def home() -> Company:
    """Rent, a fee and a bill of March, and February's rent that came back."""
    made = thirds()
    february = rent_paid(made, date(2026, 2, 2), "900.00")
    publish(made, FEBRUARY, [0])
    rent_paid(made, date(2026, 3, 2), "1000.00")
    bill_paid(made, date(2026, 3, 16), "150.00", document(made, a_pdf()))
    returned(made, february, date(2026, 3, 20))
    return made


def is_as_wide_as_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_from_the_form_to_the_owners_phone(
    page: Page, live_url: str, sign_in: SignIn, home: Company, tmp_path: Path
) -> None:
    sign_in(page, Role.BOOKKEEPER, entity=home.entity)
    page.goto(f"{live_url}/reports/owners/")
    page.get_by_label("From (empty: after the last one)").fill("2026-03-01")
    page.get_by_label("To:", exact=True).fill("2026-03-31")
    page.get_by_label("Owner’s code (empty: all)").fill(home.owners[0].code)
    page.get_by_role("button", name="Make the statements").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()

    asked = OwnerStatement.objects.latest("pk")
    tasks.compose_owner_statements([asked.pk])
    tasks.make_owner_statement(asked.pk)
    # The page follows by itself.
    expect(page.get_by_text("paid out + 256.66 closing")).to_be_visible()
    expect(page.get_by_text("Statement February 2026").first).to_be_visible()
    page.get_by_role("button", name="Make a link").first.click()
    expect(page.get_by_text("stands below")).to_be_visible()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # A TypedDict of the same two keys.
    assert is_as_wide_as_the_screen(page)
    page.screenshot(path=tmp_path / "inside.png", full_page=True)

    page.context.clear_cookies()
    page.goto(f"{live_url}/s/{links.token_of(OwnerLink.objects.get())}/")
    expect(page.get_by_text("paid out + 256.66 closing")).to_be_visible()
    assert is_as_wide_as_the_screen(page)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="With the documents").click()
    assert waiting.value.suggested_filename.endswith("v1.packet.pdf")
    page.screenshot(path=tmp_path / "owner.png", full_page=True)
