"""Settings of the test run: the project's own, with a throw-away PostgreSQL of its own.

Its data lies in a folder `test` beside that of `make run`, which no test ever touches. Where
DATABASE_URL names a server, the tests make their databases there and leave its settings alone.
"""

import os
from pathlib import Path

import psycopg

_ROOT = Path(__file__).resolve().parent.parent
_VAR = Path(os.environ.get("PROPTRUST_VAR", _ROOT / "var"))
if _VAR.name != "test":  # A worker of the run inherits the folder that is already right.
    os.environ["PROPTRUST_VAR"] = str(_VAR / "test")

from proptrust import database  # noqa: E402
from proptrust.settings import *  # noqa: E402, F403
from proptrust.settings import VAR_DIR  # noqa: E402

# A test run that a power cut ends is simply run again.
_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}


def _trade_safety_for_speed() -> None:
    url = database.database_url(VAR_DIR)
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SHOW fsync").fetchone() == ("off",):
            return
        for name, value in _FAST.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")


if "DATABASE_URL" not in os.environ:
    _trade_safety_for_speed()

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Failed log-ins of one test must not lock the next one out; its own test turns it on.
AXES_ENABLED = False
# Static files are looked up when asked for, instead of listed for every test client.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
