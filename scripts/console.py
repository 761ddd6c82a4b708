"""Numbered steps with their seconds, for a person who watches a console."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TAIL = 40


class StepFailed(Exception):
    """A step could not be done; the text says why and what to type."""


class Steps:
    """Prints `3/9 System packages … 4.2 s`, one line a step."""

    def __init__(self, total: int, first: int = 1) -> None:
        self.total = total
        self.next = first

    @contextlib.contextmanager
    def step(self, title: str, *, is_talkative: bool = False) -> Iterator[None]:
        """Print the title, then the seconds that the body took.

        is_talkative: the body prints lines of its own in between.
        """
        print(f"{self.next}/{self.total} {title} …", end="\n" if is_talkative else " ", flush=True)
        self.next += 1
        started = time.monotonic()
        try:
            yield
        except BaseException:
            print(f"stopped after {time.monotonic() - started:.1f} s", flush=True)
            raise
        print(f"{time.monotonic() - started:.1f} s", flush=True)


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


def run_quietly(command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command with its output in a log file.

    Raises StepFailed with the last lines of the log if it does not end with 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            list(command), stdout=output, stderr=subprocess.STDOUT, env=env, check=False
        ).returncode
    if code:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
        raise StepFailed("\n".join([f"`{' '.join(command)}` ended with {code}:", *tail]))


def complain(error: StepFailed) -> int:
    """Print why a step failed; return the exit code."""
    print(f"\n{error}", file=sys.stderr, flush=True)
    return 1
