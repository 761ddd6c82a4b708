"""Bills: entered, questioned, rejected, approved (which posts them), cancelled."""

import re
from collections.abc import Collection, Sequence
from datetime import date

from django.db import transaction
from django.utils import timezone

from desk.models import User
from desk.services import record
from leases.models import Property
from ledger.charts import chart
from ledger.models import Entry
from ledger.queries import dated_for
from ledger.services import post_fact, reverse
from payables import postings
from payables.errors import (
    LooksPaidTwice,
    OtherCompany,
    OwnBill,
    PayablesError,
    ToldOtherwise,
    WrongSplit,
    WrongState,
)
from payables.models import (
    Bill,
    BillLine,
    BillStep,
    Document,
    LinePayment,
    Release,
    Vendor,
    WorkOrder,
)
from payables.queries import like_bills
from payables.services.work_orders import follow_bills
from payables.types import NewBill, NewBillLine
from proptrust.lib.money import ZERO, plain, total

TWICE = "bill_entered_twice"
_NOT_IN_NUMBERS = re.compile(r"[^0-9A-Z]+")
_WHAT = BillStep.What


def clean_number(number: str) -> str:
    """A bill's number as it is compared: capitals and digits, without leading zeros."""
    return _NOT_IN_NUMBERS.sub("", number.upper()).lstrip("0") or "0"


@transaction.atomic
def enter_bill(new: NewBill, *, actor_id: int | None = None) -> Bill:
    """Enter a bill or a vendor's credit as a draft; the same key with the same facts is the same.

    Raises ToldOtherwise for the same key with other facts, WrongSplit if the lines do not come to
    the amount, OtherCompany for a vendor, property, work order or file of another company.
    """
    _check(new)
    facts = _facts(new)
    bill, is_new = Bill.objects.get_or_create(
        entity_id=new.entity_id, key=new.key, defaults={**facts, "made_by_id": actor_id}
    )
    if not is_new:
        _same(bill, facts, new.lines)
        return bill
    _write_lines(bill, new.lines)
    _step(bill, _WHAT.ENTERED, actor_id=actor_id)
    return bill


@transaction.atomic
def change_bill(bill: Bill, new: NewBill, *, actor_id: int | None = None) -> Bill:
    """Correct a bill that is not approved; it waits for approval again.

    Raises WrongState once an owner was asked about it: what they were shown stays as it was.
    """
    held = _open_to_change(bill)
    if held.owner_approvals.exists():
        raise WrongState("The owner was asked about this bill; cancel it and enter it again.")
    _check(new)
    for name, fact in _facts(new).items():
        setattr(held, name, fact)
    held.state = Bill.State.DRAFT
    held.lines.all().delete()
    held.save()
    _write_lines(held, new.lines)
    _step(held, _WHAT.CHANGED, actor_id=actor_id)
    return held


def _facts(new: NewBill) -> dict[str, object]:
    return {
        "vendor_id": new.vendor_id,
        "work_order_id": new.work_order_id,
        "document_id": new.document_id,
        "number": new.number.strip(),
        "number_clean": clean_number(new.number),
        "is_credit": new.is_credit,
        "amount": new.amount,
        "dated_on": new.dated_on,
        "due_on": new.due_on or new.dated_on,
        "memo": new.memo.strip(),
    }


def _check(new: NewBill) -> None:
    if not new.number.strip():
        raise PayablesError("A bill needs the vendor's number; write the day if it has none.")
    if new.amount <= ZERO:
        raise PayablesError("A bill is above zero; what a vendor gives back is a credit.")
    if not new.lines:
        raise WrongSplit("A bill needs a line: which property pays it?")
    if any(line.amount <= ZERO for line in new.lines):
        raise WrongSplit("Each line is above zero.")
    if (came := total(line.amount for line in new.lines)) != new.amount:
        raise WrongSplit(
            f"The lines come to {plain(came)}, the bill is {plain(new.amount)}:"
            f" {plain(abs(came - new.amount))} too {'much' if came > new.amount else 'little'}."
        )
    if unknown := {line.category for line in new.lines} - set(BillLine.Category.values):
        raise WrongSplit(f"{', '.join(sorted(unknown))} is no category of expense.")
    _one_company(new)


def _one_company(new: NewBill) -> None:
    entity_id = new.entity_id
    wanted = {line.property_id for line in new.lines}
    ours = set(
        Property.objects.filter(pk__in=wanted, entity=entity_id).values_list("pk", flat=True)
    )
    if wanted != ours:
        raise OtherCompany("A line is for a property that this company does not manage.")
    if not Vendor.objects.filter(pk=new.vendor_id, entity=entity_id).exists():
        raise OtherCompany("The vendor is not one of this company.")
    work_order, document = new.work_order_id, new.document_id
    if work_order and not WorkOrder.objects.filter(pk=work_order, entity=entity_id).exists():
        raise OtherCompany("The work order is not one of this company.")
    if document and not Document.objects.filter(pk=document, entity=entity_id).exists():
        raise OtherCompany("The file was uploaded for another company.")


def _same(bill: Bill, facts: dict[str, object], lines: Sequence[NewBillLine]) -> None:
    differ = [name for name, fact in facts.items() if getattr(bill, name) != fact]
    standing = bill.lines.order_by("position").values_list("property_id", "amount", "category")
    told = [(line.property_id, line.amount.amount, line.category) for line in lines]
    if list(standing) != told:
        differ.append("lines")
    if differ:
        names = ", ".join(name.removesuffix("_id").replace("_", " ") for name in differ)
        raise ToldOtherwise(f"{bill} was entered with this key and has another {names}.")


def _write_lines(bill: Bill, lines: Sequence[NewBillLine]) -> None:
    BillLine.objects.bulk_create(
        BillLine(
            bill=bill,
            position=position,
            property_id=line.property_id,
            unit_id=line.unit_id,
            category=line.category,
            amount=line.amount,
            memo=line.memo,
        )
        for position, line in enumerate(lines, 1)
    )


@transaction.atomic
def approve_bill(bill: Bill, *, actor_id: int, on: date | None = None) -> Bill:
    """Approve a bill, as another person than who entered it: it is posted and can be paid.

    Dr expense, Cr payable in each property's book, on the bill's day, or on the day of the approval
    (on: today) if the bill is dated ahead. An open credit of the vendor for the same property pays
    it first; a credit that is approved pays open bills the same way.
    Approving twice changes nothing. Raises OwnBill, WrongState, WrongSplit, and LooksPaidTwice
    until somebody said that it is no other bill's double.
    """
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if held.entry_id is not None and held.state != Bill.State.CANCELLED:
        return held
    if held.state not in Bill.OPEN_TO_CHANGE:
        raise WrongState(f"{held} is {held.get_state_display().lower()}.")
    if held.made_by_id == actor_id:
        raise OwnBill("You entered this bill; another person approves it.")
    lines = list(held.lines.select_related("property").order_by("position"))
    if (came := total(line.amount for line in lines)) != held.amount:
        raise WrongSplit(f"The lines come to {plain(came)}, the bill is {plain(held.amount)}.")
    if (like := like_bills(held)) and not _is_released(held, TWICE):
        raise LooksPaidTwice(
            f"{held} has {like[0].why}. Say first that both are owed, or cancel it."
        )
    held.entry = _post(held, lines, min(held.dated_on, on or timezone.localdate()), actor_id)
    held.state = Bill.State.APPROVED
    held.approved_by_id, held.approved_at = actor_id, timezone.now()
    held.save(update_fields=["entry", "state", "approved_by", "approved_at"])
    _step(held, _WHAT.APPROVED, actor_id=actor_id)
    _apply_credits(held, actor_id)
    if held.work_order_id:
        follow_bills([held.work_order_id], actor_id=actor_id)
    held.refresh_from_db()
    return held


def _post(bill: Bill, lines: Sequence[BillLine], day: date, actor_id: int) -> Entry:
    accounts = postings.expense_accounts(bill.entity_id, [line.category for line in lines])
    return post_fact(
        entity_id=bill.entity_id,
        key=f"bill:{bill.pk}:approved",
        kind=Entry.Kind.ADJUSTMENT,
        day=day,
        memo=f"{bill}{': ' if bill.memo else ''}{bill.memo}",
        lines=postings.approved(bill, lines, accounts, chart(bill.entity_id)),
        posted_by_id=actor_id,
    )


def _apply_credits(bill: Bill, actor_id: int | None) -> None:
    """Let a vendor's open credits pay its open lines, property by property, the oldest first."""
    places = bill.lines.values("property")
    rows = (
        BillLine.objects.select_for_update(of=("self",))
        .filter(bill__vendor=bill.vendor_id, property__in=places, bill__state__in=Bill.PAYABLE)
        .select_related("bill")
        .order_by("pk")  # The order in which every service locks lines.
    )
    held = sorted(rows, key=lambda line: (line.bill.dated_on, line.bill_id, line.position))
    open_ = {line.pk: line.amount - line.paid for line in held}
    used = []
    for credit in (line for line in held if line.bill.is_credit):
        for line in (line for line in held if not line.bill.is_credit):
            amount = min(open_[credit.pk], open_[line.pk])
            if line.property_id == credit.property_id and amount > ZERO:
                used.append(LinePayment(line=line, credit=credit, amount=amount))
                open_[credit.pk] -= amount
                open_[line.pk] -= amount
    if not used:
        return
    LinePayment.objects.bulk_create(used)
    touched = {use.line.bill_id for use in used} | {
        use.credit.bill_id for use in used if use.credit
    }
    refresh_states(touched)
    BillStep.objects.bulk_create(
        BillStep(
            bill_id=use.line.bill_id,
            what=_WHAT.CREDITED,
            text=f"{plain(use.amount)} by credit {use.credit.bill.number}" if use.credit else "",
            made_by_id=actor_id,
        )
        for use in used
    )


def refresh_states(bill_ids: Collection[int]) -> None:
    """Say of approved bills whether they are paid, by what their lines say; a few statements."""
    rows = (
        BillLine.objects.filter(bill__in=bill_ids)
        .exclude(bill__state__in=[*Bill.OPEN_TO_CHANGE, Bill.State.CANCELLED])
        .values_list("bill_id", "amount", "paid")
    )
    states: dict[str, list[int]] = {}
    lines_of: dict[int, list[tuple[bool, bool]]] = {}
    for bill_id, amount, paid in rows:
        lines_of.setdefault(bill_id, []).append((paid >= amount, paid > 0))
    for bill_id, lines in lines_of.items():
        if all(is_paid for is_paid, _ in lines):
            state = Bill.State.PAID
        elif any(has_some for _, has_some in lines):
            state = Bill.State.PART_PAID
        else:
            state = Bill.State.APPROVED
        states.setdefault(state, []).append(bill_id)
    for reached, ids in states.items():
        Bill.objects.filter(pk__in=ids).exclude(state=reached).update(state=reached)


@transaction.atomic
def reject_bill(bill: Bill, *, reason: str, actor_id: int) -> Bill:
    """Send a bill back to who entered it, with the reason."""
    return _decided(bill, Bill.State.REJECTED, _WHAT.REJECTED, reason, actor_id)


@transaction.atomic
def question_bill(bill: Bill, *, question: str, actor_id: int) -> Bill:
    """Ask who entered a bill; it leaves the inbox until it is answered."""
    return _decided(bill, Bill.State.QUESTIONED, _WHAT.ASKED, question, actor_id)


@transaction.atomic
def answer_bill(bill: Bill, *, answer: str, actor_id: int) -> Bill:
    """Answer a question about a bill, or give a rejected one back: it waits for approval again."""
    held = _open_to_change(bill)
    if held.state == Bill.State.DRAFT:
        raise WrongState(f"Nothing was asked about {held}.")
    return _decided(held, Bill.State.DRAFT, _WHAT.ANSWERED, answer, actor_id)


def _decided(bill: Bill, state: str, what: str, text: str, actor_id: int) -> Bill:
    held = _open_to_change(bill)
    if not text.strip():
        raise PayablesError("Say it in a few words.")
    held.state = state
    held.save(update_fields=["state"])
    _step(held, what, actor_id=actor_id, text=text.strip())
    return held


@transaction.atomic
def cancel_bill(
    bill: Bill, *, reason: str, actor_id: int | None = None, on: date | None = None
) -> Bill:
    """Take a bill off that is not owed; an approved one is reversed, credits it used come free.

    Raises WrongState once money was paid for it: that must come back first.
    """
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if held.state == Bill.State.CANCELLED:
        return held
    if not reason.strip():
        raise PayablesError("Say why the bill is cancelled.")
    day = on or timezone.localdate()
    _take_credits_off(held, day)
    if held.lines.filter(paid__gt=0).exists():
        raise WrongState(f"{held} is paid, or used, in part; that must come back first.")
    if held.entry_id is not None:
        books = set(held.lines.values_list("property__book", flat=True))
        dated_on, adjusts = dated_for(books, day)
        reverse(
            entry_id=held.entry_id,
            key=f"bill:{held.pk}:cancelled",
            dated_on=dated_on,
            memo=f"Cancelled: {held}"[:300],
            posted_by_id=actor_id,
            adjusts_id=adjusts.pk if adjusts else None,
        )
    held.state = Bill.State.CANCELLED
    held.save(update_fields=["state"])
    _step(held, _WHAT.CANCELLED, actor_id=actor_id, text=reason.strip())
    if held.work_order_id:
        follow_bills([held.work_order_id], actor_id=actor_id)
    return held


def _take_credits_off(bill: Bill, day: date) -> None:
    """Free the credits that pay a bill; of a credit, the bills that it pays."""
    live = LinePayment.objects.filter(credit__isnull=False, undone_on__isnull=True)
    of_it = live.filter(credit__bill=bill) if bill.is_credit else live.filter(line__bill=bill)
    touched = {each for pair in of_it.values_list("line__bill", "credit__bill") for each in pair}
    if touched:
        of_it.update(undone_on=day)
        refresh_states(touched)


@transaction.atomic
def release(bill: Bill, *, kind: str, reason: str, actor_id: int) -> Release:
    """Say that what a check found about a bill is right; its maker never does.

    kind: the finding's kind. Raises OwnBill.
    """
    if not reason.strip():
        raise PayablesError("Say why it is right.")
    if bill.made_by_id == actor_id:
        raise OwnBill("You entered this bill; another person says that it is right.")
    row, is_new = Release.objects.get_or_create(
        kind=kind, bill=bill, defaults={"reason": reason.strip()[:300], "made_by_id": actor_id}
    )
    if is_new:
        _step(bill, _WHAT.RELEASED, actor_id=actor_id, text=reason.strip())
    return row


@transaction.atomic
def declare_emergency(bill: Bill, *, reason: str, actor_id: int) -> Bill:
    """Let a bill be paid before its owner is asked, as another person than who entered it.

    For what cannot wait: water, fire, no heat. The owner is told by the findings' list and the
    statement. Raises OwnBill.
    """
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if not reason.strip():
        raise PayablesError("Say why the owner could not be asked first.")
    if held.made_by_id == actor_id:
        raise OwnBill("You entered this bill; another person declares an emergency.")
    if held.emergency_reason:
        return held
    if held.state == Bill.State.CANCELLED:
        raise WrongState(f"{held} is cancelled.")
    held.emergency_reason, held.emergency_by_id = reason.strip()[:300], actor_id
    held.save(update_fields=["emergency_reason", "emergency_by"])
    _step(held, _WHAT.EMERGENCY, actor_id=actor_id, text=reason.strip())
    record(
        "declare emergency",
        text=f"{held}: paid before the owner is asked. {reason.strip()}",
        subject=held,
        actor=User.objects.filter(pk=actor_id).first(),
    )
    return held


def link_work_order(bill: Bill, work_order: WorkOrder, *, actor_id: int | None = None) -> Bill:
    """Say which work order a bill is for; both are of one company."""
    with transaction.atomic():
        held = Bill.objects.select_for_update().get(pk=bill.pk)
        if work_order.entity_id != held.entity_id:
            raise OtherCompany("The work order is not one of this company.")
        before = held.work_order_id
        held.work_order = work_order
        held.save(update_fields=["work_order"])
        _step(held, _WHAT.CHANGED, actor_id=actor_id, text=f"For {work_order}")
        follow_bills([pk for pk in (before, work_order.pk) if pk], actor_id=actor_id)
    return held


def _is_released(bill: Bill, kind: str) -> bool:
    return Release.objects.filter(bill=bill, kind=kind).exists()


def _open_to_change(bill: Bill) -> Bill:
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if held.state not in Bill.OPEN_TO_CHANGE:
        raise WrongState(f"{held} is {held.get_state_display().lower()} already.")
    return held


def _step(bill: Bill, what: str, *, actor_id: int | None, text: str = "") -> None:
    BillStep.objects.create(bill=bill, what=what, text=text[:500], made_by_id=actor_id)
