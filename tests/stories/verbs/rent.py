"""Layer 1: what tenants owe, what comes in over each channel, and what comes back."""

from datetime import UTC, datetime, time

from connectors.types import RemittanceItem as ToldItem
from connectors.types import RemittancePaid
from leases.models import Lease
from proptrust.lib.money import ZERO, plain, total
from receivables import queries, services
from receivables.models import Charge, ChargeKind, Comeback, Receipt, Remittance
from receivables.types import NewComeback, NewReceipt
from tests.stories.reading import Args, StoryError
from tests.stories.stage import Stage, make_agreement, make_lease, set_owners
from tests.stories.verbs import verb

_KINDS = [kind.value for kind in ChargeKind]
_CHANNELS = [channel.value for channel in Receipt.Channel]
# Where money of a channel is when it is received, unless a step says otherwise.
_INTO = {
    "ach": Receipt.Into.PROCESSORS,
    "card": Receipt.Into.PROCESSORS,
    "cash": Receipt.Into.PROCESSORS,
    "check": Receipt.Into.UNDEPOSITED,
    "money_order": Receipt.Into.UNDEPOSITED,
}


@verb("charge month")
def charge_month(stage: Stage, args: Args) -> str:
    """Charge every lease what it owes for a month: `month` (any day of it; the step's if none)."""
    month = args.day("month", stage.on)
    made = services.post_monthly_charges(stage.entity, month)
    return f"{made.made} charges for {month:%B %Y}; {made.prepaid} leases paid from prepaid rent"


@verb("charge")
def charge(stage: Stage, args: Args) -> str:
    """One charge of a lease: `lease`, `amount`, `kind` (rent), `due` (the step's day), `as`."""
    made: Charge = services.add_charge(
        lease=stage.lease(args.text("lease"), args.place),
        kind=args.choice("kind", _KINDS, "rent"),
        amount=args.money("amount"),
        due_on=args.day("due", stage.on),
        key=args.text("key", stage.new_key("charge")),
        memo=args.text("memo", ""),
    )
    stage.keep(args, made)
    return f"{made.get_kind_display()} of {plain(made.amount)} charged to {made.lease.code}"


@verb("receive")
def receive(stage: Stage, args: Args) -> str:
    """Money in: `amount`, `channel`; `lease` (none: suspense) or `account`, `into` (processors,
    bank, undeposited), `fee` of the processor, `settles`, `payer`, `number`, `batch`, `as`."""
    new = _new_receipt(stage, args)
    made = services.record_receipt(new, posted_by_id=stage.maker.pk)
    stage.keep(args, made)
    return f"{made.get_channel_display()} of {plain(made.gross)} received{_for(made)}"


@verb("expect payment")
def expect_payment(stage: Stage, args: Args) -> str:
    """A payment on its way that is not certain yet: the words of `receive`."""
    made = services.expect_receipt(_new_receipt(stage, args))
    stage.keep(args, made)
    return f"{made.get_channel_display()} of {plain(made.gross)} is on its way{_for(made)}"


@verb("settle payment")
def settle_payment(stage: Stage, args: Args) -> str:
    """An expected payment is certain: `payment` names it."""
    made = services.settle_receipt(stage.thing(Receipt, args, "payment"))
    return f"{made.get_channel_display()} of {plain(made.gross)} settled{_for(made)}"


@verb("assign")
def assign(stage: Stage, args: Args) -> str:
    """A receipt in suspense is identified: `payment`, `lease`."""
    lease = stage.lease(args.text("lease"), args.place)
    made = services.assign_receipt(
        stage.thing(Receipt, args, "payment"), lease, on=stage.on, actor_id=stage.maker.pk
    )
    return f"{plain(made.gross)} out of suspense is of {lease.code}"


@verb("assign unknown")
def assign_unknown(stage: Stage, args: Args) -> str:
    """A payment that the bank alone told and that waits in suspense is identified: `amount`,
    `lease`."""
    amount = args.money("amount")
    waiting = queries.suspense_receipts(stage.entity.pk).filter(gross=amount.amount).first()
    if waiting is None:
        raise StoryError(args.place, f"no receipt of {plain(amount)} waits in suspense")
    lease = stage.lease(args.text("lease"), args.place)
    services.assign_receipt(waiting, lease, on=stage.on, actor_id=stage.maker.pk)
    return f"{plain(amount)} out of suspense is of {lease.code}"


@verb("deposit slip")
def deposit_slip(stage: Stage, args: Args) -> str:
    """Checks and money orders are taken to the bank: `payments`, `number`."""
    receipts = [
        stage.thing(Receipt, Args({"payment": name}, args.place), "payment")
        for name in args.list("payments")
    ]
    slip = services.make_deposit_slip(
        book=receipts[0].book,
        number=args.text("number"),
        day=stage.on,
        receipts=receipts,
        posted_by_id=stage.maker.pk,
    )
    return f"Deposit slip {slip.number} of {plain(slip.total)} taken to the bank"


@verb("payout")
def payout(stage: Stage, args: Args) -> str:
    """A processor transfers to the trust account: `id`, `payments`, each less its `fee`;
    `account` (rent), `back`: payments whose return or dispute it takes, `arrives`."""
    account = stage.account(args.text("account", "rent"), args.place)
    receipts = [_named(stage, args, name) for name in args.list("payments", [])]
    backs = [_named(stage, args, name) for name in args.list("back", [])]
    items = [
        ToldItem(
            f"p{each.pk}", "payment", each.gross, each.fee, each.gross - each.fee, each.payment
        )
        for each in receipts
    ]
    for each in backs:
        back = each.comebacks.order_by("-id").first()
        assert back is not None, f"{each} did not come back"
        what = {"return": "return", "refund": "refund"}.get(back.kind, "dispute")
        items.append(
            ToldItem(
                f"b{back.pk}", what, -back.amount, back.fee, -back.amount - back.fee, each.payment
            )
        )
    arrives = args.day("arrives", stage.on)
    remittance = services.record_remittance(
        stage.connection("stripe", account),
        RemittancePaid(
            key=args.text("id"),
            at=datetime.combine(stage.on, time(12), tzinfo=UTC),
            remittance=args.text("id"),
            amount=total(item.net for item in items),
            arrives_on=arrives,
            trace=args.text("id"),
            items=tuple(items),
        ),
    )
    stage.keep(args, remittance)
    return f"Payout of {plain(remittance.amount)}, fees {plain(remittance.fees)}"


@verb("payout fails")
def payout_fails(stage: Stage, args: Args) -> str:
    """A processor's transfer did not arrive: `payout`, `reason`."""
    made = services.fail_remittance(
        stage.thing(Remittance, args, "payout"), on=stage.on, reason=args.text("reason", "closed")
    )
    return f"The payout of {plain(made.amount)} did not arrive"


@verb("return")
def come_back(stage: Stage, args: Args) -> str:
    """The bank takes a payment back: `payment`, `code` (R01 …), `amount` (all), `fee`, `key`."""
    return _take_back(stage, args, Comeback.Kind.RETURN)


@verb("refund")
def refund(stage: Stage, args: Args) -> str:
    """We give money back through the processor: `payment`, `amount` (all)."""
    return _take_back(stage, args, Comeback.Kind.REFUND)


@verb("dispute")
def dispute(stage: Stage, args: Args) -> str:
    """The card holder's bank takes money until the dispute is decided: `payment`, `fee`."""
    return _take_back(stage, args, Comeback.Kind.DISPUTE)


@verb("win dispute")
def win_dispute(stage: Stage, args: Args) -> str:
    """The money of a dispute comes again: `payment`, `fee returned`."""
    receipt = stage.thing(Receipt, args, "payment")
    back = services.come_again(
        receipt,
        NewComeback(
            kind=Comeback.Kind.DISPUTE_WON,
            key=stage.new_key("won"),
            amount=args.money("amount", str(receipt.gross.amount)),
            on=stage.on,
            fee=-args.money("fee returned", "0"),
        ),
    )
    return f"The dispute was won: {plain(back.amount)} came again"


@verb("lose dispute")
def lose_dispute(stage: Stage, args: Args) -> str:
    """A dispute is decided against us: `payment`."""
    receipt = stage.thing(Receipt, args, "payment")
    services.lose_dispute(
        receipt,
        NewComeback(
            kind=Comeback.Kind.DISPUTE_LOST,
            key=stage.new_key("lost"),
            amount=receipt.gross,
            on=stage.on,
        ),
    )
    return "The dispute was lost; the money had gone already"


@verb("cancel receipt")
def cancel_receipt(stage: Stage, args: Args) -> str:
    """A receipt that never was one is taken out: `payment`, `why`."""
    made = services.cancel_receipt(
        stage.thing(Receipt, args, "payment"), why=args.text("why"), actor_id=stage.maker.pk
    )
    return f"The receipt of {plain(made.gross)} was recorded by mistake and is reversed"


@verb("new lease")
def new_lease(stage: Stage, args: Args) -> str:
    """A lease begins: `name` and the words of a lease in the setting."""
    name = args.text("name")
    words = Args({key: value for key, value in args.values.items() if key != "name"}, args.place)
    args.asked.update(args.values)
    stage.leases[name] = make_lease(stage, name, words)
    return f"Lease {name} begins on {stage.leases[name].starts_on}"


@verb("move out")
def move_out(stage: Stage, args: Args) -> str:
    """Tenants leave: `lease`, `on` what day (`left`)."""
    lease = stage.lease(args.text("lease"), args.place)
    left = args.day("left", stage.on)
    Lease.objects.filter(pk=lease.pk).update(
        moved_out_on=left, state=Lease.State.ENDED, ends_on=left
    )
    return f"The tenants of {lease.code} left on {left}"


@verb("new owners")
def new_owners(stage: Stage, args: Args) -> str:
    """A property changes hands: `property`, `owners`, from the step's day on."""
    property_ = stage.property(args.text("property"), args.place)
    set_owners(stage, property_, args, args.day("from", stage.on))
    return f"{property_} belongs to {', '.join(args.map('owners'))} from now on"


@verb("new agreement")
def new_agreement(stage: Stage, args: Args) -> str:
    """New terms of management: `property`, `agreement` with its words."""
    property_ = stage.property(args.text("property"), args.place)
    make_agreement(property_, args.part("agreement"), args.day("from", stage.on))
    return f"{property_} is managed on new terms"


def _new_receipt(stage: Stage, args: Args) -> NewReceipt:
    channel = args.choice("channel", _CHANNELS)
    lease = stage.lease(args.text("lease"), args.place) if args.has("lease") else None
    into = args.choice(
        "into", [each.value for each in Receipt.Into], _INTO.get(channel, Receipt.Into.BANK)
    )
    book_id = lease.unit.property.rent_book_id if lease else None
    if args.has("account"):
        book_id = stage.account(args.text("account"), args.place).book_id
    account = next(a for a in stage.accounts.values() if a.book_id == book_id or book_id is None)
    key = args.text("key", stage.new_key("receipt"))
    connection = None
    if into == Receipt.Into.PROCESSORS:
        connection = stage.connection("stripe", account)
    return NewReceipt(
        entity_id=stage.entity.pk,
        key=key,
        channel=channel,
        into=into,
        gross=args.money("amount"),
        received_on=args.day("received", stage.on),
        book_id=account.book_id,
        lease_id=lease.pk if lease else None,
        connection_id=connection.pk if connection else None,
        payment=key if connection else "",
        fee=args.money("fee", "0"),
        settles_on=args.day("settles") if args.has("settles") else None,
        payer=args.text("payer", ""),
        number=args.text("number", ""),
        batch=args.text("batch", ""),
        memo=args.text("memo", ""),
    )


def _take_back(stage: Stage, args: Args, kind: Comeback.Kind) -> str:
    receipt = stage.thing(Receipt, args, "payment")
    back = services.take_back(
        receipt,
        NewComeback(
            kind=kind,
            key=args.text("key", stage.new_key(kind)),
            amount=args.money("amount", str(receipt.gross.amount)),
            on=stage.on,
            fee=args.money("fee", "0"),
            code=args.text("code", ""),
            reason=args.text("reason", ""),
            batch=args.text("batch", ""),
        ),
    )
    stage.keep(args, back)
    code = f" {back.code}" if back.code else ""
    cost = f", fee {plain(back.fee)}" if back.fee != ZERO else ""
    return f"{back.get_kind_display()}{code} of {plain(back.amount)}{cost}{_for(receipt)}"


def _named(stage: Stage, args: Args, name: str) -> Receipt:
    return stage.thing(Receipt, Args({"payment": name}, args.place), "payment")


def _for(receipt: Receipt) -> str:
    return f" for {receipt.lease.code}" if receipt.lease else ", not identified"
