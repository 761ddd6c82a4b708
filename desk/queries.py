"""What the desk reads: pages of open items, counts of saved views, one item's history."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, urlencode

from django.db.models import Count, Max, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from desk.models import Action, Approval, AuditEvent, Heartbeat, Role, User, WorkItem

PAGE = 50
SURE_POINTS = 95
_REFERENCE = re.compile(r"^(?:EX-)?(\d+)$", re.IGNORECASE)
# Days of age, both ends included; the same buckets on the dashboard and in the filter.
AGES: Mapping[str, tuple[int, int | None]] = {
    "0-1": (0, 1),
    "2-3": (2, 3),
    "4-7": (4, 7),
    "8-30": (8, 30),
    "31+": (31, None),
}
VIEWS: Mapping[str, str] = {
    "open": "Open today",
    "over": "Over due time",
    "sure": f"Suggested ≥ {SURE_POINTS}",
    "waiting": "Waiting",
    "mine": "Mine",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the desk says about its list; unknown values fall back to all.

    after: the place in the list, as the last item's severity, day and id.
    """

    view: str = "open"
    entity: int | None = None
    book: int | None = None
    kind: str = ""
    age: str = ""
    search: str = ""
    after: tuple[int, date, int] | None = None

    @classmethod
    def read(cls, query: QueryDict) -> "Filters":
        """Filters from the query of a request."""
        view = query.get("view", "open")
        age = query.get("age", "")
        return cls(
            view=view if view in VIEWS else "open",
            entity=number(query.get("entity")),
            book=number(query.get("book")),
            kind=_plain(query.get("kind", ""))[:60],
            age=age if age in AGES else "",
            search=_plain(query.get("q", ""))[:100],
            after=_place(query.get("after", "")),
        )

    def query(self, **changes: str | int | None) -> str:
        """The query string of these filters; changes overrides or (None, "") drops parts."""
        parts: dict[str, str | int | None] = {
            "view": self.view if self.view != "open" else None,
            "entity": self.entity,
            "book": self.book,
            "kind": self.kind,
            "age": self.age,
            "q": self.search,
            "after": _place_text(self.after),
        }
        parts.update(changes)
        return urlencode({key: value for key, value in parts.items() if value not in (None, "")})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parts of the query, for the hidden inputs of a form."""
        return parse_qsl(self.query())

    def without_place(self) -> "Filters":
        """The same filters at the top of the list."""
        return replace(self, after=None)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list: its items, and where the next part begins ("" at the end)."""

    items: Sequence[WorkItem]
    after: str


def open_items(entity_ids: Sequence[int]) -> QuerySet[WorkItem]:
    """Items that are not closed, of some legal entities, worst first and then oldest."""
    return (
        WorkItem.objects.filter(~Q(state=WorkItem.State.CLOSED), entity__in=entity_ids)
        .select_related("assigned_to", "entity")
        .order_by("-severity", "happened_on", "id")
    )


def filtered(entity_ids: Sequence[int], filters: Filters, user: User) -> QuerySet[WorkItem]:
    """The open items that the filters let through."""
    items = open_items(entity_ids).filter(_in_view(filters.view, user))
    if filters.entity:
        items = items.filter(entity=filters.entity)
    if filters.book:
        items = items.filter(book_id=filters.book)
    if filters.kind:
        items = items.filter(kind=filters.kind)
    if filters.age:
        items = items.filter(_of_age(filters.age))
    if filters.search:
        items = items.filter(_found(filters.search))
    return items


def page_of(entity_ids: Sequence[int], filters: Filters, user: User, size: int = PAGE) -> Page:
    """One page of the list, found by its place, not by counting: the end is as fast as the top."""
    items = filtered(entity_ids, filters, user)
    if filters.after:
        severity, day, last = filters.after
        items = items.filter(
            Q(severity__lt=severity)
            | Q(severity=severity, happened_on__gt=day)
            | Q(severity=severity, happened_on=day, id__gt=last),
            severity__lte=severity,
        )
    rows = list(items[: size + 1])
    if len(rows) <= size:
        return Page(rows, "")
    last_row = rows[size - 1]
    place = (last_row.severity, last_row.happened_on, last_row.pk)
    return Page(rows[:size], _place_text(place) or "")


def view_counts(entity_ids: Sequence[int], user: User) -> dict[str, int]:
    """How many items each saved view holds, in one statement."""
    counts = {view: Count("id", filter=_in_view(view, user)) for view in VIEWS}
    open_ = WorkItem.objects.filter(~Q(state=WorkItem.State.CLOSED), entity__in=entity_ids)
    return open_.aggregate(**counts)


def counts_by_age(entity_ids: Sequence[int]) -> dict[str, int]:
    """How many open items there are of each age, by the keys of AGES, in one statement."""
    counts = {f"n{n}": Count("id", filter=_of_age(age)) for n, age in enumerate(AGES)}
    open_ = WorkItem.objects.filter(state=WorkItem.State.OPEN, entity__in=entity_ids)
    found = open_.aggregate(**counts)
    return {age: found[f"n{n}"] for n, age in enumerate(AGES)}


def is_alive(beat: datetime | None, seconds: int) -> bool:
    """Whether a beat is younger than so many seconds."""
    return beat is not None and (timezone.now() - beat).total_seconds() <= seconds


def counts_by_kind(entity_ids: Sequence[int]) -> list[tuple[str, int, int]]:
    """(kind, worst severity, count) of the open items, worst first: what to do first."""
    rows = (
        WorkItem.objects.filter(state=WorkItem.State.OPEN, entity__in=entity_ids)
        .values("kind")
        .annotate(worst=Max("severity"), count=Count("id"))
        .order_by("-worst", "-count")
    )
    return [(row["kind"], row["worst"], row["count"]) for row in rows]


def waiting_approvals(entity_ids: Sequence[int]) -> QuerySet[Approval]:
    """What waits for a second person at some legal entities, the oldest first."""
    return (
        Approval.objects.filter(state=Approval.State.WAITING, entity__in=entity_ids)
        .select_related("maker", "entity")
        .order_by("made_at", "id")
    )


def decided_approvals(entity_ids: Sequence[int]) -> QuerySet[Approval]:
    """What was decided or withdrawn, the latest first."""
    return (
        Approval.objects.exclude(state=Approval.State.WAITING)
        .filter(entity__in=entity_ids)
        .select_related("maker", "checker", "entity")
        .order_by("-id")
    )


def history_of(item: WorkItem) -> QuerySet[AuditEvent]:
    """Everything that happened to an item, newest first."""
    return (
        AuditEvent.objects.filter(subject_type="desk.workitem", subject_id=item.pk)
        .select_related("actor")
        .order_by("-id")
    )


def last_action(user: User) -> Action | None:
    """What a person did last and has not undone."""
    return (
        Action.objects.filter(actor=user, undone_at=None)
        .select_related("item")
        .order_by("-id")
        .first()
    )


def last_beats() -> dict[str, datetime]:
    """When the worker and the run of all findings last finished, by name."""
    beats = Heartbeat.objects.filter(name__in=["worker", "findings"])
    return dict(beats.values_list("name", "beaten_at"))


def colleagues(entity_id: int) -> QuerySet[User]:
    """Who may work on items of a legal entity."""
    return User.objects.filter(
        is_active=True, memberships__entity=entity_id, memberships__role=Role.BOOKKEEPER
    ).order_by("username")


def _in_view(view: str, user: User) -> Q:
    is_open = Q(state=WorkItem.State.OPEN)
    match view:
        case "over":
            return is_open & Q(due_at__lt=timezone.now())
        case "sure":
            return is_open & Q(suggestion_points__gte=SURE_POINTS)
        case "waiting":
            return Q(state=WorkItem.State.WAITING)
        case "mine":
            return is_open & Q(assigned_to=user)
        case _:
            return is_open


def _of_age(age: str) -> Q:
    youngest, oldest = AGES[age]
    today = timezone.localdate()
    # A day in the future is new, too: the youngest bucket has no latest day.
    condition = Q(happened_on__lte=today - timedelta(days=youngest)) if youngest else Q()
    if oldest is not None:
        condition &= Q(happened_on__gte=today - timedelta(days=oldest))
    return condition


def _found(text: str) -> Q:
    """An item's number, an exact amount of either sign, or words of its text."""
    condition = Q()
    if match := _REFERENCE.match(text):
        condition |= Q(pk=int(match[1]))
    if (amount := _amount(text)) is not None:
        condition |= Q(amount__in=[amount, -amount])
    words = Q()
    for word in text.split():
        words &= (
            Q(title__icontains=word)
            | Q(who__icontains=word)
            | Q(where__icontains=word)
            | Q(reason__icontains=word)
        )
    return condition | words


def _amount(text: str) -> Decimal | None:
    plain = text.replace("−", "-").replace(",", "").replace("$", "").strip()
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < Decimal("1e12") else None


def _plain(text: str) -> str:
    """Text without the characters that PostgreSQL has no place for, as NUL."""
    return "".join(char for char in text if char.isprintable()).strip()


def number(text: str | None) -> int | None:
    """A row's number as an address or a form gives it; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _place(text: str) -> tuple[int, date, int] | None:
    match = re.fullmatch(r"(\d)\.(\d{4}-\d\d-\d\d)\.(\d{1,18})", text)
    if not match:
        return None
    try:
        return int(match[1]), date.fromisoformat(match[2]), int(match[3])
    except ValueError:
        return None


def _place_text(place: tuple[int, date, int] | None) -> str | None:
    return f"{place[0]}.{place[1]:%Y-%m-%d}.{place[2]}" if place else None
