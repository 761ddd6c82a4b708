"""Everything that reaches the office, in the order in which it does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from proptrust.lib.banking import add_banking_days
from tests.simulator.files import ach, banks, office, processor
from tests.simulator.life import Life, last_day, month_starts
from tests.simulator.world import World


@dataclass(frozen=True)
class Item:
    """One thing that arrives or falls due. door: charges, webhook, originate, settle, returns,
    checks, cash, statement or nightly. purpose: of the trust account, where the door has one."""

    at: datetime
    door: str
    name: str
    state: str = ""
    purpose: str = "rent"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=UTC)


def feed(world: World, life: Life) -> list[Item]:
    """Every item, sorted by its moment. Some webhooks come twice or late, as they do in earnest."""
    items = [
        *_charges(world),
        *_webhooks(world, life),
        *_own_ach(world, life),
        *_files(world, life),
        *_nights(world),
    ]
    return sorted(items, key=lambda item: (item.at, item.door, item.name))


def _charges(world: World) -> Iterator[Item]:
    for start in month_starts(world):
        yield Item(_moment(start, 5), "charges", f"{start}")


def _webhooks(world: World, life: Life) -> Iterator[Item]:
    rng = random.Random(world.seed + 2)
    for webhook in processor.webhooks(world, life):
        times = 1 + (rng.random() < 0.1) + (rng.random() < 0.05)
        for _ in range(times):
            # A delivery that fails is tried again hours later: events overtake each other.
            late = timedelta(hours=rng.choice((0, 0, 0, 0, 0, 1, 6, 30)))
            sent = processor.Webhook(
                webhook.state, webhook.name, webhook.sent_at + late, webhook.body
            )
            headers = {
                "content-type": "application/json",
                "stripe-signature": processor.signature(sent),
            }
            yield Item(
                sent.sent_at, "webhook", webhook.name, webhook.state, "rent", webhook.body, headers
            )


def _own_ach(world: World, life: Life) -> Iterator[Item]:
    for batch, payments in life.ach_batches.items():
        day = payments[0].settled_on
        assert day is not None
        if day <= last_day(world):
            state = payments[0].lease.state
            written_at = _moment(add_banking_days(day, -1), 17)
            yield Item(written_at, "originate", batch, state)
            yield Item(_moment(day, 14), "settle", batch, state)
    for file in ach.return_files(world, life):
        yield Item(_moment(file.arrives_on, 15), "returns", file.name, file.state, body=file.body)


def _files(world: World, life: Life) -> Iterator[Item]:
    for batch in office.check_batches(world, life):
        yield Item(
            _moment(batch.arrives_on, 20), "checks", batch.name, batch.state, body=batch.body
        )
    for batch in office.cash_batches(world, life):
        yield Item(_moment(batch.arrives_on, 12), "cash", batch.name, batch.state, body=batch.body)
    for download in banks.statements(world, life):
        account = download.account
        yield Item(
            _moment(download.fetched_on, 13),
            "statement",
            download.name,
            account.state,
            account.purpose,
            download.body,
        )


def _nights(world: World) -> Iterator[Item]:
    day = world.cut_over_on + timedelta(days=1)
    while day <= last_day(world) + timedelta(days=2):
        yield Item(_moment(day, 23, 30), "nightly", f"{day}")
        day += timedelta(days=1)
