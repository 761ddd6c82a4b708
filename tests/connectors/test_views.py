"""The door for webhooks."""

import pytest
from django.test import Client

from connectors import views
from connectors.models import Connection, Delivery, Refusal
from tests.connectors.conftest import Connect
from tests.connectors.signing import sample, sign_stripe


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


def post(client: Client, connection: Connection, body: bytes, header: str | None = None) -> int:
    import time

    signature = header if header is not None else sign_stripe(body, time.time())["stripe-signature"]
    answer = client.post(
        f"/hooks/{connection.token}/",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )
    assert b"signature" not in answer.content
    return answer.status_code


BODY = sample("stripe", "payment_intent.succeeded.card.json")


def test_a_signed_webhook_is_stored_and_answered(client: Client, connect: Connect) -> None:
    assert post(client, connect(), BODY) == 200
    stored = Delivery.objects.get()
    assert bytes(stored.body) == BODY
    assert stored.state == Delivery.State.STORED
    assert "stripe-signature" in stored.headers


def test_a_forged_webhook_is_refused_without_saying_why(client: Client, connect: Connect) -> None:
    assert post(client, connect(), BODY, "t=1772496000,v1=00") == 400
    assert not Delivery.objects.exists()
    assert Refusal.objects.get().times == 1


def test_a_paused_connection_still_answers_and_stores(client: Client, connect: Connect) -> None:
    assert post(client, connect(state=Connection.State.PAUSED), BODY) == 200
    assert Delivery.objects.count() == 1


def test_an_unknown_address_is_not_found(client: Client, connect: Connect) -> None:
    assert client.post("/hooks/guess/", data=b"{}", content_type="text/plain").status_code == 404


def test_a_bank_sends_no_webhooks(client: Client, connect: Connect) -> None:
    assert post(client, connect("ach_nacha"), b"101 ...") == 404


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head"])
def test_only_post_is_answered(client: Client, connect: Connect, method: str) -> None:
    assert getattr(client, method)(f"/hooks/{connect().token}/").status_code == 405


def test_a_body_above_the_limit_is_refused_unread(client: Client, connect: Connect) -> None:
    connection = connect()
    assert post(client, connection, b"x" * (views.BODY_LIMIT + 1)) == 413
    assert post(client, connection, b"x" * views.BODY_LIMIT) == 200
    assert not Refusal.objects.exists()


def test_a_webhook_leaves_no_cookie(client: Client, connect: Connect) -> None:
    post(client, connect(), BODY)
    assert not client.cookies


def test_two_connections_have_two_long_addresses(connect: Connect) -> None:
    tokens = {connect().token, connect().token}
    assert len(tokens) == 2
    assert all(len(token) == 43 for token in tokens)
