"""Events and actions survive the database to the cent and the second."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from connectors.facts import decode_action, decode_event, digest, encode
from connectors.types import (
    ACTIONS,
    EVENTS,
    Channel,
    CollectPayment,
    PaymentRefunded,
    PaymentSettled,
    RemittanceItem,
)
from proptrust.lib.money import from_cents, usd

money = st.integers(-(10**13), 10**13).map(from_cents)
text = st.text(max_size=20)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),
    max_value=datetime(2090, 1, 1),
    timezones=st.just(UTC)
    | st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
items = st.builds(
    RemittanceItem, key=text, what=text, gross=money, fee=money, net=money, payment=text
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    "str": text,
    "bool": st.booleans(),
    "datetime": moments,
    "date": st.dates(),
    "Money": money,
    "Channel": st.sampled_from(Channel),
    "datetime | None": st.none() | moments,
    "date | None": st.none() | st.dates(),
    "Money | None": st.none() | money,
    "Mapping[str, str]": st.dictionaries(text, text, max_size=3),
    "tuple[str, ...]": st.lists(text, max_size=3).map(tuple),
    "tuple[RemittanceItem, ...] | None": st.none() | st.lists(items, max_size=3).map(tuple),
}


def named(hint: Any) -> str:
    name = getattr(hint, "__name__", None) if isinstance(hint, type) else None
    plain = name or str(hint)
    for prefix in ("datetime.", "moneyed.classes.", "collections.abc.", "connectors.types."):
        plain = plain.replace(prefix, "")
    return plain


def any_of(kinds: Any) -> st.SearchStrategy[Any]:
    made: list[st.SearchStrategy[Any]] = [
        st.builds(cls, **{field.name: BY_TYPE[named(field.type)] for field in fields(cls)})
        for cls in kinds.values()
    ]
    return st.one_of(made)


@given(event=any_of(EVENTS))
def test_every_event_survives_json(event: Any) -> None:
    back = decode_event(event.kind, json.loads(json.dumps(encode(event))))
    assert back == event
    assert digest(back) == digest(event)


@given(action=any_of(ACTIONS))
def test_every_action_survives_json(action: Any) -> None:
    assert decode_action(action.kind, json.loads(json.dumps(encode(action)))) == action


SETTLED = PaymentSettled(
    key="k",
    at=datetime(2026, 3, 3, tzinfo=UTC),
    payment="p",
    amount=usd("10.00"),
    channel=Channel.CARD,
)


@pytest.mark.parametrize(
    "change", [{"amount": usd("10.01")}, {"payment": "q"}, {"fee": usd(0)}, {"lease_code": "L"}]
)
def test_other_facts_have_another_digest(change: dict[str, Any]) -> None:
    assert digest(replace(SETTLED, **change)) != digest(SETTLED)


def test_a_moment_apart_is_the_same_payment_but_not_the_same_refund() -> None:
    later = SETTLED.at + timedelta(seconds=1)
    assert digest(replace(SETTLED, at=later)) == digest(SETTLED)

    refund = PaymentRefunded(
        key="k", at=SETTLED.at, payment="p", amount=usd(1), channel=Channel.CARD
    )
    assert digest(replace(refund, at=later)) != digest(refund)


def test_the_same_amount_written_otherwise_is_the_same() -> None:
    assert digest(replace(SETTLED, amount=Money(Decimal(10), "USD"))) == digest(SETTLED)


def test_parts_of_a_cent_and_naive_moments_are_refused() -> None:
    with pytest.raises(ValueError, match="whole number of cents"):
        encode(replace(SETTLED, amount=Money(Decimal("0.001"), "USD")))
    with pytest.raises(ValueError, match="no time zone"):
        encode(replace(SETTLED, at=datetime(2026, 3, 3)))


def test_a_fact_that_was_added_since_keeps_its_default() -> None:
    facts = encode(SETTLED)
    del facts["settles_on"], facts["batch"]
    assert decode_event("payment_settled", facts) == SETTLED


def test_kinds_are_the_names_in_snake_case() -> None:
    assert EVENTS["payment_settled"] is PaymentSettled
    assert ACTIONS["collect_payment"] is CollectPayment
