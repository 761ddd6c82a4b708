"""From a plan to rows: a draw, its properties and what is withheld, for one draw or for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from disbursements.models import DrawProperty, OwnerDraw, Withholding
from disbursements.planning import plan
from disbursements.types import Due, Owed, Part, Planned
from leases.models import Owner, PayoutMethod
from proptrust.lib.money import plain, usd

_NOTHING = Decimal(0)
_SUMS = ("opening", "amount", "withheld", "closing", "reserve_held", "held_back", "next_cycle")


@dataclass(slots=True)
class Draft:
    """A draw that is being planned: its row, its properties' rows in order, and their facts."""

    draw: OwnerDraw
    owner: Owner
    rows: list[DrawProperty]
    parts: list[Part]
    owed: Sequence[Owed] = ()
    planned: list[Planned] = field(default_factory=list)


def settle(draft: Draft) -> None:
    """Plan a draw from its facts and write the figures into its rows; nothing is saved."""
    draw = draft.draw
    draft.planned = plan(
        draft.parts,
        nets=draft.owner.nets_properties,
        owed=draft.owed,
        most=draw.most.amount if draw.most is not None else None,
        is_held=draw.state == OwnerDraw.State.HELD,
    )
    for row, done in zip(draft.rows, draft.planned, strict=True):
        row.netted, row.amount = usd(done.netted), usd(done.amount)
        row.withheld = usd(sum(done.withheld, _NOTHING))
        row.repaid = usd(sum(done.repaid.values(), _NOTHING))
        row.repays = {str(advance): str(part) for advance, part in done.repaid.items()}
        row.reserve_held, row.closing = usd(done.reserve_held), usd(done.closing)
    for name in (*_SUMS, "repaid"):
        setattr(draw, name, usd(sum((getattr(row, name).amount for row in draft.rows), _NOTHING)))
    if draw.state != OwnerDraw.State.HELD:
        pays = any((draw.amount, draw.withheld, draw.repaid))
        draw.state = OwnerDraw.State.PLANNED if pays else OwnerDraw.State.NOTHING
    draw.warnings = [*_payee_warnings(draft), *_money_warnings(draft), *draw.tax_notes]
    draw.problems = len(draw.warnings)


def new_withholdings(draft: Draft, payees: Mapping[str, int]) -> list[Withholding]:
    """What each property holds back, one row a rule. payees: jurisdiction to beneficiary."""
    return [
        Withholding(
            draw_property=row,
            kind=due.kind,
            jurisdiction=due.jurisdiction,
            beneficiary_id=payees[due.jurisdiction],
            rate=due.rate,
            base=usd(due.base),
            due=usd(due.amount),
            amount=usd(amount),
            source=due.source,
            is_confirmed=due.is_confirmed,
        )
        for row, part, done in zip(draft.rows, draft.parts, draft.planned, strict=True)
        for due, amount in zip(part.dues, done.withheld, strict=True)
    ]


def part_of(row: DrawProperty, withheld: Sequence[Withholding]) -> Part:
    """The facts of a property that is planned again, from its rows."""
    return Part(
        beneficiary_id=row.beneficiary_id,
        opening=row.opening.amount,
        change=row.change.amount,
        next_cycle=row.next_cycle.amount,
        reserve_target=row.reserve_target.amount,
        held_back=row.held_back.amount,
        dues=[
            Due(
                each.kind, each.jurisdiction, each.rate, each.base.amount, each.due.amount,
                each.source, each.is_confirmed,
            )
            for each in withheld
        ],
    )  # fmt: skip


def payee_problem(owner: Owner) -> str:
    """Why an owner could not be paid by their method; "" if they can."""
    if owner.payout_method == PayoutMethod.ACH and not (
        owner.payout_routing_number and owner.payout_account_number
    ):
        return "No bank account on file for the ACH payment."
    if owner.payout_method == PayoutMethod.CHECK and not owner.address.strip():
        return "No address on file for the check."
    return ""


def _payee_warnings(draft: Draft) -> list[str]:
    problem = payee_problem(draft.owner)
    return [problem] if problem and draft.draw.amount else []


def _money_warnings(draft: Draft) -> list[str]:
    said = []
    for row in draft.rows:
        now = row.closing + min(row.next_cycle, usd(0))
        if now < usd(0):
            said.append(
                f"{row.property.name} is overdrawn by {plain(-now)}; nothing goes out of the trust"
                " account before that is made good."
            )
        elif row.reserve_held < row.reserve_target:
            missing = row.reserve_target - row.reserve_held
            said.append(f"{row.property.name}: {plain(missing)} missing in the reserve.")
    if draft.draw.held_back:
        said.append(f"{plain(draft.draw.held_back)} is not seasoned yet and is held back.")
    return said
