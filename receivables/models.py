"""Tables of rent collection: what is owed, what came in, and which paid which."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from connectors.models import Connection, Request
from connectors.models import Event as ConnectorEvent
from desk.models import LegalEntity, User
from leases.models import Lease, Tenant, _DayRange, _IdRange
from ledger.models import Book, Entry
from proptrust.lib.fields import EncryptedJSONField


class ChargeKind(models.TextChoices):
    """What a charge is for; rent comes before fees where the agreement says so."""

    RENT = "rent", "Rent"
    PARKING = "parking", "Parking"
    UTILITIES = "utilities", "Utilities"
    PET = "pet", "Pet rent"
    LATE_FEE = "late_fee", "Late fee"
    NSF_FEE = "nsf_fee", "Returned-payment fee"
    SECURITY_DEPOSIT = "security_deposit", "Security deposit"
    DAMAGE = "damage", "Damage"
    OTHER = "other", "Other"


class RecurringCharge(models.Model):
    """What a lease owes every month, over a span of days."""

    lease = models.ForeignKey(Lease, models.PROTECT, related_name="recurring_charges")
    kind = models.CharField(max_length=20, choices=ChargeKind, default=ChargeKind.RENT)
    amount = MoneyField(max_digits=14, decimal_places=2)
    due_day = models.PositiveSmallIntegerField(default=1)
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="recurring_charge_above_zero"),
            models.CheckConstraint(
                condition=Q(due_day__gte=1) & Q(due_day__lte=28), name="due_day_in_every_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} of {self.lease}"


class Concession(models.Model):
    """What a lease is let off every month: an amount, or a rate of a kind of charge."""

    lease = models.ForeignKey(Lease, models.PROTECT, related_name="concessions")
    charge_kind = models.CharField(
        max_length=20, choices=ChargeKind, default=ChargeKind.RENT, help_text="Which charges."
    )
    amount = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    rate = models.DecimalField(
        max_digits=7, decimal_places=6, null=True, blank=True, help_text="0.5 is half of it."
    )
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)
    memo = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, rate__isnull=True)
                | Q(amount__isnull=True, rate__gt=0, rate__lte=1),
                name="concession_is_amount_or_rate",
            ),
            models.CheckConstraint(
                condition=~Q(charge_kind="security_deposit"), name="concession_of_income"
            ),
            models.CheckConstraint(
                condition=Q(until_on__isnull=True) | Q(until_on__gte=F("from_on")),
                name="concession_runs_forward",
            ),
        ]

    def __str__(self) -> str:
        much = self.amount if self.amount is not None else f"{self.rate:%}"
        return f"{much} of {self.get_charge_kind_display().lower()} of {self.lease}"


class Charge(models.Model):
    """What a tenant owes. key: unique in the entity; `recurring:12:2026-03` for a monthly one.

    late_for: the charge that a late fee is for. asked: what its terms ask for, where that is more
    than the law allows.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="charges")
    lease = models.ForeignKey(Lease, models.PROTECT, related_name="charges")
    kind = models.CharField(max_length=20, choices=ChargeKind)
    key = models.CharField(max_length=200)
    amount = MoneyField(max_digits=14, decimal_places=2)
    due_on = models.DateField()
    memo = models.CharField(max_length=200, blank=True)
    late_for = models.ForeignKey(
        "self", models.PROTECT, related_name="late_fees", null=True, blank=True, db_index=False
    )
    asked = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="charge", null=True, blank=True
    )
    # The sum of its live allocations, kept by PostgreSQL: open charges are one index scan.
    paid = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="charge_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="charge_above_zero"),
            models.CheckConstraint(
                condition=Q(paid__gte=0) & Q(paid__lte=F("amount")),
                name="charge_paid_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(late_for__isnull=True) | Q(kind="late_fee"),
                name="late_for_of_late_fee",
            ),
        ]
        indexes = [
            models.Index(
                fields=["late_for"], name="charge_late_for", condition=Q(late_for__isnull=False)
            ),
            models.Index(
                fields=["lease", "due_on"], name="charge_open", condition=Q(paid__lt=F("amount"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.due_on} {self.amount}"


class Remittance(models.Model):
    """A processor's transfer to us and its list of receipts."""

    class State(models.TextChoices):
        PAID = "paid", "Paid"
        FAILED = "failed", "Failed"

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="remittances")
    vendor_id = models.CharField(max_length=200)
    book = models.ForeignKey(Book, models.PROTECT, related_name="remittances")
    arrives_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2, help_text="What reaches the bank.")
    fees = MoneyField(max_digits=14, decimal_places=2)
    trace = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PAID)
    entry = models.OneToOneField(
        Entry,
        models.PROTECT,
        related_name="remittance",
        null=True,
        blank=True,
        help_text="Empty until the platform has listed its items.",
    )
    failed_entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="failed_remittance", null=True, blank=True
    )
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "vendor_id"], name="remittance_once")
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.vendor_id} {self.amount}"


class RemittanceItem(models.Model):
    """One movement inside a remittance, signed as the platform signs it: gross − fee = net.

    receipt is empty while we do not know the payment, or when it is no payment's.
    """

    class What(models.TextChoices):
        PAYMENT = "payment", "Payment"
        REFUND = "refund", "Refund"
        REFUND_FAILED = "refund_failed", "Refund failed"
        RETURN = "return", "Return"
        DISPUTE = "dispute", "Dispute"
        FEE = "fee", "Fee"
        ADJUSTMENT = "adjustment", "Adjustment"
        RESERVE = "reserve", "Reserve"

    remittance = models.ForeignKey(Remittance, models.PROTECT, related_name="items")
    key = models.CharField(max_length=200)
    what = models.CharField(max_length=20, choices=What)
    gross = MoneyField(max_digits=14, decimal_places=2)
    fee = MoneyField(max_digits=14, decimal_places=2)
    net = MoneyField(max_digits=14, decimal_places=2)
    payment = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=300, blank=True)
    receipt = models.ForeignKey(
        "Receipt", models.PROTECT, related_name="remittance_items", null=True, blank=True
    )
    entry = models.OneToOneField(
        Entry,
        models.PROTECT,
        related_name="remittance_item",
        null=True,
        blank=True,
        help_text="By which a person gave it to the company.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["remittance", "key"], name="remittance_item_once"),
            models.CheckConstraint(
                condition=Q(net=F("gross") - F("fee")), name="remittance_item_adds_up"
            ),
        ]
        indexes = [
            models.Index(
                fields=["payment"],
                name="remittance_item_unknown",
                condition=Q(receipt__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()} {self.net} {self.payment}".strip()


class DepositSlip(models.Model):
    """Checks, money orders or cash taken to the bank together: one credit on the statement."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="deposit_slips")
    number = models.CharField(max_length=60)
    deposited_on = models.DateField()
    total = MoneyField(max_digits=14, decimal_places=2)
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="deposit_slip", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="deposit_slip_number_once")
        ]

    def __str__(self) -> str:
        return f"Deposit slip {self.number}"


class Receipt(models.Model):
    """Money in for someone. lease is empty while it is in suspense.

    gross: what the payer gave; fee: what the processor keeps of it (the company owes it to the
    trust); net = gross − fee. convenience_fee: the part of gross that the payer gave for using a
    card; it is the company's, the rest pays charges. key: unique in the entity: `stripe:pi_…`,
    `check:…`. tenant: which of the roommates paid, where that is known.
    """

    class Channel(models.TextChoices):
        ACH = "ach", "ACH"
        CARD = "card", "Card"
        CHECK = "check", "Check"
        MONEY_ORDER = "money_order", "Money order"
        CASH = "cash", "Retail cash"
        WIRE = "wire", "Wire"
        DEPOSIT = "deposit", "Security deposit applied"
        SUBSIDY = "subsidy", "Housing subsidy"
        OPENING = "opening", "Brought forward at the cut-over"
        UNKNOWN = "unknown", "Not told"

    class Into(models.TextChoices):
        """Where the money is when the receipt is posted, and where a comeback takes it from."""

        PROCESSORS = "processors", "With a processor"
        BANK = "bank", "At the bank"
        UNDEPOSITED = "undeposited", "Not yet taken to the bank"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SETTLED = "settled", "Settled"
        FAILED = "failed", "Failed"
        RETURNED = "returned", "Returned"
        REFUNDED = "refunded", "Refunded"
        DISPUTED = "disputed", "Disputed"
        # Recorded by mistake: reversed, and never settled again when it is told again.
        CANCELLED = "cancelled", "Cancelled"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="receipts")
    book = models.ForeignKey(Book, models.PROTECT, related_name="receipts")
    lease = models.ForeignKey(Lease, models.PROTECT, related_name="receipts", null=True, blank=True)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="receipts", null=True, blank=True
    )
    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="receipts", null=True, blank=True
    )
    event = models.ForeignKey(
        ConnectorEvent, models.PROTECT, related_name="receipts", null=True, blank=True
    )
    remittance = models.ForeignKey(
        Remittance, models.PROTECT, related_name="receipts", null=True, blank=True
    )
    deposit_slip = models.ForeignKey(
        DepositSlip, models.PROTECT, related_name="receipts", null=True, blank=True
    )
    key = models.CharField(max_length=200)
    payment = models.CharField(max_length=200, blank=True, help_text="The platform's payment id.")
    channel = models.CharField(max_length=12, choices=Channel)
    into = models.CharField(max_length=12, choices=Into)
    state = models.CharField(max_length=10, choices=State)
    gross = MoneyField(max_digits=14, decimal_places=2)
    fee = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    convenience_fee = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    received_on = models.DateField()
    settles_on = models.DateField(null=True, blank=True)
    payer = models.CharField(max_length=200, blank=True)
    payer_reference = models.CharField(max_length=200, blank=True)
    number = models.CharField(max_length=60, blank=True, help_text="Check or money order number.")
    trace = models.CharField(max_length=60, blank=True)
    batch = models.CharField(max_length=100, blank=True, help_text="One bank credit for many.")
    memo = models.CharField(max_length=300, blank=True)
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="receipt", null=True, blank=True
    )
    matched_by = models.JSONField(default=dict, help_text="Why this lease: criterion to points.")
    # Each entry after the first has the next number in its key: receipt:12:move:3.
    moves = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="receipt_key_once"),
            models.CheckConstraint(condition=Q(gross__gt=0), name="receipt_above_zero"),
            models.CheckConstraint(
                condition=Q(convenience_fee__gte=0) & Q(convenience_fee__lte=F("gross")),
                name="convenience_fee_within_receipt",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "failed"])
                | Q(entry__isnull=False)
                | Q(channel="opening"),
                name="settled_receipt_is_posted",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "payment"], name="receipt_payment"),
            models.Index(fields=["lease", "received_on"], name="receipt_of_lease"),
            models.Index(
                fields=["entity", "received_on"],
                name="receipt_without_lease",
                condition=Q(lease__isnull=True),
            ),
            models.Index(
                fields=["received_on"], name="receipt_pending", condition=Q(state="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.gross} {self.payer}".strip()


class Credit(models.Model):
    """What of a charge a tenant need not pay. Never changed; undone by a reversal.

    key: unique in the entity. counts_on: the day it counts from.
    """

    class Kind(models.TextChoices):
        CONCESSION = "concession", "Concession"
        WAIVER = "waiver", "Waiver"
        WRITE_OFF = "write_off", "Written off"
        ADJUSTMENT = "adjustment", "Adjustment"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="credits")
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="credits")
    kind = models.CharField(max_length=12, choices=Kind)
    key = models.CharField(max_length=200)
    amount = MoneyField(max_digits=14, decimal_places=2)
    counts_on = models.DateField()
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="credit")
    undone_by = models.OneToOneField(
        Entry, models.PROTECT, related_name="undone_credit", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="credit_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credit_above_zero"),
            models.CheckConstraint(condition=~Q(reason=""), name="credit_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class Allocation(models.Model):
    """A part of a receipt, or a credit, that pays a charge. Undone by a return; never changed.

    parts: beneficiary id to amount, whom the money was given to; an undo takes it from the same.
    A credit gives nobody money.
    """

    receipt = models.ForeignKey(
        Receipt, models.PROTECT, related_name="allocations", null=True, blank=True
    )
    credit = models.ForeignKey(
        Credit, models.PROTECT, related_name="allocations", null=True, blank=True
    )
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="allocations")
    amount = MoneyField(max_digits=14, decimal_places=2)
    parts = models.JSONField(default=dict)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="allocations")
    undone_by = models.ForeignKey(
        Entry, models.PROTECT, related_name="undone_allocations", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="allocation_above_zero"),
            models.CheckConstraint(
                condition=Q(receipt__isnull=False, credit__isnull=True)
                | Q(receipt__isnull=True, credit__isnull=False),
                name="allocation_of_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["charge"], name="allocation_live", condition=Q(undone_by__isnull=True)
            ),
            models.Index(
                fields=["receipt"],
                name="allocation_of_receipt",
                condition=Q(undone_by__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.receipt or self.credit} for {self.charge}"


class Comeback(models.Model):
    """Money of a receipt that went back: a return, a refund, a dispute; and how that ended.

    fee: what the processor takes for it, which the company owes to the trust; below zero when it
    gives a fee back. reference: the platform's id of the refund or dispute.
    """

    class Kind(models.TextChoices):
        RETURN = "return", "Return"
        REFUND = "refund", "Refund"
        DISPUTE = "dispute", "Dispute"
        DISPUTE_WON = "dispute_won", "Dispute won"
        DISPUTE_LOST = "dispute_lost", "Dispute lost"
        REFUND_FAILED = "refund_failed", "Refund failed"

    TAKES = (Kind.RETURN, Kind.REFUND, Kind.DISPUTE)
    GIVES = (Kind.DISPUTE_WON, Kind.REFUND_FAILED)

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="comebacks")
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=200)
    amount = MoneyField(max_digits=14, decimal_places=2)
    fee = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    on = models.DateField()
    reference = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=20, blank=True, help_text="R01 … or the processor's own.")
    reason = models.CharField(max_length=300, blank=True)
    batch = models.CharField(max_length=100, blank=True)
    answer_by = models.DateTimeField(null=True, blank=True)
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="comeback", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["receipt", "key"], name="comeback_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="comeback_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.receipt}"


class PaymentAuthorisation(models.Model):
    """A tenant's permission to collect by one method, and whether it still stands.

    method_reference: the platform's id of the payer or method, as its payments name it; the number
    itself is never kept here. hold_days: banking days that its money waits at the least.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        ACCOUNT_WANTED = "account_wanted", "A new account is wanted"
        SUSPENDED = "suspended", "Suspended"
        REVOKED = "revoked", "Revoked"

    lease = models.ForeignKey(Lease, models.PROTECT, related_name="authorisations")
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="authorisations", null=True, blank=True
    )
    channel = models.CharField(max_length=12, choices=Receipt.Channel)
    method_reference = models.CharField(max_length=200, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    state_reason = models.CharField(max_length=300, blank=True)
    state_on = models.DateField(null=True, blank=True)
    hold_days = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lease", "channel", "method_reference", "last4"],
                name="authorisation_once",
            ),
            models.CheckConstraint(
                condition=Q(last4="") | Q(last4__regex=r"^[0-9]{4}$"), name="last4_is_four_digits"
            ),
        ]

    def __str__(self) -> str:
        number = f" ···{self.last4}" if self.last4 else ""
        return f"{self.get_channel_display()}{number} of {self.lease}"


class ReturnStep(models.Model):
    """What a return asks for, as its code says. One of each kind for a return.

    until_on: the last day for it. authorisation: whose state it changed, if one was known.
    """

    class Kind(models.TextChoices):
        RETRY = "retry", "May be collected again"
        CORRECT = "correct", "Send one corrected entry"
        ACCOUNT = "account", "Ask for a new account"
        STOP = "stop", "Stop collecting"
        REVOKED = "revoked", "Authorisation revoked"
        UNTIMELY = "untimely", "Came too late"
        FEE = "fee", "Decide on a fee"
        PERSON = "person", "A person must look"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        DECLINED = "declined", "Not wanted"
        DISHONOURED = "dishonoured", "Given to the bank as untimely"

    comeback = models.ForeignKey(Comeback, models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    advice = models.CharField(max_length=500)
    until_on = models.DateField(null=True, blank=True)
    authorisation = models.ForeignKey(
        PaymentAuthorisation, models.PROTECT, related_name="steps", null=True, blank=True
    )
    done_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    done_on = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comeback", "kind"], name="return_step_once"),
            models.CheckConstraint(
                condition=Q(state="open", done_on__isnull=True)
                | (~Q(state="open") & Q(done_on__isnull=False)),
                name="return_step_done_on_a_day",
            ),
        ]
        indexes = [
            models.Index(fields=["comeback"], name="return_step_open", condition=Q(state="open"))
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.comeback}"


class PaymentRetry(models.Model):
    """A returned payment that is asked for again. payment: the id of the new entry.

    first: the receipt of the payment that was sent first; the network allows two tries after it.
    """

    first = models.ForeignKey(Receipt, models.PROTECT, related_name="retries")
    comeback = models.OneToOneField(Comeback, models.PROTECT, related_name="retry")
    number = models.PositiveSmallIntegerField()
    payment = models.CharField(max_length=15)
    request = models.OneToOneField(Request, models.PROTECT, related_name="payment_retry")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "payment retries"
        constraints = [
            models.UniqueConstraint(fields=["first", "number"], name="payment_retry_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1) & Q(number__lte=2), name="payment_retried_twice_at_most"
            ),
        ]

    def __str__(self) -> str:
        return f"Try {self.number} after {self.first}"


class BankDetailsChange(models.Model):
    """A payer's bank says that routing or account number must change before the next collection."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="bank_details_changes")
    event = models.OneToOneField(
        ConnectorEvent, models.PROTECT, related_name="bank_details_change", null=True, blank=True
    )
    receipt = models.ForeignKey(
        Receipt, models.PROTECT, related_name="bank_details_changes", null=True, blank=True
    )
    payment = models.CharField(max_length=200)
    code = models.CharField(max_length=10, help_text="C01 …")
    payer = models.CharField(max_length=200, blank=True)
    payer_reference = models.CharField(max_length=200, blank=True)
    corrected = EncryptedJSONField(default=dict)
    noticed_on = models.DateField()
    correct_by = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.code} {self.payer}"


class Acknowledgement(models.Model):
    """A person has seen a finding that asks for nothing more. subject_id: what it is about."""

    kind = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject_id"], name="acknowledged_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class OpeningItem(models.Model):
    """A check or deposit that was outstanding at the bank at the cut-over.

    Its entry has one bank line, which the bank statement answers later.
    """

    class Kind(models.TextChoices):
        CHECK = "check", "Outstanding check"
        DEPOSIT = "deposit", "Deposit in transit"

    book = models.ForeignKey(Book, models.PROTECT, related_name="opening_items")
    kind = models.CharField(max_length=10, choices=Kind)
    number = models.CharField(max_length=60)
    party = models.CharField(max_length=200, blank=True, help_text="Payee or payer.")
    dated_on = models.DateField(help_text="The day it was issued or deposited.")
    amount = MoneyField(max_digits=14, decimal_places=2, help_text="Above zero.")
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="opening_item")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "kind", "number"], name="opening_item_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="opening_item_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number} {self.amount}"


class PayerAlias(models.Model):
    """How a lease's payer appears: a name on checks, a platform's customer id.

    Confirmed by a person or by our own code in the payment; one that fits two leases decides
    nothing.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="payer_aliases")
    lease = models.ForeignKey(Lease, models.PROTECT, related_name="payer_aliases")
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, blank=True)
    source = models.CharField(max_length=40, help_text="`name`, or the slug of a platform.")
    alias = models.CharField(max_length=200)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    hits = models.PositiveIntegerField(default=0)
    undone = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "payer aliases"
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "lease", "source", "alias"], name="payer_alias_once"
            )
        ]
        indexes = [models.Index(fields=["entity", "source", "alias"], name="payer_alias_lookup")]

    def __str__(self) -> str:
        return f"{self.alias} → {self.lease}"


class PortfolioImport(models.Model):
    """A set of portfolio files that was imported, kept as it came."""

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="portfolio_imports")
    cut_over_on = models.DateField()
    digest = models.CharField(max_length=64)
    files = models.JSONField(default=list, help_text="Name, SHA-256 and rows of each file.")
    bodies = models.BinaryField(help_text="A ZIP of the files as they came.")
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    said = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entity", "digest"], name="portfolio_import_once")
        ]

    def __str__(self) -> str:
        return f"{self.entity} at {self.cut_over_on}"


class PortfolioDraft(models.Model):
    """Uploaded portfolio files between their dry run and the decision; gone after a day."""

    made_by = models.ForeignKey(User, models.CASCADE, related_name="portfolio_drafts")
    made_at = models.DateTimeField(db_default=Now())
    entity_name = models.CharField(max_length=200)
    state = models.CharField(max_length=2, blank=True)
    cut_over_on = models.DateField()
    bodies = models.BinaryField(help_text="A ZIP of the files as they came.")

    def __str__(self) -> str:
        return f"{self.entity_name} at {self.cut_over_on}"


class ReceiptMove(models.Model):
    """A receipt that was given to one lease and taken to another; never changed."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="lease_moves")
    from_lease = models.ForeignKey(Lease, models.PROTECT, related_name="receipts_moved_out")
    to_lease = models.ForeignKey(Lease, models.PROTECT, related_name="receipts_moved_in")
    on = models.DateField()
    why = models.CharField(max_length=300)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="receipt_move")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(from_lease=F("to_lease")), name="receipt_moves_elsewhere"
            )
        ]

    def __str__(self) -> str:
        return f"{self.receipt} from lease {self.from_lease.code} to {self.to_lease.code}"


class HousingAgency(models.Model):
    """Who pays a part of the rent for tenants, in one transfer for many leases.

    columns: which column of its CSV is which, as it was saved last: code, name, amount, memo.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="housing_agencies")
    name = models.CharField(max_length=200)
    columns = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "housing agencies"
        constraints = [
            models.UniqueConstraint(fields=["entity", "name"], name="housing_agency_once")
        ]

    def __str__(self) -> str:
        return self.name


class Subsidy(models.Model):
    """What an agency pays every month for a lease, over a span of days.

    tenant_code: the agency's own number of the family, as its list of payments shows it.
    """

    lease = models.ForeignKey(Lease, models.PROTECT, related_name="subsidies")
    agency = models.ForeignKey(HousingAgency, models.PROTECT, related_name="subsidies")
    tenant_code = models.CharField(max_length=60)
    amount = MoneyField(max_digits=14, decimal_places=2)
    from_on = models.DateField()
    until_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "subsidies"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="subsidy_above_zero"),
            models.CheckConstraint(
                condition=Q(until_on__isnull=True) | Q(until_on__gte=F("from_on")),
                name="subsidy_runs_forward",
            ),
            ExclusionConstraint(
                name="one_subsidy_per_lease_agency_and_day",
                expressions=[
                    (_IdRange("lease"), RangeOperators.OVERLAPS),
                    (_IdRange("agency"), RangeOperators.OVERLAPS),
                    (_DayRange("from_on", "until_on"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(fields=["agency", "tenant_code"], name="subsidy_of_code")]

    def __str__(self) -> str:
        return f"{self.agency} {self.amount} for {self.lease}"


class SubsidyRemittance(models.Model):
    """An agency's transfer to us with its list: one bank credit for many leases.

    number: as the bank prints it, which makes its receipts one credit. month: the first day of the
    month that it pays for. PostgreSQL keeps the sum of the lines at the amount.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="subsidy_remittances")
    agency = models.ForeignKey(HousingAgency, models.PROTECT, related_name="remittances")
    book = models.ForeignKey(Book, models.PROTECT, related_name="subsidy_remittances")
    number = models.CharField(max_length=60)
    month = models.DateField()
    arrives_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2, help_text="What reaches the bank.")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="subsidy_remittance_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="subsidy_remittance_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.agency} {self.number} {self.amount}"


class SubsidyLine(models.Model):
    """One line of an agency's list: what it pays for a lease, or (below zero) takes back.

    lease is empty where the agency's code is not known; the money waits in suspense. open: what of
    money taken back no earlier receipt answers; it stands against suspense by `entry` until a
    person says whose it is (`answer`).
    """

    remittance = models.ForeignKey(SubsidyRemittance, models.PROTECT, related_name="lines")
    row = models.PositiveIntegerField()
    tenant_code = models.CharField(max_length=60)
    tenant_name = models.CharField(max_length=200, blank=True)
    lease = models.ForeignKey(
        Lease, models.PROTECT, related_name="subsidy_lines", null=True, blank=True
    )
    amount = MoneyField(max_digits=14, decimal_places=2)
    memo = models.CharField(max_length=300, blank=True)
    receipt = models.OneToOneField(
        Receipt, models.PROTECT, related_name="subsidy_line", null=True, blank=True
    )
    open = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="subsidy_line", null=True, blank=True
    )
    answer = models.OneToOneField(
        Entry, models.PROTECT, related_name="answered_subsidy_line", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["remittance", "row"], name="subsidy_line_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="subsidy_line_moves_money"),
            models.CheckConstraint(
                condition=Q(open=0) | (Q(open__gt=0) & Q(amount__lt=0) & Q(open__lte=-F("amount"))),
                name="subsidy_line_open_within_amount",
            ),
        ]
        indexes = [
            models.Index(
                fields=["remittance"],
                name="subsidy_line_unanswered",
                condition=Q(open__gt=0) & Q(answer__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_code} {self.amount}"


class SubsidyVariance(models.Model):
    """What an agency should have paid for a lease's month and what it paid; why, once explained."""

    subsidy = models.ForeignKey(Subsidy, models.PROTECT, related_name="variances")
    month = models.DateField()
    expected = MoneyField(max_digits=14, decimal_places=2)
    paid = MoneyField(max_digits=14, decimal_places=2)
    explanation = models.CharField(max_length=300, blank=True)
    explained_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    explained_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subsidy", "month"], name="subsidy_variance_once")
        ]
        indexes = [
            models.Index(
                fields=["subsidy"],
                name="subsidy_variance_open",
                condition=Q(explanation="") & ~Q(expected=F("paid")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.subsidy.lease} {self.month:%B %Y}"
