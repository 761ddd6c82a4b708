"""Late fees: when they arise, how much, within the law; and what changed payments make of them."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from moneyed import Money

from compliance import rules
from compliance.errors import RuleUnknown
from leases.models import LateFeeTerms
from leases.services import create_unit
from ledger.models import Entry
from proptrust.lib.money import ZERO, usd
from receivables import services
from receivables.lateness import Paid, Terms, due_fees
from receivables.models import Charge, Credit
from receivables.services import LateFees
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.late import home_in, terms
from tests.factories.leases import Company, lease_in
from tests.threads import at_once

MARCH_1 = date(2026, 3, 1)
APRIL_30 = date(2026, 4, 30)
Due = list[tuple[str, str]]


def due(
    state: str,
    *,
    on: date = APRIL_30,
    rent: str = "1000.00",
    paid: dict[int, str] | None = None,
    **agreed: Any,
) -> Due:
    """Fees of a rent due on March 1 as (day, amount); paid: day of March to amount."""
    facts: dict[str, Any] = {"kind": "flat", "grace_days": 5, **agreed}
    for name in ("flat", "daily", "most"):
        if name in facts:
            facts[name] = usd(facts[name])
    fees = due_fees(
        Terms(**facts),
        rules.late_fee(state, on=MARCH_1),
        due_on=MARCH_1,
        rent=usd(rent),
        paid=[Paid(date(2026, 3, day), usd(amount)) for day, amount in (paid or {}).items()],
        on=on,
    )
    return [(f"{fee.on:%m-%d}", str(fee.amount.amount)) for fee in fees]


class TestByHand:
    """California names neither grace nor cap; New York five days and the lesser of 50 and 5 %."""

    def test_flat_fee_arises_on_the_day_after_the_grace(self) -> None:
        # Due on March 1, five days of grace: March 2 to 6. The fee arises on March 7.
        assert due("CA", flat="75.00", on=date(2026, 3, 6)) == []
        assert due("CA", flat="75.00", on=date(2026, 3, 7)) == [("03-07", "75.00")]
        assert due("CA", flat="75.00") == [("03-07", "75.00")]

    def test_weekend_moves_nothing(self) -> None:
        # March 1, 2026 is a Sunday, March 7 a Saturday.
        assert MARCH_1.weekday() == 6
        assert due("CA", flat="75.00", paid={7: "1000.00"}) == [("03-07", "75.00")]

    def test_payment_on_the_last_day_of_grace_costs_nothing(self) -> None:
        assert due("CA", flat="75.00", paid={6: "1000.00"}) == []
        assert due("CA", flat="75.00", paid={6: "999.99"}) == [("03-07", "75.00")]

    def test_no_grace_is_the_day_after_the_due_day(self) -> None:
        assert due("CA", flat="75.00", grace_days=0) == [("03-02", "75.00")]

    def test_percentage_is_of_what_is_open_when_the_grace_ends(self) -> None:
        # 1,000.00 less 333.33 by March 6 leaves 666.67; 6 % of it is 40.0002, half up 40.00.
        agreed: dict[str, Any] = {"kind": "percentage", "rate": rate("0.06")}
        assert due("CA", paid={6: "333.33", 7: "666.67"}, **agreed) == [("03-07", "40.00")]

    def test_daily_fee_arises_with_each_day_that_begins_unpaid(self) -> None:
        # 20 on March 7, then 5 a day for 8 and 9; it is paid on the 9th, so the 10th is free.
        agreed: dict[str, Any] = {"kind": "daily", "flat": "20.00", "daily": "5.00"}
        assert due("CA", paid={9: "1000.00"}, **agreed) == [
            ("03-07", "20.00"),
            ("03-08", "5.00"),
            ("03-09", "5.00"),
        ]

    def test_most_ends_a_daily_fee_in_the_middle_of_a_step(self) -> None:
        # 20 + 5 + 5 = 30; the next step may only cost 2 more.
        agreed: dict[str, Any] = {"kind": "daily", "flat": "20.00", "daily": "5.00"}
        assert due("CA", most="32.00", **agreed) == [
            ("03-07", "20.00"),
            ("03-08", "5.00"),
            ("03-09", "5.00"),
            ("03-10", "2.00"),
        ]

    @pytest.mark.parametrize(
        ("rent", "fee"),
        [
            ("1000.00", "50.00"),  # 5 % of 1,000.00 is 50.00, the same as the flat limit.
            ("999.90", "49.99"),  # 49.995, and half a cent above the law is above it.
            ("2000.00", "50.00"),  # 5 % would be 100.00; the lesser is 50.
            ("400.00", "20.00"),
        ],
    )
    def test_cap_of_new_york(self, rent: str, fee: str) -> None:
        assert due("NY", flat="75.00", rent=rent) == [("03-07", fee)]

    def test_grace_of_the_law_is_longer_than_that_of_the_terms(self) -> None:
        # New York: five days whatever was agreed. Massachusetts: thirty, so April 1.
        assert due("NY", flat="50.00", grace_days=2) == [("03-07", "50.00")]
        assert due("MA", flat="50.00", grace_days=2) == [("04-01", "50.00")]

    def test_all_daily_fees_together_stay_within_the_cap(self) -> None:
        # 20 + 5 × 6 = 50: the sixth day more, March 13, is the last that the law allows.
        fees = due("NY", kind="daily", flat="20.00", daily="5.00")
        assert (fees[0], fees[-1], len(fees)) == (("03-07", "20.00"), ("03-13", "5.00"), 7)

    def test_unknown_law_is_not_taken_for_none(self) -> None:
        with pytest.raises(RuleUnknown, match="AZ"):
            due("AZ", flat="50.00")


def rate(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def assess(home: Company, on: date) -> LateFees:
    return services.assess_late_fees(home.entity.pk, on=on)


def fees_of(home: Company) -> Due:
    """The live late fees: day and what of each is not let off."""
    found = []
    for fee in Charge.objects.filter(lease=home.lease, kind="late_fee").order_by("due_on", "id"):
        let_off = Credit.objects.filter(charge=fee, undone_by__isnull=True)
        left = fee.amount - sum((row.amount for row in let_off), ZERO)
        if left:
            found.append((f"{fee.due_on:%m-%d}", str(left.amount)))
    return found


def rent_of(home: Company, amount: str = "1000.00") -> Charge:
    return make.charge(home.lease, amount, due_on=MARCH_1)


def paid(home: Company, amount: str = "1000.00", *, day: int = 5, **facts: Any) -> Any:
    return make.receipt(home.lease, amount, received_on=date(2026, 3, day), **facts)


def comes_back(receipt: Any, on: date, amount: Money | None = None) -> None:
    services.take_back(
        receipt,
        NewComeback(kind="return", key="r1", amount=amount or receipt.gross, on=on, code="R01"),
    )


@pytest.mark.django_db
class TestCharged:
    def test_late_rent_is_charged_once_however_often_it_runs(self) -> None:
        home = home_in("NY")
        terms(home)
        rent = rent_of(home)

        assert assess(home, date(2026, 3, 6)) == LateFees()
        assert assess(home, date(2026, 3, 7)) == LateFees(made=1)
        assert assess(home, date(2026, 3, 7)) == LateFees()
        assert assess(home, date(2026, 3, 20)) == LateFees()

        fee = Charge.objects.get(kind="late_fee")
        assert (fee.amount, fee.due_on, fee.late_for) == (usd("40.00"), date(2026, 3, 7), rent)
        assert fee.asked is None
        assert fee.entry is not None
        assert fee.entry.dated_on == date(2026, 3, 7)

    def test_days_that_were_missed_are_caught_up(self) -> None:
        home = home_in("CA")
        terms(home, kind="daily", flat="20.00", daily="5.00")
        rent_of(home)

        assess(home, date(2026, 3, 8))
        assess(home, date(2026, 3, 11))

        assert fees_of(home) == [
            ("03-07", "20.00"), ("03-08", "5.00"), ("03-09", "5.00"), ("03-10", "5.00"),
            ("03-11", "5.00"),
        ]  # fmt: skip

    def test_terms_of_the_lease_stand_before_those_of_the_property(self) -> None:
        home = home_in("CA")
        terms(home, flat="75.00")
        LateFeeTerms.objects.create(
            lease=home.lease, kind="flat", grace_days=10, flat=usd("10.00"), from_on=MARCH_1
        )
        rent_of(home)

        assess(home, APRIL_30)

        assert fees_of(home) == [("03-12", "10.00")]

    def test_lease_without_terms_owes_nothing(self) -> None:
        home = home_in("NY")
        rent_of(home)
        assert assess(home, APRIL_30) == LateFees()

    def test_state_without_a_known_law_charges_nothing_and_counts_it(self) -> None:
        home = home_in("AZ")
        terms(home)
        rent_of(home)

        assert assess(home, APRIL_30) == LateFees(unknown=1)
        assert not Charge.objects.filter(kind="late_fee").exists()

    def test_fee_above_the_cap_is_charged_at_the_cap_and_says_what_was_asked(self) -> None:
        home = home_in("NY")
        terms(home, flat="75.00")
        rent_of(home)

        assess(home, APRIL_30)

        fee = Charge.objects.get(kind="late_fee")
        assert (fee.amount, fee.asked) == (usd("50.00"), usd("75.00"))

    def test_other_charges_bear_no_late_fee(self) -> None:
        home = home_in("CA")
        terms(home)
        for kind in ("parking", "late_fee", "security_deposit"):
            make.charge(home.lease, "100.00", kind=kind, due_on=MARCH_1)

        assert assess(home, APRIL_30) == LateFees()

    def test_rent_that_was_open_at_the_cut_over_is_left_alone(self) -> None:
        home = home_in("CA")
        terms(home)
        rent = rent_of(home)
        with connection.cursor() as cursor:
            # The journal never changes; the test stands in for an imported balance.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE ledger_entry SET kind = %s WHERE id = %s",
                [Entry.Kind.OPENING, Charge.objects.get(pk=rent.pk).entry_id],
            )
            cursor.execute("SET LOCAL session_replication_role = origin")

        assert assess(home, APRIL_30) == LateFees()

    def test_prepaid_rent_pays_a_fee_at_once(self) -> None:
        home = home_in("CA")
        terms(home)
        rent_of(home)
        paid(home, "1100.00", day=20)

        assess(home, date(2026, 3, 21))

        assert Charge.objects.get(kind="late_fee").paid == usd("40.00")

    def test_month_of_many_leases_costs_the_same_queries_as_one(self) -> None:
        few, many = home_in("CA"), home_in("CA")
        for home, count in ((few, 2), (many, 30)):
            terms(home)
            for number in range(count):
                unit = create_unit(property_=home.property, code=f"Q{number}")
                make.charge(lease_in(unit), due_on=MARCH_1)
        counts = []
        for home in (few, many):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                made = assess(home, APRIL_30).made
            counts.append((made, len(queries)))

        assert [made for made, _ in counts] == [2, 30]
        assert counts[0][1] == counts[1][1]


@pytest.mark.django_db
class TestChanged:
    def test_return_leaves_the_fee_that_would_have_been(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        receipt = paid(home, day=3)
        assert assess(home, date(2026, 3, 20)) == LateFees()

        comes_back(receipt, date(2026, 3, 20))

        # Due on the day it would have had, although it is known on the 20th.
        assert fees_of(home) == [("03-07", "40.00")]

    def test_return_within_the_grace_charges_nothing_yet(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)

        comes_back(paid(home, day=3), date(2026, 3, 6))
        assert fees_of(home) == []
        assess(home, date(2026, 3, 7))
        assert fees_of(home) == [("03-07", "40.00")]

    def test_return_catches_up_daily_fees_to_its_own_day(self) -> None:
        home = home_in("CA")
        terms(home, kind="daily", flat="20.00", daily="5.00")
        rent_of(home)

        comes_back(paid(home, day=3), date(2026, 3, 9))

        assert fees_of(home) == [("03-07", "20.00"), ("03-08", "5.00"), ("03-09", "5.00")]

    def test_part_that_comes_back_raises_a_percentage_to_what_it_would_have_been(self) -> None:
        home = home_in("CA")
        terms(home, kind="percentage", rate=rate("0.06"))
        rent_of(home)
        receipt = paid(home, "600.00", day=3)
        assess(home, date(2026, 3, 7))
        # 6 % of 400.00.
        assert fees_of(home) == [("03-07", "24.00")]

        comes_back(receipt, date(2026, 3, 9))

        # 6 % of 1,000.00 is 60.00: 36.00 more, for the same day.
        assert fees_of(home) == [("03-07", "24.00"), ("03-07", "36.00")]

    def test_payment_recorded_late_but_received_in_time_takes_the_fee_off(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        assess(home, date(2026, 3, 10))
        assert fees_of(home) == [("03-07", "40.00")]

        paid(home, day=4)

        assert fees_of(home) == []
        credit = Credit.objects.get()
        assert (credit.kind, credit.made_by) == ("waiver", None)
        assert "paid in time after all" in credit.reason

    def test_fee_that_was_paid_and_is_taken_off_is_prepaid_rent(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        assess(home, date(2026, 3, 10))
        # Rent and fee from money of the 9th, then a check that had come on the 4th is typed.
        paid(home, "1040.00", day=9)
        # The check pays nothing while all is paid; when the later payment comes back it does.
        paid(home, "1000.00", day=4)
        first = home.lease.receipts.get(received_on=date(2026, 3, 9))
        comes_back(first, date(2026, 3, 20))

        assert fees_of(home) == []

    def test_payment_in_time_that_comes_back_makes_the_fee_due_anew(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        assess(home, date(2026, 3, 10))
        receipt = paid(home, day=4)
        assert fees_of(home) == []

        comes_back(receipt, date(2026, 3, 20))

        assert fees_of(home) == [("03-07", "40.00")]
        assert Charge.objects.filter(kind="late_fee").count() == 2

    def test_fee_that_a_person_waived_stays_waived(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        assess(home, date(2026, 3, 10))
        services.waive(Charge.objects.get(kind="late_fee"), reason="First time", on=MARCH_1)

        receipt = paid(home, day=4)
        comes_back(receipt, date(2026, 3, 20))
        assess(home, APRIL_30)

        assert fees_of(home) == []
        assert Charge.objects.filter(kind="late_fee").count() == 1

    def test_rent_that_is_let_off_bears_no_fee(self) -> None:
        home = home_in("NY")
        terms(home)
        rent = rent_of(home)
        assess(home, date(2026, 3, 10))

        services.give_credit(
            rent, rent.amount, kind="adjustment", reason="Not habitable", key="a", on=APRIL_30
        )

        assert fees_of(home) == []

    def test_rent_that_is_written_off_was_late_all_the_same(self) -> None:
        home = home_in("NY")
        terms(home)
        rent = rent_of(home)
        assess(home, date(2026, 3, 10))

        services.give_credit(
            rent, rent.amount, kind="write_off", reason="Gone", key="a", on=APRIL_30
        )

        assert fees_of(home) == [("03-07", "40.00")]

    def test_payment_taken_from_the_lease_leaves_the_fee(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        receipt = paid(home, day=3)

        services.unassign_receipt(receipt, on=date(2026, 3, 20))

        assert fees_of(home) == [("03-07", "40.00")]

    def test_payment_assigned_later_counts_from_the_day_it_was_received(self) -> None:
        home = home_in("NY")
        terms(home)
        rent_of(home)
        receipt = make.suspense(home.rent_book, received_on=date(2026, 3, 4))
        assess(home, date(2026, 3, 10))
        assert fees_of(home) == [("03-07", "40.00")]

        services.assign_receipt(receipt, home.lease, on=date(2026, 3, 12))

        assert fees_of(home) == []


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_charge_a_fee_once() -> None:
    home = home_in("CA")
    terms(home, kind="daily", flat="20.00", daily="5.00")
    rent_of(home)

    said = at_once(*[lambda: assess(home, date(2026, 3, 9))] * 3)

    assert all(isinstance(each, LateFees) for each in said), said
    assert fees_of(home) == [("03-07", "20.00"), ("03-08", "5.00"), ("03-09", "5.00")]


@pytest.mark.django_db(transaction=True)
def test_run_and_return_at_once_end_the_same_in_any_order() -> None:
    home = home_in("CA")
    terms(home)
    rent_of(home)
    receipt = paid(home, day=3)
    on = date(2026, 3, 20)

    at_once(lambda: assess(home, on), lambda: comes_back(receipt, on), lambda: assess(home, on))
    assess(home, on + timedelta(days=1))

    assert fees_of(home) == [("03-07", "40.00")]
