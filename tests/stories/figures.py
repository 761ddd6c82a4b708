"""What stands after a step: bank, book, beneficiaries, receivables; and what must hold always."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db.models import DecimalField, ExpressionWrapper, F, Sum
from moneyed import Money

from ledger.company import company_of
from ledger.models import Account, BankAccount, Beneficiary, Book, Entry, Line
from ledger.queries import balance, balances, trust_equation
from proptrust.lib.money import ZERO, plain, total, usd
from receivables.models import Charge, ChargeKind
from receivables.queries import owed
from reconciliation.models import BankLine
from tests.stories.reading import as_money
from tests.stories.stage import Stage

_OWNERS = (Beneficiary.Kind.OWNER, Beneficiary.Kind.ESCROW, Beneficiary.Kind.RESERVE)
_SINCE = [kind.value for kind in Entry.Kind if kind != Entry.Kind.OPENING]
_AMOUNT = DecimalField(max_digits=14, decimal_places=2)


@dataclass(frozen=True)
class AccountFigures:
    """One trust account. bank: what the bank has told of it so far. held: by beneficiary's name."""

    name: str
    bank: Money
    book: Money
    beneficiaries: Money
    held: Mapping[str, Money]


@dataclass(frozen=True)
class Figures:
    """What stands at the end of a step. owed: open charges by lease."""

    on: date
    accounts: list[AccountFigures]
    owed: Mapping[str, Money] = field(default_factory=dict)


def figures(stage: Stage) -> Figures:
    """What stands now."""
    return Figures(
        on=stage.on,
        accounts=[
            _account(stage, name)
            for name, row in stage.accounts.items()
            if row.purpose != BankAccount.Purpose.OPERATING
        ],
        owed={name: owed(lease) for name, lease in stage.leases.items()},
    )


def _account(stage: Stage, name: str) -> AccountFigures:
    account = stage.accounts[name]
    lines = BankLine.objects.filter(bank_account=account, repeats__isnull=True)
    moved = lines.aggregate(sum=Sum("amount", default=Decimal(0), output_field=_AMOUNT))["sum"]
    held = {who: amount for who, amount in balances(book_id=account.book_id).items() if amount}
    names = dict(Beneficiary.objects.filter(pk__in=held).values_list("pk", "name"))
    return AccountFigures(
        name=name,
        bank=stage.opened.get(account.book_id, ZERO) + usd(moved),
        book=trust_equation(account.book_id).book,
        beneficiaries=total(held.values()),
        held={names[who]: amount for who, amount in sorted(held.items())},
    )


def compare(stage: Stage, expect: Mapping[str, str], place: str) -> Iterator[str]:
    """What is not as a step expects it, each in a sentence.

    `rent bank`, `rent book`, `L1 owes`, or a beneficiary as Stage.beneficiary reads it.
    """
    for name, text in expect.items():
        wanted = as_money(text, f"{place}, expect {name}")
        found = _figure(stage, name, place)
        if found != wanted:
            yield f"{place}: {name} is {plain(found)}, expected {plain(wanted)}"


def _figure(stage: Stage, name: str, place: str) -> Money:
    head, _, last = name.rpartition(" ")
    if last in ("bank", "book", "beneficiaries") and head in stage.accounts:
        found: Money = getattr(_account(stage, head), last)
        return found
    if last == "owes":
        return owed(stage.lease(head, place))
    beneficiary_id, book_id = stage.beneficiary(name, place)
    books = [book_id] if book_id else [account.book_id for account in stage.accounts.values()]
    return total(balance(book_id=each, beneficiary_id=beneficiary_id) for each in books)


def broken(stage: Stage) -> Iterator[str]:
    """What must hold after every step and does not, each in a sentence."""
    yield from _books_equal(stage)
    yield from _receivable_is_open_charges(stage)
    yield from _operating_book_mirrors_the_company(stage)
    yield from _property_books_mirror_the_owners(stage)


def _books_equal(stage: Stage) -> Iterator[str]:
    for name, account in stage.accounts.items():
        equation = trust_equation(account.book_id)
        if account.book.kind == Book.Kind.TRUST and equation.difference:
            yield f"{name}: book {equation.book} is not the sum of beneficiaries {equation.held}"


def _receivable_is_open_charges(stage: Stage) -> Iterator[str]:
    opened = ExpressionWrapper(F("amount") - F("paid"), output_field=_AMOUNT)
    for name, property_ in stage.properties.items():
        charges = Charge.objects.filter(lease__unit__property=property_).exclude(
            kind=ChargeKind.SECURITY_DEPOSIT
        )
        owes = usd(charges.aggregate(sum=Sum(opened, default=Decimal(0)))["sum"])
        stands = _sum(book=property_.book_id, account=stage.chart.receivable)
        if owes != stands:
            yield f"{name}: open charges are {plain(owes)}, its book says {plain(stands)}"


def _operating_book_mirrors_the_company(stage: Stage) -> Iterator[str]:
    claims = -_sum(beneficiary=company_of(stage.entity.pk), book__kind=Book.Kind.TRUST)
    held = _sum(book__entity=stage.entity, book__kind=Book.Kind.OPERATING, account=stage.chart.held)
    if claims != held:
        yield f"the trusts hold {plain(claims)} for the company, its own book says {plain(held)}"


def _property_books_mirror_the_owners(stage: Stage) -> Iterator[str]:
    """What changed of owners' and escrow's claims since the opening stands in the properties."""
    claims = -_sum(
        book__entity=stage.entity,
        book__kind=Book.Kind.TRUST,
        beneficiary__kind__in=_OWNERS,
        entry__kind__in=_SINCE,
    )
    held = _sum(
        book__entity=stage.entity,
        book__kind=Book.Kind.PROPERTY,
        account__kind=Account.Kind.HELD,
        entry__kind__in=_SINCE,
    )
    if claims != held:
        yield (
            f"the trusts hold {plain(claims)} for owners since the opening, the properties' books "
            f"say {plain(held)}"
        )


def _sum(**of: object) -> Money:
    rows = Line.objects.filter(**of)
    return usd(rows.aggregate(sum=Sum("amount", default=Decimal(0), output_field=_AMOUNT))["sum"])
