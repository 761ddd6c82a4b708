"""What rent collection does: charges, receipts, deposit slips, remittances, and what comes back."""

from ledger.company import company_of, suspense_of
from receivables.services.aliases import forget_alias, learn_alias, remember_alias, switch_off
from receivables.services.charges import MonthlyCharges, add_charge, post_monthly_charges, prorated
from receivables.services.comebacks import come_again, lose_dispute, take_back
from receivables.services.corrections import cancel_receipt, correct_receipt
from receivables.services.deposit_slips import make_deposit_slip
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
from receivables.services.transfers import transfer_deposit

__all__ = [
    "MonthlyCharges",
    "add_charge",
    "adopt_items",
    "assign_receipt",
    "cancel_receipt",
    "come_again",
    "company_of",
    "correct_receipt",
    "expect_receipt",
    "fail_receipt",
    "fail_remittance",
    "forget_alias",
    "give_to_company",
    "learn_alias",
    "lose_dispute",
    "make_deposit_slip",
    "post_monthly_charges",
    "prorated",
    "receipt_key",
    "receive_unknown",
    "record_receipt",
    "record_remittance",
    "remember_alias",
    "settle_receipt",
    "suspense_of",
    "switch_off",
    "take_back",
    "transfer_deposit",
    "unassign_receipt",
]
