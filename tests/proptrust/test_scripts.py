"""What `make` says when the machine lacks something."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import prepare, run, system
from scripts.console import StepFailed, Steps, run_quietly


@pytest.fixture
def no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROPTRUST_CHROMIUM", raising=False)
    return tmp_path


def program(folder: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_without_apt_one_line_says_what_to_type(no_path: Path) -> None:
    need = system.Need("PDF reports", lambda: ["libpango-1.0-0"])

    [line] = system.install([need], log=no_path / "apt.log")

    assert line == (
        "PDF reports will not work yet, everything else does (apt may not be used here)."
        " Type: sudo apt-get install libpango-1.0-0"
    )


def test_an_apt_that_fails_is_told_with_the_place_of_its_log(
    no_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = program(no_path, "apt-get", "#!/bin/sh\necho no route to the mirror\nexit 100\n")
    monkeypatch.setattr(system, "apt_command", lambda: [str(failing)])
    need = system.Need("PDF reports", lambda: ["libpango-1.0-0"])

    [line] = system.install([need], log=no_path / "apt.log")

    assert f"apt failed, see {no_path / 'apt.log'}" in line


def test_what_apt_installed_needs_no_advice(no_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = no_path / "installed"
    working = program(no_path, "apt-get", f"#!/bin/sh\n: > {mark}\n")
    monkeypatch.setattr(system, "apt_command", lambda: [str(working)])
    need = system.Need("PDF reports", lambda: [] if mark.exists() else ["libpango-1.0-0"])

    assert system.install([need], log=no_path / "apt.log") == []
    assert mark.exists()


def test_apt_is_not_asked_for_without_root_or_sudo(
    no_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(no_path, "apt-get")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert system.apt_command() is None


def test_a_snap_launcher_is_no_chromium(no_path: Path) -> None:
    program(no_path, "chromium-browser", "#!/bin/sh\nexec /snap/bin/chromium\n")
    assert system.find_chromium() is None
    real = program(no_path, "google-chrome")
    assert system.find_chromium() == str(real)


def test_a_named_chromium_goes_first_and_must_exist(
    no_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(no_path, "chromium")
    own = program(no_path, "my-chromium")
    monkeypatch.setenv("PROPTRUST_CHROMIUM", str(own))
    assert system.find_chromium() == str(own)
    monkeypatch.setenv("PROPTRUST_CHROMIUM", str(no_path / "gone"))
    assert system.find_chromium() is None


def test_an_old_python_is_told_which_one_is_needed(
    no_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_version", lambda _: (3, 9))
    with pytest.raises(StepFailed, match=r"needs Python 3\.11 or newer"):
        prepare.find_python()


def test_packages_are_installed_again_only_when_the_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "VENV", tmp_path)
    installed: list[str] = []
    monkeypatch.setattr(
        prepare, "run_quietly", lambda command, **_: installed.append(Path(command[-1]).name)
    )
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\npytest==9\n")

    prepare.install_requirements(is_dev=False)
    prepare.install_requirements(is_dev=False)
    assert installed == ["requirements.txt"]

    prepare.install_requirements(is_dev=True)
    prepare.install_requirements(is_dev=False)
    assert installed == ["requirements.txt", "requirements-dev.txt"]

    (tmp_path / "requirements.txt").write_text("django==5.3\n")
    prepare.install_requirements(is_dev=True)
    assert installed[2:] == ["requirements-dev.txt"]


def test_a_command_that_fails_shows_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('why'); raise SystemExit(3)"]
    with pytest.raises(StepFailed, match=r"(?s)ended with 3:.*why"):
        run_quietly(command, log=tmp_path / "log" / "x.log")


def test_steps_are_numbered_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(9, first=4)
    with steps.step("PostgreSQL"):
        pass
    with steps.step("Sample company", is_talkative=True):
        print("76 leases")
    assert capsys.readouterr().out == (
        "4/9 PostgreSQL … 0.0 s\n5/9 Sample company …\n76 leases\n0.0 s\n"
    )


def test_a_busy_port_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(run, "PORT", str(port))
        with pytest.raises(StepFailed, match=rf"Port {port} .*PORT={port % 65535 + 1} make run"):
            run.refuse_busy_port()


def test_the_sample_is_never_loaded_into_a_production_site(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROPTRUST_PRODUCTION", "1")
    with pytest.raises(StepFailed, match="made-up company"):
        run.refuse_production()


def test_ubuntu_is_not_offered_its_snap_of_chromium(
    no_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def remember(packages: Sequence[str], _: Path) -> str:
        asked.extend(packages)
        return ""

    monkeypatch.setattr(system, "_is_ubuntu", lambda: True)
    monkeypatch.setattr(system, "_try_apt", remember)
    need = system.Need("tests in the browser", lambda: ["chromium", "libatomic1"])

    [line] = system.install([need], log=no_path / "apt.log")

    assert asked == ["libatomic1"]
    assert "apt-get install libatomic1 ./google-chrome-stable" in line
