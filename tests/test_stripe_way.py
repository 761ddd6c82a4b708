"""The three ways of a Stripe payment, from raw bytes to the journal to the bank line.

Paid; returned late, after it had been paid out; and a remittance that arrives less the fees. Every
message comes three times, in any order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from connectors import services as connectors
from connectors.models import Connection, Delivery, Event
from ledger import queries as ledger
from ledger.models import BankAccount, Entry
from proptrust.lib.money import usd
from receivables import services as receivables
from receivables.models import Charge, Receipt, Remittance
from reconciliation import queries, services
from reconciliation.models import BankLine, Match
from tests.factories.leases import Company
from tests.factories.leases import company_without_fees as company
from tests.factories.receivables import recurring
from tests.factories.reconciliation import Move, bai2
from tests.simulator import clock
from tests.simulator.doors import processor_network
from tests.simulator.files import processor
from tests.simulator.life import Life, SimPayment, SimPayout, SimPayoutItem
from tests.simulator.world import SimLease

pytestmark = pytest.mark.django_db

STATE = "CA"
RENT = Decimal("2000.00")


@dataclass
class Story:
    """A company whose tenant pays by bank debit: settled, paid out, and returned weeks later."""

    company: Company
    connection: Connection
    life: Life
    webhooks: list[processor.Webhook]

    @property
    def account(self) -> BankAccount:
        return self.company.rent_book.bank_account

    def held(self, kind: str) -> Decimal:
        """What the rent trust holds for its owner, or for the company."""
        if kind == "owner":
            (beneficiary,) = self.company.owner_beneficiaries()
        else:
            beneficiary = receivables.company_of(self.company.entity.pk)
        balance = ledger.balance(book_id=self.company.rent_book.pk, beneficiary_id=beneficiary)
        return balance.amount


def _payment(number: str, lease: SimLease, paid_on: date, settled_on: date) -> SimPayment:
    return SimPayment(
        id=number,
        lease=lease,
        channel="stripe_ach",
        amount=RENT,
        paid_on=paid_on,
        payer="Maria Garcia",
        told_lease=lease.code,
        settled_on=settled_on,
    )


@pytest.fixture
def story() -> Story:
    made = company(starts_on=date(2026, 1, 1), lease_code="L-77")
    recurring(made.lease, str(RENT))
    for month in (3, 4):
        receivables.post_monthly_charges(made.entity, date(2026, month, 1))
    lease = SimLease(
        "L-77", "P1", "U1", STATE, ("Maria Garcia",), RENT, Decimal(0), RENT, Decimal(0),
        Decimal(0), date(2026, 1, 1), "stripe_ach",
    )  # fmt: skip
    march = _payment("00001", lease, date(2026, 3, 2), date(2026, 3, 6))
    april = _payment("00002", lease, date(2026, 4, 1), date(2026, 4, 7))
    march.fate, march.back_on = "returned", date(2026, 4, 6)
    march.back_fee = Decimal("4.00")
    fee = Decimal("5.00")
    payouts = [
        SimPayout(
            "po_march", STATE, date(2026, 3, 11), "811110000000123",
            [SimPayoutItem(march, "payment", RENT, fee, date(2026, 3, 10))],
        ),
        SimPayout(
            "po_april", STATE, date(2026, 4, 10), "811110000000456",
            [
                SimPayoutItem(april, "payment", RENT, fee, date(2026, 4, 9)),
                SimPayoutItem(march, "dispute", -RENT, Decimal("4.00"), date(2026, 4, 7)),
            ],
        ),
    ]  # fmt: skip
    # A third tenant's money keeps the April remittance above zero.
    extra = _payment("00003", lease, date(2026, 4, 2), date(2026, 4, 8))
    payouts[1].items.append(SimPayoutItem(extra, "payment", RENT, fee, date(2026, 4, 9)))
    life = Life(payments=[march, april, extra], payouts=payouts)
    webhooks = [
        *(hook for payment in life.payments for hook in processor._of_payment(payment)),
        *(processor._of_payout(payout) for payout in payouts),
    ]
    connection = Connection.objects.create(
        entity=made.entity,
        slug="stripe",
        label="Stripe",
        book=made.rent_book,
        settings={"mode": "live"},
        credentials={
            "signing_secret": processor.signing_secret(STATE),
            "secret_key": "rk_live_made_up",
        },
    )
    return Story(made, connection, life, webhooks)


def orders(webhooks: list[processor.Webhook]) -> Iterator[list[processor.Webhook]]:
    """As they happened, backwards, and five shuffles: each message three times."""
    thrice = webhooks * 3
    yield sorted(thrice, key=lambda hook: hook.sent_at)
    yield sorted(thrice, key=lambda hook: hook.sent_at, reverse=True)
    for seed in range(5):
        yield random.Random(seed).sample(thrice, len(thrice))


def deliver(story: Story, hooks: list[processor.Webhook]) -> None:
    """Hand each delivery over as raw bytes, and let the worker do its part after each."""
    for hook in hooks:
        headers = {"Stripe-Signature": processor.signature(hook)}
        with clock.at(hook.sent_at), processor_network(story.life):
            connectors.receive(story.connection, hook.body, headers)
    with processor_network(story.life):
        for _ in range(3):
            connectors.catch_up()
            waiting = Event.objects.exclude(state=Event.State.HEARD).order_by("id")
            for event_id in waiting.values_list("pk", flat=True):
                connectors.publish_event(event_id)


def import_bank(story: Story) -> None:
    """The bank shows the two transfers, net of fees and of the return."""
    march, april = story.life.payouts
    first = bai2(
        story.account,
        march.arrives_on,
        [Move(march.arrives_on, march.amount, "STRIPE TRANSFER", march.trace)],
    )
    second = bai2(
        story.account,
        april.arrives_on,
        [Move(april.arrives_on, april.amount, "STRIPE TRANSFER", april.trace)],
        opening=march.amount,
    )
    for name, body in (("march.bai", first), ("april.bai", second)):
        file = services.store_file(
            entity_id=story.company.entity.pk,
            name=name,
            body=body,
            bank_account_id=story.account.pk,
        )
        assert services.import_file(file.pk).state == "imported"
    services.match_account(story.account.pk)


@pytest.mark.parametrize("order", range(7))
def test_paid_returned_late_and_paid_out_less_fees(story: Story, order: int) -> None:
    deliver(story, list(orders(story.webhooks))[order])
    import_bank(story)

    # Raw bytes: stored once, however often they came.
    assert Delivery.objects.count() == len(story.webhooks)
    assert set(Event.objects.values_list("state", flat=True)) == {"heard"}
    # Paid: each payment is one receipt, for the lease its metadata names.
    receipts = Receipt.objects.filter(lease=story.company.lease).order_by("payment")
    assert [(r.payment, r.state) for r in receipts] == [
        ("pi_sim00001", "returned"),
        ("pi_sim00002", "settled"),
        ("pi_sim00003", "settled"),
    ]
    assert Entry.objects.filter(kind=Entry.Kind.RETURN).count() == 1
    # March's charge was paid by the first, opened again by the return, and paid by a later one.
    assert [c.paid for c in Charge.objects.order_by("due_on")] == [usd(RENT), usd(RENT)]
    # The owner holds two rents; the fees of 5 + 5 + 5 and the return's 4 are the company's debt.
    assert story.held("owner") == 2 * RENT
    assert story.held("company") == Decimal("-19.00")
    assert [r.amount for r in Remittance.objects.order_by("arrives_on")] == [
        usd("1995.00"),
        usd("1986.00"),
    ]
    # The bank: each remittance is one line, matched by its trace, and the three figures agree.
    assert list(BankLine.objects.values_list("is_matched", flat=True)) == [True, True]
    assert set(Match.objects.values_list("rule", "made")) == {("remittance.1", "automatic")}
    figures = queries.three_way(story.account.pk, on=date(2026, 4, 30))
    assert figures.is_equal
    assert figures.bank == usd("3981.00")
    assert figures.overdrawn == usd("-19.00")
