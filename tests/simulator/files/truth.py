"""What really happened, for tests to compare with what PropTrust made of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from tests.simulator.life import BankMove, Life, last_day
from tests.simulator.world import World


@dataclass(frozen=True)
class Truth:
    """moves: every bank movement with what it answers and the fault planted in it, if any.

    settled: the payments whose money arrived, by our id, with lease and amount as the office
    knows it.
    """

    moves: list[BankMove]
    settled: dict[str, tuple[str, Decimal]]

    def to_json(self) -> bytes:
        """The truth as UTF-8 JSON."""
        content: dict[str, Any] = {
            "moves": [asdict(move) for move in self.moves],
            "settled": {
                key: [lease, f"{amount:.2f}"] for key, (lease, amount) in self.settled.items()
            },
        }
        return json.dumps(content, indent=1, default=str).encode()


def truth(world: World, life: Life) -> Truth:
    """The truth as of the last simulated day."""
    end = last_day(world)
    settled = {
        payment.id: (payment.lease.code, payment.booked)
        for payment in life.payments
        if payment.fate != "failed" and payment.settled_on is not None and payment.settled_on <= end
    }
    return Truth(life.moves, settled)
