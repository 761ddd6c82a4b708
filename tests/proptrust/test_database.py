"""The embedded PostgreSQL: started, found, stopped, and never mistaken for another program."""

import os
from pathlib import Path

import psycopg
import pytest

from proptrust import database


def test_a_server_starts_is_found_and_stops_with_its_data(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    url = database.start_embedded(folder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    try:
        assert database.start_embedded(folder) == url
        assert database.is_running(folder)
        assert database.stop_embedded(folder)
        assert not database.stop_embedded(folder)

        with psycopg.connect(database.start_embedded(folder)) as connection:
            rows = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert rows == (0,)
    finally:
        database.stop_embedded(folder)


def test_a_folder_too_deep_for_a_socket_still_gets_a_server(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "postgres"
    try:
        with psycopg.connect(database.start_embedded(folder)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        assert database.stop_embedded(folder)


def test_a_dead_servers_process_id_that_another_program_has_now_is_forgotten(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "postgres"
    database.start_embedded(folder)
    database.stop_embedded(folder)
    mark = folder / "postmaster.pid"
    mark.write_text(f"{os.getpid()}\n{folder}\n1700000000\n5432\n{folder}\n\n1 1\nready\n")
    assert not database.is_running(folder)
    try:
        with psycopg.connect(database.start_embedded(folder)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        database.stop_embedded(folder)


def test_a_named_server_is_used_and_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.example.com/trust")

    config = database.configuration(tmp_path)

    assert (config["HOST"], config["NAME"], config["USER"]) == ("db.example.com", "trust", "app")
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        database._own_folder(tmp_path / "link")
