"""A schema of its own for stories: what they write is gone afterwards, whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.core.management import call_command
from django.db import connection


@contextmanager
def schema() -> Iterator[None]:
    """Within the block the connection sees an empty, migrated schema and nothing else."""
    name = f"story_{uuid4().hex[:12]}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        before = cursor.fetchone()[0]
        cursor.execute(f"CREATE SCHEMA {name}")
        cursor.execute(f"SET search_path TO {name}")
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {before}")
            cursor.execute(f"DROP SCHEMA {name} CASCADE")
