"""Posting, reversing and closing through the services."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from moneyed import Money

from ledger import queries, services
from ledger.charts import STANDARD, chart
from ledger.errors import (
    AlreadyReversed,
    KeyReused,
    LedgerError,
    NotCents,
    Overdrawn,
    PeriodClosed,
    PeriodOutOfOrder,
    Unbalanced,
    WrongKind,
    WrongParty,
    WrongText,
)
from ledger.models import Account, Balance, Beneficiary, Book, Entry, Line
from ledger.types import NewEntry
from proptrust.lib.money import ZERO, usd
from tests.factories.desk import UserFactory
from tests.factories.ledger import (
    A_DAY,
    BankAccountFactory,
    BeneficiaryFactory,
    BookFactory,
    a_payment,
    a_receipt,
    held,
)
from tests.ledger.plain_sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    book: Book = BookFactory.create(kind="trust", name="Rent trust")
    return book


@pytest.fixture
def ada(book: Book) -> Beneficiary:
    ada: Beneficiary = BeneficiaryFactory.create(entity=book.entity, name="Ada")
    return ada


def _close(book: Book, first_on: date) -> None:
    services.close_period(book_id=book.pk, first_on=first_on, closed_by_id=UserFactory.create().pk)


def test_a_posted_entry_is_what_was_asked_for(book: Book, ada: Beneficiary) -> None:
    person = UserFactory.create()
    new = replace(a_receipt(book, (ada, usd("10.00"))), posted_by_id=person.pk)

    entry = services.post(new)

    stored = Entry.objects.get(pk=entry.pk)
    for name in ("key", "kind", "dated_on", "memo", "digest", "known_at", "posted_by_id"):
        assert getattr(entry, name) == getattr(stored, name)
    assert isinstance(entry.known_at, datetime)
    assert [
        (line.position, line.account_id, line.beneficiary_id, line.amount)
        for line in stored.lines.order_by("position")
    ] == [
        (position, line.account_id, line.beneficiary_id, line.amount)
        for position, line in enumerate(new.lines, 1)
    ]


def test_the_same_key_with_the_same_facts_returns_the_first_entry(
    book: Book, ada: Beneficiary
) -> None:
    new = a_receipt(book, (ada, usd("10.00")))
    first = services.post(new)

    again = services.post(replace(new, lines=list(reversed(new.lines))))

    assert again.pk == first.pk
    assert Line.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"memo": "Another memo"}, 'memo was "Receipt", is "Another memo"'),
        ({"kind": "interest"}, "kind was receipt, is interest"),
        ({"dated_on": date(2026, 3, 11)}, "day was 2026-03-10, is 2026-03-11"),
    ],
)
def test_the_same_key_with_other_facts_is_refused_by_name(
    book: Book, ada: Beneficiary, change: dict[str, Any], named: str
) -> None:
    new = a_receipt(book, (ada, usd("10.00")), key="receipt:1")
    services.post(new)

    with pytest.raises(KeyReused, match=f'key "receipt:1" is used by entry .*: {named}'):
        services.post(replace(new, **change))


def test_the_same_key_with_another_amount_is_refused_by_name(book: Book, ada: Beneficiary) -> None:
    services.post(a_receipt(book, (ada, usd("10.00")), key="receipt:1"))
    other = a_receipt(book, (ada, usd("10.01")), key="receipt:1")

    with pytest.raises(KeyReused, match=r"lines were .*10\.00 USD.*, are .*10\.01 USD"):
        services.post(other)
    with pytest.raises(KeyReused, match=r"are .*10\.01 USD"):
        services.post_many([other])


def test_a_refused_entry_leaves_the_callers_transaction_whole(book: Book, ada: Beneficiary) -> None:
    with transaction.atomic():
        services.post(a_receipt(book, (ada, usd("10.00"))))
        with pytest.raises(Overdrawn, match=r"Ada would be overdrawn by 5\.00 USD in book Rent"):
            services.post(a_payment(book, (ada, usd("15.00"))))
        services.post(a_payment(book, (ada, usd("4.00"))))

    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == usd("6.00")


@pytest.mark.parametrize("post", ["post", "post_many"])
def test_an_unbalanced_entry_is_named_by_its_key(book: Book, ada: Beneficiary, post: str) -> None:
    new = a_receipt(book, (ada, usd("10.00")), key="receipt:1")
    wrong = replace(new, lines=[new.lines[0], replace(new.lines[1], amount=usd("-9.99"))])

    with pytest.raises(
        Unbalanced, match=r'entry "receipt:1" is out by 0\.01 USD in book Rent trust'
    ):
        _post(post, wrong)


def _post(name: str, entry: NewEntry) -> None:
    if name == "post":
        services.post(entry)
    else:
        services.post_many([entry])


@pytest.mark.parametrize("post", ["post", "post_many"])
@pytest.mark.parametrize(
    ("amount", "error"),
    [("10.001", NotCents), ("NaN", NotCents), ("Infinity", NotCents), ("0.00", NotCents)],
)
def test_an_amount_is_a_whole_count_of_cents_above_or_below_zero(
    book: Book, ada: Beneficiary, post: str, amount: str, error: type[LedgerError]
) -> None:
    new = a_receipt(book, (ada, usd("10.00")))
    lines = [
        replace(new.lines[0], amount=Money(Decimal(amount), "USD")),
        replace(new.lines[1], amount=Money(Decimal(amount).copy_negate(), "USD")),
    ]

    with pytest.raises(error):
        _post(post, replace(new, lines=lines))


@pytest.mark.parametrize("amount", ["10", "1E+1", "10.0", "10.00", "10.000"])
def test_the_same_amount_in_another_form_is_the_same_fact(
    book: Book, ada: Beneficiary, amount: str
) -> None:
    first = services.post(a_receipt(book, (ada, usd("10.00")), key="receipt:1"))

    again = services.post(a_receipt(book, (ada, usd(Decimal(amount))), key="receipt:1"))

    assert again.pk == first.pk
    assert again.digest == first.digest


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"lines": []}, Unbalanced),
        ({"kind": "gift"}, WrongKind),
        ({"kind": "reversal"}, WrongKind),
        ({"key": ""}, WrongText),
        ({"key": "k" * 201}, WrongText),
        ({"memo": "m" * 301}, WrongText),
        ({"memo": "a\0b"}, WrongText),
    ],
)
def test_what_does_not_fit_is_refused(
    book: Book, ada: Beneficiary, change: dict[str, Any], error: type[LedgerError]
) -> None:
    new = replace(a_receipt(book, (ada, usd("10.00"))), **change)
    for post in ("post", "post_many"):
        with pytest.raises(error):
            _post(post, new)


def test_foreign_beneficiaries_are_refused(book: Book) -> None:
    stranger = BeneficiaryFactory.create()

    with pytest.raises(WrongParty, match="different legal entities"):
        services.post(a_receipt(book, (stranger, usd("10.00"))))


def test_post_many_takes_every_character_of_a_memo(book: Book, ada: Beneficiary) -> None:
    memos = ["tab\there", "line\nfeed", "return\r", "back\\slash \\N \\.", "\\.", "Zoë · 租金", ""]
    entries = [
        replace(a_receipt(book, (ada, usd("1.00")), key=f"key\t\\{n}"), memo=memo)
        for n, memo in enumerate(memos)
    ]

    assert services.post_many(entries) == len(memos)

    assert list(Entry.objects.order_by("id").values_list("memo", flat=True)) == memos
    assert [services.post(entry).key for entry in entries] == [entry.key for entry in entries]


def test_post_many_posts_what_is_new_and_only_that(book: Book, ada: Beneficiary) -> None:
    entries = [a_receipt(book, (ada, usd("1.00"))) for _ in range(6)]
    services.post(entries[2])
    services.post_many(entries[4:5])

    assert services.post_many([*entries, entries[0]]) == 4
    assert services.post_many(entries) == 0
    assert services.post_many([]) == 0
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == usd("6.00")


def test_post_many_refuses_all_or_posts_all(book: Book, ada: Beneficiary) -> None:
    good, bad = a_receipt(book, (ada, usd("1.00"))), a_payment(book, (ada, usd("5.00")))

    with pytest.raises(Overdrawn):
        services.post_many([good, bad])

    assert Entry.objects.count() == 0
    assert Balance.objects.count() == 0


def test_post_many_refuses_one_key_with_two_facts(book: Book, ada: Beneficiary) -> None:
    with pytest.raises(KeyReused, match="comes twice"):
        services.post_many(
            [a_receipt(book, (ada, usd(amount)), key="receipt:1") for amount in (1, 2)]
        )


def test_post_many_leaves_the_memory_of_the_session_alone(book: Book, ada: Beneficiary) -> None:
    before = run("SHOW work_mem")

    services.post_many([a_receipt(book, (ada, usd("1.00")))])

    assert run("SHOW work_mem") == before


def test_a_batch_counts_as_one_moment(book: Book, ada: Beneficiary) -> None:
    """Money that comes in with the batch may go out with it, in whichever order."""
    services.post_many([a_payment(book, (ada, usd("5.00"))), a_receipt(book, (ada, usd("5.00")))])

    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == ZERO


def _rows_of(book: Book) -> Sequence[object]:
    lines = Line.objects.filter(book=book).order_by("entry__key", "position")
    return [
        list(lines.values_list("entry__key", "position", "beneficiary__name", "amount")),
        sorted(
            (account, name or "", amount)
            for account, name, amount in run(
                "SELECT a.code, y.name, sum(k.amount) FROM ledger_balance k"
                " JOIN ledger_account a ON a.id = k.account_id"
                " LEFT JOIN ledger_beneficiary y ON y.id = k.beneficiary_id"
                " WHERE k.book_id = %s GROUP BY 1, 2",
                [book.pk],
            )
        ),
    ]


def test_post_and_post_many_write_the_same(book: Book, ada: Beneficiary) -> None:
    twin: Book = BookFactory.create(kind="trust", name="Twin")
    bea = BeneficiaryFactory.create(entity=twin.entity, name=ada.name)
    for owner, where, in_bulk in ((ada, book, False), (bea, twin, True)):
        entries = [
            *(a_receipt(where, (owner, usd(f"{n}.50")), key=f"in:{n}") for n in range(1, 20)),
            *(a_payment(where, (owner, usd(f"{n}.25")), key=f"out:{n}") for n in range(1, 5)),
        ]
        if in_bulk:
            services.post_many(entries)
        else:
            for entry in entries:
                services.post(entry)

    assert _rows_of(book) == _rows_of(twin)


def test_reversal_is_the_mirror_and_links_both_ways(book: Book, ada: Beneficiary) -> None:
    entry = held(book, (ada, usd("10.00")))

    reversal = services.reverse(entry_id=entry.pk, key="undo:1", dated_on=A_DAY, memo="Wrong owner")

    assert reversal.reverses_id == entry.pk
    assert Entry.objects.get(pk=entry.pk).reversed_by == reversal
    assert [line.amount for line in reversal.lines.order_by("position")] == [
        -line.amount for line in entry.lines.order_by("position")
    ]
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == ZERO


def test_reversing_twice_with_one_key_is_harmless_and_with_two_refused(
    book: Book, ada: Beneficiary
) -> None:
    entry = held(book, (ada, usd("10.00")))
    asked: dict[str, Any] = {"entry_id": entry.pk, "dated_on": A_DAY, "memo": "Wrong owner"}
    first = services.reverse(key="undo:1", **asked)

    assert services.reverse(key="undo:1", **asked) == first
    with pytest.raises(AlreadyReversed, match=f"by entry {first.pk}"):
        services.reverse(key="undo:2", **asked)


def test_reversing_a_receipt_may_overdraw(book: Book, ada: Beneficiary) -> None:
    entry = held(book, (ada, usd("10.00")))
    services.post(a_payment(book, (ada, usd("10.00"))))

    services.reverse(entry_id=entry.pk, key="undo:1", dated_on=A_DAY, memo="It was Ben's")

    (row,) = queries.overdrawn(book.pk)
    assert (row.beneficiary_id, row.held) == (ada.pk, usd("-10.00"))


def test_closing_fixes_the_month_and_chains_it(book: Book, ada: Beneficiary) -> None:
    person = UserFactory.create()
    held(book, (ada, usd("10.00")), dated_on=date(2026, 1, 31))
    january, february = (
        services.close_period(book_id=book.pk, first_on=first_on, closed_by_id=person.pk)
        for first_on in (date(2026, 1, 1), date(2026, 2, 1))
    )

    assert january.last_on == date(2026, 1, 31)
    assert january.closed_by_id == person.pk
    assert (january.previous_digest, february.previous_digest) == ("", january.digest)
    assert january.digest != february.digest


def test_closing_twice_changes_nothing(book: Book) -> None:
    first, other = UserFactory.create(), UserFactory.create()
    closed = services.close_period(
        book_id=book.pk, first_on=date(2026, 1, 1), closed_by_id=first.pk
    )

    again = services.close_period(book_id=book.pk, first_on=date(2026, 1, 1), closed_by_id=other.pk)

    assert (again.digest, again.closed_at, again.closed_by_id) == (
        closed.digest,
        closed.closed_at,
        first.pk,
    )


def test_months_close_in_order(book: Book) -> None:
    services.open_period(book_id=book.pk, first_on=date(2026, 1, 1))
    services.open_period(book_id=book.pk, first_on=date(2026, 2, 1))

    with pytest.raises(PeriodOutOfOrder, match="2026-01-01 is still open"):
        _close(book, date(2026, 2, 1))
    with pytest.raises(PeriodOutOfOrder, match="does not follow"):
        _close(book, date(2026, 4, 1))


def test_a_late_fact_is_dated_in_the_open_month_and_says_what_it_adjusts(
    book: Book, ada: Beneficiary
) -> None:
    _close(book, date(2026, 3, 1))
    late = a_receipt(book, (ada, usd("10.00")), key="late")
    with pytest.raises(PeriodClosed, match="Rent trust is closed through 2026-03-31"):
        services.post(late)

    dated_on, period = queries.dated_for([book.pk], late.dated_on)

    assert (dated_on, period) == (date(2026, 4, 1), book.periods.get())
    assert period is not None
    entry = services.post(replace(late, dated_on=dated_on, adjusts_id=period.pk))
    assert entry.adjusts_id == period.pk
    assert queries.dated_for([book.pk], date(2026, 4, 2)) == (date(2026, 4, 2), None)
    assert queries.first_open_day(book.pk, A_DAY) == date(2026, 4, 1)


def test_a_fact_that_comes_again_after_its_month_was_closed_is_the_same_fact(
    book: Book, ada: Beneficiary
) -> None:
    """A delivery may be repeated weeks later: the caller then dates it in the open month."""
    new = a_receipt(book, (ada, usd("10.00")), key="in time")
    late = replace(new, key="too late")
    first = services.post(new)
    _close(book, date(2026, 3, 1))
    dated_on, period = queries.dated_for([book.pk], new.dated_on)
    assert period is not None
    moved: dict[str, Any] = {"dated_on": dated_on, "adjusts_id": period.pk}
    second = services.post(replace(late, **moved))

    assert services.post(replace(new, **moved)).pk == first.pk
    assert services.post(late).pk == second.pk
    assert services.post_many([replace(new, **moved), late]) == 0
    with pytest.raises(KeyReused, match="day was"):
        services.post(replace(new, dated_on=date(2026, 5, 5)))


def test_what_is_ensured_is_made_once(book: Book) -> None:
    asked: dict[str, Any] = {
        "entity_id": book.entity_id,
        "kind": "owner",
        "name": "Ada",
        "reference": "owner:1",
    }
    first = services.ensure_beneficiary(**asked)

    assert services.ensure_beneficiary(**asked) == first
    with pytest.raises(WrongParty, match='is of kind "owner", not "deposit"'):
        services.ensure_beneficiary(**{**asked, "kind": "deposit"})
    assert services.ensure_book(entity_id=book.entity_id, kind="trust", name="Rent trust") == book
    with pytest.raises(WrongParty):
        services.ensure_book(entity_id=book.entity_id, kind="operating", name="Rent trust")


def test_the_standard_chart_is_made_once_and_read_in_one_query(
    book: Book, django_assert_num_queries: object
) -> None:
    first = chart(book.entity_id)

    before = len(connection.queries_log)
    assert chart(book.entity_id) == first
    assert len(connection.queries_log) - before <= 1
    assert Account.objects.filter(entity=book.entity).count() == len(STANDARD)
    assert Account.objects.get(pk=first.claims).kind == "claim"


def test_bank_account_number_is_encrypted_and_shown_masked() -> None:
    account = BankAccountFactory.create(account_number="9876543210")

    assert str(account) == "First Bank ···3210"
    ((stored,),) = run("SELECT account_number FROM ledger_bankaccount")
    assert "9876543210" not in str(stored)
