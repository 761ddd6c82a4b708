"""Tables of the connectors: connections, what came in by them, what goes out by them."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from desk.models import LegalEntity, User
from ledger.models import Book
from proptrust.lib.fields import EncryptedBytesField, EncryptedJSONField


def new_token() -> str:
    """A webhook address's own part: 256 random bits, so that nobody finds it by trying."""
    return secrets.token_urlsafe(32)


class Connection(models.Model):
    """One legal entity's access to one platform. book: the trust account its money belongs to."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        REAUTHORISE = "reauthorise", "Must be authorised again"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="connections")
    slug = models.CharField(max_length=40)
    label = models.CharField(max_length=100)
    book = models.ForeignKey(
        Book, models.PROTECT, related_name="connections", null=True, blank=True
    )
    credentials = EncryptedJSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    token = models.CharField(
        max_length=43,
        unique=True,
        default=new_token,
        editable=False,
        help_text="Part of the webhook address; not a secret by itself.",
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_said = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["label"]
        constraints = [
            models.UniqueConstraint(fields=["entity", "label"], name="connection_label_once")
        ]

    def __str__(self) -> str:
        return self.label


class Delivery(models.Model):
    """What a platform sent, stored before anything is made of it."""

    class State(models.TextChoices):
        STORED = "stored", "Stored"
        PARSED = "parsed", "Parsed"
        IGNORED = "ignored", "Nothing in it for us"
        UNREADABLE = "unreadable", "Cannot be read"

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="deliveries")
    received_at = models.DateTimeField(db_default=Now())
    name = models.CharField(max_length=200, blank=True, help_text="Of the file, if it was one.")
    headers = models.JSONField(default=dict)
    body = EncryptedBytesField(help_text="As it came; files of a bank hold account numbers.")
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.STORED)
    reason = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    parsed_at = models.DateTimeField(null=True, blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often the same bytes came.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["connection", "sha256"], name="delivery_stored_once")
        ]
        indexes = [
            models.Index(
                fields=["received_at"], name="delivery_waiting", condition=Q(state="stored")
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.received_at:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """A fact that a platform told us, once, however often it was delivered."""

    class State(models.TextChoices):
        NEW = "new", "New"
        HEARD = "heard", "Heard"
        WAITING = "waiting", "Waits for another event"
        FAILED = "failed", "A person must look"
        SET_ASIDE = "set_aside", "Set aside by a person"

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="events")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="events")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    subject = models.CharField(
        max_length=200, blank=True, help_text="The platform's id of the payment or remittance."
    )
    facts = EncryptedJSONField(help_text="May hold a payer's bank details.")
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    reason = models.TextField(blank=True)
    waits_for = models.CharField(
        max_length=200, blank=True, help_text="The payment or remittance that must be told first."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    stored_at = models.DateTimeField(db_default=Now())
    heard_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="event_key_once")]
        indexes = [
            models.Index(fields=["connection", "subject"], name="event_subject"),
            models.Index(
                fields=["next_at"],
                name="event_open",
                condition=~Q(state__in=["heard", "set_aside"]),
            ),
            models.Index(
                fields=["connection", "waits_for"],
                name="event_waiting",
                condition=Q(state="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class EventConflict(models.Model):
    """The same key came again with other facts: never a second post, always a finding."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="conflicts")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="conflicts")
    facts = EncryptedJSONField()
    digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField(db_default=Now())
    settled_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    settled_how = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "digest"], name="event_conflict_once")
        ]

    def __str__(self) -> str:
        return f"{self.event} told otherwise"


class Request(models.Model):
    """What we ask a platform to do: written with the fact, sent by a task, kept with its answer.

    A file for a bank is one too: delivery holds its bytes, and a person hands it over.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be sent"
        READY = "ready", "To be given to the bank"
        SENT = "sent", "Done"
        REFUSED = "refused", "Refused by the platform"
        WITHDRAWN = "withdrawn", "Withdrawn"

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="requests")
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    facts = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(db_default=Now())
    next_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    vendor_id = models.CharField(max_length=200, blank=True)
    answer = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    first_tried_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivery = models.OneToOneField(
        Delivery, models.PROTECT, related_name="request", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "key"], name="request_key_once")
        ]
        indexes = [
            models.Index(fields=["next_at"], name="request_waiting", condition=Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Exchange(models.Model):
    """One HTTP call and its answer, secrets left out, for the desk to show."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="exchanges")
    request = models.ForeignKey(
        Request, models.PROTECT, related_name="exchanges", null=True, blank=True
    )
    at = models.DateTimeField(db_default=Now())
    method = models.CharField(max_length=7)
    url = models.CharField(max_length=500)
    sent = models.TextField(blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True)
    seconds = models.DecimalField(max_digits=8, decimal_places=3)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "-id"], name="exchange_latest")]

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status or self.fault}"


class Refusal(models.Model):
    """How often deliveries were refused on a day, and why; forged ones are never stored."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="refusals")
    on = models.DateField()
    reason = models.CharField(max_length=200)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    last_size = models.PositiveIntegerField(help_text="Bytes of the last one.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "on", "reason"], name="refusal_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.on}: {self.reason}"


class RateLimit(models.Model):
    """How many calls a connection has made in the running second, for all workers together."""

    connection = models.OneToOneField(
        Connection, models.CASCADE, primary_key=True, related_name="+"
    )
    second = models.DateTimeField()
    used = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.used} at {self.second:%H:%M:%S}"
