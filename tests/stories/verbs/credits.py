"""Layer 1, what changes afterwards: concessions, credits, late fees, moves, agencies."""

from leases.models import LeaseTenant
from proptrust.lib.money import plain, total
from receivables import services
from receivables.models import Charge, ChargeKind, Comeback, Concession, Credit, Receipt
from receivables.services.late_fees import assess_late_fees
from receivables.services.moves import move_receipt
from receivables.services.returned import retry_return
from receivables.services.subsidies import create_agency, create_subsidy, record_subsidies
from receivables.types import NewSubsidyLine, NewSubsidyRemittance
from tests.stories.reading import Args, StoryError
from tests.stories.stage import Stage
from tests.stories.verbs import verb

_KINDS = [kind.value for kind in ChargeKind]


@verb("concession")
def concession(stage: Stage, args: Args) -> str:
    """A lease is let off a part every month: `lease`, `amount` or `rate`, `kind` (rent), `from`,
    `until`, `memo`."""
    lease = stage.lease(args.text("lease"), args.place)
    made = Concession.objects.create(
        lease=lease,
        charge_kind=args.choice("kind", _KINDS, "rent"),
        amount=args.money("amount") if args.has("amount") else None,
        rate=args.rate("rate") if args.has("rate") else None,
        from_on=args.day("from", stage.on),
        until_on=args.day("until") if args.has("until") else None,
        memo=args.text("memo", "Concession"),
    )
    return f"{lease.code} is let off {plain(made.amount) if made.amount else made.rate} a month"


@verb("credit")
def credit(stage: Stage, args: Args) -> str:
    """A charge is let off in part: `lease`, `kind` of charge (rent), `due`, `amount`, `as kind`
    (adjustment, write_off), `reason`."""
    charge = _charge(stage, args)
    made = services.give_credit(
        charge,
        args.money("amount"),
        kind=args.choice("as kind", [k.value for k in Credit.Kind], "adjustment"),
        reason=args.text("reason"),
        key=stage.new_key("credit"),
        on=stage.on,
        actor_id=stage.maker.pk,
    )
    return f"{plain(made.amount)} of {charge.get_kind_display().lower()} let off: {made.reason}"


@verb("waive")
def waive(stage: Stage, args: Args) -> str:
    """A charge is waived whole, even if paid: `lease`, `kind` (late_fee), `due`, `reason`."""
    charge = _charge(stage, args, "late_fee")
    made = services.waive(charge, reason=args.text("reason"), on=stage.on, actor_id=stage.maker.pk)
    return f"{charge.get_kind_display()} of {plain(made.amount)} waived: {made.reason}"


@verb("late fees")
def late_fees(stage: Stage, args: Args) -> str:
    """The daily run of late fees."""
    done = assess_late_fees(stage.entity.pk, on=stage.on)
    return f"{done.made} late fees charged, {done.waived} taken off"


@verb("move receipt")
def move(stage: Stage, args: Args) -> str:
    """A payment was given to the wrong lease: `payment`, `lease`, `why`."""
    to = stage.lease(args.text("lease"), args.place)
    made = move_receipt(
        stage.thing(Receipt, args, "payment"),
        to,
        on=stage.on,
        why=args.text("why", "It was for another lease"),
        actor_id=stage.maker.pk,
    )
    return f"{plain(made.gross)} moved to {to.code}"


@verb("retry payment")
def retry(stage: Stage, args: Args) -> str:
    """A returned debit is tried again: `return` names the comeback, `settles`."""
    made = retry_return(
        stage.thing(Comeback, args, "return"), on=args.day("settles"), actor_id=stage.maker.pk
    )
    return f"Try {made.number} of {plain(made.first.gross)} goes to the bank"


@verb("subsidy")
def subsidy(stage: Stage, args: Args) -> str:
    """An agency pays a part of a lease's rent: `agency`, `lease`, `amount`, `code`, `from`."""
    name = args.text("agency")
    agency = create_agency(entity_id=stage.entity.pk, name=name)
    stage.things[name] = agency
    lease = stage.lease(args.text("lease"), args.place)
    create_subsidy(
        lease=lease,
        agency=agency,
        tenant_code=args.text("code"),
        amount=args.money("amount"),
        from_on=args.day("from", stage.on),
    )
    return f"{name} pays {plain(args.money('amount'))} a month for {lease.code}"


@verb("agency pays")
def agency_pays(stage: Stage, args: Args) -> str:
    """An agency's transfer for many leases: `agency`, `number`, `lines` with `code` and `amount`,
    `account` (rent), `month`."""
    agency = stage.things.get(args.text("agency"))
    if agency is None:
        raise StoryError(args.place, "no subsidy named this agency before")
    lines = []
    for row_number, row in enumerate(args.rows("lines"), start=1):
        lines.append(
            NewSubsidyLine(
                row=row_number, tenant_code=row.text("code"), amount=row.money("amount"),
                memo=row.text("memo", ""),
            )
        )  # fmt: skip
        row.done()
    made = record_subsidies(
        NewSubsidyRemittance(
            agency_id=agency.pk,
            book_id=stage.account(args.text("account", "rent"), args.place).book_id,
            number=args.text("number"),
            month=args.day("month", stage.on),
            arrives_on=stage.on,
            amount=args.money("amount", str(total(line.amount for line in lines).amount)),
            lines=lines,
        ),
        made_by_id=stage.maker.pk,
    )
    return f"{agency} paid {plain(made.amount)} for {len(lines)} leases"


@verb("roommate shares")
def roommate_shares(stage: Stage, args: Args) -> str:
    """What roommates agreed to pay each: `lease`, `shares` by name. They stay jointly liable."""
    lease = stage.lease(args.text("lease"), args.place)
    for name, share in args.map("shares").items():
        part = Args({"share": share}, args.place).rate("share")
        LeaseTenant.objects.filter(lease=lease, tenant=stage.tenants[name]).update(share=part)
    return f"The tenants of {lease.code} share the rent"


def _charge(stage: Stage, args: Args, kind: str = "rent") -> Charge:
    lease = stage.lease(args.text("lease"), args.place)
    rows = lease.charges.filter(kind=args.choice("kind", _KINDS, kind))
    if args.has("due"):
        rows = rows.filter(due_on=args.day("due"))
    found = rows.order_by("-due_on", "-id").first()
    if found is None:
        raise StoryError(args.place, f"{lease.code} has no such charge")
    return found
