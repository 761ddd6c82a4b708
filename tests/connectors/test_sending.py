"""The outbox: sent once, repeated under one key, given up before a person."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from django.utils import timezone
from openapi_schema_validator import OAS30Validator

from connectors import registry, services
from connectors.errors import KeyReused, NotPerformed
from connectors.models import Connection, Exchange, Request
from connectors.services import sending
from connectors.types import Channel, CollectPayment, FetchPayment, FetchRemittance
from desk.errors import Refused
from proptrust.lib.money import usd
from tests.connectors.conftest import Connect
from tests.connectors.signing import STRIPE_KEY

PROJECT = Path(__file__).resolve().parents[2]
INTENTS = "https://api.stripe.com/v1/payment_intents"
DONE = {"id": "pi_New", "status": "processing", "client_secret": "pi_New_secret_abc"}


def rent(key: str = "charge:812", amount: str = "1425.50") -> CollectPayment:
    return CollectPayment(
        key=key,
        amount=usd(amount),
        channel=Channel.ACH,
        payer_reference="cus_Okafor",
        method_reference="pm_Okafor",
        lease_code="OAK-12-3",
    )


@pytest.fixture
def waiting(connect: Connect) -> Request:
    return services.enqueue(rent(), connect())


def due_now(row: Request) -> None:
    Request.objects.filter(pk=row.pk).update(next_at=timezone.now() - timedelta(seconds=1))


@responses.activate
def test_a_request_is_sent_once_and_kept_with_its_answer(waiting: Request) -> None:
    responses.post(INTENTS, json=DONE)

    assert [services.send_request(waiting.pk) for _ in range(3)] == ["sent"] * 3

    waiting.refresh_from_db()
    assert (waiting.vendor_id, waiting.answer["status"]) == ("pi_New", "processing")
    assert len(responses.calls) == 1
    assert Exchange.objects.get().request == waiting


def test_a_key_is_one_request(waiting: Request) -> None:
    stripe = waiting.connection
    assert services.enqueue(rent(), stripe) == waiting
    with pytest.raises(KeyReused):
        services.enqueue(rent(amount="1425.51"), stripe)
    with pytest.raises(KeyReused):
        services.enqueue(FetchRemittance(key="charge:812", remittance="po_1"), stripe)


def test_a_platform_is_not_asked_for_what_it_does_not_do(connect: Connect) -> None:
    with pytest.raises(NotPerformed, match="collect_payment"):
        services.enqueue(rent(), connect("ach_nacha"))
    assert not Request.objects.exists()


@responses.activate
def test_an_answer_that_says_later_is_tried_later_under_the_same_key(waiting: Request) -> None:
    responses.post(INTENTS, status=503, headers={"Retry-After": "1800"}, json={})
    assert services.send_request(waiting.pk) == "waiting"
    waiting.refresh_from_db()
    assert waiting.next_at - timezone.now() > timedelta(minutes=29)
    assert services.send_request(waiting.pk) == "waiting"  # Not due: nothing is sent.
    assert len(responses.calls) == 1

    responses.replace(responses.POST, INTENTS, json=DONE)
    due_now(waiting)
    assert services.send_request(waiting.pk) == "sent"
    keys = {call.request.headers["Idempotency-Key"] for call in responses.calls}
    assert keys == {"charge:812"}


@responses.activate
def test_pauses_grow_and_end_with_a_person(waiting: Request) -> None:
    responses.post(INTENTS, status=500, json={"error": {"message": "Sorry"}})
    pauses = []
    for _ in range(sending.MOST_ATTEMPTS - 1):
        services.send_request(waiting.pk)
        waiting.refresh_from_db()
        pauses.append(round((waiting.next_at - timezone.now()) / timedelta(minutes=1)))
        due_now(waiting)
    assert pauses == [1, 2, 4, 8, 16, 32, 60]

    assert services.send_request(waiting.pk) == "refused"
    waiting.refresh_from_db()
    assert waiting.reason.startswith("Given up after 8 attempts")
    assert "Sorry" in waiting.reason


@responses.activate
def test_a_no_is_final_until_a_person_sends_it_again(waiting: Request) -> None:
    error = {"error": {"type": "card_error", "message": "Declined.", "code": "card_declined"}}
    responses.post(INTENTS, status=402, json=error)
    assert services.send_request(waiting.pk) == "refused"
    waiting.refresh_from_db()
    assert "Declined.; card_declined" in waiting.reason

    responses.replace(responses.POST, INTENTS, json=DONE)
    services.send_again(waiting.pk)
    assert services.send_request(waiting.pk) == "sent"
    with pytest.raises(Refused):
        services.send_again(waiting.pk)
    with pytest.raises(Refused, match="done this already"):
        services.withdraw(waiting.pk, reason="too late")


@responses.activate
def test_refused_credentials_stop_the_connection_and_lose_no_request(waiting: Request) -> None:
    responses.post(INTENTS, status=401, json={"error": {"message": "Expired key"}})
    assert services.send_request(waiting.pk) == "waiting"
    stripe = Connection.objects.get()
    assert stripe.state == Connection.State.REAUTHORISE
    assert services.send_request(waiting.pk) == "waiting"
    assert len(responses.calls) == 1

    responses.replace(responses.POST, INTENTS, json=DONE)
    services.reauthorised(stripe)
    services.catch_up()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts) == ("sent", 1)


@responses.activate
def test_a_worker_killed_while_it_sends_is_followed_by_another(
    waiting: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What no handler catches."""

    def die(*_: object) -> None:
        raise Killed

    responses.post(INTENTS, json=DONE)
    with monkeypatch.context() as patch:
        patch.setattr(sending, "_finish", die)
        with pytest.raises(Killed):
            services.send_request(waiting.pk)
    assert services.send_request(waiting.pk) == "waiting"  # Held for the one that may still work.

    due_now(waiting)
    assert services.send_request(waiting.pk) == "sent"
    keys = [call.request.headers["Idempotency-Key"] for call in responses.calls]
    assert keys == ["charge:812", "charge:812"]


@responses.activate
def test_a_key_that_the_platform_has_forgotten_is_not_sent_again(waiting: Request) -> None:
    """A day later the same key would make a second payment."""
    responses.post(INTENTS, status=500, json={})
    services.send_request(waiting.pk)
    Request.objects.update(first_tried_at=timezone.now() - timedelta(hours=23, seconds=1))
    due_now(waiting)

    assert services.send_request(waiting.pk) == "refused"
    assert len(responses.calls) == 1
    waiting.refresh_from_db()
    assert "forgotten its key" in waiting.reason


@responses.activate
def test_a_fault_of_our_own_is_tried_again(
    waiting: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.vendors.stripe.Stripe.collect_payment", lambda *_: 1 / 0)
    assert services.send_request(waiting.pk) == "waiting"
    waiting.refresh_from_db()
    assert waiting.reason == "a fault in PropTrust: ZeroDivisionError"


def test_a_withdrawn_request_is_not_sent(waiting: Request) -> None:
    services.withdraw(waiting.pk, reason="the tenant paid by check")
    assert services.catch_up().sent == 0
    services.unwithdraw(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == "refused"


@responses.activate
def test_neither_the_key_nor_a_client_secret_is_recorded(waiting: Request) -> None:
    responses.post(INTENTS, json=DONE | {"echo": f"Bearer {STRIPE_KEY}"})
    services.send_request(waiting.pk)
    row = Exchange.objects.get()
    shown = json.dumps([row.sent, row.answer, row.url, row.fault])
    assert STRIPE_KEY not in shown
    assert "pi_New_secret_abc" not in shown
    assert "142550" in row.sent


# -- Against the platform's own description


def described(slug: str) -> Any:
    folder = Path(os.environ.get("PROPTRUST_SHARED", PROJECT.parent / "shared"))
    path = folder / "vendor-specs" / f"{slug}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there to compare with")
    return json.loads(path.read_text())


def operation(spec: Any, method: str, path: str) -> Any:
    """What a description says of a call; the path's {braces} match one part."""
    for template, methods in spec["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods[method.lower()]
    pytest.fail(f"{path} is not described")


def nested(form: str) -> dict[str, Any]:
    """A form with brackets as the object it means: a[]=1 is a list, a[b]=1 an object."""
    found: dict[str, Any] = {}
    for name, text in parse_qsl(form, strict_parsing=True):
        value = {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)
        outer, _, inner = name.rstrip("]").partition("[")
        if outer == name:
            found[name] = value
        elif not inner:
            found.setdefault(outer, []).append(value)
        else:
            found.setdefault(outer, {})[inner] = value
    return found


@responses.activate
def test_every_call_to_stripe_fits_its_description(connect: Connect) -> None:
    spec = described("stripe")
    answers = Path(__file__).parent / "samples" / "stripe_answers"
    page = json.loads((answers / "balance_transactions.2.json").read_text())
    intent = json.loads((answers / "payment_intent.json").read_text())
    responses.get("https://api.stripe.com/v1/balance_transactions", json=page)
    responses.get(f"{INTENTS}/pi_OakEither", json=intent)
    responses.get("https://api.stripe.com/v1/charges/ch_OakOld", json=intent["latest_charge"])
    responses.post(INTENTS, json=DONE)
    stripe = registry.connector_of(connect())

    stripe.perform(rent())
    stripe.perform(FetchRemittance(key="a", remittance="po_March5"))
    stripe.perform(FetchPayment(key="b", payment="pi_OakEither"))
    stripe.perform(FetchPayment(key="c", payment="ch_OakOld"))
    stripe.test_connection()

    sent = [call.request for call in responses.calls]
    assert len(sent) == 5
    for request in sent:
        address = urlsplit(str(request.url))
        says = operation(spec, str(request.method), address.path)
        if request.method == "POST":
            schema = says["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
            assert isinstance(request.body, bytes)
            OAS30Validator(schema).validate(nested(request.body.decode()))
            continue
        known = {each["name"]: each["schema"] for each in says["parameters"]}
        for name, value in nested(address.query).items():
            OAS30Validator(known[name]).validate(value)
