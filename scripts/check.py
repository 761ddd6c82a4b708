"""Everything that must hold before a change is kept: `make lint` and `make test`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proptrust import database
from scripts.console import StepFailed, Steps, complain, run_quietly, say
from scripts.system import missing_browser_packages

ROOT = Path(__file__).resolve().parent.parent
VAR = database.var_folder()
TEST_POSTGRES = VAR / "test" / database.POSTGRES_FOLDER
# The type checker loads the settings but asks no database: no server need start for it.
NO_DATABASE = {"DATABASE_URL": "postgresql://localhost/none"}
TEST_SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
MOST_WORKERS = 4


@dataclass(frozen=True)
class Check:
    """A command that must end with 0."""

    title: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


def checks() -> list[Check]:
    """The checks without the tests, quickest first."""
    python = [sys.executable, "-m"]
    contracts = str(Path(sys.executable).parent / "lint-imports")
    return [
        Check("Format", [*python, "ruff", "format", "--check", "."]),
        Check("Linter", [*python, "ruff", "check", "."]),
        Check("Templates", [*python, "djlint", *template_folders(), "--lint"]),
        Check("Import contracts", [contracts], NO_DATABASE),
        Check(
            "Migrations",
            [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
            TEST_SETTINGS,
        ),
        Check("Types", [*python, "mypy", "."], NO_DATABASE),
    ]


def template_folders() -> list[str]:
    """The project's folder of templates and those of its apps."""
    apps = sorted(ROOT.glob("*/templates"))
    return [
        str(folder.relative_to(ROOT)) for folder in [ROOT / "templates", *apps] if folder.is_dir()
    ]


def main() -> int:
    """Run the checks, then the tests; return 1 if any of them found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="the number of the first step")
    parser.add_argument("--steps", type=int, default=7, help="how many steps there are in all")
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("tests", nargs="*", help="arguments for pytest")
    options = parser.parse_args()
    os.chdir(ROOT)
    steps = Steps(options.steps, options.first)
    was_running = database.is_running(TEST_POSTGRES)
    try:
        failed = [check.title for check in checks() if not holds(check, steps)]
        if not options.no_tests and not run_tests(steps, options.tests):
            failed.append("Tests")
    finally:
        if not was_running:
            database.stop_embedded(TEST_POSTGRES)
    say(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def holds(check: Check, steps: Steps) -> bool:
    """Run one check; print what it says only if it fails."""
    log = VAR / "log" / f"{check.title.lower().replace(' ', '-')}.log"
    try:
        with steps.step(check.title):
            run_quietly(check.command, log=log, env={**os.environ, **check.env})
    except StepFailed as failure:
        complain(failure)
        return False
    return True


def run_tests(steps: Steps, arguments: Sequence[str]) -> bool:
    """Run the tests in parallel, with their output as it comes."""
    workers = os.environ.get("PROPTRUST_TEST_WORKERS") or str(
        min(max(os.cpu_count() or 2, 2), MOST_WORKERS)
    )
    if missing := missing_browser_packages():
        say(f"The tests in the browser are skipped, without {' and '.join(missing)}.")
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadgroup"]
    command += ["-m", "not slow", "-rs", "--durations", "10", *arguments]
    say(f"{steps.next}/{steps.total} Tests …")
    return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
