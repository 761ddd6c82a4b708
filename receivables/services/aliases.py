"""How payers appear: learnt from a person's choice or from our own code in a payment."""

from django.db.models import F

from leases.models import Lease
from proptrust.lib.names import clean, names_somebody
from receivables.models import PayerAlias, Receipt

NAME = "name"  # PayerAlias.source of a cleaned payer name.
UNDONE_TOO_OFTEN = 2


def remember_alias(receipt: Receipt, lease: Lease, *, made_by_id: int | None) -> PayerAlias | None:
    """Know the payer of a receipt as this lease's from now on.

    The platform's customer id when there is one, else the name. None when the receipt has neither:
    what the bank's counter is called would make every unnamed deposit this lease's.
    """
    if receipt.payer_reference and receipt.connection:
        source, alias = receipt.connection.slug, receipt.payer_reference
    else:
        source, alias = NAME, clean(receipt.payer) if names_somebody(receipt.payer) else ""
    return learn_alias(lease, source=source, alias=alias, made_by_id=made_by_id)


def learn_alias(
    lease: Lease, *, source: str, alias: str, made_by_id: int | None = None
) -> PayerAlias | None:
    """Know an alias as a lease's; one that was switched off by a person's undo stays off."""
    if not alias:
        return None
    row, is_new = PayerAlias.objects.get_or_create(
        entity_id=lease.entity_id,
        lease=lease,
        source=source,
        alias=alias[:200],
        defaults={"made_by_id": made_by_id},
    )
    if not is_new and made_by_id and not row.is_active:
        row.is_active, row.undone, row.made_by_id = True, 0, made_by_id
        row.save(update_fields=["is_active", "undone", "made_by"])
    return row


def forget_alias(receipt: Receipt, lease: Lease) -> None:
    """A person undid what an alias was learnt from, or decided: twice, and it is switched off."""
    sources = [(NAME, clean(receipt.payer))]
    if receipt.connection:
        sources.append((receipt.connection.slug, receipt.payer_reference))
    for source, alias in sources:
        rows = PayerAlias.objects.filter(lease=lease, source=source, alias=alias, is_active=True)
        rows.update(undone=F("undone") + 1)
        rows.filter(undone__gte=UNDONE_TOO_OFTEN).update(is_active=False)


def switch_off(alias: PayerAlias) -> None:
    """Let payments of a payer wait for a person again."""
    PayerAlias.objects.filter(pk=alias.pk).update(is_active=False)
