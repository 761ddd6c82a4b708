"""Reads the files of rules once and refuses what is wrong in them, with the place."""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from compliance import schema
from compliance.errors import BadFile
from compliance.jurisdictions import FEDERAL, NAMES, is_jurisdiction, state_of
from compliance.types import UNKNOWN, Rule, Source

FOLDER = Path(__file__).parent / "states"
_HEAD = frozenset({"jurisdiction", "name", "read_on"})


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """What one file says. rules: by topic, in the order of the file."""

    code: str
    name: str
    rules: Mapping[str, tuple[Rule, ...]]

    @property
    def is_locality(self) -> bool:
        """Whether it is a part of a state that answers for the rest."""
        return state_of(self.code) != self.code


Lawbook = Mapping[str, Jurisdiction]


@lru_cache(maxsize=1)
def lawbook() -> Lawbook:
    """Every file that PropTrust ships, read once. Raises BadFile for the first that is wrong."""
    return read_folder(FOLDER)


def read_folder(folder: Path) -> Lawbook:
    """The files of a folder by the code of their jurisdiction. Raises BadFile."""
    found = [read_file(path) for path in files_of(folder)]
    return {each.code: each for each in found}


def files_of(folder: Path) -> list[Path]:
    """The files of rules in a folder, in order."""
    return sorted(folder.glob("*.toml"))


def read_file(path: Path) -> Jurisdiction:
    """Read one file. Raises BadFile with the table and the key that is wrong."""
    content = _parsed(path)
    code = content.get("jurisdiction")
    if not isinstance(code, str) or not is_jurisdiction(code):
        raise BadFile(path, f"{code!r} is no jurisdiction", key="jurisdiction")
    if path.stem != code.lower():
        raise BadFile(path, f"a file of {code} is named {code.lower()}.toml", key="jurisdiction")
    name = content.get("name", NAMES.get(code))
    if not isinstance(name, str):
        raise BadFile(path, "a locality says its name", key="name")
    rules = {
        topic: tuple(_rows(path, content, topic, tables))
        for topic, tables in content.items()
        if topic not in _HEAD
    }
    _check_complete(path, code, rules)
    for topic, rows in rules.items():
        _check_apart(path, topic, rows)
    return Jurisdiction(code, name, rules)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadFile(path, f"it is no TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise BadFile(path, f"it is no UTF-8: {error.reason} at byte {error.start}") from error


def _rows(path: Path, content: Mapping[str, Any], topic: str, tables: object) -> Iterator[Rule]:
    if topic not in schema.TOPICS:
        known = ", ".join(schema.TOPICS)
        raise BadFile(path, f"no such topic; the topics are {known}", table=topic)
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise BadFile(path, f"a topic is a list of tables: [[{topic}]]", table=topic)
    for number, table in enumerate(tables, start=1):
        yield _row(_Place(path, f"{topic} {number}"), content, schema.TOPICS[topic], table)


@dataclass(frozen=True, slots=True)
class _Place:
    """A table of a file, for the errors in it."""

    path: Path
    table: str

    def refuse(self, reason: str, key: str = "") -> BadFile:
        return BadFile(self.path, reason, table=self.table, key=key)


def _row(
    place: _Place, content: Mapping[str, Any], topic: schema.Topic, table: Mapping[str, object]
) -> Rule:
    readers = {**schema.SHARED, **topic.keys}
    given = {"read_on": content.get("read_on"), **table}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in readers:
            raise place.refuse(f"no such key; the keys are {', '.join(readers)}", key)
        try:
            values[key] = readers[key](value)
        except ValueError as error:
            raise place.refuse(str(error), key) from error
    for key in (*schema.REQUIRED_SHARED, *topic.keys):
        if key not in values and key not in topic.defaults:
            raise place.refuse("is missing", key)
    own = {key: values[key] if key in values else topic.defaults[key] for key in topic.keys}
    _check_dates(place, values)
    rule = topic.rule(
        jurisdiction=content["jurisdiction"],
        source=_source(place, values, own, topic.rule),
        **{key: values[key] for key in _FOR_WHOM if key in values},
        **own,
    )
    if problem := schema.problem_of(rule):
        raise place.refuse(problem[1], problem[0])
    return rule


_FOR_WHOM = ("variant", "when", "effective_from", "effective_to", "counts_by")


def _check_dates(place: _Place, values: Mapping[str, Any]) -> None:
    first, last = values.get("effective_from"), values.get("effective_to")
    if first and last and last < first:
        raise place.refuse(f"ends on {last}, before it begins on {first}", "effective_to")
    if "counts_by" in values and not (first or last):
        raise place.refuse("needs effective_from or effective_to", "counts_by")


def _source(
    place: _Place, values: Mapping[str, Any], own: Mapping[str, Any], rule: type[Rule]
) -> Source:
    is_found = values["source_kind"] != "not found"
    if is_found and "citation" not in values:
        raise place.refuse("is missing", "citation")
    if values["confirmed"] and not {"source_url", "source_title"} & values.keys():
        raise place.refuse("says what was read, unless source_title does", "source_url")
    if values["confirmed"] and values["source_kind"] in ("recalled", "not found"):
        raise place.refuse("what was recalled or not found is not confirmed", "confirmed")
    unconfirmed = values.get("unconfirmed", ())
    for name in unconfirmed:
        if name not in rule.own_fields():
            raise place.refuse(f"{name!r} is no key of this topic", "unconfirmed")
    return Source(
        citation=values.get("citation", ""),
        url=values.get("source_url", ""),
        title=values.get("source_title", ""),
        kind=values["source_kind"],
        read_on=values["read_on"],
        is_row_confirmed=values["confirmed"],
        # What is not known was not read either.
        unconfirmed=frozenset(unconfirmed) | {key for key in own if own[key] is UNKNOWN},
        note=values.get("note", ""),
    )


def _check_complete(path: Path, code: str, rules: Mapping[str, object]) -> None:
    """A state says something on every topic, if only "unknown"; a locality only what differs."""
    if code == FEDERAL or state_of(code) != code:
        return
    for topic, details in schema.TOPICS.items():
        if details.is_everywhere and not rules.get(topic):
            raise BadFile(path, "is missing; what is not known is written as unknown", table=topic)


def _check_apart(path: Path, topic: str, rows: Sequence[Rule]) -> None:
    """No two rows of a topic may answer the same question on the same day."""
    selector = schema.TOPICS[topic].selector
    by_question: dict[object, list[tuple[int, Rule]]] = defaultdict(list)
    for number, row in enumerate(rows, start=1):
        question = (getattr(row, selector) if selector else "", frozenset(row.when))
        by_question[question].append((number, row))
    for same in by_question.values():
        for (one, first), (other, second) in combinations(same, 2):
            if _overlap(first, second):
                reason = f"says of the same days and conditions what {topic} {one} says"
                raise BadFile(path, reason, table=f"{topic} {other}")


def _overlap(first: Rule, second: Rule) -> bool:
    return (first.effective_from or date.min) <= (second.effective_to or date.max) and (
        second.effective_from or date.min
    ) <= (first.effective_to or date.max)
