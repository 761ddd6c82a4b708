"""A payment that does not stay paid: it comes back, is voided or stopped, and is paid again."""

from datetime import date

from django.db import transaction

from desk.models import User
from desk.services import record
from ledger.errors import AlreadyReversed
from ledger.models import Entry
from ledger.queries import dated_for
from ledger.services import post_fact, reverse
from payments import postings, queries
from payments.errors import NotPossible
from payments.models import Payment
from payments.services.paying import entry_key, pay
from payments.types import NewPayment, PaymentCameBack, PaymentReissued, PaymentVoided
from proptrust.lib.events import publish

_State = Payment.State


def hold(payment_id: int) -> Payment:
    """A payment, locked until the transaction ends."""
    return Payment.objects.select_for_update(of=("self",)).get(pk=payment_id)


@transaction.atomic
def come_back(
    payment: Payment, *, code: str, on: date, reason: str = "", batch: str = ""
) -> Payment:
    """Post that the bank brought a payment back: the mirror of its entry, in all books.

    code: R03 …, or the bank's word. batch: returns that reach the bank as one credit. The money
    lies again with those who paid. Told twice with the same code, the second time changes nothing.
    Raises NotPossible for a payment that was voided, stopped or set aside, or came back otherwise.
    """
    held = hold(payment.pk)
    if held.state == _State.RETURNED and (held.code, held.back_on) == (code, on):
        return held
    if held.back_entry_id is not None:
        raise NotPossible(
            f"{held} is {held.get_state_display().lower()} since {held.back_on:%b %-d, %Y}; its"
            f" money cannot come back with {code or 'a return'} as well. Ask the bank what stands."
        )
    entry = post_fact(
        entity_id=held.entity_id,
        key=f"{entry_key(held.key)}:back",
        kind=Entry.Kind.RETURN,
        day=on,
        memo=f"{held} came back {code}".strip(),
        lines=postings.mirrored(queries.lines_of(held.entry_id)),
    )
    held.state, held.back_entry = _State.RETURNED, entry
    held.back_on, held.code, held.reason = on, code, reason[:300]
    held.back_batch = batch
    held.save(update_fields=["state", "back_entry", "back_on", "code", "reason", "back_batch"])
    _write(held, "payment came back", f"{held} of {held.amount} came back {code}: {reason}", None)
    publish(PaymentCameBack(held.pk, held.entity_id, held.purpose, held.key, code, on))
    return held


@transaction.atomic
def void(payment: Payment, *, why: str, on: date, actor_id: int | None) -> Payment:
    """Take a payment back that never reached its payee: its entry is reversed.

    Raises NotPossible without a reason, for one that has cleared, and for one that stands in a
    file for the bank.
    """
    return _take_back(payment, _State.VOID, why=why, on=on, actor_id=actor_id)


@transaction.atomic
def stop(payment: Payment, *, why: str, on: date, actor_id: int | None) -> Payment:
    """Record that the bank was told to stop a check: its entry is reversed.

    Raises NotPossible for anything but a check that is still out.
    """
    if payment.method != Payment.Method.CHECK:
        raise NotPossible("Only a check can be stopped; ask the bank to reverse other payments.")
    return _take_back(payment, _State.STOPPED, why=why, on=on, actor_id=actor_id)


def _take_back(
    payment: Payment, state: str, *, why: str, on: date, actor_id: int | None
) -> Payment:
    held = hold(payment.pk)
    if held.state == state:
        return held
    if not why.strip():
        raise NotPossible("Say why.")
    if refusal := why_not_void(held):
        raise NotPossible(refusal)
    held.back_entry = _reversal(held, why, on, actor_id)
    held.state, held.back_on, held.reason = state, on, why.strip()[:300]
    held.is_answered = False
    held.save(update_fields=["state", "back_entry", "back_on", "reason", "is_answered"])
    verb = "stop" if state == _State.STOPPED else "void"
    _write(held, f"{verb} payment", f"{held} of {held.amount}: {why.strip()}", actor_id)
    publish(PaymentVoided(held.pk, held.entity_id, held.purpose, held.key, on, why=why.strip()))
    return held


def why_not_void(payment: Payment) -> str:
    """Why a payment cannot be voided now, or "" if it can."""
    if payment.state == _State.CLEARED:
        return (
            f"{payment} has cleared: the bank has paid it. Undo the match first if that is wrong."
        )
    if payment.state not in Payment.OUTSTANDING:
        return f"{payment} is {payment.get_state_display().lower()} already."
    if payment.request_id is not None:
        return (
            f"{payment} stands in a file for the bank; withdraw the file, or wait for its return."
        )
    if payment.method == Payment.Method.PLATFORM and payment.state == _State.SENT:
        return f"{payment} was sent; ask the platform to take it back."
    return ""


def _reversal(payment: Payment, why: str, on: date, actor_id: int | None) -> Entry:
    """The reversal of a payment's entry; one that a person posted in the journal is adopted."""
    books = {line.book_id for line in queries.lines_of(payment.entry_id)}
    # A check may be dated ahead: what never was is not undone before its day.
    dated_on, adjusts = dated_for(books, max(on, payment.dated_on))
    try:
        with transaction.atomic():
            return reverse(
                entry_id=payment.entry_id,
                key=f"{entry_key(payment.key)}:void",
                dated_on=dated_on,
                memo=f"{payment} void: {why.strip()}"[:300],
                posted_by_id=actor_id,
                adjusts_id=adjusts.pk if adjusts else None,
            )
    except AlreadyReversed:
        return Entry.objects.get(reverses=payment.entry_id)


@transaction.atomic
def reissue(
    payment: Payment,
    *,
    on: date,
    method: str,
    key: str,
    actor_id: int | None,
    why: str = "",
    payee_address: str | None = None,
    routing_number: str = "",
    account_number: str = "",
    is_savings: bool = False,
    number: str = "",
) -> Payment:
    """Pay a payee again instead of a payment that came back, was voided, or is lost.

    The same claims and the same lines of other books pay again; one that is still out is voided
    first (why says so on it). A payment is replaced once: the same key returns the replacement.
    Raises NotPossible, and what pay raises; Overdrawn if the money has been used since.
    """
    held = hold(payment.pk)
    standing = Payment.objects.filter(replaces=held).first()
    if standing is not None:
        if standing.key == key:
            return standing
        raise NotPossible(f"{held} was replaced already, by {standing}.")
    if held.state in Payment.OUTSTANDING:
        held = void(held, why=why or "Replaced by another payment", on=on, actor_id=actor_id)
    if held.state not in Payment.TAKEN_BACK:
        raise NotPossible(f"{held} is {held.get_state_display().lower()}; it is not paid again.")
    claims = queries.claims_of(held)
    others = [line for line in queries.lines_of(held.entry_id) if line.book_id != held.book_id]
    paid = pay(
        NewPayment(
            entity_id=held.entity_id,
            book_id=held.book_id,
            key=key,
            method=method,
            purpose=held.purpose,
            payee=held.payee,
            amount=held.amount,
            dated_on=on,
            payee_address=held.payee_address if payee_address is None else payee_address,
            payee_code=held.payee_code,
            routing_number=routing_number,
            account_number=account_number,
            is_savings=is_savings,
            is_firm=held.is_firm,
            number=number,
            memo=held.memo,
            replaces_id=held.pk,
        ),
        claims=claims,
        other_lines=others,
        posted_by_id=actor_id,
    )
    Payment.objects.filter(pk=held.pk).update(is_answered=True)
    _write(paid, "reissue payment", f"{paid} of {paid.amount} is instead of {held}", actor_id)
    publish(PaymentReissued(old_id=held.pk, new_id=paid.pk))
    return paid


@transaction.atomic
def answer(payment: Payment, *, note: str, actor_id: int | None) -> Payment:
    """Say that a payment which came back is dealt with otherwise, so that nobody asks again."""
    held = hold(payment.pk)
    if held.state != _State.RETURNED:
        raise NotPossible(f"{held} did not come back.")
    if not note.strip():
        raise NotPossible("Say what happens with the money.")
    held.is_answered = True
    held.save(update_fields=["is_answered"])
    _write(held, "answer returned payment", f"{held}: {note.strip()}", actor_id)
    return held


@transaction.atomic
def unanswer(payment_id: int) -> Payment:
    """Ask again what happens with a payment that came back."""
    held = hold(payment_id)
    held.is_answered = False
    held.save(update_fields=["is_answered"])
    return held


def _write(payment: Payment, verb: str, text: str, actor_id: int | None) -> None:
    record(
        verb,
        text=text,
        subject=payment,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
