"""Events and actions as JSON and back, exactly: money as decimal text, moments in UTC."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from moneyed import Money, get_currency

from connectors.types import ACTIONS, EVENTS, Action, Event
from proptrust.lib.money import to_cents

Facts = dict[str, Any]


def encode(thing: Event | Action) -> Facts:
    """The facts of an event or action as a JSON object.

    Raises ValueError for an amount that is not a whole number of cents and for a naive moment.
    """
    return {field.name: _plain(getattr(thing, field.name)) for field in fields(thing)}


def decode_event(kind: str, facts: Mapping[str, Any]) -> Event:
    """The event that `encode` was given. Raises KeyError for a kind that does not exist."""
    event: Event = _build(EVENTS[kind], facts)
    return event


def decode_action(kind: str, facts: Mapping[str, Any]) -> Action:
    """The action that `encode` was given. Raises KeyError for a kind that does not exist."""
    action: Action = _build(ACTIONS[kind], facts)
    return action


def digest(thing: Event | Action) -> str:
    """SHA-256 over the kind and the facts, what is loose in an event left out."""
    loose = thing.loose if isinstance(thing, Event) else frozenset()
    facts = {name: value for name, value in encode(thing).items() if name not in loose}
    text = json.dumps([thing.kind, facts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        cents = Decimal(to_cents(value)).scaleb(-2)
        return {"amount": f"{cents:.2f}", "currency": str(value.currency)}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return value


@lru_cache(maxsize=64)
def _hints(cls: type) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _build(cls: Any, facts: Mapping[str, Any]) -> Any:
    """A dataclass from its facts; a fact that was added since keeps its default."""
    hints = _hints(cls)
    known = {
        field.name: _value(hints[field.name], facts[field.name])
        for field in fields(cls)
        if field.name in facts or field.default is field.default_factory is MISSING
    }
    return cls(**known)


def _value(hint: Any, plain: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        if plain is None:
            return None
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], each) for each in plain)
    if origin is not None:  # A mapping of text to text.
        return dict(plain)
    if hint is Money:
        return Money(Decimal(plain["amount"]), get_currency(plain["currency"]))
    if hint is datetime:
        return datetime.fromisoformat(plain)
    if hint is date:
        return date.fromisoformat(plain)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(plain)
    if is_dataclass(hint):
        return _build(hint, plain)
    return plain
