"""Photograph the main pages into var/screens: `make screens`.

    python -m tests.screens [--fake] [NAME …]

The pages are those of a scratch database: the sample company by `manage.py load_sample`, or with
--fake a morning's worth of made-up bank lines, which is quicker. NAME: only pictures whose name
contains it. A page that complains in the console is told, and the exit code is 1.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

PHONE = (390, 844)
DESKTOP = (1280, 800)


@dataclass(frozen=True)
class Picture:
    """One page to photograph. keys: typed after it has loaded."""

    name: str
    address: str
    size: tuple[int, int] = DESKTOP
    is_dark: bool = False
    is_whole: bool = False
    keys: Sequence[str] = ()
    is_signed_in: bool = True


def main() -> int:
    """Take the pictures; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fake", action="store_true", help="made-up items, no sample company")
    parser.add_argument("names", nargs="*", help="parts of the names of pictures")
    asked = parser.parse_args()

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["PROPTRUST_SAMPLE"] = "1"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread.
    django.setup()
    with scratch_database(), ExitStack() as stack:
        person = fake(stack) if asked.fake else sample()
        address = stack.enter_context(live_site())
        pictures = [
            each
            for each in pictures_of(person)
            if not asked.names or any(name in each.name for name in asked.names)
        ]
        return 1 if photograph(address, person, pictures) else 0


@contextmanager
def scratch_database() -> Iterator[None]:
    """A database of its own on the tests' server, dropped at the end."""
    from django.db import connection, connections

    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"screens_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connections.close_all()
        connection.creation.destroy_test_db(before, verbosity=0)


def sample() -> str:
    """Load the sample company; returns the user name of its bookkeeper."""
    from django.core.management import call_command

    from desk import services
    from desk.models import LegalEntity, Membership, Role, User

    call_command("load_sample", verbosity=0)
    services.run_detectors()
    services.beat("worker")
    services.beat("findings")
    user = User.objects.create(username="ann", first_name="Ann", last_name="Keller")
    for entity in LegalEntity.objects.filter(is_sample=True):
        for role in (Role.BOOKKEEPER, Role.ADMINISTRATOR):
            Membership.objects.create(user=user, entity=entity, role=role)
    return user.username


def fake(stack: ExitStack) -> str:
    """Made-up items of the desk's own tests; returns the user name of their bookkeeper."""
    from desk.models import Role
    from tests.desk.demo import fill
    from tests.desk.fakes import fake_bank
    from tests.factories.desk import LegalEntityFactory, MembershipFactory
    from tests.factories.desk import person as somebody

    bank = stack.enter_context(fake_bank())
    company = LegalEntityFactory.create(name="Saguaro Property Management")
    user = somebody(entity=company, username="ann", first_name="Ann", last_name="Keller")
    MembershipFactory.create(user=user, entity=company, role=Role.ADMINISTRATOR)
    fill(bank, company)
    return user.username


@contextmanager
def live_site() -> Iterator[str]:
    """The site, served by a thread of this process; gives its address."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test.testcases import LiveServerThread
    from django.test.utils import override_settings

    with override_settings(ALLOWED_HOSTS=["*"]):
        thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        if thread.error:
            raise thread.error
        try:
            yield f"http://127.0.0.1:{thread.port}"
        finally:
            thread.terminate()


def pictures_of(username: str) -> list[Picture]:
    """What is photographed, as far as the pages have something to show."""
    from django.urls import NoReverseMatch, reverse

    from desk import queries, roles
    from desk.models import User

    user = User.objects.get(username=username)
    items = queries.open_items(roles.entity_ids(user))
    sure = items.filter(suggestion_points__gte=queries.SURE_POINTS).first()
    line = items.filter(kind__contains="line").first() or items.first()
    pictures = [
        Picture("login", "/admin/login/", is_signed_in=False),
        Picture("dashboard", "/admin/"),
        Picture("dashboard-dark", "/admin/", is_dark=True),
        Picture("dashboard-phone", "/admin/", PHONE, is_whole=True),
        Picture("desk", "/desk/"),
        Picture("desk-dark", "/desk/", is_dark=True),
        Picture("desk-wide", "/desk/", (1680, 950)),
        Picture("desk-phone", "/desk/", PHONE),
        Picture("keys", "/desk/", keys=["?"]),
        Picture("approvals", "/desk/approvals/"),
        Picture("people", "/admin/desk/user/"),
    ]
    if line:
        pictures.append(Picture("bank-line", f"/desk/?item={line.pk}"))
        pictures.append(Picture("bank-line-phone", f"/desk/?item={line.pk}", PHONE, is_whole=True))
    if sure:
        pictures.append(Picture("bulk", "/desk/?view=sure", keys=["X", "b"]))
        pictures.append(Picture("accepted", f"/desk/?view=sure&item={sure.pk}", keys=["Enter"]))
    names = {
        "reports": "statements:reports",
        "reconciliation": "reconciliation:accounts",
        "bank-lines": "admin:reconciliation_bankline_changelist",
        "statements": "admin:reconciliation_statementfile_changelist",
        "journal": "admin:ledger_entry_changelist",
        "receipts": "admin:receivables_receipt_changelist",
        "portfolio": "admin:leases_property_changelist",
        "connections": "admin:connectors_connection_changelist",
    }
    for name, url_name in names.items():
        try:
            pictures.append(Picture(name, reverse(url_name)))
        except NoReverseMatch:
            print(f"{name}: there is no such page")
    return pictures


def photograph(site: str, username: str, pictures: Sequence[Picture]) -> int:
    """Take the pictures; returns how many pages complained."""
    from django.conf import settings
    from django.test import Client
    from playwright.sync_api import sync_playwright

    from desk.models import User
    from scripts.system import find_chromium
    from tests.browser.conftest import FLAGS, watch

    path = find_chromium()
    if path is None:
        print("no Chromium on this machine: sudo apt-get install chromium")
        return 1
    folder = Path(settings.BASE_DIR) / "var" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    client = Client()
    user = User.objects.get(username=username)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}
    wrong = 0
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, headless=True, args=FLAGS, locale="en-US"
        )
        for picture in pictures:
            context.clear_cookies()
            if picture.is_signed_in:
                context.add_cookies([cookie])  # type: ignore[list-item]
            page = context.new_page()
            complaints = watch(page)
            width, height = picture.size
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme="dark" if picture.is_dark else "light")
            page.goto(site + picture.address)
            for key in picture.keys:
                page.keyboard.press(key)
                page.wait_for_timeout(400)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{picture.name}.png", full_page=picture.is_whole)
            page.close()
            wrong += bool(complaints)
            print(f"{picture.name:<18} {'; '.join(complaints) or 'ok'}", flush=True)
        context.close()
    print(f"pictures are in {folder}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
