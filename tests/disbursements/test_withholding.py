"""Tax held back from owners: by which rule, from when, and where it goes."""

from datetime import date
from typing import Any

import pytest

from disbursements import services
from disbursements.errors import NotPayable, ToldOtherwise
from disbursements.models import OwnerDraw, Withholding
from disbursements.services.authorities import authority_of
from leases.models import Owner, Property
from ledger.models import Beneficiary
from ledger.queries import balance
from payments.models import Payment
from proptrust.lib.money import usd
from tests.disbursements.world import APRIL, MARCH, World, figures, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def uncertified() -> World:
    """An owner in Arizona without a certified tax number, with 3,000.00 of rent in March."""
    here = world()
    Owner.objects.update(is_tax_id_certified=False)
    here.rent(date(2026, 3, 2), "3000.00")
    return here


def the_draw(here: World) -> OwnerDraw:
    return OwnerDraw.objects.order_by("-id")[0]


def test_backup_withholding_is_24_percent_of_the_gross_rent(uncertified: World) -> None:
    uncertified.send(MARCH)

    draw = the_draw(uncertified)
    # 24 % of 3,000.00; 3,000.00 less 240.00 of fee less 720.00.
    assert figures(draw, "withheld", "amount", "closing") == ["720.00", "2040.00", "0.00"]
    tax = Withholding.objects.get()
    assert (tax.jurisdiction, tax.kind, tax.base) == ("US", "backup", usd(3000))
    assert "3406" in tax.source
    assert not tax.is_confirmed  # The rate is recalled, and the page says so.
    irs = authority_of(uncertified.home.entity.pk, "US")
    assert balance(book_id=uncertified.book.pk, beneficiary_id=irs) == usd(720)
    assert "W-9" in " ".join(draw.warnings)


def test_below_the_years_threshold_nothing_is_withheld_and_from_it_on_all_of_a_payment() -> None:
    here = world()
    Owner.objects.update(is_tax_id_certified=False)
    here.rent(date(2026, 3, 2), "1500.00")
    here.send(MARCH)
    assert figures(the_draw(here), "withheld") == ["0.00"]
    here.rent(date(2026, 4, 2), "500.00")

    here.send(APRIL)

    # 2,000.00 is reached: 24 % of April's 500.00.
    assert figures(the_draw(here), "withheld", "amount") == ["120.00", "340.00"]


def test_a_foreign_owner_in_california_bears_the_federal_and_the_states_tax() -> None:
    here = world()
    Property.objects.update(state="CA")
    Owner.objects.update(is_nonresident=True)
    here.rent(date(2026, 3, 2), "3000.00")

    draw = OwnerDraw.objects.get(run=here.freeze())

    # 30 % of 3,000.00, and 7 % of 3,000.00 less the fee of 240.00.
    taxes = {
        (each.jurisdiction, each.kind): str(each.amount.amount)
        for each in Withholding.objects.all()
    }
    assert taxes == {("US", "foreign"): "900.00", ("CA", "state_nonresident"): "193.20"}
    assert figures(draw, "withheld", "amount") == ["1093.20", "1666.80"]


def test_a_rule_that_is_not_on_file_withholds_nothing_and_says_so() -> None:
    here = world()
    Owner.objects.update(is_nonresident=True)  # Of Arizona, whose rule nobody has read.
    here.rent(date(2026, 3, 2), "1000.00")

    draw = OwnerDraw.objects.get(run=here.freeze())

    assert figures(draw, "withheld") == ["300.00"]
    assert "the rate is not known" in " ".join(draw.warnings)


def test_what_could_not_be_held_is_due_in_the_next_run() -> None:
    here = world(reserve="2500.00")
    Owner.objects.update(is_tax_id_certified=False)
    here.rent(date(2026, 3, 2), "3000.00")
    here.send(MARCH)
    # 2,760.00 less the reserve leaves 260.00 of the 720.00 due.
    assert figures(the_draw(here), "withheld", "amount") == ["260.00", "0.00"]
    here.rent(date(2026, 4, 2), "1000.00")

    here.send(APRIL)

    # 460.00 and 240.00; 920.00 less 700.00 goes to the owner.
    assert figures(the_draw(here), "withheld", "amount") == ["700.00", "220.00"]


def test_an_owner_left_out_is_not_taxed_either(uncertified: World) -> None:
    run = uncertified.freeze()
    services.hold_draw(run.draws.get(), reason="W-9 is on its way", actor=uncertified.maker)

    assert figures(run.draws.get(), "withheld", "amount", "closing") == ["0.00", "0.00", "2760.00"]


def test_withheld_tax_is_remitted_once(uncertified: World) -> None:
    uncertified.send(MARCH)
    irs = Beneficiary.objects.get(pk=authority_of(uncertified.home.entity.pk, "US"))
    facts: dict[str, Any] = {
        "book": uncertified.book,
        "authority": irs,
        "paid_on": date(2026, 4, 15),
        "payee": "United States Treasury",
        "key": "945-2026-04",
        "method": "transfer",
        "actor": uncertified.maker,
    }
    row = services.remit_withholding(amount=usd(720), **facts)

    assert services.remit_withholding(amount=usd(720), **facts) == row
    assert Payment.objects.filter(purpose="withholding").count() == 1
    with pytest.raises(ToldOtherwise):
        services.remit_withholding(amount=usd(719), **facts)
    with pytest.raises(NotPayable, match="overdrawn"):
        services.remit_withholding(amount=usd(1), **{**facts, "key": "again"})
