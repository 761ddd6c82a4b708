"""What a line of an owner's claim is: which section of a statement, and which lease it is of.

An entry is told by what made it (an allocation, a fee, a payment, a contribution …), not by its
memo. Queries: one per kind of fact, however many lines there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db import connection

from disbursements.models import Advance, Contribution, DrawLine, Run, Section
from disbursements.types import ClaimLine
from fees.models import Fee
from ledger.models import Beneficiary, Entry
from payments.models import Payment
from receivables.models import Allocation, ChargeKind, Receipt

_KIND = Entry.Kind
_MANAGEMENT_FEES = frozenset(
    {Fee.Kind.MANAGEMENT, Fee.Kind.MINIMUM, Fee.Kind.PER_UNIT, Fee.Kind.TRUE_UP}
)
_BY_PURPOSE = {
    Payment.Purpose.OWNER_DRAW: Section.DRAW_BACK,
    Payment.Purpose.VENDOR: Section.BILL,
    Payment.Purpose.ESCROW: Section.BILL,
    Payment.Purpose.WITHHOLDING: Section.WITHHELD,
}
# Whose claim stands on the other side of a transfer.
_BY_OTHER_SIDE = {
    Beneficiary.Kind.ESCROW: Section.ESCROW,
    Beneficiary.Kind.WITHHELD: Section.WITHHELD,
    Beneficiary.Kind.COMPANY: Section.OTHER_FEE,
    Beneficiary.Kind.OWNER: Section.TRANSFER,
    Beneficiary.Kind.RESERVE: Section.TRANSFER,
}
_BY_KIND = {
    _KIND.OPENING: Section.BROUGHT_FORWARD,
    _KIND.RECEIPT: Section.RENT,
    _KIND.ALLOCATION: Section.RENT,
    _KIND.RETURN: Section.RENT,
    _KIND.INTEREST: Section.INTEREST,
    _KIND.ADJUSTMENT: Section.ADJUSTMENT,
    _KIND.DISBURSEMENT: Section.DRAW_BACK,
    _KIND.VENDOR_PAYMENT: Section.BILL,
}
_OTHER_SIDES = """
    SELECT l.entry_id, array_agg(DISTINCT y.kind)
    FROM ledger_line l JOIN ledger_beneficiary y ON y.id = l.beneficiary_id
    WHERE l.entry_id = ANY(%s)
    GROUP BY l.entry_id
"""


@dataclass(slots=True)
class _Entry:
    """What made an entry. undoes: the entries whose effect it takes back."""

    collected: Section | None = None
    lease_id: int | None = None
    fee: Section | None = None
    payment: Section | None = None
    own: Section | None = None
    undoes: set[int] = field(default_factory=set)


def classified(lines: Collection[ClaimLine]) -> dict[int, tuple[Section, int | None]]:
    """The section and the lease (None: of no lease) of each line, by its id."""
    made = _made_by({line.entry_id for line in lines}, _reversed_by(lines))
    sides = _other_sides({line.entry_id for line in lines if line.kind == _KIND.TRANSFER})
    paid_before = _counted_in_paid_runs({e for each in made.values() for e in each.undoes})
    kinds = _kinds_of({line.reverses_id for line in lines if line.reverses_id})
    found: dict[int, tuple[Section, int | None]] = {}
    for line in lines:
        facts = made[line.entry_id]
        kind = kinds.get(line.reverses_id, line.kind) if line.reverses_id else line.kind
        is_prior = line.is_late or bool(facts.undoes & paid_before)
        section = (
            Section.ADJUSTMENT
            if is_prior and facts.own is None and facts.payment is None
            else _section(kind, facts, sides.get(line.entry_id, frozenset()))
        )
        found[line.line_id] = section, facts.lease_id
    return found


def _section(kind: str, facts: _Entry, sides: Collection[str]) -> Section:
    """What an entry of the usual course is."""
    for told in (facts.own, facts.fee, facts.payment, facts.collected):
        if told is not None:
            return told
    if kind == _KIND.TRANSFER:
        return next((part for who, part in _BY_OTHER_SIDE.items() if who in sides), Section.OTHER)
    return _BY_KIND.get(_KIND(kind), Section.OTHER)


def _reversed_by(lines: Iterable[ClaimLine]) -> dict[int, int]:
    """The entry that each reversal undoes."""
    return {line.entry_id: line.reverses_id for line in lines if line.reverses_id is not None}


def _made_by(entry_ids: Collection[int], reverses: Mapping[int, int]) -> dict[int, _Entry]:
    """What made each entry; a reversal is what its original is."""
    made: dict[int, _Entry] = defaultdict(_Entry)
    for entry_id in entry_ids:
        made[entry_id]  # Every entry is there, whatever made it.
    asked = [*entry_ids, *reverses.values()]
    _add_allocations(made, asked)
    _add_fees(made, asked)
    _add_payments(made, asked)
    _add_own(made, asked)
    for entry_id, original_id in reverses.items():
        original = made[original_id]
        made[entry_id] = _Entry(
            collected=original.collected,
            lease_id=original.lease_id,
            fee=original.fee,
            payment=original.payment,
            own=original.own,
            undoes={original_id},
        )
    return made


def _add_allocations(made: dict[int, _Entry], entry_ids: Collection[int]) -> None:
    """Rent and other charges: what an entry paid, or whose payment it took back."""
    columns = (
        "entry_id", "undone_by_id", "charge__kind", "charge__lease_id", "receipt__channel"
    )  # fmt: skip
    rows = Allocation.objects.filter(receipt__isnull=False)
    paying = rows.filter(entry__in=entry_ids).values_list(*columns)
    undone = rows.filter(undone_by__in=entry_ids).values_list(*columns)
    for entry_id, _, kind, lease_id, channel in paying:
        _collect(made[entry_id], kind, lease_id, channel)
    for entry_id, undone_by, kind, lease_id, channel in undone:
        _collect(made[undone_by], kind, lease_id, channel)
        if entry_id != undone_by:
            made[undone_by].undoes.add(entry_id)


def _collect(entry: _Entry, kind: str, lease_id: int, channel: str) -> None:
    """Rent wins: a payment of rent and a fee is a payment of rent."""
    if channel == Receipt.Channel.DEPOSIT:
        entry.collected = Section.DEPOSIT_KEPT
    elif kind == ChargeKind.RENT:
        entry.collected = Section.RENT
    elif entry.collected is None:
        entry.collected = Section.OTHER_COLLECTED
    entry.lease_id = lease_id


def _add_fees(made: dict[int, _Entry], entry_ids: Collection[int]) -> None:
    rows = Fee.objects.filter(entry__in=entry_ids).values_list(
        "entry_id", "kind", "lease_id", "reverses__entry_id"
    )
    for entry_id, kind, lease_id, original_id in rows:
        is_management = kind in _MANAGEMENT_FEES
        made[entry_id].fee = Section.MANAGEMENT_FEE if is_management else Section.OTHER_FEE
        made[entry_id].lease_id = lease_id
        if original_id is not None:
            made[entry_id].undoes.add(original_id)


def _add_payments(made: dict[int, _Entry], entry_ids: Collection[int]) -> None:
    """Payments, and those that came back: bills, draws."""
    for name in ("entry_id", "back_entry_id"):
        rows = Payment.objects.filter(**{f"{name}__in": entry_ids}).values_list(name, "purpose")
        for entry_id, purpose in rows:
            made[entry_id].payment = _BY_PURPOSE.get(Payment.Purpose(purpose), Section.OTHER)


def _add_own(made: dict[int, _Entry], entry_ids: Collection[int]) -> None:
    contributions = Contribution.objects.filter(entry__in=entry_ids)
    for entry_id in contributions.values_list("entry_id", flat=True):
        if entry_id is not None:
            made[entry_id].own = Section.CONTRIBUTION
    for entry_id in Advance.objects.filter(entry__in=entry_ids).values_list("entry_id", flat=True):
        made[entry_id].own = Section.RECOVERY


def _counted_in_paid_runs(entry_ids: Collection[int]) -> frozenset[int]:
    """Which entries were in the figures of a run that was paid."""
    if not entry_ids:
        return frozenset()
    rows = DrawLine.objects.filter(
        entry__in=entry_ids,
        part=DrawLine.Part.COUNTED,
        draw_property__draw__run__state__in=Run.PAID,
    )
    return frozenset(rows.values_list("entry_id", flat=True))


def _kinds_of(entry_ids: Collection[int]) -> dict[int, str]:
    return dict(Entry.objects.filter(pk__in=entry_ids).values_list("pk", "kind"))


def _other_sides(entry_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """The kinds of beneficiaries that each transfer moves money between, owners among them."""
    if not entry_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_SIDES, [list(entry_ids)])
        return {entry_id: frozenset(found) for entry_id, found in cursor.fetchall()}
