"""What the statements app refuses."""


class StatementsError(Exception):
    """Base of what can go wrong with a report; the message is for a person."""


class NothingToReport(StatementsError):
    """The account has no bank statement up to the day of the report."""


class NotAReport(StatementsError):
    """The file is not a trust report made here, or its attachments are missing."""


class CannotLayOut(StatementsError):
    """The system lacks the library that lays out pages."""


class DoesNotTie(StatementsError):
    """An owner statement does not come to what the ledger holds; nothing is printed."""


class StillWriting(StatementsError):
    """Another process has been writing for long; what it writes must not be missed."""


class LinkRefused(StatementsError):
    """An owner's link is unknown, over, or was taken back."""


class TooMany(LinkRefused):
    """Too many links were opened from one address in a short time."""
