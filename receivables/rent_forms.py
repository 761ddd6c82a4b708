"""What people type on the rent pages: charges, receipts, credits, moves, agencies' lists."""

from typing import Any

from django import forms
from django.utils import timezone
from moneyed import Money

from desk.models import LegalEntity, User
from desk.roles import Permission
from leases.models import Lease
from leases.queries import lease_by_code
from proptrust.lib.money import plain, usd
from receivables.forms import trust_books
from receivables.models import Charge, ChargeKind, Credit, HousingAgency, Receipt
from receivables.services.moves import WHY_SIZE
from receivables.subsidy_files import MOST_BYTES, USUAL, Unreadable, read_csv, read_typed
from receivables.types import NewSubsidyLine

# A security deposit that is applied and a subsidy have pages of their own.
_BY_HAND = [
    (Receipt.Channel.CHECK.value, "Check"),
    (Receipt.Channel.MONEY_ORDER.value, "Money order"),
    (Receipt.Channel.WIRE.value, "Wire"),
]
_NUMBERED = (Receipt.Channel.CHECK.value, Receipt.Channel.MONEY_ORDER.value)
_CENT = usd("0.01").amount


def _day(**facts: Any) -> forms.DateField:
    return forms.DateField(
        initial=timezone.localdate, widget=forms.DateInput(attrs={"type": "date"}), **facts
    )


def _amount(**facts: Any) -> forms.DecimalField:
    return forms.DecimalField(max_digits=14, decimal_places=2, min_value=_CENT, **facts)


def _nonce() -> forms.CharField:
    return forms.CharField(max_length=40, widget=forms.HiddenInput)


class ChargeForm(forms.Form):
    """What a tenant owes besides the monthly charges."""

    kind = forms.ChoiceField(choices=ChargeKind, label="What it is for")
    amount = _amount(label="Amount")
    due_on = _day(label="Due on")
    memo = forms.CharField(max_length=200, required=False, label="Memo")
    nonce = _nonce()


class ReceiveForm(forms.Form):
    """Money that came for a lease by mail or wire."""

    channel = forms.ChoiceField(choices=_BY_HAND, label="How it came")
    amount = _amount(label="Amount")
    received_on = _day(label="Received on")
    number = forms.CharField(
        max_length=60, required=False, label="Number on it", help_text="Of a check or money order."
    )
    tenant = forms.ChoiceField(required=False, label="Who paid")
    payer = forms.CharField(
        max_length=120, required=False, label="Or somebody else", help_text="As on the check."
    )
    memo = forms.CharField(max_length=300, required=False, label="Memo")
    nonce = _nonce()

    def __init__(self, *args: Any, lease: Lease, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = lease.tenancies.order_by("id").values_list("tenant_id", "tenant__name")
        self.names = {str(id_): name for id_, name in people}
        field: Any = self.fields["tenant"]
        field.choices = [*self.names.items(), ("", "Somebody else")]
        field.initial = next(iter(self.names), "")

    def clean(self) -> dict[str, Any]:
        """A check has its number, and somebody gave it."""
        facts: dict[str, Any] = super().clean() or {}
        if facts.get("channel") in _NUMBERED and not facts.get("number"):
            self.add_error("number", "Write the number that is printed on it.")
        facts["payer"] = facts.get("payer") or self.names.get(facts.get("tenant") or "", "")
        if not facts["payer"]:
            self.add_error("payer", "Say who paid.")
        return facts


class CreditForm(forms.Form):
    """What of a charge the tenants need not pay."""

    kind = forms.ChoiceField(choices=Credit.Kind, initial=Credit.Kind.WAIVER, label="What it is")
    amount = _amount(label="Amount")
    reason = forms.CharField(max_length=300, label="Reason")
    nonce = _nonce()

    def __init__(self, *args: Any, charge: Charge, left: Money, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left = left
        self.fields["amount"].initial = left.amount
        self.fields["amount"].help_text = f"At most {plain(left)}, what is left of the charge."

    def clean_amount(self) -> Money:
        """No more than is left of the charge."""
        amount = usd(self.cleaned_data["amount"])
        if amount > self.left:
            raise forms.ValidationError(f"Only {plain(self.left)} of the charge is left.")
        return amount


class WhyForm(forms.Form):
    """Why something is undone."""

    why = forms.CharField(max_length=WHY_SIZE, label="Reason")


class MoveForm(forms.Form):
    """To which lease a receipt goes, and why."""

    to = forms.CharField(max_length=40, label="Lease code")
    why = forms.CharField(max_length=WHY_SIZE, label="Reason")

    def __init__(self, *args: Any, entity_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entity_id = entity_id

    def clean_to(self) -> Lease:
        """The lease of the code, in the receipt's company."""
        code = self.cleaned_data["to"]
        lease = lease_by_code(self.entity_id, code)
        if lease is None:
            raise forms.ValidationError(f"There is no lease {code} in this company.")
        return lease


class MonthForm(forms.Form):
    """Which month to charge."""

    month = forms.DateField(
        input_formats=["%Y-%m"], widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m")
    )


class AgencyForm(forms.Form):
    """A housing agency."""

    name = forms.CharField(max_length=200, label="Name")


class SubsidyForm(forms.Form):
    """What an agency pays every month for a lease."""

    agency = forms.ModelChoiceField(HousingAgency.objects.none(), label="Agency")
    lease = forms.CharField(max_length=40, label="Lease code")
    tenant_code = forms.CharField(
        max_length=60, label="The agency's code", help_text="As its list names the family."
    )
    amount = _amount(label="A month")
    from_on = _day(label="From")
    until_on = forms.DateField(
        required=False, label="Until", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, entity: LegalEntity, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entity = entity
        agencies: Any = self.fields["agency"]
        agencies.queryset = HousingAgency.objects.filter(entity=entity)

    def clean_lease(self) -> Lease:
        """The lease of the code."""
        code = self.cleaned_data["lease"]
        lease = lease_by_code(self.entity.pk, code)
        if lease is None:
            raise forms.ValidationError(f"There is no lease {code} in this company.")
        return lease


class RemittanceForm(forms.Form):
    """An agency's transfer with its list: a CSV file, or lines that are typed."""

    agency = forms.ModelChoiceField(HousingAgency.objects.none(), label="Agency")
    book = forms.ModelChoiceField(HousingAgency.objects.none(), label="Trust account")
    number = forms.CharField(
        max_length=60, label="Number", help_text="As the bank prints it with the credit."
    )
    amount = _amount(label="Amount that arrives")
    arrives_on = _day(label="Arrives on")
    month = forms.DateField(
        input_formats=["%Y-%m"],
        label="Pays for the month",
        widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
    )
    file = forms.FileField(required=False, label="CSV file")
    typed = forms.CharField(
        required=False,
        max_length=200_000,
        label="Or the lines, typed",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Each the agency's code, the amount, a memo. Below zero is taken back.",
    )

    def __init__(self, *args: Any, entity: LegalEntity, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agencies: Any = self.fields["agency"]
        agencies.queryset = HousingAgency.objects.filter(entity=entity)
        books: Any = self.fields["book"]
        books.queryset = trust_books(user, Permission.POST).filter(
            entity=entity, bank_account__purpose="rent"
        )
        for name, usual in USUAL.items():
            self.fields[f"column_{name}"] = forms.CharField(
                max_length=100,
                required=False,
                label=f"Column of the {name if name != 'code' else 'code'}",
                widget=forms.TextInput(attrs={"placeholder": usual}),
            )

    def clean(self) -> dict[str, Any]:
        """The list, read whole or refused with every line that does not read."""
        facts: dict[str, Any] = super().clean() or {}
        facts["lines"] = self._lines(facts)
        return facts

    def columns(self) -> dict[str, str]:
        """What the agency's columns are called: as typed now, else as they were the last time."""
        agency = self.cleaned_data.get("agency")
        saved = agency.columns if agency else {}
        told = {name: self.cleaned_data.get(f"column_{name}") or "" for name in USUAL}
        return {name: told[name] or saved.get(name, "") for name in USUAL}

    def _lines(self, facts: dict[str, Any]) -> list[NewSubsidyLine]:
        file, typed = facts.get("file"), facts.get("typed")
        if bool(file) == bool(typed):
            self.add_error("typed", "Give the list once: a file, or the lines.")
            return []
        if file and file.size > MOST_BYTES:
            self.add_error("file", "The file is larger than 5 MB.")
            return []
        try:
            return read_csv(file.read(), self.columns()) if file else read_typed(str(typed))
        except Unreadable as bad:
            shown = [f"{each}." for each in bad.problems[:20]]
            if len(bad.problems) > 20:
                shown.append(f"And {len(bad.problems) - 20} more.")
            self.add_error("file" if file else "typed", shown)
            return []
