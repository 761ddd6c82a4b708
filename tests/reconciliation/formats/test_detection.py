"""What a file is, by its content: statements, and what is refused by its name."""

import pytest

from reconciliation.formats import Refused, read
from reconciliation.formats.text import MAX_BYTES
from tests.reconciliation.formats.builders import bai2, camt, entry, mt940, ofx, stmttrn

NACHA = (
    "101 121140399 1234567892401310600A094101BANK                   COMPANY                       "
)
LOCKBOX = (
    "100BANKNAME  0009999999912401310600\n2BANKNAME  0009999999\n"
    "6001001000010000012114039900000123450000001042013124JANE DOE\n"
    "7001001000010000\n8001001000010000\n9000006\n"
)
X9_HEAD = b"0103P121140399121140399202401310600NBANK"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (bai2(), "bai2"),
        (b"\n\n " + bai2(), "bai2"),
        (ofx(stmttrn()), "ofx"),
        (camt(entry()), "camt.053"),
        (mt940(), "mt940"),
        (b"Posted,Memo,Debit,Credit\n01/31/2024,A,1,\n", "csv"),
    ],
)
def test_the_content_tells_the_format_and_not_the_name(data: bytes, found: str) -> None:
    assert read(data, name="statement.pdf").format == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", None),
        (b"\x00\x00\n", None),
        (b"\xef\xbb\xbf", None),
        (b"hello", None),
        (b"%PDF-1.7 ...", "pdf"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"\x89PNG\r\n", "image"),
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", "html"),
        (b'{"transactions": []}', "json"),
        (b"!Type:Bank\nD01/31/2024\nT5.00\n^\n", "qif"),
        (NACHA.encode(), "nacha"),
        (LOCKBOX.encode(), "lockbox"),
        (b"\x00\x00\x00\x50" + X9_HEAD.ljust(80), "x937"),
        (b"\x00\x00\x00\x50" + X9_HEAD.ljust(80).decode().encode("cp037"), "x937"),
        (X9_HEAD.ljust(80), "x937"),
        (b"id,amount,amount_refunded,currency,fee\nch_1,5,0,usd,1\n", "card-settlement"),
        (b'"Date","Time","TimeZone","Gross","Fee","Net","Transaction ID"\n', "card-settlement"),
        (b"Company Account,Merchant Account,Psp Reference,Type\n", "card-settlement"),
        (b"Date,Gross Sales,Net Sales,Deposit ID\n", "card-settlement"),
        (b"date,ref,gross,fee,net\n1,2,3,4,5\n", "card-settlement"),
        (b"Check #,Amount,Payee\n5001,10.00,Water Co\n", "positive-pay"),
        (b"I,000123,5001,013124,10.00,Water Co\n", "positive-pay"),
    ],
)
def test_what_is_no_statement_is_refused_by_its_name(data: bytes, found: str | None) -> None:
    with pytest.raises(Refused) as caught:
        read(data)
    assert caught.value.format == found
    assert caught.value.reason


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Refused, match="larger than 50 MB"):
        read(b"x" * (MAX_BYTES + 1))


def test_zero_bytes_inside_the_text_are_refused_with_their_line() -> None:
    with pytest.raises(Refused, match="zero bytes") as caught:
        read(mt940().replace(b":28C:", b":28C:\x00"))
    assert caught.value.line == 3


def test_a_refusal_says_its_line_in_words() -> None:
    assert str(Refused("no", 7, "csv")) == "line 7: no"
    assert str(Refused("no")) == "no"
