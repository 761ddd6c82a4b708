"""MT940 and MT942: marks and signs, dates without a year, texts, balances."""

from datetime import date
from decimal import Decimal

import pytest

from reconciliation.formats import Refused, read
from tests.reconciliation.formats.builders import line, lines, mt940, texts


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize(
    ("mark", "amount"),
    [
        ("C", "7.50"),
        ("D", "-7.50"),
        ("RC", "-7.50"),
        ("RD", "7.50"),
        ("CR", "7.50"),
        ("DR", "-7.50"),
        ("CD", "7.50"),
        ("DD", "-7.50"),
        ("RCR", "-7.50"),
        ("RDR", "7.50"),
    ],
)
def test_the_mark_gives_the_sign(mark: str, amount: str) -> None:
    assert line(mt940(f":61:2401310131{mark}7,50NTRFREF1//BANK1")).amount == Decimal(amount)


def test_a_movement_with_its_references_and_text() -> None:
    data = mt940(
        ":61:2401310201C12,5NTRFREF1//BANK1",
        "extra words",
        ":86:RENT UNIT 4",
        ":08 card 1234",
        "JANE DOE",
        closing="C240201USD112,50",
    )
    parsed = read(data)
    (statement,) = parsed.statements
    (found,) = statement.lines

    assert (parsed.format, parsed.warnings) == ("mt940", ())
    assert statement.is_balanced()
    assert (statement.account_id, statement.currency) == ("000123", "USD")
    assert (statement.opening_on, statement.closing_on) == (date(2024, 1, 30), date(2024, 2, 1))
    assert (found.amount, found.type) == (Decimal("12.5"), "NTRF")
    assert (found.customer_reference, found.bank_reference) == ("REF1", "BANK1")
    assert (found.posted_on, found.value_on) == (date(2024, 2, 1), date(2024, 1, 31))
    assert found.description == "extra words RENT UNIT 4 :08 card 1234 JANE DOE"


def test_parts_of_the_text_may_be_cut_anywhere() -> None:
    data = mt940(":61:240131C1,NTRFNONREF", ":86:166?00CREDIT?20JANUARY RE", "NT?2", "1UNIT 4")
    found = line(data)
    assert found.description == "166 CREDIT JANUARY RENT UNIT 4"
    assert (found.customer_reference, found.bank_reference) == (None, None)


@pytest.mark.parametrize(
    ("value", "entry", "posted_on"),
    [
        ("231231", "0102", date(2024, 1, 2)),
        ("240102", "1231", date(2023, 12, 31)),
        ("240131", "0131", date(2024, 1, 31)),
        ("230228", "0229", date(2023, 2, 28)),
        ("240228", "0229", date(2024, 2, 29)),
    ],
)
def test_the_entry_date_takes_the_nearest_year(value: str, entry: str, posted_on: date) -> None:
    assert line(mt940(f":61:{value}{entry}C1,NTRFX")).posted_on == posted_on


def test_a_day_that_is_none_is_the_last_of_its_month_and_a_warning() -> None:
    parsed = read(mt940(":61:230230C1,NTRFX", closing="C231131USD101,"))
    assert parsed.statements[0].lines[0].value_on == date(2023, 2, 28)
    assert parsed.statements[0].closing_on == date(2023, 11, 30)
    assert "there is no day 230230" in texts(parsed)


def test_a_check_has_its_number() -> None:
    assert line(mt940(":61:240131D1,NCHK1042")).check_number == "1042"


def test_statements_of_one_file_are_never_added_up() -> None:
    data = b"{1:F01BANKXXXX}{2:O940BANKXXXXN}{4:\n" + mt940(
        ":61:240131C5,NTRFX", closing="C240131USD105,"
    )
    parsed = read(data + b"-}{5:}\nBANKXX\n940\n" + mt940())
    assert [s.total for s in parsed.statements] == [Decimal(5), Decimal(0)]


def test_balances_that_the_lines_do_not_explain_refuse_the_file() -> None:
    refused = refusal(mt940(":61:240131C5,NTRFX"))
    assert (refused.line, refused.format) == (1, "mt940")
    assert "out by -5" in refused.reason


def test_a_balance_without_a_currency_takes_the_other_one() -> None:
    parsed = read(mt940(closing="C240131100,00"))
    assert parsed.statements[0].is_balanced()
    assert "without a currency" in texts(parsed)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (mt940(":61:240131X5,NTRFX"), "is not a movement"),
        (mt940(":61:240131C5.00NTRFX"), "is not a movement"),
        (mt940(":61:241331C5,NTRFX"), "is not a date"),
        (mt940(":61:2401311301C5,NTRFX"), "is not a month and a day"),
        (mt940(closing="240131USD1,"), "is not a balance"),
        (mt940(closing="C240131EUR100,00"), "opens in USD and closes in EUR"),
        (mt940().partition(b":62F:")[0], "cut off"),
        (mt940() + b":61:240131C5,NTRFX\n", "outside a statement"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(data: bytes, said: str) -> None:
    refused = refusal(data)
    assert said in refused.reason
    assert refused.line


def test_an_interim_report_has_no_balances_and_checks_its_counts() -> None:
    report = b":20:I\n:25:1\n:28C:1\n:34F:USD0\n:13D:2401311200+0100\n:61:240131C2,NTRFX\n"
    parsed = read(report + b":90D:0USD0,\n:90C:1USD2,\n-\n")
    assert (parsed.format, parsed.warnings) == ("mt942", ())
    assert parsed.statements[0].is_intraday
    assert parsed.statements[0].is_balanced() is None
    assert ":90C: says 2" in texts(read(report + b":90C:2USD4,\n-\n"))


def test_expected_movements_are_left_out() -> None:
    parsed = read(mt940(":61:240131EC9,NTRFX", ":86:MAYBE"))
    assert parsed.statements[0].lines == ()
    assert "1 expected" in texts(parsed)
    assert lines(mt940()) == ()
