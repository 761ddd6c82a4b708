"""What layer 4 does: vendors, work orders, bills, owners' approvals, payments to vendors."""

from payables.services.bills import (
    answer_bill,
    approve_bill,
    cancel_bill,
    change_bill,
    clean_number,
    declare_emergency,
    enter_bill,
    link_work_order,
    question_bill,
    reject_bill,
    release,
)
from payables.services.documents import keep_document
from payables.services.owner_approvals import (
    answer_by_link,
    answer_owner,
    ask_owners,
    asked_by_link,
    confirm_evidence,
    record_owner_approval,
    send_requests,
)
from payables.services.paying import (
    pay_bills,
    payment_came_back,
    payment_replaced,
    payments_cleared,
    plan_payments,
)
from payables.services.vendors import (
    ask_bank_change,
    change_vendor,
    create_vendor,
    decide_bank_change,
    usable_details,
)
from payables.services.work_orders import (
    approve_work_order,
    cancel_work_order,
    complete_work_order,
    create_work_order,
    follow_bills,
)

__all__ = [
    "answer_bill",
    "answer_by_link",
    "answer_owner",
    "approve_bill",
    "approve_work_order",
    "ask_bank_change",
    "ask_owners",
    "asked_by_link",
    "cancel_bill",
    "cancel_work_order",
    "change_bill",
    "change_vendor",
    "clean_number",
    "complete_work_order",
    "confirm_evidence",
    "create_vendor",
    "create_work_order",
    "decide_bank_change",
    "declare_emergency",
    "enter_bill",
    "follow_bills",
    "keep_document",
    "link_work_order",
    "pay_bills",
    "payment_came_back",
    "payment_replaced",
    "payments_cleared",
    "plan_payments",
    "question_bill",
    "record_owner_approval",
    "reject_bill",
    "release",
    "send_requests",
    "usable_details",
]
