"""The canonical form: same rows, same bytes; every table as CSV that no spreadsheet runs."""

import csv
import io
import json
from dataclasses import replace

from statements import canonical
from tests.statements.builders import report_rows


def test_the_same_rows_give_the_same_bytes() -> None:
    assert canonical.to_json(report_rows()) == canonical.to_json(report_rows())


def test_the_json_holds_every_table_and_figure() -> None:
    content = json.loads(canonical.to_json(report_rows()))

    assert content["result"]["bank_less_book"] == "13.00"
    assert [row["reference"] for row in content["beneficiaries"]] == ["owner:0", "owner:1"]
    assert content["cover"]["account_number_masked"] == "···4821"


def test_csv_keeps_amounts_and_defuses_formulas() -> None:
    rows = report_rows()
    evil = replace(rows.journal[0], memo='=HYPERLINK("x")', money_out="-12.50")
    rows = replace(rows, journal=(evil,))

    text = canonical.to_csv(canonical.tables(rows)["journal"]).decode()
    (row,) = list(csv.DictReader(io.StringIO(text)))

    assert row["memo"] == '\'=HYPERLINK("x")'
    assert row["money_out"] == "-12.50"


def test_manifest_lists_each_file_and_each_row() -> None:
    rows = report_rows()

    manifest = json.loads(canonical.manifest(rows, {"a.csv": b"x"}))

    assert manifest["files"] == {"a.csv": canonical.sha256(b"x")}
    assert len(manifest["rows"]["beneficiaries"]) == 2
    assert len(set(manifest["rows"]["beneficiaries"])) == 2
