"""Letters about deposits as PDF: what the tenant gets, with the law that asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from moneyed import Money

from compliance import rules
from compliance.errors import ComplianceError
from compliance.types import Unknown
from deposits import law
from deposits.models import Deduction, Deposit, InterestCredit, Method, MoveOut, Notice
from desk.models import LegalEntity
from ledger.models import BankAccount
from ledger.queries import balance
from payments import pdf
from proptrust.lib.fields import mask
from proptrust.lib.money import ZERO, plain, usd

_Kind = Notice.Kind
TEMPLATE = "deposits/letter.html"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what, more about it, how much."""

    what: str
    more: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a letter with its sum."""

    title: str
    rows: Sequence[Row]
    total_label: str
    total: Money


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that stands in a letter."""

    title: str
    on: date
    to: str
    address: str
    facts: Sequence[tuple[str, str]]
    paragraphs: Sequence[str]
    tables: Sequence[Table] = ()
    closing: Sequence[str] = field(default_factory=tuple)


def pdf_of(letter: Letter, company: LegalEntity) -> bytes:
    """A letter as PDF bytes. Raises payments.pdf.CannotLayOut where the system lacks the means."""
    return pdf.render(TEMPLATE, {"letter": letter, "company": company})


def disposition(move_out: MoveOut, *, on: date) -> Letter:
    """What became of a deposit: what was held, each deduction, what goes back and to whom."""
    deposit = move_out.deposit
    held = [Row("Security deposit", f"held in {_bank_name(deposit)}", move_out.held)]
    if move_out.interest:
        held.append(Row("Interest", _interest_words(deposit), move_out.interest))
    tables = [
        Table("Deposit", held, "Deposit with interest", move_out.held + move_out.interest),
        _deductions(move_out),
        Table(
            "What goes back",
            [
                Row(each.payee, _refund_words(each.method, each.address), each.amount)
                for each in move_out.refunds.order_by("id")
                if each.amount
            ],
            "Goes back",
            move_out.refunded,
        ),
    ]
    closing = []
    if move_out.still_owed:
        closing.append(
            f"The deposit did not cover everything: {plain(move_out.still_owed)} stays owed."
        )
    if proofs := _proofs(move_out):
        closing.append(f"Enclosed: {', '.join(proofs)}.")
    return Letter(
        title="Disposition of your security deposit",
        on=on,
        to=tenants_of(deposit),
        address=move_out.forwarding_address,
        facts=[
            *_lease_facts(deposit),
            ("Moved out", _day(move_out.moved_out_on)),
            ("To be returned by", _day(move_out.due_on) if move_out.due_on else "not known"),
            ("By", move_out.due_citation or "not known"),
        ],
        paragraphs=[
            "This is what became of the security deposit that we held for you. Every amount that"
            " was kept is listed with its reason."
        ],
        tables=[each for each in tables if each.rows],
        closing=[*closing, *_itemisation(deposit, move_out)],
    )


def notice(row: Notice, *, on: date) -> Letter:
    """The letter of a notice, by its kind."""
    if row.kind in (_Kind.DISPOSITION, _Kind.CLAIM):
        move_out = (
            MoveOut.objects.filter(deposit=row.deposit, moved_out_on=row.event_on)
            .exclude(state=MoveOut.State.CANCELLED)
            .select_related("lease__unit__property", "deposit__lease__unit__property")
            .first()
        )
        if move_out is not None:
            is_claim = row.kind == _Kind.CLAIM
            return _claim(row, move_out, on) if is_claim else disposition(move_out, on=on)
    deposit = row.deposit
    words = {
        _Kind.RECEIPT: ("Receipt for your security deposit", _receipt),
        _Kind.BANK: ("Where your security deposit is held", _bank),
        _Kind.CONDITION: ("Statement of condition", _condition),
        _Kind.INTEREST: ("Your security deposit and its interest", _interest),
        _Kind.TRANSFER: ("Who holds your security deposit", _transfer),
    }
    title, body = words[_Kind(row.kind)]
    paragraphs, tables = body(row, on)
    return Letter(
        title=title,
        on=on,
        to=tenants_of(deposit),
        address=_place(deposit),
        facts=[
            *_lease_facts(deposit),
            *([("By", row.citation)] if row.citation else []),
        ],
        paragraphs=paragraphs,
        tables=tables,
    )


def tenants_of(deposit: Deposit) -> str:
    """The names of a deposit's tenants."""
    rows = deposit.lease.tenancies.order_by("id")
    return " & ".join(rows.values_list("tenant__name", flat=True))


def _claim(row: Notice, move_out: MoveOut, on: date) -> Letter:
    table = _deductions(move_out)
    object_by = ""
    if move_out.objection_days is not None:
        until = on + timedelta(days=move_out.objection_days)
        object_by = (
            f" Unless you object in writing by {_day(until)}, within {move_out.objection_days} days"
            " of this notice, we deduct it and return the rest."
        )
    return Letter(
        title="Notice of our claim on your security deposit",
        on=on,
        to=tenants_of(move_out.deposit),
        address=move_out.forwarding_address,
        facts=[
            *_lease_facts(move_out.deposit),
            ("Moved out", _day(move_out.moved_out_on)),
            ("By", row.citation),
        ],
        paragraphs=[
            f"We claim {plain(table.total)} of your security deposit for the reasons listed below."
            + object_by
        ],
        tables=[table],
        closing=[f"Send your objection to {move_out.entity.name}."],
    )


def _deductions(move_out: MoveOut) -> Table:
    rows = [
        Row(each.get_kind_display(), each.memo, each.amount)
        for each in move_out.deductions.order_by("id")
    ]
    if move_out.prepaid:
        rows.append(Row("Prepaid rent", "paid a part of these", -move_out.prepaid))
    total = sum((row.amount for row in rows), ZERO)
    return Table("Deductions", rows, "Deducted", total)


def _receipt(row: Notice, on: date) -> tuple[list[str], list[Table]]:
    amount = _held(row.deposit, row.event_on)
    return [
        f"We have received {plain(amount)} from you as the security deposit for your home, on"
        f" {_day(row.event_on)}.",
        *_bank_words(row.deposit),
    ], []


def _bank(row: Notice, on: date) -> tuple[list[str], list[Table]]:
    return [
        f"Your security deposit of {plain(_held(row.deposit, row.event_on))} is held in a trust"
        " account, apart from our own money.",
        *_bank_words(row.deposit),
    ], []


def _condition(row: Notice, on: date) -> tuple[list[str], list[Table]]:
    said = [f"What the law asks for: {row.content}."] if row.content else []
    return [
        "This is a statement of the condition of your home when you moved in. Look through the"
        " enclosed list of rooms, add what is missing, sign it and send it back.",
        *said,
    ], []


def _interest(row: Notice, on: date) -> tuple[list[str], list[Table]]:
    credits_ = row.deposit.interest_credits.filter(
        to_on__lte=row.event_on, state=InterestCredit.State.CREDITED
    ).order_by("from_on")
    rows = [
        Row(f"{_day(each.from_on)} to {_day(each.to_on)}", steps_in_words(each), each.amount)
        for each in credits_
    ]
    total = sum((each.amount for each in rows), ZERO)
    return [
        f"On {_day(on)} we hold {plain(_held(row.deposit, on))} for you, interest included.",
        *_bank_words(row.deposit),
    ], [Table("Interest credited", rows, "Interest in all", total)]


def _transfer(row: Notice, on: date) -> tuple[list[str], list[Table]]:
    return [
        f"From {_day(row.event_on)} on, {row.to or 'the new holder'} is responsible for your"
        " security deposit and for giving it back to you.",
        f"The amount is {plain(_handed(row))}, with the interest credited so far.",
    ], []


def _handed(row: Notice) -> Money:
    line = row.deposit.hand_over_lines.filter(hand_over__handed_on=row.event_on).first()
    return line.amount if line else _held(row.deposit, row.event_on)


def steps_in_words(row: InterestCredit) -> str:
    """How interest was reckoned: 1,200.00 at 3 % for 365 of 365 days."""
    said = [
        f"{plain(usd(step['principal']))} at {_percent(step['rate'])} for {step['days']} of"
        f" {step['of_days']} days"
        for step in row.steps
    ]
    fee = f", less our fee of {plain(row.fee)}" if row.fee else ""
    return "; ".join(said) + fee


def _percent(rate: str) -> str:
    return f"{(Decimal(rate) * 100).normalize():f} %"


def _interest_words(deposit: Deposit) -> str:
    rows = deposit.interest_credits.filter(state=InterestCredit.State.CREDITED)
    return "; ".join(steps_in_words(each) for each in rows.order_by("from_on"))


def _bank_words(deposit: Deposit) -> list[str]:
    account = BankAccount.objects.filter(book=deposit.book_id).first()
    if account is None:
        return []
    return [
        f"The account: {account.title}, at {account.bank_name}, account number"
        f" {mask(account.last_four)}."
    ]


def _bank_name(deposit: Deposit) -> str:
    account = BankAccount.objects.filter(book=deposit.book_id).first()
    return f"{account.bank_name}, account {mask(account.last_four)}" if account else "trust"


def _refund_words(method: str, address: str) -> str:
    where = ", ".join(address.split("\n"))
    return f"by check to {where}" if method == Method.CHECK else "by ACH"


def _proofs(move_out: MoveOut) -> list[str]:
    rows = Deduction.objects.filter(move_out=move_out).order_by("id")
    return [name for name in rows.values_list("files__name", flat=True) if name]


def _itemisation(deposit: Deposit, move_out: MoveOut) -> list[str]:
    """What the law wants of the list, where there is one."""
    if not move_out.deductions.exists():
        return []
    try:
        rule = rules.deposit_itemisation(
            law.state_of(deposit),
            on=move_out.moved_out_on,
            facts=law.facts_of(deposit, on=move_out.moved_out_on),
        )
    except ComplianceError:
        return []
    content = rule.content
    if isinstance(content, Unknown) or not content:
        return []
    return [f"{rule.source.citation} asks of this list: {content}."]


def _lease_facts(deposit: Deposit) -> list[tuple[str, str]]:
    return [("Home", _place(deposit).replace("\n", ", ")), ("Lease", deposit.lease.code)]


def _place(deposit: Deposit) -> str:
    unit = deposit.lease.unit
    place = unit.property
    street = place.street or place.name
    town = f"{place.city}, {place.state} {place.zip_code}".strip(", ")
    return f"{street}, {unit.code}\n{town}"


def _held(deposit: Deposit, on: date) -> Money:
    """What the deposit account held of a deposit at the end of a day."""
    return balance(book_id=deposit.book_id, beneficiary_id=deposit.lease.deposit_id, on=on)


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
