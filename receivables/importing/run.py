"""Write a portfolio from its files: everything or nothing, and the same files once.

A dry run is the real run, undone at its end: what it says is what would happen.
"""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from django.db import transaction
from django.utils import timezone

from desk.models import LegalEntity, User
from desk.services import record
from leases.errors import LeasesError
from ledger.errors import LedgerError
from receivables.errors import ReceivablesError
from receivables.importing import openings, portfolio
from receivables.importing.kinds import KINDS
from receivables.importing.openings import AccountProof
from receivables.importing.reading import Problem, Row, Table, read
from receivables.importing.writing import BadRow, Writing
from receivables.models import PortfolioImport

MOST_FILES = 40


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came."""

    name: str
    body: bytes


@dataclass(slots=True)
class ImportOutcome:
    """What an import did, or would do.

    created, unchanged: rows by kind of thing. problems: every row that does not fit; with one of
    them nothing is written. proofs: bank = book = beneficiaries of each trust account. ignored:
    columns that were not read, by file.
    """

    is_dry_run: bool
    created: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    proofs: list[AccountProof] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether everything fits."""
        return not self.problems

    @property
    def is_written(self) -> bool:
        """Whether the portfolio is now as the files say."""
        return self.is_good and not self.is_dry_run


class _UndoneError(Exception):
    """Ends the transaction of a dry run, or of an import with problems."""


def import_portfolio(
    uploads: Sequence[Upload],
    *,
    entity_name: str,
    state: str = "",
    cut_over_on: date | None = None,
    is_dry_run: bool = False,
    made_by: User | None = None,
) -> ImportOutcome:
    """Import a company's portfolio from CSV files, in any order.

    entity_name: the legal entity; made, with its state, if it is not there. cut_over_on: the day at
    whose end the opening balances hold, today if not given.
    """
    outcome = ImportOutcome(is_dry_run=is_dry_run)
    tables = [read(upload.name, upload.body) for upload in uploads[:MOST_FILES]]
    _note_files(outcome, uploads, tables)
    try:
        with transaction.atomic():
            entity = _entity(outcome, entity_name.strip(), state.strip().upper())
            if entity is not None:
                writing = _write(outcome, tables, entity, cut_over_on or timezone.localdate())
                if outcome.is_good:
                    _keep(uploads, tables, writing, made_by)
            if is_dry_run or not outcome.is_good:
                raise _UndoneError
    except _UndoneError:
        pass  # Undone on purpose; the outcome says what would have been written.
    outcome.problems.sort(key=lambda each: (each.file, each.line, each.column))
    return outcome


def _note_files(outcome: ImportOutcome, uploads: Sequence[Upload], tables: Sequence[Table]) -> None:
    if not uploads:
        outcome.problems.append(Problem("", 0, "", "no file was given"))
    if len(uploads) > MOST_FILES:
        outcome.problems.append(Problem("", 0, "", f"more than {MOST_FILES} files"))
    for table in tables:
        outcome.problems.extend(table.problems)
        if table.ignored:
            outcome.ignored[table.name] = table.ignored


def _entity(outcome: ImportOutcome, name: str, state: str) -> LegalEntity | None:
    entity = LegalEntity.objects.select_for_update().filter(name=name).first()
    if entity is not None:
        return entity
    if not name or len(state) != 2:
        reason = f"there is no company {name!r} yet: name its state too, to make it"
        outcome.problems.append(Problem("", 0, "", reason))
        return None
    outcome.created["companies"] += 1
    return LegalEntity.objects.create(name=name, state=state)


def _write(
    outcome: ImportOutcome, tables: Iterable[Table], entity: LegalEntity, cut_over_on: date
) -> Writing:
    """Write the rows kind by kind; a row that does not fit is noted, and the others go on."""
    tables = list(tables)
    writing = Writing(
        entity=entity,
        cut_over_on=cut_over_on,
        created=outcome.created,
        unchanged=outcome.unchanged,
        broken={cell for table in tables for cell in table.broken},
    )
    for kind in KINDS:
        rows = [row for table in tables if table.kind is kind for row in table.rows]
        for group in portfolio.grouped(kind, rows):
            if not _try(outcome, group, partial(WRITERS[kind.key], writing, group)):
                writing.refuse(group)
    known = openings.Known.load(entity)
    outcome.problems.extend(known.differences(writing.openings))
    outcome.proofs = openings.prove(writing, known)
    if outcome.is_good:  # With a row missing, the sums say nothing.
        outcome.problems.extend(openings.not_equal(outcome.proofs))
    new = known.without(writing.openings)
    outcome.unchanged["openings"] += len(writing.openings) - len(new)
    if outcome.is_good:
        _try(outcome, [], partial(openings.post, writing, new))
    return writing


WRITERS: dict[str, Callable[[Writing, Sequence[Row]], None]] = {
    **portfolio.WRITERS,
    **openings.WRITERS,
}


def _try(outcome: ImportOutcome, rows: Sequence[Row], write: Callable[[], None]) -> bool:
    """Write rows that belong together; what is refused becomes a problem of the first of them.

    Returns whether they were written.
    """
    file, line = (rows[0].file, rows[0].line) if rows else ("", 0)
    try:
        with transaction.atomic():
            write()
    except BadRow as refusal:
        at = refusal.row or (rows[0] if rows else None)
        where = (at.file, at.line) if at else ("", 0)
        if not refusal.is_known:
            outcome.problems.append(Problem(*where, refusal.column, str(refusal)))
    except (LeasesError, LedgerError, ReceivablesError) as refusal:
        outcome.problems.append(Problem(file, line, "", str(refusal)))
    else:
        return True
    return False


def _keep(
    uploads: Sequence[Upload], tables: Sequence[Table], writing: Writing, made_by: User | None
) -> None:
    """Keep the files as they came, and what they opened; the same set of files is kept once."""
    digests = {upload.name: hashlib.sha256(upload.body).hexdigest() for upload in uploads}
    digest = hashlib.sha256("\n".join(sorted(digests.values())).encode()).hexdigest()
    kept, is_new = PortfolioImport.objects.get_or_create(
        entity=writing.entity,
        digest=digest,
        defaults={
            "cut_over_on": writing.cut_over_on,
            "files": [
                {
                    "name": table.name,
                    "sha256": digests[table.name],
                    "kind": table.kind.label if table.kind else "",
                    "rows": len(table.rows),
                }
                for table in tables
            ],
            "bodies": zipped(uploads),
            "made_by": made_by,
            "said": {
                "created": {what: count for what, count in writing.created.items() if count},
                "openings": openings.said(writing.openings),
            },
        },
    )
    if is_new:
        record(
            "import portfolio",
            text=f"Imported {len(tables)} files at {writing.cut_over_on}",
            subject=kept,
            actor=made_by,
        )


def zipped(uploads: Iterable[Upload]) -> bytes:
    """The files as one ZIP, the same bytes for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for upload in uploads:
            # A fixed time, so that the same files make the same archive.
            archive.writestr(zipfile.ZipInfo(upload.name), upload.body)
    return out.getvalue()
