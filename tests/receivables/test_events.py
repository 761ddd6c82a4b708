"""Events of platforms: each once, in any order, with the same end."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import NotYet
from connectors.models import Connection
from connectors.types import (
    BankDetailsChanged,
    Channel,
    DisputeClosed,
    Event,
    PaymentDisputed,
    PaymentFailed,
    PaymentPending,
    PaymentRefunded,
    PaymentReturned,
    RefundFailed,
    RemittanceFailed,
    RemittanceItem,
    RemittancePaid,
)
from ledger import queries as ledger_queries
from ledger.charts import chart
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.errors import RemittanceOff, ToldOtherwise
from receivables.models import BankDetailsChange, PayerAlias, Receipt, Remittance
from receivables.models import RemittanceItem as StoredItem
from tests.factories import receivables as make
from tests.factories.leases import Company
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db

LATER = make.NOON + timedelta(days=7)
PAYMENT: dict[str, Any] = {"payment": "pi_1", "amount": usd(1000), "channel": Channel.ACH}


def tell_all(connection: Connection, events: Sequence[Event], *, times: int = 1) -> None:
    """Tell events as they come; what must wait is told again after the others, as connectors do."""
    waiting = [event for event in events for _ in range(times)]
    for _ in range(len(events) + 1):
        still = []
        for event in waiting:
            try:
                make.tell(connection, event)
            except NotYet:
                still.append(event)
        if not still:
            return
        waiting = still
    raise AssertionError(f"still waiting: {waiting}")


def remittance(*items: RemittanceItem, **facts: Any) -> RemittancePaid:
    """A remittance of what its items sum to."""
    return RemittancePaid(
        key="po_1:paid",
        at=LATER,
        remittance="po_1",
        amount=usd(sum(item.net.amount for item in items)),
        arrives_on=date(2026, 3, 10),
        items=items,
        **facts,
    )


def item(what: str, gross: str, fee: str = "0.00", payment: str = "pi_1") -> RemittanceItem:
    """An item of a remittance."""
    return RemittanceItem(
        key=f"{what}:{payment}:{gross}",
        what=what,
        gross=usd(gross),
        fee=usd(fee),
        net=usd(gross) - usd(fee),
        payment=payment,
    )


def pending() -> PaymentPending:
    return PaymentPending(key="pi_1:pending", at=make.NOON, **PAYMENT)


def returned(**facts: Any) -> PaymentReturned:
    return PaymentReturned(key="pi_1:returned", at=LATER, code="R01", **PAYMENT, **facts)


def disputed(**facts: Any) -> PaymentDisputed:
    return PaymentDisputed(key="dp_1", at=LATER, dispute="dp_1", **PAYMENT, **facts)


def won(**facts: Any) -> DisputeClosed:
    at = LATER + timedelta(days=9)
    return DisputeClosed(key="dp_1:won", at=at, dispute="dp_1", is_won=True, **PAYMENT, **facts)


def refunded(amount: str = "400.00") -> PaymentRefunded:
    return PaymentRefunded(
        key="re_1", at=LATER, refund="re_1", **{**PAYMENT, "amount": usd(amount)}
    )


def refund_failed(amount: str = "400.00") -> RefundFailed:
    at = LATER + timedelta(days=3)
    return RefundFailed(
        key="re_1:failed", at=at, refund="re_1", **{**PAYMENT, "amount": usd(amount)}
    )


def balances(home: Company) -> dict[int | str, str]:
    """What the rent account holds for whom, what lies where, and what is owed."""
    held = ledger_queries.balances(book_id=home.rent_book.pk)
    accounts = chart(home.entity.pk)
    end: dict[int | str, str] = {who: str(money.amount) for who, money in held.items() if money}
    for role in ("bank", "processors", "undeposited"):
        account_id = getattr(accounts, role)
        money = ledger_queries.account_balance(book_id=home.rent_book.pk, account_id=account_id)
        end[role] = f"{money.amount:.2f}"
    end["owed"] = str(queries.owed(home.lease).amount)
    return end


def home_with_charge() -> Company:
    home = company(shares=("0.5", "0.3", "0.2"))
    make.charge(home.lease, "900.01")
    return home


def settled_for(home: Company) -> Event:
    return make.settled("pi_1", lease_code=home.lease.code.lower(), payer_reference="cus_1")


STORIES: dict[str, Sequence[Event]] = {
    "paid": [pending(), remittance(item("payment", "1000.00", "8.00"))],
    "returned in the same remittance": [
        returned(fee=usd(4)),
        remittance(item("payment", "1000.00", "8.00"), item("return", "-1000.00", "4.00")),
    ],
    "returned, its fee told by the remittance alone": [
        returned(),
        remittance(item("payment", "1000.00", "8.00"), item("return", "-1000.00", "4.00")),
    ],
    "disputed and won, the fee given back": [
        disputed(fee=usd(15)),
        won(fee_returned=usd(15)),
        remittance(
            item("payment", "1000.00", "8.00"),
            item("dispute", "-1000.00", "15.00"),
            item("dispute", "1000.00", "-15.00"),
        ),
    ],
    "disputed and won, the fees told by the remittance alone": [
        disputed(),
        won(),
        remittance(
            item("payment", "1000.00", "8.00"),
            item("dispute", "-1000.00", "15.00"),
            item("dispute", "1000.00", "-15.00"),
        ),
    ],
    "refunded in part, and the refund failed": [
        refunded(),
        refund_failed(),
        remittance(
            item("payment", "1000.00", "8.00"),
            item("refund", "-400.00"),
            item("refund_failed", "400.00"),
        ),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_events_end_the_same_in_any_order_told_three_times(story: str) -> None:
    ends = set()
    for order in permutations(range(len(STORIES[story]) + 1)):
        home = home_with_charge()
        events = [settled_for(home), *STORIES[story]]
        tell_all(make.connection(home), [events[place] for place in order], times=3)
        end = balances(home)
        names: dict[int | str, int] = {
            who: place for place, who in enumerate(home.owner_beneficiaries())
        }
        names[home.lease.prepaid_id] = 90
        names[services.company_of(home.entity.pk)] = 91
        ends.add(frozenset((names.get(who, who), amount) for who, amount in end.items()))

    assert len(ends) == 1, ends
    assert dict(ends.pop())["processors"] == "0.00"  # The remittance paid all of it out.


def test_late_return_takes_the_rent_back_from_each_owner() -> None:
    home = home_with_charge()
    tell_all(make.connection(home), [settled_for(home), returned(fee=usd(4))])

    end = balances(home)

    assert end == {
        services.company_of(home.entity.pk): "-4.00",
        "bank": "0.00",
        "processors": "-4.00",
        "undeposited": "0.00",
        "owed": "900.01",
    }
    assert Receipt.objects.get().state == Receipt.State.RETURNED


def test_return_told_by_two_messages_is_taken_once() -> None:
    home = home_with_charge()
    twice = [returned(), PaymentReturned(key="other", at=LATER, code="R01", **PAYMENT)]

    tell_all(make.connection(home), [settled_for(home), *twice])

    assert balances(home)["processors"] == "0.00"


def test_failed_before_settled_is_a_second_try_and_after_it_a_contradiction() -> None:
    home = home_with_charge()
    connection = make.connection(home)
    early = PaymentFailed(key="f1", at=make.NOON - timedelta(hours=1), **PAYMENT)
    late = PaymentFailed(key="f2", at=LATER, **PAYMENT)

    tell_all(connection, [early, settled_for(home), early])
    assert Receipt.objects.get().state == Receipt.State.SETTLED
    with pytest.raises(ToldOtherwise, match="failed after it settled"):
        make.tell(connection, late)


def test_payment_that_names_no_lease_of_ours_waits_in_suspense_and_says_so() -> None:
    home = home_with_charge()

    make.tell(make.connection(home), make.settled("pi_2", lease_code="NOPE", description="Rent"))

    receipt = Receipt.objects.get()
    assert receipt.lease is None
    assert receipt.memo == "names lease NOPE, which is not ours. Rent"


def test_customer_of_a_coded_payment_is_known_the_next_time() -> None:
    home = home_with_charge()
    connection = make.connection(home)
    make.tell(connection, settled_for(home))

    make.tell(connection, make.settled("pi_2", payer_reference="cus_1"))

    assert Receipt.objects.get(payment="pi_2").lease == home.lease
    assert PayerAlias.objects.get().made_by is None


def test_payment_late_in_the_evening_counts_for_the_companys_day() -> None:
    home = home_with_charge()
    home.entity.time_zone = "America/Phoenix"
    home.entity.save()
    at = datetime(2026, 3, 3, 5, tzinfo=UTC)  # Ten in the evening of the second.

    make.tell(make.connection(home), make.settled("pi_2", at=at))

    assert Receipt.objects.get().received_on == date(2026, 3, 2)


def test_remittance_whose_items_do_not_sum_to_it_is_refused() -> None:
    home = home_with_charge()
    off = RemittancePaid(
        key="po",
        at=LATER,
        remittance="po",
        amount=usd(5),
        arrives_on=date(2026, 3, 10),
        items=(item("payment", "6.00"),),
    )

    with pytest.raises(RemittanceOff, match=r"6\.00"):
        make.tell(make.connection(home), off)


def test_remittance_waits_for_its_items_before_it_is_posted() -> None:
    home = home_with_charge()
    connection = make.connection(home)
    full = remittance(item("payment", "1000.00", "8.00"))
    bare = RemittancePaid(
        key="po_1:told", at=LATER, remittance="po_1", amount=full.amount, arrives_on=full.arrives_on
    )
    make.tell(connection, settled_for(home))

    make.tell(connection, bare)
    assert Remittance.objects.get().entry is None
    make.tell(connection, full)

    assert balances(home)["bank"] == "992.00"
    assert Receipt.objects.get().remittance == Remittance.objects.get()
    assert Receipt.objects.get().fee == usd(8)


def test_remittance_of_less_than_nothing_takes_from_the_bank() -> None:
    home = home_with_charge()

    tell_all(
        make.connection(home),
        [settled_for(home), returned(), remittance(item("return", "-1000.00", "4.00"))],
    )

    assert balances(home)["bank"] == "-1004.00"
    assert balances(home)["processors"] == "1000.00"


def test_failed_remittance_gives_the_money_to_the_processor_and_keeps_the_fee() -> None:
    home = home_with_charge()
    failed = RemittanceFailed(
        key="po_1:failed", at=LATER, remittance="po_1", amount=usd(992), reason="account closed"
    )
    events = [failed, remittance(item("payment", "1000.00", "8.00")), settled_for(home)]

    tell_all(make.connection(home), events, times=2)

    end = balances(home)
    assert (end["bank"], end["processors"]) == ("0.00", "992.00")
    assert end[services.company_of(home.entity.pk)] == "-8.00"


def test_adjustment_of_a_processor_stays_with_it_until_a_person_gives_it_to_the_company() -> None:
    home = home_with_charge()
    tell_all(make.connection(home), [remittance(item("adjustment", "-12.00", payment=""))])
    assert balances(home)["processors"] == "12.00"

    services.give_to_company(StoredItem.objects.get(), on=date(2026, 3, 11))

    assert balances(home)["processors"] == "0.00"
    assert balances(home)[services.company_of(home.entity.pk)] == "-12.00"


def test_unknown_payment_of_a_remittance_is_the_receipt_that_is_told_later() -> None:
    home = home_with_charge()
    connection = make.connection(home)
    make.tell(connection, remittance(item("payment", "1000.00", "8.00")))

    services.receive_unknown(StoredItem.objects.get())
    make.tell(connection, settled_for(home))

    assert Receipt.objects.count() == 1
    assert balances(home)["processors"] == "0.00"


def test_changed_bank_details_are_kept_for_a_person_once() -> None:
    home = home_with_charge()
    connection = make.connection(home)
    notice = BankDetailsChanged(
        key="noc", at=LATER, payment="pi_1", code="C01", corrected={"account_number": "99887766"}
    )

    tell_all(connection, [settled_for(home), notice], times=2)

    change = BankDetailsChange.objects.get()
    assert change.corrected == {"account_number": "99887766"}
    assert change.receipt == Receipt.objects.get()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_rent_collection_keeps_every_sum(data: st.DataObject) -> None:
    home = company(shares=("0.6", "0.4"))
    book_id, property_book_id = home.rent_book.pk, home.property.book_id
    accounts = chart(home.entity.pk)
    receipts: list[Receipt] = []
    charged = came = went = 0
    for step in range(data.draw(st.integers(3, 12))):
        what = data.draw(st.sampled_from(["charge", "receipt", "suspense", "back", "move"]))
        cents = data.draw(st.integers(1, 200_000))
        amount = f"{cents / 100:.2f}"
        if what == "charge":
            make.charge(home.lease, amount)
            charged += cents
        elif what == "receipt":
            receipts.append(make.receipt(home.lease, amount, into="bank", channel="wire"))
            came += cents
        elif what == "suspense":
            receipts.append(make.suspense(home.rent_book, amount))
            came += cents
        elif receipts:
            receipt = Receipt.objects.get(pk=data.draw(st.sampled_from(receipts)).pk)
            went += _go_back(data, receipt, step) if what == "back" else _move(home, receipt)

    owed = queries.owed(home.lease)
    held = ledger_queries.balances(book_id=book_id)
    paid = sum(held.get(who, usd(0)).amount for who in home.owner_beneficiaries())
    assert (
        ledger_queries.account_balance(book_id=property_book_id, account_id=accounts.receivable)
        == owed
    )
    assert ledger_queries.account_balance(
        book_id=property_book_id, account_id=accounts.held
    ) == usd(paid)
    assert owed + usd(paid) == usd(charged) / 100
    assert sum(money.amount for money in held.values()) * 100 == came - went
    for receipt in queries.receipts_with_unallocated():
        assert queries.rest_of(receipt) >= usd(0)
    prepaid = held.get(home.lease.prepaid_id, usd(0))
    assert not (owed and prepaid)  # Prepaid rent never waits beside an open charge.


def _go_back(data: st.DataObject, receipt: Receipt, step: int) -> int:
    """A return of all or a refund of a part; returns the cents."""
    left = receipt.gross - queries.taken_back(receipt)
    if not left:
        return 0
    part = data.draw(st.integers(1, int(left.amount * 100)))
    new = make.comeback(f"{part / 100:.2f}", key=f"refund:{step}")
    services.take_back(receipt, new)
    return part


def _move(home: Company, receipt: Receipt) -> int:
    """Into suspense, or out of it; no money moves."""
    if receipt.lease is None:
        services.assign_receipt(receipt, home.lease, on=make.A_DAY)
    else:
        services.unassign_receipt(receipt, on=make.A_DAY)
    return 0
