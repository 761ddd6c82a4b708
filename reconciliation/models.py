"""Tables of reconciliation: bank statements as they came, their lines, and what answers each."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from djmoney.models.fields import MoneyField

from desk.models import LegalEntity, User
from ledger.models import BankAccount, Book, Entry, Line


class StatementFile(models.Model):
    """A bank file as it came, kept whether it could be read or not."""

    class State(models.TextChoices):
        STORED = "stored", "Stored"
        IMPORTED = "imported", "Imported"
        REFUSED = "refused", "Refused"
        SET_ASIDE = "set_aside", "Set aside"

    entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="statement_files")
    bank_account = models.ForeignKey(
        BankAccount,
        models.PROTECT,
        related_name="files",
        null=True,
        blank=True,
        help_text="Empty: found by the account number in the file.",
    )
    name = models.CharField(max_length=200)
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    format = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.STORED)
    reason = models.TextField(blank=True)
    line = models.PositiveIntegerField(null=True, blank=True)
    warnings = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(db_default=Now())
    received_from = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True)
    lines_new = models.PositiveIntegerField(default=0)
    lines_known = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "bank_account", "sha256"],
                name="statement_file_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(reason=""), name="refused_file_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["received_at"], name="statement_file_stored", condition=Q(state="stored")
            )
        ]

    def __str__(self) -> str:
        return self.name


class CsvProfile(models.Model):
    """How a bank account's CSV downloads are read, saved once and used for each."""

    bank_account = models.OneToOneField(BankAccount, models.CASCADE, related_name="csv_profile")
    mapping = models.JSONField(help_text="reconciliation.formats.CsvMapping as JSON.")
    saved_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"CSV of {self.bank_account}"


class Statement(models.Model):
    """What one file says of one account over one span of days.

    opening: the balance before from_on; closing: the balance at the end of closing_on. from_on and
    to_on are what the file says it covers, so that a missing day shows.
    """

    file = models.ForeignKey(StatementFile, models.PROTECT, related_name="statements")
    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="statements")
    number = models.PositiveSmallIntegerField(help_text="Its place in the file, from 1.")
    from_on = models.DateField()
    to_on = models.DateField()
    closing_on = models.DateField(null=True, blank=True)
    opening = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    closing = MoneyField(max_digits=14, decimal_places=2, null=True, blank=True)
    total = MoneyField(
        max_digits=14,
        decimal_places=2,
        default=0,
        default_currency="USD",
        help_text="The sum of its lines, known ones included.",
    )
    is_intraday = models.BooleanField(
        default=False, help_text="Its lines may still change: shown, never matched."
    )
    absent = models.JSONField(
        default=list, help_text="Lines of its days that an earlier file has and this one has not."
    )

    class Meta:
        ordering = ["bank_account", "to_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="statement_place_once"),
            models.CheckConstraint(
                condition=Q(from_on__lte=F("to_on")), name="statement_runs_forward"
            ),
            models.CheckConstraint(
                condition=Q(closing__isnull=True) | Q(closing_on__isnull=False),
                name="closing_balance_has_its_day",
            ),
        ]
        indexes = [models.Index(fields=["bank_account", "to_on"], name="statement_by_day")]

    def __str__(self) -> str:
        return f"{self.bank_account} {self.from_on} to {self.to_on}"


class BankFacts(models.Model):
    """What a bank says of one movement, as columns that three tables share."""

    posted_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2, help_text="Above zero: into the account.")
    type = models.CharField(max_length=40, blank=True)
    bank_reference = models.CharField(max_length=140, blank=True)
    customer_reference = models.CharField(max_length=140, blank=True)
    check_number = models.CharField(max_length=30, blank=True)
    description = models.TextField(blank=True)
    place = models.CharField(max_length=60, help_text="Where in the file: `line 212`.")
    fingerprint = models.CharField(max_length=64)
    number = models.PositiveSmallIntegerField(default=1)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.posted_on} {self.amount} {self.description[:40]}".strip()


class BankLine(BankFacts):
    """A line of a bank statement, once, however many downloads overlap.

    fingerprint: SHA-256 of what the bank says of it; number: 1, 2, … for lines that are equal in
    all of that, so that two equal payments on one day stay two. repeats: set when a person found
    that the bank told one movement twice in a way that no rule can see; such a line counts nowhere.
    """

    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="bank_lines")
    statement = models.ForeignKey(Statement, models.PROTECT, related_name="lines")
    is_matched = models.BooleanField(
        default=False, help_text="Kept by PostgreSQL from the matches."
    )
    repeats = models.ForeignKey(
        "self", models.PROTECT, related_name="repeated_by", null=True, blank=True, db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank_account", "fingerprint", "number"], name="bank_line_once"
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="bank_line_moves_money"),
            models.CheckConstraint(
                condition=Q(repeats__isnull=True) | Q(is_matched=False),
                name="repeated_line_is_not_matched",
            ),
        ]
        indexes = [
            # Sums and balances read the index alone.
            models.Index(
                fields=["bank_account", "posted_on"],
                include=["amount"],
                name="bank_line_by_day",
                condition=Q(repeats__isnull=True),
            ),
            models.Index(
                fields=["bank_account", "amount"],
                name="bank_line_open",
                condition=Q(is_matched=False, repeats__isnull=True),
            ),
        ]


class Sighting(BankFacts):
    """A bank line as a file of another format told it: the same movement in other words.

    is_doubtful: day and amount agree and nothing speaks against it, but no reference or name speaks
    for it either; a finding until a person has said. became: the line of its own that a person made
    of it (docs/decisions/051-same-line-in-two-formats.md).
    """

    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="+")
    bank_line = models.ForeignKey(BankLine, models.PROTECT, related_name="sightings")
    statement = models.ForeignKey(Statement, models.PROTECT, related_name="sightings")
    is_doubtful = models.BooleanField(default=False)
    became = models.OneToOneField(
        BankLine, models.PROTECT, related_name="was_sighting", null=True, blank=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank_account", "fingerprint", "number"], name="sighting_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["bank_account"], name="sighting_doubtful", condition=Q(is_doubtful=True)
            )
        ]


class IntradayLine(BankFacts):
    """A movement that the bank told before the day's end; the final report has the last word."""

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="intraday_lines")


class Match(models.Model):
    """Bank lines and journal lines that say the same; undone by undone_at, never deleted.

    PostgreSQL keeps: both sides belong to one bank account, their sums are equal, and each line is
    in at most one live match. rule: the rule with its version, as `deposit_slip.1`.
    """

    class Made(models.TextChoices):
        AUTOMATIC = "automatic", "Automatic"
        PERSON = "person", "By a person"

    bank_account = models.ForeignKey(BankAccount, models.PROTECT, related_name="matches")
    made = models.CharField(max_length=10, choices=Made)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    rule = models.CharField(max_length=60)
    points = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=dict, help_text="Criterion to points and words.")
    created_entry = models.ForeignKey(
        Entry,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Posted together with the match; reversed when it is undone.",
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    undone_why = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "matches"
        constraints = [
            models.CheckConstraint(condition=Q(points__lte=100), name="points_up_to_a_hundred"),
            models.CheckConstraint(
                condition=Q(made="automatic", made_by__isnull=True)
                | Q(made="person", made_by__isnull=False),
                name="match_by_a_person_names_them",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | ~Q(undone_why=""),
                name="undone_match_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.points}"


class MatchBankLine(models.Model):
    """A bank line's place in a match. is_live follows the match (kept by PostgreSQL)."""

    match = models.ForeignKey(Match, models.PROTECT, related_name="bank_sides")
    bank_line = models.ForeignKey(BankLine, models.PROTECT, related_name="matchings")
    is_live = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank_line"], name="bank_line_matched_once", condition=Q(is_live=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.bank_line} in match {self.match_id}"


class MatchLine(models.Model):
    """A journal line's place in a match. is_live follows the match (kept by PostgreSQL)."""

    match = models.ForeignKey(Match, models.PROTECT, related_name="journal_sides")
    line = models.ForeignKey(Line, models.PROTECT, related_name="matchings")
    is_live = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line"], name="journal_line_matched_once", condition=Q(is_live=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.line} in match {self.match_id}"


class OpenLine(models.Model):
    """A cash line of the journal that no live match answers; kept by PostgreSQL.

    It repeats the line's columns, so that the figures read a few rows and not years of lines.
    """

    line = models.OneToOneField(
        Line, models.PROTECT, related_name="+", primary_key=True, db_constraint=False
    )
    book = models.ForeignKey(
        Book, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey(
        Entry, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    dated_on = models.DateField()
    amount = MoneyField(max_digits=14, decimal_places=2)

    class Meta:
        indexes = [models.Index(fields=["book", "dated_on"], name="open_line_by_day")]

    def __str__(self) -> str:
        return f"{self.dated_on} {self.amount}"
