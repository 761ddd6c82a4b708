"""What the disbursements do: runs, what reviewers change, recoveries, contributions, tax."""

from disbursements.services.deciding import cancel_run, review_run
from disbursements.services.editing import hold_draw, lower_draw, release_draw, set_memo
from disbursements.services.freezing import freeze_run
from disbursements.services.recovering import (
    ask_advance,
    ask_contribution,
    plan_recovery,
    record_contribution,
    take_from_other_properties,
    withdraw_request,
)
from disbursements.services.remitting import remit_withholding
from disbursements.services.sending import send_run
from disbursements.services.settling import close_recoveries

__all__ = [
    "ask_advance",
    "ask_contribution",
    "cancel_run",
    "close_recoveries",
    "freeze_run",
    "hold_draw",
    "lower_draw",
    "plan_recovery",
    "record_contribution",
    "release_draw",
    "remit_withholding",
    "review_run",
    "send_run",
    "set_memo",
    "take_from_other_properties",
    "withdraw_request",
]
