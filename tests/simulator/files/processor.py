"""What the card and ACH processor sends: signed webhook bodies, and the items behind each payout.

The shapes are Stripe's (docs.stripe.com/api, version 2023-08-16); every value is made up.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from proptrust.lib.banking import add_banking_days
from tests.simulator.life import Life, SimPayment, SimPayout, last_day
from tests.simulator.world import World


@dataclass(frozen=True)
class Webhook:
    """One webhook delivery of a state's processor account."""

    state: str
    name: str
    sent_at: datetime
    body: bytes


def signing_secret(state: str) -> str:
    """The made-up signing secret of a state's webhook endpoint."""
    return "whsec_" + hashlib.sha256(f"sample {state}".encode()).hexdigest()[:32]


def signature(webhook: Webhook) -> str:
    """The Stripe-Signature header of a delivery: HMAC-SHA256 over `<time>.<body>`."""
    moment = int(webhook.sent_at.timestamp())
    signed = f"{moment}.".encode() + webhook.body
    digest = hmac.new(signing_secret(webhook.state).encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour, 17), tzinfo=UTC)


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _event(
    state: str,
    name: str,
    kind: str,
    at: datetime,
    thing: dict[str, Any],
    before: dict[str, Any] | None = None,
) -> Webhook:
    data = {"object": thing} | ({"previous_attributes": before} if before else {})
    body = {
        "id": f"evt_sim_{name}",
        "object": "event",
        "api_version": "2023-08-16",
        "created": int(at.timestamp()),
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        "data": data,
    }
    return Webhook(state, f"{name}.json", at, json.dumps(body, indent=1).encode())


def _method(payment: SimPayment) -> str:
    return "us_bank_account" if payment.channel == "stripe_ach" else "card"


def payment_intent(payment: SimPayment, status: str, at: datetime) -> dict[str, Any]:
    """A PaymentIntent; its metadata names the lease where the payer's link did."""
    intent: dict[str, Any] = {
        "id": f"pi_sim{payment.id}",
        "object": "payment_intent",
        "amount": _cents(payment.amount),
        "amount_received": _cents(payment.amount) if status == "succeeded" else 0,
        "currency": "usd",
        "created": int(at.timestamp()),
        "customer": f"cus_sim{payment.lease.code}",
        "description": f"Rent {payment.lease.unit}",
        "latest_charge": f"ch_sim{payment.id}",
        "livemode": True,
        "metadata": {"lease": payment.told_lease} if payment.told_lease else {},
        "payment_method_types": [_method(payment)],
        "status": status,
    }
    if status == "requires_payment_method":
        intent["last_payment_error"] = {
            "code": "payment_intent_payment_attempt_failed",
            "message": "The customer's bank account has insufficient funds.",
            "type": "invalid_request_error",
            "payment_method": {"type": _method(payment)},
        }
    return intent


def charge(payment: SimPayment, at: datetime, refunded: Decimal) -> dict[str, Any]:
    """A Charge with what has been refunded of it."""
    return {
        "id": f"ch_sim{payment.id}",
        "object": "charge",
        "amount": _cents(payment.amount),
        "amount_captured": _cents(payment.amount),
        "amount_refunded": _cents(refunded),
        "refunded": refunded == payment.amount,
        "currency": "usd",
        "created": int(at.timestamp()),
        "livemode": True,
        "metadata": {"lease": payment.told_lease} if payment.told_lease else {},
        "payment_intent": f"pi_sim{payment.id}",
        "payment_method_details": {"type": _method(payment)},
        "billing_details": {"name": payment.payer},
        "status": "succeeded",
    }


def dispute(payment: SimPayment, at: datetime, *, is_withdrawn: bool) -> dict[str, Any]:
    """A Dispute: of a card by its holder, or an ACH return after success, which is final.

    is_withdrawn: whether the money is gone already, with the balance transaction that took it.
    """
    is_ach = payment.channel == "stripe_ach"
    taken = {
        "id": f"txn_sim{payment.id}dispute",
        "object": "balance_transaction",
        "amount": -_cents(payment.amount),
        "created": int(at.timestamp()),
        "currency": "usd",
        "fee": _cents(payment.back_fee),
        "net": -_cents(payment.amount + payment.back_fee),
        "type": "adjustment",
    }
    return {
        "id": f"dp_sim{payment.id}",
        "object": "dispute",
        "amount": _cents(payment.amount),
        "balance_transactions": [taken] if is_withdrawn else [],
        "charge": f"ch_sim{payment.id}",
        "created": int(at.timestamp()),
        "currency": "usd",
        "evidence_details": {"due_by": int((at + timedelta(days=14)).timestamp())},
        "is_charge_refundable": False,
        "livemode": True,
        "metadata": {},
        "payment_intent": f"pi_sim{payment.id}",
        "payment_method_details": {"type": _method(payment)},
        "reason": "debit_not_authorized" if is_ach else "fraudulent",
        "status": "lost" if is_ach else "needs_response",
    }


def webhooks(world: World, life: Life) -> Iterator[Webhook]:
    """Every webhook that reaches us before the simulated end, in no particular order."""
    end = _at(last_day(world), 23)
    for payment in life.payments:
        if payment.channel in {"stripe_ach", "stripe_card"}:
            for webhook in _of_payment(payment):
                if webhook.sent_at <= end:
                    yield webhook
    for payout in life.payouts:
        if payout.arrives_on <= end.date():
            yield _of_payout(payout)


def _of_payment(payment: SimPayment) -> Iterator[Webhook]:
    state, number = payment.lease.state, payment.id
    paid_at = _at(payment.paid_on, 15)
    if payment.channel == "stripe_ach":
        thing = payment_intent(payment, "processing", paid_at)
        yield _event(state, f"{number}_processing", "payment_intent.processing", paid_at, thing)
    if payment.fate == "failed":
        failed_at = _at(add_banking_days(payment.paid_on, 2), 12)
        thing = payment_intent(payment, "requires_payment_method", paid_at)
        yield _event(state, f"{number}_failed", "payment_intent.payment_failed", failed_at, thing)
        return
    assert payment.settled_on is not None
    settled_at = max(_at(payment.settled_on, 14), paid_at + timedelta(minutes=1))
    thing = payment_intent(payment, "succeeded", paid_at)
    yield _event(state, f"{number}_succeeded", "payment_intent.succeeded", settled_at, thing)
    if payment.back_on is None:
        return
    back_at = _at(payment.back_on, 18)
    if payment.fate == "refunded":
        thing = charge(payment, paid_at, payment.amount)
        before = {"amount_refunded": 0, "refunded": False}
        yield _event(state, f"{number}_refunded", "charge.refunded", back_at, thing, before)
    else:
        thing = dispute(payment, back_at, is_withdrawn=False)
        yield _event(state, f"{number}_disputed", "charge.dispute.created", back_at, thing)
        thing = dispute(payment, back_at, is_withdrawn=True)
        kind = "charge.dispute.funds_withdrawn"
        yield _event(state, f"{number}_withdrawn", kind, back_at + timedelta(minutes=2), thing)


def _of_payout(payout: SimPayout) -> Webhook:
    at = _at(payout.arrives_on, 11)
    thing = {
        "id": payout.id,
        "object": "payout",
        "amount": _cents(payout.amount),
        "arrival_date": int(_at(payout.arrives_on, 0).timestamp()),
        "automatic": True,
        "created": int((at - timedelta(days=1)).timestamp()),
        "currency": "usd",
        "livemode": True,
        "method": "standard",
        "reconciliation_status": "completed",
        "status": "paid",
        "trace_id": {"status": "supported", "value": payout.trace},
        "type": "bank_account",
    }
    return _event(payout.state, payout.id, "payout.paid", at, thing)


def balance_transactions(payout: SimPayout) -> dict[str, Any]:
    """The answer of GET /v1/balance_transactions?payout=…, the payout's own row among them."""
    rows: list[dict[str, Any]] = []
    for item in payout.items:
        kind = {
            "payment": "payment" if item.payment.channel == "stripe_ach" else "charge",
            "refund": "refund",
            "dispute": "adjustment",
        }[item.what]
        source = {"payment": "ch", "refund": "re", "dispute": "dp"}[item.what]
        rows.append(
            {
                "id": f"txn_sim{item.payment.id}{item.what}",
                "object": "balance_transaction",
                "amount": _cents(item.gross),
                "available_on": int(_at(item.available_on, 0).timestamp()),
                "created": int(_at(item.available_on, 0).timestamp()),
                "currency": "usd",
                "description": f"{item.what} pi_sim{item.payment.id}",
                "fee": _cents(item.fee),
                "fee_details": [],
                "net": _cents(item.gross - item.fee),
                "reporting_category": "dispute" if item.what == "dispute" else item.what,
                "source": {
                    "id": f"{source}_sim{item.payment.id}",
                    "object": {"ch": "charge", "re": "refund", "dp": "dispute"}[source],
                    "payment_intent": f"pi_sim{item.payment.id}",
                },
                "status": "available",
                "type": kind,
            }
        )
    rows.append(
        {
            "id": f"txn_{payout.id}",
            "object": "balance_transaction",
            "amount": -_cents(payout.amount),
            "created": int(_at(payout.arrives_on, 0).timestamp()),
            "currency": "usd",
            "description": "STRIPE PAYOUT",
            "fee": 0,
            "fee_details": [],
            "net": -_cents(payout.amount),
            "reporting_category": "payout",
            "source": {"id": payout.id, "object": "payout"},
            "status": "available",
            "type": "payout",
        }
    )
    return {"object": "list", "data": rows, "has_more": False, "url": "/v1/balance_transactions"}
