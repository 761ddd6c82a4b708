"""What payments refuse; each message is a sentence for the person who reads it."""


class PaymentsError(Exception):
    """Something about a payment does not fit; nothing was posted."""


class BadPayment(PaymentsError):
    """The facts of a new payment cannot be right; the message names the payment and the field."""


class KeyReused(PaymentsError):
    """A key came back with other facts; the message names them."""


class NoStock(PaymentsError):
    """A trust account has no check numbers; a bookkeeper sets the next one."""


class NumberTaken(PaymentsError):
    """A check with this number was written from the account already."""


class NotPossible(PaymentsError):
    """A payment is not in a state in which this can be done; the message says what to do."""


class BankDataMissing(PaymentsError):
    """Payees of an ACH file have no bank account on record; the message names them."""


class UnknownPayment(PaymentsError):
    """Money of ours came back and no payment is known that it was."""
