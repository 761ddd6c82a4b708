"""What every connector is: it declares, verifies, parses and acts (docs/connectors/adding.md)."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms

from connectors.errors import Denied, NotPerformed, Reauthorise, RetryLater
from connectors.http import Answer, Form, Http
from connectors.reading import Node
from connectors.types import Action, Delivery, Event


def secret(
    *, label: str | None = None, help_text: str = "", required: bool = True
) -> forms.CharField:
    """A form field for a credential: never shown again once it is stored."""
    field = forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=4000,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}
        ),
    )
    field.is_secret = True  # type: ignore[attr-defined]
    return field


class Connector:
    """One platform, bound to the credentials and settings of one connection.

    yields, performs: the event and action types it knows. subscribes: the names under which the
    platform offers the webhooks that must be sent to us. is_file_based: deliveries are files that a
    person or a folder brings; there is no webhook. calls_per_second: of one connection. key_lives:
    how long the platform knows an idempotency key; an action is not repeated by itself after that.

    A connector opens no transaction and imports no model. It reaches the network through `http`
    alone, which is None where nothing may be sent (try_event, tests of verify and parse).
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    docs: ClassVar[str]
    yields: ClassVar[frozenset[type[Event]]]
    performs: ClassVar[frozenset[type[Action]]] = frozenset()
    subscribes: ClassVar[tuple[str, ...]] = ()
    is_file_based: ClassVar[bool] = False
    calls_per_second: ClassVar[int] = 10
    key_lives: ClassVar[timedelta] = timedelta(hours=23)

    class Credentials(forms.Form):
        """What it needs to know that nobody else may know."""

    class Settings(forms.Form):
        """What else it needs to know."""

    def __init__(
        self,
        credentials: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        http: Http | None = None,
    ) -> None:
        self._credentials = dict(credentials or {})
        self.settings = dict(settings or {})
        self._http = http

    def __repr__(self) -> str:
        return f"<{type(self).__name__} connector>"

    # -- What a vendor file defines

    def verify(self, delivery: Delivery) -> None:
        """Return if the delivery is the platform's own and fresh; else raise Refused.

        delivery.received_at is the moment it came.
        """
        raise NotImplementedError

    def parse(self, delivery: Delivery) -> Iterator[Event]:
        """Yield the facts of a delivery. Raises Unreadable, or Ignored with the reason.

        Pure: the same delivery always yields the same events, whenever it is read.
        """
        raise NotImplementedError

    def due(self, delivery: Delivery, day: date) -> Iterator[Event]:
        """The facts that a file of our own, once handed over, makes true by a day."""
        return iter(())

    def test_connection(self) -> str:
        """Ask the platform something harmless; return the sentence for the admin, or raise."""
        raise NotPerformed(f"{self.label} has nothing to be tested over the network")

    def perform(self, action: Action) -> Any:
        """Do an action by the method of its name: a Receipt, or what a Fetch action is answered by.

        Raises RetryLater, Denied, Reauthorise, Unreadable; NotPerformed for an action that it does
        not declare.
        """
        if type(action) not in self.performs:
            raise NotPerformed(f"{self.label} does not perform {action.kind}")
        return getattr(self, action.kind)(action)

    # -- What vendor files use

    @property
    def http(self) -> Http:
        """The way to the network."""
        if self._http is None:
            raise NotPerformed(f"{self.label} is not connected here")
        return self._http

    def credential(self, name: str) -> str:
        """A credential, or empty where none is stored."""
        return str(self._credentials.get(name) or "")

    def judge(self, answer: Answer) -> Answer:
        """Return a good answer; turn any other into retry, stop or re-authorise."""
        if answer.status < 300:
            return answer
        if answer.status in {401, 403}:
            raise Reauthorise(f"{self.label} does not accept our credentials ({answer.status})")
        if answer.status in {408, 409, 425, 429} or answer.status >= 500:
            raise RetryLater(
                f"{self.label} answered {answer.status}: {self.reason_of(answer)}",
                after=answer.retry_after,
            )
        raise Denied(f"{self.label} answered {answer.status}: {self.reason_of(answer)}")

    def reason_of(self, answer: Answer) -> str:
        """What the platform says in a bad answer, in one line."""
        return "no reason given"

    def ask(self, url: str, *, params: Form = (), headers: Mapping[str, str] | None = None) -> Node:
        """GET a JSON object, judged."""
        return Node(self.judge(self.http.get(url, params=params, headers=headers)).json())
