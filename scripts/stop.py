"""Stop what `make run` started; with --delete also forget its data: `make stop`, `make reset`."""

import argparse
import shutil
import sys
from pathlib import Path

import psutil

from proptrust import database
from scripts.console import say

SECONDS = 20


def main() -> int:
    """Stop the site, the worker and the database; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delete", action="store_true", help="delete the folder var/ as well")
    is_deleting = parser.parse_args().delete
    var = database.var_folder()
    was_running = stop_site(var / "run.pid")
    was_running |= database.stop_embedded(var / database.POSTGRES_FOLDER)
    say("PropTrust is stopped." if was_running else "PropTrust was not running.")
    if is_deleting:
        database.stop_embedded(var / "test" / database.POSTGRES_FOLDER)
        shutil.rmtree(var, ignore_errors=True)
        say(f"Deleted {var}; the next `make run` begins anew.")
    return 0


def stop_site(mark: Path) -> bool:
    """Ask the process that `make run` left its id of to end, and wait until it has."""
    try:
        process = psutil.Process(int(mark.read_text()))
        if "scripts.run" not in process.cmdline():
            return False  # The id belongs to another program by now.
        process.terminate()
        process.wait(SECONDS)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
