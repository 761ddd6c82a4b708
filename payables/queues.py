"""What the desk offers for layer 4's items; every remedy calls one service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from desk import registry
from desk.errors import Refused
from desk.types import Detail, Done, Evidence, Field, Remedy
from payables import findings, queries, services
from payables.errors import PayablesError
from payables.models import Bill, Release, Vendor, WorkOrder
from payables.services.bills import TWICE
from proptrust.lib.money import plain

_REASON = Field("reason", "Reason")


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    for kind, label, days, remedies in (
        (TWICE, "Bill entered twice?", 2, ("cancel", "release")),
        (findings.SPLIT, "Bills split below the threshold", 2, ("ask", "release", "cancel")),
        (findings.WAITS_FOR_OWNER, "Bill waits for its owner", 5, ("ask", "cancel")),
        (findings.EMERGENCY, "Emergency: owner to be told", 3, ("release",)),
        (findings.WITHOUT_ORDER, "Bill without a work order", 5, ("release", "cancel")),
        (findings.OTHER_VENDOR, "Bill of another vendor", 3, ("release", "cancel")),
        (findings.ABOVE_ESTIMATE, "Bill above its estimate", 3, ("release", "cancel")),
        (findings.BEFORE_DONE, "Bill before the work is done", 3, ("release", "cancel")),
    ):
        registry.handle(kind, BillAnswers(kind, remedies), label=label, due_banking_days=days)
    registry.handle(
        findings.WITHOUT_BILL, OrderAnswers(), label="Work order without a bill", due_banking_days=5
    )
    registry.handle(
        findings.INSURANCE, VendorAnswers(), label="Vendor's insurance lapsed", due_banking_days=5
    )


_LABELS = {
    TWICE: "Both bills are owed",
    findings.SPLIT: "Work of its own, no split",
    findings.EMERGENCY: "The owner is told",
}


class BillAnswers:
    """A bill that a check found: let it pass with a reason, cancel it, or ask its owners."""

    def __init__(self, kind: str, remedies: Sequence[str]) -> None:
        self.kind = kind
        self.remedies = remedies

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The bill with what it looks like, and the buttons of its kind."""
        bill = _bill(subject_id)
        facts = [
            Evidence("Bill", str(bill), reverse("payables:bill", args=[bill.pk])),
            Evidence("Amount", plain(bill.amount)),
            Evidence("Dated", f"{bill.dated_on:%b %-d, %Y}"),
            Evidence("State", bill.get_state_display()),
        ]
        if bill.work_order is not None:
            link = reverse("payables:work_order", args=[bill.work_order_id])
            facts.append(Evidence("Work order", str(bill.work_order), link))
        if self.kind == TWICE:
            facts += [
                Evidence("Looks like", each.why, reverse("payables:bill", args=[each.bill_id]))
                for each in queries.like_bills(bill)
            ]
        offered = {
            "release": Remedy(
                key="release",
                label=_LABELS.get(self.kind, "It is right"),
                fields=(_REASON,),
                hint="Who entered the bill cannot say this.",
            ),
            "cancel": Remedy(
                key="cancel",
                label="Cancel the bill",
                fields=(_REASON,),
                hint="An approved bill is reversed.",
                needs_confirmation=True,
            ),
            "ask": Remedy(
                key="ask",
                label="Ask the owners by e-mail",
                hint="A mail cannot be taken back.",
                is_suggestion=True,
            ),
        }
        return Detail(evidence=facts, remedies=[offered[key] for key in self.remedies])

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry the remedy out."""
        bill, reason = _bill(subject_id), facts.get("reason", "")
        if remedy not in self.remedies:
            raise Refused(f'This item has no remedy "{remedy}".')
        try:
            if remedy == "release":
                row = services.release(bill, kind=self.kind, reason=reason, actor_id=actor_id)
                return Done(f"{bill}: {reason}"[:300], {"release": row.pk})
            if remedy == "cancel":
                services.cancel_bill(bill, reason=reason, actor_id=actor_id)
                return Done(f"Cancelled {bill}", {"cancelled": bill.pk})
            asked = services.ask_owners(bill, actor_id=actor_id)
        except PayablesError as refused:
            raise Refused(str(refused)) from refused
        if not asked:
            raise Refused("The owners were asked already; they have not answered.")
        names = ", ".join(str(each.owner) for each in asked)
        return Done(f"Asked {names} about {bill}"[:300], {"asked": bill.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Take a release back; a cancelled bill is entered again, a mail cannot be taken back."""
        if remedy != "release":
            raise Refused("This cannot be undone: enter the bill again, or write to the owner.")
        return _forget_release(facts["release"])


class OrderAnswers:
    """Work that is done and not billed."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The work order, and what can be done."""
        row = WorkOrder.objects.select_related("vendor", "property").get(pk=subject_id)
        link = reverse("payables:work_order", args=[row.pk])
        return Detail(
            evidence=[
                Evidence("Work order", str(row), link),
                Evidence(
                    "Vendor", str(row.vendor), reverse("payables:vendor", args=[row.vendor_id])
                ),
                Evidence("Property", str(row.property)),
            ],
            remedies=[
                Remedy(key="release", label="No bill will come", fields=(_REASON,)),
                Remedy(key="cancel", label="Cancel the work order", fields=(_REASON,)),
            ],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Note that no bill comes, or cancel the work order."""
        row, reason = WorkOrder.objects.get(pk=subject_id), facts.get("reason", "").strip()
        if not reason:
            raise Refused("Say why.")
        if remedy == "release":
            made, _ = Release.objects.get_or_create(
                kind=findings.WITHOUT_BILL,
                work_order=row,
                defaults={"reason": reason[:300], "made_by_id": actor_id},
            )
            return Done(f"{row}: {reason}"[:300], {"release": made.pk})
        if remedy != "cancel":
            raise Refused(f'This item has no remedy "{remedy}".')
        try:
            services.cancel_work_order(row, reason=reason, actor_id=actor_id)
        except PayablesError as refused:
            raise Refused(str(refused)) from refused
        return Done(f"Cancelled {row}", {"cancelled": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Take the note back; a cancelled work order is made again."""
        if remedy != "release":
            raise Refused("A cancelled work order stays cancelled; make it again.")
        return _forget_release(facts["release"])


class VendorAnswers:
    """A vendor whose insurance lapsed."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The vendor, and the day of the new certificate."""
        row = Vendor.objects.get(pk=subject_id)
        return Detail(
            evidence=[
                Evidence("Vendor", row.name, reverse("payables:vendor", args=[row.pk])),
                Evidence("Expired", f"{row.insurance_expires_on:%b %-d, %Y}"),
                Evidence("Then", row.get_insurance_policy_display()),
            ],
            remedies=[
                Remedy(
                    key="renew",
                    label="A new certificate came",
                    fields=(Field("until", "Insured until", kind="date"),),
                )
            ],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Write the new day down."""
        if remedy != "renew":
            raise Refused(f'This item has no remedy "{remedy}".')
        try:
            until = date.fromisoformat(facts.get("until", ""))
        except ValueError:
            raise Refused("Give the day as year-month-day, such as 2027-03-02.") from None
        row = Vendor.objects.get(pk=subject_id)
        before = row.insurance_expires_on
        services.change_vendor(row, actor_id=actor_id, insurance_expires_on=until)
        undo = {"vendor": row.pk, "before": before.isoformat() if before else ""}
        return Done(f"{row} is insured until {until:%b %-d, %Y}", undo)

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Put the day before back."""
        row = Vendor.objects.get(pk=facts["vendor"])
        before = date.fromisoformat(facts["before"]) if facts["before"] else None
        services.change_vendor(row, actor_id=actor_id, insurance_expires_on=before)
        return f"The insurance of {row} is as it was"


def _bill(subject_id: int) -> Bill:
    return Bill.objects.select_related("vendor", "work_order").get(pk=subject_id)


def _forget_release(pk: int) -> str:
    row = Release.objects.filter(pk=pk).first()
    if row is None:
        raise Refused("It was taken back already.")
    if row.bill is not None and row.bill.lines.filter(paid__gt=0).exists():
        raise Refused("The bill was paid since; that must come back first.")
    row.delete()
    return f"No longer: {row.reason}"
