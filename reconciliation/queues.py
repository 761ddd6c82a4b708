"""What the desk offers for each kind of reconciliation's items; every remedy calls one service."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from moneyed import Money

from desk import registry
from desk.errors import Refused
from desk.models import WorkItem
from desk.types import Detail, Done, Effect, Evidence, Field, Remedy
from leases.errors import LeasesError
from leases.models import Lease
from ledger import queries as ledger_queries
from ledger.errors import LedgerError
from ledger.models import BankAccount, Beneficiary, Entry, Line
from proptrust.lib.money import ZERO, from_cents, plain
from receivables import matching, postings
from receivables.errors import ReceivablesError
from receivables.models import Acknowledgement, Receipt
from receivables.queries import held_now
from receivables.services import company_of, correct_receipt, suspense_of
from receivables.services.allocations import plans
from receivables.types import Candidate as TenantCandidate
from reconciliation import findings, queries, services
from reconciliation.errors import ReconciliationError
from reconciliation.matching import load, propose
from reconciliation.matching.engine import transposed
from reconciliation.matching.facts import OpenBankLine, OpenMoney
from reconciliation.matching.loading import only
from reconciliation.matching.sums import sums
from reconciliation.models import BankLine, Sighting, Statement, StatementFile
from reconciliation.queries.lines import ABSENT, TOLD_TWICE
from reconciliation.services import Why
from reconciliation.services.matching import once
from reconciliation.types import Candidate, ThreeWay

REFUSALS = (ReconciliationError, ReceivablesError, LedgerError, LeasesError)
# Suggestions that are shown of a kind; the search box finds the others.
MOST = 4
# Causes of a difference that an item shows; the reconciliation page shows them all.
MOST_CAUSES = 20
_AMOUNT = re.compile(r"-?[0-9][0-9,]*\.?[0-9]{0,2}")


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    for kind, handler, label, days in (
        (findings.UNMATCHED, UnmatchedAnswers(), "Unmatched bank line", 3),
        (findings.OUTSTANDING, OutstandingAnswers(), "Outstanding too long", 3),
        (findings.REFUSED, RefusedFileAnswers(), "Bank file refused", 1),
        (findings.GAP, StatementAnswers(findings.GAP), "Statement missing", 2),
        (findings.BREAK, StatementAnswers(findings.BREAK), "Statement balances break", 2),
        (findings.DIFFERS, DifferenceAnswers(), "Bank differs from book", 2),
        (findings.DOUBTFUL, DoubtfulAnswers(), "One movement or two?", 3),
        (TOLD_TWICE, ToldTwiceAnswers(), "Counted twice?", 3),
        (ABSENT, StatementAnswers(ABSENT), "Bank line gone", 3),
    ):
        registry.handle(kind, handler, label=label, due_banking_days=days)


class UnmatchedAnswers:
    """Is this bank line that money? Open journal lines, tenants, and the usual other answers."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Suggestions best first; a typed amount, name or number finds more of them."""
        line = _bank_line(subject_id)
        open_ = only(load(line.bank_account_id), [line.pk])
        if not open_.lines:
            return Detail(evidence=_line_evidence(line))
        (bare,) = open_.lines
        candidates = [*propose(open_)[line.pk][:MOST], *sums(bare, open_.money)]
        effect = _difference_effect(line)
        remedies = [_match_remedy(each, effect) for each in candidates]
        remedies += _corrections(line, bare, open_.money, effect)
        remedies += _found_money(line, open_.money, find, effect, {c.line_ids for c in candidates})
        if line.amount > ZERO:
            remedies += _tenants(line, find)
        remedies.sort(key=lambda each: -(each.points or 0))
        remedies += [*_transfers(line), *_repetitions(line), *_others(line)]
        if not any(each.key == "split" for each in remedies):
            remedies.append(_split())
        points = [each.points for each in remedies if each.is_suggestion]
        warnings = (
            ["Two candidates are equally good: nothing is posted by itself."]
            if len(points) > 1 and points[0] == points[1] and points[0]
            else []
        )
        return Detail(
            evidence=_line_evidence(line),
            remedies=remedies,
            warnings=warnings,
            find_hint="Amount, name, lease or number",
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Match, post and match, or say that the line repeats another."""
        verb, _, rest = remedy.partition(":")
        line = _bank_line(subject_id)
        why = Why(actor_id, _points(facts), {"points": _criteria(facts)})
        if verb not in _ANSWERS:
            raise Refused(f"There is no remedy {remedy!r} for a bank line.")
        try:
            return _ANSWERS[verb](line, rest, facts, why)
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Unlink what was matched, reverse what was posted with it."""
        try:
            if "repeats" in facts:
                services.undo_repetition(facts["repeats"])
                return "The line counts again."
            if "corrected" in facts:
                return _undo_correction(facts, actor_id)
            return services.undo_answer(facts["match"], why="undone by a person", actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal


# What each button of an unmatched line does


def _act_match(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    ids = [int(part) for part in re.findall(r"\d+", rest)]
    made = services.match_lines(line.pk, ids, why)
    count = f" with {len(ids)} journal lines" if len(ids) > 1 else ""
    return Done(f"Matched {plain(line.amount)}{count}", {"match": made.pk})


def _act_split(line: BankLine, _: str, facts: QueryDict, why: Why) -> Done:
    ids = [int(part) for part in re.findall(r"\d+", facts.get("lines", ""))]
    if not ids:
        raise Refused("Name the journal lines by their numbers.")
    known = set(Line.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if missing := [str(id_) for id_ in ids if id_ not in known]:
        raise Refused(f"There is no journal line {', '.join(missing)}.")
    made = services.match_lines(line.pk, sorted(known), why)
    return Done(f"Matched {plain(line.amount)} with {len(known)} lines", {"match": made.pk})


def _act_receive(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    lease = Lease.objects.filter(pk=_id(rest), entity_id=line.bank_account.book.entity_id).first()
    if lease is None:
        raise Refused("There is no such lease in this company.")
    made = services.receive_from(line.pk, lease.pk, why)
    return Done(f"{plain(line.amount)} received from lease {lease.code}", {"match": made.pk})


def _act_suspense(line: BankLine, _: str, facts: QueryDict, why: Why) -> Done:
    made = services.put_into_suspense(line.pk, why)
    return Done(f"{plain(line.amount)} put into suspense", {"match": made.pk})


def _act_fee(line: BankLine, _: str, facts: QueryDict, why: Why) -> Done:
    made = services.book_fee(line.pk, why)
    return Done(f"{plain(-line.amount)} booked as a bank fee", {"match": made.pk})


def _act_repay(line: BankLine, _: str, facts: QueryDict, why: Why) -> Done:
    made = services.repay(line.pk, why)
    return Done(f"{plain(line.amount)} of the company's debt made good", {"match": made.pk})


def _act_transfer(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    who = facts.get("beneficiary", "")
    if not who.isdecimal():
        raise Refused("Choose whose money was moved.")
    made, _ = services.transfer(line.pk, _id(rest), _id(who), why)
    return Done(f"{plain(abs(line.amount))} moved between trust accounts", {"match": made.pk})


def _act_return(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    made = services.take_back(line.pk, _id(rest), why)
    return Done(f"{plain(-line.amount)} recorded as returned", {"match": made.pk})


def _act_correct(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    receipt = Receipt.objects.filter(pk=_id(rest), book=line.bank_account.book_id).first()
    if receipt is None:
        raise Refused("There is no such receipt in this account.")
    before = receipt.gross
    made, new = services.correct_amount(line.pk, receipt.pk, why)
    return Done(
        f"Receipt corrected from {plain(before)} to {plain(new.gross)} and matched",
        {"match": made.pk, "corrected": new.pk, "before": str(before.amount)},
    )


def _act_repeat(line: BankLine, rest: str, facts: QueryDict, why: Why) -> Done:
    services.name_repetition(line.pk, of=_id(rest))
    return Done("Named a repetition; it counts nowhere", {"repeats": line.pk})


_ANSWERS = {
    "match": _act_match,
    "split": _act_split,
    "receive": _act_receive,
    "suspense": _act_suspense,
    "fee": _act_fee,
    "repay": _act_repay,
    "transfer": _act_transfer,
    "return": _act_return,
    "correct": _act_correct,
    "repeat": _act_repeat,
}


def _undo_correction(facts: Mapping[str, Any], actor_id: int) -> str:
    """Give the corrected receipt its first amount back; the slip's total follows."""
    services.undo_match(facts["match"], why="undone by a person", undone_by_id=actor_id)
    new = Receipt.objects.get(pk=facts["corrected"])
    amount = Money(Decimal(facts["before"]), new.gross.currency)
    correct_receipt(new, amount, why="undone by a person", actor_id=actor_id)
    return f"The receipt has its first amount, {plain(amount)}, again."


# What is offered for an unmatched line


def _match_remedy(candidate: Candidate, effects: Sequence[Effect]) -> Remedy:
    ids = ",".join(map(str, candidate.line_ids))
    return Remedy(
        key=f"match:{ids}",
        label=candidate.label,
        hint="; ".join(f"{name}: {said}" for name, said in candidate.words.items()),
        effects=effects,
        points=candidate.points,
        criteria=candidate.reasons,
        facts=_carried(candidate.points, candidate.reasons),
        is_suggestion=True,
    )


def _found_money(
    line: BankLine,
    money: Sequence[OpenMoney],
    find: str,
    effects: Sequence[Effect],
    shown: set[tuple[int, ...]],
) -> list[Remedy]:
    """Open journal money that the search box names.

    What equals the line can be matched; of the rest the numbers are shown, for a split.
    """
    if not find.strip():
        return []
    amounts, texts = _searched(find)
    hits = [
        each
        for each in money
        if each.line_ids not in shown
        and (not amounts or abs(each.cents) in amounts)
        and all(text in each.label.lower() for text in texts)
    ]
    cents = int(line.amount.amount.scaleb(2))
    equal = [each for each in hits if each.cents == cents]
    remedies = [
        Remedy(
            key=f"match:{','.join(map(str, each.line_ids))}",
            label=f"{each.dated_on:%b %-d} {each.label}",
            hint="found by your search",
            effects=effects,
            points=40,
            criteria={"amount": 40},
            facts=_carried(40, {"amount": 40}),
            is_suggestion=True,
        )
        for each in equal[: 2 * MOST]
    ]
    if parts := [each for each in hits if each.cents != cents and len(each.line_ids) == 1]:
        listed = "; ".join(
            f"{each.line_ids[0]}: {each.dated_on:%b %-d} {each.label} "
            f"{plain(from_cents(each.cents))}"
            for each in parts[: 2 * MOST]
        )
        remedies.append(_split(hint=f"Journal lines found, by number: {listed}"))
    return remedies


def _searched(find: str) -> tuple[set[int], list[str]]:
    """The amounts in cents and the words of a search: "875 garcia" is one of each."""
    amounts: set[int] = set()
    texts: list[str] = []
    for word in find.lower().split():
        try:
            if not _AMOUNT.fullmatch(word):
                raise InvalidOperation
            amounts.add(abs(int(Decimal(word.replace(",", "")).scaleb(2))))
        except InvalidOperation:
            texts.append(word)
    return amounts, texts


def _tenants(line: BankLine, find: str) -> list[Remedy]:
    book = line.bank_account.book
    found = matching.candidates(
        book.entity_id, line.amount, line.posted_on, text=once(line.description)
    )
    here = _leases_here(book.pk, [each.lease_id for each in found])
    likely = [each for each in found if each.lease_id in here][:MOST]
    effects = _receipt_effects(line, [here[each.lease_id] for each in likely])
    remedies = [
        _tenant_remedy(here[each.lease_id], effects[each.lease_id], each) for each in likely
    ]
    if find.strip():
        _, texts = _searched(find)
        wanted = Q()
        for text in texts:
            wanted &= (
                Q(code__icontains=text)
                | Q(tenancies__tenant__name__icontains=text)
                | Q(unit__code__iexact=text)
                | Q(unit__property__name__icontains=text)
            )
        rows = Lease.objects.filter(wanted, unit__property__rent_book=book).exclude(
            pk__in=[each.lease_id for each in found]
        )
        ids = list(rows.distinct().values_list("pk", flat=True)[:MOST]) if texts else []
        leases = _leases_here(book.pk, ids)
        effects = _receipt_effects(line, list(leases.values()))
        remedies += [_tenant_remedy(leases[id_], effects[id_], None) for id_ in ids]
    return remedies


def _leases_here(book_id: int, ids: Iterable[int]) -> dict[int, Lease]:
    rows = Lease.objects.filter(unit__property__rent_book_id=book_id)
    return (
        rows.select_related("unit__property")
        .prefetch_related("tenancies__tenant")
        .in_bulk(list(ids))
    )


def _tenant_remedy(
    lease: Lease, effects: Sequence[Effect], found: TenantCandidate | None
) -> Remedy:
    names = " & ".join(row.tenant.name for row in lease.tenancies.all())
    criteria = dict(found.criteria) if found else {}
    points = found.points if found else 0
    return Remedy(
        key=f"receive:{lease.pk}",
        label=f"Payment of {names} · {lease.code} · {lease.unit}",
        hint="; ".join(found.why) if found else "found by your search",
        effects=effects,
        points=points,
        criteria=criteria,
        facts=_carried(points, criteria),
        is_suggestion=True,
    )


def _receipt_effects(line: BankLine, leases: Sequence[Lease]) -> dict[int, list[Effect]]:
    """What recording a line as the payment of each lease does, by lease."""
    found: dict[int, list[Effect]] = {}
    claims: dict[int, dict[int, Money]] = {}
    planned = plans(leases, line.amount, shares_day=line.posted_on)
    for lease in leases:
        way = planned[lease.pk]
        if isinstance(way, LeasesError):
            found[lease.pk] = [Effect(lease.code, ZERO, ZERO, _sentence(way))]
        else:
            slices, rest = way
            claims[lease.pk] = postings.claims_of(slices, (lease.prepaid_id, rest))
    return found | _effects_of_many(line.bank_account.book_id, claims)


def _effects(book_id: int, claims: Mapping[int, Money]) -> list[Effect]:
    """What each beneficiary of a book holds before and after claims are given (or taken)."""
    return _effects_of_many(book_id, {0: claims})[0]


def _effects_of_many(
    book_id: int, claims: Mapping[int, Mapping[int, Money]]
) -> dict[int, list[Effect]]:
    """The effects of each of several sets of claims, each as if it were the only one."""
    everyone = {who for each in claims.values() for who in each}
    names = dict(Beneficiary.objects.filter(pk__in=everyone).values_list("pk", "name"))
    before = held_now(book_id, everyone)
    return {
        key: [
            Effect(
                names[who],
                before[who],
                before[who] + amount,
                "overdrawn" if before[who] + amount < ZERO else "",
            )
            for who, amount in each.items()
        ]
        for key, each in claims.items()
    }


def _difference_effect(line: BankLine) -> list[Effect]:
    """What an answer does to the account's difference of bank and book."""
    account_id = line.bank_account_id
    for three in queries.figures([line.bank_account.book.entity_id], says_since=False):
        if three.bank_account_id == account_id:
            before = three.bank_difference
            return [Effect(f"Bank less book, {three.account_name}", before, before - line.amount)]
    return []


def _corrections(
    line: BankLine, bare: OpenBankLine, money: Sequence[OpenMoney], effects: Sequence[Effect]
) -> list[Remedy]:
    """Receipts whose digits were typed in the wrong order: one key, apart by a multiple of nine."""
    remedies = []
    for each in transposed(bare, money):
        if each.entry_id is None:
            continue
        difference = line.amount - from_cents(each.cents)
        for receipt in queries.typed_wrongly(each.entry_id, difference):
            right = receipt.gross + difference
            remedies.append(
                Remedy(
                    key=f"correct:{receipt.pk}",
                    label=f"Correct {receipt} to {plain(right)}",
                    hint=(
                        f"Two digits exchanged: {each.label} is booked as "
                        f"{plain(from_cents(each.cents))}, the bank says {plain(line.amount)}. "
                        "The receipt is reversed and recorded anew."
                    ),
                    effects=effects,
                    points=findings.EXCHANGED_POINTS,
                    criteria=findings.EXCHANGED_CRITERIA,
                    facts=_carried(findings.EXCHANGED_POINTS, findings.EXCHANGED_CRITERIA),
                    is_suggestion=True,
                    needs_confirmation=True,
                )
            )
    return remedies


def _transfers(line: BankLine) -> list[Remedy]:
    """Mirror lines on the company's other trust accounts."""
    remedies: list[Remedy] = []
    for mirror in queries.mirrors(line)[:MOST]:
        out, into = (line, mirror) if line.amount < ZERO else (mirror, line)
        choices = _movable(out, into.amount)
        remedies.append(
            Remedy(
                key=f"transfer:{mirror.pk}",
                label=(
                    f"Transfer from {out.bank_account.book} to {into.bank_account.book}, "
                    f"{mirror.posted_on:%b %-d}"
                ),
                hint="Both bank lines are matched with one entry.",
                fields=[Field("beneficiary", "Whose money", "choice", choices=choices)],
                shortcut="t" if not remedies else "",
                needs_confirmation=True,
            )
        )
    return remedies


def _movable(line: BankLine, amount: Money) -> list[tuple[str, str]]:
    """The beneficiaries of a line's book that hold an amount, those with just that much first."""
    held = ledger_queries.balances(book_id=line.bank_account.book_id)
    able = {id_: each for id_, each in held.items() if each >= amount}
    who = Beneficiary.objects.in_bulk(able)
    ranked = sorted(able, key=lambda id_: (able[id_] != amount, who[id_].name))
    return [(str(id_), f"{who[id_].name} ({plain(able[id_])})") for id_ in ranked]


def _repetitions(line: BankLine) -> list[Remedy]:
    return [
        Remedy(
            key=f"repeat:{other.pk}",
            label=f"Repeats the bank line of {other.posted_on:%b %-d}: {other.description[:60]}",
            hint="The bank told one movement twice; this line then counts nowhere.",
            needs_confirmation=True,
        )
        for other in queries.equal_lines(line).order_by("posted_on", "id")[:2]
    ]


def _others(line: BankLine) -> list[Remedy]:
    account = line.bank_account
    entity_id, book_id = account.book.entity_id, account.book_id
    if line.amount > ZERO:
        suspense = Remedy(
            key="suspense",
            label="Put it into suspense",
            hint="Nobody's rent is paid until somebody says whose money it is.",
            effects=_effects(book_id, {suspense_of(entity_id): line.amount}),
            shortcut="s",
        )
        return [*_repayment(line), suspense]
    returns = [
        Remedy(
            key=f"return:{receipt.pk}",
            label=f"The bank returned {receipt} of {receipt.received_on:%b %-d}",
            hint="The receipt's charges are open again.",
            needs_confirmation=True,
        )
        for receipt in queries.returned_receipts(line)[:MOST]
    ]
    fee = Remedy(
        key="fee",
        label="Bank fee",
        hint="The company owes it to the trust.",
        effects=_effects(book_id, {company_of(entity_id): line.amount}),
        needs_confirmation=True,
    )
    return [*returns, fee]


def _repayment(line: BankLine) -> list[Remedy]:
    """The company's own money, while it owes the trust at least as much as the line brings."""
    book_id = line.bank_account.book_id
    company_id = company_of(line.bank_account.book.entity_id)
    owed = -ledger_queries.balance(book_id=book_id, beneficiary_id=company_id)
    if line.amount > owed:
        return []
    return [
        Remedy(
            key="repay",
            label="The company pays what it owes the trust",
            hint=f"It owes {plain(owed)} here for fees that were taken from the account.",
            effects=_effects(book_id, {company_id: line.amount}),
            needs_confirmation=True,
        )
    ]


def _split(hint: str = "") -> Remedy:
    return Remedy(
        key="split",
        label="Split over journal lines",
        hint=hint or "Find lines first; their numbers are shown. The sum must be exact.",
        fields=[Field("lines", "Numbers of the journal lines", help="As 812, 815, 816")],
        shortcut="/",
    )


class OutstandingAnswers:
    """Money of the journal that the bank does not move: what it is, and whether it never will."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Equal open bank lines first, then those that name it; else it can be reversed."""
        line = _journal_line(subject_id)
        account = _account_of(line)
        remedies = [
            Remedy(
                key=f"match:{other.pk}",
                label=f"It is the bank line of {other.posted_on:%b %-d}: {other.description[:60]}",
                points=40,
                criteria={"amount": 40},
                facts=_carried(40, {"amount": 40}),
                is_suggestion=True,
            )
            for other in BankLine.objects.filter(
                bank_account=account,
                amount=line.amount,
                is_matched=False,
                repeats__isnull=True,
            ).order_by("posted_on", "id")[:MOST]
        ]
        remedies += _corrections_of(line, account)
        if _may_be_reversed(line.entry):
            remedies.append(
                Remedy(
                    key="reverse",
                    label="It never happened: reverse the entry",
                    effects=_effects(line.book_id, _claims_undone(line.entry)),
                    needs_confirmation=True,
                )
            )
        warnings = [] if remedies else [_to_look_up(line)]
        return Detail(evidence=_entry_evidence(line), remedies=remedies, warnings=warnings)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Match it, correct the receipt it is of, or reverse its entry."""
        line = _journal_line(subject_id)
        verb, _, rest = remedy.partition(":")
        why = Why(actor_id, _points(facts), {"points": _criteria(facts)})
        try:
            if verb == "match":
                other = BankLine.objects.filter(pk=_id(rest), bank_account=_account_of(line))
                if not other.exists():
                    raise Refused("There is no such bank line in this account.")
                made = services.match_lines(_id(rest), [line.pk], why)
                return Done(f"Matched {plain(line.amount)}", {"match": made.pk})
            if verb == "correct":
                bank_line_id, _, receipt_id = rest.partition(":")
                account = _account_of(line)
                other = BankLine.objects.filter(pk=_id(bank_line_id), bank_account=account)
                if not other.exists():
                    raise Refused("There is no such bank line in this account.")
                return _act_correct(_bank_line(_id(bank_line_id)), receipt_id, facts, why)
            if verb == "reverse":
                if not _may_be_reversed(line.entry):
                    raise Refused("Other records hang on this entry; it is not reversed alone.")
                entry = services.reverse_entry(
                    line.entry_id, why="never at the bank", actor_id=actor_id
                )
                return Done(f"Reversed by entry {entry.pk}", {"entry": entry.pk})
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal
        raise Refused(f"There is no remedy {remedy!r} for an outstanding item.")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Undo the match or the correction, or reverse the reversal."""
        try:
            if "corrected" in facts:
                return _undo_correction(facts, actor_id)
            if "match" in facts:
                return services.undo_answer(facts["match"], why="undone", actor_id=actor_id)
            entry = services.reverse_entry(
                facts["entry"], why="undone by a person", actor_id=actor_id
            )
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal
        return f"Posted again by entry {entry.pk}"


def _corrections_of(line: Line, account: BankAccount) -> list[Remedy]:
    """Bank lines that name this money with two digits exchanged: the same answer as from there."""
    open_ = load(account.pk)
    money = [each for each in open_.money if line.pk in each.line_ids]
    told = [bare for bare in open_.lines if any(transposed(bare, money))]
    rows = BankLine.objects.select_related("bank_account__book").in_bulk([row.id for row in told])
    remedies = []
    for bare in told:
        of_line = rows[bare.id]
        for each in _corrections(of_line, bare, money, _difference_effect(of_line)):
            _, _, receipt_id = each.key.partition(":")
            remedies.append(replace(each, key=f"correct:{bare.id}:{receipt_id}"))
    return remedies


def _to_look_up(line: Line) -> str:
    """What a person does outside when the desk knows nothing that would settle the item."""
    if line.amount < ZERO:
        return (
            "Ask the payee whether the check was received. If it is lost, have the bank stop it. "
            "It stays outstanding until the bank moves it; Wait takes this item off the list "
            "until the day you choose."
        )
    if hasattr(line.entry, "remittance"):
        return (
            "Ask the platform where its transfer is. A transfer that failed is told by the "
            "platform and goes back by itself."
        )
    return (
        "Ask the bank for the deposit, and compare the slip with its receipts. When the bank's "
        "line comes, it is matched; Wait takes this item off the list until the day you choose."
    )


class RefusedFileAnswers:
    """A bank file that was not taken: read it again for the right account, or set it aside."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Why it was refused and where."""
        file = _file(subject_id)
        accounts = BankAccount.objects.filter(book__entity_id=file.entity_id).select_related("book")
        choices = [(str(account.pk), f"{account.book}: {account}") for account in accounts]
        evidence = [
            Evidence("File", file.name, _url("reconciliation:file", file.pk)),
            Evidence("Reason", file.reason),
            Evidence("Format", file.format or "not told"),
            Evidence("SHA-256", file.sha256),
        ]
        if file.line:
            evidence.insert(2, Evidence("Line", str(file.line)))
        remedies = [
            Remedy(
                key="account",
                label="Read it again for an account",
                fields=[Field("account", "Bank account", "choice", choices=choices)],
            ),
            Remedy(
                key="unbalanced",
                label="Import it although its balances do not add up",
                hint="The break stays on the desk as a finding of its own.",
                needs_confirmation=True,
            ),
            Remedy(key="aside", label="Set it aside: another file takes its place"),
        ]
        return Detail(evidence=evidence, remedies=remedies)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Try again, or set aside."""
        file = _file(subject_id)
        if remedy == "aside":
            services.set_aside(file.pk)
            return Done(f"{file.name} set aside", {"file": file.pk})
        account = facts.get("account", "")
        if remedy == "account" and account.isdecimal():
            ours = BankAccount.objects.filter(book__entity=file.entity_id, pk=_id(account))
            if not ours.exists():
                raise Refused("There is no such bank account in this company.")
            after = services.try_again(file.pk, bank_account_id=_id(account))
        elif remedy == "unbalanced":
            after = services.try_again(file.pk, must_balance=False)
        else:
            raise Refused("Choose the account that the file is of.")
        if after.state != StatementFile.State.IMPORTED:
            raise Refused(f"Refused again: {after.reason}")
        return Done(f"{after.name} imported: {after.lines_new} new bank lines")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """A file that was set aside is wanted again; what was imported stays imported."""
        if "file" not in facts:
            raise Refused("What a bank told stays; name single lines repetitions instead.")
        services.set_aside(facts["file"], is_aside=False)
        return "The file is wanted again."


class StatementAnswers:
    """Days or balances that do not join: a file must come, or a person has asked the bank."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The statement, and where to upload the missing one."""
        statement = Statement.objects.select_related("file", "bank_account__book").get(
            pk=subject_id
        )
        upload = _url("reconciliation:upload")
        link = _url("reconciliation:account", statement.bank_account_id)
        evidence = [
            Evidence("Account", str(statement.bank_account.book), link),
            Evidence("Statement", f"{statement.from_on:%b %-d} to {statement.to_on:%b %-d, %Y}"),
            Evidence("File", statement.file.name),
            Evidence("Opening", _balance(statement.opening)),
            Evidence("Closing", _balance(statement.closing)),
            Evidence("Upload", "Upload the missing file", upload),
        ]
        remedies = []
        if self.kind == ABSENT:
            evidence += [
                Evidence("Not in it", f"{plain(line.amount)} {line.description}")
                for line in BankLine.objects.filter(pk__in=statement.absent)
            ]
            remedies.append(Remedy(key="seen", label="Asked the bank: the earlier file is right"))
        return Detail(evidence=evidence, remedies=remedies)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Note that a person has asked the bank."""
        if self.kind != ABSENT or remedy != "seen":
            raise Refused("Upload the missing file; the item closes by itself.")
        return _acknowledge(self.kind, subject_id, actor_id, "Asked the bank")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Forget that it was seen."""
        return _forget(facts)


class DifferenceAnswers:
    """Bank and book apart: the causes, each with its link; each has its own item or remedy."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The three figures and the decomposition of their difference."""
        three = queries.three_way(subject_id, on=timezone.localdate())
        evidence = [
            Evidence("Adjusted bank", plain(three.bank), three.link),
            Evidence("Book", plain(three.book)),
            Evidence("Beneficiaries", plain(three.beneficiaries)),
            Evidence("Since", f"{three.since:%b %-d, %Y}" if three.since else "agrees"),
            *_causes(three),
        ]
        said = "Nothing is posted here. Answer the causes below; the difference closes with them."
        return Detail(evidence=evidence, warnings=[said] if three.bank_difference_items else [])

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """A difference is never plugged: its causes are answered one by one."""
        raise Refused("Answer the causes; the difference closes with them. Nothing is plugged.")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """There is nothing to undo."""
        raise Refused("There is nothing to undo.")


def _causes(three: ThreeWay) -> list[Evidence]:
    """The parts of a difference, each with the item that answers it, or the page that shows it."""
    parts = three.bank_difference_items
    subjects = [part.subject_id for part in parts[:MOST_CAUSES] if part.subject_id is not None]
    items = {
        (item.subject_type, item.subject_id): item.pk
        for item in WorkItem.objects.filter(
            kind__in=[findings.UNMATCHED, findings.BREAK, findings.GAP],
            entity_id=three.entity_id,
            subject_id__in=subjects,
        ).exclude(state=WorkItem.State.CLOSED)
    }
    shown = []
    for part in parts[:MOST_CAUSES]:
        item_id = items.get((part.subject_type, part.subject_id or 0))
        link = f"{_url('desk:items')}?item={item_id}" if item_id else three.link
        name = f"EX-{item_id} " if item_id else ""
        label = f"{part.on:%b %-d} {plain(part.amount)}"
        shown.append(Evidence(label, f"{name}{part.text}: {part.cause}", link))
    if len(parts) > MOST_CAUSES:
        shown.append(Evidence("And", f"{len(parts) - MOST_CAUSES} more", three.link))
    return shown


class DoubtfulAnswers:
    """A movement that two formats tell in words that have nothing in common."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Both tellings, and both answers."""
        sighting = Sighting.objects.select_related(
            "bank_line__statement__file", "statement__file"
        ).get(pk=subject_id)
        known = sighting.bank_line
        return Detail(
            evidence=[
                Evidence(known.statement.file.name, f"{known.description} ({known.place})"),
                Evidence(
                    sighting.statement.file.name, f"{sighting.description} ({sighting.place})"
                ),
            ],
            remedies=[
                Remedy(key="once", label="One movement: count it once", is_suggestion=True),
                Remedy(key="apart", label="Two movements: count both", needs_confirmation=True),
            ],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Count it once, or make it a line of its own."""
        if remedy == "once":
            services.count_once(subject_id)
            return Done("Counted once", {"sighting": subject_id})
        if remedy == "apart":
            services.count_apart(subject_id)
            return Done("Counted as two movements", {"sighting": subject_id})
        raise Refused(f"There is no remedy {remedy!r} here.")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Doubt it again."""
        try:
            services.doubt_again(facts["sighting"])
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal
        return "It is doubtful again, and counted once."


class ToldTwiceAnswers:
    """Two lines with one check number or reference."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Both lines; the later one repeats, or both are real."""
        line = _bank_line(subject_id)
        others = queries.equal_lines(line).filter(pk__lt=line.pk).order_by("id")[:MOST]
        remedies = [
            Remedy(
                key=f"repeat:{other.pk}",
                label=f"It repeats the line of {other.posted_on:%b %-d}: count it once",
                is_suggestion=True,
                needs_confirmation=True,
            )
            for other in others
        ]
        remedies.append(Remedy(key="both", label="Both are real"))
        evidence = [
            *_line_evidence(line),
            *(Evidence("Beside it", f"{other.posted_on:%b %-d} {other}") for other in others),
        ]
        return Detail(evidence=evidence, remedies=remedies)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Name it a repetition, or note that both are real."""
        if remedy == "both":
            return _acknowledge(TOLD_TWICE, subject_id, actor_id, "Both are real")
        verb, _, rest = remedy.partition(":")
        if verb != "repeat":
            raise Refused(f"There is no remedy {remedy!r} here.")
        try:
            return _act_repeat(_bank_line(subject_id), rest, facts, Why(actor_id))
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Let it count again, or forget what was noted."""
        if "repeats" in facts:
            services.undo_repetition(facts["repeats"])
            return "The line counts again."
        return _forget(facts)


# What several of them need


def _bank_line(line_id: int) -> BankLine:
    return BankLine.objects.select_related("bank_account__book", "statement__file").get(pk=line_id)


def _journal_line(line_id: int) -> Line:
    return Line.objects.select_related("entry", "book").get(pk=line_id)


def _account_of(line: Line) -> BankAccount:
    return BankAccount.objects.get(book_id=line.book_id)


def _file(file_id: int) -> StatementFile:
    return StatementFile.objects.defer("body").get(pk=file_id)


def _may_be_reversed(entry: Entry) -> bool:
    """Whether nothing but the journal knows an entry.

    Rent collection keeps records of its own, which a bare reversal would leave standing; and what
    was brought forward at the cut-over is not taken away by a button.
    """
    return entry.kind != Entry.Kind.OPENING and not any(
        hasattr(entry, name)
        for name in (
            "receipt", "deposit_slip", "remittance", "failed_remittance", "comeback",
            "opening_item",
        )
    )  # fmt: skip


def _id(text: str) -> int:
    """A row's number as a form sends it."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refused("The form does not say which row it means; open the item again.")
    return int(text)


def _claims_undone(entry: Entry) -> dict[int, Money]:
    claims: dict[int, Money] = {}
    for line in entry.lines.filter(beneficiary__isnull=False):
        assert line.beneficiary_id is not None
        claims[line.beneficiary_id] = claims.get(line.beneficiary_id, ZERO) + line.amount
    return claims


def _line_evidence(line: BankLine) -> list[Evidence]:
    account = line.bank_account
    link = _url("reconciliation:account", account.pk)
    found = [
        Evidence("Account", f"{account.book} ({account})", link),
        Evidence("Bank's words", line.description or "none"),
        Evidence("Day", f"{line.posted_on:%b %-d, %Y}"),
    ]
    for label, value in (
        ("Type", line.type),
        ("Bank reference", line.bank_reference),
        ("Our reference", line.customer_reference),
        ("Check number", line.check_number),
    ):
        if value:
            found.append(Evidence(label, value))
    file = line.statement.file
    found.append(
        Evidence(
            "From",
            f"{file.name}, {line.place}",
            _url("reconciliation:file", file.pk),
        )
    )
    return found


def _entry_evidence(line: Line) -> list[Evidence]:
    return [
        Evidence("Entry", f"{line.entry_id} {line.entry.memo}"),
        Evidence("Kind", line.entry.get_kind_display()),
        Evidence("Day", f"{line.dated_on:%b %-d, %Y}"),
        Evidence("Account", str(line.book)),
    ]


def _balance(balance: Money | None) -> str:
    return "not told" if balance is None else plain(balance)


def _acknowledge(kind: str, subject_id: int, actor_id: int, said: str) -> Done:
    row, _ = Acknowledgement.objects.get_or_create(
        kind=kind, subject_id=subject_id, defaults={"made_by_id": actor_id}
    )
    return Done(said, {"acknowledgement": row.pk})


def _forget(facts: Mapping[str, Any]) -> str:
    Acknowledgement.objects.filter(pk=facts["acknowledgement"]).delete()
    return "It is asked again."


def _carried(points: int, criteria: Mapping[str, int]) -> dict[str, str]:
    """Points and criteria as the form carries them, so that the match keeps what was shown."""
    shown = ",".join(f"{name}={each}" for name, each in criteria.items())
    return {"points": str(points), "criteria": shown}


def _points(facts: QueryDict) -> int:
    text = facts.get("points", "0")
    return min(int(text), 100) if text.isdecimal() and len(text) < 4 else 0


def _criteria(facts: QueryDict) -> dict[str, int]:
    pairs = (part.partition("=") for part in facts.get("criteria", "").split(",") if part)
    return {
        name[:20]: int(value) for name, _, value in pairs if value.isdecimal() and len(value) < 4
    }


def _url(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
