"""Every connector, found by being in connectors/vendors/."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from connectors import vendors
from connectors.base import Connector
from connectors.http import Http
from connectors.models import Connection


@lru_cache(maxsize=1)
def family() -> Mapping[str, type[Connector]]:
    """The connector classes by slug, in the order of their slugs.

    Raises ValueError if a file has no connector, more than one, or one with another file's slug.
    """
    found = {}
    for module_info in sorted(pkgutil.iter_modules(vendors.__path__), key=lambda info: info.name):
        connector = _connector_in(f"{vendors.__name__}.{module_info.name}")
        if connector.slug != module_info.name:
            raise ValueError(f"{module_info.name}.py holds the connector {connector.slug!r}")
        found[connector.slug] = connector
    return MappingProxyType(found)


def _connector_in(name: str) -> type[Connector]:
    module = importlib.import_module(name)
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Connector) and each.__module__ == name
    ]
    if len(found) != 1:
        raise ValueError(f"{name} must hold one connector; it holds {len(found)}")
    return found[0]


def connector_class(slug: str) -> type[Connector]:
    """The connector of a slug. Raises KeyError naming those that exist."""
    try:
        return family()[slug]
    except KeyError:
        raise KeyError(f"no connector {slug!r}; there are {', '.join(family())}") from None


def choices() -> list[tuple[str, str]]:
    """Slugs and labels, for a form."""
    return [(slug, each.label) for slug, each in family().items()]


def connector_of(connection: Connection, *, request_id: int | None = None) -> Connector:
    """The connector of a connection, with its credentials and the way to the network."""
    cls = connector_class(connection.slug)
    credentials = connection.credentials or {}
    http = Http(
        connection_id=connection.pk,
        secrets=secrets_of(credentials),
        calls_per_second=cls.calls_per_second,
        request_id=request_id,
    )
    return cls(credentials, connection.settings, http)


def secrets_of(credentials: Mapping[str, Any]) -> frozenset[str]:
    """The credential values that may stand in no record; a very short one hides nothing."""
    return frozenset(
        value for value in credentials.values() if isinstance(value, str) and len(value) >= 4
    )
