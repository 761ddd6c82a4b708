"""A damaged file is read or refused; nothing else ever comes out of a reader."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.formats import Refused, read
from reconciliation.formats.inspect import inspect
from tests.reconciliation.formats.builders import (
    bai2,
    balance,
    camt,
    entry,
    mt940,
    ofx,
    stmttrn,
)

FILES = [
    bai2(
        "16,165,100,V,240131,,B1,C1,RENT",
        "88,UNIT 4/",
        "16,115,300,S,100,100,100,,,LOCKBOX/",
        "16,475,200,D,2,0,100,1,100,,1042,CHECK/",
        account="03,000123,USD,010,100000,,,015/\n88,100200,,/",
        trailers="49,200800,7/\n98,200800,1,9/\n99,200800,1,11/",
    ),
    ofx(stmttrn("-1,50"), stmttrn(more="<MEMO>A &amp; B<CHECKNUM>7")),
    camt(balance("OPBD", "100"), balance("CLBD", "112.50"), entry()),
    camt(entry(status="<Sts><Cd>PDNG</Cd></Sts>"), number="052", version="08"),
    mt940(
        ":61:2401310131RC7,50NTRFREF//BANK",
        "more",
        ":86:166?00TEXT?20PART",
        closing="C240131USD92,50",
    ),
    b"Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n"
    b'CREDIT,02/02/2024,"ZELLE, JANE",25.00,Q,125.00,,\n'
    b"CHECK,01/31/2024,C,-400.00,P,100.00,1042,\n",
    b"Posted,Memo,Amount,DR/CR,Balance\n01/30/2024,A,5.00,D,95.00\n01/31/2024,B,7.00,C,102.00\n",
    b'01/02/2024,-54.21,*,,"A"\n01/08/2024,300.00,*,1201,B\n',
]
PIECES = [
    b"\x00",
    b"\n",
    b"\r",
    b",",
    b"/",
    b'"',
    b"<",
    b">",
    b"-",
    b".",
    b"(",
    b"88,",
    b":61:",
    b":86:",
    b"</OFX>",
    b"<STMTTRN>",
    b"9" * 25,
    b"NaN",
    b"1e9",
    "²".encode(),
    "٣".encode(),
    b"\xff\xfe",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file cut, with bytes flipped, pieces put in, taken out or doubled."""
    data = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 60)))
        data = draw(
            st.sampled_from(
                [
                    data[:at],
                    data[:at] + data[end:],
                    data[:at] + data[at:end] * 2 + data[end:],
                    data[:at] + draw(st.sampled_from(PIECES)) + data[at:],
                    data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[end:],
                ]
            )
        )
    return data


@settings(max_examples=600, deadline=None)
@given(data=damaged())
def test_a_damaged_file_is_read_or_refused(data: bytes) -> None:
    report = json.loads(json.dumps(inspect(data, name="damaged")))
    assert (report["outcome"] == "reject") == bool(report["reason"])


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        read(data)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 100_000))
def test_a_cut_file_never_passes_with_fewer_lines_and_the_same_balance(cut: int) -> None:
    for whole in FILES[:5]:
        data = whole[: cut % len(whole)]
        with contextlib.suppress(Refused):
            parsed, complete = read(data), read(whole)
            for statement, other in zip(parsed.statements, complete.statements, strict=False):
                if statement.difference() is not None and not statement.is_intraday:
                    assert len(statement.lines) == len(other.lines)
