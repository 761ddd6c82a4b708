"""The desk's bars: its page over 100,000 open items, and the sync of 100,000 findings."""

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from desk import registry, services
from desk.models import LegalEntity, Membership, Role, User, WorkItem
from desk.types import Detector, Finding
from proptrust.lib.money import usd
from tests.benchmarks.rows import Row, Size, milliseconds, seconds

ITEMS = 100_000
PAGE_MS = 300
QUERIES = 12
KIND = "bench_item"


def bench_desk(size: Size) -> Iterator[Row]:
    """The exception page and the dashboard among 100,000 open items of two companies."""
    # The bar is for a page among 100,000 items, so the size is the same with and without --full.
    entities = [
        LegalEntity.objects.create(name=f"Bench {os.urandom(6).hex()}", state="CA")
        for _ in range(2)
    ]
    user = User.objects.create(username=f"bench-{os.urandom(6).hex()}")
    for entity in entities:
        Membership.objects.create(user=user, entity=entity, role=Role.BOOKKEEPER)
    detector = Detector("bench", frozenset({KIND}), lambda _: findings(entities))
    opened = seconds(lambda: services.run_detector(detector))
    yield Row("desk: 100,000 new findings become items", opened, "s")
    again = seconds(lambda: services.run_detector(detector))
    yield Row("desk: the same findings again change nothing", again, "s")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE desk_workitem")

    with override_settings(ALLOWED_HOSTS=["*"]):
        yield from _pages(user)
    registry._detectors.pop("bench", None)
    WorkItem.objects.filter(kind=KIND).delete()


def findings(entities: list[LegalEntity]) -> Iterator[Finding]:
    """Bank lines of two years, every seventh with a sure suggestion."""
    today = timezone.localdate()
    for n in range(ITEMS):
        yield Finding(
            key=f"bench:{n}",
            kind=KIND,
            entity_id=entities[n % 2].pk,
            severity=1 + n % 3,
            title=f"Bank line without a match: payer {n}",
            reason="The bank shows this payment, and the journal has nothing like it.",
            subject_type="tests.line",
            subject_id=n,
            happened_on=today - timedelta(days=n % 700),
            amount=usd(n % 5000 + 1),
            who=f"Payer {n}",
            where="Rent trust",
            suggestion="Somebody" if n % 7 == 0 else "",
            suggestion_points=97 if n % 7 == 0 else None,
        )


def _pages(user: User) -> Iterator[Row]:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    deep = (
        WorkItem.objects.filter(kind=KIND)
        .order_by("-severity", "happened_on", "id")
        .values_list("severity", "happened_on", "id")[ITEMS - 500]
    )
    after = f"{deep[0]}.{deep[1]:%Y-%m-%d}.{deep[2]}"
    pages = {
        "the first page": "/desk/",
        "a page near the end": f"/desk/?after={after}",
        "one company": f"/desk/?entity={user.memberships.all()[0].entity_id}",
        "a search for a name": "/desk/?q=payer+99123",
        "a search for an amount": "/desk/?q=4,321.00",
        "suggested with 95 points": "/desk/?view=sure",
        "the dashboard": "/admin/",
    }
    for name, address in pages.items():
        count = _queries(client, address)
        median = milliseconds(partial(client.get, address), times=9)
        yield Row(
            f"desk: {name}, of 100,000 open items",
            median,
            "ms",
            PAGE_MS,
            at_least=False,
            note=f"{count} queries",
        )
        yield Row(f"desk: {name}, queries", count, "", QUERIES + 1, at_least=False)


def _queries(client: Client, address: str) -> int:
    """How many statements a page is."""
    statements: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        assert client.get(address).status_code == 200
    return len(statements)
