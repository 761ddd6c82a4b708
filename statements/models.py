"""Tables of the reports that were published."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
from disbursements.models import Run
from leases.models import Owner
from ledger.models import BankAccount


class TrustReport(models.Model):
    """A trust report of one account over one span of days; immutable once it is made.

    A correction is a new version that names the old. rows: the canonical JSON that everything
    printed comes from; sha256: of the PDF; rows_sha256: of the rows.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        MAKING = "making", "Being made"
        MADE = "made", "Made"
        FAILED = "failed", "Failed"

    class Outcome(models.TextChoices):
        CERTIFIABLE = "certifiable", "Certifiable"
        NOT_CERTIFIABLE = "not_certifiable", "Not certifiable"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="trust_reports")
    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="trust_reports")
    from_on = models.DateField()
    to_on = models.DateField()
    version = models.PositiveSmallIntegerField(default=1)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    step = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the last attempt.")
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    known_at = models.DateTimeField(null=True, blank=True, help_text="What was known then.")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(null=True, blank=True)
    rows = models.BinaryField(null=True, blank=True)
    rows_sha256 = models.CharField(max_length=64, blank=True)
    pdf = models.BinaryField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-to_on", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["bank_account", "from_on", "to_on", "version"], name="trust_report_version"
            ),
            models.CheckConstraint(
                condition=Q(from_on__lte=F("to_on")), name="trust_report_runs_forward"
            ),
            models.CheckConstraint(
                condition=~Q(state="made")
                | (Q(pdf__isnull=False) & Q(rows__isnull=False) & ~Q(sha256="")),
                name="made_report_has_its_file",
            ),
        ]

    def __str__(self) -> str:
        return f"Trust report {self.bank_account} {self.from_on} to {self.to_on} v{self.version}"


class OwnerStatement(models.Model):
    """What an owner is told of some days: opening + change = paid + closing; immutable once made.

    A correction is a new version that names the old one and lists what changed. follows: the
    statement whose closing is this one's opening. run: the owner draws that it shows as paid, even
    if they are dated later. rows: the canonical JSON that everything printed comes from.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        COMPOSED = "composed", "Being laid out"
        MADE = "made", "Made"
        FAILED = "failed", "Failed"

    RUNNING = (State.QUEUED, State.COMPOSED)

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="owner_statements")
    owner = models.ForeignKey(Owner, models.PROTECT, related_name="statements", db_index=False)
    run = models.ForeignKey(
        Run, models.PROTECT, related_name="owner_statements", null=True, blank=True
    )
    from_on = models.DateField()
    to_on = models.DateField()
    version = models.PositiveSmallIntegerField(default=1)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    follows = models.ForeignKey(
        "self", models.PROTECT, related_name="followed_by", null=True, blank=True
    )
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    known_at = models.DateTimeField(null=True, blank=True, help_text="What was known then.")
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    made_at = models.DateTimeField(null=True, blank=True)
    opening = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    change = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    paid = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    closing = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    rows = models.BinaryField(null=True, blank=True)
    rows_sha256 = models.CharField(max_length=64, blank=True)
    pdf = models.BinaryField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-to_on", "owner__name", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "from_on", "to_on", "version"], name="owner_statement_version"
            ),
            models.UniqueConstraint(
                fields=["owner", "from_on", "to_on"],
                condition=Q(state__in=["queued", "composed"]),
                name="owner_statement_asked_once",
            ),
            models.CheckConstraint(
                condition=Q(from_on__lte=F("to_on")), name="owner_statement_runs_forward"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["composed", "made"])
                | Q(
                    rows__isnull=False,
                    known_at__isnull=False,
                    opening=F("paid") + F("closing") - F("change"),
                ),
                name="owner_statement_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(state="made")
                | (Q(pdf__isnull=False, made_at__isnull=False) & ~Q(sha256="")),
                name="made_owner_statement_has_its_file",
            ),
        ]
        indexes = [
            models.Index(fields=["entity", "-to_on", "-id"], name="owner_statement_by_day"),
            models.Index(
                fields=["asked_at"],
                name="owner_statement_running",
                condition=Q(state__in=["queued", "composed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Statement {self.owner} {self.from_on} to {self.to_on} v{self.version}"


class OwnerLink(models.Model):
    """An address by which an owner reads one statement without signing in.

    The address is signed with the site's secret key and not kept: nonce and number make it again.
    """

    statement = models.ForeignKey(OwnerStatement, models.PROTECT, related_name="links")
    nonce = models.CharField(max_length=43)
    expires_at = models.DateTimeField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Link to {self.statement}"


class LinkVisit(models.Model):
    """Somebody opened an owner's link, or tried one that does not exist (link is empty then)."""

    link = models.ForeignKey(
        OwnerLink, models.CASCADE, related_name="visits", null=True, blank=True, db_index=False
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    at = models.DateTimeField(db_default=Now())
    is_refused = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["address", "at"], name="link_visit_by_address"),
            models.Index(fields=["link", "at"], name="link_visit_of_link"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.at}"
