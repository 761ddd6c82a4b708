"""Rent paid in cash at a shop: the network's daily file, settled in one credit less its commission.

The layout is our own (docs/connectors/cash_batch.md), for networks that can export columns of
choice; PayNearMe's and MoneyGram's own files have their own connectors.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from connectors.base import Connector
from connectors.csv_reading import Row, rows
from connectors.types import (
    Channel,
    Delivery,
    Event,
    PaymentSettled,
    RemittanceItem,
    RemittancePaid,
)
from proptrust.lib.money import total

COLUMNS = ("batch", "settled_on", "payment", "paid_at", "payer", "amount", "commission", "lease")


class CashBatch(Connector):
    slug = "cash_batch"
    label = "Retail cash (CSV)"
    docs = "docs/connectors/cash_batch.md"
    yields = frozenset({PaymentSettled, RemittancePaid})
    is_file_based = True

    def verify(self, delivery: Delivery) -> None:
        """A person brings the file; who it was is on the audit trail."""

    def parse(self, delivery: Delivery) -> Iterator[Event]:
        """A PaymentSettled for each payment, then a RemittancePaid for each batch."""
        batches: dict[str, list[tuple[PaymentSettled, date]]] = defaultdict(list)
        seen: set[str] = set()
        for row in rows(delivery.body, COLUMNS):
            payment, settled_on = _payment(row)
            if payment.payment in seen:
                raise row.fail("payment", f"{payment.payment} stands twice in the file")
            seen.add(payment.payment)
            batch = batches[row.text("batch", limit=100)]
            if batch and batch[0][1] != settled_on:
                raise row.fail("settled_on", "the batch has another day above")
            batch.append((payment, settled_on))
        for batch in batches.values():
            yield from (payment for payment, _ in batch)
        for name, batch in batches.items():
            yield _remittance(name, batch[0][1], [payment for payment, _ in batch])


def _payment(row: Row) -> tuple[PaymentSettled, date]:
    payment, amount = row.text("payment", limit=120), row.amount("amount")
    commission = row.amount("commission", at_least="0.00")
    if commission >= amount:
        raise row.fail("commission", f"{commission} is not below the amount of {amount}")
    settled = PaymentSettled(
        key=f"cash:{payment}",
        at=row.moment("paid_at"),
        payment=payment,
        amount=amount,
        channel=Channel.CASH,
        lease_code=row.optional_text("lease", limit=40),
        payer=row.optional_text("payer"),
        fee=commission,
    )
    return settled, row.day("settled_on")


def _remittance(name: str, day: date, payments: list[PaymentSettled]) -> RemittancePaid:
    items = tuple(
        RemittanceItem(
            key=f"item:{payment.payment}",
            what="payment",
            gross=payment.amount,
            fee=payment.fee or total(()),
            net=payment.amount - (payment.fee or total(())),
            payment=payment.payment,
        )
        for payment in payments
    )
    return RemittancePaid(
        key=f"batch:{name}",
        at=datetime.combine(day, time(12, tzinfo=UTC)),
        remittance=name,
        amount=total(item.net for item in items),
        arrives_on=day,
        trace=name,
        items=items,
    )
