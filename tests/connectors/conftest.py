"""Fixtures of the connectors' tests: a connection, and who hears what it tells."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from connectors.models import Connection
from connectors.types import Event, Heard
from desk.models import LegalEntity, Membership, Role, User
from proptrust.lib import events
from tests.connectors.signing import CREDENTIALS, SETTINGS

Connect = Callable[..., Connection]


class Listener:
    """Hears every event; `answer` may raise, as a handler of another app would."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.answer: Callable[[Heard], object] = lambda heard: None

    def __call__(self, heard: Heard) -> None:
        self.answer(heard)
        self.told.append(heard.event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.told]


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    """The only one who hears events: the apps above stay out of these tests."""
    alone = Listener()
    handlers: dict[type, list[Callable[[Any], object]]] = defaultdict(list, {Heard: [alone]})
    monkeypatch.setattr(events, "_handlers", handlers)
    return alone


@pytest.fixture
def entity(db: None) -> LegalEntity:
    return LegalEntity.objects.create(name="Oak Homes", state="TX")


@pytest.fixture
def connect(entity: LegalEntity) -> Connect:
    """Make a connection of a platform with the credentials that `signing` signs with."""

    def make(slug: str = "stripe", **changes: Any) -> Connection:
        facts = {
            "credentials": CREDENTIALS.get(slug, {}),
            "settings": SETTINGS.get(slug, {}),
            "label": f"{slug} {Connection.objects.count()}",
        }
        return Connection.objects.create(entity=entity, slug=slug, **(facts | changes))

    return make


@pytest.fixture
def person(entity: LegalEntity) -> User:
    """An administrator and bookkeeper of the company."""
    user = User.objects.create_user("pat", password="a long enough word")
    for role in (Role.ADMINISTRATOR, Role.BOOKKEEPER):
        Membership.objects.create(user=user, entity=entity, role=role)
    return user
