"""ACH files of payments: written as credits, given to the bank, withdrawn while nobody has them."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction

from connectors import services as connectors
from connectors.models import Connection, Request
from connectors.nacha import reading, writing
from connectors.nacha.types import AchFile
from desk.models import User
from desk.services import record
from ledger.models import Book
from payments.errors import BankDataMissing, NotPossible
from payments.models import Payment

_State = Payment.State
PERSONS, FIRMS = "PPD", "CCD"
# What the payee sees on the statement; ten characters.
_DESCRIPTIONS = {
    Payment.Purpose.OWNER_DRAW: "OWNER PAY",
    Payment.Purpose.VENDOR: "VENDOR PAY",
    Payment.Purpose.DEPOSIT_REFUND: "DEP REFUND",
    Payment.Purpose.TENANT_REFUND: "REFUND",
}
_ANY = "PAYMENT"
_NAMED = 5


@transaction.atomic
def write_ach_files(
    *,
    book: Book,
    payments: Sequence[Payment],
    connection: Connection,
    effective_on: date,
    key: str,
) -> list[Request]:
    """Write payments as ACH files: persons in one of class PPD, firms in one of class CCD.

    See write_ach_file; the keys of the files are key and `:ppd` or `:ccd`.
    """
    files = []
    for sec, is_firm in ((PERSONS, False), (FIRMS, True)):
        rows = [payment for payment in payments if payment.is_firm is is_firm]
        if rows:
            files.append(
                write_ach_file(
                    book=book,
                    payments=rows,
                    connection=connection,
                    effective_on=effective_on,
                    key=f"{key}:{sec.lower()}",
                    sec=sec,
                )
            )
    return files


@transaction.atomic
def write_ach_file(
    *,
    book: Book,
    payments: Sequence[Payment],
    connection: Connection,
    effective_on: date,
    key: str,
    sec: str = "",
) -> Request:
    """Write payments as one ACH file of credits that waits to be handed to the bank.

    key: unique in the connection; the same key with the same payments is the same file. sec: PPD
    (persons) or CCD (firms); without it CCD if all are firms. The bank takes the file's sum as one
    debit. Raises BankDataMissing naming the payees without a bank account, NotPossible for a
    payment that cannot be in it, and connectors' BadOrigination naming entry and field.
    """
    rows = _held(payments)
    standing = Request.objects.filter(connection=connection, key=key).first()
    if standing is not None:
        if {row.pk for row in rows if row.request_id == standing.pk} != {row.pk for row in rows}:
            raise NotPossible(f'The key "{key}" was used for another file.')
        return standing
    _check(rows, book, connection)
    _check_bank_data(rows)
    purposes = {row.purpose for row in rows}
    description = _DESCRIPTIONS.get(Payment.Purpose(min(purposes)), _ANY)
    request = connectors.originate(
        connection=connection,
        key=key,
        sec=sec or (FIRMS if all(row.is_firm for row in rows) else PERSONS),
        effective_on=effective_on,
        entries=[_entry(row) for row in rows],
        entry_description=description if len(purposes) == 1 else _ANY,
    )
    _note(rows, request, effective_on)
    return request


def _held(payments: Sequence[Payment]) -> list[Payment]:
    if not payments:
        raise NotPossible("There is no payment to send.")
    rows = {
        row.pk: row
        for row in Payment.objects.filter(pk__in=[payment.pk for payment in payments])
        .select_for_update(of=("self",))
        .order_by("pk")
    }
    return [rows[payment.pk] for payment in payments]


def _check(rows: Sequence[Payment], book: Book, connection: Connection) -> None:
    if connection.entity_id != book.entity_id or connection.book_id not in (None, book.pk):
        raise NotPossible(f"{connection} does not pay out of {book}.")
    for row in rows:
        if row.book_id != book.pk:
            raise NotPossible(f"{row} is paid out of another account than {book}.")
        if row.method != Payment.Method.ACH or row.state != _State.ISSUED or row.request_id:
            raise NotPossible(f"{row} of {row.amount} does not wait to be sent by ACH.")


def _check_bank_data(rows: Sequence[Payment]) -> None:
    without = [row.payee for row in rows if not (row.routing_number and row.account_number)]
    if without:
        more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
        raise BankDataMissing(
            f"No bank account is on record for {', '.join(without[:_NAMED])}{more}. Pay them by"
            " check, or enter their bank data and pay again."
        )


def _entry(row: Payment) -> writing.NewEntry:
    return writing.NewEntry(
        is_debit=False,
        routing_number=row.routing_number,
        account=row.account_number,
        account_type="savings" if row.is_savings else "checking",
        amount=row.amount,
        name=row.payee,
        id_number=id_number_of(row),
    )


def id_number_of(payment: Payment) -> str:
    """Our reference of a payment in a file; it comes back in a return."""
    return f"P{payment.pk:06}"


def _note(rows: Sequence[Payment], request: Request, effective_on: date) -> None:
    """Keep with each payment what the bank will call it, as the written file has it."""
    file = read(request)
    found = {
        entry.id_number: (entry.trace, f"{batch.company_id}:{effective_on}:{batch.number}")
        for batch, entry in file.entries
    }
    for row in rows:
        row.id_number = id_number_of(row)
        row.trace, row.batch = found[row.id_number]
        row.request, row.settles_on = request, effective_on
    Payment.objects.bulk_update(
        rows, ["id_number", "trace", "batch", "request", "settles_on"], batch_size=500
    )


def read(request: Request) -> AchFile:
    """What a written file says."""
    assert request.delivery is not None
    return reading.read(bytes(request.delivery.body))


@transaction.atomic
def mark_sent(request_id: int) -> int:
    """Say that the payments of a file were given to the bank; returns how many."""
    return Payment.objects.filter(request=request_id, state=_State.ISSUED).update(state=_State.SENT)


@transaction.atomic
def withdraw_file(request: Request, *, why: str, actor: User) -> int:
    """Take back a file that the bank never got, so that its payments can be sent or voided.

    Returns how many payments wait again. Raises NotPossible once the file was handed over.
    """
    held = Request.objects.select_for_update().get(pk=request.pk)
    if held.state != Request.State.READY:
        raise NotPossible(f"{held.facts['name']} was given to the bank already, or withdrawn.")
    if not why.strip():
        raise NotPossible("Say why.")
    connectors.withdraw(held.pk, reason=why.strip())
    count = Payment.objects.filter(request=held, state=_State.ISSUED).update(
        request=None, batch="", trace="", id_number="", settles_on=None
    )
    record(
        "withdraw file",
        text=f"{held.facts['name']} with {count} payments was withdrawn: {why.strip()}",
        subject=held,
        entity_id=held.connection.entity_id,
        actor=actor,
    )
    return count
