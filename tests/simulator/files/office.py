"""Check batches from the office's scanner, and the retail cash network's daily files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tests.simulator.life import Life, SimPayment, cash_commission, last_day
from tests.simulator.world import World


@dataclass(frozen=True)
class BatchFile:
    """A batch file of a state and the day it arrives."""

    state: str
    name: str
    arrives_on: date
    body: bytes


def _csv(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _batches(
    world: World, batches: dict[str, list[SimPayment]]
) -> Iterator[tuple[str, list[SimPayment], date]]:
    for name, payments in batches.items():
        day = payments[0].settled_on
        if day is not None and day <= last_day(world):
            yield name, payments, day


def check_batches(world: World, life: Life) -> Iterator[BatchFile]:
    """One file a deposit slip, as the scanner exports it (docs/connectors/check_batch.md)."""
    header = ["slip", "deposited_on", "received_on", "kind", "number", "payer", "amount", "lease"]
    for slip, payments, day in _batches(world, life.slips):
        rows = [
            [
                slip,
                f"{day}",
                f"{p.paid_on}",
                "check",
                p.number,
                p.payer,
                f"{p.booked:.2f}",
                p.told_lease,
            ]
            for p in payments
        ]
        yield BatchFile(payments[0].lease.state, f"{slip}.csv", day, _csv(header, rows))


def cash_batches(world: World, life: Life) -> Iterator[BatchFile]:
    """One file a banking day, as a retail cash network settles (docs/connectors/cash_batch.md)."""
    header = ["batch", "settled_on", "payment", "paid_at", "payer", "amount", "commission", "lease"]
    for batch, payments, day in _batches(world, life.cash_batches):
        rows = [
            [
                batch,
                f"{day}",
                f"cash-{p.id}",
                f"{p.paid_on}T16:40:00Z",
                p.payer,
                f"{p.amount:.2f}",
                f"{cash_commission(p):.2f}",
                p.told_lease,
            ]
            for p in payments
        ]
        yield BatchFile(payments[0].lease.state, f"{batch}.csv", day, _csv(header, rows))
