"""manage.py try_event: what PropTrust would make of a webhook body or file; nothing is stored."""

import json
from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.base import Connector
from connectors.errors import Ignored, Refused, Unreadable
from connectors.facts import encode
from connectors.registry import connector_class
from connectors.services.receiving import check_key
from connectors.types import Delivery, Event

Line = dict[str, Any]


class Command(BaseCommand):
    help = """Say what PropTrust would make of a platform's deliveries. Stores nothing, needs no
connection and no database. Prints one JSON object a line, one for each BODY:

  {"file", "outcome": "events" | "ignored" | "refused", "reason", "events": [{"kind", "key", "at",
   "amount", "currency", ... every other fact of the event}]}

  # What is in a body, without checking its signature:
  manage.py try_event stripe --no-verify body.json

  # As it would be received now: HEADERS is a JSON object, or lines of "Name: value";
  # CREDENTIALS is a JSON object with the fields of the connector's credentials form, and if you
  # like those of its settings under "settings":
  #   {"signing_secret": "whsec_...", "settings": {"mode": "test"}}
  manage.py try_event stripe --headers headers.txt --credentials credentials.json body.json
"""

    requires_system_checks = []
    requires_migrations_checks = False

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the connector, as stripe")
        parser.add_argument("bodies", metavar="BODY", nargs="+", help="files as they came")
        parser.add_argument(
            "--headers", metavar="FILE", help="the headers that came with the bodies"
        )
        parser.add_argument(
            "--credentials", metavar="FILE", help="what the signature is checked with"
        )
        parser.add_argument("--no-verify", action="store_true", help="do not check the signature")
        parser.add_argument(
            "--at", metavar="MOMENT", help="as if it came then, as 2026-01-31T12:00:00+00:00"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each body."""
        try:
            cls = connector_class(options["slug"])
        except KeyError as error:
            raise CommandError(str(error.args[0])) from None
        known = _json_file(options["credentials"])
        settings = known.pop("settings", {})
        if not isinstance(settings, dict):
            raise CommandError("settings in the credentials file is not an object")
        connector = cls(known, settings)
        headers = _headers(options["headers"])
        at = _moment(options["at"])
        for name in options["bodies"]:
            try:
                body = Path(name).read_bytes()
            except OSError as error:
                raise CommandError(f"{name}: {error.strerror}") from None
            delivery = Delivery(
                body=body,
                headers=headers,
                received_at=at,
                name=Path(name).name if cls.is_file_based else "",
            )
            said = tried(connector, delivery, is_verified=not options["no_verify"])
            self.stdout.write(json.dumps({"file": name, **said}))


def tried(connector: Connector, delivery: Delivery, *, is_verified: bool) -> Line:
    """What would become of a delivery: outcome, reason and events."""
    try:
        if is_verified:
            connector.verify(delivery)
        events = list(connector.parse(delivery))
        for event in events:
            check_key(event)
    except (Refused, Unreadable) as error:
        return {"outcome": "refused", "reason": str(error), "events": []}
    except Ignored as error:
        return {"outcome": "ignored", "reason": str(error), "events": []}
    if not events:
        return {"outcome": "ignored", "reason": "it tells no fact that counts", "events": []}
    return {"outcome": "events", "reason": None, "events": [described(event) for event in events]}


def described(event: Event) -> Line:
    """An event with its amount and currency as two facts, and None for what it does not have."""
    facts = encode(event)
    amount = facts.pop("amount", None) or {"amount": None, "currency": None}
    rest = {field.name: facts[field.name] for field in fields(event) if field.name in facts}
    return {
        "kind": event.kind,
        "key": rest.pop("key"),
        "at": rest.pop("at"),
        "amount": amount["amount"],
        "currency": amount["currency"],
        **rest,
    }


def _headers(name: str | None) -> Mapping[str, str]:
    """Header names in lower case; the file holds a JSON object or lines of "Name: value"."""
    if not name:
        return {}
    text = _text(name)
    if text.lstrip().startswith("{"):
        found = _object(name, text)
        return {key.lower(): str(value) for key, value in found.items()}
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _json_file(name: str | None) -> dict[str, Any]:
    return _object(name, _text(name)) if name else {}


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"{name} does not hold a JSON object")
    return found


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} is not UTF-8 text") from None


def _moment(text: str | None) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
