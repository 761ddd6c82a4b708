"""What the bank sends back for our own debits: return files, and a notification of change.

Written field by field from the NACHA positions, not with PropTrust's own writer, so that one does
not hide a fault of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.simulator.life import COMPANY_ID, Life, SimPayment, last_day, own_id, own_trace
from tests.simulator.world import World, routing_number

TENANT_BANK = routing_number("07100001")


@dataclass(frozen=True)
class ReturnFile:
    """A return file of a state's bank and the day it arrives."""

    state: str
    name: str
    arrives_on: date
    body: bytes


def tenant_account(payment: SimPayment) -> str:
    """The made-up account number of whoever pays."""
    return f"55{payment.lease.code[1:]}7"


def return_files(world: World, life: Life) -> Iterator[ReturnFile]:
    """One file a state and day, with every debit that came back on it."""
    by_day: dict[tuple[str, date], list[SimPayment]] = defaultdict(list)
    for payment in life.payments:
        if payment.channel == "own_ach" and payment.fate == "returned" and payment.back_on:
            by_day[payment.lease.state, payment.back_on].append(payment)
    for (state, day), payments in sorted(by_day.items()):
        if day <= last_day(world):
            body = _file(world, state, day, payments)
            yield ReturnFile(state, f"RET-{state}-{day:%Y%m%d}.ach", day, body)


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _file(world: World, state: str, day: date, payments: list[SimPayment]) -> bytes:
    bank = world.rent_account(state).routing_number
    records = [
        f"101 {bank} {bank}{day:%y%m%d}0600A094101{'HARBORLINE':<23}{'FIRST BANK':<23}{'':<8}",
        f"5225{'HARBORLINE PM':<16}{'':<20}{COMPANY_ID}PPD{'RENT':<10}{'':<6}{day:%y%m%d}"
        f"{day:%j}1{TENANT_BANK[:8]}0000001",
    ]
    hashed = total = 0
    for number, payment in enumerate(payments, start=1):
        trace = f"{TENANT_BANK[:8]}{number:07d}"
        amount = _cents(payment.amount)
        records.append(
            f"626{bank}{tenant_account(payment):<17}{amount:010d}{own_id(payment):<15}"
            f"{payment.payer.upper()[:22]:<22}  1{trace}"
        )
        records.append(
            f"799{payment.code}{own_trace(world, payment)}{'':<6}{TENANT_BANK[:8]}{'':<44}{trace}"
        )
        hashed += int(bank[:8])
        total += amount
    count, tail = len(payments) * 2, f"{hashed % 10**10:010d}{total:012d}{0:012d}"
    records.append(f"8225{count:06d}{tail}{COMPANY_ID}{'':<25}{TENANT_BANK[:8]}0000001")
    blocks = -(-(len(records) + 1) // 10)
    records.append(f"9000001{blocks:06d}{count:08d}{tail}{'':<39}")
    records += ["9" * 94] * (-len(records) % 10)
    assert all(len(record) == 94 for record in records)
    return ("\n".join(records) + "\n").encode("ascii")
