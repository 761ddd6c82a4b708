"""Tables of layer 3: security deposits with their interest, notices and return; escrows."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
from leases.models import Lease, Property, Tenant, _DayRange, _IdRange
from ledger.models import Beneficiary, Book, Entry
from payments.models import Payment
from proptrust.lib.fields import EncryptedTextField
from receivables.models import Receipt


class Method(models.TextChoices):
    """How money goes out to somebody (a part of payments.models.Payment.Method)."""

    CHECK = "check", "Check"
    ACH = "ach", "ACH"
    TRANSFER = "transfer", "Transfer"


class Deposit(models.Model):
    """The security deposit of a lease. What is held of it stands in the ledger (Lease.deposit)."""

    class Holder(models.TextChoices):
        TRUST = "trust", "We hold it in trust"
        OWNER = "owner", "The owner holds it"

    class State(models.TextChoices):
        HELD = "held", "Held"
        SETTLED = "settled", "Settled"
        HANDED_OVER = "handed_over", "Handed over"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="deposits")
    lease = models.OneToOneField(Lease, models.PROTECT, related_name="security_deposit")
    book = models.ForeignKey(
        Book, models.PROTECT, related_name="deposits", help_text="The trust account it belongs in."
    )
    holder = models.CharField(max_length=10, choices=Holder, default=Holder.TRUST)
    taken_on = models.DateField(null=True, blank=True, help_text="When its first money came.")
    banked_on = models.DateField(
        null=True, blank=True, help_text="When its first money came into these books."
    )
    is_brought_forward = models.BooleanField(
        default=False, help_text="It was there at the cut-over: the first papers are not ours."
    )
    owner_held = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="What the owner holds of it.",
    )
    state = models.CharField(max_length=12, choices=State, default=State.HELD)

    class Meta:
        ordering = ["lease__code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(owner_held=0) | Q(owner_held__gt=0, holder="owner"),
                name="owner_holds_what_is_his_to_hold",
            )
        ]

    def __str__(self) -> str:
        return f"Security deposit of {self.lease.code}"


class DepositShare(models.Model):
    """A roommate's part of a deposit: fractions that sum to one."""

    deposit = models.ForeignKey(Deposit, models.PROTECT, related_name="shares")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="deposit_shares")
    share = models.DecimalField(max_digits=9, decimal_places=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deposit", "tenant"], name="tenant_once_in_deposit"),
            models.CheckConstraint(
                condition=Q(share__gt=0) & Q(share__lte=1), name="deposit_share_is_a_fraction"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.share} of {self.deposit}"


class KnownFact(models.Model):
    """A fact that a rule asks for and that no other table tells: of a property, or one lease.

    name: of compliance.conditions.FACTS. value: as JSON; an amount or a day as text.
    """

    property = models.ForeignKey(Property, models.PROTECT, related_name="deposit_facts")
    lease = models.ForeignKey(
        Lease, models.PROTECT, related_name="deposit_facts", null=True, blank=True
    )
    name = models.CharField(max_length=60)
    value = models.JSONField()
    entered_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    entered_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["property", "lease", "name"], name="fact_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.lease or self.property}"


class Question(models.Model):
    """What a rule asks about a deposit and nobody has told; gone when it is answered."""

    deposit = models.ForeignKey(Deposit, models.CASCADE, related_name="questions")
    topic = models.CharField(max_length=40, help_text="interest, bank notice, return …")
    fact = models.CharField(max_length=60, blank=True, help_text="Empty: the law is not known.")
    text = models.TextField()
    asked_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deposit", "topic"], name="question_once_a_topic")
        ]

    def __str__(self) -> str:
        return self.text


class DepositRate(models.Model):
    """What a bank paid on a deposit account in a calendar year: entered by a person."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="deposit_rates")
    year = models.PositiveSmallIntegerField()
    rate = models.DecimalField(
        max_digits=7, decimal_places=6, help_text="A year, as a fraction: 0.015 is 1.5 %."
    )
    source = models.CharField(max_length=200, help_text="Where it was read, as the bank's 1099.")
    entered_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    entered_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["book", "-year"]
        constraints = [
            models.UniqueConstraint(fields=["book", "year"], name="deposit_rate_once"),
            models.CheckConstraint(
                condition=Q(rate__gte=0) & Q(rate__lt=1), name="deposit_rate_is_a_fraction"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.year}: {self.rate}"


class BankInterest(models.Model):
    """Interest that the bank paid into a deposit account; it waits to be credited to tenants."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="bank_interest")
    key = models.CharField(max_length=200)
    paid_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="bank_interest")

    class Meta:
        ordering = ["-paid_on"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="bank_interest_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bank_interest_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.paid_on} {self.amount}"


class InterestCredit(models.Model):
    """Interest of a deposit for some days, with how it was reckoned.

    steps: list of {"from", "to", "principal", "rate", "days", "of_days", "rate_from"}. bank: what
    the bank paid on it in these days, where that decides. fee: what the manager kept of that.
    amount: the tenant's part.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for money"
        CREDITED = "credited", "Credited"
        NOTHING = "nothing", "Nothing is owed"

    class FundedBy(models.TextChoices):
        BANK = "bank", "The bank's interest"
        OWNER = "owner", "The owner"

    deposit = models.ForeignKey(Deposit, models.PROTECT, related_name="interest_credits")
    from_on = models.DateField()
    to_on = models.DateField()
    method = models.CharField(max_length=20)
    steps = models.JSONField(default=list)
    bank = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    fee = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    amount = MoneyField(max_digits=14, decimal_places=2)
    citation = models.CharField(max_length=300)
    is_confirmed = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State)
    funded_by = models.CharField(max_length=10, choices=FundedBy, blank=True)
    waits_for = models.CharField(max_length=300, blank=True)
    credited_on = models.DateField(null=True, blank=True)
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="deposit_interest", null=True, blank=True
    )

    class Meta:
        ordering = ["deposit", "from_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_on__lte=F("to_on")), name="interest_runs_forward"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & Q(fee__gte=0) & Q(bank__gte=0),
                name="interest_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(state="credited", entry__isnull=False, amount__gt=0)
                | Q(state="waiting", entry__isnull=True, amount__gt=0)
                | Q(state="nothing", entry__isnull=True, amount=0),
                name="credited_interest_is_posted",
            ),
            ExclusionConstraint(
                name="interest_once_a_day",
                expressions=[
                    (_IdRange("deposit"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "to_on"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} on {self.deposit} for {self.from_on} to {self.to_on}"


class Notice(models.Model):
    """A paper that the law (or the change of who holds the money) asks for, and its proof."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt", "Receipt for the deposit"
        BANK = "bank", "Notice of the bank"
        CONDITION = "condition", "Statement of condition"
        INTEREST = "interest", "Yearly interest statement"
        CLAIM = "claim", "Notice of claim"
        DISPOSITION = "disposition", "Disposition of the deposit"
        TRANSFER = "transfer", "Notice of a new holder"

    class How(models.TextChoices):
        MAIL = "mail", "First-class mail"
        CERTIFIED = "certified", "Certified mail"
        EMAIL = "email", "E-mail"
        HAND = "hand", "By hand"

    deposit = models.ForeignKey(Deposit, models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=12, choices=Kind)
    event_on = models.DateField(help_text="From which its days are counted.")
    due_on = models.DateField(null=True, blank=True, help_text="Empty: no day is set.")
    counted_how = models.CharField(max_length=200, blank=True)
    citation = models.CharField(max_length=300, blank=True)
    is_confirmed = models.BooleanField(default=False)
    content = models.TextField(blank=True, help_text="What the law wants in it.")
    to = models.CharField(max_length=200, blank=True, help_text="The new holder, of a transfer.")
    letter = models.BinaryField(null=True, blank=True, help_text="PDF, as it was sent.")
    sent_on = models.DateField(null=True, blank=True)
    how = models.CharField(max_length=10, choices=How, blank=True)
    proof_name = models.CharField(max_length=200, blank=True)
    proof_type = models.CharField(max_length=60, blank=True)
    proof = models.BinaryField(null=True, blank=True)
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["deposit", "kind", "event_on"], name="notice_once"),
            models.CheckConstraint(
                condition=Q(sent_on__isnull=True, how="") | (Q(sent_on__isnull=False) & ~Q(how="")),
                name="sent_notice_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on"], name="notice_open", condition=Q(sent_on__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.deposit.lease.code}"


class MoveOut(models.Model):
    """How a deposit is given back: its deadline, what is kept and why, who gets the rest."""

    class State(models.TextChoices):
        OPEN = "open", "Being prepared"
        REVIEWED = "reviewed", "Reviewed"
        SETTLED = "settled", "Settled"
        CANCELLED = "cancelled", "Cancelled"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="move_outs")
    lease = models.ForeignKey(Lease, models.PROTECT, related_name="move_outs")
    deposit = models.ForeignKey(Deposit, models.PROTECT, related_name="move_outs")
    moved_out_on = models.DateField()
    ended_on = models.DateField(help_text="When the tenancy ended.")
    forwarding_address = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)

    due_on = models.DateField(null=True, blank=True, help_text="Empty: the law is not known.")
    due_how = models.CharField(max_length=300, blank=True)
    due_citation = models.CharField(max_length=300, blank=True)
    is_due_confirmed = models.BooleanField(default=False)
    claim_due_on = models.DateField(null=True, blank=True, help_text="Of the notice of claim.")
    objection_days = models.PositiveSmallIntegerField(null=True, blank=True)
    balance_days = models.PositiveSmallIntegerField(null=True, blank=True)
    claim_sent_on = models.DateField(null=True, blank=True)
    agreed_on = models.DateField(null=True, blank=True, help_text="When the tenant agreed.")
    penalty = models.TextField(blank=True, help_text="What being late costs.")
    no_interest_because = models.CharField(max_length=300, blank=True)

    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    reviewed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    settled_on = models.DateField(null=True, blank=True)

    # What settlement found and did; empty before it. held: the deposit itself, without interest.
    held = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    interest = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    deducted = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    prepaid = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="What of the deductions prepaid rent paid.",
    )
    kept = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    refunded = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    still_owed = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    kept_receipt = models.OneToOneField(
        Receipt, models.PROTECT, related_name="kept_of", null=True, blank=True
    )
    kept_entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="kept_deposit", null=True, blank=True
    )
    letter = models.BinaryField(null=True, blank=True, help_text="PDF of the disposition.")
    letter_sent_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["due_on", "moved_out_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["lease"], name="one_move_out_a_lease", condition=~Q(state="cancelled")
            ),
            models.CheckConstraint(
                condition=~Q(state="settled")
                | Q(settled_on__isnull=False, held=F("kept") + F("refunded") - F("interest")),
                name="settlement_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(kept__gte=0)
                & Q(refunded__gte=0)
                & Q(held__gte=0)
                & Q(kept__lte=F("deducted")),
                name="kept_within_deductions",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True)
                | Q(made_by__isnull=True)
                | ~Q(reviewed_by=F("made_by")),
                name="nobody_reviews_their_own_sheet",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["reviewed", "settled"]) | Q(reviewed_by__isnull=False),
                name="settled_sheet_is_reviewed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_on"], name="move_out_open", condition=Q(state__in=["open", "reviewed"])
            )
        ]

    def __str__(self) -> str:
        return f"Move-out of {self.lease.code}, {self.moved_out_on}"


class Deduction(models.Model):
    """One reason why a part of a deposit is kept."""

    class Kind(models.TextChoices):
        DAMAGE = "damage", "Damage"
        CLEANING = "cleaning", "Cleaning"
        UNPAID_RENT = "unpaid_rent", "Unpaid rent and fees"
        OTHER = "other", "Other"

    move_out = models.ForeignKey(MoveOut, models.PROTECT, related_name="deductions")
    kind = models.CharField(max_length=12, choices=Kind)
    amount = MoneyField(max_digits=14, decimal_places=2)
    memo = models.CharField(max_length=200)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="deduction_above_zero")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class DeductionFile(models.Model):
    """A photograph or bill that proves a deduction."""

    deduction = models.ForeignKey(Deduction, models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=60)
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["deduction", "sha256"], name="deduction_file_once")
        ]

    def __str__(self) -> str:
        return self.name


class RefundShare(models.Model):
    """What one person gets of a deposit that goes back, and by which payment."""

    class State(models.TextChoices):
        DUE = "due", "To be paid"
        PAID = "paid", "Paid"
        CLEARED = "cleared", "Cleared"
        BACK = "back", "Came back"
        UNCLAIMED = "unclaimed", "Unclaimed"

    move_out = models.ForeignKey(MoveOut, models.PROTECT, related_name="refunds")
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="deposit_refunds", null=True, blank=True
    )
    payee = models.CharField(max_length=200)
    address = models.TextField(blank=True)
    method = models.CharField(max_length=10, choices=Method, default=Method.CHECK)
    routing_number = models.CharField(max_length=9, blank=True)
    account_number = EncryptedTextField(blank=True)
    share = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True)
    fixed = MoneyField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="An amount by instruction, instead of a share.",
    )
    amount = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="refund_share", null=True, blank=True
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["move_out", "tenant"], name="refund_once_a_tenant"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_not_negative"),
            models.CheckConstraint(
                condition=Q(share__isnull=True, fixed__isnull=False)
                | Q(share__isnull=False, fixed__isnull=True),
                name="refund_by_share_or_amount",
            ),
            models.CheckConstraint(
                condition=Q(state="due") | Q(payment__isnull=False),
                name="paid_refund_has_its_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payee} {self.amount}"


class HandOver(models.Model):
    """Deposits of a property that go to a new holder in one payment, or stay under a new owner."""

    class Kind(models.TextChoices):
        MANAGER = "manager", "To a new manager"
        OWNER = "owner", "To the owner"
        NEW_OWNER = "new_owner", "New owner, the deposits stay"

    property = models.ForeignKey(Property, models.PROTECT, related_name="deposit_hand_overs")
    kind = models.CharField(max_length=10, choices=Kind)
    to = models.CharField(max_length=200, help_text="The new holder.")
    address = models.TextField(blank=True)
    handed_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="hand_over", null=True, blank=True
    )
    receipt_on = models.DateField(null=True, blank=True, help_text="The new holder's receipt.")
    receipt_name = models.CharField(max_length=200, blank=True)
    receipt_type = models.CharField(max_length=60, blank=True)
    receipt = models.BinaryField(null=True, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    is_back = models.BooleanField(default=False, help_text="Its payment came back.")

    class Meta:
        ordering = ["-handed_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["property", "kind", "handed_on"],
                name="hand_over_once",
                condition=Q(is_back=False),
            )
        ]

    def __str__(self) -> str:
        return f"Deposits of {self.property} to {self.to}"


class HandOverLine(models.Model):
    """One tenant's part of deposits that were handed over."""

    hand_over = models.ForeignKey(HandOver, models.PROTECT, related_name="lines")
    deposit = models.ForeignKey(Deposit, models.PROTECT, related_name="hand_over_lines")
    amount = MoneyField(max_digits=14, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hand_over", "deposit"], name="deposit_handed_once")
        ]

    def __str__(self) -> str:
        return f"{self.deposit} {self.amount}"


class EscrowFund(models.Model):
    """Money of a property put aside for its taxes, its insurance or its upkeep."""

    class Kind(models.TextChoices):
        TAX = "tax", "Property tax"
        INSURANCE = "insurance", "Insurance"
        MAINTENANCE = "maintenance", "Maintenance reserve"

    property = models.ForeignKey(Property, models.PROTECT, related_name="escrow_funds")
    kind = models.CharField(max_length=12, choices=Kind)
    book = models.ForeignKey(Book, models.PROTECT, related_name="escrow_funds")
    beneficiary = models.OneToOneField(Beneficiary, models.PROTECT, related_name="escrow_fund")
    target = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="What stays in it: a cushion, or the reserve itself.",
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["property__name", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["property", "kind"], name="escrow_fund_once"),
            models.CheckConstraint(condition=Q(target__gte=0), name="escrow_target_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.property}"


class EscrowBill(models.Model):
    """A bill that an escrow is kept for: expected, then paid."""

    class State(models.TextChoices):
        EXPECTED = "expected", "Expected"
        PAID = "paid", "Paid"
        BACK = "back", "Payment came back"
        CANCELLED = "cancelled", "Cancelled"

    fund = models.ForeignKey(EscrowFund, models.PROTECT, related_name="bills")
    payee = models.CharField(max_length=200)
    address = models.TextField(blank=True)
    amount = MoneyField(max_digits=14, decimal_places=2)
    due_on = models.DateField()
    repeats_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="12: every year. Empty: once."
    )
    state = models.CharField(max_length=10, choices=State, default=State.EXPECTED)
    payment = models.OneToOneField(
        Payment, models.PROTECT, related_name="escrow_bill", null=True, blank=True
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="Payments made for it.")
    follows = models.OneToOneField(
        "self", models.PROTECT, related_name="followed_by", null=True, blank=True
    )

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="escrow_bill_above_zero"),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(payment__isnull=False),
                name="paid_escrow_bill_has_its_payment",
            ),
            models.CheckConstraint(
                condition=Q(repeats_months__isnull=True) | Q(repeats_months__gt=0),
                name="escrow_bill_repeats_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payee} {self.amount} due {self.due_on}"


class EscrowFunding(models.Model):
    """What an escrow should get in a month, and what it got."""

    fund = models.ForeignKey(EscrowFund, models.PROTECT, related_name="fundings")
    month = models.DateField(help_text="Its first day.")
    planned = MoneyField(max_digits=14, decimal_places=2)
    funded = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    moves = models.PositiveSmallIntegerField(default=0)
    why_short = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["fund", "month"]
        constraints = [
            models.UniqueConstraint(fields=["fund", "month"], name="escrow_funded_once_a_month"),
            models.CheckConstraint(
                condition=Q(planned__gte=0) & Q(funded__gte=0) & Q(funded__lte=F("planned")),
                name="escrow_funded_within_plan",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fund} {self.month:%Y-%m}"


class EscrowMove(models.Model):
    """One movement from an owner into an escrow."""

    funding = models.ForeignKey(EscrowFunding, models.PROTECT, related_name="entries")
    amount = MoneyField(max_digits=14, decimal_places=2)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="escrow_move")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="escrow_move_above_zero")
        ]

    def __str__(self) -> str:
        return f"{self.amount} into {self.funding}"
