"""How payers appear: learnt from a person's choice or from our own code in a payment."""

from django.db import transaction
from django.db.models import F, Q

from leases.models import Lease, LeaseTenant
from proptrust.lib.names import clean, names_somebody, score
from receivables.errors import ReceivablesError
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
    return learn_alias(
        lease, source=source, alias=alias, tenant_id=receipt.tenant_id, made_by_id=made_by_id
    )


def learn_alias(
    lease: Lease,
    *,
    source: str,
    alias: str,
    tenant_id: int | None = None,
    made_by_id: int | None = None,
) -> PayerAlias | None:
    """Know an alias as a lease's; one that was switched off by a person's undo stays off.

    tenant_id: which of the roommates it is, if that is known.
    """
    if not alias:
        return None
    row, is_new = PayerAlias.objects.get_or_create(
        entity_id=lease.entity_id,
        lease=lease,
        source=source,
        alias=alias[:200],
        defaults={"made_by_id": made_by_id, "tenant_id": tenant_id},
    )
    if not is_new and made_by_id and not row.is_active:
        row.is_active, row.undone, row.made_by_id = True, 0, made_by_id
        row.save(update_fields=["is_active", "undone", "made_by"])
    return row


def payer_of(receipt: Receipt, lease: Lease) -> int | None:
    """Which tenant of a lease paid: the platform's customer or the name that is known as theirs,
    else the one tenant who is called like the payer. None when that is nobody, or two.
    """
    name = clean(receipt.payer)
    if not name and not receipt.payer_reference:
        return None
    tenants = {row.tenant_id: row.tenant.name for row in lease.tenancies.select_related("tenant")}
    if receipt.tenant_id in tenants:
        return receipt.tenant_id
    known = Q(source=NAME, alias=name) if name else Q(pk__in=())
    if receipt.payer_reference and receipt.connection is not None:
        known |= Q(source=receipt.connection.slug, alias=receipt.payer_reference)
    aliased = set(
        PayerAlias.objects.filter(
            known, lease=lease, tenant__in=list(tenants), is_active=True
        ).values_list("tenant_id", flat=True)
    )
    called = {who for who, said in tenants.items() if name and score(said, receipt.payer) == 100}
    found = aliased or called
    return found.pop() if len(found) == 1 else None


@transaction.atomic
def name_payer(receipt: Receipt, *, tenant_id: int | None) -> Receipt:
    """Note which tenant of its lease gave a receipt; None: none of them in particular.

    Raises ReceivablesError for somebody who is not on the lease.
    """
    held = Receipt.objects.select_for_update(of=("self",), no_key=True).get(pk=receipt.pk)
    if (
        tenant_id is not None
        and not LeaseTenant.objects.filter(lease=held.lease_id, tenant=tenant_id).exists()
    ):
        raise ReceivablesError("only a tenant of the lease can be named as the payer")
    held.tenant_id = tenant_id
    held.save(update_fields=["tenant"])
    return held


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
