"""The company's part of a receipt: the convenience fee it earns, the processor's fee it bears.

A payer who uses a card gives rent and a convenience fee in one payment. The fee is the company's
from the first moment, so that what the processor keeps of the payment never falls on the rent.
When a part of the payment goes back, the rent goes first and the fee last: a refund of the rent
alone leaves the fee, and the whole payment back takes both.
"""

from moneyed import Money

from ledger.charts import chart
from ledger.company import operating_book_of
from ledger.types import NewLine
from proptrust.lib.money import ZERO
from receivables.models import Receipt


def client_money(receipt: Receipt) -> Money:
    """What of a receipt is the payer's to spend on charges."""
    return receipt.gross - receipt.convenience_fee


def fee_gone(receipt: Receipt, taken: Money) -> Money:
    """What of the convenience fee has gone back when so much of the receipt has."""
    return max(taken - client_money(receipt), ZERO)


def own_book(entity_id: int, *, earned: Money = ZERO, cost: Money = ZERO) -> list[NewLine]:
    """The operating book's lines for a convenience fee earned and a processor's fee borne.

    Both mirror the company's claim in the trust book: Dr held in trust, Cr the other side for what
    it gets, the reverse for what it gives. Below zero takes either back.
    """
    if not earned and not cost:
        return []
    accounts = chart(entity_id)
    book_id = operating_book_of(entity_id)
    lines = []
    for account_id, got in ((accounts.service_income, earned), (accounts.bank_fees, -cost)):
        if got:
            lines += [
                NewLine(book_id, accounts.held, got),
                NewLine(book_id, account_id, -got),
            ]
    return lines
