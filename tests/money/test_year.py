"""A whole year of fixed events comes out as a second calculation says that knows no service."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from django.db import transaction
from moneyed import Money

from fees.models import Fee
from ledger.queries import balance
from payments.models import Payment
from proptrust.lib.money import from_cents, total
from receivables.queries import owed
from tests.money.months import Months

# Cents and shares of tests.money.months.SETTING, written down a second time.
SHARES = {"elm": {"ann": Fraction(1, 3), "bob": Fraction(2, 3)}, "oak": {"ann": Fraction(1)},
          "fir": {"bob": Fraction(1)}}  # fmt: skip
RATES = {"elm": Fraction(875, 10_000), "oak": Fraction(73, 1_000), "fir": Fraction(333, 10_000)}
RENTS = {"elm": [100_001], "oak": [90_103], "fir": [77_777, 3_333]}
LEASES = {"elm": "L1", "oak": "L2", "fir": "L3"}
MONTHS = range(2, 13)
# 4.9 % of oak's rent of 901.03 is 44.15; the usual terms give the owner all of it.
LATE_FEE = 4_415


def parts(cents: int, weights: dict[str, Fraction]) -> dict[str, int]:
    """Cents by weights: rounded down, the rest to the largest remainders."""
    whole = sum(weights.values())
    exact = {who: cents * weight / whole for who, weight in weights.items()}
    down = {who: int(share) for who, share in exact.items()}
    by_claim = sorted(exact, key=lambda who: (down[who] - exact[who], -weights[who]))
    for who in by_claim[: cents - sum(down.values())]:
        down[who] += 1
    return down


def half_up(cents: Fraction) -> int:
    """Whole cents, a half rounded up."""
    return int(cents + Fraction(1, 2))


class Paper:
    """The second calculation: claims in cents by owner and property, and the company's."""

    def __init__(self) -> None:
        self.claims = {("ann", "elm"): 0, ("bob", "elm"): 0, ("ann", "oak"): 22_000,
                       ("bob", "fir"): 9_009}  # fmt: skip
        self.company = 7_500
        self.fees = 0
        self.drawn = 0
        self.owes = dict.fromkeys(SHARES, 0)

    def rent(self, where: str, sign: int = 1) -> None:
        """Rent comes (or goes back, sign -1), each charge by itself, and the fee with it."""
        for charge in RENTS[where]:
            gave = parts(charge, SHARES[where])
            fee = half_up(charge * RATES[where])
            took = parts(fee, {who: Fraction(part) for who, part in gave.items()})
            for who, part in gave.items():
                self.claims[who, where] += sign * (part - took[who])
            self.company += sign * fee
            self.fees += sign * fee
            self.owes[where] -= sign * charge

    def late_fee(self) -> None:
        """Oak's tenant pays a late fee, which is the owner's."""
        self.claims["ann", "oak"] += LATE_FEE

    def bill(self, where: str, cents: int) -> None:
        """A bill of one property, paid by its owners' shares."""
        for who, part in parts(cents, SHARES[where]).items():
            self.claims[who, where] -= part


def play(months: Months, paper: Paper, month: int) -> None:
    """One month of both: through the services, and on paper."""
    first = date(2026, month, 1)
    months.stage.on = first
    sure(months, "charge month")
    for where, charges in RENTS.items():
        paper.owes[where] += sum(charges)
    for number, where in enumerate(LEASES):
        months.stage.on = first + timedelta(days=1 + number)
        receive(months, paper, where, f"{where} {month}")
    months.stage.on = first + timedelta(days=9)
    if month % 3 == 0:
        # It comes back, so it was late: a week later the tenant pays again, and the late fee.
        sure(months, "return", payment=f"oak {month}", code="R01")
        paper.rent("oak", -1)
        months.stage.on += timedelta(days=7)
        receive(months, paper, "oak", f"oak {month} again", late=LATE_FEE)
        paper.late_fee()
    cents = 1_001 * month
    words = {"vendor": "Ace Plumbing", "number": f"Y{month}", "properties": ["elm"]}
    sure(months, "bill", amount=text(cents), **words, **{"as": f"bill {month}"})
    sure(months, "approve bill", bill=f"bill {month}")
    sure(months, "pay bills", bills=[f"bill {month}"])
    paper.bill("elm", cents)
    sure(months, "contribution", owner="ann", property="oak", amount=text(137 * month))
    paper.claims["ann", "oak"] += 137 * month
    months.stage.on = first + timedelta(days=24)
    sure(months, "draw fees", amount=text(2_003 * month))
    paper.company -= 2_003 * month
    paper.drawn += 2_003 * month


def receive(months: Months, paper: Paper, where: str, name: str, late: int = 0) -> None:
    """A lease's rent of a month by wire, and with it cents of a late fee."""
    amount = text(sum(RENTS[where]) + late)
    words = {"lease": LEASES[where], "channel": "wire", "amount": amount}
    sure(months, "receive", **words, **{"as": name})
    paper.rent(where)


def sure(months: Months, verb: str, **words: object) -> None:
    """Do what must not be refused."""
    months.number += 1
    assert months.do(verb, words), f"{verb} was refused on {months.stage.on}"


def text(cents: int) -> str:
    """Cents as a story writes them."""
    return str(from_cents(cents).amount)


@pytest.mark.django_db
def test_year_comes_out_as_on_paper() -> None:
    with transaction.atomic():
        months, paper = Months("FL"), Paper()
        for month in MONTHS:
            play(months, paper, month)
    assert months.number > 100

    stage = months.stage
    rent = stage.accounts["rent"].book_id

    def held(name: str) -> Money:
        beneficiary_id, _ = stage.beneficiary(name, "year")
        return balance(book_id=rent, beneficiary_id=beneficiary_id)

    for (who, where), cents in paper.claims.items():
        assert held(f"{who}@{where}") == from_cents(cents), (who, where)
    assert held("company") == from_cents(paper.company)
    fees = Fee.objects.filter(entity=stage.entity)
    assert total(fee.amount for fee in fees) == from_cents(paper.fees)
    drawn = Payment.objects.filter(entity=stage.entity, purpose=Payment.Purpose.FEE_DRAW)
    assert total(each.amount for each in drawn.defer("account_number")) == from_cents(paper.drawn)
    for where, lease in LEASES.items():
        assert owed(stage.leases[lease]) == from_cents(paper.owes[where])
