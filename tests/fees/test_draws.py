"""Fee draws: never more than the company has at the bank, never while a client is overdrawn."""

from datetime import date

import pytest

from desk import services as desk
from desk.errors import Refused
from desk.models import Approval, Role
from fees import queries, services
from fees.errors import NothingToDraw, ToldOtherwise
from fees.models import Fee, FeeDraw
from ledger.company import operating_book_of
from ledger.models import Entry
from payments import services as payments
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import Receipt
from receivables.types import NewComeback
from tests.factories.desk import MembershipFactory, UserFactory
from tests.factories.leases import Company, company
from tests.factories.receivables import charge, receipt
from tests.fees.world import (
    assert_company_side_stands_twice,
    booked,
    dollars,
    of_company,
    of_owners,
    pay_out,
)

pytestmark = pytest.mark.django_db

MARCH_2 = date(2026, 3, 2)
MARCH_9 = date(2026, 3, 9)
AT_THE_BANK = {"channel": Receipt.Channel.WIRE, "into": Receipt.Into.BANK}


def earning(amount: str = "1000.00", **facts: object) -> Company:
    """A company that has earned 8 % of a payment at the bank."""
    home = company()
    charge(home.lease, amount)
    receipt(home.lease, amount, **{**AT_THE_BANK, **facts})
    return home


def test_a_draw_moves_the_companys_claim_to_its_own_bank_account() -> None:
    home = earning()

    draw = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)

    assert (draw.amount, draw.fees, draw.other) == (usd("80.00"), usd("80.00"), usd(0))
    assert draw.payment.entry.kind == Entry.Kind.FEE_DRAW
    assert of_company(home) == usd(0)
    assert of_owners(home) == dollars("920.00")
    operating = operating_book_of(home.entity.pk)
    assert booked(operating, "1000") == usd("80.00")
    assert Fee.objects.get().draw == draw
    assert_company_side_stands_twice(home)


def test_the_same_key_draws_once() -> None:
    home = earning()
    first = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)

    assert services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None) == first
    with pytest.raises(ToldOtherwise):
        services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("1.00"), actor_id=None)


def test_more_than_the_company_has_is_refused() -> None:
    home = earning()

    with pytest.raises(NothingToDraw, match=r"80\.01 is more than may be drawn .* 80\.00"):
        services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("80.01"), actor_id=None)
    assert not FeeDraw.objects.exists()


def test_fees_of_money_that_a_processor_still_has_stay() -> None:
    # 80.00 of a wire may go; 40.00 of a payment that the processor has not passed on may not.
    home = earning()
    charge(home.lease, "500.00")
    receipt(home.lease, "500.00")

    proposal = queries.draw_proposal(home.rent_book, MARCH_9)

    assert (proposal.held, proposal.in_transit) == (usd("120.00"), usd("40.00"))
    assert proposal.drawable == usd("80.00")
    with pytest.raises(NothingToDraw, match=r"40\.00 is of money that has not reached the bank"):
        services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("100.00"), actor_id=None)


def test_a_check_counts_once_it_is_on_a_deposit_slip() -> None:
    home = company()
    charge(home.lease, "500.00")
    check = receipt(
        home.lease, "500.00", channel=Receipt.Channel.CHECK, into=Receipt.Into.UNDEPOSITED
    )
    assert queries.draw_proposal(home.rent_book, MARCH_9).drawable == usd(0)

    rent.make_deposit_slip(book=home.rent_book, number="1", day=MARCH_2, receipts=[check])

    assert queries.draw_proposal(home.rent_book, MARCH_9).drawable == usd("40.00")


def test_nothing_goes_while_a_client_is_overdrawn_and_the_client_is_named() -> None:
    home = earning()
    charge(home.lease, "100.00")
    paid = receipt(home.lease, "100.00", **AT_THE_BANK)
    pay_out(home, "1012.00")
    rent.take_back(paid, NewComeback(kind="return", key="r", amount=usd("100.00"), on=MARCH_9))
    assert of_owners(home) == dollars("-92.00")

    with pytest.raises(NothingToDraw, match=r"Owner .* is overdrawn by 92\.00"):
        services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("10.00"), actor_id=None)


def test_a_part_draws_the_oldest_fees_that_it_covers() -> None:
    home = earning("1000.00")  # 80.00
    charge(home.lease, "500.00")
    receipt(home.lease, "500.00", received_on=date(2026, 3, 5), **AT_THE_BANK)  # 40.00

    draw = services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("100.00"), actor_id=None)

    assert (draw.fees, draw.other) == (usd("80.00"), usd("20.00"))
    assert [fee.draw for fee in Fee.objects.order_by("pk")] == [draw, None]
    rest = services.draw_fees(home.rent_book, on=date(2026, 3, 10), actor_id=None)
    assert (rest.amount, rest.fees, rest.other) == (usd("20.00"), usd("40.00"), usd("-20.00"))


def test_what_a_processor_took_is_not_drawn() -> None:
    # 80.00 earned, 3.00 taken by the processor of a returned payment: 77.00 may go.
    home = earning()
    charge(home.lease, "100.00")
    paid = receipt(home.lease, "100.00", **AT_THE_BANK)
    rent.take_back(
        paid,
        NewComeback(kind="return", key="r", amount=usd("100.00"), on=MARCH_9, fee=usd("3.00")),
    )

    draw = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)

    assert (draw.amount, draw.fees, draw.other) == (usd("77.00"), usd("80.00"), usd("-3.00"))
    assert of_company(home) == usd(0)


def test_a_draw_waits_for_a_second_person() -> None:
    home = earning()
    maker, checker = UserFactory.create(), UserFactory.create()
    for user in (maker, checker):
        MembershipFactory.create(user=user, entity=home.entity, role=Role.BOOKKEEPER)
    approval = services.ask_draw(home.rent_book, on=MARCH_9, amount=usd("80.00"), maker=maker)
    assert not FeeDraw.objects.exists()

    with pytest.raises(Refused, match="another person"):
        desk.decide(approval, is_agreed=True, checker=maker)
    desk.decide(approval, is_agreed=True, checker=checker)

    draw = FeeDraw.objects.get()
    assert (draw.made_by, draw.approved_by, draw.amount) == (maker, checker, usd("80.00"))


def test_a_draw_that_is_not_possible_any_more_undoes_the_decision() -> None:
    home = earning()
    maker, checker = UserFactory.create(), UserFactory.create()
    for user in (maker, checker):
        MembershipFactory.create(user=user, entity=home.entity, role=Role.BOOKKEEPER)
    approval = services.ask_draw(home.rent_book, on=MARCH_9, amount=usd("80.00"), maker=maker)
    services.draw_fees(home.rent_book, on=MARCH_9, amount=usd("50.00"), actor_id=None)

    with pytest.raises(Refused, match=r"more than may be drawn"):
        desk.decide(approval, is_agreed=True, checker=checker)
    assert Approval.objects.get().state == Approval.State.WAITING


def test_a_refused_draw_is_not_made() -> None:
    home = earning()
    maker, checker = UserFactory.create(), UserFactory.create()
    for user in (maker, checker):
        MembershipFactory.create(user=user, entity=home.entity, role=Role.BOOKKEEPER)
    approval = services.ask_draw(home.rent_book, on=MARCH_9, amount=usd("80.00"), maker=maker)

    desk.decide(approval, is_agreed=False, checker=checker, reason="Not this month")

    assert not FeeDraw.objects.exists()
    assert of_company(home) == usd("80.00")


def test_a_draw_that_came_back_lets_its_fees_go() -> None:
    home = earning()
    draw = services.draw_fees(home.rent_book, on=MARCH_2, actor_id=None)

    payments.come_back(draw.payment, code="R03", on=MARCH_9)

    draw.refresh_from_db()
    assert draw.undone_on == MARCH_9
    assert Fee.objects.get().draw is None
    assert of_company(home) == usd("80.00")
    assert queries.draw_proposal(home.rent_book, MARCH_9).drawable == usd("80.00")
    again = services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None)
    assert again.fees == usd("80.00")
    assert_company_side_stands_twice(home)


def test_a_draw_that_is_paid_anew_draws_the_fees_that_it_let_go() -> None:
    home = earning()
    draw = services.draw_fees(home.rent_book, on=MARCH_2, actor_id=None)

    payments.come_back(draw.payment, code="R03", on=MARCH_9)
    payments.reissue(draw.payment, on=MARCH_9, method="transfer", key="again", actor_id=None)

    again = FeeDraw.objects.get(undone_on__isnull=True)
    assert (again.amount, again.fees) == (usd("80.00"), usd("80.00"))
    assert Fee.objects.get().draw == again
    assert of_company(home) == usd(0)
    assert_company_side_stands_twice(home)


def test_the_law_of_the_state_is_said_with_its_source() -> None:
    limits = queries.limits_of("FL", MARCH_9)

    assert limits.own_funds_max == usd("5000.00")
    assert any("5,000.00" in said and "(" in said for said in limits.said)
    unknown = queries.limits_of("WY", MARCH_9)
    assert (unknown.max_days, unknown.own_funds_max) == (None, None)
    assert all("not known" in said for said in unknown.said)
