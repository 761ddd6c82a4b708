"""The worker's guardian: a cluster that dies or stands still is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import psutil
import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from django_q.models import Task
from django_q.tasks import async_task

from desk.management.commands import run_worker
from desk.models import Heartbeat

MINUTE = timedelta(minutes=1)


def wait_until(is_so: Callable[[], object], *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def finish_task(minutes_ago: int) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    Task.objects.create(id="a" * 32, name="t", func="f", started=at, stopped=at, success=True)


@pytest.mark.django_db
def test_a_worker_that_never_finished_a_task_is_silent() -> None:
    assert run_worker.is_silent(MINUTE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("beat", "task", "silent"), [(5, 5, True), (0, 5, False), (5, 0, False), (0, None, False)]
)
def test_either_a_beat_or_a_finished_task_says_that_it_lives(
    beat: int, task: int | None, silent: bool
) -> None:
    Heartbeat.objects.create(name="worker", beaten_at=timezone.now() - timedelta(minutes=beat))
    if task is not None:
        finish_task(task)
    assert run_worker.is_silent(MINUTE) is silent


@pytest.mark.django_db
def test_a_database_out_of_reach_is_no_reason_to_end_tasks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> bool:
        raise DatabaseError("the server is gone")

    monkeypatch.setattr(run_worker, "has_finished_since", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    assert not run_worker.is_silent(MINUTE)


def test_no_task_is_handed_out_again_while_its_first_run_may_go_on() -> None:
    cluster = {name: int(str(settings.Q_CLUSTER[name])) for name in ("timeout", "retry", "workers")}
    assert settings.Q_CLUSTER["bulk"] == settings.Q_CLUSTER["queue_limit"] == 1
    rounds_in_queue = -(-2 // cluster["workers"])  # Two tasks wait for a free worker.
    assert cluster["retry"] > cluster["timeout"] * (rounds_in_queue + 1)


@pytest.fixture
def worker(subprocess_environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    command = [sys.executable, "manage.py", "run_worker", "--grace", "5"]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=subprocess_environment)
    guardian = psutil.Process(process.pid)
    yield guardian
    family = guardian.children(recursive=True) if guardian.is_running() else []
    process.terminate()
    process.wait(20)
    assert not [each for each in family if each.is_running()], "a process stayed behind"


def has_beaten_after(moment: object) -> bool:
    return Heartbeat.objects.filter(beaten_at__gt=moment).exists()


def test_a_killed_cluster_is_started_again_and_serves(worker: psutil.Process) -> None:
    wait_until(lambda: has_beaten_after(timezone.now() - MINUTE))
    [main] = worker.children()
    family = main.children(recursive=True)
    killed_at = timezone.now()

    os.kill(main.pid, signal.SIGKILL)

    wait_until(lambda: has_beaten_after(killed_at))
    assert main.pid not in {child.pid for child in worker.children()}
    wait_until(lambda: not [each for each in family if each.is_running()])
    task = async_task("desk.tasks.heartbeat")
    wait_until(lambda: Task.objects.filter(id=task, success=True).exists())
