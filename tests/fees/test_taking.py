"""Fees follow payments: taken with them, given back with them, to the cent."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fees import services, tasks
from fees.models import Fee
from leases.services import create_agreement
from ledger.company import operating_book_of
from ledger.models import Entry, Period
from ledger.services import close_period
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import Allocation, ChargeKind, Receipt
from receivables.types import NewComeback
from tests.factories.desk import UserFactory
from tests.factories.leases import company, lease_in
from tests.factories.receivables import charge, receipt, suspense
from tests.fees.world import (
    assert_company_side_stands_twice,
    booked,
    deaf,
    dollars,
    earned,
    of_company,
    of_owners,
    pay_out,
    second_lease,
    sum_of_fees,
    terms,
)

pytestmark = pytest.mark.django_db

MARCH_2 = date(2026, 3, 2)
MARCH_9 = date(2026, 3, 9)


def test_eight_percent_of_1234_56_is_98_76_rounded_once() -> None:
    # 1,234.56 × 0.08 = 98.7648, half up 98.76; the owner keeps 1,135.80.
    home = company()
    charge(home.lease, "1234.56")

    receipt(home.lease, "1234.56")

    (fee,) = Fee.objects.all()
    assert (fee.amount, fee.basis, fee.rate) == (usd("98.76"), usd("1234.56"), Decimal("0.08"))
    assert fee.entry is not None
    assert fee.entry.kind == Entry.Kind.TRANSFER
    assert fee.counts_on == MARCH_2
    assert of_owners(home) == dollars("1135.80")
    assert of_company(home) == usd("98.76")
    assert booked(home.property.book, "5200") == usd("98.76")  # The owner's cost.
    assert booked(home.property.book, "1300") == usd("1135.80")  # Held in trust for the property.
    assert earned(home) == usd("98.76")
    assert_company_side_stands_twice(home)


def test_half_a_cent_of_a_fee_rounds_up() -> None:
    # 100.31 × 0.05 = 5.0155 → 5.02; half up at 100.30 × 0.05 = 5.015 → 5.02.
    home = company()
    terms(home.property, "0.05")
    charge(home.lease, "100.30")

    receipt(home.lease, "100.30")

    assert of_company(home) == usd("5.02")


def test_the_fee_of_three_owners_is_split_as_their_rent_was() -> None:
    # Rent 1,000.00 in thirds: 333.34, 333.33, 333.33. Fee 80.00 by these weights: 26.67 + 26.67 +
    # 26.66 by largest remainder (26.6672, 26.6664, 26.6664: floors leave two cents, the larger
    # remainder first, then the larger weight and the earlier owner).
    home = company(shares=("0.33333334", "0.33333333", "0.33333333"))
    charge(home.lease, "1000.00")

    receipt(home.lease, "1000.00")

    (fee,) = Fee.objects.all()
    assert fee.amount == usd("80.00")
    assert sorted(fee.parts.values()) == ["26.66", "26.67", "26.67"]
    assert sum(of_owners(home), usd(0)) == usd("920.00")
    assert of_owners(home) == dollars("306.67", "306.66", "306.67")


def test_the_owner_has_the_odd_cent_of_a_late_fee() -> None:
    # Half of 25.01: the company 12.50, the owner 12.51. No management fee on top.
    home = company()
    terms(home.property, "0.08", late_fee_owner_rate=Decimal("0.5"))
    charge(home.lease, "25.01", kind=ChargeKind.LATE_FEE)

    receipt(home.lease, "25.01")

    (fee,) = Fee.objects.all()
    assert (fee.kind, fee.amount) == (Fee.Kind.LATE_FEE_PART, usd("12.50"))
    assert of_owners(home) == dollars("12.51")
    assert booked(home.property.book, "4200") == usd(
        "-12.51"
    )  # Its late-fee income, less the part.
    assert earned(home, "4200") == usd("12.50")
    assert earned(home, "4100") == usd(0)


def test_a_third_of_a_late_fee_leaves_the_odd_cent_with_the_owner() -> None:
    # 50.00, the owner 33.3333 %: company 66.6667 % = 33.33335 → 33.33; owner 16.67.
    home = company()
    terms(home.property, late_fee_owner_rate=Decimal("0.333333"))
    charge(home.lease, "50.00", kind=ChargeKind.LATE_FEE)

    receipt(home.lease, "50.00")

    assert of_company(home) == usd("33.33")
    assert of_owners(home) == dollars("16.67")


def test_a_returned_payment_fee_is_the_companys_unless_agreed_otherwise() -> None:
    home = company()
    terms(home.property, nsf_fee_owner_rate=Decimal("0.25"))
    charge(home.lease, "25.00", kind=ChargeKind.NSF_FEE)

    receipt(home.lease, "25.00")

    (fee,) = Fee.objects.all()
    assert (fee.kind, fee.amount) == (Fee.Kind.NSF_PART, usd("18.75"))
    assert earned(home, "4200") == usd("18.75")


@pytest.mark.parametrize(
    ("kind", "facts", "bears"),
    [
        (ChargeKind.SECURITY_DEPOSIT, {}, False),
        (ChargeKind.UTILITIES, {"fee_free_kinds": ["utilities"]}, False),
        (ChargeKind.PARKING, {"fee_free_kinds": ["utilities"]}, True),
        (ChargeKind.RENT, {}, True),
    ],
)
def test_what_bears_a_management_fee(kind: str, facts: dict[str, Any], *, bears: bool) -> None:
    home = company()
    terms(home.property, **facts)
    charge(home.lease, "100.00", kind=kind)

    receipt(home.lease, "100.00")

    assert of_company(home) == (usd("8.00") if bears else usd(0))


@pytest.mark.parametrize("bears", [True, False])
def test_rent_that_a_security_deposit_pays_bears_a_fee_only_where_agreed(*, bears: bool) -> None:
    home = company()
    terms(home.property, is_fee_on_deposits=bears)
    charge(home.lease, "300.00")

    receipt(home.lease, "300.00", channel="deposit", into=Receipt.Into.BANK)

    assert of_company(home) == (usd("24.00") if bears else usd(0))


def test_prepaid_rent_bears_its_fee_when_a_charge_takes_it() -> None:
    home = company()
    receipt(home.lease, "500.00")
    assert of_company(home) == usd(0)

    charge(home.lease, "500.00", due_on=date(2026, 4, 1))

    (fee,) = Fee.objects.all()
    assert fee.counts_on == date(2026, 4, 1)
    assert of_company(home) == usd("40.00")


def test_the_rate_is_that_of_the_day_the_money_came() -> None:
    home = company()
    terms(home.property, "0.10")
    create_agreement(property_=home.property, from_on=date(2026, 3, 5), fee_rate=Decimal("0.06"))
    charge(home.lease, "100.00")
    charge(home.lease, "100.00", due_on=date(2026, 4, 1))

    receipt(home.lease, "100.00", received_on=date(2026, 3, 4))
    receipt(home.lease, "100.00", received_on=date(2026, 3, 5))

    assert [fee.amount for fee in Fee.objects.order_by("pk")] == dollars("10.00", "6.00")


def test_a_return_gives_the_fee_back_at_its_own_rate() -> None:
    home = company()
    charge(home.lease, "1000.00")
    paid = receipt(home.lease, "1000.00")
    # The agreement has another rate by the time the payment comes back.
    create_agreement(property_=home.property, from_on=date(2026, 3, 8), fee_rate=Decimal("0.20"))

    rent.take_back(paid, NewComeback(kind="return", key="r", amount=usd("1000.00"), on=MARCH_9))

    first, back = Fee.objects.order_by("pk")
    assert (back.amount, back.rate, back.reverses) == (usd("-80.00"), Decimal("0.08"), first)
    assert back.entry is not None
    assert back.entry.kind == Entry.Kind.RETURN
    assert back.counts_on == MARCH_9
    assert of_owners(home) == dollars("0.00")
    assert of_company(home) == usd(0)
    assert earned(home) == usd(0)
    assert_company_side_stands_twice(home)


def test_a_partial_return_leaves_the_fee_of_what_stays() -> None:
    # 1,000.00 paid, 400.00 goes back: 80.00 is given back, 48.00 taken for the 600.00 that stay.
    home = company()
    charge(home.lease, "1000.00")
    paid = receipt(home.lease, "1000.00")

    rent.take_back(paid, NewComeback(kind="refund", key="r", amount=usd("400.00"), on=MARCH_9))

    assert [fee.amount for fee in Fee.objects.order_by("pk")] == dollars("80", "-80", "48")
    assert of_owners(home) == dollars("552.00")
    assert of_company(home) == usd("48.00")
    assert Fee.objects.filter(entry__isnull=True).count() == 0


def test_a_payment_given_to_another_owner_bears_that_owners_rate() -> None:
    # 1,000.00 at 8 % goes to a property managed for 10 %: 80.00 back, 100.00 taken there.
    home = company()
    other = second_lease(home, fee_rate="0.10")
    charge(home.lease, "1000.00")
    charge(other, "1000.00")
    paid = receipt(home.lease, "1000.00")

    rent.unassign_receipt(paid, on=MARCH_9)
    rent.assign_receipt(Receipt.objects.get(pk=paid.pk), other, on=MARCH_9)

    assert [fee.amount for fee in Fee.objects.order_by("pk")] == dollars("80", "-80", "100")
    assert of_owners(home) == dollars("0.00")
    assert of_company(home) == usd("100.00")
    assert booked(home.property.book, "5200") == usd(0)
    assert booked(other.unit.property.book, "5200") == usd("100.00")


def test_a_cancelled_receipt_gives_its_fee_back() -> None:
    home = company()
    charge(home.lease, "1000.00")
    wrong = receipt(home.lease, "1000.00")

    rent.cancel_receipt(wrong, why="typed twice")

    assert sum_of_fees(home) == usd(0)
    assert of_company(home) == usd(0)


def test_a_fee_that_an_overdrawn_owner_cannot_bear_waits_and_is_taken_later() -> None:
    # The owner owes 500.00; 300.00 comes in, so its fee of 24.00 would make the debt larger.
    home = company()
    charge(home.lease, "500.00")
    paid = receipt(home.lease, "500.00")
    pay_out(home, "460.00")
    rent.take_back(paid, NewComeback(kind="return", key="r", amount=usd("500.00"), on=MARCH_9))
    assert of_owners(home) == dollars("-460.00")

    receipt(home.lease, "300.00", received_on=MARCH_9)

    (waiting,) = Fee.objects.filter(entry__isnull=True)
    assert waiting.amount == usd("24.00")
    assert of_owners(home) == dollars("-160.00")
    assert services.take_waiting(home.entity.pk, MARCH_9).taken == 0

    receipt(home.lease, "200.00", received_on=MARCH_9)  # 16.00 more: it waits behind the first.
    charge(home.lease, "400.00")
    receipt(home.lease, "400.00", received_on=MARCH_9)
    done = services.take_waiting(home.entity.pk, MARCH_9)

    # Owner: −160 + 200 − 16 (first with money) …: all fees are 8 % of 900.00 in the end.
    assert done.waiting == 0
    assert Fee.objects.filter(entry__isnull=True).count() == 0
    assert of_company(home) == usd("72.00")
    assert of_owners(home) == dollars("368.00")


def test_a_return_after_the_draw_leaves_the_company_owing_the_trust() -> None:
    home = company()
    charge(home.lease, "1000.00")
    paid = receipt(home.lease, "1000.00", into=Receipt.Into.BANK)
    services.draw_fees(home.rent_book, on=MARCH_2, actor_id=None)
    assert of_company(home) == usd(0)

    rent.take_back(paid, NewComeback(kind="return", key="r", amount=usd("1000.00"), on=MARCH_9))

    assert of_company(home) == usd("-80.00")
    assert of_owners(home) == dollars("0.00")
    assert_company_side_stands_twice(home)


def test_running_again_changes_nothing() -> None:
    home = company()
    charge(home.lease, "1000.00")
    receipt(home.lease, "1000.00")

    done = services.take_fees(home.entity.pk, on=MARCH_9)

    assert (done.taken, done.given_back, done.waiting) == (0, 0, 0)
    assert Fee.objects.count() == 1


def test_a_payment_in_a_closed_month_bears_its_fee_in_the_open_one() -> None:
    home = company()
    charge(home.lease, "1000.00")
    february = date(2026, 2, 1)
    person = UserFactory.create()
    for book in (home.rent_book, home.property.book):
        close_period(book_id=book.pk, first_on=february, closed_by_id=person.pk)

    receipt(home.lease, "1000.00", received_on=date(2026, 2, 20))

    (fee,) = Fee.objects.select_related("entry")
    assert fee.entry is not None
    assert fee.entry.dated_on == date(2026, 3, 1)


def test_an_open_operating_book_that_is_closed_moves_the_fee_and_names_the_period() -> None:
    home = company()
    person = UserFactory.create()
    operating = operating_book_of(home.entity.pk)
    close_period(book_id=operating, first_on=date(2026, 3, 1), closed_by_id=person.pk)
    charge(home.lease, "1000.00")

    receipt(home.lease, "1000.00")

    (fee,) = Fee.objects.select_related("entry")
    assert fee.entry is not None
    assert fee.entry.dated_on == date(2026, 4, 1)
    assert fee.entry.adjusts_id == Period.objects.get(book=operating).pk


def test_a_lease_up_fee_is_taken_once_when_the_first_full_month_is_paid() -> None:
    # Half of the first full month's 1,200.00; the lease begins on March 15, so that is April.
    home = company(starts_on=date(2026, 3, 15))
    terms(home.property, "0", lease_up_rate=Decimal("0.5"))
    charge(home.lease, "658.06", due_on=date(2026, 3, 15))
    charge(home.lease, "1200.00", due_on=date(2026, 4, 1))
    receipt(home.lease, "658.06", received_on=date(2026, 3, 15))
    assert not Fee.objects.exists()
    receipt(home.lease, "1000.00", received_on=date(2026, 4, 1))
    assert not Fee.objects.exists()

    last = receipt(home.lease, "200.00", received_on=date(2026, 4, 3))

    (fee,) = Fee.objects.all()
    assert (fee.kind, fee.amount) == (Fee.Kind.LEASE_UP, usd("600.00"))
    assert earned(home, "4400") == usd("600.00")
    charge(home.lease, "1200.00", due_on=date(2026, 5, 1))
    receipt(home.lease, "1200.00", received_on=date(2026, 5, 1))
    assert Fee.objects.count() == 1

    rent.take_back(
        last, NewComeback(kind="return", key="r", amount=usd("200.00"), on=date(2026, 5, 4))
    )
    assert sum_of_fees(home) == usd(0)


def test_the_statements_do_not_grow_with_the_payments() -> None:
    def count_for(leases: int) -> int:
        home = company()
        for _ in range(leases - 1):
            lease_in(home.unit)
        with deaf():
            for lease in home.unit.leases.all():
                charge(lease, "100.00")
                receipt(lease, "100.00")
        with CaptureQueriesContext(connection) as caught:
            done = services.take_fees(home.entity.pk, on=MARCH_9)
        assert done.taken == leases
        return len(caught)

    count_for(1)  # What is made once a company stands from here on; the plans are warm.
    assert count_for(1) == count_for(40)


def test_what_the_handler_missed_is_found_by_the_net() -> None:
    home = company()
    with deaf():
        charge(home.lease, "1000.00")
        receipt(home.lease, "1000.00")
    assert not Fee.objects.exists()

    said = tasks.take_lately()

    assert said == "1 fees taken, 0 given back"
    assert of_company(home) == usd("80.00")
    assert Allocation.objects.get().fees.count() == 1


def test_money_in_suspense_bears_no_fee_until_it_is_identified() -> None:
    home = company()
    charge(home.lease, "100.00")
    unknown = suspense(home.rent_book, "100.00")
    assert not Fee.objects.exists()

    rent.assign_receipt(unknown, home.lease, on=MARCH_9)

    assert of_company(home) == usd("8.00")
