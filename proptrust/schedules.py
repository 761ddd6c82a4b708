"""What the worker does by the clock. `manage.py sync_schedules` writes this list to the database.

Each app adds its own entries here. The functions live in the app's `tasks.py`, take no arguments,
and are safe to stop or to run twice.
"""

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class Recurring:
    """A task that comes again: every so many minutes, or daily at a time of settings.TIME_ZONE.

    func: the dotted name of the function. Exactly one of every_minutes and daily_at is given.
    """

    name: str
    func: str
    every_minutes: int | None = None
    daily_at: time | None = None

    def __post_init__(self) -> None:
        if (self.every_minutes is None) == (self.daily_at is None):
            raise ValueError(f"schedule {self.name!r} needs either every_minutes or daily_at")
        if self.every_minutes is not None and self.every_minutes < 1:
            raise ValueError(f"schedule {self.name!r} comes every minute at most")


SCHEDULES: tuple[Recurring, ...] = (
    Recurring("forget_finished", "proptrust.tasks.forget_finished", daily_at=time(3)),
    Recurring("heartbeat", "desk.tasks.heartbeat", every_minutes=1),
    Recurring("findings", "desk.tasks.detect_all", every_minutes=1),
    Recurring("connectors", "connectors.tasks.catch_up_all", every_minutes=1),
    Recurring("reports", "statements.tasks.make_waiting_reports", every_minutes=5),
    Recurring(
        "owner_statements", "statements.tasks.make_waiting_owner_statements", every_minutes=5
    ),
    Recurring("owner_links", "statements.tasks.forget_visits", daily_at=time(3, 30)),
    Recurring("bank_files", "reconciliation.tasks.import_pending", every_minutes=1),
    Recurring("charges", "receivables.tasks.charge_month", daily_at=time(1)),
    Recurring("late_fees", "receivables.tasks.charge_late_fees", daily_at=time(2)),
    Recurring("deposits", "deposits.tasks.keep_deposits", daily_at=time(3)),
    Recurring("matching", "reconciliation.tasks.match_all", every_minutes=5),
    Recurring("owner_requests", "payables.tasks.send_owner_requests", every_minutes=5),
    Recurring("stale_checks", "payments.tasks.mark_stale_checks", daily_at=time(2)),
    Recurring("recoveries", "disbursements.tasks.close_recoveries", every_minutes=10),
    Recurring("ach_files", "connectors.tasks.settle_files", daily_at=time(6)),
    Recurring("fees", "fees.tasks.take_lately", every_minutes=10),
    Recurring("fees_all", "fees.tasks.take_all", daily_at=time(2)),
)
