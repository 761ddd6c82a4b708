"""Keep the task queue served: start django-q2's cluster, and start it again if it stands still.

The cluster replaces its own processes when one dies, but not always: a process killed while it
waits for a task takes the queue's lock along, and the cluster then lives and serves nothing. Only
the age of the last finished task shows that (docs/decisions/005-task-queue.md).
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone
from django_q.models import Task
from django_q.tasks import async_task

from desk.models import Heartbeat

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# A task may take this long, and the beat that waits behind it a little longer.
TASK_SECONDS = int(str(settings.Q_CLUSTER["timeout"]))
SILENCE = timedelta(seconds=TASK_SECONDS + 120)
REST_SECONDS = 2.0


class Command(BaseCommand):
    help = "Serve the task queue until told to stop; a worker that stands still is started again."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--silence",
            type=float,
            default=SILENCE.total_seconds(),
            help="seconds without a finished task after which the worker is started again",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=TASK_SECONDS,
            help="seconds that the tasks in hand get to finish when the worker is told to stop",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        silence = timedelta(seconds=options["silence"])
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        cluster = Cluster()
        try:
            while True:
                self._serve(cluster, silence)
        except _Stopped:
            cluster.stop(options["grace"])

    def _serve(self, cluster: "Cluster", silence: timedelta) -> None:
        """Serve with one cluster until it ends or falls silent."""
        cluster.start()
        _ask_for_a_beat()
        while cluster.is_alive():
            time.sleep(LOOK_SECONDS)
            if cluster.started_at < timezone.now() - silence and is_silent(silence):
                logger.error("the worker finished no task for %s; it is started again", silence)
                cluster.kill()
                return
        logger.error("the worker ended by itself; it is started again")
        cluster.kill()
        time.sleep(REST_SECONDS)


class _Stopped(BaseException):
    """A person or the system asked the worker to end."""


def _stop(*_: object) -> None:
    # A second request, or one to the whole process group, must not break off the clean end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _Stopped


class Cluster:
    """The processes of one `manage.py qcluster`, in a session and process group of their own.

    A signal to the group of this process (Ctrl-C) would end the cluster's inner processes under
    the hands of its main one, which then waits for them for ever; so only the main one is told.
    """

    def __init__(self) -> None:
        self._main: subprocess.Popen[bytes] | None = None
        self.started_at = timezone.now()

    def start(self) -> None:
        """Start the cluster as a child of this process."""
        self.started_at = timezone.now()
        command = [sys.executable, sys.argv[0], "qcluster"]
        self._main = subprocess.Popen(command, start_new_session=True)

    def is_alive(self) -> bool:
        """Whether the main process of the cluster runs."""
        return self._main is not None and self._main.poll() is None

    def stop(self, grace: float) -> None:
        """Let the tasks in hand finish for so many seconds, then end."""
        if self._main is not None and self.is_alive():
            self._main.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._main.wait(grace)
        self.kill()

    def kill(self) -> None:
        """End every process of the cluster at once; what they had in hand is started again."""
        if self._main is None:
            return
        with contextlib.suppress(ProcessLookupError):  # All of the group have ended.
            os.killpg(self._main.pid, signal.SIGKILL)
        self._main.wait()


def is_silent(silence: timedelta) -> bool:
    """Whether no task has finished for so long; a database out of reach says nothing."""
    try:
        return not has_finished_since(timezone.now() - silence)
    except DatabaseError:
        logger.exception("the worker's age cannot be read")
        connection.close()
        return False


def has_finished_since(moment: datetime) -> bool:
    """Whether a task has finished since; the beat is asked first, for it is one row."""
    if Heartbeat.objects.filter(name="worker", beaten_at__gt=moment).exists():
        return True
    return bool(Task.objects.filter(stopped__gt=moment).exists())


def _ask_for_a_beat() -> None:
    """Queue a beat at once, so that the dashboard shows a living worker before the first minute."""
    try:
        async_task("desk.tasks.heartbeat")
    except DatabaseError:
        logger.exception("the first beat could not be queued")
        connection.close()
