"""What reconciliation shows on the dashboard: the three figures, and the last imports."""

from collections.abc import Sequence

from django.urls import NoReverseMatch, reverse

from desk import registry
from desk.roles import Permission
from desk.types import Card, CardRow
from reconciliation import queries
from reconciliation.models import StatementFile

_SHOWN = 6
_STATES = {
    StatementFile.State.STORED: ("waiting", "waiting"),
    StatementFile.State.IMPORTED: ("good", "imported"),
    StatementFile.State.REFUSED: ("bad", "refused"),
    StatementFile.State.SET_ASIDE: ("warning", "set aside"),
}


def register() -> None:
    """Tell the desk where the figures come from, and of the card."""
    registry.show_figures(queries.figures)
    registry.show_card(
        Card(
            key="imports",
            title="Last bank files",
            rows=last_imports,
            empty="No bank file has come yet. Upload a statement, or run import_statement.",
            permission=Permission.READ_BOOKS,
            link="admin:reconciliation_statementfile_changelist",
        )
    )


def last_imports(entity_ids: Sequence[int]) -> list[CardRow]:
    """The newest bank files, each with what became of it."""
    files = (
        StatementFile.objects.filter(entity_id__in=list(entity_ids))
        .defer("body")
        .order_by("-received_at", "-id")[:_SHOWN]
    )
    rows = []
    for file in files:
        state, text = _STATES[StatementFile.State(file.state)]
        told = f"{file.lines_new} new, {file.lines_known} known"
        rows.append(
            CardRow(
                label=file.name,
                detail=file.reason if state == "bad" else told,
                at=file.received_at,
                state=state,
                state_text=text,
                link=_link(file.pk),
            )
        )
    return rows


def _link(file_id: int) -> str:
    try:
        return reverse("reconciliation:file", args=[file_id])
    except NoReverseMatch:
        return ""
