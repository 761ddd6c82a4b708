"""Move-out: the deadline, the sheet of deductions, a second person's look, and the settlement."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone
from moneyed import Money

from compliance import rules
from compliance.errors import ComplianceError
from compliance.types import Starts, Unknown
from deposits import law, postings
from deposits.errors import (
    ClaimLost,
    DepositsError,
    NotHere,
    NotReviewed,
    OwnReview,
    SharesOff,
    SheetClosed,
    TooEarly,
)
from deposits.models import (
    Deduction,
    DeductionFile,
    Deposit,
    InterestCredit,
    MoveOut,
    Notice,
    RefundShare,
)
from deposits.services.accounts import deposit_of, held_deposit
from deposits.services.files import checked
from deposits.services.interest import credit_final_interest, final_interest_due
from deposits.types import NewDeduction, NewRefund, Settlement
from desk.models import User
from desk.services import record
from leases.models import Lease, Tenant
from ledger.charts import chart
from ledger.models import BankAccount, Entry
from ledger.services import post_fact
from ledger.types import NewLine
from payments.models import Payment
from payments.services import pay_many
from payments.types import NewPayment
from proptrust.lib.banking import is_routing_number
from proptrust.lib.money import ZERO, plain, split, usd
from receivables import services as receivables
from receivables.models import ChargeKind, Receipt
from receivables.queries import held_by_leases, held_now, open_charges, owed, unallocated
from receivables.types import NewReceipt

_Kind = Deduction.Kind
_State = MoveOut.State
OPEN = (_State.OPEN, _State.REVIEWED)


@transaction.atomic
def start_move_out(
    lease: Lease,
    *,
    moved_out_on: date,
    ended_on: date | None = None,
    forwarding_address: str = "",
    actor_id: int | None = None,
) -> MoveOut:
    """Open the sheet of a lease whose tenants have left, with the deadline that the law sets.

    ended_on: when the tenancy ended, the day of moving out if not given. A lease has one sheet that
    is not cancelled: called again, that one is returned with the new day and address.
    Raises NotHere for a lease without a security deposit.
    """
    deposit = held_deposit(deposit_of(lease).pk)
    if moved_out_on < deposit.lease.starts_on:
        raise DepositsError(f"lease {lease.code} began on {deposit.lease.starts_on:%b %-d, %Y}")
    found = MoveOut.objects.filter(lease=lease).exclude(state=_State.CANCELLED).first()
    if found is not None and found.state == _State.SETTLED:
        return found
    move_out = found or MoveOut(
        entity_id=deposit.entity_id, lease=deposit.lease, deposit=deposit, made_by_id=actor_id
    )
    move_out.moved_out_on = moved_out_on
    move_out.ended_on = ended_on or moved_out_on
    move_out.forwarding_address = forwarding_address.strip()
    _reopened(move_out)
    move_out.save()
    _set_deadlines(move_out)
    Lease.objects.filter(pk=lease.pk).update(moved_out_on=moved_out_on, state=Lease.State.ENDED)
    if move_out.forwarding_address:
        Tenant.objects.filter(tenancies__lease=lease, forwarding_address="").update(
            forwarding_address=move_out.forwarding_address
        )
    if found is None:
        _default_refunds(move_out)
        _told(move_out, "start move-out", f"Tenants of lease {lease.code} moved out", actor_id)
    return move_out


def held_move_out(move_out_id: int) -> MoveOut:
    """A sheet, locked with its lease and deposit until the transaction ends."""
    deposit_id = MoveOut.objects.values_list("deposit_id", flat=True).get(pk=move_out_id)
    deposit = held_deposit(deposit_id)
    row = MoveOut.objects.select_for_update(of=("self",)).defer("letter").get(pk=move_out_id)
    row.deposit, row.lease = deposit, deposit.lease
    return row


def _open_sheet(move_out: MoveOut) -> MoveOut:
    """A sheet that may be changed, locked; a review of what it was is gone."""
    held = held_move_out(move_out.pk)
    if held.state not in OPEN:
        raise SheetClosed(f"{held} is {held.get_state_display().lower()}; it does not change")
    if held.state == _State.REVIEWED:
        _reopened(held)
        held.save(update_fields=["state", "reviewed_by", "reviewed_at"])
    return held


def _reopened(move_out: MoveOut) -> None:
    move_out.state = _State.OPEN
    move_out.reviewed_by = move_out.reviewed_at = None


@transaction.atomic
def add_deduction(
    move_out: MoveOut, new: NewDeduction, *, actor_id: int | None = None
) -> Deduction:
    """Put a reason to keep money on the sheet; its deadlines follow."""
    held = _open_sheet(move_out)
    _check(new)
    row = Deduction.objects.create(
        move_out=held, kind=new.kind, amount=new.amount, memo=new.memo.strip()
    )
    _set_deadlines(held)
    _told(held, "add deduction", f"{row} for {row.memo}", actor_id)
    return row


@transaction.atomic
def change_deduction(
    deduction: Deduction, new: NewDeduction, *, actor_id: int | None = None
) -> Deduction:
    """Correct a deduction before the settlement."""
    held = _open_sheet(deduction.move_out)
    _check(new)
    row = held.deductions.select_for_update().get(pk=deduction.pk)
    was = f"{row} for {row.memo}"
    row.kind, row.amount, row.memo = new.kind, new.amount, new.memo.strip()
    row.save()
    _told(held, "change deduction", f"{was} is now {row} for {row.memo}", actor_id)
    return row


@transaction.atomic
def remove_deduction(deduction: Deduction, *, actor_id: int | None = None) -> None:
    """Take a deduction off the sheet before the settlement, with its files."""
    held = _open_sheet(deduction.move_out)
    row = held.deductions.filter(pk=deduction.pk).first()
    if row is None:
        return
    _told(held, "remove deduction", f"{row} for {row.memo}", actor_id)
    row.delete()
    _set_deadlines(held)


def _check(new: NewDeduction) -> None:
    if new.kind not in _Kind.values:
        raise DepositsError(f"{new.kind!r} is no kind of deduction")
    if new.amount <= ZERO:
        raise DepositsError(f"a deduction is above zero, not {plain(new.amount)}")
    if not 0 < len(new.memo.strip()) <= 200:
        raise DepositsError("say in 1 to 200 characters what the deduction is for")


@transaction.atomic
def add_file(
    deduction: Deduction, *, name: str, body: bytes, actor_id: int | None = None
) -> DeductionFile:
    """Keep a photograph or bill with a deduction; the same file once. Raises BadFile.

    Also after the settlement: the bill for work that was estimated comes later.
    """
    proof = checked(name, body)
    row, is_new = DeductionFile.objects.get_or_create(
        deduction=deduction,
        sha256=proof.sha256,
        defaults={"name": proof.name, "content_type": proof.content_type, "body": proof.body},
    )
    if is_new:
        _told(deduction.move_out, "add proof", f"{proof.name} for {deduction}", actor_id)
    return row


@transaction.atomic
def set_refunds(
    move_out: MoveOut, refunds: Sequence[NewRefund], *, actor_id: int | None = None
) -> list[RefundShare]:
    """Say who gets what goes back: fixed amounts first, then shares of the rest (sum one).

    Raises SharesOff, and DepositsError for a payee without a name, or ACH without bank data.
    """
    held = _open_sheet(move_out)
    shares = [each.share for each in refunds if each.share is not None]
    if not refunds or (shares and sum(shares, Decimal(0)) != 1):
        raise SharesOff("the shares of what goes back must sum to 1")
    on_lease = set(held.lease.tenancies.values_list("tenant_id", flat=True))
    for each in refunds:
        _check_refund(each, on_lease)
    held.refunds.all().delete()
    rows = RefundShare.objects.bulk_create(
        RefundShare(
            move_out=held,
            tenant_id=each.tenant_id,
            payee=each.payee.strip(),
            address=each.address.strip(),
            method=each.method,
            routing_number=each.routing_number,
            account_number=each.account_number,
            share=each.share,
            fixed=each.fixed,
        )
        for each in refunds
    )
    _told(held, "set refunds", ", ".join(f"{row.payee} by {row.method}" for row in rows), actor_id)
    return rows


@transaction.atomic
def change_refund(row: RefundShare, new: NewRefund, *, actor_id: int | None = None) -> RefundShare:
    """Say how one person gets a part of what goes back, before the settlement.

    Raises SharesOff if a fixed amount takes the last share, and what set_refunds raises.
    """
    held = _open_sheet(row.move_out)
    on_lease = set(held.lease.tenancies.values_list("tenant_id", flat=True))
    _check_refund(new, on_lease)
    found = held.refunds.select_for_update().get(pk=row.pk)
    found.payee, found.address, found.method = new.payee.strip(), new.address.strip(), new.method
    found.routing_number, found.account_number = new.routing_number, new.account_number
    found.share, found.fixed = new.share, new.fixed
    found.save()
    _told(held, "change refund", f"{found.payee} by {found.method}", actor_id)
    return found


def _check_refund(new: NewRefund, on_lease: set[int]) -> None:
    if not 0 < len(new.payee.strip()) <= 200:
        raise DepositsError("a refund needs a payee's name of 1 to 200 characters")
    if new.tenant_id is not None and new.tenant_id not in on_lease:
        raise DepositsError(f"{new.payee} is not on the lease")
    if (new.share is None) == (new.fixed is None):
        raise SharesOff(f"{new.payee} gets either a share or a fixed amount")
    if new.fixed is not None and new.fixed < ZERO:
        raise SharesOff(f"{new.payee} cannot get less than nothing")
    if new.method == "ach" and not (is_routing_number(new.routing_number) and new.account_number):
        raise DepositsError(f"ACH to {new.payee} needs a routing number and an account number")
    if new.method not in ("check", "ach"):
        raise DepositsError(f"a refund goes out by check or ACH, not by {new.method!r}")


def _default_refunds(move_out: MoveOut) -> None:
    shares = list(move_out.deposit.shares.select_related("tenant").order_by("id"))
    RefundShare.objects.bulk_create(
        RefundShare(
            move_out=move_out,
            tenant=each.tenant,
            payee=each.tenant.name,
            address=each.tenant.forwarding_address or move_out.forwarding_address,
            share=each.share,
        )
        for each in shares
    )


@transaction.atomic
def set_deadline(
    move_out: MoveOut, *, due_on: date, citation: str, actor_id: int | None = None
) -> MoveOut:
    """Enter the last day by hand where the state's rules are not on file, with where it stands."""
    held = held_move_out(move_out.pk)
    if held.state not in OPEN:
        raise SheetClosed(f"{held} is {held.get_state_display().lower()}; it does not change")
    if not citation.strip():
        raise DepositsError("say where the deadline stands")
    held.due_on, held.due_how = due_on, "entered by a person"
    held.due_citation, held.is_due_confirmed = citation.strip()[:300], False
    held.save(update_fields=["due_on", "due_how", "due_citation", "is_due_confirmed"])
    _told(held, "set deadline", f"{due_on:%b %-d, %Y}, {citation.strip()}", actor_id)
    return held


@transaction.atomic
def set_no_interest(move_out: MoveOut, *, why: str, actor_id: int | None = None) -> MoveOut:
    """Say why no further interest is owed, as when the tenant broke the lease; "" takes it back."""
    held = _open_sheet(move_out)
    held.no_interest_because = why.strip()[:300]
    held.save(update_fields=["no_interest_because"])
    _told(held, "no interest", held.no_interest_because or "interest is owed", actor_id)
    return held


@transaction.atomic
def set_agreed(move_out: MoveOut, *, on: date, actor_id: int | None = None) -> MoveOut:
    """Record that the tenant has agreed to the deductions, so that no objection is waited for."""
    held = held_move_out(move_out.pk)
    if held.state not in OPEN:
        raise SheetClosed(f"{held} is {held.get_state_display().lower()}; it does not change")
    held.agreed_on = on
    held.save(update_fields=["agreed_on"])
    _told(held, "tenant agreed", f"on {on:%b %-d, %Y}", actor_id)
    return held


def _set_deadlines(move_out: MoveOut) -> None:
    """Ask the law again: how long there is may hang on whether something is deducted."""
    has_deductions = move_out.deductions.exists()
    deposit = move_out.deposit
    state = law.state_of(deposit)
    facts = law.facts_of(deposit, on=move_out.moved_out_on)
    if move_out.due_how != "entered by a person":
        move_out.due_on, move_out.due_how, move_out.due_citation = None, "", ""
        move_out.is_due_confirmed = False
    move_out.claim_due_on = move_out.objection_days = move_out.balance_days = None
    try:
        rule = rules.deposit_return(state, on=move_out.moved_out_on, facts=facts)
        starts = move_out.ended_on if rule.starts is Starts.ENDED else move_out.moved_out_on
        found = rules.return_deadline(
            state, moved_out_on=starts, has_deductions=has_deductions, facts=facts
        )
        move_out.due_on, move_out.due_how = found.due_on, found.counted_how
        move_out.due_citation = found.source.citation[:300]
        names = ["with_deductions" if has_deductions else "without_deductions", "starts"]
        move_out.is_due_confirmed = law.is_confirmed(found.rule, *names)
        penalty = rules.deposit_penalty(state, on=move_out.moved_out_on, facts=facts).penalty
        move_out.penalty = _text(penalty)
        if has_deductions:
            _set_claim(move_out, state, facts)
    except ComplianceError as refusal:
        if move_out.due_on is None:
            move_out.due_how = str(refusal)[:300]
    move_out.save()


def _set_claim(move_out: MoveOut, state: str, facts: law.Facts) -> None:
    """Where the law wants a notice of the claim: by when, and what follows it."""
    found = rules.claim_deadline(state, moved_out_on=move_out.moved_out_on, facts=facts)
    if found is None:
        return
    rule = rules.deposit_claim(state, on=move_out.moved_out_on, facts=facts)
    move_out.claim_due_on = found.due_on
    move_out.objection_days = _days(rule.objection_days)
    move_out.balance_days = _days(rule.balance_days)
    if move_out.claim_sent_on is not None and move_out.balance_days is not None:
        move_out.due_on = move_out.claim_sent_on + timedelta(days=move_out.balance_days)
        move_out.due_how = f"{move_out.balance_days} calendar days after the notice of the claim"
    Notice.objects.update_or_create(
        deposit=move_out.deposit,
        kind=Notice.Kind.CLAIM,
        event_on=move_out.moved_out_on,
        defaults={
            "due_on": found.due_on,
            "counted_how": found.counted_how,
            "citation": found.source.citation[:300],
            "is_confirmed": law.is_confirmed(rule, "days"),
            "content": _text(rule.content),
        },
    )


def _days(value: int | Unknown | None) -> int | None:
    return None if isinstance(value, Unknown) else value


def _text(value: str | Unknown | None) -> str:
    return "" if isinstance(value, Unknown) or value is None else value


def claim_was_sent(notice: Notice) -> None:
    """The notice of the claim went out: the days to object, and to pay the balance, begin."""
    move_out = MoveOut.objects.filter(
        deposit=notice.deposit_id, moved_out_on=notice.event_on, state__in=OPEN
    ).first()
    if move_out is None:
        return
    held = held_move_out(move_out.pk)
    held.claim_sent_on = notice.sent_on
    _set_deadlines(held)


@transaction.atomic
def review_move_out(move_out: MoveOut, *, reviewer: User) -> MoveOut:
    """A second person agrees to the sheet. Raises OwnReview for who made it."""
    held = held_move_out(move_out.pk)
    if held.state not in OPEN:
        raise SheetClosed(f"{held} is {held.get_state_display().lower()}; it does not change")
    if held.made_by_id == reviewer.pk:
        raise OwnReview("you made this sheet yourself; another person must review it")
    held.state, held.reviewed_by, held.reviewed_at = _State.REVIEWED, reviewer, timezone.now()
    held.save(update_fields=["state", "reviewed_by", "reviewed_at"])
    _told(held, "review move-out", f"{held} agreed to", reviewer.pk)
    return held


@transaction.atomic
def cancel_move_out(move_out: MoveOut, *, why: str, actor_id: int | None = None) -> MoveOut:
    """Close a sheet that was opened by mistake; nothing was posted for it."""
    held = held_move_out(move_out.pk)
    if held.state == _State.CANCELLED:
        return held
    if held.state == _State.SETTLED:
        raise SheetClosed(f"{held} is settled; what it paid stands")
    held.state = _State.CANCELLED
    held.save(update_fields=["state"])
    Notice.objects.filter(
        deposit=held.deposit, kind=Notice.Kind.CLAIM, sent_on__isnull=True
    ).delete()
    _told(held, "cancel move-out", why.strip() or "opened by mistake", actor_id)
    return held


def preview(move_out: MoveOut, *, on: date) -> Settlement:
    """What a settlement on a day would do, from the books as they are; nothing is written.

    Interest that is not credited yet is added where it can be reckoned. Raises SharesOff.
    """
    deposit = move_out.deposit
    lease = deposit.lease
    held = held_now(deposit.book_id, [lease.deposit_id])[lease.deposit_id]
    credited = _credited_interest(deposit, held)
    coming = ZERO
    if move_out.state in OPEN and not move_out.no_interest_because:
        dues = final_interest_due(deposit, until=move_out.ended_on)
        coming = sum((each.reckoned.amount for each in dues if each.reckoned), ZERO)
    book_id = lease.unit.property.rent_book_id
    prepaid = held_now(book_id, [lease.prepaid_id])[lease.prepaid_id]
    new, old = _wanted(move_out)
    used = min(max(prepaid, ZERO), new)
    return _figures(
        move_out, held - credited, credited + coming, new + old, used, owed(lease) + new
    )


def _figures(
    move_out: MoveOut,
    held: Money,
    interest: Money,
    deducted: Money,
    prepaid: Money,
    owes: Money,
) -> Settlement:
    """The settlement's figures. owes: all open charges with the deductions, before prepaid rent."""
    kept = min(held + interest, deducted - prepaid)
    refunded = held + interest - kept
    return Settlement(
        held=held,
        interest=interest,
        deducted=deducted,
        prepaid=prepaid,
        kept=kept,
        refunded=refunded,
        still_owed=owes - prepaid - kept,
        refunds=_refund_parts(list(move_out.refunds.all()), refunded),
    )


def _refund_parts(rows: Sequence[RefundShare], refunded: Money) -> dict[int, Money]:
    """What each gets: fixed amounts first (as far as it goes), the rest by shares."""
    parts: dict[int, Money] = {}
    left = refunded
    for row in rows:
        if row.fixed is not None:
            parts[row.pk] = min(row.fixed, left)
            left -= parts[row.pk]
    by_share = [row for row in rows if row.share is not None]
    if by_share:
        amounts = split(left, [row.share for row in by_share if row.share is not None])
        parts |= {row.pk: part for row, part in zip(by_share, amounts, strict=True)}
    elif left:
        raise SharesOff(f"{plain(left)} goes back to nobody: say who gets it")
    return parts


def _wanted(move_out: MoveOut) -> tuple[Money, Money]:
    """Deductions that become charges, and those for charges that stand open already."""
    sums = dict(move_out.deductions.order_by().values_list("kind").annotate(total=Sum("amount")))
    old = usd(sums.pop(_Kind.UNPAID_RENT, Decimal(0)))
    return usd(sum(sums.values(), Decimal(0))), old


def _credited_interest(deposit: Deposit, held: Money) -> Money:
    """What of a deposit is interest that was credited to it."""
    total = deposit.interest_credits.filter(state=InterestCredit.State.CREDITED).aggregate(
        total=Sum("amount", default=Decimal(0))
    )["total"]
    return max(min(usd(total), held), ZERO)


@transaction.atomic
def settle_move_out(move_out: MoveOut, *, on: date, actor_id: int | None = None) -> MoveOut:
    """Settle a reviewed sheet: interest, charges for the deductions, what is kept, what goes back.

    All of it is one transaction, and happens once however often it is called. What the deposit does
    not cover stays owed. Refunds are payments of the deposit account, one for each person.
    Raises NotReviewed, NotHere (the money lies elsewhere), TooEarly, ClaimLost, RateMissing,
    InterestOpen, SharesOff, and what payments and the ledger refuse.
    """
    held = held_move_out(move_out.pk)
    if held.state == _State.SETTLED:
        return held
    if held.state != _State.REVIEWED:
        raise NotReviewed(f"{held} waits for a second person's review")
    _may_settle(held, on)
    if not held.no_interest_because:
        credit_final_interest(held.deposit, until=held.ended_on, on=on, actor_id=actor_id)
    figures = _settled_figures(held, on)
    if figures.kept:
        held.kept_entry = _post_kept(held, figures.kept, on, actor_id)
        held.kept_receipt = _receive_kept(held, figures.kept, on, actor_id)
    _pay_refunds(held, figures, on, actor_id)
    for name in ("held", "interest", "deducted", "prepaid", "kept", "refunded", "still_owed"):
        setattr(held, name, getattr(figures, name))
    held.state, held.settled_on, held.settled_by_id = _State.SETTLED, on, actor_id
    held.save()
    Deposit.objects.filter(pk=held.deposit_id).update(state=Deposit.State.SETTLED)
    Notice.objects.get_or_create(
        deposit=held.deposit,
        kind=Notice.Kind.DISPOSITION,
        event_on=held.moved_out_on,
        defaults={
            "due_on": held.due_on,
            "counted_how": held.due_how[:200],
            "citation": held.due_citation,
            "is_confirmed": held.is_due_confirmed,
        },
    )
    _told(
        held,
        "settle move-out",
        f"{plain(figures.kept)} kept, {plain(figures.refunded)} back,"
        f" {plain(figures.still_owed)} still owed",
        actor_id,
    )
    return held


def _may_settle(move_out: MoveOut, on: date) -> None:
    deposit, lease = move_out.deposit, move_out.lease
    if on < move_out.moved_out_on:
        raise TooEarly(f"the tenants moved out on {move_out.moved_out_on:%b %-d, %Y} only")
    if deposit.state == Deposit.State.HANDED_OVER:
        raise NotHere(f"{deposit} was handed over to another holder")
    if deposit.owner_held:
        raise NotHere(f"the owner holds {plain(deposit.owner_held)} of it and must bring it first")
    for _, book_id, amount, _ in held_by_leases(_only(lease), purpose=BankAccount.Purpose.RENT):
        if book_id != deposit.book_id:
            raise NotHere(
                f"{plain(amount)} of it lies in the rent account: transfer it to"
                f" {deposit.book.name} first"
            )
    if open_charges(lease).filter(kind=ChargeKind.SECURITY_DEPOSIT).exists():
        raise DepositsError(
            f"a charge for the security deposit of lease {lease.code} is still open: waive what"
            " was never paid first, or what is kept would pay it"
        )
    old = _wanted(move_out)[1]
    if old > (stands := owed(lease)):
        raise DepositsError(
            f"{plain(old)} is deducted for unpaid rent and fees, but {plain(stands)} is open"
        )
    if move_out.deductions.exists():
        _claim_is_made(move_out, on)


def _only(lease: Lease) -> Q:
    return Q(pk=lease.pk)


def _claim_is_made(move_out: MoveOut, on: date) -> None:
    """Where the law wants a notice of the claim: it went out in time, and objections are over."""
    if move_out.claim_due_on is None:
        return
    sent = move_out.claim_sent_on
    if sent is None and on <= move_out.claim_due_on:
        raise TooEarly(
            f"the notice of the claim goes out first, by {move_out.claim_due_on:%b %-d, %Y}"
        )
    if sent is None or sent > move_out.claim_due_on:
        raise ClaimLost(
            f"the notice of the claim was due on {move_out.claim_due_on:%b %-d, %Y}"
            f" ({move_out.due_citation}) and did not go out in time: nothing may be kept."
            " Take the deductions off the sheet; they may be claimed apart from the deposit"
        )
    if move_out.objection_days and move_out.agreed_on is None:
        until = sent + timedelta(days=move_out.objection_days)
        if on <= until:
            raise TooEarly(
                f"the tenant may object until {until:%b %-d, %Y}; settle after that, or record"
                " that they agreed"
            )


def _settled_figures(move_out: MoveOut, on: date) -> Settlement:
    """Charge the deductions and reckon from what the books then say."""
    deposit, lease = move_out.deposit, move_out.lease
    new, old = _wanted(move_out)
    before = owed(lease)
    for row in move_out.deductions.exclude(kind=_Kind.UNPAID_RENT).order_by("id"):
        receivables.add_charge(
            lease=lease,
            kind=ChargeKind.DAMAGE if row.kind == _Kind.DAMAGE else ChargeKind.OTHER,
            amount=row.amount,
            due_on=on,
            key=f"deduction:{row.pk}",
            memo=f"{row.get_kind_display()}: {row.memo}"[:200],
        )
    prepaid = before + new - owed(lease)
    total = held_now(deposit.book_id, [lease.deposit_id])[lease.deposit_id]
    interest = _credited_interest(deposit, total)
    return _figures(move_out, total - interest, interest, new + old, prepaid, before + new)


def _is_one_account(move_out: MoveOut) -> bool:
    return move_out.deposit.book_id == move_out.lease.unit.property.rent_book_id


def _post_kept(move_out: MoveOut, amount: Money, on: date, actor_id: int | None) -> Entry:
    accounts = chart(move_out.entity_id)
    book_id, who = move_out.deposit.book_id, move_out.lease.deposit_id
    lines = postings.kept(accounts, book_id, who, amount)
    if _is_one_account(move_out):
        # Nothing moves at the bank: the receipt takes it from the same place in transit.
        lines = [
            NewLine(book_id, accounts.processors, -amount),
            *postings.claims(accounts, book_id, {who: -amount}),
        ]
    return post_fact(
        entity_id=move_out.entity_id,
        key=f"deposit-kept:{move_out.pk}",
        kind=Entry.Kind.TRANSFER,
        day=on,
        memo=f"Kept of the security deposit of lease {move_out.lease.code}",
        lines=lines,
        posted_by_id=actor_id,
    )


def _receive_kept(move_out: MoveOut, amount: Money, on: date, actor_id: int | None) -> Receipt:
    into = Receipt.Into.PROCESSORS if _is_one_account(move_out) else Receipt.Into.BANK
    receipt = receivables.record_receipt(
        NewReceipt(
            entity_id=move_out.entity_id,
            key=f"deposit-kept:{move_out.pk}",
            channel=Receipt.Channel.DEPOSIT,
            into=into,
            gross=amount,
            received_on=on,
            settles_on=on,
            book_id=move_out.lease.unit.property.rent_book_id,
            lease_id=move_out.lease_id,
            payer=f"Security deposit of lease {move_out.lease.code}",
            memo="Kept of the security deposit",
            matched_by={"move-out": 100},
        ),
        posted_by_id=actor_id,
    )
    if left := unallocated(receipt):
        raise DepositsError(
            f"{plain(left)} of what is kept would pay no charge: the tenant would lose it"
        )
    return receipt


def _pay_refunds(move_out: MoveOut, figures: Settlement, on: date, actor_id: int | None) -> None:
    rows = list(move_out.refunds.select_related("tenant").order_by("id"))
    for row in rows:
        row.amount = figures.refunds[row.pk]
    paid = [row for row in rows if row.amount]
    payments = pay_many(
        [
            (_payment(move_out, row, on), {move_out.lease.deposit_id: row.amount}, ())
            for row in paid
        ],
        posted_by_id=actor_id,
    )
    for row, payment in zip(paid, payments, strict=True):
        row.payment, row.state = payment, RefundShare.State.PAID
    for row in rows:
        row.save(update_fields=["amount", "payment", "state"])


def _payment(move_out: MoveOut, row: RefundShare, on: date) -> NewPayment:
    return NewPayment(
        entity_id=move_out.entity_id,
        book_id=move_out.deposit.book_id,
        key=f"refund:{move_out.pk}:{row.pk}",
        method=row.method,
        purpose=Payment.Purpose.DEPOSIT_REFUND,
        payee=row.payee,
        amount=row.amount,
        dated_on=on,
        payee_address=row.address,
        payee_code=row.tenant.code if row.tenant else "",
        routing_number=row.routing_number if row.method == "ach" else "",
        account_number=row.account_number if row.method == "ach" else "",
        memo=f"Security deposit, lease {move_out.lease.code}",
    )


def _told(move_out: MoveOut, verb: str, text: str, actor_id: int | None) -> None:
    actor = User.objects.filter(pk=actor_id).first() if actor_id else None
    record(
        verb,
        text=f"Move-out of lease {move_out.lease.code}: {text}",
        subject=move_out,
        actor=actor,
    )
