"""What is wrong at the bank today: queries that the desk turns into work items."""

from collections.abc import Iterable, Iterator, Sequence

from django.utils import timezone

from desk import registry
from desk.models import LegalEntity, Severity
from desk.types import Detector, Finding
from ledger.models import BankAccount
from proptrust.lib.money import ZERO, from_cents, plain
from receivables.matching import Matcher
from reconciliation import queries
from reconciliation.matching import load, propose
from reconciliation.matching.engine import keyed, sharing_a_key, transposed
from reconciliation.matching.facts import OpenBankLine, OpenMoney
from reconciliation.matching.loading import only
from reconciliation.models import BankLine, Sighting, Statement, StatementFile
from reconciliation.queries.lines import ABSENT, TOLD_TWICE
from reconciliation.services.matching import once
from reconciliation.types import Candidate, ThreeWay

UNMATCHED = "bank_line_unmatched"
OUTSTANDING = "journal_line_outstanding_too_long"
REFUSED = "statement_refused"
GAP = "statement_gap"
BREAK = "statement_balance_breaks"
DIFFERS = "bank_differs_from_book"
DOUBTFUL = "bank_line_in_two_formats"
_SHOWN_CAUSES = 3
# The line's own key, and the amount but for two digits; a person confirms it.
EXCHANGED_CRITERIA = {"key": 60, "amount": 30}
EXCHANGED_POINTS = sum(EXCHANGED_CRITERIA.values())


def register() -> None:
    """Make the detectors known to the desk."""
    for detector in (
        Detector("reconciliation: unmatched lines", frozenset({UNMATCHED}), _unmatched, _line),
        Detector("reconciliation: outstanding", frozenset({OUTSTANDING}), _outstanding),
        Detector(
            "reconciliation: refused files",
            frozenset({REFUSED}),
            lambda entity_id: _refused(entity_id=entity_id),
            lambda file_id: _refused(pk=file_id),
        ),
        Detector("reconciliation: statements", frozenset({GAP, BREAK}), _breaks),
        Detector("reconciliation: bank and book", frozenset({DIFFERS}), _differences),
        Detector(
            "reconciliation: two formats",
            frozenset({DOUBTFUL}),
            lambda entity_id: map(_doubtful, queries.doubtful_sightings(entity_id)),
            lambda id_: map(_doubtful, queries.doubtful_sightings().filter(pk=id_)),
        ),
        Detector(
            "reconciliation: told twice",
            frozenset({TOLD_TWICE}),
            lambda entity_id: map(_told_twice, queries.lines_told_twice(entity_id)),
            lambda id_: map(_told_twice, queries.lines_told_twice().filter(pk=id_)),
        ),
        Detector(
            "reconciliation: absent lines",
            frozenset({ABSENT}),
            lambda entity_id: _absent(queries.statements_with_absent_lines(entity_id)),
            lambda id_: _absent(queries.statements_with_absent_lines().filter(pk=id_)),
        ),
    ):
        registry.detect(detector)


# Bank lines without an answer


def _unmatched(entity_id: int | None) -> Iterator[Finding]:
    accounts = BankAccount.objects.filter(
        bank_lines__is_matched=False, bank_lines__repeats__isnull=True
    ).select_related("book")
    if entity_id is not None:
        accounts = accounts.filter(book__entity_id=entity_id)
    matchers: dict[int, Matcher] = {}
    for account in accounts.order_by("book__entity_id", "id").distinct():
        entity = account.book.entity_id
        matchers = {entity: matchers.get(entity) or Matcher.load(entity)}
        open_ = load(account.pk)
        proposals, by_key = propose(open_), keyed(open_.money)
        for line in open_.lines:
            exchanged = _exchanged(line, sharing_a_key(line, by_key))
            others = [tenant_suggestion(line, matchers[entity]), exchanged]
            yield _unmatched_one(account, line, proposals[line.id], others)


def _line(bank_line_id: int) -> Iterator[Finding]:
    line = BankLine.objects.select_related("bank_account__book").filter(pk=bank_line_id).first()
    if line is None or line.is_matched or line.repeats_id is not None:
        return
    open_ = only(load(line.bank_account_id), [line.pk])
    for each in open_.lines:
        matcher = Matcher.load_for(
            line.bank_account.book.entity_id, from_cents(each.cents), text=once(each.text)
        )
        others = [tenant_suggestion(each, matcher), _exchanged(each, open_.money)]
        yield _unmatched_one(line.bank_account, each, propose(open_)[each.id], others)


def tenant_suggestion(line: OpenBankLine, matcher: Matcher) -> tuple[int, str] | None:
    """The points and name of the lease that a credit is most likely for, or None."""
    if line.cents <= 0:
        return None
    found = matcher.candidates(from_cents(line.cents), line.posted_on, text=once(line.text))
    return (found[0].points, found[0].label) if found else None


def _exchanged(line: OpenBankLine, money: Sequence[OpenMoney]) -> tuple[int, str] | None:
    """The points and name of a receipt of which two digits were typed in each other's place."""
    for each in transposed(line, money):
        difference = from_cents(line.cents - each.cents)
        if each.entry_id is not None and queries.typed_wrongly(each.entry_id, difference):
            return EXCHANGED_POINTS, f"Two digits exchanged: {each.label}"
    return None


def _unmatched_one(
    account: BankAccount,
    line: OpenBankLine,
    candidates: Sequence[Candidate],
    others: Sequence[tuple[int, str] | None],
) -> Finding:
    amount = from_cents(line.cents)
    best = (candidates[0].points, candidates[0].label) if candidates else None
    points, label = max((each for each in (best, *others) if each), default=(None, ""))
    way = "in" if line.cents > 0 else "out"
    return Finding(
        key=f"{UNMATCHED}:{line.id}",
        kind=UNMATCHED,
        entity_id=account.book.entity_id,
        severity=Severity.WARNING,
        title=f"{plain(amount)} at the bank, not in the book",
        reason=(
            f"The bank moved {plain(abs(amount))} {way} on {line.posted_on:%b %-d}: "
            f"“{once(line.text) or 'no text'}”. Nothing in the journal answers it with certainty."
        ),
        subject_type="reconciliation.bankline",
        subject_id=line.id,
        happened_on=line.posted_on,
        amount=amount,
        who=" ".join(word.title() for word in once(line.text).split())[:60],
        where=str(account.book),
        book_id=account.book_id,
        suggestion=label,
        suggestion_points=points,
    )


# Money of the journal that the bank does not move


def _outstanding(entity_id: int | None) -> Iterator[Finding]:
    today = timezone.localdate()
    by_account = queries.outstanding(entity_id, on=today)
    accounts = BankAccount.objects.select_related("book").in_bulk(by_account)
    for account_id, items in by_account.items():
        account = accounts[account_id]
        for item in items:
            if not item.is_stale:
                continue
            is_deposit = item.amount > ZERO
            what = "deposit in transit" if is_deposit else "payment outstanding"
            yield Finding(
                key=f"{OUTSTANDING}:{item.line_id}",
                kind=OUTSTANDING,
                entity_id=account.book.entity_id,
                severity=Severity.CRITICAL if is_deposit else Severity.WARNING,
                title=f"{what.capitalize()} for {item.days_open} days: {plain(item.amount)}",
                reason=(
                    f"{item.memo} of {item.dated_on:%b %-d, %Y} is in the book, and the bank has "
                    f"not moved it in {item.days_open} days."
                ),
                subject_type="ledger.line",
                subject_id=item.line_id or 0,
                happened_on=item.dated_on,
                amount=item.amount,
                who=item.who or item.reference,
                where=str(account.book),
                book_id=account.book_id,
            )


# Files and statements


def _refused(entity_id: int | None = None, pk: int | None = None) -> Iterator[Finding]:
    files = StatementFile.objects.filter(state=StatementFile.State.REFUSED).defer("body")
    if entity_id is not None:
        files = files.filter(entity_id=entity_id)
    if pk is not None:
        files = files.filter(pk=pk)
    for file in files.select_related("bank_account__book"):
        at = f" (line {file.line})" if file.line else ""
        yield Finding(
            key=f"{REFUSED}:{file.pk}",
            kind=REFUSED,
            entity_id=file.entity_id,
            severity=Severity.WARNING,
            title=f"Bank file refused: {file.name}",
            reason=f"Nothing of it was imported{at}: {file.reason}",
            subject_type="reconciliation.statementfile",
            subject_id=file.pk,
            happened_on=timezone.localdate(file.received_at),
            where=str(file.bank_account.book) if file.bank_account else file.name,
            book_id=file.bank_account.book_id if file.bank_account else None,
        )


def _breaks(entity_id: int | None) -> Iterator[Finding]:
    found = queries.breaks(entity_id, on=timezone.localdate())
    accounts = BankAccount.objects.select_related("book").in_bulk(
        {each.bank_account_id for each in found}
    )
    for each in found:
        account = accounts[each.bank_account_id]
        is_gap = each.missing is not None
        if each.missing:
            first, last = each.missing
            days = f"{first:%b %-d}" if first == last else f"{first:%b %-d} to {last:%b %-d}"
            title, reason = (
                f"No statement for {days}",
                f"No file of this account covers {days}: {each.text}.",
            )
        else:
            title = f"Statement balances are {plain(each.amount)} apart"
            reason = f"{each.text[:1].upper()}{each.text[1:]}."
        kind = GAP if is_gap else BREAK
        yield Finding(
            key=f"{kind}:{each.statement_id}:{each.on.isoformat()}",
            kind=kind,
            entity_id=account.book.entity_id,
            severity=Severity.CRITICAL if each.amount != ZERO else Severity.WARNING,
            title=title,
            reason=reason,
            subject_type="reconciliation.statement",
            subject_id=each.statement_id,
            happened_on=each.on,
            amount=each.amount if each.amount != ZERO else None,
            where=str(account.book),
            book_id=account.book_id,
        )


def _differences(entity_id: int | None) -> Iterator[Finding]:
    entities = (
        [entity_id]
        if entity_id is not None
        else list(LegalEntity.objects.values_list("id", flat=True))
    )
    for three in queries.figures(entities):
        if three.bank_difference != ZERO:
            yield _difference(three)


def _difference(short: ThreeWay) -> Finding:
    three = queries.three_way(short.bank_account_id, on=short.as_of)
    causes = sorted(three.bank_difference_items, key=lambda item: -abs(item.amount.amount))
    shown = "; ".join(f"{plain(item.amount)} {item.text}" for item in causes[:_SHOWN_CAUSES])
    more = len(causes) - _SHOWN_CAUSES
    return Finding(
        key=f"{DIFFERS}:{three.bank_account_id}",
        kind=DIFFERS,
        entity_id=three.entity_id,
        severity=Severity.CRITICAL,
        title=f"Bank less book is {plain(three.bank_difference)}",
        reason=(
            f"The adjusted bank balance is {plain(three.bank)}, the book says {plain(three.book)}. "
            f"{shown}{f'; and {more} more' if more > 0 else ''}."
        ),
        subject_type="ledger.bankaccount",
        subject_id=three.bank_account_id,
        happened_on=three.since or three.as_of,
        amount=three.bank_difference,
        where=three.account_name,
        book_id=three.book_id,
    )


# Lines that may be one


def _doubtful(sighting: Sighting) -> Finding:
    account, known = sighting.bank_account, sighting.bank_line
    return Finding(
        key=f"{DOUBTFUL}:{sighting.pk}",
        kind=DOUBTFUL,
        entity_id=account.book.entity_id,
        severity=Severity.WARNING,
        title=f"{plain(sighting.amount)} told in two formats: one movement or two?",
        reason=(
            f"Two files tell {plain(sighting.amount)} on {sighting.posted_on:%b %-d}: "
            f"“{known.description}” and “{sighting.description}”. Day and amount agree and nothing "
            "else does; it is counted once."
        ),
        subject_type="reconciliation.sighting",
        subject_id=sighting.pk,
        happened_on=sighting.posted_on,
        amount=sighting.amount,
        where=str(account.book),
        book_id=account.book_id,
    )


def _told_twice(line: BankLine) -> Finding:
    account = line.bank_account
    reference = line.check_number or line.bank_reference
    return Finding(
        key=f"{TOLD_TWICE}:{line.pk}",
        kind=TOLD_TWICE,
        entity_id=account.book.entity_id,
        severity=Severity.WARNING,
        title=f"{plain(line.amount)} may be counted twice",
        reason=(
            f"{reference} stands on two bank lines of {plain(line.amount)} a few days apart. "
            "A check clears once; a reference rarely comes twice."
        ),
        subject_type="reconciliation.bankline",
        subject_id=line.pk,
        happened_on=line.posted_on,
        amount=line.amount,
        where=str(account.book),
        book_id=account.book_id,
    )


def _absent(statements: Iterable[Statement]) -> Iterator[Finding]:
    rows = list(statements)
    lines = BankLine.objects.in_bulk({id_ for row in rows for id_ in row.absent})
    for statement in rows:
        gone = [lines[id_] for id_ in statement.absent if lines[id_].repeats_id is None]
        if not gone:
            continue
        account = statement.bank_account
        told = ", ".join(f"{plain(line.amount)} of {line.posted_on:%b %-d}" for line in gone[:5])
        yield Finding(
            key=f"{ABSENT}:{statement.pk}",
            kind=ABSENT,
            entity_id=account.book.entity_id,
            severity=Severity.WARNING,
            title=f"A later statement does not have {told}",
            reason=(
                f"An earlier file has {told}, and {statement.file.name}, which covers the same "
                "days with both balances, has not. Ask the bank which is right."
            ),
            subject_type="reconciliation.statement",
            subject_id=statement.pk,
            happened_on=statement.to_on,
            amount=sum((line.amount for line in gone), ZERO),
            where=str(account.book),
            book_id=account.book_id,
        )
