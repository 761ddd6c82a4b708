"""What rent collection refuses; each message is a sentence for the person who reads it."""


class ReceivablesError(Exception):
    """Something about a charge or a receipt does not fit."""


class ToldOtherwise(ReceivablesError):
    """A key came back with other facts; nothing was posted a second time."""


class NoBook(ReceivablesError):
    """Money came in, and nothing says into which trust account."""


class NotSettled(ReceivablesError):
    """The receipt is not settled, so its money can neither be used nor go back."""


class AlreadyAssigned(ReceivablesError):
    """The receipt belongs to a lease already."""


class TakenTwice(ReceivablesError):
    """More would go back than came in; the bank or processor told the same thing twice."""


class NotDepositable(ReceivablesError):
    """A receipt that cannot be on a deposit slip."""


class RemittanceOff(ReceivablesError):
    """The items of a remittance do not sum to what arrives."""


class CannotMove(ReceivablesError):
    """A receipt that cannot go to another lease, and what to do instead."""


class SubsidyRefused(ReceivablesError):
    """A housing agency's list that does not fit; the message names the row."""


class NoRetry(ReceivablesError):
    """A payment that came back may not be asked for again."""
