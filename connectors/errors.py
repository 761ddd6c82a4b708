"""What connectors refuse, and what they ask their callers to do about it."""

from datetime import timedelta


class ConnectorError(Exception):
    """Something about a connection did not work; the message says what, in a plain sentence."""


class Refused(ConnectorError):
    """A delivery that is forged, stale or altered: it is counted, never stored.

    The message is one of a connector's few fixed sentences, so that refusals can be counted by it.
    """


class Unreadable(ConnectorError):
    """A delivery or answer from which no safe fact can be taken; the message names the place."""


class Ignored(ConnectorError):
    """A delivery that reads well and tells us nothing that counts; the message says why."""


class NotYet(ConnectorError):
    """A handler cannot post a fact before another one has come.

    waits_for: the platform's id of the payment or remittance that must be told first; the event is
    published again when something about it is heard. Without it any event of the connection does.
    """

    def __init__(self, reason: str, *, waits_for: str = "") -> None:
        super().__init__(reason)
        self.waits_for = waits_for


class RetryLater(ConnectorError):
    """The platform could not answer now. after: how long it asks us to wait, if it says so."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Denied(ConnectorError):
    """The platform said no, and will say so again: a person must look."""


class Reauthorise(ConnectorError):
    """The platform does not accept our credentials any more: the connection must be renewed."""


class NotPerformed(ConnectorError):
    """The platform of this connection does not do what was asked of it."""


class KeyReused(ConnectorError):
    """A key came back with other facts."""
