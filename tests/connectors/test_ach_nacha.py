"""ACH files: what goes out is settled on its day, what comes back names our payment."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors import services, tasks
from connectors.errors import Ignored, KeyReused, NotPerformed, Unreadable
from connectors.models import Connection, Event, Request
from connectors.nacha.reading import read
from connectors.nacha.writing import BadOrigination, NewEntry
from connectors.types import (
    BankDetailsChanged,
    Channel,
    Delivery,
    DisbursementReturned,
    PaymentReturned,
    PaymentSettled,
    ReturnDisputed,
)
from connectors.vendors.ach_nacha import AchNacha
from desk.errors import Refused
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from tests.connectors.conftest import Connect, Listener
from tests.connectors.nacha.files import OUR_BANK, THEIR_BANK, BatchOf, ach, entry, returned
from tests.connectors.signing import sample


@pytest.fixture
def bank(connect: Connect) -> Connection:
    return connect("ach_nacha")


def parsed(body: bytes) -> list[Any]:
    return list(AchNacha().parse(Delivery(body, received_at=datetime(2026, 11, 22, tzinfo=UTC))))


def debit(reference: str, amount: str = "1425.50", **changes: Any) -> NewEntry:
    facts: dict[str, Any] = {
        "is_debit": True,
        "routing_number": THEIR_BANK,
        "account": "000123-45",
        "amount": usd(amount),
        "name": "Ada Okafor",
        "id_number": reference,
    }
    return NewEntry(**(facts | changes))


def tomorrow() -> date:
    return add_banking_days(datetime.now(UTC).date(), 2)


def originate(bank: Connection, *entries: NewEntry, key: str = "run:1", **changes: Any) -> Request:
    facts: dict[str, Any] = {"sec": "PPD", "effective_on": tomorrow()}
    return services.originate(connection=bank, key=key, entries=entries, **(facts | changes))


# -- What comes back


def test_each_kind_of_return_means_what_it_is() -> None:
    back, paid_out, prenote, disputed = parsed(sample("ach_nacha", "returns.ach"))

    assert isinstance(back, PaymentReturned)
    assert (back.payment, back.amount, back.code) == ("OAK-2611-001", usd("1425.50"), "R01")
    assert (back.channel, back.payer) == (Channel.ACH, "ADA OKAFOR")
    assert back.returned_on == date(2026, 11, 20)  # Day 324 of the year.
    assert isinstance(paid_out, DisbursementReturned)
    assert paid_out.amount == usd("550.00")
    assert isinstance(prenote, BankDetailsChanged)
    assert (prenote.payment, prenote.code) == ("OAK-PRE-9", "R04")
    assert isinstance(disputed, ReturnDisputed)
    assert (disputed.code, disputed.return_code) == ("R61", "R01")


def test_a_notification_of_change_names_the_new_number() -> None:
    (event,) = parsed(sample("ach_nacha", "changes.ach"))

    assert isinstance(event, BankDetailsChanged)
    assert (event.code, event.corrected) == ("C01", {"account": "000987654"})
    assert event.correct_by == add_banking_days(date(2026, 11, 20), 6)


def test_without_our_own_id_the_trace_names_the_payment() -> None:
    (event,) = parsed(ach(BatchOf([entry("26", 5000, id_number="", addenda=[returned("R02")])])))
    assert event.payment == f"ach:{OUR_BANK[:8]}0000042"


def test_the_same_return_in_a_later_file_is_the_same_event(
    bank: Connection, listener: Listener
) -> None:
    body = sample("ach_nacha", "returns.ach")
    later = body.replace(b"2611200915", b"2611230915")
    assert later != body
    for name, data in (("a.ach", body), ("b.ach", later)):
        services.receive_file(bank, name, data)
    services.catch_up()

    assert listener.kinds.count("payment_returned") == 1
    assert Event.objects.filter(kind="payment_returned").count() == 1


def test_a_dispute_between_banks_always_goes_to_a_person(
    bank: Connection, listener: Listener
) -> None:
    services.receive_file(bank, "returns.ach", sample("ach_nacha", "returns.ach"))
    services.catch_up()

    disputed = Event.objects.get(kind="return_disputed")
    assert disputed.state == "failed"
    assert "Ask your bank" in disputed.reason
    assert "return_disputed" not in listener.kinds


def test_a_file_of_payments_by_others_tells_nothing() -> None:
    with pytest.raises(Ignored, match="neither returns nor notifications"):
        parsed(sample("ach_nacha", "forward.ach"))


def test_a_broken_file_is_refused_with_its_line() -> None:
    body = sample("ach_nacha", "returns.ach")
    with pytest.raises(Unreadable, match=r"line \d+"):
        parsed(body.replace(b"0000142550", b"0000142551", 1))


# -- What goes out


def test_a_debit_is_pending_at_once_and_settled_on_its_day_if_the_bank_has_the_file(
    bank: Connection, listener: Listener
) -> None:
    row = originate(
        bank,
        debit("OAK-1"),
        debit("OAK-2", "980.00"),
        debit("OWN-1", "70.00", is_debit=False),
        lease_codes={"OAK-1": "OAK-12-3"},
    )
    services.catch_up()
    assert listener.kinds == ["payment_pending", "payment_pending"]
    assert [event.lease_code for event in listener.told] == ["OAK-12-3", ""]  # type: ignore[attr-defined]

    assert services.settle_files(tomorrow()) == 0  # Nobody gave it to the bank.
    services.hand_over(row.pk)
    assert services.settle_files(tomorrow() - timedelta(days=1)) == 0
    assert services.settle_files(tomorrow()) == 1
    assert services.settle_files(tomorrow()) == 0
    services.catch_up()

    first, second = listener.told[2:]
    assert isinstance(first, PaymentSettled)
    assert isinstance(second, PaymentSettled)
    assert (first.payment, first.amount, first.settles_on) == ("OAK-1", usd("1425.50"), tomorrow())
    assert (first.pays_out, first.fee) == (False, usd(0))
    assert first.batch == second.batch
    assert tasks.settle_files() == "0 files settled"


def test_the_bytes_are_kept_as_they_go_to_the_bank(bank: Connection) -> None:
    row = originate(bank, debit("OAK-1"))
    assert row.delivery is not None
    found = read(bytes(row.delivery.body))
    assert not found.warnings
    assert (row.state, row.facts["debits"]) == ("ready", "1425.50")
    assert "000123" not in str(row.facts)
    with pytest.raises(Refused):
        services.hand_over(services.hand_over(row.pk).pk)


def test_one_key_is_one_file(bank: Connection) -> None:
    first = originate(bank, debit("OAK-1"))
    assert originate(bank, debit("OAK-1")) == first
    with pytest.raises(KeyReused):
        originate(bank, debit("OAK-1", "9.00"))


def test_a_payment_goes_out_in_one_file_only(bank: Connection) -> None:
    originate(bank, debit("OAK-1"))
    with pytest.raises(KeyReused, match="OAK-1 went out"):
        originate(bank, debit("OAK-1"), key="run:2")


@pytest.mark.parametrize(
    ("references", "place"), [(["A", "A"], "stands twice"), (["A", ""], "is needed")]
)
def test_each_entry_needs_an_id_of_its_own(
    bank: Connection, references: list[str], place: str
) -> None:
    with pytest.raises(BadOrigination, match=f"entry 2, id_number: .*{place}"):
        originate(bank, *(debit(reference) for reference in references))
    assert not Request.objects.exists()


def test_files_of_a_day_differ_in_modifier_and_trace_numbers(bank: Connection) -> None:
    rows = [originate(bank, debit(f"OAK-{n}"), key=f"run:{n}") for n in range(3)]
    files = [read(bytes(row.delivery.body)) for row in rows if row.delivery]
    assert [file.file_id_modifier for file in files] == ["A", "B", "C"]
    traces = [entry.trace for file in files for _, entry in file.entries]
    assert len(set(traces)) == 3


def test_a_bank_that_wants_balanced_files_gets_an_offset_that_is_no_payment(
    connect: Connect, listener: Listener
) -> None:
    bank = connect("ach_nacha", credentials={"own_account": "555-1"})
    row = originate(bank, debit("OAK-1"))
    services.catch_up()
    assert row.facts["debits"] == row.facts["credits"]
    assert [event.payment for event in listener.told] == ["OAK-1"]  # type: ignore[attr-defined]


def test_other_platforms_write_no_ach_files(connect: Connect) -> None:
    with pytest.raises(NotPerformed, match="writes no ACH files"):
        originate(connect("stripe"), debit("OAK-1"))
