"""What people type on the pages of fees: filters, a fee by hand, a draw."""

from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.utils import timezone

from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from fees.models import Fee
from leases.models import Lease, Property
from leases.queries import lease_by_code
from proptrust.lib.money import usd

BY = [("kind", "Kind of fee"), ("property", "Property"), ("lease", "Lease")]
STATES = [
    ("", "All"),
    ("taken", "Taken"),
    ("waiting", "Waiting for the owner's money"),
    ("back", "Given back"),
    ("undrawn", "Not yet drawn"),
]
_DAY = {"type": "date"}


def last_month() -> tuple[date, date]:
    """The first and the last day of the month before this one."""
    last = timezone.localdate().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


class CompanyForm(forms.Form):
    """Which company; hidden where a person has only one."""

    entity = forms.ModelChoiceField(LegalEntity.objects.none(), label="Company", empty_label=None)

    def __init__(self, data: Any, *, user: User, permission: Permission) -> None:
        allowed = LegalEntity.objects.filter(pk__in=roles.entity_ids(user, permission))
        self.usual = allowed.order_by("name", "pk").first()
        super().__init__(self._with_defaults(data), label_suffix="")
        field = cast("forms.ModelChoiceField[LegalEntity]", self.fields["entity"])
        field.queryset = allowed.order_by("name", "pk")
        if allowed.count() < 2:
            field.widget = forms.HiddenInput()

    def defaults(self) -> dict[str, Any]:
        """What an address that names nothing asks for."""
        return {"entity": self.usual.pk if self.usual else ""}

    def _with_defaults(self, data: Any) -> dict[str, Any]:
        given = {name: data.get(name) for name in data} if data else {}
        return {**self.defaults(), **given}


class PeriodForm(CompanyForm):
    """Which days of a company; the last month if none are named."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs=_DAY))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs=_DAY))

    def defaults(self) -> dict[str, Any]:
        """The last month."""
        start, end = last_month()
        return {**super().defaults(), "first": start.isoformat(), "last": end.isoformat()}

    def clean(self) -> dict[str, Any]:
        """Days in order, at most ten years of them."""
        facts: dict[str, Any] = super().clean() or {}
        first, last = facts.get("first"), facts.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day lies before the first.")
        if first and last and (last - first).days > 3660:
            self.add_error("last", "Ask for ten years at most.")
        return facts


class RevenueForm(PeriodForm):
    """Which days, summed up by what."""

    by = forms.ChoiceField(label="By", choices=BY)

    def defaults(self) -> dict[str, Any]:
        """By kind of fee."""
        return {**super().defaults(), "by": "kind"}


class FeesForm(CompanyForm):
    """Which fees of a company."""

    q = forms.CharField(label="Property or lease", required=False, max_length=60)
    kind = forms.ChoiceField(label="Kind", required=False, choices=[("", "All"), *Fee.Kind.choices])
    state = forms.ChoiceField(label="State", required=False, choices=STATES)
    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs=_DAY))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs=_DAY))


class NewFeeForm(forms.Form):
    """A fee that a person enters."""

    kind = forms.ChoiceField(
        label="Kind", choices=[(kind.value, kind.label) for kind in Fee.BY_HAND]
    )
    property = forms.CharField(label="Property code", max_length=40)
    lease = forms.CharField(
        label="Lease code", max_length=40, required=False, help_text="Empty: for the property."
    )
    amount = forms.DecimalField(
        label="Amount", max_digits=14, decimal_places=2, min_value=usd("0.01").amount
    )
    on = forms.DateField(
        label="Counts on", initial=timezone.localdate, widget=forms.DateInput(attrs=_DAY)
    )
    reason = forms.CharField(
        label="What it is for", max_length=300, help_text="The owner's statement shows it."
    )
    token = forms.CharField(widget=forms.HiddenInput(), max_length=40)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entities = roles.entity_ids(user, Permission.POST)

    def clean(self) -> dict[str, Any]:
        """The property and the lease of the codes, of a company where the person may post."""
        facts: dict[str, Any] = super().clean() or {}
        code = (facts.get("property") or "").strip()
        if not code:
            return facts
        houses = list(Property.objects.filter(entity__in=self._entities, code__iexact=code)[:2])
        if len(houses) != 1:
            said = "fits several properties" if houses else "is no property of your company"
            self.add_error("property", f"{code} {said}.")
            return facts
        facts["property"] = houses[0]
        if lease_code := (facts.get("lease") or "").strip():
            facts["lease"] = self._lease(houses[0], lease_code)
        else:
            facts["lease"] = None
        return facts

    def _lease(self, house: Property, code: str) -> Lease | None:
        lease = lease_by_code(house.entity_id, code)
        if lease is None or lease.unit.property_id != house.pk:
            self.add_error("lease", f"{code} is no lease of {house}.")
        return lease


class DrawForm(forms.Form):
    """How much of the company's money goes to its operating account, and when."""

    amount = forms.DecimalField(
        label="Amount", max_digits=14, decimal_places=2, min_value=usd("0.01").amount
    )
    on = forms.DateField(label="On", widget=forms.DateInput(attrs=_DAY))
