"""`inspect_statement`: one JSON object a line, nothing stored, exit code 0."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from reconciliation.formats.inspect import inspect
from tests.reconciliation.formats.builders import bai2, ofx, stmttrn


def run(*paths: Path) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("inspect_statement", *map(str, paths), stdout=out)
    return [json.loads(row) for row in out.getvalue().splitlines()]


def test_an_accepted_file_shows_every_line() -> None:
    report = inspect(ofx(stmttrn("-45.10", more="<CHECKNUM>1042")), name="a.ofx")
    assert report["outcome"] == "accept"
    assert (report["file"], report["format"], report["reason"]) == ("a.ofx", "ofx", None)
    (statement,) = report["statements"]
    assert (statement["account_id"], statement["currency"]) == ("000123", "USD")
    assert (statement["opening_balance"], statement["closing_balance"]) == (None, "500.00")
    assert statement["transactions"] == [
        {
            "date": "2024-01-31",
            "amount": "-45.10",
            "type": "CREDIT",
            "bank_reference": "F1",
            "customer_reference": None,
            "check_number": "1042",
            "description": "JANE DOE",
        }
    ]


def test_warnings_are_shown_with_their_place() -> None:
    report = inspect(bai2(trailers="49,200001,2/\n98,,,/\n99,,,/"), name="a.bai")
    assert report["outcome"] == "accept_with_warnings"
    assert report["warnings"][0].startswith("line 4: control total")


def test_a_rejected_file_says_why_and_where() -> None:
    report = inspect(bai2("16,799,1,,,,/"), name="a.bai")
    assert (report["outcome"], report["line"], report["format"]) == ("reject", 4, "bai2")
    assert report["statements"] == []


def test_the_command_prints_one_object_a_line_also_for_a_path_that_is_none(tmp_path: Path) -> None:
    good = tmp_path / "good.ofx"
    good.write_bytes(ofx(stmttrn()))
    first, second, third = run(good, tmp_path / "missing.ofx", tmp_path)
    assert first["outcome"] == "accept"
    assert (second["outcome"], third["outcome"]) == ("reject", "reject")
    assert "cannot be read" in second["reason"]
    assert "cannot be read" in third["reason"]
