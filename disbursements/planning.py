"""How much an owner is paid: pure functions from the facts of a draw to its figures.

Money that is not seasoned and the reserve stay; a shortage is filled from the owner's other
properties where the owner agreed; then the tax, then the company's advances, then the owner.
"""

from collections.abc import Sequence
from decimal import Decimal

from disbursements.types import Owed, Part, Planned
from proptrust.lib.money import split, usd

_NOTHING = Decimal(0)


def plan(
    parts: Sequence[Part],
    *,
    nets: bool,
    owed: Sequence[Owed] = (),
    most: Decimal | None = None,
    is_held: bool = False,
) -> list[Planned]:
    """What a draw does with each of its properties, in the same order.

    nets: one property's shortage is filled from the others. owed: advances, the oldest first.
    most: a person pays at most this. is_held: nobody is paid, but shortages are filled.
    For each: opening + change + netted = amount + withheld + repaid + closing.
    """
    base = [_base(part) for part in parts]
    reserve = [
        min(part.reserve_target, max(at - part.held_back, _NOTHING))
        for part, at in zip(parts, base, strict=True)
    ]
    free = [
        max(at - part.held_back - kept, _NOTHING)
        for part, at, kept in zip(parts, base, reserve, strict=True)
    ]
    out = [Planned(withheld=[_NOTHING] * len(part.dues)) for part in parts]
    if nets:
        _net([max(-at, _NOTHING) for at in base], [free, reserve], out)
    if not is_held:
        _withhold(parts, free, out)
        _repay(parts, free, owed, out, nets=nets)
        _pay(free, out, most)
    for part, kept, done in zip(parts, reserve, out, strict=True):
        done.reserve_held = kept
        done.closing = part.opening + part.change + done.netted - taken(done)
    return out


def taken(done: Planned) -> Decimal:
    """What leaves the claim: to the owner, to the tax authorities and to the company."""
    return done.amount + sum(done.withheld, _NOTHING) + sum(done.repaid.values(), _NOTHING)


def _base(part: Part) -> Decimal:
    """The claim on the cut-off day, or less where the days since have taken some of it."""
    return part.opening + part.change + min(part.next_cycle, _NOTHING)


def _net(needs: list[Decimal], tiers: list[list[Decimal]], out: list[Planned]) -> None:
    """Fill shortages from what is free, then from reserves; the fullest property gives first."""
    for tier in tiers:
        for needy in range(len(needs)):
            for giver in sorted(range(len(tier)), key=lambda i: (-tier[i], i)):
                given = min(needs[needy], tier[giver])
                if giver == needy or given <= 0:
                    continue
                tier[giver] -= given
                needs[needy] -= given
                out[giver].netted -= given
                out[needy].netted += given


def _withhold(parts: Sequence[Part], free: list[Decimal], out: list[Planned]) -> None:
    for i, part in enumerate(parts):
        for n, due in enumerate(part.dues):
            held = min(due.amount, free[i])
            free[i] -= held
            out[i].withheld[n] = held


def _repay(
    parts: Sequence[Part],
    free: list[Decimal],
    owed: Sequence[Owed],
    out: list[Planned],
    *,
    nets: bool,
) -> None:
    """Pay advances back, the oldest first: from their own property, then from the others."""
    for advance in owed:
        left = advance.amount
        own_first = sorted(
            range(len(parts)), key=lambda i: parts[i].beneficiary_id != advance.beneficiary_id
        )
        for i in own_first:
            is_own = parts[i].beneficiary_id == advance.beneficiary_id
            part = min(left, free[i])
            if part > 0 and (is_own or nets):
                free[i] -= part
                left -= part
                repaid = out[i].repaid
                repaid[advance.advance_id] = repaid.get(advance.advance_id, _NOTHING) + part


def _pay(free: list[Decimal], out: list[Planned], most: Decimal | None) -> None:
    total = sum(free, _NOTHING)
    amounts = list(free)
    if most is not None and total > most:
        payable = [i for i, part in enumerate(free) if part > 0]
        shares = split(usd(most), [free[i] for i in payable])
        amounts = [_NOTHING] * len(free)
        for i, share in zip(payable, shares, strict=True):
            amounts[i] = share.amount
    for done, amount in zip(out, amounts, strict=True):
        done.amount = amount
