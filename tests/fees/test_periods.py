"""Fees of a month, by hand, and those that wait."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fees import services
from fees.errors import FeesError, NotGivenBack, ToldOtherwise
from fees.models import Fee
from fees.services import NewFee
from leases import services as leases
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import Receipt
from receivables.types import NewComeback
from tests.factories.leases import company, lease_in, property_in
from tests.factories.receivables import charge, receipt
from tests.fees.world import (
    APRIL_2,
    MARCH,
    dollars,
    earned,
    of_company,
    of_owners,
    sum_of_fees,
    terms,
)

pytestmark = pytest.mark.django_db

MARCH_20 = date(2026, 3, 20)


def by_kind() -> dict[str, list[str]]:
    """The posted fees, kind by kind, in the order they were made."""
    found: dict[str, list[str]] = {}
    for fee in Fee.objects.filter(entry__isnull=False).order_by("pk"):
        found.setdefault(fee.kind, []).append(str(fee.amount.amount))
    return found


def test_each_let_unit_costs_its_fee_and_an_empty_one_nothing() -> None:
    # Two of three units are let in March, one of them for a part of the month: 2 × 7.50.
    home = company()
    terms(home.property, "0", fee_per_unit=usd("7.50"))
    lease_in(leases.create_unit(property_=home.property, code="2"), starts_on=date(2026, 3, 28))
    leases.create_unit(property_=home.property, code="3")
    receipt_of_rent(home.lease, "100.00")

    services.take_period_fees(home.entity.pk, MARCH, on=MARCH_20)

    assert by_kind() == {"per_unit": ["15.00"]}
    assert of_owners(home) == dollars("85.00")
    assert earned(home) == usd("15.00")


def receipt_of_rent(lease: object, amount: str, on: date = date(2026, 3, 2)) -> Receipt:
    """Rent that is charged and paid."""
    charge(lease, amount, due_on=on)  # type: ignore[arg-type]
    return receipt(lease, amount, received_on=on)  # type: ignore[arg-type]


def test_a_lease_added_later_in_the_month_adds_its_unit_once() -> None:
    home = company()
    terms(home.property, "0", fee_per_unit=usd("5.00"))
    receipt_of_rent(home.lease, "100.00")
    services.take_period_fees(home.entity.pk, MARCH, on=MARCH_20)
    lease_in(leases.create_unit(property_=home.property, code="2"), starts_on=MARCH_20)

    services.take_period_fees(home.entity.pk, MARCH, on=MARCH_20)
    services.take_period_fees(home.entity.pk, MARCH, on=MARCH_20)

    assert by_kind() == {"per_unit": ["5.00", "5.00"]}


def test_the_minimum_is_topped_up_when_the_month_is_over() -> None:
    # 8 % of 500.00 is 40.00; the minimum is 100.00, so 60.00 more.
    home = company()
    terms(home.property, fee_minimum=usd("100.00"))
    receipt_of_rent(home.lease, "500.00")

    services.take_period_fees(home.entity.pk, MARCH, on=MARCH_20)
    assert by_kind() == {"management": ["40.00"]}
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert by_kind() == {"management": ["40.00"], "minimum": ["60.00"]}
    assert of_owners(home) == dollars("400.00")


def test_a_payment_found_later_lowers_the_minimum_again() -> None:
    # 40.00 + 60.00; then 1,000.00 more of March is identified: 80.00, so the 60.00 go back.
    home = company()
    terms(home.property, fee_minimum=usd("100.00"))
    receipt_of_rent(home.lease, "500.00")
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    receipt_of_rent(home.lease, "1000.00", on=date(2026, 3, 30))
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert by_kind()["minimum"] == ["60.00", "-60.00"]
    assert sum_of_fees(home) == usd("120.00")
    assert of_owners(home) == dollars("1380.00")


def test_the_cents_of_many_roundings_are_trued_up_once_a_month() -> None:
    # Three payments of 10.07 at 5 %: 0.5035 → 0.50 each, 1.50 in sum. Of 30.21: 1.5105 → 1.51.
    home = company()
    terms(home.property, "0.05")
    for _ in range(3):
        receipt_of_rent(home.lease, "10.07")

    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert by_kind() == {"management": ["0.50", "0.50", "0.50"], "true_up": ["0.01"]}


def test_a_true_up_may_give_cents_back() -> None:
    # Three payments of 10.10 at 5 %: 0.505 → 0.51 each, 1.53; 5 % of 30.30 is 1.515 → 1.52.
    home = company()
    terms(home.property, "0.05")
    for _ in range(3):
        receipt_of_rent(home.lease, "10.10")

    done = services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert by_kind()["true_up"] == ["-0.01"]
    assert (done.given_back, done.amount_given_back) == (1, usd("0.01"))
    assert of_company(home) == usd("1.52")


def test_a_minimum_takes_what_the_owner_has_and_waits_for_the_rest() -> None:
    # Two owners, half each; a minimum of 100.00 with nothing collected but 40.00 of late rent:
    # 3.20 by rate, so 96.80 more, 48.40 each. Each has 18.40, so 36.80 now and 30.00 twice later.
    home = company(shares=("0.5", "0.5"))
    terms(home.property, fee_minimum=usd("100.00"))
    receipt_of_rent(home.lease, "40.00")

    done = services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert (done.taken, done.waiting, done.amount_taken) == (1, 2, usd("36.80"))
    assert of_owners(home) == dollars("0.00", "0.00")
    waiting = Fee.objects.filter(entry__isnull=True)
    assert [fee.amount for fee in waiting] == dollars("30.00", "30.00")
    again = services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)
    assert (again.taken, again.waiting) == (0, 0)

    receipt_of_rent(home.lease, "100.00", on=APRIL_2)  # 8.00 by rate: 46.00 each.
    later = services.take_waiting(home.entity.pk, APRIL_2)

    assert (later.taken, later.waiting) == (2, 0)
    assert of_owners(home) == dollars("16.00", "16.00")
    assert of_company(home) == usd("108.00")


def test_a_minimum_that_waits_is_given_up_when_less_is_due() -> None:
    # Nothing was collected: 100.00 wait. Then 1,250.00 of March is found: 100.00 by rate.
    home = company()
    terms(home.property, fee_minimum=usd("100.00"))
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)
    assert Fee.objects.get().entry_id is None

    receipt_of_rent(home.lease, "1250.00", on=date(2026, 3, 30))
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    assert services.take_waiting(home.entity.pk, APRIL_2).taken == 0
    assert of_company(home) == usd("100.00")
    assert Fee.objects.filter(kind="minimum").count() == 2  # The fee and its mirror, unposted.


def test_months_cost_no_statement_per_property() -> None:
    def count_for(properties: int) -> int:
        home = company()
        terms(home.property, fee_minimum=usd("10.00"), fee_per_unit=usd("1.00"))
        for _ in range(properties - 1):
            property_, _ = property_in(home.entity, home.rent_book, home.deposit_book)
            leases.create_agreement(
                property_=property_,
                from_on=date(2020, 1, 1),
                fee_rate=Decimal("0.08"),
                fee_minimum=usd("10.00"),
            )
        receipt_of_rent(home.lease, "100.00")
        with CaptureQueriesContext(connection) as caught:
            services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)
        return len(caught)

    count_for(1)
    assert count_for(2) == count_for(20)


def test_a_fee_by_hand_is_taken_once_and_given_back_once() -> None:
    home = company()
    receipt_of_rent(home.lease, "500.00")
    new = NewFee(
        property=home.property,
        lease=home.lease,
        kind=Fee.Kind.RENEWAL,
        amount=usd("150.00"),
        on=MARCH_20,
        key="renewal-1",
        reason="Renewed for a year",
    )

    (fee,) = services.add_fee(new)
    assert services.add_fee(new) == [fee]
    assert of_owners(home) == dollars("310.00")
    assert earned(home, "4400") == usd("150.00")

    back = services.give_back(fee, on=MARCH_20, reason="The tenant moved out after all")
    assert services.give_back(fee, on=MARCH_20, reason="The tenant moved out after all") == back
    assert of_owners(home) == dollars("460.00")
    assert earned(home, "4400") == usd(0)


def test_a_fee_by_hand_says_what_is_wrong_with_it() -> None:
    home = company()
    new = NewFee(
        property=home.property,
        kind=Fee.Kind.SETUP,
        amount=usd("50.00"),
        on=MARCH_20,
        key="k",
        reason="Set up",
    )
    for wrong, said in (
        ({"kind": "management"}, "not entered by hand"),
        ({"amount": usd("0.00")}, "above zero"),
        ({"reason": " "}, "what the fee is for"),
        ({"key": "k" * 200}, "key of a fee"),
    ):
        with pytest.raises(FeesError, match=said):
            services.add_fee(_other(new, **wrong))
    services.add_fee(new)
    with pytest.raises(ToldOtherwise):
        services.add_fee(_other(new, amount=usd("60.00")))


def test_a_fee_of_a_payment_is_not_given_back_by_hand() -> None:
    home = company()
    receipt_of_rent(home.lease, "500.00")

    with pytest.raises(NotGivenBack, match="follows its payment"):
        services.give_back(Fee.objects.get(), on=MARCH_20, reason="A favour")


def test_rent_of_march_that_comes_back_in_april_leaves_the_minimum_of_march() -> None:
    # March: 40.00 by rate + 60.00. The return counts in April and gives 40.00 back there.
    home = company()
    terms(home.property, fee_minimum=usd("100.00"))
    paid = receipt_of_rent(home.lease, "500.00")
    receipt_of_rent(home.lease, "2000.00", on=date(2026, 4, 5))
    services.take_period_fees(home.entity.pk, MARCH, on=APRIL_2)

    rent.take_back(paid, NewComeback(kind="return", key="r", amount=usd("500.00"), on=APRIL_2))
    services.take_period_fees(home.entity.pk, MARCH, on=date(2026, 5, 2))
    services.take_period_fees(home.entity.pk, APRIL_2, on=date(2026, 5, 2))

    assert by_kind()["minimum"] == ["60.00"]  # April: 160.00 − 40.00 is above the minimum.


def _other(new: NewFee, **facts: object) -> NewFee:
    from dataclasses import replace

    return replace(new, **facts)  # type: ignore[arg-type]
