"""Tables of the reports that were published."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from desk.models import LegalEntity, User
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
