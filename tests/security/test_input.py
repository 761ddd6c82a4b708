"""What people and banks type: bytes that are no text, markup, formulas, bombs, paths."""

import csv
import io
import json
from typing import Any

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from connectors.models import Exchange
from desk.models import Role, User
from reconciliation import services as bank
from reconciliation.models import StatementFile
from statements import canonical, pdf
from tests.factories.reconciliation import MONDAY, bai2, imported, lines_of, move
from tests.security.test_walls import addresses, signed_in
from tests.security.world import World, a_world
from tests.statements.builders import report_rows

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>"


@pytest.fixture
def world(db: None) -> World:
    return a_world()


def everybody(world: World) -> User:
    """A person who holds every role at the company."""
    user = world.people[Role.BOOKKEEPER]
    for role in (Role.ADMINISTRATOR, Role.PROPERTY_MANAGER):
        user.memberships.create(entity=world.entity, role=role)
    return user


QUERIES = [
    {"q": "\x00"}, {"find": "\x00"},
    {"account": "\x00"}, {"item": "²"},
    {"item": "9" * 5000},
    {"item": "x", "on": "\x00", "page": "-1", "book": "²", "after": "9.9.9"},
    {"on": "9999-99-99", "p": "x", "o": "x.y", "e": "1"},
    {"_facets": "True", "q": "\u202e\u200bevil"},
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_of_an_address_breaks_a_page(world: World, query: dict[str, str]) -> None:
    client = signed_in(everybody(world))
    client.raise_request_exception = False
    broken = []
    for address in addresses():
        if "<" in address.route and "/admin/" in address.route:
            continue
        if (url := address.url(world)) is None or "logout" in url:
            continue
        headers = {"HX-Request": "true", "HX-Target": "detail"} if url == "/desk/" else {}
        answer = client.get(url, query, headers=headers)
        if answer.status_code >= 500:
            broken.append(url)
    assert "\n".join(broken) == ""


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/hooks/%00/", "/hooks/x%00y/", "/%00", "/admin/%00/"])
def test_nul_in_an_address_is_refused_before_the_database(client: Client, path: str) -> None:
    client.raise_request_exception = False
    for method in (client.get, client.post):
        assert method(path).status_code == 400


def test_nul_in_a_form_is_refused(world: World) -> None:
    client = signed_in(everybody(world))
    for url in (f"/desk/{world.item.pk}/note/", "/desk/bulk/", "/reports/"):
        assert client.post(url, {"text": "a\x00b"}).status_code == 400


def test_markup_in_every_text_is_shown_as_text(db: None) -> None:
    world = a_world(MARKUP[:30])
    client = signed_in(everybody(world))
    live = []
    for address in addresses():
        url = address.url(world)
        if url is None or "logout" in url or url.endswith((".json", ".pdf", ".csv")):
            continue
        answer: Any = client.get(url)
        if answer.get("Content-Type", "").startswith("text/html"):
            page = answer.content.decode()
            if "<script>alert" in page or "<img src=x" in page:
                live.append(url)
    assert "\n".join(live) == ""


def test_bank_text_with_markup_and_hidden_signs_is_shown_as_text(world: World) -> None:
    told = imported(
        world.account,
        bai2(
            world.account,
            MONDAY.replace(day=4),
            [move("5.00", MARKUP + "\u202e\u200b")],
            opening="781",
        ),
    )
    assert told.state == "imported", told.reason
    client = signed_in(everybody(world))
    for url in (
        reverse("reconciliation:file", args=[told.pk]),
        reverse("reconciliation:account", args=[world.account.pk]),
        reverse("admin:reconciliation_bankline_changelist"),
    ):
        assert "<script>alert" not in client.get(url).content.decode()


@pytest.mark.layout
def test_report_fetches_nothing_that_its_texts_name(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weasyprint.urls import URLFetcher

    asked: list[str] = []
    fetch = URLFetcher.fetch

    def spy(self: URLFetcher, url: str, headers: Any = None) -> Any:
        asked.append(url)
        return fetch(self, url, headers)

    monkeypatch.setattr(URLFetcher, "fetch", spy)
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0")
    monkeypatch.setattr(
        pdf, "render_to_string",
        lambda *_, **__: (
            '<link rel="stylesheet" href="trust_report.css"><h1>t</h1>'
            f'<img src="file://{secret}"><img src="http://127.0.0.1:9/x">'
            f'<link rel=attachment href="file://{secret}"><img src="../proptrust/settings.py">'
            '<link rel="stylesheet" href="fonts/../../proptrust/settings.py">'
        ),
    )  # fmt: skip

    document = pdf.render(report_rows(), [pdf.Source("../../etc/cron.d/x\u202e.bai", b"x")])

    assert {url.rpartition("/")[2] for url in asked} <= {
        "trust_report.css", "inter-latin-400-normal.woff", "inter-latin-600-normal.woff",
        "inter-latin-700-normal.woff",
    }  # fmt: skip
    attached = pdf.attached_files(document)
    assert not any(b"root:x" in body for body in attached.values())
    assert not any(".." in name or "/" in name or "\u202e" in name for name in attached)
    assert len(pikepdf.open(io.BytesIO(document)).pages) >= 1


def test_cells_of_a_reports_csv_are_no_formulas() -> None:
    rows = [{"a": each} for each in ("=1+1", "+1", "-1+cmd", "@x", "\t=1", "\r=1", "-12.00")]
    read = [row["a"] for row in csv.DictReader(io.StringIO(canonical.to_csv(rows).decode(), ""))]
    assert all(cell.startswith("'") for cell in read[:-1])
    assert read[-1] == "-12.00"


BOMBS = {
    "camt.xml": b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b']><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">&j;</Document>',
    "external.xml": b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">&a;</Document>',
    "deep.xml": b"<Document>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</Document>",
    "deep.json": b"[" * 200_000,
    "nul.csv": b"Date,Amount\n" + b"\x00" * 1000,
    "line.csv": b"Date,Description,Amount\n2026-03-01," + b"x" * 5_000_000 + b",1.00\n",
    "zip": b"PK\x03\x04" + b"\x00" * 1000,
    "empty": b"",
    "utf16.csv": "Date,Amount\n2026-03-02,1.00\n".encode("utf-16"),
    "huge.csv": b"Date,Description,Amount\n2026-03-02,x,1e999999999\n",
    "infinite.csv": b"Date,Description,Amount\n2026-03-02,x,Infinity\n2026-03-02,x,NaN\n",
    "digits.ofx": b"OFXHEADER:100\n\n<OFX><STMTTRN><TRNAMT>" + b"9" * 100_000 + b"</STMTTRN></OFX>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_file_that_is_a_bomb_is_refused_with_a_reason(world: World, name: str) -> None:
    before = len(lines_of(world.account))
    file = bank.store_file(
        entity_id=world.entity.pk, name=name, body=BOMBS[name], bank_account_id=world.account.pk
    )
    read = bank.import_file(file.pk)
    assert read.state == StatementFile.State.REFUSED
    assert read.reason
    assert "root:" not in read.reason
    assert len(lines_of(world.account)) == before


def test_name_of_an_uploaded_file_is_no_path_and_no_header(world: World) -> None:
    client = signed_in(everybody(world))
    client.post(
        "/reconciliation/upload/",
        {
            "entity": world.entity.pk,
            "bank_files": SimpleUploadedFile("../../etc/x\r\nSet-Cookie: a=b.csv", b"a,b\n1,3\n"),
        },
    )
    name = StatementFile.objects.latest("pk").name
    assert "/" not in name
    assert "\n" not in name
    assert "\r" not in name


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_log_in_leads_to_no_other_site(client: Client, place: str) -> None:
    User.objects.create_user("kim", password="a-long-enough-password")
    answer = client.post(
        f"/admin/login/?next={place}",
        {"username": "kim", "password": "a-long-enough-password", "next": place},
    )
    assert answer.status_code != 302 or answer["Location"].startswith("/admin/")


@pytest.mark.django_db
def test_log_in_gives_a_new_session_and_an_unknown_host_is_refused(client: Client) -> None:
    User.objects.create_user("kim", password="a-long-enough-password")
    client.get("/admin/login/")
    session = client.session
    session["x"] = 1
    session.save()
    before = str(session.session_key)
    client.cookies["sessionid"] = before
    client.post("/admin/login/", {"username": "kim", "password": "a-long-enough-password"})
    assert client.cookies["sessionid"].value != before
    assert client.get("/admin/login/", headers={"host": "evil.example"}).status_code == 400


def test_every_post_but_the_webhooks_door_needs_its_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(everybody(world))
    open_ = []
    for address in addresses():
        url = address.url(world)
        if url is None or address.route.startswith("hooks/"):
            continue
        if client.post(url, {"post": "yes"}).status_code not in {403, 404, 405}:
            open_.append(url)
    assert "\n".join(open_) == ""


def test_every_page_of_ours_is_framed_by_nobody_and_runs_no_inline_script(world: World) -> None:
    client = signed_in(everybody(world))
    for address in addresses():
        url = address.url(world)
        if url is None or "logout" in url or address.route.startswith("hooks/"):
            continue
        answer = client.get(url)
        assert answer["X-Frame-Options"] == "DENY", url
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, url
        assert "script-src 'self' 'unsafe-inline'" not in policy, url
        if not url.startswith("/admin/"):
            assert "unsafe" not in policy, url


def test_secrets_of_a_connection_stand_in_no_page_and_no_text(world: World) -> None:
    secret = world.connection.credentials["signing_secret"]
    assert secret not in f"{world.connection!r}{world.connection}"
    client = signed_in(everybody(world))
    for address in addresses():
        url = address.url(world)
        if url is not None and "connectors" in url:
            assert secret not in client.get(url).content.decode(), url
    assert not Exchange.objects.filter(answer__contains=secret).exists()


@pytest.mark.django_db
def test_page_of_an_error_shows_no_setting(client: Client, settings: Settings) -> None:
    client.raise_request_exception = False
    said = client.get("/no-such-page/").content.decode()
    assert settings.SECRET_KEY not in said
    assert "Traceback" not in said


@pytest.mark.django_db
def test_webhook_of_deep_json_with_a_false_token_is_no_error(client: Client) -> None:
    client.raise_request_exception = False
    body = json.dumps({"id": "x"}).encode() + b"[" * 100_000
    assert client.post("/hooks/none/", body, content_type="application/json").status_code == 404
