"""The rows of an owner statement, and the facts that they are composed from.

Amounts of rows are decimal strings with two places, signed by what they do to the owner's money;
days are ISO dates. The rows are frozen and plain, so that the same facts always give the same
canonical JSON (statements.canonical).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class OwnerCover:
    """Whose statement, which days, and which state of knowledge.

    follows: the statement whose closing is this one's opening; supersedes: the version before.
    """

    statement_id: int
    version: int
    supersedes: str
    follows: str
    entity: str
    state: str
    licence_number: str
    owner: str
    owner_code: str
    address: str
    from_on: str
    to_on: str
    run: str
    known_at: str
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A step of the equation. side: "change" before the disbursements, "paid" for these.

    year_to_date: from the first of January of the last day's year.
    """

    side: str
    section: str
    label: str
    lines: int
    amount: str
    year_to_date: str


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """One property in one trust account: opening + change = paid + closing.

    share, tax_share: of cash and for tax, with their days where they changed. reserve: what of the
    closing stays as the agreement asks; available: the rest, zero when the closing is below zero.
    """

    property_id: int
    property: str
    place: str
    book_id: int
    trust_account: str
    share: str
    tax_share: str
    opening: str
    change: str
    paid: str
    closing: str
    reserve: str
    available: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of the owner's claim. number: its place on the statement, from 1.

    documents: numbers of the packet. refers_to: the earlier statement and line, or the closed
    period, that it corrects.
    """

    number: int
    line_id: int
    entry_id: int
    property_id: int
    book_id: int
    section: str
    dated_on: str
    unit: str
    tenant: str
    what: str
    documents: tuple[int, ...]
    refers_to: str
    amount: str


@dataclass(frozen=True, slots=True)
class NextRow:
    """What came after the last day and is known already; not in the equation."""

    entry_id: int
    property: str
    label: str
    dated_on: str
    what: str
    amount: str


@dataclass(frozen=True, slots=True)
class TieRow:
    """How a closing ties to the ledger and to the trust report of one trust account.

    held: what the ledger holds for the owner on the last day; counted_after: payments of later days
    that this statement counts already; held + counted_after = closing. beneficiaries: the sum of
    all beneficiaries of the account on that day, of which held is a part.
    """

    book_id: int
    trust_account: str
    held: str
    counted_after: str
    closing: str
    beneficiaries: str
    trust_report: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A paper behind lines of the statement; number: its place in the packet, from 1.

    is_shared: it also bills properties of other owners, so that it is shown to nobody outside.
    """

    number: int
    document_id: int
    name: str
    kind: str
    size: int
    sha256: str
    what: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What differs from the version before. line: the number on this statement, 0 if it is gone."""

    line: int
    entry_id: int
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class OwnerIntegrity:
    """What the figures can be checked against. carried: ledger lines dated after the last day."""

    entries: int
    lines_digest: str
    carried: tuple[int, ...]
    software: str


@dataclass(frozen=True, slots=True)
class OwnerStatementRows:
    """A whole statement: opening + change = paid + closing."""

    cover: OwnerCover
    opening: str
    change: str
    paid: str
    closing: str
    summary: tuple[SummaryRow, ...]
    properties: tuple[PropertyRow, ...]
    lines: tuple[LineRow, ...]
    next_cycle: tuple[NextRow, ...]
    ties: tuple[TieRow, ...]
    documents: tuple[DocumentRow, ...]
    changes: tuple[ChangeRow, ...]
    integrity: OwnerIntegrity


# ---- Facts, as the database has them.

Claim = tuple[int, int]  # Book and beneficiary.


@dataclass(frozen=True, slots=True)
class Share:
    """An owner's share of a property over some days; until_on is empty while it lasts."""

    share: Decimal
    tax_share: Decimal
    from_on: date
    until_on: date | None


@dataclass(frozen=True, slots=True)
class Owned:
    """A property of an owner, and the beneficiary that stands for both in the ledger.

    book_id: the trust account that its rent goes to now; a claim may stand in others too.
    """

    beneficiary_id: int
    property_id: int
    book_id: int
    name: str
    place: str
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class Paper:
    """A document behind an entry; what: which bill it is; property_ids: all that it bills."""

    document_id: int
    name: str
    kind: str
    size: int
    sha256: str
    what: str
    property_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry is about at one property, in words, and the papers behind it."""

    unit: str = ""
    tenant: str = ""
    what: str = ""
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """A line of an owner's claim with all that the statement needs of it.

    amount: above zero gives the owner. section: as disbursements.sections tells it, or as the run
    that posted it does (run_id). pays_draw: its entry is the payment of an owner draw. undoes,
    undoes_on: the entries that it takes back, and the first day of these. adjusts_on: the first day
    of the closed period that a late fact belongs to.
    """

    line_id: int
    entry_id: int
    book_id: int
    beneficiary_id: int
    amount: Decimal
    dated_on: date
    known_at: datetime
    digest: str
    section: str
    told: Told
    run_id: int | None = None
    pays_draw: bool = False
    undoes: tuple[int, ...] = ()
    undoes_on: date | None = None
    adjusts_on: date | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A statement that was made before, as much of it as a later one needs.

    closings: by claim. years: year to date by section. numbers: (entry, property) to line number.
    carried: its ledger lines that are dated after its last day.
    """

    statement_id: int
    title: str
    version: int
    from_on: date
    to_on: date
    known_at: datetime
    sha256: str
    closings: Mapping[Claim, Decimal]
    years: Mapping[str, Decimal]
    numbers: Mapping[tuple[int, int], int]
    carried: frozenset[int]
    opening: str
    closing: str
    lines: Sequence[LineRow]


@dataclass(frozen=True, slots=True)
class Account:
    """A trust account on the last day: its beneficiaries' sum, and the trust report of that day."""

    book_id: int
    name: str
    held: Mapping[int, Decimal]  # By beneficiary.
    trust_report: str


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """Everything that one statement is composed from."""

    cover: OwnerCover
    from_on: date
    to_on: date
    run_id: int | None
    owned: Sequence[Owned]
    accounts: Mapping[int, Account]
    openings: Mapping[Claim, Decimal]  # Of the ledger; used where no statement comes before.
    moved: Sequence[Moved]
    reserves: Mapping[Claim, Decimal]
    follows: Earlier | None = None
    replaces: Earlier | None = None
    earlier: Sequence[Earlier] = ()
