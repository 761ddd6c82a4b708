"""Housing subsidies: an agency pays for many tenants in one transfer, with a list.

Each line is a receipt of its lease; all carry the transfer's number as their batch, so that one
bank credit answers them. A line below zero takes money back: out of the lease's earlier receipts
from that agency, the newest first. What no receipt answers stands against suspense until a person
says whose it is.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from moneyed import Money

from leases.models import Lease
from leases.queries import shares_on
from ledger.charts import chart
from ledger.company import company_of, suspense_of
from ledger.models import Book, Entry
from ledger.services import post_fact
from ledger.services import reverse as reverse_entry
from ledger.types import NewLine
from proptrust.lib.money import ZERO, plain, split, usd
from receivables import postings, queries
from receivables.errors import ReceivablesError, SubsidyRefused, ToldOtherwise
from receivables.models import (
    Comeback,
    HousingAgency,
    Receipt,
    Subsidy,
    SubsidyLine,
    SubsidyRemittance,
    SubsidyVariance,
)
from receivables.services.bulk_receipts import post_receipts
from receivables.services.changes import allocations_change
from receivables.services.comebacks import take_back
from receivables.services.company_part import own_book
from receivables.services.prorating import prorated
from receivables.types import Cause, NewComeback, NewSubsidyLine, NewSubsidyRemittance

MOST_LINES = 20_000


def create_agency(*, entity_id: int, name: str) -> HousingAgency:
    """The agency of a name in a company; made if it is not there. Raises SubsidyRefused."""
    if not name.strip():
        raise SubsidyRefused("an agency needs a name")
    row, _ = HousingAgency.objects.get_or_create(entity_id=entity_id, name=name.strip())
    return row


def create_subsidy(
    *,
    lease: Lease,
    agency: HousingAgency,
    tenant_code: str,
    amount: Money,
    from_on: date,
    until_on: date | None = None,
) -> Subsidy:
    """Record what an agency pays every month for a lease; the same facts again are the same row.

    Raises SubsidyRefused for two at once of one agency, or an agency of another company.
    """
    if not tenant_code.strip():
        raise SubsidyRefused("an agency's list names the family by a code; it is missing")
    if amount <= ZERO:
        raise SubsidyRefused(f"a subsidy is above zero, not {amount}")
    if until_on is not None and until_on < from_on:
        raise SubsidyRefused(f"a subsidy from {from_on} does not end on {until_on}")
    if lease.entity_id != agency.entity_id:
        raise SubsidyRefused(f"{agency} and lease {lease.code} belong to two companies")
    facts: dict[str, Any] = {
        "tenant_code": tenant_code.strip(),
        "amount": amount,
        "from_on": from_on,
        "until_on": until_on,
    }
    try:
        with transaction.atomic():
            row, _ = Subsidy.objects.get_or_create(lease=lease, agency=agency, **facts)
    except IntegrityError as error:
        raise SubsidyRefused(
            f"{agency} pays for lease {lease.code} on some of these days already: end that first"
        ) from error
    return row


def end_subsidy(subsidy: Subsidy, *, until_on: date) -> Subsidy:
    """Let a subsidy end with a day. Raises SubsidyRefused for a day before it began."""
    if until_on < subsidy.from_on:
        raise SubsidyRefused(f"a subsidy from {subsidy.from_on} does not end on {until_on}")
    subsidy.until_on = until_on
    subsidy.save(update_fields=["until_on"])
    return subsidy


@transaction.atomic
def record_subsidies(
    new: NewSubsidyRemittance, *, made_by_id: int | None = None
) -> SubsidyRemittance:
    """Record an agency's transfer once, each line as a receipt, or as money it takes back.

    The same number with the same facts returns the first. A code that is not known, that fits two
    leases, or whose lease is held in another trust account leaves its money in suspense.
    Raises SubsidyRefused naming the row or the difference, ToldOtherwise for a number that came
    with other facts, NoOwner.
    """
    agency = HousingAgency.objects.select_for_update(no_key=True).get(pk=new.agency_id)
    _check(new, agency)
    known = SubsidyRemittance.objects.filter(book=new.book_id, number=new.number).first()
    if known is not None:
        return _told_before(known, new)
    row = SubsidyRemittance.objects.create(
        entity_id=agency.entity_id,
        agency=agency,
        book_id=new.book_id,
        number=new.number,
        month=new.month.replace(day=1),
        arrives_on=new.arrives_on,
        amount=new.amount,
        made_by_id=made_by_id,
    )
    leases = _held_leases(row, new.lines)
    with allocations_change(row.entity_id, on=row.arrives_on, cause=Cause.RECEIVED):
        paid = [each for each in new.lines if each.amount > ZERO]
        receipts = _receive(row, paid, leases, made_by_id)
        lines = [_line(row, each, leases, receipt=receipts[each.row]) for each in paid]
        taken = [each for each in new.lines if each.amount < ZERO]
        lines += [_recoup(row, each, leases, made_by_id) for each in taken]
    SubsidyLine.objects.bulk_create(lines, batch_size=2000)
    compare(agency, row.month)
    return row


def compare(agency: HousingAgency, month: date) -> None:
    """Compare what an agency owes for each lease's month with what it paid; five statements.

    An explanation stays while the two figures do.
    """
    first = month.replace(day=1)
    last = month.replace(day=monthrange(month.year, month.month)[1])
    paid = _paid_by_lease(agency, first)
    in_month = Q(from_on__lte=last) & (Q(until_on__isnull=True) | Q(until_on__gte=first))
    rows = list(
        Subsidy.objects.filter(agency=agency)
        .filter(in_month | Q(variances__month=first))
        .distinct()
        .order_by("lease", "from_on")
    )
    found = _variances(rows, paid, first, last)
    standing = {
        row.subsidy_id: row
        for row in SubsidyVariance.objects.select_for_update().filter(
            subsidy__agency=agency, month=first
        )
    }
    fresh, other = [], []
    for each in found:
        was = standing.get(each.subsidy_id)
        if was is None:
            fresh.append(each)
        elif (was.expected, was.paid) != (each.expected, each.paid):
            was.expected, was.paid = each.expected, each.paid
            was.explanation, was.explained_by, was.explained_at = "", None, None
            other.append(was)
    SubsidyVariance.objects.bulk_create(fresh, batch_size=2000)
    SubsidyVariance.objects.bulk_update(
        other, ["expected", "paid", "explanation", "explained_by", "explained_at"], batch_size=500
    )


@transaction.atomic
def explain_variance(
    variance: SubsidyVariance, *, explanation: str, actor_id: int
) -> SubsidyVariance:
    """Say why an agency paid another amount. Raises SubsidyRefused without a reason."""
    text = explanation.strip()
    if not 0 < len(text) <= 300:
        raise SubsidyRefused("say in 1 to 300 characters why it paid another amount")
    held = SubsidyVariance.objects.select_for_update().get(pk=variance.pk)
    held.explanation = text
    held.explained_by_id = actor_id
    held.explained_at = timezone.now()
    held.save(update_fields=["explanation", "explained_by", "explained_at"])
    return held


@transaction.atomic
def unexplain_variance(variance: SubsidyVariance) -> SubsidyVariance:
    """Take an explanation back; the difference is open again."""
    held = SubsidyVariance.objects.select_for_update().get(pk=variance.pk)
    held.explanation, held.explained_by, held.explained_at = "", None, None
    held.save(update_fields=["explanation", "explained_by", "explained_at"])
    return held


@transaction.atomic
def answer_recoupment(
    line: SubsidyLine, *, is_owners: bool, on: date, actor_id: int | None = None
) -> Entry:
    """Say who bears money that an agency took back and that no receipt answers.

    The owners of the lease's property, by their shares on the day (it was rent of theirs before
    our books began), or the company. It may overdraw an owner: the money is gone already.
    Raises SubsidyRefused where the lease is not known.
    """
    held = _held_line(line)
    if held.answer is not None:
        return held.answer
    if held.entry is None:
        raise SubsidyRefused(f"{held} is answered by receipts; nothing of it is open")
    row, amount = held.remittance, held.open
    accounts = chart(row.entity_id)
    suspense_id = suspense_of(row.entity_id)
    books = postings.Books(accounts, row.book_id)
    if is_owners:
        lease = held.lease
        if lease is None:
            raise SubsidyRefused(f"row {held.row}: {held.tenant_code} is no lease that we know")
        book_id = lease.unit.property.book_id
        kind = Entry.Kind.ALLOCATION
        lines = [
            *postings.given(books, {suspense_id: amount, **_owners_give(lease, amount, on)}),
            NewLine(book_id, accounts.rent_income, amount),
            NewLine(book_id, accounts.held, -amount),
        ]
    else:
        kind = Entry.Kind.BANK_FEE
        lines = [
            *postings.given(books, {suspense_id: amount, company_of(row.entity_id): -amount}),
            *own_book(row.entity_id, cost=amount),
        ]
    prefix = f"subsidy-line:{held.pk}:answer"
    count = Entry.objects.filter(
        entity=row.entity_id, key__startswith=f"{prefix}:", reverses__isnull=True
    ).count()
    held.answer = post_fact(
        entity_id=row.entity_id,
        key=f"{prefix}:{count + 1}",
        kind=kind,
        day=max(on, row.arrives_on),
        memo=f"{row.agency} took back {plain(amount)} for {held.tenant_code}",
        lines=lines,
        posted_by_id=actor_id,
    )
    held.save(update_fields=["answer"])
    return held.answer


@transaction.atomic
def undo_answer(line: SubsidyLine, *, on: date, actor_id: int | None = None) -> Entry:
    """Take back who bears it; it stands against suspense again. on: the day of the reversal."""
    held = _held_line(line)
    if held.answer is None:
        raise SubsidyRefused(f"{held} was not answered")
    entry = reverse_entry(
        entry_id=held.answer.pk,
        key=f"{held.answer.key}:undone",
        dated_on=max(on, held.answer.dated_on),
        memo="Undone",
        posted_by_id=actor_id,
    )
    held.answer = None
    held.save(update_fields=["answer"])
    return entry


def _held_line(line: SubsidyLine) -> SubsidyLine:
    return (
        SubsidyLine.objects.select_for_update(of=("self",))
        .select_related("remittance__agency", "lease__unit__property", "answer", "entry")
        .get(pk=line.pk)
    )


def _check(new: NewSubsidyRemittance, agency: HousingAgency) -> None:
    if not new.number.strip():
        raise SubsidyRefused("the transfer needs the number that the bank prints")
    if not Book.objects.filter(
        pk=new.book_id, entity=agency.entity_id, kind=Book.Kind.TRUST
    ).exists():
        raise SubsidyRefused(f"the trust account is not one of {agency}'s company")
    if not 0 < len(new.lines) <= MOST_LINES:
        raise SubsidyRefused(f"a list has 1 to {MOST_LINES} lines, not {len(new.lines)}")
    seen: set[int] = set()
    for each in new.lines:
        if not each.tenant_code.strip():
            raise SubsidyRefused(f"row {each.row}: the family's code is missing")
        if not each.amount:
            raise SubsidyRefused(f"row {each.row}: {each.tenant_code} is paid nothing")
        if each.row in seen:
            raise SubsidyRefused(f"row {each.row} is there twice")
        seen.add(each.row)
    if new.amount <= ZERO:
        raise SubsidyRefused("an agency's transfer is above zero")
    listed = sum((each.amount for each in new.lines), ZERO)
    if listed != new.amount:
        word = "more" if listed > new.amount else "less"
        raise SubsidyRefused(
            f"the lines sum to {plain(listed)}, {plain(abs(listed - new.amount))} {word} than the"
            f" {plain(new.amount)} that arrive"
        )


def _told_before(known: SubsidyRemittance, new: NewSubsidyRemittance) -> SubsidyRemittance:
    was = (known.agency_id, known.amount, known.arrives_on, known.month)
    says = (new.agency_id, new.amount, new.arrives_on, new.month.replace(day=1))
    listed = list(known.lines.order_by("row").values_list("tenant_code", "amount"))
    told = [(each.tenant_code, each.amount.amount) for each in sorted(new.lines, key=_row)]
    if was != says or listed != told:
        raise ToldOtherwise(f"transfer {new.number} was recorded with other facts: {known}")
    return known


def _row(line: NewSubsidyLine) -> int:
    return line.row


def _held_leases(row: SubsidyRemittance, lines: Sequence[NewSubsidyLine]) -> dict[str, Lease]:
    """The lease of each code of a list, held in the order that all services use.

    A subsidy of the month decides, else any earlier one of the code; two leases decide nothing.
    """
    last = row.month.replace(day=monthrange(row.month.year, row.month.month)[1])
    by_code: dict[str, dict[int, bool]] = defaultdict(dict)
    subsidies = Subsidy.objects.filter(
        agency=row.agency_id, tenant_code__in={each.tenant_code for each in lines}
    )
    for code, lease_id, from_on, until_on in subsidies.values_list(
        "tenant_code", "lease_id", "from_on", "until_on"
    ):
        is_now = from_on <= last and (until_on is None or until_on >= row.month)
        by_code[code][lease_id] = by_code[code].get(lease_id, False) or is_now
    chosen = {}
    for code, found in by_code.items():
        now = [lease_id for lease_id, is_now in found.items() if is_now] or list(found)
        if len(now) == 1:
            chosen[code] = now[0]
    held = {
        lease.pk: lease
        for lease in Lease.objects.select_for_update(of=("self",), no_key=True)
        .select_related("unit__property")
        .filter(pk__in=set(chosen.values()), unit__property__rent_book=row.book_id)
        .order_by("pk")
    }
    return {code: held[lease_id] for code, lease_id in chosen.items() if lease_id in held}


def _receive(
    row: SubsidyRemittance,
    lines: Sequence[NewSubsidyLine],
    leases: Mapping[str, Lease],
    made_by_id: int | None,
) -> dict[int, Receipt]:
    """The receipts of lines above zero, by row. A lease's second line pays what its first left."""
    held = {lease.pk: lease for lease in leases.values()}
    found: dict[int, Receipt] = {}
    for each_time in _rounds(lines, leases):
        fresh = [_receipt(row, each, leases.get(each.tenant_code)) for each in each_time]
        made = post_receipts(fresh, held, on=row.arrives_on, posted_by_id=made_by_id)
        found.update(zip((each.row for each in each_time), made, strict=True))
    return found


def _rounds(
    lines: Iterable[NewSubsidyLine], leases: Mapping[str, Lease]
) -> list[list[NewSubsidyLine]]:
    """Lines in rounds, in each of which a lease comes once; those without one are in the first."""
    rounds: list[list[NewSubsidyLine]] = []
    times: dict[int, int] = defaultdict(int)
    for each in lines:
        lease = leases.get(each.tenant_code)
        turn = times[lease.pk] if lease else 0
        if lease:
            times[lease.pk] += 1
        while len(rounds) <= turn:
            rounds.append([])
        rounds[turn].append(each)
    return rounds


def _receipt(row: SubsidyRemittance, line: NewSubsidyLine, lease: Lease | None) -> Receipt:
    who = f"{line.tenant_code} {line.tenant_name}".strip()
    return Receipt(
        entity_id=row.entity_id,
        book_id=row.book_id,
        lease=lease,
        key=f"subsidy:{row.pk}:{line.row}",
        channel=Receipt.Channel.SUBSIDY,
        into=Receipt.Into.BANK,
        gross=line.amount,
        received_on=row.arrives_on,
        settles_on=row.arrives_on,
        payer=row.agency.name,
        number=row.number,
        batch=row.number,
        memo=f"{row.month:%B %Y} for {who} {line.memo}".strip()[:300],
        matched_by={"agency's code": 0} if lease else {},
    )


def _line(
    row: SubsidyRemittance,
    line: NewSubsidyLine,
    leases: Mapping[str, Lease],
    *,
    receipt: Receipt | None = None,
    open_: Money = ZERO,
    entry: Entry | None = None,
) -> SubsidyLine:
    return SubsidyLine(
        remittance=row,
        row=line.row,
        tenant_code=line.tenant_code,
        tenant_name=line.tenant_name,
        lease=leases.get(line.tenant_code),
        amount=line.amount,
        memo=line.memo,
        receipt=receipt,
        open=open_,
        entry=entry,
    )


def _recoup(
    row: SubsidyRemittance,
    line: NewSubsidyLine,
    leases: Mapping[str, Lease],
    made_by_id: int | None,
) -> SubsidyLine:
    """Take money back out of a lease's receipts from the agency; the rest stands open."""
    lease = leases.get(line.tenant_code)
    left = -line.amount
    earlier = Receipt.objects.filter(
        lease=lease, channel=Receipt.Channel.SUBSIDY, subsidy_line__remittance__agency=row.agency_id
    ) | Receipt.objects.filter(lease=lease, key__startswith=f"subsidy:{row.pk}:")
    rows = earlier.filter(state__in=queries.POSTED, entity=row.entity_id) if lease else []
    for receipt in sorted(set(rows), key=lambda each: (each.received_on, each.pk), reverse=True):
        part = min(left, receipt.gross - queries.taken_back(receipt))
        if part <= ZERO:
            continue
        take_back(
            receipt,
            NewComeback(
                kind=Comeback.Kind.REFUND,
                key=f"recoupment:{row.pk}:{line.row}",
                amount=part,
                on=row.arrives_on,
                fee=ZERO,
                reference=row.number,
                reason=f"{row.agency} took it back. {line.memo}".strip(),
                batch=row.number,
            ),
        )
        left -= part
    if not left:
        return _line(row, line, leases)
    entry = post_fact(
        entity_id=row.entity_id,
        key=f"subsidy:{row.pk}:{line.row}:open",
        kind=Entry.Kind.RETURN,
        day=row.arrives_on,
        memo=f"{row.agency} {row.number} takes back {plain(left)} for {line.tenant_code}",
        lines=postings.cash_moved(
            postings.Books(chart(row.entity_id), row.book_id),
            -left,
            {suspense_of(row.entity_id): -left},
        ),
        posted_by_id=made_by_id,
    )
    return _line(row, line, leases, open_=left, entry=entry)


def _paid_by_lease(agency: HousingAgency, month: date) -> dict[int, Money]:
    rows = (
        SubsidyLine.objects.filter(
            remittance__agency=agency, remittance__month=month, lease__isnull=False
        )
        .values_list("lease")
        .annotate(total=Sum("amount", default=Decimal(0)))
        .order_by()
    )
    return {lease_id: usd(total) for lease_id, total in rows if lease_id is not None}


def _variances(
    subsidies: Sequence[Subsidy], paid: Mapping[int, Money], first: date, last: date
) -> list[SubsidyVariance]:
    """Each subsidy's month; of two of one lease the earlier is paid first, the last the rest."""
    left = dict(paid)
    found = []
    for n, each in enumerate(subsidies):
        days = (min(last, each.until_on or last) - max(first, each.from_on)).days + 1
        expected = prorated(each.amount, days, last.day) if days > 0 else ZERO
        is_last = n + 1 == len(subsidies) or subsidies[n + 1].lease_id != each.lease_id
        rest = left.get(each.lease_id, ZERO)
        part = rest if is_last else min(rest, expected)
        left[each.lease_id] = rest - part
        found.append(SubsidyVariance(subsidy=each, month=first, expected=expected, paid=part))
    return found


def _owners_give(lease: Lease, amount: Money, on: date) -> dict[int, Money]:
    shares = shares_on(lease.unit.property, on)
    if not shares:
        raise ReceivablesError(f"{lease.unit.property} has no owner on {on}")
    parts = split(amount, [each.share for each in shares])
    return {each.beneficiary_id: -part for each, part in zip(shares, parts, strict=True)}
