"""Every address of the site, for every role: no company sees or touches another's, nobody writes
who only reads, and a regulator sees reports alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from desk.models import Role, User
from tests.security.world import OF_NO_COMPANY, SECRET, World, a_world

pytestmark = pytest.mark.django_db

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|COPY)\s+"?(\w+)', re.I)
# What looking at a page may write: the session, and that somebody looked.
_HARMLESS = {"django_session", "desk_auditevent", "axes_accesslog"}
# Pages for people who are not signed in: the log-in, and the door of the platforms' webhooks.
OPEN = {"admin/login/", "admin/jsi18n/", "hooks/<str:token>/", ""}
# A person's own things, which every role may do.
OWN = {"admin/logout/", "admin/password_change/", "admin/password_change/done/", "admin/login/"}
# What a regulator reaches: the dashboard, reports, and what is everybody's own.
FOR_REGULATORS = {
    "", "admin/", "admin/jsi18n/", "admin/search/", "reports/", "reports/verify/",
    "reports/<int:report_id>/", "reports/<int:report_id>/trust-report.pdf",
    "reports/<int:report_id>/trust-report.json", *OWN, "hooks/<str:token>/",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver."""

    route: str
    name: str

    def url(self, world: World) -> str | None:
        """The address with a company's own ids; None for what belongs to no company."""
        if self.name == "app_list" or self.route.endswith("(?P<url>.*)$"):
            return None
        route = self.route.replace("<path:content_type_id>", "1")
        values = _values(world)

        def value(found: re.Match[str]) -> str:
            return str(self._object_id(world) if found[1] in _OBJECT else values[found[1]](self))

        if self._is_of_admin() and _PARAMETER.search(route) and self._object_id(world) is None:
            return None
        return "/" + _PARAMETER.sub(value, route)

    def _is_of_admin(self) -> bool:
        parts = self.route.split("/")
        return len(parts) > 3 and parts[0] == "admin" and "<" not in parts[2]

    def _object_id(self, world: World) -> object | None:
        parts = self.route.split("/")
        if not self._is_of_admin():
            return world.item.pk
        if parts[1] in OF_NO_COMPANY:
            return None
        label = apps.get_model(parts[1], parts[2])._meta.label
        row = world.row_of(label)
        assert row is not None, f"the world has no {label}: add one, so that its pages are walked"
        return cast("object", row.pk)


_OBJECT = {"object_id", "id"}


def _values(world: World) -> Mapping[str, Any]:
    return {
        "item_id": lambda _: world.item.pk,
        "approval_id": lambda _: world.approval.pk,
        "account_id": lambda _: world.account.pk,
        "file_id": lambda _: world.refused_file.pk,
        "report_id": lambda _: world.report.pk,
        "draft_id": lambda _: world.draft.pk,
        "token": lambda _: "no-such-token",
        "what": lambda _: "pause",
        "pk": lambda at: world.request.pk if "request" in at.name else world.connection.pk,
    }


def addresses() -> list[Address]:
    """Every address that the site answers."""
    return list(_walk(get_resolver().url_patterns))


def _walk(patterns: Any, prefix: str = "") -> Iterator[Address]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, prefix + str(each.pattern))
        elif isinstance(each, URLPattern):
            yield Address(prefix + str(each.pattern), each.name or "")


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{dict(answer.headers)}{body.decode('utf-8', 'replace')}"


def asked(
    client: Client, url: str, method: str, facts: Any = None
) -> tuple[HttpResponse, set[str]]:
    """An answer, and the tables that it wrote; what was written is undone."""
    with transaction.atomic(), CaptureQueriesContext(connection) as seen:
        answer: Any = getattr(client, method)(url, facts or {})
        transaction.set_rollback(True)
    written = {found[1] for query in seen if (found := _WRITES.match(query["sql"]))}
    return answer, written - _HARMLESS


FORM = {
    "_remedy": "acknowledge", "_confirmed": "1", "text": "x", "until": "2099-01-01", "reason": "x",
    "decision": "agree", "to": "", "post": "yes", "name": "x", "label": "x",
}  # fmt: skip


@pytest.mark.parametrize("role", Role.values)
def test_no_page_shows_or_changes_anything_of_another_company(role: str) -> None:
    theirs, ours = a_world(), a_world("Ourown")
    client = signed_in(ours.people[role])
    leaks, writes = [], []
    for address in addresses():
        if (url := address.url(theirs)) is None or address.route in OWN:
            continue
        answer, _ = asked(client, url, "get")
        if SECRET.lower() in text_of(answer).replace(url, "").lower():
            leaks.append(url)
        answer, written = asked(client, url, "post", FORM)
        if SECRET.lower() in text_of(answer).replace(url, "").lower():
            leaks.append(f"POST {url}")
        if "<" in address.route and written:
            writes.append((url, written))
    assert "\n".join(leaks) == ""
    assert not writes


def test_a_stranger_comes_to_the_log_in_and_writes_nothing() -> None:
    world = a_world()
    client = Client()
    wrong = []
    for address in addresses():
        if (url := address.url(world)) is None or address.route in OPEN | OWN:
            continue
        for method in ("get", "post"):
            answer, written = asked(client, url, method, FORM)
            is_shut = answer.status_code in {403, 404, 405} or (
                answer.status_code in {301, 302} and "/login/" in answer["Location"]
            )
            if not is_shut or written or SECRET in text_of(answer):
                wrong.append((method, url, answer.status_code, written))
    assert not wrong


@pytest.mark.parametrize("role", [Role.REGULATOR, Role.PROPERTY_MANAGER])
def test_who_only_reads_changes_nothing_of_the_own_company(role: str) -> None:
    world = a_world()
    client = signed_in(world.people[role])
    wrong = []
    for address in addresses():
        url = address.url(world)
        if url is None or address.route in OWN or "approvals/<" in address.route:
            continue  # A property manager is a second person: approvals are theirs to decide.
        answer, written = asked(client, url, "post", FORM)
        if written:
            wrong.append((url, answer.status_code, written))
    assert not wrong


def test_a_regulator_reaches_reports_and_nothing_else() -> None:
    world = a_world()
    client = signed_in(world.people[Role.REGULATOR])
    reached = set()
    for address in addresses():
        if (url := address.url(world)) is None:
            continue
        answer, _ = asked(client, url, "get")
        is_away = answer.status_code in {403, 404, 405} or (
            answer.status_code == 302
            and (answer["Location"] == "/admin/" or answer["Location"].endswith("/change/"))
        )
        if not is_away and address.route not in FOR_REGULATORS:
            reached.add((url, answer.status_code))
    assert sorted(reached) == []


def test_every_address_is_walked_or_known_to_belong_to_no_company() -> None:
    world = a_world()
    skipped = {address.route for address in addresses() if address.url(world) is None}
    assert {
        route for route in skipped
        if route.split("/")[1] not in OF_NO_COMPANY and "(?P<" not in route
    } == set()  # fmt: skip
