"""What deposits and escrows refuse; each message is a sentence for the person who reads it."""


class DepositsError(Exception):
    """Something about a deposit or an escrow does not fit."""


class NotHere(DepositsError):
    """The money lies elsewhere: with the owner, or in another trust account."""


class SheetClosed(DepositsError):
    """A move-out sheet is settled or cancelled, so that it does not change any more."""


class NotReviewed(DepositsError):
    """A second person has not looked at the sheet yet."""


class OwnReview(DepositsError):
    """Nobody reviews their own sheet."""


class TooEarly(DepositsError):
    """The law gives the tenant time that has not passed yet."""


class ClaimLost(DepositsError):
    """The notice of the claim is too late, so that nothing may be kept of the deposit."""


class SharesOff(DepositsError):
    """The parts of a refund do not sum to it."""


class RateMissing(DepositsError):
    """Interest cannot be reckoned: the rate of an account and year was not entered."""


class InterestOpen(DepositsError):
    """Interest is owed and not credited yet."""


class BadFile(DepositsError):
    """A file that is no picture and no PDF, or too large."""


class AlreadyDone(DepositsError):
    """It was done before with other facts."""
