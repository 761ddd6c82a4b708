"""Play a story: each step at its own day, through the services, with what stands after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from django.core.exceptions import ValidationError
from django.db import transaction

from connectors import services as connectors
from connectors.models import Event
from deposits.errors import DepositsError
from desk import services as desk
from desk.errors import Refused
from desk.models import WorkItem
from disbursements.errors import DisbursementsError
from fees.errors import FeesError
from ledger.errors import LedgerError
from payables.errors import PayablesError
from payments.errors import PaymentsError
from receivables.errors import ReceivablesError
from tests.simulator import clock
from tests.stories import endings
from tests.stories.endings import Ending
from tests.stories.figures import Figures, broken, compare, figures
from tests.stories.reading import Step, Story, StoryError
from tests.stories.stage import Stage, set_up
from tests.stories.verbs import verbs

# What a service raises when it will not do something.
REFUSALS: tuple[type[Exception], ...] = (
    LedgerError,
    ReceivablesError,
    PaymentsError,
    FeesError,
    DepositsError,
    PayablesError,
    DisbursementsError,
    Refused,
    ValidationError,
)


@dataclass(frozen=True)
class Played:
    """A step that was played: what was said of it and what stands after it."""

    step: Step
    said: str
    figures: Figures


@dataclass
class Performance:
    """A story that was played. wrong: what is not as the story says, each in a sentence."""

    story: Story
    steps: list[Played] = field(default_factory=list)
    ending: Ending | None = None
    wrong: list[str] = field(default_factory=list)


def play(story: Story) -> Performance:
    """Play a story on the database that is connected; the caller keeps it apart from real ones.

    Raises StoryError for a mistake in the story's words; what does not come out as the story says
    is in Performance.wrong.
    """
    shown = Performance(story)
    with _at(story.steps[0]):
        stage = set_up(story)
    for step in story.steps:
        stage.on = step.on
        with _at(step):
            said = _do(stage, step)
            _work()
            shown.steps.append(Played(step, said, figures(stage)))
            shown.wrong += [f"{step.place}: {each}" for each in broken(stage)]
            shown.wrong += list(compare(stage, step.expect, step.place))
    with _at(story.steps[-1]):
        desk.run_detectors()
        shown.ending = endings.ending(stage)
        shown.wrong += list(endings.compare(stage, shown.ending))
    return shown


def _at(step: Step) -> AbstractContextManager[None]:
    return clock.at(datetime.combine(step.on, time(17), tzinfo=UTC))


def _do(stage: Stage, step: Step) -> str:
    known = verbs()
    if step.verb not in known:
        raise StoryError(step.place, f"nobody knows the verb; known: {', '.join(known)}")
    words = step.words()
    try:
        with transaction.atomic():
            said = known[step.verb](stage, words)
            words.done()
    except REFUSALS as refusal:
        if step.refused and step.refused in str(refusal):
            return f"Refused: {refusal}"
        raise StoryError(step.place, f"was refused: {refusal}") from refusal
    if step.refused:
        raise StoryError(step.place, f"was done, but should be refused: {step.refused}")
    return said


def _work() -> None:
    """What the queued tasks would do next."""
    connectors.catch_up()
    for event_id in list(_events()):
        connectors.publish_event(event_id)


def _events() -> Iterator[int]:
    waiting = Event.objects.filter(state__in=[Event.State.NEW, Event.State.WAITING])
    yield from waiting.order_by("at", "id").values_list("pk", flat=True)


def open_items(stage: Stage) -> list[WorkItem]:
    """The items that stand on the desk of the story's company."""
    return list(WorkItem.objects.filter(entity=stage.entity).exclude(state=WorkItem.State.CLOSED))
