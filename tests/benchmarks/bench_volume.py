"""The desk and the figures with the real apps: 10,000 leases, 100,000 bank lines and open items."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client
from django.test.utils import override_settings

from desk import registry, services, workbench
from desk.models import WorkItem
from receivables import matching
from reconciliation import findings, queries
from tests.benchmarks import volume
from tests.benchmarks.rows import Row, Size, milliseconds, seconds
from tests.benchmarks.volume import Volume

FIGURES_MS, THREE_WAY_MS, PAGE_MS, ACT_MS, DETECTORS_S = 50, 300, 300, 300, 60
FILLING = "bench_filling"
# What a person opens, by its kind.
SHOWN = ("bank_line_unmatched", "receipt_in_suspense", "charge_paid_in_part")


def bench_volume(size: Size) -> Iterator[Row]:
    """The size is the same with and without --full: the bars are for a page at this volume."""
    made = volume.large_company()
    yield from _figures(made)
    yield from _detectors(made)
    volume.fill_the_desk(made, FILLING)
    yield from _suggestions(made)
    yield from _pages(made)
    yield from _act(made)
    WorkItem.objects.filter(entity=made.entity, kind=FILLING).delete()


def _figures(made: Volume) -> Iterator[Row]:
    baseline = milliseconds(_count_bank_lines)
    yield Row("volume: baseline, one pass over the bank lines", baseline, "ms")
    took = milliseconds(lambda: queries.figures([made.entity.pk]), times=9)
    note = f"{took / baseline:.1f} of the baseline, {_statements(_figures_of(made))} queries"
    yield Row("volume: figures of an account", took, "ms", FIGURES_MS, at_least=False, note=note)
    whole = partial(queries.three_way, made.account.pk, on=made.today)
    took = milliseconds(whole, times=9)
    note = f"{took / baseline:.1f} of the baseline, {_statements(whole)} queries"
    yield Row("volume: three-way, whole", took, "ms", THREE_WAY_MS, at_least=False, note=note)


def _figures_of(made: Volume) -> Any:
    return partial(queries.figures, [made.entity.pk])


def _count_bank_lines() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bank_account_id, sum(amount) FROM reconciliation_bankline GROUP BY 1"
        )


def _detectors(made: Volume) -> Iterator[Row]:
    first = seconds(services.run_detectors)
    yield Row("volume: all detectors, 25,000 new findings", first, "s")
    again = seconds(services.run_detectors)
    yield Row("volume: all detectors again", again, "s", DETECTORS_S, at_least=False)
    for detector in registry.detectors():
        count = _statements(partial(services.run_detector, detector))
        if count > 20:
            yield Row(f"volume: {detector.name}, queries", count, "")


def _suggestions(made: Volume) -> Iterator[Row]:
    whole = milliseconds(lambda: matching.Matcher.load(made.entity.pk), times=5)
    yield Row("volume: baseline, load all leases", whole, "ms")
    item = WorkItem.objects.filter(kind="receipt_in_suspense").latest("id")
    amount = item.amount
    assert amount is not None
    one = milliseconds(
        lambda: matching.candidates(made.entity.pk, amount, item.happened_on, item.who), times=9
    )
    yield Row("volume: candidates of one payment", one, "ms", whole, at_least=False)


def _pages(made: Volume) -> Iterator[Row]:
    client = Client()
    client.force_login(made.user, backend="django.contrib.auth.backends.ModelBackend")
    addresses = {"the dashboard": "/admin/", "the desk": "/desk/"}
    for kind in SHOWN:
        item = WorkItem.objects.filter(entity=made.entity, kind=kind).latest("id")
        addresses[kind] = f"/desk/?item={item.pk}"
    with override_settings(ALLOWED_HOSTS=["*"]):
        for name, address in addresses.items():
            count = _statements(partial(client.get, address))
            took = milliseconds(partial(client.get, address), times=9)
            note = f"{count} queries"
            yield Row(f"volume: {name}", took, "ms", PAGE_MS, at_least=False, note=note)


def _act(made: Volume) -> Iterator[Row]:
    """Accept the best suggestion of bank lines, each in a transaction that is undone."""
    items = WorkItem.objects.filter(entity=made.entity, kind=findings.UNMATCHED)
    item = items.exclude(state=WorkItem.State.CLOSED).latest("id")
    top = workbench.numbered(workbench.detail_of(item))[0].remedy
    facts = QueryDict(mutable=True)
    facts.update(dict(top.facts))

    def accept() -> None:
        with transaction.atomic():
            services.act(item, top.key, facts, actor=made.user)
            transaction.set_rollback(True)

    count = _statements(accept)
    took = milliseconds(accept, times=9)
    note = f"{count} queries"
    yield Row("volume: accept a suggestion", took, "ms", ACT_MS, at_least=False, note=note)


def _statements(call: Any) -> int:
    """How many statements a call sends."""
    sent: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        call()
    return len(sent)
