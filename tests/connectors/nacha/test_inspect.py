"""`manage.py inspect_ach`: one JSON object a line per file."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tests.connectors.nacha.files import BatchOf, ach, changed, entry, returned


def inspected(*files: Path) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("inspect_ach", *map(str, files), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_return_and_a_change_are_shown_with_their_original_traces(tmp_path: Path) -> None:
    path = tmp_path / "returns.ach"
    path.write_bytes(
        ach(
            BatchOf([entry("26", 123_456, addenda=[returned("R01")])]),
            BatchOf(
                [entry("21", 0, id_number="", addenda=[changed("C01", "0042")])],
                sec="COR",
                header={"effective_on": ""},
            ),
        )
    )

    assert inspected(path) == [
        {
            "file": str(path),
            "outcome": "accept",
            "reason": None,
            "line": None,
            "warnings": [],
            "batches": [
                {
                    "sec": "PPD",
                    "company_name": "LINDEN HOMES",
                    "company_id": "1987654321",
                    "effective_date": "2026-11-23",
                    "entries": [
                        {
                            "transaction_code": "26",
                            "routing_number": "021000021",
                            "account": "000123-45",
                            "amount": "1234.56",
                            "id_number": "LEASE-17",
                            "name": "ANNA EXAMPLE",
                            "trace": "061000050000001",
                            "addenda": [
                                {
                                    "type": "99",
                                    "return_code": "R01",
                                    "change_code": None,
                                    "original_trace": "061000050000042",
                                    "corrected_data": None,
                                }
                            ],
                        }
                    ],
                },
                {
                    "sec": "COR",
                    "company_name": "LINDEN HOMES",
                    "company_id": "1987654321",
                    "effective_date": None,
                    "entries": [
                        {
                            "transaction_code": "21",
                            "routing_number": "021000021",
                            "account": "000123-45",
                            "amount": "0.00",
                            "id_number": None,
                            "name": "ANNA EXAMPLE",
                            "trace": "061000050000001",
                            "addenda": [
                                {
                                    "type": "98",
                                    "return_code": None,
                                    "change_code": "C01",
                                    "original_trace": "061000050000042",
                                    "corrected_data": "0042",
                                }
                            ],
                        }
                    ],
                },
            ],
        }
    ]


def test_each_file_gets_its_own_line_and_a_bad_one_stops_none(tmp_path: Path) -> None:
    broken, odd, missing = tmp_path / "broken", tmp_path / "odd", tmp_path / "missing"
    broken.write_bytes(ach(BatchOf([entry()]), debits=5))
    odd.write_bytes(ach(BatchOf([entry()]), is_filled=False))

    said = inspected(broken, missing, odd)

    assert [item["outcome"] for item in said] == ["reject", "reject", "accept_with_warnings"]
    assert said[0]["line"] == 5
    assert said[0]["reason"] == ("file control: debits of 0.05 claimed, the entries sum to 1200.00")
    assert said[0]["batches"] == []
    assert said[1]["reason"] == "the file cannot be opened: No such file or directory"
    assert said[2]["warnings"] == ["the last block is not filled to ten records"]
