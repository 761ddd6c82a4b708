"""What payments make of what banks and platforms tell."""

from zoneinfo import ZoneInfo

from connectors.types import DisbursementReturned, FileHandedOver, Heard
from desk.models import LegalEntity
from desk.types import ApprovalDecided
from payments import services
from payments.errors import UnknownPayment
from payments.models import Payment
from payments.services import approvals
from proptrust.lib.events import hears
from proptrust.lib.money import plain


@hears(Heard)
def hear(heard: Heard) -> None:
    """Money that we had sent came back; other events are other apps' business."""
    if isinstance(heard.event, DisbursementReturned):
        returned(heard, heard.event)


def returned(heard: Heard, event: DisbursementReturned) -> None:
    """Take the payment back that a return names. Raises UnknownPayment, so that it stays for a
    person, where it names none of ours or another amount."""
    payment = _named(heard.entity_id, event.payment)
    if payment is None:
        raise UnknownPayment(
            f"{plain(event.amount)} came back for {event.payer or event.payment}, and no payment of"
            f" ours has the reference {event.payment}. Find out whose it was, then enter it there."
        )
    if payment.amount != event.amount:
        raise UnknownPayment(
            f"{plain(event.amount)} came back for {payment}, which was of {plain(payment.amount)}."
            " Ask the bank which of the two is right."
        )
    services.come_back(
        payment,
        code=event.code,
        on=event.returned_on or event.at.astimezone(_zone(heard.entity_id)).date(),
        reason=event.reason,
        batch=event.batch,
    )


def _named(entity_id: int, reference: str) -> Payment | None:
    rows = Payment.objects.filter(entity=entity_id)
    trace = reference.removeprefix("ach:")
    found = rows.filter(trace=trace) if trace != reference else rows.filter(id_number=reference)
    return found.order_by("-id").first()


def _zone(entity_id: int) -> ZoneInfo:
    return ZoneInfo(LegalEntity.objects.values_list("time_zone", flat=True).get(pk=entity_id))


@hears(FileHandedOver)
def handed_over(fact: FileHandedOver) -> None:
    """A file is with the bank: its payments are sent."""
    services.mark_sent(fact.request_id)


@hears(ApprovalDecided)
def decided(fact: ApprovalDecided) -> None:
    """A second person has agreed to a change of a payment; a refusal changes nothing."""
    if fact.kind == approvals.KIND and fact.is_agreed:
        approvals.decided(fact.facts, maker_id=fact.maker_id)
