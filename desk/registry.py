"""What the apps above the desk offer it: detectors of findings, handlers of items, cards."""

from collections.abc import Callable, Sequence

from desk.types import AccountFigures, Card, Detector, Handler

_detectors: dict[str, Detector] = {}
_handlers: dict[str, Handler] = {}
_labels: dict[str, str] = {}
_due_days: dict[str, int] = {}


def detect(detector: Detector) -> Detector:
    """Register a detector; its app's AppConfig.ready imports the module that calls this."""
    _detectors[detector.name] = detector
    return detector


def detectors() -> list[Detector]:
    """Every detector, by name."""
    return [_detectors[name] for name in sorted(_detectors)]


def handle(kind: str, handler: Handler, *, label: str, due_banking_days: int) -> None:
    """Register who answers for items of a kind, its label on the desk, and its time to be done.

    due_banking_days: 1 for trust shortages and returns after disbursement, 2 for
    bank against book, 3 for unmatched bank lines, 5 for suspense.
    """
    _handlers[kind] = handler
    _labels[kind] = label
    _due_days[kind] = due_banking_days


def handler_of(kind: str) -> Handler:
    """The handler of a kind; KeyError names a kind that no app answers for."""
    return _handlers[kind]


def kinds() -> dict[str, str]:
    """Every kind with its label, in the order of the labels."""
    return dict(sorted(_labels.items(), key=lambda pair: pair[1]))


def label_of(kind: str) -> str:
    """The label of a kind, or the kind itself when its app is gone."""
    return _labels.get(kind, kind)


def due_banking_days(kind: str) -> int:
    """How many banking days an item of a kind may stay open."""
    return _due_days.get(kind, 3)


def detector_of(kind: str) -> Detector | None:
    """The detector that finds items of a kind, or None."""
    return next((each for each in detectors() if kind in each.kinds), None)


# The figures on top of the desk come from reconciliation, which the desk does not know.
Figures = Callable[[list[int]], Sequence[AccountFigures]]
_figures: list[Figures] = []


def show_figures(source: Figures) -> None:
    """Register where the three figures of every trust account come from (reconciliation)."""
    _figures[:] = [source]


def figures(entity_ids: list[int]) -> list[AccountFigures]:
    """The three figures of each trust account of the entities (reconciliation.types.ThreeWay)."""
    return list(_figures[0](entity_ids)) if _figures and entity_ids else []


_cards: dict[str, Card] = {}


def show_card(card: Card) -> None:
    """Register a dashboard card; cards stand in the order of their keys."""
    _cards[card.key] = card


def cards() -> list[Card]:
    """Every dashboard card, by key."""
    return [_cards[key] for key in sorted(_cards)]
