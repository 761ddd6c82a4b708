"""Many connections at once: nothing is overdrawn, posted twice, or posted into a closing month."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pytest
from django.db import connection, connections, transaction

from ledger import queries, services
from ledger.errors import AlreadyReversed, LedgerError, Overdrawn, PeriodClosed
from ledger.models import Beneficiary, Book, Entry, Line
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import ZERO, usd
from tests.factories.desk import UserFactory
from tests.factories.ledger import (
    A_DAY,
    AccountFactory,
    BeneficiaryFactory,
    BookFactory,
    a_payment,
    a_receipt,
    held,
    standard_chart,
)
from tests.ledger.plain_sql import run

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 8


def at_once(works: Sequence[Callable[[], object]]) -> Counter[str]:
    """Run every work in a thread and connection of its own; count what came out of each."""
    outcomes: list[str] = []
    barrier = threading.Barrier(len(works))

    def run_one(work: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            work()
            outcomes.append("done")
        except LedgerError as error:
            outcomes.append(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - A thread's failure must reach the test.
            outcomes.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run_one, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(outcomes) == len(works), "a writer never came back"
    return Counter(outcomes)


@pytest.fixture
def book() -> Book:
    book: Book = BookFactory.create(kind="trust")
    standard_chart(book)
    return book


def _owners(book: Book, count: int) -> list[Beneficiary]:
    return BeneficiaryFactory.create_batch(count, entity=book.entity)


def test_eight_writers_never_overdraw_one_beneficiary(book: Book) -> None:
    (ada,) = _owners(book, 1)
    held(book, (ada, usd("50.00")))

    def draw() -> None:
        services.post(a_payment(book, (ada, usd("10.00"))))

    outcomes = at_once([draw] * WRITERS)

    assert outcomes == {"done": 5, Overdrawn.__name__: 3}
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == ZERO


def test_a_claim_on_two_accounts_is_not_drawn_twice(book: Book) -> None:
    (ada,) = _owners(book, 1)
    accounts = standard_chart(book)
    second = AccountFactory.create(entity=book.entity, kind="claim")
    held(book, (ada, usd("10.00")))
    services.post(
        NewEntry(
            book.entity_id, "some", "allocation", A_DAY, "Some on the second account",
            [NewLine(book.pk, accounts.claims, usd("5.00"), ada.pk),
             NewLine(book.pk, second.pk, usd("-5.00"), ada.pk)],
        )
    )  # fmt: skip

    def draw(account_id: int, key: str) -> Callable[[], Entry]:
        lines = [
            NewLine(book.pk, accounts.bank, usd("-10.00")),
            NewLine(book.pk, account_id, usd("10.00"), ada.pk),
        ]
        entry = NewEntry(book.entity_id, key, "disbursement", A_DAY, "Draw", lines)
        return lambda: services.post(entry)

    outcomes = at_once(
        [draw((accounts.claims, second.pk)[n % 2], f"draw:{n}") for n in range(WRITERS)]
    )

    assert outcomes == {"done": 1, Overdrawn.__name__: WRITERS - 1}
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == ZERO


def test_eight_writers_never_overdraw_the_company(book: Book) -> None:
    """Its balance is spread over parts, one for each writer: they are counted together."""
    company = BeneficiaryFactory.create(entity=book.entity, kind="company")

    def earn() -> None:
        services.post(a_receipt(book, (company, usd("5.00"))))

    def draw() -> None:
        services.post(a_payment(book, (company, usd("10.00")), kind="fee_draw"))

    assert at_once([earn] * WRITERS) == {"done": WRITERS}
    outcomes = at_once([draw] * WRITERS)

    assert outcomes == {"done": 4, Overdrawn.__name__: 4}
    assert queries.balance(book_id=book.pk, beneficiary_id=company.pk) == ZERO


def _second_waits_for_the_first(first: NewEntry, second: NewEntry) -> Counter[str]:
    """Post the second while the first is posted, but not yet committed."""
    posted = threading.Event()

    def post_and_linger() -> None:
        with transaction.atomic():
            services.post(first)
            posted.set()
            run("SELECT pg_sleep(0.4)")  # The other one is waiting by now, or slipped by.

    def post_meanwhile() -> None:
        assert posted.wait(timeout=30)
        services.post(second)

    return at_once([post_and_linger, post_meanwhile])


def test_a_draw_waits_for_one_on_another_account_of_the_same_owner(book: Book) -> None:
    (ada,) = _owners(book, 1)
    accounts = standard_chart(book)
    second = AccountFactory.create(entity=book.entity, kind="claim")
    held(book, (ada, usd("10.00")))
    services.post(
        replace(
            a_receipt(book, (ada, usd("10.00"))),
            lines=[
                NewLine(book.pk, accounts.bank, usd("10.00")),
                NewLine(book.pk, second.pk, usd("-10.00"), ada.pk),
            ],
        )
    )
    one, other = (
        replace(
            a_payment(book, (ada, usd("15.00"))),
            lines=[
                NewLine(book.pk, accounts.bank, usd("-15.00")),
                NewLine(book.pk, account_id, usd("15.00"), ada.pk),
            ],
        )
        for account_id in (accounts.claims, second.pk)
    )

    assert _second_waits_for_the_first(one, other) == {"done": 1, Overdrawn.__name__: 1}
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == usd("5.00")


@pytest.mark.parametrize("kind", ["fee_draw", "allocation"])
def test_what_the_company_gives_waits_for_what_it_gives_elsewhere(book: Book, kind: str) -> None:
    company = BeneficiaryFactory.create(entity=book.entity, kind="company")
    held(book, (company, usd("10.00")))

    def gift() -> NewEntry:
        (ada,) = _owners(book, 1)
        if kind == "fee_draw":
            return a_payment(book, (company, usd("8.00")), kind=kind)
        claims = standard_chart(book).claims
        lines = [
            NewLine(book.pk, claims, usd("8.00"), company.pk),
            NewLine(book.pk, claims, usd("-8.00"), ada.pk),
        ]
        return replace(a_receipt(book, (ada, usd("8.00"))), kind=kind, lines=lines)

    outcomes = _second_waits_for_the_first(gift(), gift())

    assert outcomes == {"done": 1, Overdrawn.__name__: 1}
    assert queries.balance(book_id=book.pk, beneficiary_id=company.pk) == usd("2.00")


@pytest.mark.parametrize("bulk", [False, True])
def test_one_key_from_eight_writers_is_posted_once(book: Book, bulk: bool) -> None:
    (ada,) = _owners(book, 1)
    new = a_receipt(book, (ada, usd("10.00")), key="receipt:1")
    ids: list[int] = []

    def post() -> None:
        if bulk:
            services.post_many([new])
        ids.append(services.post(new).pk)

    assert at_once([post] * WRITERS) == {"done": WRITERS}
    assert len(set(ids)) == 1
    assert Line.objects.count() == 2
    assert queries.balance(book_id=book.pk, beneficiary_id=ada.pk) == usd("10.00")


def test_an_entry_is_reversed_by_one_of_eight(book: Book) -> None:
    (ada,) = _owners(book, 1)
    entry = held(book, (ada, usd("10.00")))

    def undo(n: int) -> Callable[[], Entry]:
        return lambda: services.reverse(
            entry_id=entry.pk, key=f"undo:{n}", dated_on=A_DAY, memo="Undo"
        )

    outcomes = at_once([undo(n) for n in range(WRITERS)])

    assert outcomes == {"done": 1, AlreadyReversed.__name__: WRITERS - 1}


@pytest.mark.parametrize("bulk", [False, True])
def test_writers_that_touch_the_same_owners_in_any_order_never_wait_in_a_ring(
    book: Book, bulk: bool
) -> None:
    owners = _owners(book, 12)

    def work(n: int) -> Callable[[], None]:
        def run_all() -> None:
            for turn in range(12):
                turned = owners[(n + turn) % 12 :] + owners[: (n + turn) % 12]
                if n % 2:
                    turned.reverse()
                shares = [(owner, usd("1.00")) for owner in turned]
                receipt = a_receipt(book, *shares, key=f"in:{n}:{turn}")
                if bulk:
                    services.post_many([receipt])
                else:
                    services.post(receipt)
                services.post(a_payment(book, *shares[:3], key=f"out:{n}:{turn}"))

        return run_all

    assert at_once([work(n) for n in range(WRITERS)]) == {"done": WRITERS}
    equation = queries.trust_equation(book.pk)
    assert equation.held == equation.cash == usd(WRITERS * 12 * 9)


def test_new_claims_of_many_owners_are_made_without_a_ring(book: Book) -> None:
    owners = _owners(book, 40)

    def work(n: int) -> Callable[[], None]:
        turned = owners[n * 5 :] + owners[: n * 5]
        entry = a_receipt(book, *[(owner, usd("1.00")) for owner in turned], key=f"in:{n}")
        return lambda: services.post_many([entry])  # type: ignore[return-value]

    assert at_once([work(n) for n in range(WRITERS)]) == {"done": WRITERS}
    held_for = queries.balances(book_id=book.pk)
    assert set(held_for.values()) == {usd(WRITERS)}
    assert len(held_for) == len(owners)


def test_nothing_slips_into_a_month_while_it_is_closed(book: Book) -> None:
    (ada,) = _owners(book, 1)
    person = UserFactory.create()

    def post(n: int) -> Callable[[], None]:
        def run_all() -> None:
            for turn in range(15):
                services.post(a_receipt(book, (ada, usd("1.00")), key=f"{n}:{turn}"))

        return run_all

    def close() -> None:
        services.close_period(book_id=book.pk, first_on=date(2026, 3, 1), closed_by_id=person.pk)

    outcomes = at_once([*[post(n) for n in range(WRITERS - 1)], close])

    assert set(outcomes) <= {"done", PeriodClosed.__name__}
    period = book.periods.get()
    ((digest,),) = run("SELECT ledger_period_digest(%s, '2026-03-01', '2026-03-31', '')", [book.pk])
    assert period.digest == digest, "the month has lines that were not there when it was closed"


def test_closing_waits_for_a_post_that_is_under_way(book: Book) -> None:
    (ada,) = _owners(book, 1)
    person = UserFactory.create()
    posted, closing = threading.Event(), threading.Event()

    def post() -> None:
        with transaction.atomic():
            services.post(a_receipt(book, (ada, usd("1.00"))))
            posted.set()
            closing.wait(timeout=30)
            run("SELECT pg_sleep(0.3)")  # The other one is waiting by now.

    def close() -> None:
        posted.wait(timeout=30)
        closing.set()
        services.close_period(book_id=book.pk, first_on=date(2026, 3, 1), closed_by_id=person.pk)

    assert at_once([post, close]) == {"done": 2}
    ((digest,),) = run("SELECT ledger_period_digest(%s, '2026-03-01', '2026-03-31', '')", [book.pk])
    assert book.periods.get().digest == digest
    assert Line.objects.filter(book=book).count() == 2


def test_closing_by_eight_at_once_closes_once(book: Book) -> None:
    people = UserFactory.create_batch(WRITERS)

    def close(person_id: int) -> Callable[[], object]:
        return lambda: services.close_period(
            book_id=book.pk, first_on=date(2026, 3, 1), closed_by_id=person_id
        )

    assert at_once([close(person.pk) for person in people]) == {"done": WRITERS}
    assert book.periods.count() == 1


def test_what_is_ensured_by_eight_at_once_is_made_once(book: Book) -> None:
    def ensure() -> None:
        services.ensure_beneficiary(
            entity_id=book.entity_id, kind="owner", name="Ada", reference="owner:1"
        )

    assert at_once([ensure] * WRITERS) == {"done": WRITERS}
    assert book.entity.beneficiaries.count() == 1


def test_an_entry_without_lines_is_refused_at_commit(book: Book) -> None:
    outcomes = at_once(
        [
            lambda: run(
                "INSERT INTO ledger_entry (entity_id, key, kind, dated_on, memo, digest)"
                " VALUES (%s, 'bare', 'receipt', '2026-03-10', 'Bare', '')",
                [book.entity_id],
            )
        ]
    )

    (said,) = outcomes
    assert "has no lines" in said
    assert Entry.objects.count() == 0
