"""The facts of an entry as text: what is posted, what its digest covers, what differs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from ledger.errors import NotCents, Unbalanced, WrongKind, WrongText
from ledger.models import Entry, Line
from ledger.types import NewEntry
from proptrust.lib.money import CENT

KEY_LENGTH: int = 200
MEMO_LENGTH: int = 300
KINDS = frozenset(Entry.Kind.values)

# Book, account, beneficiary, currency, amount; in the order of the entry.
LineFacts = tuple[int, int, int | None, str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """A checked entry, ready to be posted. lines: amounts are texts such as `-12.50`."""

    entity_id: int
    key: str
    kind: str
    dated_on: date
    memo: str
    reverses_id: int | None
    adjusts_id: int | None
    posted_by_id: int | None
    lines: list[LineFacts]
    digest: str


def cents_text(amount: Decimal, key: str) -> str:
    """An amount as PostgreSQL writes it; NotCents if it is no whole count of cents."""
    text = str(amount)
    if text[-3:-2] == ".":  # Two decimals already, as nearly always.
        return text
    try:
        whole = amount.quantize(CENT)
    except InvalidOperation:
        whole = Decimal("NaN")
    if whole != amount:
        raise NotCents(f'entry "{key}" has a line of {amount}, which is not a whole count of cents')
    return str(whole)


def checked(new: NewEntry, *, reverses_id: int | None = None) -> Facts:
    """The facts of a new entry. Raises NotCents, Unbalanced (no lines), WrongKind, WrongText."""
    key, memo = new.key, new.memo
    if not key or len(key) > KEY_LENGTH or "\0" in key:
        raise WrongText(f'a key has 1 to {KEY_LENGTH} characters: "{key}"')
    if len(memo) > MEMO_LENGTH or "\0" in memo:
        raise WrongText(f'the memo of entry "{key}" is longer than {MEMO_LENGTH} characters')
    if new.kind not in KINDS or (new.kind == "reversal") != (reverses_id is not None):
        raise WrongKind(
            f'entry "{key}" is a reversal; post it with ledger.services.reverse'
            if new.kind == "reversal"
            else f'entry "{key}" has kind "{new.kind}", which the ledger does not know'
        )
    if not new.lines:
        raise Unbalanced(f'entry "{key}" has no lines')
    lines: list[LineFacts] = [
        (
            line.book_id,
            line.account_id,
            line.beneficiary_id,
            line.amount.currency.code,
            cents_text(line.amount.amount, key),
        )
        for line in new.lines
    ]
    kind = str(new.kind)
    text = facts_text(new.entity_id, key, kind, new.dated_on, memo, reverses_id, new.adjusts_id)
    return Facts(
        entity_id=new.entity_id,
        key=key,
        kind=kind,
        dated_on=new.dated_on,
        memo=memo,
        reverses_id=reverses_id,
        adjusts_id=new.adjusts_id,
        posted_by_id=new.posted_by_id,
        lines=lines,
        digest=digest_of(text, lines),
    )


def facts_text(
    entity_id: int,
    key: str,
    kind: str,
    dated_on: date,
    memo: str,
    reverses_id: int | None,
    adjusts_id: int | None,
) -> str:
    """The head of the text that an entry's digest covers (docs/decisions/012-period-digest.md)."""
    return (
        f"{entity_id}|{kind}|{dated_on.isoformat()}|{reverses_id or ''}|{adjusts_id or ''}"
        f"|{len(key)}:{key}|{len(memo)}:{memo}"
    )


def digest_of(head: str, lines: Iterable[LineFacts]) -> str:
    """SHA-256 of an entry's facts; the order in which its lines are given does not matter."""
    rows = sorted(
        [f"\n{book}|{account}|{beneficiary or ''}|{currency}|{amount}"
         for book, account, beneficiary, currency, amount in lines]
    )  # fmt: skip
    return sha256((head + "".join(rows)).encode()).hexdigest()


def differences(entry: Entry, facts: Facts) -> list[str]:
    """What of a posted entry differs from facts that came with its key; empty if nothing does.

    A late fact that was moved out of a closed period is still the same fact: its day may differ
    where one of the two says that it adjusts the period in which the other lies.
    """
    found = [
        f"{name} was {was}, is {now}"
        for name, was, now in [
            ("kind", entry.kind, facts.kind),
            ("memo", f'"{entry.memo}"', f'"{facts.memo}"'),
            ("entry reversed", entry.reverses_id, facts.reverses_id),
        ]
        if was != now
    ]
    if not _same_day(entry, facts):
        found.append(f"day was {entry.dated_on}, is {facts.dated_on}")
    rows = Line.objects.filter(entry=entry).values_list(
        "book_id", "account_id", "beneficiary_id", "amount_currency", "amount"
    )
    was = sorted([(b, a, y or 0, c, str(amount)) for b, a, y, c, amount in rows])
    now = sorted([(b, a, y or 0, c, amount) for b, a, y, c, amount in facts.lines])
    if was != now:
        found.append(f"lines were {_said(was)}, are {_said(now)}")
    return found


def _same_day(entry: Entry, facts: Facts) -> bool:
    if entry.dated_on == facts.dated_on:
        return True
    if entry.adjusts_id is not None and entry.adjusts_id == facts.adjusts_id:
        return True
    if entry.adjusts is not None:
        return entry.adjusts.first_on <= facts.dated_on <= entry.adjusts.last_on
    return Entry.objects.filter(
        pk=entry.pk, lines__book__periods=facts.adjusts_id,
        lines__book__periods__first_on__lte=entry.dated_on,
        lines__book__periods__last_on__gte=entry.dated_on,
    ).exists()  # fmt: skip


def _said(lines: list[tuple[int, int, int, str, str]]) -> str:
    return "; ".join(f"{amount} {currency}" for *_, currency, amount in lines)
