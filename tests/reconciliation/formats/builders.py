"""The smallest valid file of each format; a test names only what it is about."""

from reconciliation.formats import ParsedFile, ParsedLine, read


def bai2(
    *movements: str,
    group: str = "02,555,121140399,1,240131,2359,USD,2/",
    account: str = "03,000123,USD,010,100000,,,015,100000,,/",
    trailers: str = "",
) -> bytes:
    """One account of one group; the amounts are in cents."""
    records = ["01,121140399,555,240201,0600,1,,,2/", group, account, *movements]
    return "\n".join([*records, trailers or "49,,/\n98,,,/\n99,,,/"]).encode()


def ofx(
    *transactions: str, balance: str = "<BALAMT>500.00<DTASOF>20240131", head: str = ""
) -> bytes:
    """One checking account in SGML, leaf tags without end tags."""
    header = head or "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"
    return (
        f"{header}<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS></SONRS>"
        "</SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>\n"
        "<STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>121140399<ACCTID>000123<ACCTTYPE>CHECKING"
        "</BANKACCTFROM>\n<BANKTRANLIST><DTSTART>20240101<DTEND>20240131\n"
        + "\n".join(transactions)
        + f"\n</BANKTRANLIST>\n<LEDGERBAL>{balance}</LEDGERBAL></STMTRS></STMTTRNRS>"
        "</BANKMSGSRSV1></OFX>\n"
    ).encode()


def stmttrn(amount: str = "12.50", posted: str = "20240131", more: str = "") -> str:
    """One OFX transaction."""
    return (
        f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{posted}<TRNAMT>{amount}<FITID>F1"
        f"<NAME>JANE DOE{more}</STMTTRN>"
    )


def entry(
    amount: str = "12.50",
    way: str = "CRDT",
    status: str = "<Sts>BOOK</Sts>",
    more: str = "",
    currency: str = "USD",
) -> str:
    """One camt entry."""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>{status}'
        "<BookgDt><Dt>2024-01-31</Dt></BookgDt><ValDt><Dt>2024-02-01</Dt></ValDt>"
        f"<AcctSvcrRef>REF1</AcctSvcrRef>{more}</Ntry>"
    )


def balance(code: str, amount: str, way: str = "CRDT", currency: str = "USD") -> str:
    """One camt balance."""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>'
        "<Dt><Dt>2024-01-31</Dt></Dt></Bal>"
    )


def camt(*parts: str, number: str = "053", version: str = "02", statements: int = 1) -> bytes:
    """One account in as many equal statements as wanted."""
    message, statement = {
        "053": ("BkToCstmrStmt", "Stmt"),
        "052": ("BkToCstmrAcctRpt", "Rpt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[number]
    one = (
        f"<{statement}><Acct><Id><Othr><Id>000123</Id></Othr></Id><Ccy>USD</Ccy></Acct>\n"
        + "\n".join(parts)
        + f"\n</{statement}>"
    )
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{number}.001.{version}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{space}"><{message}>'
        f"{one * statements}</{message}></Document>"
    ).encode()


def mt940(
    *lines: str, opening: str = "C240130USD100,00", closing: str = "C240131USD100,00"
) -> bytes:
    """One statement of one account."""
    fields = [":20:START", ":25:000123", ":28C:1/1", f":60F:{opening}", *lines]
    return "\n".join([*fields, f":62F:{closing}", "-", ""]).encode()


def lines(data: bytes) -> tuple[ParsedLine, ...]:
    """The lines of the only statement of a file whose balances are not the subject."""
    (statement,) = read(data, must_balance=False).statements
    return statement.lines


def line(data: bytes) -> ParsedLine:
    """The only line of a file."""
    (only,) = lines(data)
    return only


def texts(parsed: ParsedFile) -> str:
    """All warnings of a file in one text."""
    return "\n".join(str(warning) for warning in parsed.warnings)
