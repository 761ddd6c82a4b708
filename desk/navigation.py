"""What stands in the sidebar: the pages that exist and that a person may open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from desk import roles
from desk.roles import Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the sidebar. url_name: shown only where such a URL exists. key: typed after g."""

    title: str
    icon: str
    url_name: str
    permission: Permission
    key: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry that exists and is allowed, with its address."""

    title: str
    icon: str
    url: str
    key: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Links that belong together."""

    title: str
    links: Sequence[Link]


def _list_of(model: str) -> str:
    return f"admin:{model}_changelist"


READ = Permission.READ_BOOKS
# The desk imports no app above it: it knows their pages by the names of their addresses, and leaves
# out what is not installed.
_GROUPS: Sequence[tuple[str, Sequence[Entry]]] = [
    (
        "Work",
        [
            Entry("Dashboard", "home", "admin:index", Permission.SEE_DASHBOARD, "h"),
            Entry("Exceptions", "inbox", "desk:items", Permission.READ_ITEMS, "e"),
            Entry("Approvals", "approve", "desk:approvals", Permission.APPROVE, "a"),
        ],
    ),
    (
        "Bank",
        [
            Entry("Reconciliation", "scale", "reconciliation:accounts", READ, "r"),
            Entry("Bank lines", "lines", _list_of("reconciliation_bankline"), READ, "b"),
            Entry("Statements", "sheet", _list_of("reconciliation_statementfile"), READ, "s"),
        ],
    ),
    (
        "Books",
        [
            Entry("Journal", "book", _list_of("ledger_entry"), READ, "j"),
            Entry("Receipts", "receipt", _list_of("receivables_receipt"), READ, "p"),
            Entry("Portfolio", "building", "leases:properties", READ, "o"),
        ],
    ),
    (
        "Platforms",
        [
            Entry("Connections", "plug", _list_of("connectors_connection"), Permission.CONNECT),
            Entry("Deliveries", "truck", _list_of("connectors_delivery"), Permission.CONNECT),
        ],
    ),
    (
        "Company",
        [
            Entry("Trust reports", "shield", "statements:reports", Permission.READ_REPORTS, "t"),
            Entry("People", "people", _list_of("desk_user"), Permission.MANAGE_PEOPLE),
            Entry("Companies", "office", _list_of("desk_legalentity"), Permission.MANAGE_PEOPLE),
            Entry("Audit trail", "clock", _list_of("desk_auditevent"), READ),
        ],
    ),
]


def add(group: str, entry: Entry) -> None:
    """Add an app's page to a group of the sidebar; twice is once, and so is a page listed above."""
    for title, entries in _EXTRA:
        if title == group and entry not in entries:
            entries.append(entry)
            return
    if not any(title == group for title, _ in _EXTRA):
        _EXTRA.append((group, [entry]))


_EXTRA: list[tuple[str, list[Entry]]] = []


def _entries() -> Iterator[tuple[str, list[Entry]]]:
    known = {entry.url_name for _, entries in _GROUPS for entry in entries}
    extra = {
        title: [entry for entry in entries if entry.url_name not in known]
        for title, entries in _EXTRA
    }
    for title, entries in _GROUPS:
        yield title, [*entries, *extra.pop(title, [])]
    yield from extra.items()


def sidebar(request: HttpRequest) -> list[Group]:
    """The groups of links for the person of a request; empty groups are left out."""
    groups = []
    for title, entries in _entries():
        links = [link for entry in entries if (link := _link(entry, request))]
        if links:
            groups.append(Group(title, links))
    return _with_one_current(groups)


def _with_one_current(groups: Sequence[Group]) -> list[Group]:
    """Of pages whose addresses begin alike only the nearest one is current."""
    lengths = [len(link.url) for group in groups for link in group.links if link.is_current]
    nearest = max(lengths, default=0)
    return [
        Group(
            group.title,
            [
                replace(link, is_current=link.is_current and len(link.url) == nearest)
                for link in group.links
            ],
        )
        for group in groups
    ]


def _link(entry: Entry, request: HttpRequest) -> Link | None:
    if not roles.can(request.user, entry.permission):
        return None
    try:
        url = reverse(entry.url_name)
    except NoReverseMatch:  # The app's page is not there (yet, or in this installation).
        return None
    is_home = entry.url_name == "admin:index"
    is_current = request.path == url if is_home else request.path.startswith(url)
    if entry.url_name == "desk:items":  # Its address begins those of the other desk pages.
        is_current = is_current and not request.path.startswith(reverse("desk:approvals"))
    return Link(entry.title, entry.icon, url, entry.key, is_current)
