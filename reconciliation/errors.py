"""What reconciliation refuses."""


class ReconciliationError(Exception):
    """Base of every refusal; the message is a sentence for a bookkeeper."""


class FileRefused(ReconciliationError):
    """A bank file is not taken: it was read, and what it says cannot be true of the account.

    reason: a sentence. line: the line of the file it is about, or None for the whole file.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class WrongMatch(ReconciliationError):
    """Lines that do not say the same: their sums or accounts differ, or one is matched already."""
