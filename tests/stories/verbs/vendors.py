"""Layer 4: vendors, work orders, bills over many properties, owners' approvals, payments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from desk import services as desk
from desk.models import Approval
from payables import services
from payables.models import Bill, Vendor, WorkOrder
from payables.types import NewBill, NewBillLine
from proptrust.lib.money import plain, split
from tests.stories.reading import Args, StoryError
from tests.stories.stage import Stage
from tests.stories.verbs import verb


@verb("vendor")
def vendor(stage: Stage, args: Args) -> str:
    """A vendor: `name`, `code` (the name), `method` (check, ach), `insured until`, `lapse`
    (blocks, warns)."""
    facts: dict[str, Any] = {"payout_method": args.choice("method", ["check", "ach"], "check")}
    if args.has("insured until"):
        facts["insurance_expires_on"] = args.day("insured until")
        facts["insurance_policy"] = args.choice("lapse", ["blocks", "warns"], "blocks")
    name = args.text("name")
    made = services.create_vendor(
        entity_id=stage.entity.pk,
        code=args.text("code", name.upper().replace(" ", "-")),
        name=name,
        actor_id=stage.maker.pk,
        **facts,
    )
    stage.things[name] = made
    return f"{made} is a vendor"


@verb("vendor bank details")
def bank_details(stage: Stage, args: Args) -> str:
    """New bank details of a vendor, agreed to by a second person: `vendor`, `account`."""
    change = services.ask_bank_change(
        stage.thing(Vendor, args, "vendor"),
        routing_number="121000358",
        account_number=args.text("account"),
        evidence=args.text("evidence", "Called the number on the signed W-9"),
        asked_by=stage.maker,
    )
    approval = Approval.objects.filter(entity=stage.entity).latest("id")
    desk.decide(approval, is_agreed=True, checker=stage.checker)
    change.refresh_from_db()
    return f"The new account counts from {change.usable_on}"


@verb("work order")
def work_order(stage: Stage, args: Args) -> str:
    """Work is ordered and approved: `vendor`, `property`, `title`, `estimate`, `as`."""
    made = services.create_work_order(
        entity_id=stage.entity.pk,
        key=stage.new_key("work"),
        property_=stage.property(args.text("property"), args.place),
        vendor=stage.thing(Vendor, args, "vendor"),
        title=args.text("title"),
        estimate=args.money("estimate") if args.has("estimate") else None,
        made_on=stage.on,
        actor_id=stage.maker.pk,
    )
    made = services.approve_work_order(made, actor_id=stage.checker.pk)
    stage.keep(args, made)
    return f"Work order: {made.title}, {made.get_state_display().lower()}"


@verb("work done")
def work_done(stage: Stage, args: Args) -> str:
    """A work order is completed: `order`."""
    made = services.complete_work_order(
        stage.thing(WorkOrder, args, "order"), on=stage.on, actor_id=stage.maker.pk
    )
    return f"{made.title} is completed"


@verb("bill")
def bill(stage: Stage, args: Args) -> str:
    """A vendor's bill: `vendor`, `number`, `amount`, `split` by property (amounts; or `evenly`
    with `properties`), `order`, `due`, `credit` (yes for a vendor credit), `as`."""
    amount = args.money("amount")
    if args.has("split"):
        parts = {
            name: Args({name: text}, args.place).money(name)
            for name, text in args.map("split").items()
        }
    else:
        names = args.list("properties", list(stage.properties))
        parts = dict(zip(names, split(amount, [Decimal(1)] * len(names)), strict=True))
    lines = [
        NewBillLine(
            property_id=stage.property(name, args.place).pk,
            amount=part,
            category=args.text("category", "repairs"),
        )
        for name, part in parts.items()
    ]
    order = stage.thing(WorkOrder, args, "order") if args.has("order") else None
    made = services.enter_bill(
        NewBill(
            entity_id=stage.entity.pk,
            key=stage.new_key("bill"),
            vendor_id=stage.thing(Vendor, args, "vendor").pk,
            number=args.text("number"),
            dated_on=stage.on,
            due_on=args.day("due", stage.on + timedelta(days=14)),
            amount=amount,
            lines=lines,
            is_credit=args.flag("credit"),
            work_order_id=order.pk if order else None,
        ),
        actor_id=stage.maker.pk,
    )
    stage.keep(args, made)
    return f"Bill {made.number} of {plain(made.amount)} entered"


@verb("approve bill")
def approve_bill(stage: Stage, args: Args) -> str:
    """A property manager approves a bill: `bill`."""
    made = services.approve_bill(
        stage.thing(Bill, args, "bill"), actor_id=stage.checker.pk, on=stage.on
    )
    return f"Bill {made.number} of {plain(made.amount)} approved"


@verb("owner approves")
def owner_approves(stage: Stage, args: Args) -> str:
    """An owner's yes, recorded with its evidence and confirmed by a second person: `bill`,
    `owner`, `property`, `evidence`."""
    made = services.record_owner_approval(
        stage.thing(Bill, args, "bill"),
        property_=stage.property(args.text("property"), args.place),
        owner=stage.owner(args.text("owner"), args.place),
        evidence=args.text("evidence", "E-mail of the owner"),
        recorded_by=stage.maker,
    )
    approval = Approval.objects.filter(entity=stage.entity, state="waiting").latest("id")
    desk.decide(approval, is_agreed=True, checker=stage.checker)
    return f"{made.owner} approved"


@verb("pay bills")
def pay_bills(stage: Stage, args: Args) -> str:
    """Approved bills are paid as far as the owners' money reaches: `bills`, `method`."""
    rows = [_bill(stage, args, name) for name in args.list("bills")]
    done = services.pay_bills(
        entity_id=stage.entity.pk,
        bill_ids=[row.pk for row in rows],
        on=stage.on,
        method=args.text("method", "check"),
        actor_id=stage.maker.pk,
    )
    waiting = f"; {len(done.waiting)} parts wait" if done.waiting else ""
    return f"{len(done.payment_ids)} payments of {plain(done.total)}{waiting}"


def _bill(stage: Stage, args: Args, name: str) -> Bill:
    found = stage.things.get(name)
    if not isinstance(found, Bill):
        raise StoryError(args.place, f"no bill was named {name!r} before")
    return Bill.objects.get(pk=found.pk)
