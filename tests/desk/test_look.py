"""The look holds together: the same colours everywhere, the pages of the admin in our words."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk import navigation, services
from desk.admin import money_cell
from desk.models import LegalEntity, Role, User
from desk.roles import Permission
from desk.templatetags import desk as tags
from proptrust.lib.money import usd
from tests.factories.desk import LegalEntityFactory, person

STATIC = Path(settings.BASE_DIR) / "static" / "desk"
# A token of ours, and the step of unfold's scale that is the same colour in the light theme.
SHARED = {
    "--brand": ("primary", "600"),
    "--brand-strong": ("primary", "700"),
    "--ink": ("base", "900"),
    "--line": ("base", "200"),
    "--line-2": ("base", "300"),
}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("token", SHARED)
def test_our_colours_and_unfolds_are_the_same(token: str) -> None:
    light = (STATIC / "tokens.css").read_text().partition(":root.dark")[0]
    found = re.search(rf"{token}: (#[0-9a-f]+);", light)
    scale, step = SHARED[token]

    assert found is not None
    colours: Any = settings.UNFOLD["COLORS"]
    assert found[1] == colours[scale][step]


def test_every_icon_that_is_named_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "icons.svg").read_text()))
    templates = Path(settings.BASE_DIR) / "templates"
    named = {
        name
        for path in templates.rglob("*.html")
        for name in re.findall(r'{% icon "(\w+)" %}', path.read_text())
    }
    named |= {entry.icon for _, entries in navigation._GROUPS for entry in entries}

    assert named <= drawn


def test_the_vendored_script_is_the_version_that_is_noted() -> None:
    vendor = STATIC.parent / "vendor"
    (folder,) = vendor.glob("htmx-*")
    version = folder.name.removeprefix("htmx-")

    assert f'version:"{version}"' in (folder / "htmx.min.js").read_text()
    assert version in (vendor / "README.md").read_text()
    assert (folder / "LICENSE").exists()


def test_amounts_are_read_with_a_true_minus_and_commas() -> None:
    assert tags.money_text(usd("-1840")) == "−1,840.00"
    assert tags.money_text(usd("0.5"), is_signed=True) == "+0.50"
    assert tags.money_text(None) == ""
    assert money_cell(usd("-1")) == '<span class="pt-money pt-minus">−1.00</span>'


@pytest.mark.django_db
def test_the_sidebar_shows_what_the_role_may_open() -> None:
    def titles(role: Role) -> set[str]:
        request = RequestFactory().get("/desk/")
        request.user = person(role)
        return {link.title for group in navigation.sidebar(request) for link in group.links}

    assert titles(Role.REGULATOR) == {"Dashboard", "Trust reports"}
    assert {"Dashboard", "Exceptions", "Audit trail"} <= titles(Role.BOOKKEEPER)
    assert "People" not in titles(Role.BOOKKEEPER)
    assert {"People", "Companies"} <= titles(Role.ADMINISTRATOR)


@pytest.mark.django_db
def test_an_app_adds_its_page_to_the_sidebar_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "_EXTRA", [])
    entry = navigation.Entry("Checks", "sheet", "desk:keys", Permission.READ_BOOKS)
    navigation.add("More", navigation.Entry("Home", "home", "admin:index", Permission.READ_BOOKS))
    navigation.add("Bank", entry)
    navigation.add("Bank", entry)
    navigation.add("More", navigation.Entry("Gone", "sheet", "no:such", Permission.READ_BOOKS))
    request = RequestFactory().get("/desk/")
    request.user = person()

    found = [link.title for group in navigation.sidebar(request) for link in group.links]

    assert found.count("Checks") == 1
    assert "Gone" not in found
    assert "Home" not in found


@pytest.mark.django_db
def test_an_admin_list_is_a_handful_of_queries_and_shows_only_ones_companies() -> None:
    company = LegalEntityFactory.create()
    other = LegalEntityFactory.create()
    ann = person(entity=company)
    for n in range(60):
        services.record("look", text=f"Look {n}", subject=company, entity_id=company.pk, actor=ann)
    services.record("look", text="A secret elsewhere", subject=other, entity_id=other.pk)
    client = client_of(ann)

    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("admin:desk_auditevent_changelist"))

    assert len(queries) <= 12, "\n".join(query["sql"] for query in queries)
    assert b"Look 59" in page.content
    assert b"A secret elsewhere" not in page.content


@pytest.mark.django_db
def test_nobody_adds_changes_or_deletes_a_line_of_the_audit_trail() -> None:
    boss = User.objects.create_superuser("root", password="passwords are long")
    company: LegalEntity = LegalEntityFactory.create()
    event = services.record("look", text="A look", subject=company, entity_id=company.pk)
    client = client_of(boss)

    assert client.get(reverse("admin:desk_auditevent_add")).status_code == 403
    change = reverse("admin:desk_auditevent_change", args=[event.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"text": "other"}).status_code == 403
    assert client.post(reverse("admin:desk_auditevent_delete", args=[event.pk])).status_code == 403
