"""Deliveries, events and their publishing: nothing is lost, nothing is told twice."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import responses
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from connectors import services, tasks
from connectors.errors import NotYet, Refused
from connectors.models import Connection, Delivery, Event, EventConflict, Refusal
from connectors.services import publishing, receiving
from connectors.types import (
    Channel,
    Heard,
    PaymentRefunded,
    PaymentSettled,
    RemittancePaid,
)
from desk.errors import Refused as DeskRefused
from desk.models import AuditEvent, LegalEntity, User
from tests.connectors.conftest import Connect, Listener
from tests.connectors.signing import SAMPLES, sample, sign_stripe

SETTLED, REFUNDED = "payment_intent.succeeded.card", "charge.refunded.first"
PAYOUT = "payout.paid.march5"
BALANCE = "https://api.stripe.com/v1/balance_transactions"


def body_of(name: str, change: Callable[[Any], object] | None = None) -> bytes:
    body = json.loads(sample("stripe", f"{name}.json"))
    if change:
        change(body)
    return json.dumps(body).encode()


def bring(connection: Connection, body: bytes) -> Delivery:
    return services.receive(connection, body, sign_stripe(body, timezone.now().timestamp()))


def answers() -> None:
    for page in (1, 2):
        data = json.loads(
            (SAMPLES / f"stripe_answers/balance_transactions.{page}.json").read_text()
        )
        responses.get(BALANCE, json=data)


# -- Receiving


def test_the_same_bytes_are_stored_once_and_counted(connect: Connect) -> None:
    stripe = connect()
    body = body_of(SETTLED)

    rows = [bring(stripe, body) for _ in range(3)]

    assert len({row.pk for row in rows}) == 1
    stored = Delivery.objects.get()
    assert (stored.times, bytes(stored.body), stored.state) == (3, body, "stored")
    assert [task.task["func"] for task in OrmQ.objects.all()] == ["connectors.tasks.parse"]


def test_the_same_bytes_of_two_connections_are_two_deliveries(connect: Connect) -> None:
    body = body_of(SETTLED)
    bring(connect(), body)
    bring(connect(), body)
    assert Delivery.objects.count() == 2


def test_bodies_and_facts_lie_encrypted_in_the_database(connect: Connect) -> None:
    services.parse_delivery(bring(connect(), body_of(SETTLED)).pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM connectors_delivery")
        assert b"Okafor" not in bytes(cursor.fetchone()[0])
        cursor.execute("SELECT facts FROM connectors_event")
        assert "Okafor" not in cursor.fetchone()[0]
        cursor.execute("SELECT credentials FROM connectors_connection")
        assert "whsec" not in cursor.fetchone()[0]


def test_headers_that_hold_secrets_are_not_stored(connect: Connect) -> None:
    stripe, body = connect(), body_of(SETTLED)
    headers = sign_stripe(body, timezone.now().timestamp())
    services.receive(stripe, body, headers | {"Authorization": "Basic abc", "Cookie": "x=1"})
    assert set(Delivery.objects.get().headers) == {"stripe-signature"}


def test_refusals_are_counted_a_day_and_told_to_the_audit_trail_once(connect: Connect) -> None:
    stripe = connect()
    for size in range(5):
        with pytest.raises(Refused):
            services.receive(stripe, b"x" * size, {"stripe-signature": "t=1,v1=00"})

    assert not Delivery.objects.exists()
    refusal = Refusal.objects.get()
    assert (refusal.times, refusal.last_size) == (5, 4)
    assert AuditEvent.objects.filter(verb="refuse delivery").count() == 1


def test_a_file_that_is_too_large_is_refused(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "FILE_LIMIT", 10)
    with pytest.raises(Refused, match="at most"):
        services.receive_file(connect("ach_nacha"), "returns.ach", b"x" * 11)


# -- Parsing


def test_a_delivery_is_read_once(connect: Connect, listener: Listener) -> None:
    row = bring(connect(), body_of(SETTLED))

    for _ in range(3):
        services.parse_delivery(row.pk)

    row.refresh_from_db()
    assert (row.state, row.attempts) == ("parsed", 1)
    assert Event.objects.count() == 1


def test_what_cannot_be_read_stays_with_its_reason(connect: Connect) -> None:
    row = services.parse_delivery(bring(connect(), b'{"object": "event"}').pk)
    assert (row.state, row.reason) == ("unreadable", "type is missing")


def test_what_does_not_count_says_why(connect: Connect) -> None:
    row = services.parse_delivery(bring(connect(), body_of("customer.updated.other")).pk)
    assert row.state == "ignored"
    assert "customer.updated" in row.reason


def test_a_fault_of_our_own_reader_keeps_the_delivery(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring(connect(), body_of(SETTLED))
    with monkeypatch.context() as patch:
        patch.setattr("connectors.vendors.stripe.Stripe.parse", lambda *_: 1 / 0)
        broken = services.parse_delivery(row.pk)
    assert (broken.state, "ZeroDivisionError" in broken.reason) == ("unreadable", True)

    assert services.parse_delivery(row.pk, is_again=True).state == "parsed"


def test_a_reader_that_dies_half_way_stores_no_event(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring(connect(), body_of(SETTLED))
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "queue", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            services.parse_delivery(row.pk)
    assert not Event.objects.exists()
    row.refresh_from_db()
    assert row.state == "stored"

    assert services.catch_up().parsed == 1
    assert Event.objects.count() == 1


def test_one_key_with_other_facts_is_a_conflict_and_no_second_event(
    connect: Connect, listener: Listener, person: User
) -> None:
    stripe = connect()
    bring(stripe, body_of(SETTLED))
    services.catch_up()
    more = body_of(SETTLED, lambda body: body["data"]["object"].update(amount_received=999_900))
    for _ in range(2):
        row = bring(stripe, more)
        services.parse_delivery(row.pk, is_again=True)
    services.catch_up()

    conflict = EventConflict.objects.get()
    assert [str(event.amount.amount) for event in listener.told] == ["1850.00"]  # type: ignore[attr-defined]
    assert conflict.facts["amount"]["amount"] == "9999.00"

    services.settle_conflict(conflict.pk, actor_id=person.pk)
    with pytest.raises(DeskRefused, match="Already settled by pat"):
        services.settle_conflict(conflict.pk, actor_id=person.pk)


def test_a_conflict_that_is_two_facts_after_all_is_told_as_well(
    connect: Connect, listener: Listener, person: User
) -> None:
    stripe = connect()
    bring(stripe, body_of(REFUNDED))
    bring(stripe, body_of(REFUNDED, lambda body: body.update(created=body["created"] + 9)))
    services.catch_up()
    conflict = EventConflict.objects.get()

    services.settle_conflict(conflict.pk, actor_id=person.pk, is_another=True)
    services.catch_up()

    assert listener.kinds == ["payment_refunded", "payment_refunded"]
    assert len({event.key for event in listener.told}) == 2


def test_postgresql_keeps_an_event_key_once(connect: Connect) -> None:
    row = bring(connect(), body_of(SETTLED))
    services.parse_delivery(row.pk)
    with pytest.raises(IntegrityError, match="event_key_once"), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_event (connection_id, delivery_id, key, kind, at, subject,
               facts, digest, state, reason, waits_for, attempts)
               SELECT connection_id, delivery_id, key, kind, at, '', facts, digest, 'new', '', '', 0
               FROM connectors_event"""
        )


# -- Publishing


@pytest.mark.parametrize("order", list(permutations([SETTLED, REFUNDED, PAYOUT])))
@responses.activate
def test_three_times_in_any_order_each_fact_is_heard_once_and_after_its_payment(
    connect: Connect, listener: Listener, order: tuple[str, ...]
) -> None:
    answers()
    stripe = connect()

    def payment_first(heard: Heard) -> None:
        known = {event.payment for event in listener.told if isinstance(event, PaymentSettled)}
        needed = {
            PaymentRefunded: lambda event: event.payment,
            RemittancePaid: lambda event: event.items[0].payment,
        }.get(type(heard.event))
        if needed and (payment := needed(heard.event)) not in known:
            raise NotYet(f"{payment} is not known", waits_for=payment)

    listener.answer = payment_first
    for _ in range(3):
        for name in order:
            bring(stripe, body_of(name))
            services.catch_up()

    assert sorted(listener.kinds) == ["payment_refunded", "payment_settled", "remittance_paid"]
    assert listener.kinds[0] == "payment_settled"
    assert set(Event.objects.values_list("state", flat=True)) == {"heard"}


def test_what_waits_is_queued_the_moment_it_can_be_heard(
    connect: Connect, listener: Listener
) -> None:
    stripe = connect()

    def wait(heard: Heard) -> None:
        if isinstance(heard.event, PaymentRefunded) and not listener.told:
            raise NotYet("not settled", waits_for="pi_OakCard")

    listener.answer = wait
    bring(stripe, body_of(REFUNDED))
    services.catch_up()
    waiting = Event.objects.get()
    assert (waiting.state, waiting.reason, waiting.waits_for) == (
        "waiting",
        "not settled",
        "pi_OakCard",
    )
    assert waiting.next_at > timezone.now()
    OrmQ.objects.all().delete()

    services.parse_delivery(bring(stripe, body_of(SETTLED)).pk)
    tasks.publish_delivery(Delivery.objects.latest("pk").pk)

    queued = [(task.task["func"], task.task["args"]) for task in OrmQ.objects.all()]
    assert ("connectors.tasks.publish", (waiting.pk,)) in queued
    assert tasks.publish(waiting.pk).endswith("heard")


def test_a_handler_that_fails_leaves_nothing_behind(connect: Connect, listener: Listener) -> None:
    def half(heard: Heard) -> None:
        LegalEntity.objects.create(name="half done", state="TX")
        raise ValueError("the period is closed")

    listener.answer = half
    bring(connect(), body_of(SETTLED))
    services.catch_up()

    event = Event.objects.get()
    assert (event.state, event.reason, event.attempts) == ("failed", "the period is closed", 1)
    assert not LegalEntity.objects.filter(name="half done").exists()

    listener.answer = lambda heard: None
    services.try_again(event.pk)
    assert services.publish_event(event.pk) == "heard"
    assert services.publish_event(event.pk) == "heard"
    assert len(listener.told) == 1
    with pytest.raises(DeskRefused, match="heard already"):
        services.try_again(event.pk)


def test_a_deferred_constraint_fails_its_own_event_only(
    connect: Connect, listener: Listener
) -> None:
    """A broken foreign key is only seen at the commit, unless somebody asks before."""

    def break_later(heard: Heard) -> None:
        Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(connection_id=10**9)

    listener.answer = break_later
    bring(connect(), body_of(SETTLED))
    services.catch_up()

    assert Event.objects.get().state == "failed"
    assert "foreign key" in Event.objects.get().reason


def test_a_deadlock_is_no_failure_but_tried_again(connect: Connect, listener: Listener) -> None:
    def deadlock(heard: Heard) -> None:
        raise OperationalError("deadlock detected")

    listener.answer = deadlock
    bring(connect(), body_of(SETTLED))
    services.catch_up()
    assert (Event.objects.get().state, Event.objects.get().attempts) == ("new", 0)

    listener.answer = lambda heard: None
    services.catch_up()
    assert listener.kinds == ["payment_settled"]


def test_an_event_that_nobody_hears_is_not_lost(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proptrust.lib.events._handlers", {})
    bring(connect(), body_of(SETTLED))
    services.catch_up()
    assert Event.objects.get().state == "failed"
    assert "No part of PropTrust" in Event.objects.get().reason


def test_an_event_set_aside_stays_unheard(connect: Connect, listener: Listener) -> None:
    row = bring(connect(), body_of(SETTLED))
    services.parse_delivery(row.pk)
    event = Event.objects.get()
    services.set_aside(event.pk, reason="entered by hand")
    services.catch_up()
    assert not listener.told


def test_a_paused_connection_stores_and_waits(connect: Connect, listener: Listener) -> None:
    stripe = connect(state=Connection.State.PAUSED)
    row = bring(stripe, body_of(SETTLED))
    tasks.parse(row.pk)
    assert services.catch_up().parsed == 0

    services.resume(stripe)
    tasks.catch_up_connection(stripe.pk)

    assert listener.kinds == ["payment_settled"]


# -- Completing


@responses.activate
def test_a_remittance_is_told_with_its_items_which_are_fetched_once(
    connect: Connect, listener: Listener
) -> None:
    answers()
    listener.answer = lambda heard: _raise(NotYet("not now"))
    bring(connect(), body_of(PAYOUT))
    services.catch_up()
    event = Event.objects.get()
    assert (event.state, len(event.facts["items"])) == ("waiting", 6)

    listener.answer = lambda heard: None
    services.publish_event(event.pk)

    (told,) = listener.told
    assert isinstance(told, RemittancePaid)
    assert told.items is not None
    assert len(told.items) == 6
    assert len(responses.calls) == 2
    bring(Connection.objects.get(), body_of(PAYOUT))
    assert not EventConflict.objects.exists()


@responses.activate
def test_a_remittance_that_does_not_add_up_ends_with_a_person(
    connect: Connect, listener: Listener
) -> None:
    responses.get(BALANCE, json={"object": "list", "data": [], "has_more": False})
    bring(connect(), body_of(PAYOUT))
    services.catch_up()
    event = Event.objects.get()
    assert event.state == "new"
    assert event.next_at > timezone.now()

    for _ in range(publishing.MOST_ATTEMPTS):
        services.publish_event(event.pk)

    event.refresh_from_db()
    assert event.state == "failed"
    assert "is not explained" in event.reason
    assert not listener.told


@responses.activate
def test_a_payment_of_unknown_channel_is_asked_for(connect: Connect, listener: Listener) -> None:
    data = json.loads((SAMPLES / "stripe_answers/payment_intent.json").read_text())
    responses.get("https://api.stripe.com/v1/payment_intents/pi_OakEither", json=data)
    bring(connect(), body_of("payment_intent.succeeded.several"))
    services.catch_up()

    (told,) = listener.told
    assert isinstance(told, PaymentSettled)
    assert told.channel is Channel.ACH


def test_pauses_grow_to_an_hour() -> None:
    minutes = [
        publishing.pause(attempts) / timedelta(minutes=1) for attempts in (0, 1, 2, 3, 7, 40)
    ]
    assert minutes == [1, 1, 2, 4, 60, 60]


def _raise(error: Exception) -> None:
    raise error


# -- At the same time


@pytest.mark.django_db(transaction=True)
def test_two_workers_publish_an_event_once(connect: Connect, listener: Listener) -> None:
    row = bring(connect(), body_of(SETTLED))
    services.parse_delivery(row.pk)
    event = Event.objects.get()
    first_is_in, may_end = threading.Event(), threading.Event()

    def slow(heard: Heard) -> None:
        first_is_in.set()
        may_end.wait(10)

    listener.answer = slow

    def work() -> None:
        try:
            services.publish_event(event.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert first_is_in.wait(10)
    assert services.publish_event(event.pk) == "new"  # The other one has it.
    may_end.set()
    worker.join()

    assert services.publish_event(event.pk) == "heard"
    assert len(listener.told) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_webhook_at_the_same_moment_is_stored_once(connect: Connect) -> None:
    stripe, body = connect(), body_of(SETTLED)
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait(10)
            services.parse_delivery(bring(stripe, body).pk)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Delivery.objects.get().times == 4
    assert Event.objects.count() == 1


KILLED = """
import sys, time, django
django.setup()
from collections import defaultdict
from connectors import services
from connectors.types import Heard
from desk.models import LegalEntity
from proptrust.lib import events

def hear(heard):
    LegalEntity.objects.create(name="half done", state="TX")
    print("in the middle", flush=True)
    time.sleep(60)

events._handlers = defaultdict(list, {Heard: [hear]})
services.publish_event(int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_it_publishes_loses_nothing_and_repeats_nothing(
    connect: Connect, listener: Listener, subprocess_environment: Mapping[str, str]
) -> None:
    services.parse_delivery(bring(connect(), body_of(SETTLED)).pk)
    event = Event.objects.get()
    command = [sys.executable, "-c", KILLED, str(event.pk)]
    with subprocess.Popen(command, env=subprocess_environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"in the middle\n"
        worker.kill()

    # The server notices the lost connection in its own time.
    for _ in range(100):
        if services.catch_up().published:
            break
        time.sleep(0.1)
    assert listener.kinds == ["payment_settled"]
    assert not LegalEntity.objects.filter(name="half done").exists()
    assert Event.objects.get().attempts == 1
