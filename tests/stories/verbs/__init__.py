"""What can happen in a story: one function a verb, found by being in a module of this package.

A verb reads its words, calls the services that production calls, and says what it did in a
sentence. A word that it does not read is refused.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from tests.stories.reading import Args
from tests.stories.stage import Stage

Verb = Callable[[Stage, Args], str]
_verbs: dict[str, Verb] = {}


def verb(name: str) -> Callable[[Verb], Verb]:
    """Make a function the meaning of a verb; its docstring is what docs/stories.md says of it."""

    def remember(function: Verb) -> Verb:
        if name in _verbs:
            raise ValueError(f"{name!r} means two things")
        _verbs[name] = function
        return function

    return remember


def verbs() -> dict[str, Verb]:
    """Every verb by its name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(_verbs.items()))
