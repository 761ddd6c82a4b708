"""Which told line is which movement: pure functions, no database.

Downloads overlap, and one account is told in more than one format. A movement is imported once; two
equal movements of one day stay two (docs/decisions/050-bank-lines-once.md and
docs/decisions/051-same-line-in-two-formats.md).
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reconciliation.formats.types import ParsedLine

# Formats whose bank reference the bank keeps from download to download (OFX: the FITID), so that a
# description which the bank rewords does not make a second line. Day and amount stay in the
# fingerprint, because banks use an id again.
_IDS_STAY = frozenset({"ofx"})
_TOKEN = re.compile(r"[A-Z0-9][A-Z0-9_-]*")
_LONG = 5
# Words that banks put beside every payment of a kind and that therefore tell nothing.
_COMMON_WORDS = frozenset(
    (
        "ACH CCD PPD WEB CREDIT DEBIT DEPOSIT PAYMENT TRANSFER FROM INTO THE AND FOR REF TRACE "
        "CHECK BRANCH MOBILE ONLINE PREAUTHORIZED COMMERCIAL INCOMING OUTGOING WIRE ZELLE RENT "
        "DES INDN"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Told:
    """A line of a file with its identity. Texts are never None."""

    posted_on: date
    amount: Decimal
    type: str
    bank_reference: str
    customer_reference: str
    check_number: str
    description: str
    place: str
    fingerprint: str
    number: int


@dataclass(frozen=True, slots=True)
class Known:
    """A stored line. formats: those that have told it so far."""

    id: int
    posted_on: date
    amount: Decimal
    check_number: str
    texts: tuple[str, ...]
    formats: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A told line that is a stored one in other words. is_doubtful: nothing says so but the sum."""

    told: Told
    known_id: int
    is_doubtful: bool


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


def fingerprint(line: ParsedLine, format: str) -> str:  # noqa: A002
    """SHA-256 of what a bank says of a movement, in hexadecimal."""
    facts = [line.posted_on.isoformat(), f"{line.amount:.2f}"]
    if format in _IDS_STAY and line.bank_reference:
        facts += ["id", _plain(line.bank_reference)]
    else:
        facts += [
            _plain(line.type),
            _plain(line.bank_reference),
            _plain(line.customer_reference),
            _plain(line.check_number),
            _plain(line.description).upper(),
        ]
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()


def told(lines: Iterable[ParsedLine], format: str, seen: Counter[str]) -> list[Told]:  # noqa: A002
    """The lines of a statement with their fingerprints and their numbers among equals.

    seen: how often each fingerprint came so far; counted on, so that the pages of one statement
    share it and each download begins with an empty one.
    """
    found = []
    for line in lines:
        print_ = fingerprint(line, format)
        seen[print_] += 1
        found.append(
            Told(
                posted_on=line.posted_on,
                amount=line.amount,
                type=_plain(line.type)[:40],
                bank_reference=_plain(line.bank_reference)[:140],
                customer_reference=_plain(line.customer_reference)[:140],
                check_number=_plain(line.check_number)[:30],
                description=_plain(line.description),
                place=line.place[:60],
                fingerprint=print_,
                number=seen[print_],
            )
        )
    return found


def pair(unknown: Sequence[Told], known: Iterable[Known], format: str) -> list[Pair]:  # noqa: A002
    """Which told lines are stored ones in other words.

    known: stored lines that the file has not told word for word. Day and amount must be equal;
    check numbers must not differ. A format tells a line in one way, so that two tellings in one
    format are two lines, but for a check, which clears once. A reference in common, or words of
    which one side has no others, make it sure; otherwise it is the same line too, but doubtful.
    Each stored line is used once, the best pair first.
    """
    free: dict[tuple[date, Decimal], list[Known]] = defaultdict(list)
    for line in known:
        free[line.posted_on, line.amount].append(line)
    ranked = sorted(
        (
            (-likeness, order, line.id)
            for order, each in enumerate(unknown)
            for line in free.get((each.posted_on, each.amount), ())
            if (likeness := _likeness(each, line, format)) is not None
        ),
    )
    pairs: dict[int, Pair] = {}
    used: set[int] = set()
    for negative, order, known_id in ranked:
        if order not in pairs and known_id not in used:
            pairs[order] = Pair(unknown[order], known_id, is_doubtful=negative == 0)
            used.add(known_id)
    return [pairs[order] for order in sorted(pairs)]


def _likeness(one: Told, other: Known, format: str) -> int | None:  # noqa: A002
    """None: they cannot be the same. 0: nothing says so. More: how much says so."""
    check = one.check_number.lstrip("0")
    if check and other.check_number:
        return 1000 if check == other.check_number.lstrip("0") else None
    if format in other.formats:
        return None
    mine = tokens(one.bank_reference, one.customer_reference, one.check_number, one.description)
    theirs = tokens(*other.texts, other.check_number)
    if references(mine) & references(theirs):
        return 500 + len(mine & theirs)
    my_words, their_words = words(mine), words(theirs)
    common = my_words & their_words
    if common and (my_words <= their_words or their_words <= my_words):
        return 100 + len(common)
    return 0


def tokens(*texts: str) -> frozenset[str]:
    """The words and numbers of texts, in capitals; a compound counts whole and in its parts."""
    found: set[str] = set()
    for text in texts:
        for token in _TOKEN.findall(text.upper()):
            found.add(token)
            if "-" in token or "_" in token:
                found.update(part for part in re.split(r"[-_]", token) if part)
    return frozenset(found)


def references(found: Collection[str]) -> frozenset[str]:
    """The tokens that look like a reference: five characters or more, with a digit."""
    return frozenset(
        token for token in found if len(token) >= _LONG and any(c.isdigit() for c in token)
    )


def words(found: Collection[str]) -> frozenset[str]:
    """The tokens that look like a name: letters only, and not what banks print everywhere."""
    return frozenset(
        token
        for token in found
        if token.isalpha() and len(token) > 1 and token not in _COMMON_WORDS
    )
