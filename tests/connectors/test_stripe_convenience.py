"""The convenience fee in the metadata that we put on a Stripe payment."""

import json
from typing import Any

import pytest

from connectors.errors import Unreadable
from connectors.types import Delivery, PaymentSettled
from connectors.vendors.stripe import Stripe
from proptrust.lib.money import usd
from tests.connectors.signing import sample


def told(convenience_fee: Any) -> PaymentSettled:
    """A card payment of 1,850.00 whose metadata name a fee."""
    body = json.loads(sample("stripe", "payment_intent.succeeded.card.json"))
    body["data"]["object"]["metadata"]["convenience_fee"] = convenience_fee
    (event,) = Stripe(settings={}).parse(Delivery(json.dumps(body).encode()))
    assert isinstance(event, PaymentSettled)
    return event


@pytest.mark.parametrize(("text", "fee"), [("5388", "53.88"), ("0", "0.00"), ("185000", "1850.00")])
def test_fee_is_read_in_cents(text: str, fee: str) -> None:
    assert told(text).convenience_fee == usd(fee)


@pytest.mark.parametrize("nothing", ["", None])
def test_payment_without_a_fee_tells_none(nothing: Any) -> None:
    assert told(nothing).convenience_fee is None


@pytest.mark.parametrize("text", ["53.88", "-1", "3 %", "185001", "٣", 5388])
def test_fee_that_cannot_be_is_not_guessed(text: Any) -> None:
    with pytest.raises(Unreadable, match="convenience_fee"):
        told(text)
