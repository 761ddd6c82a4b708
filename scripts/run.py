"""Start the site and the worker on a sample company: `make run`, after scripts.prepare."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import django
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.utils import timezone
from honcho.environ import parse_procfile
from honcho.manager import Manager

from proptrust import database
from scripts.console import StepFailed, Steps, complain, say

ROOT = Path(__file__).resolve().parent.parent
VAR = database.var_folder()
RUNNING = VAR / "run.pid"
LOADING = VAR / "sample-loading"
LOGINS = VAR / "sample-logins.json"
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = os.environ.get("PORT", "8000")
STEPS, FIRST = 9, 4
STARTUP_SECONDS = 60
STOPPED_BY_A_PERSON = {0, 130, 143}


def main() -> int:
    """Set up the sample, then serve until Ctrl-C or `make stop`; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proptrust.settings")
    os.environ["PROPTRUST_SAMPLE"] = "1"
    try:
        refuse_production()
        refuse_busy_port()
        VAR.mkdir(parents=True, exist_ok=True)
        RUNNING.write_text(str(os.getpid()))
        set_up(Steps(STEPS, FIRST))
        return serve()
    except StepFailed as failure:
        return complain(failure)
    except PermissionError as error:
        return complain(StepFailed(f"{error}. Did another user start PropTrust in this folder?"))
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    finally:
        if _is_ours(RUNNING):
            RUNNING.unlink()
            database.stop_embedded(VAR / database.POSTGRES_FOLDER)


def refuse_production() -> None:
    """A production site must not get made-up people with printed passwords."""
    if os.environ.get("PROPTRUST_PRODUCTION"):
        raise StepFailed(
            "`make run` loads a made-up company, and PROPTRUST_PRODUCTION is set."
            " docs/deploy.md says how to start a production site."
        )


def refuse_busy_port() -> None:
    """Say plainly that another program, or this one, has the port."""
    if not PORT.isdigit() or not 0 < int(PORT) < 2**16:
        raise StepFailed(f"PORT must be a number from 1 to 65535, not {PORT!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(PORT)))
        except OSError as error:
            raise StepFailed(
                f"Port {PORT} of {HOST} cannot be used ({error.strerror})."
                f" If PropTrust runs already, open http://localhost:{PORT}/ or type: make stop."
                f" Else choose another port: PORT={int(PORT) % 65535 + 1} make run"
            ) from error


def set_up(steps: Steps) -> None:
    """Database, tables, schedules, sample company, log-ins."""
    with steps.step("PostgreSQL"):
        forget_interrupted_sample()
        (ROOT / "staticfiles").mkdir(exist_ok=True)
        open_database()
    with steps.step("Tables"):
        call_command("migrate", interactive=False, verbosity=0)
    with steps.step("Schedules"):
        call_command("sync_schedules", verbosity=0)
        free_tasks_in_hand()
    with steps.step("Sample company", is_talkative=is_sample_missing()):
        load_sample_once()
    with steps.step("Log-ins"):
        call_command("sample_logins", verbosity=0)
    connections.close_all()  # The processes that follow are forked and make their own.


def open_database() -> None:
    """Load the settings, which start the embedded server, and connect."""
    try:
        django.setup()
        connections["default"].ensure_connection()
    except (OSError, subprocess.SubprocessError, DatabaseError) as error:
        log = VAR / database.POSTGRES_FOLDER / "log"
        place = "the server of DATABASE_URL" if os.environ.get("DATABASE_URL") else f"see {log}"
        raise StepFailed(f"PostgreSQL cannot be used ({place}): {error}") from error


def free_tasks_in_hand() -> None:
    """Let the tasks that the last worker had in hand start at once.

    The embedded server serves this start alone, so no worker holds them any more; elsewhere they
    wait until the queue hands them out again.
    """
    from django_q.models import OrmQ

    if not os.environ.get("DATABASE_URL"):
        OrmQ.objects.update(lock=timezone.now())


def is_sample_missing() -> bool:
    """Whether no sample company was loaded yet."""
    from desk.models import LegalEntity

    return not LegalEntity.objects.filter(is_sample=True).exists()


def load_sample_once() -> None:
    """Load the sample company if there is none; remember until it is whole."""
    if is_sample_missing():
        LOADING.touch()
        call_command("load_sample")
        LOADING.unlink()


def forget_interrupted_sample() -> None:
    """Delete a sample company that was loaded by half; nobody can have worked on it."""
    if not LOADING.exists():
        return
    if os.environ.get("DATABASE_URL"):
        raise StepFailed(
            "The sample company was loaded by half into the database of DATABASE_URL."
            f" Empty that database and delete {LOADING}, then start again."
        )
    folder = VAR / database.POSTGRES_FOLDER
    database.stop_embedded(folder)
    shutil.rmtree(folder, ignore_errors=True)
    LOGINS.unlink(missing_ok=True)
    LOADING.unlink()


def serve() -> int:
    """Run the processes of the Procfile until one ends or a person stops them."""
    environment = {
        **os.environ,
        "HOST": HOST,
        "PORT": PORT,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }
    manager = Manager()
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        manager.add_process(name, command, env=environment, cwd=str(ROOT))
    say(f"{STEPS}/{STEPS} Web and worker …")
    threading.Thread(target=greet, args=(time.monotonic(),), daemon=True).start()
    manager.loop()
    code = int(manager.returncode or 0)
    return 0 if code in STOPPED_BY_A_PERSON else code


def greet(started: float) -> None:
    """Say where the site is and who may sign in, as soon as it answers."""
    while not _answers():
        if time.monotonic() - started > STARTUP_SECONDS:
            say(f"The site does not answer on port {PORT} yet; the lines above say why.")
            return
        time.sleep(0.3)
    lines = ["", f"PropTrust is up: http://localhost:{PORT}/   (Ctrl-C stops it)", ""]
    lines += [
        f"  {login['role']:<22} {login['username']:<18} {login['password']}"
        for login in json.loads(LOGINS.read_text())
    ]
    say("\n".join([*lines, "", "Sign in as the bookkeeper first. The data is made up.", ""]))


def _answers() -> bool:
    address = "127.0.0.1" if HOST in {"0.0.0.0", ""} else HOST  # noqa: S104  # Compared, not bound.
    try:
        urllib.request.urlopen(f"http://{address}:{PORT}/admin/login/", timeout=10).close()
    except urllib.error.HTTPError:
        return True  # An answer all the same: the site itself says what is wrong.
    except OSError:
        return False
    return True


def _is_ours(mark: Path) -> bool:
    return mark.exists() and mark.read_text() == str(os.getpid())


if __name__ == "__main__":
    sys.exit(main())
