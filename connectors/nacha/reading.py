"""Read a NACHA file: what changes the meaning of money refuses it, what banks tolerate warns.

Refused, with line and reason: records out of order, a record whose lost part may have held
digits, an amount or total that is no number, totals or hashes that differ from the entries, a wrong
routing number or a debit among credits in what is to be paid, a return without its reason, an
unknown class.

Warned: a missing or cut filler, a short header, clerical counts that the hash and totals disprove,
control fields that differ from the header, traces out of order, addenda numbered wrongly, codes
that are unknown. In returns and notifications banks also leave out file headers and controls, keep
the transaction code of the forward entry and repeat a bad routing number: those warn too, because
each return stands for itself.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from connectors.nacha import codes, layout, records
from connectors.nacha.types import (
    ADV_CODES,
    PRENOTE_DIGITS,
    RETURN_DIGITS,
    TRANSACTION_CODES,
    ZERO_DOLLAR_DIGITS,
    AchEntry,
    AchFile,
    Addenda,
    Batch,
    Control,
    Dispute,
    Refused,
    Warned,
    is_debit_code,
)
from proptrust.lib.banking import is_routing_number
from proptrust.lib.money import from_cents

_CLASS_LIST = (
    "ACK ADV ARC ATX BOC CCD CIE COR CTX DNE ENR IAT MTE POP POS PPD RCK SHR TEL TRC TRX WEB XCK"
)
CLASSES = frozenset(_CLASS_LIST.split(" "))
MIXED, CREDITS_ONLY, DEBITS_ONLY, ADVICES = "200", "220", "225", "280"
HASH_SIZE = 10**10
# How many warnings of one kind are listed before they are only counted.
LISTED = 10
# Two-digit years: the network is younger than this.
FIRST_YEAR = 70
INTERNATIONAL_CHANGE = "IATCOR"
# The most addenda that a forward entry may carry, by class; other classes: one.
_ADDENDA_LIMIT = {"CTX": 9999, "ENR": 9999, "TRX": 9999, "ATX": 9999, "IAT": 12, "TEL": 0}
_IAT_MANDATORY = ("10", "11", "12", "13", "14", "15", "16")
_REASON = re.compile(r"[RC]\d\d")


def read(data: bytes) -> AchFile:
    """Read a NACHA file of any class, forward or return, plain or gzip.

    Returns the file with its warnings. Raises Refused with the reason and the line.
    """
    found, warnings = records.split(data)
    return _Reader(warnings).read(found)


@dataclass
class _Tally:
    """Sums over entries: count of 6 and 7 records, entry hash, cents."""

    count: int = 0
    hash: int = 0
    debits: int = 0
    credits: int = 0

    def add(self, other: "_Tally") -> None:
        self.count += other.count
        self.hash += other.hash
        self.debits += other.debits
        self.credits += other.credits


@dataclass
class _OpenEntry:
    fields: dict[str, str]
    line: int
    addenda: list[Addenda] = field(default_factory=list)
    # The receiver's name and number of an international entry, from its addenda.
    name: str = ""
    id_number: str = ""


@dataclass
class _OpenBatch:
    fields: dict[str, str]
    line: int
    sec: str
    is_international: bool
    layout: layout.Layout
    entries: list[AchEntry] = field(default_factory=list)
    tally: _Tally = field(default_factory=_Tally)
    entry: _OpenEntry | None = None
    last_trace: str = ""


class _Reader:
    """One pass over the records; each record type has its method."""

    def __init__(self, warnings: list[Warned]) -> None:
        self._warnings: list[Warned] = []
        self._kinds: Counter[str] = Counter()
        self._header: dict[str, str] = {}
        self._created_on: date | None = None
        self._batches: list[Batch] = []
        self._batch: _OpenBatch | None = None
        self._control: Control | None = None
        self._total = _Tally()
        # What is wrong in a file to be paid, but usual in a file of returns.
        self._doubts: list[Warned] = []
        self._fillers = 0
        for warned in warnings:
            self._warn(_without_numbers(warned.text), warned.text, warned.line)

    def read(self, found: list[records.Record]) -> AchFile:
        steps = {
            "1": self._read_header,
            "5": self._read_batch_header,
            "6": self._read_entry,
            "7": self._read_addenda,
            "8": self._read_batch_control,
            "9": self._read_file_control,
        }
        for line, record in found:
            if records.is_filler(record):
                self._fillers += 1
                continue
            if self._control or self._fillers:
                raise Refused(self._after_the_end(record), line)
            if not self._header and record[0] != "1":
                self._begin_without_header(record, line)
            step = steps.get(record[0])
            if step is None:
                raise Refused(f"a record begins with {record[0]!r}, which no record type is", line)
            step(record, line)
        return self._finish(found)

    # -- File

    def _after_the_end(self, record: str) -> str:
        if record[0] == "1":
            return "a second file begins here; give each file by itself"
        return "a record follows the end of the file"

    def _begin_without_header(self, record: str, line: int) -> None:
        if record[0] != "5":
            raise Refused("not a NACHA file: it does not begin with a file header", line)
        self._doubts.append(Warned("the file has no file header", line))
        self._header = dict.fromkeys(layout.FILE_HEADER.cut(" " * layout.RECORD_SIZE), "")

    def _read_header(self, record: str, line: int) -> None:
        if self._header:
            raise Refused("a file header stands inside the file", line)
        cut = layout.FILE_HEADER.cut(record)
        if cut["record_size"] != "094":
            size = cut["record_size"]
            raise Refused(f"file header: record size {size!r} at 35-37 is not 094", line)
        if (cut["blocking_factor"], cut["format_code"]) != ("10", "1"):
            self._warn(
                "format", "file header: blocking factor and format code are not 10 and 1", line
            )
        if not re.fullmatch("[A-Z0-9]", cut["file_id_modifier"]):
            modifier = cut["file_id_modifier"]
            self._warn(
                "modifier", f"file header: file ID modifier {modifier!r} is not A-Z, 0-9", line
            )
        self._created_on = self._date(cut["created_on"], "file creation date", line)
        self._header = {name: value.strip() for name, value in cut.items()}

    def _read_file_control(self, record: str, line: int) -> None:
        self._close_batch_without_control(line)
        is_advice = bool(self._batches) and all(batch.sec == "ADV" for batch in self._batches)
        cut = (layout.ADV_FILE_CONTROL if is_advice else layout.FILE_CONTROL).cut(record)
        self._control = control = Control(
            count=self._number(cut["count"], "file control: entry and addenda count", line),
            entry_hash=self._number(cut["entry_hash"], "file control: entry hash", line),
            debit_cents=self._number(cut["debits"], "file control: total debits", line),
            credit_cents=self._number(cut["credits"], "file control: total credits", line),
            line=line,
            batches=self._number(cut["batches"], "file control: batch count", line),
            blocks=self._number(cut["blocks"], "file control: block count", line),
        )
        is_short = control.batches != len(self._batches)
        hint = (
            f" ({control.batches} batches claimed, {len(self._batches)} found)" if is_short else ""
        )
        self._check_totals("file control", control, self._total, hint)
        # Hash and totals are right here, so a wrong count is clerical.
        if is_short:
            self._warn(
                "batch count",
                f"file control: {control.batches} batches claimed, {len(self._batches)} found",
                line,
            )
        if control.count != self._total.count:
            self._warn(
                "file count",
                f"file control: {control.count} entries and addenda claimed, "
                f"{self._total.count} found",
                line,
            )

    def _finish(self, found: list[records.Record]) -> AchFile:
        last = found[-1][0]
        self._close_batch_without_control(last)
        if self._control is None:
            self._doubts.append(
                Warned("the file has no file control: it may have been cut off", last)
            )
        self._settle_doubts()
        self._check_blocks(len(found))
        head = self._header
        return AchFile(
            immediate_destination=head["immediate_destination"],
            immediate_origin=head["immediate_origin"],
            created_on=self._created_on,
            created_time=head["created_time"],
            file_id_modifier=head["file_id_modifier"],
            destination_name=head["destination_name"],
            origin_name=head["origin_name"],
            reference=head["reference"],
            batches=tuple(self._batches),
            control=self._control,
            warnings=tuple(sorted(self._warnings, key=_line_of) + self._unlisted()),
        )

    def _settle_doubts(self) -> None:
        """Doubts are warnings if everything in the file is a return or a notification."""
        entries = [entry for batch in self._batches for entry in batch.entries]
        is_return_file = bool(entries) and all(
            entry.is_return or entry.is_notification for entry in entries
        )
        for doubt in self._doubts:
            if not is_return_file:
                raise Refused(doubt.text, doubt.line)
            self._warn(_without_numbers(doubt.text), doubt.text, doubt.line)

    def _check_blocks(self, physical: int) -> None:
        logical = physical - self._fillers
        expected = -(-logical // layout.BLOCKING_FACTOR)
        if self._control and self._control.blocks != expected:
            self._warn(
                "blocks",
                f"file control: {self._control.blocks} blocks claimed, {logical} records make "
                f"{expected}",
                self._control.line,
            )
        if physical % layout.BLOCKING_FACTOR:
            self._warn("filler", "the last block is not filled to ten records")

    # -- Batch

    def _read_batch_header(self, record: str, line: int) -> None:
        self._close_batch_without_control(line)
        cut = {name: value.strip() for name, value in layout.BATCH_HEADER.cut(record).items()}
        sec = cut["sec"]
        if sec not in CLASSES:
            raise Refused(f"batch header: class {sec!r} at 51-53 is unknown", line)
        if cut["service_class"] not in {MIXED, CREDITS_ONLY, DEBITS_ONLY, ADVICES}:
            raise Refused(f"batch header: service class {cut['service_class']!r} is unknown", line)
        is_change_abroad = sec == "COR" and cut["company_name"] == INTERNATIONAL_CHANGE
        is_international = sec == "IAT" or is_change_abroad
        if not cut["company_name"] and not is_international:
            self._warn("company name", "batch header: no company name", line)
        entry_layout = layout.entry_layout(sec, is_international=is_international)
        self._batch = _OpenBatch(cut, line, sec, is_international, entry_layout)

    def _read_batch_control(self, record: str, line: int) -> None:
        batch = self._batch
        if batch is None:
            raise Refused("a batch control without a batch", line)
        self._close_entry(batch)
        is_advice = batch.sec == "ADV"
        cut = (layout.ADV_BATCH_CONTROL if is_advice else layout.BATCH_CONTROL).cut(record)
        control = Control(
            count=self._number(cut["count"], "batch control: entry and addenda count", line),
            entry_hash=self._number(cut["entry_hash"], "batch control: entry hash", line),
            debit_cents=self._number(cut["debits"], "batch control: total debits", line),
            credit_cents=self._number(cut["credits"], "batch control: total credits", line),
            line=line,
        )
        self._check_totals("batch control", control, batch.tally)
        if control.count != batch.tally.count:
            text = (
                f"batch control: {control.count} entries and addenda claimed, "
                f"{batch.tally.count} found"
            )
            self._judge(text, line, is_return=_is_return_batch(batch))
        for name in ("service_class", "company_id", "odfi", "number"):
            given = cut.get(name, "").strip()
            if given != batch.fields[name] and name in cut:
                label = name.replace("_", " ")
                text = f"batch control: {label} {given!r} is {batch.fields[name]!r} in the header"
                self._warn(f"control {name}", text, line)
        self._end_batch(batch, control)

    def _close_batch_without_control(self, line: int) -> None:
        if self._batch is None:
            return
        self._close_entry(self._batch)
        text = f"the batch of line {self._batch.line} has no batch control"
        self._doubts.append(Warned(text, line))
        self._end_batch(self._batch, None)

    def _end_batch(self, batch: _OpenBatch, control: Control | None) -> None:
        cut = batch.fields
        if not batch.entries:
            self._warn("empty batch", "the batch has no entries", batch.line)
        number = int(cut["number"]) if _is_digits(cut["number"]) else 0
        if self._batches and number <= self._batches[-1].number:
            text = f"batch number {number} is not above the one before"
            self._warn("batch number", text, batch.line)
        self._batches.append(
            Batch(
                service_class=cut["service_class"],
                company_name=cut["company_name"],
                discretionary=cut["discretionary"],
                company_id=cut["company_id"],
                sec=batch.sec,
                entry_description=cut["entry_description"],
                descriptive_date=cut["descriptive_date"],
                effective_on=self._date(cut["effective_on"], "effective entry date", batch.line),
                settlement_day=_day_of_year(cut["settlement_day"]),
                originator_status=cut["originator_status"],
                odfi=cut["odfi"],
                number=number,
                line=batch.line,
                entries=tuple(batch.entries),
                control=control,
            )
        )
        self._total.add(batch.tally)
        self._batch = None

    def _check_totals(self, where: str, control: Control, tally: _Tally, hint: str = "") -> None:
        claims = (
            ("debits", control.debit_cents, tally.debits),
            ("credits", control.credit_cents, tally.credits),
        )
        for name, claimed, found in claims:
            if claimed != found:
                raise Refused(
                    f"{where}: {name} of {from_cents(claimed).amount} claimed, the entries sum "
                    f"to {from_cents(found).amount}{hint}",
                    control.line,
                )
        if control.entry_hash != tally.hash % HASH_SIZE:
            raise Refused(
                f"{where}: entry hash {control.entry_hash:010} claimed, the routing numbers sum "
                f"to {tally.hash % HASH_SIZE:010}{hint}",
                control.line,
            )

    # -- Entry

    def _read_entry(self, record: str, line: int) -> None:
        batch = self._batch
        if batch is None:
            raise Refused("an entry outside any batch", line)
        self._close_entry(batch)
        cut = batch.layout.cut(record)
        code, routing = cut["transaction_code"], cut["routing_number"]
        if code not in TRANSACTION_CODES or (code in ADV_CODES) != (batch.sec == "ADV"):
            raise Refused(f"entry: transaction code {code!r} is unknown in class {batch.sec}", line)
        if not _is_digits(routing):
            raise Refused(f"entry: routing number {routing!r} is no nine digits", line)
        batch.entry = _OpenEntry(cut, line)
        batch.tally.count += 1
        batch.tally.hash += int(routing[:8])

    def _close_entry(self, batch: _OpenBatch) -> None:
        opened = batch.entry
        if opened is None:
            return
        batch.entry = None
        cut, line = opened.fields, opened.line
        entry = AchEntry(
            transaction_code=cut["transaction_code"],
            routing_number=cut["routing_number"],
            account=cut["account"].strip(),
            cents=self._number(cut["amount"], "entry: amount", line),
            id_number=opened.id_number or cut.get("id_number", "").strip(),
            name=opened.name or cut.get("name", "").strip(),
            discretionary=cut.get("discretionary", cut.get("screening", "")).strip(),
            trace=cut["trace"].strip(),
            line=line,
            addenda=tuple(opened.addenda),
        )
        is_comment = entry.is_return or entry.is_notification
        self._check_account(entry, is_comment=is_comment)
        self._check_kind(batch, entry, is_comment=is_comment)
        self._check_trace(batch, entry, is_comment=is_comment)
        if entry.addenda or cut["has_addenda"] != "0":
            self._check_addenda(batch, entry, cut)
        batch.entries.append(entry)
        if is_debit_code(entry.transaction_code):
            batch.tally.debits += entry.cents
        else:
            batch.tally.credits += entry.cents

    def _check_account(self, entry: AchEntry, *, is_comment: bool) -> None:
        problem = _routing_problem(entry.routing_number)
        if problem is not None:
            text, is_wrong = problem
            if is_wrong:
                self._judge(text, entry.line, is_return=is_comment)
            else:
                self._warn("routing prefix", text, entry.line)
        if not entry.account and entry.transaction_code not in ADV_CODES:
            self._judge("entry: no account number", entry.line, is_return=is_comment)

    def _check_kind(self, batch: _OpenBatch, entry: AchEntry, *, is_comment: bool) -> None:
        code, line = entry.transaction_code, entry.line
        if code in ADV_CODES:
            return
        if not is_comment and (code[1] in RETURN_DIGITS or batch.sec == "COR"):
            kind = "notification of change" if batch.sec == "COR" else "return"
            raise Refused(f"entry: a {kind} without its addenda record", line)
        if is_comment and code[1] not in RETURN_DIGITS:
            text = f"entry: transaction code {code} of the forward entry was kept"
            self._warn("kept code", text, line)
        if entry.is_notification and entry.cents:
            self._warn("amount in change", "entry: a notification of change has an amount", line)
        if entry.cents == 0:
            if not is_comment and code[1] not in PRENOTE_DIGITS | ZERO_DOLLAR_DIGITS:
                self._warn("zero amount", "entry: a live entry over 0.00", line)
            return
        if code[1] in PRENOTE_DIGITS | ZERO_DOLLAR_DIGITS:
            amount = entry.amount.amount
            text = f"entry: transaction code {code} moves no money, but the amount is {amount}"
            self._judge(text, line, is_return=is_comment)
        wrong_side = {CREDITS_ONLY: True, DEBITS_ONLY: False}.get(batch.fields["service_class"])
        if wrong_side is entry.is_debit:
            side = "debit" if entry.is_debit else "credit"
            text = f"entry: a {side} in a batch of service class {batch.fields['service_class']}"
            self._judge(text, line, is_return=is_comment)

    def _check_trace(self, batch: _OpenBatch, entry: AchEntry, *, is_comment: bool) -> None:
        trace, line = entry.trace, entry.line
        if not (_is_digits(trace) and len(trace) == 15):
            self._warn("trace", f"entry: trace number {trace!r} is no 15 digits", line)
        elif not is_comment and batch.sec != "ADV":
            if not trace.startswith(batch.fields["odfi"]):
                text = f"entry: trace number {trace} does not begin with the ODFI of its batch"
                self._warn("trace odfi", text, line)
            if trace <= batch.last_trace:
                text = f"entry: trace number {trace} is not above the one before"
                self._warn("trace order", text, line)
            batch.last_trace = trace
        if batch.sec in {"WEB", "TEL"} and not entry.name:
            self._warn("name", f"entry: a {batch.sec} entry without a name", line)

    def _check_addenda(self, batch: _OpenBatch, entry: AchEntry, cut: dict[str, str]) -> None:
        line = entry.line
        if (cut["has_addenda"] == "1") != bool(entry.addenda):
            text = (
                f"entry: addenda indicator {cut['has_addenda']!r}, but "
                f"{len(entry.addenda)} addenda follow"
            )
            self._warn("addenda indicator", text, line)
        forward = [item.type for item in entry.addenda if item.type not in {"98", "99"}]
        limit = 12 if batch.is_international else _ADDENDA_LIMIT.get(batch.sec, 1)
        if len(forward) > limit:
            text = f"entry: {len(forward)} addenda, class {batch.sec} takes {limit}"
            self._warn("addenda limit", text, line)
        if len(forward) == len(entry.addenda):
            self._check_addenda_count(batch, forward, cut, line)
        missing = [kind for kind in _IAT_MANDATORY if kind not in forward]
        if missing and batch.sec == "IAT" and not entry.is_notification:
            self._warn("IAT addenda", f"entry: addenda {', '.join(missing)} missing", line)

    def _check_addenda_count(
        self, batch: _OpenBatch, forward: list[str], cut: dict[str, str], line: int
    ) -> None:
        claimed = cut.get("addenda_count", "").strip()
        if "addenda_count" in cut and not (_is_digits(claimed) and int(claimed) == len(forward)):
            text = f"entry: {claimed or 'no'} addenda claimed, {len(forward)} found"
            self._warn("addenda count", text, line)

    # -- Addenda

    def _read_addenda(self, record: str, line: int) -> None:
        batch = self._batch
        entry = batch.entry if batch else None
        if batch is None or entry is None:
            raise Refused("an addenda record without its entry", line)
        batch.tally.count += 1
        kind = record[1:3]
        if kind == "99":
            addenda = self._return(record, line, batch)
        elif kind == "98":
            addenda = self._change(record, line, batch)
        else:
            addenda = self._text_addenda(record, line, entry)
        if addenda.trace and addenda.trace != entry.fields["trace"].strip():
            text = f"addenda: trace number {addenda.trace} is not that of its entry"
            self._warn("addenda trace", text, line)
        entry.addenda.append(addenda)

    def _text_addenda(self, record: str, line: int, entry: _OpenEntry) -> Addenda:
        kind = record[1:3]
        if kind == "02":
            cut = layout.TERMINAL_ADDENDA.cut(record)
            return Addenda(
                "02", line, text=cut["text"].rstrip(), trace=cut["trace"].strip() or None
            )
        if kind == "10":
            entry.name = layout.IAT_RECEIVER.cut(record)["name"].strip()
        elif kind == "15":
            entry.id_number = layout.IAT_RECEIVER_ADDRESS.cut(record)["id_number"].strip()
        cut = layout.PAYMENT_ADDENDA.cut(record)
        if cut["entry_sequence"] != entry.fields["trace"][-7:]:
            self._warn("addenda trace", "addenda: its last seven digits are not its entry's", line)
        sequence: int | None = None
        if kind == "05":
            sequence = int(cut["sequence"]) if _is_digits(cut["sequence"]) else None
            if sequence != len(entry.addenda) + 1:
                text = (
                    f"addenda: sequence {cut['sequence']!r} instead of {len(entry.addenda) + 1:04}"
                )
                self._warn("addenda sequence", text, line)
        elif not ("10" <= kind <= "18" and _is_digits(kind)):
            self._warn("addenda type", f"addenda: type {kind!r} is unknown", line)
        text = cut["text"] if kind in {"05", "17", "18"} else record[3:87]
        return Addenda(kind, line, text=text.rstrip(), sequence=sequence)

    def _return(self, record: str, line: int, batch: _OpenBatch) -> Addenda:
        code = self._reason(record, line)
        shape = layout.return_layout(code, is_international=batch.is_international)
        cut = shape.cut(record)
        if not codes.return_code(code).is_known:
            self._warn(f"code {code}", f"addenda: return code {code} is unknown", line)
        original = self._original_trace(cut, line)
        amount = cut.get("original_amount", "")
        return Addenda(
            "99",
            line,
            text=cut.get("text", "").strip(),
            trace=cut["trace"].strip() or None,
            return_code=code,
            original_trace=original,
            date_of_death=self._date(
                cut.get("date_of_death", ""),
                "date of death",
                line,
                is_wanted=code in {"R14", "R15"},
            ),
            original_rdfi=cut["original_rdfi"].strip() or None,
            original_cents=int(amount) if _is_digits(amount) else None,
            dispute=self._dispute(cut, line) if "return_trace" in cut else None,
        )

    def _dispute(self, cut: dict[str, str], line: int) -> Dispute:
        return Dispute(
            return_trace=cut["return_trace"].strip() or None,
            return_settlement_day=_day_of_year(cut["return_settlement_day"]),
            return_reason=_reason_of_digits(cut["return_reason"]),
            returned_on=self._date(
                cut.get("returned_on", ""), "return date", line, is_wanted=False
            ),
            original_settlement_day=_day_of_year(cut.get("original_settlement_day", "")),
            dishonored_trace=cut.get("dishonored_trace", "").strip() or None,
            dishonored_settlement_day=_day_of_year(cut.get("dishonored_settlement_day", "")),
            dishonored_reason=_reason_of_digits(cut.get("dishonored_reason", "")),
        )

    def _change(self, record: str, line: int, batch: _OpenBatch) -> Addenda:
        code = self._reason(record, line)
        cut = layout.change_layout(code, is_international=batch.is_international).cut(record)
        if not codes.change_code(code).is_known:
            self._warn(f"code {code}", f"addenda: change code {code} is unknown", line)
        return Addenda(
            "98",
            line,
            trace=cut["trace"].strip() or None,
            change_code=code,
            original_trace=self._original_trace(cut, line),
            original_rdfi=cut["original_rdfi"].strip() or None,
            corrected_data=cut["corrected_data"].rstrip() or None,
            refused_change_code=cut.get("change_code", "").strip() or None,
            refused_sequence=cut.get("change_sequence", "").strip() or None,
        )

    def _reason(self, record: str, line: int) -> str:
        code = record[3:6].strip()
        if not code:
            raise Refused(f"addenda {record[1:3]}: no reason code at 4-6", line)
        if not _REASON.fullmatch(code):
            self._warn("odd code", f"addenda: reason code {code!r} has an unknown form", line)
        return code

    def _original_trace(self, cut: dict[str, str], line: int) -> str | None:
        trace = cut["original_trace"].strip()
        if not (_is_digits(trace) and len(trace) == 15):
            text = f"addenda: original trace number {trace!r} is no 15 digits"
            self._warn("original trace", text, line)
        return trace or None

    # -- Fields and judgements

    def _number(self, text: str, what: str, line: int) -> int:
        """A right-justified number; never guessed from anything else."""
        if _is_digits(text):
            return int(text)
        if text[-1] != " " and _is_digits(bare := text.lstrip(" ")):
            self._warn("blank filled", f"{what} {text!r} is filled with blanks, not zeros", line)
            return int(bare)
        raise Refused(f"{what} {text!r} is not a number", line)

    def _date(self, text: str, what: str, line: int, *, is_wanted: bool = True) -> date | None:
        """YYMMDD; None where the file gives none (blanks, zeros) or no real day (warned)."""
        text = text.strip()
        if not text.strip("0"):
            return None
        day = _day(text)
        if day is None and is_wanted:
            self._warn(f"date {what}", f"{what} {text!r} is no date", line)
        return day

    def _judge(self, text: str, line: int, *, is_return: bool) -> None:
        """What a return may have and a payment may not."""
        if not is_return:
            raise Refused(text, line)
        self._warn(_without_numbers(text), text, line)

    def _warn(self, kind: str, text: str, line: int | None = None) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] <= LISTED:
            self._warnings.append(Warned(text, line))

    def _unlisted(self) -> list[Warned]:
        return [
            Warned(f"{count - LISTED} more warnings of this kind: {kind}")
            for kind, count in self._kinds.items()
            if count > LISTED
        ]


def _line_of(warned: Warned) -> tuple[bool, int]:
    """Sorts warnings by line, those without one last."""
    return warned.line is None, warned.line or 0


def _without_numbers(text: str) -> str:
    """The kind of a warning: what it says, whatever the number."""
    return re.sub(r"\d+", "#", text)


def _is_return_batch(batch: _OpenBatch) -> bool:
    return bool(batch.entries) and all(
        entry.is_return or entry.is_notification for entry in batch.entries
    )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


@lru_cache(maxsize=65536)
def _routing_problem(digits: str) -> tuple[str, bool] | None:
    """What is wrong with nine digits, and whether it is more than an unusual prefix."""
    if is_routing_number(digits):
        return None
    weights = (3, 7, 1) * 3
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    if weighted % 10:
        return f"entry: routing number {digits} has a wrong check digit", True
    if digits == "0" * 9:
        return "entry: routing number 000000000", True
    return f"entry: routing number {digits} has a prefix that no bank uses", False


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    if len(text) != 6 or not _is_digits(text):
        return None
    year = int(text[:2])
    try:
        return date(year + (1900 if year >= FIRST_YEAR else 2000), int(text[2:4]), int(text[4:]))
    except ValueError:
        return None


def _day_of_year(text: str) -> int | None:
    return int(text) if _is_digits(text) and 1 <= int(text) <= 366 else None


def _reason_of_digits(text: str) -> str | None:
    return f"R{text}" if _is_digits(text) and len(text) == 2 else None
