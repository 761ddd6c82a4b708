"""Check and cash batches: every row a payment, every slip or batch one credit at the bank."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.csv_reading import rows
from connectors.errors import Unreadable
from connectors.models import Event as StoredEvent
from connectors.types import (
    Channel,
    Delivery,
    Event,
    PaymentsDeposited,
    PaymentSettled,
    RemittancePaid,
)
from connectors.vendors.cash_batch import CashBatch
from connectors.vendors.check_batch import CheckBatch
from proptrust.lib.money import usd
from receivables.services import receipt_key

KEY_LENGTH = StoredEvent._meta.get_field("key").max_length or 0
CHECKS = """slip,deposited_on,received_on,kind,number,payer,amount,lease
S-1,2026-08-03,2026-08-02,check,6500,Jamal Osei,"3,335.00",L0065
S-1,2026-08-03,2026-08-01,money_order,771,Mei Tanaka,80.50,
S-2,2026-08-06,2026-08-04,check,6501,Jamal Osei,12.00,L0065
"""
CASH = """batch,settled_on,payment,paid_at,payer,amount,commission,lease
RC-1,2026-08-04,c-1,2026-08-03T16:40:00Z,Rosa Garcia,1250.00,3.99,L0001
RC-1,2026-08-04,c-2,2026-08-03T18:00:00Z,,90.00,0.00,
"""


def told(body: str, vendor: type[CheckBatch] | type[CashBatch]) -> list[Event]:
    """The events of a file."""
    return list(vendor().parse(Delivery(body=body.encode())))


def test_each_check_is_a_payment_and_each_slip_a_deposit() -> None:
    events = told(CHECKS, CheckBatch)

    payments = [event for event in events if isinstance(event, PaymentSettled)]
    slips = [event for event in events if isinstance(event, PaymentsDeposited)]
    assert [payment.amount for payment in payments] == [usd("3335.00"), usd("80.50"), usd("12.00")]
    assert [payment.channel for payment in payments] == [
        Channel.CHECK, Channel.MONEY_ORDER, Channel.CHECK,
    ]  # fmt: skip
    assert [(slip.slip, slip.amount, slip.deposited_on) for slip in slips] == [
        ("S-1", usd("3415.50"), date(2026, 8, 3)),
        ("S-2", usd("12.00"), date(2026, 8, 6)),
    ]
    assert slips[0].payments == (payments[0].payment, payments[1].payment)
    assert not any(payment.pays_out for payment in payments)


def test_a_cash_batch_arrives_less_the_commission() -> None:
    events = told(CASH, CashBatch)

    (batch,) = [event for event in events if isinstance(event, RemittancePaid)]
    assert batch.amount == usd("1336.01")
    assert batch.items is not None
    assert sum(item.net.amount for item in batch.items) == Decimal("1336.01")
    assert [item.payment for item in batch.items] == ["c-1", "c-2"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"3,335.00"', "33x5", "row 2, column amount: '33x5' is not an amount"),
        ('"3,335.00"', "0", "row 2, column amount: '0' must be 0.01 or more"),
        ('"3,335.00"', "1.005", "row 2, column amount: '1.005' is not a whole number of cents"),
        ('"3,335.00"', "NaN", "row 2, column amount: 'NaN' is not a whole number of cents"),
        ("check,6500", "cheque,6500", "row 2, column kind: 'cheque' is neither"),
        ("2026-08-02", "08/02/2026", "row 2, column received_on: '08/02/2026' is not a day"),
        ("2026-08-01", "2026-08-09", "row 3, column received_on: lies after the deposit"),
        ("S-1,2026-08-03,2026-08-01", "S-1,2026-08-05,2026-08-01", "row 3, column deposited_on"),
        ("payer,", "", "row 1: the column payer is missing"),
        ("Mei Tanaka,", "", "row 3: 7 cells, the header has 8"),
        ("check,6500", "check,", "row 2, column number: is empty"),
        ("check,6500", "check,65:00", "row 2, column number: must not have a colon"),
        ("S-1,", "S:1,", "row 2, column slip: must not have a colon"),
    ],
)
def test_a_wrong_cell_refuses_the_file_by_row_and_column(old: str, new: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"^{reason.replace('(', '.')}"):
        told(CHECKS.replace(old, new, 1), CheckBatch)


def test_the_same_check_twice_on_a_slip_is_refused() -> None:
    twice = CHECKS.splitlines()[1]

    with pytest.raises(Unreadable, match="row 5, column number: the same check stands twice"):
        told(f"{CHECKS}{twice}\n", CheckBatch)


def test_a_payer_too_long_for_the_key_is_refused_and_never_cut() -> None:
    longest = "J" * 171  # With "S-1:6500:" in front it is 180 characters.

    payment = told(CHECKS.replace("Jamal Osei", longest, 1), CheckBatch)[0]

    assert isinstance(payment, PaymentSettled)
    assert payment.payment == f"S-1:6500:{longest}"
    assert payment.key == f"check:{payment.payment}"
    with pytest.raises(Unreadable, match="row 2, column payer: longer than 171 characters"):
        told(CHECKS.replace("Jamal Osei", f"{longest}J", 1), CheckBatch)


def test_the_key_of_the_longest_check_fits_into_its_receipt() -> None:
    check = CHECKS.replace("Jamal Osei", "J" * 171, 1)

    for event in told(check, CheckBatch):
        assert len(event.key) <= KEY_LENGTH
        if isinstance(event, PaymentSettled):
            assert receipt_key(CheckBatch.slug, event.payment).endswith(f":{event.payment}")


def test_a_commission_that_eats_the_payment_is_refused() -> None:
    with pytest.raises(Unreadable, match="row 2, column commission"):
        told(CASH.replace("3.99", "1250.00"), CashBatch)


@pytest.mark.parametrize("body", [b"", b"slip\n", b"\xff\xfe", b"a,b\n\x00", b'"'])
def test_what_is_no_batch_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(Unreadable):
        list(CheckBatch().parse(Delivery(body=body)))


def slips_or_reason(body: bytes) -> list[str] | str:
    """What the rows say of their slips, or why the file is refused."""
    try:
        return [row.optional_text("slip") for row in rows(body, ("slip", "amount"))]
    except Unreadable as error:
        return str(error)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_refusal_with_its_reason(tail: bytes) -> None:
    assert slips_or_reason(CHECKS.encode()[:60] + tail)
