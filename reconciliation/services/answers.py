"""A person's (or a certain rule's) answer to a bank line: post what is missing, match it, undo it.

Each answer is one transaction: what it posts and the match stand together or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from leases.models import Lease
from ledger.charts import chart
from ledger.company import company_of, company_side, mirrored
from ledger.errors import AlreadyReversed
from ledger.models import Account, BankAccount, Beneficiary, Entry, Line
from ledger.queries import balance, dated_for
from ledger.services import post, reverse
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import ZERO, plain
from receivables import services as receivables
from receivables.models import Comeback, Receipt
from receivables.types import NewComeback, NewReceipt
from reconciliation import locks, queries
from reconciliation.errors import WrongMatch
from reconciliation.models import BankLine, Match, MatchLine, Sighting
from reconciliation.services.matches import NewMatch, match, undo_match

# The rules of answers, each with its version; the match keeps it.
BY_HAND = "by_hand.1"
TENANT = "tenant.1"
SUSPENSE = "suspense.1"
FEE = "bank_fee.1"
REPAID = "company_repays.1"
TRANSFER = "transfer.1"
RETURNED = "returned_item.1"
CORRECTED = "corrected.1"


@dataclass(frozen=True, slots=True)
class Why:
    """Who answers and why: points with criteria, as they are stored with the match."""

    actor_id: int | None = None
    points: int = 0
    reasons: Mapping[str, Any] | None = None


@transaction.atomic
def match_lines(bank_line_id: int, line_ids: Sequence[int], why: Why) -> Match:
    """Say that a bank line is these journal lines; their sum is exactly its amount."""
    line = _held(bank_line_id)
    return _matched(line, line_ids, BY_HAND, why)


@transaction.atomic
def receive_from(bank_line_id: int, lease_id: int, why: Why) -> Match:
    """Record a credit as a tenant's payment, and match it."""
    line = _held(bank_line_id)
    lease = Lease.objects.select_related("unit__property").get(pk=lease_id)
    if lease.unit.property.rent_book_id != line.bank_account.book_id:
        raise WrongMatch(f"Lease {lease.code} pays into another account than {line.bank_account}.")
    return _received(line, lease, TENANT, why)


@transaction.atomic
def put_into_suspense(bank_line_id: int, why: Why) -> Match:
    """Record a credit that nobody has identified, and match it; suspense holds the money."""
    return _received(_held(bank_line_id), None, SUSPENSE, why)


@transaction.atomic
def book_fee(bank_line_id: int, why: Why) -> Match:
    """Record a debit as the bank's fee, which the company owes to the trust, and match it."""
    line = _held(bank_line_id)
    if line.amount >= ZERO:
        raise WrongMatch("A fee is money out of the account.")
    account = line.bank_account
    accounts = chart(account.book.entity_id)
    side = company_side(account.book.entity_id, accounts)
    lines = [
        NewLine(account.book_id, accounts.claims, -line.amount, side.beneficiary_id),
        NewLine(account.book_id, accounts.bank, line.amount),
    ]
    entry = _posted(
        line,
        kind=Entry.Kind.BANK_FEE,
        memo=f"Bank fee: {line.description}".strip(": "),
        lines=mirrored(lines, side),
        actor_id=why.actor_id,
    )
    return _matched(line, [_cash_line(entry, account)], FEE, why, entry)


@transaction.atomic
def repay(bank_line_id: int, why: Why) -> Match:
    """Record a credit as the company's own money that makes good what it owes to the trust.

    Never more than it owes: what is above that would be the company's money among other people's.
    """
    line = _held(bank_line_id)
    account = line.bank_account
    company = company_of(account.book.entity_id)
    owed = -balance(book_id=account.book_id, beneficiary_id=company)
    if line.amount <= ZERO:
        raise WrongMatch("Money that makes good comes into the account.")
    if line.amount > owed:
        raise WrongMatch(
            f"The company owes {account.book} {plain(max(owed, ZERO))}, not that much."
        )
    accounts = chart(account.book.entity_id)
    entry = _posted(
        line,
        kind=Entry.Kind.TRANSFER,
        memo=f"The company makes good: {line.description}".strip(": "),
        # The money comes out of the company's own account.
        lines=mirrored(
            [
                NewLine(account.book_id, accounts.bank, line.amount),
                NewLine(account.book_id, accounts.claims, -line.amount, company),
            ],
            company_side(account.book.entity_id, accounts, accounts.bank),
        ),
        actor_id=why.actor_id,
    )
    return _matched(line, [_cash_line(entry, account)], REPAID, why, entry)


@transaction.atomic
def transfer(
    bank_line_id: int, mirror_id: int, beneficiary_id: int, why: Why
) -> tuple[Match, Match]:
    """Record that money moved between two trust accounts of a company, and match both lines.

    beneficiary_id: whose money moved; the account it left must hold that much for them.
    """
    entity_id = BankLine.objects.values_list("bank_account__book__entity", flat=True).get(
        pk=bank_line_id
    )
    ours = BankLine.objects.filter(bank_account__book__entity=entity_id)
    both = dict(ours.filter(pk__in=[bank_line_id, mirror_id]).values_list("pk", "bank_account_id"))
    who = Beneficiary.objects.filter(pk=beneficiary_id, entity=entity_id).first()
    if mirror_id not in both or who is None:
        # Nothing is said of what another company has.
        raise WrongMatch("There is no such bank line or beneficiary in this company.")
    locks.hold(both.values())
    line, mirror = _held(bank_line_id), _held(mirror_id)
    if line.amount != -mirror.amount or line.bank_account_id == mirror.bank_account_id:
        raise WrongMatch("A transfer leaves one account and reaches another with the same amount.")
    out, into = (line, mirror) if line.amount < ZERO else (mirror, line)
    held = balance(book_id=out.bank_account.book_id, beneficiary_id=who.pk)
    if held < into.amount:
        raise WrongMatch(f"{out.bank_account.book} holds {plain(held)} for {who}, not that much.")
    accounts = chart(entity_id)
    entry = _posted(
        out,
        kind=Entry.Kind.TRANSFER,
        memo=f"{who}: {out.bank_account.book} to {into.bank_account.book}",
        lines=[
            NewLine(out.bank_account.book_id, accounts.claims, into.amount, who.pk),
            NewLine(out.bank_account.book_id, accounts.bank, -into.amount),
            NewLine(into.bank_account.book_id, accounts.bank, into.amount),
            NewLine(into.bank_account.book_id, accounts.claims, -into.amount, who.pk),
        ],
        actor_id=why.actor_id,
        also=into.bank_account.book_id,
    )
    first, second = (
        _matched(each, [_cash_line(entry, each.bank_account)], TRANSFER, why, entry)
        for each in (line, mirror)
    )
    return first, second


@transaction.atomic
def take_back(bank_line_id: int, receipt_id: int, why: Why) -> Match:
    """Record a debit as the return of a receipt (a check that bounced), and match it.

    Raises WrongMatch for a receipt that the debit cannot be the return of.
    """
    line = _held(bank_line_id)
    receipt = queries.returned_receipts(line).filter(pk=receipt_id).first()
    if receipt is None:
        raise WrongMatch("The bank line cannot be the return of this receipt.")
    comeback = receivables.take_back(
        receipt,
        NewComeback(
            kind=Comeback.Kind.RETURN,
            key=f"bank-line:{line.pk}",
            amount=-line.amount,
            on=line.posted_on,
            reason=line.description,
        ),
    )
    assert comeback.entry is not None
    cash = _cash_line(comeback.entry, line.bank_account)
    return _matched(line, [cash], RETURNED, why, comeback.entry)


@transaction.atomic
def correct_amount(bank_line_id: int, receipt_id: int, why: Why) -> tuple[Match, Receipt]:
    """Correct a receipt to what the bank says, by reversal and a new posting, and match it.

    The receipt stands alone or on a deposit slip; the slip's total changes with it. Raises
    WrongMatch unless two digits of it changed places, or if the bank has moved it already.
    """
    line = _held(bank_line_id)
    receipt = (
        Receipt.objects.select_related("deposit_slip")
        .filter(pk=receipt_id, book_id=line.bank_account.book_id, entry__isnull=False)
        .first()
    )
    if receipt is None:
        raise WrongMatch("There is no such receipt in this account.")
    slip = receipt.deposit_slip
    booked = slip.total if slip else receipt.gross
    booked_by = slip.entry_id if slip else receipt.entry_id
    if booked_by is None or receipt not in queries.typed_wrongly(booked_by, line.amount - booked):
        raise WrongMatch(f"{receipt} is not the bank line with two digits exchanged.")
    _must_be_open(booked_by)
    new = receivables.correct_receipt(
        receipt,
        receipt.gross + line.amount - booked,
        why=f"the bank says {plain(line.amount)}",
        actor_id=why.actor_id,
    )
    entry = new.deposit_slip.entry if new.deposit_slip else new.entry
    assert entry is not None
    made = _matched(line, [_cash_line(entry, line.bank_account)], CORRECTED, why)
    return made, new


@transaction.atomic
def undo_answer(match_id: int, *, why: str, actor_id: int | None = None) -> str:
    """Undo a match with all that was posted for it; returns what was done, in a sentence.

    Raises WrongMatch for a return, which only the bank can take back, and for what lies in a closed
    period, whose figures stay; and what the ledger raises.
    """
    _hold_accounts_of(match_id)
    made = undo_match(match_id, why=why, undone_by_id=actor_id)
    entry = made.created_entry
    if entry is None:
        return "The match was undone; both sides are open again."
    _must_lie_in_open_period(entry)
    siblings = Match.objects.filter(created_entry=entry, undone_at__isnull=True)
    for other in siblings:
        undo_match(other.pk, why=why, undone_by_id=actor_id)
    receipt = Receipt.objects.filter(entry=entry).first()
    if receipt is not None:
        receivables.cancel_receipt(receipt, why=why, actor_id=actor_id)
        return f"The match was undone and {receipt} was reversed."
    if Comeback.objects.filter(entry=entry).exists():
        raise WrongMatch(
            "A return is a fact of the bank; if it was wrong, record that the money came again."
        )
    reverse_entry(entry.pk, why=why, actor_id=actor_id)
    return f"The match was undone and {entry.memo} was reversed."


def reverse_entry(entry_id: int, *, why: str, actor_id: int | None = None) -> Entry:
    """Reverse an entry on its own day, or in the first open period.

    Raises AlreadyReversed, and WrongMatch if the bank has moved a part of it.
    """
    entry = Entry.objects.get(pk=entry_id)
    books = set(entry.lines.values_list("book_id", flat=True))
    locks.hold(BankAccount.objects.filter(book__in=books).values_list("pk", flat=True))
    _must_be_open(entry.pk)
    if by := Entry.objects.filter(reverses=entry).first():
        # The key below would return that reversal as if it were made now.
        raise AlreadyReversed(f"entry {entry.pk} is reversed already, by entry {by.pk}")
    dated_on, adjusts = dated_for(books, entry.dated_on)
    return reverse(
        entry_id=entry.pk,
        key=f"undo:{entry.pk}",
        dated_on=dated_on,
        memo=f"Undone: {why}"[:300],
        posted_by_id=actor_id,
        adjusts_id=adjusts.pk if adjusts else None,
    )


@transaction.atomic
def count_apart(sighting_id: int) -> BankLine:
    """Say that a line in a second format is a movement of its own: it becomes a bank line."""
    sighting = Sighting.objects.select_for_update(of=("self",)).get(pk=sighting_id)
    if sighting.became is not None:
        BankLine.objects.filter(pk=sighting.became.pk).update(repeats=None)
        line = sighting.became
    else:
        line = BankLine.objects.create(
            bank_account_id=sighting.bank_account_id,
            statement_id=sighting.statement_id,
            **{name: getattr(sighting, name) for name in _FACTS},
        )
        sighting.became = line
    sighting.is_doubtful = False
    sighting.save(update_fields=["became", "is_doubtful"])
    return line


@transaction.atomic
def count_once(sighting_id: int) -> None:
    """Say that a doubtful line in a second format is the known one."""
    Sighting.objects.filter(pk=sighting_id).update(is_doubtful=False)


@transaction.atomic
def doubt_again(sighting_id: int) -> None:
    """Undo either answer to a doubtful line; one that became a line of its own counts no more."""
    sighting = Sighting.objects.select_for_update(of=("self",)).get(pk=sighting_id)
    if sighting.became is not None:
        if sighting.became.is_matched:
            raise WrongMatch("The line is matched meanwhile; undo its match first.")
        BankLine.objects.filter(pk=sighting.became.pk).update(repeats=sighting.bank_line_id)
    sighting.is_doubtful = True
    sighting.save(update_fields=["is_doubtful"])


_FACTS = (
    "posted_on", "amount", "type", "bank_reference", "customer_reference", "check_number",
    "description", "place", "fingerprint", "number",
)  # fmt: skip


def _hold_accounts_of(match_id: int) -> None:
    """Hold the accounts of a match and of those that were posted with it, before their rows."""
    account_id, entry_id = Match.objects.values_list("bank_account_id", "created_entry_id").get(
        pk=match_id
    )
    others = Match.objects.filter(created_entry=entry_id) if entry_id else Match.objects.none()
    locks.hold([account_id, *others.values_list("bank_account_id", flat=True)])


def _must_be_open(entry_id: int) -> None:
    if MatchLine.objects.filter(line__entry=entry_id, is_live=True).exists():
        raise WrongMatch(f"Entry {entry_id} is matched with the bank; undo that match first.")


def _must_lie_in_open_period(entry: Entry) -> None:
    """The reconciliation of a closed month stays as it was reported."""
    closed = entry.lines.filter(book__closed_through__gte=entry.dated_on).first()
    if closed is not None:
        raise WrongMatch(
            f"{entry.memo} of {entry.dated_on:%b %-d, %Y} lies in a closed month of {closed.book} "
            "and stays. Put right what is wrong with it in the open month: give a receipt to its "
            "lease, and post anything else anew; the report then shows it as a late entry."
        )


def _held(bank_line_id: int) -> BankLine:
    """The bank line, its account held. Raises WrongMatch if another answer was quicker."""
    account_id = BankLine.objects.values_list("bank_account_id", flat=True).get(pk=bank_line_id)
    locks.hold([account_id])
    line = BankLine.objects.select_related("bank_account__book").get(pk=bank_line_id)
    if line.is_matched:
        raise WrongMatch("The bank line was matched meanwhile.")
    if line.repeats_id is not None:
        raise WrongMatch("The bank line only repeats another one.")
    return line


def _received(line: BankLine, lease: Lease | None, rule: str, why: Why) -> Match:
    if line.amount <= ZERO:
        raise WrongMatch("A receipt is money into the account.")
    account = line.bank_account
    key = f"bank-line:{line.pk}"
    count = Receipt.objects.filter(entity=account.book.entity_id, key__startswith=key).filter(
        key__regex=rf"^bank-line:{line.pk}(#\d+)?$"
    )
    receipt = receivables.record_receipt(
        NewReceipt(
            entity_id=account.book.entity_id,
            key=f"{key}#{count.count() + 1}",
            channel=Receipt.Channel.WIRE,
            into=Receipt.Into.BANK,
            gross=line.amount,
            received_on=line.posted_on,
            settles_on=line.posted_on,
            book_id=account.book_id,
            lease_id=lease.pk if lease else None,
            payer=line.description[:200],
            trace=line.bank_reference[:60],
            memo=f"Bank line of {line.posted_on:%b %-d, %Y}",
            matched_by=dict((why.reasons or {}).get("points", {})),
        ),
        posted_by_id=why.actor_id,
    )
    assert receipt.entry is not None
    return _matched(line, [_cash_line(receipt.entry, account)], rule, why, receipt.entry)


def _posted(
    line: BankLine,
    *,
    kind: str,
    memo: str,
    lines: Sequence[NewLine],
    actor_id: int | None,
    also: int | None = None,
) -> Entry:
    """Post for a bank line on its day, or in the first open period, under the next free key."""
    entity_id = line.bank_account.book.entity_id
    books = {line.bank_account.book_id, *([also] if also else [])}
    books |= {each.book_id for each in lines}
    dated_on, adjusts = dated_for(books, line.posted_on)
    prefix = f"bank-line:{line.pk}:{kind}:"
    count = Entry.objects.filter(entity=entity_id, key__startswith=prefix).count()
    return post(
        NewEntry(
            entity_id=entity_id,
            key=f"{prefix}{count + 1}",
            kind=kind,
            dated_on=dated_on,
            memo=memo[:300],
            lines=lines,
            posted_by_id=actor_id,
            adjusts_id=adjusts.pk if adjusts else None,
        )
    )


def _cash_line(entry: Entry, account: BankAccount) -> int:
    return Line.objects.get(entry=entry, book=account.book_id, account__kind=Account.Kind.BANK).pk


def _matched(
    line: BankLine,
    line_ids: Sequence[int],
    rule: str,
    why: Why,
    created: Entry | None = None,
) -> Match:
    return match(
        NewMatch(
            bank_account_id=line.bank_account_id,
            bank_line_ids=[line.pk],
            line_ids=line_ids,
            rule=rule,
            points=why.points,
            reasons=why.reasons or {},
            made_by_id=why.actor_id,
            created_entry_id=created.pk if created else None,
        )
    )
