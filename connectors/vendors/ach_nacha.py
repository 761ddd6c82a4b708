"""The bank itself, by NACHA files: what we sent to it, and what it sends back.

Bank-direct files carry no signature; they are refused unless their totals and hashes fit. A return
reverses the receipt whose id we put into the entry's individual id; without one, the entry's trace
number names it. Facts about the format: connectors/nacha.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from connectors.base import Connector, secret
from connectors.errors import Ignored, Unreadable
from connectors.nacha import codes, reading, writing
from connectors.nacha import types as nacha
from connectors.types import (
    SENT_BY_US,
    BankDetailsChanged,
    Channel,
    Delivery,
    DisbursementReturned,
    Event,
    PaymentPending,
    PaymentReturned,
    PaymentSettled,
    ReturnDisputed,
)
from proptrust.lib.banking import is_routing_number
from proptrust.lib.money import ZERO, from_cents

# Files carry the sender's local time without saying which; the network's clocks are Eastern.
NETWORK_TIME = ZoneInfo("America/New_York")
OFFSET = "OFFSET"  # The individual id of an entry to our own account (connectors.nacha.writing).
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "none": ""}

Facts = dict[str, Any]


class AchNacha(Connector):
    slug = "ach_nacha"
    label = "Bank, by ACH file"
    docs = "https://developer.nacha.org/ach-file-overview"
    yields = frozenset(
        {
            PaymentPending,
            PaymentSettled,
            PaymentReturned,
            DisbursementReturned,
            ReturnDisputed,
            BankDetailsChanged,
        }
    )
    is_file_based = True

    class Credentials(forms.Form):
        """Only for a bank that wants balanced files."""

        own_account = secret(
            label="Our account number",
            help_text="Only if the bank wants an offset entry in each batch.",
            required=False,
        )

    class Settings(forms.Form):
        """As the bank's set-up sheet says."""

        immediate_destination = forms.CharField(max_length=10, help_text="Of the bank.")
        immediate_origin = forms.CharField(max_length=10, help_text="Ours, as the bank gave it.")
        destination_name = forms.CharField(max_length=23)
        origin_name = forms.CharField(max_length=23)
        odfi = forms.CharField(label="Routing number of our bank", min_length=9, max_length=9)
        company_name = forms.CharField(max_length=16, help_text="What tenants see.")
        company_id = forms.CharField(max_length=10, help_text="Often 1 and the EIN.")
        line_end = forms.ChoiceField(
            choices=[("lf", "LF"), ("crlf", "CR LF"), ("none", "None")], initial="lf"
        )

        def clean_odfi(self) -> str:
            """A routing number with its check digit."""
            odfi = str(self.cleaned_data["odfi"])
            if not is_routing_number(odfi):
                raise forms.ValidationError("This is no routing number.")
            return odfi

    def verify(self, delivery: Delivery) -> None:
        """A file has no signature: its totals are checked while parsing."""

    def parse(self, delivery: Delivery) -> Iterator[Event]:
        """Returns and notifications of a bank's file; pending payments of a file that we sent."""
        found = _read(delivery)
        if delivery.headers.get(SENT_BY_US):
            yield from self._sent(delivery, found, _pending)
            return
        told = [*_returns(delivery, found), *_notifications(delivery, found)]
        if not told:
            raise Ignored("the file holds neither returns nor notifications of change")
        yield from told

    def due(self, delivery: Delivery, day: date) -> Iterator[Event]:
        """The debits of our own file that settle by a day."""
        return self._sent(delivery, _read(delivery), _settled(day))

    def _sent(
        self,
        delivery: Delivery,
        found: nacha.AchFile,
        tell: "Callable[[nacha.Batch, Facts], Event | None]",
    ) -> Iterator[Event]:
        """What each debit of our own file means; credits are told by the app that pays."""
        lease_codes = json.loads(delivery.headers.get("leases", "{}"))
        for batch, entry in found.entries:
            if not entry.is_debit or not entry.cents or entry.id_number == OFFSET:
                continue
            facts = _payment(entry, entry.trace) | {
                "lease_code": lease_codes.get(entry.id_number, ""),
                "at": _created_at(delivery, found),
            }
            if (event := tell(batch, facts)) is not None:
                yield event

    # -- Writing

    def own_account(self) -> writing.OwnAccount | None:
        """Our account for offset entries, if the bank wants them."""
        number = self.credential("own_account")
        if not number:
            return None
        return writing.OwnAccount(routing_number=self.settings["odfi"], account=number)

    def origination(
        self,
        *,
        writing_day: datetime,
        batch: writing.NewBatch,
        file_id_modifier: str,
        first_sequence: int,
        first_batch: int,
    ) -> writing.Origination:
        """A file of one batch with what the bank's set-up sheet says."""
        return writing.Origination(
            immediate_destination=self.settings["immediate_destination"],
            immediate_origin=self.settings["immediate_origin"],
            destination_name=self.settings["destination_name"],
            origin_name=self.settings["origin_name"],
            odfi=self.settings["odfi"],
            created_at=writing_day,
            batches=[batch],
            file_id_modifier=file_id_modifier,
            first_sequence=first_sequence,
            first_batch=first_batch,
            line_end=_LINE_ENDS[self.settings.get("line_end") or "lf"],
        )


def _read(delivery: Delivery) -> nacha.AchFile:
    try:
        return reading.read(delivery.body)
    except nacha.Refused as refused:
        raise Unreadable(str(refused)) from refused


# -- What we sent


def _pending(_batch: nacha.Batch, facts: Facts) -> PaymentPending:
    return PaymentPending(**facts, key=f"{facts['payment']}:pending")


def _settled(day: date) -> Callable[[nacha.Batch, Facts], Event | None]:
    def tell(batch: nacha.Batch, facts: Facts) -> PaymentSettled | None:
        settles_on = batch.effective_on
        if settles_on is None or settles_on > day:
            return None
        return PaymentSettled(
            **(facts | {"at": datetime.combine(settles_on, time(8), NETWORK_TIME)}),
            key=f"{facts['payment']}:settled",
            fee=ZERO,
            pays_out=False,
            settles_on=settles_on,
            batch=f"{batch.company_id}:{settles_on}:{batch.number}",
        )

    return tell


# -- What the bank sends back


def _returns(delivery: Delivery, found: nacha.AchFile) -> Iterator[Event]:
    for batch, entry in found.returns:
        addenda = entry.return_addenda
        assert addenda is not None
        code, original = str(addenda.return_code), addenda.original_trace or ""
        about = _payment(entry, original) | {
            "key": _key(batch, entry, original, code),
            "at": _created_at(delivery, found),
        }
        title = codes.return_code(code).title
        reason = f"{title}: {addenda.text}" if addenda.text else title
        if addenda.is_dishonored or addenda.is_contested:
            first = addenda.dispute.return_reason if addenda.dispute else None
            yield ReturnDisputed(
                **_with_amount(about, addenda), code=code, reason=reason, return_code=first or ""
            )
        elif not _cents(entry, addenda):
            yield BankDetailsChanged(**_without_amount(about), code=code)
        else:
            cls = PaymentReturned if entry.is_debit else DisbursementReturned
            returned_on = _returned_on(delivery, found, batch)
            yield cls(
                **_with_amount(about, addenda),
                code=code,
                reason=reason,
                returned_on=returned_on,
                batch=f"{batch.company_id}:{returned_on}",
            )


def _notifications(delivery: Delivery, found: nacha.AchFile) -> Iterator[Event]:
    received_on = _created_at(delivery, found).astimezone(NETWORK_TIME).date()
    for batch, entry in found.notifications:
        addenda = entry.change_addenda
        assert addenda is not None
        code, original = str(addenda.change_code), addenda.original_trace or ""
        data = addenda.corrected_data or ""
        corrected = codes.corrected_fields(code, data)
        yield BankDetailsChanged(
            **_without_amount(
                _payment(entry, original)
                | {
                    "key": _key(batch, entry, original, code),
                    "at": _created_at(delivery, found),
                }
            ),
            code=code,
            corrected=corrected if corrected is not None else {"as_sent": data} if data else {},
            correct_by=codes.change_deadline(received_on),
        )


def _payment(entry: nacha.AchEntry, trace: str) -> Facts:
    """Which payment an entry or its return is about, and of whom."""
    if not (entry.id_number or trace):
        raise Unreadable(
            f"line {entry.line}: neither our own id nor a trace number names a payment"
        )
    return {
        "payment": entry.id_number or f"ach:{trace}",
        "amount": from_cents(entry.cents),
        "channel": Channel.ACH,
        "payer": entry.name,
        "payer_reference": entry.id_number,
    }


def _key(batch: nacha.Batch, entry: nacha.AchEntry, original: str, code: str) -> str:
    """The same return in a second file of the bank has the same key.

    Trace numbers run round, so the payment and the original's effective day stand beside them.
    """
    day = batch.effective_on.isoformat() if batch.effective_on else ""
    return f"{entry.id_number}:{original}:{entry.trace}:{day}:{code}"


def _cents(entry: nacha.AchEntry, addenda: nacha.Addenda) -> int:
    """International returns carry the amount of the forward entry in their addenda."""
    return entry.cents or addenda.original_cents or 0


def _with_amount(about: Facts, addenda: nacha.Addenda) -> Facts:
    if not about["amount"].amount and addenda.original_cents:
        return about | {"amount": from_cents(addenda.original_cents)}
    return about


def _without_amount(about: Facts) -> Facts:
    return {name: about[name] for name in ("key", "at", "payment", "payer", "payer_reference")}


def _created_at(delivery: Delivery, found: nacha.AchFile) -> datetime:
    """When the file was made; else when it came."""
    if found.created_on is None:
        if delivery.received_at is None:
            raise Unreadable("the file does not say when it was made")
        return delivery.received_at.astimezone(UTC)
    return datetime.combine(found.created_on, _clock(found.created_time), NETWORK_TIME)


def _clock(hhmm: str) -> time:
    try:
        return time(int(hhmm[:2]), int(hhmm[2:4]))
    except ValueError:
        return time(12)


def _returned_on(delivery: Delivery, found: nacha.AchFile, batch: nacha.Batch) -> date:
    """The day on which the return is settled: the batch gives its day of the year."""
    made_on = _created_at(delivery, found).astimezone(NETWORK_TIME).date()
    number = batch.settlement_day
    if not number:
        return made_on
    days = (
        date(year, 1, 1) + timedelta(days=number - 1)
        for year in (made_on.year - 1, made_on.year, made_on.year + 1)
    )
    return min(days, key=lambda day: abs(day - made_on))
