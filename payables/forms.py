"""What people type: vendors, work orders, bills with their split, owners' words, files."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone

from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from leases.models import Owner, Property
from payables.errors import PayablesError
from payables.models import Bill, BillLine, Vendor, WorkOrder
from payables.services.documents import MOST_BYTES
from payables.splits import WAYS, read_rows, split_bill
from payables.types import NewBill
from proptrust.lib.money import usd

_CENT = usd("0.01").amount
_FILES = ".pdf,.jpg,.jpeg,.png"


def _day(label: str, **facts: Any) -> forms.DateField:
    return forms.DateField(
        label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **facts
    )


def _amount(label: str, **facts: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, max_digits=14, decimal_places=2, min_value=_CENT, **facts
    )


def _choice(form: forms.Form, name: str) -> forms.ModelChoiceField[Any]:
    return cast("forms.ModelChoiceField[Any]", form.fields[name])


def entities(user: User, permission: Permission) -> QuerySet[LegalEntity]:
    """The companies at which a person may do something."""
    return LegalEntity.objects.filter(pk__in=roles.entity_ids(user, permission))


def file_of(upload: UploadedFile[Any]) -> bytes:
    """The bytes of an upload; what is larger than any file we keep is not read."""
    if (upload.size or 0) > MOST_BYTES:
        raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    body: bytes = upload.read()
    return body


class VendorForm(forms.Form):
    """What is known of a vendor, bank details excepted."""

    entity = forms.ModelChoiceField(LegalEntity.objects.none(), label="Company", empty_label=None)
    code = forms.CharField(max_length=40, label="Code")
    name = forms.CharField(max_length=200, label="Name", help_text="As on checks and forms.")
    kind = forms.ChoiceField(choices=Vendor.Kind.choices, label="Kind")
    tax_id = forms.CharField(
        max_length=20,
        required=False,
        label="Tax id",
        help_text="Stored encrypted; empty: as it is.",
    )
    is_tax_id_certified = forms.BooleanField(
        required=False, label="A signed W-9 was looked at and fits"
    )
    insurance_expires_on = _day("Insurance expires on", required=False)
    insurance_policy = forms.ChoiceField(
        choices=Vendor.InsurancePolicy.choices, label="When the insurance lapses"
    )
    payout_method = forms.ChoiceField(label="Paid by", choices=())
    address = forms.CharField(
        required=False, max_length=500, label="Address", widget=forms.Textarea(attrs={"rows": 3})
    )
    email = forms.EmailField(required=False, label="E-mail")
    phone = forms.CharField(max_length=30, required=False, label="Phone")
    is_active = forms.BooleanField(required=False, label="Active", initial=True)

    def __init__(self, *args: Any, user: User, vendor: Vendor | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        method = Vendor._meta.get_field("payout_method")
        cast("forms.ChoiceField", self.fields["payout_method"]).choices = list(method.choices or ())
        if vendor is None:
            del self.fields["is_tax_id_certified"], self.fields["is_active"]
            _choice(self, "entity").queryset = entities(user, Permission.POST)
            return
        del self.fields["entity"], self.fields["code"]
        for name in self.fields.keys() - {"tax_id"}:
            self.fields[name].initial = getattr(vendor, name)

    def facts(self) -> dict[str, Any]:
        """What was typed, as the service takes it."""
        facts = dict(self.cleaned_data)
        if not facts["tax_id"]:
            del facts["tax_id"]
        return facts


class BankForm(forms.Form):
    """Bank details of a vendor, with the call that confirmed them."""

    routing_number = forms.CharField(max_length=9, label="Routing number")
    account_number = forms.CharField(max_length=17, label="Account number")
    is_savings = forms.BooleanField(required=False, label="A savings account")
    evidence = forms.CharField(
        max_length=1000,
        label="The call that confirmed them",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Whom you called, at which number known before, and when.",
    )


class FileForm(forms.Form):
    """One file."""

    file = forms.FileField(label="File", widget=forms.FileInput(attrs={"accept": _FILES}))

    def clean_file(self) -> tuple[str, bytes]:
        """Its name and bytes."""
        upload: UploadedFile[Any] = self.cleaned_data["file"]
        return upload.name or "file", file_of(upload)


class WorkOrderForm(forms.Form):
    """What a vendor is asked to do."""

    key = forms.CharField(max_length=60, widget=forms.HiddenInput())
    vendor = forms.ModelChoiceField(Vendor.objects.none(), label="Vendor")
    property = forms.ModelChoiceField(Property.objects.none(), label="Property")
    unit = forms.CharField(max_length=40, required=False, label="Unit", help_text="Its code.")
    title = forms.CharField(max_length=200, label="What is to be done")
    estimate = _amount("Estimate", required=False)
    description = forms.CharField(
        required=False, max_length=4000, label="More", widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("key", f"typed:{uuid.uuid4()}")
        super().__init__(*args, **kwargs)
        allowed = roles.entity_ids(user, Permission.APPROVE)
        _choice(self, "vendor").queryset = Vendor.objects.filter(entity__in=allowed, is_active=True)
        _choice(self, "property").queryset = Property.objects.filter(entity__in=allowed)

    def clean(self) -> dict[str, Any]:
        """The unit of the code, and vendor and property of one company."""
        facts: dict[str, Any] = super().clean() or {}
        vendor, place, code = facts.get("vendor"), facts.get("property"), facts.get("unit")
        if vendor and place and vendor.entity_id != place.entity_id:
            self.add_error("vendor", "Vendor and property are of two companies.")
        facts["unit"] = place.units.filter(code=code).first() if place and code else None
        if place and code and facts["unit"] is None:
            self.add_error("unit", f"{place} has no unit {code}.")
        return facts


class BillForm(forms.Form):
    """A bill or credit, with how it is split over properties."""

    key = forms.CharField(max_length=60, widget=forms.HiddenInput())
    vendor = forms.ModelChoiceField(Vendor.objects.none(), label="Vendor")
    number = forms.CharField(max_length=60, label="The vendor's number")
    is_credit = forms.BooleanField(required=False, label="A credit: the vendor gives money back")
    dated_on = _day("Dated")
    due_on = _day("Due", required=False)
    amount = _amount("Amount")
    category = forms.ChoiceField(choices=BillLine.Category.choices, label="For")
    work_order = forms.ModelChoiceField(
        WorkOrder.objects.none(), required=False, label="Work order", empty_label="None"
    )
    file = forms.FileField(
        required=False, label="The bill as a file", widget=forms.FileInput(attrs={"accept": _FILES})
    )
    memo = forms.CharField(max_length=300, required=False, label="Memo")
    way = forms.ChoiceField(choices=list(WAYS.items()), label="Split over properties")
    rows = forms.CharField(
        required=False,
        max_length=60_000,
        label="Properties, one per row",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=(
            "Code, figure, memo; paste them from a sheet. A unit stands after a slash: P-12/4B."
            " By units and as last time need no figures."
        ),
    )

    def __init__(self, *args: Any, user: User, bill: Bill | None = None, **kwargs: Any) -> None:
        initial = {"key": f"typed:{uuid.uuid4()}", "dated_on": timezone.localdate()}
        if bill is not None:
            initial = _as_typed(bill)
        super().__init__(*args, **{**kwargs, "initial": {**initial, **kwargs.get("initial", {})}})
        self.bill = bill
        allowed = roles.entity_ids(user, Permission.POST)
        if bill is not None:
            allowed = [bill.entity_id]
        _choice(self, "vendor").queryset = Vendor.objects.filter(entity__in=allowed, is_active=True)
        open_ = WorkOrder.objects.filter(entity__in=allowed)
        _choice(self, "work_order").queryset = open_.exclude(
            state__in=[WorkOrder.State.CANCELLED, WorkOrder.State.CLEARED]
        )

    def clean_file(self) -> tuple[str, bytes] | None:
        """Its name and bytes, if one was given."""
        upload: UploadedFile[Any] | None = self.cleaned_data["file"]
        return None if upload is None else (upload.name or "file", file_of(upload))

    def clean(self) -> dict[str, Any]:
        """The lines of the split, which come to the amount."""
        facts: dict[str, Any] = super().clean() or {}
        if self.errors:
            return facts
        vendor: Vendor = facts["vendor"]
        try:
            rows = read_rows(facts["rows"], vendor.entity_id)
            facts["lines"] = split_bill(
                usd(facts["amount"]),
                facts["way"],
                rows,
                category=facts["category"],
                vendor_id=vendor.pk,
            )
        except PayablesError as refused:
            self.add_error("rows", str(refused))
        return facts

    def new_bill(self, document_id: int | None) -> NewBill:
        """The bill that was typed."""
        facts = self.cleaned_data
        return NewBill(
            entity_id=facts["vendor"].entity_id,
            key=facts["key"],
            vendor_id=facts["vendor"].pk,
            number=facts["number"],
            is_credit=facts["is_credit"],
            dated_on=facts["dated_on"],
            due_on=facts["due_on"],
            amount=usd(facts["amount"]),
            memo=facts["memo"],
            work_order_id=facts["work_order"].pk if facts["work_order"] else None,
            document_id=document_id,
            lines=facts["lines"],
        )


def _as_typed(bill: Bill) -> dict[str, Any]:
    """What would be typed for a bill that stands."""
    lines = list(bill.lines.select_related("property", "unit").order_by("position"))
    rows = [
        "\t".join(
            [
                line.property.code + (f"/{line.unit.code}" if line.unit else ""),
                str(line.amount.amount),
                line.memo,
            ]
        ).rstrip()
        for line in lines
    ]
    return {
        "key": bill.key,
        "vendor": bill.vendor_id,
        "number": bill.number,
        "is_credit": bill.is_credit,
        "dated_on": bill.dated_on,
        "due_on": bill.due_on,
        "amount": bill.amount.amount,
        "category": lines[0].category if lines else BillLine.Category.REPAIRS,
        "work_order": bill.work_order_id,
        "memo": bill.memo,
        "way": "amount",
        "rows": "\n".join(rows),
    }


class EvidenceForm(forms.Form):
    """An owner's approval that came another way than by our link."""

    property = forms.ModelChoiceField(Property.objects.none(), label="Property", empty_label=None)
    owner = forms.ModelChoiceField(Owner.objects.none(), label="Owner", empty_label=None)
    evidence = forms.CharField(
        max_length=1000,
        label="Who approved it, when, and how",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    file = forms.FileField(
        required=False, label="Letter or mail", widget=forms.FileInput(attrs={"accept": _FILES})
    )

    def __init__(self, *args: Any, properties: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choice(self, "property").queryset = Property.objects.filter(pk__in=properties)
        _choice(self, "owner").queryset = Owner.objects.filter(
            shares__property__in=properties
        ).distinct()

    def clean_file(self) -> tuple[str, bytes] | None:
        """Its name and bytes, if one was given."""
        upload: UploadedFile[Any] | None = self.cleaned_data["file"]
        return None if upload is None else (upload.name or "file", file_of(upload))
