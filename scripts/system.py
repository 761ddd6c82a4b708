"""What the operating system must bring, how to see that it is there, and how apt installs it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.console import StepFailed, run_quietly, say

# WeasyPrint loads these when it lays out a page (weasyprint/text/ffi.py).
LAYOUT_LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
# Its figures are all equally wide, so that columns of amounts line up.
FONT_FILE = "DejaVuSans.ttf"
CHROMIUM_NAMES = ("chromium", "google-chrome-stable", "google-chrome", "chromium-browser")


@dataclass(frozen=True)
class Need:
    """Something of the operating system: what works only with it, and what is missing now."""

    purpose: str
    missing: Callable[[], Sequence[str]]


def missing_layout_packages() -> list[str]:
    """The Debian packages that WeasyPrint needs and that are not installed."""
    missing = [package for name, package in LAYOUT_LIBRARIES.items() if not _loads(name)]
    folders = [Path(folder).expanduser() for folder in FONT_FOLDERS]
    if not any(next(folder.rglob(FONT_FILE), None) for folder in folders if folder.is_dir()):
        missing.append("fonts-dejavu-core")
    return missing


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: PROPTRUST_CHROMIUM, or the first one on the PATH.

    A snap's launcher is passed over: it starts nothing inside a container and cannot read /tmp.
    """
    if path := os.environ.get("PROPTRUST_CHROMIUM"):
        return path if os.access(path, os.X_OK) else None
    for name in CHROMIUM_NAMES:
        path = shutil.which(name)
        if path and not _is_snap(Path(path)):
            return path
    return None


def _is_snap(path: Path) -> bool:
    if "/snap/" in str(path.resolve()):
        return True
    with path.open("rb") as file:
        return b"/snap/bin" in file.read(4096)


def missing_browser_packages() -> list[str]:
    """The Debian packages that tests in the browser need and that are not installed."""
    missing = [] if find_chromium() else ["chromium"]
    # The program that drives the browser (playwright/driver/node) is linked to it.
    return missing if _loads("libatomic.so.1") else [*missing, "libatomic1"]


LAYOUT = Need("PDF reports", missing_layout_packages)
BROWSER = Need("tests in the browser", missing_browser_packages)


def install(needs: Sequence[Need], *, log: Path) -> list[str]:
    """Install by apt what is missing.

    Returns a line of advice for each need that stays open, because apt is not there, not permitted
    or without success; nothing else stops.
    """
    packages = [package for need in needs for package in need.missing()]
    if not packages:
        return []
    if _is_ubuntu():  # Its own Chromium is a snap launcher, which cannot be driven.
        packages = [package for package in packages if package != "chromium"]
    trouble = _try_apt(packages, log) if packages else ""
    left = {need.purpose: need.missing() for need in needs}
    return [advice(purpose, trouble, missing) for purpose, missing in left.items() if missing]


def _try_apt(packages: Sequence[str], log: Path) -> str:
    """Install packages; returns why it could not be done, or an empty text."""
    apt = apt_command()
    if apt is None:
        return "apt may not be used here"
    try:
        install_packages(apt, packages, log=log)
    except StepFailed:
        return f"apt failed, see {log}"
    return ""


def advice(purpose: str, trouble: str, packages: Sequence[str]) -> str:
    """The one line that says what does not work, why, and what to type."""
    why = f" ({trouble})" if trouble else ""
    return f"{purpose} will not work yet, everything else does{why}. Type: {install_line(packages)}"


def install_line(packages: Sequence[str]) -> str:
    """What a person types to install packages."""
    if "chromium" in packages and _is_ubuntu():
        chrome = "./google-chrome-stable_current_amd64.deb (from https://www.google.com/chrome/)"
        packages = [*(name for name in packages if name != "chromium"), chrome]
    return f"sudo apt-get install {' '.join(packages)}"


def _is_ubuntu() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and "ID=ubuntu" in release.read_text().splitlines()


def apt_command() -> list[str] | None:
    """How apt-get can be run here: as root, by sudo, or not at all (None)."""
    apt = shutil.which("apt-get")
    if not apt:
        return None
    settings = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if os.geteuid() == 0:
        return [*settings, apt]
    sudo = shutil.which("sudo")
    if not sudo:
        return None
    if _is_sudo_free(sudo):
        return [sudo, "-n", *settings, apt]
    if sys.stdin.isatty():
        say("\nSystem packages are missing; sudo asks for your password to install them.")
        if subprocess.run([sudo, "-v"], check=False).returncode == 0:
            return [sudo, *settings, apt]
    return None


def _is_sudo_free(sudo: str) -> bool:
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return asked.returncode == 0


def install_packages(apt: Sequence[str], packages: Sequence[str], *, log: Path) -> None:
    """Install Debian packages; the lists are fetched only if they are missing or too old."""
    options = ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    command = [*apt, "install", *options, *packages]
    try:
        run_quietly(command, log=log)
    except StepFailed:
        run_quietly([*apt, "update"], log=log.with_suffix(".update.log"))
        run_quietly(command, log=log)
