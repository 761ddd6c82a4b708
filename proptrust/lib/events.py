"""Publish a fact; every handler that listens for its type runs at once, in the same transaction.

An app lists its handlers in `handlers.py`, which its AppConfig imports. Lower apps publish facts of
their own `types` without knowing who listens.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

Fact = TypeVar("Fact")
_handlers: dict[type, list[Callable[[Any], object]]] = defaultdict(list)


def hears(fact: type[Fact]) -> Callable[[Callable[[Fact], object]], Callable[[Fact], object]]:
    """Decorate a function of one argument to be called with each published fact of a type."""

    def register(handler: Callable[[Fact], object]) -> Callable[[Fact], object]:
        if handler not in _handlers[fact]:
            _handlers[fact].append(handler)
        return handler

    return register


def publish(fact: object) -> int:
    """Call every handler of the fact's own type, in the order they were registered.

    An exception of a handler goes to the caller, so that the whole transaction is undone.
    Returns how many handlers heard it.
    """
    listeners = _handlers.get(type(fact), [])
    for handler in listeners:
        handler(fact)
    return len(listeners)
