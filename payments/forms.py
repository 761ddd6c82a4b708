"""What people fill in about payments: filters, the bank's day, numbers of checks, a reason."""

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from connectors.models import Connection
from ledger.models import Book
from payments.models import Payment
from payments.services import approvals
from payments.services.stock import LARGEST
from proptrust.lib.banking import add_banking_days, is_banking_day

ANY = [("", "Any")]
WAYS = (
    (approvals.VOID, "Void it: it never reached the payee"),
    (approvals.STOP, "Stop it at the bank"),
    (approvals.BY_CHECK, "Pay again by check"),
    (approvals.BY_ACH, "Pay again to other bank data"),
)


class FilterForm(forms.Form):
    """Which payments a list shows; every field may be left empty."""

    q = forms.CharField(label="Number, payee or code", required=False, max_length=100, strip=True)
    book = forms.ModelChoiceField(
        queryset=Book.objects.none(), label="Account", required=False, empty_label="Any"
    )
    state = forms.ChoiceField(required=False, choices=[*ANY, *Payment.State.choices])
    method = forms.ChoiceField(required=False, choices=[*ANY, *Payment.Method.choices])
    purpose = forms.ChoiceField(
        label="For", required=False, choices=[*ANY, *Payment.Purpose.choices]
    )

    def __init__(self, *args: Any, books: QuerySet[Book], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Book]", self.fields["book"]).queryset = books


class FileForm(forms.Form):
    """For which bank connection a file is written, and the day it settles."""

    connection = forms.ModelChoiceField(
        queryset=Connection.objects.none(), label="Bank", empty_label=None
    )
    effective_on = forms.DateField(
        label="Settles on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, connections: QuerySet[Connection], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Connection]", self.fields["connection"]).queryset = connections
        self.fields["effective_on"].initial = add_banking_days(timezone.localdate(), 1)

    def clean_effective_on(self) -> Any:
        """Raises ValidationError for a day on which no bank settles."""
        day = self.cleaned_data["effective_on"]
        if not is_banking_day(day):
            raise forms.ValidationError("Banks are closed on this day.")
        return day


class ChangeForm(forms.Form):
    """What is to happen with one payment, and why."""

    how = forms.ChoiceField(label="What", choices=WAYS)
    why = forms.CharField(label="Why", max_length=300)
    routing_number = forms.CharField(
        label="Other bank data: routing number", max_length=9, required=False
    )
    account_number = forms.CharField(
        label="Other bank data: account number", max_length=17, required=False
    )
    is_savings = forms.BooleanField(label="It is a savings account", required=False)

    def __init__(self, *args: Any, payment: Payment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_back = payment.state in Payment.TAKEN_BACK
        is_check = payment.method == Payment.Method.CHECK
        allowed = {
            approvals.VOID: not is_back,
            approvals.STOP: is_check and not is_back,
            approvals.BY_CHECK: True,
            approvals.BY_ACH: True,
        }
        how = cast("forms.ChoiceField", self.fields["how"])
        how.choices = [(value, label) for value, label in WAYS if allowed[value]]


class StockForm(forms.Form):
    """The next check number of an account."""

    book = forms.ModelChoiceField(queryset=Book.objects.none(), widget=forms.HiddenInput)
    next_number = forms.IntegerField(min_value=1, max_value=LARGEST - 1)

    def __init__(self, *args: Any, books: QuerySet[Book], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Book]", self.fields["book"]).queryset = books


class GapForm(forms.Form):
    """What became of check numbers that no payment has."""

    book = forms.ModelChoiceField(queryset=Book.objects.none(), widget=forms.HiddenInput)
    first = forms.IntegerField(min_value=1, max_value=LARGEST - 1)
    last = forms.IntegerField(min_value=1, max_value=LARGEST - 1)
    why = forms.CharField(max_length=200)

    def __init__(self, *args: Any, books: QuerySet[Book], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Book]", self.fields["book"]).queryset = books


class PositivePayForm(forms.Form):
    """Of which account and days the bank wants the list of checks."""

    book = forms.ModelChoiceField(queryset=Book.objects.none(), label="Account", empty_label=None)
    since = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, books: QuerySet[Book], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Book]", self.fields["book"]).queryset = books
        today = timezone.localdate()
        self.fields["since"].initial = today.replace(day=1)
        self.fields["until"].initial = today
