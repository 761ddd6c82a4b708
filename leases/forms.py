"""What a bookkeeper types about the portfolio; rates are typed in percent."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.utils import timezone
from moneyed import Money

from leases.errors import SharesNotWhole
from leases.models import (
    LateFeeTerms,
    ManagementAgreement,
    Owner,
    PayoutMethod,
    Property,
    Tenant,
    Unit,
)
from leases.services import whole_shares
from proptrust.lib.money import ZERO, usd

HUNDRED = Decimal(100)


def _day(label: str, **facts: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}), **facts)


def _amount(label: str, **facts: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, max_digits=14, decimal_places=2, min_value=Decimal(0), **facts
    )


def _percent(label: str, **facts: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=f"{label} (%)", max_digits=7, decimal_places=4, min_value=Decimal(0), **facts
    )


class SharesForm(forms.Form):
    """Owners and their shares from a day on, one owner a line."""

    from_on = _day("From", initial=timezone.localdate)
    rows = forms.CharField(
        label="Owners",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="A line for each: code and share, as O12 1/3; a third word is the tax share.",
    )

    def __init__(self, *args: Any, property_: Property, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.property = property_

    def clean_rows(self) -> tuple[dict[Owner, Decimal], dict[Owner, Decimal] | None]:
        """The shares and, where any is told, the tax shares, by owner."""
        parts: dict[str, tuple[Fraction, Fraction | None]] = {}
        for number, line in enumerate(self.cleaned_data["rows"].splitlines(), 1):
            words = line.split()
            if not words:
                continue
            if len(words) not in (2, 3) or words[0] in parts:
                raise forms.ValidationError(f"Line {number}: an owner's code once, and a share.")
            try:
                told = [Fraction(word) for word in words[1:]]
            except (ValueError, ZeroDivisionError):
                raise forms.ValidationError(f"Line {number}: a share is 1/3 or 0.25.") from None
            parts[words[0]] = (told[0], told[1] if len(told) > 1 else None)
        owners = {
            owner.code: owner
            for owner in Owner.objects.filter(entity=self.property.entity_id, code__in=parts)
        }
        if missing := parts.keys() - owners.keys():
            raise forms.ValidationError(f"There is no owner {', '.join(sorted(missing))}.")
        taxes = [tax for _, tax in parts.values() if tax is not None]
        if taxes and len(taxes) != len(parts):
            raise forms.ValidationError("Give every owner a tax share, or none.")
        try:
            shares = whole_shares([share for share, _ in parts.values()])
            tax_shares = whole_shares(taxes) if taxes else []
        except SharesNotWhole as refusal:
            raise forms.ValidationError(f"{str(refusal).capitalize()}.") from refusal
        people = [owners[code] for code in parts]
        by_tax = dict(zip(people, tax_shares, strict=True)) if taxes else None
        return dict(zip(people, shares, strict=True)), by_tax


class AgreementForm(forms.Form):
    """All terms of management from a day on; it stands filled with those in force."""

    RATES = (
        "fee_rate",
        "late_fee_owner_rate",
        "lease_up_rate",
        "nsf_fee_owner_rate",
        "convenience_fee_rate",
    )
    AMOUNTS = (
        "fee_minimum",
        "fee_per_unit",
        "renewal_fee",
        "nsf_fee",
        "approval_threshold",
        "reserve_target",
    )
    # The kinds of receivables.models.ChargeKind, which is above this app; a test compares them.
    CHARGE_KINDS = (
        ("rent", "Rent"),
        ("parking", "Parking"),
        ("utilities", "Utilities"),
        ("pet", "Pet rent"),
        ("late_fee", "Late fee"),
        ("nsf_fee", "Returned-payment fee"),
        ("security_deposit", "Security deposit"),
        ("damage", "Damage"),
        ("other", "Other"),
    )

    from_on = _day("From", initial=timezone.localdate)
    fee_rate = _percent("Management fee", max_value=Decimal("99.9999"))
    fee_minimum = _amount("Least fee a month")
    fee_per_unit = _amount("For each let unit a month")
    late_fee_owner_rate = _percent("Owner's part of late fees", max_value=HUNDRED)
    lease_up_rate = _percent("Lease-up, of the first rent", max_value=HUNDRED)
    renewal_fee = _amount("Renewal fee")
    nsf_fee = _amount("Returned-payment fee")
    nsf_fee_owner_rate = _percent("Owner's part of those", max_value=HUNDRED)
    convenience_fee_rate = _percent("Card convenience fee", max_value=HUNDRED)
    approval_threshold = _amount("Owner approves bills from")
    reserve_target = _amount("Reserve")
    cut_off_day = forms.IntegerField(label="Cut-off day", min_value=1, max_value=31)
    payment_day = forms.IntegerField(label="Payment day", min_value=1, max_value=31)
    seasoning_days = forms.IntegerField(label="Banking days to season", min_value=0, max_value=60)
    allocation_order = forms.ChoiceField(
        label="Receipts pay", choices=ManagementAgreement.AllocationOrder
    )
    fee_free_kinds = forms.MultipleChoiceField(
        label="Bear no management fee",
        choices=CHARGE_KINDS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_fee_on_deposits = forms.BooleanField(
        label="Rent that a security deposit pays bears the fee", required=False
    )

    @classmethod
    def of(cls, row: ManagementAgreement) -> dict[str, Any]:
        """The terms of an agreement as they are typed."""
        facts = {name: getattr(row, name) for name in cls.base_fields if name != "from_on"}
        facts |= {name: (facts[name] * HUNDRED).normalize() for name in cls.RATES}
        facts |= {name: format(facts[name], "f") for name in cls.RATES}
        return facts | {name: facts[name].amount for name in cls.AMOUNTS}

    def facts(self) -> dict[str, Any]:
        """What the service takes: rates as fractions, amounts as money."""
        facts = dict(self.cleaned_data)
        facts |= {name: facts[name] / HUNDRED for name in self.RATES}
        return facts | {name: usd(facts[name]) for name in self.AMOUNTS}


class LateFeeForm(forms.Form):
    """Late-fee terms from a day on; the state's cap is applied on top."""

    from_on = _day("From", initial=timezone.localdate)
    kind = forms.ChoiceField(label="Kind", choices=LateFeeTerms.Kind)
    grace_days = forms.IntegerField(label="Days of grace", min_value=0, max_value=60)
    flat = _amount("Flat amount", required=False)
    rate = _percent("Part of what is open", required=False, max_value=Decimal("99.9999"))
    daily = _amount("For each day on", required=False)
    most = _amount("The most for one charge", required=False)

    def facts(self) -> dict[str, Any]:
        """What the service takes; what is empty is nothing."""
        facts = dict(self.cleaned_data)
        facts |= {name: usd(facts[name] or 0) for name in ("flat", "daily")}
        most: Money | None = usd(facts["most"]) if facts["most"] else None
        return facts | {"rate": (facts["rate"] or Decimal(0)) / HUNDRED, "most": most}


class OwnerForm(forms.Form):
    """What is known of an owner; bank details are asked for apart."""

    name = forms.CharField(label="Name", max_length=200)
    email = forms.EmailField(label="E-mail", required=False)
    payout_method = forms.ChoiceField(label="Draws go out by", choices=PayoutMethod)
    tax_id = forms.CharField(
        label="Tax id", max_length=20, required=False, help_text="Empty keeps the one on file."
    )
    tax_id_asked_on = _day("W-9 or W-8 sent on", required=False)
    address = forms.CharField(label="Address", required=False, widget=forms.Textarea)
    is_tax_id_certified = forms.BooleanField(label="A signed W-9 is on file", required=False)
    is_nonresident = forms.BooleanField(label="Foreign for federal tax", required=False)
    nets_properties = forms.BooleanField(label="Nets the properties' balances", required=False)

    def facts(self) -> dict[str, Any]:
        """What the service takes."""
        facts = dict(self.cleaned_data)
        if not facts["tax_id"]:
            del facts["tax_id"]
        return facts


class NewOwnerForm(forms.Form):
    """A new owner."""

    code = forms.CharField(label="Code", max_length=40)
    name = forms.CharField(label="Name", max_length=200)
    email = forms.EmailField(label="E-mail", required=False)


class BankForm(forms.Form):
    """Where an owner's draws go, and how that was confirmed."""

    routing_number = forms.CharField(label="Routing number", max_length=9)
    account_number = forms.CharField(label="Account number", max_length=17)
    evidence = forms.CharField(
        label="Confirmed how",
        max_length=1000,
        widget=forms.Textarea,
        help_text="Whom you called, at which number known before, and when.",
    )


class UnitForm(forms.Form):
    """A unit that can be let."""

    code = forms.CharField(label="Code", max_length=40)
    market_rent = _amount("Market rent", required=False)


class LeaseForm(forms.Form):
    """A unit let to one tenant, who is new or known by their code."""

    unit = forms.ModelChoiceField(Unit.objects.none(), label="Unit")
    code = forms.CharField(label="Lease code", max_length=40)
    starts_on = _day("From")
    ends_on = _day("Until", required=False)
    deposit_agreed = _amount("Security deposit agreed", required=False)
    tenant_code = forms.CharField(label="Tenant code", max_length=40)
    tenant_name = forms.CharField(
        label="Tenant name", max_length=200, required=False, help_text="Of a new tenant."
    )

    def __init__(self, *args: Any, property_: Property, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.property = property_
        field: Any = self.fields["unit"]
        field.queryset = property_.units.select_related("property")

    def clean(self) -> dict[str, Any]:
        """The days run forward; the tenant is known or named."""
        facts: dict[str, Any] = super().clean() or {}
        first, last = facts.get("starts_on"), facts.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", "A lease ends after it begins.")
        rows = Tenant.objects.filter(entity=self.property.entity_id)
        facts["tenant"] = rows.filter(code=facts.get("tenant_code", "")).first()
        if facts["tenant"] is None and not facts.get("tenant_name"):
            self.add_error("tenant_name", "No tenant has this code; name the new one.")
        facts["deposit"] = usd(facts["deposit_agreed"]) if facts.get("deposit_agreed") else ZERO
        return facts


class MoveOutForm(forms.Form):
    """The day on which the tenants left."""

    on = _day("Moved out on")


class AddressForm(forms.Form):
    """Where a tenant's refund goes."""

    address = forms.CharField(label="Forwarding address", max_length=500, widget=forms.Textarea)
