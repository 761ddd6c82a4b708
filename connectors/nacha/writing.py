"""Write a NACHA origination file: PPD, CCD and WEB, debits and credits, live and prenote.

What is written here `reading.read` accepts without a warning; a test proves it for every input that
hypothesis can think of. Everything is checked before a byte is made, and an error names the batch,
the entry and the field.

Names, company texts and payment texts go out in upper-case printable ASCII: accents are dropped,
letters like ß, æ or ø are spelt out, typographic dashes and quotes become plain ones; what has no
ASCII form (another alphabet, an emoji) is an error, since a name is never guessed. Names are cut
to the 22 characters of the field, payment texts and references are not cut but refused. Account
numbers and references go out as given.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from moneyed import USD, Money

from connectors.nacha import layout
from connectors.nacha.reading import CREDITS_ONLY, DEBITS_ONLY, HASH_SIZE, MIXED
from connectors.nacha.types import NachaError
from proptrust.lib.banking import is_banking_day, is_routing_number
from proptrust.lib.money import from_cents, to_cents

WRITTEN_CLASSES = ("PPD", "CCD", "WEB")
ACCOUNT_TYPES = {"checking": "2", "savings": "3", "ledger": "4", "loan": "5"}
NAME_SIZE = 22

RETRY_PAYMENT = "RETRY PYMT"
RETURN_FEE = "RETURN FEE"
REVERSAL = "REVERSAL"
ACCOUNT_VERIFICATION = "ACCTVERIFY"
# Descriptions that only banks and agencies use.
_NOT_OURS = frozenset({"RECLAIM", "NONSETTLED"})
# How a reserved word begins when it is meant but misspelt.
_RESERVED_STEMS = {
    "RETRY": RETRY_PAYMENT,
    "RETURNF": RETURN_FEE,
    "REVERS": REVERSAL,
    "ACCTVERI": ACCOUNT_VERIFICATION,
}

ENTRY_LIMIT = from_cents(10**10 - 1)  # Ten digits of cents in the field.
TOTAL_LIMIT_CENTS = 10**12 - 1  # Twelve digits of cents in the controls.
# Per entry, since March 2022. Source: FRB Services, FedACH SameDay Service, read 2026-11.
SAME_DAY_LIMIT = Money(1_000_000, USD)
MICRO_LIMIT = Money(1, USD)
LAST_SEQUENCE = 9_999_999

_PRINTABLE = re.compile(r"[ -~]+")
_ACCOUNT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 -]{0,15}[A-Za-z0-9])?")
_SPELT_OUT = str.maketrans(
    {
        "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "Ħ": "H",
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-",
        "‘": "'", "’": "'", "‛": "'", "´": "'", "ʼ": "'", "ʻ": "'",
        "“": '"', "”": '"', "„": '"', "×": "X", "·": ".",
    }
)  # fmt: skip


class BadOrigination(NachaError):
    """Something in what is to be sent is wrong. place: "file", "batch 2" or "batch 2, entry 14"."""

    def __init__(self, place: str, field: str, reason: str) -> None:
        super().__init__(f"{place}, {field}: {reason}")
        self.place = place
        self.field = field
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class NewEntry:
    """One debit or credit to send.

    amount: whole cents above zero; zero for a prenote. id_number: our own reference, up to 15
    characters, which comes back in a return. payment_type: R recurring or S single, needed by WEB.
    memo: payment text for one addenda record.
    """

    is_debit: bool
    routing_number: str
    account: str
    account_type: str = "checking"
    amount: Money
    name: str
    id_number: str = ""
    is_prenote: bool = False
    payment_type: str = ""
    memo: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnAccount:
    """Our account at the originating bank, for the offset entries of a balanced file."""

    routing_number: str
    account: str
    account_type: str = "checking"


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """Entries that share class, company, description and day.

    company_name is what the tenant sees on the statement, company_id as the bank gave it.
    effective_on: a banking day after the day of creation; that very day only with is_same_day.
    offset: given if the bank wants balanced batches. The totals of debits and of credits are each
    offset by an entry of their own, so that the bank statement keeps them apart.
    """

    sec: str
    company_name: str
    company_id: str
    entry_description: str
    effective_on: date
    entries: Sequence[NewEntry]
    discretionary: str = ""
    descriptive_date: str = ""
    is_same_day: bool = False
    offset: OwnAccount | None = None


@dataclass(frozen=True, kw_only=True)
class Origination:
    """A file to send.

    immediate_destination, immediate_origin: up to ten characters as the bank says; nine digits get
    a blank in front. odfi: routing number of our bank. created_at: local time of ours.
    file_id_modifier: A-Z, 0-9, another for each file of one day. first_sequence: the last seven
    digits of the first trace number, first_batch: the number of the first batch; go on where the
    file before ended, so that no trace number repeats on a day. entry_limit, file_limit: ours or
    the bank's; file_limit holds for the debits and for the credits. line_end: as the bank wants,
    empty for none.
    """

    immediate_destination: str
    immediate_origin: str
    destination_name: str
    origin_name: str
    odfi: str
    created_at: datetime
    batches: Sequence[NewBatch]
    file_id_modifier: str = "A"
    reference: str = ""
    first_sequence: int = 1
    first_batch: int = 1
    entry_limit: Money | None = None
    file_limit: Money | None = None
    line_end: str = "\n"


@dataclass(frozen=True)
class Written:
    """A written file, to be kept byte by byte.

    traces: per batch, the trace numbers of its entries in the order given (offsets left out).
    next_sequence, next_batch: where the next file of the day goes on.
    """

    data: bytes
    traces: tuple[tuple[str, ...], ...]
    next_sequence: int
    next_batch: int
    debits: Money
    credits: Money

    @property
    def sha256(self) -> str:
        """The digest of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class _Totals:
    count: int = 0
    hash: int = 0
    debits: int = 0
    credits: int = 0

    def add(self, other: "_Totals") -> None:
        self.count += other.count
        self.hash += other.hash
        self.debits += other.debits
        self.credits += other.credits

    def controls(self) -> dict[str, str | int]:
        return {
            "count": self.count,
            "entry_hash": self.hash % HASH_SIZE,
            "debits": self.debits,
            "credits": self.credits,
        }


@dataclass
class _Draft:
    """The file as far as it is written."""

    sequence: int
    totals: _Totals = field(default_factory=_Totals)
    records: list[str] = field(default_factory=list)
    traces: list[tuple[str, ...]] = field(default_factory=list)


def write(origination: Origination) -> bytes:
    """The bytes of an origination file. Raises BadOrigination naming batch, entry and field."""
    return originate(origination).data


def originate(origination: Origination) -> Written:
    """Write an origination file and say which trace number each entry got.

    Raises BadOrigination naming batch, entry and field.
    """
    _check_file(origination)
    draft = _Draft(origination.first_sequence)
    draft.records.append(_file_header(origination))
    for index, batch in enumerate(origination.batches):
        _write_batch(draft, origination, batch, index)
    _check_total("file", draft.totals, origination.file_limit)
    draft.records.append(_file_control(draft, len(origination.batches)))
    while len(draft.records) % layout.BLOCKING_FACTOR:
        draft.records.append(layout.FILLER)
    end = origination.line_end
    return Written(
        data="".join(record + end for record in draft.records).encode("ascii"),
        traces=tuple(draft.traces),
        next_sequence=draft.sequence,
        next_batch=origination.first_batch + len(origination.batches),
        debits=from_cents(draft.totals.debits),
        credits=from_cents(draft.totals.credits),
    )


def transliterate(text: str) -> str:
    """Upper-case printable ASCII, single blanks. Raises ValueError for what has no such form."""
    upper = text.upper().translate(_SPELT_OUT)
    # A letter may only spell itself out after its accent is gone (Ǿ is Ø with an acute).
    plain = unicodedata.normalize("NFKD", upper).upper().translate(_SPELT_OUT)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = " ".join(plain.split())
    for char in plain:
        if not " " <= char <= "~":
            raise ValueError(f"{char!r} has no form in ASCII")
    return plain


# -- Records


def _file_header(origination: Origination) -> str:
    texts = ("destination_name", "origin_name", "reference")
    sizes = {item.name: item.size for item in layout.FILE_HEADER.fields}
    return layout.FILE_HEADER.fill(
        {
            "record_type": "1",
            "priority": "01",
            "immediate_destination": origination.immediate_destination.rjust(10),
            "immediate_origin": origination.immediate_origin.rjust(10),
            "created_on": f"{origination.created_at:%y%m%d}",
            "created_time": f"{origination.created_at:%H%M}",
            "file_id_modifier": origination.file_id_modifier,
            "record_size": "094",
            "blocking_factor": "10",
            "format_code": "1",
        }
        | {
            name: _text("file", name, getattr(origination, name), sizes[name], is_needed=False)
            for name in texts
        }
    )


def _write_batch(draft: _Draft, origination: Origination, batch: NewBatch, index: int) -> None:
    place = f"batch {index + 1}"
    odfi = origination.odfi[:8]
    number = origination.first_batch + index
    _check_batch(place, batch, origination)
    offsets = tuple(_offsets(place, batch))
    sides = {entry.is_debit for entry in (*batch.entries, *offsets)}
    service_class = MIXED if len(sides) == 2 else DEBITS_ONLY if True in sides else CREDITS_ONLY
    company_id = _printable(place, "company_id", batch.company_id, 10)
    header = layout.BATCH_HEADER.fill(
        {
            "record_type": "5",
            "service_class": service_class,
            "company_name": _text(place, "company_name", batch.company_name, 16),
            "discretionary": _text(
                place, "discretionary", batch.discretionary, 20, is_needed=False
            ),
            "company_id": company_id,
            "sec": batch.sec,
            "entry_description": batch.entry_description,
            "descriptive_date": batch.descriptive_date,
            "effective_on": f"{batch.effective_on:%y%m%d}",
            "originator_status": "1",
            "odfi": odfi,
            "number": number,
        }
    )
    draft.records.append(header)
    totals, traces = _Totals(), []
    for position, entry in enumerate((*batch.entries, *offsets), 1):
        where = f"{place}, entry {position}"
        if draft.sequence > LAST_SEQUENCE:
            raise BadOrigination(where, "trace", "the seven digits of the sequence are used up")
        trace = f"{odfi}{draft.sequence:07}"
        draft.sequence += 1
        draft.records.extend(_entry_records(where, batch, entry, trace, totals))
        traces.append(trace)
    _check_total(place, totals, None)
    control: dict[str, str | int] = {
        "record_type": "8",
        "service_class": service_class,
        "company_id": company_id,
        "odfi": odfi,
        "number": number,
    }
    draft.records.append(layout.BATCH_CONTROL.fill(control | totals.controls()))
    draft.totals.add(totals)
    draft.traces.append(tuple(traces[: len(batch.entries)]))


def _offsets(place: str, batch: NewBatch) -> Iterator[NewEntry]:
    """The entries to our own account that make debits and credits of a batch equal."""
    if batch.offset is None:
        return
    most = SAME_DAY_LIMIT if batch.is_same_day else ENTRY_LIMIT
    for is_debit in (True, False):
        cents = sum(to_cents(entry.amount) for entry in batch.entries if entry.is_debit is is_debit)
        if from_cents(cents) > most:
            reason = f"{from_cents(cents).amount} is above {most.amount:.2f}; make smaller batches"
            raise BadOrigination(place, "offset", reason)
        if cents:
            yield NewEntry(
                is_debit=not is_debit,
                routing_number=batch.offset.routing_number,
                account=batch.offset.account,
                account_type=batch.offset.account_type,
                amount=from_cents(cents),
                name=batch.company_name,
                id_number="OFFSET",
                payment_type="S" if batch.sec == "WEB" else "",
            )


def _entry_records(
    place: str, batch: NewBatch, entry: NewEntry, trace: str, totals: _Totals
) -> Iterator[str]:
    cents = to_cents(entry.amount)
    yield layout.ENTRY.fill(
        {
            "record_type": "6",
            "transaction_code": _transaction_code(entry),
            "routing_number": entry.routing_number,
            "account": entry.account,
            "amount": cents,
            "id_number": entry.id_number,
            "name": _name(place, entry.name),
            "discretionary": entry.payment_type if batch.sec == "WEB" else "",
            "has_addenda": "1" if entry.memo else "0",
            "trace": trace,
        }
    )
    totals.count += 1
    totals.hash += int(entry.routing_number[:8])
    if entry.is_debit:
        totals.debits += cents
    else:
        totals.credits += cents
    if entry.memo:
        totals.count += 1
        yield layout.PAYMENT_ADDENDA.fill(
            {
                "record_type": "7",
                "type": "05",
                "text": _text(place, "memo", entry.memo, 80),
                "sequence": 1,
                "entry_sequence": trace[-7:],
            }
        )


def _file_control(draft: _Draft, batches: int) -> str:
    records = len(draft.records) + 1
    control: dict[str, str | int] = {
        "record_type": "9",
        "batches": batches,
        "blocks": -(-records // layout.BLOCKING_FACTOR),
    }
    return layout.FILE_CONTROL.fill(control | draft.totals.controls())


def _transaction_code(entry: NewEntry) -> str:
    kind = {(False, False): "2", (False, True): "3", (True, False): "7", (True, True): "8"}
    return ACCOUNT_TYPES[entry.account_type] + kind[entry.is_debit, entry.is_prenote]


# -- Checks


def _check_file(origination: Origination) -> None:
    if not origination.batches:
        raise BadOrigination("file", "batches", "there are none")
    if not is_routing_number(origination.odfi):
        raise BadOrigination("file", "odfi", f"{origination.odfi!r} is no routing number")
    if not re.fullmatch("[A-Z0-9]", origination.file_id_modifier):
        reason = f"{origination.file_id_modifier!r} is not one of A-Z, 0-9"
        raise BadOrigination("file", "file_id_modifier", reason)
    for name in ("immediate_destination", "immediate_origin"):
        _printable("file", name, getattr(origination, name), 10)
    if not 1 <= origination.first_sequence <= LAST_SEQUENCE:
        raise BadOrigination("file", "first_sequence", "not in 1 to 9999999")
    if origination.first_batch < 1 or (
        origination.first_batch + len(origination.batches) - 1 > LAST_SEQUENCE
    ):
        raise BadOrigination("file", "first_batch", "not in 1 to 9999999")
    if origination.line_end not in {"", "\n", "\r\n"}:
        raise BadOrigination("file", "line_end", "neither none, LF nor CR LF")
    if origination.created_at.year not in range(2000, 2070):
        # Two digits of the year are written; they are read back within this range.
        raise BadOrigination("file", "created_at", "the year is not in 2000 to 2069")


def _check_batch(place: str, batch: NewBatch, origination: Origination) -> None:
    if batch.sec not in WRITTEN_CLASSES:
        reason = f"{batch.sec!r} is not one of {', '.join(WRITTEN_CLASSES)}"
        raise BadOrigination(place, "sec", reason)
    if not batch.entries:
        raise BadOrigination(place, "entries", "there are none")
    _check_day(place, batch, origination.created_at.date())
    if batch.offset is not None:
        _check_account(place, "offset ", batch.offset)
    for position, entry in enumerate(batch.entries, 1):
        _check_entry(f"{place}, entry {position}", batch, entry, origination.entry_limit)
    _check_description(place, batch)


def _check_day(place: str, batch: NewBatch, today: date) -> None:
    day = batch.effective_on
    if batch.is_same_day != (day == today) or day < today:
        wanted = "the day of creation" if batch.is_same_day else "after the day of creation"
        reason = f"{day} is not {wanted} ({today}); same day must be asked for"
        raise BadOrigination(place, "effective_on", reason)
    if not is_banking_day(day):
        raise BadOrigination(place, "effective_on", f"{day} is no banking day")
    if day.year not in range(2000, 2070):
        raise BadOrigination(place, "effective_on", "the year is not in 2000 to 2069")
    text = batch.descriptive_date
    if text:
        _printable(place, "descriptive_date", text, 6)
    if re.fullmatch(r"SD\d{4}", text) and not batch.is_same_day:
        reason = f"{text} marks a same-day window, but same day was not asked for"
        raise BadOrigination(place, "descriptive_date", reason)


def _check_entry(place: str, batch: NewBatch, entry: NewEntry, limit: Money | None) -> None:
    _check_account(place, "", entry)
    _check_amount(place, batch, entry, limit)
    _name(place, entry.name)
    if entry.id_number:
        _printable(place, "id_number", entry.id_number, 15)
    if batch.sec == "WEB" and entry.payment_type not in {"R", "S"}:
        reason = "a WEB entry says R (recurring) or S (single)"
        raise BadOrigination(place, "payment_type", reason)
    if entry.account_type == "loan" and entry.is_debit:
        raise BadOrigination(place, "account_type", "a loan account takes no debits")


def _check_account(place: str, prefix: str, account: NewEntry | OwnAccount) -> None:
    if not is_routing_number(account.routing_number):
        reason = f"{account.routing_number!r} is no routing number"
        raise BadOrigination(place, f"{prefix}routing_number", reason)
    if not _ACCOUNT.fullmatch(account.account):
        # The number itself is personal: it does not go into the message.
        reason = "not 1 to 17 letters, digits, blanks or hyphens"
        raise BadOrigination(place, f"{prefix}account", reason)
    if account.account_type not in ACCOUNT_TYPES:
        reason = f"{account.account_type!r} is not one of {', '.join(ACCOUNT_TYPES)}"
        raise BadOrigination(place, f"{prefix}account_type", reason)


def _check_amount(place: str, batch: NewBatch, entry: NewEntry, limit: Money | None) -> None:
    amount = entry.amount
    if amount.currency != USD:
        raise BadOrigination(place, "amount", f"{amount} is not in US dollars")
    if not amount.amount.is_finite() or amount.amount % Decimal("0.01"):
        raise BadOrigination(place, "amount", f"{amount.amount} is no whole count of cents")
    if entry.is_prenote:
        if amount.amount:
            raise BadOrigination(place, "amount", "a prenote moves no money")
        return
    if amount.amount <= 0:
        raise BadOrigination(place, "amount", f"{amount.amount} is not above zero")
    limits = [
        ENTRY_LIMIT,
        *([SAME_DAY_LIMIT] if batch.is_same_day else []),
        *([limit] if limit else []),
    ]
    if amount > (lowest := min(limits)):
        raise BadOrigination(
            place, "amount", f"{amount.amount:.2f} is above the limit {lowest.amount:.2f}"
        )


def _check_total(place: str, totals: _Totals, limit: Money | None) -> None:
    most = min(TOTAL_LIMIT_CENTS, to_cents(limit)) if limit else TOTAL_LIMIT_CENTS
    for name, cents in (("debits", totals.debits), ("credits", totals.credits)):
        if cents > most:
            reason = f"{from_cents(cents).amount} is above the limit {from_cents(most).amount}"
            raise BadOrigination(place, name, reason)


def _check_description(place: str, batch: NewBatch) -> None:
    """The reserved descriptions mean what the network says, and are spelt as it says."""
    text = batch.entry_description
    _printable(place, "entry_description", text, 10)

    def refuse(reason: str) -> None:
        raise BadOrigination(place, "entry_description", f"{text!r}: {reason}")

    squeezed = re.sub(r"[^A-Z]", "", text.upper())
    if squeezed in _NOT_OURS:
        refuse("only banks and agencies use it")
    for stem, reserved in _RESERVED_STEMS.items():
        if squeezed.startswith(stem) and text != reserved:
            refuse(f"the reserved description is spelt {reserved!r}")
    is_reserved = text in _RESERVED_STEMS.values()
    if is_reserved and any(entry.is_prenote for entry in batch.entries):
        refuse("a prenote cannot be described so")
    if text in {RETRY_PAYMENT, RETURN_FEE} and not all(entry.is_debit for entry in batch.entries):
        refuse("it is for debits only")
    if text == ACCOUNT_VERIFICATION:
        _check_micro_entries(place, batch)


def _check_micro_entries(place: str, batch: NewBatch) -> None:
    """Credits under a dollar, and per account no more debited than credited."""
    balance: dict[tuple[str, str], int] = {}
    for position, entry in enumerate(batch.entries, 1):
        if entry.amount >= MICRO_LIMIT and not entry.is_debit:
            where = f"{place}, entry {position}"
            raise BadOrigination(where, "amount", "a micro-entry is under one dollar")
        owner = entry.routing_number, entry.account
        cents = to_cents(entry.amount)
        balance[owner] = balance.get(owner, 0) + (-cents if entry.is_debit else cents)
    if any(cents < 0 for cents in balance.values()):
        raise BadOrigination(place, "entries", "micro-debits are above the micro-credits")


def _name(place: str, text: str) -> str:
    return _text(place, "name", text, None)[:NAME_SIZE].rstrip()


def _text(place: str, field: str, text: str, size: int | None, *, is_needed: bool = True) -> str:
    try:
        plain = transliterate(text)
    except ValueError as error:
        raise BadOrigination(place, field, str(error)) from error
    if is_needed and not plain:
        raise BadOrigination(place, field, "it is empty")
    if size is not None and len(plain) > size:
        raise BadOrigination(place, field, f"{plain!r} is longer than {size} characters")
    return plain


def _printable(place: str, field: str, text: str, size: int) -> str:
    """A reference that goes out as given: printable ASCII, no blanks around it."""
    if not _PRINTABLE.fullmatch(text) or text != text.strip() or len(text) > size:
        reason = f"{text!r} is not 1 to {size} printable ASCII characters"
        raise BadOrigination(place, field, reason)
    return text
