"""Read a platform's JSON with care: a wrong shape becomes Unreadable, which names the place."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from moneyed import Money

from connectors.errors import Unreadable
from proptrust.lib.money import from_cents

# Above any amount a processor takes, below what PostgreSQL's numeric(14,2) holds.
CENTS_LIMIT = 10**12
# 2000 to 2100: an event outside is no event of ours.
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800
TEXT_LIMIT = 2000


class Node:
    """One value of a JSON document and the path that leads to it."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def __repr__(self) -> str:
        return f"<Node {self.path or 'document'}>"

    @classmethod
    def parse(cls, body: bytes) -> "Node":
        """The document of a body. Raises Unreadable if it is no JSON object in UTF-8."""
        try:
            value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"the body is not JSON: {str(error)[:200]}") from error
        node = cls(value)
        node.fields()
        return node

    def fail(self, reason: str) -> Unreadable:
        """The error for this place, to be raised by the caller."""
        return Unreadable(f"{self.path or 'the document'} {reason}")

    def get(self, name: str) -> "Node":
        """A member of an object; a missing one is None."""
        return Node(self.fields().get(name), f"{self.path}.{name}" if self.path else name)

    def fields(self) -> dict[str, Any]:
        """The members of an object."""
        if not isinstance(self.value, dict):
            raise self.fail("is not an object")
        return self.value

    def items(self) -> "Iterator[Node]":
        """The members of a list."""
        if not isinstance(self.value, list):
            raise self.fail("is not a list")
        for index, value in enumerate(self.value):
            yield Node(value, f"{self.path}[{index}]")

    @property
    def is_null(self) -> bool:
        """Whether it is missing or null."""
        return self.value is None

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return isinstance(self.value, dict)

    def text(self, *, limit: int = TEXT_LIMIT) -> str:
        """Text that must be there and not empty."""
        found = self.optional_text(limit=limit)
        if not found:
            raise self.fail("is missing")
        return found

    def optional_text(self, *, limit: int = TEXT_LIMIT) -> str:
        """Text, or empty where the document has null or nothing."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self.fail("is not text")
        if len(self.value) > limit:
            raise self.fail(f"is longer than {limit} characters")
        if "\x00" in self.value or (not self.value.isprintable() and _has_surrogate(self.value)):
            raise self.fail("has characters that no text has")
        return self.value

    def whole(self) -> int:
        """A whole number; a fraction, text or truth value is refused."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.fail("is not a whole number")
        return self.value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.fail("is neither true nor false")
        return self.value

    def cents(self) -> Money:
        """An amount in cents of US dollars, of either sign."""
        cents = self.whole()
        if abs(cents) >= CENTS_LIMIT:
            raise self.fail("is larger than any payment")
        return from_cents(cents)

    def moment(self) -> datetime:
        """Seconds since 1970 as an aware moment."""
        seconds = self.whole()
        if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
            raise self.fail("is no moment between 2000 and 2100")
        return datetime.fromtimestamp(seconds, UTC)

    def day(self) -> date:
        """Seconds since 1970 as a day in UTC."""
        return self.moment().date()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
