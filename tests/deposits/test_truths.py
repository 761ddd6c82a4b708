"""What PostgreSQL keeps of deposits and escrows, whoever writes."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from deposits import services
from deposits.models import EscrowFunding, InterestCredit, MoveOut, Notice, RefundShare
from deposits.types import NewDeduction
from ledger.models import Entry
from proptrust.lib.money import usd
from tests.factories import deposits as make
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db
MARCH_31, APRIL_10 = date(2026, 3, 31), date(2026, 4, 10)


def _run(sql: str, values: tuple[str | int | None, ...]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(sql: str, *values: str | int | None, by: str) -> None:
    """Run plain SQL that PostgreSQL must refuse by the name of a truth."""
    with pytest.raises(DatabaseError) as refusal:
        _run(sql, values)
    assert refusal.value.__cause__ is not None
    diagnosis = refusal.value.__cause__.diag  # type: ignore[attr-defined]
    assert diagnosis.constraint_name == by


@pytest.fixture
def home() -> Company:
    return make.home_in("CA")


@pytest.fixture
def sheet(home: Company) -> MoveOut:
    return make.sheet(home, moved_out_on=MARCH_31, deductions={"damage": "350.00"})


@pytest.fixture
def settled(home: Company, sheet: MoveOut) -> MoveOut:
    make.checks(home.deposit_book)
    make.reviewed(home, sheet)
    return services.settle_move_out(sheet, on=APRIL_10)


def settle_by_hand(sheet: MoveOut, *, by: str, **figures: str) -> None:
    """Set a sheet settled with figures that no service would write."""
    facts = {"held": "2000", "deducted": "350", "kept": "350", "refunded": "1650", **figures}
    columns = ", ".join(f"{name} = %s" for name in facts)
    refused(
        "UPDATE deposits_moveout SET state = 'settled', settled_on = '2026-04-10',"
        f" {columns} WHERE id = %s",
        *facts.values(),
        sheet.pk,
        by=by,
    )


def test_kept_and_refunded_are_the_deposit(home: Company, sheet: MoveOut) -> None:
    make.reviewed(home, sheet)
    settle_by_hand(sheet, refunded="1649.99", by="deposits_refunds_add_up")
    RefundShare.objects.update(amount=usd("1649.99"))
    settle_by_hand(sheet, refunded="1649.99", by="settlement_adds_up")


def test_deducted_is_the_sum_of_the_deductions(home: Company, sheet: MoveOut) -> None:
    make.reviewed(home, sheet)
    settle_by_hand(sheet, deducted="351", by="deposits_deductions_add_up")


def test_no_more_is_kept_than_was_deducted(sheet: MoveOut) -> None:
    refused(
        "UPDATE deposits_moveout SET kept = 1 WHERE id = %s", sheet.pk, by="kept_within_deductions"
    )


def test_sheet_is_settled_after_a_review_alone(sheet: MoveOut) -> None:
    settle_by_hand(sheet, by="deposits_settled_was_reviewed")


def test_maker_is_not_the_reviewer(sheet: MoveOut) -> None:
    refused(
        "UPDATE deposits_moveout SET reviewed_by_id = made_by_id WHERE id = %s",
        sheet.pk,
        by="nobody_reviews_their_own_sheet",
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE deposits_deduction SET amount = 1",
        "DELETE FROM deposits_deduction",
        "UPDATE deposits_refundshare SET amount = 1, payment_id = NULL, state = 'due'",
        "DELETE FROM deposits_refundshare",
    ],
)
def test_settled_sheet_stays(settled: MoveOut, sql: str) -> None:
    refused(sql, by="deposits_sheet_stays")


@pytest.mark.parametrize(
    "change", ["kept = kept + 1", "state = 'open'", "held = 0", "settled_on = '2026-01-01'"]
)
def test_settled_figures_stay(settled: MoveOut, change: str) -> None:
    refused(f"UPDATE deposits_moveout SET {change}", by="deposits_move_out_stays")


def test_move_out_is_not_deleted(sheet: MoveOut) -> None:
    refused("DELETE FROM deposits_moveout", by="deposits_move_out_stays")


def test_deduction_is_not_added_after_the_settlement(settled: MoveOut) -> None:
    refused(
        "INSERT INTO deposits_deduction (move_out_id, kind, amount, amount_currency, memo)"
        " VALUES (%s, 'damage', 1, 'USD', 'x')",
        settled.pk,
        by="deposits_sheet_stays",
    )


def test_proof_of_a_settled_deduction_is_not_taken_away(home: Company, sheet: MoveOut) -> None:
    services.add_file(sheet.deductions.get(), name="bill.pdf", body=b"%PDF-1.7 bill")
    make.checks(home.deposit_book)
    make.reviewed(home, sheet)
    services.settle_move_out(sheet, on=APRIL_10)

    refused("DELETE FROM deposits_deductionfile", by="deposits_proof_stays")
    services.add_file(sheet.deductions.get(), name="later.pdf", body=b"%PDF-1.7 final bill")


def test_refund_is_of_the_amount_of_its_payment(settled: MoveOut, sheet: MoveOut) -> None:
    other = make.home_in("CA", deposit="10.00")
    second = make.sheet(other, moved_out_on=MARCH_31, deductions={})
    share = second.refunds.get()
    paid = settled.refunds.get().payment_id
    refused(
        "UPDATE deposits_refundshare SET amount = 10, payment_id = %s, state = 'paid'"
        " WHERE id = %s",
        paid,
        share.pk,
        by="deposits_refund_is_paid",
    )


def test_lease_has_one_sheet(sheet: MoveOut) -> None:
    refused(
        "INSERT INTO deposits_moveout SELECT (jsonb_populate_record(NULL::deposits_moveout,"
        " to_jsonb(m) || '{\"id\": 999999}')).* FROM deposits_moveout m WHERE id = %s",
        sheet.pk,
        by="one_move_out_a_lease",
    )


def test_interest_is_credited_once_for_each_day() -> None:
    home = make.home_in("MA", deposit="1200.00")
    make.bank_paid(home.deposit_book, "80.00", year=2025, rate="0.03")
    services.credit_interest(home.entity.pk, on=date(2026, 1, 1))
    row = InterestCredit.objects.get()

    refused(
        "INSERT INTO deposits_interestcredit (deposit_id, from_on, to_on, method, steps, bank,"
        " bank_currency, fee, fee_currency, amount, amount_currency, citation, is_confirmed, state,"
        " funded_by, waits_for) VALUES (%s, '2025-12-31', '2026-12-30', 'fixed', '[]', 0, 'USD', 0,"
        " 'USD', 5, 'USD', 'x', true, 'waiting', '', '')",
        row.deposit_id,
        by="interest_once_a_day",
    )
    refused("UPDATE deposits_interestcredit SET amount = 1", by="deposits_interest_stays")
    refused("DELETE FROM deposits_interestcredit", by="deposits_interest_stays")


def test_credited_interest_has_its_entry() -> None:
    home = make.home_in("MA", deposit="1200.00")
    services.enter_rate(home.deposit_book, year=2025, rate=make.rate("0.03"), source="x")
    services.credit_interest(home.entity.pk, on=date(2026, 1, 1))

    refused(
        "UPDATE deposits_interestcredit SET state = 'credited'", by="credited_interest_is_posted"
    )


def test_sent_notice_stays() -> None:
    home = make.home_in("NY", units=6)
    services.plan_notices(home.entity.pk, on=date(2026, 1, 1))
    notice = Notice.objects.get(kind=Notice.Kind.BANK)
    services.send_notice(notice, sent_on=date(2026, 1, 2), how=Notice.How.MAIL)

    refused(
        "UPDATE deposits_notice SET sent_on = '2025-12-31' WHERE id = %s",
        notice.pk,
        by="deposits_notice_stays",
    )
    refused("DELETE FROM deposits_notice WHERE id = %s", notice.pk, by="deposits_notice_stays")


def test_owner_share_of_a_trust_deposit_is_nothing(home: Company) -> None:
    refused("UPDATE deposits_deposit SET owner_held = 5", by="owner_holds_what_is_his_to_hold")


def test_escrow_is_funded_by_its_movements() -> None:
    home = company()
    make.fund_owner(home, "1000.00", on=date(2026, 1, 1))
    services.open_fund(home.property, kind="maintenance", target=usd("400.00"))
    services.fund_escrows(home.entity.pk, date(2026, 1, 1), on=date(2026, 1, 1))
    row = EscrowFunding.objects.get()
    entry = Entry.objects.order_by("id").first()
    assert entry is not None

    refused("UPDATE deposits_escrowfunding SET funded = 399", by="deposits_escrow_funded_is_moved")
    refused("UPDATE deposits_escrowmove SET amount = 1", by="deposits_escrow_move_stays")
    refused("DELETE FROM deposits_escrowmove", by="deposits_escrow_move_stays")
    refused(
        "INSERT INTO deposits_escrowmove (funding_id, amount, amount_currency, entry_id)"
        " VALUES (%s, 0.01, 'USD', %s)",
        row.pk,
        entry.pk,
        by="escrow_funded_within_plan",
    )


def test_hand_over_is_the_sum_of_its_parts(home: Company) -> None:
    make.checks(home.deposit_book)
    row = services.hand_over(home.property, kind="manager", to="Next Co.", on=APRIL_10)

    refused("UPDATE deposits_handoverline SET amount = amount - 1", by="deposits_hand_over_adds_up")
    refused(
        "UPDATE deposits_handover SET amount = 5 WHERE id = %s",
        row.pk,
        by="deposits_hand_over_adds_up",
    )


def test_sheet_begins_open(home: Company, sheet: MoveOut) -> None:
    services.cancel_move_out(sheet, why="x")
    refused(
        "INSERT INTO deposits_moveout SELECT (jsonb_populate_record(NULL::deposits_moveout,"
        ' to_jsonb(m) || \'{"id": 999999, "state": "reviewed"}\')).*'
        " FROM deposits_moveout m WHERE id = %s",
        sheet.pk,
        by="deposits_move_out_begins_open",
    )


def test_deduction_above_zero(sheet: MoveOut) -> None:
    row = services.add_deduction(sheet, NewDeduction(kind="other", amount=usd("1"), memo="keys"))
    refused(
        "UPDATE deposits_deduction SET amount = 0 WHERE id = %s", row.pk, by="deduction_above_zero"
    )
