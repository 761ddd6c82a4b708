"""What the desk does: sync findings to items, assign, wait, note, act, undo, approve, record."""

from desk.services.actions import Outcome, act, act_on_many, undo, undo_group
from desk.services.approvals import ask_approval, decide, withdraw
from desk.services.audit import beat, record
from desk.services.findings import recheck, run_detector, run_detectors, wake_waiting
from desk.services.items import add_note, assign, stop_waiting, wait

__all__ = [
    "Outcome",
    "act",
    "act_on_many",
    "add_note",
    "ask_approval",
    "assign",
    "beat",
    "decide",
    "recheck",
    "record",
    "run_detector",
    "run_detectors",
    "stop_waiting",
    "undo",
    "undo_group",
    "wait",
    "wake_waiting",
    "withdraw",
]
