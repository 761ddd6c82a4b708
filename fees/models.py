"""Tables of layer 5: the company's fees, each with what caused it, and the draws of them."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
from leases.models import Lease, ManagementAgreement, Property
from ledger.models import Book, Entry
from payments.models import Payment
from receivables.models import Allocation


class FeeDraw(models.Model):
    """The company's part of a trust account, moved to its operating account.

    amount = fees + other. fees: the sum of the fees that it draws (Fee.draw). other: the rest of
    what the company has there, convenience fees less what processors and banks took; below zero
    where these took more.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="fee_draws")
    book = models.ForeignKey(Book, models.PROTECT, related_name="fee_draws")
    key = models.CharField(max_length=180)
    drawn_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2)
    fees = MoneyField(max_digits=14, decimal_places=2)
    other = MoneyField(max_digits=14, decimal_places=2)
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="fee_draw")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    undone_on = models.DateField(
        null=True, blank=True, help_text="The bank brought it back, or it was voided."
    )
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was undone.")

    class Meta:
        ordering = ["-drawn_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="fee_draw_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="fee_draw_above_zero"),
            models.CheckConstraint(
                condition=Q(amount=F("fees") + F("other")), name="fee_draw_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(made_by__isnull=True)
                | ~Q(approved_by=F("made_by")),
                name="fee_draw_maker_is_never_checker",
            ),
        ]

    def __str__(self) -> str:
        return f"Fee draw {self.drawn_on} {self.amount}"


class Fee(models.Model):
    """What the company earns for a property, or gives back (amount below zero). Never changed.

    parts: beneficiary id to amount, whom it is taken from; they sum to amount. entry: empty while
    the owners' money does not reach (it waits). basis, rate: what it was worked out from; rate is
    zero for a fixed amount. counts_on: the day it was earned or lost. month: the first day of the
    month that a period's fee belongs to.
    """

    class Kind(models.TextChoices):
        MANAGEMENT = "management", "Management fee"
        MINIMUM = "minimum", "Minimum fee"
        PER_UNIT = "per_unit", "Fee per unit"
        LATE_FEE_PART = "late_fee_part", "Part of a late fee"
        NSF_PART = "nsf_part", "Part of a returned-payment fee"
        LEASE_UP = "lease_up", "Lease-up fee"
        RENEWAL = "renewal", "Renewal fee"
        SCREENING = "screening", "Screening fee"
        SETUP = "setup", "Set-up fee"
        TRUE_UP = "true_up", "True-up of rounding"

    OF_ALLOCATIONS = (Kind.MANAGEMENT, Kind.LATE_FEE_PART, Kind.NSF_PART)
    OF_MONTHS = (Kind.MINIMUM, Kind.PER_UNIT, Kind.TRUE_UP)
    BY_HAND = (Kind.LEASE_UP, Kind.RENEWAL, Kind.SCREENING, Kind.SETUP)

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="fees")
    property = models.ForeignKey(Property, models.PROTECT, related_name="fees", db_index=False)
    lease = models.ForeignKey(Lease, models.PROTECT, related_name="fees", null=True, blank=True)
    agreement = models.ForeignKey(
        ManagementAgreement, models.PROTECT, related_name="fees", null=True, blank=True
    )
    book = models.ForeignKey(
        Book, models.PROTECT, related_name="fees", help_text="Whose owners' claims it is taken of."
    )
    kind = models.CharField(max_length=16, choices=Kind)
    allocation = models.ForeignKey(
        Allocation, models.PROTECT, related_name="fees", null=True, blank=True
    )
    basis = MoneyField(max_digits=14, decimal_places=2)
    rate = models.DecimalField(max_digits=7, decimal_places=6, default=Decimal(0))
    amount = MoneyField(max_digits=14, decimal_places=2)
    parts = models.JSONField(default=dict)
    counts_on = models.DateField()
    month = models.DateField(null=True, blank=True)
    key = models.CharField(max_length=180)
    reason = models.CharField(max_length=300, blank=True)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="fee", null=True, blank=True)
    reverses = models.OneToOneField(
        "self", models.PROTECT, related_name="reversed_by", null=True, blank=True
    )
    draw = models.ForeignKey(
        FeeDraw, models.PROTECT, related_name="drawn_fees", null=True, blank=True
    )
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-counts_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="fee_key_once"),
            # An allocation that was undone never lives again, so it bears a fee once for ever.
            models.UniqueConstraint(
                fields=["allocation", "kind"],
                name="fee_once_per_allocation",
                condition=Q(reverses__isnull=True),
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="fee_moves_money"),
            models.CheckConstraint(
                condition=Q(rate__gte=0) & Q(rate__lte=1), name="fee_rate_is_a_part"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0)
                | Q(reverses__isnull=False)
                | Q(kind__in=["minimum", "per_unit", "true_up"]),
                name="fee_below_zero_gives_back",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["management", "late_fee_part", "nsf_part"], allocation__isnull=False
                )
                | Q(
                    kind__in=[
                        "minimum", "per_unit", "true_up",
                        "lease_up", "renewal", "screening", "setup",
                    ],
                    allocation__isnull=True,
                ),
                name="fee_of_allocation_names_it",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["minimum", "per_unit", "true_up"], month__isnull=False)
                | (~Q(kind__in=["minimum", "per_unit", "true_up"]) & Q(month__isnull=True)),
                name="fee_of_month_names_it",
            ),
            models.CheckConstraint(
                condition=Q(draw__isnull=True) | Q(entry__isnull=False), name="drawn_fee_is_posted"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["entity", "counts_on", "id"],
                name="fee_waiting",
                condition=Q(entry__isnull=True),
            ),
            models.Index(
                fields=["book"],
                name="fee_undrawn",
                condition=Q(draw__isnull=True, entry__isnull=False),
            ),
            models.Index(fields=["property", "month"], name="fee_of_month"),
            models.Index(fields=["property", "counts_on"], name="fee_of_property"),
            models.Index(fields=["entity", "-counts_on", "-id"], name="fee_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.counts_on} {self.amount}"

    def state(self) -> str:
        """What became of it, in a word or two; a list loads `reversed_by` with it."""
        if self.reverses_id is not None:
            return "Gives back" if self.entry_id else "Given up"
        if hasattr(self, "reversed_by"):
            return "Given back" if self.entry_id else "Given up"
        if self.entry_id is None:
            return "Waits"
        return "Drawn" if self.draw_id else "Taken"
