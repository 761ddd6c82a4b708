"""Our own ACH files: written, kept byte by byte, handed to the bank, settled on their day."""

import json
import string
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from connectors.errors import KeyReused, NotPerformed
from connectors.models import Connection, Delivery, Event, Request
from connectors.nacha import writing
from connectors.registry import connector_of
from connectors.services.receiving import parse_delivery, store_events, store_own_file
from connectors.types import Delivery as Told
from connectors.types import FileHandedOver
from connectors.vendors.ach_nacha import AchNacha
from desk.errors import Refused as DeskRefused
from desk.models import User
from desk.services.audit import record
from proptrust.lib.events import publish

KIND = "ach_file"
_MODIFIERS = string.ascii_uppercase + string.digits


@transaction.atomic
def originate(
    *,
    connection: Connection,
    key: str,
    sec: str,
    effective_on: date,
    entries: Sequence[writing.NewEntry],
    entry_description: str = "RENT",
    lease_codes: Mapping[str, str] | None = None,
) -> Request:
    """Write one batch of entries as an ACH file that waits to be handed to the bank.

    key: the same key with the same entries is the same file. sec: PPD, WEB or CCD. Each entry's
    id_number is the payment's id in every later event, unique in the connection for ever.
    lease_codes: by id_number. The file's bytes are kept as a delivery; each debit becomes a
    PaymentPending at once, and a PaymentSettled on effective_on if the file was handed over.

    Raises BadOrigination naming the entry and field, KeyReused, or NotPerformed for a connection
    that writes no ACH files.
    """
    # One file after the other: each goes on where the trace numbers of the last one ended.
    held = Connection.objects.select_for_update().get(pk=connection.pk)
    facts = _facts(sec, effective_on, entry_description, entries)
    if (row := Request.objects.filter(connection=held, key=key).first()) is not None:
        if row.kind != KIND or {name: row.facts.get(name) for name in facts} != facts:
            raise KeyReused(f"the key {key} was used for another file")
        return row
    _check_ids(held, entries)
    last = Request.objects.filter(connection=held, kind=KIND).order_by("-id").first()
    origination = _origination(
        held,
        last.facts if last else {},
        {
            "sec": sec,
            "effective_on": effective_on,
            "entry_description": entry_description,
            "entries": entries,
        },
    )
    written = writing.originate(origination)
    name = f"{held.slug} {origination.created_at:%Y-%m-%d} {origination.file_id_modifier}.ach"
    delivery = store_own_file(
        held, name, written.data, {"leases": json.dumps(dict(lease_codes or {}))}
    )
    row = Request.objects.create(
        connection=held,
        key=key,
        kind=KIND,
        state=Request.State.READY,
        delivery=delivery,
        facts=facts
        | {
            "name": name,
            "created_on": f"{origination.created_at:%Y-%m-%d}",
            "modifier": origination.file_id_modifier,
            "next_sequence": written.next_sequence,
            "next_batch": written.next_batch,
            "debits": str(written.debits.amount),
            "credits": str(written.credits.amount),
            "sha256": written.sha256,
        },
    )
    # At once, so that no other file can carry the same payments.
    parse_delivery(delivery.pk, is_again=True)
    record(
        "write ach file",
        text=f"Wrote {name}: {len(entries)} entries, {written.debits} debits, {written.credits} "
        f"credits, effective {effective_on}",
        subject=row,
        entity_id=held.entity_id,
        facts={"sha256": written.sha256},
    )
    return row


@transaction.atomic
def hand_over(request_id: int, *, actor: User | None = None) -> Request:
    """Say that a file was given to the bank; from now on its day settles it.

    Raises desk.errors.Refused for anything but a file that waits for it.
    """
    row = Request.objects.select_for_update().get(pk=request_id)
    if row.state != Request.State.READY:
        raise DeskRefused("This file does not wait to be given to the bank.")
    row.state, row.sent_at = Request.State.SENT, timezone.now()
    row.save(update_fields=["state", "sent_at"])
    record(
        "hand over",
        text=f"{row.facts['name']} was given to the bank",
        subject=row,
        entity_id=row.connection.entity_id,
        actor=actor,
    )
    publish(FileHandedOver(row.pk))
    return row


def settle_files(day: date | None = None) -> int:
    """Tell the payments of files whose settlement day has come; returns how many files.

    Safe to stop and to run twice: each file is its own transaction, each payment is told once.
    """
    day = day or timezone.localdate()
    due = Request.objects.filter(
        kind=KIND,
        state=Request.State.SENT,
        answer={},
        facts__effective_on__lte=day.isoformat(),
    )
    ids = list(due.order_by("id").values_list("pk", flat=True))
    return sum(_settle(request_id, day) for request_id in ids)


@transaction.atomic
def _settle(request_id: int, day: date) -> bool:
    row = Request.objects.select_for_update().get(pk=request_id)
    if row.answer:
        return False
    delivery = Delivery.objects.select_related("connection").get(request=row)
    told = Told(
        body=bytes(delivery.body),
        headers=delivery.headers,
        received_at=delivery.received_at,
        name=delivery.name,
    )
    store_events(delivery, list(connector_of(delivery.connection).due(told, day)))
    row.answer = {"settled_on": day.isoformat()}
    row.save(update_fields=["answer"])
    return True


def _facts(
    sec: str, effective_on: date, description: str, entries: Sequence[writing.NewEntry]
) -> dict[str, Any]:
    """What makes a file the same file: no account number, but each entry's id and amount."""
    return {
        "sec": sec,
        "effective_on": effective_on.isoformat(),
        "description": description,
        "entries": [
            [entry.id_number, "debit" if entry.is_debit else "credit", str(entry.amount.amount)]
            for entry in entries
        ],
    }


def _check_ids(connection: Connection, entries: Sequence[writing.NewEntry]) -> None:
    """Each payment has an id of its own; it is what a return names weeks later."""
    seen: set[str] = set()
    for position, entry in enumerate(entries, 1):
        place = f"batch 1, entry {position}"
        if not entry.id_number:
            raise writing.BadOrigination(place, "id_number", "is needed: a return names it")
        if entry.id_number in seen:
            raise writing.BadOrigination(place, "id_number", f"{entry.id_number!r} stands twice")
        seen.add(entry.id_number)
    used = Event.objects.filter(
        connection=connection, subject__in=seen, delivery__request__kind=KIND
    )
    if (event := used.first()) is not None:
        raise KeyReused(f"the payment {event.subject} went out in another file")


def _origination(
    connection: Connection, last: Mapping[str, Any], batch: Mapping[str, Any]
) -> writing.Origination:
    """The file to write, going on where the last one (its facts) ended."""
    connector = connector_of(connection)
    if not isinstance(connector, AchNacha):
        raise NotPerformed(f"{connector.label} writes no ACH files")
    now = timezone.localtime(timezone=ZoneInfo(connection.entity.time_zone))
    is_same_day = batch["effective_on"] == now.date()
    modifier, sequence, number = "A", 1, 1
    if last:
        sequence, number = last["next_sequence"], last["next_batch"]
        if sequence + 2 * len(batch["entries"]) + 2 > writing.LAST_SEQUENCE:
            sequence = 1
        if number > writing.LAST_SEQUENCE:
            number = 1
        if last["created_on"] == now.date().isoformat():
            modifier = _next_modifier(last["modifier"])
    return connector.origination(
        writing_day=now,
        batch=writing.NewBatch(
            company_name=connector.settings["company_name"],
            company_id=connector.settings["company_id"],
            is_same_day=is_same_day,
            offset=connector.own_account(),
            **batch,
        ),
        file_id_modifier=modifier,
        first_sequence=sequence,
        first_batch=number,
    )


def _next_modifier(modifier: str) -> str:
    position = _MODIFIERS.index(modifier) + 1
    if position == len(_MODIFIERS):
        raise writing.BadOrigination(
            "file", "file_id_modifier", f"{len(_MODIFIERS)} files were written today; none is left"
        )
    return _MODIFIERS[position]
