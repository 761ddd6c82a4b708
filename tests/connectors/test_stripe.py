"""Stripe: each cent is told once, by whichever message comes first; what is unclear is refused."""

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from responses import matchers

from connectors import registry
from connectors.base import Connector
from connectors.errors import (
    ConnectorError,
    Denied,
    Ignored,
    Reauthorise,
    Refused,
    RetryLater,
    Unreadable,
)
from connectors.facts import digest
from connectors.models import Connection
from connectors.types import (
    Channel,
    CollectPayment,
    Delivery,
    DisputeClosed,
    Event,
    FetchPayment,
    FetchRemittance,
    PaymentDisputed,
    PaymentFailed,
    PaymentRefunded,
    PaymentReturned,
    PaymentSettled,
    RemittancePaid,
)
from connectors.vendors.stripe import API, VERSION, Stripe
from proptrust.lib.money import total, usd
from tests.connectors.conftest import Connect
from tests.connectors.signing import (
    SAMPLES,
    STRIPE_KEY,
    STRIPE_SECRET,
    sample,
    sign_stripe,
)

PROJECT = Path(__file__).resolve().parents[2]
ANSWERS = SAMPLES / "stripe_answers"
RENT = CollectPayment(
    key="charge:812:try:1",
    amount=usd("1425.50"),
    channel=Channel.ACH,
    payer_reference="cus_Okafor",
    method_reference="pm_Okafor",
    lease_code="OAK-12-3",
    description="Rent March 2026",
)


def document(name: str) -> Any:
    return json.loads(sample("stripe", f"{name}.json"))


def read(body: Any, **settings: str) -> list[Event]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(Stripe(settings=settings).parse(Delivery(raw)))


def only(name: str) -> Event:
    (event,) = read(sample("stripe", f"{name}.json"))
    return event


def changed(name: str, change: Callable[[Any], object]) -> Any:
    body = document(name)
    change(body["data"]["object"])
    return body


# -- Signatures


def test_a_signature_is_hmac_sha256_over_moment_and_body() -> None:
    """The digest was computed with `openssl dgst -sha256 -hmac`, not with our own signer."""
    header = "t=1772496000,v1=c96ce62d325979ff6c992bc7fc8041d978ff703a83b14c67e503c7a67a6608d3"
    delivery = Delivery(
        b'{"id": "evt_1"}\n', {"stripe-signature": header}, datetime(2026, 3, 3, tzinfo=UTC)
    )
    Stripe({"signing_secret": "whsec_vector"}).verify(delivery)


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_signature_is_good_for_300_seconds_each_way(seconds: int, is_good: bool) -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)
    delivery = Delivery(b"{}", sign_stripe(b"{}", at.timestamp()), at + timedelta(seconds=seconds))
    stripe = Stripe({"signing_secret": STRIPE_SECRET})
    if is_good:
        stripe.verify(delivery)
    else:
        with pytest.raises(Refused, match=r"older|future"):
            stripe.verify(delivery)


def test_one_of_several_signatures_is_enough_while_the_secret_changes() -> None:
    at = datetime(2026, 3, 3, tzinfo=UTC)
    old = sign_stripe(b"{}", at.timestamp(), "whsec_old")["stripe-signature"].split("v1=")[1]
    good = sign_stripe(b"{}", at.timestamp())["stripe-signature"]
    header = good.replace(",v1=", f",v1={old},v1=") + ",v0=00"
    Stripe({"signing_secret": STRIPE_SECRET}).verify(
        Delivery(b"{}", {"stripe-signature": header}, at)
    )


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=aa", "t=x,v1=aa", "t=1,t=2,v1=aa", "t=,v1=", "t=99999999999999,v1=a",
     "v0=a,t=1", "t=1772496000,v1=é", "t=1772496000,v0=aa"],
)  # fmt: skip
def test_a_header_that_proves_nothing_is_refused(header: str) -> None:
    stripe = Stripe({"signing_secret": STRIPE_SECRET})
    with pytest.raises(Refused):
        stripe.verify(
            Delivery(b"{}", {"stripe-signature": header}, datetime(2026, 3, 3, tzinfo=UTC))
        )


# -- Payments


def test_a_settled_card_payment() -> None:
    event = only("payment_intent.succeeded.card")

    assert event == PaymentSettled(
        key="pi_OakCard:succeeded",
        at=datetime(2026, 3, 3, 0, 0, 10, tzinfo=UTC),
        payment="pi_OakCard",
        amount=usd("1850.00"),
        channel=Channel.CARD,
        lease_code="OAK-12-3",
        payer_reference="cus_Okafor",
        description="Rent March 2026",
    )


def test_an_expanded_charge_tells_way_fee_and_payer() -> None:
    event = only("payment_intent.succeeded.expanded")

    assert isinstance(event, PaymentSettled)
    assert (event.channel, event.fee, event.payer) == (Channel.ACH, usd("5.00"), "Ada Okafor")


def test_a_payment_that_may_be_card_or_debit_is_told_as_unknown() -> None:
    event = only("payment_intent.succeeded.several")

    assert isinstance(event, PaymentSettled)
    assert event.channel is Channel.UNKNOWN


def test_an_early_return_of_a_debit_is_a_failed_payment() -> None:
    event = only("payment_intent.payment_failed.returned")

    assert isinstance(event, PaymentFailed)
    assert event.code == "insufficient_funds"
    assert event.key == "pi_OakEarly:failed:py_OakEarly"


def test_each_try_of_a_payment_fails_by_itself() -> None:
    def other_try(intent: Any) -> None:
        intent["last_payment_error"]["charge"] = "py_Second"

    (second,) = read(changed("payment_intent.payment_failed.returned", other_try))

    assert second.key != only("payment_intent.payment_failed.returned").key


@pytest.mark.parametrize(
    ("currency", "amount"), [("eur", 900), ("jpy", 900), ("", 900), (None, 900), (7, 900)]
)
def test_other_currencies_are_refused(currency: object, amount: int) -> None:
    body = changed(
        "payment_intent.succeeded.card",
        lambda intent: intent.update(currency=currency, amount_received=amount),
    )
    with pytest.raises(Unreadable, match=r"currency|US dollars"):
        read(body)


@pytest.mark.parametrize("amount", [0, -1, 18.5, "185000", None, True, 10**15])
def test_an_amount_is_never_guessed(amount: object) -> None:
    body = changed(
        "payment_intent.succeeded.card", lambda intent: intent.update(amount_received=amount)
    )
    with pytest.raises(Unreadable, match="amount_received"):
        read(body)


def test_the_charge_of_a_payment_intent_is_not_counted_again() -> None:
    with pytest.raises(Ignored, match="pi_OakCard tells of this charge"):
        only("charge.succeeded.of_intent")


def test_a_charge_that_is_only_authorised_is_no_money() -> None:
    body = changed("charge.succeeded.lone", lambda charge: charge.update(captured=False))
    with pytest.raises(Ignored, match="authorised"):
        read(body)


# -- Mode and account


def test_a_test_event_is_not_counted_by_a_live_connection() -> None:
    with pytest.raises(Ignored, match="test event"):
        read(document("payment_intent.succeeded.card"), mode="live")


def test_a_live_event_at_a_test_connection_goes_to_a_person() -> None:
    body = document("payment_intent.succeeded.card") | {"livemode": True}
    with pytest.raises(Unreadable, match="set to test mode"):
        read(body, mode="test")


@pytest.mark.parametrize("account", [None, "acct_other"])
def test_an_event_of_another_account_is_not_counted(account: str | None) -> None:
    body = document("payment_intent.succeeded.card") | {"account": account}
    with pytest.raises(Ignored, match="another account"):
        read(body, account="acct_ours")


def test_an_event_of_the_configured_account_is_counted() -> None:
    body = document("payment_intent.succeeded.card") | {"account": "acct_ours"}
    assert len(read(body, account="acct_ours")) == 1


# -- Refunds


def test_a_refund_is_what_was_added_to_the_sum() -> None:
    first, second = only("charge.refunded.first"), only("charge.refunded.second")

    assert isinstance(first, PaymentRefunded)
    assert isinstance(second, PaymentRefunded)
    assert (first.amount, first.refunded_in_all) == (usd("300.00"), usd("300.00"))
    assert (second.amount, second.refunded_in_all) == (usd("250.00"), usd("550.00"))
    assert (second.refund, second.key) == ("re_OakTwo", "re_OakTwo:refunded")
    assert first.payment == second.payment == "pi_OakCard"


def test_a_refund_that_cannot_be_told_from_earlier_ones_is_refused() -> None:
    body = document("charge.refunded.first")
    del body["data"]["previous_attributes"]
    with pytest.raises(Unreadable, match=r"previous_attributes\.amount_refunded"):
        read(body)


def test_a_refund_that_went_through_is_not_told_by_its_own_event() -> None:
    body = changed("refund.failed.bounced", lambda refund: refund.update(status="succeeded"))
    with pytest.raises(Ignored, match=r"charge\.refunded"):
        read(body | {"type": "charge.refund.updated"})


# -- Disputes


def test_two_messages_about_one_dispute_are_one_event() -> None:
    created = only("charge.dispute.created.card")
    withdrawn = only("charge.dispute.funds_withdrawn.card")

    assert isinstance(created, PaymentDisputed)
    assert (created.key, digest(created)) == (withdrawn.key, digest(withdrawn))
    assert (created.amount, created.fee) == (usd("1850.00"), usd("15.00"))


def test_an_inquiry_moves_no_money() -> None:
    with pytest.raises(Ignored, match="inquiry"):
        only("charge.dispute.created.inquiry")


def test_a_dispute_before_the_money_went_waits_for_the_withdrawal() -> None:
    body = changed(
        "charge.dispute.created.card", lambda dispute: dispute.update(balance_transactions=[])
    )
    with pytest.raises(Ignored, match="funds_withdrawn"):
        read(body)


def test_a_dispute_won_gives_the_money_back_once() -> None:
    closed, reinstated = (
        only("charge.dispute.closed.won"),
        only("charge.dispute.funds_reinstated.won"),
    )

    assert isinstance(closed, DisputeClosed)
    assert closed.is_won
    assert closed.fee_returned == usd("15.00")
    assert (closed.key, digest(closed)) == (reinstated.key, digest(reinstated))


def test_a_dispute_lost_is_told_as_lost() -> None:
    event = only("charge.dispute.closed.lost")
    assert isinstance(event, DisputeClosed)
    assert not event.is_won


def test_a_debit_that_comes_back_after_it_settled_is_a_return() -> None:
    event = only("charge.dispute.funds_withdrawn.debit")

    assert isinstance(event, PaymentReturned)
    assert event.payment == "pi_OakBank"
    assert (event.amount, event.fee, event.code) == (
        usd("1425.50"),
        usd("4.00"),
        "insufficient_funds",
    )
    with pytest.raises(Ignored, match="final"):
        only("charge.dispute.closed.debit")


# -- What others have recorded

RECORDED = {
    "event_charge.dispute.closed": "dispute_closed 10.00",
    "event_charge.dispute.created": "ignored",  # An inquiry.
    "event_charge.dispute.funds_reinstated": "dispute_closed 250.00",
    "event_charge.refunded": "payment_refunded 1.00",
    "event_payment_intent.canceled": "payment_failed 20.00",
    "event_payment_intent.payment_failed": "payment_failed 20.00",
    "event_payment_intent.processing": "unreadable",  # In euros.
    "event_payment_intent.succeeded": "payment_settled 20.00",
    "event_payout.paid": "remittance_paid 11.00",
}


def test_recorded_messages_of_others_are_read_rightly() -> None:
    folder = Path(os.environ.get("PROPTRUST_SHARED", PROJECT.parent / "shared"))
    files = sorted((folder / "samples" / "stripe").glob("*.json"))
    if not files:
        pytest.skip(f"{folder} is not there to compare with")
    told = {file.stem: _outcome(file.read_bytes()) for file in files}

    assert {name: told[name] for name in RECORDED} == RECORDED
    rest = {name: said for name, said in told.items() if name not in RECORDED}
    objects = {name for name in rest if not name.startswith(("event_", "resource_event"))}
    assert {rest[name] for name in objects} == {"unreadable"}  # No events at all.
    assert {said for name, said in rest.items() if name not in objects} == {"ignored"}


def _outcome(body: bytes) -> str:
    try:
        (event,) = read(body)
    except Ignored:
        return "ignored"
    except Unreadable:
        return "unreadable"
    return f"{event.kind} {event.amount.amount}"  # type: ignore[attr-defined]


# -- Anything at all


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "object", "amount", "type", "data"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(data=st.data())
def test_no_change_of_any_member_crashes_the_reader(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(file.stem for file in (SAMPLES / "stripe").iterdir())))
    body = document(name)
    place = body["data"]["object"] if data.draw(st.booleans()) else body
    key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(JSON)
    try:
        events = read(body)
    except ConnectorError:
        return
    for event in events:
        assert digest(event)


# -- Remittances and other calls


@pytest.fixture
def connected(connect: Connect) -> Connection:
    return connect("stripe")


@pytest.fixture
def stripe(connected: Connection) -> Connector:
    return registry.connector_of(connected)


def answer(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_text())


@responses.activate
def test_the_items_of_a_remittance_sum_to_it(stripe: Connector) -> None:
    url = f"{API}/v1/balance_transactions"
    asked = {"payout": "po_March5", "limit": "100", "expand[]": "data.source"}
    responses.get(
        url,
        json=answer("balance_transactions.1"),
        match=[
            matchers.query_param_matcher(asked),
            matchers.header_matcher(
                {"Authorization": f"Bearer {STRIPE_KEY}", "Stripe-Version": VERSION}
            ),
        ],
    )
    responses.get(
        url,
        json=answer("balance_transactions.2"),
        match=[matchers.query_param_matcher(asked | {"starting_after": "txn_2"})],
    )

    items = stripe.perform(FetchRemittance(key="k", remittance="po_March5"))

    payout = only("payout.paid.march5")
    assert isinstance(payout, RemittancePaid)
    assert payout.arrives_on == date(2026, 3, 5)
    assert payout.trace == "091000019999998"
    assert total(item.net for item in items) == payout.amount
    assert [(item.what, item.payment) for item in items] == [
        ("payment", "pi_OakCard"),
        ("payment", "pi_OakBank"),
        ("refund", "pi_OakCard"),
        ("dispute", "pi_OakBank"),
        ("fee", ""),
        ("reserve", ""),
    ]


@responses.activate
def test_stripe_is_asked_how_a_payment_was_made(stripe: Connector) -> None:
    responses.get(f"{API}/v1/payment_intents/pi_OakEither", json=answer("payment_intent"))

    details = stripe.perform(FetchPayment(key="k", payment="pi_OakEither"))

    assert (details.channel, details.fee) == (Channel.ACH, usd("5.00"))


@pytest.mark.parametrize("payment", ["../v1/refunds", "pi_x?y", "pi_x/confirm", ""])
def test_an_id_cannot_become_another_address(stripe: Connector, payment: str) -> None:
    with pytest.raises(Denied, match="no id"):
        stripe.perform(FetchPayment(key="k", payment=payment))


@responses.activate
def test_collecting_a_payment_names_the_lease_and_carries_its_key(stripe: Connector) -> None:
    made = responses.post(
        f"{API}/v1/payment_intents", json={"id": "pi_New", "status": "processing"}
    )

    receipt = stripe.perform(RENT)

    assert receipt.vendor_id == "pi_New"
    sent = made.calls[0].request
    assert sent.headers["Idempotency-Key"] == RENT.key
    assert sent.headers["Stripe-Version"] == VERSION
    assert "amount=142550&currency=usd" in str(sent.body)
    assert "metadata%5Blease%5D=OAK-12-3" in str(sent.body)


CASES: list[tuple[int, dict[str, str], str, type[ConnectorError]]] = [
    (402, {}, "card_error", Denied),
    (400, {}, "invalid_request_error", Denied),
    (400, {}, "idempotency_error", Denied),
    (409, {}, "idempotency_error", Denied),
    (409, {}, "api_error", RetryLater),
    (429, {"Retry-After": "7"}, "invalid_request_error", RetryLater),
    (500, {}, "api_error", RetryLater),
    (500, {"Stripe-Should-Retry": "false"}, "api_error", Denied),
    (402, {"Stripe-Should-Retry": "true"}, "card_error", RetryLater),
    (401, {}, "invalid_request_error", Reauthorise),
    (403, {}, "invalid_request_error", Reauthorise),
]


@pytest.mark.parametrize(("status", "headers", "kind", "expected"), CASES)
@responses.activate
def test_stripes_errors_become_retry_stop_or_reauthorise(
    stripe: Connector,
    status: int,
    headers: dict[str, str],
    kind: str,
    expected: type[ConnectorError],
) -> None:
    error = {"error": {"type": kind, "code": "the_code", "message": "Said so."}}
    responses.post(f"{API}/v1/payment_intents", json=error, status=status, headers=headers)

    with pytest.raises(expected) as caught:
        stripe.perform(RENT)

    if isinstance(caught.value, RetryLater) and headers.get("Retry-After"):
        assert caught.value.after == timedelta(seconds=7)
    if expected is not Reauthorise:
        assert "Said so.; the_code" in str(caught.value)


@responses.activate
def test_an_error_page_that_is_no_json_is_still_judged(stripe: Connector) -> None:
    responses.post(f"{API}/v1/payment_intents", body="<html>Bad gateway</html>", status=502)
    with pytest.raises(RetryLater, match="502"):
        stripe.perform(RENT)


def test_a_key_of_the_other_mode_fails_the_test(connect: Connect) -> None:
    live = connect("stripe", settings={"mode": "live"})
    with pytest.raises(Denied, match="live mode"):
        registry.connector_of(live).test_connection()


@responses.activate
def test_the_connection_can_be_tested(stripe: Connector) -> None:
    responses.get(f"{API}/v1/balance_transactions", json=answer("balance_transactions.1"))
    assert stripe.test_connection() == "Stripe answered in test mode."
