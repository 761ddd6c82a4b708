"""The admin of the connections: made, renewed, tested and paused without ever showing a secret."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from connectors import registry, services
from connectors.models import Connection, Delivery, Event, Exchange, Request
from connectors.nacha.writing import NewEntry
from desk.models import AuditEvent, LegalEntity, Membership, Role, User
from ledger.models import Book
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from tests.connectors.conftest import Connect, Listener
from tests.connectors.nacha.files import THEIR_BANK
from tests.connectors.signing import SAMPLES, SETTINGS, STRIPE_KEY, sample

BALANCE = "https://api.stripe.com/v1/balance_transactions"


@pytest.fixture
def client(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page(row: Any) -> str:
    return reverse(f"admin:connectors_{row._meta.model_name}_change", args=[row.pk])


def do(row: Connection, what: str) -> str:
    return reverse("admin:connectors_connection_do", args=[row.pk, what])


def test_a_connection_is_made_in_two_steps(client: Client, entity: LegalEntity) -> None:
    book = Book.objects.create(entity=entity, kind=Book.Kind.TRUST, name="Rent trust")
    answer = client.post(
        reverse("admin:connectors_connection_add"),
        {"entity": entity.pk, "slug": "stripe", "label": "Stripe rent", "book": book.pk},
    )
    row = Connection.objects.get()
    assert answer.headers["Location"] == page(row)
    assert row.created_by is not None

    answer = client.post(
        page(row),
        {
            "label": "Stripe rent",
            "book": book.pk,
            "credential_signing_secret": "whsec_abcd1234",
            "credential_secret_key": "sk_test_wxyz9876",
            "setting_mode": "test",
            "setting_account": "",
        },
    )
    assert answer.status_code == 302, answer.content.decode()[:2000]
    row.refresh_from_db()
    assert row.credentials == {
        "signing_secret": "whsec_abcd1234",
        "secret_key": "sk_test_wxyz9876",
    }
    assert row.settings == {"mode": "test", "account": ""}
    said = " ".join(str(event.facts) + event.text for event in AuditEvent.objects.all())
    assert "credential_secret_key" in said
    assert "wxyz9876" not in said


def test_a_secret_is_never_shown_and_an_empty_field_keeps_it(
    client: Client, connect: Connect
) -> None:
    row = connect()
    shown = client.get(page(row)).content.decode()
    assert STRIPE_KEY not in shown
    assert "···Show" in shown
    form = shown[shown.index('id="connection_form"') :]
    assert re.findall(r'<button[^>]*name="([^"]*)"', form)[0] == "_save"  # What Enter presses.
    assert row.token in shown

    client.post(page(row), {"label": "Renamed", "setting_mode": "live", "setting_account": ""})
    row.refresh_from_db()
    assert (row.label, row.settings["mode"]) == ("Renamed", "live")
    assert row.credentials["secret_key"] == STRIPE_KEY


def test_a_missing_credential_is_asked_for(client: Client, connect: Connect) -> None:
    row = connect(credentials={})
    answer = client.post(page(row), {"label": "S", "setting_mode": "test"})
    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()


def test_a_book_of_another_company_is_refused(client: Client, connect: Connect) -> None:
    other = LegalEntity.objects.create(name="Elm Homes", state="NV")
    book = Book.objects.create(entity=other, kind=Book.Kind.TRUST, name="Elm trust")
    row = connect()
    client.post(page(row), {"label": "S", "book": book.pk, "setting_mode": "test"})
    row.refresh_from_db()
    assert row.book is None


def test_new_credentials_let_a_stopped_connection_go_on(client: Client, connect: Connect) -> None:
    row = connect(state=Connection.State.REAUTHORISE)
    client.post(
        page(row),
        {"label": "S", "setting_mode": "test", "credential_secret_key": "sk_test_new_one"},
    )
    row.refresh_from_db()
    assert row.state == Connection.State.ACTIVE


@responses.activate
def test_the_connection_is_tested_by_a_button(client: Client, connect: Connect) -> None:
    row = connect()
    body = (SAMPLES / "stripe_answers/balance_transactions.2.json").read_text()
    responses.get(BALANCE, body=body)
    shown = client.post(do(row, "test"), follow=True).content.decode()
    row.refresh_from_db()
    assert row.test_said == "Stripe answered in test mode."
    assert row.test_said in shown

    responses.replace(responses.GET, BALANCE, status=401, json={})
    client.post(do(row, "test"))
    row.refresh_from_db()
    assert row.state == Connection.State.REAUTHORISE


def test_a_connection_is_paused_and_resumed_by_post_alone(client: Client, connect: Connect) -> None:
    row = connect()
    assert client.get(do(row, "pause")).status_code == 405
    client.post(do(row, "pause"))
    row.refresh_from_db()
    assert row.state == Connection.State.PAUSED
    client.post(do(row, "resume"))
    row.refresh_from_db()
    assert row.state == Connection.State.ACTIVE


def test_the_list_does_the_same_with_many(client: Client, connect: Connect) -> None:
    rows = [connect(), connect()]
    client.post(
        reverse("admin:connectors_connection_changelist"),
        {"action": "pause_selected", "_selected_action": [row.pk for row in rows]},
    )
    assert {row.state for row in Connection.objects.all()} == {Connection.State.PAUSED}


def test_a_file_of_the_bank_is_uploaded(client: Client, connect: Connect) -> None:
    row = connect("ach_nacha")
    form = {f"setting_{name}": value for name, value in SETTINGS["ach_nacha"].items()}
    body = sample("ach_nacha", "returns.ach")
    client.post(
        page(row), form | {"label": "Bank", "upload": SimpleUploadedFile("returns.ach", body)}
    )
    stored = Delivery.objects.get()
    assert (stored.name, bytes(stored.body)) == ("returns.ach", body)
    assert AuditEvent.objects.filter(verb="import").exists()


def test_files_come_in_from_the_command_line_too(connect: Connect) -> None:
    row = connect("ach_nacha")
    file = SAMPLES / "ach_nacha" / "returns.ach"
    for _ in range(2):
        call_command("receive_file", str(file), connection=row.pk, verbosity=0)
    assert Delivery.objects.get().times == 2
    with pytest.raises(CommandError, match="takes no files"):
        call_command("receive_file", str(file), connection=connect().pk)
    with pytest.raises(CommandError, match="no connection"):
        call_command("receive_file", str(file), connection=10**6)


@pytest.fixture
def rows_of_all(connect: Connect, listener: Listener) -> list[Any]:
    bank = connect("ach_nacha")
    tomorrow = add_banking_days(datetime.now(UTC).date(), 2)
    entry = NewEntry(
        is_debit=True,
        routing_number=THEIR_BANK,
        account="000123-45",
        amount=usd("10"),
        name="Ada Okafor",
        id_number="OAK-1",
    )
    request = services.originate(
        connection=bank, key="run:1", sec="PPD", effective_on=tomorrow, entries=[entry]
    )
    services.catch_up()
    exchange = Exchange.objects.create(connection=bank, method="GET", url="https://x", seconds=1)
    return [bank, Delivery.objects.get(), Event.objects.get(), request, exchange]


def test_every_page_opens_and_shows_no_account_number(
    client: Client, rows_of_all: list[Any]
) -> None:
    for row in rows_of_all:
        for address in (page(row), reverse(f"admin:connectors_{row._meta.model_name}_changelist")):
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert "000123-45" not in answer.content.decode()


def test_a_file_for_the_bank_is_downloaded_and_that_is_recorded(
    client: Client, rows_of_all: list[Any]
) -> None:
    request = next(row for row in rows_of_all if isinstance(row, Request))
    answer = client.get(reverse("admin:connectors_request_file", args=[request.pk]))
    assert answer.content == bytes(request.delivery.body)  # type: ignore[union-attr]
    assert "attachment" in answer.headers["Content-Disposition"]
    assert AuditEvent.objects.filter(verb="download").count() == 1


@pytest.mark.parametrize("role", [Role.PROPERTY_MANAGER, Role.REGULATOR, Role.BOOKKEEPER])
def test_only_an_administrator_may_touch_a_connection(
    connect: Connect, entity: LegalEntity, role: str
) -> None:
    row = connect()
    other = User.objects.create_user("other", password="another long word")
    Membership.objects.create(user=other, entity=entity, role=role)
    client = Client()
    client.force_login(other)
    assert client.get(page(row)).status_code in {302, 403}
    assert client.post(do(row, "pause")).status_code in {403, 404}
    row.refresh_from_db()
    assert row.state == Connection.State.ACTIVE


def test_an_administrator_of_another_company_finds_nothing(connect: Connect) -> None:
    row = connect()
    other = User.objects.create_user("other", password="another long word")
    elm = LegalEntity.objects.create(name="Elm Homes", state="NV")
    Membership.objects.create(user=other, entity=elm, role=Role.ADMINISTRATOR)
    client = Client()
    client.force_login(other)
    assert client.post(do(row, "pause")).status_code == 404
    assert client.get(page(row)).status_code == 302


def test_every_connector_can_be_chosen(client: Client) -> None:
    shown = client.get(reverse("admin:connectors_connection_add")).content.decode()
    for cls in registry.family().values():
        assert cls.label in shown
