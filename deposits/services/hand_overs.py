"""Deposits that change hands: a new owner, a new manager, or the owner taking them over."""

from datetime import date

from django.db import transaction
from django.db.models import Q

from deposits.errors import AlreadyDone, DepositsError
from deposits.models import Deposit, HandOver, HandOverLine, Notice
from deposits.services.accounts import ensure_deposits
from deposits.services.files import checked
from desk.models import User
from desk.services import record
from leases.models import Lease, Property
from payments.models import Payment
from payments.services import pay
from payments.types import NewPayment
from proptrust.lib.money import ZERO
from receivables.queries import held_by_leases, held_now

_Kind = HandOver.Kind


@transaction.atomic
def hand_over(
    property_: Property,
    *,
    kind: str,
    to: str,
    on: date,
    address: str = "",
    method: str = Payment.Method.CHECK,
    routing_number: str = "",
    account_number: str = "",
    actor_id: int | None = None,
) -> HandOver:
    """Hand the deposits of a property to a new holder, or note that they stay under a new owner.

    To a manager or owner: all of them go in one payment of the deposit account, each tenant's part
    listed, and are no longer ours to return. With a new owner they stay. Either way every tenant
    gets a notice. The same property, kind and day is the same hand-over.
    Raises DepositsError for an unsettled move-out or a part in another account, and what payments
    and the ledger refuse.
    """
    if kind not in _Kind.values:
        raise DepositsError(f"{kind!r} is no kind of hand-over")
    if not 0 < len(to.strip()) <= 200:
        raise DepositsError("name the new holder in 1 to 200 characters")
    ensure_deposits(property_.entity_id)
    deposits = _locked(property_)
    known = HandOver.objects.filter(
        property=property_, kind=kind, handed_on=on, is_back=False
    ).first()
    if known is not None:
        if known.to != to.strip():
            raise AlreadyDone(f"the deposits of {property_} went to {known.to} on that day")
        return known
    goes = kind != _Kind.NEW_OWNER
    if goes:
        _may_go(property_, deposits)
    held = held_now(property_.deposit_book_id, [each.lease.deposit_id for each in deposits])
    parts = {each.pk: held[each.lease.deposit_id] for each in deposits}
    deposits = [each for each in deposits if parts[each.pk] > ZERO]
    if not deposits:
        raise DepositsError(f"{property_} has no security deposits in {property_.deposit_book}")
    row = HandOver.objects.create(
        property=property_,
        kind=kind,
        to=to.strip(),
        address=address.strip(),
        handed_on=on,
        amount=sum((parts[each.pk] for each in deposits), ZERO),
        made_by_id=actor_id,
    )
    HandOverLine.objects.bulk_create(
        HandOverLine(hand_over=row, deposit=each, amount=parts[each.pk]) for each in deposits
    )
    if goes:
        row.payment = pay(
            NewPayment(
                entity_id=property_.entity_id,
                book_id=property_.deposit_book_id,
                key=f"hand-over:{row.pk}",
                method=method,
                purpose=Payment.Purpose.DEPOSIT_REFUND,
                payee=row.to,
                amount=row.amount,
                dated_on=on,
                payee_address=row.address,
                routing_number=routing_number,
                account_number=account_number,
                memo=f"Security deposits of {property_.name}, {len(deposits)} leases"[:300],
            ),
            claims={each.lease.deposit_id: parts[each.pk] for each in deposits},
            posted_by_id=actor_id,
        )
        row.save(update_fields=["payment"])
        Deposit.objects.filter(pk__in=[each.pk for each in deposits]).update(
            state=Deposit.State.HANDED_OVER
        )
    _plan_notices(row, deposits)
    record(
        "hand over deposits",
        text=f"{row}: {len(deposits)} leases",
        subject=row,
        entity_id=property_.entity_id,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
    return row


def _locked(property_: Property) -> list[Deposit]:
    """The deposits of a property that are still held; leases first, in the order of their ids."""
    leases = Lease.objects.filter(unit__property=property_).order_by("id")
    list(leases.select_for_update(of=("self",), no_key=True).values_list("id", flat=True))
    rows = Deposit.objects.select_for_update(of=("self",)).filter(
        lease__unit__property=property_, state=Deposit.State.HELD, holder=Deposit.Holder.TRUST
    )
    return list(rows.select_related("lease__unit").order_by("id"))


def _may_go(property_: Property, deposits: list[Deposit]) -> None:
    waiting = [
        each.lease.code
        for each in deposits
        if each.move_outs.filter(state__in=("open", "reviewed")).exists()
    ]
    if waiting:
        raise DepositsError(
            f"the move-out of lease {', '.join(waiting)} is not settled: settle or cancel it first"
        )
    leases = Q(unit__property=property_)
    for lease_id, book_id, _, _ in held_by_leases(leases, purpose="rent"):
        if book_id != property_.deposit_book_id:
            code = Lease.objects.values_list("code", flat=True).get(pk=lease_id)
            raise DepositsError(
                f"the deposit of lease {code} lies in the rent account: transfer it first"
            )


def _plan_notices(row: HandOver, deposits: list[Deposit]) -> None:
    """A notice of the new holder for every tenant; no law on file names its days."""
    Notice.objects.bulk_create(
        [
            Notice(
                deposit=each,
                kind=Notice.Kind.TRANSFER,
                event_on=row.handed_on,
                due_on=row.handed_on,
                counted_how="with the change itself",
                content="who holds the deposit from now on, and how to reach them",
                to=row.to,
            )
            for each in deposits
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def add_receipt(
    row: HandOver, *, on: date, name: str, body: bytes, actor_id: int | None = None
) -> HandOver:
    """Keep the new holder's receipt for the deposits. Raises BadFile."""
    proof = checked(name, body)
    held = (
        HandOver.objects.select_for_update(of=("self",)).select_related("property").get(pk=row.pk)
    )
    held.receipt_on, held.receipt_name = on, proof.name
    held.receipt_type, held.receipt = proof.content_type, proof.body
    held.save(update_fields=["receipt_on", "receipt_name", "receipt_type", "receipt"])
    record(
        "add receipt",
        text=f"{held}: {proof.name}",
        subject=held,
        entity_id=held.property.entity_id,
        actor=User.objects.filter(pk=actor_id).first() if actor_id else None,
    )
    return held
