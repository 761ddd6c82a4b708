"""Forms of the pages of deposits and escrows; each feeds one service."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from deposits.models import Deduction, EscrowFund, HandOver, Method, Notice
from leases.models import Lease, Property
from ledger.models import Book
from proptrust.lib.banking import is_routing_number

_ABOVE = Decimal("0.01")
_MOST = Decimal("999999999.99")


class DayInput(forms.DateInput):
    """A day picked in the browser."""

    input_type = "date"


def _day(label: str, *, required: bool = True) -> forms.DateField:
    return forms.DateField(label=label, widget=DayInput(), required=required)


def _amount(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=_ABOVE, max_value=_MOST, max_digits=14, decimal_places=2
    )


class PastDay:
    """A form whose day has come: nothing is posted ahead."""

    def clean_on(self) -> Any:
        day = cast("forms.Form", self).cleaned_data["on"]
        if day and day > timezone.localdate():
            raise forms.ValidationError("This day has not come yet.")
        return day


class StartForm(forms.Form):
    """Tenants have moved out."""

    lease = forms.ModelChoiceField(queryset=Lease.objects.none())
    moved_out_on = _day("Moved out on")
    ended_on = _day("Tenancy ended on, if another day", required=False)
    forwarding_address = forms.CharField(
        label="Forwarding address", required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, leases: QuerySet[Lease], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Lease]", self.fields["lease"])
        field.queryset = leases
        field.label_from_instance = lambda obj: f"{obj.code}, {obj.unit}"  # type: ignore[method-assign]


class DeductionForm(forms.Form):
    """One reason to keep money."""

    kind = forms.ChoiceField(choices=Deduction.Kind.choices)
    amount = _amount("Amount")
    memo = forms.CharField(label="For what", max_length=200)


class FileForm(forms.Form):
    """A picture or PDF."""

    file = forms.FileField(label="Photograph or PDF")


class SettleForm(PastDay, forms.Form):
    """The day of a settlement."""

    on = _day("Settle on")


class DeadlineForm(forms.Form):
    """A deadline by hand."""

    due_on = _day("Last day")
    citation = forms.CharField(label="By which law", max_length=300)


class WordsForm(forms.Form):
    """A reason."""

    why = forms.CharField(label="Why", max_length=300, required=False)


class RefundForm(forms.Form):
    """How one person gets a part of the refund."""

    payee = forms.CharField(max_length=200)
    method = forms.ChoiceField(choices=[(Method.CHECK, "Check"), (Method.ACH, "ACH")])
    address = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    routing_number = forms.CharField(label="Routing number", max_length=9, required=False)
    account_number = forms.CharField(label="Account number", max_length=34, required=False)
    fixed = forms.DecimalField(
        label="Fixed amount, instead of the share",
        min_value=Decimal(0),
        max_value=_MOST,
        decimal_places=2,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or {}
        if facts.get("method") == Method.ACH and not (
            is_routing_number(facts.get("routing_number", "")) and facts.get("account_number")
        ):
            self.add_error("routing_number", "ACH needs a routing number and an account number.")
        return facts


class SendForm(PastDay, forms.Form):
    """How a paper went out."""

    on = _day("Sent on")
    how = forms.ChoiceField(choices=Notice.How.choices)


class InterestForm(PastDay, forms.Form):
    """Interest that the bank paid in."""

    amount = _amount("Bank's interest")
    on = _day("Paid on")
    name = forms.CharField(label="As the statement calls it", max_length=100)


class RateForm(forms.Form):
    """What the bank paid in a year."""

    year = forms.IntegerField(min_value=1990, max_value=2100)
    percent = forms.DecimalField(
        label="Rate a year, %", min_value=Decimal(0), max_value=Decimal("99"), decimal_places=4
    )
    source = forms.CharField(label="Where it stands", max_length=200)


class OwnerHoldsForm(forms.Form):
    """What the owner holds of a deposit."""

    amount = forms.DecimalField(
        label="Held by the owner", min_value=Decimal(0), max_value=_MOST, decimal_places=2
    )


class BringForm(PastDay, forms.Form):
    """What the owner brings of it."""

    amount = _amount("Amount")
    on = _day("On")
    name = forms.CharField(label="Check number or name of the payment", max_length=80)
    from_rent = forms.BooleanField(
        label="From the owner's money in the rent account", required=False
    )


class HandOverForm(PastDay, forms.Form):
    """Deposits change hands."""

    property = forms.ModelChoiceField(queryset=Property.objects.none())
    kind = forms.ChoiceField(choices=HandOver.Kind.choices)
    to = forms.CharField(label="New holder", max_length=200)
    address = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    on = _day("On")

    def __init__(self, *args: Any, properties: QuerySet[Property], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Property]", self.fields["property"]).queryset = properties


class ReceiptForm(PastDay, forms.Form):
    """The new holder's receipt."""

    on = _day("Received on")
    file = forms.FileField(label="Receipt (picture or PDF)")


class FundForm(forms.Form):
    """A new escrow."""

    property = forms.ModelChoiceField(queryset=Property.objects.none())
    kind = forms.ChoiceField(choices=EscrowFund.Kind.choices)
    book = forms.ModelChoiceField(
        queryset=Book.objects.none(),
        label="Trust account",
        required=False,
        empty_label="The property's rent account",
    )
    target = forms.DecimalField(
        label="What stays in it",
        min_value=Decimal(0),
        max_value=_MOST,
        decimal_places=2,
        initial=Decimal(0),
    )

    def __init__(
        self, *args: Any, properties: QuerySet[Property], books: QuerySet[Book], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Property]", self.fields["property"]).queryset = properties
        cast("forms.ModelChoiceField[Book]", self.fields["book"]).queryset = books


class BillForm(forms.Form):
    """A bill that an escrow is kept for."""

    payee = forms.CharField(max_length=200)
    amount = _amount("Amount")
    due_on = _day("Due on")
    repeats_months = forms.IntegerField(
        label="Comes again after months", min_value=1, max_value=120, required=False
    )
    address = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))


class PayForm(PastDay, forms.Form):
    """How a bill is paid."""

    on = _day("Paid on")
    method = forms.ChoiceField(choices=[(Method.CHECK, "Check"), (Method.TRANSFER, "Transfer")])


class OnForm(PastDay, forms.Form):
    """A day."""

    on = _day("On")
