"""Checks and money orders that the office took in, as its scanner or spreadsheet exports them.

One file holds one or more deposit slips; each row is a check. The layout is our own
(docs/connectors/check_batch.md), for scanners that can export columns of choice.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time

from connectors.base import Connector
from connectors.csv_reading import Row, rows
from connectors.types import Channel, Delivery, Event, PaymentsDeposited, PaymentSettled
from proptrust.lib.money import total

COLUMNS = ("slip", "deposited_on", "received_on", "kind", "number", "payer", "amount", "lease")
_KINDS = {"check": Channel.CHECK, "money_order": Channel.MONEY_ORDER}
_NOON = time(12, tzinfo=UTC)
# With the words that keys begin with it stays below the 200 characters of a key.
_LONGEST_PAYMENT = 180


class CheckBatch(Connector):
    slug = "check_batch"
    label = "Checks from the office (CSV)"
    docs = "docs/connectors/check_batch.md"
    yields = frozenset({PaymentSettled, PaymentsDeposited})
    is_file_based = True

    def verify(self, delivery: Delivery) -> None:
        """A person brings the file; who it was is on the audit trail."""

    def parse(self, delivery: Delivery) -> Iterator[Event]:
        """A PaymentSettled for each check, then a PaymentsDeposited for each slip."""
        slips: dict[str, list[PaymentSettled]] = defaultdict(list)
        seen: set[str] = set()
        for row in rows(delivery.body, COLUMNS):
            payment = _payment(row)
            if payment.key in seen:
                raise row.fail("number", "the same check stands twice on the slip")
            seen.add(payment.key)
            slip = slips[payment.batch]
            if slip and slip[0].settles_on != payment.settles_on:
                raise row.fail("deposited_on", f"slip {payment.batch} has another day above")
            slip.append(payment)
        for slip in slips.values():
            yield from slip
        for number, payments in slips.items():
            day = payments[0].settles_on
            assert day is not None
            yield PaymentsDeposited(
                key=f"slip:{number}",
                at=datetime.combine(day, _NOON),
                slip=number,
                amount=total(payment.amount for payment in payments),
                deposited_on=day,
                payments=tuple(payment.payment for payment in payments),
            )


def _payment(row: Row) -> PaymentSettled:
    kind = row.text("kind")
    if kind not in _KINDS:
        raise row.fail("kind", f"{kind!r} is neither check nor money_order")
    slip, number, payer = (
        row.text("slip", limit=60),
        row.text("number", limit=40),
        row.text("payer"),
    )
    for column, text in (("slip", slip), ("number", number)):
        if ":" in text:  # It parts the three in the key below.
            raise row.fail(column, "must not have a colon")
    received_on, deposited_on = row.day("received_on"), row.day("deposited_on")
    if received_on > deposited_on:
        raise row.fail("received_on", f"lies after the deposit on {deposited_on}")
    # Two tenants may write a check of the same number; one tenant does not.
    payment = f"{slip}:{number}:{payer}"
    if (over := len(payment) - _LONGEST_PAYMENT) > 0:
        # A key that was cut could be the key of another check.
        raise row.fail("payer", f"longer than {len(payer) - over} characters")
    return PaymentSettled(
        key=f"check:{payment}",
        at=datetime.combine(received_on, _NOON),
        payment=payment,
        amount=row.amount("amount"),
        channel=_KINDS[kind],
        lease_code=row.optional_text("lease", limit=40),
        payer=payer,
        description=f"{kind.replace('_', ' ').capitalize()} {number}",
        pays_out=False,
        settles_on=deposited_on,
        batch=slip,
        number=number,
    )
