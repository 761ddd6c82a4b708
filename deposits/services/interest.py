"""Interest on deposits: reckoned by the state's rule, credited once for each lease and period."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Q
from moneyed import Money

from compliance import rules
from compliance.errors import ComplianceError
from compliance.interest import months_held
from compliance.types import Cadence, InterestMethod, InterestRule, RunsFrom
from deposits import interest, law, postings
from deposits.errors import InterestOpen, RateMissing
from deposits.models import Deposit, DepositRate, InterestCredit, Question
from deposits.services.accounts import ensure_deposits, held_deposit, interest_pool_of
from deposits.types import Asked, InterestRun, Reckoned
from leases.queries import shares_of_many
from ledger.charts import Chart, chart
from ledger.company import CompanySide, company_side
from ledger.errors import LedgerError
from ledger.models import Balance, Book, Entry, Line
from ledger.queries import dated_for
from ledger.services import post_fact, post_many
from ledger.types import NewEntry
from proptrust.lib.money import ZERO, plain, split, usd
from receivables.queries import held_now

TOPIC = "interest"
NO_MONEY = "neither the bank's waiting interest nor the owner's rent money covers it"
_State = InterestCredit.State


@dataclass(frozen=True, slots=True)
class Due:
    """Interest of one deposit that can be credited, or the question that must be answered first."""

    deposit: Deposit
    reckoned: Reckoned | None = None
    asked: Asked | None = None
    standing: InterestCredit | None = None


@dataclass(frozen=True, slots=True)
class _World:
    """What reckoning asks for, loaded once for many deposits."""

    known: law.Known
    principals: dict[int, list[tuple[date, Money]]]
    rates: dict[tuple[int, int], DepositRate]
    standing: dict[int, dict[date, InterestCredit]]


def interest_due(
    entity_id: int, *, on: date, lease_ids: Collection[int] | None = None
) -> list[Due]:
    """The interest of every whole tenancy year that has ended and is not credited; eight queries.

    Nothing is written. A deposit whose rule, fact or rate is missing has one question instead.
    """
    rows = Deposit.objects.filter(
        entity=entity_id, state=Deposit.State.HELD, taken_on__isnull=False
    ).select_related("lease__unit__property", "book")
    if lease_ids is not None:
        rows = rows.filter(lease__in=lease_ids)
    deposits = list(rows.order_by("id"))
    world = _world(deposits)
    return [due for each in deposits for due in _due_of(each, on, world, is_final=False)]


def final_interest_due(deposit: Deposit, *, until: date) -> list[Due]:
    """The interest of a deposit up to its last day, the started year included."""
    return list(_due_of(deposit, until, _world([deposit]), is_final=True))


@transaction.atomic
def credit_interest(
    entity_id: int,
    *,
    on: date,
    lease_ids: Collection[int] | None = None,
    actor_id: int | None = None,
) -> InterestRun:
    """Credit every deposit the interest of the tenancy years that have ended by a day.

    However often it runs, a lease gets each day's interest once. The bank's waiting interest pays
    first; else the owner does; where neither can, the credit waits and says for what.
    """
    _one_run_at_a_time(entity_id)
    ensure_deposits(entity_id, lease_ids=lease_ids)
    dues = interest_due(entity_id, on=on, lease_ids=lease_ids)
    _ask(entity_id, dues, on, lease_ids)
    return _credit(entity_id, dues, on=on, actor_id=actor_id)


@transaction.atomic
def credit_final_interest(
    deposit: Deposit, *, until: date, on: date, actor_id: int | None = None
) -> InterestRun:
    """Credit a deposit all interest up to its last day, before it is given back.

    Raises RateMissing or InterestOpen with what is missing: a question nobody has answered, or
    money that neither the bank's interest nor the owner has.
    """
    _one_run_at_a_time(deposit.entity_id)
    held = held_deposit(deposit.pk)
    dues = final_interest_due(held, until=until)
    for each in dues:
        if each.asked is not None:
            raise RateMissing(each.asked.text.rstrip("."))
    run = _credit(held.entity_id, dues, on=on, actor_id=actor_id)
    if run.waiting:
        open_ = held.interest_credits.filter(state=_State.WAITING).first()
        assert open_ is not None
        raise InterestOpen(f"interest of {plain(open_.amount)} is not credited: {open_.waits_for}")
    return run


def _world(deposits: Sequence[Deposit]) -> _World:
    standing: dict[int, dict[date, InterestCredit]] = {}
    for row in InterestCredit.objects.filter(deposit__in=[each.pk for each in deposits]):
        standing.setdefault(row.deposit_id, {})[row.from_on] = row
    rates = DepositRate.objects.filter(book__in={each.book_id for each in deposits})
    return _World(
        known=law.known_of(deposits),
        principals=_principals([each.lease.deposit_id for each in deposits]),
        rates={(row.book_id, row.year): row for row in rates},
        standing=standing,
    )


def _principals(beneficiary_ids: Collection[int]) -> dict[int, list[tuple[date, Money]]]:
    """What was held of each deposit from each day on, in all trust accounts, without interest."""
    lines = (
        Line.objects.filter(beneficiary__in=beneficiary_ids, book__kind=Book.Kind.TRUST)
        .filter(~Q(entry__deposit_interest__isnull=False))
        .order_by("beneficiary_id", "dated_on", "id")
        .values_list("beneficiary_id", "dated_on", "amount")
    )
    found: dict[int, list[tuple[date, Money]]] = {}
    for beneficiary_id, day, amount in lines:
        steps = found.setdefault(beneficiary_id, [])
        before = steps[-1][1] if steps else ZERO
        after = before - usd(amount)
        if steps and steps[-1][0] == day:
            steps[-1] = (day, after)
        else:
            steps.append((day, after))
    return found


def _due_of(deposit: Deposit, on: date, world: _World, *, is_final: bool) -> Iterable[Due]:
    principals = world.principals.get(deposit.lease.deposit_id, [])
    if deposit.taken_on is None or not principals:
        return
    standing = world.standing.get(deposit.pk, {})
    try:
        rule = _rule(deposit, on, world)
        if rule is None or (not is_final and rule.cadence is Cadence.AT_END):
            return
        for first, last in _periods(deposit, rule, on, is_final=is_final):
            row = standing.get(first)
            if row is not None and row.state != _State.WAITING:
                continue
            steps = interest.steps_of(
                _runs_from(deposit, rule),
                first,
                last,
                principals,
                lambda day: _rate(deposit, rule, day, world),
            )
            held = months_held(deposit.taken_on, max(on, last))
            reckoned = interest.reckon(rule, first, last, steps, held_months=held)
            if reckoned is not None:
                yield Due(deposit, reckoned, standing=row)
    except ComplianceError as refusal:
        yield Due(deposit, asked=law.asked(TOPIC, refusal))
    except RateMissing as missing:
        yield Due(deposit, asked=Asked(TOPIC, "rate", f"{missing}."))


def _rule(deposit: Deposit, on: date, world: _World) -> InterestRule | None:
    """The rule of a deposit; None where the law asks for no interest. Raises ComplianceError."""
    facts = world.known.of(deposit, on=on)
    rule = rules.deposit_interest(law.state_of(deposit), on=on, facts=facts)
    return rule if rule.known(rule.method, "whether and how interest is reckoned") else None


def _runs_from(deposit: Deposit, rule: InterestRule) -> date:
    start = rule.known(rule.runs_from, "from when interest runs")
    assert deposit.taken_on is not None
    return deposit.lease.starts_on if start is RunsFrom.TENANCY_START else deposit.taken_on


def _periods(
    deposit: Deposit, rule: InterestRule, on: date, *, is_final: bool
) -> list[tuple[date, date]]:
    runs_from = _runs_from(deposit, rule)
    return interest.years_until(runs_from, on) if is_final else interest.whole_years(runs_from, on)


def _rate(deposit: Deposit, rule: InterestRule, day: date, world: _World) -> interest.Rate:
    if rule.method is InterestMethod.FIXED:
        rate = rule.known(rule.rate, "the rate") or Decimal(0)
        return rate, rule.source.citation, date.max
    if rule.method is InterestMethod.PUBLISHED:
        found = rules.published_rate(law.state_of(deposit), day)
        if found is None:
            raise RateMissing(
                f"no rate of {law.state_of(deposit)} for {day:%b %-d, %Y} is on file; it must be"
                " added to the state's rules"
            )
        return found.rate, found.source.citation, found.effective_to or date.max
    row = world.rates.get((deposit.book_id, day.year))
    if row is None:
        raise RateMissing(
            f"what the bank paid on {deposit.book.name} in {day.year} was not entered, and the"
            " interest of the tenants hangs on it"
        )
    return row.rate, row.source, date(day.year, 12, 31)


def _ask(entity_id: int, dues: Iterable[Due], on: date, lease_ids: Collection[int] | None) -> None:
    """Keep what must be answered, and forget what was."""
    asked = {each.deposit.pk: each.asked for each in dues if each.asked is not None}
    standing = Question.objects.filter(topic=TOPIC, deposit__entity=entity_id)
    if lease_ids is not None:
        standing = standing.filter(deposit__lease__in=lease_ids)
    standing.exclude(deposit__in=list(asked)).delete()
    Question.objects.bulk_create(
        [
            Question(deposit_id=pk, topic=TOPIC, fact=each.fact, text=each.text, asked_on=on)
            for pk, each in asked.items()
        ],
        update_conflicts=True,
        unique_fields=["deposit", "topic"],
        update_fields=["fact", "text"],
    )


def _credit(entity_id: int, dues: Sequence[Due], *, on: date, actor_id: int | None) -> InterestRun:
    owed = [each for each in dues if each.reckoned is not None]
    accounts = chart(entity_id)
    company = company_side(entity_id, accounts, accounts.interest_income)
    pools = _pools([each.deposit.book for each in owed])
    rows = [_row(each) for each in owed]
    funded: dict[int, list[InterestCredit]] = {book_id: [] for book_id in pools}
    for row in rows:
        if row.amount and _is_covered(row, pools):
            funded[row.deposit.book_id].append(row)
    for book_id, of_book in funded.items():
        _post_from_bank(of_book, book_id, pools[book_id][0], accounts, company, on, actor_id)
    _link(entity_id, [row for row in rows if row.funded_by == InterestCredit.FundedBy.BANK], on)
    for row in rows:
        if row.amount and not row.funded_by:
            _fund_from_owner(row, accounts, on, actor_id)
    _save(rows)
    credited = [row for row in rows if row.state == _State.CREDITED]
    return InterestRun(
        credited=len(credited),
        waiting=sum(row.state == _State.WAITING for row in rows),
        nothing=sum(row.state == _State.NOTHING for row in rows),
        questions=len(dues) - len(owed),
        amount=sum((row.amount for row in credited), ZERO),
    )


def _row(due: Due) -> InterestCredit:
    found = due.reckoned
    assert found is not None
    row = due.standing or InterestCredit(deposit=due.deposit, from_on=found.first)
    row.deposit = due.deposit
    row.to_on, row.method = found.last, found.method
    row.steps = [step.as_json() for step in found.steps]
    row.bank, row.fee, row.amount = found.bank, found.fee_most, found.amount
    row.citation, row.is_confirmed = found.citation[:300], found.is_confirmed
    row.state = _State.WAITING if found.amount else _State.NOTHING
    if not found.amount:
        row.fee = ZERO
    return row


def _pools(books: Iterable[Book]) -> dict[int, tuple[int, Money]]:
    """The waiting interest of each book, locked: book id to its beneficiary and what it holds."""
    by_id = {book.pk: book for book in books}
    found: dict[int, tuple[int, Money]] = {}
    for book_id in sorted(by_id):
        who = interest_pool_of(by_id[book_id])
        locked = Balance.objects.select_for_update().filter(book=book_id, beneficiary=who)
        list(locked.order_by("id").values_list("id", flat=True))
        found[book_id] = who, held_now(book_id, [who])[who]
    return found


def _is_covered(row: InterestCredit, pools: dict[int, tuple[int, Money]]) -> bool:
    """Take a credit from the bank's waiting interest, if that holds enough; the fee comes last."""
    book_id = row.deposit.book_id
    pool_id, left = pools[book_id]
    if row.method != InterestMethod.BANK_ACTUAL.value or left < row.amount:
        row.fee = ZERO
        return False
    row.fee = min(row.fee, left - row.amount)
    pools[book_id] = pool_id, left - row.amount - row.fee
    row.funded_by = InterestCredit.FundedBy.BANK
    return True


def _post_from_bank(
    rows: Sequence[InterestCredit],
    book_id: int,
    pool_id: int,
    accounts: Chart,
    company: CompanySide,
    on: date,
    actor_id: int | None,
) -> None:
    """Post the credits of one account that the bank's interest pays, all at once."""
    if not rows:
        return
    dated_on, adjusts = dated_for({book_id, company.operating_id}, on)
    post_many(
        NewEntry(
            entity_id=row.deposit.entity_id,
            key=_key(row),
            kind=Entry.Kind.INTEREST,
            dated_on=dated_on,
            memo=_memo(row),
            lines=postings.interest_from_bank(
                accounts,
                book_id,
                pool_id=pool_id,
                deposit_id=row.deposit.lease.deposit_id,
                amount=row.amount,
                fee=row.fee,
                company=company,
            ),
            posted_by_id=actor_id,
            # A period of the operating book alone says nothing about these credits.
            adjusts_id=adjusts.pk if adjusts and (row.fee or adjusts.book_id == book_id) else None,
        )
        for row in rows
    )


def _fund_from_owner(row: InterestCredit, accounts: Chart, on: date, actor_id: int | None) -> None:
    """Take a credit from the owner's money in the rent account, if it is there."""
    lease = row.deposit.lease
    place = lease.unit.property
    shares = shares_of_many([place.pk], on).get(place.pk, ())
    if not shares:
        row.waits_for = f"{place} has no owner on {on:%b %-d, %Y}"
        return
    amounts = split(row.amount, [each.share for each in shares])
    parts = {each.beneficiary_id: part for each, part in zip(shares, amounts, strict=True) if part}
    held = held_now(place.rent_book_id, list(parts))
    if any(held[who] < part for who, part in parts.items()):
        row.waits_for = NO_MONEY
        return
    try:
        with transaction.atomic():
            row.entry = post_fact(
                entity_id=row.deposit.entity_id,
                key=_key(row),
                kind=Entry.Kind.TRANSFER,
                day=on,
                memo=_memo(row),
                lines=postings.interest_from_owner(
                    accounts,
                    rent_book_id=place.rent_book_id,
                    deposit_book_id=row.deposit.book_id,
                    property_book_id=place.book_id,
                    parts=parts,
                    deposit_id=lease.deposit_id,
                ),
                posted_by_id=actor_id,
            )
    except LedgerError as refusal:
        row.waits_for = str(refusal)[:300]
        return
    _credited(row, InterestCredit.FundedBy.OWNER, on)


def _credited(row: InterestCredit, by: str, on: date) -> None:
    row.state, row.funded_by, row.credited_on, row.waits_for = _State.CREDITED, by, on, ""


def _link(entity_id: int, rows: Sequence[InterestCredit], on: date) -> None:
    """Join posted credits with their entries; one query."""
    entries = dict(
        Entry.objects.filter(entity=entity_id, key__in=[_key(row) for row in rows]).values_list(
            "key", "id"
        )
    )
    for row in rows:
        row.entry_id = entries[_key(row)]
        _credited(row, InterestCredit.FundedBy.BANK, on)


def _save(rows: Sequence[InterestCredit]) -> None:
    standing = [row for row in rows if not row._state.adding]
    InterestCredit.objects.bulk_create([row for row in rows if row._state.adding], batch_size=1000)
    fields = [
        "to_on", "method", "steps", "bank", "fee", "amount", "citation", "is_confirmed", "state",
        "funded_by", "waits_for", "credited_on", "entry",
    ]  # fmt: skip
    InterestCredit.objects.bulk_update(standing, fields, batch_size=1000)


def _key(row: InterestCredit) -> str:
    return f"deposit-interest:{row.deposit_id}:{row.from_on}:{row.to_on}"


def _memo(row: InterestCredit) -> str:
    return (
        f"Interest {row.from_on:%b %-d, %Y} to {row.to_on:%b %-d, %Y} on the security deposit of"
        f" lease {row.deposit.lease.code}"
    )


def _one_run_at_a_time(entity_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('deposit interest', %s))", [entity_id]
        )
