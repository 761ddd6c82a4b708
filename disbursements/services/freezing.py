"""Freeze a run: count every line up to the cut-off, and plan what each owner is paid."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from desk.models import LegalEntity, User
from desk.services import record
from disbursements import reading, withholding
from disbursements.errors import DisbursementsError, RunOpen
from disbursements.models import (
    FIGURE_NAMES,
    DrawLine,
    DrawProperty,
    OwnerDraw,
    Run,
    Section,
    Withholding,
    figure_of,
)
from disbursements.sections import classified
from disbursements.services import drafting
from disbursements.services.authorities import authority_of
from disbursements.services.drafting import Draft
from disbursements.services.locks import hold_company
from disbursements.services.settling import close_recoveries
from disbursements.types import ClaimLine, Due, HeldBack, Part
from disbursements.withholding import Gross
from fees.services import take_fees, take_waiting
from leases.models import Owner, OwnershipShare, Property
from leases.queries import agreements_of_many, shares_of_many
from proptrust.lib.money import split, usd

_NOTHING = Decimal(0)
_Claim = tuple[int, int]  # Book and beneficiary.
_INSERT = """
    INSERT INTO disbursements_drawline (draw_property_id, part, section, line_id, entry_id, amount,
        amount_currency, dated_on, lease_id, until_on)
    SELECT t.row, t.part, t.section, t.line, t.entry, t.amount, 'USD', t.dated_on, t.lease, t.until
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::numeric[],
        %s::date[], %s::bigint[], %s::date[])
        AS t (row, part, section, line, entry, amount, dated_on, lease, until)
"""


@dataclass(slots=True)
class _Facts:
    """Everything about one claim that a draw needs. sections: of each counted line's figure."""

    opening: Decimal = _NOTHING
    reserve_before: Decimal = _NOTHING
    counted: list[ClaimLine] = field(default_factory=list)
    later: list[ClaimLine] = field(default_factory=list)
    held: list[HeldBack] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the agreements of the cut-off day say of a claim."""

    share: Decimal | None = None
    tax_share: Decimal | None = None
    reserve: Decimal = _NOTHING


@transaction.atomic
def freeze_run(entity: LegalEntity, *, cut_off_on: date, pays_on: date, actor: User) -> Run:
    """Freeze the owner draws of a company up to a day.

    Fees are taken first. Each owner's claims are counted per trust account, over all properties,
    past ones with a balance among them: every line up to the cut-off that no draw has counted yet,
    late facts of earlier days too. What came later is listed for the next cycle. The number of
    queries does not depend on how many owners, properties or lines there are.

    Raises RunOpen while another run is neither sent nor cancelled, DisbursementsError for days that
    do not fit.
    """
    hold_company(entity.pk)
    last = reading.last_paid_run(entity.pk)
    _check(entity, last, cut_off_on, pays_on)
    take_fees(entity.pk, on=cut_off_on)
    take_waiting(entity.pk, on=cut_off_on)
    close_recoveries(entity.pk, on=timezone.localdate())
    run = Run.objects.create(entity=entity, cut_off_on=cut_off_on, pays_on=pays_on, made_by=actor)
    facts = _facts_of(entity.pk, last, cut_off_on=cut_off_on, pays_on=pays_on)
    lines = [line for each in facts.values() for line in (*each.counted, *each.later)]
    sections = classified(lines)
    drafts = _drafts(run, last, facts, sections)
    _save(entity.pk, drafts, facts, sections)
    record(
        "freeze run",
        text=f"Froze the owner draws up to {cut_off_on:%b %-d, %Y}: {len(drafts)} draws",
        subject=run,
        actor=actor,
        facts={"cut_off_on": cut_off_on.isoformat(), "pays_on": pays_on.isoformat()},
    )
    return run


def _check(entity: LegalEntity, last: Run | None, cut_off_on: date, pays_on: date) -> None:
    standing = Run.objects.filter(entity=entity, state__in=Run.OPEN).first()
    if standing is not None:
        raise RunOpen(
            f"The run to {standing.cut_off_on:%b %-d, %Y} is open"
            f" ({standing.get_state_display().lower()}): send or cancel it first."
        )
    if pays_on < cut_off_on:
        raise DisbursementsError("The day of payment is on the cut-off day or after it.")
    if cut_off_on > timezone.localdate():
        raise DisbursementsError(f"{cut_off_on:%b %-d, %Y} has not come yet; no run ends on it.")
    if last is not None and cut_off_on < last.cut_off_on:
        raise DisbursementsError(
            f"The last run ended on {last.cut_off_on:%b %-d, %Y}; the next one ends later."
        )


def _facts_of(
    entity_id: int, last: Run | None, *, cut_off_on: date, pays_on: date
) -> dict[_Claim, _Facts]:
    facts: dict[_Claim, _Facts] = defaultdict(_Facts)
    for claim, (closing, reserve) in reading.openings(last).items():
        if closing or reserve:
            facts[claim].opening, facts[claim].reserve_before = closing, reserve
    for who, book_id in _carried_claims(last):
        facts[book_id, who]  # A draw of its own, so that the tax stays due.
    for line in reading.uncounted_lines(entity_id, last):
        each = facts[line.book_id, line.beneficiary_id]
        (each.counted if line.dated_on <= cut_off_on else each.later).append(line)
    for held in reading.held_back(entity_id, cut_off_on=cut_off_on, pays_on=pays_on):
        claim = (held.book_id, held.beneficiary_id)
        if claim in facts:
            facts[claim].held.append(held)
    return facts


def _carried_claims(last: Run | None) -> list[_Claim]:
    """The claims, as (beneficiary, book), whose tax the last run could not hold."""
    carried = {who for who, _, _ in withholding.carried_from(last)}
    rows = DrawProperty.objects.filter(draw__run=last, beneficiary__in=carried)
    return list(rows.values_list("beneficiary_id", "draw__book_id")) if carried else []


def _drafts(
    run: Run,
    last: Run | None,
    facts: Mapping[_Claim, _Facts],
    sections: Mapping[int, tuple[Section, int | None]],
) -> list[Draft]:
    """The draws of a run, planned and not saved; in the order of owner and trust account."""
    who = _owners_of({beneficiary_id for _, beneficiary_id in facts})
    owners = Owner.objects.in_bulk({owner_id for owner_id, _ in who.values()})
    properties = Property.objects.in_bulk({property_id for _, property_id in who.values()})
    terms = _terms(properties, run.cut_off_on)
    owed = reading.owed_advances(run.entity_id)
    taxed = [owner_id for owner_id, owner in owners.items() if withholding.kinds_for(owner)]
    before = withholding.credited_this_year(taxed, on=run.pays_on)
    carried = withholding.carried_from(last)
    drafts = []
    for (owner_id, book_id), claims in _by_owner(facts, who, owners, properties).items():
        owner = owners[owner_id]
        draw = OwnerDraw(run=run, owner=owner, book_id=book_id, method=owner.payout_method)
        rows = [
            _row(draw, properties[who[claim[1]][1]], claim, facts[claim], sections, terms)
            for claim in claims
        ]
        dues, said = withholding.dues(
            owner,
            [
                Gross(
                    row.beneficiary_id, row.property.state, row.collected.amount, -row.fees.amount
                )
                for row in rows
            ],
            on=run.pays_on,
            year_before=before.get(owner_id, _NOTHING),
            carried=carried,
        )
        parts = [_part(row, dues.get(row.beneficiary_id, ())) for row in rows]
        draw.tax_notes = said
        _add_figures(draw, (facts[claim] for claim in claims), sections)
        draft = Draft(draw, owner, rows, parts, owed.get((owner_id, book_id), ()))
        drafting.settle(draft)
        drafts.append(draft)
        # A second trust account of the same owner counts what this one credits.
        credited = sum((max(row.collected.amount, _NOTHING) for row in rows), _NOTHING)
        before[owner_id] = before.get(owner_id, _NOTHING) + credited
    return drafts


def _owners_of(beneficiary_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """The owner and property of each beneficiary; past shares count, too."""
    rows = OwnershipShare.objects.filter(beneficiary__in=beneficiary_ids)
    return {
        beneficiary_id: (owner_id, property_id)
        for beneficiary_id, owner_id, property_id in rows.values_list(
            "beneficiary_id", "owner_id", "property_id"
        )
    }


def _by_owner(
    facts: Mapping[_Claim, _Facts],
    who: Mapping[int, tuple[int, int]],
    owners: Mapping[int, Owner],
    properties: Mapping[int, Property],
) -> dict[_Claim, list[_Claim]]:
    """The claims of each owner and trust account, by the names of owner and property."""
    found: dict[tuple[int, int], list[_Claim]] = defaultdict(list)
    known = [claim for claim in facts if claim[1] in who]

    def names(claim: _Claim) -> tuple[str, int, int, str, int]:
        owner_id, property_id = who[claim[1]]
        return (
            owners[owner_id].name, owner_id, claim[0], properties[property_id].name, property_id
        )  # fmt: skip

    for claim in sorted(known, key=names):
        found[who[claim[1]][0], claim[0]].append(claim)
    return found


def _terms(properties: Mapping[int, Property], day: date) -> dict[int, _Terms]:
    """What each beneficiary's share, tax share and reserve are on a day; the reserve is split."""
    agreements = agreements_of_many(list(properties), day)
    shares = shares_of_many(list(properties), day)
    tax = dict(
        OwnershipShare.objects.filter(
            property__in=properties, tax_share__isnull=False, from_on__lte=day
        )
        .order_by("from_on")
        .values_list("beneficiary_id", "tax_share")
    )
    found: dict[int, _Terms] = {}
    for property_id, in_force in shares.items():
        agreement = agreements.get(property_id)
        target = agreement.reserve_target if agreement else usd(0)
        parts = split(target, [each.share for each in in_force])
        for each, part in zip(in_force, parts, strict=True):
            found[each.beneficiary_id] = _Terms(
                each.share, tax.get(each.beneficiary_id, each.share), part.amount
            )
    return found


def _row(
    draw: OwnerDraw,
    property_: Property,
    claim: _Claim,
    facts: _Facts,
    sections: Mapping[int, tuple[Section, int | None]],
    terms: Mapping[int, _Terms],
) -> DrawProperty:
    of = terms.get(claim[1], _Terms())
    figures: dict[str, Decimal] = defaultdict(Decimal)
    for line in facts.counted:
        figures[figure_of(sections[line.line_id][0])] += line.amount
    return DrawProperty(
        draw=draw,
        property=property_,
        beneficiary_id=claim[1],
        share=of.share,
        tax_share=of.tax_share,
        opening=usd(facts.opening),
        change=usd(_sum(facts.counted)),
        collected=usd(figures["collected"]),
        fees=usd(figures["fees"]),
        reserve_target=usd(of.reserve),
        reserve_before=usd(facts.reserve_before),
        held_back=usd(sum((each.amount for each in facts.held), _NOTHING)),
        next_cycle=usd(_sum(facts.later)),
    )


def _part(row: DrawProperty, dues: Sequence[Due]) -> Part:
    return Part(
        beneficiary_id=row.beneficiary_id,
        opening=row.opening.amount,
        change=row.change.amount,
        next_cycle=row.next_cycle.amount,
        reserve_target=row.reserve_target.amount,
        held_back=row.held_back.amount,
        dues=dues,
    )


def _add_figures(
    draw: OwnerDraw,
    claims: Iterable[_Facts],
    sections: Mapping[int, tuple[Section, int | None]],
) -> None:
    figures: dict[str, Decimal] = dict.fromkeys(FIGURE_NAMES, _NOTHING)
    for each in claims:
        for line in each.counted:
            figures[figure_of(sections[line.line_id][0])] += line.amount
    for name, amount in figures.items():
        setattr(draw, name, usd(amount))


def _sum(lines: Iterable[ClaimLine]) -> Decimal:
    return sum((line.amount for line in lines), _NOTHING)


def _save(
    entity_id: int,
    drafts: Sequence[Draft],
    facts: Mapping[_Claim, _Facts],
    sections: Mapping[int, tuple[Section, int | None]],
) -> None:
    OwnerDraw.objects.bulk_create([draft.draw for draft in drafts])
    for draft in drafts:
        for row in draft.rows:
            row.draw_id = draft.draw.pk
    DrawProperty.objects.bulk_create([row for draft in drafts for row in draft.rows])
    places = {due.jurisdiction for draft in drafts for part in draft.parts for due in part.dues}
    payees = {place: authority_of(entity_id, place) for place in sorted(places)}
    Withholding.objects.bulk_create(
        [row for draft in drafts for row in drafting.new_withholdings(draft, payees)]
    )
    save_lines(
        [
            line
            for draft in drafts
            for row in draft.rows
            for line in _lines_of(row, facts[draft.draw.book_id, row.beneficiary_id], sections)
        ]
    )


LineRow = tuple[int, str, str, int | None, int, Decimal, date, int | None, date | None]


def _lines_of(
    row: DrawProperty, facts: _Facts, sections: Mapping[int, tuple[Section, int | None]]
) -> Iterable[LineRow]:
    for part, lines in (
        (DrawLine.Part.COUNTED, facts.counted),
        (DrawLine.Part.NEXT_CYCLE, facts.later),
    ):
        for line in lines:
            section, lease_id = sections[line.line_id]
            yield (
                row.pk, part.value, section.value, line.line_id, line.entry_id, line.amount,
                line.dated_on, lease_id, None,
            )  # fmt: skip
    for held in facts.held:
        yield (
            row.pk, DrawLine.Part.HELD_BACK.value, Section.RENT.value, None, held.entry_id,
            held.amount, held.dated_on, held.lease_id, held.until_on,
        )  # fmt: skip


def save_lines(rows: Sequence[LineRow]) -> None:
    """Write lines of draws with one statement.

    rows: property of a draw, part, section, line, entry, amount, day, lease, until when held back.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
