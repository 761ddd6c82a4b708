"""Layer 3: security deposits, their interest, move-outs; escrow for tax and insurance."""

from __future__ import annotations

from deposits import services
from deposits.models import EscrowBill, EscrowFund, MoveOut
from deposits.types import NewDeduction, NewRefund
from leases.models import Lease
from proptrust.lib.money import plain
from receivables.services import transfer_deposit
from tests.stories.reading import Args
from tests.stories.stage import Stage
from tests.stories.verbs import verb


@verb("transfer deposit")
def transfer(stage: Stage, args: Args) -> str:
    """A deposit that came into the rent account goes to the deposit account: `lease`."""
    lease = stage.lease(args.text("lease"), args.place)
    _, amount = transfer_deposit(
        lease, lease.unit.property.rent_book, on=stage.on, actor_id=stage.maker.pk
    )
    return f"{plain(amount)} of {lease.code} moved to the deposit account"


@verb("bank interest")
def bank_interest(stage: Stage, args: Args) -> str:
    """The bank pays interest into a deposit account: `account` (deposits), `amount`."""
    book = stage.account(args.text("account", "deposits"), args.place).book
    services.record_bank_interest(
        book, amount=args.money("amount"), paid_on=stage.on, key=stage.new_key("interest"),
        actor_id=stage.maker.pk,
    )  # fmt: skip
    return f"The bank paid {plain(args.money('amount'))} of interest"


@verb("deposit rate")
def deposit_rate(stage: Stage, args: Args) -> str:
    """What the bank pays on a deposit account in a year: `account`, `year`, `rate`, `source`."""
    book = stage.account(args.text("account", "deposits"), args.place).book
    rate = args.rate("rate")
    services.enter_rate(
        book, year=args.number("year"), rate=rate, source=args.text("source", "Bank statement"),
        actor_id=stage.maker.pk,
    )  # fmt: skip
    return f"The deposit account pays {rate * 100:f} % in {args.number('year')}"


@verb("know")
def know(stage: Stage, args: Args) -> str:
    """A fact that a state's rule asks for: `property`, `fact`, `value`, `lease`."""
    name, told = args.text("fact"), args.text("value")
    value = {"yes": True, "no": False}.get(told, int(told) if told.isdigit() else told)
    lease = stage.lease(args.text("lease"), args.place) if args.has("lease") else None
    services.know(
        stage.property(args.text("property"), args.place), name, value, lease=lease,
        actor_id=stage.maker.pk,
    )  # fmt: skip
    return f"{name}: {told}"


@verb("credit interest")
def credit_interest(stage: Stage, args: Args) -> str:
    """Interest on deposits is credited to tenants by their state's rule."""
    services.ensure_deposits(stage.entity.pk)
    run = services.credit_interest(stage.entity.pk, on=stage.on, actor_id=stage.maker.pk)
    said = f"{run.credited} credits of {plain(run.amount)}"
    said += f", {run.waiting} wait for money" if run.waiting else ""
    return said + (f", {run.questions} questions" if run.questions else "")


@verb("start move-out")
def start_move_out(stage: Stage, args: Args) -> str:
    """Tenants have left; the deposit's clock starts: `lease`, `left`, `address`, `as`."""
    lease = stage.lease(args.text("lease"), args.place)
    services.ensure_deposits(stage.entity.pk)
    left = args.day("left", stage.on)
    made = services.start_move_out(
        lease,
        moved_out_on=left,
        ended_on=left,
        forwarding_address=args.text("address", "9 New Street\nTampa, FL 33602"),
        actor_id=stage.maker.pk,
    )
    Lease.objects.filter(pk=lease.pk).update(moved_out_on=left)
    stage.keep(args, made)
    return f"Moved out on {left}; the deposit is due by {made.due_on or 'a day nobody knows yet'}"


@verb("deduct")
def deduct(stage: Stage, args: Args) -> str:
    """A reason to keep a part of the deposit: `move-out`, `kind` (damage), `amount`, `memo`."""
    made = services.add_deduction(
        stage.thing(MoveOut, args, "move-out"),
        NewDeduction(
            kind=args.choice("kind", ["damage", "cleaning", "unpaid_rent", "other"], "damage"),
            amount=args.money("amount"),
            memo=args.text("memo"),
        ),
        actor_id=stage.maker.pk,
    )
    return f"{made.get_kind_display()}: {plain(made.amount)}, {made.memo}"


@verb("refund to")
def refund_to(stage: Stage, args: Args) -> str:
    """Who gets what goes back: `move-out`, `shares` by tenant."""
    shares = []
    for name, text in args.map("shares").items():
        shares.append(
            NewRefund(
                payee=name,
                tenant_id=stage.tenants[name].pk,
                address="9 New Street\nTampa, FL 33602",
                share=Args({"share": text}, args.place).rate("share"),
            )
        )
    services.set_refunds(stage.thing(MoveOut, args, "move-out"), shares, actor_id=stage.maker.pk)
    return f"The refund goes to {' and '.join(args.map('shares'))}"


@verb("claim sent")
def claim_sent(stage: Stage, args: Args) -> str:
    """The notice that a part of the deposit is claimed went out: `move-out`."""
    move_out = stage.thing(MoveOut, args, "move-out")
    notice = move_out.deposit.notices.filter(kind="claim").latest("id")
    services.send_notice(notice, sent_on=stage.on, how="certified", actor_id=stage.maker.pk)
    return "Notice of claim sent by certified mail"


@verb("settle move-out")
def settle(stage: Stage, args: Args) -> str:
    """The sheet is reviewed by a second person and settled: `move-out`."""
    move_out = stage.thing(MoveOut, args, "move-out")
    services.review_move_out(move_out, reviewer=stage.checker)
    planned = services.preview(MoveOut.objects.get(pk=move_out.pk), on=stage.on)
    services.settle_move_out(
        MoveOut.objects.get(pk=move_out.pk), on=stage.on, actor_id=stage.maker.pk
    )
    return (
        f"Kept {plain(planned.kept)}, refunded {plain(planned.refunded)}, still owed "
        f"{plain(planned.still_owed)}"
    )


@verb("escrow")
def escrow(stage: Stage, args: Args) -> str:
    """A fund of a property: `property`, `kind` (tax, insurance, maintenance), `target`, `as`."""
    fund = services.open_fund(
        stage.property(args.text("property"), args.place),
        kind=args.choice("kind", ["tax", "insurance", "maintenance"]),
        target=args.money("target", "0"),
    )
    stage.keep(args, fund)
    return f"{fund} opened"


@verb("escrow bill")
def escrow_bill(stage: Stage, args: Args) -> str:
    """A bill that a fund expects: `fund`, `payee`, `amount`, `due`, `as`."""
    bill = services.expect_bill(
        stage.thing(EscrowFund, args, "fund"),
        payee=args.text("payee"),
        amount=args.money("amount"),
        due_on=args.day("due"),
        address="1 Tax Way\nTampa, FL 33601",
    )
    stage.keep(args, bill)
    return f"{bill.payee} will ask {plain(bill.amount)} by {bill.due_on}"


@verb("fund escrows")
def fund_escrows(stage: Stage, args: Args) -> str:
    """The month's part of every fund is taken from the owners as far as it reaches: `month`."""
    done = services.fund_escrows(
        stage.entity.pk, args.day("month", stage.on), on=stage.on, actor_id=stage.maker.pk
    )
    return f"{plain(done.amount)} into escrow" + (f", {done.short} short" if done.short else "")


@verb("pay from escrow")
def pay_from_escrow(stage: Stage, args: Args) -> str:
    """An expected bill is paid: `bill`, `method` (check)."""
    bill = services.pay_bill(
        stage.thing(EscrowBill, args, "bill"),
        on=stage.on,
        method=args.text("method", "check"),
        actor_id=stage.maker.pk,
    )
    return f"{plain(bill.amount)} paid to {bill.payee}"
