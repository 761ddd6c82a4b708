"""Money that tenants paid and that has not reached the bank account: which receipts it is of."""

from datetime import date, datetime

from django.db import connection
from moneyed import Money

from proptrust.lib.money import ZERO, usd
from reconciliation.types import OutstandingItem

# A receipt's lines on transit accounts: its own entry, and those of what went back of it. It has
# left when its deposit slip or remittance is posted; reversed entries are left out.
_RECEIPTS = """
    WITH moved AS (
        SELECT receipt.id AS receipt_id, receipt.entry_id
        FROM receivables_receipt AS receipt
        WHERE receipt.book_id = %(book)s AND receipt.into IN ('processors', 'undeposited')
          AND receipt.entry_id IS NOT NULL
        UNION ALL
        SELECT comeback.receipt_id, comeback.entry_id
        FROM receivables_comeback AS comeback
        JOIN receivables_receipt AS receipt ON receipt.id = comeback.receipt_id
        WHERE receipt.book_id = %(book)s AND receipt.into IN ('processors', 'undeposited')
          AND comeback.entry_id IS NOT NULL
    )
    SELECT receipt.id, receipt.entry_id, receipt.received_on, sum(line.amount), receipt.payer,
        coalesce(nullif(receipt.number, ''), nullif(receipt.payment, ''), receipt.key),
        receipt.into
    FROM moved
    JOIN receivables_receipt AS receipt ON receipt.id = moved.receipt_id
    JOIN ledger_entry AS entry ON entry.id = moved.entry_id
    JOIN ledger_line AS line ON line.entry_id = entry.id AND line.book_id = %(book)s
        AND line.beneficiary_id IS NULL
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'transit'
    LEFT JOIN receivables_depositslip AS slip ON slip.id = receipt.deposit_slip_id
    LEFT JOIN receivables_remittance AS remittance ON remittance.id = receipt.remittance_id
    LEFT JOIN ledger_entry AS left_by ON left_by.id = coalesce(slip.entry_id, remittance.entry_id)
    WHERE entry.dated_on <= %(on)s
      AND (%(known_at)s::timestamptz IS NULL OR entry.known_at <= %(known_at)s)
      AND (left_by.id IS NULL OR left_by.dated_on > %(on)s
           OR (%(known_at)s::timestamptz IS NOT NULL AND left_by.known_at > %(known_at)s))
      AND NOT EXISTS (
          SELECT FROM ledger_entry AS undoing
          WHERE undoing.reverses_id = entry.id AND undoing.dated_on <= %(on)s)
    GROUP BY receipt.id, receipt.entry_id, receipt.received_on, receipt.payer, receipt.number,
        receipt.payment, receipt.key, receipt.into
    HAVING sum(line.amount) <> 0
    ORDER BY receipt.received_on, receipt.id
"""
_MEMOS = {"processors": "With the payment processor", "undeposited": "Not yet taken to the bank"}


def transit_items(
    book_id: int, *, on: date, known_at: datetime | None, total: Money
) -> list[OutstandingItem]:
    """What makes up a book's transit accounts on a day: receipts, and the rest in one item.

    total: the balance of the accounts by the ledger; the items sum to it exactly. The rest is what
    no single receipt in transit holds: fees, refunds and disputes of receipts that arrived before.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS, {"book": book_id, "on": on, "known_at": known_at})
        rows = cursor.fetchall()
    items = [
        OutstandingItem(
            dated_on=received_on,
            amount=usd(amount),
            reference=reference,
            who=payer,
            memo=_MEMOS[into],
            entry_id=entry_id,
            receipt_id=receipt_id,
            days_open=(on - received_on).days,
        )
        for receipt_id, entry_id, received_on, amount, payer, reference, into in rows
    ]
    rest = total - sum((item.amount for item in items), ZERO)
    if rest != ZERO:
        memo = "Fees, refunds and disputes that the next remittance settles"
        items.append(OutstandingItem(dated_on=on, amount=rest, reference="", who="", memo=memo))
    return items
