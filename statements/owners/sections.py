"""In which section of an owner statement a line stands; disbursements.sections tells what it is."""

from datetime import date

from disbursements.models import Section
from statements.owners.types import Moved

# What leaves the claim at the end of the equation; everything else is the change before it.
PAID = (Section.WITHHELD, Section.DRAW)
# As they are printed.
ORDER = (
    Section.BROUGHT_FORWARD,
    Section.RENT,
    Section.OTHER_COLLECTED,
    Section.DEPOSIT_KEPT,
    Section.MANAGEMENT_FEE,
    Section.OTHER_FEE,
    Section.BILL,
    Section.CONTRIBUTION,
    Section.RECOVERY,
    Section.TRANSFER,
    Section.ESCROW,
    Section.INTEREST,
    Section.ADJUSTMENT,
    Section.DRAW_BACK,
    Section.OTHER,
    Section.WITHHELD,
    Section.DRAW,
)
# Where money went out or came back, a line stays what it is however late it is known.
_STAY = (Section.DRAW, Section.DRAW_BACK, Section.WITHHELD)


def section_of(line: Moved, from_on: date) -> Section:
    """The section of a line on a statement that begins on a day.

    A late fact of earlier days, a fact of a closed period, and what takes back something of earlier
    days are adjustments of earlier periods.
    """
    told = Section(line.section)
    if line.run_id is not None:
        return told
    if line.pays_draw:
        return Section.DRAW
    if told in _STAY:
        return told
    return Section.ADJUSTMENT if is_prior(line, from_on) else told


def is_prior(line: Moved, from_on: date) -> bool:
    """Whether a line belongs to days before a statement's first one."""
    return (
        line.dated_on < from_on
        or line.adjusts_on is not None
        or (line.undoes_on is not None and line.undoes_on < from_on)
    )
