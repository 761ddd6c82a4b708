"""What fees refuse; each message is a sentence for the person who reads it."""


class FeesError(Exception):
    """Something about a fee does not fit; nothing was posted."""


class ToldOtherwise(FeesError):
    """A key came back with other facts; nothing was posted a second time."""


class NoOwners(FeesError):
    """Nobody owns the property on the day, so nobody can be asked for the fee."""


class NotGivenBack(FeesError):
    """The fee cannot be given back by hand; the message says what takes it back."""


class NothingToDraw(FeesError):
    """The company has less in the trust account than would be drawn."""
