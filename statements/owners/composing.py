"""An owner statement from its facts: pure functions; the same facts give the same rows."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from disbursements.models import Section
from statements.errors import DoesNotTie
from statements.owners.comparing import changes
from statements.owners.sections import ORDER, PAID, section_of
from statements.owners.types import (
    Claim,
    DocumentRow,
    Earlier,
    LineRow,
    Moved,
    NextRow,
    Owned,
    OwnerIntegrity,
    OwnerStatementRows,
    Paper,
    PropertyRow,
    Share,
    StatementFacts,
    SummaryRow,
    TieRow,
)

NOTHING = Decimal("0.00")


@dataclass(slots=True)
class _Sorted:
    """The lines of a statement by what becomes of them.

    counted: in the equation. later: known, of the next cycle. before: of this year, before the
    first day. stated: on the statement that this one follows, though dated later.
    """

    counted: list[Moved] = field(default_factory=list)
    later: list[Moved] = field(default_factory=list)
    before: list[Moved] = field(default_factory=list)
    stated: list[Moved] = field(default_factory=list)


def compose(facts: StatementFacts, software: str) -> OwnerStatementRows:
    """The rows of a statement.

    Raises DoesNotTie if a closing is not what the ledger holds for the owner: then a fact was
    missed or counted twice, and nothing may be printed.
    """
    told = _sorted(facts)
    properties = _properties(facts, told)
    papers = _papers(facts, told.counted)
    lines = _lines(facts, told.counted, papers)
    opening = _sum(row.opening for row in properties)
    change = _sum(row.change for row in properties)
    paid = _sum(row.paid for row in properties)
    rows = OwnerStatementRows(
        cover=facts.cover,
        opening=_text(opening),
        change=_text(change),
        paid=_text(paid),
        closing=_text(opening + change - paid),
        summary=_summary(facts, told),
        properties=properties,
        lines=lines,
        next_cycle=_next_cycle(facts, told.later),
        ties=_ties(facts, told, properties),
        documents=tuple(row for _, row in sorted(papers.values(), key=lambda pair: pair[0])),
        changes=(),
        integrity=_integrity(facts, told, software),
    )
    return changes(facts.replaces, rows) if facts.replaces else rows


def _sorted(facts: StatementFacts) -> _Sorted:
    told, follows = _Sorted(), facts.follows
    for line in facts.moved:
        if follows and line.line_id in follows.carried:
            told.stated.append(line)
        elif _is_of_run(line, facts):
            told.counted.append(line)
        elif line.dated_on > facts.to_on:
            told.later.append(line)
        elif line.dated_on >= facts.from_on or (follows and line.known_at > follows.known_at):
            told.counted.append(line)
        else:
            told.before.append(line)
    return told


def _is_of_run(line: Moved, facts: StatementFacts) -> bool:
    return facts.run_id is not None and line.run_id == facts.run_id


def _claims(facts: StatementFacts, told: _Sorted) -> list[tuple[Claim, Owned]]:
    """The claims that the statement shows, by the names of property and trust account."""
    owned = {each.beneficiary_id: each for each in facts.owned}
    openings = facts.follows.closings if facts.follows else facts.openings
    shown = {claim for claim, amount in openings.items() if amount and claim[1] in owned}
    shown |= {(line.book_id, line.beneficiary_id) for line in told.counted}
    known = {beneficiary_id for _, beneficiary_id in shown}
    shown |= {
        (each.book_id, each.beneficiary_id)
        for each in facts.owned
        if each.beneficiary_id not in known and _in_days(each.shares, facts)
    }

    def names(claim: Claim) -> tuple[str, int, str, int]:
        each, account = owned[claim[1]], facts.accounts[claim[0]]
        return each.name, each.property_id, account.name, account.book_id

    return [(claim, owned[claim[1]]) for claim in sorted(shown, key=names)]


def _properties(facts: StatementFacts, told: _Sorted) -> tuple[PropertyRow, ...]:
    openings = facts.follows.closings if facts.follows else facts.openings
    change: dict[Claim, Decimal] = defaultdict(Decimal)
    paid: dict[Claim, Decimal] = defaultdict(Decimal)
    for line in told.counted:
        claim = line.book_id, line.beneficiary_id
        if section_of(line, facts.from_on) in PAID:
            paid[claim] -= line.amount
        else:
            change[claim] += line.amount
    rows = []
    for claim, owned in _claims(facts, told):
        opening = openings.get(claim, NOTHING)
        closing = opening + change[claim] - paid[claim]
        reserve = min(facts.reserves.get(claim, NOTHING), max(closing, NOTHING))
        in_days = _in_days(owned.shares, facts)
        rows.append(
            PropertyRow(
                property_id=owned.property_id,
                property=owned.name,
                place=owned.place,
                book_id=claim[0],
                trust_account=facts.accounts[claim[0]].name,
                share=_spoken([(each, each.share) for each in in_days], facts),
                tax_share=_spoken([(each, each.tax_share) for each in in_days], facts),
                opening=_text(opening),
                change=_text(change[claim]),
                paid=_text(paid[claim]),
                closing=_text(closing),
                reserve=_text(reserve),
                available=_text(max(closing - reserve, NOTHING)),
            )
        )
    return tuple(rows)


def _in_days(shares: Sequence[Share], facts: StatementFacts) -> list[Share]:
    return [
        share
        for share in sorted(shares, key=lambda each: each.from_on)
        if share.from_on <= facts.to_on
        and (share.until_on is None or share.until_on >= facts.from_on)
    ]


def _spoken(shares: Sequence[tuple[Share, Decimal]], facts: StatementFacts) -> str:
    """Shares in words, with their days where they do not last for the whole statement."""
    said = []
    for share, part in shares:
        words = percent(part)
        if share.from_on > facts.from_on:
            words += f" from {day(share.from_on)}"
        if share.until_on is not None and share.until_on < facts.to_on:
            words += f" until {day(share.until_on)}"
        said.append(words)
    return ", ".join(said) or "no share in these days"


def percent(part: Decimal) -> str:
    """A fraction in words: 33.333333 %."""
    text = f"{part * 100:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} %"


def day(on: date) -> str:
    """A day inside a sentence: Mar 5, 2026."""
    return f"{on:%b} {on.day}, {on.year}"


def days(first: date, last: date) -> str:
    """A span of days in words; a whole month by its name."""
    is_one_month = (first.year, first.month) == (last.year, last.month)
    if is_one_month and first.day == 1 and last.day == _month_days(last):
        return f"{first:%B %Y}"
    return f"{day(first)} to {day(last)}"


def _month_days(on: date) -> int:
    first_of_next = date(on.year + on.month // 12, on.month % 12 + 1, 1)
    return (first_of_next - date(on.year, on.month, 1)).days


def _in_order(facts: StatementFacts, lines: Iterable[Moved]) -> list[tuple[Moved, Owned, Section]]:
    """Lines by property, section, day and number."""
    owned = {each.beneficiary_id: each for each in facts.owned}
    rows = [(line, owned[line.beneficiary_id], section_of(line, facts.from_on)) for line in lines]
    rows.sort(
        key=lambda row: (
            row[1].name, row[1].property_id, facts.accounts[row[0].book_id].name, row[0].book_id,
            ORDER.index(row[2]), row[0].dated_on, row[0].line_id,
        )
    )  # fmt: skip
    return rows


def _papers(facts: StatementFacts, counted: Iterable[Moved]) -> dict[int, tuple[int, DocumentRow]]:
    """The packet: each document once, numbered in the order of the lines."""
    found: dict[int, Paper] = {}
    for line, _, _ in _in_order(facts, counted):
        for paper in line.told.papers:
            found.setdefault(paper.document_id, paper)
    own = {each.property_id for each in facts.owned}
    return {
        paper.document_id: (
            number,
            DocumentRow(
                number, paper.document_id, paper.name, paper.kind, paper.size, paper.sha256,
                paper.what, not paper.property_ids <= own,
            ),
        )
        for number, paper in enumerate(found.values(), 1)
    }  # fmt: skip


def _lines(
    facts: StatementFacts,
    counted: Iterable[Moved],
    papers: Mapping[int, tuple[int, DocumentRow]],
) -> tuple[LineRow, ...]:
    ordered = _in_order(facts, counted)
    numbers = {
        (line.entry_id, owned.property_id): number
        for number, (line, owned, _) in enumerate(ordered, 1)
    }
    return tuple(
        LineRow(
            number=number,
            line_id=line.line_id,
            entry_id=line.entry_id,
            property_id=owned.property_id,
            book_id=line.book_id,
            section=section.value,
            dated_on=line.dated_on.isoformat(),
            unit=line.told.unit,
            tenant=line.told.tenant,
            what=line.told.what,
            documents=tuple(papers[paper.document_id][0] for paper in line.told.papers),
            refers_to=_refers_to(facts, line, owned.property_id, numbers),
            amount=_text(line.amount),
        )
        for number, (line, owned, section) in enumerate(ordered, 1)
    )


def _refers_to(
    facts: StatementFacts, line: Moved, property_id: int, numbers: Mapping[tuple[int, int], int]
) -> str:
    """What a line takes back or adjusts: a line here or on an earlier statement, or a period."""
    for entry_id in line.undoes:
        if (number := numbers.get((entry_id, property_id))) is not None:
            return f"Line {number} of this statement"
        for earlier in facts.earlier:
            if (number := earlier.numbers.get((entry_id, property_id))) is not None:
                return f"{earlier.title}, line {number}"
    if line.undoes and line.undoes_on is not None:
        return f"Entry {line.undoes[0]} of {day(line.undoes_on)}"
    if line.run_id is not None:
        return ""
    if line.adjusts_on is not None:
        covering = _covering(facts.earlier, line.adjusts_on)
        closed = f"{line.adjusts_on:%B %Y}, which is closed"
        return f"{closed}; {covering.title}" if covering else closed
    if line.dated_on < facts.from_on:
        covering = _covering(facts.earlier, line.dated_on)
        if covering:
            return f"{covering.title}: known since"
        return f"{line.dated_on:%B %Y}: known since"
    return ""


def _covering(earlier: Iterable[Earlier], on: date) -> Earlier | None:
    return next((each for each in earlier if each.from_on <= on <= each.to_on), None)


def _summary(facts: StatementFacts, told: _Sorted) -> tuple[SummaryRow, ...]:
    counts: dict[Section, int] = defaultdict(int)
    sums: dict[Section, Decimal] = defaultdict(Decimal)
    years = _years(facts, told)
    for line in told.counted:
        section = section_of(line, facts.from_on)
        counts[section] += 1
        sums[section] += line.amount
    return tuple(
        SummaryRow(
            side="paid" if section in PAID else "change",
            section=section.value,
            label=section.label,
            lines=counts[section],
            amount=_text(sums[section]),
            year_to_date=_text(years[section]),
        )
        for section in ORDER
        if counts[section] or years[section]
    )


def _years(facts: StatementFacts, told: _Sorted) -> dict[Section, Decimal]:
    """Year to date by section: what the statement before says and this one, or from the ledger."""
    years: dict[Section, Decimal] = defaultdict(Decimal)
    this_year = facts.to_on.year
    follows = facts.follows
    if follows and follows.to_on.year == this_year:
        for name, amount in follows.years.items():
            years[Section(name)] += amount
    else:
        for line in told.before:
            if line.dated_on.year == this_year:
                years[section_of(line, line.dated_on.replace(day=1))] += line.amount
    for line in told.counted:
        if line.dated_on.year >= this_year:
            years[section_of(line, facts.from_on)] += line.amount
    return years


def _next_cycle(facts: StatementFacts, later: Iterable[Moved]) -> tuple[NextRow, ...]:
    return tuple(
        NextRow(
            entry_id=line.entry_id,
            property=owned.name,
            label=section.label,
            dated_on=line.dated_on.isoformat(),
            what=", ".join(
                part for part in (line.told.unit, line.told.tenant, line.told.what) if part
            ),
            amount=_text(line.amount),
        )
        for line, owned, section in _in_order(facts, later)
    )


def _ties(
    facts: StatementFacts, told: _Sorted, properties: Iterable[PropertyRow]
) -> tuple[TieRow, ...]:
    after: dict[Claim, Decimal] = defaultdict(Decimal)
    for line in (*told.counted, *told.stated):
        if line.dated_on > facts.to_on:
            after[line.book_id, line.beneficiary_id] += line.amount
    beneficiary = {each.property_id: each.beneficiary_id for each in facts.owned}
    by_book: dict[int, list[tuple[Claim, Decimal]]] = defaultdict(list)
    for row in properties:
        claim = row.book_id, beneficiary[row.property_id]
        held = facts.accounts[row.book_id].held.get(claim[1], NOTHING)
        if Decimal(row.closing) != held + after[claim]:
            raise DoesNotTie(
                f"{row.property} in {row.trust_account}: the statement comes to {row.closing}, but"
                f" the ledger holds {_text(held)} on {day(facts.to_on)} and payments of later days"
                f" come to {_text(after[claim])}"
            )
        by_book[row.book_id].append((claim, held))
    rows = []
    for book_id, claims in by_book.items():
        account = facts.accounts[book_id]
        held = sum((each for _, each in claims), NOTHING)
        later = sum((after[claim] for claim, _ in claims), NOTHING)
        rows.append(
            TieRow(
                book_id=book_id,
                trust_account=account.name,
                held=_text(held),
                counted_after=_text(later),
                closing=_text(held + later),
                beneficiaries=_text(sum(account.held.values(), NOTHING)),
                trust_report=account.trust_report,
            )
        )
    return tuple(rows)


def _integrity(facts: StatementFacts, told: _Sorted, software: str) -> OwnerIntegrity:
    chain = hashlib.sha256()
    for line in sorted(told.counted, key=lambda each: each.line_id):
        chain.update(f"{line.line_id}:{line.digest}\n".encode())
    carried = (
        line.line_id for line in (*told.counted, *told.stated) if line.dated_on > facts.to_on
    )
    return OwnerIntegrity(
        entries=len({line.entry_id for line in told.counted}),
        lines_digest=chain.hexdigest(),
        carried=tuple(sorted(carried)),
        software=software,
    )


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts), NOTHING)


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
