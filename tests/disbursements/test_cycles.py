"""Two months of owner draws, worked by hand: every figure, and what the journal holds after it."""

from datetime import date

import pytest

from disbursements.models import DrawLine, OwnerDraw, Run, Section
from ledger.queries import trust_equation
from proptrust.lib.money import usd
from receivables import services as receivables
from receivables.types import NewComeback
from tests.disbursements.world import APRIL, MARCH, bill, figures, world

pytestmark = pytest.mark.django_db
THIRDS = ("0.33333334", "0.33333333", "0.33333333")
_EQUATION = (
    "opening", "collected", "fees", "bills", "contributions", "recoveries", "adjustments", "other",
    "amount", "withheld", "repaid", "closing",
)  # fmt: skip


def draws(run: Run) -> list[OwnerDraw]:
    return list(run.draws.order_by("owner__name"))


def test_first_cycle_pays_thirds_less_fee_bill_and_reserve_to_the_cent() -> None:
    here = world(shares=THIRDS, reserve="300.00")
    here.rent(date(2026, 3, 2))
    # 1,000.00 in thirds is 333.34, 333.33, 333.33; the fee of 80.00 on it 26.67, 26.67, 26.66.
    bill(here.book, dict.fromkeys(here.home.owner_beneficiaries(), "40.00"), date(2026, 3, 20))

    run = here.send(MARCH)

    rows = [figures(draw, *_EQUATION) for draw in draws(run)]
    nothing = ["0.00"] * 4
    assert rows == [
        ["0.00", "333.34", "-26.67", "-40.00", *nothing, "166.67", "0.00", "0.00", "100.00"],
        ["0.00", "333.33", "-26.67", "-40.00", *nothing, "166.66", "0.00", "0.00", "100.00"],
        ["0.00", "333.33", "-26.66", "-40.00", *nothing, "166.67", "0.00", "0.00", "100.00"],
    ]
    assert [here.held(n) for n in range(3)] == ["100.00"] * 3
    assert run.state == Run.State.SENT
    assert trust_equation(here.book.pk).difference == usd(0)


def test_return_of_a_paid_month_is_an_adjustment_of_the_next() -> None:
    here = world(shares=THIRDS, reserve="300.00")
    march = here.rent(date(2026, 3, 2))
    here.send(MARCH)
    here.rent(date(2026, 4, 2))
    receivables.take_back(
        march, NewComeback(kind="return", key="r", amount=usd("1000.00"), on=date(2026, 4, 15))
    )

    first = draws(here.send(APRIL))[0]

    # 333.34 goes back and the fee of 26.67 comes back with it; April brings the same again.
    assert figures(first, *_EQUATION) == [
        "100.00", "333.34", "-26.67", "0.00", "0.00", "0.00", "-306.67", "0.00",
        "0.00", "0.00", "0.00", "100.00",
    ]  # fmt: skip
    adjustments = DrawLine.objects.filter(
        draw_property__draw=first, section=Section.ADJUSTMENT, part=DrawLine.Part.COUNTED
    )
    assert sorted(str(line.amount.amount) for line in adjustments) == ["-333.34", "26.67"]
