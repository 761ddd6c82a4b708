"""What an owner is paid, as pure figures: by hand, and for every amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disbursements.planning import plan, taken
from disbursements.types import Due, Owed, Part

cents = st.integers(-200_000, 200_000).map(lambda n: Decimal(n).scaleb(-2))
above = st.integers(0, 100_000).map(lambda n: Decimal(n).scaleb(-2))


def part(who: int, has: str, **facts: str) -> Part:
    reserve = Decimal(facts.get("reserve_target", "0"))
    return Part(beneficiary_id=who, opening=Decimal(0), change=Decimal(has), reserve_target=reserve)


def due(amount: Decimal | str) -> Due:
    return Due("backup", "US", Decimal("0.24"), Decimal(0), Decimal(amount), "", True)


def test_the_fullest_property_fills_the_shortage_first() -> None:
    done = plan([part(1, "-100"), part(2, "300"), part(3, "80")], nets=True)

    assert [str(each.netted) for each in done] == ["100", "-100", "0"]
    assert [str(each.amount) for each in done] == ["0", "200", "80"]


def test_a_reserve_gives_only_when_free_money_does_not_reach() -> None:
    parts = [part(1, "-100"), part(2, "90", reserve_target="60"), part(3, "20")]

    done = plan(parts, nets=True)

    # 30 and 20 are free; 50 of the reserve fill the rest.
    assert [str(each.netted) for each in done] == ["100", "-80", "-20"]
    assert [str(each.reserve_held) for each in done] == ["0", "10", "0"]


def test_properties_that_are_kept_apart_give_nothing() -> None:
    done = plan([part(1, "-100"), part(2, "300")], nets=False)

    assert [str(each.closing) for each in done] == ["-100", "0"]
    assert str(done[1].amount) == "300"


def test_tax_comes_before_the_advance_and_the_advance_before_the_owner() -> None:
    first = Part(1, Decimal(0), Decimal(500), dues=[due("120")])

    (done,) = plan([first], nets=True, owed=[Owed(7, 1, Decimal(300))])

    assert (done.withheld, done.repaid, done.amount) == (
        [Decimal(120)],
        {7: Decimal(300)},
        Decimal(80),
    )


def test_the_oldest_advance_is_paid_back_first() -> None:
    owed = [Owed(1, 1, Decimal(50)), Owed(2, 1, Decimal(100))]

    (done,) = plan([part(1, "120")], nets=True, owed=owed)

    assert done.repaid == {1: Decimal(50), 2: Decimal(70)}


def test_paying_less_is_shared_in_proportion() -> None:
    done = plan([part(1, "200"), part(2, "100")], nets=True, most=Decimal(100))

    assert [str(each.amount) for each in done] == ["66.67", "33.33"]
    assert sum(each.closing for each in done) == Decimal(200)


@given(
    st.lists(st.tuples(cents, cents, cents, above, above, above), min_size=1, max_size=6),
    st.booleans(),
    st.lists(above, max_size=3),
    st.none() | above.filter(bool),
    st.booleans(),
)
def test_no_cent_is_lost_and_nobody_is_paid_what_is_not_there(
    rows: list[tuple[Decimal, ...]],
    nets: bool,
    advances: list[Decimal],
    most: Decimal | None,
    is_held: bool,
) -> None:
    parts = [
        Part(i, opening, change, later, reserve, held, [due(tax)])
        for i, (opening, change, later, reserve, held, tax) in enumerate(rows)
    ]
    owed = [Owed(n, 0, amount) for n, amount in enumerate(advances) if amount]

    done = plan(parts, nets=nets, owed=owed, most=most, is_held=is_held)

    assert sum(each.netted for each in done) == 0
    for each, of in zip(done, parts, strict=True):
        has = of.opening + of.change
        assert has + each.netted == taken(each) + each.closing
        assert each.amount >= 0
        assert each.reserve_held >= 0
        if taken(each) or each.netted < 0:
            # What stays covers what came since and what is not seasoned.
            assert each.closing + min(of.next_cycle, Decimal(0)) >= of.held_back
    if most is not None:
        assert sum(each.amount for each in done) <= most
    for n, amount in enumerate(advances):
        assert sum(each.repaid.get(n, Decimal(0)) for each in done) <= amount
    if is_held:
        assert not any(taken(each) for each in done)


@pytest.mark.parametrize("nets", [True, False])
def test_the_same_facts_always_give_the_same_plan(nets: bool) -> None:
    parts = [part(1, "-10"), part(2, "50"), part(3, "50")]

    assert plan(parts, nets=nets) == plan(parts, nets=nets)
