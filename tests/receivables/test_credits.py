"""What tenants need not pay: once, within the charge, and never out of somebody else's money."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import queries as ledger
from ledger.charts import chart
from ledger.services import close_period
from proptrust.lib.events import hears
from proptrust.lib.money import ZERO, usd
from receivables import queries, services
from receivables.errors import ReceivablesError, ToldOtherwise
from receivables.models import Allocation, Charge, Credit
from receivables.types import AllocationsChanged
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.late import home_in
from tests.factories.leases import Company, company
from tests.threads import at_once

pytestmark = pytest.mark.django_db
MARCH_2 = date(2026, 3, 2)
MARCH_9 = date(2026, 3, 9)
heard: list[AllocationsChanged] = []


@hears(AllocationsChanged)
def _listen(fact: AllocationsChanged) -> None:
    heard.append(fact)


def give(charge: Charge, amount: str, *, key: str = "c1", kind: str = "adjustment") -> Credit:
    return services.give_credit(
        charge, usd(amount), kind=kind, reason="Heating was off", key=key, on=MARCH_9
    )


def account(home: Company, role: str) -> str:
    """The balance of an account of the property's book."""
    found = ledger.account_balance(
        book_id=home.property.book_id, account_id=getattr(chart(home.entity.pk), role)
    )
    return str(found.amount)


def held(home: Company, beneficiary_id: int) -> str:
    return str(ledger.balance(book_id=home.rent_book.pk, beneficiary_id=beneficiary_id).amount)


def test_credit_on_an_open_charge_lowers_what_is_owed_and_no_money_moves() -> None:
    home = home_in("NY")
    charge = make.charge(home.lease, "1000.00")

    give(charge, "150.00")

    charge.refresh_from_db()
    assert charge.paid == usd("150.00")
    assert queries.owed(home.lease) == usd("850.00")
    # Dr receivable 1,000 for the charge, Cr 150 for the credit.
    assert account(home, "receivable") == "850.00"
    assert account(home, "concessions") == "150.00"
    assert ledger.trust_equation(home.rent_book.pk).held == ZERO


def test_credit_on_a_paid_charge_makes_its_money_prepaid_rent() -> None:
    home = home_in("NY", shares=("0.5", "0.5"))
    charge = make.charge(home.lease, "1000.00")
    make.receipt(home.lease, "1000.00")

    give(charge, "150.00")

    charge.refresh_from_db()
    # 1,000 was paid by money; 850 of it still does, 150 is let off and is the tenants' again.
    assert charge.paid == usd("1000.00")
    assert held(home, home.lease.prepaid_id) == "150.00"
    assert [held(home, owner) for owner in home.owner_beneficiaries()] == ["425.00", "425.00"]
    assert account(home, "receivable") == "0.00"
    assert account(home, "held") == "850.00"


def test_money_that_a_credit_frees_pays_the_next_charge_at_once() -> None:
    home = home_in("NY")
    first = make.charge(home.lease, "1000.00")
    make.receipt(home.lease, "1000.00")
    second = make.charge(home.lease, "100.00", kind="parking", due_on=date(2026, 3, 5))

    give(first, "150.00")

    second.refresh_from_db()
    assert second.paid == usd("100.00")
    assert held(home, home.lease.prepaid_id) == "50.00"


def test_same_key_is_the_same_credit_and_other_facts_are_refused() -> None:
    home = home_in("NY")
    charge = make.charge(home.lease)

    assert give(charge, "150.00") == give(charge, "150.00")
    assert Credit.objects.count() == 1
    with pytest.raises(ToldOtherwise, match="given with other facts"):
        give(charge, "151.00")


@pytest.mark.parametrize(
    ("amount", "reason", "says"),
    [
        ("1000.01", "x", r"1,000.01 of Rent .* but 1,000.00 of it is left"),
        ("0.00", "x", "above zero"),
        ("1.00", "  ", "has a reason"),
    ],
)
def test_wrong_credit_is_refused_with_a_reason(amount: str, reason: str, says: str) -> None:
    charge = make.charge(home_in("NY").lease)

    with pytest.raises(ReceivablesError, match=says):
        services.give_credit(charge, usd(amount), kind="waiver", reason=reason, key="k")
    assert not Credit.objects.exists()


def test_security_deposit_is_never_let_off() -> None:
    charge = make.charge(home_in("NY").lease, kind="security_deposit")

    with pytest.raises(ReceivablesError, match="tenant's own money"):
        give(charge, "1.00")


def test_waiver_lets_off_all_that_is_left_once_and_can_be_undone() -> None:
    home = home_in("NY")
    charge = make.charge(home.lease, "50.00", kind="late_fee")
    clerk = person(entity=home.entity)

    credit = services.waive(charge, reason="First time", on=MARCH_9, actor_id=clerk.pk)
    again = services.waive(charge, reason="First time", on=MARCH_9, actor_id=clerk.pk)

    assert again == credit
    assert credit.amount == usd("50.00")
    assert credit.made_by == clerk
    assert queries.owed(home.lease) == ZERO
    for _ in range(2):
        services.undo_credit(credit, why="It was the third time", on=MARCH_9)
    assert queries.owed(home.lease) == usd("50.00")
    assert account(home, "concessions") == "0.00"
    assert services.waive(charge, reason="After all", on=MARCH_9) != credit


def test_paid_late_fee_that_is_waived_becomes_prepaid_rent_and_undo_pays_it_again() -> None:
    home = home_in("NY")
    charge = make.charge(home.lease, "50.00", kind="late_fee")
    make.receipt(home.lease, "50.00")

    credit = services.waive(charge, reason="Our mistake", on=MARCH_9)
    assert held(home, home.lease.prepaid_id) == "50.00"
    services.undo_credit(credit, why="It was right", on=MARCH_9)

    assert held(home, home.lease.prepaid_id) == "0.00"
    assert held(home, home.owner_beneficiaries()[0]) == "50.00"


def test_credit_for_a_closed_month_counts_in_the_first_open_one() -> None:
    home = home_in("NY")
    charge = make.charge(home.lease)
    for first in (date(2026, 2, 1), date(2026, 3, 1)):
        close_period(book_id=home.property.book_id, first_on=first, closed_by_id=person().pk)

    credit = give(charge, "150.00")

    assert credit.counts_on == MARCH_9
    assert credit.entry.dated_on == date(2026, 4, 1)
    undone = services.undo_credit(credit, why="No", on=MARCH_9)
    assert undone.undone_by is not None
    assert undone.undone_by.dated_on == date(2026, 4, 1)


def test_one_fact_is_published_for_one_call() -> None:
    home = home_in("NY")
    first = make.charge(home.lease, "1000.00")
    make.charge(home.lease, "100.00", kind="parking", due_on=date(2026, 3, 5))
    make.receipt(home.lease, "1000.00")
    heard.clear()

    give(first, "150.00")

    # Freed from one charge, paid to the other: one call, one fact.
    assert [(fact.cause, fact.lease_ids) for fact in heard] == [("credited", (home.lease.pk,))]
    assert heard[0].on == MARCH_9


def test_call_that_changes_no_allocation_publishes_nothing() -> None:
    home = home_in("NY")
    heard.clear()

    make.receipt(home.lease, "1000.00")
    make.suspense(home.rent_book)

    assert heard == []


def run(sql: str, values: tuple[int, ...]) -> None:
    """Run plain SQL, and look at once at what is looked at when a transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(sql: str, *values: int, by: str) -> None:
    """Run plain SQL that PostgreSQL must refuse by the name of a truth."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        run(sql, values)
    assert refusal.value.__cause__ is not None
    diagnosis = refusal.value.__cause__.diag  # type: ignore[attr-defined]
    assert diagnosis.constraint_name == by


class TestPlainSql:
    def test_credit_stays_as_it_was_given(self) -> None:
        credit = give(make.charge(company().lease), "150.00")

        refused(
            "UPDATE receivables_credit SET amount = 200 WHERE id = %s", credit.pk, by="credit_stays"
        )
        refused("DELETE FROM receivables_credit WHERE id = %s", credit.pk, by="credit_stays")

    def test_undone_credit_that_still_pays_is_refused(self) -> None:
        credit = give(make.charge(company().lease), "150.00")

        refused(
            "UPDATE receivables_credit SET undone_by_id = entry_id WHERE id = %s",
            credit.pk,
            by="credit_spent_once",
        )

    def test_credit_spent_a_second_time_is_refused(self) -> None:
        credit = give(make.charge(company().lease), "150.00")

        refused(
            "INSERT INTO receivables_allocation (credit_id, charge_id, amount, amount_currency,"
            " parts, entry_id) SELECT credit_id, charge_id, 1, 'USD', '{}', entry_id"
            " FROM receivables_allocation WHERE credit_id = %s",
            credit.pk,
            by="credit_spent_once",
        )

    def test_credit_of_another_charge_is_refused(self) -> None:
        lease = company().lease
        credit, other = give(make.charge(lease), "150.00"), make.charge(lease)

        refused(
            "INSERT INTO receivables_allocation (credit_id, charge_id, amount, amount_currency,"
            " parts, entry_id) SELECT credit_id, %s, 1, 'USD', '{}', entry_id"
            " FROM receivables_allocation WHERE credit_id = %s",
            other.pk,
            credit.pk,
            by="credit_of_own_charge",
        )

    def test_allocation_of_a_receipt_and_a_credit_at_once_is_refused(self) -> None:
        home = company()
        credit = give(make.charge(home.lease), "150.00")
        receipt = make.receipt(home.lease)

        refused(
            "INSERT INTO receivables_allocation (credit_id, receipt_id, charge_id, amount,"
            " amount_currency, parts, entry_id) SELECT credit_id, %s, charge_id, 1, 'USD', '{}',"
            " entry_id FROM receivables_allocation WHERE credit_id = %s",
            receipt.pk,
            credit.pk,
            by="allocation_of_one",
        )

    def test_allocation_of_a_credit_stays_too(self) -> None:
        credit = give(make.charge(company().lease), "150.00")

        refused(
            "UPDATE receivables_allocation SET amount = 151 WHERE credit_id = %s",
            credit.pk,
            by="allocation_stays",
        )

    def test_credits_above_the_charge_are_refused(self) -> None:
        credit = give(make.charge(company().lease, "150.00"), "150.00")

        refused(
            "INSERT INTO receivables_allocation (credit_id, charge_id, amount, amount_currency,"
            " parts, entry_id) SELECT credit_id, charge_id, 1, 'USD', '{}', entry_id"
            " FROM receivables_allocation WHERE credit_id = %s",
            credit.pk,
            by="charge_paid_within_amount",
        )


@pytest.mark.django_db(transaction=True)
def test_two_people_who_let_the_same_charge_off_at_once_do_it_once() -> None:
    home = company()
    charge = make.charge(home.lease, "1000.00")

    said = at_once(
        lambda: give(charge, "700.00", key="a"),
        lambda: give(charge, "700.00", key="a"),
        lambda: give(charge, "700.00", key="b"),
    )

    assert sum(isinstance(each, ReceivablesError) for each in said) in (1, 2)
    charge.refresh_from_db()
    live = Allocation.objects.filter(charge=charge, undone_by__isnull=True)
    assert charge.paid == usd("700.00") == sum((row.amount for row in live), ZERO)
