"""What `manage.py inspect_ach` says of a file: a dictionary ready for JSON; nothing is stored."""

from typing import Any

from connectors.nacha.reading import read
from connectors.nacha.types import AchEntry, AchFile, Addenda, Batch, Refused


def inspect(data: bytes, name: str) -> dict[str, Any]:
    """Read a file and say what is in it, or why it was refused.

    Amounts are decimal strings, days ISO; None stands where the file does not say.
    """
    try:
        found = read(data)
    except Refused as refused:
        return refusal(name, refused.reason, refused.line)
    return {
        "file": name,
        "outcome": "accept_with_warnings" if found.warnings else "accept",
        "reason": None,
        "line": None,
        "warnings": [str(warned) for warned in found.warnings],
        "batches": _batches(found),
    }


def refusal(name: str, reason: str, line: int | None = None) -> dict[str, Any]:
    """What is said of a file that was not read."""
    return {
        "file": name,
        "outcome": "reject",
        "reason": reason,
        "line": line,
        "warnings": [],
        "batches": [],
    }


def _batches(found: AchFile) -> list[dict[str, Any]]:
    return [_batch(batch) for batch in found.batches]


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "sec": batch.sec,
        "company_name": batch.company_name or None,
        "company_id": batch.company_id or None,
        "effective_date": batch.effective_on.isoformat() if batch.effective_on else None,
        "entries": [_entry(entry) for entry in batch.entries],
    }


def _entry(entry: AchEntry) -> dict[str, Any]:
    return {
        "transaction_code": entry.transaction_code,
        "routing_number": entry.routing_number,
        "account": entry.account or None,
        "amount": f"{entry.amount.amount:.2f}",
        "id_number": entry.id_number or None,
        "name": entry.name or None,
        "trace": entry.trace or None,
        "addenda": [_addenda(addenda) for addenda in entry.addenda],
    }


def _addenda(addenda: Addenda) -> dict[str, Any]:
    return {
        "type": addenda.type,
        "return_code": addenda.return_code,
        "change_code": addenda.change_code,
        "original_trace": addenda.original_trace,
        "corrected_data": addenda.corrected_data,
    }
