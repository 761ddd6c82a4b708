"""Make an owner's shortage good: from other properties, by the owner, or lent by the company.

What the next cycles' rent makes good needs no step: the claim fills by itself, and draws pay the
company's advances back (services.sending).
"""

from datetime import date

from django.db import transaction
from moneyed import Money

from desk.errors import Refused
from desk.models import Approval, User
from desk.services import ask_approval, record
from desk.types import ApprovalDecided
from disbursements import letters, postings, queries
from disbursements.errors import DisbursementsError, NotShort, ToldOtherwise, WrongState
from disbursements.models import Advance, Contribution, Recovery, RecoveryStep
from disbursements.postings import Claim
from disbursements.services.locks import hold_company
from disbursements.services.settling import close_recoveries
from leases.models import Owner, OwnershipShare, Property
from ledger.charts import chart
from ledger.company import company_side, operating_book_of
from ledger.errors import LedgerError
from ledger.models import Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO, plain

ADVANCE_KIND = "owner advance"
_KIND = RecoveryStep.Kind
_STATE = RecoveryStep.State


@transaction.atomic
def plan_recovery(
    entity_id: int, *, beneficiary_id: int, book_id: int, on: date, actor_id: int | None = None
) -> Recovery:
    """Open the recovery of a claim that is below zero; one that is open is returned.

    Planned are what the owner's other properties can give now, if the owner agreed to netting, and
    the next cycles for the rest. Raises NotShort if the claim is not negative.
    """
    hold_company(entity_id)
    standing = Recovery.objects.filter(
        book=book_id, beneficiary=beneficiary_id, state=Recovery.State.OPEN
    ).first()
    if standing is not None:
        return standing
    found = queries.shortages([entity_id], beneficiary_id=beneficiary_id, book_id=book_id)
    if not found:
        raise NotShort("This owner's claim is not below zero: there is nothing to recover.")
    short = found[0]
    recovery = Recovery.objects.create(
        entity_id=entity_id,
        owner_id=short.owner_id,
        property_id=short.property_id,
        beneficiary_id=beneficiary_id,
        book_id=book_id,
        amount=short.amount,
        cause=short.cause[:300],
        cause_entry_id=short.cause_entry_id,
        opened_on=on,
        opened_by_id=actor_id,
    )
    others = sum((amount for _, amount in _givers(recovery)), ZERO)
    from_others = min(short.amount, others)
    plans = [(_KIND.OTHER_PROPERTIES, from_others), (_KIND.NEXT_CYCLES, short.amount - from_others)]
    RecoveryStep.objects.bulk_create(
        RecoveryStep(recovery=recovery, kind=kind, amount=amount, made_by_id=actor_id)
        for kind, amount in plans
        if amount
    )
    _write("open recovery", recovery, f"{plain(short.amount)} is missing: {short.cause}", actor_id)
    return recovery


@transaction.atomic
def take_from_other_properties(recovery: Recovery, *, on: date, actor_id: int) -> Entry:
    """Fill the shortage from the owner's other properties in the same trust account, as far as it
    goes; the one with the most gives first.

    Raises WrongState if the owner does not net properties, NotShort, DisbursementsError if no
    other property has anything.
    """
    held = _open(recovery)
    missing = _missing(held)
    if not held.owner.nets_properties:
        raise WrongState(f"{held.owner} keeps properties apart: nothing is taken from another one.")
    moved: dict[Claim, Money] = {}
    left = missing
    for claim, has in _givers(held):
        part = min(left, has)
        if part > ZERO:
            moved[claim] = -part
            left -= part
    if not moved:
        raise DisbursementsError(f"No other property of {held.owner} has money to give.")
    taken = missing - left
    moved[Claim(held.beneficiary_id, held.property.book_id)] = taken
    count = held.steps.filter(kind=_KIND.OTHER_PROPERTIES, state=_STATE.DONE).count()
    entry = post_fact(
        entity_id=held.entity_id,
        key=f"recovery:{held.pk}:from-properties:{count + 1}",
        kind=Entry.Kind.TRANSFER,
        day=on,
        memo=f"{held.owner}: shortage of {held.property} filled from other properties",
        lines=postings.netted(chart(held.entity_id), held.book_id, moved),
        posted_by_id=actor_id,
    )
    _done(held, _KIND.OTHER_PROPERTIES, taken, on=on, actor_id=actor_id, entry=entry)
    _write("fill shortage", held, f"{plain(taken)} from other properties", actor_id)
    close_recoveries(held.entity_id, on=on)
    return entry


@transaction.atomic
def ask_contribution(recovery: Recovery, *, amount: Money, on: date, actor_id: int) -> Contribution:
    """Ask the owner for money, with a letter to send; nothing is posted. The same day asks once."""
    held = _open(recovery)
    if amount <= ZERO:
        raise DisbursementsError("Ask for more than nothing.")
    key = f"recovery:{held.pk}:asked:{on.isoformat()}"
    standing = Contribution.objects.filter(entity=held.entity_id, key=key).first()
    if standing is not None:
        return standing
    asked = Contribution.objects.create(
        entity_id=held.entity_id,
        owner=held.owner,
        property=held.property,
        beneficiary_id=held.beneficiary_id,
        book_id=held.book_id,
        recovery=held,
        key=key,
        amount=amount,
        state=Contribution.State.ASKED,
        asked_on=on,
        letter=letters.contribution_request(held, amount, on),
        made_by_id=actor_id,
    )
    RecoveryStep.objects.create(
        recovery=held,
        kind=_KIND.CONTRIBUTION,
        amount=amount,
        contribution=asked,
        made_by_id=actor_id,
    )
    _write("ask contribution", held, f"Asked {held.owner} for {plain(amount)}", actor_id)
    return asked


@transaction.atomic
def record_contribution(
    *,
    owner: Owner,
    property_: Property,
    amount: Money,
    received_on: date,
    key: str,
    reference: str = "",
    asked: Contribution | None = None,
    actor_id: int | None = None,
) -> Contribution:
    """Post money that an owner paid into a property's rent account, once for each key.

    asked: the request that it answers; without one the oldest open request of the same owner and
    property is answered. Raises ToldOtherwise for a key with other facts, DisbursementsError for an
    amount that is not above zero, an owner who has no share of the property, or a key that is
    empty or too long.
    """
    if amount <= ZERO:
        raise DisbursementsError(f"A contribution is above zero, not {plain(amount)}.")
    if not 0 < len(key) <= 100:
        raise DisbursementsError("The key of a contribution has 1 to 100 characters.")
    hold_company(owner.entity_id)
    standing = Contribution.objects.filter(
        entity=owner.entity_id, key=key, state=Contribution.State.RECEIVED
    ).first()
    if standing is not None:
        return _same(standing, owner, property_, amount, received_on)
    row = asked or _asked_of(owner, property_)
    beneficiary_id = row.beneficiary_id if row else _beneficiary_of(owner, property_)
    book_id = row.book_id if row else property_.rent_book_id
    entry = post_fact(
        entity_id=owner.entity_id,
        key=f"contribution:{key}",
        kind=Entry.Kind.RECEIPT,
        day=received_on,
        memo=f"Contribution of {owner} for {property_} {reference}".strip(),
        lines=postings.contributed(
            chart(owner.entity_id), book_id, Claim(beneficiary_id, property_.book_id), amount
        ),
        posted_by_id=actor_id,
    )
    if row is None:
        row = Contribution(
            entity_id=owner.entity_id,
            owner=owner,
            property=property_,
            beneficiary_id=beneficiary_id,
            book_id=book_id,
            made_by_id=actor_id,
            recovery=Recovery.objects.filter(
                book=book_id, beneficiary=beneficiary_id, state=Recovery.State.OPEN
            ).first(),
        )
    row.key, row.amount, row.state = key, amount, Contribution.State.RECEIVED
    row.received_on, row.reference, row.entry = received_on, reference[:100], entry
    row.save()
    if row.recovery is not None:
        _done(
            row.recovery, _KIND.CONTRIBUTION, amount, on=received_on, actor_id=actor_id,
            entry=entry, contribution=row,
        )  # fmt: skip
    record(
        "record contribution",
        text=f"{owner} paid {plain(amount)} for {property_}",
        subject=row,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
    close_recoveries(owner.entity_id, on=received_on)
    return row


@transaction.atomic
def withdraw_request(asked: Contribution, *, actor_id: int) -> Contribution:
    """Ask the owner no longer; only for what did not come in."""
    hold_company(asked.entity_id)
    row = Contribution.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if row.state == Contribution.State.RECEIVED:
        raise WrongState("The money came in; what is posted stays.")
    if row.state == Contribution.State.ASKED:
        row.state = Contribution.State.WITHDRAWN
        row.save(update_fields=["state"])
        RecoveryStep.objects.filter(contribution=row).update(state=_STATE.GIVEN_UP)
        if row.recovery is not None:
            _write("withdraw request", row.recovery, f"{plain(row.amount)} not asked", actor_id)
    return row


@transaction.atomic
def ask_advance(
    recovery: Recovery, *, amount: Money, source: str, on: date, maker: User
) -> Approval:
    """Ask a second person whether the company lends the owner's claim an amount.

    source: of Advance. Raises DisbursementsError for more than is missing or an unknown source.
    """
    held = _open(recovery)
    missing = _missing(held)
    if source not in Advance.Source.values:
        raise DisbursementsError("Choose where the money comes from.")
    if not ZERO < amount <= missing:
        raise DisbursementsError(f"Advance between 0.01 and {plain(missing)}, which is missing.")
    count = held.steps.filter(kind=_KIND.ADVANCE).count()
    approval = ask_approval(
        key=f"advance:{held.pk}:{count + 1}",
        kind=ADVANCE_KIND,
        entity_id=held.entity_id,
        text=(
            f"The company advances {plain(amount)} to {held.owner} for {held.property}, out of"
            f" {Advance.Source(source).label.lower()}; their next draws pay it back."
        ),
        facts={
            "recovery": held.pk,
            "amount": str(amount.amount),
            "source": source,
            "on": on.isoformat(),
        },
        maker=maker,
    )
    RecoveryStep.objects.create(
        recovery=held, kind=_KIND.ADVANCE, amount=amount, approval=approval, made_by=maker
    )
    return approval


def hear_decision(decided: ApprovalDecided) -> None:
    """Post an advance that was agreed to, or give its step up."""
    step = RecoveryStep.objects.select_related("recovery").get(approval=decided.approval_id)
    if not decided.is_agreed:
        RecoveryStep.objects.filter(pk=step.pk).update(
            state=_STATE.GIVEN_UP, note=f"Refused: {decided.reason}"[:300]
        )
        return
    try:
        _advance(step, decided)
    except (DisbursementsError, LedgerError) as refusal:
        raise Refused(str(refusal)) from refusal


def _advance(step: RecoveryStep, decided: ApprovalDecided) -> Advance:
    held = _open(step.recovery)
    source, on = decided.facts["source"], date.fromisoformat(decided.facts["on"])
    accounts = chart(held.entity_id)
    claim = Claim(held.beneficiary_id, held.property.book_id)
    if source == Advance.Source.TRUST:
        company = company_side(held.entity_id, accounts, accounts.due_from_owners)
        kind = Entry.Kind.TRANSFER
        lines = postings.advanced(accounts, held.book_id, claim, step.amount, company)
    else:
        kind = Entry.Kind.RECEIPT
        lines = postings.advanced_from_operating(
            accounts, held.book_id, claim, step.amount, operating_book_of(held.entity_id)
        )
    entry = post_fact(
        entity_id=held.entity_id,
        key=f"advance:{step.pk}",
        kind=kind,
        day=on,
        memo=f"The company advances {plain(step.amount)} to {held.owner} for {held.property}",
        lines=lines,
        posted_by_id=decided.maker_id,
    )
    advance = Advance.objects.create(
        recovery=held,
        amount=step.amount,
        source=source,
        on=on,
        asked_by_id=decided.maker_id,
        approved_by_id=decided.checker_id,
        approval_id=decided.approval_id,
        entry=entry,
    )
    RecoveryStep.objects.filter(pk=step.pk).update(state=_STATE.DONE, done_on=on, entry=entry)
    _write("advance", held, f"The company advanced {plain(step.amount)}", decided.checker_id)
    return advance


def _open(recovery: Recovery) -> Recovery:
    """The recovery, held; WrongState if it is closed."""
    hold_company(recovery.entity_id)
    held = (
        Recovery.objects.select_for_update(of=("self",), no_key=True)
        .select_related("owner", "property", "book", "entity")
        .get(pk=recovery.pk)
    )
    if held.state != Recovery.State.OPEN:
        raise WrongState("This shortage was made good already.")
    return held


def _missing(recovery: Recovery) -> Money:
    """How far the claim is below zero now. Raises NotShort if it is not."""
    claim = (recovery.book_id, recovery.beneficiary_id)
    missing = -queries.held_by_claims([claim])[claim]
    if missing <= ZERO:
        raise NotShort("The claim is not below zero any more.")
    return missing


def _givers(recovery: Recovery) -> list[tuple[Claim, Money]]:
    """The owner's other claims in the trust account that hold money, the fullest first."""
    if not recovery.owner.nets_properties:
        return []
    shares = OwnershipShare.objects.filter(owner=recovery.owner_id).exclude(
        beneficiary=recovery.beneficiary_id
    )
    books = dict(shares.values_list("beneficiary_id", "property__book_id"))
    held = queries.held_by_claims([(recovery.book_id, who) for who in books])
    full = [(Claim(who, books[who]), amount) for (_, who), amount in held.items() if amount > ZERO]
    return sorted(full, key=lambda pair: (-pair[1].amount, pair[0].beneficiary_id))


def _done(
    recovery: Recovery,
    kind: str,
    amount: Money,
    *,
    on: date,
    actor_id: int | None,
    entry: Entry,
    contribution: Contribution | None = None,
) -> None:
    """Note a step that was done: the planned one of its kind, or a new one."""
    planned = recovery.steps.filter(kind=kind, state=_STATE.PLANNED)
    if contribution is not None:
        planned = planned.filter(contribution=contribution)
    step = planned.first() or RecoveryStep(
        recovery=recovery, kind=kind, contribution=contribution, made_by_id=actor_id
    )
    step.state, step.amount, step.done_on, step.entry = _STATE.DONE, amount, on, entry
    step.save()


def _asked_of(owner: Owner, property_: Property) -> Contribution | None:
    rows = Contribution.objects.filter(
        owner=owner, property=property_, state=Contribution.State.ASKED
    )
    return rows.order_by("asked_on", "id").first()


def _beneficiary_of(owner: Owner, property_: Property) -> int:
    """The owner's claim for the property, by the newest share; past shares count, too."""
    share = (
        OwnershipShare.objects.filter(owner=owner, property=property_).order_by("-from_on").first()
    )
    if share is None:
        raise DisbursementsError(f"{owner} has no share of {property_}.")
    return share.beneficiary_id


def _same(
    row: Contribution, owner: Owner, property_: Property, amount: Money, received_on: date
) -> Contribution:
    was = (row.owner_id, row.property_id, row.amount, row.received_on)
    if was != (owner.pk, property_.pk, amount, received_on):
        raise ToldOtherwise(f"Contribution {row.key} was recorded with other facts: {row}.")
    return row


def _write(verb: str, recovery: Recovery, text: str, actor_id: int | None) -> None:
    record(
        verb,
        text=text,
        subject=recovery,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
