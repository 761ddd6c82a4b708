"""The public bank files beside the project, each with the figures it must give.

The figures were counted a second time without our readers: transactions and their sum by a plain
search over the text of each file.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from reconciliation.formats import Refused, read
from reconciliation.formats.inspect import inspect

SHARED = Path(os.environ.get("PROPTRUST_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLES = SHARED / "bank-samples"

ACCEPT, WARN, REJECT, UNBALANCED = "accept", "accept_with_warnings", "reject", "unbalanced"
FOLDERS = (
    "bai2",
    "camt",
    "csv",
    "mt940",
    "ofx",
    "lockbox",
    "card-settlement",
    "x937",
    "positive-pay",
    "ach",
)

# file: (outcome, format, transactions, sum) or (outcome, format, line) for a refused one.
# "unbalanced": read rightly, but refused since its own balances do not fit its lines; trimmed by
# whoever published it.
EXPECTED: dict[str, tuple[str, str | None, int | None] | tuple[str, str, int, str]] = {
    "bai2/bai2reader-sample-5.bai2": (WARN, "bai2", 13, "-200342696.84"),
    "bai2/moj-citi-example.bai2": (UNBALANCED, "bai2", 1, "0.01"),
    "bai2/moj-svb-us-example.bai2": (ACCEPT, "bai2", 2, "13959.96"),
    "bai2/moov-broken-parseError.bai2": (REJECT, "bai2", 1),
    "bai2/moov-sample1.bai2": (ACCEPT, "bai2", 17, "0.00"),
    "bai2/moov-sample2.bai2": (WARN, "bai2", 4, "309500.00"),
    "bai2/moov-sample3-several-records-per-line.bai2": (WARN, "bai2", 26, "-197.05"),
    "bai2/moov-sample4-newline-continuations.bai2": (UNBALANCED, "bai2", 17, "-307483.24"),
    "bai2/usbank-guide-previous-day.bai2": (WARN, "bai2", 4, "-15311896.28"),
    "bai2/venturehacks-daily-with-summary.bai2": (UNBALANCED, "bai2", 1, "250.01"),
    "bai2/venturehacks-daily.bai2": (ACCEPT, "bai2", 1, "250.01"),
    "bai2/venturehacks-eod.bai2": (ACCEPT, "bai2", 1, "83259.82"),
    "bai2/venturehacks-invalid-checksum-eod.bai2": (WARN, "bai2", 1, "83259.82"),
    "camt/genkgo-camt052.v6.xml": (WARN, "camt.052", 1, "-200000"),
    "camt/genkgo-camt053.v2.minimal.xml": (WARN, "camt.053", 1, "8.85"),
    "camt/genkgo-camt053.v2.multi.statement.xml": (ACCEPT, "camt.053", 2, "1.85"),
    "camt/genkgo-camt053.v2.wrong.xml": (REJECT, "camt.053", 3),
    "camt/genkgo-camt053.v4.xml": (WARN, "camt.053", 1, "8.85"),
    "camt/genkgo-camt053.v8.xml": (WARN, "camt.053", 1, "8.85"),
    "camt/genkgo-camt054.v4.xml": (ACCEPT, "camt.054", 1, "-200000"),
    "camt/oca-camt053-no-ntry.xml": (ACCEPT, "camt.053", 0, "0"),
    "camt/oca-camt053.zip": (UNBALANCED, "camt.053", 6, "114.02"),
    "camt/viafintech-052.xml": (ACCEPT, "camt.052", 2, "5.00"),
    "camt/viafintech-053-instdamt.xml": (UNBALANCED, "camt.053", 1, "4500.00"),
    "camt/viafintech-053-with-batch.xml": (UNBALANCED, "camt.053", 3, "2934.26"),
    "csv/bank2ynab-TH.csv": (REJECT, "csv", 1),
    "csv/beancountimport-schwab-eac-checking.csv": (WARN, "csv", 12, "22481.17"),
    "csv/beanhub-chase-credit-card.csv": (ACCEPT, "csv", 5, "107.12"),
    "csv/beanhub-empty.csv": (REJECT, None, None),
    "csv/beanhub-plaid.csv": (ACCEPT, "csv", 6, "-112.06"),
    "csv/csv2ofx-capitalone.csv": (ACCEPT, "csv", 2, "0.00"),
    "csv/csv2ofx-creditunion-cr-only.csv": (REJECT, "csv", 1),
    "csv/csv2ofx-schwab-checking.csv": (ACCEPT, "csv", 4, "-215.27"),
    "csv/daquino-usbank-card.csv": (ACCEPT, "csv", 9, "-28.7100"),
    "csv/finkit-chase-checking.csv": (ACCEPT, "csv", 8, "3671.47"),
    "csv/hledger-sample-fr-cp1252.csv": (REJECT, "csv", 1),
    "csv/ledgerautosync-mint.csv": (ACCEPT, "csv", 2, "93.46"),
    "csv/ledgerautosync-venmo.csv": (ACCEPT, "csv", 4, "76.01"),
    "csv/minance-boa-card.csv": (ACCEPT, "csv", 6, "-1660.54"),
    "csv/minance-chase-credit.csv": (ACCEPT, "csv", 8, "-218.44"),
    "csv/oca-debit-credit-flag.csv": (ACCEPT, "csv", 2, "1500.00"),
    "csv/oca-empty.csv": (REJECT, "csv", 1),
    "csv/oca-multi-currency.csv": (REJECT, "csv", 1),
    "csv/oca-sample.xlsx": (REJECT, "xlsx", None),
    "csv/qbofixer-bank-of-america.csv": (ACCEPT, "csv", 7, "1488.53"),
    "csv/qbofixer-pnc.csv": (ACCEPT, "csv", 6, "715.15"),
    "csv/qbofixer-wells-fargo.csv": (ACCEPT, "csv", 6, "930.80"),
    "csv/reckon-bom-utf8.csv": (REJECT, "card-settlement", 1),
    "csv/reckon-chase-old.csv": (WARN, "csv", 9, "6922.11"),
    "csv/reckon-extratofake-latin1.csv": (REJECT, "csv", 1),
    "csv/reckon-harder-date.csv": (REJECT, "csv", 1),
    "csv/reckon-suntrust.csv": (ACCEPT, "csv", 7, "700.00"),
    "csv/reckon-tab-delimited.csv": (REJECT, "csv", 1),
    "csv/reckon-two-money-columns.csv": (REJECT, "csv", 1),
    "csv/reds-dcu-checking.csv": (ACCEPT, "csv", 10, "500.00"),
    "mt940/cmxl-crlf.txt": (ACCEPT, "mt940", 2, "2200"),
    "mt940/cmxl-mt940.txt": (WARN, "mt940", 27, "12414.60"),
    "mt940/jejik-abnamro.txt": (UNBALANCED, "mt940", 10, "-345.93"),
    "mt940/oca-wrong-file.940": (WARN, "mt940", 1, "400.00"),
    "mt940/wolph-asnb.mt940": (ACCEPT, "mt940", 8, "56.94"),
    "mt940/wolph-betterplace-sepa.sta": (ACCEPT, "mt940", 97, "-9269135.90"),
    "mt940/wolph-citi.mt940": (ACCEPT, "mt940", 5, "-1142.75"),
    "mt940/wolph-february-30.sta": (WARN, "mt940", 1, "-6.00"),
    "mt940/wolph-jejik-ing.sta": (UNBALANCED, "mt940", 7, "-45.59"),
    "mt940/wolph-mbank-mt942.sta": (ACCEPT, "mt942", 3, "0.03"),
    "mt940/wolph-multiline.sta": (REJECT, "mt940", 38),
    "ofx/annacruz-invalid-version.ofx": (WARN, "ofx", 36, "-3896.56"),
    "ofx/annacruz-sample.ofx": (ACCEPT, "ofx", 36, "-3896.56"),
    "ofx/annacruz-utf8.ofx": (ACCEPT, "ofx", 36, "-3896.56"),
    "ofx/asgrim-cmfr.ofx": (ACCEPT, "ofx", 42, "-13491.59"),
    "ofx/asgrim-memoWithQuotes.ofx": (ACCEPT, "ofx", 16, "393.82"),
    "ofx/asgrim-multiple-accounts-xml.ofx": (ACCEPT, "ofx", 3, "514.72"),
    "ofx/asgrim-xml.ofx": (ACCEPT, "ofx", 3, "250.00"),
    "ofx/beancountimport-amex.ofx": (ACCEPT, "ofx", 3, "-190.75"),
    "ofx/beancountimport-checking2.ofx": (WARN, "ofx", 13, "-388.6400"),
    "ofx/beangulp-bofa-creditcard.ofx": (ACCEPT, "ofx", 27, "-989.26"),
    "ofx/beangulp-example.ofx": (ACCEPT, "ofx", 17, "-577.32"),
    "ofx/beangulp-example.qfx": (REJECT, "ofx", 11),
    "ofx/beangulp-ofxdownload.ofx": (ACCEPT, "ofx", 12, "-352.82"),
    "ofx/fixofx-checking.ofx": (ACCEPT, "ofx", 106, "4644.42"),
    "ofx/ledgerautosync-apostrophe.ofx": (WARN, "ofx", 1, "-58.73"),
    "ofx/ledgerautosync-no-institution.ofx": (ACCEPT, "ofx", 3, "-59.50"),
    "ofx/oca-test-ofx-wrong.ofx": (REJECT, "ofx", 42),
    "ofx/oca-test-ofx.ofx": (ACCEPT, "ofx", 4, "-360"),
    "ofx/ofxgo-bmo-no-header-newline.qfx": (ACCEPT, "ofx", 1, "2042.24"),
    "ofx/ofxgo-moneymrkt1-v103-TYPE1.ofx": (ACCEPT, "ofx", 3, "2863.2522955731815"),
    "ofx/ofxgo-moneymrkt1-v103.ofx": (ACCEPT, "ofx", 3, "2863.2522955731815"),
    "ofx/ofxparse-account-listing.ofx": (REJECT, "ofx", 23),
    "ofx/ofxparse-anzcc.ofx": (ACCEPT, "ofx", 1, "-5.50"),
    "ofx/ofxparse-bank-medium.ofx": (ACCEPT, "ofx", 3, "-345.27"),
    "ofx/ofxparse-broken-date-missing.ofx": (REJECT, "ofx", 33),
    "ofx/ofxparse-broken-empty-balance.ofx": (WARN, "ofx", 1, "120"),
    "ofx/ofxparse-checking.ofx": (ACCEPT, "ofx", 3, "-59.50"),
    "ofx/ofxparse-error-message.ofx": (REJECT, "ofx", 26),
    "ofx/ofxparse-multiple-accounts.ofx": (ACCEPT, "ofx", 0, "0"),
    "ofx/ofxparse-signon-fail.ofx": (REJECT, "ofx", 11),
    "ofx/ofxparse-suncorp.ofx": (ACCEPT, "ofx", 1, "-16.85"),
    "ofx/ofxtools-br-nubank-cc.ofx": (ACCEPT, "ofx", 6, "-1280.91"),
    "ofx/ofxtools-stmtrs.ofx": (ACCEPT, "ofx", 2, "-500.00"),
    "ofx/reds-ally.qfx": (ACCEPT, "ofx", 2, "-1055.00"),
    "lockbox/fundersclub-test-lockbox.bai": (REJECT, "lockbox", None),
    "card-settlement/csv2ofx-stripe-default.csv": (REJECT, "card-settlement", 1),
    "card-settlement/hledger-stripe-balance.csv": (REJECT, "card-settlement", 1),
    "card-settlement/oca-adyen-batch-380.csv": (REJECT, "card-settlement", 1),
    "card-settlement/oca-paypal-empty.csv": (REJECT, "card-settlement", 1),
    "card-settlement/oca-paypal-statement-en.csv": (REJECT, "card-settlement", 1),
    "x937/moov-BNK20180905.icl": (REJECT, "x937", None),
    "x937/moov-valid-ascii.x937": (REJECT, "x937", None),
    "x937/moov-without-micrValidIndicator.icl": (REJECT, "x937", None),
    "positive-pay/vicgupta-daily-checks-template.csv": (REJECT, "positive-pay", 1),
}
ACH_IS_GZIP = "ach/large/moov-ppd-100000-entries.ach.gz"


def samples() -> Iterator[str]:
    for folder in FOLDERS:
        for path in sorted((SAMPLES / folder).rglob("*")):
            if path.is_file() and path.name != "SOURCES.md":
                yield path.relative_to(SAMPLES).as_posix()


pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"the public bank files are not at {SAMPLES}"
)


def test_every_sample_has_its_row() -> None:
    others = {name for name in samples() if not name.startswith("ach/")}
    assert others == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_gives_its_figures_or_its_reason(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    expected = EXPECTED[name]
    report = inspect(data, name=name)
    outcome = WARN if expected[0] == UNBALANCED else expected[0]
    assert (report["outcome"], report["format"]) == (outcome, expected[1])
    if len(expected) == 3:
        assert report["line"] == expected[2]
        assert report["reason"]
        return
    if expected[0] == UNBALANCED:
        assert any("is not closing" in warning for warning in report["warnings"])
        with pytest.raises(Refused, match="is not closing"):
            read(data)
    statements = read(data, must_balance=False).statements
    lines = [line for statement in statements for line in statement.lines]
    assert len(lines) == expected[2]
    assert sum((line.amount for line in lines), Decimal(0)) == Decimal(expected[3])


def test_every_ach_sample_is_refused_as_one() -> None:
    names = [name for name in samples() if name.startswith("ach/")]
    for name in names:
        with pytest.raises(Refused) as caught:
            read((SAMPLES / name).read_bytes())
        assert caught.value.format == ("gzip" if name == ACH_IS_GZIP else "nacha"), name
