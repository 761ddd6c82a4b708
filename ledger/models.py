"""Tables of the ledger. It knows no lease and no bank file; PostgreSQL keeps its truths (sql/)."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import ExpressionWrapper, F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
from proptrust.lib.fields import EncryptedTextField, mask


class Book(models.Model):
    """A set of assets and claims that balances by itself."""

    class Kind(models.TextChoices):
        TRUST = "trust", "Trust account"
        OPERATING = "operating", "The company's own money"
        PROPERTY = "property", "A property's accrual book"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="books")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    closed_through = models.DateField(
        null=True,
        editable=False,
        help_text="Last day of its last closed period; kept by PostgreSQL.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "name"], name="book_name_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["trust", "operating", "property"]), name="book_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BankAccount(models.Model):
    """The account at a bank whose money a trust or operating book records."""

    class Purpose(models.TextChoices):
        RENT = "rent", "Rent trust"
        DEPOSITS = "deposits", "Security-deposit trust"
        ESCROW = "escrow", "Escrow"
        OPERATING = "operating", "Operating"

    book = models.OneToOneField(Book, models.PROTECT, related_name="bank_account")
    purpose = models.CharField(max_length=10, choices=Purpose)
    bank_name = models.CharField(max_length=200)
    title = models.CharField(max_length=200, help_text="As at the bank.")
    routing_number = models.CharField(max_length=9, blank=True)
    account_number = EncryptedTextField(help_text="Stored encrypted, shown masked.")
    last_four = models.CharField(max_length=4, editable=False)

    class Meta:
        ordering = ["book__name"]

    def __str__(self) -> str:
        return f"{self.bank_name} {mask(self.last_four)}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.last_four = str(self.account_number)[-4:]
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class Account(models.Model):
    """A heading of a legal entity's chart; its lines say which book they belong to."""

    class Kind(models.TextChoices):
        BANK = "bank", "Cash at the bank"
        TRANSIT = "transit", "Money in transit"
        CLAIM = "claim", "Held for a beneficiary"
        RECEIVABLE = "receivable", "Receivable"
        HELD = "held", "Held in trust by the manager"
        PAYABLE = "payable", "Payable"
        INCOME = "income", "Income"
        EXPENSE = "expense", "Expense"
        EQUITY = "equity", "Equity"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="accounts")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "code"], name="account_code_once"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "bank",
                        "transit",
                        "claim",
                        "receivable",
                        "held",
                        "payable",
                        "income",
                        "expense",
                        "equity",
                    ]
                ),
                name="account_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Beneficiary(models.Model):
    """Whose money it is, as fine as a statement needs."""

    class Kind(models.TextChoices):
        OWNER = "owner", "Owner, of one property"
        RESERVE = "reserve", "Reserve of a property"
        DEPOSIT = "deposit", "Tenant's security deposit"
        PREPAID = "prepaid", "Tenant's prepaid rent"
        ESCROW = "escrow", "Escrow"
        SUSPENSE = "suspense", "Not yet identified"
        UNCLAIMED = "unclaimed", "Unclaimed by its payee"
        WITHHELD = "withheld", "Withheld for a tax authority"
        COMPANY = "company", "The manager's own"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="beneficiaries")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    reference = models.CharField(max_length=80, help_text="Stable and unique in the entity.")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "beneficiaries"
        constraints = [
            models.UniqueConstraint(fields=["entity", "reference"], name="beneficiary_once")
        ]

    def __str__(self) -> str:
        return self.name


class Period(models.Model):
    """A month of a book; closing it fixes its lines with a digest chained to the one before."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="periods")
    first_on = models.DateField()
    last_on = models.DateField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    previous_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["book", "first_on"]
        constraints = [
            models.UniqueConstraint(fields=["book", "first_on"], name="period_once"),
            models.CheckConstraint(
                condition=Q(first_on__lte=F("last_on")), name="period_runs_forward"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, digest="")
                | (Q(closed_at__isnull=False) & ~Q(digest="")),
                name="closed_period_has_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.first_on:%Y-%m}"


class Entry(models.Model):
    """A journal entry: the lines of one event, summing to zero in each book."""

    class Kind(models.TextChoices):
        OPENING = "opening", "Opening balance"
        CHARGE = "charge", "Charge"
        RECEIPT = "receipt", "Receipt"
        SETTLEMENT = "settlement", "Settlement"
        ALLOCATION = "allocation", "Allocation"
        TRANSFER = "transfer", "Transfer"
        INTEREST = "interest", "Interest"
        ADJUSTMENT = "adjustment", "Adjustment"
        # Money that goes out: refused if it leaves a beneficiary overdrawn.
        DISBURSEMENT = "disbursement", "Disbursement"
        VENDOR_PAYMENT = "vendor_payment", "Vendor payment"
        REFUND = "refund", "Refund"
        FEE_DRAW = "fee_draw", "Fee draw"
        # What a bank or processor forces on us: posted even if it overdraws, and a finding then.
        RETURN = "return", "Return"
        BANK_FEE = "bank_fee", "Bank or processor fee"
        REVERSAL = "reversal", "Reversal"

    MONEY_OUT = (Kind.DISBURSEMENT, Kind.VENDOR_PAYMENT, Kind.REFUND, Kind.FEE_DRAW)

    # No foreign key of PostgreSQL: every line's guard checks that entry and book are of one entity,
    # once a statement instead of once a row (docs/decisions/010-ledger-guards.md).
    entity = models.ForeignKey(
        LegalEntity, models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind)
    dated_on = models.DateField(help_text="The day it counts for.")
    known_at = models.DateTimeField(db_default=Now(), help_text="The moment it was known.")
    memo = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, help_text="SHA-256 of its facts and lines.")
    reverses = models.OneToOneField(
        "self", models.PROTECT, related_name="reversed_by", null=True, blank=True
    )
    adjusts = models.ForeignKey(
        Period,
        models.PROTECT,
        related_name="adjusted_by",
        null=True,
        blank=True,
        db_index=False,
        help_text="The closed period that a late fact belongs to.",
    )
    posted_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, blank=True, db_index=False
    )

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["entity", "key"], name="entry_key_once"),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False)
                | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="reversal_names_its_entry",
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True) | ~Q(reverses=F("id")),
                name="entry_never_reverses_itself",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "opening",
                        "charge",
                        "receipt",
                        "settlement",
                        "allocation",
                        "transfer",
                        "interest",
                        "adjustment",
                        "disbursement",
                        "vendor_payment",
                        "refund",
                        "fee_draw",
                        "return",
                        "bank_fee",
                        "reversal",
                    ]
                ),
                name="entry_kind_known",
            ),
        ]
        indexes = [
            models.Index(fields=["entity", "dated_on"], name="entry_by_day"),
            # Entries arrive in the order they are known, so that a tiny index finds the newer ones.
            BrinIndex(fields=["known_at"], name="entry_by_moment", autosummarize=True),
            models.Index(
                fields=["adjusts"], name="entry_adjusting", condition=Q(adjusts__isnull=False)
            ),
            models.Index(
                fields=["posted_by"], name="entry_by_person", condition=Q(posted_by__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dated_on} {self.memo}"


class Line(models.Model):
    """One line of a journal entry: a debit is above zero, a credit below.

    All lines of an entry arrive in one statement; position 1 is among them, so that the unique key
    refuses any line that comes later. dated_on repeats the entry's day.
    """

    # The statement's guard checks the parents (docs/decisions/010-ledger-guards.md).
    entry = models.ForeignKey(
        Entry, models.PROTECT, related_name="lines", db_constraint=False, db_index=False
    )
    position = models.PositiveSmallIntegerField(help_text="Its place in the entry, from 1.")
    book = models.ForeignKey(
        Book, models.PROTECT, related_name="lines", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="lines", db_constraint=False, db_index=False
    )
    beneficiary = models.ForeignKey(
        Beneficiary,
        models.PROTECT,
        related_name="lines",
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
    )
    dated_on = models.DateField(help_text="The entry's day.")
    amount = MoneyField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ["entry", "position"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="line_moves_money"),
            models.UniqueConstraint(fields=["entry", "position"], name="line_place_once"),
        ]
        indexes = [
            models.Index(
                fields=["book", "beneficiary", "dated_on"],
                name="line_of_beneficiary",
                condition=Q(beneficiary__isnull=False),
            ),
            models.Index(
                fields=["book", "account", "dated_on"],
                name="line_of_account",
                condition=Q(beneficiary__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"


class Balance(models.Model):
    """The running sum of the lines of a book, account and beneficiary; kept by PostgreSQL.

    A row with a beneficiary is the sum of that beneficiary's lines; the rows without one are the
    account's total. What every writer meets (the totals, the company, suspense) is spread over
    parts 1 to 16, so that they do not wait for one row: it is the sum of its parts. Part 0 is not
    spread. Read them through ledger.queries.
    """

    PARTS = 16

    book = models.ForeignKey(Book, models.PROTECT, related_name="balances", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="balances")
    beneficiary = models.ForeignKey(
        Beneficiary, models.PROTECT, related_name="balances", null=True, blank=True
    )
    part = models.PositiveSmallIntegerField(default=0)
    amount = MoneyField(max_digits=14, decimal_places=2)
    is_overdrawn = models.GeneratedField(
        expression=ExpressionWrapper(
            Q(amount__gt=0, beneficiary__isnull=False), output_field=models.BooleanField()
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="A claim that is a debit: the beneficiary owes this account.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "beneficiary", "account", "amount_currency", "part"],
                name="balance_once",
                nulls_distinct=False,
            )
        ]
        indexes = [
            # On the flag, not on the amount: a new amount then needs no new index entry.
            models.Index(
                fields=["book", "beneficiary"],
                name="balance_overdrawn",
                condition=Q(is_overdrawn=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.account} {self.amount}"
