"""How many ACH debits come back: the three rates that the network watches, for each connection.

Returned debits per debit sent over 60 days, by the day of the original entry. Limits and sources:
connectors/nacha/codes.py.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Count, QuerySet
from django.db.models.functions import Coalesce

from connectors.models import Connection
from connectors.nacha import codes
from receivables.models import Comeback, Receipt

WINDOW = timedelta(days=60)
HALF = timedelta(days=30)
# Where a person should look before the bank does.
WARN_RATE = Decimal("0.8")
_SENT = (
    Receipt.State.SETTLED,
    Receipt.State.RETURNED,
    Receipt.State.REFUNDED,
    Receipt.State.DISPUTED,
)
_LIMITS = {
    "unauthorized": codes.UNAUTHORIZED_LIMIT_RATE,
    "administrative": codes.ADMINISTRATIVE_LIMIT_RATE,
    "overall": codes.OVERALL_LIMIT_RATE,
}
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate. returned of sent debits came back; limit_rate: where the network asks questions.

    forecast_rate: of the newer half of the window alone, what the whole becomes if it goes on so.
    """

    name: str
    returned: int
    sent: int
    limit_rate: Decimal
    recent_returned: int
    recent_sent: int

    @property
    def rate(self) -> Decimal:
        """Returned per sent; zero while nothing was sent."""
        return _per(self.returned, self.sent)

    @property
    def forecast_rate(self) -> Decimal:
        """What it becomes if the last 30 days go on."""
        return _per(self.recent_returned, self.recent_sent)

    @property
    def is_near(self) -> bool:
        """Whether 80 % of the limit is reached."""
        return self.returned > 0 and self.rate >= WARN_RATE * self.limit_rate

    @property
    def is_over(self) -> bool:
        """Whether it is above the limit."""
        return self.rate > self.limit_rate

    @property
    def left(self) -> int:
        """How many more of today's debits may come back before the limit is passed."""
        return max(int(self.limit_rate * self.sent) - self.returned, 0)


@dataclass(frozen=True, slots=True)
class ReturnRates:
    """The three rates of a connection on a day."""

    connection_id: int
    label: str
    on: date
    unauthorized: Rate
    administrative: Rate
    overall: Rate

    @property
    def rates(self) -> tuple[Rate, Rate, Rate]:
        """The strictest first."""
        return self.unauthorized, self.administrative, self.overall


def return_rates(connections: Iterable[Connection], on: date) -> list[ReturnRates]:
    """The rates of connections by which ACH debits went out, in two queries; no others."""
    by_id = {each.pk: each for each in connections}
    sent = _sent(by_id, on)
    returned = _returned(by_id, on)
    return [
        ReturnRates(id_, connection.label, on, *_rates(sent[id_], returned.get(id_, {})))
        for id_, connection in by_id.items()
        if id_ in sent
    ]


def of_company(entity_ids: Collection[int], on: date) -> list[ReturnRates]:
    """The rates of all connections of companies, by label."""
    rows = Connection.objects.filter(entity__in=entity_ids).order_by("label")
    return return_rates(rows, on)


def _sent(connection_ids: Iterable[int], on: date) -> dict[int, tuple[int, int]]:
    """By connection: debits of the window, and of its newer half."""
    found: dict[int, tuple[int, int]] = {}
    rows = (
        _debits(connection_ids, on)
        .annotate(day=Coalesce("settles_on", "received_on"))
        .values_list("connection", "day")
        .annotate(count=Count("pk"))
    )
    for connection_id, day, count in rows.order_by():
        whole, recent = found.get(connection_id, (0, 0))
        found[connection_id] = whole + count, recent + (count if day > on - HALF else 0)
    return found


def _returned(connection_ids: Iterable[int], on: date) -> dict[int, dict[str, tuple[int, int]]]:
    """By connection and rate: returned debits of the window, and of its newer half."""
    found: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    rows = (
        Comeback.objects.filter(kind=Comeback.Kind.RETURN, receipt__in=_debits(connection_ids, on))
        .annotate(day=Coalesce("receipt__settles_on", "receipt__received_on"))
        .values_list("receipt__connection", "code", "day")
        .annotate(count=Count("receipt", distinct=True))
    )
    for connection_id, code, day, count in rows.order_by():
        for name in _counted_in(code):
            whole, recent = found[connection_id].get(name, (0, 0))
            found[connection_id][name] = (
                whole + count,
                recent + (count if day > on - HALF else 0),
            )
    return found


def _debits(connection_ids: Iterable[int], on: date) -> QuerySet[Receipt]:
    """ACH debits whose entry settled within the window."""
    return Receipt.objects.alias(settled_on=Coalesce("settles_on", "received_on")).filter(
        connection__in=list(connection_ids),
        channel=Receipt.Channel.ACH,
        state__in=_SENT,
        settled_on__gt=on - WINDOW,
        settled_on__lte=on,
    )


def _counted_in(code: str) -> Iterable[str]:
    """The rates that a code counts towards; a word that is no code of the network counts as one."""
    known = codes.return_code(code)
    if known.counts_unauthorized:
        yield "unauthorized"
    if known.counts_administrative:
        yield "administrative"
    if known.counts_overall:
        yield "overall"


def _rates(sent: tuple[int, int], returned: dict[str, tuple[int, int]]) -> tuple[Rate, Rate, Rate]:
    def rate(name: str) -> Rate:
        whole, recent = returned.get(name, (0, 0))
        return Rate(name, whole, sent[0], _LIMITS[name], recent, sent[1])

    return rate("unauthorized"), rate("administrative"), rate("overall")


def _per(returned: int, sent: int) -> Decimal:
    return Decimal(returned) / Decimal(sent) if sent else Decimal(0)
