"""Feed a simulated company to PropTrust from its cut-over to its last day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time

from desk import tasks as desk_tasks
from desk.models import LegalEntity
from leases.models import Lease
from proptrust.lib.money import usd
from receivables.importing import Upload, import_portfolio
from receivables.models import ChargeKind, RecurringCharge
from reconciliation import tasks as reconciliation_tasks
from tests.simulator import clock
from tests.simulator.company import Simulation
from tests.simulator.doors import Doors
from tests.simulator.world import COMPANY, HOME_STATE

Say = Callable[[str], object]


class NotLoadedError(Exception):
    """The portfolio was refused; the message lists why."""


def load(made: Simulation, *, say: Say) -> LegalEntity:
    """Bring everything in, in order; marks the company as the sample at the end.

    say: is told the progress in plain lines.
    """
    entity = load_portfolio(made)
    say(f"{entity}: {len(made.world.leases)} leases imported, bank = book = beneficiaries")
    doors = Doors(entity, made.world, made.life)
    tenth = max(1, len(made.items) // 10)
    for number, item in enumerate(made.items, start=1):
        doors.bring(item)
        if number % tenth == 0:
            say(f"{number} of {len(made.items)} items brought in, {item.at:%B %d}")
    say(reconciliation_tasks.match_all())
    say(desk_tasks.detect_all())
    LegalEntity.objects.filter(pk=entity.pk).update(is_sample=True)
    return entity


def load_portfolio(made: Simulation) -> LegalEntity:
    """Import the portfolio files at the cut-over, and what a person adds by hand."""
    uploads = [Upload(name, body) for name, body in made.portfolio.items()]
    evening = datetime.combine(made.world.cut_over_on, time(22), tzinfo=UTC)
    with clock.at(evening):
        outcome = import_portfolio(
            uploads,
            entity_name=COMPANY,
            state=HOME_STATE,
            cut_over_on=made.world.cut_over_on,
        )
    if not outcome.is_written:
        raise NotLoadedError("; ".join(str(problem) for problem in outcome.problems[:20]))
    entity = LegalEntity.objects.get(name=COMPANY)
    entity.licence_number = "SAMPLE-0001"
    entity.broker_of_record = "Dana Whitfield"
    entity.time_zone = "America/Los_Angeles"
    entity.save()
    _add_parking(made, entity)
    return entity


def _add_parking(made: Simulation, entity: LegalEntity) -> None:
    """The rent roll has rents only; the bookkeeper adds parking in the admin."""
    leases = {lease.code: lease for lease in Lease.objects.filter(entity=entity)}
    RecurringCharge.objects.bulk_create(
        RecurringCharge(
            lease=leases[lease.code],
            kind=ChargeKind.PARKING,
            amount=usd(lease.parking),
            from_on=lease.starts_on,
        )
        for lease in made.world.leases
        if lease.parking
    )
