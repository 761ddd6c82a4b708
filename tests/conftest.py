"""Fixtures that every test may use."""

import os
from collections.abc import Iterator, Mapping

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import HealthCheck, settings

from scripts.system import missing_layout_packages

# A slow machine is no finding. On CI the same examples are tried each time, so that a red run is
# red again; by hand new ones are looked for.
settings.register_profile("default", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lays out pages, with the reason, where the system has no Pango."""
    missing = missing_layout_packages()
    if not missing:
        return
    reason = f"pages cannot be laid out here: sudo apt-get install {' '.join(missing)}"
    for item in items:
        if item.get_closest_marker("layout") or _makes_reports(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def _makes_reports(item: pytest.Item) -> bool:
    return item.path.parent.name == "statements" and item.path.name != "test_canonical.py"


@pytest.fixture
def subprocess_environment(transactional_db: None) -> Mapping[str, str]:
    """The environment of a command that works on this test's own database.

    For tests that start a worker and kill it: `[sys.executable, "manage.py", …]` with this `env`
    sees what the test has committed.
    """
    config = connection.settings_dict
    host = config["HOST"] or config["OPTIONS"].get("host", "")
    port = f"&port={config['PORT']}" if config["PORT"] else ""
    login = f"{config['USER']}:{config['PASSWORD']}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{login}@/{config['NAME']}?host={host}{port}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }


@pytest.fixture(autouse=True, scope="session")
def _flush_between_tests() -> Iterator[None]:
    """Let tests with real transactions empty the tables that PostgreSQL guards for ever."""
    flush = DatabaseOperations.execute_sql_flush

    def unguarded(self: DatabaseOperations, statements: list[str]) -> None:
        # Triggers of the origin role sleep in a replica; the next statement wakes them again.
        flush(
            self,
            [
                "SET LOCAL session_replication_role = replica",
                *statements,
                "SET LOCAL session_replication_role = origin",
            ],
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", unguarded)
        yield
