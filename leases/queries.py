"""Who owns, manages and rents what, on which day."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from django.db.models import Q, QuerySet

from leases.models import LateFeeTerms, Lease, ManagementAgreement, OwnershipShare, Property
from leases.types import ShareInForce


def shares_on(property_: Property | int, day: date) -> list[ShareInForce]:
    """The shares of a property on a day, the largest first, which is the order that splits use.

    Empty when nobody owns it on that day.
    """
    property_id = property_ if isinstance(property_, int) else property_.pk
    return list(shares_of_many([property_id], day).get(property_id, ()))


def shares_of_many(
    property_ids: Collection[int], day: date
) -> Mapping[int, Sequence[ShareInForce]]:
    """The shares of many properties on a day, by property, in one query."""
    rows = (
        OwnershipShare.objects.filter(_in_force(day), property__in=property_ids)
        .order_by("-share", "id")
        .values_list("property_id", "owner_id", "beneficiary_id", "share")
    )
    found: dict[int, list[ShareInForce]] = defaultdict(list)
    for property_id, owner_id, beneficiary_id, share in rows:
        found[property_id].append(ShareInForce(owner_id, beneficiary_id, share))
    return found


def agreement_on(property_: Property | int, day: date) -> ManagementAgreement | None:
    """The management agreement of a property on a day; the database allows one at most."""
    property_id = property_ if isinstance(property_, int) else property_.pk
    return ManagementAgreement.objects.filter(_in_force(day), property=property_id).first()


def agreements_of_many(property_ids: Collection[int], day: date) -> dict[int, ManagementAgreement]:
    """The management agreements of many properties on a day, by property, in one query."""
    rows = ManagementAgreement.objects.filter(_in_force(day), property__in=property_ids)
    return {row.property_id: row for row in rows}


def late_fee_terms_of_many(leases: Collection[Lease], day: date) -> dict[int, LateFeeTerms]:
    """The late-fee terms of leases on a day, by lease: its own, else its property's; two queries.

    Leases without terms are left out: they owe no late fee.
    """
    rows = LateFeeTerms.objects.filter(_in_force(day))
    own = {row.lease_id: row for row in rows.filter(lease__in=[lease.pk for lease in leases])}
    property_ids = {lease.unit.property_id for lease in leases}
    of_property = {row.property_id: row for row in rows.filter(property__in=property_ids)}
    found = {
        lease.pk: own.get(lease.pk) or of_property.get(lease.unit.property_id) for lease in leases
    }
    return {lease_id: terms for lease_id, terms in found.items() if terms is not None}


def lease_by_code(entity_id: int, code: str) -> Lease | None:
    """The lease of a code as payers quote it: letter case and blanks around it do not matter.

    None also when the code fits two leases that differ in letter case alone.
    """
    wanted = code.strip()
    if not wanted:
        return None
    rows = Lease.objects.filter(entity=entity_id, code__iexact=wanted)
    found = {lease.code: lease for lease in rows.select_related("unit__property")}
    if len(found) == 1:
        return next(iter(found.values()))
    return found.get(wanted)


def leases_in_force(entity_id: int, first: date, last: date) -> QuerySet[Lease]:
    """Leases that run on any day from first to last.

    A lease past its end goes on by the month until it is marked ended or the tenants move out.
    """
    ended_before = Q(moved_out_on__lt=first) | Q(state=Lease.State.ENDED, ends_on__lt=first)
    return Lease.objects.filter(entity=entity_id, starts_on__lte=last).exclude(ended_before)


def _in_force(day: date) -> Q:
    return Q(from_on__lte=day) & (Q(until_on__isnull=True) | Q(until_on__gte=day))
