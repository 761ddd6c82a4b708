"""What is written to owners, in plain words; a person sends it."""

from datetime import date

from moneyed import Money

from disbursements.models import Recovery
from proptrust.lib.money import plain


def contribution_request(recovery: Recovery, amount: Money, on: date) -> str:
    """The letter that asks an owner to make a shortage good."""
    return (
        f"{on:%B %-d, %Y}\n\n"
        f"Dear {recovery.owner.name},\n\n"
        f"the trust account for {recovery.property.name} holds less than has been paid for it:"
        f" {recovery.cause}. The money had been used before it went back, so that"
        f" {plain(amount)} is missing.\n\n"
        "The law does not let us make this good with the money of other owners, and the account"
        " cannot pay anybody before it is. Please pay"
        f" {plain(amount)} into the account {recovery.book.name} as an owner contribution,"
        f" and write {recovery.property.name} on the payment. What the tenant pays later is yours"
        " as always.\n\n"
        f"{recovery.entity.name}\n"
    )
