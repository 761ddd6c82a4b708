"""What the desk shows about the rows of rent collection, each with a link to where it stands."""

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from desk.types import Evidence
from proptrust.lib.money import plain
from receivables import queries
from receivables.models import (
    BankDetailsChange,
    Charge,
    Comeback,
    Receipt,
    Remittance,
    RemittanceItem,
)


def of_receipt(receipt_id: int) -> list[Evidence]:
    """What came in, from whom and how, and for which lease."""
    receipt = Receipt.objects.select_related("connection", "lease__unit__property").get(
        pk=receipt_id
    )
    told = [
        ("Payer", receipt.payer),
        ("Says", receipt.memo),
        ("Channel", receipt.get_channel_display()),
        ("Number", receipt.number),
        ("Platform's customer", receipt.payer_reference),
        ("Platform", str(receipt.connection or "")),
        ("Payment", receipt.payment),
    ]
    rows = [Evidence(label, value) for label, value in told if value]
    rows.append(
        Evidence(
            "Receipt",
            f"{plain(receipt.gross)} on {receipt.received_on:%b %-d, %Y}",
            link_to("receivables_receipt", receipt.pk),
        )
    )
    if receipt.lease is not None:
        rows.append(
            Evidence("Lease", str(receipt.lease), link_to("leases_lease", receipt.lease.pk))
        )
        rows.append(Evidence("Still owed", plain(queries.owed(receipt.lease))))
    return rows


def of_charge(charge_id: int) -> list[Evidence]:
    """A charge, the receipts that paid a part of it, and what was let off."""
    charge = Charge.objects.select_related("lease__unit__property").get(pk=charge_id)
    live = charge.allocations.filter(undone_by__isnull=True)
    return [
        Evidence("Charge", str(charge), link_to("receivables_charge", charge.pk)),
        Evidence("Lease", str(charge.lease), link_to("leases_lease", charge.lease_id)),
        *(
            Evidence(
                f"Paid {each.receipt.received_on:%b %-d}",
                plain(each.amount),
                link_to("receivables_receipt", each.receipt.pk),
            )
            for each in live.select_related("receipt")
            if each.receipt is not None
        ),
        *(
            Evidence(
                each.credit.get_kind_display(),
                f"{plain(each.amount)}: {each.credit.reason}",
                link_to("receivables_credit", each.credit.pk),
            )
            for each in live.select_related("credit")
            if each.credit is not None
        ),
    ]


def of_comeback(comeback_id: int) -> list[Evidence]:
    """Why money went back, then the receipt that it was."""
    comeback = Comeback.objects.get(pk=comeback_id)
    answer_by = comeback.answer_by
    told = [
        ("Code", comeback.code),
        ("Reason", comeback.reason),
        ("Fee", plain(comeback.fee) if comeback.fee else ""),
        ("Answer by", f"{timezone.localtime(answer_by):%b %-d, %Y %H:%M}" if answer_by else ""),
    ]
    rows = [Evidence(label, value) for label, value in told if value]
    if comeback.entry_id is not None:
        rows.append(
            Evidence(
                "Journal", f"entry {comeback.entry_id}", link_to("ledger_entry", comeback.entry_id)
            )
        )
    return [*rows, *of_receipt(comeback.receipt_id)]


def of_item(item: RemittanceItem) -> list[Evidence]:
    """One movement of a remittance, then the remittance."""
    return [
        Evidence("What", item.get_what_display()),
        Evidence("Gross, fee, net", " / ".join(map(plain, (item.gross, item.fee, item.net)))),
        Evidence("Payment", item.payment or "none named"),
        Evidence("Says", item.description or "nothing"),
        *of_remittance(item.remittance_id),
    ]


def of_remittance(remittance_id: int) -> list[Evidence]:
    """A processor's transfer."""
    row = Remittance.objects.select_related("connection", "book").get(pk=remittance_id)
    return [
        Evidence(
            "Remittance",
            f"{row.vendor_id}, {plain(row.amount)} on {row.arrives_on:%b %-d, %Y}",
            link_to("receivables_remittance", row.pk),
        ),
        Evidence("Platform", str(row.connection)),
        Evidence("Trust account", row.book.name),
    ]


def of_bank_details(change_id: int) -> list[Evidence]:
    """The new details, an account number masked but for its last four digits."""
    change = BankDetailsChange.objects.get(pk=change_id)
    new = [
        Evidence(name.replace("_", " ").capitalize(), _masked(name, value))
        for name, value in change.corrected.items()
    ]
    return [
        Evidence("Payer", change.payer or "not told"),
        Evidence("Payment", change.payment),
        Evidence("Change code", change.code),
        *new,
        *(of_receipt(change.receipt_id) if change.receipt_id else []),
    ]


def link_to(model: str, row_id: int) -> str:
    """The address of a row's admin page, or \"\" where that app has none here."""
    try:
        return reverse(f"admin:{model}_change", args=[row_id])
    except NoReverseMatch:  # The page of that app is not there in this installation.
        return ""


def _masked(name: str, value: str) -> str:
    return f"···{value[-4:]}" if "account" in name else value
