"""What a return code makes happen: steps for the office, authorisations, the fee, another try.

The codes are data (connectors/nacha/codes.py); nothing here knows a single one of them but R68, by
which our bank sends a late return back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from compliance import rules
from compliance.errors import RuleUnknown
from connectors.models import Delivery, Request
from connectors.nacha import codes, reading
from connectors.nacha import types as nacha
from connectors.nacha.codes import Action, Retry, ReturnCode
from connectors.nacha.writing import RETRY_PAYMENT, NewEntry
from connectors.services import originate
from connectors.vendors.ach_nacha import AchNacha
from leases.models import Lease
from leases.queries import agreement_on
from proptrust.lib.money import ZERO, plain
from receivables.errors import NoRetry, ReceivablesError
from receivables.models import (
    Charge,
    ChargeKind,
    Comeback,
    PaymentAuthorisation,
    PaymentRetry,
    Receipt,
    ReturnStep,
)
from receivables.services.charges import add_charge
from receivables.services.locks import locked_receipt

_Step = ReturnStep.Kind
_State = PaymentAuthorisation.State
# Our bank dishonours a late return with this code; its own window is the deadline for that.
UNTIMELY = "R68"
# The network allows two tries after the first entry. Source: connectors/nacha/codes.py, letter G.
MAX_TRIES = 2
# A check bounces for want of funds, or so its bank's words are read; ACH says it by its code.
_CHECKS = (Receipt.Channel.CHECK, Receipt.Channel.MONEY_ORDER)

# What each action of a code makes of the authorisation, and which step it leaves.
_OF_ACTION: dict[Action, tuple[str, str]] = {
    Action.ASK_NEW_ACCOUNT: (_Step.ACCOUNT, _State.ACCOUNT_WANTED),
    Action.STOP_DEBITS: (_Step.STOP, _State.SUSPENDED),
    Action.REVOKE_AUTHORISATION: (_Step.REVOKED, _State.REVOKED),
    Action.DISPUTE: (_Step.REVOKED, _State.REVOKED),
    Action.UNKNOWN_CODE: (_Step.PERSON, ""),
    Action.CONTACT_BANK: (_Step.PERSON, ""),
}
_OF_RETRY: dict[Retry, str] = {
    Retry.SAME_ENTRY: _Step.RETRY,
    Retry.AFTER_NEW_CONSENT: _Step.RETRY,
    Retry.CORRECTED_ENTRY: _Step.CORRECT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A step that a return asks for."""

    kind: str
    advice: str
    until_on: date | None = None
    authorisation_state: str = ""


def follow_return(comeback: Comeback, receipt: Receipt, lease: Lease | None) -> None:
    """Make of a return what its code asks for: steps, the authorisation's state, a fee.

    The caller holds lease and receipt, has posted the return just now, and is inside
    allocations_change.
    """
    code = _code_of(comeback, receipt)
    wanted = list(steps_of(code, comeback, receipt)) if code else []
    if (fee := _fee_step(comeback, receipt, lease, code)) is not None:
        wanted.append(fee)
    authorisation = _authorisation_of(receipt, lease)
    for each in wanted:
        changed = authorisation if each.authorisation_state else None
        ReturnStep.objects.create(
            comeback=comeback,
            kind=each.kind,
            advice=each.advice[:500],
            until_on=each.until_on,
            authorisation=changed,
        )
        if changed is not None:
            _set_state(
                changed,
                each.authorisation_state,
                on=comeback.on,
                reason=f"Return {comeback.code} of {comeback.on:%b %-d, %Y}",
            )


def steps_of(code: ReturnCode, comeback: Comeback, receipt: Receipt) -> Iterator[Wanted]:
    """What a code asks the office for; whole returns of ACH alone can be tried again."""
    if (late := untimely(code, comeback, receipt)) is not None:
        yield late
    if kind := _OF_RETRY.get(code.retry):
        days = code.retry_within_days
        start = comeback.on if code.retry is Retry.CORRECTED_ENTRY else _settled_on(receipt)
        until = start + timedelta(days=days) if days and start else None
        if kind != _Step.RETRY or tries_left(receipt) > 0:
            yield Wanted(kind=kind, advice=code.advice, until_on=until)
    if code.action in _OF_ACTION:
        kind, state = _OF_ACTION[code.action]
        yield Wanted(kind=kind, advice=code.advice, authorisation_state=state)


def untimely(code: ReturnCode, comeback: Comeback, receipt: Receipt) -> Wanted | None:
    """The step for a return that came after the code's window; None if it is in time or not known.

    until_on: five banking days after the return's settlement, when our bank must dishonour it.
    """
    settled_on = _settled_on(receipt)
    latest = code.latest_on(settled_on) if settled_on else None
    if latest is None or comeback.on <= latest:
        return None
    return Wanted(
        kind=_Step.UNTIMELY,
        advice=f"{code.code} for a payment settled on {settled_on:%b %-d, %Y} was in time until"
        f" {latest:%b %-d, %Y}; it came on {comeback.on:%b %-d, %Y}. The bank can dishonour it"
        f" with {UNTIMELY}.",
        until_on=codes.return_code(UNTIMELY).latest_on(comeback.on),
    )


# -- The fee


def nsf_fee(lease: Lease, comeback: Comeback) -> tuple[Money, str]:
    """The fee for a returned payment: the agreement's, within the law; and why it is less.

    Raises RuleUnknown where the state's limit is not on file.
    """
    asked = _agreed_fee(lease, comeback.on)
    if not asked:
        return ZERO, ""
    is_first = not Charge.objects.filter(lease=lease, kind=ChargeKind.NSF_FEE).exists()
    law = rules.nsf_fee(lease.unit.property.state, on=comeback.on)
    fee = law.capped(asked, face=comeback.amount, is_first=is_first)
    return fee, f"{plain(asked)} agreed; {law.source.citation}" if fee < asked else ""


def _agreed_fee(lease: Lease, on: date) -> Money:
    agreement = agreement_on(lease.unit.property_id, on)
    return agreement.nsf_fee if agreement else ZERO


def charge_nsf_fee(lease: Lease, comeback: Comeback, amount: Money, why: str = "") -> Charge:
    """Charge a fee for a return, once."""
    memo = f"Returned payment of {comeback.on:%b %-d, %Y}"
    return add_charge(
        lease=lease,
        kind=ChargeKind.NSF_FEE,
        amount=amount,
        due_on=comeback.on,
        key=f"nsf:{comeback.pk}",
        memo=f"{memo} ({why})"[:200] if why else memo,
    )


def _fee_step(
    comeback: Comeback, receipt: Receipt, lease: Lease | None, code: ReturnCode | None
) -> Wanted | None:
    """Charge the fee of a payment that came back for want of funds; a step if nobody knows the law.

    A check's bank says in words alone why it came back.
    """
    bounced = code.allows_return_fee if code else receipt.channel in _CHECKS
    if lease is None or not bounced:
        return None
    try:
        fee, why = nsf_fee(lease, comeback)
    except RuleUnknown as unknown:
        asked = _agreed_fee(lease, comeback.on)
        return Wanted(
            kind=_Step.FEE,
            advice=f"The agreement asks for {plain(asked)}, and no fee was charged: {unknown}",
        )
    if fee > ZERO:
        charge_nsf_fee(lease, comeback, fee, why)
    return None


# -- Steps that a person does


@transaction.atomic
def finish_step(
    step: ReturnStep,
    *,
    state: str,
    actor_id: int | None,
    note: str = "",
    on: date | None = None,
) -> ReturnStep:
    """Note that a step was done, declined, or that the bank was asked to dishonour the return.

    state: of ReturnStep.State. Twice the same is once. Raises ReceivablesError for another answer
    than was given, and for a dishonour after its last day or of a return that came in time.
    """
    held = ReturnStep.objects.select_for_update(of=("self",)).get(pk=step.pk)
    today = on or timezone.localdate()
    if held.state == state:
        return held
    if held.state != ReturnStep.State.OPEN:
        raise ReceivablesError(f"{held} is {held.get_state_display().lower()} already")
    if state == ReturnStep.State.DISHONOURED:
        if held.kind != _Step.UNTIMELY:
            raise ReceivablesError("only a return that came too late can be dishonoured for it")
        if held.until_on is not None and today > held.until_on:
            raise ReceivablesError(
                f"the bank had to dishonour this return by {held.until_on:%b %-d, %Y}"
            )
    held.state, held.done_by_id, held.done_on, held.note = state, actor_id, today, note[:300]
    held.save(update_fields=["state", "done_by", "done_on", "note"])
    return held


@transaction.atomic
def reopen_step(step: ReturnStep) -> ReturnStep:
    """Take an answer to a step back. Raises ReceivablesError once the payment was sent again."""
    held = ReturnStep.objects.select_for_update(of=("self",)).get(pk=step.pk)
    if held.kind == _Step.RETRY and PaymentRetry.objects.filter(comeback=held.comeback_id).exists():
        raise ReceivablesError("the payment was sent to the bank again; that cannot be taken back")
    held.state, held.done_by, held.done_on, held.note = ReturnStep.State.OPEN, None, None, ""
    held.save(update_fields=["state", "done_by", "done_on", "note"])
    return held


# -- Authorisations


@transaction.atomic
def authorise(
    lease: Lease,
    *,
    channel: str,
    method_reference: str = "",
    last4: str = "",
    tenant_id: int | None = None,
    hold_days: int = 0,
    on: date | None = None,
) -> PaymentAuthorisation:
    """Record that a tenant allows us to collect by a method; one that had ended stands again."""
    row, is_new = PaymentAuthorisation.objects.get_or_create(
        lease=lease,
        channel=channel,
        method_reference=method_reference,
        last4=last4,
        defaults={"tenant_id": tenant_id, "hold_days": hold_days},
    )
    if not is_new and row.state != _State.ACTIVE:
        _set_state(row, _State.ACTIVE, on=on or timezone.localdate(), reason="Authorised again")
    return row


@transaction.atomic
def end_authorisation(
    authorisation: PaymentAuthorisation, *, state: str, reason: str, on: date | None = None
) -> PaymentAuthorisation:
    """Suspend or revoke an authorisation, or note that another account is wanted."""
    row = PaymentAuthorisation.objects.select_for_update(of=("self",)).get(pk=authorisation.pk)
    _set_state(row, _State(state), on=on or timezone.localdate(), reason=reason)
    return row


def _set_state(row: PaymentAuthorisation, state: str, *, on: date, reason: str) -> None:
    row.state, row.state_on, row.state_reason = state, on, reason[:300]
    row.save(update_fields=["state", "state_on", "state_reason"])


def _authorisation_of(receipt: Receipt, lease: Lease | None) -> PaymentAuthorisation | None:
    """The authorisation by which a payment was collected: its own, or the lease's only one."""
    if lease is None:
        return None
    rows = list(
        PaymentAuthorisation.objects.select_for_update(of=("self",))
        .filter(lease=lease, channel=receipt.channel)
        .order_by("pk")
    )
    named = [row for row in rows if row.method_reference == receipt.payer_reference != ""]
    found = named or rows
    return found[0] if len(found) == 1 else None


# -- Another try


@transaction.atomic
def retry_return(
    comeback: Comeback,
    *,
    on: date,
    actor_id: int | None = None,
    has_new_consent: bool = False,
) -> PaymentRetry:
    """Ask once more for a payment that came back: the same entry, described RETRY PYMT.

    on: the day it shall settle. The entry is taken from the file that we sent, so that amount, name
    and account are the same; nothing of the account is kept elsewhere. Its file waits to be handed
    to the bank. A return that is being tried again already gives that try.
    Raises NoRetry, which says why it may not be sent, and what connectors.originate raises.
    """
    receipt, lease = locked_receipt(comeback.receipt_id)
    if (known := PaymentRetry.objects.filter(comeback=comeback).first()) is not None:
        return known
    step = (
        ReturnStep.objects.select_for_update(of=("self",))
        .filter(comeback=comeback, kind=_Step.RETRY)
        .first()
    )
    sent = _may_retry(comeback, receipt, lease, step, on, has_new_consent=has_new_consent)
    first = first_of(receipt)
    number = MAX_TRIES - tries_left(receipt) + 1
    assert receipt.connection is not None
    assert lease is not None
    assert step is not None
    payment = f"RY{comeback.pk}-{number}"
    request = originate(
        connection=receipt.connection,
        key=f"retry:{comeback.pk}",
        sec=sent.batch.sec,
        effective_on=on,
        entries=[replace(sent.entry(), id_number=payment)],
        entry_description=RETRY_PAYMENT,
        lease_codes={payment: lease.code},
    )
    finish_step(
        step, state=ReturnStep.State.DONE, actor_id=actor_id, note=f"Sent again to settle on {on}"
    )
    return PaymentRetry.objects.create(
        first=first,
        comeback=comeback,
        number=number,
        payment=payment,
        request=request,
        made_by_id=actor_id,
    )


def first_of(receipt: Receipt) -> Receipt:
    """The receipt that was sent first, of one that is another try; else itself."""
    rows = PaymentRetry.objects.filter(
        payment=receipt.payment, request__connection=receipt.connection_id
    ).select_related("first")
    found = rows.first() if receipt.payment else None
    return found.first if found else receipt


def tries_left(receipt: Receipt) -> int:
    """How often the money of a receipt may be asked for again."""
    return MAX_TRIES - PaymentRetry.objects.filter(first=first_of(receipt)).count()


@dataclass(frozen=True, slots=True)
class Sent:
    """An entry that we sent, in the batch that it was in."""

    batch: nacha.Batch
    row: nacha.AchEntry

    def entry(self) -> NewEntry:
        """The same entry, to be sent once more."""
        return NewEntry(
            is_debit=True,
            routing_number=self.row.routing_number,
            account=self.row.account,
            account_type=self.row.account_type,
            amount=self.row.amount,
            name=self.row.name,
            payment_type=self.row.discretionary if self.batch.sec == "WEB" else "",
        )


def _may_retry(
    comeback: Comeback,
    receipt: Receipt,
    lease: Lease | None,
    step: ReturnStep | None,
    on: date,
    *,
    has_new_consent: bool,
) -> Sent:
    """The entry to send again, or NoRetry with the reason."""
    code = _code_of(comeback, receipt)
    if code is None or code.retry not in (Retry.SAME_ENTRY, Retry.AFTER_NEW_CONSENT):
        raise NoRetry(
            f"a payment that came back with {comeback.code or 'no code'} is not sent again"
        )
    if code.retry is Retry.AFTER_NEW_CONSENT and not has_new_consent:
        raise NoRetry(f"{code.code}: the tenant must agree again before it is sent again")
    if tries_left(receipt) <= 0:
        raise NoRetry(f"it was tried {MAX_TRIES} times already, which is all the network allows")
    if step is None or step.state != ReturnStep.State.OPEN:
        raise NoRetry("somebody has decided already that it is not sent again")
    last_on = _last_retry_on(code, first_of(receipt))
    if last_on is not None and on > last_on:
        raise NoRetry(
            f"it may be sent again until {last_on:%b %-d, %Y}, {code.retry_within_days} days after"
            " it settled first"
        )
    if lease is None:
        raise NoRetry("nobody knows whose payment it was")
    if comeback.amount != receipt.gross:
        raise NoRetry(f"only {plain(comeback.amount)} of {plain(receipt.gross)} came back")
    authorisation = _authorisation_of(receipt, lease)
    if authorisation is not None and authorisation.state in (_State.REVOKED, _State.SUSPENDED):
        raise NoRetry(
            f"{authorisation} is {authorisation.get_state_display().lower()}:"
            f" {authorisation.state_reason}"
        )
    return _sent(receipt)


def _last_retry_on(code: ReturnCode, first: Receipt) -> date | None:
    settled_on = _settled_on(first)
    days = code.retry_within_days
    return settled_on + timedelta(days=days) if settled_on and days else None


def _sent(receipt: Receipt) -> Sent:
    """The entry of a payment in the file that we gave to the bank."""
    delivery = _file_of(receipt)
    if delivery is None:
        raise NoRetry("it was not collected by a file of ours; ask the platform that collected it")
    for batch, row in reading.read(bytes(delivery.body)).entries:
        if row.is_debit and row.id_number == receipt.payment:
            return Sent(batch, row)
    raise NoRetry(f"the file {delivery.name} does not hold the payment {receipt.payment}")


def _file_of(receipt: Receipt) -> Delivery | None:
    if receipt.connection is None or receipt.connection.slug != AchNacha.slug:
        return None
    rows = Delivery.objects.filter(
        connection=receipt.connection_id,
        events__subject=receipt.payment,
        request__kind="ach_file",
        request__state=Request.State.SENT,
    )
    return rows.order_by("id").first()


def _code_of(comeback: Comeback, receipt: Receipt) -> ReturnCode | None:
    """The network's record of a return's code; None where it is no ACH or the word is not its."""
    if receipt.channel != Receipt.Channel.ACH or not comeback.code.startswith("R"):
        return None
    return codes.return_code(comeback.code)


def _settled_on(receipt: Receipt) -> date | None:
    """The settlement of an entry of ours; a processor's entry settles on a day that it keeps."""
    return receipt.settles_on if receipt.into == Receipt.Into.BANK else None
