"""A run from frozen to matched: who may do what, what comes again, and what happens on the way."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk.errors import Refused
from desk.services import decide
from disbursements import services
from disbursements.errors import (
    DisbursementsError,
    NotPayable,
    RunOpen,
    WrongState,
)
from disbursements.models import DrawLine, OwnerDraw, Run, Section
from disbursements.services import sending
from leases.models import Owner, PayoutMethod
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import usd
from receivables import services as receivables
from receivables.models import Receipt
from receivables.types import NewComeback
from tests.disbursements.world import (
    APRIL,
    MARCH,
    MAY,
    World,
    bill,
    figures,
    payable,
    second_property,
    wire,
    world,
)
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def the_draw(run: Run) -> OwnerDraw:
    return OwnerDraw.objects.get(run=run)


def test_a_paid_month_is_not_paid_again() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    first = the_draw(here.send(MARCH))

    again = here.send(APRIL)

    assert figures(first, "collected", "fees", "amount") == ["1000.00", "-80.00", "920.00"]
    assert not again.draws.exists()
    assert here.held() == "0.00"


def test_what_came_after_the_cut_off_is_listed_for_the_next_cycle() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    here.rent(date(2026, 4, 1), "500.00")

    draw = the_draw(here.freeze(MARCH))

    assert figures(draw, "collected", "amount", "next_cycle") == ["1000.00", "920.00", "460.00"]
    later = DrawLine.objects.filter(part=DrawLine.Part.NEXT_CYCLE)
    assert {line.dated_on for line in later} == {date(2026, 4, 1)}


def test_a_fact_of_an_earlier_day_that_came_late_is_in_the_next_run() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    here.send(MARCH)
    here.rent(date(2026, 3, 20), "300.00")

    draw = the_draw(here.send(APRIL))

    assert figures(draw, "opening", "collected", "fees", "amount") == [
        "0.00",
        "300.00",
        "-24.00",
        "276.00",
    ]


def test_money_that_is_not_seasoned_waits_less_its_fee() -> None:
    here = world(seasoning=5)
    # Friday, Apr 3, settles; five banking days later is Friday, Apr 10: in time for the payment.
    in_time = {
        "channel": Receipt.Channel.ACH,
        "into": Receipt.Into.BANK,
        "settles_on": date(2026, 3, 18),
    }
    here.rent(date(2026, 3, 16), "400.00", **in_time)
    late = {**in_time, "settles_on": date(2026, 3, 20)}
    here.rent(date(2026, 3, 19), "600.00", **late)

    draw = the_draw(here.freeze((date(2026, 3, 25), date(2026, 3, 26))))

    # 400.00 less 32.00 goes; 600.00 less 48.00 waits.
    assert figures(draw, "amount", "held_back", "closing") == ["368.00", "552.00", "552.00"]
    held = DrawLine.objects.get(part=DrawLine.Part.HELD_BACK)
    assert held.until_on == date(2026, 3, 27)
    assert "552.00 is not seasoned yet" in " ".join(draw.warnings)


def test_money_still_with_a_processor_is_not_paid_out() -> None:
    here = world()
    make.charge(here.home.lease, due_on=date(2026, 3, 1))
    make.receipt(here.home.lease, received_on=date(2026, 3, 2))

    draw = the_draw(here.freeze(MARCH))

    assert figures(draw, "amount", "held_back") == ["0.00", "920.00"]


def test_reserve_is_topped_up_first() -> None:
    here = world(reserve="1000.00")
    here.rent(date(2026, 3, 2))
    short = the_draw(here.send(MARCH))
    here.rent(date(2026, 4, 2))

    full = the_draw(here.send(APRIL))

    assert figures(short, "amount", "reserve_held") == ["0.00", "920.00"]
    assert "80.00 missing in the reserve" in " ".join(short.warnings)
    row = full.properties.get()
    assert figures(full, "amount", "reserve_held") == ["840.00", "1000.00"]
    assert str(row.top_up().amount) == "80.00"


def test_another_property_fills_a_shortage_and_the_transfer_is_shown() -> None:
    here = world()
    other = second_property(here.home)
    bad = here.rent(date(2026, 3, 2))
    here.send(MARCH)
    receivables.take_back(
        bad, NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 4, 7))
    )
    make.charge(other.lease, "1500.00", due_on=date(2026, 4, 1))
    wire(other, date(2026, 4, 2), "1500.00")

    draw = the_draw(here.send(APRIL))

    # 1,500.00 less 120.00 of fee fills 920.00 (1,000.00 went back, 80.00 of fee came back).
    assert figures(draw, "collected", "adjustments", "amount", "closing") == [
        "1500.00",
        "-920.00",
        "460.00",
        "0.00",
    ]
    netted = {row.property_id: str(row.netted.amount) for row in draw.properties.all()}
    assert netted == {here.home.property.pk: "920.00", other.property.pk: "-920.00"}
    assert here.held() == "0.00"
    moved = DrawLine.objects.filter(part=DrawLine.Part.SENT, section=Section.TRANSFER)
    assert sorted(str(line.amount.amount) for line in moved) == ["-920.00", "920.00"]


def test_an_owner_who_keeps_properties_apart_blocks_the_account_and_is_named() -> None:
    here = world()
    other = second_property(here.home)
    Owner.objects.filter(pk=here.home.owners[0].pk).update(nets_properties=False)
    bad = here.rent(date(2026, 3, 2))
    here.send(MARCH)
    receivables.take_back(
        bad, NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 4, 7))
    )
    make.charge(other.lease, "1500.00", due_on=date(2026, 4, 1))
    wire(other, date(2026, 4, 2), "1500.00")
    run = here.approve(here.freeze(APRIL))

    with pytest.raises(NotPayable, match=r"overdrawn by 920\.00"):
        services.send_run(run, actor=here.maker)

    run.refresh_from_db()
    assert run.state == Run.State.APPROVED
    assert not Payment.objects.filter(key__startswith=f"draw:{run.pk}:").exists()
    assert "overdrawn by 920.00" in " ".join(the_draw(run).warnings)


def test_a_debit_after_the_cut_off_is_kept_ready_for_it() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    bill(here.book, {here.home.owner_beneficiaries()[0]: "120.00"}, date(2026, 4, 3))

    draw = the_draw(here.send(MARCH))

    assert figures(draw, "bills", "amount", "closing", "next_cycle") == [
        "0.00",
        "800.00",
        "120.00",
        "-120.00",
    ]


def test_maker_is_never_checker() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.freeze()
    colleague = person(entity=here.home.entity)
    reviewed = services.review_run(run, actor=colleague)
    assert reviewed.approval is not None

    with pytest.raises(Refused, match="another person"):
        decide(reviewed.approval, is_agreed=True, checker=colleague)
    with pytest.raises(Refused, match="You froze this run yourself"):
        decide(reviewed.approval, is_agreed=True, checker=here.maker)

    decide(reviewed.approval, is_agreed=True, checker=here.checker)
    run.refresh_from_db()
    assert (run.state, run.approved_by) == (Run.State.APPROVED, here.checker)


def test_a_refused_run_is_cancelled_and_its_lines_are_free() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = services.review_run(here.freeze(), actor=here.maker)
    assert run.approval is not None

    decide(run.approval, is_agreed=False, checker=here.checker, reason="Wrong reserve")

    run.refresh_from_db()
    assert (run.state, run.cancelled_why) == (Run.State.CANCELLED, "Refused: Wrong reserve")
    assert figures(the_draw(here.send(MARCH)), "amount") == ["920.00"]


def test_only_an_approved_run_is_sent_and_only_an_unsent_one_is_cancelled() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.freeze()

    with pytest.raises(WrongState, match="frozen"):
        services.send_run(run, actor=here.maker)
    services.send_run(here.approve(run), actor=here.maker)

    with pytest.raises(WrongState, match="sent"):
        services.cancel_run(run, why="Too late", actor=here.maker)


def test_one_open_run_a_company_and_days_that_fit() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    with pytest.raises(DisbursementsError, match="on the cut-off day or after"):
        here.freeze((date(2026, 3, 25), date(2026, 3, 24)))
    with pytest.raises(DisbursementsError, match="has not come yet"):
        here.freeze((date(2999, 3, 25), date(2999, 3, 26)))
    here.freeze()

    with pytest.raises(RunOpen, match="send or cancel it first"):
        here.freeze(APRIL)


def test_a_draw_left_out_is_the_next_opening() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.freeze()
    with pytest.raises(DisbursementsError, match="Say why"):
        services.hold_draw(the_draw(run), reason=" ", actor=here.maker)
    services.hold_draw(the_draw(run), reason="Owner asked to wait", actor=here.maker)
    services.send_run(here.approve(run), actor=here.maker)
    assert figures(the_draw(run), "amount", "closing") == ["0.00", "920.00"]
    here.rent(date(2026, 4, 2))

    draw = the_draw(here.send(APRIL))

    assert figures(draw, "opening", "collected", "amount") == ["920.00", "1000.00", "1840.00"]


def test_a_draw_may_be_left_out_after_the_approval_but_not_raised() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.approve(here.freeze())
    with pytest.raises(WrongState):
        services.lower_draw(the_draw(run), usd(10), reason="Less", actor=here.maker)

    services.hold_draw(the_draw(run), reason="Dispute", actor=here.maker)
    sent = services.send_run(run, actor=here.maker)

    assert figures(the_draw(sent), "amount", "closing") == ["0.00", "920.00"]
    assert not Payment.objects.exists()
    assert sent.draws.get().changes.get().reason == "Dispute"


def test_a_reviewer_pays_less_and_says_why() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.freeze()
    services.lower_draw(the_draw(run), usd("500.00"), reason="Repairs ahead", actor=here.maker)
    services.set_memo(the_draw(run), "March rent", actor=here.maker)

    sent = services.send_run(here.approve(run), actor=here.maker)

    draw = the_draw(sent)
    assert figures(draw, "amount", "closing") == ["500.00", "420.00"]
    assert draw.payment is not None
    assert (draw.payment.amount, draw.payment.memo) == (usd("500.00"), "March rent")
    assert [each.what for each in draw.changes.all()] == ["pay at most", "memo"]


def test_an_owner_without_a_bank_account_is_named_before_anybody_is_asked() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    Owner.objects.update(payout_method=PayoutMethod.ACH, payout_account_number="")
    run = here.freeze()

    with pytest.raises(NotPayable, match="No bank account on file"):
        services.review_run(run, actor=here.maker)


def test_sending_twice_pays_once() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.send()

    services.send_run(run, actor=here.maker)

    assert Payment.objects.count() == 1


@pytest.mark.parametrize("step", ["pay_many", "_count_own_lines", "_write_files", "match_run"])
def test_a_run_that_stops_at_any_step_finishes_when_started_again(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    other = second_property(here.home)
    bad = here.rent(date(2026, 3, 2))
    here.send(MARCH)
    receivables.take_back(
        bad, NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 4, 7))
    )
    make.charge(other.lease, "1500.00", due_on=date(2026, 4, 1))
    wire(other, date(2026, 4, 2), "1500.00")
    run = here.approve(here.freeze(APRIL))

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(sending, step, killed)
        with pytest.raises(SystemExit):
            services.send_run(run, actor=here.maker)
    run.refresh_from_db()
    assert run.state == Run.State.APPROVED

    services.send_run(run, actor=here.maker)

    paid = Payment.objects.filter(key__startswith=f"draw:{run.pk}:")
    assert [str(each.amount.amount) for each in paid] == ["460.00"]
    assert here.held() == "0.00"


def test_draws_that_clear_make_the_run_matched_and_an_undone_match_takes_it_back() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.send()
    payment = Payment.objects.get()

    payments.clear([payment.pk], on=date(2026, 4, 14))
    run.refresh_from_db()
    assert (run.state, run.matched_on) == (Run.State.MATCHED, date(2026, 4, 14))

    payments.unclear([payment.pk])
    run.refresh_from_db()
    assert (run.state, the_draw(run).state) == (Run.State.SENT, OwnerDraw.State.SENT)


def test_a_draw_that_comes_back_is_paid_by_the_next_run() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.send()

    payments.come_back(Payment.objects.get(), code="R03", on=date(2026, 4, 14))

    assert the_draw(run).state == OwnerDraw.State.RETURNED
    again = the_draw(here.send(APRIL))
    assert figures(again, "opening", "other", "amount") == ["0.00", "920.00", "920.00"]
    assert again.properties.get().lines.filter(section=Section.DRAW_BACK).count() == 1


def test_a_draw_that_is_paid_again_follows_its_new_payment() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.send()
    first = payments.come_back(Payment.objects.get(), code="R03", on=date(2026, 4, 14))

    again = payments.reissue(
        first, on=date(2026, 4, 15), method="check", key="again", actor_id=here.maker.pk
    )

    draw = the_draw(run)
    assert (draw.payment, draw.state) == (again, OwnerDraw.State.SENT)
    back = the_draw(here.freeze(APRIL))
    assert figures(back, "other", "amount") == ["0.00", "0.00"]


def test_ach_draws_of_a_trust_account_stand_in_one_file() -> None:
    from tests.disbursements.ach import ach_connection

    here = world(shares=("0.5", "0.5"))
    ach_connection(here.home)
    for owner in here.home.owners:
        payable(owner, PayoutMethod.ACH)
    here.rent(date(2026, 3, 2))

    here.send()

    paid = Payment.objects.order_by("id")
    assert [str(each.amount.amount) for each in paid] == ["460.00", "460.00"]
    assert len({each.request_id for each in paid}) == 1
    assert paid[0].request is not None
    assert paid[0].request.facts["credits"] == "920.00"


def test_past_owner_with_a_balance_is_paid_out_and_has_no_share() -> None:
    from leases import services as leases

    here = world()
    here.rent(date(2026, 3, 2))
    heir = payable(
        leases.create_owner(entity_id=here.home.entity.pk, code="HEIR", name="Heir of Elm")
    )
    leases.set_shares(
        property_=here.home.property, from_on=date(2026, 3, 10), shares={heir: Decimal(1)}
    )

    draw = the_draw(here.send(MARCH))

    assert draw.owner == here.home.owners[0]
    assert figures(draw, "amount") == ["920.00"]
    assert draw.properties.get().share is None


def _many(here: World, count: int) -> None:
    """So many more owners, each with a property, a lease and rent."""
    from leases import services as leases
    from tests.factories.leases import lease_in, property_in

    for _ in range(count):
        property_, owners = property_in(
            here.home.entity, here.home.rent_book, here.home.deposit_book
        )
        payable(owners[0])
        leases.create_agreement(
            property_=property_, from_on=date(2020, 1, 1), fee_rate=Decimal("0.08")
        )
        lease = lease_in(leases.create_unit(property_=property_, code="1"))
        make.charge(lease, "700.00", due_on=date(2026, 3, 1))
        make.receipt(
            lease,
            "700.00",
            channel=Receipt.Channel.WIRE,
            into=Receipt.Into.BANK,
            received_on=date(2026, 3, 3),
        )


def test_freezing_and_sending_ask_as_often_for_many_owners_as_for_few() -> None:
    counts = []
    for owners in (5, 25):
        here = world()
        _many(here, owners)
        with CaptureQueriesContext(connection) as freezing:
            run = here.freeze()
        approved = here.approve(run)
        with CaptureQueriesContext(connection) as sent:
            services.send_run(approved, actor=here.maker)
        assert run.draws.count() == owners
        counts.append((len(freezing), len(sent)))

    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_are_one() -> None:
    here = world()
    here.rent(date(2026, 3, 2))

    outcomes = at_once(here.freeze, here.freeze)

    assert sorted(type(each).__name__ for each in outcomes) == ["Run", "RunOpen"]


@pytest.mark.django_db(transaction=True)
def test_two_who_send_at_once_pay_once() -> None:
    here = world()
    here.rent(date(2026, 3, 2))
    run = here.approve(here.freeze())

    outcomes = at_once(
        lambda: services.send_run(run, actor=here.maker),
        lambda: services.send_run(run, actor=here.maker),
    )

    assert all(isinstance(each, Run) for each in outcomes)
    assert Payment.objects.count() == 1
    assert here.held() == "0.00"


def test_a_receipt_moved_to_another_owner_after_the_run_is_an_adjustment_of_both() -> None:
    from receivables.services.moves import move_receipt

    here = world()
    other = second_property(here.home)
    receipt = here.rent(date(2026, 3, 2))
    make.charge(other.lease, "1000.00", due_on=date(2026, 3, 1))
    here.send(MARCH)

    move_receipt(
        receipt, other.lease, on=date(2026, 4, 8), actor_id=here.maker.pk, why="Wrong house"
    )
    draw = the_draw(here.freeze(APRIL))

    # The same owner has both properties: 920.00 leaves one and comes to the other.
    assert figures(draw, "opening", "closing") == ["0.00", "0.00"]
    by_property = {row.property_id: str(row.change.amount) for row in draw.properties.all()}
    assert by_property == {here.home.property.pk: "-920.00", other.property.pk: "920.00"}


def test_the_second_month_of_an_owner_begins_where_the_first_ended() -> None:
    here = world(reserve="250.00")
    for day in (date(2026, 3, 2), date(2026, 4, 2), date(2026, 5, 4)):
        here.rent(day)
    draws = [the_draw(here.send(days)) for days in (MARCH, APRIL, MAY)]

    assert [figures(draw, "opening", "amount", "closing") for draw in draws] == [
        ["0.00", "670.00", "250.00"],
        ["250.00", "920.00", "250.00"],
        ["250.00", "920.00", "250.00"],
    ]
