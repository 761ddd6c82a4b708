"""The way to the network: bounded in time and size, never inside a transaction, no secrets kept."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
import responses
from django.db import connection as database
from django.db import transaction
from responses import registries

from connectors import http
from connectors.errors import Denied, RetryLater, Unreadable
from connectors.http import Http, is_public, require_public, retry_after
from connectors.models import Connection, Exchange, RateLimit
from tests.connectors.conftest import Connect

URL = "https://api.vendor.test/v1/things"


@pytest.fixture
def connected(connect: Connect) -> Connection:
    return connect()


@pytest.fixture
def web(connected: Connection) -> Http:
    return Http(connected.pk, secrets=frozenset({"s3cret/key", "hush"}), calls_per_second=100)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sleeps between two tries."""
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda seconds: None)


@responses.activate(registry=registries.OrderedRegistry)
def test_a_question_is_repeated_when_the_platform_stumbles(web: Http) -> None:
    for status in (503, 429, 200):
        responses.get(URL, status=status, json={"ok": status})
    assert web.get(URL).json() == {"ok": 200}
    assert len(responses.calls) == 3


@responses.activate
def test_an_order_is_never_repeated_by_itself(web: Http) -> None:
    responses.post(URL, status=503)
    assert web.post_form(URL, key="k-1", form=[("a", "1")]).status == 503
    assert len(responses.calls) == 1


@responses.activate
def test_a_bad_answer_comes_back_after_the_last_try(web: Http) -> None:
    responses.get(URL, status=500)
    assert web.get(URL).status == 500
    assert len(responses.calls) == http.TRIES


@responses.activate
def test_a_redirect_is_not_followed(web: Http) -> None:
    responses.get(URL, status=302, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(Denied, match="redirect"):
        web.get(URL)
    assert Exchange.objects.get().status == 302


@responses.activate
def test_no_answer_is_recorded_and_means_later(web: Http) -> None:
    responses.get(URL, body=requests.ReadTimeout("reading s3cret/key"))
    with pytest.raises(RetryLater, match="took too long"):
        web.get(URL)
    assert Exchange.objects.get().fault == "it took too long"


@responses.activate
def test_an_answer_without_end_is_cut_off(web: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_LIMIT", 1000)
    responses.get(URL, body=b"x" * 200_000)
    with pytest.raises(Unreadable, match="more than"):
        web.get(URL)


@responses.activate
def test_secrets_stand_in_no_record_and_no_log(web: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="connectors")
    responses.post(
        f"{URL}?key=s3cret%2Fkey",
        json={"hint": "s3cret/key", "access_token": "abc-def", "n": "hush", "account_number": 4711},
        status=400,
    )
    web.post_form(
        f"{URL}?key=s3cret%2Fkey", key="k", form=[("password", "hush"), ("x", "s3cret/key")]
    )
    row = Exchange.objects.get()
    everything = f"{row.url} {row.sent} {row.answer} {row.fault} {caplog.text} {web!r}"
    for secret in ("s3cret", "hush", "abc-def", "4711"):
        assert secret not in everything
    assert row.answer.count(http.HIDDEN) == 4


def test_a_call_inside_a_transaction_is_refused(web: Http) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        web.get(URL)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", None), ("0", 0), ("120", 120), ("999999999999", 21_600), ("soon", None), ("-5", None),
     ("Tue, 03 Mar 2026 00:01:00 GMT", 60), ("Mon, 02 Mar 2026 00:00:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_capped(header: str, seconds: int | None) -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(header, now=now) == expected


# -- Rate limit


@responses.activate
def test_calls_of_one_second_are_limited_for_all_workers(
    connected: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    places = iter([False, False, True])
    monkeypatch.setattr("connectors.http.time.sleep", naps.append)
    monkeypatch.setattr(http, "_claim", lambda pk, limit: next(places))
    responses.get(URL, json={})
    Http(connected.pk, calls_per_second=1).get(URL)
    assert len(naps) == 2
    assert all(0 < nap <= 1 for nap in naps)


@responses.activate
def test_a_call_that_finds_no_place_is_made_later(
    connected: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.time.sleep", lambda seconds: None)
    monkeypatch.setattr(http, "_claim", lambda pk, limit: False)
    with pytest.raises(RetryLater, match="at most 1 calls a second"):
        Http(connected.pk, calls_per_second=1).get(URL)


@pytest.mark.django_db(transaction=True)
def test_a_second_has_as_many_places_as_allowed(connect: Connect) -> None:
    connection = connect()
    got: list[bool] = []

    def work() -> None:
        try:
            got.extend(http._claim(connection.pk, 3) for _ in range(4))
        finally:
            database.close()

    time.sleep(1.02 - time.time() % 1)  # Begin with a second, so that it does not end in between.
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(got) <= 6  # Three a second; two seconds at most were touched.
    assert sum(got) >= 3
    assert RateLimit.objects.get().used == 3


# -- Addresses that people type


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
    255.255.255.255 ::1 fe80::1%eth0 fc00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1:: nonsense
    """.split(),
)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com", "https://", "https://user:pw@example.com/",
     "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://0x7f000001/",
     "https://2130706433/", "https://example.com:99999/", "//example.com"],
)  # fmt: skip
def test_an_address_that_leads_inside_is_refused(url: str) -> None:
    with pytest.raises((Denied, RetryLater)):
        require_public(url)


@pytest.fixture
def listening() -> Iterator[int]:
    """A port on this machine that somebody could try to reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_name_that_moves_inside_after_the_check_reaches_nothing(
    connected: Connection, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check sees a public address, the connection would go to this machine."""
    monkeypatch.setattr(http, "require_public", lambda url: None)
    web = Http(connected.pk, is_user_url=True)
    with pytest.raises(Denied, match="private network"):
        web.get(f"https://127.0.0.1:{listening}/admin")
    assert "private network" in Exchange.objects.get().fault


def test_a_typed_address_is_checked_before_anything_is_sent(connected: Connection) -> None:
    with pytest.raises(Denied, match="private network"):
        Http(connected.pk, is_user_url=True).get("https://127.0.0.1/")
    assert not Exchange.objects.exists()


def test_http_shows_no_secret_when_printed(web: Http) -> None:
    assert "hush" not in repr(web)
