"""The owner's word above the agreement's threshold: asked by a link, or recorded with evidence."""

import hashlib
import logging
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from desk.models import Approval, User
from desk.services import ask_approval, record
from desk.types import ApprovalDecided
from leases.models import Owner, Property
from leases.queries import shares_of_many
from payables.errors import (
    LinkRefused,
    OtherCompany,
    PayablesError,
    TooManyLinks,
    WrongState,
)
from payables.models import Bill, BillStep, Document, OwnerApproval, WrongLink
from payables.queries import owner_needs
from payables.types import OwnerNeed
from proptrust.lib.money import plain

LINK_DAYS = 14
# Nobody types 43 random characters wrongly ten times in ten minutes.
MOST_WRONG_LINKS = 10
WRONG_WITHIN = timedelta(minutes=10)
EVIDENCE = "payables.owner_approval"
_STATE = OwnerApproval.State
_log = logging.getLogger(__name__)
_WHAT = BillStep.What
_WAITING = (_STATE.ASKED, _STATE.QUESTION)


@transaction.atomic
def ask_owners(bill: Bill, *, actor_id: int | None = None) -> list[OwnerApproval]:
    """Ask the owners of each property that a bill needs them for, by e-mail; once each.

    Asking again renews what has expired, was rejected, or was asked for a smaller amount; it sends
    a new link and the old one is void. The mails go out after the transaction (send_requests), so
    that one that is undone has asked nobody.
    Raises WrongState if nobody needs to be asked, or the bill is cancelled.
    """
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if held.state == Bill.State.CANCELLED:
        raise WrongState(f"{held} is cancelled.")
    needs = [need for need in owner_needs([held.pk]) if not need.is_approved]
    if not needs:
        raise WrongState(f"{held} needs no owner's approval, or has it.")
    shares = shares_of_many([need.property_id for need in needs], held.dated_on)
    asked = []
    for need in needs:
        for share in shares.get(need.property_id, ()):
            row, is_new = OwnerApproval.objects.get_or_create(
                bill=held,
                property_id=need.property_id,
                owner_id=share.owner_id,
                defaults={"share": share.share, "cap": need.total, "asked_by_id": actor_id},
            )
            if is_new or _renewed(row, need, actor_id):
                asked.append(row)
    if not asked:
        return []
    names = ", ".join(sorted({str(row.owner) for row in asked}))
    _step(held, _WHAT.OWNER_ASKED, f"Asked {names}", actor_id)
    ids = [row.pk for row in asked]
    transaction.on_commit(lambda: send_requests(ids), robust=True)
    return asked


def _renewed(row: OwnerApproval, need: OwnerNeed, actor_id: int | None) -> bool:
    """Whether an owner who was asked before is asked again."""
    is_over = row.expires_at is not None and row.expires_at < timezone.now()
    if row.state == _STATE.APPROVED or (row.state == _STATE.RECORDED and not _is_withdrawn(row)):
        return False
    if row.state in _WAITING and row.cap == need.total and not is_over:
        return False
    row.state, row.cap, row.asked_by_id = _STATE.ASKED, need.total, actor_id
    row.token_digest, row.expires_at, row.sent_at = None, None, None
    row.decided_at, row.decided_from, row.confirmation, row.evidence = None, None, None, ""
    row.save()
    return True


def _is_withdrawn(row: OwnerApproval) -> bool:
    return row.confirmation is not None and row.confirmation.state == Approval.State.WITHDRAWN


def send_requests(approval_ids: Collection[int] | None = None) -> int:
    """Send the mails that owners wait for (None: of all); returns how many went out.

    Each is its own transaction: the link's digest and the moment are kept after the mail has left.
    Killed in between, the owner gets a second mail, whose link is the one that counts.
    """
    waiting = OwnerApproval.objects.filter(state=_STATE.ASKED, sent_at__isnull=True)
    if approval_ids is not None:
        waiting = waiting.filter(pk__in=approval_ids)
    return sum(_sent(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True))


def _sent(approval_id: int) -> bool:
    """Send one mail; where the mail server refuses, the others go out and this one waits."""
    try:
        return _send(approval_id)
    except OSError:  # smtplib's errors are of this kind, too.
        _log.warning("the mail of owner approval %s did not go out", approval_id, exc_info=True)
        return False


@transaction.atomic
def _send(approval_id: int) -> bool:
    row = (
        OwnerApproval.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("bill__vendor", "bill__entity", "property", "owner")
        .filter(pk=approval_id, state=_STATE.ASKED, sent_at__isnull=True)
        .first()
    )
    if row is None or not row.owner.email:
        return False
    token = secrets.token_urlsafe(32)
    row.token_digest = digest_of(token)
    row.expires_at = timezone.now() + timedelta(days=LINK_DAYS)
    row.sent_at = timezone.now()
    row.save(update_fields=["token_digest", "expires_at", "sent_at"])
    _mail(row, token).send()
    return True


def _mail(row: OwnerApproval, token: str) -> EmailMessage:
    bill = row.bill
    link = settings.PUBLIC_URL.rstrip("/") + reverse("owner_approvals:answer", args=[token])
    said = f"\nYour question was answered: {row.evidence}\n" if row.evidence else ""
    return EmailMessage(
        subject=f"Please approve ${plain(row.cap)} for {row.property}",
        body=(
            f"{row.owner.name},\n\n"
            f"{bill.vendor} has billed ${plain(row.cap)} for {row.property}"
            f" (bill {bill.number} of {bill.dated_on:%B %-d, %Y}{': ' if bill.memo else ''}"
            f"{bill.memo}). Your management agreement asks for your approval.\n{said}\n"
            f"See it, approve it, reject it or ask a question here, until"
            f" {row.expires_at:%B %-d, %Y}:\n\n{link}\n\n"
            "No answer is no approval. The link is for you alone; it needs no password.\n\n"
            f"{bill.entity}\n"
        ),
        to=[row.owner.email],
    )


def digest_of(token: str) -> str:
    """What is kept of a link: it cannot be turned back into one."""
    return hashlib.sha256(token.encode()).hexdigest()


def asked_by_link(token: str, *, address: str) -> OwnerApproval:
    """What a link asks its owner. Raises LinkRefused for one that is unknown, used or over.

    address: whence it was opened; too many wrong links from one address are turned away.
    """
    since = timezone.now() - WRONG_WITHIN
    if WrongLink.objects.filter(address=address, tried_at__gt=since).count() >= MOST_WRONG_LINKS:
        raise TooManyLinks("Too many wrong links came from here. Try again in ten minutes.")
    row = (
        OwnerApproval.objects.select_related("bill__vendor", "bill__entity", "property", "owner")
        .filter(token_digest=digest_of(token))
        .first()
    )
    if row is None:
        WrongLink.objects.create(address=address)
        raise LinkRefused("This link is not known. Use the one in our last mail to you.")
    if row.state not in _WAITING:
        raise LinkRefused(f"This was answered already: {row.get_state_display().lower()}.")
    if row.expires_at is None or row.expires_at < timezone.now():
        raise LinkRefused("This link has expired. Ask us for a new one.")
    if row.bill.state == Bill.State.CANCELLED:
        raise LinkRefused("This bill was cancelled; nothing is asked of you any more.")
    return row


@transaction.atomic
def answer_by_link(token: str, *, answer: str, words: str, address: str) -> OwnerApproval:
    """Take an owner's answer: approve, reject with a reason, or a question. The link is used then.

    A question keeps the link for the answer to come. Raises LinkRefused as asked_by_link, and
    PayablesError for an answer without its words.
    """
    found = asked_by_link(token, address=address)
    row = OwnerApproval.objects.select_for_update().get(pk=found.pk)
    if row.state not in _WAITING or row.token_digest != digest_of(token):
        raise LinkRefused("This was answered already.")
    words = words.strip()[:500]
    if answer == "question":
        if not words:
            raise PayablesError("Write your question.")
        row.state, row.said = _STATE.QUESTION, words
        what = _WHAT.OWNER_QUESTION
    elif answer == "approve":
        row.state, row.said, what = _STATE.APPROVED, words, _WHAT.OWNER_APPROVED
    elif answer == "reject":
        if not words:
            raise PayablesError("Say why you reject it.")
        row.state, row.said, what = _STATE.REJECTED, words, _WHAT.OWNER_REJECTED
    else:
        raise PayablesError("Approve it, reject it, or ask a question.")
    if row.state != _STATE.QUESTION:
        row.decided_at, row.decided_from = timezone.now(), address
    row.save(update_fields=["state", "said", "decided_at", "decided_from"])
    _told(row, what, words)
    return row


def _told(row: OwnerApproval, what: str, words: str) -> None:
    said = f"{row.owner}, {row.property}, up to {plain(row.cap)}{': ' if words else ''}{words}"
    _step(row.bill, what, said, None)
    record(
        BillStep.What(what).label.lower(),
        text=f"{row.bill}: {said}",
        subject=row.bill,
        facts={"owner_approval": row.pk, "from": row.decided_from, "cap": str(row.cap.amount)},
    )


@transaction.atomic
def answer_owner(approval: OwnerApproval, *, answer: str, actor_id: int) -> OwnerApproval:
    """Answer an owner's question: a new mail with a new link goes out."""
    row = OwnerApproval.objects.select_for_update().get(pk=approval.pk)
    if row.state != _STATE.QUESTION:
        raise WrongState(f"{row.owner} has asked nothing.")
    if not answer.strip():
        raise PayablesError("Write the answer.")
    row.state, row.evidence = _STATE.ASKED, answer.strip()
    row.token_digest, row.expires_at, row.sent_at = None, None, None
    row.save(update_fields=["state", "evidence", "token_digest", "expires_at", "sent_at"])
    _step(row.bill, _WHAT.OWNER_ANSWERED, f"{row.owner}: {answer.strip()}", actor_id)
    transaction.on_commit(lambda: send_requests([row.pk]), robust=True)
    return row


@transaction.atomic
def record_owner_approval(
    bill: Bill,
    *,
    property_: Property,
    owner: Owner,
    evidence: str,
    recorded_by: User,
    evidence_file: Document | None = None,
) -> OwnerApproval:
    """Record an owner's approval that came another way; a second person must confirm the evidence.

    evidence: who said what, when and how. Raises WrongState if the owner need not be asked,
    OtherCompany for an owner who does not own the property on the bill's day.
    """
    held = Bill.objects.select_for_update().get(pk=bill.pk)
    if not evidence.strip():
        raise PayablesError("Say who approved it, when, and how.")
    if evidence_file is not None and evidence_file.entity_id != held.entity_id:
        raise OtherCompany("The file was uploaded for another company.")
    need = _need_of(held, property_)
    shares = shares_of_many([property_.pk], held.dated_on).get(property_.pk, ())
    share = next((each.share for each in shares if each.owner_id == owner.pk), None)
    if share is None:
        raise OtherCompany(f"{owner} does not own {property_} on {held.dated_on:%b %-d, %Y}.")
    row, _ = OwnerApproval.objects.select_for_update().get_or_create(
        bill=held,
        property=property_,
        owner=owner,
        defaults={"share": share, "cap": need.total, "state": _STATE.RECORDED},
    )
    if row.state == _STATE.APPROVED:
        return row
    is_same = row.evidence == evidence.strip() and row.confirmation_id is not None
    if row.state == _STATE.RECORDED and is_same and not _is_withdrawn(row):
        return row
    row.state, row.cap, row.asked_by = _STATE.RECORDED, need.total, recorded_by
    row.evidence, row.evidence_file, row.token_digest = evidence.strip(), evidence_file, None
    row.confirmation = ask_approval(
        key=f"owner-approval:{row.pk}:{held.steps.count()}",
        kind=EVIDENCE,
        entity_id=held.entity_id,
        text=(
            f"{owner} approves {plain(need.total)} of {held} for {property_}."
            f" Evidence: {evidence.strip()}"
        ),
        facts={"owner_approval": row.pk},
        maker=recorded_by,
    )
    row.save()
    _step(held, _WHAT.OWNER_ASKED, f"{owner}: recorded, waits for a second person", recorded_by.pk)
    return row


def _need_of(bill: Bill, property_: Property) -> OwnerNeed:
    for need in owner_needs([bill.pk]):
        if need.property_id == property_.pk and not need.is_approved:
            return need
    raise WrongState(f"{bill} needs no approval of the owner of {property_}, or has it.")


def confirm_evidence(decided: ApprovalDecided) -> None:
    """Carry a second person's decision on recorded evidence out."""
    row = OwnerApproval.objects.select_for_update().get(pk=decided.facts["owner_approval"])
    if row.state != _STATE.RECORDED or row.confirmation_id != decided.approval_id:
        raise WrongState("This evidence was replaced or decided since.")
    if decided.is_agreed:
        row.state, row.decided_at = _STATE.APPROVED, timezone.now()
        row.save(update_fields=["state", "decided_at"])
        _told(row, _WHAT.OWNER_APPROVED, row.evidence)
        return
    # Not the owner's word: they may be asked, or better evidence be recorded.
    row.state = _STATE.REFUSED
    row.save(update_fields=["state"])
    _step(row.bill, _WHAT.OWNER_QUESTION, f"Evidence refused: {decided.reason}", decided.checker_id)


def _step(bill: Bill, what: str, text: str, actor_id: int | None) -> None:
    BillStep.objects.create(bill=bill, what=what, text=text[:500], made_by_id=actor_id)
