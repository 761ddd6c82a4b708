"""What rent collection makes of the events that platforms tell; each hears one type."""

from collections.abc import Callable
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from connectors.errors import NotYet
from connectors.models import Connection
from connectors.types import (
    BankDetailsChanged,
    Channel,
    DisputeClosed,
    Event,
    Heard,
    PaymentDisputed,
    PaymentEvent,
    PaymentFailed,
    PaymentPending,
    PaymentRefunded,
    PaymentReturned,
    PaymentsDeposited,
    PaymentSettled,
    RefundFailed,
    RemittanceFailed,
    RemittancePaid,
)
from desk.models import LegalEntity
from proptrust.lib.events import hears
from proptrust.lib.money import ZERO
from receivables import matching, services
from receivables.errors import ToldOtherwise
from receivables.models import BankDetailsChange, Comeback, Receipt, Remittance
from receivables.types import NewComeback, NewReceipt

_Kind = Comeback.Kind
Told = TypeVar("Told", bound=Event)


@hears(Heard)
def hear(heard: Heard) -> None:
    """Hand an event to what hears its type; the other types are other apps' business."""
    handler = _HANDLERS.get(type(heard.event))
    if handler is not None:
        handler(heard)


def _pending(heard: Heard) -> None:
    services.expect_receipt(_new_receipt(heard))


def _settled(heard: Heard) -> None:
    receipt = services.record_receipt(_new_receipt(heard))
    services.adopt_items(receipt)
    if receipt.lease is not None and "lease code" in receipt.matched_by:
        # Our own code in the payment says whose customer that is: the next one may come without it.
        services.learn_alias(
            receipt.lease,
            source=heard.slug,
            alias=receipt.payer_reference,
            tenant_id=receipt.tenant_id,
        )


def _deposited(heard: Heard) -> None:
    """Checks taken to the bank; NotYet while one of them was not told."""
    event = _of(heard, PaymentsDeposited)
    connection = Connection.objects.select_related("book").get(pk=heard.connection_id)
    receipts = list(Receipt.objects.filter(connection=connection, payment__in=event.payments))
    if missing := set(event.payments) - {receipt.payment for receipt in receipts}:
        first = min(missing)
        raise NotYet(f"slip {event.slip} lists {first} before it was told", waits_for=first)
    assert connection.book is not None
    services.make_deposit_slip(
        book=connection.book, number=event.slip, day=event.deposited_on, receipts=receipts
    )


def _failed(heard: Heard) -> None:
    """A payment that failed; one that settled afterwards, on a second try, stays settled."""
    known = _receipt(heard)
    if known is not None and known.state not in (Receipt.State.PENDING, Receipt.State.FAILED):
        settled_at = known.event.at if known.event else None
        if settled_at is None or heard.event.at <= settled_at:
            return
        raise ToldOtherwise(
            f"payment {known.payment} is told as failed after it settled on {known.received_on}"
        )
    services.fail_receipt(_new_receipt(heard))


def _returned(heard: Heard) -> None:
    event = _of(heard, PaymentReturned)
    services.take_back(
        _posted_receipt(heard),
        NewComeback(
            kind=_Kind.RETURN,
            key=f"return:{event.key}",
            amount=event.amount,
            on=event.returned_on or _day(heard),
            fee=event.fee,
            code=event.code,
            reason=event.reason,
            batch=event.batch,
        ),
    )


def _refunded(heard: Heard) -> None:
    event = _of(heard, PaymentRefunded)
    services.take_back(
        _posted_receipt(heard),
        NewComeback(
            kind=_Kind.REFUND,
            key=f"refund:{event.refund or event.key}",
            amount=event.amount,
            on=_day(heard),
            fee=ZERO,
            reference=event.refund,
            reason=event.description,
        ),
    )


def _refund_failed(heard: Heard) -> None:
    event = _of(heard, RefundFailed)
    receipt = _posted_receipt(heard)
    _must_know(receipt, f"refund:{event.refund}", event)
    services.come_again(
        receipt,
        NewComeback(
            kind=_Kind.REFUND_FAILED,
            key=f"refund-failed:{event.refund}",
            amount=event.amount,
            on=_day(heard),
            fee=ZERO,
            reference=event.refund,
            code=event.code,
            reason=event.reason,
        ),
    )


def _disputed(heard: Heard) -> None:
    event = _of(heard, PaymentDisputed)
    services.take_back(
        _posted_receipt(heard),
        NewComeback(
            kind=_Kind.DISPUTE,
            key=f"dispute:{event.dispute}",
            amount=event.amount,
            on=_day(heard),
            fee=event.fee,
            reference=event.dispute,
            reason=event.reason,
            answer_by=event.answer_by,
        ),
    )


def _dispute_closed(heard: Heard) -> None:
    event = _of(heard, DisputeClosed)
    receipt = _posted_receipt(heard)
    _must_know(receipt, f"dispute:{event.dispute}", event)
    new = NewComeback(
        kind=_Kind.DISPUTE_WON if event.is_won else _Kind.DISPUTE_LOST,
        key=f"dispute-closed:{event.dispute}",
        amount=event.amount,
        on=_day(heard),
        fee=None if event.fee_returned is None else -event.fee_returned,
        reference=event.dispute,
    )
    if event.is_won:
        services.come_again(receipt, new)
    else:
        services.lose_dispute(receipt, new)


def _remittance_paid(heard: Heard) -> None:
    connection = Connection.objects.select_related("book").get(pk=heard.connection_id)
    services.record_remittance(connection, _of(heard, RemittancePaid))


def _remittance_failed(heard: Heard) -> None:
    event = _of(heard, RemittanceFailed)
    remittance = Remittance.objects.filter(
        connection=heard.connection_id, vendor_id=event.remittance
    ).first()
    if remittance is None:
        raise NotYet(
            f"remittance {event.remittance} failed before it was told as paid",
            waits_for=event.remittance,
        )
    services.fail_remittance(remittance, on=_day(heard), reason=event.reason)


def _bank_details_changed(heard: Heard) -> None:
    event = _of(heard, BankDetailsChanged)
    receipt = _receipt(heard)
    BankDetailsChange.objects.get_or_create(
        event_id=heard.event_id,
        defaults={
            "entity_id": heard.entity_id,
            "receipt": receipt,
            "payment": event.payment,
            "code": event.code,
            "payer": event.payer or (receipt.payer if receipt else ""),
            "payer_reference": event.payer_reference,
            "corrected": dict(event.corrected),
            "noticed_on": _day(heard),
            "correct_by": event.correct_by,
        },
    )


_HANDLERS: dict[type[Event], Callable[[Heard], None]] = {
    PaymentPending: _pending,
    PaymentSettled: _settled,
    PaymentsDeposited: _deposited,
    PaymentFailed: _failed,
    PaymentReturned: _returned,
    PaymentRefunded: _refunded,
    RefundFailed: _refund_failed,
    PaymentDisputed: _disputed,
    DisputeClosed: _dispute_closed,
    RemittancePaid: _remittance_paid,
    RemittanceFailed: _remittance_failed,
    BankDetailsChanged: _bank_details_changed,
}


def _of(heard: Heard, kind: type[Told]) -> Told:
    assert isinstance(heard.event, kind)
    return heard.event


def _new_receipt(heard: Heard) -> NewReceipt:
    event = heard.event
    assert isinstance(event, PaymentEvent)
    settled = event if isinstance(event, PaymentSettled) else None
    book_id = Connection.objects.values_list("book_id", flat=True).get(pk=heard.connection_id)
    known = matching.known_lease(
        heard.entity_id,
        lease_code=event.lease_code,
        slug=heard.slug,
        payer_reference=event.payer_reference,
        payer=event.payer,
        text=event.description,
    )
    into = Receipt.Into.PROCESSORS
    if event.channel in {Channel.CHECK, Channel.MONEY_ORDER}:
        into = Receipt.Into.UNDEPOSITED
    elif settled and not settled.pays_out:
        into = Receipt.Into.BANK
    return NewReceipt(
        entity_id=heard.entity_id,
        key=services.receipt_key(heard.slug, event.payment),
        channel=event.channel.value,
        into=into,
        gross=event.amount,
        received_on=_day(heard),
        book_id=book_id,
        lease_id=known.lease_id if known else None,
        connection_id=heard.connection_id,
        event_id=heard.event_id,
        payment=event.payment,
        fee=(settled.fee if settled else None) or ZERO,
        # Where an agreement asks for one and the platform tells none, nothing is guessed.
        convenience_fee=(settled.convenience_fee if settled else None) or ZERO,
        settles_on=settled.settles_on if settled else None,
        payer=event.payer,
        payer_reference=event.payer_reference,
        number=settled.number if settled else "",
        trace=event.payment[:60] if into == Receipt.Into.BANK else "",
        batch=settled.batch if settled else "",
        memo=_memo(event, is_known=known is not None),
        matched_by=known.criteria if known else {},
    )


def _memo(event: PaymentEvent, *, is_known: bool) -> str:
    unknown = f"names lease {event.lease_code}, which is not ours. " if event.lease_code else ""
    return f"{'' if is_known else unknown}{event.description}".strip()[:300]


def _receipt(heard: Heard) -> Receipt | None:
    payment = getattr(heard.event, "payment", "")
    rows = Receipt.objects.filter(connection=heard.connection_id, payment=payment)
    return rows.select_related("lease", "event").first()


def _posted_receipt(heard: Heard) -> Receipt:
    """The receipt of a payment; NotYet while the payment itself was not told as settled."""
    receipt = _receipt(heard)
    if receipt is None or receipt.state in (Receipt.State.PENDING, Receipt.State.FAILED):
        payment = getattr(heard.event, "payment", "")
        raise NotYet(
            f"payment {payment} comes back before it was told as settled", waits_for=payment
        )
    return receipt


def _must_know(receipt: Receipt, key: str, event: PaymentEvent) -> None:
    if not receipt.comebacks.filter(key=key).exists():
        raise NotYet(
            f"{key} of payment {event.payment} ended before it was told to have begun",
            waits_for=event.payment,
        )


def _day(heard: Heard) -> date:
    """The day of an event where the company is: a payment at 11 pm counts for that day."""
    zone = LegalEntity.objects.values_list("time_zone", flat=True).get(pk=heard.entity_id)
    return heard.event.at.astimezone(ZoneInfo(zone)).date()
