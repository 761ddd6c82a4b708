"""Move-outs by hand: the deadline, the sheet, the settlement, and what comes after it."""

from datetime import date
from decimal import Decimal

import pytest
from moneyed import Money

from deposits import services
from deposits.errors import (
    ClaimLost,
    DepositsError,
    NotHere,
    NotReviewed,
    OwnReview,
    RateMissing,
    SharesOff,
    SheetClosed,
    TooEarly,
)
from deposits.models import Deposit, MoveOut, Notice, RefundShare
from deposits.types import NewDeduction, NewRefund
from ledger.models import Entry
from ledger.queries import trust_equation
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import ZERO, usd
from receivables.models import Receipt
from receivables.queries import held_now, owed
from tests.factories import deposits as make
from tests.factories import receivables
from tests.factories.leases import Company

pytestmark = pytest.mark.django_db
MARCH_31 = date(2026, 3, 31)
APRIL_10 = date(2026, 4, 10)


def held(home: Company) -> Money:
    """What the deposit account holds of the lease's deposit."""
    who = home.lease.deposit_id
    return held_now(home.deposit_book.pk, [who])[who]


def owners(home: Company) -> list[Money]:
    """What the rent account holds for each owner."""
    ids = home.owner_beneficiaries()
    found = held_now(home.rent_book.pk, ids)
    return [found[each] for each in ids]


def settled(home: Company, move_out: MoveOut, on: date = APRIL_10) -> MoveOut:
    """A sheet that was reviewed and settled."""
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)
    return services.settle_move_out(move_out, on=on)


def test_california_gives_21_days_and_keeps_what_was_deducted() -> None:
    home = make.home_in("CA")
    move_out = make.sheet(
        home, moved_out_on=MARCH_31, deductions={"damage": "350.00", "cleaning": "120.00"}
    )
    assert move_out.due_on == date(2026, 4, 21)
    assert "1950.5" in move_out.due_citation
    assert move_out.is_due_confirmed

    done = settled(home, move_out)

    assert (done.held, done.interest, done.deducted) == (usd("2000"), ZERO, usd("470"))
    assert (done.kept, done.refunded, done.still_owed) == (usd("470"), usd("1530"), ZERO)
    (refund,) = Payment.objects.all()
    assert (refund.amount, refund.payee, refund.number) == (usd("1530"), "Maria Garcia", "1001")
    assert refund.payee_address == "9 New Road\nTucson, AZ 85701"
    assert held(home) == ZERO
    assert owners(home) == [usd("470")]
    receipt = Receipt.objects.get(channel=Receipt.Channel.DEPOSIT)
    assert (receipt.gross, receipt.into) == (usd("470"), "bank")
    assert trust_equation(home.deposit_book.pk).cash == ZERO
    assert trust_equation(home.rent_book.pk).cash == usd("470")


def test_settling_twice_pays_once() -> None:
    home = make.home_in("CA")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={"damage": "350.00"})
    settled(home, move_out)
    entries = Entry.objects.count()

    services.settle_move_out(move_out, on=date(2026, 4, 11))

    assert Payment.objects.count() == 1
    assert Entry.objects.count() == entries


def test_more_deductions_than_deposit_stay_owed() -> None:
    home = make.home_in("CA", deposit="500.00")
    receivables.charge(home.lease, "300.00", due_on=date(2026, 3, 1))
    move_out = make.sheet(
        home, moved_out_on=MARCH_31, deductions={"unpaid_rent": "300.00", "damage": "450.00"}
    )

    done = settled(home, move_out)

    assert (done.kept, done.refunded, done.still_owed) == (usd("500"), ZERO, usd("250"))
    assert owed(home.lease) == usd("250")
    assert owners(home) == [usd("500")]
    assert Payment.objects.count() == 0


def test_prepaid_rent_pays_deductions_before_the_deposit() -> None:
    home = make.home_in("CA", deposit="500.00")
    receivables.receipt(home.lease, "80.00", into="bank", received_on=date(2026, 3, 1))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={"damage": "100.00"})
    assert services.preview(move_out, on=APRIL_10).refunded == usd("480")

    done = settled(home, move_out)

    assert (done.prepaid, done.kept, done.refunded) == (usd("80"), usd("20"), usd("480"))


def test_preview_says_what_settlement_does() -> None:
    home = make.home_in("CA", shares=("0.5", "0.5"))
    receivables.charge(home.lease, "75.50", due_on=date(2026, 3, 1))
    move_out = make.sheet(
        home, moved_out_on=MARCH_31, deductions={"unpaid_rent": "75.50", "damage": "99.99"}
    )
    said = services.preview(move_out, on=APRIL_10)

    done = settled(home, move_out)

    assert (said.kept, said.refunded, said.still_owed) == (
        done.kept,
        done.refunded,
        done.still_owed,
    )
    assert done.kept == usd("175.49")
    assert sum(owners(home), ZERO) == usd("175.49")


def test_florida_without_deductions_has_15_days_and_with_them_30() -> None:
    home = make.home_in("FL", facts={"deposit_held_as": "account"})
    move_out = make.sheet(home, moved_out_on=date(2026, 6, 10), deductions={})
    assert move_out.due_on == date(2026, 6, 25)
    assert move_out.claim_due_on is None

    services.add_deduction(
        move_out, NewDeduction(kind="damage", amount=usd("200"), memo="broken door")
    )

    move_out.refresh_from_db()
    assert move_out.due_on == date(2026, 7, 10)
    assert move_out.claim_due_on == date(2026, 7, 10)
    notice = Notice.objects.get(kind=Notice.Kind.CLAIM)
    assert (notice.due_on, notice.event_on) == (date(2026, 7, 10), date(2026, 6, 10))
    assert "83.49" in notice.citation


def test_florida_waits_for_the_claim_and_the_tenants_objection() -> None:
    home = make.home_in("FL", facts={"deposit_held_as": "account"})
    move_out = make.sheet(home, moved_out_on=date(2026, 6, 10), deductions={"damage": "200.00"})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)
    with pytest.raises(TooEarly, match="notice of the claim goes out first, by Jul 10, 2026"):
        services.settle_move_out(move_out, on=date(2026, 6, 15))
    notice = Notice.objects.get(kind=Notice.Kind.CLAIM)

    services.send_notice(notice, sent_on=date(2026, 6, 20), how=Notice.How.CERTIFIED)

    move_out.refresh_from_db()
    assert move_out.state == MoveOut.State.REVIEWED
    assert move_out.due_on == date(2026, 7, 20)  # 30 days after the notice.
    with pytest.raises(TooEarly, match="may object until Jul 5, 2026"):
        services.settle_move_out(move_out, on=date(2026, 7, 5))
    done = services.settle_move_out(move_out, on=date(2026, 7, 6))
    assert (done.kept, done.refunded) == (usd("200"), usd("1800"))


def test_florida_claim_sent_too_late_is_lost() -> None:
    home = make.home_in("FL", facts={"deposit_held_as": "account"})
    move_out = make.sheet(home, moved_out_on=date(2026, 6, 10), deductions={"damage": "200.00"})
    make.checks(home.deposit_book)
    notice = Notice.objects.get(kind=Notice.Kind.CLAIM)
    services.send_notice(notice, sent_on=date(2026, 7, 11), how=Notice.How.CERTIFIED)
    make.reviewed(home, move_out)

    with pytest.raises(ClaimLost, match="nothing may be kept"):
        services.settle_move_out(move_out, on=date(2026, 8, 1))

    services.remove_deduction(move_out.deductions.get())
    make.reviewed(home, move_out)
    assert services.settle_move_out(move_out, on=date(2026, 8, 1)).refunded == usd("2000")


def test_massachusetts_returns_in_30_days_with_the_started_years_interest() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "36.00", year=2025, rate="0.03")
    services.credit_interest(home.entity.pk, on=date(2026, 1, 1))
    make.bank_paid(home.deposit_book, "60.00", year=2026, rate="0.04")

    move_out = make.sheet(home, moved_out_on=date(2026, 6, 30), deductions={"damage": "100.00"})

    assert move_out.due_on == date(2026, 7, 30)
    done = settled(home, move_out, on=date(2026, 7, 15))
    # 36.00 for 2025, and 1,200 at 4 % for 181 of 365 days: 23.80.
    assert done.interest == usd("59.80")
    assert (done.held, done.kept, done.refunded) == (usd("1200"), usd("100"), usd("1159.80"))


def test_new_york_returns_in_14_days() -> None:
    home = make.home_in("NY", deposit="1500.00", units=6, starts_on=date(2025, 6, 1))
    make.bank_paid(home.deposit_book, "20.00", year=2025, rate="0.02")
    make.bank_paid(home.deposit_book, "20.00", year=2026, rate="0.02")
    move_out = make.sheet(home, moved_out_on=date(2026, 2, 20), deductions={})
    assert move_out.due_on == date(2026, 3, 6)

    done = settled(home, move_out, on=date(2026, 3, 2))

    # 265 days of 365: the bank 21.78, less 1 % of the deposit (10.89): 10.89.
    assert done.interest == usd("10.89")
    assert done.refunded == usd("1510.89")


def test_missing_rate_stops_the_settlement_with_what_to_enter() -> None:
    home = make.home_in("MA", deposit="1200.00")
    move_out = make.sheet(home, moved_out_on=date(2026, 6, 30), deductions={})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)

    with pytest.raises(RateMissing, match="in 2025 was not entered"):
        services.settle_move_out(move_out, on=date(2026, 7, 1))

    services.set_no_interest(move_out, why="The tenant broke the lease")
    make.reviewed(home, move_out)
    assert services.settle_move_out(move_out, on=date(2026, 7, 1)).refunded == usd("1200")


def test_unknown_law_is_not_no_law() -> None:
    home = make.home_in("WY")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    assert move_out.due_on is None
    assert "WY" in move_out.due_how
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)
    with pytest.raises(RateMissing):
        services.settle_move_out(move_out, on=APRIL_10)

    services.set_deadline(move_out, due_on=date(2026, 4, 30), citation="Asked of counsel")
    services.set_no_interest(move_out, why="None is owed there, counsel says")
    make.reviewed(home, move_out)

    assert services.settle_move_out(move_out, on=APRIL_10).due_on == date(2026, 4, 30)


def test_sheet_needs_a_second_person() -> None:
    home = make.home_in("CA")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={"damage": "10.00"})
    assert move_out.made_by is not None
    with pytest.raises(OwnReview):
        services.review_move_out(move_out, reviewer=move_out.made_by)
    with pytest.raises(NotReviewed):
        services.settle_move_out(move_out, on=APRIL_10)

    make.reviewed(home, move_out)
    services.add_deduction(move_out, NewDeduction(kind="other", amount=usd("5"), memo="keys"))

    move_out.refresh_from_db()
    assert (move_out.state, move_out.reviewed_by) == (MoveOut.State.OPEN, None)


def test_settled_sheet_does_not_change() -> None:
    home = make.home_in("CA")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={"damage": "10.00"})
    settled(home, move_out)

    with pytest.raises(SheetClosed):
        services.add_deduction(move_out, NewDeduction(kind="other", amount=usd("5"), memo="x"))
    with pytest.raises(SheetClosed):
        services.remove_deduction(move_out.deductions.get())
    with pytest.raises(SheetClosed):
        services.cancel_move_out(move_out, why="no")


def test_roommates_get_their_shares_to_the_cent() -> None:
    home = make.home_in("CA", deposit="1000.01", tenants=("Ann Lee", "Bob Roe"))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})

    done = settled(home, move_out)

    paid = list(Payment.objects.order_by("id").values_list("payee", "amount", "number"))
    assert [(who, f"{amount:.2f}") for who, amount, _ in paid] == [
        ("Ann Lee", "500.01"),
        ("Bob Roe", "500.00"),
    ]
    assert done.refunded == usd("1000.01")


def test_refund_by_instruction_goes_by_check_and_by_ach() -> None:
    home = make.home_in("CA", deposit="1000.00", tenants=("Ann Lee", "Bob Roe"))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    ann, bob = home.tenants
    services.set_refunds(
        move_out,
        [
            NewRefund(tenant_id=ann.pk, payee="Ann Lee", fixed=usd("700.00"), address="1 A St"),
            NewRefund(
                tenant_id=bob.pk,
                payee="Bob Roe",
                share=make_one(),
                method="ach",
                routing_number="021000021",
                account_number="123456789",
            ),
        ],
    )

    settled(home, move_out)

    rows = {row.payee: row for row in Payment.objects.all()}
    assert (rows["Ann Lee"].amount, rows["Ann Lee"].method) == (usd("700"), "check")
    assert (rows["Bob Roe"].amount, rows["Bob Roe"].method) == (usd("300"), "ach")


def make_one() -> Decimal:
    return Decimal(1)


def test_refunds_that_do_not_sum_are_refused() -> None:
    home = make.home_in("CA", deposit="1000.00")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    with pytest.raises(SharesOff):
        services.set_refunds(
            move_out, [NewRefund(payee="Ann Lee", share=Decimal("0.5"), address="1 A St")]
        )
    services.set_refunds(move_out, [NewRefund(payee="Ann Lee", fixed=usd("1"))])
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)

    with pytest.raises(SharesOff, match=r"999\.00 goes back to nobody"):
        services.settle_move_out(move_out, on=APRIL_10)


def test_deposit_in_the_rent_account_is_moved_first() -> None:
    home = make.home_in("CA", deposit="1000.00")
    receivables.charge(home.lease, "200.00", kind="security_deposit", due_on=date(2026, 1, 1))
    receivables.receipt(home.lease, "200.00", into="bank", received_on=date(2026, 1, 1))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)

    with pytest.raises(NotHere, match=r"200\.00 of it lies in the rent account"):
        services.settle_move_out(move_out, on=APRIL_10)


def test_unpaid_deposit_charge_is_waived_first() -> None:
    home = make.home_in("CA", deposit="1000.00")
    receivables.charge(home.lease, "200.00", kind="security_deposit", due_on=date(2026, 1, 1))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)

    with pytest.raises(DepositsError, match="still open"):
        services.settle_move_out(move_out, on=APRIL_10)


def test_owner_brings_what_the_owner_held() -> None:
    home = make.home_in("CA", deposit="1000.00")
    make.fund_owner(home, "800.00", on=date(2026, 3, 1))
    deposit = services.deposit_of(home.lease)
    services.owner_holds(deposit, usd("500.00"))
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)
    with pytest.raises(NotHere, match=r"the owner holds 500\.00"):
        services.settle_move_out(move_out, on=APRIL_10)

    (before,) = owners(home)
    for _ in range(2):
        services.bring_from_owner(deposit, amount=usd("300"), on=APRIL_10, key="check 7")
        services.bring_from_owner(
            deposit, amount=usd("200"), on=APRIL_10, key="rent", from_rent=True
        )

    assert owners(home) == [before - usd("200")]
    done = services.settle_move_out(move_out, on=APRIL_10)
    assert done.refunded == usd("1500")


def test_refund_that_comes_back_and_is_paid_again_is_followed() -> None:
    home = make.home_in("CA", deposit="1000.00")
    move_out = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    settled(home, move_out)
    share = RefundShare.objects.get()
    payment = share.payment
    assert payment is not None

    payments.void(payment, why="Lost in the mail", on=date(2026, 4, 20), actor_id=None)

    share.refresh_from_db()
    assert share.state == RefundShare.State.BACK
    assert held(home) == usd("1000")
    again = payments.reissue(
        payment, on=date(2026, 4, 21), method="check", key="again", actor_id=None
    )
    share.refresh_from_db()
    assert (share.state, share.payment_id) == (RefundShare.State.PAID, again.pk)
    assert held(home) == ZERO
    services.settle_move_out(move_out, on=date(2026, 4, 22))
    assert held(home) == ZERO


def test_cancelled_sheet_may_be_begun_again() -> None:
    home = make.home_in("CA")
    first = make.sheet(home, moved_out_on=MARCH_31, deductions={})
    services.cancel_move_out(first, why="They stay")

    second = make.sheet(home, moved_out_on=date(2026, 5, 31), deductions={})

    assert first.pk != second.pk
    assert Deposit.objects.get().state == Deposit.State.HELD
