"""Charges, receipts and events of the smallest kind."""

from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from moneyed import Money

from connectors.models import Connection
from connectors.types import Channel, Event, Heard, PaymentSettled
from leases.models import Lease
from ledger.models import Book
from proptrust.lib.events import publish
from proptrust.lib.money import usd
from receivables import services
from receivables.models import Charge, ChargeKind, Receipt, RecurringCharge
from receivables.types import NewComeback, NewReceipt
from tests.factories.leases import Company

_numbers = count(1)
A_DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 19, tzinfo=UTC)  # Noon in Phoenix.


def charge(
    lease: Lease, amount: str = "1000.00", *, kind: str = ChargeKind.RENT, due_on: date = A_DAY
) -> Charge:
    """A charge that is posted."""
    return services.add_charge(
        lease=lease, kind=kind, amount=usd(amount), due_on=due_on, key=f"test:{next(_numbers)}"
    )


def recurring(lease: Lease, amount: str = "1000.00", **facts: Any) -> RecurringCharge:
    """What a lease owes every month from its first day on."""
    facts = {"from_on": lease.starts_on, **facts}
    return RecurringCharge.objects.create(lease=lease, amount=usd(amount), **facts)


def new_receipt(book: Book, amount: str = "1000.00", **facts: Any) -> NewReceipt:
    """A wire into a trust account, not recorded yet."""
    fresh: dict[str, Any] = {
        "entity_id": book.entity_id,
        "key": f"wire:{next(_numbers)}",
        "channel": Receipt.Channel.WIRE,
        "into": Receipt.Into.BANK,
        "gross": usd(amount),
        "received_on": A_DAY,
        "book_id": book.pk,
    }
    return NewReceipt(**{**fresh, **facts})


def receipt(lease: Lease, amount: str = "1000.00", **facts: Any) -> Receipt:
    """A receipt of a lease that is posted: by a processor unless told otherwise."""
    book = lease.unit.property.rent_book
    processor = {"channel": Receipt.Channel.ACH, "into": Receipt.Into.PROCESSORS}
    return services.record_receipt(
        new_receipt(book, amount, **{**processor, "lease_id": lease.pk, **facts})
    )


def suspense(book: Book, amount: str = "1000.00", **facts: Any) -> Receipt:
    """A receipt that nobody has identified."""
    return services.record_receipt(new_receipt(book, amount, **facts))


def connection(company: Company, slug: str = "stripe") -> Connection:
    """A connection whose money lies in the company's rent trust."""
    number = next(_numbers)
    return Connection.objects.create(
        entity=company.entity,
        slug=slug,
        label=f"{slug} {number}",
        book=company.rent_book,
        token=f"token{number}",
    )


def settled(payment: str, amount: Money | None = None, **facts: Any) -> PaymentSettled:
    """A payment that a processor holds for us."""
    fresh: dict[str, Any] = {
        "key": f"{payment}:settled",
        "at": NOON,
        "payment": payment,
        "amount": amount or usd("1000.00"),
        "channel": Channel.ACH,
    }
    return PaymentSettled(**{**fresh, **facts})


def tell(connection: Connection, event: Event) -> None:
    """Publish an event as the connectors do, stored first; the same key is told once more."""
    from connectors.facts import digest, encode
    from connectors.models import Delivery
    from connectors.models import Event as StoredEvent

    delivery, _ = Delivery.objects.get_or_create(
        connection=connection, sha256=f"{event.key:0<64}"[:64], defaults={"body": b"{}"}
    )
    stored, _ = StoredEvent.objects.get_or_create(
        connection=connection,
        key=event.key,
        defaults={
            "delivery": delivery,
            "kind": event.kind,
            "at": event.at,
            "facts": encode(event),
            "digest": digest(event),
        },
    )
    publish(Heard(connection.pk, connection.entity_id, connection.slug, stored.pk, event))


def comeback(amount: str, *, key: str = "refund:1", kind: str = "refund") -> NewComeback:
    """Money that goes back a week later."""
    return NewComeback(kind=kind, key=key, amount=usd(amount), on=date(2026, 3, 9))
