"""What fees know: what is due, what may be drawn, what was earned, and what is wrong."""

from fees.queries.audit import audit
from fees.queries.drawing import (
    DrawLimits,
    books_with_own_money,
    draw_proposal,
    limits_of,
    undrawn_fees,
)
from fees.queries.due import (
    LeaseUp,
    MonthDue,
    Waiting,
    fees_of_undone,
    lease_ups,
    leases_with_work,
    month_dues,
    payments_without_fee,
    waiting_by_property,
    waiting_fees,
    waiting_of_property,
)
from fees.queries.revenue import revenue, rolled_up, summed

__all__ = [
    "DrawLimits",
    "LeaseUp",
    "MonthDue",
    "Waiting",
    "audit",
    "books_with_own_money",
    "draw_proposal",
    "fees_of_undone",
    "lease_ups",
    "leases_with_work",
    "limits_of",
    "month_dues",
    "payments_without_fee",
    "revenue",
    "rolled_up",
    "summed",
    "undrawn_fees",
    "waiting_by_property",
    "waiting_fees",
    "waiting_of_property",
]
