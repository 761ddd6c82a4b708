"""camt: entries and their signs, balances, batches, pages, and XML that is meant to harm."""

import zipfile
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from reconciliation.formats import Refused, read
from tests.reconciliation.formats.builders import balance, camt, entry, line, lines, texts

OPENING, CLOSING = balance("OPBD", "100.00"), balance("CLBD", "112.50")


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("version", ["02", "04", "08"])
def test_an_entry_is_a_line(version: str) -> None:
    parsed = read(camt(OPENING, CLOSING, entry(), version=version))
    (statement,) = parsed.statements
    (found,) = statement.lines

    assert (parsed.format, parsed.warnings) == ("camt.053", ())
    assert (statement.account_id, statement.currency) == ("000123", "USD")
    assert statement.is_balanced()
    assert (found.amount, found.bank_reference) == (Decimal("12.50"), "REF1")
    assert (found.posted_on, found.value_on) == (date(2024, 1, 31), date(2024, 2, 1))


def test_the_indicator_alone_gives_the_sign_also_of_a_reversal() -> None:
    data = camt(entry("5", "DBIT"), entry("5", "DBIT", more="<RvslInd>true</RvslInd>"))
    assert [item.amount for item in lines(data)] == [Decimal(-5), Decimal(-5)]


def test_an_overdrawn_balance_is_negative() -> None:
    (statement,) = read(
        camt(balance("PRCD", "10", "DBIT"), balance("CLBD", "10", "DBIT"))
    ).statements
    assert statement.opening_balance == statement.closing_balance == Decimal(-10)


def test_a_batch_stays_one_line_with_all_its_texts() -> None:
    detail = (
        "<TxDtls><Refs><EndToEndId>E{0}</EndToEndId></Refs><RltdPties><Dbtr><Nm>TENANT {0}</Nm>"
        "</Dbtr></RltdPties><RmtInf><Ustrd>RENT {0}</Ustrd></RmtInf></TxDtls>"
    )
    more = "<NtryDtls>" + detail.format(1) + detail.format(2) + "</NtryDtls>"
    found = line(camt(entry(more=more)))
    assert found.description == "TENANT 1 RENT 1 TENANT 2 RENT 2"
    assert found.customer_reference is None


def test_a_single_detail_gives_its_references() -> None:
    refs = "<Refs><EndToEndId>E1</EndToEndId><ChqNb>1042</ChqNb></Refs>"
    found = line(camt(entry(more=f"<NtryDtls><TxDtls>{refs}</TxDtls></NtryDtls>")))
    assert (found.customer_reference, found.check_number) == ("E1", "1042")
    filler = "<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
    found = line(camt(entry(more=f"<NtryDtls><TxDtls>{filler}</TxDtls></NtryDtls>")))
    assert found.customer_reference is None


def test_the_bank_transaction_code_is_the_type() -> None:
    iso = "<Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
    assert line(camt(entry(more=f"<BkTxCd>{iso}</BkTxCd>"))).type == "PMNT-RCDT-ESCT"
    own = "<Prtry><Cd>142</Cd><Issr>BAI</Issr></Prtry>"
    assert line(camt(entry(more=f"<BkTxCd>{own}</BkTxCd>"))).type == "142"


@pytest.mark.parametrize("status", ["<Sts>PDNG</Sts>", "<Sts><Cd>INFO</Cd></Sts>"])
def test_only_booked_entries_are_money(status: str) -> None:
    parsed = read(camt(entry(status=status)))
    assert parsed.statements[0].lines == ()
    assert "left out, not booked" in texts(parsed)
    assert len(lines(camt(entry(status="<Sts><Cd>BOOK</Cd></Sts>")))) == 1


def test_an_intraday_report_shows_pending_entries_and_need_not_balance() -> None:
    parsed = read(camt(OPENING, OPENING, entry(status="<Sts>PDNG</Sts>"), number="052"))
    assert parsed.format == "camt.052"
    assert parsed.statements[0].is_intraday
    assert len(parsed.statements[0].lines) == 1
    assert "not booked yet" in texts(parsed)


def test_a_notification_has_lines_and_no_balances() -> None:
    parsed = read(camt(entry(), number="054"))
    assert parsed.format == "camt.054"
    assert parsed.statements[0].closing_balance is None


def test_several_statements_keep_apart() -> None:
    assert len(read(camt(OPENING, CLOSING, entry(), statements=3)).statements) == 3


def test_balances_that_the_entries_do_not_explain_refuse_the_file() -> None:
    refused = refusal(camt(OPENING, CLOSING, entry("12.49")))
    assert refused.line == 2
    assert "out by 0.01" in refused.reason


def test_a_balance_in_another_currency_is_unknown() -> None:
    parsed = read(camt(OPENING, balance("CLBD", "112.50", currency="EUR"), entry()))
    assert parsed.statements[0].closing_balance is None
    assert "in EUR, the account in USD" in texts(parsed)


def test_an_entry_in_another_currency_names_it_and_is_not_added_up() -> None:
    (statement,) = read(camt(entry(), entry(currency="EUR"))).statements
    assert [item.currency for item in statement.lines] == [None, "EUR"]
    assert statement.total == Decimal("12.50")


def test_a_page_that_is_not_the_last_says_so() -> None:
    page = "<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
    assert "not the last page" in texts(read(camt(page, entry())))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (entry("-5"), "is not an amount"),
        (entry("1,50"), "is not an amount"),
        (entry("NaN"), "is not an amount"),
        (entry(way="BOTH"), "neither credit nor debit"),
        (entry().replace("2024-01-31", "2024-02-31"), "is not a date"),
        (entry().replace("BookgDt", "X").replace("ValDt", "Y"), "without a booking date"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_with_its_line(part: str, said: str) -> None:
    refused = refusal(camt(entry(), part))
    assert refused.line == 4
    assert said in refused.reason


def test_an_entity_bomb_is_refused_before_it_is_read() -> None:
    bomb = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    data = camt(entry()).replace(b"<Document", bomb + b"<Document")
    assert "document type" in refusal(data).reason
    wide = data.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert "document type" in refusal(wide).reason


def test_broken_xml_and_other_xml_are_refused() -> None:
    assert "broken XML" in refusal(camt(entry())[:-30]).reason
    other = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><A/></Document>'
    assert "none of camt" in refusal(other).reason


def archive(*files: tuple[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files:
            made.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_of_camt_files_is_read_as_one() -> None:
    data = archive(("a.xml", camt(OPENING, CLOSING, entry())), ("b.xml", camt(entry("7"))))
    assert [s.total for s in read(data).statements] == [Decimal("12.50"), Decimal(7)]


def test_any_other_archive_is_refused_by_name() -> None:
    assert refusal(archive(("readme.txt", b"hello"))).format == "zip"
    assert refusal(archive(("[Content_Types].xml", b"<Types/>"))).format == "xlsx"
    assert "b.xml: broken XML" in refusal(archive(("b.xml", b"<a>"))).reason
    assert refusal(archive(("a.xml", camt(entry())))[:60]).format == "zip"
    mixed = archive(("a.xml", camt(entry())), ("b.xml", camt(entry(), number="052")))
    assert "several formats" in refusal(mixed).reason
