"""Tables of the portfolio: who owns what, who lives where, and on which terms it is managed."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
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


class PayoutMethod(models.TextChoices):
    """How money is paid out to somebody."""

    ACH = "ach", "ACH"
    CHECK = "check", "Check"
    PLATFORM = "platform", "Through a platform"


class Owner(models.Model):
    """Who owns property that we manage."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="owners")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    tax_id = EncryptedTextField(blank=True)
    payout_routing_number = models.CharField(max_length=9, blank=True)
    payout_account_number = EncryptedTextField(blank=True)
    payout_method = models.CharField(
        max_length=10, choices=PayoutMethod, default=PayoutMethod.ACH, help_text="How draws go out."
    )
    address = models.TextField(blank=True, help_text="As on an envelope, for checks and forms.")
    tax_id_asked_on = models.DateField(null=True, blank=True, help_text="W-9 or W-8 sent out.")
    is_tax_id_certified = models.BooleanField(
        default=False, help_text="A signed W-9 is on file; without it a part is withheld."
    )
    is_nonresident = models.BooleanField(
        default=False, help_text="Foreign for federal tax: W-8 instead of W-9."
    )
    nets_properties = models.BooleanField(
        default=True, help_text="One property's shortage is made good from the others first."
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["entity", "code"], name="owner_code_once")]

    def __str__(self) -> str:
        return self.name


class OwnerBankChange(models.Model):
    """Bank details of an owner: asked by one person, written on the owner when another agrees.

    evidence: who was called, at which number known before, and who answered.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for a second person"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    owner = models.ForeignKey(Owner, models.PROTECT, related_name="bank_changes")
    routing_number = models.CharField(max_length=9)
    account_number = EncryptedTextField()
    last_four = models.CharField(max_length=4)
    evidence = models.TextField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    decided_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was refused.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
                name="owner_bank_change_by_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(decided_by__isnull=False),
                name="owner_bank_change_approved_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(routing_number__regex=r"^[0-9]{9}$"),
                name="owner_bank_change_routing_number",
            ),
            models.CheckConstraint(
                condition=~Q(evidence=""), name="owner_bank_change_has_evidence"
            ),
            models.UniqueConstraint(
                fields=["owner"], condition=Q(state="waiting"), name="one_owner_bank_change_waits"
            ),
        ]

    def __str__(self) -> str:
        return f"Bank details of {self.owner}, ending in {self.last_four}"


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
    tax_share = models.DecimalField(
        max_digits=9,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="Of income and expense for tax; the share itself if empty.",
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
    forwarding_address = models.TextField(blank=True, help_text="Where a refund goes.")

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
    fee_per_unit = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="A month for each let unit, beside the rate.",
    )
    fee_free_kinds = models.JSONField(
        default=list, blank=True, help_text="Kinds of charge that bear no management fee."
    )
    is_fee_on_deposits = models.BooleanField(
        default=False, help_text="Rent that a security deposit pays bears a management fee."
    )
    lease_up_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=0, help_text="Of a new lease's first month's rent."
    )
    renewal_fee = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    nsf_fee = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="What a tenant owes for a returned payment, within the state's cap.",
    )
    nsf_fee_owner_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=0, help_text="The owner's part of those fees."
    )
    convenience_fee_rate = models.DecimalField(
        max_digits=7, decimal_places=6, default=0, help_text="What a tenant pays for using a card."
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
            models.CheckConstraint(
                condition=Q(
                    late_fee_owner_rate__range=(0, 1),
                    nsf_fee_owner_rate__range=(0, 1),
                    lease_up_rate__gte=0,
                    convenience_fee_rate__range=(0, 1),
                ),
                name="agreement_rates_are_fractions",
            ),
            models.CheckConstraint(
                condition=Q(
                    fee_minimum__gte=0,
                    fee_per_unit__gte=0,
                    renewal_fee__gte=0,
                    nsf_fee__gte=0,
                    reserve_target__gte=0,
                    approval_threshold__gte=0,
                ),
                name="agreement_amounts_not_below_zero",
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


class LateFeeTerms(models.Model):
    """What a late payment costs the tenant: a property's terms, or a lease's own in their place.

    The state's cap is applied on top (compliance.rules). kind flat: `flat`; percentage: `rate` of
    what is open of the rent; daily: `flat` at the end of the grace, then `daily` for each day on.
    """

    class Kind(models.TextChoices):
        FLAT = "flat", "A flat amount"
        PERCENTAGE = "percentage", "A part of what is open"
        DAILY = "daily", "So much a day"

    property = models.ForeignKey(
        Property, models.PROTECT, related_name="late_fee_terms", null=True, blank=True
    )
    lease = models.ForeignKey(
        Lease, models.PROTECT, related_name="late_fee_terms", null=True, blank=True
    )
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    grace_days = models.PositiveSmallIntegerField(
        help_text="Days after the due day without a fee; the due day itself is not counted."
    )
    flat = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    rate = models.DecimalField(max_digits=7, decimal_places=6, default=0)
    daily = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    most = MoneyField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="The most for one charge.",
    )

    class Meta:
        verbose_name_plural = "late fee terms"
        constraints = [
            models.CheckConstraint(
                condition=Q(property__isnull=False, lease__isnull=True)
                | Q(property__isnull=True, lease__isnull=False),
                name="late_fee_terms_of_one",
            ),
            models.CheckConstraint(
                condition=Q(rate__gte=0) & Q(rate__lt=1), name="late_fee_rate_is_a_fraction"
            ),
            models.CheckConstraint(
                condition=Q(flat__gte=0, daily__gte=0) & (Q(most__isnull=True) | Q(most__gt=0)),
                name="late_fee_amounts_not_below_zero",
            ),
            ExclusionConstraint(
                name="one_late_fee_terms_per_property_and_day",
                expressions=[
                    (_IdRange("property"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "until_on"), RangeOperators.OVERLAPS),
                ],
                condition=Q(property__isnull=False),
            ),
            ExclusionConstraint(
                name="one_late_fee_terms_per_lease_and_day",
                expressions=[
                    (_IdRange("lease"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "until_on"), RangeOperators.OVERLAPS),
                ],
                condition=Q(lease__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.property or self.lease} from {self.from_on}"
