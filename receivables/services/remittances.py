"""A processor's transfers to us: what arrives, what it kept, and which payments they pay for."""

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from moneyed import Money

from connectors.models import Connection
from connectors.types import RemittanceItem as ToldItem
from connectors.types import RemittancePaid
from ledger.charts import chart
from ledger.company import company_of, company_side, mirrored
from ledger.models import Entry
from ledger.services import post_fact
from ledger.types import NewLine
from proptrust.lib.money import ZERO
from receivables import postings
from receivables.errors import NoBook, ReceivablesError, RemittanceOff, ToldOtherwise
from receivables.models import Comeback, Receipt, Remittance, RemittanceItem
from receivables.services.keys import joined
from receivables.services.receipts import record_receipt
from receivables.types import NewReceipt

_What = RemittanceItem.What
# Fees of these belong to a comeback, which posts them itself (comebacks.take_back).
_WITH_COMEBACK = (_What.RETURN, _What.DISPUTE)
# What a payment of ours should answer for.
OF_PAYMENTS = (
    _What.PAYMENT,
    _What.REFUND,
    _What.REFUND_FAILED,
    _What.RETURN,
    _What.DISPUTE,
)


@transaction.atomic
def record_remittance(connection: Connection, told: RemittancePaid) -> Remittance:
    """Record a processor's transfer once, and post it when its items are known.

    Without items the row waits for them: its fees are not guessed. Items of payments that we do not
    know yet stay open until the payment is told. Raises RemittanceOff if the items do not sum to
    what arrives, ToldOtherwise for another amount than before, NoBook.
    """
    if connection.book_id is None:
        raise NoBook(f"connection {connection} names no trust account for its remittances")
    row, _ = Remittance.objects.select_for_update(of=("self",)).get_or_create(
        connection=connection,
        vendor_id=told.remittance,
        defaults={
            "book_id": connection.book_id,
            "arrives_on": told.arrives_on,
            "amount": told.amount,
            "fees": ZERO,
            "trace": told.trace,
        },
    )
    if row.amount != told.amount:
        raise ToldOtherwise(
            f"remittance {told.remittance} was told with {row.amount}, and now with {told.amount}"
        )
    if row.entry_id is not None or told.items is None:
        return row
    _check_sum(told)
    items = _save_items(row, told.items)
    row.fees = sum((_fee_of(item) for item in items), ZERO)
    row.entry = _post(row)
    row.trace = told.trace or row.trace
    row.save(update_fields=["fees", "entry", "trace"])
    return row


@transaction.atomic
def fail_remittance(remittance: Remittance, *, on: date, reason: str) -> Remittance:
    """Record that a transfer did not arrive: the processor has the money again, less its fees."""
    row = Remittance.objects.select_for_update(of=("self",)).get(pk=remittance.pk)
    if row.state == Remittance.State.FAILED:
        return row
    if row.amount:
        row.failed_entry = post_fact(
            entity_id=row.book.entity_id,
            key=f"remittance:{row.pk}:failed",
            kind=Entry.Kind.SETTLEMENT,
            day=max(on, row.arrives_on),
            memo=f"Remittance {row.vendor_id} did not arrive: {reason}",
            lines=postings.remittance_failed(_books(row), row.amount),
        )
    row.state = Remittance.State.FAILED
    row.reason = reason[:300]
    row.save(update_fields=["failed_entry", "state", "reason"])
    return row


def adopt_items(receipt: Receipt) -> None:
    """Link the remittance items that came before their payment was known."""
    if not receipt.payment or receipt.connection_id is None:
        return
    items = RemittanceItem.objects.filter(
        remittance__connection=receipt.connection_id, payment=receipt.payment, receipt__isnull=True
    )
    pays = items.filter(what=_What.PAYMENT).select_related("remittance").first()
    if pays is not None:
        receipt.remittance, receipt.fee = pays.remittance, pays.fee
        receipt.save(update_fields=["remittance", "fee", "fee_currency"])
    items.update(receipt=receipt)


@transaction.atomic
def give_to_company(item: RemittanceItem, *, on: date, actor_id: int | None = None) -> Entry:
    """Post what a processor kept, or gave, for no payment of ours: it is the company's."""
    held = RemittanceItem.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if held.entry is not None:
        return held.entry
    if held.what != _What.ADJUSTMENT:
        raise ReceivablesError(f"a {held.get_what_display().lower()} is not the company's to bear")
    row = held.remittance
    prefix = f"remittance-item:{held.pk}:company"
    # One that was given and undone is given again by an entry of its own.
    count = Entry.objects.filter(
        entity=row.book.entity_id, key__startswith=prefix, kind=Entry.Kind.BANK_FEE
    ).filter(key__regex=rf"^{prefix}(:\d+)?$")
    held.entry = post_fact(
        entity_id=row.book.entity_id,
        key=f"{prefix}:{count.count() + 1}",
        kind=Entry.Kind.BANK_FEE,
        day=max(on, row.arrives_on),
        memo=f"Remittance {row.vendor_id}: {held.description or 'adjustment'}",
        lines=_with_cost(
            row, postings.company_charged(_books(row), company_of(row.book.entity_id), -held.net)
        ),
        posted_by_id=actor_id,
    )
    held.save(update_fields=["entry"])
    return held.entry


@transaction.atomic
def receive_unknown(item: RemittanceItem, *, actor_id: int | None = None) -> Receipt:
    """Record a payment that only a remittance told, without a lease: it waits in suspense.

    If the platform tells the payment itself later, it is this receipt.
    """
    row = item.remittance
    if item.what != _What.PAYMENT or not item.payment or item.gross <= ZERO:
        raise ReceivablesError(f"{item} of remittance {row.vendor_id} is no payment")
    receipt = record_receipt(
        NewReceipt(
            entity_id=row.book.entity_id,
            key=receipt_key(row.connection.slug, item.payment),
            channel=Receipt.Channel.UNKNOWN,
            into=Receipt.Into.PROCESSORS,
            gross=item.gross,
            received_on=row.arrives_on,
            book_id=row.book_id,
            connection_id=row.connection_id,
            payment=item.payment,
            fee=item.fee,
            memo=item.description,
        ),
        posted_by_id=actor_id,
    )
    adopt_items(receipt)
    return receipt


def receipt_key(slug: str, payment: str) -> str:
    """The key of a platform's payment: `stripe:pi_…`."""
    return joined(slug, payment)


def _check_sum(told: RemittancePaid) -> None:
    total = sum((item.net for item in told.items or ()), ZERO)
    if total != told.amount:
        raise RemittanceOff(
            f"remittance {told.remittance}: its items sum to {total}, but {told.amount} arrives"
        )


def _save_items(row: Remittance, told: Iterable[ToldItem]) -> list[RemittanceItem]:
    told = list(told)
    payments = {item.payment for item in told if item.payment}
    known = {
        receipt.payment: receipt
        for receipt in Receipt.objects.filter(
            connection=row.connection_id, payment__in=payments
        ).order_by("id")
    }
    items = RemittanceItem.objects.bulk_create(
        RemittanceItem(
            remittance=row,
            key=item.key,
            what=_What(item.what),
            gross=item.gross,
            fee=item.fee,
            net=item.net,
            payment=item.payment,
            description=item.description[:300],
            receipt=known.get(item.payment),
        )
        for item in told
    )
    paid = [item for item in items if item.receipt and item.what == _What.PAYMENT]
    for item in paid:
        assert item.receipt is not None
        item.receipt.remittance, item.receipt.fee = row, item.fee
    Receipt.objects.bulk_update(
        [item.receipt for item in paid if item.receipt], ["remittance", "fee", "fee_currency"]
    )
    return items


def _fee_of(item: RemittanceItem) -> Money:
    """What of an item the company owes to the trust because of this remittance.

    A reserve or an adjustment leaves the money with the processor until somebody explains it.
    """
    if item.what == _What.FEE:
        return -item.net
    if item.what in (_What.RESERVE, _What.ADJUSTMENT):
        return ZERO
    if item.what not in _WITH_COMEBACK:
        return item.fee
    comeback = _comeback_of(item)
    # One that is told later posts its fee itself.
    return item.fee - comeback.fee if comeback else ZERO


def _comeback_of(item: RemittanceItem) -> Comeback | None:
    """The return or dispute that an item pays for, if it was told already."""
    if item.receipt is None:
        return None
    of_dispute = Comeback.Kind.DISPUTE_WON if item.gross > ZERO else Comeback.Kind.DISPUTE
    kind = Comeback.Kind.RETURN if item.what == _What.RETURN else of_dispute
    return item.receipt.comebacks.filter(kind=kind, amount=abs(item.gross)).first()


def _post(row: Remittance) -> Entry | None:
    if not row.amount and not row.fees:
        return None
    return post_fact(
        entity_id=row.book.entity_id,
        key=f"remittance:{row.pk}",
        kind=Entry.Kind.SETTLEMENT,
        day=row.arrives_on,
        memo=f"Remittance {row.vendor_id} of {row.connection}",
        lines=_with_cost(
            row,
            postings.remitted(_books(row), row.amount, company_of(row.book.entity_id), row.fees),
        ),
    )


def _with_cost(row: Remittance, lines: list[NewLine]) -> list[NewLine]:
    """Lines with what the company bears as a cost in its own book."""
    return mirrored(lines, company_side(row.book.entity_id, chart(row.book.entity_id)))


def _books(row: Remittance) -> postings.Books:
    return postings.Books(chart(row.book.entity_id), row.book_id)
