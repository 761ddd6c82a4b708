"""A worker that is killed in the middle of its work and started again: nothing lost or twice.

The worker is held where it has written and not yet committed: the test holds a lock that its next
statement needs, sees it wait there, and sends SIGKILL.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ledger.models import BankAccount
from receivables.models import DepositSlip
from reconciliation import services
from reconciliation.models import BankLine, Match, Statement, StatementFile
from tests.factories.reconciliation import MONDAY, a_bank_account, bai2, booked, move

ROOT = Path(__file__).resolve().parents[2]
LINES = 400
WAIT_SECONDS = 60


@contextmanager
def holding(environment: Mapping[str, str], table: str) -> Iterator[psycopg.Connection[object]]:
    """Keep everybody from writing to a table."""
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield connection


def killed_while_it_waits(environment: Mapping[str, str], table: str, *command: str) -> None:
    """Run a command until it waits for a table, and kill it there."""
    with holding(environment, table) as connection:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while not _waits(connection, table):
            if worker.poll() is not None:
                assert worker.stderr is not None
                pytest.fail(f"it ended without waiting: {worker.stderr.read().decode()[-2000:]}")
            assert time.monotonic() < deadline, "it never came to the table"
            time.sleep(0.05)
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait(WAIT_SECONDS) == -signal.SIGKILL
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        while _others(connection):  # PostgreSQL rolls back what nobody waits for any more.
            assert time.monotonic() < deadline + WAIT_SECONDS
            time.sleep(0.05)


def _waits(connection: psycopg.Connection[object], table: str) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table]
        ).fetchone()
    )


def _others(connection: psycopg.Connection[object]) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        ).fetchone()
    )


def run(environment: Mapping[str, str], *command: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def a_stored_file() -> tuple[BankAccount, StatementFile]:
    account = a_bank_account()
    moves = [move("10.00", reference=f"S-CA-{n:05d}") for n in range(LINES)]
    file = services.store_file(
        entity_id=account.book.entity_id, name="day.bai", body=bai2(account, MONDAY, moves)
    )
    return account, file


TASK = "from reconciliation import tasks; print(tasks.{}())"


@pytest.mark.django_db(transaction=True)
def test_import_that_is_killed_after_it_wrote_its_lines(
    subprocess_environment: Mapping[str, str],
) -> None:
    _, file = a_stored_file()

    killed_while_it_waits(
        subprocess_environment,
        "desk_auditevent",  # The last thing that an import writes.
        "shell",
        "-v0",
        "-c",
        TASK.format("import_pending"),
    )

    file.refresh_from_db()
    assert (file.state, file.attempts) == (StatementFile.State.STORED, 1)
    assert (BankLine.objects.count(), Statement.objects.count()) == (0, 0)

    said = run(subprocess_environment, "shell", "-v0", "-c", TASK.format("import_pending"))
    again = run(subprocess_environment, "shell", "-v0", "-c", TASK.format("import_pending"))

    assert f"{LINES} new bank lines, 0 files refused" in said
    assert "0 files" in again
    assert BankLine.objects.count() == LINES


@pytest.mark.django_db(transaction=True)
def test_matching_run_that_is_killed_between_its_tables(
    subprocess_environment: Mapping[str, str],
) -> None:
    account, file = a_stored_file()
    services.import_file(file.pk)
    for number in range(LINES):
        line = booked(account, "10.00")
        DepositSlip.objects.create(
            book=account.book,
            number=f"S-CA-{number:05d}",
            deposited_on=MONDAY,
            total=line.amount,
            entry=line.entry,
        )

    killed_while_it_waits(
        subprocess_environment,
        "reconciliation_matchline",  # Matches and their bank lines are written by then.
        "shell",
        "-v0",
        "-c",
        TASK.format("match_all"),
    )

    assert Match.objects.count() == 0
    assert not BankLine.objects.filter(is_matched=True).exists()

    two = [
        subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v0", "-c", TASK.format("match_all")],
            cwd=ROOT,
            env=dict(subprocess_environment),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = sorted(worker.communicate(timeout=WAIT_SECONDS * 2)[0].strip() for worker in two)

    assert said == ["0 bank lines matched", f"{LINES} bank lines matched"]
    assert Match.objects.count() == LINES
    assert not BankLine.objects.filter(is_matched=False).exists()
