"""The desk in Chromium: by keyboard, by phone, without script, and looked over by axe."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from desk.models import LegalEntity, Role, User, WorkItem
from tests.browser.conftest import SignIn
from tests.desk.demo import fill
from tests.desk.fakes import FakeBank, fake_bank
from tests.factories.desk import LegalEntityFactory

OPEN = 38
SERIOUS = {"serious", "critical"}


@pytest.fixture
def bank() -> Iterator[FakeBank]:
    """The fake app, registered for one test."""
    with fake_bank() as made:
        yield made


@pytest.fixture
def ann(page: Page, sign_in: SignIn, bank: FakeBank) -> User:
    """A bookkeeper, signed in, with a morning's worth of items."""
    company = LegalEntityFactory.create(name="Saguaro Property Management")
    user = sign_in(page, Role.BOOKKEEPER, entity=company)
    fill(bank, company)
    return user


def sure_item() -> WorkItem:
    return WorkItem.objects.filter(
        state="open", kind="fake_line", suggestion_points__gte=95
    ).order_by("-severity", "happened_on", "id")[0]


def chosen(page: Page) -> str:
    return page.locator('tr.item[aria-current="true"]').get_attribute("data-item") or ""


def test_one_key_accepts_the_suggestion_and_selects_the_next_and_one_takes_it_back(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    page.goto(f"{live_server.url}/desk/?view=sure")
    first = chosen(page)

    page.keyboard.press("Enter")

    live = page.locator("#live")
    expect(live).to_contain_text("Matched")
    expect(live).to_contain_text(f"{OPEN - 1} open.")
    assert chosen(page) != first
    assert WorkItem.objects.get(pk=first).closed_by == ann
    assert "view=sure" in page.url

    page.keyboard.press("u")
    expect(live).to_contain_text("Undone: Matched")
    assert chosen(page) == first
    assert WorkItem.objects.get(pk=first).state == "open"


def test_accepting_changes_the_three_figures_on_top(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    breaks = WorkItem.objects.get(kind="fake_line", subject_id=119)
    page.goto(f"{live_server.url}/desk/?item={breaks.pk}")
    difference = page.locator(".figures tbody tr").first.locator("td").nth(3)
    before = difference.inner_text()

    page.keyboard.press("s")

    expect(page.locator("#live")).to_contain_text("Matched")
    expect(difference).not_to_have_text(before)


def test_j_and_k_move_and_typing_in_a_field_is_left_alone(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    page.goto(f"{live_server.url}/desk/")
    ids = page.locator("tr.item").evaluate_all("rows => rows.map(row => row.dataset.item)")

    page.keyboard.press("j")
    expect(page.locator("#detail")).to_have_attribute("data-item", ids[1])
    page.keyboard.press("j")
    expect(page.locator("#detail")).to_have_attribute("data-item", ids[2])
    page.keyboard.press("k")
    expect(page.locator("#detail")).to_have_attribute("data-item", ids[1])
    assert f"item={ids[1]}" in page.url

    page.keyboard.press("f")
    page.keyboard.type("jkau")
    expect(page.locator("#find")).to_have_value("jkau")
    assert chosen(page) == ids[1]


def test_each_key_has_a_visible_button_with_its_letter(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    page.goto(f"{live_server.url}/desk/?item={sure_item().pk}")

    for key in ["j", "k", "x", "X", "b", "u", "?", "a", "A", "w", "n", "h", "2", "3"]:
        button = page.locator(f'[data-key="{key}"]').first
        expect(button).to_be_visible()
    assert page.locator('[data-key-too="s"] kbd').inner_text() == "s"

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_a_remedy_with_fields_is_filled_in_by_keyboard(
    page: Page, live_server: LiveServer, ann: User, bank: FakeBank
) -> None:
    page.goto(f"{live_server.url}/desk/?item={sure_item().pk}")

    page.keyboard.press("3")
    page.keyboard.type("Wire fee of the bank")
    page.keyboard.press("Enter")

    expect(page.locator("#live")).to_contain_text("Matched")
    assert bank.acted[0][1:] == (
        "fee",
        {"reason": "Wire fee of the bank", "amount": bank.acted[0][2]["amount"]},
    )


def test_a_remedy_that_needs_it_is_confirmed_with_its_effect(
    page: Page, live_server: LiveServer, ann: User, bank: FakeBank
) -> None:
    page.goto(f"{live_server.url}/desk/?item={sure_item().pk}")

    page.keyboard.press("4")
    expect(page.get_by_role("heading", name="Confirm")).to_be_visible()
    expect(page.get_by_text("lends to the trust")).to_be_visible()
    assert bank.acted == []
    page.keyboard.press("Enter")

    expect(page.locator("#live")).to_contain_text("Matched")


def test_all_sure_ones_are_accepted_with_three_keys(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    page.goto(f"{live_server.url}/desk/?view=sure")
    count = page.locator("tr.item").count()

    page.keyboard.press("X")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Accept together")).to_be_visible()
    expect(page.get_by_text("Sum out")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.locator("#live")).to_contain_text(f"{count} items answered together.")
    page.keyboard.press("u")
    expect(page.locator("#live")).to_contain_text(f"Undone: {count} actions")


def test_waiting_noting_and_assigning_by_keyboard(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    item = sure_item()
    page.goto(f"{live_server.url}/desk/?item={item.pk}")

    page.keyboard.press("a")
    expect(page.locator("#live")).to_contain_text("is assigned to")
    page.keyboard.press("n")
    page.keyboard.type("Called the bank.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator(".notes")).to_contain_text("Called the bank.")
    page.keyboard.press("w")
    page.locator("#wait-until").fill("2099-01-01")
    page.locator("#wait-reason").fill("The bank's answer")
    page.locator("#wait-reason").press("Enter")
    expect(page.locator("#live")).to_contain_text("waits until")

    item.refresh_from_db()
    assert (item.state, item.assigned_to, item.notes.count()) == ("waiting", ann, 1)


def test_everything_works_without_script(page: Page, live_server: LiveServer, ann: User) -> None:
    item = sure_item()
    page.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{live_server.url}/desk/?item={item.pk}")
    page.get_by_role("button", name="Accept: ").first.click()

    page.wait_for_url("**/desk/?item=*")
    expect(page.locator("#live")).to_contain_text("Matched")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#live")).to_contain_text("Undone: Matched")
    assert WorkItem.objects.get(pk=item.pk).state == "open"


def test_on_a_phone_the_list_comes_first_and_then_the_item(
    page: Page, live_server: LiveServer, ann: User
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}/desk/")
    expect(page.locator("#detail")).to_be_hidden()

    page.locator(".row-link").first.click()
    expect(page.locator("#detail")).to_be_visible()
    expect(page.locator(".list")).to_be_hidden()
    page.get_by_role("link", name="List").click()
    expect(page.locator(".list")).to_be_visible()

    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/desk/", "/admin/", "/desk/keys/", "/desk/?view=waiting"])
def test_axe_finds_nothing_serious(
    page: Page, live_server: LiveServer, ann: User, theme: str, address: str
) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(live_server.url + address)

    found = Axe().run(page)

    serious = [each for each in found.response["violations"] if each["impact"] in SERIOUS]
    assert not serious, [
        (each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in serious
    ]


def test_the_log_in_works_and_has_nothing_serious(
    page: Page, live_server: LiveServer, transactional_db: None
) -> None:
    from tests.factories.desk import person

    user = person(Role.REGULATOR)
    page.goto(f"{live_server.url}/admin/")
    serious = [v for v in Axe().run(page).response["violations"] if v["impact"] in SERIOUS]
    assert not serious, [v["id"] for v in serious]

    page.get_by_label("User name").fill(user.username)
    page.get_by_label("Password").fill("passwords are long")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_the_theme_switch_is_remembered_on_every_page(
    page: Page, live_server: LiveServer, sign_in: SignIn, transactional_db: None
) -> None:
    company = LegalEntityFactory.create()
    sign_in(page, Role.ADMINISTRATOR, entity=company)
    page.emulate_media(color_scheme="light")
    page.goto(f"{live_server.url}/admin/")

    page.get_by_role("button", name="Light or dark").click()
    for address in ("/desk/", "/admin/desk/user/", "/admin/"):
        page.goto(live_server.url + address)
        expect(page.locator("html.dark")).to_have_count(1)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html.dark")).to_have_count(0)
    assert LegalEntity.objects.count() == 1
