"""What the worker does for deposits (proptrust/schedules.py)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from deposits import services
from desk.models import LegalEntity


def keep_deposits() -> str:
    """Find new deposits, plan the papers that are due, credit interest, fund escrows.

    Runs daily and is safe to stop or to run twice: each company is a transaction of its own in
    each step. Returns the sentence that the task list shows.
    """
    papers, credited, funded = 0, 0, 0
    for entity in LegalEntity.objects.order_by("id"):
        today = _today_at(entity)
        services.ensure_deposits(entity.pk)
        papers += services.plan_notices(entity.pk, on=today)[0]
        credited += services.credit_interest(entity.pk, on=today).credited
        funded += services.fund_escrows(entity.pk, today, on=today).moved
    return f"{papers} papers planned, {credited} deposits credited, {funded} escrows funded"


def _today_at(entity: LegalEntity) -> date:
    return datetime.now(ZoneInfo(entity.time_zone)).date()
