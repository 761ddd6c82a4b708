"""Writing origination files, and reading them back."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import EUR, Money

from connectors.nacha.reading import read
from connectors.nacha.types import AchEntry
from connectors.nacha.writing import (
    BadOrigination,
    NewBatch,
    NewEntry,
    Origination,
    OwnAccount,
    originate,
    transliterate,
    write,
)
from proptrust.lib.banking import next_banking_day
from proptrust.lib.money import from_cents, total, usd
from tests.connectors.nacha.files import (
    FRIDAY,
    MONDAY,
    OUR_BANK,
    THEIR_BANK,
    batch_of,
    file_of,
    rent,
)

OWN = OwnAccount(routing_number=OUR_BANK, account="990001")


def test_a_rent_file_looks_as_the_bank_wants_it() -> None:
    data = write(file_of(batch_of(rent(memo="Rent for December"))))

    assert [line.rstrip() for line in data.decode().splitlines()] == [
        "101 06100005219876543212611200915A094101FIRST BANK             LINDEN HOMES",
        "5225LINDEN HOMES                        1987654321PPDRENT            261123   10610000500"
        "00001",
        "627021000021001-7            0000120000LEASE-1        ANNA EXAMPLE            1061000050"
        "000001",
        "705RENT FOR DECEMBER                                                               00010"
        "000001",
        "822500000200021000020000001200000000000000001987654321                         061000050"
        "000001",
        "9000001000001000000020002100002000000120000000000000000",
        *["9" * 94] * 4,
    ]
    assert {len(line) for line in data.decode().splitlines()} == {94}


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_line_ends_are_a_setting(line_end: str) -> None:
    written = originate(file_of(line_end=line_end))

    assert len(written.data) == 10 * (94 + len(line_end))
    assert read(written.data).warnings == ()


def test_traces_and_batch_numbers_go_on_where_the_last_file_ended() -> None:
    first = originate(file_of(batch_of(rent(1), rent(2)), batch_of(rent(3))))
    second = originate(file_of(first_sequence=first.next_sequence, first_batch=first.next_batch))

    assert first.traces == (
        ("061000050000001", "061000050000002"),
        ("061000050000003",),
    )
    assert second.traces == (("061000050000004",),)
    assert read(second.data).batches[0].number == 3
    assert first.sha256 != second.sha256


def test_a_balanced_batch_has_an_entry_to_our_own_account() -> None:
    owner = rent(2, is_debit=False, amount=usd("900.00"), account_type="savings")
    written = originate(file_of(batch_of(rent(), owner, offset=OWN)))
    (batch,) = read(written.data).batches

    assert batch.service_class == "200"
    assert batch.debits == batch.credits == usd("2100.00")
    assert [(item.transaction_code, item.account) for item in batch.entries] == [
        ("27", "001-7"),
        ("32", "002-7"),
        ("22", "990001"),
        ("27", "990001"),
    ]
    assert written.traces == (("061000050000001", "061000050000002"),)


def test_a_batch_of_prenotes_needs_no_offset() -> None:
    prenote = rent(amount=usd(0), is_prenote=True)
    (batch,) = read(write(file_of(batch_of(prenote, offset=OWN)))).batches

    assert [(item.transaction_code, item.is_prenote) for item in batch.entries] == [("28", True)]


def test_web_entries_say_whether_they_recur() -> None:
    data = write(file_of(batch_of(rent(payment_type="R"), sec="WEB")))

    assert read(data).batches[0].entries[0].discretionary == "R"


def test_same_day_is_sent_only_when_asked_for() -> None:
    data = write(
        file_of(batch_of(effective_on=FRIDAY, is_same_day=True, descriptive_date="SD1300"))
    )

    assert read(data).batches[0].effective_on == FRIDAY


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("José Ñuñez", "JOSE NUNEZ"),
        ("Straße  12", "STRASSE 12"),
        ("Søren Ærø-Łódź", "SOREN AERO-LODZ"),
        ("O’Brien – “Bob”", 'O\'BRIEN - "BOB"'),
        ("Zoë\u00a0M\tMüller\n", "ZOE M MULLER"),
        ("ﬁve Ǿ", "FIVE O"),
    ],
)
def test_names_become_upper_case_ascii(text: str, plain: str) -> None:
    assert transliterate(text) == plain


def test_a_long_name_is_cut_and_a_long_reference_is_refused() -> None:
    data = write(file_of(batch_of(rent(name="Bartholomew Featherstonehaugh"))))

    assert read(data).batches[0].entries[0].name == "BARTHOLOMEW FEATHERSTO"
    with pytest.raises(
        BadOrigination, match=r"batch 1, entry 1, id_number: 'X{16}' is not 1 to 15"
    ):
        write(file_of(batch_of(rent(id_number="X" * 16))))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": usd(0)}, "amount: 0.* is not above zero"),
        ({"amount": usd("-1")}, "amount: -1 is not above zero"),
        ({"amount": usd("1.005")}, "amount: 1.005 is no whole count of cents"),
        ({"amount": Money("1", EUR)}, "amount: .* is not in US dollars"),
        ({"amount": Money(Decimal("NaN"), "USD")}, "amount: NaN is no whole count"),
        ({"amount": usd("100000000.00")}, "amount: .* is above the limit 99999999.99"),
        ({"amount": usd(5), "is_prenote": True}, "amount: a prenote moves no money"),
        ({"routing_number": "021000022"}, "routing_number: '021000022' is no routing number"),
        ({"routing_number": "000000000"}, "routing_number: '000000000' is no routing number"),
        ({"account": ""}, "account: not 1 to 17 letters"),
        ({"account": "1" * 18}, "account: not 1 to 17 letters"),
        ({"account": " 12"}, "account: not 1 to 17 letters"),
        ({"account_type": "piggy"}, "account_type: 'piggy' is not one of checking"),
        ({"account_type": "loan"}, "account_type: a loan account takes no debits"),
        ({"name": " "}, "name: it is empty"),
        ({"name": "李明"}, "name: '李' has no form in ASCII"),
        ({"name": "Ann 🏠"}, "name: '🏠' has no form in ASCII"),
        ({"id_number": "é"}, "id_number: 'é' is not 1 to 15 printable"),
        ({"memo": "x" * 81}, "memo: .* is longer than 80 characters"),
    ],
)
def test_a_bad_entry_is_named_with_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOrigination, match=f"^batch 2, entry 2, {message}"):
        write(file_of(batch_of(), batch_of(rent(1), rent(2, **fields))))


def test_the_account_number_stays_out_of_the_message() -> None:
    with pytest.raises(BadOrigination) as caught:
        write(file_of(batch_of(rent(account="SECRET_NUMBER"))))

    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sec": "TEL"}, "sec: 'TEL' is not one of PPD, CCD, WEB"),
        ({"entries": ()}, "entries: there are none"),
        ({"company_name": "A" * 17}, "company_name: .* is longer than 16"),
        ({"company_name": ""}, "company_name: it is empty"),
        ({"company_id": ""}, "company_id: '' is not 1 to 10"),
        ({"entry_description": "A" * 11}, "entry_description: .* is not 1 to 10"),
        ({"effective_on": FRIDAY}, "effective_on: 2026-11-20 is not after the day of creation"),
        ({"effective_on": MONDAY, "is_same_day": True}, "effective_on: .* not the day of creation"),
        ({"effective_on": date(2026, 11, 19)}, "effective_on: 2026-11-19 is not after"),
        ({"effective_on": date(2026, 11, 26)}, "effective_on: 2026-11-26 is no banking day"),
        ({"effective_on": date(2026, 11, 22)}, "effective_on: 2026-11-22 is no banking day"),
        ({"descriptive_date": "SD1300"}, "descriptive_date: SD1300 marks a same-day window"),
        ({"offset": OwnAccount(routing_number="1", account="1")}, "offset routing_number: '1'"),
    ],
)
def test_a_bad_batch_is_named_with_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOrigination, match=f"^batch 1, {message}"):
        write(file_of(replace(batch_of(), **fields)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batches": ()}, "batches: there are none"),
        ({"odfi": "061000051"}, "odfi: '061000051' is no routing number"),
        ({"file_id_modifier": "a"}, "file_id_modifier: 'a' is not one of"),
        ({"immediate_origin": ""}, "immediate_origin: '' is not 1 to 10"),
        ({"first_sequence": 0}, "first_sequence: not in 1"),
        ({"first_batch": 10_000_000}, "first_batch: not in 1"),
        ({"line_end": "\r"}, "line_end: neither none, LF nor CR LF"),
        ({"created_at": datetime(1999, 12, 31)}, "created_at: the year"),
        ({"file_limit": usd(1000)}, "debits: 1200.00 is above the limit 1000.00"),
    ],
)
def test_a_bad_file_is_named_with_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOrigination, match=f"^file, {message}"):
        write(replace(file_of(), **fields))


def test_limits_of_ours_and_of_same_day_hold() -> None:
    with pytest.raises(BadOrigination, match=r"amount: 1200.00 is above the limit 1000.00"):
        write(file_of(entry_limit=usd(1000)))
    much = batch_of(rent(amount=usd("1000000.01")), effective_on=FRIDAY, is_same_day=True)
    with pytest.raises(BadOrigination, match=r"amount: 1000000.01 is above the limit 1000000.00"):
        write(file_of(much))
    offset = batch_of(
        *(rent(number, amount=usd(600_000)) for number in (1, 2)),
        effective_on=FRIDAY,
        is_same_day=True,
        offset=OWN,
    )
    with pytest.raises(BadOrigination, match=r"offset: 1200000.00 is above 1000000"):
        write(file_of(offset))


def test_the_sequence_of_traces_can_be_used_up() -> None:
    with pytest.raises(BadOrigination, match="batch 1, entry 2, trace: the seven digits"):
        write(file_of(batch_of(rent(1), rent(2)), first_sequence=9_999_999))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("RETRY PMT", "the reserved description is spelt 'RETRY PYMT'"),
        ("Retry Pymt", "the reserved description is spelt 'RETRY PYMT'"),
        ("RETURNFEE", "the reserved description is spelt 'RETURN FEE'"),
        ("REVERSALS", "the reserved description is spelt 'REVERSAL'"),
        ("RECLAIM", "only banks and agencies use it"),
        ("NONSETTLED", "only banks and agencies use it"),
    ],
)
def test_reserved_descriptions_are_spelt_right_or_not_used(description: str, message: str) -> None:
    with pytest.raises(BadOrigination, match=f"entry_description: '{description}': {message}"):
        write(file_of(batch_of(entry_description=description)))


@pytest.mark.parametrize("description", ["RETRY PYMT", "RETURN FEE"])
def test_retries_and_return_fees_are_live_debits(description: str) -> None:
    assert write(file_of(batch_of(entry_description=description)))
    for entry in (rent(is_debit=False), rent(is_prenote=True, amount=usd(0))):
        with pytest.raises(BadOrigination, match="entry_description"):
            write(file_of(batch_of(entry, entry_description=description)))


def test_a_reversal_may_go_either_way() -> None:
    data = write(file_of(batch_of(rent(is_debit=False), entry_description="REVERSAL")))

    assert read(data).batches[0].is_reversal


def test_micro_entries_take_no_more_than_they_gave() -> None:
    def micro(*cents: int) -> NewBatch:
        entries = (rent(1, is_debit=c < 0, amount=from_cents(abs(c))) for c in cents)
        return batch_of(*entries, entry_description="ACCTVERIFY")

    assert write(file_of(micro(12, 34, -46)))
    with pytest.raises(BadOrigination, match="micro-debits are above the micro-credits"):
        write(file_of(micro(12, 34, -47)))
    with pytest.raises(BadOrigination, match="entry 1, amount: a micro-entry is under one dollar"):
        write(file_of(micro(100, -100)))


ROUTING = st.sampled_from([OUR_BANK, THEIR_BANK, "091000019", "322271627"])
LETTERS = st.characters(min_codepoint=32, max_codepoint=126)
REFERENCE = st.text(LETTERS, max_size=15).map(str.strip)
SHORT = st.text(LETTERS, min_size=1, max_size=16).map(str.strip).filter(bool)


@st.composite
def new_entries(draw: st.DrawFn, sec: str) -> NewEntry:
    is_prenote = draw(st.booleans())
    is_debit = draw(st.booleans())
    kinds = ["checking", "savings", "ledger"] + ([] if is_debit else ["loan"])
    return NewEntry(
        is_debit=is_debit,
        routing_number=draw(ROUTING),
        account=draw(st.from_regex(r"[0-9A-Za-z]([0-9A-Z -]{0,15}[0-9])?", fullmatch=True)),
        account_type=draw(st.sampled_from(kinds)),
        amount=from_cents(0 if is_prenote else draw(st.integers(1, 10**10 - 1))),
        name=draw(st.text(st.sampled_from("abcÄéøß’ -XYZ"), max_size=40)) + "N",
        id_number=draw(REFERENCE),
        is_prenote=is_prenote,
        payment_type=draw(st.sampled_from("RS")) if sec == "WEB" else "",
        memo=draw(st.text(LETTERS, max_size=80)).strip(),
    )


@st.composite
def originations(draw: st.DrawFn) -> Origination:
    created = draw(st.datetimes(datetime(2024, 1, 1), datetime(2029, 12, 1)))
    batches = []
    for _ in range(draw(st.integers(1, 3))):
        sec = draw(st.sampled_from(["PPD", "CCD", "WEB"]))
        day = next_banking_day(created.date() + timedelta(days=draw(st.integers(1, 9))))
        batches.append(
            NewBatch(
                sec=sec,
                company_name=draw(SHORT),
                company_id=draw(SHORT)[:10].strip(),
                entry_description=draw(
                    st.sampled_from(["RENT", "OWNER DRAW", "Deposit", "REFUND"])
                ),
                effective_on=day,
                entries=draw(st.lists(new_entries(sec), min_size=1, max_size=6)),
                discretionary=draw(REFERENCE),
            )
        )
    return Origination(
        immediate_destination=draw(ROUTING),
        immediate_origin=draw(SHORT)[:10].strip(),
        destination_name=draw(REFERENCE),
        origin_name=draw(REFERENCE),
        odfi=draw(ROUTING),
        created_at=created,
        batches=batches,
        file_id_modifier=draw(st.sampled_from("AZ09")),
        first_sequence=draw(st.integers(1, 9_999_000)),
        first_batch=draw(st.integers(1, 9_999_000)),
        line_end=draw(st.sampled_from(["", "\n", "\r\n"])),
    )


@given(originations())
def test_what_is_written_is_read_without_a_warning(origination: Origination) -> None:
    written = originate(origination)
    found = read(written.data)

    assert found.warnings == ()
    assert len(written.data.replace(b"\r", b"").replace(b"\n", b"")) % 940 == 0
    for new, traces, batch in zip(origination.batches, written.traces, found.batches, strict=True):
        assert (batch.sec, batch.effective_on) == (new.sec, new.effective_on)
        assert batch.company_name == transliterate(new.company_name)
        assert traces == tuple(item.trace for item in batch.entries)
        for sent, item in zip(new.entries, batch.entries, strict=True):
            assert facts(item) == (
                sent.is_debit,
                sent.is_prenote,
                sent.account_type,
                sent.routing_number,
                sent.account,
                sent.amount,
                sent.id_number,
                transliterate(sent.name)[:22].rstrip(),
                [transliterate(sent.memo)] if sent.memo else [],
            )


def facts(item: AchEntry) -> tuple[object, ...]:
    return (
        item.is_debit,
        item.is_prenote,
        item.account_type,
        item.routing_number,
        item.account,
        item.amount,
        item.id_number,
        item.name,
        [addenda.text for addenda in item.addenda],
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**8)), min_size=1, max_size=8))
def test_a_balanced_file_always_balances(amounts: list[tuple[bool, int]]) -> None:
    entries = [
        rent(index, is_debit=is_debit, amount=from_cents(cents))
        for index, (is_debit, cents) in enumerate(amounts)
    ]
    found = read(write(file_of(batch_of(*entries, offset=OWN))))

    assert found.warnings == ()
    assert found.control
    assert found.control.debits == found.control.credits
    assert found.control.debits == total(from_cents(cents) for _, cents in amounts)
