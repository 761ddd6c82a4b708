"""CSV: layouts of banks, dates and signs that are proven and not guessed, running balances."""

from datetime import date
from decimal import Decimal

import pytest

from reconciliation.formats import CsvMapping, ParsedFile, Refused, read
from reconciliation.formats.csv_file import _money
from tests.reconciliation.formats.builders import line, lines, texts


def csv(*rows: str) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def refusal(data: bytes, mapping: CsvMapping | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data, mapping=mapping)
    return caught.value


def amounts(parsed: ParsedFile) -> list[str]:
    return [str(item.amount) for statement in parsed.statements for item in statement.lines]


CHASE = "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #"


def test_chase_checking_newest_first_gives_opening_and_closing() -> None:
    data = csv(
        CHASE,
        'CREDIT,02/02/2024,"ZELLE, JANE",25.00,QUICKPAY_CREDIT,125.00,,',
        "CHECK,01/31/2024,CHECK 1042,-400.00,CHECK_PAID,100.00,1042,",
    )
    parsed = read(data)
    (statement,) = parsed.statements

    assert (parsed.format, parsed.warnings) == ("csv", ())
    assert (statement.opening_balance, statement.closing_balance) == (Decimal(500), Decimal(125))
    assert (statement.from_on, statement.to_on) == (date(2024, 1, 31), date(2024, 2, 2))
    assert statement.is_balanced()
    assert [item.place for item in statement.lines] == ["line 2", "line 3"]
    assert statement.lines[0].description == "ZELLE, JANE"
    assert statement.lines[1].check_number == "1042"


def test_chase_rows_without_a_balance_are_pending() -> None:
    parsed = read(csv(CHASE, "DEBIT,02/02/2024,X,-5,A, ,", "DEBIT,02/01/2024,Y,-5,A,90,"))
    assert amounts(parsed) == ["-5"]
    assert "1 rows left out: pending" in texts(parsed)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            (
                "Transaction Date,Post Date,Description,Category,Type,Amount,Memo",
                "01/30/2024,01/31/2024,HARDWARE,Home,Sale,-12.59,",
            ),
            ["-12.59"],
        ),
        (
            (
                "Description,,Summary Amt.",
                'Beginning balance as of 01/01/2024,,"1,000.00"',
                "",
                "Date,Description,Amount,Running Bal.",
                '01/01/2024,Beginning balance as of 01/01/2024,,"1,000.00"',
                '01/02/2024,"RENT, A",250.00,"1,250.00"',
                '01/03/2024,FEE,-12.00,"1,238.00"',
            ),
            ["250.00", "-12.00"],
        ),
        (
            (
                "Date,Transaction,Name,Memo,Amount",
                '"1/31/2024","DEBIT","X","; ;","-43.9300"',
                '"2024-02-01","CREDIT","Y","","1.0000"',
            ),
            ["-43.9300", "1.0000"],
        ),
        (
            (
                "Account Number,Transaction Description,Transaction Date,Transaction Type,"
                "Transaction Amount,Balance",
                "77,RENT,01/31/24,Credit,5.00,105.00",
                "77,FEE,01/31/24,Debit,2.00,103.00",
            ),
            ["5.00", "-2.00"],
        ),
        (
            (
                "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit",
                "2024-01-30,2024-01-31,1234,X,Y,10.00,",
                "2024-01-30,2024-01-31,1234,X,Y,,3.00",
            ),
            ["-10.00", "3.00"],
        ),
        (
            (
                "Status,Date,Description,Debit,Credit",
                "Cleared,01/31/2024,X,10.00,",
                "Cleared,01/31/2024,PAYMENT,,-30.00",
            ),
            ["-10.00", "30.00"],
        ),
        (
            (
                "Date,Description,Withdrawals,Deposits,Balance",
                '01/30/2024,A,"1,120.45",,3500.45',
                "01/31/2024,B,,300.00,3800.45",
            ),
            ["-1120.45", "300.00"],
        ),
        (
            ("Date,Description,Amount,Running Balance", "01/30/2024,A,-1.00,9.00"),
            ["-1.00"],
        ),
        (
            (
                '"Transactions for account 1"',
                '"Date","Type","Check #","Description","Withdrawal (-)","Deposit (+)",'
                '"RunningBalance"',
                '"Posted Transactions"',
                '"01/31/2024","ACH","","IN","","$3.00","$20,053.00"',
                '"01/30/2024","CHECK","7","OUT","$.50","","$20,050.00"',
            ),
            ["3.00", "-0.50"],
        ),
        (
            ("Trans. Date,Post Date,Description,Amount,Category", "01/30/2024,01/31/2024,X,9.00,Y"),
            ["-9.00"],
        ),
    ],
)
def test_the_layouts_of_the_banks(rows: tuple[str, ...], expected: list[str]) -> None:
    parsed = read(csv(*rows))
    assert amounts(parsed) == expected
    assert parsed.statements[0].lines[0].posted_on.year == 2024
    assert parsed.warnings == ()


def test_a_wallet_with_opening_and_closing_rows_is_checked_by_them() -> None:
    head = ",ID,Datetime,Type,Status,Note,From,To,Amount (total),Beginning Balance,Ending Balance"
    rows = (
        "Account Statement - @me",
        head,
        ',,,,,,,,,"$10.00",',
        ",1,2024-01-31T13:00:00,Payment,Complete,rent,A,Me,+ $73.01,,",
        ",2,2024-01-31T14:00:00,Payment,Issued,later,A,Me,+ $5.00,,",
        ',,,,,,,,,,"$83.01"',
        ',,,,,"In case of errors\nwrite to us",,,,,',
    )
    parsed = read(csv(*rows))
    assert amounts(parsed) == ["73.01"]
    assert parsed.statements[0].is_balanced()
    assert 'status "Issued"' in texts(parsed)
    wrong = csv(*rows).replace(b"$83.01", b"$83.02")
    assert "out by 0.01" in refusal(wrong).reason


def test_mercury_writes_dashes_in_month_first_dates() -> None:
    head = "Date (UTC),Description,Amount,Status,Source Account,Reference"
    data = csv(
        head, "01-02-2024,RENT,-5.00,Sent,Checking 1,R1", "01-03-2024,X,1,Failed,Checking 1,"
    )
    (found,) = lines(data)
    assert (found.posted_on, found.amount) == (date(2024, 1, 2), Decimal("-5.00"))
    assert found.customer_reference == "R1"


def test_wells_fargo_has_no_header() -> None:
    data = csv('01/02/2024,-54.21,*,,"A ""B"" C"', "01/08/2024,300.00,*,1201,CHECK # 1201")
    first, second = lines(data)
    assert (first.amount, first.description, first.check_number) == (
        Decimal("-54.21"),
        'A "B" C',
        None,
    )
    assert (second.amount, second.check_number) == (Decimal("300.00"), "1201")


def test_suntrust_has_no_header_and_zeros_in_the_other_column() -> None:
    data = csv("01/11/2024,0,Deposit,0,500.00,500.00", "01/12/2024,101,Check,100.00,0,400.00")
    (statement,) = read(data).statements
    assert [item.amount for item in statement.lines] == [Decimal(500), Decimal(-100)]
    assert (statement.opening_balance, statement.closing_balance) == (Decimal(0), Decimal(400))


def test_accounts_in_one_file_are_separate_statements() -> None:
    head = "Date,Bank RTN,Account Number,Transaction Type,Description,Debit,Credit,Check Number,"
    data = csv(
        head + "Account Running Balance",
        "2024-01-31,031201360,007,DEBIT,A,5.00,,,95.00",
        "2024-01-31,031201360,008,CREDIT,B,,7.00,,7.00",
    )
    statements = read(data).statements
    assert [(s.account_id, s.closing_balance) for s in statements] == [
        ("007", Decimal("95.00")),
        ("008", Decimal("7.00")),
    ]


def test_a_running_balance_with_a_gap_is_a_warning_and_no_opening() -> None:
    head = "Date,Description,Amount,Running Balance"
    parsed = read(
        csv(head, "01/01/2024,A,1,1", "01/02/2024,B,1,2", "01/03/2024,C,1,9", "01/04/2024,D,1,10")
    )
    assert parsed.statements[0].opening_balance is None
    assert parsed.statements[0].closing_balance == Decimal(10)
    assert "line 4: the running balance does not follow in 1 of 3 rows" in texts(parsed)


def test_a_running_balance_that_contradicts_every_row_refuses_the_file() -> None:
    head = "Date,Description,Amount,Running Balance"
    rows = ("01/01/2024,A,1,9", "01/02/2024,B,2,7", "01/03/2024,C,3,4", "01/04/2024,D,4,0")
    assert "follows from no row" in refusal(csv(head, *rows)).reason


UNKNOWN = "Posted,Memo,Amount,Balance"


def test_an_unknown_layout_is_read_when_its_balance_proves_the_sign() -> None:
    plus_is_in = csv(UNKNOWN, "01/30/2024,A,5.00,105.00", "01/31/2024,B,-7.00,98.00")
    plus_is_out = csv(UNKNOWN, "01/30/2024,A,5.00,95.00", "01/31/2024,B,-7.00,102.00")
    assert amounts(read(plus_is_in)) == ["5.00", "-7.00"]
    assert amounts(read(plus_is_out)) == ["-5.00", "7.00"]


def test_an_unknown_layout_without_proof_of_the_sign_is_refused() -> None:
    assert "which sign" in refusal(csv("Posted,Memo,Amount", "01/31/2024,A,5.00")).reason
    one_row = csv(UNKNOWN, "01/31/2024,A,5.00,105.00")
    assert "which sign" in refusal(one_row).reason
    broken = csv(UNKNOWN, "01/30/2024,A,5.00,105.00", "01/31/2024,B,-7.00,50.00")
    assert "which sign" in refusal(broken).reason


def test_an_unknown_layout_with_two_columns_or_words_needs_no_proof() -> None:
    columns = csv("Posted,Memo,Money out,Money in", "01/31/2024,A,5.00,", "01/31/2024,B,,7.00")
    words = csv("Posted,Memo,Amount,DR/CR", "01/31/2024,A,5.00,DR", "01/31/2024,B,7.00,CR")
    assert amounts(read(columns)) == amounts(read(words)) == ["-5.00", "7.00"]


def test_a_word_and_a_sign_that_contradict_are_refused_unless_the_balance_decides() -> None:
    alone = csv("Posted,Memo,Amount,DR/CR", "01/31/2024,A,5.00,D", "01/31/2024,B,-7.00,C")
    assert "neither" in refusal(alone.replace(b",D\n", b",Q\n")).reason
    assert "minus sign" in refusal(alone).reason
    with_balance = csv(
        "Posted,Memo,Amount,DR/CR,Balance",
        "01/30/2024,A,5.00,D,95.00",
        "01/31/2024,B,-7.00,C,102.00",
    )
    assert amounts(read(with_balance)) == ["-5.00", "7.00"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("01/31/2024", "02/01/2024"), [date(2024, 1, 31), date(2024, 2, 1)]),
        (("31/01/2024", "02/01/2024"), [date(2024, 1, 31), date(2024, 1, 2)]),
        (("2024-01-02", "2024-01-03"), [date(2024, 1, 2), date(2024, 1, 3)]),
        (("05/05/2024", "06/06/2024"), [date(2024, 5, 5), date(2024, 6, 6)]),
    ],
)
def test_the_whole_column_decides_the_order_of_dates(
    days: tuple[str, ...], expected: list[date]
) -> None:
    rows = [f"{day},A,1.00," for day in days]
    found = lines(csv("Posted,Memo,Debit,Credit", *rows))
    assert [item.posted_on for item in found] == expected


def test_dates_with_two_readings_are_refused_and_a_mapping_decides() -> None:
    data = csv("Posted,Memo,Debit,Credit", "05/05/2024,A,1.00,", "01/02/2024,B,1.00,")
    refused = refusal(data)
    assert refused.line == 3
    assert "2024-01-02 or 2024-02-01" in refused.reason
    mapping = CsvMapping.from_json(
        {
            "sign": "columns",
            "date_order": "DMY",
            "columns": {"posted_on": "posted", "debit": "debit", "credit": "credit"},
        }
    )
    assert read(data, mapping=mapping).statements[0].lines[1].posted_on == date(2024, 2, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("02/30/2024,A,1.00,,1", "is not a date"),
        ("2024,A,1.00,,1", "is not a date"),
        ("01/31/0224,A,1.00,,1", "is not a date"),
        (",A,1.00,,1", "is not a date"),
        ("01/31/2024,A,1.0.0,,1", "is not a number"),
        ('01/31/2024,A,"1,00",,1', "is not a number"),
        ("01/31/2024,A,1.00,2.00,1", "a debit and a credit"),
        ("01/31/2024,A,-1.00,,1", "minus sign"),
        ("01/31/2024,A,,,", "without an amount"),
        ("01/31/2024,A,1.00,,1,surplus", "6 cells where the header has 5"),
        ('01/31/2024,"A,1.00,,1', "broken CSV"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_line(row: str, said: str) -> None:
    head = "Date,Description,Withdrawals,Deposits,Balance"
    refused = refusal(csv(head, "01/30/2024,OK,1.00,,2", row))
    assert (refused.line, refused.format) == (3, "csv")
    assert said in refused.reason


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", "1234.50"),
        ("-$76.00", "-76.00"),
        ("$-76.00", "-76.00"),
        ("+ $73.01", "73.01"),
        ("- $12.01", "-12.01"),
        ("(5.00)", "-5.00"),
        ("5.00-", "-5.00"),
        ("5.00 CR", "5.00"),
        ("5.00DR", "-5.00"),
        ("$.23", "0.23"),
        ("\u22125", "-5"),
        ("1,23", None),
        ("--5", None),
        ("(-5)", None),
        ("5 USD", None),
        ("", None),
        ("$", None),
        ("٣", None),
    ],
)
def test_money_as_banks_write_it(text: str, amount: str | None) -> None:
    assert _money(text) == (None if amount is None else Decimal(amount))


def test_money_with_a_decimal_comma() -> None:
    assert _money("-1.234,50", ",") == Decimal("-1234.50")
    assert _money("1,234.50", ",") is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("Datum,Text,Betrag", "1,2,3"), 'no layout is known with the columns "Datum"'),
        (("Date,Description,Amount", "01/31/2024,A,5.00"), "American Express does not say"),
        (("Date,Description,Withdrawals,Deposits,Balance",), "a header without a row"),
    ],
)
def test_what_is_not_known_is_refused(rows: tuple[str, ...], said: str) -> None:
    refused = refusal(csv(*rows))
    assert (refused.line, refused.format) == (1, "csv")
    assert said in refused.reason


def test_rows_in_several_currencies_are_refused() -> None:
    data = csv("Posted,Memo,Debit,Credit,Currency", "01/31/2024,A,1,,USD", "01/31/2024,A,1,,EUR")
    assert "EUR, USD" in refusal(data).reason


def test_other_encodings_delimiters_and_line_ends() -> None:
    text = "Posted;Memo;Debit;Credit\r01/31/2024;Peña;1.00;\r"
    assert line(text.encode("cp1252")).description == "Peña"
    assert line(text.encode("utf-8-sig")).description == "Peña"
    assert line(text.encode("utf-16")).description == "Peña"
    assert line(text.replace(";", "\t").encode()).amount == Decimal("-1.00")


def test_line_breaks_inside_quotes_keep_the_count_of_lines() -> None:
    data = csv("Posted,Memo,Debit,Credit", '01/31/2024,"A\nB",1.00,', "01/31/2024,C,2.00,")
    assert [item.place for item in lines(data)] == ["line 2", "line 4"]
    assert lines(data)[0].description == "A B"


def test_a_saved_mapping_comes_back_from_json_as_it_was() -> None:
    mapping = CsvMapping(
        name="Credit union",
        columns={"posted_on": (0,), "amount": (2,), "description": (1, 3)},
        sign="reversed",
        has_header=False,
        date_order="DMY",
        decimal_mark=",",
        delimiter=";",
        skip_rows=1,
        encoding="cp1252",
    )
    assert CsvMapping.from_json(mapping.to_json()) == mapping
    data = csv("some title;;;", "02/01/2024;A;1.234,50;B")
    found = read(data, mapping=mapping).statements[0].lines[0]
    assert (found.amount, found.posted_on) == (Decimal("-1234.50"), date(2024, 1, 2))
    assert found.description == "A B"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({}, "needs columns and a sign"),
        ({"sign": "signed", "columns": {"posted_on": 0}}, "no column for amount"),
        ({"sign": "maybe", "columns": {"posted_on": 0}}, "sign 'maybe'"),
        ({"sign": "signed", "columns": {"posted_on": 0, "amount": -1}}, "no|count from zero"),
        ({"sign": "signed", "columns": {"posted_on": 0, "amount": 1, "colour": 2}}, "no such role"),
        ({"sign": "signed", "columns": {"posted_on": [0, 1], "amount": 1}}, "takes one column"),
        ({"sign": "signed", "columns": {"posted_on": 0.5, "amount": 1}}, "a header or a position"),
        (
            {"sign": "signed", "columns": {"posted_on": 0, "amount": 1}, "skip_rows": "x"},
            "wrong kind",
        ),
        ({"sign": "signed", "columns": {"posted_on": 0, "amount": 1}, "why": 1}, "no such setting"),
        (
            {"sign": "signed", "columns": {"posted_on": 0, "amount": 1}, "date_order": "X"},
            "date order",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(stored: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CsvMapping.from_json(stored)


def test_a_mapping_whose_columns_are_missing_is_refused() -> None:
    mapping = CsvMapping(columns={"posted_on": ("day",), "amount": ("sum",)}, sign="signed")
    assert "day, sum" in refusal(csv("Posted,Memo,Debit,Credit", "1,2,3,4"), mapping).reason
    wide = CsvMapping(columns={"posted_on": (0,), "amount": (9,)}, sign="signed", has_header=False)
    assert "not there" in refusal(csv("1,2,3,4"), wide).reason
