"""Whom withheld tax is owed to: a beneficiary of the company for each jurisdiction."""

from disbursements.withholding import FEDERAL
from ledger.models import Beneficiary
from ledger.services import ensure_beneficiary


def authority_of(entity_id: int, jurisdiction: str) -> int:
    """The beneficiary that holds what is withheld for a jurisdiction until it is remitted."""
    name = "the IRS" if jurisdiction == FEDERAL else f"the State of {jurisdiction}"
    return ensure_beneficiary(
        entity_id=entity_id,
        kind=Beneficiary.Kind.WITHHELD,
        name=f"Withheld for {name}",
        reference=f"withheld:{jurisdiction}",
    ).pk
