"""What the portfolio refuses; each message is a sentence for the person who asked."""


class LeasesError(Exception):
    """Something about the portfolio does not fit."""


class SharesNotWhole(LeasesError):
    """Shares of a property or a lease that do not sum to one."""


class NoOwner(LeasesError):
    """Nobody owns the property on that day, so that its money would belong to nobody."""


class AlreadyExists(LeasesError):
    """The code is taken by a row with other facts."""


class OtherEntity(LeasesError):
    """Rows of two legal entities do not go together."""


class TermsRefused(LeasesError):
    """Terms that do not fit, or that would change what has effects in the books already."""
