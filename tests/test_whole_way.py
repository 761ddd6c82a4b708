"""Three months of the sample company, from its files to its trust reports, against the truth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from connectors.models import Event, EventConflict
from desk import services as desk
from desk.models import LegalEntity, WorkItem
from ledger.models import BankAccount, Entry, Line
from receivables.models import Receipt
from reconciliation import queries
from reconciliation.models import BankLine, Match
from reconciliation.types import ThreeWay
from statements import services as statements
from statements.models import TrustReport
from tests.simulator import company as simulation
from tests.simulator.company import Simulation
from tests.simulator.doors import Doors
from tests.simulator.life import BankMove, last_day
from tests.simulator.loading import load

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("whole_way")]


@dataclass(frozen=True)
class Company:
    """The loaded company beside its truth."""

    entity: LegalEntity
    made: Simulation

    def account(self, move: BankMove) -> BankAccount:
        """The bank account that a movement is on."""
        world = self.made.world
        rent = move.purpose == "rent"
        one = world.rent_account(move.state) if rent else world.deposit_account(move.state)
        return BankAccount.objects.get(book__entity=self.entity, last_four=one.number[-4:])

    def line_of(self, move: BankMove) -> BankLine:
        """The bank line that was made of a movement: there is exactly one."""
        lines = BankLine.objects.filter(
            bank_account=self.account(move), posted_on=move.on, amount=move.amount
        )
        fitting = [
            line
            for line in lines
            if move.text in line.description
            and (move.reference in f"{line.description} {line.bank_reference}")
        ]
        assert len(fitting) == 1, (move, list(lines))
        return fitting[0]


@pytest.fixture(scope="module")
def company(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Company]:
    """80 units, 3 months, seed 7: loaded once, undone after the last test of this file."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # What must be outermost may be inside it.
    with django_db_blocker.unblock(), around:
        made = simulation.make(seed=7, units=80, months=3)
        yield Company(load(made, say=lambda _: None), made)
        transaction.set_rollback(True)


def moves(company: Company) -> list[BankMove]:
    return company.made.life.moves


def answered(company: Company, line: Line) -> str:
    """What a journal line is, in the words of the truth."""
    entry = line.entry
    if hasattr(entry, "remittance"):
        return f"remittance:{entry.remittance.vendor_id}"
    if hasattr(entry, "deposit_slip"):
        return f"slip:{entry.deposit_slip.number}"
    if hasattr(entry, "opening_item"):
        return f"opening:{entry.opening_item.number}"
    if hasattr(entry, "comeback"):
        return f"return:{entry.comeback.receipt.payment.rpartition('-')[2]}"
    receipt: Receipt = entry.receipt
    if receipt.connection is not None and receipt.connection.slug == "ach_nacha":
        assert receipt.lease is not None
        return f"ach_batch:ACH-{receipt.lease.unit.property.state}-{receipt.settles_on:%Y%m%d}"
    (payment,) = [
        payment
        for payment in company.made.life.payments
        if payment.channel == "bank_transfer"
        and receipt.lease is not None
        and payment.lease.code == receipt.lease.code
        and payment.settled_on == receipt.received_on
        and payment.amount == receipt.gross.amount
    ]
    return f"transfer:{payment.id}"


def three_way(company: Company, account: BankAccount) -> ThreeWay:
    return queries.three_way(account.pk, on=last_day(company.made.world))


def trust_accounts(company: Company) -> list[BankAccount]:
    return list(BankAccount.objects.filter(book__entity=company.entity).order_by("last_four"))


def test_every_bank_movement_is_one_bank_line(company: Company) -> None:
    known = [company.line_of(move).pk for move in moves(company)]

    assert len(set(known)) == len(moves(company))
    assert BankLine.objects.filter(bank_account__book__entity=company.entity).count() == len(known)


def test_every_payment_that_arrived_is_posted_once_for_the_right_lease(company: Company) -> None:
    posted = Counter[str]()
    for receipt in Receipt.objects.filter(entity=company.entity).select_related("lease"):
        if receipt.entry_id is None or receipt.channel == "wire":
            continue
        name = receipt.payment
        if receipt.channel in {"check", "money_order"}:
            slip, number, payer = name.split(":")
            (payment,) = [
                p for p in company.made.life.slips[slip] if (p.number, p.payer) == (number, payer)
            ]
            name = payment.id
        else:
            name = name[-5:]
        lease, amount = company.made.truth.settled[name]
        assert receipt.lease is not None
        assert (receipt.lease.code, receipt.gross.amount) == (lease, amount)
        posted[name] += 1

    wanted = {
        payment.id
        for payment in company.made.life.payments
        if payment.id in company.made.truth.settled and payment.channel != "bank_transfer"
    }
    assert set(posted) == wanted
    assert set(posted.values()) == {1}


def test_no_automatic_match_is_wrong(company: Company) -> None:
    truth = {company.line_of(move).pk: move for move in moves(company)}
    matches = Match.objects.filter(
        bank_account__book__entity=company.entity, undone_at__isnull=True
    ).prefetch_related("bank_sides", "journal_sides__line__entry")

    wrong = []
    for match in matches:
        assert match.made == Match.Made.AUTOMATIC
        answers = {a for side in match.bank_sides.all() for a in truth[side.bank_line_id].answers}
        given = {answered(company, side.line) for side in match.journal_sides.all()}
        if answers != given:
            wrong.append((match, answers, given))

    assert matches
    assert wrong == []


def test_nine_of_ten_bank_lines_are_matched_without_a_person(company: Company) -> None:
    lines = BankLine.objects.filter(bank_account__book__entity=company.entity)

    assert lines.filter(is_matched=True).count() >= 0.9 * lines.count()


def test_three_figures_agree_but_for_the_planted_faults(company: Company) -> None:
    planted: dict[int, Decimal] = Counter()  # type: ignore[assignment]
    for move in moves(company):
        if move.fault:
            planted[company.account(move).pk] += move.amount
    typed_wrong = {
        payment.lease.state: payment
        for payment in company.made.life.payments
        if payment.typed_amount
    }
    assert set(typed_wrong) == {"CA"}

    for account in trust_accounts(company):
        figures = three_way(company, account)
        assert figures.beneficiary_difference.amount == 0
        assert figures.bank_difference.amount == planted.get(account.pk, 0)
        assert figures.explained()


def test_every_planted_fault_is_on_the_desk_with_its_reason(company: Company) -> None:
    for move in moves(company):
        if not move.fault:
            continue
        item = WorkItem.objects.get(
            kind=move.fault,
            subject_type="reconciliation.bankline",
            subject_id=company.line_of(move).pk,
        )
        assert item.state == WorkItem.State.OPEN
        assert item.amount is not None
        assert item.amount.amount == move.amount
        assert item.reason


def test_every_return_is_on_the_desk(company: Company) -> None:
    returned = [
        payment
        for payment in company.made.life.payments
        if payment.fate == "returned"
        and payment.back_on is not None
        and payment.back_on <= last_day(company.made.world)
    ]

    assert len(returned) >= 3
    assert WorkItem.objects.filter(kind="payment_returned").count() == len(returned)


def test_no_event_waits_failed_or_was_told_twice_differently(company: Company) -> None:
    assert set(Event.objects.values_list("state", flat=True)) == {"heard"}
    assert not EventConflict.objects.exists()


def test_the_journal_checks_out(company: Company) -> None:
    call_command("check_journal")


@pytest.mark.layout
def test_the_trust_reports_print_the_same_three_figures(company: Company) -> None:
    end = last_day(company.made.world)
    outcomes = {}
    for account in trust_accounts(company):
        asked = statements.request_report(
            bank_account_id=account.pk, from_on=end.replace(day=1), to_on=end, asked_by=None
        )
        report = statements.make_report(asked.pk)
        figures = three_way(company, account)
        rows = _rows(report)
        assert rows["result"]["adjusted_bank"] == f"{figures.bank.amount:.2f}"
        assert rows["result"]["book"] == rows["closing"] == f"{figures.book.amount:.2f}"
        assert rows["result"]["beneficiaries"] == rows["closing"]
        listed = sum(Decimal(row["closing"]) for row in rows["beneficiaries"])
        assert f"{listed:.2f}" == rows["closing"]
        if rows["journal"]:
            assert rows["journal"][-1]["balance"] == rows["closing"]
        outcomes[account.last_four] = report.outcome

    good, bad = TrustReport.Outcome.CERTIFIABLE, TrustReport.Outcome.NOT_CERTIFIABLE
    # Deposit accounts are in order but for Worcester's paper fee; each rent account has a fault.
    assert {outcomes[four] for four in ("4839", "7728", "2272")} == {good}
    assert {outcomes[four] for four in ("4821", "7710", "2264", "9905", "9913")} == {bad}


def _rows(report: TrustReport) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads(bytes(report.rows or b""))
    return rows


def test_bringing_everything_again_changes_nothing(company: Company) -> None:
    def counted() -> tuple[int, ...]:
        models = (Entry, Line, Receipt, BankLine, Match, Event, WorkItem)
        return tuple(model.objects.count() for model in models)

    before = counted()
    doors = Doors(company.entity, company.made.world, company.made.life)
    for item in company.made.items:
        doors.bring(item)
    desk.run_detectors(company.entity.pk)

    assert counted() == before


def test_the_same_seed_writes_the_same_files() -> None:
    one, other = (simulation.make(seed=11, units=24, months=1) for _ in range(2))

    assert one.items == other.items
    assert one.portfolio == other.portfolio
    assert one.truth == other.truth
    assert (
        one.items
        != simulation.make(seed=12, units=24, months=1, cut_over_on=date(2026, 7, 31)).items
    )
