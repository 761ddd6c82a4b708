"""What rent collection shows on the dashboard: how near returns are to the network's limits."""

from collections.abc import Sequence

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from desk import registry
from desk.roles import Permission
from desk.types import Card, CardRow
from receivables import return_rates
from receivables.return_rates import Rate

_SHOWN = 8


def register() -> None:
    """Tell the desk of the card."""
    registry.show_card(
        Card(
            key="return_rates",
            title="ACH returns over 60 days",
            rows=rates,
            empty="No ACH debit was sent in the last 60 days. Connect a bank or platform.",
            permission=Permission.READ_BOOKS,
            link="admin:receivables_comeback_changelist",
        )
    )


def rates(entity_ids: Sequence[int]) -> list[CardRow]:
    """Every rate of every connection, the nearest to its limit first."""
    found = [
        (each.label, rate)
        for each in return_rates.of_company(list(entity_ids), timezone.localdate())
        for rate in each.rates
    ]
    found.sort(key=lambda row: (-row[1].rate / row[1].limit_rate, row[0]))
    return [_row(label, rate) for label, rate in found[:_SHOWN]]


def _row(label: str, rate: Rate) -> CardRow:
    state, text = "good", "within"
    if rate.is_near:
        state, text = ("bad", "above") if rate.is_over else ("warning", "near")
    return CardRow(
        label=f"{label}: {rate.name}",
        detail=f"{rate.returned} of {rate.sent}, {rate.rate:.2%}; limit {rate.limit_rate:.1%},"
        f" forecast {rate.forecast_rate:.2%}, {rate.left} left",
        state=state,
        state_text=text,
        link=_link(),
    )


def _link() -> str:
    try:
        return reverse("admin:receivables_comeback_changelist")
    except NoReverseMatch:  # The admin is not mounted in this installation.
        return ""
