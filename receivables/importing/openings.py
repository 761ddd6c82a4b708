"""The cut-over: what each trust account holds and for whom, and what tenants owe.

Nothing is imported unless bank = book = beneficiaries for each trust account, to the cent.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from moneyed import Money

from desk.models import LegalEntity
from leases.models import OwnershipShare
from ledger.charts import chart
from ledger.company import company_of, company_side, mirrored, suspense_of
from ledger.models import Entry
from ledger.services import post_many
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import ZERO, plain, usd
from receivables import postings
from receivables.importing import kinds
from receivables.importing.reading import Problem, Row
from receivables.importing.writing import BadRow, Opening, Writing
from receivables.models import Charge, ChargeKind, OpeningItem, PortfolioImport, Receipt

Fact = TypeVar("Fact")
BANK, HELD, CHECK, DEPOSIT, CHARGE = "bank", "held", "check", "deposit", "charge"


@dataclass(frozen=True, slots=True)
class AccountProof:
    """Bank, book and beneficiaries of a trust account at the cut-over.

    bank: the statement's balance. book: less outstanding checks, with deposits in transit.
    difference: book less beneficiaries; zero, or nothing is imported.
    """

    account: str
    bank: Money
    checks: Money
    in_transit: Money
    beneficiaries: Money
    has_balance: bool

    @property
    def book(self) -> Money:
        """What the books must show: the bank's balance adjusted by what it had not seen."""
        return self.bank - self.checks + self.in_transit

    @property
    def difference(self) -> Money:
        """Book less beneficiaries."""
        return self.book - self.beneficiaries


def balance(writing: Writing, rows: Sequence[Row]) -> None:
    """What a trust account holds for an owner, a lease's tenants, the company, or nobody known."""
    (row,) = rows
    book = writing.book(row, row["account"], "", "account")
    who, lease_id, key = _holder(writing, row)
    writing.add_opening(
        Opening(
            HELD,
            book.name,
            key,
            row["amount"],
            row,
            beneficiary_id=who,
            book_id=book.pk,
            lease_id=lease_id,
            item=row["holder"],
            memo=row.get("memo", ""),
        )
    )


def _holder(writing: Writing, row: Row) -> tuple[int, int | None, str]:
    """The beneficiary of an opening balance, its lease if it has one, and what names it."""
    entity_id = writing.entity.pk
    holder = row["holder"]
    if holder == "company":
        return company_of(entity_id), None, "company"
    if holder == "suspense":
        return suspense_of(entity_id), None, f"suspense {row.get('memo', '')}".strip()
    if holder == "owner":
        return _share_holder(writing, row)
    lease = writing.lease(row, _needed(row, "lease", holder))
    who = lease.prepaid_id if holder == "prepaid" else lease.deposit_id
    return who, lease.pk, f"{holder} {lease.code}"


def _share_holder(writing: Writing, row: Row) -> tuple[int, None, str]:
    property_ = writing.property(row, _needed(row, "property", "owner"))
    shares = OwnershipShare.objects.filter(property=property_, until_on__isnull=True)
    if "owner" in row.values:
        shares = shares.filter(owner__code=row["owner"])
    found = list(shares.select_related("owner")[:2])
    if len(found) != 1:
        said = f"{row['owner']!r} does not own" if "owner" in row.values else "several people own"
        raise BadRow(f"{said} {property_}", column="owner", row=row)
    return found[0].beneficiary_id, None, f"owner {found[0].owner.code} {property_.code}"


def _needed(row: Row, column: str, holder: str) -> str:
    if column not in row.values:
        raise BadRow(f"is empty; money of kind {holder} needs it", column=column, row=row)
    value: str = row[column]
    return value


def deposit_held(writing: Writing, rows: Sequence[Row]) -> None:
    """A security deposit that a trust account holds for a lease."""
    (row,) = rows
    lease = writing.lease(row, row["lease"])
    default = lease.unit.property.deposit_book
    book = writing.book(row, row["account"], "", "account") if row.get("account") else default
    writing.add_opening(
        Opening(
            HELD,
            book.name,
            f"deposit {lease.code}",
            row["amount held"],
            row,
            beneficiary_id=lease.deposit_id,
            book_id=book.pk,
            lease_id=lease.pk,
            item="deposit",
        )
    )


def open_charge(writing: Writing, rows: Sequence[Row]) -> None:
    """What a tenant owed at the cut-over."""
    (row,) = rows
    lease = writing.lease(row, row["lease"])
    kind = row.get("charge", ChargeKind.RENT)
    memo = row.get("memo", "")
    writing.add_opening(
        Opening(
            CHARGE,
            lease.unit.property.code,
            f"{lease.code} {kind} {row['due on']} {memo}".strip(),
            row["amount due"],
            row,
            book_id=lease.unit.property.book_id,
            lease_id=lease.pk,
            charge_kind=kind,
            memo=memo,
            day=row["due on"],
        )
    )


def outstanding(writing: Writing, rows: Sequence[Row]) -> None:
    """A check or deposit that the bank had not seen at the cut-over."""
    (row,) = rows
    book = writing.book(row, row["account"], "", "account")
    if row["dated on"] > writing.cut_over_on:
        reason = f"lies after the cut-over on {writing.cut_over_on}"
        raise BadRow(reason, column="dated on", row=row)
    is_check = row["item"] == "check"
    writing.add_opening(
        Opening(
            CHECK if is_check else DEPOSIT,
            book.name,
            row["number"],
            -row["amount"] if is_check else row["amount"],
            row,
            book_id=book.pk,
            item=row["item"],
            memo=row.get("party", ""),
            number=row["number"],
            day=row["dated on"],
        )
    )


WRITERS: dict[str, Callable[[Writing, Sequence[Row]], None]] = {
    kinds.OPENING_BALANCES.key: balance,
    kinds.DEPOSITS.key: deposit_held,
    kinds.OPEN_CHARGES.key: open_charge,
    kinds.OUTSTANDING.key: outstanding,
}


@dataclass(slots=True)
class Known:
    """The openings that earlier imports of the company brought, by name: amount."""

    amounts: dict[tuple[str, str, str], Money]

    @classmethod
    def load(cls, entity: LegalEntity) -> "Known":
        """Read them from the imports that were kept."""
        said = PortfolioImport.objects.filter(entity=entity).values_list("said", flat=True)
        return cls(
            {
                (kind, scope, key): usd(amount)
                for each in said
                for kind, scope, key, amount in each.get("openings", [])
            }
        )

    def without(self, openings: Iterable[Opening]) -> list[Opening]:
        """The openings that are new."""
        return [each for each in openings if each.name not in self.amounts]

    def differences(self, openings: Sequence[Opening]) -> list[Problem]:
        """Why openings do not fit those that were imported before; empty when all do."""
        begun = {(kind, scope) for kind, scope, _ in self.amounts}
        accounts = {scope for kind, scope, _ in self.amounts if kind != CHARGE}
        problems = []
        for each in openings:
            row = each.row
            was = self.amounts.get(each.name)
            is_begun = (each.kind, each.scope) in begun or (
                each.kind != CHARGE and each.scope in accounts
            )
            if was is not None and was != each.amount:
                reason = (
                    f"{each.scope}: {each.key} was imported as {plain(was)}, the file says"
                    f" {plain(each.amount)}; post a correction instead"
                )
                problems.append(Problem(row.file, row.line, "", reason))
            elif was is None and is_begun:
                reason = (
                    f"{each.scope}: {each.key} was not among the opening balances imported before;"
                    " post it as an entry instead"
                )
                problems.append(Problem(row.file, row.line, "", reason))
        return problems + self._missing(openings)

    def _missing(self, openings: Sequence[Opening]) -> list[Problem]:
        files = {(each.kind, each.scope): each.row.file for each in openings}
        names = {each.name for each in openings}
        return [
            Problem(
                files[kind, scope],
                0,
                "",
                f"{scope}: {key} of {plain(amount)} was imported before and is missing now",
            )
            for (kind, scope, key), amount in self.amounts.items()
            if (kind, scope) in files and (kind, scope, key) not in names
        ]


def prove(writing: Writing, known: Known) -> list[AccountProof]:
    """Bank, book and beneficiaries of each trust account that the files open."""
    amounts = dict(known.amounts)
    amounts.update({each.name: each.amount for each in writing.openings})
    opened = {each.scope for each in writing.openings if each.kind != CHARGE}
    sums: dict[str, dict[str, Money]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for (kind, scope, _), amount in amounts.items():
        if kind != CHARGE and scope in opened:
            sums[scope][kind] += amount
    return [
        AccountProof(
            account=account,
            bank=of[BANK],
            checks=-of[CHECK],
            in_transit=of[DEPOSIT],
            beneficiaries=of[HELD],
            has_balance=(BANK, account, "balance") in amounts,
        )
        for account, of in sorted(sums.items())
    ]


def not_equal(proofs: Iterable[AccountProof]) -> list[Problem]:
    """Why the cut-over does not prove."""
    problems = []
    for proof in proofs:
        if not proof.has_balance:
            reason = f"{proof.account}: its bank balance at the cut-over is in no file"
            problems.append(Problem("", 0, "", reason))
        elif proof.difference:
            reason = (
                f"{proof.account} does not agree: bank {plain(proof.bank)} less checks"
                f" {plain(proof.checks)} with deposits in transit {plain(proof.in_transit)} is"
                f" {plain(proof.book)}, beneficiaries are {plain(proof.beneficiaries)}:"
                f" {plain(proof.difference)} apart"
            )
            problems.append(Problem("", 0, "", reason))
    return problems


def post(writing: Writing, openings: Sequence[Opening]) -> None:
    """Post new openings: each trust account in one entry, each outstanding item in its own."""
    by_account: dict[int, list[Opening]] = defaultdict(list)
    for each in openings:
        if each.kind != CHARGE and each.book_id is not None:
            by_account[each.book_id].append(each)
    entries = [entry for _, of in sorted(by_account.items()) for entry in _entries(writing, of)]
    charges = [each for each in openings if each.kind == CHARGE]
    entries += [_charge_entry(writing, each) for each in charges if _has_entry(each)]
    post_many(entries)
    _keep_items(writing, [each for each in openings if each.kind in (CHECK, DEPOSIT)])
    _keep_receipts(writing, openings)
    _keep_charges(writing, charges)


def _entries(writing: Writing, openings: Sequence[Opening]) -> list[NewEntry]:
    """One entry with the statement's balance, and one for each item that the bank will still show.

    What the items take out or bring passes through suspense, which they leave at its own balance.
    """
    book_id = openings[0].book_id
    assert book_id is not None
    books = postings.Books(chart(writing.entity.pk), book_id)
    suspense_id = suspense_of(writing.entity.pk)
    cash = sum((each.amount for each in openings if each.kind == BANK), ZERO)
    claims: dict[int, Money] = {}
    for each in openings:
        if each.kind == HELD and each.beneficiary_id is not None:
            claims = postings.add(claims, {each.beneficiary_id: each.amount})
    through = cash - sum(claims.values(), ZERO)
    lines = mirrored(
        postings.cash_moved(books, cash, postings.add(claims, {suspense_id: through})),
        company_side(writing.entity.pk, books.chart, books.chart.equity),
    )
    entries = [_entry(writing, f"opening:{book_id}", "Opening balance", lines)] if lines else []
    for each in openings:
        if each.kind in (CHECK, DEPOSIT):
            what = "Outstanding check" if each.kind == CHECK else "Deposit in transit"
            memo = f"{what} {each.number} of {each.day} {each.memo}".strip()
            moved = postings.cash_moved(books, each.amount, {suspense_id: each.amount})
            entries.append(_entry(writing, _item_key(each), memo, moved))
    return entries


def _entry(writing: Writing, key: str, memo: str, lines: Sequence[NewLine]) -> NewEntry:
    return NewEntry(
        entity_id=writing.entity.pk,
        key=key,
        kind=Entry.Kind.OPENING,
        dated_on=writing.cut_over_on,
        memo=memo[:300],
        lines=lines,
    )


def _charge_entry(writing: Writing, each: Opening) -> NewEntry:
    assert each.book_id is not None
    lines = postings.opened_charges(chart(writing.entity.pk), each.book_id, each.amount)
    return _entry(writing, f"charge:{_charge_key(each)}", f"Open charge: {each.key}", lines)


def _has_entry(charge: Opening) -> bool:
    return charge.charge_kind != ChargeKind.SECURITY_DEPOSIT


def _item_key(each: Opening) -> str:
    return f"opening:{each.book_id}:{each.kind}:{each.number}"


def _charge_key(each: Opening) -> str:
    return f"opening:{each.key}"[:190]


def _known(fact: Fact | None) -> Fact:
    """A fact that an opening of this kind always has."""
    assert fact is not None
    return fact


def _by_key(writing: Writing, keys: Iterable[str]) -> dict[str, int]:
    rows = Entry.objects.filter(entity=writing.entity, key__in=list(keys))
    return dict(rows.values_list("key", "id"))


def _keep_items(writing: Writing, items: Sequence[Opening]) -> None:
    entries = _by_key(writing, map(_item_key, items))
    OpeningItem.objects.bulk_create(
        OpeningItem(
            book_id=_known(each.book_id),
            kind=each.item,
            number=each.number,
            party=each.memo,
            dated_on=_known(each.day),
            amount=abs(each.amount),
            entry_id=entries[_item_key(each)],
        )
        for each in items
    )
    writing.created["outstanding items"] += len(items)


def _keep_receipts(writing: Writing, openings: Sequence[Opening]) -> None:
    """Prepaid rent and suspense brought forward pay charges later as any receipt does."""
    found = [
        each
        for each in openings
        if each.kind == HELD and each.item in ("prepaid", "suspense") and each.amount > ZERO
    ]
    Receipt.objects.bulk_create(
        Receipt(
            entity=writing.entity,
            book_id=_known(each.book_id),
            lease_id=each.lease_id,
            key=f"opening:{each.book_id}:{each.key}"[:200],
            channel=Receipt.Channel.OPENING,
            into=Receipt.Into.BANK,
            state=Receipt.State.SETTLED,
            gross=each.amount,
            received_on=writing.cut_over_on,
            memo=(each.memo or f"Brought forward: {each.key}")[:300],
        )
        for each in found
    )
    writing.created["balances brought forward"] += len(
        [each for each in openings if each.kind == HELD]
    )


def _keep_charges(writing: Writing, charges: Sequence[Opening]) -> None:
    entries = _by_key(writing, (f"charge:{_charge_key(each)}" for each in charges))
    Charge.objects.bulk_create(
        Charge(
            entity=writing.entity,
            lease_id=_known(each.lease_id),
            kind=each.charge_kind,
            key=_charge_key(each),
            amount=each.amount,
            due_on=_known(each.day),
            memo=each.memo,
            entry_id=entries.get(f"charge:{_charge_key(each)}"),
        )
        for each in charges
    )
    writing.created["open charges"] += len(charges)


def said(openings: Iterable[Opening]) -> list[list[str]]:
    """Openings as an import keeps them."""
    return [[*each.name, str(each.amount.amount)] for each in openings]
