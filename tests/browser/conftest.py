"""Chromium for the tests in the browser: `pytest -m browser`.

A test takes `page` (signed out) or calls `sign_in(page, Role.BOOKKEEPER)`. Every page it opens must
stay clean: an error in the console, a script that fails or a breach of the content security policy
fails the test.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from desk.models import LegalEntity, Membership, Role, User
from scripts.system import find_chromium, install_line, missing_browser_packages

FLAGS = [
    "--no-sandbox",  # Needed as root, which containers are.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE = {"width": 1440, "height": 900}
PATIENCE_MS = 10_000

SignIn = Callable[..., User]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserContext]:
    """One Chromium per file of tests, with an empty profile."""
    if missing := missing_browser_packages():
        pytest.skip(f"no browser can be driven here: {install_line(missing)}")
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as profile,
        sync_playwright() as playwright,
    ):
        # Playwright's loop runs in this thread, which Django takes for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_chromium(),
            headless=True,
            args=FLAGS,
            viewport=SIZE,  # type: ignore[arg-type]  # A TypedDict of the same two keys.
            locale="en-US",
            timezone_id="America/New_York",
        )
        context.set_default_timeout(PATIENCE_MS)
        yield context
        context.close()


@pytest.fixture
def page(chromium: BrowserContext, live_server: LiveServer) -> Iterator[Page]:
    """A page of the live site, signed out; at the end of the test it must have stayed clean."""
    chromium.clear_cookies()
    page = chromium.new_page()
    complaints = watch(page)
    yield page
    page.close()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def watch(page: Page) -> list[str]:
    """Collect what goes wrong in a page, while it goes on."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location
            complaints.append(f"{message.text} ({place['url']}:{place['lineNumber']})")

    def fail(error: Error) -> None:
        complaints.append(f"script failed: {error}")

    page.on("console", hear)  # A breach of the content security policy is told here, too.
    page.on("pageerror", fail)
    return complaints


@pytest.fixture
def live_url(live_server: LiveServer) -> str:
    """Where the live site is, without a slash at the end."""
    return str(live_server.url)


@pytest.fixture
def sign_in(live_server: LiveServer) -> SignIn:
    """Sign a page in as a person of a role: `user = sign_in(page, Role.BOOKKEEPER, entity=…)`.

    Without an entity the person works for the first one, which is made if there is none.
    """

    def sign(page: Page, role: Role, *, entity: LegalEntity | None = None) -> User:
        entity = entity or LegalEntity.objects.first() or _some_entity()
        user, _ = User.objects.get_or_create(username=f"test-{role}", defaults={"is_staff": True})
        Membership.objects.get_or_create(user=user, entity=entity, role=role)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        session = client.cookies["sessionid"].value
        page.context.add_cookies(
            [{"name": "sessionid", "value": session, "url": live_server.url, "httpOnly": True}]
        )
        return user

    return sign


def _some_entity() -> LegalEntity:
    return LegalEntity.objects.create(name="Harbor Property Management", state="CA")
