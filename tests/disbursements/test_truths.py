"""What PostgreSQL keeps about runs and draws, whoever writes: plain SQL around the services."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from disbursements import services
from disbursements.models import DrawLine, DrawProperty, OwnerDraw, Run
from proptrust.lib.money import usd
from tests.disbursements.world import APRIL, World, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    """A company whose owner has 920.00."""
    here = world()
    here.rent(date(2026, 3, 2))
    return here


def refused(sql: str, *values: str | int | date | Decimal | None, by: str) -> None:
    """Run plain SQL that PostgreSQL must refuse by the name of a truth."""
    with (
        pytest.raises(DatabaseError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
    assert refusal.value.__cause__ is not None
    diagnosis = refusal.value.__cause__.diag  # type: ignore[attr-defined]
    assert diagnosis.constraint_name == by


def test_figures_of_a_draw_add_up(here: World) -> None:
    here.freeze()
    refused("UPDATE disbursements_ownerdraw SET amount = amount + 0.01", by="draw_adds_up")
    refused("UPDATE disbursements_drawproperty SET closing = 1", by="draw_property_adds_up")
    refused(
        "UPDATE disbursements_ownerdraw SET amount = -1, closing = closing + amount + 1",
        by="draw_pays_nothing_below_zero",
    )


@pytest.mark.parametrize(
    "sql",
    [
        # A cent more collected than the lines say, paid out.
        "UPDATE disbursements_ownerdraw SET collected = collected + 0.01, amount = amount + 0.01",
        # A cent moved from one figure to another.
        "UPDATE disbursements_ownerdraw SET collected = collected + 0.01, fees = fees - 0.01",
        # A property pays other than its draw.
        "UPDATE disbursements_drawproperty SET amount = amount - 1, closing = closing + 1",
        # Held back without a receipt.
        "UPDATE disbursements_ownerdraw SET held_back = 5",
    ],
)
def test_a_run_whose_figures_are_not_its_lines_is_not_reviewed(here: World, sql: str) -> None:
    run = here.freeze()
    with connection.cursor() as cursor:
        cursor.execute(sql)

    refused(
        "UPDATE disbursements_run SET state = 'reviewed' WHERE id = %s",
        run.pk,
        by="draw_is_its_lines",
    )


def test_a_line_is_in_one_draw_for_ever(here: World) -> None:
    here.send()
    line = DrawLine.objects.filter(part="counted").first()
    assert line is not None
    here.rent(date(2026, 4, 2))
    here.freeze(APRIL)
    place = DrawProperty.objects.order_by("-id")[0]

    refused(
        "INSERT INTO disbursements_drawline (draw_property_id, part, section, line_id, entry_id,"
        " amount, amount_currency, dated_on) VALUES (%s, 'counted', 'rent', %s, %s, %s, 'USD', %s)",
        place.pk,
        line.line_id,
        line.entry_id,
        line.amount.amount,
        line.dated_on,
        by="line_in_one_draw",
    )


def test_a_line_says_what_the_journal_says(here: World) -> None:
    here.freeze()
    line = DrawLine.objects.filter(part="counted").order_by("-amount")[0]

    refused(
        "INSERT INTO disbursements_drawline (draw_property_id, part, section, line_id, entry_id,"
        " amount, amount_currency, dated_on)"
        " VALUES (%s, 'next_cycle', 'rent', %s, %s, %s, 'USD', %s)",
        line.draw_property_id,
        line.line_id,
        line.entry_id,
        line.amount.amount + 1,
        line.dated_on,
        by="draw_line_is_journal",
    )


@pytest.mark.parametrize("state", ["approved", "sent", "matched"])
def test_a_run_leaps_over_no_state(here: World, state: str) -> None:
    run = here.freeze()
    people = (here.checker.pk, here.maker.pk, run.pk)

    refused(
        f"UPDATE disbursements_run SET state = '{state}', approved_by_id = %s, reviewed_by_id = %s"
        " WHERE id = %s",
        *people,
        by="run_goes_forward",
    )


def test_a_run_never_goes_back_and_stays(here: World) -> None:
    run = here.send()
    refused("UPDATE disbursements_run SET state = 'approved'", by="run_goes_forward")
    refused(
        "UPDATE disbursements_run SET state = 'cancelled', cancelled_why = 'x'",
        by="run_goes_forward",
    )
    refused("UPDATE disbursements_run SET pays_on = pays_on + 1", by="run_facts_stay")
    refused("DELETE FROM disbursements_run WHERE id = %s", run.pk, by="run_goes_forward")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    refused("TRUNCATE disbursements_run CASCADE", by="disbursements_never_emptied")
    refused(
        "INSERT INTO disbursements_run (entity_id, cut_off_on, pays_on, state, made_by_id,"
        " approved_by_id, reviewed_by_id, cancelled_why)"
        " VALUES (%s, '2026-04-01', '2026-04-01', 'sent', %s, %s, %s, '')",
        here.home.entity.pk,
        here.maker.pk,
        here.checker.pk,
        here.maker.pk,
        by="run_goes_forward",
    )


def test_the_maker_of_a_run_is_never_its_checker(here: World) -> None:
    run = here.freeze()
    services.review_run(run, actor=here.maker)

    refused(
        "UPDATE disbursements_run SET state = 'approved', approved_by_id = made_by_id",
        by="run_maker_is_never_checker",
    )
    refused("UPDATE disbursements_run SET state = 'approved'", by="run_is_approved_by_someone")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE disbursements_ownerdraw SET amount = amount - 1, closing = closing + 1",
        "UPDATE disbursements_ownerdraw SET memo = 'other'",
        "UPDATE disbursements_drawproperty SET reserve_held = 1",
        "UPDATE disbursements_drawline SET section = 'other'",
        "UPDATE disbursements_drawline SET part = 'freed'",
        "DELETE FROM disbursements_drawline",
    ],
)
def test_rows_of_a_sent_run_never_change(here: World, sql: str) -> None:
    here.send()
    refused(sql, by="run_rows_stay")


def test_an_approved_draw_is_not_raised(here: World) -> None:
    run = here.freeze()
    services.lower_draw(run.draws.get(), usd(100), reason="Less", actor=here.maker)
    here.approve(run)

    refused(
        "UPDATE disbursements_ownerdraw SET amount = 50, closing = closing + 50", by="run_rows_stay"
    )


def test_a_sent_run_was_paid_as_it_says(here: World) -> None:
    run = here.approve(here.freeze())

    refused(
        "UPDATE disbursements_run SET state = 'sent', sent_by_id = %s WHERE id = %s",
        here.maker.pk,
        run.pk,
        by="sent_draw_is_paid",
    )


def test_a_company_has_one_open_run(here: World) -> None:
    here.freeze()

    refused(
        "INSERT INTO disbursements_run (entity_id, cut_off_on, pays_on, state, made_by_id,"
        " cancelled_why) VALUES (%s, '2026-04-01', '2026-04-01', 'frozen', %s, '')",
        here.home.entity.pk,
        here.maker.pk,
        by="one_open_run_per_entity",
    )


def test_a_cancelled_run_frees_its_lines(here: World) -> None:
    run = here.freeze()

    refused(
        "UPDATE disbursements_run SET state = 'cancelled', cancelled_why = 'x' WHERE id = %s",
        run.pk,
        by="cancelled_run_frees_lines",
    )
    services.cancel_run(run, why="Wrong day", actor=here.maker)
    assert not DrawLine.objects.filter(part="counted").exists()


def test_nothing_is_added_to_a_run_that_waits_for_its_checker(here: World) -> None:
    run = services.review_run(here.freeze(), actor=here.maker)
    draw = OwnerDraw.objects.get(run=run)

    refused(
        "INSERT INTO disbursements_drawline (draw_property_id, part, section, entry_id, amount,"
        " amount_currency, dated_on, until_on)"
        " SELECT draw_property_id, 'held_back', section, entry_id, 1, 'USD', dated_on, dated_on"
        " FROM disbursements_drawline LIMIT 1",
        by="run_rows_stay",
    )
    assert draw.run.state == Run.State.REVIEWED
