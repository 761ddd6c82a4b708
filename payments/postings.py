"""Facts of payments as journal lines; pure functions."""

from collections.abc import Mapping, Sequence

from moneyed import Money

from ledger.charts import Chart
from ledger.models import Entry
from ledger.types import NewLine
from payments.models import Payment
from proptrust.lib.money import ZERO

_Purpose = Payment.Purpose
# Each is refused by PostgreSQL while it would leave a client of the book overdrawn.
KINDS: Mapping[str, str] = {
    _Purpose.OWNER_DRAW: Entry.Kind.DISBURSEMENT,
    _Purpose.WITHHOLDING: Entry.Kind.DISBURSEMENT,
    _Purpose.UNCLAIMED: Entry.Kind.DISBURSEMENT,
    _Purpose.VENDOR: Entry.Kind.VENDOR_PAYMENT,
    _Purpose.ESCROW: Entry.Kind.VENDOR_PAYMENT,
    _Purpose.DEPOSIT_REFUND: Entry.Kind.REFUND,
    _Purpose.TENANT_REFUND: Entry.Kind.REFUND,
    _Purpose.FEE_DRAW: Entry.Kind.FEE_DRAW,
}


def paid(
    book_id: int,
    accounts: Chart,
    amount: Money,
    claims: Mapping[int, Money],
    other_lines: Sequence[NewLine],
) -> list[NewLine]:
    """A payment: Dr the claims that pay it, Cr the book's bank; then the lines of other books."""
    return [
        NewLine(book_id, accounts.bank, -amount),
        *(
            NewLine(book_id, accounts.claims, part, who)
            for who, part in claims.items()
            if part != ZERO
        ),
        *other_lines,
    ]


def mirrored(lines: Sequence[NewLine]) -> list[NewLine]:
    """The same lines with the other sign, in every book."""
    return [
        NewLine(line.book_id, line.account_id, -line.amount, line.beneficiary_id) for line in lines
    ]


def set_aside(book_id: int, accounts: Chart, amount: Money, unclaimed_id: int) -> list[NewLine]:
    """A stale check's money, held for its payee again: Dr bank, Cr unclaimed."""
    return [
        NewLine(book_id, accounts.bank, amount),
        NewLine(book_id, accounts.claims, -amount, unclaimed_id),
    ]
