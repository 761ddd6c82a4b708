"""What rent collection does: charges, receipts, deposit slips, remittances, and what comes back."""

from ledger.company import company_of, suspense_of
from receivables.services.aliases import (
    forget_alias,
    learn_alias,
    name_payer,
    remember_alias,
    switch_off,
)
from receivables.services.charges import MonthlyCharges, add_charge, post_monthly_charges
from receivables.services.comebacks import come_again, lose_dispute, take_back
from receivables.services.concessions import agree_concession
from receivables.services.corrections import cancel_receipt, correct_receipt
from receivables.services.credits import give_credit, undo_credit, waive
from receivables.services.deposit_slips import make_deposit_slip
from receivables.services.late_fees import LateFees, assess_late_fees
from receivables.services.moves import move_receipt, preview_move
from receivables.services.prorating import prorated
from receivables.services.receipts import (
    assign_receipt,
    expect_receipt,
    fail_receipt,
    record_receipt,
    settle_receipt,
    unassign_receipt,
)
from receivables.services.remittances import (
    adopt_items,
    fail_remittance,
    give_to_company,
    receipt_key,
    receive_unknown,
    record_remittance,
)
from receivables.services.returned import (
    authorise,
    charge_nsf_fee,
    end_authorisation,
    finish_step,
    reopen_step,
    retry_return,
)
from receivables.services.subsidies import (
    answer_recoupment,
    create_agency,
    create_subsidy,
    explain_variance,
    record_subsidies,
    undo_answer,
    unexplain_variance,
)
from receivables.services.transfers import transfer_deposit

__all__ = [
    "LateFees",
    "MonthlyCharges",
    "add_charge",
    "adopt_items",
    "agree_concession",
    "answer_recoupment",
    "assess_late_fees",
    "assign_receipt",
    "authorise",
    "cancel_receipt",
    "charge_nsf_fee",
    "come_again",
    "company_of",
    "correct_receipt",
    "create_agency",
    "create_subsidy",
    "end_authorisation",
    "expect_receipt",
    "explain_variance",
    "fail_receipt",
    "fail_remittance",
    "finish_step",
    "forget_alias",
    "give_credit",
    "give_to_company",
    "learn_alias",
    "lose_dispute",
    "make_deposit_slip",
    "move_receipt",
    "name_payer",
    "post_monthly_charges",
    "preview_move",
    "prorated",
    "receipt_key",
    "receive_unknown",
    "record_receipt",
    "record_remittance",
    "record_subsidies",
    "remember_alias",
    "reopen_step",
    "retry_return",
    "settle_receipt",
    "suspense_of",
    "switch_off",
    "take_back",
    "transfer_deposit",
    "unassign_receipt",
    "undo_answer",
    "undo_credit",
    "unexplain_variance",
    "waive",
]
