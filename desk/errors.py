"""What the desk refuses."""


class Refused(Exception):
    """The action cannot be done; the message says why and what to do instead."""


class AlreadyDone(Refused):
    """Another person was quicker; the message says who did what, and when."""
