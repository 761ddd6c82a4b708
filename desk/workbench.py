"""What the exception page shows: computed once, so that the page and its parts agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, QueryDict

from desk import queries, registry, roles
from desk.models import Action, AuditEvent, LegalEntity, Note, User, WorkItem
from desk.queries import Filters, Page
from desk.roles import Permission
from desk.types import AccountFigures, Detail, Remedy

# More accounts than this are folded away on the desk as long as their figures agree.
SHOWN_ACCOUNTS = 3
LAST_KEY = 9
HISTORY = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """A suggestion or a remedy with its number, which is its key as long as it is one digit."""

    number: int
    remedy: Remedy
    is_top: bool = False

    @property
    def key(self) -> str:
        """The digit to type, or ""."""
        return str(self.number) if self.number <= LAST_KEY else ""

    @property
    def inputs(self) -> list[Any]:
        """The fields that a person fills."""
        return [each for each in self.remedy.fields if each.kind != "hidden"]

    @property
    def hidden(self) -> Mapping[str, str]:
        """What the form carries along unseen."""
        unseen = {each.name: each.initial for each in self.remedy.fields if each.kind == "hidden"}
        return {**unseen, **self.remedy.facts}


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view with its count."""

    key: str
    label: str
    count: int
    is_current: bool
    query: str


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a filter."""

    value: str
    label: str
    is_current: bool


@dataclass(slots=True)
class ItemView:
    """The right side: one item with everything about it."""

    item: WorkItem
    detail: Detail
    suggestions: Sequence[Choice]
    remedies: Sequence[Choice]
    top: Choice | None
    repeat: Choice | None
    is_tied: bool
    may_work: bool
    notes: Sequence[Note]
    history: Sequence[AuditEvent]
    colleagues: Sequence[User]
    find: str = ""
    confirm: "Confirm | None" = None

    @property
    def label(self) -> str:
        """The kind in words."""
        return registry.label_of(self.item.kind)


@dataclass(frozen=True, slots=True)
class Confirm:
    """A remedy that was chosen and waits for its confirmation, with what its form sent."""

    remedy: Remedy
    facts: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Workbench:
    """The whole page."""

    filters: Filters
    figures: Sequence[AccountFigures]
    figures_folded: Sequence[AccountFigures]
    tabs: Sequence[Tab]
    page: Page
    view: ItemView | None
    shows_item: bool
    may_work: bool
    last_action: Action | None
    options: Mapping[str, Sequence[Option]] = field(default_factory=dict)

    @property
    def open_count(self) -> int:
        """How many items are open."""
        return self.tabs[0].count

    @property
    def over_count(self) -> int:
        """How many open items are over their due time."""
        return self.tabs[1].count

    @property
    def current_tab(self) -> Tab:
        """The saved view that the list shows."""
        return next(tab for tab in self.tabs if tab.is_current)


def build(user: User, query: QueryDict, *, is_after: WorkItem | None = None) -> Workbench:
    """The page for a person and the query of an address.

    is_after: select the item that follows this one in the list, instead of the one in the address.
    """
    entity_ids = roles.entity_ids(user, Permission.READ_ITEMS)
    filters = Filters.read(query)
    page = queries.page_of(entity_ids, filters, user)
    if not page.items and filters.after:
        filters = filters.without_place()
        page = queries.page_of(entity_ids, filters, user)
    wanted = queries.number(query.get("item"))
    if is_after is not None:
        item = _following(page.items, is_after)
    elif wanted is not None:
        item = next((row for row in page.items if row.pk == wanted), None)
        item = item or item_for(user, wanted)
    else:
        item = page.items[0] if page.items else None
    shown, folded = _figures(entity_ids, filters)
    last = queries.last_action(user)
    return Workbench(
        filters=filters,
        figures=shown,
        figures_folded=folded,
        tabs=_tabs(entity_ids, filters, user),
        page=page,
        view=view_of(user, item, last=last, find=query.get("find", "")) if item else None,
        shows_item=wanted is not None and is_after is None,
        may_work=roles.can(user, Permission.WORK_ITEMS),
        last_action=last,
        options=_options(entity_ids, filters, [*shown, *folded]),
    )


def item_for(user: User, item_id: int) -> WorkItem:
    """An item that the person may read; 404 for any other, so that its existence is not told."""
    entity_ids = roles.entity_ids(user, Permission.READ_ITEMS)
    if not entity_ids:
        raise PermissionDenied("Your role does not let you read work items.")
    found = (
        WorkItem.objects.filter(pk=item_id, entity__in=entity_ids)
        .select_related("assigned_to", "entity", "closed_by")
        .first()
    )
    if found is None:
        raise Http404(f"There is no item EX-{item_id} among those you may read.")
    return found


def view_of(user: User, item: WorkItem, *, last: Action | None, find: str = "") -> ItemView:
    """The right side for an item, as of now. last: what the person did last, to repeat it."""
    detail = detail_of(item, find=find)
    choices = numbered(detail)
    is_tied = _is_tied(detail)
    may_work = roles.can(user, Permission.WORK_ITEMS, item.entity_id)
    return ItemView(
        item=item,
        detail=detail,
        suggestions=[each for each in choices if each.remedy.is_suggestion],
        remedies=[each for each in choices if not each.remedy.is_suggestion],
        top=next((each for each in choices if each.is_top), None),
        repeat=_repeatable(choices, last),
        is_tied=is_tied,
        may_work=may_work and item.state != WorkItem.State.CLOSED,
        notes=list(item.notes.select_related("author")),
        history=list(queries.history_of(item)[:HISTORY]),
        colleagues=list(queries.colleagues(item.entity_id)) if may_work else [],
        find=find,
    )


def detail_of(item: WorkItem, *, find: str = "") -> Detail:
    """What the item's app says about it; nothing for a closed item or a kind without an app."""
    if item.state == WorkItem.State.CLOSED:
        return Detail()
    try:
        handler = registry.handler_of(item.kind)
    except KeyError:
        return Detail(warnings=["The part of PropTrust that made this item is not installed."])
    return handler.detail(item.subject_id, find=find)


def numbered(detail: Detail) -> list[Choice]:
    """Suggestions, best first, and then remedies, numbered from one; the first may be the top."""
    suggestions = [each for each in detail.remedies if each.is_suggestion]
    others = [each for each in detail.remedies if not each.is_suggestion]
    suggestions.sort(key=lambda each: -(each.points or 0))
    is_tied = _is_tied(detail)
    return [
        Choice(n, remedy, is_top=n == 1 and not is_tied)
        for n, remedy in enumerate([*suggestions, *others], start=1)
    ]


def _is_tied(detail: Detail) -> bool:
    """Whether two candidates have the same points, so that a person must choose by number."""
    points = sorted(each.points or 0 for each in detail.remedies if each.is_suggestion)
    return len(points) > 1 and points[-1] == points[-2]


def _repeatable(choices: Sequence[Choice], last: Action | None) -> Choice | None:
    """The choice that does here what the person did last, if it asks for nothing."""
    if last is None:
        return None
    same = (each for each in choices if each.remedy.key == last.remedy and not each.inputs)
    return next(same, None)


def _following(rows: Sequence[WorkItem], item: WorkItem) -> WorkItem | None:
    """The row after an item in the list's order; the first row when it was the last."""

    def place(row: WorkItem) -> tuple[object, ...]:
        return -row.severity, row.happened_on, row.pk

    after = (row for row in rows if place(row) > place(item))
    return next(after, rows[0] if rows else None)


def _figures(
    entity_ids: list[int], filters: Filters
) -> tuple[list[AccountFigures], list[AccountFigures]]:
    """The accounts to show, those that disagree first, and those folded away."""
    is_one = filters.entity is not None and filters.entity in entity_ids
    found = registry.figures([filters.entity] if is_one and filters.entity else entity_ids)
    if filters.book:
        found = [each for each in found if each.book_id == filters.book] or found
    ordered = sorted(found, key=lambda each: (each.is_equal, each.account_name))
    shown = max(SHOWN_ACCOUNTS, sum(not each.is_equal for each in ordered))
    return ordered[:shown], ordered[shown:]


def _tabs(entity_ids: list[int], filters: Filters, user: User) -> list[Tab]:
    counts = queries.view_counts(entity_ids, user)
    top = filters.without_place()
    return [
        Tab(key, label, counts[key], key == filters.view, top.query(view=key, item=None))
        for key, label in queries.VIEWS.items()
    ]


def _options(
    entity_ids: list[int], filters: Filters, figures: Sequence[AccountFigures]
) -> dict[str, list[Option]]:
    # One company is nothing to choose from, and its name one query less.
    many = entity_ids if len(entity_ids) > 1 else []
    entities = LegalEntity.objects.filter(pk__in=many).values_list("pk", "name")
    return {
        "entity": [Option(str(pk), name, pk == filters.entity) for pk, name in entities],
        "book": [
            Option(str(each.book_id), each.account_name, each.book_id == filters.book)
            for each in figures
        ],
        "kind": [
            Option(kind, label, kind == filters.kind) for kind, label in registry.kinds().items()
        ],
        "age": [Option(age, f"{age} days", age == filters.age) for age in queries.AGES],
    }
