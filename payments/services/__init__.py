"""What payments do: pay, take back, pay again, clear, print, send, keep for the payee."""

from payments.services.approvals import change
from payments.services.backs import answer, come_back, reissue, stop, unanswer, void, why_not_void
from payments.services.clearing import clear, unclear
from payments.services.files import mark_sent, withdraw_file, write_ach_file, write_ach_files
from payments.services.paying import pay, pay_many
from payments.services.positive_pay import positive_pay
from payments.services.printing import bank_error_letter, due_diligence_letter, print_checks
from payments.services.stale import mark_stale, to_unclaimed
from payments.services.stock import explain_gap, set_stock

__all__ = [
    "answer",
    "bank_error_letter",
    "change",
    "clear",
    "come_back",
    "due_diligence_letter",
    "explain_gap",
    "mark_sent",
    "mark_stale",
    "pay",
    "pay_many",
    "positive_pay",
    "print_checks",
    "reissue",
    "set_stock",
    "stop",
    "to_unclaimed",
    "unanswer",
    "unclear",
    "void",
    "why_not_void",
    "withdraw_file",
    "write_ach_file",
    "write_ach_files",
]
