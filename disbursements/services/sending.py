"""Send an approved run: shortages filled, tax withheld, advances paid back, owners paid, once.

Everything is one transaction: a worker that is killed leaves the run approved and nothing posted;
started again it does all of it. A run that is sent is returned as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from connectors.errors import ConnectorError
from connectors.models import Connection
from connectors.nacha.writing import BadOrigination
from desk.models import User
from desk.services import record
from disbursements import postings
from disbursements.errors import NotPayable
from disbursements.models import (
    Advance,
    DrawLine,
    DrawProperty,
    OwnerDraw,
    RecoveryStep,
    Repayment,
    Run,
    Section,
    Withholding,
)
from disbursements.postings import Claim
from disbursements.queries import said_of
from disbursements.services.deciding import check_payees
from disbursements.services.freezing import save_lines
from disbursements.services.locks import locked_run
from disbursements.services.settling import close_recoveries
from disbursements.types import RunSent
from leases.models import PayoutMethod
from ledger.charts import Chart, chart
from ledger.company import CompanySide, company_side
from ledger.errors import LedgerError, Overdrawn
from ledger.models import Entry, Line
from ledger.services import post_many
from ledger.types import NewEntry, NewLine
from payments.errors import PaymentsError
from payments.models import Payment
from payments.services import pay_many
from payments.services.files import write_ach_files
from payments.services.paying import days_for
from payments.types import NewPayment, Ordered
from proptrust.lib.banking import add_banking_days, next_banking_day
from proptrust.lib.events import publish
from proptrust.lib.money import usd

_STATE = Run.State
ACH_SLUG = "ach_nacha"


@transaction.atomic
def send_run(run: Run, *, actor: User) -> Run:
    """Pay the owners of an approved run, all or nothing; one that was sent is returned.

    Owners paid by ACH stand in one file a trust account, checks wait to be printed. Raises
    NotPayable when the ledger or a payee's data refuse a payment (the message names them), and
    WrongState for a run that is not approved.
    """
    held = locked_run(run.pk, _STATE.APPROVED, *Run.PAID)
    if held.is_paid:
        return held
    check_payees(held)
    rows = _rows(held)
    accounts = chart(held.entity_id)
    try:
        post_many(_entries(held, rows, accounts, actor))
        paid = _pay(held, rows, accounts, actor)
        _count_own_lines(held, rows, paid)
        _write_files(held, paid)
    except Overdrawn as refusal:
        raise NotPayable(
            f"{refusal}. Make it good (Recoveries), or leave the draws of this trust account out."
        ) from refusal
    except (LedgerError, PaymentsError, ConnectorError, BadOrigination) as refusal:
        raise NotPayable(str(refusal)) from refusal
    held.state, held.sent_by, held.sent_at = _STATE.SENT, actor, timezone.now()
    held.save(update_fields=["state", "sent_by", "sent_at"])
    record("send run", text=said_of(held), subject=held, actor=actor)
    publish(RunSent(held.pk, held.entity_id, tuple(draw.pk for draw in paid)))
    match_run(held.pk, on=held.pays_on)
    close_recoveries(held.entity_id, on=timezone.localdate())
    held.refresh_from_db()
    return held


def match_run(run_id: int, *, on: date | None = None) -> None:
    """A sent run whose payments have all cleared (or came back) is matched; else it is not."""
    waits = OwnerDraw.objects.filter(run=run_id, state=OwnerDraw.State.SENT).exists()
    if waits:
        Run.objects.filter(pk=run_id, state=_STATE.MATCHED).update(
            state=_STATE.SENT, matched_on=None
        )
    else:
        Run.objects.filter(pk=run_id, state=_STATE.SENT).update(
            state=_STATE.MATCHED, matched_on=on or timezone.localdate()
        )


def _rows(run: Run) -> list[DrawProperty]:
    """Every property of the run with what its postings need, in the order of owners."""
    return list(
        DrawProperty.objects.filter(draw__run=run)
        .select_related("draw__owner", "property")
        .order_by("draw__owner__name", "draw_id", "id")
    )


def _claim(row: DrawProperty) -> Claim:
    return Claim(row.beneficiary_id, row.property.book_id)


def draw_key(draw: OwnerDraw) -> str:
    """The key of a draw's payment: `draw:<run>:<owner>:<book>`."""
    return f"draw:{draw.run_id}:{draw.owner_id}:{draw.book_id}"


def _by_draw(rows: Iterable[DrawProperty]) -> dict[int, list[DrawProperty]]:
    found: dict[int, list[DrawProperty]] = defaultdict(list)
    for row in rows:
        found[row.draw_id].append(row)
    return found


def _netting_key(draw: OwnerDraw) -> str:
    return f"{draw_key(draw)}:netting"


def _tax_key(row: DrawProperty) -> str:
    return f"draw-property:{row.pk}:withheld"


def _repaid_key(row: DrawProperty, advance_id: str) -> str:
    return f"draw-property:{row.pk}:repaid:{advance_id}"


def _entries(
    run: Run, rows: Sequence[DrawProperty], accounts: Chart, actor: User
) -> list[NewEntry]:
    """Transfers before the payments: between properties, to the tax authorities, to the company."""
    facts: list[tuple[str, str, list[NewLine]]] = []
    for parts in _by_draw(rows).values():
        draw = parts[0].draw
        moved = {_claim(row): row.netted for row in parts if row.netted}
        if moved:
            lines = postings.netted(accounts, draw.book_id, moved)
            facts.append((_netting_key(draw), f"Between properties of {draw.owner}", lines))
    facts += _tax_entries(rows, accounts)
    facts += _repaid_entries(run, rows, accounts)
    when = days_for([({line.book_id for line in lines}, run.pays_on) for _, _, lines in facts])
    return [
        NewEntry(
            entity_id=run.entity_id,
            key=key,
            kind=Entry.Kind.TRANSFER,
            dated_on=day,
            memo=memo[:300],
            lines=lines,
            posted_by_id=actor.pk,
            adjusts_id=adjusts_id,
        )
        for (key, memo, lines), (day, adjusts_id) in zip(facts, when, strict=True)
    ]


def _tax_entries(
    rows: Sequence[DrawProperty], accounts: Chart
) -> list[tuple[str, str, list[NewLine]]]:
    taxes: dict[int, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    held = Withholding.objects.filter(
        draw_property__in=[row.pk for row in rows if row.withheld], amount__gt=0
    )
    for row_id, who, amount in held.values_list("draw_property_id", "beneficiary_id", "amount"):
        taxes[row_id][who] += amount
    return [
        (
            _tax_key(row),
            f"Tax withheld from {row.draw.owner}, {row.property}",
            postings.withheld(
                accounts,
                row.draw.book_id,
                _claim(row),
                {who: usd(amount) for who, amount in taxes[row.pk].items()},
            ),
        )
        for row in rows
        if row.withheld
    ]


def _repaid_entries(
    run: Run, rows: Sequence[DrawProperty], accounts: Chart
) -> list[tuple[str, str, list[NewLine]]]:
    repaying = [row for row in rows if row.repays]
    if not repaying:
        return []
    company: CompanySide = company_side(run.entity_id, accounts, accounts.due_from_owners)
    return [
        (
            _repaid_key(row, advance_id),
            f"{row.draw.owner} pays back what the company advanced",
            postings.repaid(accounts, row.draw.book_id, _claim(row), usd(amount), company),
        )
        for row in repaying
        for advance_id, amount in row.repays.items()
    ]


def _pay(run: Run, rows: Sequence[DrawProperty], accounts: Chart, actor: User) -> list[OwnerDraw]:
    """Pay each draw; returns those that are paid, with their payments."""
    paying = [parts for parts in _by_draw(rows).values() if parts[0].draw.amount]
    made = pay_many([_order(run, parts, accounts) for parts in paying], posted_by_id=actor.pk)
    paid = []
    for parts, payment in zip(paying, made, strict=True):
        draw = parts[0].draw
        draw.payment, draw.state = payment, OwnerDraw.State.SENT
        paid.append(draw)
    OwnerDraw.objects.bulk_update(paid, ["payment", "state"])
    return paid


def _order(run: Run, parts: Sequence[DrawProperty], accounts: Chart) -> Ordered:
    draw = parts[0].draw
    owner = draw.owner
    by_ach = draw.method == PayoutMethod.ACH
    new = NewPayment(
        entity_id=run.entity_id,
        book_id=draw.book_id,
        key=draw_key(draw),
        method=draw.method,
        purpose=Payment.Purpose.OWNER_DRAW,
        payee=owner.name,
        payee_address=owner.address,
        payee_code=owner.code,
        amount=draw.amount,
        dated_on=run.pays_on,
        routing_number=owner.payout_routing_number if by_ach else "",
        account_number=owner.payout_account_number if by_ach else "",
        memo=draw.memo or f"Owner draw to {run.cut_off_on:%b %-d, %Y}",
    )
    amounts = {_claim(row): row.amount for row in parts if row.amount}
    claims = {claim.beneficiary_id: amount for claim, amount in amounts.items()}
    return new, claims, postings.drawn(accounts, amounts)


def _count_own_lines(run: Run, rows: Sequence[DrawProperty], paid: Sequence[OwnerDraw]) -> None:
    """Count the lines of a run's own entries in its draws, so that the next run does not."""
    places = {(row.draw.book_id, row.beneficiary_id): row for row in rows}
    sections: dict[str, Section] = {}
    for row in rows:
        sections[_netting_key(row.draw)] = Section.TRANSFER
        sections[_tax_key(row)] = Section.WITHHELD
        sections |= {_repaid_key(row, advance): Section.RECOVERY for advance in row.repays}
    entries = {
        id_: (key, sections[key])
        for id_, key in Entry.objects.filter(
            entity=run.entity_id, key__in=list(sections)
        ).values_list("pk", "key")
    }
    ids = {key: id_ for id_, (key, _) in entries.items()}
    entries |= {
        draw.payment.entry_id: ("", Section.DRAW) for draw in paid if draw.payment is not None
    }
    lines = Line.objects.filter(entry__in=entries, beneficiary__isnull=False).values_list(
        "id", "entry_id", "book_id", "beneficiary_id", "amount", "dated_on"
    )
    save_lines(
        [
            (
                places[book_id, who].pk, DrawLine.Part.SENT.value, entries[entry_id][1].value,
                line_id, entry_id, -amount, dated_on, None, None,
            )
            for line_id, entry_id, book_id, who, amount, dated_on in lines
            if (book_id, who) in places
        ]
    )  # fmt: skip
    _link_tax(rows, ids)
    _save_repayments(run, rows, ids)


def _save_repayments(run: Run, rows: Sequence[DrawProperty], ids: dict[str, int]) -> None:
    """What went to the company, by advance, and as a step of its recovery."""
    made = [
        Repayment(
            advance_id=int(advance),
            draw_property=row,
            amount=usd(amount),
            entry_id=ids[_repaid_key(row, advance)],
        )
        for row in rows
        for advance, amount in row.repays.items()
    ]
    if not made:
        return
    Repayment.objects.bulk_create(made)
    recoveries = dict(
        Advance.objects.filter(pk__in={each.advance_id for each in made}).values_list(
            "pk", "recovery_id"
        )
    )
    RecoveryStep.objects.bulk_create(
        RecoveryStep(
            recovery_id=recoveries[each.advance_id],
            kind=RecoveryStep.Kind.REPAYMENT,
            state=RecoveryStep.State.DONE,
            amount=each.amount,
            entry_id=each.entry_id,
            done_on=run.pays_on,
        )
        for each in made
    )


def _link_tax(rows: Sequence[DrawProperty], ids: dict[str, int]) -> None:
    taxes = list(
        Withholding.objects.filter(
            draw_property__in=[row.pk for row in rows if row.withheld], amount__gt=0
        )
    )
    of = {row.pk: row for row in rows}
    for tax in taxes:
        tax.entry_id = ids[_tax_key(of[tax.draw_property_id])]
    Withholding.objects.bulk_update(taxes, ["entry"])


def _write_files(run: Run, paid: Sequence[OwnerDraw]) -> None:
    """One ACH file a trust account (one more for firms), which waits to be handed to the bank."""
    by_book: dict[int, list[Payment]] = defaultdict(list)
    for draw in paid:
        if draw.method == PayoutMethod.ACH and draw.payment is not None:
            by_book[draw.book_id].append(draw.payment)
    if not by_book:
        return
    ways = {
        row.book_id: row
        for row in Connection.objects.filter(
            entity=run.entity_id, slug=ACH_SLUG, book__in=by_book
        ).order_by("-id")
    }
    for book_id, waiting in sorted(by_book.items()):
        if book_id not in ways:
            # Without a connection of its own the file is written on the page of payments.
            continue
        write_ach_files(
            book=waiting[0].book,
            payments=waiting,
            connection=ways[book_id],
            effective_on=max(
                next_banking_day(run.pays_on), add_banking_days(timezone.localdate(), 1)
            ),
            key=f"run:{run.pk}:{book_id}",
        )
