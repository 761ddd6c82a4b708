"""A story's file, read: YAML or JSON, every cell as text, every mistake named with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from moneyed import Money

from proptrust.lib.money import usd

YES, NO = {"yes", "true"}, {"no", "false"}
# What a step may say beside its verb's own words.
_OF_STEP = {"on", "do", "says", "expect", "refused"}
_OF_STORY = {
    "title", "about", "covers", "company", "accounts", "owners", "properties", "leases", "opening",
    "steps", "ends",
}  # fmt: skip


class StoryError(Exception):
    """A story cannot be read or played; the message names file, place and reason."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


@dataclass
class Args:
    """The words of one part of a story; each is asked for by name, and `done` finds the rest."""

    values: Mapping[str, Any]
    place: str
    asked: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Whether a word was given."""
        self.asked.add(name)
        return name in self.values

    def raw(self, name: str) -> Any:
        """A word as it stands; raises StoryError if it is missing."""
        self.asked.add(name)
        if name not in self.values:
            raise StoryError(self.place, f"{name!r} is missing")
        return self.values[name]

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""
        if default is not None and not self.has(name):
            return default
        found = self.raw(name)
        if not isinstance(found, str):
            raise StoryError(self.place, f"{name!r} is one word or text, not {found!r}")
        return found

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of some words."""
        found = self.text(name, default)
        if found not in choices:
            raise StoryError(self.place, f"{name!r} is one of {', '.join(choices)}, not {found!r}")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no."""
        found = self.text(name, "yes" if default else "no").lower()
        if found not in YES | NO:
            raise StoryError(self.place, f"{name!r} is yes or no, not {found!r}")
        return found in YES

    def money(self, name: str, default: str | None = None) -> Money:
        """An amount in dollars, `1,234.56`; below zero with a minus."""
        return as_money(self.text(name, default), f"{self.place}, {name}")

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.text(name, None if default is None else str(default))
        try:
            return int(found)
        except ValueError:
            raise StoryError(self.place, f"{name!r} is a whole number, not {found!r}") from None

    def rate(self, name: str, default: str | None = None) -> Decimal:
        """A rate: `8%`, `0.08` or `1/3` as eight decimals."""
        return as_rate(self.text(name, default), f"{self.place}, {name}")

    def day(self, name: str, default: date | None = None) -> date:
        """A day, `2026-03-31`."""
        if default is not None and not self.has(name):
            return default
        return as_day(self.text(name), f"{self.place}, {name}")

    def list(self, name: str, default: Sequence[Any] | None = None) -> list[Any]:
        """Several; one alone needs no brackets."""
        if default is not None and not self.has(name):
            return list(default)
        found = self.raw(name)
        return list(found) if isinstance(found, list) else [found]

    def map(self, name: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Names and what belongs to each."""
        if default is not None and not self.has(name):
            return dict(default)
        found = self.raw(name)
        if not isinstance(found, dict):
            raise StoryError(self.place, f"{name!r} is a list of names with values, not {found!r}")
        return found

    def part(self, name: str) -> Args:
        """The words inside a word."""
        return Args(self.map(name, {}), f"{self.place}, {name}")

    def parts(self, name: str) -> Iterator[tuple[str, Args]]:
        """Each name of a word with its own words."""
        for key, values in self.map(name, {}).items():
            if not isinstance(values, dict):
                raise StoryError(f"{self.place}, {name}", f"{key!r} needs words of its own")
            yield key, Args(values, f"{self.place}, {name} {key}")

    def rows(self, name: str) -> Iterator[Args]:
        """Each row of a list of rows."""
        for number, values in enumerate(self.list(name, []), start=1):
            if not isinstance(values, dict):
                raise StoryError(f"{self.place}, {name} {number}", f"{values!r} is no row")
            yield Args(values, f"{self.place}, {name} {number}")

    def done(self) -> None:
        """Raise StoryError for a word that nobody asked for: a mistyped one would be lost."""
        if unknown := sorted(set(self.values) - self.asked):
            raise StoryError(self.place, f"nobody knows the word {', '.join(map(repr, unknown))}")


@dataclass(frozen=True)
class Step:
    """One thing that happens. refused: words of the reason for which it must be refused."""

    number: int
    on: date
    verb: str
    args: Mapping[str, Any]
    place: str
    says: str = ""
    expect: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""

    def words(self) -> Args:
        """The verb's own words."""
        return Args(self.args, self.place)


@dataclass(frozen=True)
class Story:
    """A story as its file tells it."""

    name: str
    title: str
    about: str
    covers: Sequence[str]
    setting: Args
    steps: Sequence[Step]
    ends: Mapping[str, Any]


def read(path: Path) -> Story:
    """Read a story's file; JSON is YAML too. Raises StoryError naming the place."""
    try:
        told = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - texts alone.
    except yaml.YAMLError as error:
        raise StoryError(path.name, f"is no YAML: {error}") from error
    if not isinstance(told, dict):
        raise StoryError(path.name, "a story is names with values: title, steps …")
    if unknown := sorted(set(told) - _OF_STORY):
        raise StoryError(path.name, f"a story has no {', '.join(map(repr, unknown))}")
    head = Args(told, path.name)
    return Story(
        name=path.stem,
        title=head.text("title"),
        about=head.text("about", "").strip(),
        covers=[str(each) for each in head.list("covers", [])],
        setting=head,
        steps=list(_steps(path.name, head.list("steps"))),
        ends=head.map("ends", {}),
    )


def _steps(file: str, told: Sequence[Any]) -> Iterator[Step]:
    before: date | None = None
    for number, values in enumerate(told, start=1):
        place = f"{file}, step {number}"
        if not isinstance(values, dict):
            raise StoryError(place, f"{values!r} is no step")
        words = Args(values, place)
        on = words.day("on", before)
        if before is not None and on < before:
            raise StoryError(place, f"{on} is before the step above it, {before}")
        before = on
        verb = words.text("do")
        yield Step(
            number=number,
            on=on,
            verb=verb,
            args={key: value for key, value in values.items() if key not in _OF_STEP},
            place=f"{place} ({verb})",
            says=words.text("says", ""),
            expect=words.map("expect", {}),
            refused=words.text("refused", ""),
        )


def as_money(text: str, place: str) -> Money:
    """An amount as a story writes it."""
    try:
        amount = Decimal(text.replace(",", "").replace("$", ""))
    except InvalidOperation:
        raise StoryError(place, f"{text!r} is no amount") from None
    if amount != amount.quantize(Decimal("0.01")):
        raise StoryError(place, f"{text!r} has more than whole cents")
    return usd(amount)


def as_rate(text: str, place: str) -> Decimal:
    """A rate as a story writes it."""
    try:
        if text.endswith("%"):
            return Decimal(text[:-1]) / 100
        return Decimal(text)
    except InvalidOperation:
        raise StoryError(place, f"{text!r} is no rate; write 8% or 0.08") from None


def as_day(text: str, place: str) -> date:
    """A day as a story writes it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise StoryError(place, f"{text!r} is no day; write 2026-03-31") from None
