"""A security deposit that came into the rent account goes to the account that the law wants."""

from datetime import date

from django.db import transaction
from moneyed import Money

from leases.models import Lease
from ledger.charts import chart
from ledger.models import Book, Entry
from ledger.services import post_fact
from proptrust.lib.money import ZERO, plain
from receivables import postings, queries
from receivables.errors import ReceivablesError
from receivables.services.locks import locked_lease


@transaction.atomic
def transfer_deposit(
    lease: Lease, from_book: Book, *, on: date, actor_id: int | None = None
) -> tuple[Entry, Money]:
    """Record that a lease's security deposit was moved at the bank to its property's own account.

    Both bank accounts show one line for it. Returns the entry and the amount.
    Raises ReceivablesError if from_book holds none, or is the right account already.
    """
    held = locked_lease(lease.pk)
    to_book = held.unit.property.deposit_book
    amount = queries.held_now(from_book.pk, [held.deposit_id])[held.deposit_id]
    if to_book.pk == from_book.pk or amount <= ZERO:
        raise ReceivablesError(
            f"{from_book} holds no security deposit of lease {held.code} to move"
        )
    accounts = chart(held.entity_id)
    prefix = f"lease:{held.pk}:deposit-transfer:"
    count = Entry.objects.filter(entity=held.entity_id, key__startswith=prefix).count()
    entry = post_fact(
        entity_id=held.entity_id,
        key=f"{prefix}{count + 1}",
        kind=Entry.Kind.TRANSFER,
        day=on,
        memo=f"Security deposit {plain(amount)} of lease {held.code} to {to_book}",
        lines=[
            *postings.cash_moved(
                postings.Books(accounts, from_book.pk), -amount, {held.deposit_id: -amount}
            ),
            *postings.cash_moved(
                postings.Books(accounts, to_book.pk), amount, {held.deposit_id: amount}
            ),
        ],
        posted_by_id=actor_id,
    )
    return entry, amount
