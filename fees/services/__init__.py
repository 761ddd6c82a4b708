"""What layer 5 does: fees taken and given back, by payment, by month and by hand, and drawn."""

from fees.services.by_hand import NewFee, add_fee, give_back
from fees.services.draws import ask_draw, draw_fees, redraw, undo_draw
from fees.services.periods import take_period_fees
from fees.services.taking import take_fees
from fees.services.waiting import take_waiting

__all__ = [
    "NewFee",
    "add_fee",
    "ask_draw",
    "draw_fees",
    "give_back",
    "redraw",
    "take_fees",
    "take_period_fees",
    "take_waiting",
    "undo_draw",
]
