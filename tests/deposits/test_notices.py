"""Papers that the law asks for: planned, sent, proved; hand-overs; the desk's items."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from deposits import findings, law, queries, services
from deposits.errors import AlreadyDone, BadFile, DepositsError
from deposits.models import Deposit, HandOver, KnownFact, Notice, Question
from desk import registry
from desk.errors import Refused
from desk.models import Role
from desk.types import Finding
from leases.models import Lease, Unit
from leases.services import create_unit
from ledger.charts import chart
from ledger.company import company_side, mirrored
from ledger.models import Entry
from ledger.queries import trust_equation
from ledger.services import post_fact
from ledger.types import NewLine
from payments import services as payments
from payments.models import Payment
from proptrust.lib.money import ZERO, usd
from tests.factories import deposits as make
from tests.factories.desk import person
from tests.factories.leases import Company, company, lease_in

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 1)


def found(kind: str, home: Company) -> list[Finding]:
    """What a kind's detector finds in a company."""
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each for each in detector.find(home.entity.pk) if each.kind == kind]


def act(kind: str, finding: Finding, remedy: str, home: Company, **facts: str) -> Any:
    """Carry a remedy out as a person of the company."""
    query = QueryDict(mutable=True)
    query.update(facts)
    actor = person(Role.BOOKKEEPER, home.entity)
    return registry.handler_of(kind).act(finding.subject_id, remedy, query, actor_id=actor.pk)


def papers(home: Company) -> dict[str, date | None]:
    services.plan_notices(home.entity.pk, on=TODAY)
    rows = Notice.objects.filter(deposit__entity=home.entity)
    return dict(rows.values_list("kind", "due_on"))


def test_massachusetts_wants_three_papers_and_a_yearly_statement() -> None:
    home = make.home_in("MA", starts_on=date(2025, 2, 1))

    assert papers(home) == {
        "receipt": date(2025, 3, 3),
        "bank": date(2025, 3, 3),
        "condition": date(2025, 2, 11),
        "interest": date(2026, 1, 31),
    }
    receipt = Notice.objects.get(kind="receipt")
    assert "186" in receipt.citation
    assert receipt.counted_how.startswith("30 calendar days after the day the deposit was received")


def test_planning_twice_plans_once() -> None:
    home = make.home_in("MA", starts_on=date(2025, 2, 1))
    assert services.plan_notices(home.entity.pk, on=TODAY) == (4, 0)
    assert services.plan_notices(home.entity.pk, on=TODAY) == (0, 0)


def test_florida_asks_how_many_units_the_landlord_has() -> None:
    home = make.home_in("FL", starts_on=date(2026, 2, 1), facts={"deposit_held_as": "account"})

    assert "bank" not in papers(home)
    assert Question.objects.get(topic="bank").fact == "landlord_units"

    services.know(home.property, "landlord_units", 12, lease=None, actor_id=None)
    assert papers(home)["bank"] == date(2026, 3, 3)
    assert not Question.objects.filter(topic="bank").exists()


def test_units_of_the_same_owner_are_counted() -> None:
    home = make.home_in(
        "FL", starts_on=date(2026, 2, 1), units=5, facts={"deposit_held_as": "account"}
    )

    assert papers(home)["bank"] == date(2026, 3, 3)


def test_deposit_brought_forward_needs_no_first_papers() -> None:
    home = company(starts_on=date(2025, 1, 1))
    home.property.state = "MA"
    home.property.save()
    accounts = chart(home.entity.pk)
    post_fact(
        entity_id=home.entity.pk,
        key="opening",
        kind=Entry.Kind.OPENING,
        day=date(2026, 2, 1),
        memo="Brought forward",
        lines=[
            NewLine(home.deposit_book.pk, accounts.bank, usd("900")),
            NewLine(home.deposit_book.pk, accounts.claims, usd("-900"), home.lease.deposit_id),
        ],
    )

    assert papers(home) == {}
    deposit = Deposit.objects.get()
    assert (deposit.taken_on, deposit.is_brought_forward) == (date(2025, 1, 1), True)


def test_paper_is_sent_once_with_its_proof() -> None:
    home = make.home_in("MA", starts_on=date(2025, 2, 1))
    papers(home)
    notice = Notice.objects.get(kind="bank")
    for _ in range(2):
        services.send_notice(notice, sent_on=date(2025, 2, 20), how="certified")
    with pytest.raises(AlreadyDone):
        services.send_notice(notice, sent_on=date(2025, 2, 21), how="certified")
    with pytest.raises(BadFile):
        services.add_proof(notice, name="slip.html", body=b"<html>")

    services.add_proof(notice, name="C:\\slip.pdf", body=b"%PDF-1.4 slip")

    notice.refresh_from_db()
    assert (notice.sent_on, notice.proof_name) == (date(2025, 2, 20), "slip.pdf")


@pytest.mark.layout
def test_late_paper_is_found_and_answered() -> None:
    home = make.home_in("NY", units=6, starts_on=date(2026, 1, 1))
    papers(home)
    late = {each.title.split(",")[0]: each for each in found(findings.NOTICE_DUE, home)}
    assert set(late) == {"Notice of the bank", "Statement of condition"}
    finding = late["Notice of the bank"]
    assert "late" in finding.title
    assert "7-103" in finding.reason

    done = act(findings.NOTICE_DUE, finding, "sent", home, on=str(timezone.localdate()), how="mail")

    assert done.said == "Sent by first-class mail"
    assert bytes(Notice.objects.get(kind="bank").letter or b"").startswith(b"%PDF")
    assert len(found(findings.NOTICE_DUE, home)) == 1


def test_question_is_answered_on_the_desk_and_taken_back() -> None:
    home = make.home_in("NY", units=3)
    services.credit_interest(home.entity.pk, on=TODAY)
    (finding,) = found(findings.QUESTION, home)
    with pytest.raises(Refused, match="answer one of"):
        act(findings.QUESTION, finding, "answer", home, answer="in a jar")

    done = act(findings.QUESTION, finding, "answer", home, answer="account")

    assert KnownFact.objects.get().value == "account"
    assert found(findings.QUESTION, home) == []
    said = registry.handler_of(findings.QUESTION).undo("answer", done.undo, actor_id=person().pk)
    assert said == "The fact is forgotten"
    assert not KnownFact.objects.exists()


def test_missing_rate_is_entered_on_the_desk() -> None:
    home = make.home_in("MA", deposit="1200.00")
    services.credit_interest(home.entity.pk, on=date(2026, 1, 1))
    (finding,) = found(findings.QUESTION, home)
    assert "was not entered" in finding.reason

    act(findings.QUESTION, finding, "rate", home, year="2025", rate="3", source="Bank's letter")

    (waits,) = found(findings.INTEREST_WAITS, home)
    assert waits.amount == usd("36.00")
    act(
        findings.INTEREST_WAITS,
        waits,
        "record",
        home,
        amount="36.00",
        on=str(timezone.localdate()),
        name="December",
    )
    assert found(findings.INTEREST_WAITS, home) == []


def test_return_is_due_soon_late_and_settled_from_the_desk() -> None:
    home = make.home_in("CA")
    today = timezone.localdate()
    move_out = make.sheet(home, moved_out_on=today - timedelta(days=23), deductions={})
    (finding,) = found(findings.RETURN_DUE, home)
    assert "2 days late" in finding.title
    assert "1950.5" in finding.reason
    make.checks(home.deposit_book)

    act(findings.RETURN_DUE, finding, "review", home)
    act(findings.RETURN_DUE, finding, "settle", home, on=str(today))

    move_out.refresh_from_db()
    assert move_out.state == "settled"
    assert found(findings.RETURN_DUE, home) == []


def test_tenants_who_left_without_a_sheet_are_found() -> None:
    home = make.home_in("CA")
    Lease.objects.filter(pk=home.lease.pk).update(moved_out_on=timezone.localdate())
    (finding,) = found(findings.NO_SHEET, home)

    done = act(findings.NO_SHEET, finding, "start", home, address="1 New St")

    assert found(findings.NO_SHEET, home) == []
    registry.handler_of(findings.NO_SHEET).undo("start", done.undo, actor_id=person().pk)
    assert len(found(findings.NO_SHEET, home)) == 1


def test_fee_in_the_deposit_account_is_reimbursed_the_same_day() -> None:
    home = make.home_in("CA", deposit="1000.00")
    accounts = chart(home.entity.pk)
    side = company_side(home.entity.pk, accounts)
    post_fact(
        entity_id=home.entity.pk,
        key="fee",
        kind=Entry.Kind.BANK_FEE,
        day=TODAY,
        memo="Monthly service fee",
        lines=mirrored(
            [
                NewLine(home.deposit_book.pk, accounts.bank, usd("-12")),
                NewLine(home.deposit_book.pk, accounts.claims, usd("12"), side.beneficiary_id),
            ],
            side,
        ),
    )
    account = queries.deposit_account(home.deposit_book)
    assert (account.deposits, account.bank_side) == (usd("1000"), usd("988"))
    assert [(each.name, each.amount) for each in account.others] == [("The company", usd("-12"))]
    (finding,) = found(findings.BANK_FEE, home)
    assert (finding.amount, finding.due_on) == (usd("12"), TODAY)

    done = act(findings.BANK_FEE, finding, "reimburse", home, on=str(timezone.localdate()))

    assert found(findings.BANK_FEE, home) == []
    assert queries.deposit_account(home.deposit_book).is_equal
    registry.handler_of(findings.BANK_FEE).undo("reimburse", done.undo, actor_id=person().pk)
    assert len(found(findings.BANK_FEE, home)) == 1


def test_short_escrow_is_topped_up_from_the_desk() -> None:
    home = company()
    today = timezone.localdate()
    services.open_fund(home.property, kind="maintenance", target=usd("100"))
    services.fund_escrows(home.entity.pk, today, on=today)
    (finding,) = found(findings.ESCROW_SHORT, home)
    assert "100.00 too little" in finding.title
    with pytest.raises(Refused, match="no money"):
        act(findings.ESCROW_SHORT, finding, "top_up", home, on=str(today))
    make.fund_owner(home, "500.00", on=today)

    act(findings.ESCROW_SHORT, finding, "top_up", home, on=str(today))

    assert found(findings.ESCROW_SHORT, home) == []


def test_refund_that_came_back_is_found() -> None:
    home = make.home_in("CA")
    move_out = make.sheet(home, moved_out_on=TODAY, deductions={})
    make.checks(home.deposit_book)
    make.reviewed(home, move_out)
    services.settle_move_out(move_out, on=TODAY)
    payments.void(Payment.objects.get(), why="Lost", on=TODAY, actor_id=None)

    (finding,) = found(findings.REFUND_BACK, home)

    assert finding.amount == usd("2000")
    with pytest.raises(Refused, match="came back"):
        act(findings.REFUND_BACK, finding, "again", home)


def second_lease(home: Company, amount: str) -> Lease:
    unit: Unit = create_unit(property_=home.property, code="second")
    lease = make.fresh(lease_in(unit, starts_on=date(2025, 1, 1)))
    make.hold(lease, amount, on=date(2025, 1, 1))
    return lease


def test_deposits_go_to_the_new_manager_in_one_payment() -> None:
    home = make.home_in("CA", deposit="1000.00")
    second_lease(home, "750.00")
    make.checks(home.deposit_book)

    for _ in range(2):
        row = services.hand_over(
            home.property, kind="manager", to="Next Management", on=TODAY, address="5 Main St"
        )

    (payment,) = Payment.objects.all()
    assert (payment.amount, payment.payee) == (usd("1750"), "Next Management")
    assert sorted(line.amount for line in row.lines.all()) == [usd("750"), usd("1000")]
    assert trust_equation(home.deposit_book.pk).cash == ZERO
    assert set(Deposit.objects.values_list("state", flat=True)) == {"handed_over"}
    assert Notice.objects.filter(kind="transfer", to="Next Management").count() == 2
    services.add_receipt(row, on=TODAY, name="r.pdf", body=b"%PDF-1.4 signed")
    assert HandOver.objects.get().receipt_name == "r.pdf"


def test_hand_over_whose_check_came_back_is_undone() -> None:
    home = make.home_in("CA", deposit="1000.00")
    make.checks(home.deposit_book)
    services.hand_over(home.property, kind="manager", to="Next", on=TODAY)
    payment = Payment.objects.get()

    payments.void(payment, why="Wrong payee", on=TODAY, actor_id=None)

    assert Deposit.objects.get().state == Deposit.State.HELD
    again = services.hand_over(home.property, kind="manager", to="Next Co.", on=TODAY)
    assert again.amount == usd("1000")
    assert HandOver.objects.filter(is_back=True).count() == 1


def test_deposits_stay_when_the_owner_changes() -> None:
    home = make.home_in("CA", deposit="1000.00")

    row = services.hand_over(home.property, kind="new_owner", to="New Owner LLC", on=TODAY)

    assert row.payment is None
    assert trust_equation(home.deposit_book.pk).cash == usd("1000")
    assert Deposit.objects.get().state == Deposit.State.HELD
    assert Notice.objects.get(kind="transfer").to == "New Owner LLC"


def test_open_move_out_stops_a_hand_over() -> None:
    home = make.home_in("CA")
    make.sheet(home, moved_out_on=TODAY, deductions={})
    make.checks(home.deposit_book)

    with pytest.raises(DepositsError, match="is not settled"):
        services.hand_over(home.property, kind="manager", to="Next", on=TODAY)


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("units", "6", 6),
        ("owner_is_natural_person", "yes", True),
        ("deposit_taken_on", "2024-07-01", "2024-07-01"),
        ("deposit", "1500.00", "1500.00"),
        ("deposit_held_as", "bond", "bond"),
    ],
)
def test_facts_are_kept_as_their_type(name: str, text: str, kept: object) -> None:
    assert law.parse(name, text) == kept
    law.read(name, kept)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("units", "many"),
        ("units", "-1"),
        ("owner_is_natural_person", "perhaps"),
        ("deposit_taken_on", "yesterday"),
        ("deposit", "a lot"),
        ("deposit_held_as", "in a jar"),
        ("colour", "red"),
    ],
)
def test_wrong_facts_are_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"answer|asks"):
        law.parse(name, text)
