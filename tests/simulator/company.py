"""The whole simulation of one company: its portfolio files, its feed and its truth."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from tests.simulator.feed import Item, feed
from tests.simulator.files import processor
from tests.simulator.files.portfolio import portfolio_files
from tests.simulator.files.truth import Truth, truth
from tests.simulator.life import Life, live
from tests.simulator.world import World, make_world

CUT_OVER_ON = date(2026, 7, 31)


@dataclass(frozen=True)
class Simulation:
    """What was simulated. The same arguments of `make` give the same bytes in every file."""

    world: World
    life: Life

    @cached_property
    def items(self) -> list[Item]:
        """The feed in its order."""
        return feed(self.world, self.life)

    @cached_property
    def portfolio(self) -> dict[str, bytes]:
        """The CSV files of the portfolio at the cut-over, by name."""
        return portfolio_files(self.world)

    @cached_property
    def truth(self) -> Truth:
        """What really happened."""
        return truth(self.world, self.life)

    def processor_answers(self) -> Iterator[tuple[str, bytes]]:
        """What the processor's API answers about each payout."""
        for payout in self.life.payouts:
            answer = processor.balance_transactions(payout)
            yield f"balance_transactions_{payout.id}.json", json.dumps(answer, indent=1).encode()


def make(*, seed: int, units: int, months: int, cut_over_on: date = CUT_OVER_ON) -> Simulation:
    """Simulate a company."""
    world = make_world(seed=seed, units=units, months=months, cut_over_on=cut_over_on)
    return Simulation(world, live(world))


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `make`, for a command."""
    parser.add_argument("--units", type=int, default=80)
    parser.add_argument("--months", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cut-over", type=date.fromisoformat, default=CUT_OVER_ON)
