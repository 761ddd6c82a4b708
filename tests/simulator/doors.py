"""Bring the feed through the doors of production: services of the apps, one item at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import requests

from connectors import services as connectors
from connectors.models import Connection, Event, Request
from connectors.nacha.writing import NewEntry
from desk import services as desk
from desk.models import LegalEntity
from ledger.models import BankAccount
from proptrust.lib.money import usd
from receivables import services as receivables
from reconciliation import services as reconciliation
from reconciliation import tasks as reconciliation_tasks
from tests.simulator import clock
from tests.simulator.feed import Item
from tests.simulator.files import ach, processor
from tests.simulator.life import COMPANY_ID, Life, own_id
from tests.simulator.world import STATES, World

Say = Callable[[str], None]


class Doors:
    """The open doors of one company: its connections, its bank accounts, what comes in."""

    def __init__(self, entity: LegalEntity, world: World, life: Life) -> None:
        self.entity, self.world, self.life = entity, world, life
        accounts = BankAccount.objects.filter(book__entity=entity).select_related("book")
        self._accounts = {account.last_four: account for account in accounts}
        self._connections = {
            (connection.slug, connection.settings.get("state")): connection
            for connection in self._connect()
        }

    def account(self, state: str, purpose: str) -> BankAccount:
        """The bank account of a state."""
        of_world = self.world.rent_account if purpose == "rent" else self.world.deposit_account
        return self._accounts[of_world(state).number[-4:]]

    def bring(self, item: Item) -> None:
        """Let one item in at its own moment, and do at once what a worker would do next."""
        with clock.at(item.at), processor_network(self.life):
            getattr(self, f"_{item.door}")(item)
            self._work()

    def _work(self) -> None:
        """What the queued tasks would do; the queue itself goes by PostgreSQL's clock, not ours."""
        connectors.catch_up()
        events = Event.objects.filter(state__in=[Event.State.NEW, Event.State.WAITING])
        for event_id in events.order_by("at", "id").values_list("pk", flat=True):
            connectors.publish_event(event_id)

    def _connect(self) -> Iterator[Connection]:
        for state, *_ in STATES:
            account = self.account(state, "rent")
            bank = self.world.rent_account(state)
            yield self._connection(
                state, "stripe", "Stripe", account, {"mode": "live"},
                {
                    "signing_secret": processor.signing_secret(state),
                    "secret_key": f"rk_sample_{state}",
                },
            )  # fmt: skip
            yield self._connection(
                state, "ach_nacha", "ACH", account,
                {
                    "immediate_destination": bank.routing_number,
                    "immediate_origin": COMPANY_ID,
                    "destination_name": bank.bank.upper()[:23],
                    "origin_name": "HARBORLINE",
                    "odfi": bank.routing_number,
                    "company_name": "HARBORLINE PM",
                    "company_id": COMPANY_ID,
                    "line_end": "lf",
                },
                {},
            )  # fmt: skip
            yield self._connection(state, "check_batch", "Checks", account, {}, {})
            yield self._connection(state, "cash_batch", "Retail cash", account, {}, {})

    def _connection(
        self, state: str, slug: str, label: str, account: BankAccount,
        settings: dict[str, str], credentials: dict[str, str],
    ) -> Connection:  # fmt: skip
        found, _ = Connection.objects.get_or_create(
            entity=self.entity,
            label=f"{label} {state}",
            defaults={
                "slug": slug,
                "book": account.book,
                "settings": {**settings, "state": state},
                "credentials": credentials,
            },
        )
        return found

    # -- One method a door

    def _charges(self, item: Item) -> None:
        receivables.post_monthly_charges(self.entity, date.fromisoformat(item.name))

    def _webhook(self, item: Item) -> None:
        connectors.receive(self._connections["stripe", item.state], item.body, item.headers)

    def _originate(self, item: Item) -> None:
        payments = self.life.ach_batches[item.name]
        effective_on = payments[0].settled_on
        assert effective_on is not None
        entries = [
            NewEntry(
                is_debit=True,
                routing_number=ach.TENANT_BANK,
                account=ach.tenant_account(payment),
                amount=usd(payment.amount),
                name=payment.payer,
                id_number=own_id(payment),
            )
            for payment in payments
        ]
        request = connectors.originate(
            connection=self._connections["ach_nacha", item.state],
            key=item.name,
            sec="PPD",
            effective_on=effective_on,
            entries=entries,
            lease_codes={own_id(payment): payment.told_lease for payment in payments},
        )
        if request.state == Request.State.READY:
            connectors.hand_over(request.pk)

    def _settle(self, item: Item) -> None:
        connectors.settle_files(item.at.date())

    def _returns(self, item: Item) -> None:
        self._file("ach_nacha", item)

    def _checks(self, item: Item) -> None:
        self._file("check_batch", item)

    def _cash(self, item: Item) -> None:
        self._file("cash_batch", item)

    def _file(self, slug: str, item: Item) -> None:
        connectors.receive_file(self._connections[slug, item.state], item.name, item.body)

    def _statement(self, item: Item) -> None:
        stored = reconciliation.store_file(
            entity_id=self.entity.pk,
            name=item.name,
            body=item.body,
            bank_account_id=self.account(item.state, item.purpose).pk,
        )
        reconciliation.import_file(stored.pk)

    def _nightly(self, item: Item) -> None:
        reconciliation_tasks.match_all()
        desk.wake_waiting()


@contextmanager
def processor_network(life: Life) -> Iterator[None]:
    """Within the block only the processor's API answers, and from the simulated payouts."""
    by_id = {payout.id: payout for payout in life.payouts}

    def send(_adapter: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        payout = by_id.get(parse_qs(url.query).get("payout", [""])[0])
        if url.path != "/v1/balance_transactions" or payout is None:
            raise requests.ConnectionError(f"the simulated network has no {url.path}")
        answer = requests.Response()
        answer.status_code = 200
        answer.url = str(request.url)
        answer.request = request
        answer.headers["Content-Type"] = "application/json"
        answer.raw = io.BytesIO(json.dumps(processor.balance_transactions(payout)).encode())
        return answer

    with patch("requests.adapters.HTTPAdapter.send", send):
        yield
