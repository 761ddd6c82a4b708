"""What the desk offers for each kind of rent collection's items; every remedy calls one service."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from moneyed import Money

from desk import registry
from desk.errors import Refused
from desk.types import Detail, Done, Effect, Evidence, Field, Remedy
from leases.errors import LeasesError
from leases.models import Lease
from leases.queries import lease_by_code
from ledger import services as ledger_services
from ledger.errors import LedgerError
from ledger.models import Beneficiary, Book, Line
from ledger.queries import overdrawn
from proptrust.lib.money import ZERO, plain
from proptrust.lib.names import names_somebody
from receivables import evidence, findings, matching, postings, queries, services
from receivables.errors import ReceivablesError
from receivables.models import (
    Acknowledgement,
    PayerAlias,
    Receipt,
    RemittanceItem,
)
from receivables.services.allocations import plans
from receivables.types import Candidate

REFUSALS = (ReceivablesError, LeasesError, LedgerError)
SHOWN_LINES = 12


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    registry.handle(
        findings.IN_SUSPENSE, SuspenseAnswers(), label="Money in suspense", due_banking_days=5
    )
    registry.handle(
        findings.PAID_TWICE,
        Acknowledged(findings.PAID_TWICE, "Keep it as prepaid rent", evidence.of_receipt),
        label="Paid twice?",
        due_banking_days=3,
    )
    registry.handle(
        findings.PENDING_LONG,
        Acknowledged(findings.PENDING_LONG, "Looked up: go on waiting", evidence.of_receipt),
        label="Pending for too long",
        due_banking_days=3,
    )
    registry.handle(
        findings.PAID_IN_PART,
        Acknowledged(findings.PAID_IN_PART, "Seen", evidence.of_charge),
        label="Paid in part",
        due_banking_days=5,
    )
    registry.handle(
        findings.RETURNED,
        Acknowledged(findings.RETURNED, "Tenant told", evidence.of_comeback),
        label="Payment returned",
        due_banking_days=1,
    )
    registry.handle(
        findings.DISPUTED,
        Acknowledged(findings.DISPUTED, "Answered", evidence.of_comeback),
        label="Payment disputed",
        due_banking_days=3,
    )
    for kind, label, days in (
        (findings.OWNER_OVERDRAWN, "Owner overdrawn by a return", 1),
        (findings.OVERDRAWN, "Beneficiary overdrawn", 1),
        (findings.COMPANY_OWES, "The company owes the trust", 2),
    ):
        registry.handle(kind, OverdrawnAnswers(), label=label, due_banking_days=days)
    registry.handle(
        findings.ITEM_UNMATCHED,
        RemittanceItemAnswers(),
        label="Remittance item without a payment",
        due_banking_days=3,
    )
    registry.handle(
        findings.WITHOUT_ITEMS,
        Acknowledged(findings.WITHOUT_ITEMS, "Seen: its list will come", evidence.of_remittance),
        label="Remittance without its list",
        due_banking_days=2,
    )
    registry.handle(
        findings.DEPOSIT_IN_RENT,
        DepositAnswers(),
        label="Security deposit in the rent account",
        due_banking_days=2,
    )
    registry.handle(
        findings.BANK_DETAILS,
        Acknowledged(findings.BANK_DETAILS, "Changed at the platform", evidence.of_bank_details),
        label="Bank details changed",
        due_banking_days=2,
    )


class Acknowledged:
    """Items that ask a person to look, and perhaps to do something outside; then they are done."""

    def __init__(self, kind: str, label: str, shows: Callable[[int], Sequence[Evidence]]) -> None:
        self.kind = kind
        self.label = label
        self.shows = shows

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The evidence, and one button."""
        return Detail(
            evidence=self.shows(subject_id),
            remedies=[Remedy(key="acknowledge", label=self.label, is_suggestion=True)],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Note that a person has seen it."""
        _only("acknowledge", remedy)
        row, _ = Acknowledgement.objects.get_or_create(
            kind=self.kind, subject_id=subject_id, defaults={"made_by_id": actor_id}
        )
        return Done(self.label, {"acknowledgement": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Forget that it was seen; the desk's own history keeps that it had been."""
        Acknowledgement.objects.filter(pk=facts["acknowledgement"]).delete()
        return f"No longer: {self.label}"


class SuspenseAnswers:
    """Money whose lease nobody knows: the likely leases, each with what it would do."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Candidates first; a typed lease code, name or unit finds more."""
        receipt = _receipt(subject_id)
        amount = queries.unallocated(receipt)
        found = matching.candidates(
            receipt.entity_id, amount, receipt.received_on, receipt.payer, receipt.memo
        )
        shown = {each.lease_id for each in found}
        leases = _leases(receipt.entity_id, [*shown, *found_leases(receipt.entity_id, find)])
        effects = _effects_of_assigning(receipt, list(leases.values()), amount)
        remedies = [
            *(
                self._remedy(receipt, leases[each.lease_id], effects[each.lease_id], each)
                for each in found
            ),
            *(
                self._remedy(receipt, lease, effects[lease.pk], None)
                for lease in leases.values()
                if lease.pk not in shown
            ),
            Remedy(
                key="assign_once",
                label="Give to a lease, without remembering the payer",
                fields=[Field("code", "Lease code")],
            ),
        ]
        return Detail(
            evidence=evidence.of_receipt(subject_id),
            remedies=remedies,
            find_hint="Lease code, tenant or unit",
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Give the receipt to a lease; with the suggestion the payer is remembered too."""
        receipt = _receipt(subject_id)
        if remedy.startswith("assign:"):
            lease = _lease(receipt, facts.get("lease", ""))
        else:
            _only("assign_once", remedy)
            code = facts.get("code", "")
            found = lease_by_code(receipt.entity_id, code)
            if found is None:
                raise Refused(f"There is no lease {code!r} in this company.")
            lease = found
        remember = remedy.startswith("assign:") and _can_remember(receipt)
        before = _active_aliases(lease)
        try:
            services.assign_receipt(
                receipt,
                lease,
                matched_by=_points(receipt, lease),
                remember=remember,
                actor_id=actor_id,
            )
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return Done(
            f"{plain(receipt.gross)} given to lease {lease.code}",
            {
                "receipt": receipt.pk,
                "lease": lease.pk,
                "aliases": sorted(_active_aliases(lease) - before),
            },
        )

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Take the money back into suspense, and forget what was learnt from it."""
        receipt = _receipt(facts["receipt"])
        lease = receipt.lease
        if lease is None:
            raise Refused("This money is in suspense already.")
        if lease.pk != facts.get("lease", lease.pk):
            raise Refused(f"Somebody has given this money to lease {lease.code} since; ask them.")
        try:
            services.unassign_receipt(receipt, actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        PayerAlias.objects.filter(pk__in=facts["aliases"]).update(is_active=False, undone=1)
        return f"{plain(receipt.gross)} taken from lease {lease.code}"

    def _remedy(
        self,
        receipt: Receipt,
        lease: Lease,
        effects: Sequence[Effect],
        candidate: Candidate | None,
    ) -> Remedy:
        names = " & ".join(row.tenant.name for row in lease.tenancies.all())
        hint = "; ".join(candidate.why) if candidate else ""
        if _can_remember(receipt):
            hint = f"{hint}. The payer is remembered." if hint else "The payer is remembered."
        return Remedy(
            key=f"assign:{lease.pk}",
            label=f"Lease {lease.code}, {names}, {lease.unit}",
            hint=hint,
            effects=effects,
            points=candidate.points if candidate else None,
            criteria=candidate.criteria if candidate else {},
            facts={"lease": str(lease.pk)},
            is_suggestion=True,
        )


_OWED_BY_CLIENT = (
    "Until it is made good, nothing can be paid out of this trust account. The next money that "
    "comes in for them makes it good; ask for it now."
)
_OWED_BY_COMPANY = (
    "Transfer the amount from the operating account to this trust account. When the bank shows "
    "it, answer its line with “The company pays what it owes the trust”; this item closes with it."
)


class OverdrawnAnswers:
    """A beneficiary who owes the trust money: what brought them there. Only money makes it good."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The last lines of the beneficiary in the accounts it owes, newest first."""
        red = [row.book_id for row in overdrawn() if row.beneficiary_id == subject_id]
        rows = (
            Line.objects.filter(beneficiary=subject_id, book__in=red)
            .select_related("entry", "book")
            .order_by("-dated_on", "-entry")[:SHOWN_LINES]
        )
        return Detail(
            evidence=[
                Evidence(
                    f"{row.dated_on:%b %-d, %Y}",
                    f"{plain(-row.amount)}  {row.book}: {row.entry.memo}",
                    evidence.link_to("ledger_entry", row.entry_id),
                )
                for row in rows
            ],
            warnings=[_OWED_BY_CLIENT if _is_client(subject_id) else _OWED_BY_COMPANY],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Nothing here settles it by a word: money must come in."""
        raise Refused("Only money that comes in makes this good.")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """There is nothing to undo."""
        raise Refused("There is nothing to undo.")


class RemittanceItemAnswers:
    """What a processor paid or kept for no payment of ours."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """A payment may be received in suspense; an adjustment may be the company's."""
        item = _item(subject_id)
        row = item.remittance
        effect: list[Effect] = []
        if item.what == RemittanceItem.What.PAYMENT and item.payment:
            suspense_id = services.suspense_of(row.book.entity_id)
            effect = _effects(row.book, {suspense_id: item.gross})
            remedy = Remedy(
                key="receive",
                label="Record it as a receipt in suspense",
                hint="If the platform tells the payment later, it is this receipt.",
                effects=effect,
                is_suggestion=True,
            )
        elif item.what == RemittanceItem.What.ADJUSTMENT:
            company_id = services.company_of(row.book.entity_id)
            effect = _effects(row.book, {company_id: item.net})
            remedy = Remedy(key="company", label="It is the company's", effects=effect)
        else:
            remedy = Remedy(
                key="acknowledge",
                label="Settled with the processor",
                hint="Nothing is posted.",
            )
        return Detail(evidence=evidence.of_item(item), remedies=[remedy])

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Receive the payment, give the adjustment to the company, or note that it is settled."""
        item = _item(subject_id)
        try:
            if remedy == "receive":
                receipt = services.receive_unknown(item, actor_id=actor_id)
                return Done(f"{plain(receipt.gross)} received in suspense")
            if remedy == "company":
                entry = services.give_to_company(item, on=timezone.localdate(), actor_id=actor_id)
                return Done(f"{plain(item.net)} is the company's", {"entry": entry.pk})
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        _only("acknowledge", remedy)
        row, _ = Acknowledgement.objects.get_or_create(
            kind=findings.ITEM_UNMATCHED, subject_id=subject_id, defaults={"made_by_id": actor_id}
        )
        return Done("Settled with the processor", {"acknowledgement": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Reverse what was posted for the company; a received payment stays received."""
        if remedy == "company":
            RemittanceItem.objects.filter(entry=facts["entry"]).update(entry=None)
            return _reverse(facts["entry"], actor_id)
        if remedy == "acknowledge":
            Acknowledgement.objects.filter(pk=facts["acknowledgement"]).delete()
            return "Open again"
        raise Refused("The money did come in; give it to its lease instead.")


class DepositAnswers:
    """A security deposit in the rent account: record the transfer that was made at the bank."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Where it is held, where it belongs, and what the transfer does."""
        lease = _leases_by_id([subject_id])[subject_id]
        to_book = lease.unit.property.deposit_book
        remedies = []
        for book, amount in _misplaced(lease):
            remedies.append(
                Remedy(
                    key=f"transfer:{book.pk}",
                    label=f"Record the transfer of {plain(amount)} to {to_book.name}",
                    hint="After it was made at the bank: both statements will show it.",
                    effects=[
                        *_effects(book, {lease.deposit_id: -amount}),
                        *_effects(to_book, {lease.deposit_id: amount}),
                    ],
                    fields=[
                        Field(
                            "on",
                            "Made on",
                            kind="date",
                            initial=timezone.localdate().isoformat(),
                        )
                    ],
                    is_suggestion=True,
                    shortcut="t",
                )
            )
        return Detail(
            evidence=[
                Evidence("Lease", str(lease), evidence.link_to("leases_lease", lease.pk)),
                Evidence("Agreed deposit", plain(lease.deposit_agreed)),
                Evidence("Belongs in", to_book.name),
            ],
            remedies=remedies,
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Post the transfer in both trust books."""
        if not remedy.startswith("transfer:"):
            raise Refused(f"There is no remedy {remedy!r} here.")
        lease = _leases_by_id([subject_id])[subject_id]
        number = remedy.removeprefix("transfer:")
        books = Book.objects.filter(entity=lease.entity_id, kind=Book.Kind.TRUST)
        book = next((row for row in books if str(row.pk) == number), None)
        if book is None:
            raise Refused("There is no such trust account in this company.")
        try:
            entry, amount = services.transfer_deposit(
                lease, book, on=_day(facts.get("on", "")), actor_id=actor_id
            )
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return Done(f"{plain(amount)} moved to the deposit account", {"entry": entry.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Reverse the transfer."""
        return _reverse(facts["entry"], actor_id)


def _effects_of_assigning(
    receipt: Receipt, leases: Sequence[Lease], amount: Money
) -> dict[int, list[Effect]]:
    """What giving a receipt to each lease does to each balance, by lease; nothing is posted."""
    found: dict[int, list[Effect]] = {}
    claims: dict[int, dict[int, Money]] = {}
    suspense_id = services.suspense_of(receipt.entity_id)
    owed = queries.owed_by([lease.pk for lease in leases])
    planned = plans(leases, amount, shares_day=receipt.received_on)
    for lease in leases:
        way = planned[lease.pk]
        if isinstance(way, LeasesError):
            found[lease.pk] = [Effect(str(lease), ZERO, ZERO, warning=sentence(way))]
            continue
        slices, rest = way
        paid = sum((each.amount for each in slices), ZERO)
        left = owed[lease.pk]
        found[lease.pk] = [Effect(f"Owed by lease {lease.code}", left, left - paid)]
        given = postings.claims_of(slices, (lease.prepaid_id, rest))
        claims[lease.pk] = postings.add({suspense_id: -amount}, given)
    for lease_id, effects in _effects_of_many(receipt.book, claims).items():
        found[lease_id] += effects
    return found


def _effects(book: Book, claims: Mapping[int, Money]) -> list[Effect]:
    """What each beneficiary holds before and after, with a warning below zero."""
    return _effects_of_many(book, {0: claims})[0]


def _effects_of_many(
    book: Book, claims: Mapping[int, Mapping[int, Money]]
) -> dict[int, list[Effect]]:
    """The effects of each of several sets of claims, each as if it were the only one."""
    everyone = {who for each in claims.values() for who, part in each.items() if part}
    before = queries.held_now(book.pk, everyone)
    names = dict(Beneficiary.objects.filter(pk__in=everyone).values_list("pk", "name"))
    return {
        key: [
            Effect(
                f"{names[who]} ({book.name})",
                before[who],
                before[who] + part,
                warning="Overdrawn" if before[who] + part < ZERO else "",
            )
            for who, part in each.items()
            if part
        ]
        for key, each in claims.items()
    }


def _points(receipt: Receipt, lease: Lease) -> dict[str, int]:
    """The criteria that the chosen lease had at this moment, kept with the receipt."""
    amount = queries.unallocated(receipt)
    found = matching.candidates(
        receipt.entity_id, amount, receipt.received_on, receipt.payer, receipt.memo
    )
    chosen = next((each for each in found if each.lease_id == lease.pk), None)
    return dict(chosen.criteria) if chosen else {"chosen by a person": 0}


def _reverse(entry_id: int, actor_id: int) -> str:
    try:
        entry = ledger_services.reverse(
            entry_id=entry_id,
            key=f"undo:{entry_id}",
            dated_on=_entry_day(entry_id),
            memo="Undone",
            posted_by_id=actor_id,
        )
    except LedgerError as refusal:
        raise Refused(sentence(refusal)) from refusal
    return f"Reversed by entry {entry.pk}"


def _entry_day(entry_id: int) -> date:
    """An undo counts for the day of what it undoes; in a closed period it is refused."""
    return Line.objects.filter(entry=entry_id).values_list("dated_on", flat=True)[0]


def _receipt(receipt_id: int) -> Receipt:
    return Receipt.objects.select_related("book", "connection", "lease__unit__property").get(
        pk=receipt_id
    )


def _item(item_id: int) -> RemittanceItem:
    return RemittanceItem.objects.select_related("remittance__book", "remittance__connection").get(
        pk=item_id
    )


def _lease(receipt: Receipt, lease_id: str) -> Lease:
    lease = _leases(receipt.entity_id, [int(lease_id)] if _is_number(lease_id) else [])
    if not lease:
        raise Refused("The lease is not one of this company's.")
    return next(iter(lease.values()))


def _leases(entity_id: int, lease_ids: Sequence[int]) -> dict[int, Lease]:
    rows = _with_parts(Lease.objects.filter(entity=entity_id))
    found = rows.in_bulk(list(lease_ids))
    return {lease_id: found[lease_id] for lease_id in lease_ids if lease_id in found}


def _leases_by_id(lease_ids: Sequence[int]) -> dict[int, Lease]:
    return _with_parts(Lease.objects.all()).in_bulk(list(lease_ids))


def _with_parts(rows: QuerySet[Lease]) -> QuerySet[Lease]:
    return rows.select_related("unit__property__deposit_book").prefetch_related("tenancies__tenant")


def found_leases(entity_id: int, find: str) -> list[int]:
    """Leases whose code, tenant or unit contains the text of the search box."""
    text = find.strip()
    if not text:
        return []
    fits = (
        Q(code__icontains=text)
        | Q(tenancies__tenant__name__icontains=text)
        | Q(unit__code__iexact=text)
        | Q(unit__property__name__icontains=text)
    )
    rows = Lease.objects.filter(fits, entity=entity_id).order_by("code").distinct()
    return list(rows.values_list("pk", flat=True)[: matching.MOST_CANDIDATES])


def _misplaced(lease: Lease) -> list[tuple[Book, Money]]:
    held = queries.held_by_leases(Q(pk=lease.pk), purpose="rent")
    books = Book.objects.in_bulk([book_id for _, book_id, _, _ in held])
    wrong = [(books[book_id], amount) for _, book_id, amount, _ in held]
    return [pair for pair in wrong if pair[0].pk != lease.unit.property.deposit_book_id]


def _active_aliases(lease: Lease) -> set[int]:
    rows = PayerAlias.objects.filter(lease=lease, is_active=True)
    return set(rows.values_list("pk", flat=True))


def _can_remember(receipt: Receipt) -> bool:
    return bool(receipt.payer_reference) or names_somebody(receipt.payer)


def _is_client(beneficiary_id: int) -> bool:
    kind = Beneficiary.objects.values_list("kind", flat=True).get(pk=beneficiary_id)
    return kind != Beneficiary.Kind.COMPANY


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _day(text: str) -> date:
    """A day that has come: what was not made yet is not posted."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2026-03-31.") from None
    if day > timezone.localdate():
        raise Refused(f"{day:%b %-d, %Y} has not come yet.")
    return day


def _only(expected: str, remedy: str) -> None:
    if remedy != expected:
        raise Refused(f"There is no remedy {remedy!r} here.")


def sentence(refusal: Exception) -> str:
    """What a service said no with, as a sentence."""
    said = str(refusal)
    return f"{said[:1].upper()}{said[1:]}."
