"""How a story ends: the desk's open findings and the three figures of each trust account.

Apps that a story reaches add their own parts here: draws, owner statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from desk.models import WorkItem
from proptrust.lib.money import plain
from reconciliation.queries import three_way
from reconciliation.types import ThreeWay
from tests.stories.reading import StoryError
from tests.stories.stage import Stage


@dataclass
class Ending:
    """What stands at the end. findings: kind to titles. more: an app's part by its name."""

    findings: Mapping[str, list[str]]
    three_way: Mapping[str, ThreeWay]
    more: dict[str, Any] = field(default_factory=dict)


# An app's part: its word in `ends`, what stands, and what of it is not as the story says.
Part = tuple[Callable[[Stage], Any], Callable[[Stage, Any, Any], Iterator[str]]]
PARTS: dict[str, Part] = {}


def ending(stage: Stage) -> Ending:
    """What stands now."""
    findings: dict[str, list[str]] = {}
    items = WorkItem.objects.filter(entity=stage.entity).exclude(state=WorkItem.State.CLOSED)
    for item in items.order_by("kind", "id"):
        findings.setdefault(item.kind, []).append(item.title)
    return Ending(
        findings=findings,
        three_way={
            name: three_way(account.pk, on=stage.on)
            for name, account in stage.accounts.items()
            if account.purpose != "operating"
        },
        more={name: shown(stage) for name, (shown, _) in PARTS.items()},
    )


def compare(stage: Stage, end: Ending) -> Iterator[str]:
    """What is not as the story says, each in a sentence."""
    place = f"{stage.story.name}, ends"
    known = {"findings", "three way", *PARTS}
    if unknown := sorted(set(stage.story.ends) - known):
        raise StoryError(place, f"nobody knows {', '.join(unknown)}")
    if "findings" in stage.story.ends:
        wanted = Counter({kind: int(n) for kind, n in stage.story.ends["findings"].items()})
        found = Counter({kind: len(titles) for kind, titles in end.findings.items()})
        if +wanted != found:
            yield f"{place}: open findings are {dict(found)}, expected {dict(wanted)}"
    for name, wanted_text in stage.story.ends.get("three way", {}).items():
        figures = end.three_way[name]
        says = "agrees" if figures.is_equal else f"bank − book {plain(figures.bank_difference)}"
        if says != wanted_text:
            yield f"{place}: {name} {says}, expected: {wanted_text}"
    for name, (_, differ) in PARTS.items():
        if name in stage.story.ends:
            yield from differ(stage, end.more[name], stage.story.ends[name])
