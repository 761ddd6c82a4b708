"""What is wrong with rent collection today: queries that the desk turns into work items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import DurationField, Exists, F, Model, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from moneyed import Money

from desk import registry
from desk.models import Severity
from desk.types import Detector, Finding
from leases.models import Lease, Tenant
from ledger import queries as ledger_queries
from ledger.models import BankAccount, Beneficiary, Book, Entry, Line
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import plain
from receivables import queries
from receivables.matching import Matcher
from receivables.models import (
    Acknowledgement,
    Allocation,
    BankDetailsChange,
    Charge,
    Comeback,
    Receipt,
    Remittance,
    RemittanceItem,
)
from receivables.services.remittances import OF_PAYMENTS

IN_SUSPENSE = "receipt_in_suspense"
RETURNED = "payment_returned"
DISPUTED = "payment_disputed"
OWNER_OVERDRAWN = "owner_overdrawn_by_return"
OVERDRAWN = "beneficiary_overdrawn"
COMPANY_OWES = "company_owes_trust"
PAID_TWICE = "paid_twice"
PAID_IN_PART = "charge_paid_in_part"
ITEM_UNMATCHED = "remittance_item_unmatched"
WITHOUT_ITEMS = "remittance_without_items"
DEPOSIT_IN_RENT = "deposit_in_rent_account"
BANK_DETAILS = "bank_details_changed"
PENDING_LONG = "payment_pending_long"

# Two equal payments of one lease this close together are worth a question.
TWICE_WITHIN = timedelta(days=10)
# An ACH debit is certain after two banking days and settles within a week on every processor read.
PENDING_BANKING_DAYS = 7
# A remittance is told a few days before its items can be asked for.
ITEMS_WITHIN_DAYS = 2

Row = TypeVar("Row", bound=Model)


def register() -> None:
    """Make the detectors known to the desk."""
    by_row: list[tuple[str, str, Callable[[], QuerySet[Any]], Callable[..., Any], str]] = [
        ("suspense", IN_SUSPENSE, queries.suspense_receipts, _in_suspense, "entity"),
        ("paid twice", PAID_TWICE, _paid_twice_rows, _paid_twice, "entity"),
        ("pending", PENDING_LONG, _pending_rows, _pending_long, "entity"),
        ("paid in part", PAID_IN_PART, _paid_in_part_rows, _paid_in_part, "entity"),
        ("returns", RETURNED, _returned_rows, _returned, "receipt__entity"),
        ("disputes", DISPUTED, _disputed_rows, _disputed, "receipt__entity"),
        ("unmatched items", ITEM_UNMATCHED, _item_rows, _unmatched, "remittance__book__entity"),
        ("items wanted", WITHOUT_ITEMS, _remittance_rows, _without_items, "book__entity"),
        ("bank details", BANK_DETAILS, _bank_details_rows, _bank_details, "entity"),
    ]
    for name, kind, rows, told, entity_path in by_row:
        registry.detect(_detector(f"receivables: {name}", kind, rows, told, entity_path))
    registry.detect(
        Detector(
            name="receivables: overdrawn",
            kinds=frozenset({OWNER_OVERDRAWN, OVERDRAWN, COMPANY_OWES}),
            find=lambda entity_id: _overdrawn(entity_id=entity_id),
            find_one=lambda beneficiary_id: _overdrawn(beneficiary_id=beneficiary_id),
        )
    )
    registry.detect(
        Detector(
            name="receivables: deposits in rent accounts",
            kinds=frozenset({DEPOSIT_IN_RENT}),
            find=lambda entity_id: _deposits_in_rent(Q(entity=entity_id) if entity_id else Q()),
            find_one=lambda lease_id: _deposits_in_rent(Q(pk=lease_id)),
        )
    )


def _detector(
    name: str,
    kind: str,
    rows: Callable[[], QuerySet[Row]],
    told: Callable[[QuerySet[Row]], Iterable[Finding]],
    entity_path: str,
) -> Detector:
    """A detector of one kind, whose subjects are the rows of a query."""

    def find(entity_id: int | None) -> Iterable[Finding]:
        found = rows()
        return told(found if entity_id is None else found.filter(**{entity_path: entity_id}))

    def find_one(subject_id: int) -> Iterable[Finding]:
        return told(rows().filter(pk=subject_id))

    return Detector(name=name, kinds=frozenset({kind}), find=find, find_one=find_one)


def _not_acknowledged(kind: str) -> Q:
    """Rows that nobody has acknowledged for a kind."""
    seen = Acknowledgement.objects.filter(kind=kind, subject_id=OuterRef("pk"))
    return Q(~Exists(seen))


def _in_suspense(rows: QuerySet[queries.ReceiptWithRest]) -> Iterator[Finding]:
    matchers: dict[int, Matcher] = {}
    for receipt in rows.select_related("book").order_by("entity", "id"):
        matcher = matchers.get(receipt.entity_id) or Matcher.load(receipt.entity_id)
        matchers[receipt.entity_id] = matcher
        amount = queries.rest_of(receipt)
        found = matcher.candidates(amount, receipt.received_on, receipt.payer, receipt.memo)
        best = found[0] if found else None
        said = f" It says: {receipt.memo}" if receipt.memo else ""
        yield Finding(
            key=f"{IN_SUSPENSE}:{receipt.pk}",
            kind=IN_SUSPENSE,
            entity_id=receipt.entity_id,
            severity=Severity.WARNING,
            title=f"{plain(amount)} from {receipt.payer or 'an unknown payer'} in suspense",
            reason=(
                f"{receipt.get_channel_display()} of {receipt.received_on:%b %-d} names no lease"
                f" that can be trusted: it waits in suspense and nobody's rent is paid.{said}"
            ),
            subject_type="receivables.receipt",
            subject_id=receipt.pk,
            happened_on=receipt.received_on,
            amount=amount,
            who=receipt.payer,
            where=receipt.book.name,
            book_id=receipt.book_id,
            suggestion=f"Lease {best.label}"[:200] if best else "",
            suggestion_points=best.points if best else None,
        )


def _paid_twice_rows() -> QuerySet[Receipt]:
    paying = Allocation.objects.filter(receipt=OuterRef("pk"), undone_by__isnull=True)
    earlier = Receipt.objects.filter(
        lease=OuterRef("lease"),
        gross=OuterRef("gross"),
        state=Receipt.State.SETTLED,
        received_on__gte=OuterRef("first_on"),
        received_on__lte=OuterRef("received_on"),
        pk__lt=OuterRef("pk"),
    ).exclude(channel=Receipt.Channel.OPENING)
    window = Value(TWICE_WITHIN, output_field=DurationField())
    return (
        Receipt.objects.filter(state=Receipt.State.SETTLED, lease__isnull=False)
        .exclude(channel=Receipt.Channel.OPENING)
        .annotate(first_on=F("received_on") - window)
        .filter(~Exists(paying), Exists(earlier), _not_acknowledged(PAID_TWICE))
    )


def _paid_twice(rows: QuerySet[Receipt]) -> Iterator[Finding]:
    found = list(rows.select_related("lease__unit__property", "book", "tenant"))
    firsts = _first_payers(found)
    for receipt in found:
        assert receipt.lease is not None
        first = firsts.get(receipt.pk)
        roommates = (
            f" {first} paid it first, then {receipt.tenant}: two roommates may both have paid."
            if first is not None and receipt.tenant is not None and first != receipt.tenant
            else ""
        )
        yield Finding(
            key=f"{PAID_TWICE}:{receipt.pk}",
            kind=PAID_TWICE,
            entity_id=receipt.entity_id,
            severity=Severity.WARNING,
            title=f"Paid twice? {plain(receipt.gross)}, lease {receipt.lease.code}",
            reason=(
                f"The same amount came from this lease within {TWICE_WITHIN.days} days and nothing"
                f" was owed any more.{roommates} It is kept as the tenants' prepaid rent; ask them"
                " whether they want it back, or move it if it is another lease's."
            ),
            subject_type="receivables.receipt",
            subject_id=receipt.pk,
            happened_on=receipt.received_on,
            amount=receipt.gross,
            who=receipt.payer,
            where=str(receipt.lease.unit),
            book_id=receipt.book_id,
            suggestion="Keep it as prepaid rent",
        )


def _first_payers(receipts: Sequence[Receipt]) -> dict[int, Tenant]:
    """Who gave the same amount for the same lease before, by receipt; one query for all."""
    earlier = (
        Receipt.objects.filter(
            lease__in={each.lease_id for each in receipts},
            state=Receipt.State.SETTLED,
            tenant__isnull=False,
        )
        .exclude(channel=Receipt.Channel.OPENING)
        .select_related("tenant")
        .order_by("received_on", "id")
    )
    by_lease: dict[int | None, list[Receipt]] = defaultdict(list)
    for row in earlier if receipts else ():
        by_lease[row.lease_id].append(row)
    found: dict[int, Tenant] = {}
    for each in receipts:
        for row in by_lease[each.lease_id]:
            is_near = each.received_on - TWICE_WITHIN <= row.received_on <= each.received_on
            if row.pk < each.pk and row.gross == each.gross and is_near and row.tenant:
                found[each.pk] = row.tenant
    return found


def _pending_rows() -> QuerySet[Receipt]:
    since = add_banking_days(timezone.localdate(), -PENDING_BANKING_DAYS)
    return Receipt.objects.filter(state=Receipt.State.PENDING, received_on__lt=since).filter(
        _not_acknowledged(PENDING_LONG)
    )


def _pending_long(rows: QuerySet[Receipt]) -> Iterator[Finding]:
    for receipt in rows.select_related("lease", "connection", "book"):
        lease = f", lease {receipt.lease.code}" if receipt.lease else ""
        yield Finding(
            key=f"{PENDING_LONG}:{receipt.pk}",
            kind=PENDING_LONG,
            entity_id=receipt.entity_id,
            severity=Severity.WARNING,
            title=f"{plain(receipt.gross)} pending since {receipt.received_on:%b %-d}{lease}",
            reason=(
                f"{receipt.connection or 'The platform'} has told neither that this payment settled"
                f" nor that it failed, after more than {PENDING_BANKING_DAYS} banking days. Look"
                f" the payment up there: {receipt.payment or receipt.key}."
            ),
            subject_type="receivables.receipt",
            subject_id=receipt.pk,
            happened_on=receipt.received_on,
            amount=receipt.gross,
            who=receipt.payer,
            where=str(receipt.connection or receipt.book),
            book_id=receipt.book_id,
        )


def _paid_in_part_rows() -> QuerySet[Charge]:
    # A part that was let off is no payment.
    money = Allocation.objects.filter(
        charge=OuterRef("pk"), receipt__isnull=False, undone_by__isnull=True
    )
    return Charge.objects.filter(
        Exists(money),
        _not_acknowledged(PAID_IN_PART),
        paid__gt=0,
        paid__lt=F("amount"),
        due_on__lte=timezone.localdate(),
    )


def _paid_in_part(rows: QuerySet[Charge]) -> Iterator[Finding]:
    for charge in rows.select_related("lease__unit__property"):
        left = charge.amount - charge.paid
        yield Finding(
            key=f"{PAID_IN_PART}:{charge.pk}",
            kind=PAID_IN_PART,
            entity_id=charge.entity_id,
            severity=Severity.NOTICE,
            title=f"{plain(left)} left to pay of {charge.get_kind_display().lower()}, "
            f"lease {charge.lease.code}",
            reason=(
                f"{plain(charge.paid)} of {plain(charge.amount)} due on {charge.due_on:%b %-d} was"
                " paid. In some states a partial payment that is kept ends the right to go on with"
                " an eviction notice: check before keeping it."
            ),
            subject_type="receivables.charge",
            subject_id=charge.pk,
            happened_on=charge.due_on,
            amount=left,
            where=str(charge.lease.unit),
            book_id=charge.lease.unit.property.rent_book_id,
        )


def _returned_rows() -> QuerySet[Comeback]:
    return Comeback.objects.filter(_not_acknowledged(RETURNED), kind=Comeback.Kind.RETURN)


def _returned(rows: QuerySet[Comeback]) -> Iterator[Finding]:
    for each in rows.select_related("receipt__lease__unit__property", "receipt__book"):
        lease = each.receipt.lease
        code = f" {each.code}" if each.code else ""
        where = f"lease {lease.code}" if lease else "not identified"
        yield Finding(
            key=f"{RETURNED}:{each.pk}",
            kind=RETURNED,
            entity_id=each.receipt.entity_id,
            severity=Severity.NOTICE,
            title=f"Payment returned{code}: {plain(each.amount)}, {where}",
            reason=(
                f"{each.reason or 'The bank took the payment back'}. It was received on"
                f" {each.receipt.received_on:%b %-d} and taken back on {each.on:%b %-d}; its"
                " charges are open again. Tell the tenant."
            ),
            subject_type="receivables.comeback",
            subject_id=each.pk,
            happened_on=each.on,
            amount=each.amount,
            who=each.receipt.payer,
            where=str(lease.unit) if lease else each.receipt.book.name,
            book_id=each.receipt.book_id,
        )


def _disputed_rows() -> QuerySet[Comeback]:
    closed = Comeback.objects.filter(
        receipt=OuterRef("receipt"),
        reference=OuterRef("reference"),
        kind__in=(Comeback.Kind.DISPUTE_WON, Comeback.Kind.DISPUTE_LOST),
    )
    return Comeback.objects.filter(
        ~Exists(closed), _not_acknowledged(DISPUTED), kind=Comeback.Kind.DISPUTE
    )


def _disputed(rows: QuerySet[Comeback]) -> Iterator[Finding]:
    for each in rows.select_related("receipt__lease__unit__property", "receipt__book"):
        lease = each.receipt.lease
        answer_on = timezone.localtime(each.answer_by).date() if each.answer_by else None
        deadline = f" Answer by {answer_on:%b %-d, %Y}." if answer_on else ""
        yield Finding(
            key=f"{DISPUTED}:{each.pk}",
            kind=DISPUTED,
            entity_id=each.receipt.entity_id,
            severity=Severity.WARNING,
            title=f"Payment disputed: {plain(each.amount)}"
            + (f", lease {lease.code}" if lease else ""),
            reason=(
                f"The payer's bank took {plain(each.amount)} back on {each.on:%b %-d}"
                f"{f' ({each.reason})' if each.reason else ''} until the dispute is decided."
                f"{deadline}"
            ),
            subject_type="receivables.comeback",
            subject_id=each.pk,
            happened_on=each.on,
            amount=each.amount,
            who=each.receipt.payer,
            where=str(lease.unit) if lease else each.receipt.book.name,
            book_id=each.receipt.book_id,
            due_on=answer_on,
        )


def _item_rows() -> QuerySet[RemittanceItem]:
    unknown = Q(what__in=OF_PAYMENTS, receipt__isnull=True)
    unexplained = Q(what=RemittanceItem.What.ADJUSTMENT, entry__isnull=True)
    return RemittanceItem.objects.filter(
        unknown | unexplained, _not_acknowledged(ITEM_UNMATCHED), remittance__entry__isnull=False
    )


def _unmatched(rows: QuerySet[RemittanceItem]) -> Iterator[Finding]:
    for item in rows.select_related("remittance__connection", "remittance__book"):
        row = item.remittance
        reason = (
            f"{row.connection} has kept or added this without a payment of ours. It stays with the"
            " processor in our books until somebody says what it is."
            if item.what == RemittanceItem.What.ADJUSTMENT
            else f"{row.connection} paid for {item.payment or 'a payment without a number'}, which"
            " it has never told us about. The money is in the bank and belongs to nobody yet."
        )
        yield Finding(
            key=f"{ITEM_UNMATCHED}:{item.pk}",
            kind=ITEM_UNMATCHED,
            entity_id=row.book.entity_id,
            severity=Severity.WARNING,
            title=f"{item.get_what_display()} {plain(item.net)} in remittance {row.vendor_id}",
            reason=reason,
            subject_type="receivables.remittanceitem",
            subject_id=item.pk,
            happened_on=row.arrives_on,
            amount=item.net,
            who=str(row.connection),
            where=row.book.name,
            book_id=row.book_id,
        )


def _remittance_rows() -> QuerySet[Remittance]:
    before = timezone.localdate() - timedelta(days=ITEMS_WITHIN_DAYS)
    has_items = RemittanceItem.objects.filter(remittance=OuterRef("pk"))
    return Remittance.objects.filter(
        ~Exists(has_items),
        _not_acknowledged(WITHOUT_ITEMS),
        entry__isnull=True,
        arrives_on__lt=before,
    )


def _without_items(rows: QuerySet[Remittance]) -> Iterator[Finding]:
    for row in rows.select_related("connection", "book"):
        yield Finding(
            key=f"{WITHOUT_ITEMS}:{row.pk}",
            kind=WITHOUT_ITEMS,
            entity_id=row.book.entity_id,
            severity=Severity.WARNING,
            title=f"Remittance {row.vendor_id} without its list: {plain(row.amount)}",
            reason=(
                f"{row.connection} has told that {plain(row.amount)} arrives on"
                f" {row.arrives_on:%b %-d}, but not which payments and fees it is made of, so it is"
                " not posted. Fetch the remittance again on the connection's page."
            ),
            subject_type="receivables.remittance",
            subject_id=row.pk,
            happened_on=row.arrives_on,
            amount=row.amount,
            who=str(row.connection),
            where=row.book.name,
            book_id=row.book_id,
        )


def _bank_details_rows() -> QuerySet[BankDetailsChange]:
    return BankDetailsChange.objects.filter(_not_acknowledged(BANK_DETAILS))


def _bank_details(rows: QuerySet[BankDetailsChange]) -> Iterator[Finding]:
    for change in rows.select_related("receipt__lease__unit__property"):
        lease = change.receipt.lease if change.receipt else None
        who = change.payer or (change.receipt.payer if change.receipt else "") or change.payment
        fields = ", ".join(name.replace("_", " ") for name in change.corrected)
        yield Finding(
            key=f"{BANK_DETAILS}:{change.pk}",
            kind=BANK_DETAILS,
            entity_id=change.entity_id,
            severity=Severity.WARNING,
            title=f"Bank details of {who} changed ({change.code})",
            reason=(
                f"Their bank corrects: {fields or 'see the notice'}. The next collection must use"
                " the new details, else it may come back and cost a fee."
            ),
            subject_type="receivables.bankdetailschange",
            subject_id=change.pk,
            happened_on=change.noticed_on,
            who=who,
            where=str(lease.unit) if lease else "",
            due_on=change.correct_by,
        )


def _overdrawn(
    *, entity_id: int | None = None, beneficiary_id: int | None = None
) -> Iterator[Finding]:
    """Beneficiaries who owe their trust account money, each with what brought them there."""
    red = [
        row
        for row in ledger_queries.overdrawn(None)
        if beneficiary_id is None or row.beneficiary_id == beneficiary_id
    ]
    people = Beneficiary.objects.in_bulk({row.beneficiary_id for row in red})
    books = Book.objects.in_bulk({row.book_id for row in red})
    since = _overdrawn_since({row.beneficiary_id for row in red})
    returns = _last_returns({row.beneficiary_id for row in red})
    for row in red:
        who, book = people[row.beneficiary_id], books[row.book_id]
        if entity_id is not None and book.entity_id != entity_id:
            continue
        yield _overdrawn_one(
            who,
            book,
            row.held,
            since[(row.book_id, row.beneficiary_id)],
            returns.get((row.book_id, row.beneficiary_id)),
        )


def _overdrawn_one(
    who: Beneficiary, book: Book, held: Money, since: date, last_return: Entry | None
) -> Finding:
    kind, severity = OVERDRAWN, Severity.CRITICAL
    reason = (
        f"{book.name} has paid out {plain(-held)} more for {who.name} than it holds for them: other"
        " people's money stands in for it until it is made good."
    )
    if who.kind == Beneficiary.Kind.COMPANY:
        kind, severity = COMPANY_OWES, Severity.WARNING
        reason = (
            f"Processor and bank fees of {plain(-held)} were taken from {book.name}. They are the"
            " company's to pay: transfer that amount from the operating account."
        )
    elif who.kind == Beneficiary.Kind.OWNER and last_return is not None:
        kind = OWNER_OVERDRAWN
        reason = (
            f"{last_return.memo} came back on {last_return.dated_on:%b %-d} after the money was"
            f" used: {who.name} owes {book.name} {plain(-held)}."
        )
    return Finding(
        key=f"{kind}:{book.pk}:{who.pk}",
        kind=kind,
        entity_id=book.entity_id,
        severity=severity,
        title=f"{who.name} overdrawn by {plain(-held)}",
        reason=reason,
        subject_type="ledger.beneficiary",
        subject_id=who.pk,
        happened_on=since,
        amount=held,
        who=who.name,
        where=book.name,
        book_id=book.pk,
    )


_SINCE = """
    WITH days AS (
        SELECT book_id, beneficiary_id, dated_on,
            -sum(sum(amount)) OVER (
                PARTITION BY book_id, beneficiary_id ORDER BY dated_on
            ) AS held
        FROM ledger_line WHERE beneficiary_id = ANY(%s) GROUP BY book_id, beneficiary_id, dated_on
    )
    SELECT book_id, beneficiary_id, min(dated_on) FROM days
    WHERE held < 0 AND dated_on > coalesce((
        SELECT max(dated_on) FROM days AS earlier
        WHERE (earlier.book_id, earlier.beneficiary_id) = (days.book_id, days.beneficiary_id)
            AND earlier.held >= 0
    ), '-infinity')
    GROUP BY book_id, beneficiary_id
"""


def _overdrawn_since(beneficiary_ids: Collection[int]) -> dict[tuple[int, int], date]:
    """The first day of the present shortage of each, by book and beneficiary."""
    if not beneficiary_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [list(beneficiary_ids)])
        return {(book_id, who): day for book_id, who, day in cursor.fetchall()}


def _last_returns(beneficiary_ids: Collection[int]) -> dict[tuple[int, int], Entry]:
    rows = (
        Line.objects.filter(
            beneficiary__in=beneficiary_ids, entry__kind=Entry.Kind.RETURN, amount__gt=0
        )
        .select_related("entry")
        .order_by("book_id", "beneficiary_id", "-entry_id")
        .distinct("book_id", "beneficiary_id")
    )
    return {(row.book_id, row.beneficiary_id): row.entry for row in rows if row.beneficiary_id}


def _deposits_in_rent(of: Q) -> Iterator[Finding]:
    """Security deposits that a rent account holds although the property has an account for them."""
    held = queries.held_by_leases(of, purpose=BankAccount.Purpose.RENT)
    leases = Lease.objects.select_related("unit__property__deposit_book").in_bulk(
        {lease_id for lease_id, _, _, _ in held}
    )
    books = Book.objects.in_bulk({book_id for _, book_id, _, _ in held})
    for lease_id, book_id, amount, since in held:
        lease, book = leases[lease_id], books[book_id]
        target = lease.unit.property.deposit_book
        if target.pk == book_id:
            continue
        yield Finding(
            key=f"{DEPOSIT_IN_RENT}:{book_id}:{lease_id}",
            kind=DEPOSIT_IN_RENT,
            entity_id=lease.entity_id,
            severity=Severity.WARNING,
            title=f"Security deposit {plain(amount)} of lease {lease.code} in the rent account",
            reason=(
                f"{book.name} holds it; it belongs in {target.name}. Some states give only a few"
                " days: transfer it at the bank, and it is matched when the bank shows it."
            ),
            subject_type="leases.lease",
            subject_id=lease_id,
            happened_on=since,
            amount=amount,
            where=str(lease.unit),
            book_id=book_id,
        )
