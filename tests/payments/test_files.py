"""ACH files of payments: written, read back, handed over, withdrawn, and what comes back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors import services as connectors
from connectors.models import Connection, Event, Request
from connectors.nacha.writing import BadOrigination
from connectors.types import Channel, DisbursementReturned
from desk.errors import Refused
from ledger.models import Beneficiary, Book
from ledger.queries import balance
from payments import services
from payments.errors import BankDataMissing, NotPossible
from payments.models import Payment
from payments.services.files import read
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from tests.connectors.nacha.files import BatchOf, entry, returned
from tests.connectors.nacha.files import ach as ach_file
from tests.connectors.signing import CREDENTIALS, SETTINGS
from tests.factories.desk import person
from tests.factories.payments import ach, payment, trust

pytestmark = pytest.mark.django_db
LATER = date(2026, 3, 12)


def tomorrow() -> date:
    return add_banking_days(timezone.localdate(), 2)


def a_bank(book: Book) -> Connection:
    """The connection that writes files for a book's bank."""
    return Connection.objects.create(
        entity=book.entity,
        book=book,
        slug="ach_nacha",
        label="Our bank",
        credentials=CREDENTIALS.get("ach_nacha", {}),
        settings=SETTINGS["ach_nacha"],
    )


def written(
    book: Book, rows: list[Payment], key: str = "run:1", **facts: Any
) -> tuple[Request, Connection]:
    bank = a_bank(book)
    request = services.write_ach_file(
        book=book, payments=rows, connection=bank, effective_on=tomorrow(), key=key, **facts
    )
    return request, bank


@pytest.fixture
def paying() -> tuple[Book, Beneficiary]:
    return trust()


def test_a_file_says_of_each_payment_what_the_payment_says(
    paying: tuple[Book, Beneficiary],
) -> None:
    book, owner = paying
    rows = [ach(book, owner, "10.00"), ach(book, owner, "20.50", is_savings=True)]
    request, _ = written(book, rows)
    file = read(request)

    assert not file.warnings
    (batch,) = file.batches
    assert (batch.sec, batch.entry_description, batch.effective_on) == (
        "PPD", "OWNER PAY", tomorrow(),
    )  # fmt: skip
    ours = [each for each in batch.entries if each.id_number != "OFFSET"]
    assert [(each.amount, each.is_debit, each.name, each.account_type) for each in ours] == [
        (usd("10.00"), False, "OLGA OWNER", "checking"),
        (usd("20.50"), False, "OLGA OWNER", "savings"),
    ]
    for each, row in zip(ours, rows, strict=True):
        row.refresh_from_db()
        assert (row.id_number, row.trace) == (each.id_number, each.trace)
        assert row.batch == f"{batch.company_id}:{tomorrow()}:{batch.number}"
        assert (row.request, row.settles_on, row.state) == (request, tomorrow(), "issued")


def test_one_key_is_one_file(paying: tuple[Book, Beneficiary]) -> None:
    book, owner = paying
    rows = [ach(book, owner)]
    request, bank = written(book, rows)
    again = services.write_ach_file(
        book=book, payments=rows, connection=bank, effective_on=tomorrow(), key="run:1"
    )
    assert again == request
    with pytest.raises(NotPossible, match="used for another file"):
        services.write_ach_file(
            book=book,
            payments=[ach(book, owner)],
            connection=bank,
            effective_on=tomorrow(),
            key="run:1",
        )
    with pytest.raises(NotPossible, match="does not wait to be sent"):
        services.write_ach_file(
            book=book, payments=rows, connection=bank, effective_on=tomorrow(), key="run:2"
        )


def test_persons_and_firms_go_in_files_of_their_own(paying: tuple[Book, Beneficiary]) -> None:
    book, owner = paying
    rows = [
        ach(book, owner, "1.00"),
        ach(book, owner, "2.00", payee="Oak Homes, LLC"),
        ach(book, owner, "3.00", purpose="vendor", payee="Joe's Plumbing"),
        ach(book, owner, "4.00", purpose="vendor", payee="Ann Painter", is_firm=False),
    ]
    files = services.write_ach_files(
        book=book,
        payments=rows,
        connection=a_bank(book),
        effective_on=tomorrow(),
        key="run:1",
    )
    told = {
        read(file).batches[0].sec: [
            each.amount for each in read(file).batches[0].entries if not each.is_debit
        ]
        for file in files
    }
    assert told == {
        "PPD": [usd("1.00"), usd("4.00")],
        "CCD": [usd("2.00"), usd("3.00")],
    }
    assert {read(file).batches[0].entry_description for file in files} == {"PAYMENT"}


def test_payees_without_a_bank_account_are_named(paying: tuple[Book, Beneficiary]) -> None:
    book, owner = paying
    rows = [ach(book, owner)] + [
        payment(book, owner, "1.00", method="ach", payee=f"Payee {n}") for n in range(7)
    ]
    with pytest.raises(BankDataMissing, match=r"Payee 0, Payee 1, .*Payee 4 and 2 more"):
        written(book, rows)
    assert not Request.objects.exists()


def test_what_is_no_ach_payment_of_the_account_is_refused(
    paying: tuple[Book, Beneficiary],
) -> None:
    book, owner = paying
    other, somebody = trust()
    bank = a_bank(book)
    for rows, said in (
        ([payment(book, owner)], "does not wait"),
        ([ach(other, somebody)], "another account"),
        ([], "no payment"),
    ):
        with pytest.raises(NotPossible, match=said):
            services.write_ach_file(
                book=book, payments=rows, connection=bank, effective_on=tomorrow(), key="x"
            )
    with pytest.raises(NotPossible, match="does not pay out of"):
        services.write_ach_file(
            book=other,
            payments=[ach(other, somebody)],
            connection=bank,
            effective_on=tomorrow(),
            key="x",
        )


def test_a_name_that_cannot_be_written_leaves_no_file(paying: tuple[Book, Beneficiary]) -> None:
    book, owner = paying
    with pytest.raises(BadOrigination, match="entry 1"):
        written(book, [ach(book, owner, payee="王小明")])
    assert not Request.objects.exists()
    assert not Payment.objects.filter(request__isnull=False).exists()


def test_a_file_that_is_handed_over_is_sent_and_cannot_be_withdrawn(
    paying: tuple[Book, Beneficiary],
) -> None:
    book, owner = paying
    row = ach(book, owner)
    request, _ = written(book, [row])
    actor = person(entity=book.entity)
    with pytest.raises(NotPossible, match="stands in a file"):
        services.void(row, why="Wrong payee", on=LATER, actor_id=None)
    connectors.hand_over(request.pk, actor=actor)
    row.refresh_from_db()
    assert row.state == "sent"
    with pytest.raises(NotPossible, match="given to the bank already"):
        services.withdraw_file(request, why="Late", actor=actor)


def test_payments_of_a_withdrawn_file_wait_again(paying: tuple[Book, Beneficiary]) -> None:
    book, owner = paying
    row = ach(book, owner)
    request, bank = written(book, [row])
    actor = person(entity=book.entity)
    assert services.withdraw_file(request, why="Wrong day", actor=actor) == 1
    row.refresh_from_db()
    assert (row.request, row.batch, row.id_number) == (None, "", "")
    with pytest.raises(Refused):
        connectors.hand_over(request.pk, actor=actor)
    again = services.write_ach_file(
        book=book, payments=[row], connection=bank, effective_on=tomorrow(), key="run:2"
    )
    assert again.state == Request.State.READY


# -- What comes back


def come_again(bank: Connection, *entries: list[str]) -> list[Event]:
    """Give the bank's file of returns to the connection; the events that it told."""
    connectors.receive_file(bank, "returns.ach", ach_file(BatchOf(list(entries))))
    connectors.catch_up()
    return list(Event.objects.filter(kind="disbursement_returned"))


def test_a_return_in_the_banks_file_takes_the_payment_back(
    paying: tuple[Book, Beneficiary],
) -> None:
    book, owner = paying
    row = ach(book, owner, "100.00")
    request, bank = written(book, [row])
    connectors.hand_over(request.pk)
    row.refresh_from_db()
    (event,) = come_again(
        bank, entry("21", 10000, id_number=row.id_number, addenda=[returned("R03")])
    )
    row.refresh_from_db()

    assert event.state == "heard", event.reason
    assert (row.state, row.code) == ("returned", "R03")
    assert row.reason
    assert row.back_batch
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("1000.00")


@pytest.mark.parametrize(
    ("reference", "cents", "said"),
    [("P999999", 10000, "no payment of ours"), ("", 9999, "which was of 100.00")],
)
def test_a_return_that_fits_no_payment_stays_for_a_person(
    paying: tuple[Book, Beneficiary], reference: str, cents: int, said: str
) -> None:
    book, owner = paying
    row = ach(book, owner, "100.00")
    _, bank = written(book, [row])
    row.refresh_from_db()
    (event,) = come_again(
        bank,
        entry("21", cents, id_number=reference or row.id_number, addenda=[returned("R03")]),
    )
    row.refresh_from_db()

    assert event.state == "failed"
    assert said in event.reason
    assert row.state == "issued"


def test_a_return_without_our_reference_is_found_by_its_trace(
    paying: tuple[Book, Beneficiary],
) -> None:
    from connectors.types import Heard
    from proptrust.lib.events import publish

    book, owner = paying
    row = ach(book, owner)
    _, bank = written(book, [row])
    row.refresh_from_db()
    event = DisbursementReturned(
        key="r",
        at=datetime(2026, 3, 12, 3, tzinfo=UTC),
        payment=f"ach:{row.trace}",
        amount=usd("100.00"),
        channel=Channel.ACH,
        code="R02",
    )
    for _ in range(2):
        publish(Heard(bank.pk, bank.entity_id, bank.slug, 0, event))
    row.refresh_from_db()
    # Three in the morning in UTC is the evening before where the company is.
    assert (row.state, row.back_on) == ("returned", LATER - timedelta(days=1))
