"""Small bank files, and what it takes to import them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from desk.models import LegalEntity
from ledger.charts import chart
from ledger.models import BankAccount, Beneficiary, Entry, Line
from ledger.services import ensure_beneficiary, post
from ledger.types import NewEntry, NewLine
from proptrust.lib.money import usd
from reconciliation import services
from reconciliation.models import BankLine, StatementFile
from tests.factories.ledger import BankAccountFactory

_numbers = count(1)
D = Decimal
MONDAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Move:
    """A movement at the bank. id: what OFX gives as FITID; reference: what BAI2 gives."""

    on: date
    amount: Decimal
    text: str = "DEPOSIT"
    reference: str = ""
    check: str = ""
    id: str = ""


def move(
    amount: str,
    text: str = "DEPOSIT",
    *,
    on: date = MONDAY,
    reference: str = "",
    check: str = "",
    id: str = "",  # noqa: A002
) -> Move:
    return Move(on, D(amount), text, reference, check, id)


def a_bank_account(entity: LegalEntity | None = None) -> BankAccount:
    """A trust account at a bank, with its book."""
    if entity is None:
        return BankAccountFactory.create()
    return BankAccountFactory.create(book__entity=entity)


def bai2(
    account: BankAccount,
    day: date,
    moves: Sequence[Move],
    *,
    opening: str | Decimal = "0",
    closing: str | Decimal | None = None,
    number: str | None = None,
    is_intraday: bool = False,
) -> bytes:
    """A prior-day (or same-day) BAI2 report of one account."""
    first = D(opening)
    last = first + sum((each.amount for each in moves), D(0)) if closing is None else D(closing)
    cents = [_cents(first), _cents(last)]
    records = [
        f"03,{number or account.account_number},USD,010,{_cents(first)},,,015,{_cents(last)},,/"
    ]
    for each in moves:
        cents.append(abs(_cents(each.amount)))
        code = "475" if each.check else ("165" if each.amount > 0 else "455")
        records.append(
            f"16,{code},{abs(_cents(each.amount))},Z,{each.reference},{each.check},{each.text}"
        )
    control = sum(cents)
    records.append(f"49,{control},{len(records) + 1}/")
    modifier = "3" if is_intraday else "2"
    head = [
        f"01,BANK,CUSTOMER,{day:%y%m%d},0600,{next(_numbers)},80,,2/",
        f"02,CUSTOMER,{account.routing_number},1,{day:%y%m%d},2359,USD,{modifier}/",
    ]
    tail = [f"98,{control},1,{len(records) + 2}/", f"99,{control},1,{len(records) + 4}/"]
    return ("\n".join([*head, *records, *tail]) + "\n").encode()


def ofx(
    account: BankAccount,
    moves: Sequence[Move],
    *,
    closing: str | Decimal = "0",
    since: date = MONDAY,
    until: date | None = None,
    number: str | None = None,
) -> bytes:
    """An OFX download; until: the day of its balance, by default that of the last move."""
    until = until or max((each.on for each in moves), default=since)
    rows = []
    for each in moves:
        check = f"<CHECKNUM>{each.check}\n" if each.check else ""
        text = f"{each.text} {each.reference}".strip()
        rows.append(
            f"<STMTTRN>\n<TRNTYPE>{'CREDIT' if each.amount > 0 else 'DEBIT'}\n"
            f"<DTPOSTED>{each.on:%Y%m%d}\n<TRNAMT>{each.amount:.2f}\n"
            f"<FITID>{each.id or f'F{next(_numbers)}'}\n{check}<NAME>{text[:32]}\n"
            f"<MEMO>{text}\n</STMTTRN>\n"
        )
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n"
        "COMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX>\n<BANKMSGSRSV1>\n<STMTTRNRS>\n"
        "<TRNUID>1\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n<STMTRS>\n<CURDEF>USD\n"
        f"<BANKACCTFROM>\n<BANKID>{account.routing_number}\n"
        f"<ACCTID>{number or account.account_number}\n<ACCTTYPE>CHECKING\n</BANKACCTFROM>\n"
        f"<BANKTRANLIST>\n<DTSTART>{since:%Y%m%d}\n<DTEND>{until:%Y%m%d}\n{''.join(rows)}"
        f"</BANKTRANLIST>\n<LEDGERBAL>\n<BALAMT>{D(closing):.2f}\n<DTASOF>{until:%Y%m%d}\n"
        "</LEDGERBAL>\n</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
    ).encode()


def imported(account: BankAccount, body: bytes, *, is_given: bool = False) -> StatementFile:
    """Store a file and import it. is_given: a person named the account."""
    file = services.store_file(
        entity_id=account.book.entity_id,
        name="statement",
        body=body,
        bank_account_id=account.pk if is_given else None,
    )
    return services.import_file(file.pk)


def lines_of(account: BankAccount) -> list[BankLine]:
    """The account's bank lines in order."""
    return list(BankLine.objects.filter(bank_account=account).order_by("posted_on", "id"))


def an_owner(account: BankAccount, name: str = "Olga Owner") -> Beneficiary:
    """An owner whose money the account's book may hold."""
    entity_id = account.book.entity_id
    return ensure_beneficiary(
        entity_id=entity_id, kind="owner", name=name, reference=f"owner:{name}"
    )


def booked(
    account: BankAccount,
    amount: str | Decimal,
    *,
    on: date = MONDAY,
    kind: str = "receipt",
    memo: str = "Receipt",
    asset: str = "bank",
    who: Beneficiary | None = None,
) -> Line:
    """An entry that moves the book's cash (or money in transit) for an owner; its asset line."""
    charted = chart(account.book.entity_id)
    owner = who or an_owner(account)
    money = usd(D(amount))
    entry = post(
        NewEntry(
            entity_id=account.book.entity_id,
            key=f"test:{next(_numbers)}",
            kind=kind,
            dated_on=on,
            memo=memo,
            lines=[
                NewLine(account.book_id, getattr(charted, asset), money),
                NewLine(account.book_id, charted.claims, -money, owner.pk),
            ],
        )
    )
    return Line.objects.get(entry=entry, account=getattr(charted, asset))


def opened(account: BankAccount, amount: str, *, on: date | None = None) -> Entry:
    """The opening balance of an account's book, on the day before the first Monday."""
    day = on or MONDAY - timedelta(days=1)
    return booked(account, amount, on=day, kind="opening", memo="Opening balance").entry


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))
