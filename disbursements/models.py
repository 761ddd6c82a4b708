"""Tables of owner draws: runs, what each owner is paid and why, and how shortages are made good.

Every figure is signed by what it does to the owner's claim: what gives is above zero, what takes is
below. PostgreSQL keeps that figures, lines and journal agree (sql/).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField
from moneyed import Money

from desk.models import Approval, LegalEntity, User
from leases.models import Lease, Owner, PayoutMethod, Property
from ledger.models import Beneficiary, Book, Entry, Line
from payments.models import Payment


def _amount(help_text: str = "") -> Any:
    return MoneyField(
        max_digits=14, decimal_places=2, default=0, default_currency="USD", help_text=help_text
    )


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share * 100:.2f}"


class Section(models.TextChoices):
    """What a line of an owner's claim is, as a statement shows it."""

    BROUGHT_FORWARD = "brought_forward", "Brought forward at the cut-over"
    RENT = "rent", "Rent collected"
    OTHER_COLLECTED = "other_collected", "Other charges collected"
    DEPOSIT_KEPT = "deposit_kept", "Security deposits kept for charges"
    MANAGEMENT_FEE = "management_fee", "Management fees"
    OTHER_FEE = "other_fee", "Other fees"
    BILL = "bill", "Bills paid"
    CONTRIBUTION = "contribution", "Owner contributions"
    RECOVERY = "recovery", "Advances and their repayment"
    ADJUSTMENT = "adjustment", "Adjustments of earlier periods"
    TRANSFER = "transfer", "Transfers between properties"
    ESCROW = "escrow", "Escrow funding"
    INTEREST = "interest", "Interest"
    DRAW_BACK = "draw_back", "Draws that came back or were paid again"
    WITHHELD = "withheld", "Tax withheld"
    DRAW = "draw", "Owner draw"
    OTHER = "other", "Other"


# The figure of a draw to which a section adds; sql/sections.v1.sql has the same table.
FIGURES = {
    Section.RENT: "collected",
    Section.OTHER_COLLECTED: "collected",
    Section.DEPOSIT_KEPT: "collected",
    Section.MANAGEMENT_FEE: "fees",
    Section.OTHER_FEE: "fees",
    Section.BILL: "bills",
    Section.CONTRIBUTION: "contributions",
    Section.RECOVERY: "recoveries",
    Section.ADJUSTMENT: "adjustments",
}
OTHER_FIGURE = "other"
FIGURE_NAMES = (
    "collected",
    "fees",
    "bills",
    "contributions",
    "recoveries",
    "adjustments",
    "other",
)


def figure_of(section: str) -> str:
    """The figure of a draw that a section adds to."""
    return FIGURES.get(Section(section), OTHER_FIGURE)


class Run(models.Model):
    """The owner draws of an entity up to a cut-off: frozen, reviewed, approved, sent, matched."""

    class State(models.TextChoices):
        FROZEN = "frozen", "Frozen"
        REVIEWED = "reviewed", "Waits for a second person"
        APPROVED = "approved", "Approved"
        SENT = "sent", "Sent"
        MATCHED = "matched", "Matched with the bank"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.FROZEN, State.REVIEWED, State.APPROVED)
    PAID = (State.SENT, State.MATCHED)

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="runs")
    cut_off_on = models.DateField(help_text="The last day whose lines are in it.")
    pays_on = models.DateField(help_text="The day the payments are dated.")
    state = models.CharField(max_length=10, choices=State, default=State.FROZEN)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    reviewed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    approval = models.OneToOneField(
        Approval, models.PROTECT, related_name="run", null=True, blank=True
    )
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    matched_on = models.DateField(null=True, blank=True)
    cancelled_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    cancelled_why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-cut_off_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["entity"],
                name="one_open_run_per_entity",
                condition=Q(state__in=["frozen", "reviewed", "approved"]),
            ),
            models.CheckConstraint(
                condition=Q(cut_off_on__lte=F("pays_on")), name="run_pays_after_its_cut_off"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | (~Q(approved_by=F("made_by")) & ~Q(approved_by=F("reviewed_by"))),
                name="run_maker_is_never_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "sent", "matched"])
                | Q(approved_by__isnull=False, reviewed_by__isnull=False),
                name="run_is_approved_by_someone",
            ),
            models.CheckConstraint(
                condition=~Q(state="cancelled") | ~Q(cancelled_why=""),
                name="cancelled_run_says_why",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["frozen", "reviewed", "approved", "sent", "matched", "cancelled"]
                ),
                name="run_state_known",
            ),
        ]
        indexes = [models.Index(fields=["entity", "-cut_off_on", "-id"], name="run_of_entity")]

    def __str__(self) -> str:
        return f"Run to {self.cut_off_on}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be sent or cancelled."""
        return self.state in self.OPEN

    @property
    def is_paid(self) -> bool:
        """Whether its payments were made."""
        return self.state in self.PAID


class OwnerDraw(models.Model):
    """What a run pays an owner out of one trust account, and how the figure came about.

    opening + collected + fees + bills + contributions + recoveries + adjustments + other
    = amount + withheld + repaid + closing. Of the closing, reserve_held stays as the agreements
    ask, and held_back is not seasoned yet. repaid: what goes to the company for its advances.
    """

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        HELD = "held", "Left out"
        NOTHING = "nothing", "Nothing to pay"
        SENT = "sent", "Sent"
        CLEARED = "cleared", "Cleared"
        RETURNED = "returned", "Came back"

    run = models.ForeignKey(Run, models.PROTECT, related_name="draws")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="draws")
    book = models.ForeignKey(Book, models.PROTECT, related_name="owner_draws")
    method = models.CharField(max_length=10, choices=PayoutMethod)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    opening = _amount()
    collected = _amount()
    fees = _amount()
    bills = _amount()
    contributions = _amount()
    recoveries = _amount()
    adjustments = _amount()
    other = _amount()
    amount = _amount()
    withheld = _amount()
    repaid = _amount()
    closing = _amount()
    reserve_held = _amount()
    held_back = _amount()
    next_cycle = _amount("What came after the cut-off, for the next run.")
    most = MoneyField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="A person pays at most this.",
    )
    hold_reason = models.CharField(max_length=300, blank=True)
    memo = models.CharField(max_length=200, blank=True, help_text="Printed with the payment.")
    tax_notes = models.JSONField(default=list, help_text="Why tax is withheld, in sentences.")
    warnings = models.JSONField(default=list, help_text="Sentences for the reviewer.")
    problems = models.PositiveSmallIntegerField(default=0, help_text="How many warnings it has.")
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="owner_draw", null=True, blank=True
    )

    class Meta:
        ordering = ["run", "owner__name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "owner", "book"], name="draw_once_per_run"),
            models.CheckConstraint(
                condition=Q(
                    opening=F("amount")
                    + F("withheld")
                    + F("repaid")
                    + F("closing")
                    - F("collected")
                    - F("fees")
                    - F("bills")
                    - F("contributions")
                    - F("recoveries")
                    - F("adjustments")
                    - F("other")
                ),
                name="draw_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, withheld__gte=0, repaid__gte=0),
                name="draw_pays_nothing_below_zero",
            ),
            models.CheckConstraint(
                condition=Q(reserve_held__gte=0, held_back__gte=0), name="draw_keeps_above_zero"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | (Q(amount=0, withheld=0) & ~Q(hold_reason="")),
                name="held_draw_pays_nothing",
            ),
            models.CheckConstraint(
                condition=Q(most__isnull=True) | Q(amount__lte=F("most")),
                name="draw_within_what_a_person_said",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "-problems", "id"], name="draw_worst_first"),
            models.Index(fields=["owner", "-id"], name="draw_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.amount}"

    @property
    def before(self) -> Money:
        """What the owner's claims came to on the cut-off day."""
        paid: Money = self.amount + self.withheld + self.repaid + self.closing
        return paid

    @property
    def all_else(self) -> Money:
        """The figures that a list shows as one."""
        rest: Money = self.contributions + self.recoveries + self.other
        return rest


class DrawProperty(models.Model):
    """An owner's part of one property inside a draw: the same equation, per beneficiary.

    opening + change + netted = amount + withheld + repaid + closing. netted: from (above zero) or
    to the owner's other properties. share, tax_share: as on the cut-off day, empty for a past
    owner. collected, fees: parts of the change.
    """

    draw = models.ForeignKey(OwnerDraw, models.PROTECT, related_name="properties")
    property = models.ForeignKey(Property, models.PROTECT, related_name="draw_properties")
    beneficiary = models.ForeignKey(Beneficiary, models.PROTECT, related_name="draw_properties")
    share = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    tax_share = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    opening = _amount()
    change = _amount("The sum of its lines in this run.")
    collected = _amount("Of the change: rent and other charges collected.")
    fees = _amount("Of the change: fees.")
    netted = _amount()
    amount = _amount()
    withheld = _amount()
    repaid = _amount()
    repays = models.JSONField(default=dict, help_text="Advance to what of repaid is for it.")
    closing = _amount()
    reserve_target = _amount()
    reserve_before = _amount("What the run before had kept.")
    reserve_held = _amount()
    held_back = _amount()
    next_cycle = _amount()

    class Meta:
        ordering = ["draw", "property__name"]
        verbose_name_plural = "draw properties"
        constraints = [
            models.UniqueConstraint(fields=["draw", "beneficiary"], name="draw_property_once"),
            models.CheckConstraint(
                condition=Q(
                    opening=F("amount")
                    + F("withheld")
                    + F("repaid")
                    + F("closing")
                    - F("change")
                    - F("netted")
                ),
                name="draw_property_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, withheld__gte=0, repaid__gte=0),
                name="draw_property_pays_nothing_below_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.property}: {self.amount}"

    def top_up(self) -> Money:
        """What this run adds to the reserve; below zero where it gives some of it back."""
        change: Money = self.reserve_held - self.reserve_before
        return change

    def share_percent(self) -> str:
        """The cash share in percent, two decimals."""
        return _percent(self.share)

    def tax_share_percent(self) -> str:
        """The tax share in percent, two decimals."""
        return _percent(self.tax_share)


class DrawLine(models.Model):
    """A line of the journal inside a draw, so that every figure opens its lines.

    part counted: it is in the figures, and in no other draw for ever; sent: one of the draw's own
    lines; next_cycle: it came after the cut-off; held_back: a part of a receipt that is not
    seasoned before until_on; freed: its run was cancelled.
    """

    class Part(models.TextChoices):
        COUNTED = "counted", "Counted"
        SENT = "sent", "Of this draw"
        NEXT_CYCLE = "next_cycle", "Next cycle"
        HELD_BACK = "held_back", "Held back"
        FREED = "freed", "Freed"

    draw_property = models.ForeignKey(DrawProperty, models.PROTECT, related_name="lines")
    part = models.CharField(max_length=10, choices=Part)
    section = models.CharField(max_length=20, choices=Section)
    # The journal's lines are never deleted; the statement that writes checks that they are there.
    line = models.ForeignKey(
        Line,
        models.PROTECT,
        related_name="draw_lines",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="draw_lines", db_constraint=False)
    amount = MoneyField(max_digits=14, decimal_places=2)
    dated_on = models.DateField()
    lease = models.ForeignKey(
        Lease, models.PROTECT, related_name="draw_lines", null=True, blank=True, db_index=False
    )
    until_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["draw_property", "dated_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["line"],
                name="line_in_one_draw",
                condition=Q(part__in=["counted", "sent"]),
            ),
            models.CheckConstraint(
                condition=Q(part="held_back", until_on__isnull=False)
                | (~Q(part="held_back") & Q(line__isnull=False)),
                name="draw_line_names_its_line",
            ),
            models.CheckConstraint(
                condition=Q(part__in=["counted", "sent", "next_cycle", "held_back", "freed"]),
                name="draw_line_part_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_section_display()} {self.amount}"


class Withholding(models.Model):
    """Tax that a draw holds back from an owner for one property, by one rule.

    base: what the rate was taken of in this run; due: that and what earlier runs could not hold;
    amount: what was held. said, source: the rule in words and where it stands.
    """

    draw_property = models.ForeignKey(DrawProperty, models.PROTECT, related_name="withholdings")
    kind = models.CharField(max_length=20, help_text="Of compliance.types.WithholdingKind.")
    jurisdiction = models.CharField(max_length=10)
    beneficiary = models.ForeignKey(
        Beneficiary, models.PROTECT, related_name="withholdings", help_text="The tax authority's."
    )
    rate = models.DecimalField(max_digits=7, decimal_places=6)
    base = _amount()
    due = _amount()
    amount = _amount()
    source = models.CharField(max_length=300)
    is_confirmed = models.BooleanField(default=False)
    entry = models.ForeignKey(
        Entry, models.PROTECT, related_name="withholdings", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["draw_property", "kind", "jurisdiction"], name="withholding_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & Q(amount__lte=F("due")), name="withheld_within_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.rate} {self.amount}"

    @property
    def percent(self) -> str:
        """The rate in percent, without zeros at the end: 24, 7.5."""
        return f"{(self.rate * 100).normalize():f}"


class WithholdingRemittance(models.Model):
    """Withheld tax that was paid to its authority."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="withholding_remittances")
    book = models.ForeignKey(Book, models.PROTECT, related_name="withholding_remittances")
    beneficiary = models.ForeignKey(
        Beneficiary, models.PROTECT, related_name="withholding_remittances"
    )
    key = models.CharField(max_length=120)
    amount = MoneyField(max_digits=14, decimal_places=2)
    paid_on = models.DateField()
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="withholding_remittance")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-paid_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="withholding_remittance_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="withholding_remits_money"),
        ]

    def __str__(self) -> str:
        return f"{self.beneficiary} {self.amount}"


class DrawChange(models.Model):
    """What a person changed of a frozen draw, and why."""

    draw = models.ForeignKey(OwnerDraw, models.PROTECT, related_name="changes")
    what = models.CharField(max_length=20)
    was = models.CharField(max_length=300, blank=True)
    now = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.what}: {self.was} → {self.now}"


class Recovery(models.Model):
    """How the shortage of an owner's claim is made good, step by step.

    amount: the shortage when it was opened. It closes by itself when the claim is not negative any
    more and the company has its advances back.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Made good"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="recoveries")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="recoveries")
    property = models.ForeignKey(Property, models.PROTECT, related_name="recoveries")
    beneficiary = models.ForeignKey(Beneficiary, models.PROTECT, related_name="recoveries")
    book = models.ForeignKey(Book, models.PROTECT, related_name="recoveries")
    amount = MoneyField(max_digits=14, decimal_places=2)
    cause = models.CharField(max_length=300)
    cause_entry = models.ForeignKey(
        Entry, models.PROTECT, related_name="recoveries", null=True, blank=True
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    opened_on = models.DateField()
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_on", "-id"]
        verbose_name_plural = "recoveries"
        constraints = [
            models.UniqueConstraint(
                fields=["book", "beneficiary"],
                name="one_open_recovery_per_claim",
                condition=Q(state="open"),
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="recovery_above_zero"),
            models.CheckConstraint(
                condition=Q(state="open", closed_on__isnull=True)
                | Q(state="closed", closed_on__isnull=False),
                name="closed_recovery_has_its_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}, {self.property}: {self.amount}"


class Contribution(models.Model):
    """Money asked of an owner, or come in from one, for a property.

    asked: nothing is posted; received: the entry stands.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked for"
        RECEIVED = "received", "Received"
        WITHDRAWN = "withdrawn", "No longer asked for"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="contributions")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="contributions")
    property = models.ForeignKey(Property, models.PROTECT, related_name="contributions")
    beneficiary = models.ForeignKey(Beneficiary, models.PROTECT, related_name="contributions")
    book = models.ForeignKey(Book, models.PROTECT, related_name="contributions")
    recovery = models.ForeignKey(
        Recovery, models.PROTECT, related_name="contributions", null=True, blank=True
    )
    key = models.CharField(max_length=120)
    amount = MoneyField(max_digits=14, decimal_places=2)
    state = models.CharField(max_length=10, choices=State)
    asked_on = models.DateField(null=True, blank=True)
    letter = models.TextField(blank=True, help_text="The words in which it was asked for.")
    received_on = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=100, blank=True, help_text="Check number or the like.")
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="contribution", null=True, blank=True
    )
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="contribution_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="contribution_above_zero"),
            models.CheckConstraint(
                condition=Q(state="received", entry__isnull=False, received_on__isnull=False)
                | (~Q(state="received") & Q(entry__isnull=True)),
                name="received_contribution_is_posted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.amount}"


class Advance(models.Model):
    """Money that the company lends an owner's claim, agreed by two people; draws pay it back."""

    class Source(models.TextChoices):
        TRUST = "trust", "What the company holds in the trust account"
        OPERATING = "operating", "A transfer from the operating account"

    recovery = models.ForeignKey(Recovery, models.PROTECT, related_name="advances")
    amount = MoneyField(max_digits=14, decimal_places=2)
    repaid = _amount("The sum of its repayments, kept by PostgreSQL.")
    source = models.CharField(max_length=10, choices=Source)
    on = models.DateField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    approval = models.OneToOneField(Approval, models.PROTECT, related_name="advance")
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="advance")

    class Meta:
        ordering = ["on", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="advance_above_zero"),
            models.CheckConstraint(
                condition=Q(repaid__gte=0) & Q(repaid__lte=F("amount")),
                name="advance_repaid_within_amount",
            ),
            models.CheckConstraint(
                condition=~Q(asked_by=F("approved_by")), name="advance_agreed_by_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} advanced on {self.on}"


class Repayment(models.Model):
    """What a draw gave back of an advance."""

    advance = models.ForeignKey(Advance, models.PROTECT, related_name="repayments")
    draw_property = models.ForeignKey(DrawProperty, models.PROTECT, related_name="repayments")
    amount = MoneyField(max_digits=14, decimal_places=2)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="repayments")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="repayment_above_zero"),
            models.UniqueConstraint(
                fields=["advance", "draw_property"], name="repayment_once_per_draw"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.advance}"


class RecoveryStep(models.Model):
    """One step of a recovery: planned, done or given up. Never deleted."""

    class Kind(models.TextChoices):
        OTHER_PROPERTIES = "other_properties", "From the owner's other properties"
        NEXT_CYCLES = "next_cycles", "From the next cycles' rent and draws"
        CONTRIBUTION = "contribution", "Asked of the owner"
        ADVANCE = "advance", "Advanced by the company"
        REPAYMENT = "repayment", "Advance paid back by a draw"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        DONE = "done", "Done"
        GIVEN_UP = "given_up", "Given up"

    recovery = models.ForeignKey(Recovery, models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    amount = MoneyField(max_digits=14, decimal_places=2)
    note = models.CharField(max_length=300, blank=True)
    entry = models.ForeignKey(
        Entry, models.PROTECT, related_name="recovery_steps", null=True, blank=True
    )
    contribution = models.OneToOneField(
        Contribution, models.PROTECT, related_name="step", null=True, blank=True
    )
    approval = models.OneToOneField(
        Approval, models.PROTECT, related_name="recovery_step", null=True, blank=True
    )
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    done_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="recovery_step_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(done_on__isnull=False),
                name="done_step_has_its_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
