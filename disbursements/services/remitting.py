"""Pay withheld tax to its authority."""

from datetime import date

from django.db import transaction
from moneyed import Money

from desk.models import User
from desk.services import record
from disbursements.errors import DisbursementsError, NotPayable, ToldOtherwise
from disbursements.models import WithholdingRemittance
from disbursements.services.locks import hold_company
from ledger.errors import LedgerError
from ledger.models import Beneficiary, Book
from payments.errors import PaymentsError
from payments.models import Payment
from payments.services import pay
from payments.types import NewPayment
from proptrust.lib.money import ZERO, plain


@transaction.atomic
def remit_withholding(
    *,
    book: Book,
    authority: Beneficiary,
    amount: Money,
    paid_on: date,
    payee: str,
    key: str,
    method: str,
    actor: User,
    payee_address: str = "",
) -> WithholdingRemittance:
    """Pay what a trust account holds for a tax authority, once for each key.

    method: of Payment, a check or a transfer. Raises ToldOtherwise for a key with other facts,
    NotPayable where the ledger or the payment's facts refuse it.
    """
    hold_company(book.entity_id)
    if not 0 < len(key) <= 100:
        raise DisbursementsError("The key of a remittance has 1 to 100 characters.")
    if authority.kind != Beneficiary.Kind.WITHHELD or authority.entity_id != book.entity_id:
        raise DisbursementsError(f"{authority} is no tax authority of this company.")
    if amount <= ZERO:
        raise DisbursementsError("Pay more than nothing.")
    standing = WithholdingRemittance.objects.filter(entity=book.entity_id, key=key).first()
    if standing is not None:
        was = (standing.book_id, standing.beneficiary_id, standing.amount, standing.paid_on)
        if was != (book.pk, authority.pk, amount, paid_on):
            raise ToldOtherwise(f"Remittance {key} was paid with other facts: {standing}.")
        return standing
    try:
        payment = pay(
            NewPayment(
                entity_id=book.entity_id,
                book_id=book.pk,
                key=f"withholding:{key}",
                method=method,
                purpose=Payment.Purpose.WITHHOLDING,
                payee=payee,
                payee_address=payee_address,
                amount=amount,
                dated_on=paid_on,
                memo=authority.name,
            ),
            claims={authority.pk: amount},
            posted_by_id=actor.pk,
        )
    except (LedgerError, PaymentsError) as refusal:
        raise NotPayable(str(refusal)) from refusal
    row = WithholdingRemittance.objects.create(
        entity_id=book.entity_id,
        book=book,
        beneficiary=authority,
        key=key,
        amount=amount,
        paid_on=paid_on,
        payment=payment,
        made_by=actor,
    )
    record(
        "remit withholding",
        text=f"Paid {plain(amount)} to {payee}: {authority.name}",
        subject=row,
        actor=actor,
    )
    return row
