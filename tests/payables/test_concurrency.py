"""Two at once, a killed worker, random orders of events: no cent is lost, none is paid twice."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.charts import chart
from ledger.queries import account_balance, balance, trust_equation
from payables import services
from payables.models import Bill, BillLine, LinePayment
from payables.types import BillsPaid
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import ZERO, total, usd
from tests.factories import payables as make
from tests.factories.leases import Company
from tests.threads import at_once

PAY_DAY = date(2026, 3, 16)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_pay_a_bill_once() -> None:
    home = make.home()
    make.fund(home.property, "1000.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    def run() -> BillsPaid:
        return services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)

    done = at_once(run, run, run)

    assert all(isinstance(each, BillsPaid) for each in done), done
    assert Payment.objects.count() == 1
    assert LinePayment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_bills_at_once_do_not_take_the_same_money() -> None:
    home = make.home()
    make.fund(home.property, "150.00")
    bills = [make.bill(make.vendor(home), [(home.property, "100.00")]) for _ in range(2)]

    at_once(
        *(
            lambda pk=bill.pk: services.pay_bills(
                entity_id=home.entity.pk, bill_ids=[pk], on=PAY_DAY
            )
            for bill in bills
        )
    )

    (owner,) = home.owner_beneficiaries()
    assert Payment.objects.count() == 1
    assert balance(book_id=home.rent_book.pk, beneficiary_id=owner) == usd("50.00")


@pytest.mark.django_db(transaction=True)
def test_run_that_dies_halfway_leaves_nothing_and_finishes_when_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = make.home()
    make.fund(home.property, "1000.00")
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("payables.services.paying._tell", die)
        with pytest.raises(SystemExit):
            services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    assert not Payment.objects.exists()
    assert not LinePayment.objects.exists()

    services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    assert Payment.objects.get().amount == usd("100.00")


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["bill", "credit", "pay", "back", "void", "again", "cancel"]),
        st.integers(1, 40_000),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.django_db
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(moves=MOVES)
def test_no_order_of_events_loses_a_cent(moves: list[tuple[str, int, int]]) -> None:
    home = make.home(shares=("0.33333334", "0.33333333", "0.33333333"))
    places = [home.property, make.place(home), make.place(home, shares=("0.5", "0.5"))]
    for place in places:
        make.fund(place, "500.00")
    vendor = make.vendor(home)
    for number, (move, cents, which) in enumerate(moves):
        _play(home, move, cents, places[which:], vendor, number)
        _everything_agrees(home)


def _play(home: Company, move: str, cents: int, places: list, vendor: object, number: int) -> None:  # type: ignore[type-arg]
    day = date(2026, 3, 16)
    bills = Bill.objects.filter(entity=home.entity, state__in=Bill.PAYABLE)
    last = Payment.objects.filter(entity=home.entity).order_by("-id").first()
    is_out = last is not None and last.state in Payment.OUTSTANDING
    if move in ("bill", "credit"):
        amount = str(usd(cents).amount / 100)
        lines = [(place, amount) for place in places]
        # Three months apart: no bill looks like another, and none is split.
        dated_on = date(2026 + number // 3, 1 + number % 3 * 4, 1)
        make.bill(vendor, lines, is_credit=move == "credit", dated_on=dated_on)  # type: ignore[arg-type]
    elif move == "pay":
        ids = list(bills.values_list("pk", flat=True))
        services.pay_bills(entity_id=home.entity.pk, bill_ids=ids, on=day)
    elif move == "back" and last is not None and is_out:
        payments.come_back(last, code="R03", on=day)
    elif move == "void" and last is not None and is_out:
        payments.void(last, why="Lost", on=day, actor_id=None)
    elif move == "again" and last is not None and is_out:
        payments.reissue(last, on=day, method="check", key=f"again:{number}", actor_id=None)
    elif move == "cancel":
        unpaid = bills.exclude(lines__payments__payment__isnull=False).first()
        if unpaid is not None and not unpaid.is_credit:
            services.cancel_bill(unpaid, reason="Not ours")


def _everything_agrees(home: Company) -> None:
    """Trust: 1,500.00 less what is out. Payable: what is open of bills less of credits."""
    equation = trust_equation(home.rent_book.pk)
    out = Payment.objects.filter(entity=home.entity).exclude(state__in=Payment.TAKEN_BACK)
    assert equation.difference == ZERO
    assert equation.overdrawn == ZERO
    assert equation.cash == usd("1500.00") - total(payment.amount for payment in out)
    lines = BillLine.objects.filter(bill__entity=home.entity, bill__entry__isnull=False)
    for place in home.entity.properties.all():
        owed = total(
            (line.amount - line.paid) * (-1 if line.bill.is_credit else 1)
            for line in lines.filter(property=place)
            .exclude(bill__state=Bill.State.CANCELLED)
            .select_related("bill")
        )
        account = chart(home.entity.pk).payable
        assert account_balance(book_id=place.book_id, account_id=account) == -owed
    paid = LinePayment.objects.filter(
        line__bill__entity=home.entity, undone_on__isnull=True, payment__isnull=False
    )
    assert total(row.amount for row in paid) == total(payment.amount for payment in out)
