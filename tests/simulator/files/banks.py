"""Bank statements: BAI2 every banking day, OFX every week with two weeks of overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from proptrust.lib.banking import is_banking_day
from tests.simulator.life import BankMove, Life, last_day
from tests.simulator.world import SimAccount, World


@dataclass(frozen=True)
class StatementDownload:
    """A statement file and the day it can be fetched."""

    account: SimAccount
    name: str
    fetched_on: date
    body: bytes


def statements(world: World, life: Life) -> Iterator[StatementDownload]:
    """Every download of every account, in the order of its days within an account."""
    for account in world.accounts:
        moves = [m for m in life.moves if (m.state, m.purpose) == (account.state, account.purpose)]
        opening = world.bank_balance(account)
        if account.purpose == "deposits":
            yield from _monthly_ofx(world, account, moves, opening)
        elif account.tells_by == "bai2":
            yield from _daily_bai2(world, account, moves, opening)
        else:
            yield from _weekly_ofx(world, account, moves, opening)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _balance(opening: Decimal, moves: Sequence[BankMove], day: date) -> Decimal:
    return opening + sum((move.amount for move in moves if move.on <= day), Decimal(0))


def _daily_bai2(
    world: World, account: SimAccount, moves: Sequence[BankMove], opening: Decimal
) -> Iterator[StatementDownload]:
    for day in _days(world.cut_over_on + timedelta(days=1), last_day(world)):
        if not is_banking_day(day):
            continue
        todays = [move for move in moves if move.on == day]
        before = _balance(opening, moves, day - timedelta(days=1))
        body = bai2(account, day, before, _balance(opening, moves, day), todays)
        name = f"{account.state}-{account.number[-4:]}-{day:%Y%m%d}.bai"
        yield StatementDownload(account, name, day + timedelta(days=1), body)


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def bai2(
    account: SimAccount, day: date, opening: Decimal, closing: Decimal, moves: Sequence[BankMove]
) -> bytes:
    """A prior-day BAI2 file of one account: opening and closing ledger, one 16 record a movement.

    Source: Cash Management Balance Reporting Specifications, version 2.
    """
    made = day + timedelta(days=1)
    amounts = [opening, closing, *(abs(move.amount) for move in moves)]
    control = sum(_cents(amount) for amount in amounts)
    records = [f"03,{account.number},USD,010,{_cents(opening)},,,015,{_cents(closing)},,/"]
    for move in moves:
        reference = move.check_number or move.reference
        customer = move.check_number
        records.append(
            f"16,{move.code},{_cents(abs(move.amount))},Z,{reference},{customer},{move.text}"
        )
    records.append(f"49,{control},{len(records) + 1}/")
    head = [
        f"01,{account.routing_number},HARBORLINE,{made:%y%m%d},0600,1,80,,2/",
        f"02,HARBORLINE,{account.routing_number},1,{day:%y%m%d},2359,USD,2/",
    ]
    tail = [f"98,{control},1,{len(records) + 2}/", f"99,{control},1,{len(records) + 4}/"]
    return ("\n".join([*head, *records, *tail]) + "\n").encode()


def _weekly_ofx(
    world: World, account: SimAccount, moves: Sequence[BankMove], opening: Decimal
) -> Iterator[StatementDownload]:
    end = last_day(world)
    day = world.cut_over_on + timedelta(days=7)
    while True:
        until = min(day, end)
        since = max(world.cut_over_on + timedelta(days=1), until - timedelta(days=20))
        yield _ofx_download(account, since, until, moves, opening)
        if until == end:
            return
        day += timedelta(days=7)


def _monthly_ofx(
    world: World, account: SimAccount, moves: Sequence[BankMove], opening: Decimal
) -> Iterator[StatementDownload]:
    first = world.cut_over_on + timedelta(days=1)
    while first <= last_day(world):
        following = (first + timedelta(days=32)).replace(day=1)
        yield _ofx_download(account, first, following - timedelta(days=1), moves, opening)
        first = following


def _ofx_download(
    account: SimAccount, since: date, until: date, moves: Sequence[BankMove], opening: Decimal
) -> StatementDownload:
    within = [move for move in moves if since <= move.on <= until]
    body = ofx(account, since, until, _balance(opening, moves, until), within, moves)
    name = f"{account.state}-{account.number[-4:]}-{until:%Y%m%d}.ofx"
    return StatementDownload(account, name, until + timedelta(days=1), body)


def ofx(
    account: SimAccount,
    since: date,
    until: date,
    closing: Decimal,
    moves: Sequence[BankMove],
    all_moves: Sequence[BankMove],
) -> bytes:
    """An OFX 1.02 download. FITID: the movement's place in the account, the same each time."""
    fitid = {id(move): f"{account.number[-4:]}{n:06d}" for n, move in enumerate(all_moves, start=1)}
    rows = []
    for move in moves:
        check = f"<CHECKNUM>{move.check_number}\n" if move.check_number else ""
        reference = f" REF {move.reference}" if move.reference and not move.check_number else ""
        rows.append(
            f"<STMTTRN>\n<TRNTYPE>{'CREDIT' if move.amount > 0 else 'DEBIT'}\n"
            f"<DTPOSTED>{move.on:%Y%m%d}120000\n<TRNAMT>{move.amount:.2f}\n<FITID>{fitid[id(move)]}\n"
            f"{check}<NAME>{move.text[:32]}\n<MEMO>{move.text}{reference}\n</STMTTRN>\n"
        )
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n"
        "COMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX>\n<SIGNONMSGSRSV1>\n<SONRS>\n"
        "<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n"
        f"<DTSERVER>{until:%Y%m%d}180000\n<LANGUAGE>ENG\n</SONRS>\n</SIGNONMSGSRSV1>\n"
        "<BANKMSGSRSV1>\n<STMTTRNRS>\n<TRNUID>1\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n"
        f"<STMTRS>\n<CURDEF>USD\n<BANKACCTFROM>\n<BANKID>{account.routing_number}\n"
        f"<ACCTID>{account.number}\n<ACCTTYPE>CHECKING\n</BANKACCTFROM>\n<BANKTRANLIST>\n"
        f"<DTSTART>{since:%Y%m%d}\n<DTEND>{until:%Y%m%d}\n{''.join(rows)}</BANKTRANLIST>\n"
        f"<LEDGERBAL>\n<BALAMT>{closing:.2f}\n<DTASOF>{until:%Y%m%d}\n</LEDGERBAL>\n"
        "</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
    ).encode("cp1252")
