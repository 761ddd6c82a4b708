"""Around the services: what a plain SQL statement can do to other people's money."""

import pytest
from django.db import Error, connection, transaction

from desk import services as desk
from desk.models import Action, Role
from tests.security.world import World, a_world

pytestmark = pytest.mark.django_db

ATTACKS = [
    "UPDATE receivables_charge SET amount = amount + 1",
    "UPDATE receivables_charge SET paid = amount",
    "UPDATE receivables_charge SET due_on = due_on + 1",
    "UPDATE receivables_charge SET entry_id = NULL WHERE entry_id IS NOT NULL",
    "DELETE FROM receivables_charge",
    "UPDATE receivables_allocation SET amount = amount - 1",
    "UPDATE receivables_allocation SET undone_by_id = NULL",
    "DELETE FROM receivables_allocation",
    "UPDATE receivables_receipt SET gross = gross + 1 WHERE entry_id IS NOT NULL",
    "UPDATE receivables_receipt SET book_id = NULL",
    "DELETE FROM receivables_receipt",
    "UPDATE receivables_comeback SET amount = 1",
    "DELETE FROM receivables_comeback",
    "UPDATE receivables_remittance SET amount = amount + 1",
    "DELETE FROM receivables_remittance",
    "UPDATE receivables_depositslip SET total = total + 1",
    "UPDATE receivables_depositslip SET number = 'x'",
    "DELETE FROM receivables_depositslip",
    "UPDATE reconciliation_bankline SET amount = amount + 1",
    "UPDATE reconciliation_bankline SET is_matched = NOT is_matched",
    "DELETE FROM reconciliation_bankline",
    "UPDATE reconciliation_match SET points = 100 - points",
    "UPDATE reconciliation_matchline SET is_live = false",
    "DELETE FROM reconciliation_matchline",
    "DELETE FROM reconciliation_matchbankline",
    "UPDATE reconciliation_statement SET closing = 0",
    "UPDATE reconciliation_statementfile SET body = 'x'",
    "UPDATE statements_trustreport SET sha256 = 'x' WHERE state = 'made'",
    "UPDATE statements_trustreport SET state = 'queued' WHERE state = 'made'",
    "DELETE FROM statements_trustreport WHERE state = 'made'",
    "UPDATE desk_auditevent SET text = 'x'",
    "DELETE FROM desk_auditevent",
    "UPDATE desk_approval SET facts = '{\"amount\": 1}'",
    "UPDATE desk_approval SET maker_id = maker_id + 1, text = 'x'",
    "DELETE FROM desk_approval",
    "UPDATE desk_note SET text = 'x'",
    "DELETE FROM desk_note",
    "UPDATE desk_action SET said = 'x'",
    "DELETE FROM desk_action",
    "UPDATE ledger_line SET amount = -amount",
    "DELETE FROM ledger_line",
    "UPDATE ledger_entry SET memo = 'x'",
    "DELETE FROM ledger_entry",
    "UPDATE ledger_balance SET amount = amount + 1",
    "DELETE FROM ledger_balance",
    "UPDATE ledger_period SET closed_at = NULL WHERE closed_at IS NOT NULL",
    "DELETE FROM ledger_period",
    "UPDATE ledger_book SET closed_through = NULL WHERE closed_through IS NOT NULL",
    "UPDATE ledger_beneficiary SET kind = 'company' WHERE kind = 'owner'",
    "TRUNCATE receivables_allocation, receivables_comeback CASCADE",
    "TRUNCATE receivables_receipt CASCADE",
    "TRUNCATE reconciliation_match CASCADE",
    "TRUNCATE statements_trustreport CASCADE",
    "TRUNCATE desk_auditevent",
    "TRUNCATE desk_action",
    "TRUNCATE desk_note",
    "TRUNCATE desk_approval",
    "TRUNCATE ledger_line CASCADE",
]


def a_noted_world() -> World:
    """A company with an action and a note of a person, too."""
    made = a_world()
    person = made.people[Role.BOOKKEEPER]
    desk.add_note(made.item, "Called the bank.", actor=person)
    Action.objects.create(item=made.item, remedy="match:1", actor=person, said="Matched")
    return made


def test_nothing_that_is_posted_told_or_decided_is_altered_by_sql() -> None:
    a_noted_world()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    done = []
    for attack in ATTACKS:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(attack)
                assert cursor.rowcount != 0, f"nothing to attack: {attack}"
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                transaction.set_rollback(True)
                done.append(attack)
        except Error:
            continue
    assert "\n".join(done) == ""


def test_decided_approval_stays_and_a_waiting_one_is_decided_once() -> None:
    world = a_world()
    second = world.people[Role.ADMINISTRATOR]
    desk.decide(world.approval, is_agreed=True, checker=second)

    with pytest.raises(Error, match="stays as it was asked"), transaction.atomic():
        type(world.approval).objects.filter(pk=world.approval.pk).update(state="refused")


def test_long_match_of_many_lines_is_kept_with_its_action() -> None:
    world = a_world()
    remedy = "match:" + ",".join(str(number) for number in range(900_000, 900_060))
    made = Action.objects.create(
        item=world.item, remedy=remedy, actor=world.people[Role.BOOKKEEPER], said="Matched"
    )
    assert Action.objects.get(pk=made.pk).remedy == remedy
