"""What compliance refuses, each in a sentence that says where to look."""

from pathlib import Path


class ComplianceError(Exception):
    """A rule cannot be given."""


class BadFile(ComplianceError):
    """A file of rules is not as docs/compliance.md says: which file, table and key, and why."""

    def __init__(self, path: Path, reason: str, *, table: str = "", key: str = "") -> None:
        super().__init__(path, reason, table, key)
        self.path = path
        self.reason = reason
        self.table = table
        self.key = key

    def __str__(self) -> str:
        place = [self.path.name]
        if self.table:
            place.append(self.table)
        if self.key:
            place.append(self.key)
        return f"{', '.join(place)}: {self.reason}"


class NoSuchJurisdiction(ComplianceError):
    """A code that is neither a state of the United States nor a locality of one."""


class MissingFact(ComplianceError):
    """A rule hangs on a fact that was not given; `fact` names it, `rule` says what asks for it."""

    def __init__(self, fact: str, rule: str, meaning: str) -> None:
        super().__init__(fact, rule, meaning)
        self.fact = fact
        self.rule = rule
        self.meaning = meaning

    def __str__(self) -> str:
        return f"{self.rule} hangs on a fact that is missing: {self.fact} ({self.meaning})"


class WrongFact(ComplianceError):
    """A fact was given that nobody asks for, or one of another type than it has."""


class RuleUnknown(ComplianceError):
    """The law was not found or not read: nobody may take that for "there is no rule"."""


class AmbiguousRule(ComplianceError):
    """Two rules with as many conditions each fit the same facts."""
