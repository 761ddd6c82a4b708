"""Prepare a bare machine: virtual environment, pinned packages, system packages.

Runs on the system's Python with the standard library alone: `python3 -m scripts.prepare [--dev]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.console import StepFailed, Steps, complain, run_quietly, say
from scripts.system import BROWSER, LAYOUT, apt_command, install, install_line, install_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOGS = ROOT / "var" / "log"
OLDEST = (3, 11)
STEPS = 3


def main() -> int:
    """Do the three steps; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    parser.add_argument("--steps", type=int, default=STEPS, help="how many steps follow in all")
    options = parser.parse_args()
    steps = Steps(options.steps)
    try:
        with steps.step("Virtual environment"):
            make_environment()
        with steps.step("Python packages"):
            install_requirements(is_dev=options.dev)
        with steps.step("System packages"):
            needs = [LAYOUT, BROWSER] if options.dev else [LAYOUT]
            advice = install(needs, log=LOGS / "apt.log")
        for line in advice:
            say(line)
    except StepFailed as failure:
        return complain(failure)
    return 0


def make_environment() -> None:
    """Create .venv, or create it again if its Python is gone or too old."""
    if _is_usable(PYTHON):
        return
    python = find_python()
    try:
        run_quietly([python, "-m", "venv", "--clear", str(VENV)], log=LOGS / "venv.log")
    except StepFailed:
        _install_venv(python)
        run_quietly([python, "-m", "venv", "--clear", str(VENV)], log=LOGS / "venv.log")


def find_python() -> str:
    """The newest fitting Python of this machine, the one that runs this first."""
    names = [sys.executable, "python3", "python3.13", "python3.12", "python3.11"]
    for name in names:
        path = shutil.which(name)
        if path and _version(path) >= OLDEST:
            return path
    found = ".".join(map(str, sys.version_info[:2]))
    needed = ".".join(map(str, OLDEST))
    raise StepFailed(
        f"PropTrust needs Python {needed} or newer, and this machine has {found}."
        " Type: sudo apt-get install python3.12 python3.12-venv"
    )


def _version(python: str) -> tuple[int, ...]:
    asked = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tuple(map(int, asked.stdout.split())) if asked.returncode == 0 else (0, 0)


def _is_usable(python: Path) -> bool:
    if not python.exists() or _version(str(python)) < OLDEST:
        return False
    asked = subprocess.run(
        [str(python), "-m", "pip", "--version"], capture_output=True, check=False
    )
    return asked.returncode == 0


def _install_venv(python: str) -> None:
    """Debian keeps venv apart from Python; install it if apt may."""
    version = ".".join(map(str, _version(python)))
    packages = [f"python{version}-venv"]
    apt = apt_command()
    if not apt:
        raise StepFailed(
            f"Python cannot make a virtual environment yet. Type: {install_line(packages)}"
        )
    install_packages(apt, packages, log=LOGS / "apt-venv.log")


def install_requirements(*, is_dev: bool) -> None:
    """Install the pinned packages, unless the same files were installed before."""
    kind = "dev" if is_dev else "run"
    files = ["requirements.txt", "requirements-dev.txt"] if is_dev else ["requirements.txt"]
    wanted = _digest(files)
    if _stamp(kind).exists() and _stamp(kind).read_text() == wanted:
        return
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    # pip must not see another environment's or user's packages.
    env = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "1", "PYTHONNOUSERSITE": "1"}
    run_quietly([*command, "-r", str(ROOT / files[-1])], log=LOGS / "pip.log", env=env)
    _stamp(kind).write_text(wanted)
    if is_dev:  # The development file includes the other one.
        _stamp("run").write_text(_digest(["requirements.txt"]))


def _stamp(kind: str) -> Path:
    return VENV / f"installed-{kind}"


def _digest(files: list[str]) -> str:
    content = b"\0".join((ROOT / name).read_bytes() for name in files)
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
