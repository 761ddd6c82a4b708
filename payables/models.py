"""Tables of layer 4: vendors, what they were asked to do, what they billed, and what paid it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import Approval, LegalEntity, User
from leases.models import Owner, PayoutMethod, Property, Unit
from ledger.models import Entry
from payments.models import Payment
from proptrust.lib.fields import EncryptedBytesField, EncryptedTextField, mask


class Document(models.Model):
    """A file that a person gave us: a bill, a W-9, an owner's letter. It stays as it came.

    The bytes are encrypted: a W-9 holds a person's social security number.
    """

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="documents")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    body = EncryptedBytesField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entity", "sha256"], name="document_once")]

    def __str__(self) -> str:
        return self.name


class Vendor(models.Model):
    """Who works or supplies for the properties. Where they are paid is a VendorBankChange."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        FIRM = "firm", "Firm"

    class InsurancePolicy(models.TextChoices):
        """What a lapsed insurance does to the vendor's payments."""

        BLOCKS = "blocks", "Bills wait until it is renewed"
        WARNS = "warns", "Bills are paid with a warning"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="vendors")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.FIRM)
    tax_id = EncryptedTextField(blank=True, help_text="EIN or SSN; shown masked.")
    w9 = models.ForeignKey(Document, models.PROTECT, related_name="+", null=True, blank=True)
    is_tax_id_certified = models.BooleanField(
        default=False, help_text="A signed W-9 is on file and was looked at."
    )
    insurance_expires_on = models.DateField(null=True, blank=True)
    insurance_policy = models.CharField(
        max_length=10, choices=InsurancePolicy, default=InsurancePolicy.WARNS
    )
    payout_method = models.CharField(
        max_length=10, choices=PayoutMethod, default=PayoutMethod.CHECK
    )
    address = models.TextField(blank=True, help_text="As on an envelope, for checks and forms.")
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=30, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "code"], name="vendor_code_once"),
            models.CheckConstraint(
                condition=Q(is_tax_id_certified=False) | Q(w9__isnull=False),
                name="certified_vendor_has_w9",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class VendorBankChange(models.Model):
    """Bank details of a vendor: asked by one person, approved by another, used after a wait.

    The details in use on a day are those of the last approved change whose usable_on has come; no
    other place holds any (docs/decisions/071-vendor-bank-details.md). evidence: who was called, at
    which number known before, and who answered.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for a second person"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="bank_changes")
    routing_number = models.CharField(max_length=9)
    account_number = EncryptedTextField()
    last_four = models.CharField(max_length=4, editable=False)
    is_savings = models.BooleanField(default=False)
    evidence = models.TextField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    decided_on = models.DateField(null=True, blank=True)
    usable_on = models.DateField(null=True, blank=True, help_text="From this day on it is used.")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was refused.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")),
                name="bank_change_by_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | Q(decided_by__isnull=False, usable_on__isnull=False),
                name="bank_change_approved_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(routing_number__regex=r"^[0-9]{9}$"), name="bank_change_routing_number"
            ),
            models.CheckConstraint(condition=~Q(evidence=""), name="bank_change_has_evidence"),
            models.UniqueConstraint(
                fields=["vendor"], condition=Q(state="waiting"), name="one_bank_change_waits"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {mask(self.last_four)}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.last_four = str(self.account_number)[-4:]
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class WorkOrder(models.Model):
    """What a vendor was asked to do at a property. Its steps say who took it how far, and when."""

    class State(models.TextChoices):
        CREATED = "created", "Created"
        APPROVED = "approved", "Approved"
        COMPLETED = "completed", "Completed"
        INVOICED = "invoiced", "Invoiced"
        PAID = "paid", "Paid"
        CLEARED = "cleared", "Cleared"
        CANCELLED = "cancelled", "Cancelled"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="work_orders")
    property = models.ForeignKey(Property, models.PROTECT, related_name="work_orders")
    unit = models.ForeignKey(
        Unit, models.PROTECT, related_name="work_orders", null=True, blank=True
    )
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="work_orders")
    key = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    estimate = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.CREATED)
    made_on = models.DateField()
    completed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="work_order_key_once"),
            models.CheckConstraint(
                condition=Q(estimate__isnull=True) | Q(estimate__gt=0),
                name="work_order_estimate_above_zero",
            ),
        ]
        indexes = [models.Index(fields=["entity", "state"], name="work_order_by_state")]

    def __str__(self) -> str:
        return f"WO-{self.pk} {self.title}"


class WorkOrderStep(models.Model):
    """A work order reached a state: who took it there, and when. Nothing is changed here."""

    work_order = models.ForeignKey(WorkOrder, models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10, choices=WorkOrder.State)
    text = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.work_order}: {self.get_state_display()}"


class Bill(models.Model):
    """What a vendor wants for its work, or (is_credit) gives back. Approving posts it.

    amount: above zero for both. number_clean: letters and digits alone, by which one vendor's
    numbers are compared. key: unique in the entity; the same key is the same bill.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Waits for approval"
        QUESTIONED = "questioned", "Question asked"
        REJECTED = "rejected", "Rejected"
        APPROVED = "approved", "Approved"
        PART_PAID = "part_paid", "Paid in part"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    # Still to be decided; nothing is posted.
    OPEN_TO_CHANGE = (State.DRAFT, State.QUESTIONED, State.REJECTED)
    PAYABLE = (State.APPROVED, State.PART_PAID)

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="bills")
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="bills")
    work_order = models.ForeignKey(
        WorkOrder, models.PROTECT, related_name="bills", null=True, blank=True
    )
    document = models.ForeignKey(
        Document, models.PROTECT, related_name="bills", null=True, blank=True
    )
    key = models.CharField(max_length=200)
    number = models.CharField(max_length=60, help_text="As the vendor prints it.")
    number_clean = models.CharField(max_length=60, editable=False)
    is_credit = models.BooleanField(default=False, help_text="The vendor gives money back.")
    amount = MoneyField(max_digits=14, decimal_places=2)
    dated_on = models.DateField()
    due_on = models.DateField()
    memo = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="bill", null=True, blank=True)
    emergency_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    emergency_reason = models.CharField(
        max_length=300, blank=True, help_text="Why the owner could not be asked first."
    )

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="bill_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bill_above_zero"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(made_by__isnull=True)
                | ~Q(approved_by=F("made_by")),
                name="bill_maker_never_approves",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "part_paid", "paid"])
                | Q(entry__isnull=False, approved_at__isnull=False),
                name="approved_bill_is_posted",
            ),
            models.CheckConstraint(
                condition=Q(emergency_by__isnull=True, emergency_reason="")
                | (Q(emergency_by__isnull=False) & ~Q(emergency_reason="")),
                name="emergency_says_why",
            ),
            models.CheckConstraint(
                condition=Q(emergency_by__isnull=True)
                | Q(made_by__isnull=True)
                | ~Q(emergency_by=F("made_by")),
                name="bill_maker_declares_no_emergency",
            ),
        ]
        indexes = [
            models.Index(fields=["entity", "state", "due_on"], name="bill_by_state"),
            models.Index(fields=["vendor", "number_clean"], name="bill_by_number"),
            models.Index(fields=["vendor", "dated_on"], name="bill_by_day"),
        ]

    def __str__(self) -> str:
        what = "Credit" if self.is_credit else "Bill"
        return f"{what} {self.number}, {self.vendor}"


class BillLine(models.Model):
    """A part of a bill: one property's. paid is the sum of its live payments (PostgreSQL keeps it).

    A credit's line is "paid" by the bills that it was applied to.
    """

    class Category(models.TextChoices):
        """What the money was for; postings.ACCOUNTS says on which account it stands."""

        REPAIRS = "repairs", "Repairs"
        MAINTENANCE = "maintenance", "Maintenance"
        UTILITIES = "utilities", "Utilities"
        CLEANING = "cleaning", "Cleaning"
        LANDSCAPING = "landscaping", "Landscaping"
        SUPPLIES = "supplies", "Supplies"
        TAXES_INSURANCE = "taxes_insurance", "Property tax and insurance"
        OTHER = "other", "Other"

    bill = models.ForeignKey(Bill, models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    property = models.ForeignKey(Property, models.PROTECT, related_name="bill_lines")
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="bill_lines", null=True, blank=True)
    category = models.CharField(max_length=20, choices=Category, default=Category.REPAIRS)
    amount = MoneyField(max_digits=14, decimal_places=2)
    paid = MoneyField(max_digits=14, decimal_places=2, default=0, default_currency="USD")
    memo = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["bill", "position"]
        constraints = [
            models.UniqueConstraint(fields=["bill", "position"], name="bill_line_place_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bill_line_above_zero"),
            models.CheckConstraint(
                condition=Q(paid__gte=0) & Q(paid__lte=F("amount")),
                name="bill_line_paid_once",
            ),
        ]
        indexes = [models.Index(fields=["property", "bill"], name="bill_line_of_property")]

    def __str__(self) -> str:
        return f"{self.bill}, line {self.position}"


class LinePayment(models.Model):
    """What paid a line, or a part of it: a payment out of the trust, or a vendor credit's line.

    undone_on: the payment came back or was voided, or the credit was taken off again.
    """

    line = models.ForeignKey(BillLine, models.PROTECT, related_name="payments")
    payment = models.ForeignKey(
        Payment, models.PROTECT, related_name="bill_lines", null=True, blank=True
    )
    credit = models.ForeignKey(BillLine, models.PROTECT, related_name="uses", null=True, blank=True)
    amount = MoneyField(max_digits=14, decimal_places=2)
    made_at = models.DateTimeField(db_default=Now())
    undone_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="line_payment_above_zero"),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, credit__isnull=True)
                | Q(payment__isnull=True, credit__isnull=False),
                name="line_payment_has_one_source",
            ),
            models.UniqueConstraint(fields=["line", "payment"], name="line_payment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.line}"


class BillStep(models.Model):
    """Something that a person did to a bill or said about it. Nothing is changed here."""

    class What(models.TextChoices):
        ENTERED = "entered", "Entered"
        CHANGED = "changed", "Changed"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        ASKED = "asked", "Asked"
        ANSWERED = "answered", "Answered"
        CANCELLED = "cancelled", "Cancelled"
        OWNER_ASKED = "owner_asked", "Owner asked"
        OWNER_APPROVED = "owner_approved", "Owner approved"
        OWNER_REJECTED = "owner_rejected", "Owner rejected"
        OWNER_QUESTION = "owner_question", "Owner's question"
        OWNER_ANSWERED = "owner_answered", "Owner answered"
        EMERGENCY = "emergency", "Emergency"
        RELEASED = "released", "Released"
        PAID = "paid", "Paid"
        CAME_BACK = "came_back", "Payment came back"
        CREDITED = "credited", "Vendor credit applied"

    bill = models.ForeignKey(Bill, models.PROTECT, related_name="steps")
    what = models.CharField(max_length=20, choices=What)
    text = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.get_what_display()}: {self.text}"


class OwnerApproval(models.Model):
    """An owner's word on what a bill takes from one property, up to an amount.

    Asked by a link (token_digest, expires_at), or recorded by a person with evidence and confirmed
    by a second one. share: the owner's part of the property on the bill's day; owners of half of it
    decide, unless one of them rejects (docs/decisions/072-owner-approval.md).
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked by e-mail"
        QUESTION = "question", "The owner asks back"
        RECORDED = "recorded", "Recorded; waits for a second person"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        REFUSED = "refused", "Evidence refused by the second person"

    bill = models.ForeignKey(Bill, models.PROTECT, related_name="owner_approvals")
    property = models.ForeignKey(Property, models.PROTECT, related_name="owner_approvals")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="bill_approvals")
    share = models.DecimalField(max_digits=9, decimal_places=8)
    cap = MoneyField(max_digits=14, decimal_places=2, help_text="The most it approves.")
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    token_digest = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        help_text="SHA-256; the link is not kept.",
    )  # Null, not "", so that two without a link do not meet in the unique key.
    expires_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    said = models.CharField(max_length=500, blank=True, help_text="The owner's own words.")
    evidence = models.TextField(blank=True)
    evidence_file = models.ForeignKey(
        Document, models.PROTECT, related_name="+", null=True, blank=True
    )
    confirmation = models.OneToOneField(
        Approval, models.PROTECT, related_name="+", null=True, blank=True
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_from = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["bill", "property", "-share"]
        constraints = [
            models.UniqueConstraint(
                fields=["bill", "property", "owner"], name="owner_asked_once_per_bill"
            ),
            models.CheckConstraint(condition=Q(cap__gt=0), name="owner_approval_above_zero"),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected"]) | Q(decided_at__isnull=False),
                name="owner_decided_at_a_moment",
            ),
            # By the owner over the link, or by a person whose evidence a second one has confirmed.
            models.CheckConstraint(
                condition=~Q(state="approved")
                | Q(decided_from__isnull=False)
                | (Q(confirmation__isnull=False) & ~Q(evidence="")),
                name="owner_approval_has_evidence",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="owner_request_unsent",
                condition=Q(state="asked", sent_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner} on {self.bill}"


class WrongLink(models.Model):
    """Somebody tried a link that does not exist; too many from one address are turned away."""

    address = models.GenericIPAddressField()
    tried_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["address", "tried_at"], name="wrong_link_by_address")]

    def __str__(self) -> str:
        return f"{self.address} {self.tried_at}"


class Release(models.Model):
    """A person looked at what the checks found about a bill or work order and lets it pass.

    kind: the finding's kind. A bill's maker never releases it (PostgreSQL keeps that).
    """

    kind = models.CharField(max_length=60)
    bill = models.ForeignKey(Bill, models.PROTECT, related_name="releases", null=True, blank=True)
    work_order = models.ForeignKey(
        WorkOrder, models.PROTECT, related_name="releases", null=True, blank=True
    )
    vendor = models.ForeignKey(
        Vendor, models.PROTECT, related_name="releases", null=True, blank=True
    )
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(bill__isnull=False, work_order__isnull=True, vendor__isnull=True)
                | Q(bill__isnull=True, work_order__isnull=False, vendor__isnull=True)
                | Q(bill__isnull=True, work_order__isnull=True, vendor__isnull=False),
                name="release_of_one_thing",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="release_says_why"),
            models.UniqueConstraint(
                fields=["kind", "bill", "work_order", "vendor"],
                name="released_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"
