"""NACHA files made up for the tests, record by record, with totals that fit."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest

from connectors.nacha import layout
from connectors.nacha.types import is_debit_code
from connectors.nacha.writing import NewBatch, NewEntry, Origination
from proptrust.lib.money import usd

# Check digits are right; the banks are the tests' own choice.
OUR_BANK, THEIR_BANK = "061000052", "021000021"
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
PROJECT = Path(__file__).resolve().parents[3]


def shared(*parts: str) -> Path:
    """A path in the folder of shared reference material; the test is skipped where it is absent."""
    folder = Path(os.environ.get("PROPTRUST_SHARED", PROJECT.parent / "shared"))
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not there to compare with")
    return path


def entry(
    code: str = "27",
    amount: int = 120_000,
    sequence: int = 1,
    *,
    addenda: Sequence[str] = (),
    **fields: str | int,
) -> list[str]:
    """One 6 record with its addenda."""
    values: dict[str, str | int] = {
        "record_type": "6",
        "transaction_code": code,
        "routing_number": THEIR_BANK,
        "account": "000123-45",
        "amount": amount,
        "id_number": "LEASE-17",
        "name": "ANNA EXAMPLE",
        "has_addenda": "1" if addenda else "0",
        "trace": f"{OUR_BANK[:8]}{sequence:07}",
    }
    return [layout.ENTRY.fill(values | fields), *addenda]


def returned(code: str = "R01", sequence: int = 1, **fields: str | int) -> str:
    """An addenda 99 of any of its layouts."""
    values: dict[str, str | int] = {
        "record_type": "7",
        "type": "99",
        "code": code,
        "original_trace": f"{OUR_BANK[:8]}0000042",
        "original_rdfi": THEIR_BANK[:8],
        "trace": f"{OUR_BANK[:8]}{sequence:07}",
    }
    return layout.return_layout(code).fill(values | fields)


def changed(code: str = "C01", data: str = "000987654", **fields: str | int) -> str:
    """An addenda 98: a notification of change or its refusal."""
    values: dict[str, str | int] = {
        "record_type": "7",
        "type": "98",
        "code": code,
        "original_trace": f"{OUR_BANK[:8]}0000042",
        "original_rdfi": THEIR_BANK[:8],
        "corrected_data": data,
        "trace": f"{OUR_BANK[:8]}0000001",
    }
    return layout.change_layout(code).fill(values | fields)


@dataclass
class BatchOf:
    """A batch to be written; header and control fields can be overridden."""

    entries: Sequence[Sequence[str]]
    sec: str = "PPD"
    service_class: str = "200"
    header: dict[str, str | int] = field(default_factory=dict)
    control: dict[str, str | int] = field(default_factory=dict)
    has_control: bool = True

    @property
    def records(self) -> list[str]:
        return [record for records in self.entries for record in records]

    def totals(self) -> dict[str, int]:
        sums = {"count": len(self.records), "entry_hash": 0, "debits": 0, "credits": 0}
        shape = layout.entry_layout(self.sec)
        for record in self.records:
            if record[0] == "6":
                cut = shape.cut(record)
                sums["entry_hash"] += int(cut["routing_number"][:8])
                side = "debits" if is_debit_code(cut["transaction_code"]) else "credits"
                sums[side] += int(cut["amount"])
        return sums


def ach(*batches: BatchOf, is_filled: bool = True, end: str = "\n", **control: str | int) -> bytes:
    """The bytes of a file of batches; keyword arguments override fields of the file control."""
    records = [
        layout.FILE_HEADER.fill(
            {
                "record_type": "1",
                "priority": "01",
                "immediate_destination": f" {OUR_BANK}",
                "immediate_origin": "1234567890",
                "created_on": "261120",
                "created_time": "0915",
                "file_id_modifier": "A",
                "record_size": "094",
                "blocking_factor": "10",
                "format_code": "1",
            }
        )
    ]
    sums = {"count": 0, "entry_hash": 0, "debits": 0, "credits": 0}
    for number, batch in enumerate(batches, 1):
        both: dict[str, str | int] = {
            "service_class": batch.service_class,
            "company_id": "1987654321",
            "odfi": OUR_BANK[:8],
            "number": number,
        }
        header: dict[str, str | int] = {
            "record_type": "5",
            "company_name": "LINDEN HOMES",
            "sec": batch.sec,
            "entry_description": "RENT",
            "effective_on": "261123",
            "originator_status": "1",
        }
        records.append(layout.BATCH_HEADER.fill(header | both | batch.header))
        records.extend(batch.records)
        totals = batch.totals()
        sums = {name: sums[name] + totals[name] for name in sums}
        if batch.has_control:
            shape = layout.ADV_BATCH_CONTROL if batch.sec == "ADV" else layout.BATCH_CONTROL
            if batch.sec == "ADV":
                del both["company_id"]
            records.append(shape.fill({"record_type": "8"} | both | totals | batch.control))
    shape = layout.FILE_CONTROL
    if batches and all(batch.sec == "ADV" for batch in batches):
        shape = layout.ADV_FILE_CONTROL
    blocks = -(-(len(records) + 1) // 10)
    values: dict[str, str | int] = {"record_type": "9", "batches": len(batches), "blocks": blocks}
    records.append(shape.fill(values | sums | control))
    while is_filled and len(records) % 10:
        records.append(layout.FILLER)
    return "".join(record + end for record in records).encode("ascii")


def without(data: bytes, *starts: str) -> bytes:
    """The file without the records that begin so."""
    lines = data.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(starts)).encode()


def rent(number: int = 1, **fields: object) -> NewEntry:
    """A rent debit to be sent."""
    values: dict[str, object] = {
        "is_debit": True,
        "routing_number": THEIR_BANK,
        "account": f"00{number}-7",
        "amount": usd("1200.00"),
        "name": "Anna Example",
        "id_number": f"LEASE-{number}",
    }
    return NewEntry(**(values | fields))  # type: ignore[arg-type]


def batch_of(*entries: NewEntry, **fields: object) -> NewBatch:
    """A batch to be sent on the banking day after FRIDAY."""
    values: dict[str, object] = {
        "sec": "PPD",
        "company_name": "Linden Homes",
        "company_id": "1987654321",
        "entry_description": "RENT",
        "effective_on": MONDAY,
        "entries": entries or (rent(),),
    }
    return NewBatch(**(values | fields))  # type: ignore[arg-type]


def file_of(*batches: NewBatch, **fields: object) -> Origination:
    """A file to be sent, made on FRIDAY."""
    values: dict[str, object] = {
        "immediate_destination": OUR_BANK,
        "immediate_origin": "1987654321",
        "destination_name": "First Bank",
        "origin_name": "Linden Homes",
        "odfi": OUR_BANK,
        "created_at": datetime.combine(FRIDAY, datetime.min.time()).replace(hour=9, minute=15),
        "batches": batches or (batch_of(),),
    }
    return Origination(**(values | fields))  # type: ignore[arg-type]
