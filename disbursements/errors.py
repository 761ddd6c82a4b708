"""What the disbursements refuse; each message is a sentence for the person who reads it."""


class DisbursementsError(Exception):
    """Something about a run, a draw or a recovery does not fit; nothing was posted."""


class RunOpen(DisbursementsError):
    """The company has a run that is neither sent nor cancelled."""


class WrongState(DisbursementsError):
    """The run or draw is not in a state in which this can be done."""


class SamePerson(DisbursementsError):
    """The person who made it would approve it."""


class NotPayable(DisbursementsError):
    """The draws cannot be paid as they stand; the message names owners and reasons."""


class ToldOtherwise(DisbursementsError):
    """A key came back with other facts."""


class NotShort(DisbursementsError):
    """The owner's claim is not negative: there is nothing to recover."""
