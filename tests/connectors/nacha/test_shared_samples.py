"""The reader against collected bank files, counted a second way: by slicing, without its tables."""

import gzip
import time
from pathlib import Path

import pytest

from connectors.nacha.inspect import inspect
from connectors.nacha.reading import read
from tests.connectors.nacha.files import shared

DEBITS = frozenset("56789")
# What is refused, and where; everything else must be read.
REFUSED = {
    "broken/moov-20110729A-invalid.ach": (1, "record size '941'"),
    "broken/moov-5-before-8.txt": (4, "a file header stands inside the file"),
    "broken/moov-bad-check-digit.ach": (3, "wrong check digit"),
    "forward/harness-2-batches.ach": (51, "5 batches claimed, 3 found"),
}


def sliced(path: Path) -> list[tuple[str, str, str, str, str]]:
    """Code, routing number, amount, trace and reasons of every entry, by plain slicing."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1")
    lines = text.splitlines()
    if len(lines) == 1:
        lines = [text[at : at + 94] for at in range(0, len(text), 94)]
    found: list[tuple[str, str, str, str, str]] = []
    for line in lines:
        if line[:1] == "6":
            amount = f"{int(line[29:39]) // 100}.{int(line[29:39]) % 100:02}"
            found.append((line[1:3], line[3:12], amount, line[79:94], ""))
        elif line[:3] in {"798", "799"}:
            found[-1] = (*found[-1][:4], found[-1][4] + line[3:6] + line[6:21])
    return found


def sample_files() -> list[Path]:
    folder = shared("bank-samples", "ach")
    files = [path for path in sorted(folder.glob("*/*")) if path.is_file()]
    assert files
    return files


def test_every_collected_file_is_read_rightly_or_refused_by_line() -> None:
    for path in sample_files():
        name = f"{path.parent.name}/{path.name}"
        said = inspect(path.read_bytes(), name)
        if name in REFUSED:
            line, reason = REFUSED[name]
            assert (said["outcome"], said["line"]) == ("reject", line), name
            assert reason in said["reason"], name
            continue
        assert said["outcome"] != "reject", f"{name}: {said['reason']}"
        entries = [entry for batch in said["batches"] for entry in batch["entries"]]
        assert [
            (
                entry["transaction_code"],
                entry["routing_number"],
                entry["amount"],
                entry["trace"],
                "".join(
                    (addenda["return_code"] or addenda["change_code"]) + addenda["original_trace"]
                    for addenda in entry["addenda"]
                    if addenda["return_code"] or addenda["change_code"]
                ),
            )
            for entry in entries
        ] == sliced(path), name


@pytest.mark.slow
def test_a_hundred_thousand_entries_take_a_few_seconds() -> None:
    data = shared("bank-samples", "ach", "large", "moov-ppd-100000-entries.ach.gz").read_bytes()
    start = time.perf_counter()
    found = read(data)

    assert sum(1 for _ in found.entries) == 100_199
    assert time.perf_counter() - start < 15
