"""BAI2: continuations, funds types, several records on a line, trailers, signs, totals."""

from datetime import date
from decimal import Decimal

import pytest

from reconciliation.formats import Refused, read
from reconciliation.formats.bai2_codes import type_code
from tests.reconciliation.formats.builders import bai2, line, lines, texts


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value


def test_a_credit_comes_in_and_a_debit_goes_out_in_cents() -> None:
    data = bai2(
        "16,165,150000,,BANK1,CUST1,RENT UNIT 4/",
        "16,455,000000050000,,BANK2,CUST2,WATER/",
        account="03,000123,USD,010,100000,,,015,+200000,,/",
    )
    (statement,) = read(data).statements

    assert [item.amount for item in statement.lines] == [Decimal("1500.00"), Decimal("-500.00")]
    assert statement.opening_balance == Decimal("1000.00")
    assert statement.closing_balance == Decimal("2000.00")
    assert statement.is_balanced()
    assert statement.account_id == "000123"
    assert statement.bank_id == "121140399"
    first = statement.lines[0]
    assert (first.type, first.bank_reference, first.customer_reference) == ("165", "BANK1", "CUST1")
    assert (first.description, first.posted_on) == ("RENT UNIT 4", date(2024, 1, 31))
    assert first.place == "line 4"


def test_the_currency_sets_the_decimals() -> None:
    data = bai2("16,165,1500,,,,/", account="03,1,JPY,,,,/")
    assert line(data).amount == Decimal(1500)


def test_a_continuation_can_cut_between_a_type_code_and_its_amount() -> None:
    data = bai2(account="03,000123,,010,+4350000,,,072,1020000,,,015/\n88,4350000,,,100/\n88,0,,/")
    (statement,) = read(data).statements
    assert statement.opening_balance == statement.closing_balance == Decimal("43500.00")


def test_a_line_that_ends_in_a_comma_too_few_does_not_shift_the_next() -> None:
    data = bai2(account="03,000123,USD,010,500,/\n88,015,500,,/")
    (statement,) = read(data).statements
    assert statement.closing_balance == Decimal("5.00")


def test_text_runs_on_through_continuations_with_commas_and_slashes() -> None:
    data = bai2(
        "16,195,100,,,,WIRE FROM A/B, LTD",
        "88,/BNF 1,200.00",
        "88,LAST PART/",
    )
    assert line(data).description == "WIRE FROM A/B, LTD /BNF 1,200.00 LAST PART"


@pytest.mark.parametrize(
    ("funds", "value_on"),
    [
        ("", None),
        ("0", None),
        ("Z", None),
        ("S,100,200,", None),
        ("V,240201,", date(2024, 2, 1)),
        ("V,240201,2400", date(2024, 2, 1)),
        ("D,3,0,100,1,100,3,100", None),
    ],
)
def test_funds_types_bring_their_own_fields(funds: str, value_on: date | None) -> None:
    found = line(bai2(f"16,115,300,{funds},BANK1,CUST1,LOCKBOX 5/"))
    assert (found.bank_reference, found.customer_reference) == ("BANK1", "CUST1")
    assert (found.description, found.value_on) == ("LOCKBOX 5", value_on)


def test_funds_types_in_the_summary_do_not_shift_it() -> None:
    account = "03,000123,USD,100,300,2,S,100,100,100,400,300,1,V,240201,,190,7,1,D,1,0,7,015,900,,/"
    (statement,) = read(bai2(account=account)).statements
    assert statement.closing_balance == Decimal("9.00")


def test_several_records_on_one_line_are_told_apart() -> None:
    data = bai2(
        "16,165,100,Z,,,FIRST/   16,455,40,Z,,,SECOND 12/ 16 OF IT/  49,160,4/",
        trailers="98,160,1,6/ 99,160,1,8/",
    )
    assert [item.amount for item in lines(data)] == [Decimal("1.00"), Decimal("-0.40")]
    assert lines(data)[1].description == "SECOND 12/ 16 OF IT"


def test_a_file_without_line_ends_is_read() -> None:
    data = bai2("16,165,100,,B,C,RENT/", trailers="49,,/\n98,,,/\n99,,,/").replace(b"\n", b"")
    assert line(data).amount == Decimal("1.00")


def test_text_without_an_88_goes_on_where_the_line_was_left_open() -> None:
    parsed = read(bai2("16,165,100,,,,ACH CREDIT", "MORE TEXT/"), must_balance=False)
    assert parsed.statements[0].lines[0].description == "ACH CREDIT MORE TEXT"
    assert "line 5: text goes on without an 88" in texts(parsed)


def test_a_line_that_is_no_record_is_refused() -> None:
    refused = refusal(bai2("16,165,100,,,,RENT/", "SOMETHING ELSE"))
    assert refused.line == 5
    assert "not a BAI2 record" in refused.reason


@pytest.mark.parametrize(("modifier", "is_intraday"), [("1", True), ("2", False), ("3", True)])
def test_same_day_and_interim_reports_are_not_final(modifier: str, is_intraday: bool) -> None:
    data = bai2(group=f"02,555,121140399,1,240131,2359,USD,{modifier}/")
    assert read(data).statements[0].is_intraday is is_intraday


def test_missing_trailers_are_warnings() -> None:
    first = "16,165,100,,,,RENT/"
    second = "03,000456,USD,010,100,,,015,100,,/"
    parsed = read(bai2(first, second, "49,200,2/", trailers="99,,,/"), must_balance=False)
    assert [statement.account_id for statement in parsed.statements] == ["000123", "000456"]
    assert "the 49 record of account 000123 is missing" in texts(parsed)
    assert "the 98 record" in texts(parsed)


def test_two_files_one_after_the_other_are_both_read() -> None:
    parsed = read(bai2() + b"\n" + bai2())
    assert len(parsed.statements) == 2
    assert not parsed.warnings


def test_a_file_cut_off_inside_an_account_is_refused() -> None:
    data = bai2("16,165,100,,,,RENT/").partition(b"49,")[0]
    refused = refusal(data)
    assert refused.line == 4
    assert "ends inside account 000123" in refused.reason


def test_a_file_that_ends_inside_a_balanced_account_is_whole() -> None:
    data = bai2("16,165,100,,,,R/", account="03,1,USD,010,0,,,015,100,,/").partition(b"49,")[0]
    parsed = read(data)
    assert parsed.statements[0].is_balanced()
    assert "the 49 record of account 1 is missing" in texts(parsed)


def test_totals_and_counts_that_fit_are_no_warning() -> None:
    data = bai2(
        "16,165,100,,,,RENT/",
        "88,MORE/",
        account="03,000123,USD,010,-50,,,015,50,,/",
        trailers="49,100,4/\n98,100,1,6/\n99,100,1,8/",
    )
    assert read(data).warnings == ()


def test_totals_and_counts_that_do_not_fit_are_warnings() -> None:
    data = bai2(
        "16,165,100,,,,RENT/",
        account="03,000123,USD,,,,/",
        trailers="49,101,3/\n98,101,2,5/\n99,101,1,8/",
    )
    said = texts(read(data))
    assert "line 5: control total of account 000123 is 101, its amounts make 100" in said
    assert "group says 2 accounts, it has 1" in said
    assert "file says 8 records, it has 7" in said


def test_balances_that_the_lines_do_not_explain_refuse_the_file() -> None:
    refused = refusal(bai2("16,165,100,,,,RENT/"))
    assert refused.line == 3
    assert "out by -1.00" in refused.reason


def test_a_report_of_balances_without_lines_is_a_warning() -> None:
    parsed = read(bai2(account="03,000123,USD,010,100,,,015,300,,,100,200,1,/"))
    assert "out by 2.00" in texts(parsed)


def test_a_test_group_and_a_deletion_are_left_out_with_a_warning() -> None:
    for status, said in (("4", "is a test"), ("2", "withdraws an earlier report")):
        parsed = read(bai2("16,165,1,,,,/", group=f"02,5,121140399,{status},240131,,USD,2/"))
        assert parsed.statements == ()
        assert said in texts(parsed)


def test_a_correction_is_read_and_says_so() -> None:
    parsed = read(bai2(group="02,5,121140399,3,240131,,USD,2/"))
    assert len(parsed.statements) == 1
    assert "a correction" in texts(parsed)


def test_a_check_that_was_paid_has_its_number() -> None:
    assert line(bai2("16,475,100,,B,1042,CHECK/")).check_number == "1042"
    assert line(bai2("16,165,100,,B,1042,ACH/")).check_number is None


def test_a_message_without_money_is_no_line() -> None:
    assert lines(bai2("16,890,,,,,PLEASE NOTE OUR HOURS/")) == ()


@pytest.mark.parametrize(
    ("movement", "said"),
    [
        ("16,015,100,,,,/", "is a balance or a total"),
        ("16,100,100,,,,/", "is a balance or a total"),
        ("16,799,100,,,,/", "does not say whether money came in or went out"),
        ("16,16A,100,,,,/", "does not say whether money came in or went out"),
        ("16,165,-100,,,,/", "with a minus sign"),
        ("16,165,1.00,,,,/", "is not a whole number"),
        ("16,165,,,,,/", "is not a whole number"),
        ("16,165,100,Q,,,/", "funds type"),
        ("16,165,100,V,240231,,,/", "value date"),
        ("16,165,100,D,X,,/", "funds type D"),
    ],
)
def test_a_movement_that_cannot_be_read_is_refused_with_its_line(movement: str, said: str) -> None:
    refused = refusal(bai2(movement))
    assert (refused.line, refused.format) == (4, "bai2")
    assert said in refused.reason


def test_the_banks_own_codes_take_their_sign_from_the_range() -> None:
    assert line(bai2("16,933,100,,,,/")).amount == Decimal("1.00")
    assert line(bai2("16,977,100,,,,/")).amount == Decimal("-1.00")
    parsed = read(bai2("16,199,100,,,,/"), must_balance=False)
    assert "code 199 is not in the table; read as a credit" in texts(parsed)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"01,a,b,240101,0000,1,,,2/\n16,165,100,,,,/\n", "outside a group"),
        (b"01,a,b,240101,0000,1,,,2/\n02,,b,1,240131,,,/\n16,165,100,,,,/\n", "outside an account"),
        (b"02,,b,1,240131,,,/\n03,1,,,,,/\n", "outside a file"),
        (b"01,a,b,240101,0000,1,,,2/\n02,,b,1,240231,,,/\n", "as-of date"),
        (b"01,a,b,240101,0000,1,,,2/\n02,,b,9,240131,,,/\n", "group status"),
    ],
)
def test_records_out_of_order_are_refused(data: bytes, said: str) -> None:
    refused = refusal(data)
    assert said in refused.reason
    assert refused.line


@pytest.mark.parametrize(
    ("code", "direction", "level", "is_confirmed"),
    [
        ("010", "status", "status", True),
        ("100", "credit", "summary", True),
        ("165", "credit", "detail", True),
        ("158", "credit", "detail", False),
        ("475", "debit", "detail", True),
        ("557", "debit", "detail", True),
        ("760", "debit", "summary", True),
        ("890", "message", "message", True),
        ("905", "status", "status", False),
        ("950", "credit", "detail", False),
        ("980", "debit", "detail", False),
        ("750", "unknown", "unknown", False),
        ("²³4", "unknown", "unknown", False),
    ],
)
def test_type_codes_say_the_direction(
    code: str, direction: str, level: str, is_confirmed: bool
) -> None:
    found = type_code(code)
    assert (found.direction, found.level, found.is_confirmed) == (direction, level, is_confirmed)
    assert found.meaning
