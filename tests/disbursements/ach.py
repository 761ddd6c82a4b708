"""A connection that writes ACH files for a company's rent trust."""

from connectors.models import Connection
from tests.connectors.signing import CREDENTIALS, SETTINGS
from tests.factories.leases import Company


def ach_connection(home: Company) -> Connection:
    """The bank that a home's ACH files go to."""
    return Connection.objects.create(
        entity=home.entity,
        book=home.rent_book,
        slug="ach_nacha",
        label="Our bank",
        credentials=CREDENTIALS.get("ach_nacha", {}),
        settings=SETTINGS["ach_nacha"],
    )
