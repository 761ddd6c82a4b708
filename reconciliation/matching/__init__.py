"""Is this bank line that money: rules over columns in memory, each with points and a reason."""

from reconciliation.matching.engine import AUTOMATIC, MARGIN, Choice, choose, propose
from reconciliation.matching.loading import load

__all__ = ["AUTOMATIC", "MARGIN", "Choice", "choose", "load", "propose"]
