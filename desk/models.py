"""Tables of the desk: who works here, for which legal entity, on which items, and what they did."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from proptrust.lib.fields import EncryptedTextField


class LegalEntity(models.Model):
    """A company that manages property and holds other people's money.

    It stands in the lowest app because roles, work items, books and connections all belong to one
    (docs/decisions/001-legal-entity-in-desk.md).
    """

    name = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=2, help_text="Two letters, of the licence.")
    licence_number = models.CharField(max_length=60, blank=True)
    broker_of_record = models.CharField(max_length=200, blank=True)
    tax_id = EncryptedTextField(blank=True, help_text="EIN; shown masked.")
    time_zone = models.CharField(max_length=60, default="America/New_York")
    is_sample = models.BooleanField(default=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "legal entities"

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in; what they may do comes from their memberships."""

    def __str__(self) -> str:
        return self.get_full_name() or self.get_username()


class Role(models.TextChoices):
    """What a person may do for a legal entity; desk.roles says which permissions each holds."""

    BOOKKEEPER = "bookkeeper", "Bookkeeper"
    PROPERTY_MANAGER = "property_manager", "Property manager"
    ADMINISTRATOR = "administrator", "Administrator"
    REGULATOR = "regulator", "Regulator or auditor"


class Membership(models.Model):
    """A person's role at one legal entity."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "entity", "role"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} at {self.entity}"


class Severity(models.IntegerChoices):
    """How bad a finding is; a critical one forbids certifying a trust report."""

    NOTICE = 1, "Notice"
    WARNING = 2, "Warning"
    CRITICAL = 3, "Critical"


class WorkItem(models.Model):
    """Something odd that a person must look at; opened and closed by findings.

    key: the finding's own key (for example `bank_line_unmatched:812`); a finding that stays keeps
    its item, one that is gone closes it, one that comes back opens the same item again.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        WAITING = "waiting", "Waiting until a day"
        CLOSED = "closed", "Closed"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="work_items")
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, unique=True)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    title = models.CharField(max_length=200)
    reason = models.TextField(help_text="What is wrong, in a sentence a bookkeeper understands.")
    amount = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    who = models.CharField(max_length=200, blank=True, help_text="Payer or payee.")
    where = models.CharField(
        max_length=200, blank=True, help_text="Trust account, property or file."
    )
    book_id = models.BigIntegerField(null=True, blank=True, help_text="The ledger's book, if any.")
    subject_type = models.CharField(max_length=60, help_text="Model label, as ledger.entry.")
    subject_id = models.BigIntegerField()
    happened_on = models.DateField()
    suggestion = models.CharField(max_length=200, blank=True)
    suggestion_points = models.PositiveSmallIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    assigned_to = models.ForeignKey(
        User, models.SET_NULL, related_name="work_items", null=True, blank=True
    )
    wait_until = models.DateField(null=True, blank=True)
    wait_reason = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, models.SET_NULL, related_name="+", null=True, blank=True)
    closed_how = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager[WorkItem]] = models.Manager()

    class Meta:
        indexes = [
            # The list of open items: worst first, then oldest; a keyset page reads it in order.
            models.Index(
                "entity",
                F("severity").desc(),
                "happened_on",
                "id",
                name="item_open_by_severity",
                condition=~Q(state="closed"),
            ),
            # The same for a person who works for many entities: read in order, few rows skipped.
            models.Index(
                F("severity").desc(),
                "happened_on",
                "id",
                name="item_open_worst_first",
                condition=~Q(state="closed"),
            ),
            models.Index(fields=["kind"], name="item_open_kind", condition=~Q(state="closed")),
            models.Index(
                fields=["assigned_to"], name="item_open_assigned", condition=~Q(state="closed")
            ),
            models.Index(fields=["subject_type", "subject_id"], name="item_subject"),
            models.Index(fields=["book_id"], name="item_open_book", condition=~Q(state="closed")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True)),
                name="item_closed_has_moment",
            ),
            models.CheckConstraint(
                condition=~Q(state="waiting") | (Q(wait_until__isnull=False) & ~Q(wait_reason="")),
                name="item_waits_for_a_day_and_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"EX-{self.pk} {self.title}"


class Note(models.Model):
    """A person's remark on a work item."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.TextField()
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["written_at", "id"]

    def __str__(self) -> str:
        return self.text[:60]


class Action(models.Model):
    """What a person did through a remedy, kept so that it can be undone with one key.

    undo: the facts that the remedy's own undo needs. group: actions done together are undone
    together. PostgreSQL lets nothing but the undo happen to a row.
    """

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="actions")
    # As long as a match of many lines needs: `match:812,815,816,…`.
    remedy = models.TextField()
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    group = models.UUIDField(default=uuid.uuid4)
    said = models.CharField(max_length=300)
    undo = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    done_at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["actor", "-id"], name="action_of_actor"),
            models.Index(fields=["group"], name="action_group"),
        ]

    def __str__(self) -> str:
        return self.said


class Approval(models.Model):
    """A change that a second person must agree to; the maker is never the checker."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for a second person"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn by its maker"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="approvals")
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, unique=True)
    text = models.TextField(help_text="What will happen, with the effect on the trust.")
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    maker = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    checker = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(checker__isnull=True) | ~Q(checker=F("maker")),
                name="maker_is_never_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "refused"]) | Q(checker__isnull=False),
                name="approval_decided_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class AuditEvent(models.Model):
    """One line of the audit trail; PostgreSQL refuses to change or delete it."""

    at = models.DateTimeField(db_default=Now())
    entity = models.ForeignKey(
        LegalEntity, models.PROTECT, related_name="audit_events", null=True, blank=True
    )
    actor = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField(null=True, blank=True)
    text = models.CharField(max_length=500)
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="audit_subject"),
            models.Index(fields=["entity", "-id"], name="audit_entity"),
        ]

    def __str__(self) -> str:
        return self.text


class Heartbeat(models.Model):
    """When a worker last finished its beat: a queue that stands still shows here."""

    name = models.CharField(max_length=60, primary_key=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.beaten_at:%Y-%m-%d %H:%M:%S}"
