"""Match an account's open lines by the rules: one transaction, one writer at a time."""

from django.db import transaction

from leases.models import Lease
from ledger.models import BankAccount
from ledger.queries import first_open_day
from proptrust.lib.money import from_cents
from receivables.matching import Matcher, certain
from receivables.types import Candidate
from reconciliation import locks
from reconciliation.matching import choose, load, propose
from reconciliation.matching.facts import Open, OpenBankLine
from reconciliation.models import Match
from reconciliation.services.answers import Why, receive_from
from reconciliation.services.matches import NewMatch, match_many

# A bank line that looks this much like money already in the journal is not posted as new money.
LOOKS_BOOKED = 60


@transaction.atomic
def match_account(bank_account_id: int) -> int:
    """Match every open bank line that has one certain answer; returns how many were matched.

    First what the journal has already, by key and exact sum. Then credits that name a lease beyond
    doubt and pay exactly what it owes: they are recorded as receipts and matched.
    Safe to stop (the transaction is undone), to run again (what is matched is not open any more),
    and to run twice at once (the second waits for the first).
    """
    locks.hold([bank_account_id])
    open_ = load(bank_account_id)
    choices = choose(open_)
    match_many(
        NewMatch(
            bank_account_id=bank_account_id,
            bank_line_ids=[choice.bank_line_id],
            line_ids=choice.candidate.line_ids,
            rule=choice.candidate.rule,
            points=choice.candidate.points,
            reasons={
                "points": dict(choice.candidate.reasons),
                "words": dict(choice.candidate.words),
            },
        )
        for choice in choices
    )
    done = {choice.bank_line_id for choice in choices}
    used = {id_ for choice in choices for id_ in choice.candidate.line_ids}
    rest = Open(
        bank_account_id,
        [line for line in open_.lines if line.id not in done],
        [money for money in open_.money if used.isdisjoint(money.line_ids)],
    )
    return len(choices) + _receive_certain(rest)


def _receive_certain(open_: Open) -> int:
    """Record the credits that are a tenant's payment beyond doubt; returns how many."""
    credits_ = [line for line in open_.lines if line.cents > 0]
    if not credits_:
        return 0
    book = BankAccount.objects.select_related("book").get(pk=open_.bank_account_id).book
    if book.kind != book.Kind.TRUST:
        return 0
    matcher = Matcher.load(book.entity_id)
    booked = propose(Open(open_.bank_account_id, credits_, open_.money))
    here = set(Lease.objects.filter(unit__property__rent_book=book).values_list("id", flat=True))
    paid: set[int] = set()
    for line in credits_:
        if any(each.points >= LOOKS_BOOKED for each in booked[line.id]):
            continue
        best = _certain(line, matcher)
        if best is not None and best.lease_id in paid:
            # What the lease still owes has changed since it was loaded.
            matcher, paid = Matcher.load(book.entity_id), set()
            best = _certain(line, matcher)
        if best is None or best.lease_id not in here:
            continue
        if first_open_day(book.pk, line.posted_on) != line.posted_on:
            continue  # A day in a closed period is for a person.
        reasons = {"points": dict(best.criteria), "words": {"why": "; ".join(best.why)}}
        receive_from(line.id, best.lease_id, Why(points=best.points, reasons=reasons))
        paid.add(best.lease_id)
    return Match.objects.filter(
        bank_sides__bank_line__in=[line.id for line in credits_], undone_at__isnull=True
    ).count()


def _certain(line: OpenBankLine, matcher: Matcher) -> Candidate | None:
    """The lease that a credit is for beyond doubt: by its key, the exact amount and the margin."""
    best = certain(matcher.candidates(from_cents(line.cents), line.posted_on, text=once(line.text)))
    return best if best is not None and "key" in best.criteria else None


def once(text: str) -> str:
    """A bank's text with each word once: OFX says a name in two places."""
    return " ".join(dict.fromkeys(text.split()))
