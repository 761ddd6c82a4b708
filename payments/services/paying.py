"""Pay: one entry and one payment each, any number of them in a handful of statements."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from moneyed import Money

from ledger.charts import Chart, chart
from ledger.errors import constraint_of
from ledger.models import Book, Entry, Period
from ledger.services import post_many
from ledger.types import NewEntry, NewLine
from payments import postings
from payments.errors import BadPayment, KeyReused, NotPossible, NumberTaken, PaymentsError
from payments.models import Payment
from payments.services.stock import take_numbers
from payments.types import NewPayment, Ordered
from proptrust.lib.banking import is_routing_number
from proptrust.lib.money import ZERO, plain, to_cents, total

KEY_LENGTH = 180
_Key = tuple[int, str]
# What makes a payment the same payment when its key comes again.
_FACTS = (
    "book_id", "method", "purpose", "payee", "payee_address", "payee_code", "amount", "dated_on",
    "routing_number", "account_number", "is_savings", "memo", "replaces_id",
)  # fmt: skip
# Who is paid by these is a firm as a rule; NewPayment.is_firm says otherwise.
_OF_FIRMS = frozenset(
    {
        Payment.Purpose.VENDOR,
        Payment.Purpose.ESCROW,
        Payment.Purpose.WITHHOLDING,
        Payment.Purpose.FEE_DRAW,
    }
)
_LEGAL_FORMS = frozenset(
    "llc inc incorporated corp corporation co company lp llp lllp pllc pc ltd trust".split()
)
_REFUSED: Mapping[str, type[PaymentsError]] = {
    "check_number_once": NumberTaken,
    "payment_replaced_when_back": NotPossible,
    "payments_payment_replaces_id_key": NotPossible,
}


@dataclass(frozen=True, slots=True)
class _Order:
    """A checked new payment with its lines."""

    new: NewPayment
    lines: Sequence[NewLine]

    @property
    def key(self) -> _Key:
        return self.new.entity_id, self.new.key


def pay(
    new: NewPayment,
    *,
    claims: Mapping[int, Money],
    other_lines: Sequence[NewLine] = (),
    posted_by_id: int | None = None,
) -> Payment:
    """Pay one payee; see pay_many. The same key with the same facts is the same payment."""
    (payment,) = pay_many([(new, claims, other_lines)], posted_by_id=posted_by_id)
    return payment


@transaction.atomic
def pay_many(orders: Sequence[Ordered], *, posted_by_id: int | None = None) -> list[Payment]:
    """Pay many payees at once, all or nothing; the payments in the order given.

    Each is one journal entry: Dr the claims of its book, Cr the book's bank, and the other lines,
    which balance by themselves. Whoever pays out of the company's claim gives the lines that mirror
    it in the operating book, too. A check without a number takes the next one of its book's stock,
    in the order given. A day in a closed period is moved to the first open one.

    Raises BadPayment, KeyReused, NoStock, NumberTaken, NotPossible (replaces a payment that is
    still out), and ledger.errors, of which Overdrawn says whose money would be paid away.
    """
    charts = _charts(orders)
    wanted = [_checked(each, charts[each[0].entity_id]) for each in orders]
    _keys_differ(wanted)
    known = _standing(wanted)
    numbered = take_numbers([each.new for each in wanted if each.key not in known])
    if numbered.waited:
        # Another worker had the numbers; what it wrote is seen now.
        known = _standing(wanted)
    full = [_numbered(each, known, numbered.by_key) for each in wanted]
    for each in full:
        if each.key in known:
            _same(known[each.key], each)
    _post(full, posted_by_id)
    fresh = [each for each in full if each.key not in known]
    if fresh:
        # The same key posted by another worker at this moment: its payment stands by now.
        known = _standing(wanted)
        _insert([each for each in fresh if each.key not in known], posted_by_id)
        known = _standing(wanted)
    return [_same(known[each.key], each) for each in full]


def _charts(orders: Sequence[Ordered]) -> dict[int, Chart]:
    return {entity_id: chart(entity_id) for entity_id in {new.entity_id for new, _, _ in orders}}


def _checked(order: Ordered, accounts: Chart) -> _Order:
    """Facts that can be right, as lines. Raises BadPayment naming the payment and the field."""
    new, claims, other_lines = order
    new = replace(new, payee=new.payee.strip(), number=new.number.strip().lstrip("0"))
    for field, is_wrong, why in _faults(new):
        if is_wrong:
            raise BadPayment(f'Payment "{new.key}" to {new.payee or "nobody"}, {field}: {why}.')
    if any(part < ZERO for part in claims.values()):
        raise BadPayment(f'Payment "{new.key}" to {new.payee}: a claim is below zero.')
    if (paid := total(claims.values())) != new.amount:
        raise BadPayment(
            f'Payment "{new.key}" to {new.payee} is of {plain(new.amount)},'
            f" the claims that pay it are {plain(paid)}."
        )
    return _Order(new, postings.paid(new.book_id, accounts, new.amount, claims, other_lines))


def _faults(new: NewPayment) -> Iterable[tuple[str, bool, str]]:
    yield "key", not 0 < len(new.key) <= KEY_LENGTH, f"needs 1 to {KEY_LENGTH} characters"
    yield "payee", not 0 < len(new.payee) <= 200, "needs 1 to 200 characters"
    yield "payee code", len(new.payee_code) > 60, "is longer than 60 characters"
    yield "memo", len(new.memo) > 300, "is longer than 300 characters"
    yield "amount", new.amount <= ZERO, f"{plain(new.amount)} is not above zero"
    yield "amount", not _is_cents(new.amount), f"{new.amount.amount} is not a whole count of cents"
    yield "method", new.method not in Payment.Method.values, f'"{new.method}" is none'
    yield "purpose", new.purpose not in Payment.Purpose.values, f'"{new.purpose}" is none'
    is_check = new.method == Payment.Method.CHECK
    yield "number", bool(new.number) and not is_check, "only a check has one"
    yield (
        "number",
        bool(new.number) and not (new.number.isascii() and new.number.isdecimal()),
        f'"{new.number}" is not made of digits',
    )
    yield (
        "routing number",
        bool(new.routing_number) and not is_routing_number(new.routing_number),
        f"{new.routing_number} is none: its check digit is wrong",
    )
    yield (
        "account number",
        bool(new.routing_number) != bool(new.account_number),
        "routing and account number come together",
    )


def _is_cents(amount: Money) -> bool:
    try:
        to_cents(amount)
    except ValueError:
        return False
    return True


def _keys_differ(orders: Sequence[_Order]) -> None:
    seen: set[_Key] = set()
    for each in orders:
        if each.key in seen:
            raise KeyReused(f'The key "{each.new.key}" comes twice in one call.')
        seen.add(each.key)


def _standing(orders: Sequence[_Order]) -> dict[_Key, Payment]:
    """The payments whose keys stand already; one query for each company."""
    by_entity: dict[int, list[str]] = {}
    for each in orders:
        by_entity.setdefault(each.new.entity_id, []).append(each.new.key)
    return {
        (payment.entity_id, payment.key): payment
        for entity_id, keys in by_entity.items()
        for payment in Payment.objects.filter(entity=entity_id, key__in=keys)
    }


def _numbered(order: _Order, known: Mapping[_Key, Payment], numbers: Mapping[_Key, str]) -> _Order:
    """The order with its check's number: the first call's, or the one just taken."""
    if order.new.number or order.new.method != Payment.Method.CHECK:
        return order
    standing = known.get(order.key)
    number = standing.number if standing else numbers[order.key]
    return _Order(replace(order.new, number=number), order.lines)


def entry_key(key: str) -> str:
    """The journal's key of a payment's entry."""
    return f"payment:{key}"


def _post(orders: Sequence[_Order], posted_by_id: int | None) -> None:
    """Post what is new; a key that stands is compared with what it posted, lines and all."""
    when = days_for([({line.book_id for line in each.lines}, each.new.dated_on) for each in orders])
    post_many(
        NewEntry(
            entity_id=each.new.entity_id,
            key=entry_key(each.new.key),
            kind=postings.KINDS[each.new.purpose],
            dated_on=day,
            memo=_memo(each.new),
            lines=each.lines,
            posted_by_id=posted_by_id,
            adjusts_id=adjusts_id,
        )
        for each, (day, adjusts_id) in zip(orders, when, strict=True)
    )


def _memo(new: NewPayment) -> str:
    name = f"Check {new.number}" if new.number else Payment.Method(new.method).label
    said = f": {new.memo}" if new.memo else ""
    return f"{name} to {new.payee}{said}"[:300]


def days_for(facts: Sequence[tuple[set[int], date]]) -> list[tuple[date, int | None]]:
    """For each set of books and day: the day to date a fact with, and the period it adjusts.

    The same as ledger.queries.dated_for, with two queries for any number of facts.
    """
    books = {book_id for each, _ in facts for book_id in each}
    through = dict(Book.objects.filter(pk__in=books).values_list("pk", "closed_through"))
    days: list[date] = []
    for each, day in facts:
        closed = [last for book_id in each if (last := through.get(book_id)) is not None]
        days.append(max([day, *(last + timedelta(days=1) for last in closed if last >= day)]))
    late = [day for (_, day), dated_on in zip(facts, days, strict=True) if day != dated_on]
    if not late:
        return [(day, None) for day in days]
    period_of = _closed_periods(books, min(late), max(late))
    return [
        (dated_on, None if dated_on == day else period_of(each, day))
        for (each, day), dated_on in zip(facts, days, strict=True)
    ]


def _closed_periods(
    books: set[int], first: date, last: date
) -> Callable[[set[int], date], int | None]:
    periods = list(
        Period.objects.filter(
            book__in=books, first_on__lte=last, last_on__gte=first, closed_at__isnull=False
        ).order_by("book_id")
    )

    def period_of(books: set[int], day: date) -> int | None:
        return next(
            (
                period.pk
                for period in periods
                if period.book_id in books and period.first_on <= day <= period.last_on
            ),
            None,
        )

    return period_of


def _insert(orders: Sequence[_Order], made_by_id: int | None) -> None:
    entries = _entries_of(orders)
    rows = [
        Payment(
            entity_id=each.new.entity_id,
            key=each.new.key,
            number=each.new.number,
            is_firm=_is_firm(each.new),
            last_four=each.new.account_number[-4:],
            entry_id=entries[each.key],
            made_by_id=made_by_id,
            **{name: getattr(each.new, name) for name in _FACTS},
        )
        for each in orders
    ]
    try:
        with transaction.atomic():
            _copy(rows)
    except IntegrityError as error:
        refusal = _REFUSED.get(constraint_of(error))
        if refusal is None:
            raise
        raise refusal(_said(error)) from error


# What PostgreSQL gives a row by itself.
_GIVEN = frozenset({"id", "made_at"})


def _copy(rows: Sequence[Payment]) -> None:
    """Write payments with one COPY: a third of the time of an INSERT of so many columns."""
    fields = [field for field in Payment._meta.concrete_fields if field.name not in _GIVEN]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY payments_payment ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([_stored(field, getattr(row, field.attname)) for field in fields])


def _stored(field: Any, value: Any) -> Any:
    """A field's value as its column holds it: an amount without currency, secrets encrypted."""
    return value.amount if isinstance(value, Money) else field.get_prep_value(value)


def _is_firm(new: NewPayment) -> bool:
    if new.is_firm is not None:
        return new.is_firm
    words = set(new.payee.lower().replace(".", "").replace(",", " ").split())
    return new.purpose in _OF_FIRMS or not words.isdisjoint(_LEGAL_FORMS)


def _said(error: IntegrityError) -> str:
    if constraint_of(error) == "check_number_once":
        detail = getattr(getattr(error.__cause__, "diag", None), "message_detail", "") or ""
        return f"A check with this number was written from the account already. {detail}".strip()
    if constraint_of(error) == "payments_payment_replaces_id_key":
        return "The payment was replaced already; a second replacement would pay it twice."
    message = getattr(getattr(error.__cause__, "diag", None), "message_primary", None)
    return str(message or error)


def _entries_of(orders: Sequence[_Order]) -> dict[_Key, int]:
    by_entity: dict[int, dict[str, str]] = {}
    for each in orders:
        by_entity.setdefault(each.new.entity_id, {})[entry_key(each.new.key)] = each.new.key
    return {
        (entity_id, keys[key]): entry_id
        for entity_id, keys in by_entity.items()
        for key, entry_id in Entry.objects.filter(entity=entity_id, key__in=list(keys)).values_list(
            "key", "pk"
        )
    }


def _same(payment: Payment, order: _Order) -> Payment:
    """The payment of a key, if its facts are those that came. Raises KeyReused naming others."""
    new = order.new
    differ = [
        _difference(name, getattr(payment, name), getattr(new, name))
        for name in (*_FACTS, "number")
        if getattr(payment, name) != getattr(new, name)
    ]
    if differ:
        raise KeyReused(f'The key "{new.key}" is used by payment {payment.pk}: {"; ".join(differ)}')
    return payment


def _difference(name: str, was: object, now: object) -> str:
    label = name.removesuffix("_id").replace("_", " ")
    if name in ("account_number", "routing_number"):
        return f"the {label} is another one"
    return f"{label} was {was}, is {now}"
