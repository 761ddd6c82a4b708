"""Run every benchmark on a database of its own and say which bars are met.

    python -m tests.benchmarks.run [--full] [--only TEXT]

The database `bench_proptrust` lies on the project's own server, is made anew and dropped. Every bar
is a ratio to a baseline of the same run, or a time that one person waits for. Exit code 1: a bar is
missed. Environment: PROPTRUST_BENCH_FULL=1 is the same as --full.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import django

from tests.benchmarks.rows import Row, Size


def found(only: str) -> list[Callable[[Size], Iterator[Row]]]:
    """The functions bench_* of the files bench_*.py, in the order of their files and lines."""
    functions = []
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        module = import_module(f"tests.benchmarks.{path.stem}")
        functions += [
            value
            for name, value in vars(module).items()
            if name.startswith("bench_") and callable(value) and only in f"{path.stem}.{name}"
        ]
    return functions


def main() -> int:
    """Print one line per figure; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the sizes of the bars themselves")
    parser.add_argument("--only", default="", help="part of a benchmark's name")
    asked = parser.parse_args()
    size = Size(is_full=asked.full or os.environ.get("PROPTRUST_BENCH_FULL") == "1")

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proptrust.settings")
    django.setup()
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = "bench_proptrust"
    before = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    rows: list[Row] = []
    try:
        for function in found(asked.only):
            for row in function(size):
                rows.append(row)
                print(row, flush=True)
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
    missed = [row.name for row in rows if not row.passed]
    print(f"{len(rows)} figures, {len(missed)} bars missed" + "".join(f"\n  {n}" for n in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
