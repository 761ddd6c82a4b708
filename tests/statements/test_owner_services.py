"""Made statements stay, broken work is taken up again, and nothing falls between two of them."""

import io
import threading
import time
from datetime import date
from typing import Any

import pikepdf
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.utils import timezone

from ledger import queries
from proptrust.lib.money import usd
from statements import canonical, tasks
from statements.errors import StatementsError, StillWriting
from statements.models import OwnerLink, OwnerStatement
from statements.owners import links, pdf, reading, services
from statements.owners.stored import rows_of
from statements.pdf import attached_files
from statements.verifying import verify
from tests.factories.desk import person
from tests.factories.leases import Company
from tests.factories.ledger import a_receipt
from tests.ledger.plain_sql import run
from tests.statements.owner_world import (
    APRIL,
    FEBRUARY,
    MARCH,
    adds_up,
    ask,
    lines_of,
    publish,
    rent_paid,
    returned,
    stamp,
    thirds,
    told,
)
from tests.statements.published import with_attachment
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    made = thirds()
    rent_paid(made, date(2026, 3, 2), "900.00")
    return made


@pytest.fixture
def composed(home: Company) -> OwnerStatement:
    return ask(home, MARCH, [0])[0]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE statements_ownerstatement SET closing = 0 WHERE id = %s",
        "UPDATE statements_ownerstatement SET state = 'failed' WHERE id = %s",
        "DELETE FROM statements_ownerstatement WHERE id = %s",
    ],
)
def test_a_made_statement_stays_whoever_writes(composed: OwnerStatement, sql: str) -> None:
    stamp(composed)

    with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
        run(sql, [composed.pk])


def test_made_statements_are_never_emptied(composed: OwnerStatement) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
        run("TRUNCATE statements_ownerstatement CASCADE")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SET closing = closing + 1, paid = paid - 1", "composed and stay"),
        ("SET rows = 'other'", "composed and stay"),
        ("SET to_on = to_on - 1", "keeps its owner, days and version"),
        ("SET version = 7", "keeps its owner, days and version"),
    ],
)
def test_composed_rows_stay_until_they_are_printed(
    composed: OwnerStatement, sql: str, said: str
) -> None:
    with pytest.raises(DatabaseError, match=said), transaction.atomic():
        run(f"UPDATE statements_ownerstatement {sql} WHERE id = %s", [composed.pk])


def test_figures_that_do_not_add_up_are_refused_by_the_database(home: Company) -> None:
    (row,) = services.request_statements(
        home.entity, from_on=MARCH[0], to_on=MARCH[1], owner_ids=[home.owners[0].pk]
    )

    with pytest.raises(IntegrityError, match="owner_statement_adds_up"), transaction.atomic():
        run(
            "UPDATE statements_ownerstatement SET state = 'composed', rows = 'x',"
            " known_at = now(), opening = 1, change = 1, paid = 1, closing = 2,"
            " opening_currency = 'USD' WHERE id = %s",
            [row.pk],
        )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE statements_ownerlink SET revoked_at = NULL",
        "UPDATE statements_ownerlink SET nonce = 'another'",
        "UPDATE statements_ownerlink SET expires_at = expires_at + interval '1 day'",
    ],
)
def test_a_link_that_was_taken_back_stays_back(composed: OwnerStatement, sql: str) -> None:
    actor = person(entity=composed.entity)
    link = links.make_link(stamp(composed), made_by=actor)
    links.revoke_link(link, actor=actor)

    with pytest.raises(DatabaseError, match="only ends; make another"), transaction.atomic():
        run(sql)
    assert OwnerLink.objects.get().revoked_at is not None


def test_same_rows_give_the_same_bytes_and_carry_them(composed: OwnerStatement) -> None:
    rows = rows_of(composed)
    document = pdf.render(rows)
    time.sleep(1.1)  # Fonts and metadata count in whole seconds.

    assert canonical.sha256(pdf.render(rows)) == canonical.sha256(document)
    files = attached_files(document)
    assert files[pdf.ROWS_FILE] == bytes(composed.rows or b"") == canonical.to_json(rows)
    assert b"Rent March 2026" in files["lines.csv"]
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert opened.open_metadata()["pdfaid:part"] == "3"
        assert opened.Root.MarkInfo.Marked


def test_the_published_file_is_genuine_and_a_changed_one_is_named(home: Company) -> None:
    (made,) = publish(home, MARCH, [0])
    document = bytes(made.pdf or b"")
    altered = bytes(made.rows or b"").replace(b'"closing": "276.00"', b'"closing": "999.00"')

    genuine = verify(document)
    forged = verify(with_attachment(document, pdf.ROWS_FILE, altered))

    assert genuine.is_genuine
    assert genuine.differences == []
    assert not forged.is_genuine
    assert "closing: is 999.00, was published as 276.00" in forged.differences
    assert not verify(document, entity_ids=[]).is_genuine


def test_a_replaced_version_says_so(home: Company) -> None:
    (first,) = publish(home, MARCH, [0])
    (second,) = publish(home, MARCH, [0])

    assert verify(bytes(first.pdf or b"")).checks[-1] == "superseded by version 2"
    assert second.supersedes_id == first.pk


def test_work_that_broke_anywhere_is_done_when_started_again(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = services.request_statements(
        home.entity, from_on=MARCH[0], to_on=MARCH[1], owner_ids=[home.owners[0].pk]
    )

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit("killed")

    for module, name in ((reading, "statement_facts"), (services, "_store")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(SystemExit):
                services.compose_statements([row.pk])
    assert services.compose_statements([row.pk]) == 1
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "render", killed)
        with pytest.raises(SystemExit):
            services.make_statement(row.pk)
    made = services.make_statement(row.pk)

    assert made.state == OwnerStatement.State.MADE
    assert services.make_statement(row.pk).sha256 == made.sha256
    assert OwnerStatement.objects.count() == 1


def test_what_breaks_each_time_fails_with_a_reason_and_can_be_asked_for_again(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [home.owners[0].pk]
    (row,) = services.request_statements(
        home.entity, from_on=MARCH[0], to_on=MARCH[1], owner_ids=wanted
    )

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "statement_facts", broken)
        for _ in range(services.MAX_ATTEMPTS):
            with pytest.raises(RuntimeError):
                services.compose_statements([row.pk])
        assert services.compose_statements([row.pk]) == 0
    row.refresh_from_db()
    assert (row.state, row.reason) == ("failed", "It did not finish in 3 attempts.")

    (again,) = services.request_statements(
        home.entity, from_on=MARCH[0], to_on=MARCH[1], owner_ids=wanted
    )
    assert (again.pk, again.version) == (row.pk, 1)
    assert services.compose_statements([again.pk]) == 1


def test_lost_statements_are_taken_up_again(home: Company) -> None:
    rows = services.request_statements(home.entity, from_on=MARCH[0], to_on=MARCH[1])
    OwnerStatement.objects.update(asked_at=timezone.now() - 2 * tasks.LOST_AFTER)

    said = tasks.make_waiting_owner_statements()
    tasks.make_waiting_owner_statements()

    assert said == "2 lost owner statements were taken up again"
    assert {OwnerStatement.objects.get(pk=row.pk).state for row in rows} == {"made"}


def test_figures_that_do_not_tie_to_the_ledger_are_not_printed(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = services.request_statements(home.entity, from_on=MARCH[0], to_on=MARCH[1])
    who = home.owner_beneficiaries()[0]
    real = queries.balances

    def one_cent_more(**asked: Any) -> Any:
        return {
            holder: held + usd("0.01") if holder == who else held
            for holder, held in real(**asked).items()
        }

    monkeypatch.setattr(queries, "balances", one_cent_more)
    assert services.compose_statements([row.pk for row in rows]) == 1
    failed = OwnerStatement.objects.get(owner=home.owners[0])
    assert failed.state == "failed"
    assert "comes to 276.00, but the ledger holds 276.01" in failed.reason
    assert OwnerStatement.objects.get(owner=home.owners[1]).state == "composed"


def test_a_return_of_months_ago_is_found_on_the_statement_that_had_it(home: Company) -> None:
    february = rent_paid(home, date(2026, 2, 3), "300.00")
    for span in (FEBRUARY, MARCH):
        told(home, span, [0])
    returned(home, february, date(2026, 4, 7))

    (april,) = told(home, APRIL, [0])

    assert {line.refers_to.split(" (")[0] for line in lines_of(april, "adjustment")} == {
        "Statement February 2026"
    }
    adds_up(april)


@pytest.mark.django_db(transaction=True)
def test_asking_at_the_same_moment_makes_one(home: Company) -> None:
    def ask_for_march() -> list[OwnerStatement]:
        return services.request_statements(home.entity, from_on=MARCH[0], to_on=MARCH[1])

    answers = at_once(*[ask_for_march] * 4)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert OwnerStatement.objects.count() == 2
    ids = sorted(OwnerStatement.objects.values_list("pk", flat=True))
    at_once(*[lambda: services.compose_statements(ids)] * 3)
    at_once(*[lambda: services.make_statement(ids[0])] * 2)
    assert OwnerStatement.objects.get(pk=ids[0]).state == "made"
    assert OwnerStatement.objects.get(pk=ids[1]).state == "composed"


@pytest.mark.django_db(transaction=True)
def test_what_is_being_written_meanwhile_stands_on_the_next_statement(home: Company) -> None:
    written, go_on = threading.Event(), threading.Event()
    who = home.property.shares.get(owner=home.owners[0]).beneficiary

    def write_slowly() -> None:
        from ledger.services import post

        with transaction.atomic():
            post(a_receipt(home.rent_book, (who, usd("44.00")), dated_on=date(2026, 3, 30)))
            written.set()
            assert go_on.wait(30)
        connections.close_all()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert written.wait(30)
    (march,) = told(home, MARCH, [0])
    go_on.set()
    writer.join(30)
    (april,) = told(home, APRIL, [0])

    assert march.closing == april.opening == "276.00"
    assert [line.amount for line in lines_of(april, "adjustment")] == ["44.00"]
    adds_up(april)


def test_a_writer_that_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        reading,
        "_SETTLED",
        "SELECT statement_timestamp(), statement_timestamp() - interval '11 minutes'",
    )
    with pytest.raises(StillWriting, match="has been writing to the books since"):
        reading.settled_moment()
    assert connection.is_usable()


def test_a_link_needs_a_statement_that_is_made(composed: OwnerStatement) -> None:
    with pytest.raises(StatementsError, match="not made yet"):
        links.make_link(composed, made_by=person(entity=composed.entity))
