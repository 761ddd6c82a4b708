"""Companies in a state whose law is on file, with late-fee terms and fees for returned payments."""

from datetime import date
from typing import Any

from leases.models import LateFeeTerms, ManagementAgreement, Property
from proptrust.lib.money import usd
from tests.factories.leases import LONG_AGO, Company, company

RENT_DAY = date(2026, 3, 1)


def home_in(state: str, **facts: Any) -> Company:
    """A company whose property lies in a state; its manager takes no fee of the rent."""
    home = company(**facts)
    Property.objects.filter(pk=home.property.pk).update(state=state)
    ManagementAgreement.objects.filter(property=home.property).update(fee_rate=0)
    home.property.refresh_from_db()
    home.lease.unit.property.refresh_from_db()
    return home


def terms(home: Company, **facts: Any) -> LateFeeTerms:
    """Late-fee terms of the company's property: flat 40.00 after five days, unless told otherwise.

    Amounts are given as text.
    """
    fresh: dict[str, Any] = {"kind": "flat", "grace_days": 5, "from_on": LONG_AGO}
    if facts.get("kind", "flat") == "flat":
        fresh["flat"] = "40.00"
    fresh.update(facts)
    money = {name: usd(fresh.pop(name)) for name in ("flat", "daily", "most") if name in fresh}
    return LateFeeTerms.objects.create(property=home.property, **fresh, **money)


def nsf_fee(home: Company, amount: str) -> None:
    """What the agreement asks for a returned payment."""
    ManagementAgreement.objects.filter(property=home.property).update(nsf_fee=usd(amount).amount)
