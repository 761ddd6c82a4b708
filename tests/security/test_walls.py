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
from receivables.models import Credit, DepositSlip, SubsidyRemittance, SubsidyVariance
from tests.security.world import OF_DEPOSITS, OF_NO_COMPANY, SECRET, World, a_world

pytestmark = pytest.mark.django_db

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|COPY)\s+"?(\w+)', re.I)
# What looking at a page may write: the session, and that somebody looked.
_HARMLESS = {
    "django_session", "desk_auditevent", "axes_accesslog", "statements_linkvisit",
    "payables_wronglink",
}  # fmt: skip
# Pages for people who are not signed in: the log-in, the door of the platforms' webhooks, and the
# links in mails to owners.
OPEN = {
    "admin/login/", "admin/jsi18n/", "hooks/<str:token>/", "",
    "owner-approvals/<str:token>/", "owner-approvals/<str:token>/file/",
}  # fmt: skip
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
        "statement_id": lambda _: world.entity.owner_statements.order_by("pk")[0].pk,
        "link_id": lambda _: world.entity.owner_statements.order_by("pk")[0].links.get().pk,
        "place": lambda _: 1,
        "draft_id": lambda _: world.draft.pk,
        "payment_id": lambda _: world.payment.pk,
        "request_id": lambda _: world.request.pk,
        "line_id": lambda at: (
            _subsidy(world).lines.order_by("pk")[0].pk if "subsidies" in at.route else world.line.pk
        ),
        "charge_id": lambda _: world.entity.charges.order_by("pk")[0].pk,
        "credit_id": lambda _: Credit.objects.get(charge__entity=world.entity).pk,
        "receipt_id": lambda _: world.check.pk,
        "slip_id": lambda _: DepositSlip.objects.get(book__entity=world.entity).pk,
        "remittance_id": lambda _: _subsidy(world).pk,
        "variance_id": lambda _: (
            SubsidyVariance.objects.get(subsidy__lease__entity=world.entity).pk
        ),
        "run_id": lambda _: world.entity.runs.get().pk,
        "draw_id": lambda _: world.entity.runs.get().draws.order_by("pk")[0].pk,
        "recovery_id": lambda _: world.entity.recoveries.get().pk,
        "fee_id": lambda _: world.entity.fees.order_by("pk")[0].pk,
        "book_id": lambda _: world.account.book_id,
        "lease_id": lambda _: world.entity.leases.order_by("pk")[0].pk,
        **{name: _first_of(world, name) for name in OF_DEPOSITS},
        "property_id": lambda _: world.home.property.pk,
        "owner_id": lambda _: world.home.owners[0].pk,
        "tenant_id": lambda _: world.home.tenants[0].pk,
        "vendor_id": lambda _: world.entity.vendors.order_by("pk")[0].pk,
        "work_order_id": lambda _: world.entity.work_orders.order_by("pk")[0].pk,
        "vendor_bill_id": lambda _: world.entity.bills.order_by("pk")[0].pk,
        "document_id": lambda _: world.entity.documents.order_by("pk")[0].pk,
        "token": lambda _: "no-such-token",
        "what": lambda _: "pause",
        "pk": lambda at: world.request.pk if "request" in at.name else world.connection.pk,
    }


def _subsidy(world: World) -> SubsidyRemittance:
    return SubsidyRemittance.objects.get(entity=world.entity)


def _first_of(world: World, name: str) -> Any:
    """The id of a deposit's row of the world's company, by the name of its parameter."""
    return lambda _: world.deposit_row(name).pk


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
        if address.name == "review":
            continue  # So is looking at a move-out's sheet.
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
