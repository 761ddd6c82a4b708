"""The convenience fee of a card payment: the company's at once, and back with the payment."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisCase
from moneyed import Money

from connectors.types import Channel, PaymentSettled, RemittanceItem, RemittancePaid
from ledger import queries as ledger_queries
from ledger.charts import chart
from ledger.company import company_of, operating_book_of
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Comeback, Receipt
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db
A_WEEK_ON = date(2026, 3, 9)


@pytest.fixture
def home() -> Company:
    return managed_for_nothing()


def managed_for_nothing() -> Company:
    """A company without a management fee, so that the figures are of the card alone."""
    home = company()
    home.property.agreements.update(fee_rate=0)
    return home


def card(home: Company, gross: str, fee: str) -> Receipt:
    """A card payment with its convenience fee."""
    return make.receipt(home.lease, gross, channel="card", convenience_fee=usd(fee))


def held(home: Company, who: int) -> Money:
    """What the rent trust holds for somebody."""
    return ledger_queries.balance(book_id=home.rent_book.pk, beneficiary_id=who)


def company_has(home: Company) -> Money:
    """The company's claim in the rent trust."""
    return held(home, company_of(home.entity.pk))


def own(home: Company, role: str) -> Money:
    """An account of the company's own book, by its role; income is below zero."""
    account_id = getattr(chart(home.entity.pk), role)
    return ledger_queries.account_balance(
        book_id=operating_book_of(home.entity.pk), account_id=account_id
    )


def test_fee_is_the_companys_and_the_rent_is_whole(home: Company) -> None:
    # 1,000.00 of rent and 3 % for the card.
    make.charge(home.lease, "1000.00")

    card(home, "1030.00", "30.00")

    (owner,) = home.owner_beneficiaries()
    assert (held(home, owner), company_has(home)) == (usd("1000.00"), usd("30.00"))
    assert queries.owed(home.lease) == ZERO
    assert (own(home, "held"), own(home, "service_income")) == (usd("30.00"), usd("-30.00"))


def test_card_costs_never_fall_on_client_money(home: Company) -> None:
    # The processor keeps 2.9 % and 0.30 of 1,030.00: 29.87 + 0.30 = 30.17. It remits 999.83.
    make.charge(home.lease, "1000.00")
    connection = make.connection(home)
    make.tell(
        connection,
        PaymentSettled(
            key="pi_1:settled",
            at=make.NOON,
            payment="pi_1",
            amount=usd("1030.00"),
            channel=Channel.CARD,
            lease_code=home.lease.code,
            convenience_fee=usd("30.00"),
        ),
    )
    make.tell(
        connection,
        RemittancePaid(
            key="po_1:paid",
            at=make.NOON,
            remittance="po_1",
            amount=usd("999.83"),
            arrives_on=date(2026, 3, 4),
            items=(
                RemittanceItem(
                    key="txn_1",
                    what="payment",
                    gross=usd("1030.00"),
                    fee=usd("30.17"),
                    net=usd("999.83"),
                    payment="pi_1",
                ),
            ),
        ),
    )

    (owner,) = home.owner_beneficiaries()
    assert held(home, owner) == usd("1000.00")
    # 30.00 earned − 30.17 borne: the company owes the trust 0.17, and nobody else does.
    assert company_has(home) == usd("-0.17")
    assert own(home, "held") == usd("-0.17")
    assert (own(home, "service_income"), own(home, "bank_fees")) == (usd("-30.00"), usd("30.17"))
    bank = ledger_queries.account_balance(
        book_id=home.rent_book.pk, account_id=chart(home.entity.pk).bank
    )
    assert bank == usd("999.83")


@pytest.mark.parametrize(
    "kind", [Comeback.Kind.RETURN, Comeback.Kind.REFUND, Comeback.Kind.DISPUTE]
)
def test_whole_payment_back_takes_rent_and_fee(home: Company, kind: str) -> None:
    make.charge(home.lease, "1000.00")
    receipt = card(home, "1030.00", "30.00")

    services.take_back(
        receipt, NewComeback(kind=kind, key="b", amount=usd("1030.00"), on=A_WEEK_ON, fee=usd(15))
    )

    (owner,) = home.owner_beneficiaries()
    assert held(home, owner) == ZERO
    # The dispute's own fee of 15.00 is the company's, too.
    assert company_has(home) == usd("-15.00")
    assert (own(home, "service_income"), own(home, "bank_fees")) == (ZERO, usd("15.00"))
    assert queries.owed(home.lease) == usd("1000.00")


def test_refund_of_the_rent_leaves_the_fee_and_the_rest_takes_it(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    receipt = card(home, "1030.00", "30.00")

    services.take_back(receipt, make.comeback("1000.00", key="refund:1"))
    assert (company_has(home), queries.owed(home.lease)) == (usd("30.00"), usd("1000.00"))
    services.take_back(receipt, make.comeback("30.00", key="refund:2"))
    assert company_has(home) == ZERO


def test_dispute_won_gives_both_again(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    receipt = card(home, "1030.00", "30.00")
    services.take_back(receipt, make.comeback("1030.00", key="dispute:1", kind="dispute"))

    services.come_again(receipt, make.comeback("1030.00", key="won:1", kind="dispute_won"))

    (owner,) = home.owner_beneficiaries()
    assert (held(home, owner), company_has(home)) == (usd("1000.00"), usd("30.00"))
    assert own(home, "service_income") == usd("-30.00")
    assert queries.owed(home.lease) == ZERO


def test_fee_of_a_payment_in_suspense_stays_the_companys(home: Company) -> None:
    receipt = make.suspense(home.rent_book, "1030.00", channel="card", convenience_fee=usd("30.00"))
    assert queries.unallocated(receipt) == usd("1000.00")

    services.assign_receipt(receipt, home.lease)

    assert held(home, home.lease.prepaid_id) == usd("1000.00")
    assert company_has(home) == usd("30.00")


def test_cancelled_card_payment_takes_the_fee_back(home: Company) -> None:
    receipt = card(home, "1030.00", "30.00")

    services.cancel_receipt(receipt, why="Typed twice")

    assert (company_has(home), own(home, "service_income")) == (ZERO, ZERO)


def test_fee_above_the_payment_is_refused(home: Company) -> None:
    with pytest.raises(ReceivablesError, match="no convenience fee"):
        card(home, "10.00", "10.01")


def test_same_payment_with_another_fee_is_refused(home: Company) -> None:
    new = make.new_receipt(home.rent_book, "1030.00", key="k", convenience_fee=usd("30.00"))
    services.record_receipt(new)

    with pytest.raises(ToldOtherwise, match="convenience_fee"):
        services.record_receipt(make.new_receipt(home.rent_book, "1030.00", key="k"))


def test_agreed_rate_without_a_told_fee_guesses_nothing(home: Company) -> None:
    home.property.agreements.update(convenience_fee_rate="0.03")
    make.tell(
        make.connection(home),
        make.settled("pi_1", usd("1030.00"), channel=Channel.CARD, lease_code=home.lease.code),
    )

    assert company_has(home) == ZERO
    assert held(home, home.lease.prepaid_id) == usd("1030.00")


@pytest.mark.parametrize(
    ("sql", "by"),
    [
        ("UPDATE receivables_receipt SET convenience_fee = 20", "receipt_stays"),
        ("UPDATE receivables_receipt SET convenience_fee = 2000", "receipt_stays"),
        (
            "INSERT INTO receivables_allocation (receipt_id, charge_id, amount, amount_currency,"
            " parts, entry_id) SELECT receipt.id, charge.id, 15, 'USD', '{}', receipt.entry_id"
            " FROM receivables_receipt AS receipt, receivables_charge AS charge",
            "receipt_spent_once",
        ),
    ],
)
def test_database_keeps_the_fee_from_being_spent(home: Company, sql: str, by: str) -> None:
    receipt = card(home, "1030.00", "30.00")
    services.take_back(receipt, make.comeback("990.00"))
    make.charge(home.lease, "500.00")  # 10.00 of the receipt pays it; 30.00 is the company's.

    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        database.cursor().execute(sql)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.diag.constraint_name == by  # type: ignore[attr-defined]


def test_database_refuses_a_fee_above_the_payment(home: Company) -> None:
    services.expect_receipt(make.new_receipt(home.rent_book, "10.00"))

    with (
        pytest.raises(IntegrityError, match="convenience_fee_within_receipt"),
        transaction.atomic(),
    ):
        database.cursor().execute("UPDATE receivables_receipt SET convenience_fee = 10.01")


class TestEveryAmount(HypothesisCase):
    """Whatever goes back in whatever parts, owner, tenant and company hold what is left."""

    @given(
        rent=st.integers(1, 300_000),
        fee=st.integers(0, 9_000),
        parts=st.lists(st.integers(1, 150_000), max_size=4),
    )
    def test_what_is_left_is_held_to_the_cent(self, rent: int, fee: int, parts: list[int]) -> None:
        home = managed_for_nothing()
        make.charge(home.lease, "1000.00")
        gross = rent + fee
        receipt = card(home, str(usd(gross).amount / 100), str(usd(fee).amount / 100))
        left = gross
        for n, part in enumerate(parts):
            if part <= left:
                amount = str(usd(part).amount / 100)
                services.take_back(receipt, make.comeback(amount, key=f"refund:{n}"))
                left -= part

        # The rent goes first: the fee is touched only when nothing else is left.
        assert company_has(home) == usd(min(left, fee)) / 100
        (owner,) = home.owner_beneficiaries()
        client = held(home, owner) + held(home, home.lease.prepaid_id)
        assert client == usd(max(left - fee, 0)) / 100
        assert own(home, "held") == company_has(home)
