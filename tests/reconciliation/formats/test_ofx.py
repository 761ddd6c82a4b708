"""OFX: both syntaxes, the dates and signs of banks, errors of the bank, odd headers."""

from datetime import date
from decimal import Decimal

import pytest

from reconciliation.formats import Refused, read
from tests.reconciliation.formats.builders import line, lines, ofx, stmttrn, texts


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value


def test_a_transaction_without_end_tags_is_read() -> None:
    data = ofx(
        "<STMTTRN>\n<TRNTYPE>CHECK\n<DTPOSTED>20240115120000.000[-5:EST]\n<TRNAMT>-45.10 \n"
        "<FITID>2024-7\n<CHECKNUM>1042\n<REFNUM>R9\n<NAME>J &amp; J PLUMBING\n"
        "<MEMO>UNIT 3\n</STMTTRN>"
    )
    parsed = read(data)
    (statement,) = parsed.statements
    (found,) = statement.lines

    assert parsed.format == "ofx"
    assert parsed.warnings == ()
    assert (found.posted_on, found.amount) == (date(2024, 1, 15), Decimal("-45.10"))
    assert (found.type, found.bank_reference, found.check_number) == ("CHECK", "2024-7", "1042")
    assert found.customer_reference == "R9"
    assert found.description == "J & J PLUMBING UNIT 3"
    assert (statement.account_id, statement.bank_id) == ("000123", "121140399")
    assert (statement.currency, statement.closing_balance) == ("USD", Decimal("500.00"))
    assert (statement.from_on, statement.to_on) == (date(2024, 1, 1), date(2024, 1, 31))
    assert statement.opening_balance is None
    assert statement.is_balanced() is None


def test_xml_with_end_tags_says_the_same() -> None:
    data = (
        b'<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="220"?><OFX><CREDITCARDMSGSRSV1>'
        b"<CCSTMTTRNRS><CCSTMTRS><CURDEF>USD</CURDEF><CCACCTFROM><ACCTID>42</ACCTID></CCACCTFROM>"
        b"<BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20240131</DTPOSTED>"
        b"<TRNAMT>-1.5</TRNAMT><FITID>1</FITID><MEMO><![CDATA[A<B & C]]></MEMO></STMTTRN>"
        b"</BANKTRANLIST><LEDGERBAL><BALAMT>-1.5</BALAMT><DTASOF>20240131</DTASOF></LEDGERBAL>"
        b"</CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>"
    )
    assert line(data).description == "A<B & C"
    assert read(data).statements[0].account_id == "42"


def test_the_printed_day_is_kept_whatever_the_zone() -> None:
    assert line(ofx(stmttrn(posted="20240131190000[-5:EST]"))).posted_on == date(2024, 1, 31)
    assert line(ofx(stmttrn(posted="20240131233000[-5.5:X]"))).posted_on == date(2024, 1, 31)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("+12.5", "12.5"),
        ("-12,50", "-12.50"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("-.50", "-0.50"),
        ("4774.8611111111111", "4774.8611111111111"),
    ],
)
def test_amounts_with_points_and_commas(text: str, amount: str) -> None:
    assert line(ofx(stmttrn(text))).amount == Decimal(amount)


@pytest.mark.parametrize("text", [" . ", "", "1,234", "12.50-", "1,23.45", "NaN", "1e5", "٣"])
def test_an_amount_without_one_reading_is_refused_with_its_line(text: str) -> None:
    refused = refusal(ofx(stmttrn(), stmttrn(text)))
    assert refused.line == 11
    assert "amount" in refused.reason


@pytest.mark.parametrize("posted", ["", "00000000", "20240231", "31012024", "2024"])
def test_a_day_that_is_none_is_refused(posted: str) -> None:
    assert "posting date" in refusal(ofx(stmttrn(posted=posted))).reason


def test_the_payee_of_a_block_and_the_other_account_are_not_mixed_up() -> None:
    more = (
        "<PAYEE><NAME>WATER CO<ADDR1>1 MAIN ST</PAYEE>"
        "<BANKACCTTO><BANKID>999<ACCTID>777</BANKACCTTO>"
    )
    data = ofx(
        "<STMTTRN><TRNTYPE>PAYMENT<DTPOSTED>20240131<TRNAMT>-1<FITID>1" + more + "</STMTTRN>"
    )
    assert line(data).description == "WATER CO"
    assert read(data).statements[0].account_id == "000123"


def test_a_memo_that_repeats_the_name_is_said_once() -> None:
    assert line(ofx(stmttrn(more="<MEMO>JANE DOE"))).description == "JANE DOE"
    assert line(ofx(stmttrn(more="<MEMO>JANE DOE APRIL"))).description == "JANE DOE APRIL"


def test_a_missing_or_empty_balance_is_unknown_and_a_warning() -> None:
    for data in (ofx(stmttrn(), balance="<BALAMT> <DTASOF>20240131"), ofx(stmttrn(), balance="")):
        parsed = read(data)
        assert parsed.statements[0].closing_balance is None
        assert "ledger balance" in texts(parsed)


def test_an_error_of_the_bank_is_refused_in_its_words() -> None:
    data = ofx().replace(
        b"<CODE>0<SEVERITY>INFO</STATUS></SONRS>",
        b"<CODE>15500<SEVERITY>ERROR<MESSAGE>Sign-on invalid</STATUS></SONRS>",
    )
    assert refusal(data).reason == "the bank answered with error 15500: Sign-on invalid"


def test_an_account_list_and_an_investment_statement_are_no_statements() -> None:
    listing = b"<OFX><SIGNUPMSGSRSV1><ACCTINFORS><DTACCTUP>2024</ACCTINFORS></SIGNUPMSGSRSV1></OFX>"
    assert "list of accounts" in refusal(listing).reason
    invest = (
        b"<OFX><INVSTMTRS><CURDEF>USD<INVACCTFROM><ACCTID>9</INVACCTFROM><INVTRANLIST><BUYSTOCK>"
        b"<INVBUY></INVBUY></BUYSTOCK>%s</INVTRANLIST></INVSTMTRS></OFX>"
    )
    cash = b"<INVBANKTRAN>" + stmttrn().encode() + b"<SUBACCTFUND>CASH</INVBANKTRAN>"
    assert "investment" in refusal(invest % b"").reason
    assert "investment" in refusal(invest % cash).reason


def test_a_checking_account_sent_as_an_investment_statement_is_read() -> None:
    data = (
        b"<OFX><INVSTMTRS><CURDEF>USD<INVACCTFROM><BROKERID>X<ACCTID>9</INVACCTFROM><INVTRANLIST>"
        b"<INVBANKTRAN>%s<SUBACCTFUND>CASH</INVBANKTRAN></INVTRANLIST><INVBAL><BUYPOWER>0</INVBAL>"
        b"</INVSTMTRS></OFX>"
    ) % stmttrn().encode()
    assert line(data).amount == Decimal("12.50")


def test_several_statements_keep_apart() -> None:
    both = ofx(stmttrn()).replace(
        b"</STMTRS>",
        b"</STMTRS><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>456</BANKACCTFROM>"
        b"<LEDGERBAL><BALAMT>7<DTASOF>20240131</LEDGERBAL></STMTRS>",
    )
    statements = read(both).statements
    assert [(s.account_id, len(s.lines)) for s in statements] == [("000123", 1), ("456", 0)]


def test_pending_transactions_are_left_out() -> None:
    pending = b"<BANKTRANLISTP><STMTTRNP><TRNTYPE>DEBIT<TRNAMT>-9</STMTTRNP></BANKTRANLISTP>"
    parsed = read(ofx(stmttrn()).replace(b"<LEDGERBAL>", pending + b"<LEDGERBAL>"))
    assert len(parsed.statements[0].lines) == 1
    assert "1 pending" in texts(parsed)


def test_a_deleted_transaction_is_left_out_and_a_replaced_one_kept_both_with_a_warning() -> None:
    mark = "<CORRECTFITID>F0<CORRECTACTION>"
    deleted = read(ofx(stmttrn(more=mark + "DELETE")))
    replaced = read(ofx(stmttrn(more=mark + "REPLACE")))
    assert (len(deleted.statements[0].lines), len(replaced.statements[0].lines)) == (0, 1)
    assert "DELETE" in texts(deleted)
    assert "REPLACE" in texts(replaced)


def test_an_amount_in_another_currency_names_it() -> None:
    other = "<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>"
    assert line(ofx(stmttrn(more=other))).currency == "EUR"
    origin = "<ORIGCURRENCY><CURRATE>1.1<CURSYM>EUR</ORIGCURRENCY>"
    assert line(ofx(stmttrn(more=origin))).currency is None


@pytest.mark.parametrize(
    "head",
    [
        " ",
        "\r\n\r\nOFXHEADER:100\r\nVERSION:102\r\n\r\n",
        "OFXHEADER:100DATA:OFXSGMLVERSION:102SECURITY:NONEENCODING:USASCII",
        "OFXHEADER:\nENCODING:UTF-16\nCHARSET:NONE\n",
    ],
)
def test_odd_headers_do_not_matter(head: str) -> None:
    assert line(ofx(stmttrn(), head=head)).amount == Decimal("12.50")


def test_an_unknown_version_is_a_warning() -> None:
    assert "version 300" in texts(read(ofx(stmttrn(), head="OFXHEADER:100\nVERSION:300\n\n")))


def test_text_is_decoded_whatever_the_header_says() -> None:
    utf8 = ofx(stmttrn(more="<MEMO>Peña"))
    assert line(utf8).description == "JANE DOE Peña"
    assert line(utf8.replace("ñ".encode(), b"\xf1")).description == "JANE DOE Peña"


def test_a_file_cut_off_inside_a_statement_is_refused() -> None:
    assert "cut off" in refusal(ofx(stmttrn()).partition(b"</STMTTRN>")[0]).reason


def test_text_and_zero_bytes_after_the_end_do_not_matter() -> None:
    assert line(ofx(stmttrn()) + b"thanks for banking\n\x00\x00").amount == Decimal("12.50")


def test_commented_lines_are_not_read_and_keep_their_place() -> None:
    comment = "<!--\n" + stmttrn("99") + "\n-->"
    found = lines(ofx(comment, stmttrn()))
    assert [(item.amount, item.place) for item in found] == [(Decimal("12.50"), "line 13")]


def test_a_second_file_behind_the_first_is_refused_and_not_lost() -> None:
    refused = refusal(ofx(stmttrn()) + ofx(stmttrn("7")))
    assert "second OFX file" in refused.reason
    assert refused.line == 19
