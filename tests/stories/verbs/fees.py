"""Layer 5: management fees follow the rent by themselves; what else the company earns and draws."""

from fees import services
from fees.models import Fee
from fees.types import FeesTaken
from proptrust.lib.money import plain
from tests.stories.reading import Args
from tests.stories.stage import Stage
from tests.stories.verbs import verb


@verb("take fees")
def take_fees(stage: Stage, args: Args) -> str:
    """The net under the fees that follow receipts: takes what is missing, gives back what is not
    due; running it changes nothing when all is right."""
    return _said(services.take_fees(stage.entity.pk, on=stage.on))


@verb("month's fees")
def period_fees(stage: Stage, args: Args) -> str:
    """Fees of a month: per unit, the minimum, the true-up: `month`."""
    return _said(
        services.take_period_fees(stage.entity.pk, args.day("month", stage.on), on=stage.on)
    )


@verb("take waiting fees")
def take_waiting(stage: Stage, args: Args) -> str:
    """Fees that waited for the owners' money, oldest first."""
    return _said(services.take_waiting(stage.entity.pk, stage.on))


@verb("add fee")
def add_fee(stage: Stage, args: Args) -> str:
    """A fee by hand: `property`, `kind` (renewal …), `amount`, `lease`, `reason`."""
    fees = services.add_fee(
        services.NewFee(
            property=stage.property(args.text("property"), args.place),
            kind=args.choice("kind", [kind.value for kind in Fee.BY_HAND]),
            amount=args.money("amount"),
            on=stage.on,
            key=stage.new_key("fee"),
            reason=args.text("reason"),
            lease=stage.lease(args.text("lease"), args.place) if args.has("lease") else None,
        ),
        actor_id=stage.maker.pk,
    )
    return f"{fees[0].get_kind_display()} fee of {plain(args.money('amount'))}"


@verb("draw fees")
def draw_fees(stage: Stage, args: Args) -> str:
    """Earned fees go to the company's own account: `account` (rent), `amount` (all)."""
    book = stage.account(args.text("account", "rent"), args.place).book
    draw = services.draw_fees(
        book,
        on=stage.on,
        amount=args.money("amount") if args.has("amount") else None,
        actor_id=stage.maker.pk,
        approved_by_id=stage.checker.pk,
    )
    return f"{plain(draw.amount)} of earned fees drawn to the operating account"


def _said(done: FeesTaken) -> str:
    said = f"{done.taken} fees taken ({plain(done.amount_taken)})"
    if done.given_back:
        said += f", {done.given_back} given back ({plain(done.amount_given_back)})"
    return said + (f", {done.waiting} wait for money" if done.waiting else "")
