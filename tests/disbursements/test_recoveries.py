"""An owner's shortage: planned, filled by the owner or lent by the company, and paid back."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import QueryDict

from desk import registry
from desk.errors import Refused
from desk.models import WorkItem
from desk.services import act, decide, run_detectors, undo
from disbursements import queries, services
from disbursements.errors import DisbursementsError, NotShort, ToldOtherwise
from disbursements.models import Advance, Contribution, OwnerDraw, Recovery, RecoveryStep
from ledger.charts import chart
from ledger.company import company_of, operating_book_of
from ledger.queries import account_balance, balance
from proptrust.lib.money import usd
from receivables import services as receivables
from receivables.findings import OWNER_OVERDRAWN
from receivables.types import NewComeback
from tests.disbursements.world import (
    APRIL,
    MARCH,
    MAY,
    World,
    figures,
    second_property,
    wire,
    world,
)
from tests.factories import receivables as make

pytestmark = pytest.mark.django_db
BACK_ON = date(2026, 4, 14)


@pytest.fixture
def short() -> World:
    """The owner was paid 920.00; then the rent of 1,000.00 went back, and its fee of 80.00."""
    here = world()
    bad = here.rent(date(2026, 3, 2))
    here.send(MARCH)
    receivables.take_back(bad, NewComeback(kind="return", key="r", amount=usd(1000), on=BACK_ON))
    assert here.held() == "-920.00"
    return here


def planned(here: World) -> Recovery:
    return services.plan_recovery(
        here.home.entity.pk,
        beneficiary_id=here.home.owner_beneficiaries()[0],
        book_id=here.book.pk,
        on=BACK_ON,
        actor_id=here.maker.pk,
    )


def steps(recovery: Recovery) -> list[tuple[str, str, str]]:
    return [(each.kind, each.state, str(each.amount.amount)) for each in recovery.steps.all()]


def advance(here: World, recovery: Recovery, source: str, amount: str = "920.00") -> None:
    approval = services.ask_advance(
        recovery, amount=usd(amount), source=source, on=BACK_ON, maker=here.maker
    )
    decide(approval, is_agreed=True, checker=here.checker)


def test_a_shortage_is_planned_once(short: World) -> None:
    recovery = planned(short)

    assert planned(short) == recovery
    assert recovery.amount == usd(920)
    assert "Return" in recovery.cause
    assert steps(recovery) == [("next_cycles", "planned", "920.00")]


def test_who_is_not_short_has_nothing_to_recover() -> None:
    here = world()
    here.rent(date(2026, 3, 2))

    with pytest.raises(NotShort):
        planned(here)


def test_next_months_rent_makes_it_good_and_the_recovery_closes_by_itself(short: World) -> None:
    recovery = planned(short)
    # The rent pays March again, April stays open; 920.00 of it fills the claim to zero.
    short.rent(date(2026, 4, 20))

    draw = OwnerDraw.objects.get(run=short.send(APRIL))

    assert figures(draw, "collected", "adjustments", "amount", "closing") == [
        "1000.00",
        "-920.00",
        "0.00",
        "0.00",
    ]
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.CLOSED
    assert steps(recovery) == [("next_cycles", "done", "920.00")]


def test_other_properties_of_the_owner_fill_it(short: World) -> None:
    other = second_property(short.home)
    make.charge(other.lease, "600.00", due_on=date(2026, 4, 1))
    wire(other, date(2026, 4, 2), "600.00")  # 600.00 less 48.00.
    recovery = planned(short)
    assert steps(recovery) == [
        ("other_properties", "planned", "552.00"),
        ("next_cycles", "planned", "368.00"),
    ]

    services.take_from_other_properties(recovery, on=BACK_ON, actor_id=short.maker.pk)

    assert short.held() == "-368.00"
    assert queries.left_of_recovery(recovery) == usd(368)
    assert steps(recovery)[0] == ("other_properties", "done", "552.00")


def test_the_owner_pays_what_was_asked(short: World) -> None:
    recovery = planned(short)
    asked = services.ask_contribution(
        recovery, amount=usd(920), on=BACK_ON, actor_id=short.maker.pk
    )
    assert "920.00 into the account" in asked.letter

    row = services.record_contribution(
        owner=short.home.owners[0],
        property_=short.home.property,
        amount=usd(920),
        received_on=date(2026, 4, 20),
        key="check 77",
        reference="77",
        actor_id=short.maker.pk,
    )
    again = services.record_contribution(
        owner=short.home.owners[0],
        property_=short.home.property,
        amount=usd(920),
        received_on=date(2026, 4, 20),
        key="check 77",
        actor_id=short.maker.pk,
    )

    assert row.pk == asked.pk == again.pk
    assert short.held() == "0.00"
    accounts, book_id = chart(short.home.entity.pk), short.home.property.book_id
    assert account_balance(book_id=book_id, account_id=accounts.contributions) == usd(-920)
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.CLOSED
    with pytest.raises(ToldOtherwise):
        services.record_contribution(
            owner=short.home.owners[0],
            property_=short.home.property,
            amount=usd(1),
            received_on=date(2026, 4, 20),
            key="check 77",
        )


def test_a_contribution_stands_in_the_next_draw() -> None:
    here = world()
    services.record_contribution(
        owner=here.home.owners[0],
        property_=here.home.property,
        amount=usd(300),
        received_on=date(2026, 3, 5),
        key="c1",
    )

    draw = OwnerDraw.objects.get(run=here.freeze())

    assert figures(draw, "contributions", "amount") == ["300.00", "300.00"]


def test_the_company_advances_and_the_next_draw_pays_it_back(short: World) -> None:
    recovery = planned(short)
    advance(short, recovery, Advance.Source.OPERATING)
    accounts = chart(short.home.entity.pk)
    operating = operating_book_of(short.home.entity.pk)
    due = accounts.due_from_owners
    assert short.held() == "0.00"
    assert account_balance(book_id=operating, account_id=due) == usd(920)
    assert queries.left_of_recovery(recovery) == usd(920)
    # Two months' rent at once: 2,000.00 less 160.00 of fees; March was open again.
    make.charge(short.home.lease, due_on=date(2026, 4, 1))
    wire(short.home, date(2026, 4, 20), "2000.00")

    draw = OwnerDraw.objects.get(run=short.send(APRIL))

    assert figures(draw, "collected", "adjustments", "recoveries", "repaid", "amount") == [
        "2000.00",
        "-920.00",
        "920.00",
        "920.00",
        "920.00",
    ]
    assert account_balance(book_id=operating, account_id=due) == usd(0)
    company = company_of(short.home.entity.pk)
    held = account_balance(book_id=operating, account_id=accounts.held)
    assert held == balance(book_id=short.book.pk, beneficiary_id=company)
    services.close_recoveries(short.home.entity.pk, on=date(2026, 5, 12))
    recovery.refresh_from_db()
    assert recovery.state == Recovery.State.CLOSED
    assert Advance.objects.get().repaid == usd(920)


def test_an_advance_is_paid_back_over_several_cycles(short: World) -> None:
    advance(short, planned(short), Advance.Source.OPERATING)
    short.rent(date(2026, 4, 20), "500.00")
    first = OwnerDraw.objects.get(run=short.send(APRIL))
    short.rent(date(2026, 5, 4), "700.00")

    second = OwnerDraw.objects.get(run=short.send(MAY))

    # 500.00 less 40.00; then 460.00 of the 644.00 that 700.00 less 56.00 leaves.
    assert figures(first, "repaid", "amount") == ["460.00", "0.00"]
    assert figures(second, "repaid", "amount") == ["460.00", "184.00"]


def test_the_company_advances_only_what_it_holds_in_the_trust(short: World) -> None:
    recovery = planned(short)
    # It holds nothing: the fee of 80.00 went back with the rent.
    approval = services.ask_advance(
        recovery, amount=usd(920), source=Advance.Source.TRUST, on=BACK_ON, maker=short.maker
    )

    with pytest.raises(Refused, match="overdrawn"):
        decide(approval, is_agreed=True, checker=short.checker)

    assert not Advance.objects.exists()
    assert short.held() == "-920.00"


def test_an_advance_is_refused_by_the_second_person(short: World) -> None:
    recovery = planned(short)
    approval = services.ask_advance(
        recovery, amount=usd(920), source=Advance.Source.OPERATING, on=BACK_ON, maker=short.maker
    )

    decide(approval, is_agreed=False, checker=short.checker, reason="Ask the owner first")

    assert short.held() == "-920.00"
    assert RecoveryStep.objects.get(kind="advance").state == RecoveryStep.State.GIVEN_UP


def test_more_than_is_missing_is_not_advanced(short: World) -> None:
    with pytest.raises(DisbursementsError, match=r"between 0\.01 and 920\.00"):
        services.ask_advance(
            planned(short),
            amount=usd("920.01"),
            source=Advance.Source.OPERATING,
            on=BACK_ON,
            maker=short.maker,
        )


@pytest.mark.parametrize(
    ("sql", "by"),
    [
        ("UPDATE disbursements_advance SET repaid = 1", "advance_stays"),
        ("UPDATE disbursements_advance SET amount = 1", "advance_stays"),
        ("DELETE FROM disbursements_advance", "advance_stays"),
        ("DELETE FROM disbursements_contribution", "contribution_stays"),
        ("UPDATE disbursements_contribution SET amount = 1", "contribution_stays"),
    ],
)
def test_what_was_lent_and_paid_in_stays(short: World, sql: str, by: str) -> None:
    recovery = planned(short)
    advance(short, recovery, Advance.Source.OPERATING, "500.00")
    services.record_contribution(
        owner=short.home.owners[0],
        property_=short.home.property,
        amount=usd(20),
        received_on=date(2026, 4, 20),
        key="c",
    )

    with (
        pytest.raises(DatabaseError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert refusal.value.__cause__ is not None
    assert refusal.value.__cause__.diag.constraint_name == by  # type: ignore[attr-defined]


def the_item(here: World) -> WorkItem:
    run_detectors(here.home.entity.pk)
    return WorkItem.objects.get(kind=OWNER_OVERDRAWN)


def facts(**values: str) -> QueryDict:
    sent = QueryDict(mutable=True)
    sent.update(values)
    return sent


def test_the_desk_offers_the_ways_and_closes_the_item_when_it_is_good(short: World) -> None:
    item = the_item(short)
    handler = registry.handler_of(OWNER_OVERDRAWN)
    keys = [each.key.split(":")[0] for each in handler.detail(item.subject_id).remedies]
    assert keys == ["plan", "net", "ask", "received", "advance"]

    done = act(
        item,
        f"received:{short.book.pk}",
        facts(amount="920.00", on="2026-04-20", reference="77"),
        actor=short.maker,
    )

    assert done.is_closed
    assert short.held() == "0.00"
    assert Contribution.objects.get().reference == "77"


def test_what_the_desk_asked_of_an_owner_is_undone_with_one_key(short: World) -> None:
    item = the_item(short)
    act(item, f"ask:{short.book.pk}", facts(amount="920"), actor=short.maker)
    assert Contribution.objects.get().state == Contribution.State.ASKED

    undo(short.maker)

    assert Contribution.objects.get().state == Contribution.State.WITHDRAWN


def test_a_wrong_amount_is_refused_by_name(short: World) -> None:
    item = the_item(short)

    with pytest.raises(Refused, match="'lots' is no amount"):
        act(item, f"ask:{short.book.pk}", facts(amount="lots"), actor=short.maker)
