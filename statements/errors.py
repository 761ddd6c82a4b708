"""What the statements app refuses."""


class StatementsError(Exception):
    """Base of what can go wrong with a report; the message is for a person."""


class NothingToReport(StatementsError):
    """The account has no bank statement up to the day of the report."""


class NotAReport(StatementsError):
    """The file is not a trust report made here, or its attachments are missing."""


class CannotLayOut(StatementsError):
    """The system lacks the library that lays out pages."""
