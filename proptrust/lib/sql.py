"""Migrations whose body is an SQL file: `operations = [run_sql("ledger", "line_stays.v1")]`."""

from pathlib import Path

from django.apps import apps
from django.db import migrations

DOWN_MARK = "-- down"


def run_sql(app: str, name: str) -> migrations.RunSQL:
    """The operation that runs `<app>/sql/<name>.sql`.

    What stands below the line `-- down` undoes what stands above it; both are needed.
    Raises ValueError if the file has no such line.
    """
    path = Path(apps.get_app_config(app).path) / "sql" / f"{name}.sql"
    up, mark, down = path.read_text(encoding="utf-8").partition(f"\n{DOWN_MARK}\n")
    if not mark:
        raise ValueError(f"{path} has no line {DOWN_MARK!r}")
    return migrations.RunSQL(up, down)
