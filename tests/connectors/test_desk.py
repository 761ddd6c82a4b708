"""What is wrong at a connection stands on the desk, and its remedies work."""

import json
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from connectors import findings, queues, services
from connectors.errors import NotYet, Refused
from connectors.models import Connection, Delivery, Event, EventConflict, Request
from connectors.types import Channel, CollectPayment, Heard
from desk import registry
from desk import services as desk
from desk.errors import Refused as DeskRefused
from desk.models import User, WorkItem
from proptrust.lib.money import usd
from tests.connectors.conftest import Connect, Listener
from tests.connectors.signing import sample, sign_stripe

KINDS = [
    findings.UNREADABLE,
    findings.REFUSED,
    findings.CONFLICT,
    findings.WAITING,
    findings.FAILED,
    findings.REQUEST,
    findings.FILE,
    findings.REAUTHORISE,
]


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detectors of the apps above have tests of their own."""
    ours = {name: each for name, each in registry._detectors.items() if name[:5] == "conne"}
    monkeypatch.setattr(registry, "_detectors", ours)


def bring(connection: Connection, body: bytes) -> Delivery:
    row = services.receive(connection, body, sign_stripe(body, timezone.now().timestamp()))
    services.catch_up(is_sending=False)
    return row


def item(kind: str) -> WorkItem:
    desk.run_detectors()
    return WorkItem.objects.exclude(state="closed").get(kind=kind)


def act(kind: str, remedy: str, person: User, **facts: str) -> WorkItem:
    """Carry out a remedy that the item really offers, then look at the item."""
    found = item(kind)
    offered = registry.handler_of(kind).detail(found.subject_id)
    assert remedy in [each.key for each in offered.remedies]
    assert all(each.label for each in offered.evidence)
    query = QueryDict(mutable=True)
    query.update(facts)
    desk.act(found, remedy, query, actor=person)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_label_a_detector_and_an_answer(kind: str) -> None:
    assert registry.kinds()[kind]
    assert registry.detector_of(kind)
    assert isinstance(registry.handler_of(kind), queues.Answers)


def test_all_is_well_without_a_finding(connect: Connect, listener: Listener) -> None:
    bring(connect(), sample("stripe", "payment_intent.succeeded.card.json"))
    desk.run_detectors()
    assert not WorkItem.objects.exists()


def test_an_unreadable_delivery_is_read_again_after_a_fix(
    connect: Connect, listener: Listener, person: User
) -> None:
    stripe = connect(settings={"mode": "test"})
    body = json.loads(sample("stripe", "payment_intent.succeeded.card.json")) | {"livemode": True}
    bring(stripe, json.dumps(body).encode())
    with pytest.raises(DeskRefused, match="still cannot be read"):
        act(findings.UNREADABLE, "parse_again", person)

    stripe.settings = {"mode": "live"}
    stripe.save()
    assert act(findings.UNREADABLE, "parse_again", person).state == "closed"


def test_an_unreadable_delivery_is_set_aside_with_a_reason_and_back(
    connect: Connect, person: User
) -> None:
    bring(connect(), b"{}")
    with pytest.raises(DeskRefused, match="how it was dealt with"):
        act(findings.UNREADABLE, "set_aside", person, reason=" ")
    assert act(findings.UNREADABLE, "set_aside", person, reason="a test call").state == "closed"

    desk.undo(person)
    assert item(findings.UNREADABLE).state == "open"


def test_an_event_that_failed_is_posted_again(
    connect: Connect, listener: Listener, person: User
) -> None:
    def fail(heard: Heard) -> None:
        raise ValueError("the period is closed")

    listener.answer = fail
    bring(connect(), sample("stripe", "payment_intent.succeeded.expanded.json"))
    found = item(findings.FAILED)
    assert (found.reason, found.amount, found.who) == (
        "the period is closed",
        usd("1425.50"),
        "Ada Okafor",
    )

    listener.answer = lambda heard: None
    assert act(findings.FAILED, "publish_again", person).state == "closed"
    services.catch_up()
    assert listener.kinds == ["payment_settled"]


def test_an_event_is_only_odd_after_it_waited_for_a_day(
    connect: Connect, listener: Listener, person: User
) -> None:
    def wait(heard: Heard) -> None:
        raise NotYet("payment pi_OakCard is not known")

    listener.answer = wait
    bring(connect(), sample("stripe", "charge.refunded.first.json"))
    desk.run_detectors()
    assert not WorkItem.objects.exists()

    Event.objects.update(stored_at=timezone.now() - findings.PATIENCE - timedelta(minutes=1))
    assert "pi_OakCard" in item(findings.WAITING).reason
    done = act(findings.WAITING, "set_aside", person, reason="refunded before the cut-over")
    assert done.state == "closed"


def test_an_event_that_no_worker_takes_is_seen(connect: Connect, listener: Listener) -> None:
    stripe, body = connect(), sample("stripe", "payment_intent.succeeded.card.json")
    row = services.receive(stripe, body, sign_stripe(body, timezone.now().timestamp()))
    services.parse_delivery(row.pk)
    Event.objects.update(stored_at=timezone.now() - timedelta(hours=2))
    assert item(findings.WAITING).reason == "No worker has taken it."


def test_a_conflict_shows_both_sides_and_is_settled(
    connect: Connect, listener: Listener, person: User
) -> None:
    stripe = connect()
    body = json.loads(sample("stripe", "payment_intent.succeeded.card.json"))
    bring(stripe, json.dumps(body).encode())
    body["data"]["object"]["amount_received"] = 1
    bring(stripe, json.dumps(body).encode())

    detail = registry.handler_of(findings.CONFLICT).detail(item(findings.CONFLICT).subject_id)
    shown = {each.label: each.value for each in detail.evidence}
    assert (shown["Amount, first"], shown["Amount, then"]) == ("1,850.00 USD", "0.01 USD")

    assert act(findings.CONFLICT, "first_stands", person).state == "closed"
    desk.undo(person)
    assert EventConflict.objects.get().settled_by is None
    assert act(findings.CONFLICT, "both_true", person).state == "closed"
    services.catch_up()
    assert listener.kinds == ["payment_settled", "payment_settled"]


def refused_request(connection: Connection) -> Request:
    action = CollectPayment(
        key="charge:1",
        amount=usd("10.00"),
        channel=Channel.CARD,
        payer_reference="cus_1",
        method_reference="pm_1",
        lease_code="L1",
    )
    row = services.enqueue(action, connection)
    Request.objects.update(state=Request.State.REFUSED, reason="Declined.")
    return row


def test_a_refused_request_is_withdrawn_and_back_and_sent_again(
    connect: Connect, person: User
) -> None:
    refused_request(connect())
    assert act(findings.REQUEST, "withdraw", person, reason="paid by check").state == "closed"
    desk.undo(person)
    assert act(findings.REQUEST, "send_again", person).state == "closed"
    assert Request.objects.get().state == "waiting"
    with pytest.raises(DeskRefused, match="cannot be called back"):
        desk.undo(person)


def test_a_connection_to_be_renewed_is_on_the_desk(connect: Connect, person: User) -> None:
    connect(state=Connection.State.REAUTHORISE, test_said="Expired key.")
    assert item(findings.REAUTHORISE).reason.startswith("Expired key.")
    act(findings.REAUTHORISE, "test", person)


def test_many_refusals_of_a_day_look_like_a_wrong_secret(connect: Connect) -> None:
    stripe = connect()
    for times in range(1, findings.REFUSALS + 1):
        with pytest.raises(Refused):
            services.receive(stripe, b"{}", {})
        desk.run_detectors()
        assert WorkItem.objects.exists() is (times >= findings.REFUSALS)


def test_findings_of_another_company_stay_out(connect: Connect) -> None:
    row = bring(connect(), b"{}")
    assert not list(findings.unreadable_deliveries(row.connection.entity_id + 1, None))
    assert len(list(findings.unreadable_deliveries(row.connection.entity_id, None))) == 1


def test_the_preview_of_a_bank_file_shows_no_account_number(connect: Connect) -> None:
    body = sample("ach_nacha", "sent.ach")
    assert b"000123-45" in body
    row = services.receive_file(connect("ach_nacha"), "sent.ach", body)
    assert "000123-45" not in queues.preview(Delivery.objects.get(pk=row.pk))
