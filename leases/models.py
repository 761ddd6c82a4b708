"""Tables of the portfolio: who owns what, who lives where, and on which terms it is managed."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity
from ledger.models import Beneficiary, Book
from proptrust.lib.fields import EncryptedTextField


class _IdRange(Func):
    """`int8range(id, id, '[]')`: equality of an id in a range index, without btree_gist."""

    function = "INT8RANGE"

    def __init__(self, field: str) -> None:
        super().__init__(F(field), F(field), Value("[]"))


class _DayRange(Func):
    """`daterange(from, until, '[]')`: the days from the first to the last, both included."""

    function = "DATERANGE"

    def __init__(self, first: str, last: str) -> None:
        super().__init__(F(first), F(last), Value("[]"))


class Owner(models.Model):
    """Who owns property that we manage."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="owners")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    tax_id = EncryptedTextField(blank=True)
    payout_routing_number = models.CharField(max_length=9, blank=True)
    payout_account_number = EncryptedTextField(blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["entity", "code"], name="owner_code_once")]

    def __str__(self) -> str:
        return self.name


class Property(models.Model):
    """A building or house with its own accrual book and the trust accounts that hold its money."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="properties")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    street = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=2)
    zip_code = models.CharField(max_length=10, blank=True)
    book = models.OneToOneField(Book, models.PROTECT, related_name="property_of")
    rent_book = models.ForeignKey(Book, models.PROTECT, related_name="rent_properties")
    deposit_book = models.ForeignKey(Book, models.PROTECT, related_name="deposit_properties")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "properties"
        constraints = [
            models.UniqueConstraint(fields=["entity", "code"], name="property_code_once")
        ]

    def __str__(self) -> str:
        return self.name


class OwnershipShare(models.Model):
    """An owner's share of a property over a span of days; PostgreSQL keeps the day's sum at one."""

    property = models.ForeignKey(Property, models.PROTECT, related_name="shares")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="shares")
    share = models.DecimalField(
        max_digits=9, decimal_places=8, help_text="A fraction: 0.5 is half."
    )
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)
    beneficiary = models.ForeignKey(
        Beneficiary,
        models.PROTECT,
        related_name="ownership_shares",
        help_text="This owner, of this property, in the ledger.",
    )

    class Meta:
        ordering = ["property", "from_on", "owner"]
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gt=Decimal(0)) & Q(share__lte=Decimal(1)),
                name="share_is_a_fraction",
            ),
            ExclusionConstraint(
                name="one_share_per_owner_and_day",
                expressions=[
                    (_IdRange("property"), RangeOperators.OVERLAPS),
                    (_IdRange("owner"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "until_on"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.share} of {self.property}"


class Unit(models.Model):
    """What is let: an apartment, a house, a parking place."""

    property = models.ForeignKey(Property, models.PROTECT, related_name="units")
    code = models.CharField(max_length=40)
    market_rent = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["property", "code"]
        constraints = [models.UniqueConstraint(fields=["property", "code"], name="unit_code_once")]

    def __str__(self) -> str:
        return f"{self.property} {self.code}"


class Tenant(models.Model):
    """A person who rents."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="tenants")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["entity", "code"], name="tenant_code_once")]

    def __str__(self) -> str:
        return self.name


class Lease(models.Model):
    """A unit let to one or more tenants, who are jointly liable. code: what payers may quote."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="leases")
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="leases")
    code = models.CharField(max_length=40)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    moved_out_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    deposit_agreed = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    prepaid = models.OneToOneField(
        Beneficiary,
        models.PROTECT,
        related_name="prepaid_lease",
        help_text="The tenants' prepaid rent in the ledger.",
    )
    deposit = models.OneToOneField(
        Beneficiary,
        models.PROTECT,
        related_name="deposit_lease",
        help_text="The tenants' security deposit in the ledger.",
    )

    class Meta:
        ordering = ["unit", "starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "code"], name="lease_code_once"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="lease_runs_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.unit}"


class LeaseTenant(models.Model):
    """A tenant on a lease, with the share that roommates agreed on: fractions that sum to one."""

    lease = models.ForeignKey(Lease, models.PROTECT, related_name="tenancies")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="tenancies")
    share = models.DecimalField(max_digits=9, decimal_places=8, default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lease", "tenant"], name="tenant_once_on_lease"),
            models.CheckConstraint(
                condition=Q(share__gt=Decimal(0)) & Q(share__lte=Decimal(1)),
                name="tenant_share_is_a_fraction",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} on {self.lease}"


class ManagementAgreement(models.Model):
    """The terms on which a property is managed, over a span of days."""

    class AllocationOrder(models.TextChoices):
        OLDEST_FIRST = "oldest_first", "Oldest charge first"
        RENT_FIRST = "rent_first", "Rent before fees, then oldest"

    property = models.ForeignKey(Property, models.PROTECT, related_name="agreements")
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)
    fee_rate = models.DecimalField(max_digits=7, decimal_places=6, help_text="0.08 is 8 %.")
    fee_minimum = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    late_fee_owner_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=1, help_text="The owner's part of late fees."
    )
    approval_threshold = MoneyField(
        max_digits=14, decimal_places=2, default=500, default_currency="USD"
    )
    reserve_target = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    cut_off_day = models.PositiveSmallIntegerField(default=25)
    payment_day = models.PositiveSmallIntegerField(default=10)
    seasoning_days = models.PositiveSmallIntegerField(default=5)
    allocation_order = models.CharField(
        max_length=20, choices=AllocationOrder, default=AllocationOrder.OLDEST_FIRST
    )

    class Meta:
        ordering = ["property", "from_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fee_rate__gte=0) & Q(fee_rate__lt=1), name="fee_rate_is_a_fraction"
            ),
            ExclusionConstraint(
                name="one_agreement_per_property_and_day",
                expressions=[
                    (_IdRange("property"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "until_on"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.property} from {self.from_on}"
