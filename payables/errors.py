"""What layer 4 refuses; each message is a sentence for the person who reads it."""


class PayablesError(Exception):
    """Something about a vendor, a work order or a bill does not fit."""


class ToldOtherwise(PayablesError):
    """A key came back with other facts; nothing was written a second time."""


class WrongFile(PayablesError):
    """A file that is too large, or is no PDF, JPEG or PNG."""


class WrongDetails(PayablesError):
    """Bank details that no bank has, or that come without evidence of a call."""


class WrongSplit(PayablesError):
    """The lines of a bill do not come to its amount, or a pasted row cannot be read."""


class OtherCompany(PayablesError):
    """Vendor, property, work order and trust account are not of one company."""


class WrongState(PayablesError):
    """What was asked does not fit the state of the bill or work order."""


class OwnBill(PayablesError):
    """Who entered a bill does not approve, release or excuse it."""


class LooksPaidTwice(PayablesError):
    """The bill looks like another one; a person must say that it is not."""


class LinkRefused(PayablesError):
    """A link that does not exist, has expired, was used, or was tried too often."""


class TooManyLinks(LinkRefused):
    """Too many wrong links came from one address."""
