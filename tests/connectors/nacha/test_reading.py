"""Reading NACHA files: what is accepted, what warns, what is refused and where."""

import gzip
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.nacha import layout
from connectors.nacha.reading import read
from connectors.nacha.types import AchFile, Refused
from proptrust.lib.money import usd
from tests.connectors.nacha.files import BatchOf, ach, changed, entry, returned, without

RETURN_FILE = ach(
    BatchOf([entry("26", addenda=[returned("R01")])]),
    BatchOf([entry("26", 5_000, 2, addenda=[returned("R10", 2, text="SEE LETTER")])]),
)
CHANGE_FILE = ach(BatchOf([entry("21", 0, addenda=[changed()])], sec="COR"))
RENT_FILE = ach(BatchOf([entry(), entry("27", 99, 2), entry("22", 1_000, 3)]))


def warnings(data: bytes) -> list[str]:
    return [str(warned) for warned in read(data).warnings]


def refusal(data: bytes) -> tuple[str, int | None]:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value.reason, caught.value.line


def test_a_rent_file_is_read_whole_and_without_a_warning() -> None:
    found = read(RENT_FILE)

    assert found.warnings == ()
    assert found.created_on == date(2026, 11, 20)
    (batch,) = found.batches
    assert (batch.sec, batch.company_name, batch.company_id) == (
        "PPD",
        "LINDEN HOMES",
        "1987654321",
    )
    assert (batch.effective_on, batch.settlement_day) == (date(2026, 11, 23), None)
    assert (batch.debits, batch.credits) == (usd("1200.99"), usd("10.00"))
    first = batch.entries[0]
    assert (first.routing_number, first.account) == ("021000021", "000123-45")
    assert (first.amount, first.is_debit, first.is_return) == (usd("1200.00"), True, False)
    assert (first.id_number, first.name, first.trace) == (
        "LEASE-17",
        "ANNA EXAMPLE",
        "061000050000001",
    )


@pytest.mark.parametrize("end", ["\r\n", "\r", "", "  \n"])
def test_line_ends_are_no_part_of_the_format(end: str) -> None:
    other = ach(BatchOf([entry(), entry("27", 99, 2), entry("22", 1_000, 3)]), end=end)

    assert read(other) == read(RENT_FILE)


def test_ten_records_on_a_line_are_read_as_ten() -> None:
    records = RENT_FILE.decode().splitlines()
    block = "".join(records) + "\n"

    assert read(block.encode() + b"\n").batches[0].debits == usd("1200.99")


def test_a_gzip_archive_is_opened() -> None:
    assert read(gzip.compress(RENT_FILE)) == read(RENT_FILE)
    assert refusal(gzip.compress(RENT_FILE)[:60])[0].startswith("the gzip archive is damaged")


def test_a_missing_or_cut_filler_is_tolerated() -> None:
    data = ach(BatchOf([entry()]), is_filled=False)

    assert warnings(data) == ["the last block is not filled to ten records"]
    assert warnings(data + b"9" * 50 + b"\n") == ["the last block is not filled to ten records"]


def test_a_file_without_entries_is_legal() -> None:
    assert read(ach()).batches == ()


def test_stripped_blanks_are_restored_where_only_blanks_can_be_missing() -> None:
    stripped = b"\n".join(line.rstrip() for line in RENT_FILE.splitlines())

    assert warnings(stripped) == [
        "line 1: the record has 40 characters; blanks were added",
        "line 7: the record has 55 characters; blanks were added",
    ]


def test_an_entry_that_lost_characters_is_refused() -> None:
    lines = RENT_FILE.splitlines()
    lines[2] = lines[2][:-1]

    assert refusal(b"\n".join(lines)) == ("the record has 93 characters instead of 94", 3)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_name_in_8_bit_characters_does_not_shift_the_fields(encoding: str) -> None:
    data = RENT_FILE.decode().replace("ANNA EXAMPLE", "ZOË MÜLLER  ").encode(encoding)
    found = read(data)

    assert found.batches[0].entries[0].name == "ZOË MÜLLER"
    assert found.batches[0].entries[0].trace == "061000050000001"
    assert str(found.warnings[0]) == "line 3: the record holds characters outside ASCII"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \r\n\x1a", "the file is empty"),
        (b"01,122099999,123456789,040621,0200,1,65,,2/\n", "not a NACHA file but a BAI2"),
        (b"OFXHEADER:100\n", "not a NACHA file but an OFX"),
        (b"<?xml version='1.0'?>", "not a NACHA file but an XML"),
        (b"PK\x03\x04....", "not a NACHA file but a zip"),
        (b"hello\n", "the record has 5 characters instead of 94"),
        (b"6" * 94, "not a NACHA file: it does not begin with a file header"),
    ],
)
def test_what_is_no_nacha_file_is_named(data: bytes, reason: str) -> None:
    assert refusal(data)[0].startswith(reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"debits": 1}, "file control: debits of 0.01 claimed, the entries sum to 1200.99"),
        ({"credits": 1}, "file control: credits of 0.01 claimed, the entries sum to 10.00"),
        ({"entry_hash": 7}, "file control: entry hash 0000000007 claimed, the routing numbers sum"),
        ({"count": "x"}, "file control: entry and addenda count '0000000x' is not a number"),
    ],
)
def test_a_file_control_that_disagrees_refuses_the_file(
    fields: dict[str, Any], reason: str
) -> None:
    data = ach(BatchOf([entry(), entry("27", 99, 2), entry("22", 1_000, 3)]), **fields)

    found, line = refusal(data)
    assert found.startswith(reason)
    assert line == 7


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"debits": 1}, "batch control: debits of 0.01 claimed"),
        ({"credits": 1}, "batch control: credits of 0.01 claimed"),
        ({"entry_hash": 7}, "batch control: entry hash"),
        ({"count": 9}, "batch control: 9 entries and addenda claimed, 1 found"),
    ],
)
def test_a_batch_control_that_disagrees_refuses_the_file(
    fields: dict[str, str | int], reason: str
) -> None:
    found, line = refusal(ach(BatchOf([entry()], control=fields)))

    assert found.startswith(reason)
    assert line == 4


def test_clerical_counts_warn_when_hash_and_totals_are_right() -> None:
    assert warnings(ach(BatchOf([entry()]), batches=4, blocks=7, count=2)) == [
        "line 5: file control: 4 batches claimed, 1 found",
        "line 5: file control: 2 entries and addenda claimed, 1 found",
        "line 5: file control: 7 blocks claimed, 5 records make 1",
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"routing_number": "021000022"}, "entry: routing number 021000022 has a wrong check"),
        ({"routing_number": "000000000"}, "entry: routing number 000000000"),
        ({"routing_number": "02100002X"}, "entry: routing number '02100002X' is no nine digits"),
        ({"account": ""}, "entry: no account number"),
        ({"transaction_code": "29"}, "entry: transaction code 29 moves no money"),
        ({"transaction_code": "28"}, "entry: transaction code 28 moves no money"),
        ({"transaction_code": "26"}, "entry: a return without its addenda record"),
        ({"transaction_code": "77"}, "entry: transaction code '77' is unknown"),
        ({"transaction_code": "82"}, "entry: transaction code '82' is unknown in class PPD"),
    ],
)
def test_an_entry_that_would_pay_wrongly_refuses_the_file(
    fields: dict[str, Any], reason: str
) -> None:
    code, rest = fields.get("transaction_code", "27"), dict(fields)
    rest.pop("transaction_code", None)
    wrong = entry(code, **rest)[0]
    found, where = refusal(ach(BatchOf([entry()])).replace(entry()[0].encode(), wrong.encode()))

    assert found.startswith(reason)
    assert where == 3


@pytest.mark.parametrize("amount", ["12 4567890", "          ", "123456789 ", "-000000100"])
def test_an_amount_is_never_guessed(amount: str) -> None:
    data = ach(BatchOf([entry()])).replace(b"0000120000LEASE", f"{amount}LEASE".encode())

    assert refusal(data) == (f"entry: amount {amount!r} is not a number", 3)


def test_an_amount_filled_with_blanks_is_read_with_a_warning() -> None:
    data = ach(BatchOf([entry()])).replace(b"0000120000LEASE", b"    120000LEASE")

    assert read(data).batches[0].entries[0].amount == usd("1200.00")
    assert warnings(data) == ["line 3: entry: amount '    120000' is filled with blanks, not zeros"]


def test_a_debit_among_credits_refuses_the_file() -> None:
    assert refusal(ach(BatchOf([entry()], service_class="220"))) == (
        "entry: a debit in a batch of service class 220",
        3,
    )
    assert refusal(ach(BatchOf([entry("22")], service_class="225"))) == (
        "entry: a credit in a batch of service class 225",
        3,
    )


@pytest.mark.parametrize(
    ("order", "reason", "line"),
    [
        ((0, 2, 1, 3, 4), "an entry outside any batch", 2),
        ((0, 1, 2, 4, 3), "a record follows the end of the file", 5),
        ((0, 1, 2, 3, 4, 0), "a second file begins here; give each file by itself", 6),
        ((0, 0, 1, 2, 3, 4), "a file header stands inside the file", 2),
        ((0, 1, 2, 3, 3, 4), "a batch control without a batch", 5),
        ((0, 1, 2, 4), "the batch of line 2 has no batch control", 4),
        ((0, 1, 2, 3), "the file has no file control: it may have been cut off", 4),
        ((1, 2, 3, 4), "the file has no file header", 1),
        ((0,), "the file has no file control: it may have been cut off", 1),
    ],
)
def test_records_out_of_order_refuse_the_file(
    order: tuple[int, ...], reason: str, line: int
) -> None:
    records = ach(BatchOf([entry()])).decode().splitlines()
    data = "\n".join(records[index] for index in order).encode()

    assert refusal(data) == (reason, line)


def test_an_addenda_needs_its_entry() -> None:
    records = RETURN_FILE.decode().splitlines()
    del records[2]

    assert refusal("\n".join(records).encode()) == ("an addenda record without its entry", 3)


def test_an_unknown_class_or_record_type_is_refused() -> None:
    data = ach(BatchOf([entry()]))

    assert refusal(data.replace(b"PPDRENT", b"ATTRENT")) == (
        "batch header: class 'ATT' at 51-53 is unknown",
        2,
    )
    assert refusal(data.replace(b"\n627", b"\nX27")) == (
        "a record begins with 'X', which no record type is",
        3,
    )
    assert refusal(data.replace(b"094101", b"094 01").replace(b"A094", b"A 94"))[1] == 1


def test_control_fields_that_differ_from_the_header_warn() -> None:
    other: dict[str, str | int] = {
        "service_class": "225",
        "company_id": "X",
        "odfi": "1",
        "number": 9,
    }

    assert warnings(ach(BatchOf([entry()], control=other))) == [
        "line 4: batch control: service class '225' is '200' in the header",
        "line 4: batch control: company id 'X' is '1987654321' in the header",
        "line 4: batch control: odfi '1' is '06100005' in the header",
        "line 4: batch control: number '0000009' is '0000001' in the header",
    ]


def test_traces_out_of_order_or_of_another_bank_warn() -> None:
    entries = [entry(sequence=2), entry(sequence=1), entry(trace="021000020000009")]

    assert warnings(ach(BatchOf(entries))) == [
        "line 4: entry: trace number 061000050000001 is not above the one before",
        "line 5: entry: trace number 021000020000009 does not begin with the ODFI of its batch",
        "line 5: entry: trace number 021000020000009 is not above the one before",
    ]


def test_a_return_names_the_entry_it_brings_back() -> None:
    found = read(RETURN_FILE)

    assert found.warnings == ()
    assert [addenda_of(found, index) for index in (0, 1)] == [
        ("R01", "061000050000042", "02100002", ""),
        ("R10", "061000050000042", "02100002", "SEE LETTER"),
    ]
    assert [item.amount for _, item in found.returns] == [usd("1200.00"), usd("50.00")]


def addenda_of(found: AchFile, index: int) -> tuple[str | None, ...]:
    addenda = found.batches[index].entries[0].return_addenda
    assert addenda
    return addenda.return_code, addenda.original_trace, addenda.original_rdfi, addenda.text


def test_a_return_that_keeps_the_old_transaction_code_is_still_a_return() -> None:
    data = ach(BatchOf([entry("27", addenda=[returned("R02")])], service_class="225"))
    found = read(data)

    assert [item.is_return for _, item in found.entries] == [True]
    assert warnings(data) == ["line 3: entry: transaction code 27 of the forward entry was kept"]


def test_returns_without_header_or_controls_are_read_with_warnings() -> None:
    assert warnings(without(RETURN_FILE, "8")) == [
        "line 5: the batch of line 2 has no batch control",
        "line 8: the batch of line 5 has no batch control",
        "the last block is not filled to ten records",
    ]
    assert "line 1: the file has no file header" in warnings(without(RETURN_FILE, "1"))
    assert "line 9: the file has no file control: it may have been cut off" in warnings(
        without(RETURN_FILE, "9000")
    )


def test_a_bad_routing_number_in_a_return_warns() -> None:
    item = entry("26", routing_number="021000022", addenda=[returned("R28")])

    assert warnings(ach(BatchOf([item]))) == [
        "line 3: entry: routing number 021000022 has a wrong check digit"
    ]


def test_an_unknown_return_code_is_kept_raw() -> None:
    data = ach(BatchOf([entry("26", addenda=[returned("R97")])]))

    assert [
        item.return_addenda.return_code for _, item in read(data).returns if item.return_addenda
    ] == ["R97"]
    assert warnings(data) == ["line 4: addenda: return code R97 is unknown"]


def test_a_return_without_a_reason_is_refused() -> None:
    data = ach(BatchOf([entry("26", addenda=[returned("   ")])]))

    assert refusal(data) == ("addenda 99: no reason code at 4-6", 4)


def test_the_date_of_death_is_read() -> None:
    data = ach(BatchOf([entry("26", addenda=[returned("R15", date_of_death="261031")])]))
    ((_, found),) = read(data).returns

    assert found.return_addenda
    assert found.return_addenda.date_of_death == date(2026, 10, 31)


def test_dishonored_and_contested_returns_say_what_they_answer() -> None:
    dishonored = returned(
        "R68",
        return_trace="021000020000007",
        return_settlement_day="320",
        return_reason="01",
        text="UNTIMELY",
    )
    contested = returned(
        "R73",
        2,
        returned_on="261112",
        original_settlement_day="310",
        return_trace="021000020000007",
        return_settlement_day="320",
        return_reason="01",
        dishonored_trace="061000050000099",
        dishonored_settlement_day="322",
        dishonored_reason="68",
    )
    data = ach(BatchOf([entry("26", addenda=[dishonored]), entry("26", 7, 2, addenda=[contested])]))
    first, second = (item.return_addenda for _, item in read(data).returns)

    assert first
    assert first.dispute
    assert (first.is_dishonored, first.is_contested, first.text) == (True, False, "UNTIMELY")
    assert first.dispute.return_trace == "021000020000007"
    assert (first.dispute.return_settlement_day, first.dispute.return_reason) == (320, "R01")
    assert second
    assert second.dispute
    assert second.is_contested
    assert second.dispute.returned_on == date(2026, 11, 12)
    assert second.dispute.original_settlement_day == 310
    assert second.dispute.dishonored_trace == "061000050000099"
    assert second.dispute.dishonored_reason == "R68"


def test_a_notification_of_change_brings_the_corrected_data() -> None:
    ((_, found),) = read(CHANGE_FILE).notifications

    assert found.change_addenda
    assert found.change_addenda.change_code == "C01"
    assert found.change_addenda.corrected_data == "000987654"
    assert not found.is_return


def test_a_refused_notification_names_the_code_it_refuses() -> None:
    refused = changed("C65", "??", change_code="C03", change_sequence="0000012")
    ((_, found),) = read(ach(BatchOf([entry("21", 0, addenda=[refused])], sec="COR"))).notifications

    assert found.change_addenda
    assert found.change_addenda.change_code == "C65"
    assert found.change_addenda.refused_change_code == "C03"
    assert found.change_addenda.refused_sequence == "0000012"


def test_a_change_batch_without_addenda_is_refused() -> None:
    assert refusal(ach(BatchOf([entry("22", 0)], sec="COR"))) == (
        "entry: a notification of change without its addenda record",
        3,
    )


def test_business_entries_count_their_addenda() -> None:
    texts = [
        layout.PAYMENT_ADDENDA.fill(
            {
                "record_type": "7",
                "type": "05",
                "text": f"INVOICE {number}",
                "sequence": number,
                "entry_sequence": 1,
            }
        )
        for number in (1, 2)
    ]
    values: dict[str, str | int] = {
        "record_type": "6",
        "transaction_code": "22",
        "routing_number": "021000021",
        "account": "77",
        "amount": 100,
        "name": "PLUMBER LLC",
        "has_addenda": "1",
        "trace": "061000050000001",
    }
    right = layout.COUNTED_ENTRY.fill(values | {"addenda_count": 2})
    wrong = layout.COUNTED_ENTRY.fill(values | {"addenda_count": 3})
    found = read(ach(BatchOf([[right, *texts]], sec="CTX")))

    assert found.warnings == ()
    (item,) = found.batches[0].entries
    assert item.name == "PLUMBER LLC"
    assert [addenda.text for addenda in item.addenda] == ["INVOICE 1", "INVOICE 2"]
    assert warnings(ach(BatchOf([[wrong, *texts]], sec="CTX"))) == [
        "line 3: entry: 0003 addenda claimed, 2 found"
    ]


def test_an_international_entry_takes_name_and_number_from_its_addenda() -> None:
    record = layout.IAT_ENTRY.fill(
        {
            "record_type": "6",
            "transaction_code": "22",
            "routing_number": "021000021",
            "addenda_count": 7,
            "amount": 100,
            "account": "DE00 0000 0000 0000 0000 00",
            "has_addenda": "1",
            "trace": "061000050000001",
        }
    )
    head: dict[str, str | int] = {"record_type": "7", "entry_sequence": 1}
    addenda = [
        layout.IAT_RECEIVER.fill(head | {"type": "10", "name": "ERIKA MUSTER"}),
        *(
            layout.PAYMENT_ADDENDA.fill(head | {"type": str(kind), "sequence": ""})
            for kind in range(11, 15)
        ),
        layout.IAT_RECEIVER_ADDRESS.fill(head | {"type": "15", "id_number": "OWNER-3"}),
        layout.PAYMENT_ADDENDA.fill(head | {"type": "16", "sequence": ""}),
    ]
    found = read(ach(BatchOf([[record, *addenda]], sec="IAT")))

    assert found.warnings == ()
    (item,) = found.batches[0].entries
    assert (item.name, item.id_number) == ("ERIKA MUSTER", "OWNER-3")
    assert item.account == "DE00 0000 0000 0000 0000 00"


def test_accounting_advices_have_wider_amounts() -> None:
    record = layout.ADV_ENTRY.fill(
        {
            "record_type": "6",
            "transaction_code": "82",
            "routing_number": "021000021",
            "account": "77",
            "amount": 123_456_789_012,
            "name": "LINDEN HOMES",
            "has_addenda": "0",
            "trace": "061000053240001",
        }
    )
    found = read(ach(BatchOf([[record]], sec="ADV", service_class="280")))

    assert found.warnings == ()
    assert found.batches[0].debits == usd("1234567890.12")


def test_a_prenote_moves_no_money() -> None:
    ((_, found),) = read(ach(BatchOf([entry("28", 0)], sec="CCD"))).entries

    assert found.is_prenote
    assert found.amount == usd("0.00")


def test_many_warnings_of_one_kind_are_counted_not_listed() -> None:
    found = warnings(ach(BatchOf([entry(sequence=1) for _ in range(31)])))

    assert len(found) == 11
    assert found[-1] == "20 more warnings of this kind: trace order"


def test_a_date_that_is_none_warns_and_stays_open() -> None:
    data = ach(BatchOf([entry()], header={"effective_on": "261399"}))

    assert read(data).batches[0].effective_on is None
    assert warnings(data) == ["line 2: effective entry date '261399' is no date"]


SOUND_FILES = st.sampled_from(
    [RENT_FILE, RETURN_FILE, CHANGE_FILE, ach(), gzip.compress(RENT_FILE)]
)


def read_or_refused(data: bytes) -> AchFile | None:
    """Nothing but Refused may come out of the reader."""
    try:
        return read(data)
    except Refused:
        return None


@given(SOUND_FILES, st.integers(0, 2000))
def test_a_cut_file_is_read_or_refused(data: bytes, size: int) -> None:
    read_or_refused(data[:size])


@given(st.integers(0, len(RENT_FILE.rstrip(b"9\n")) - 40))
def test_a_cut_payment_file_is_always_refused(size: int) -> None:
    assert read_or_refused(RENT_FILE[:size]) is None


@given(
    SOUND_FILES, st.lists(st.tuples(st.integers(0, 940), st.integers(0, 7)), min_size=1, max_size=6)
)
def test_flipped_bits_are_read_or_refused(data: bytes, flips: list[tuple[int, int]]) -> None:
    altered = bytearray(data)
    for place, bit in flips:
        altered[place % len(altered)] ^= 1 << bit
    read_or_refused(bytes(altered))


@given(st.permutations(RETURN_FILE.decode().splitlines()))
def test_shuffled_records_are_read_or_refused(records: list[str]) -> None:
    read_or_refused("\n".join(records).encode())


@given(st.binary(max_size=400) | st.text(alphabet="156789 \nA", max_size=400).map(str.encode))
def test_rubbish_is_refused(data: bytes) -> None:
    assert read_or_refused(data) is None


@given(st.integers(0, 9), st.sampled_from("0123456789"))
def test_a_changed_digit_of_an_amount_is_refused(place: int, digit: str) -> None:
    data = bytearray(ach(BatchOf([entry()])))
    at = data.index(b"0000120000LEASE") + place
    if data[at] == ord(digit):
        return
    data[at] = ord(digit)

    assert read_or_refused(bytes(data)) is None
