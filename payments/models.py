"""Tables of money out: payments, the check numbers of each account, and numbers left out."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from connectors.models import Request
from desk.models import LegalEntity, User
from ledger.models import Book, Entry
from proptrust.lib.fields import EncryptedTextField, mask


class Payment(models.Model):
    """One payment out of a bank account to one payee. Its facts stay; its state goes on.

    key: unique in the entity, chosen by the app that asked. entry: what paid it; back_entry: what
    took it back (its mirror), or set its money aside as unclaimed. PostgreSQL keeps that each of
    the two moves exactly the amount on the book's bank account (sql/payment_facts_stay.v1.sql).
    """

    class Method(models.TextChoices):
        CHECK = "check", "Check"
        ACH = "ach", "ACH"
        PLATFORM = "platform", "By a platform"
        TRANSFER = "transfer", "Transfer"

    class Purpose(models.TextChoices):
        OWNER_DRAW = "owner_draw", "Owner draw"
        VENDOR = "vendor", "Vendor"
        DEPOSIT_REFUND = "deposit_refund", "Security deposit refund"
        ESCROW = "escrow", "Escrow bill"
        FEE_DRAW = "fee_draw", "Fee draw"
        TENANT_REFUND = "tenant_refund", "Refund to a tenant"
        WITHHOLDING = "withholding", "Tax withheld"
        UNCLAIMED = "unclaimed", "Unclaimed money"

    class State(models.TextChoices):
        ISSUED = "issued", "Issued"
        SENT = "sent", "Sent"
        CLEARED = "cleared", "Cleared"
        RETURNED = "returned", "Came back"
        STOPPED = "stopped", "Stopped"
        VOID = "void", "Void"
        STALE = "stale", "Stale"
        UNCLAIMED = "unclaimed", "Unclaimed"

    # The bank may still take the money for these.
    OUTSTANDING = (State.ISSUED, State.SENT, State.STALE)
    # Its money lies with those who paid it again, so that it can be paid once more.
    TAKEN_BACK = (State.RETURNED, State.STOPPED, State.VOID)

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="payments")
    book = models.ForeignKey(Book, models.PROTECT, related_name="payments", db_index=False)
    key = models.CharField(max_length=180)
    method = models.CharField(max_length=10, choices=Method)
    purpose = models.CharField(max_length=20, choices=Purpose)
    payee = models.CharField(max_length=200)
    payee_address = models.TextField(blank=True, help_text="Lines of the address, as on a letter.")
    payee_code = models.CharField(max_length=60, blank=True)
    amount = MoneyField(max_digits=14, decimal_places=2)
    dated_on = models.DateField()
    number = models.CharField(max_length=20, blank=True, help_text="Of a check.")
    memo = models.CharField(max_length=300, blank=True)
    routing_number = models.CharField(max_length=9, blank=True)
    account_number = EncryptedTextField(blank=True, help_text="Stored encrypted, shown masked.")
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    is_savings = models.BooleanField(default=False)
    is_firm = models.BooleanField(default=False, help_text="A firm's account, not a person's.")
    state = models.CharField(max_length=10, choices=State, default=State.ISSUED)
    entry = models.OneToOneField(Entry, models.PROTECT, related_name="payment")
    back_entry = models.OneToOneField(
        Entry, models.PROTECT, related_name="payment_back", null=True, blank=True
    )
    replaces = models.OneToOneField(
        "self", models.PROTECT, related_name="replaced_by", null=True, blank=True
    )
    request = models.ForeignKey(
        Request, models.PROTECT, related_name="payments", null=True, blank=True
    )
    batch = models.CharField(
        max_length=80, blank=True, help_text="Payments that reach the bank as one debit share it."
    )
    back_batch = models.CharField(
        max_length=80, blank=True, help_text="Returns that reach the bank as one credit share it."
    )
    trace = models.CharField(max_length=100, blank=True)
    id_number = models.CharField(
        max_length=15, blank=True, help_text="Our reference in an ACH file; a return names it."
    )
    settles_on = models.DateField(null=True, blank=True, help_text="The day a file settles.")
    printed_at = models.DateTimeField(null=True, blank=True)
    cleared_on = models.DateField(null=True, blank=True)
    back_on = models.DateField(null=True, blank=True)
    code = models.CharField(max_length=10, blank=True, help_text="Of a return: R03 …")
    reason = models.CharField(max_length=300, blank=True, help_text="Why it came back, was voided.")
    is_answered = models.BooleanField(
        default=False, help_text="A person has said what happens after it came back."
    )
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-dated_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="payment_key_once"),
            models.UniqueConstraint(
                fields=["book", "number"], name="check_number_once", condition=~Q(number="")
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_above_zero"),
            models.CheckConstraint(
                condition=(Q(method="check") & ~Q(number="")) | (~Q(method="check") & Q(number="")),
                name="check_has_a_number",
            ),
            models.CheckConstraint(
                condition=Q(number="") | Q(number__regex=r"^[1-9][0-9]{0,11}$"),
                name="check_number_is_a_number",
            ),
            models.CheckConstraint(
                condition=~Q(state="cleared") | Q(cleared_on__isnull=False),
                name="cleared_payment_has_its_day",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["issued", "sent", "cleared", "stale"],
                            back_entry__isnull=True)
                | Q(state__in=["returned", "stopped", "void", "unclaimed"],
                    back_entry__isnull=False),
                name="payment_back_has_its_entry",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["stopped", "void"]) | ~Q(reason=""),
                name="void_payment_says_why",
            ),
            models.CheckConstraint(
                condition=Q(
                    method__in=["check", "ach", "platform", "transfer"],
                    purpose__in=[
                        "owner_draw", "vendor", "deposit_refund", "escrow", "fee_draw",
                        "tenant_refund", "withholding", "unclaimed",
                    ],
                ),
                name="payment_kind_known",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["book", "-dated_on", "-id"], name="payment_by_day"),
            models.Index(
                fields=["id_number"], name="payment_by_id_number", condition=~Q(id_number="")
            ),
            models.Index(
                fields=["state", "dated_on"],
                name="payment_to_look_at",
                condition=~Q(state__in=["cleared", "void"]),
            ),
        ]

    def __str__(self) -> str:
        name = f"Check {self.number}" if self.number else self.get_method_display()
        return f"{name} to {self.payee}"

    def account_shown(self) -> str:
        """The payee's account as it may be shown."""
        return mask(self.last_four)


class CheckStock(models.Model):
    """The check numbers of a bank account: which one comes next."""

    book = models.OneToOneField(Book, models.PROTECT, related_name="check_stock")
    first_number = models.PositiveBigIntegerField(help_text="Where the numbers in use began.")
    next_number = models.PositiveBigIntegerField()
    set_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "check stock"
        constraints = [
            models.CheckConstraint(
                condition=Q(first_number__gte=1, next_number__gte=models.F("first_number")),
                name="check_numbers_run_upwards",
            )
        ]

    def __str__(self) -> str:
        return f"{self.book}: next check {self.next_number}"


class SkippedNumber(models.Model):
    """A check number that no payment has, and what became of the paper."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="skipped_numbers")
    number = models.PositiveBigIntegerField()
    why = models.CharField(max_length=200)
    said_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    said_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="skipped_number_once"),
            models.CheckConstraint(condition=~Q(why=""), name="skipped_number_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.book}: {self.number} {self.why}"
