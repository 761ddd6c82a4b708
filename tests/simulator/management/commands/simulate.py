"""Write the sample company's files: `manage.py simulate --units 80 --months 3 --out DIR`."""

import json
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tests.simulator import company


class Command(BaseCommand):
    """Writes portfolio CSVs, the feed in its order, the processor's answers and the truth."""

    help = "Write the files that the outside world would send to the sample company."

    def add_arguments(self, parser: ArgumentParser) -> None:
        company.add_arguments(parser)
        parser.add_argument("--out", type=Path, default=Path(settings.VAR_DIR) / "simulated")

    def handle(
        self, *args: Any, seed: int, units: int, months: int, cut_over: date, out: Path, **_: Any
    ) -> None:
        made = company.make(seed=seed, units=units, months=months, cut_over_on=cut_over)
        (out / "portfolio").mkdir(parents=True, exist_ok=True)
        (out / "feed").mkdir(exist_ok=True)
        (out / "processor").mkdir(exist_ok=True)
        for name, body in made.portfolio.items():
            (out / "portfolio" / name).write_bytes(body)
        index = []
        for number, item in enumerate(made.items, start=1):
            name = f"{number:05d}-{item.door}-{item.state or 'all'}-{item.name}"
            if item.body:
                (out / "feed" / name).write_bytes(item.body)
            index.append(
                {
                    "at": item.at.isoformat(), "door": item.door, "state": item.state,
                    "purpose": item.purpose, "file": name if item.body else None,
                    "headers": item.headers,
                }
            )  # fmt: skip
        lines = "".join(json.dumps(each) + "\n" for each in index)
        (out / "feed.jsonl").write_text(lines)
        for name, body in made.processor_answers():
            (out / "processor" / name).write_bytes(body)
        (out / "truth.json").write_bytes(made.truth.to_json())
        self.stdout.write(
            f"{len(made.world.leases)} leases, {len(made.life.payments)} payments, "
            f"{len(made.life.moves)} bank movements, {len(made.items)} items in {out}"
        )
