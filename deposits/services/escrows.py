"""Escrows: what a property puts aside each month, what is paid from it, what will be missing."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from django.db import connection, transaction
from django.db.models import F
from moneyed import Money

from deposits import postings
from deposits.errors import AlreadyDone, DepositsError
from deposits.models import EscrowBill, EscrowFund, EscrowFunding, EscrowMove
from deposits.types import EscrowAnalysis, EscrowMonth, EscrowsFunded
from leases.models import Property
from leases.queries import shares_of_many
from leases.types import ShareInForce
from ledger.charts import Chart, chart
from ledger.errors import LedgerError
from ledger.models import Balance, Beneficiary, Book, Entry
from ledger.services import ensure_beneficiary, post_fact
from payments.models import Payment
from payments.services import pay, reissue
from payments.types import NewPayment
from proptrust.lib.money import CENT, ZERO, plain, split
from receivables.queries import held_now

MONTHS_AHEAD = 12
_Bill = EscrowBill.State


@transaction.atomic
def open_fund(
    property_: Property, *, kind: str, book: Book | None = None, target: Money = ZERO
) -> EscrowFund:
    """The escrow of a property for a purpose, in its rent account or another trust account.

    The same again returns it, with the new target. Raises DepositsError for another book while it
    holds money, or a book of another company.
    """
    if kind not in EscrowFund.Kind.values:
        raise DepositsError(f"{kind!r} is no kind of escrow")
    where = book or property_.rent_book
    if where.entity_id != property_.entity_id or where.kind != Book.Kind.TRUST:
        raise DepositsError(f"{where} is no trust account of the property's company")
    label = EscrowFund.Kind(kind).label
    beneficiary = ensure_beneficiary(
        entity_id=property_.entity_id,
        kind=Beneficiary.Kind.ESCROW,
        name=f"{label}, {property_.name}"[:200],
        reference=f"escrow:{property_.pk}:{kind}",
    )
    fund, is_new = EscrowFund.objects.get_or_create(
        property=property_,
        kind=kind,
        defaults={"book": where, "beneficiary": beneficiary, "target": target},
    )
    if not is_new:
        if fund.book_id != where.pk and held_of(fund):
            raise DepositsError(f"{fund} holds {plain(held_of(fund))} in {fund.book}; it stays")
        fund.book, fund.target, fund.is_active = where, target, True
        fund.save(update_fields=["book", "target", "is_active"])
    return fund


def held_of(fund: EscrowFund) -> Money:
    """What an escrow holds now."""
    return held_now(fund.book_id, [fund.beneficiary_id])[fund.beneficiary_id]


def expect_bill(
    fund: EscrowFund,
    *,
    payee: str,
    amount: Money,
    due_on: date,
    repeats_months: int | None = None,
    address: str = "",
) -> EscrowBill:
    """A bill that the escrow is kept for; the same payee and day is the same bill, corrected."""
    if not 0 < len(payee.strip()) <= 200:
        raise DepositsError("a bill needs a payee's name of 1 to 200 characters")
    if amount <= ZERO:
        raise DepositsError(f"a bill is above zero, not {plain(amount)}")
    if repeats_months is not None and not 1 <= repeats_months <= 120:
        raise DepositsError("a bill repeats after 1 to 120 months")
    known = fund.bills.filter(payee=payee.strip(), due_on=due_on).exclude(state=_Bill.CANCELLED)
    row = known.first() or EscrowBill(fund=fund, payee=payee.strip(), due_on=due_on)
    if row.state == _Bill.PAID:
        if row.amount != amount:
            raise AlreadyDone(f"{row} is paid already")
        return row
    row.amount, row.repeats_months, row.address = amount, repeats_months, address.strip()
    row.save()
    return row


@transaction.atomic
def cancel_bill(bill: EscrowBill) -> EscrowBill:
    """A bill that will not come. Raises AlreadyDone for one that is paid."""
    held = EscrowBill.objects.select_for_update(of=("self",)).get(pk=bill.pk)
    if held.state == _Bill.PAID:
        raise AlreadyDone(f"{held} is paid")
    held.state = _Bill.CANCELLED
    held.save(update_fields=["state"])
    return held


def planned_for(fund: EscrowFund, bills: Sequence[EscrowBill], held: Money, month: date) -> Money:
    """What an escrow must get in a month so that every bill is covered on its day.

    For each expected bill in turn, what is missing until then is spread over the months up to the
    one it is due in; the largest of these is needed. Without bills it is filled up to its target.
    """
    first = month.replace(day=1)
    need, most = fund.target, Decimal(0)
    coming = [each for each in bills if each.state in (_Bill.EXPECTED, _Bill.BACK)]
    for bill in sorted(coming, key=lambda each: (each.due_on, each.pk or 0)):
        need += bill.amount
        months = max(_months_between(first, bill.due_on) + 1, 1)
        most = max(most, (need - held).amount / months)
    if not coming:
        most = max(most, (need - held).amount)
    return Money(max(most, Decimal(0)).quantize(CENT, ROUND_UP), ZERO.currency)


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


@dataclass(frozen=True, slots=True)
class _Move:
    fund: EscrowFund
    funding: EscrowFunding
    shares: Sequence[ShareInForce]


@transaction.atomic
def fund_escrows(
    entity_id: int,
    month: date,
    *,
    on: date,
    fund_ids: Sequence[int] | None = None,
    actor_id: int | None = None,
) -> EscrowsFunded:
    """Move into every escrow what the month asks for, as far as its owners have it.

    The month's amount is fixed when it is first asked for; later runs move what is still missing,
    so that it is taken once however often it runs. What stays missing is said on the row.
    """
    first = month.replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('escrows', %s))", [entity_id])
    funds = EscrowFund.objects.filter(property__entity=entity_id, is_active=True)
    if fund_ids is not None:
        funds = funds.filter(pk__in=fund_ids)
    rows = list(funds.select_related("property", "book").prefetch_related("bills").order_by("id"))
    fundings = _plan(rows, first)
    shares = shares_of_many({fund.property_id for fund in rows}, on)
    accounts = chart(entity_id)
    moved, amount, short = 0, ZERO, 0
    for fund in rows:
        funding = fundings[fund.pk]
        if funding.funded >= funding.planned:
            continue
        got = _move(_Move(fund, funding, shares.get(fund.property_id, ())), accounts, on, actor_id)
        moved, amount = moved + bool(got), amount + got
        short += funding.funded + got < funding.planned
    return EscrowsFunded(moved, amount, short)


def _plan(funds: Sequence[EscrowFund], first: date) -> dict[int, EscrowFunding]:
    """The month's row of every escrow, made where it is missing."""
    standing = {
        row.fund_id: row for row in EscrowFunding.objects.filter(fund__in=funds, month=first)
    }
    held: dict[int, Money] = {}
    for book_id in {fund.book_id for fund in funds}:
        of_book = [fund.beneficiary_id for fund in funds if fund.book_id == book_id]
        held |= held_now(book_id, of_book)
    new = [
        EscrowFunding(
            fund=fund,
            month=first,
            planned=planned_for(fund, list(fund.bills.all()), held[fund.beneficiary_id], first),
        )
        for fund in funds
        if fund.pk not in standing
    ]
    EscrowFunding.objects.bulk_create(new)
    return standing | {row.fund_id: row for row in new}


def _move(move: _Move, accounts: Chart, on: date, actor_id: int | None) -> Money:
    """Move what the owners have of what is missing; returns how much, and says what stays so."""
    fund, funding = move.fund, move.funding
    wanted = funding.planned - funding.funded
    parts, why = _parts(fund, move.shares, wanted)
    amount = sum(parts.values(), ZERO)
    if amount:
        try:
            with transaction.atomic():
                entry = post_fact(
                    entity_id=fund.property.entity_id,
                    key=f"escrow:{fund.pk}:{funding.month:%Y-%m}:{funding.moves + 1}",
                    kind=Entry.Kind.TRANSFER,
                    day=on,
                    memo=f"{fund}, {funding.month:%B %Y}",
                    lines=postings.escrow_funded(
                        accounts,
                        rent_book_id=fund.property.rent_book_id,
                        escrow_book_id=fund.book_id,
                        property_book_id=fund.property.book_id,
                        parts=parts,
                        escrow_id=fund.beneficiary_id,
                    ),
                    posted_by_id=actor_id,
                )
                EscrowMove.objects.create(funding=funding, amount=amount, entry=entry)
        except LedgerError as refusal:
            amount, why = ZERO, str(refusal)[:300]
    if amount < wanted or funding.why_short:
        said = why if amount < wanted else ""
        EscrowFunding.objects.filter(pk=funding.pk).update(why_short=said)
    return amount


def _parts(
    fund: EscrowFund, shares: Sequence[ShareInForce], wanted: Money
) -> tuple[dict[int, Money], str]:
    """What each owner gives by shares, the most that all of them can; and why it is not all.

    The owners' balances are locked, so that nothing else takes the same money.
    """
    if not shares:
        return {}, "the property has no owner on that day"
    owners = [each.beneficiary_id for each in shares]
    book_id = fund.property.rent_book_id
    locked = Balance.objects.select_for_update().filter(book=book_id, beneficiary__in=owners)
    list(
        locked.order_by("book_id", "beneficiary_id", "account_id", "id").values_list(
            "id", flat=True
        )
    )
    held = held_now(book_id, owners)
    most = wanted.amount
    for each in shares:
        has = max(held[each.beneficiary_id].amount, Decimal(0))
        most = min(most, (has / each.share).quantize(CENT, ROUND_DOWN))
    amount = Money(most, wanted.currency)
    why = f"the owner has {plain(sum((max(held[who], ZERO) for who in held), ZERO))} in the account"
    while amount > ZERO:
        amounts = split(amount, [each.share for each in shares])
        parts = {who: part for who, part in zip(owners, amounts, strict=True) if part}
        if all(held[who] >= part for who, part in parts.items()):
            return parts, why
        # A share rounded up is a cent more than its owner has.
        amount -= Money(CENT, amount.currency)
    return {}, why


@transaction.atomic
def top_up(funding: EscrowFunding, *, on: date, actor_id: int | None = None) -> EscrowsFunded:
    """Take what a month still lacks from the owner, who has paid in since."""
    return fund_escrows(
        funding.fund.property.entity_id,
        funding.month,
        on=on,
        fund_ids=[funding.fund_id],
        actor_id=actor_id,
    )


@transaction.atomic
def pay_bill(
    bill: EscrowBill,
    *,
    on: date,
    method: str = Payment.Method.CHECK,
    routing_number: str = "",
    account_number: str = "",
    amount: Money | None = None,
    actor_id: int | None = None,
) -> EscrowBill:
    """Pay a bill from its escrow, and expect the next one if it repeats; a bill is paid once.

    amount: what the bill came to, if not what was expected. Raises Overdrawn where the escrow does
    not hold that much, and what payments refuse.
    """
    held = (
        EscrowBill.objects.select_for_update(of=("self",))
        .select_related("fund__property", "fund__book")
        .get(pk=bill.pk)
    )
    if held.state == _Bill.PAID:
        return held
    if held.state == _Bill.CANCELLED:
        raise AlreadyDone(f"{held} was cancelled")
    fund = held.fund
    if held.state == _Bill.BACK and held.payment is not None:
        # Paid again in its payment's place, so that nobody pays the one and reissues the other.
        reissue(
            held.payment,
            on=on,
            method=method,
            key=f"escrow:{held.pk}:{held.tries + 1}",
            actor_id=actor_id,
            routing_number=routing_number,
            account_number=account_number,
        )
        EscrowBill.objects.filter(pk=held.pk).update(tries=F("tries") + 1)
        held.refresh_from_db()
        return held
    held.amount = amount or held.amount
    held.tries += 1
    accounts = chart(fund.property.entity_id)
    held.payment = pay(
        NewPayment(
            entity_id=fund.property.entity_id,
            book_id=fund.book_id,
            key=f"escrow:{held.pk}:{held.tries}",
            method=method,
            purpose=Payment.Purpose.ESCROW,
            payee=held.payee,
            amount=held.amount,
            dated_on=on,
            payee_address=held.address,
            routing_number=routing_number,
            account_number=account_number,
            memo=f"{fund.get_kind_display()}, {fund.property.name}"[:300],
        ),
        claims={fund.beneficiary_id: held.amount},
        other_lines=postings.escrow_spent(
            accounts,
            fund.property.book_id,
            held.amount,
            is_upkeep=fund.kind == EscrowFund.Kind.MAINTENANCE,
        ),
        posted_by_id=actor_id,
    )
    held.state = _Bill.PAID
    held.save(update_fields=["amount", "tries", "payment", "state"])
    if held.repeats_months:
        EscrowBill.objects.get_or_create(
            follows=held,
            defaults={
                "fund": fund,
                "payee": held.payee,
                "address": held.address,
                "amount": held.amount,
                "due_on": later(held.due_on, held.repeats_months),
                "repeats_months": held.repeats_months,
            },
        )
    return held


def later(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def analyse(fund: EscrowFund, *, on: date, months: int = MONTHS_AHEAD) -> EscrowAnalysis:
    """What an escrow will hold at each month's end if it gets what it needs now, every month.

    Bills that repeat come again in the months looked at. Overdue ones count in the first month.
    """
    held = held_of(fund)
    bills = [each for each in fund.bills.all() if each.state in (_Bill.EXPECTED, _Bill.BACK)]
    first = on.replace(day=1)
    row = fund.fundings.filter(month=first).first()
    monthly = row.planned if row else planned_for(fund, bills, held, first)
    left_now = monthly - row.funded if row else monthly
    opening, found = held, []
    for number in range(months):
        month = later(first, number)
        funding = left_now
        if number:
            # As every night will reckon it, but never more than is asked for now: what that does
            # not cover is the shortage.
            funding = min(monthly, planned_for(fund, bills, opening, month))
        due, bills = _pay_those_due(bills, later(month, 1))
        closing = opening + funding - due
        found.append(EscrowMonth(month, opening, funding, due, closing))
        opening = closing
    worst = min(found, key=lambda each: (each.closing.amount, each.month))
    return EscrowAnalysis(
        held=held,
        target=fund.target,
        monthly=monthly,
        months=found,
        lowest=worst.closing,
        lowest_on=worst.month,
        shortage=max(fund.target - worst.closing, ZERO),
        surplus=max(worst.closing - fund.target, ZERO),
    )


def _pay_those_due(bills: Sequence[EscrowBill], before: date) -> tuple[Money, list[EscrowBill]]:
    """What falls due before a day, and the bills that are then expected, repeated ones included."""
    due, left = ZERO, []
    for bill in bills:
        day = bill.due_on
        while day < before:
            due += bill.amount
            if not bill.repeats_months:
                break
            day = later(day, bill.repeats_months)
        if day >= before:
            again = {"amount": bill.amount, "due_on": day, "repeats_months": bill.repeats_months}
            left.append(EscrowBill(fund=bill.fund, **again))
    return due, left
