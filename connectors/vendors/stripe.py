"""Stripe: rent by card and bank debit, paid out in remittances.

Money is counted once although several messages speak of it:

| fact | told by | left out |
| --- | --- | --- |
| payment | payment_intent.*; charge.* only for a charge without a payment intent | its charge.* |
| refund | charge.refunded | refund.created, refund.updated |
| bounced refund | refund.failed, charge.refund.updated with status failed | |
| dispute | funds_withdrawn, or created once the money is gone: one event | an inquiry |
| its end | closed, funds_reinstated: one event | |
| remittance | payout.paid, payout.failed | created, updated, canceled |

A bank debit that comes back after it succeeded arrives as a dispute, which is final: it is told as
a return. Facts about Stripe were read on 2026-11-22 in its OpenAPI description (2023-08-16), its
webhook documentation and its ACH Direct Debit help pages, unless a comment says unconfirmed.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from connectors.base import Connector, secret
from connectors.errors import Denied, Ignored, Reauthorise, Refused, RetryLater, Unreadable
from connectors.http import Answer
from connectors.reading import Node
from connectors.types import (
    Channel,
    CollectPayment,
    Delivery,
    DisputeClosed,
    Event,
    FetchPayment,
    FetchRemittance,
    PaymentDetails,
    PaymentDisputed,
    PaymentFailed,
    PaymentPending,
    PaymentRefunded,
    PaymentReturned,
    PaymentSettled,
    Receipt,
    RefundFailed,
    RemittanceFailed,
    RemittanceItem,
    RemittancePaid,
)
from proptrust.lib.money import from_cents, to_cents

API = "https://api.stripe.com"
# The version whose description our requests are checked against.
VERSION = "2023-08-16"
# Stripe's own libraries refuse what is older; we refuse as much in the future too, which only a
# wrong clock or a forger sends.
TOLERANCE = timedelta(seconds=300)
PAGE = 100
MOST_PAGES = 1000
KEY_SIZE = 255

_CHANNELS = {
    "card": Channel.CARD,
    "card_present": Channel.CARD,
    "us_bank_account": Channel.ACH,
    "ach_debit": Channel.ACH,  # Before payment intents.
}
_METHODS = {Channel.ACH: "us_bank_account", Channel.CARD: "card"}
# Reasons that only the dispute of a bank debit has.
_DEBIT_REASONS = frozenset(
    {
        "bank_cannot_process",
        "check_returned",
        "customer_initiated",
        "debit_not_authorized",
        "incorrect_account_details",
        "insufficient_funds",
    }
)
_BANK_DEBIT = "py_"  # How the id of a charge begins that is not of a card (unconfirmed).
# Kinds of balance transactions; any other is an adjustment.
_ITEMS = {
    "charge": "payment",
    "payment": "payment",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund",
    "payment_failure_refund": "dispute",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "fee",
    "application_fee": "fee",
    "reserve_transaction": "reserve",
    "reserved_funds": "reserve",
}

Facts = dict[str, Any]


class Stripe(Connector):
    slug = "stripe"
    label = "Stripe"
    docs = "https://docs.stripe.com/webhooks"
    yields = frozenset(
        {
            PaymentPending,
            PaymentSettled,
            PaymentFailed,
            PaymentReturned,
            PaymentRefunded,
            RefundFailed,
            PaymentDisputed,
            DisputeClosed,
            RemittancePaid,
            RemittanceFailed,
        }
    )
    performs = frozenset({CollectPayment, FetchRemittance, FetchPayment})
    # The limit of a test account; a live one has four times as many (unconfirmed).
    calls_per_second = 25

    class Credentials(forms.Form):
        """Found in Stripe's dashboard under Developers."""

        signing_secret = secret(
            label="Signing secret", help_text="Of this webhook endpoint; starts with whsec_."
        )
        secret_key = secret(
            label="Secret key",
            help_text="Starts with sk_ or rk_. A restricted key needs: payment intents (write), "
            "balance transactions, charges, refunds and disputes (read).",
            required=False,
        )

    class Settings(forms.Form):
        """Which part of a Stripe account this is."""

        mode = forms.ChoiceField(
            choices=[("live", "Live"), ("test", "Test")],
            initial="live",
            help_text="Messages of the other mode are not counted.",
        )
        account = forms.CharField(
            label="Connected account",
            required=False,
            max_length=60,
            help_text="Starts with acct_; only if payments are made for a connected account.",
        )

    # -- Webhooks

    def verify(self, delivery: Delivery) -> None:
        """Check Stripe-Signature: HMAC-SHA256 over "<t>.<body>" with the signing secret.

        During a change of the secret the header has several v1 values; one that fits is enough.
        The moment may lie 300 seconds before or after ours, both included.
        """
        key = self.credential("signing_secret")
        if not key:
            raise Refused("no signing secret is stored for this connection")
        moment, signatures = _signature(delivery.headers.get("stripe-signature", ""))
        signed = f"{moment}.".encode() + delivery.body
        expected = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest().encode()
        fits = [
            hmac.compare_digest(expected, each.encode("utf-8", "backslashreplace"))
            for each in signatures
        ]
        if not any(fits):
            raise Refused("no signature fits the body")
        age = (delivery.received_at or datetime.now(UTC)).timestamp() - int(moment)
        if age > TOLERANCE.total_seconds():
            raise Refused("the signature is older than 300 seconds")
        if age < -TOLERANCE.total_seconds():
            raise Refused("the signature is from the future")

    def parse(self, delivery: Delivery) -> Iterator[Event]:
        """The facts of one webhook event of API version 2020-08-27 or later."""
        event = Node.parse(delivery.body)
        if event.get("object").value != "event":
            raise Unreadable("it is not a Stripe event with a snapshot of its object")
        name = event.get("type").text(limit=100)
        reader = _READERS.get(name)
        if reader is None:
            raise Ignored(f"an event of the type {name} tells nothing that counts")
        self._check_owner(event)
        yield from reader(event, event.get("data").get("object"))

    def _check_owner(self, event: Node) -> None:
        """Whether it is of the mode and account that this connection is for."""
        mode, is_live = self.settings.get("mode"), event.get("livemode").flag()
        if mode == "live" and not is_live:
            raise Ignored("a test event; this connection is for live payments")
        if mode == "test" and is_live:
            raise Unreadable("a live payment event, but this connection is set to test mode")
        account = self.settings.get("account")
        if account and event.get("account").optional_text() != account:
            raise Ignored(f"of another account than {account}")

    # -- Actions

    def collect_payment(self, action: CollectPayment) -> Receipt:
        """Charge a stored method that the payer has authorised; a webhook tells the rest."""
        if action.channel not in _METHODS:
            raise Denied(f"Stripe does not collect by {action.channel}")
        if str(action.amount.currency) != "USD":
            raise Denied("only US dollars are collected")
        if len(action.key) > KEY_SIZE:
            raise Denied(f"the key is longer than {KEY_SIZE} characters")
        form = [
            ("amount", str(to_cents(action.amount))),
            ("currency", "usd"),
            ("customer", action.payer_reference),
            ("payment_method", action.method_reference),
            ("payment_method_types[]", _METHODS[action.channel]),
            ("confirm", "true"),
            ("off_session", "true"),
            ("metadata[lease]", action.lease_code),
        ]
        if action.description:
            form.append(("description", action.description[:1000]))
        answer = self.judge(
            self.http.post_form(
                f"{API}/v1/payment_intents", key=action.key, form=form, headers=self._headers()
            )
        )
        made = Node(answer.json())
        return Receipt(
            vendor_id=made.get("id").text(),
            raw={"id": made.get("id").text(), "status": made.get("status").optional_text()},
        )

    def fetch_payment(self, action: FetchPayment) -> PaymentDetails:
        """How a payment was made, and its fee once Stripe knows it."""
        what = "payment_intents" if action.payment.startswith("pi_") else "charges"
        expand = (
            "latest_charge.balance_transaction"
            if what == "payment_intents"
            else ("balance_transaction")
        )
        found = self.ask(
            f"{API}/v1/{what}/{_safe(action.payment)}",
            params=[("expand[]", expand)],
            headers=self._headers(),
        )
        charge = _charge_of(found) if what == "payment_intents" else found
        return PaymentDetails(channel=_channel(found, charge), fee=_fee(charge))

    def fetch_remittance(self, action: FetchRemittance) -> tuple[RemittanceItem, ...]:
        """Every balance transaction behind an automatic payout, the payout's own left out."""
        items: list[RemittanceItem] = []
        after = ""
        for _ in range(MOST_PAGES):
            params = [
                ("payout", action.remittance),
                ("limit", str(PAGE)),
                ("expand[]", "data.source"),
            ]
            if after:
                params.append(("starting_after", after))
            page = self.ask(
                f"{API}/v1/balance_transactions", params=params, headers=self._headers()
            )
            rows = list(page.get("data").items())
            items += [_item(row) for row in rows if not _is_own(row, action.remittance)]
            if not page.get("has_more").flag() or not rows:
                return tuple(items)
            after = rows[-1].get("id").text()
        raise Unreadable(f"{action.remittance} has more than {PAGE * MOST_PAGES} items")

    def test_connection(self) -> str:
        """Read one balance transaction; the key's mode must be the connection's."""
        key, mode = self.credential("secret_key"), self.settings.get("mode", "live")
        if not key:
            raise Denied("No secret key is stored: webhooks work, but nothing can be asked.")
        if f"_{mode}_" not in key[:9]:
            raise Denied(f"The secret key is not one of the {mode} mode.")
        self.ask(f"{API}/v1/balance_transactions", params=[("limit", "1")], headers=self._headers())
        return f"Stripe answered in {mode} mode."

    def judge(self, answer: Answer) -> Answer:
        """Stripe-Should-Retry decides where it is given; else 409, 429 and 5xx may be repeated."""
        wish = answer.headers.get("stripe-should-retry", "")
        reason = f"Stripe answered {answer.status}: {self.reason_of(answer)}"
        if answer.status in {401, 403} or answer.status < 300:
            return super().judge(answer)
        if wish == "true":
            raise RetryLater(reason, after=answer.retry_after)
        if wish == "false" or _error(answer).get("type").value == "idempotency_error":
            raise Denied(reason)
        return super().judge(answer)

    def reason_of(self, answer: Answer) -> str:
        """Message and code of Stripe's error."""
        error = _error(answer)
        names = ("message", "code", "decline_code")
        parts = [error.get(name).value for name in names]
        return "; ".join(part for part in parts if isinstance(part, str) and part) or "no reason"

    def _headers(self) -> Mapping[str, str]:
        key = self.credential("secret_key")
        if not key:
            raise Reauthorise("no secret key is stored for this connection")
        headers = {"Authorization": f"Bearer {key}", "Stripe-Version": VERSION}
        if account := self.settings.get("account"):
            headers["Stripe-Account"] = str(account)
        return headers


def _signature(header: str) -> tuple[str, list[str]]:
    """The moment and the v1 signatures of a header; other schemes are left out."""
    if not header:
        raise Refused("there is no Stripe-Signature header")
    parts = [part.partition("=") for part in header.split(",")]
    moments = [value.strip() for name, _, value in parts if name.strip() == "t"]
    signatures = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(moments) != 1 or not signatures:
        raise Refused("the Stripe-Signature header cannot be read")
    (moment,) = moments
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 11):
        raise Refused("the Stripe-Signature header cannot be read")
    return moment, signatures


# -- Payments


def _succeeded(event: Node, intent: Node) -> Iterator[Event]:
    facts, charge = _of_intent(intent), _charge_of(intent)
    yield PaymentSettled(
        **facts,
        key=f"{facts['payment']}:succeeded",
        at=event.get("created").moment(),
        amount=_above_zero(intent.get("amount_received")),
        fee=_fee(charge),
        convenience_fee=_convenience_fee(intent, "amount_received"),
    )


def _processing(event: Node, intent: Node) -> Iterator[Event]:
    facts = _of_intent(intent)
    yield PaymentPending(
        **facts,
        key=_attempt_key(event, intent, "processing"),
        at=event.get("created").moment(),
        amount=_above_zero(intent.get("amount")),
    )


def _failed(event: Node, intent: Node) -> Iterator[Event]:
    error = intent.get("last_payment_error")
    fault = error if error.is_object else Node({})
    yield PaymentFailed(
        **_of_intent(intent),
        key=_attempt_key(event, intent, "failed"),
        at=event.get("created").moment(),
        amount=_above_zero(intent.get("amount")),
        code=fault.get("decline_code").optional_text() or fault.get("code").optional_text(),
        reason=fault.get("message").optional_text(),
    )


def _canceled(event: Node, intent: Node) -> Iterator[Event]:
    facts = _of_intent(intent)
    yield PaymentFailed(
        **facts,
        key=f"{facts['payment']}:canceled",
        at=event.get("created").moment(),
        amount=_above_zero(intent.get("amount")),
        code="canceled",
        reason=intent.get("cancellation_reason").optional_text(),
    )


def _attempt_key(event: Node, intent: Node, what: str) -> str:
    """One payment intent may be tried several times; each try has its own charge."""
    error = intent.get("last_payment_error")
    charge = (
        error.get("charge").optional_text() if what == "failed" and error.is_object else ""
    ) or (_id_of(intent.get("latest_charge")) or _id_of(_charge_of(intent)))
    return f"{intent.get('id').text()}:{what}:{charge or event.get('id').text()}"


def _of_intent(intent: Node) -> Facts:
    _check_kind(intent, "payment_intent")
    charge = _charge_of(intent)
    return {
        "payment": intent.get("id").text(),
        "channel": _channel(intent, charge),
        **_payer(intent, charge),
    }


def _charge_of(intent: Node) -> Node:
    """The newest charge as far as the message holds it; an empty object if it does not."""
    latest = intent.get("latest_charge")
    if latest.is_object:
        return latest
    charges = intent.get("charges")  # Until API version 2022-11-15; the newest comes first.
    if charges.is_object:
        for charge in charges.get("data").items():
            charge.fields()
            return charge
    return Node({}, "latest_charge")


def _channel(thing: Node, charge: Node) -> Channel:
    """How it was paid; UNKNOWN where the message names several ways or one we do not know."""
    for holder in (charge.get("payment_method_details"), thing.get("payment_method")):
        if holder.is_object and (kind := holder.get("type").optional_text()):
            return _CHANNELS.get(kind, Channel.UNKNOWN)
    offered = thing.get("payment_method_types")
    kinds = [] if offered.is_null else [each.text() for each in offered.items()]
    return _CHANNELS.get(kinds[0], Channel.UNKNOWN) if len(kinds) == 1 else Channel.UNKNOWN


def _payer(thing: Node, charge: Node) -> Facts:
    billing = charge.get("billing_details")
    metadata = thing.get("metadata")
    return {
        "lease_code": metadata.get("lease").optional_text(limit=100) if metadata.is_object else "",
        "payer": billing.get("name").optional_text(limit=200) if billing.is_object else "",
        "payer_reference": _id_of(thing.get("customer")),
        "description": thing.get("description").optional_text(),
    }


def _fee(charge: Node) -> Any:
    """What Stripe keeps of a charge; its balance transaction is rarely part of a message."""
    movement = charge.get("balance_transaction")
    if not movement.is_object:
        return None
    _check_currency(movement)
    return movement.get("fee").cents()


def _convenience_fee(thing: Node, whole: str) -> Any:
    """What of a payment the payer gave for using a card: our own metadata `convenience_fee`.

    Metadata are texts, so the cents come as "300". None where there is none; one that is no number
    of cents, or more than the whole payment, makes the message unreadable instead of being guessed.
    Source: https://docs.stripe.com/api/metadata (values are strings).
    """
    metadata = thing.get("metadata")
    if not metadata.is_object:
        return None
    told = metadata.get("convenience_fee")
    text = told.optional_text(limit=12)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise told.fail("is not a number of cents")
    fee = from_cents(int(text))
    if fee > thing.get(whole).cents():
        raise told.fail("is more than the payment")
    return fee


# -- Charges without a payment intent


def _charge_succeeded(event: Node, charge: Node) -> Iterator[Event]:
    facts = _of_lone_charge(charge)
    if not charge.get("captured").flag():
        raise Ignored("the card is authorised, and no money has moved yet")
    captured = charge.get("amount_captured")
    whole = "amount" if captured.is_null else "amount_captured"
    yield PaymentSettled(
        **facts,
        key=f"{facts['payment']}:succeeded",
        at=event.get("created").moment(),
        amount=_above_zero(charge.get(whole)),
        fee=_fee(charge),
        convenience_fee=_convenience_fee(charge, whole),
    )


def _charge_pending(event: Node, charge: Node) -> Iterator[Event]:
    facts = _of_lone_charge(charge)
    yield PaymentPending(
        **facts,
        key=f"{facts['payment']}:pending",
        at=event.get("created").moment(),
        amount=_above_zero(charge.get("amount")),
    )


def _charge_failed(event: Node, charge: Node) -> Iterator[Event]:
    facts = _of_lone_charge(charge)
    yield PaymentFailed(
        **facts,
        key=f"{facts['payment']}:failed",
        at=event.get("created").moment(),
        amount=_above_zero(charge.get("amount")),
        code=charge.get("failure_code").optional_text(),
        reason=charge.get("failure_message").optional_text(),
    )


def _of_lone_charge(charge: Node) -> Facts:
    _check_kind(charge, "charge")
    if intent := _id_of(charge.get("payment_intent")):
        raise Ignored(f"the payment intent {intent} tells of this charge")
    return {"payment": charge.get("id").text(), **_of_charge(charge)}


def _of_charge(charge: Node) -> Facts:
    return {"channel": _channel(charge, charge), **_payer(charge, charge)}


def _payment_of(thing: Node) -> str:
    """The id that events about the payment use: of its payment intent, else of its charge."""
    return _id_of(thing.get("payment_intent")) or _id_of(thing.get("charge"))


# -- Refunds


def _refunded(event: Node, charge: Node) -> Iterator[Event]:
    """A charge carries the sum of its refunds; what was added is this refund."""
    _check_kind(charge, "charge")
    in_all = _above_zero(charge.get("amount_refunded"))
    newest = _newest_refund(charge)
    before = event.get("data").get("previous_attributes")
    told = before.get("amount_refunded") if before.is_object else Node(None)
    if not told.is_null:
        amount = in_all - told.cents()
    elif newest is not None and newest.get("amount").cents() == in_all:
        amount = in_all
    else:
        raise Unreadable(
            "data.previous_attributes.amount_refunded is missing, so that this refund cannot be "
            "told from earlier ones"
        )
    if amount.amount <= 0:
        raise Unreadable("charge.refunded tells of no more refunds than before")
    refund, at = "", event.get("created").moment()
    if newest is not None and newest.get("amount").cents() == amount:
        refund, at = newest.get("id").text(), newest.get("created").moment()
    # Without the refund's own id (since API version 2022-11-15) the sum so far tells refunds apart.
    key = refund or f"{charge.get('id').text()}:{to_cents(in_all)}"
    yield PaymentRefunded(
        **_of_charge(charge),
        key=f"{key}:refunded",
        at=at,
        payment=_id_of(charge.get("payment_intent")) or charge.get("id").text(),
        amount=amount,
        refund=refund,
        refunded_in_all=in_all,
    )


def _newest_refund(charge: Node) -> Node | None:
    refunds = charge.get("refunds")
    if refunds.is_object and not refunds.get("data").is_null:
        return max(refunds.get("data").items(), key=_created, default=None)
    return None


def _created(thing: Node) -> int:
    return thing.get("created").whole()


def _refund_failed(event: Node, refund: Node) -> Iterator[Event]:
    _check_kind(refund, "refund")
    refund_id, status = refund.get("id").text(), refund.get("status").optional_text()
    if status not in {"failed", "canceled"}:
        raise Ignored(f"the refund is {status or 'on its way'}; charge.refunded has told of it")
    details = refund.get("destination_details")
    kind = details.get("type").optional_text() if details.is_object else ""
    yield RefundFailed(
        key=f"{refund_id}:failed",
        at=event.get("created").moment(),
        payment=_payment_of(refund) or _missing(refund, "payment_intent"),
        amount=_above_zero(refund.get("amount")),
        channel=_CHANNELS.get(kind, Channel.UNKNOWN),
        refund=refund_id,
        code=refund.get("failure_reason").optional_text() or status,
        description=refund.get("description").optional_text(),
    )


def _refund_told(_event: Node, _refund: Node) -> Iterator[Event]:
    raise Ignored("charge.refunded tells of every refund")


# -- Disputes


def _dispute_created(event: Node, dispute: Node) -> Iterator[Event]:
    status = dispute.get("status").text()
    if status.startswith("warning"):
        raise Ignored("an inquiry: the payer's bank asks, and no money has moved")
    if _movement(dispute, is_back=False) is None:
        raise Ignored("charge.dispute.funds_withdrawn will tell of the money")
    return _withdrawn(event, dispute)


def _withdrawn(event: Node, dispute: Node) -> Iterator[Event]:
    facts = _of_dispute(dispute)
    movement = _movement(dispute, is_back=False)
    about = {
        **facts,
        "key": f"{_dispute_id(dispute)}:withdrawn",
        "at": (movement or event).get("created").moment(),
        "amount": _above_zero(dispute.get("amount")),
        "fee": movement.get("fee").cents() if movement else None,
    }
    if movement:
        about["amount"] = _above_zero(Node(-movement.get("amount").whole(), movement.path))
    reason = dispute.get("reason").optional_text()
    if facts["channel"] is Channel.ACH:
        details = dispute.get("network_reason_code").optional_text()
        yield PaymentReturned(**about, code=details or reason or "returned", reason=reason)
        return
    due = dispute.get("evidence_details")
    answer_by = due.get("due_by") if due.is_object else dispute.get("evidence_due_by")
    yield PaymentDisputed(
        **about,
        dispute=_dispute_id(dispute),
        reason=reason,
        answer_by=None if answer_by.is_null else answer_by.moment(),
    )


def _dispute_closed(event: Node, dispute: Node) -> Iterator[Event]:
    status = dispute.get("status").text()
    if status == "won":
        return _closed(event, dispute, is_won=True)
    if status != "lost":
        raise Ignored(f"closed as {status}: no money has moved by it")
    if _of_dispute(dispute)["channel"] is Channel.ACH:
        raise Ignored("the return of a bank debit is final; it was told when the money went")
    return _closed(event, dispute, is_won=False)


def _reinstated(event: Node, dispute: Node) -> Iterator[Event]:
    return _closed(event, dispute, is_won=True)


def _closed(event: Node, dispute: Node, *, is_won: bool) -> Iterator[Event]:
    movement = _movement(dispute, is_back=True) if is_won else None
    yield DisputeClosed(
        **_of_dispute(dispute),
        key=f"{_dispute_id(dispute)}:closed:{'won' if is_won else 'lost'}",
        at=(movement or event).get("created").moment(),
        amount=_above_zero((movement or dispute).get("amount")),
        dispute=_dispute_id(dispute),
        is_won=is_won,
        fee_returned=-movement.get("fee").cents() if movement else None,
    )


def _of_dispute(dispute: Node) -> Facts:
    _check_kind(dispute, "dispute")
    details = dispute.get("payment_method_details")
    kind = details.get("type").optional_text() if details.is_object else ""
    is_debit = dispute.get("reason").optional_text() in _DEBIT_REASONS or _id_of(
        dispute.get("charge")
    ).startswith(_BANK_DEBIT)
    return {
        "payment": _payment_of(dispute) or _missing(dispute, "payment_intent"),
        "channel": _CHANNELS.get(kind, Channel.ACH if is_debit else Channel.CARD),
    }


def _dispute_id(dispute: Node) -> str:
    """Its own id; the oldest API versions had none, and one dispute a charge (unconfirmed)."""
    return dispute.get("id").optional_text() or _id_of(dispute.get("charge"))


def _movement(dispute: Node, *, is_back: bool) -> Node | None:
    """The balance transaction that took the money, or (is_back) gave it back."""
    movements = dispute.get("balance_transactions")
    if movements.is_null:
        return None
    for movement in movements.items():
        if (movement.get("amount").whole() > 0) is is_back:
            _check_currency(movement)
            return movement
    return None


# -- Remittances


def _payout_paid(event: Node, payout: Node) -> Iterator[Event]:
    _check_kind(payout, "payout")
    payout_id = payout.get("id").text()
    trace = payout.get("trace_id")
    yield RemittancePaid(
        key=f"{payout_id}:paid",
        at=event.get("created").moment(),
        remittance=payout_id,
        amount=payout.get("amount").cents(),
        arrives_on=payout.get("arrival_date").day(),
        trace=trace.get("value").optional_text(limit=100) if trace.is_object else "",
    )


def _payout_failed(event: Node, payout: Node) -> Iterator[Event]:
    _check_kind(payout, "payout")
    payout_id = payout.get("id").text()
    yield RemittanceFailed(
        key=f"{payout_id}:failed",
        at=event.get("created").moment(),
        remittance=payout_id,
        amount=payout.get("amount").cents(),
        reason=payout.get("failure_message").optional_text()
        or payout.get("failure_code").optional_text(),
    )


def _is_own(row: Node, payout: str) -> bool:
    return row.get("type").value == "payout" and _id_of(row.get("source")) == payout


def _item(row: Node) -> RemittanceItem:
    _check_currency(row)
    source, kind = row.get("source"), row.get("type").text()
    source_id = _id_of(source)
    payment = ""
    if source.is_object and source.get("object").optional_text() in {"charge", "refund", "dispute"}:
        is_charge = source.get("object").value == "charge"
        payment = _payment_of(source) or (source_id if is_charge else "")
    elif source_id.startswith(("ch_", _BANK_DEBIT)):
        payment = source_id
    is_dispute = source_id.startswith(("dp_", "du_")) or (
        source.is_object and source.get("object").value == "dispute"
    )
    return RemittanceItem(
        key=row.get("id").text(),
        what=_ITEMS.get(kind, _other_item(kind, is_dispute=is_dispute)),
        gross=row.get("amount").cents(),
        fee=row.get("fee").cents(),
        net=row.get("net").cents(),
        payment=payment,
        description=row.get("description").optional_text(),
    )


def _other_item(kind: str, *, is_dispute: bool) -> str:
    if is_dispute:
        return "dispute"
    return "reserve" if "reserve" in kind or kind.startswith("payout_minimum") else "adjustment"


# -- What all objects share


def _check_kind(thing: Node, kind: str) -> None:
    """Refuse an object of another kind or currency than the event is about."""
    if thing.get("object").value != kind:
        raise Unreadable(f"{thing.path} is no {kind}")
    _check_currency(thing)


def _check_currency(thing: Node) -> None:
    currency = thing.get("currency").text(limit=10).upper()
    if currency != "USD":
        raise Unreadable(f"{thing.path} is in {currency}; the books are kept in US dollars")


def _above_zero(node: Node) -> Any:
    amount = node.cents()
    if amount.amount <= 0:
        raise node.fail("is not above zero")
    return amount


def _id_of(thing: Node) -> str:
    """The id of an object that is given as its id or as itself; empty where it is neither."""
    if thing.is_object:
        return thing.get("id").optional_text(limit=150)
    return thing.optional_text(limit=150)


def _missing(thing: Node, name: str) -> str:
    raise thing.get(name).fail("is missing")


def _error(answer: Answer) -> Node:
    try:
        found = Node(answer.json()).get("error")
    except Unreadable:
        return Node({})
    return found if found.is_object else Node({})


def _safe(reference: str) -> str:
    """An id as part of a path; Stripe's have letters, digits and underscores."""
    if not (reference.isascii() and reference.replace("_", "").isalnum()):
        raise Denied(f"{reference!r} is no id of Stripe")
    return reference


Reader = Callable[[Node, Node], Iterator[Event]]
_READERS: Mapping[str, Reader] = {
    "payment_intent.succeeded": _succeeded,
    "payment_intent.processing": _processing,
    "payment_intent.payment_failed": _failed,
    "payment_intent.canceled": _canceled,
    "charge.succeeded": _charge_succeeded,
    "charge.captured": _charge_succeeded,
    "charge.pending": _charge_pending,
    "charge.failed": _charge_failed,
    "charge.refunded": _refunded,
    "refund.created": _refund_told,
    "refund.updated": _refund_failed,
    "refund.failed": _refund_failed,
    "charge.refund.updated": _refund_failed,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.funds_withdrawn": _withdrawn,
    "charge.dispute.funds_reinstated": _reinstated,
    "charge.dispute.closed": _dispute_closed,
    "payout.paid": _payout_paid,
    "payout.failed": _payout_failed,
}
Stripe.subscribes = tuple(_READERS)
