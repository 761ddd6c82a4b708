"""What each return code (R01-R90) and change code (C01-C69) means, and what the office does then.

The tables lie beside this file as text separated by bars. Titles are the network's names, all
other words are ours. Every row names its sources by letter, and the fields that no second source
backs: check those against the bank's copy of the Nacha Operating Rules, Appendix Four, before
relying on them. Read 2026-11.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from connectors.nacha.types import TRANSACTION_CODES
from proptrust.lib.banking import add_banking_days, is_routing_number, next_banking_day

SOURCES = {
    "A": "moov-io/ach: addenda 98 and 99 sources, guides on returns and changes",
    "B": "PayNearMe developer documentation, ACH return codes",
    "C": "Dwolla developer documentation, transfer failures",
    "D": "Galileo documentation, ACH return codes",
    "E": "FRB Services Fed360 on R11 (2021) and Increase, ACH returns: the unauthorized set",
    "F": "EPCOR (2015) and Modern Treasury, ACH risk thresholds: the administrative set",
    "G": "Bank Five Nine, Stockman Bank, Virginia Credit Union League, Galileo: retries and fees",
    "H": "Nacha, request for information on returns (2026), and study notes: dispute time limits",
    "I": "PB&T Bank on dishonored returns (effective 2015-03-20): R62, R77, end of C04",
    "J": "Nacha, risk management topics of October 2024 and April 2025; J.P. Morgan: R06, R17",
    "K": "Banner Bank, ACH originator guide: R17, R20, R23, R24",
    "L": "GrailPay documentation, return codes: R01-R08",
    "M": "Nacha, reversals and enforcement; Saltmarsh: R11 and R17 for improper reversals",
    "P": "Jack Henry, NOC and return codes: change code titles",
    "R": "Adyen API reference: C10-C12, in older lists only",
}

# Rates that start an inquiry: returned debits per debit sent, over 60 days or two calendar months,
# by the date of the original entry. A bank may set lower ones. Sources E and F.
UNAUTHORIZED_LIMIT_RATE = Decimal("0.005")
ADMINISTRATIVE_LIMIT_RATE = Decimal("0.03")
OVERALL_LIMIT_RATE = Decimal("0.15")

# Numbers between the codes that the network has not given out (source A).
_NOT_ASSIGNED = frozenset(
    f"R{number}" for number in (48, 49, *range(54, 61), 63, 64, 65, 66, 78, 79)
)
CHANGE_DAYS = 6


class Status(StrEnum):
    """Whether a code is one that the network uses."""

    IN_USE = "in_use"
    RETIRED = "retired"  # Not valid any more, still seen.
    NOT_IN_USE = "not_in_use"  # Known from older lists only.
    REFUSAL = "refusal"  # Our bank refuses a notification of change.
    NOT_ASSIGNED = "not_assigned"
    UNKNOWN = "unknown"


class Window(StrEnum):
    """How long a code may take to reach us."""

    TWO_BANKING_DAYS = "two_banking_days"  # After settlement of the entry.
    SIXTY_DAYS = "sixty_days"  # Calendar days, then the next banking day's opening of business.
    NEXT_FILE = "next_file"  # With the operator's next delivery.
    BY_AGREEMENT = "by_agreement"  # Between the two banks.
    AFTER_REFUSAL = "after_refusal"  # Promptly once the receiver refuses.
    DISHONOR = "dishonor"  # Five banking days after settlement of the return.
    CONTEST = "contest"  # Two banking days after settlement of the dishonored return.
    NOT_CONFIRMED = "not_confirmed"


class Retry(StrEnum):
    """Whether the same money may be asked for again."""

    SAME_ENTRY = "same_entry"  # Same amount, name and company ID, described RETRY PYMT.
    AFTER_NEW_CONSENT = "after_new_consent"  # As above, once the receiver agreed again.
    CORRECTED_ENTRY = "corrected_entry"  # One new entry, put right, on the old authorisation.
    AFTER_FIX = "after_fix"  # A new entry once the cause is gone.
    NEW_AUTHORISATION = "new_authorisation"
    WITH_CONSENT = "with_consent"  # Of the receiver of our credit.
    NEVER = "never"
    NOT_APPLICABLE = "not_applicable"  # Nothing was asked of a tenant.
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What the office does; the advice of the code says how."""

    RETRY = "retry"
    ASK_NEW_ACCOUNT = "ask_new_account"
    STOP_DEBITS = "stop_debits"
    REVOKE_AUTHORISATION = "revoke_authorisation"
    DISPUTE = "dispute"
    FIX_AND_RESEND = "fix_and_resend"
    CONTACT_BANK = "contact_bank"
    CONTACT_PAYEE = "contact_payee"
    NONE_OR_CHECK = "none_or_check"
    NONE = "none"
    BANK_MATTER = "bank_matter"
    UNKNOWN_CODE = "unknown_code"
    UPDATE_ACCOUNT = "update_account"
    UPDATE_ID_NUMBER = "update_id_number"
    FIX_OUR_FILE = "fix_our_file"
    ASK_PERSON = "ask_person"


# Days within which a retry must go out: of the first settlement for the same entry (source G), of
# the return's settlement for the corrected one (source E).
_RETRY_DAYS = {Retry.SAME_ENTRY: 180, Retry.AFTER_NEW_CONSENT: 180, Retry.CORRECTED_ENTRY: 60}


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """One return code. `max_retries` is None where the sources state none.

    accounts: both, consumer, or whom else it concerns. entries: the kinds of entry that come back.
    counts_*: whether a returned debit counts towards that rate; credits never do.
    sources: letters of SOURCES. unconfirmed: names of these fields with one source at most.
    """

    code: str
    status: Status
    title: str
    meaning: str
    returned_by: str
    window: Window
    accounts: str
    entries: tuple[str, ...]
    needs_statement: bool
    retry: Retry
    max_retries: int | None
    counts_unauthorized: bool
    counts_administrative: bool
    counts_overall: bool
    action: Action
    advice: str
    sources: frozenset[str]
    unconfirmed: frozenset[str]

    @property
    def is_known(self) -> bool:
        """Whether it is a code that the network uses."""
        return self.status is Status.IN_USE

    @property
    def retry_within_days(self) -> int | None:
        """Calendar days in which a retry must be sent; None where there is no such limit."""
        return _RETRY_DAYS.get(self.retry)

    @property
    def allows_return_fee(self) -> bool:
        """Whether a fee entry (RETURN FEE) may follow, given prior notice. Source G."""
        return self.retry is Retry.SAME_ENTRY

    def is_confirmed(self, name: str) -> bool:
        """Whether a field of this record (`window`, `max_retries`, …) has a second source."""
        return self.is_known and name not in self.unconfirmed

    def latest_on(self, settled_on: date) -> date | None:
        """The last day on which this code is in time.

        settled_on: the settlement of what comes back: the entry, the return (R61-R70), or the
        dishonored return (R71-R77). None where no limit is known.
        """
        match self.window:
            case Window.TWO_BANKING_DAYS | Window.CONTEST:
                return add_banking_days(settled_on, 2)
            case Window.DISHONOR:
                return add_banking_days(settled_on, 5)
            case Window.SIXTY_DAYS:
                return next_banking_day(settled_on + timedelta(days=61))
        return None


@dataclass(frozen=True, slots=True)
class Part:
    """Where a field stands in the corrected data of a notification, 1-based and inclusive."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ChangeCode:
    """One change code, what it corrects and what to do before the next entry."""

    code: str
    status: Status
    title: str
    parts: tuple[Part, ...]
    action: Action
    advice: str
    sources: frozenset[str]
    unconfirmed: frozenset[str]

    @property
    def is_known(self) -> bool:
        """Whether the network uses it, has used it, or refuses a notification with it."""
        return self.status not in {Status.UNKNOWN, Status.NOT_ASSIGNED}

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that the corrected data hold."""
        return tuple(part.name for part in self.parts)

    def is_confirmed(self, name: str) -> bool:
        """Whether a field of this record (`status`, `positions`) has a second source."""
        return self.is_known and name not in self.unconfirmed


def return_code(code: str) -> ReturnCode:
    """The record of a return code; for a code nobody knows, one that says so and hides nothing."""
    return _return_codes().get(code) or _unknown_return(code)


def change_code(code: str) -> ChangeCode:
    """The record of a change code; for a code nobody knows, one that says so."""
    return _change_codes().get(code) or _unknown_change(code)


def return_codes() -> Iterator[ReturnCode]:
    """All return codes, the numbers that were never given out included, in order."""
    return iter(_return_codes().values())


def change_codes() -> Iterator[ChangeCode]:
    """All change codes, in order."""
    return iter(_change_codes().values())


def change_deadline(received_on: date) -> date:
    """The last day to apply a notification, if no entry goes out later: six banking days.

    The rule is: before the next entry or within six banking days, whichever is later. Source A.
    """
    return add_banking_days(received_on, CHANGE_DAYS)


def corrected_fields(code: str, corrected_data: str) -> dict[str, str] | None:
    """The corrected fields of a notification by name: account, routing_number, transaction_code …

    Senders should use fixed positions, but many only put blanks between; a cut is taken when every
    field of it is plausible, fixed positions first. None where neither is: a person reads it then.
    """
    parts = change_code(code).parts
    if not parts:
        return None
    data = corrected_data.ljust(parts[-1].last)
    fixed = {part.name: data[part.first - 1 : part.last].strip() for part in parts}
    is_whole = not _outside(data, parts).strip()
    if is_whole and all(_is_plausible(name, value) for name, value in fixed.items()):
        return fixed
    words = corrected_data.split()
    if len(words) != len(parts):
        return None
    split = {part.name: word for part, word in zip(parts, words, strict=True)}
    return split if all(_is_plausible(name, value) for name, value in split.items()) else None


def _outside(data: str, parts: tuple[Part, ...]) -> str:
    """What stands between and behind the fields."""
    rest = list(data)
    for part in parts:
        rest[part.first - 1 : part.last] = " " * (part.last - part.first + 1)
    return "".join(rest)


def _is_plausible(name: str, value: str) -> bool:
    if name == "routing_number":
        return is_routing_number(value)
    if name == "transaction_code":
        return value in TRANSACTION_CODES
    if name == "account":
        # Numbers with a blank inside exist, but not beside other fields: they may be two fields.
        return bool(value) and len(value) <= 17 and " " not in value
    return bool(value)


def _rows(name: str) -> Iterator[dict[str, str]]:
    path = Path(__file__).with_name(name)
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE, strict=True)


@lru_cache(maxsize=1)
def _return_codes() -> dict[str, ReturnCode]:
    found = {row["code"]: _return_of(row) for row in _rows("return_codes.csv")}
    found |= {code: _unassigned(code) for code in _NOT_ASSIGNED}
    return dict(sorted(found.items()))


@lru_cache(maxsize=1)
def _change_codes() -> dict[str, ChangeCode]:
    return {row["code"]: _change_of(row) for row in _rows("change_codes.csv")}


def _return_of(row: dict[str, str]) -> ReturnCode:
    names = {"retries": "max_retries", "overall": "counts_overall"}
    return ReturnCode(
        code=row["code"],
        status=Status.IN_USE,
        title=row["title"],
        meaning=row["meaning"],
        returned_by=row["returned_by"],
        window=Window(row["window"]),
        accounts=row["accounts"],
        entries=tuple(row["entries"].split(",")),
        needs_statement=row["statement"] == "yes",
        retry=Retry(row["retry"]),
        max_retries=int(row["retries"]) if row["retries"] else None,
        counts_unauthorized="U" in row["counts"],
        counts_administrative="A" in row["counts"],
        counts_overall="O" in row["counts"],
        action=Action(row["action"]),
        advice=row["advice"],
        sources=frozenset(row["sources"]),
        unconfirmed=frozenset(names.get(name, name) for name in _listed(row["unconfirmed"])),
    )


def _change_of(row: dict[str, str]) -> ChangeCode:
    return ChangeCode(
        code=row["code"],
        status=Status(row["status"]),
        title=row["title"],
        parts=tuple(_part(text) for text in _listed(row["fields"])),
        action=Action(row["action"]),
        advice=row["advice"],
        sources=frozenset(row["sources"]),
        unconfirmed=frozenset(_listed(row["unconfirmed"])),
    )


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []


def _part(text: str) -> Part:
    name, _, positions = text.partition(":")
    first, _, last = positions.partition("-")
    return Part(name, int(first), int(last))


def _unassigned(code: str) -> ReturnCode:
    return _neutral_return(
        code, Status.NOT_ASSIGNED, "The network has given this number to no reason.", frozenset("A")
    )


@lru_cache(maxsize=256)
def _unknown_return(code: str) -> ReturnCode:
    text = "This code is in none of the lists we know."
    return _neutral_return(code, Status.UNKNOWN, text, frozenset())


def _neutral_return(code: str, status: Status, meaning: str, sources: frozenset[str]) -> ReturnCode:
    return ReturnCode(
        code=code,
        status=status,
        title="Unknown return code",
        meaning=meaning,
        returned_by="unknown",
        window=Window.NOT_CONFIRMED,
        accounts="unknown",
        entries=(),
        needs_statement=False,
        retry=Retry.UNKNOWN,
        max_retries=None,
        counts_unauthorized=False,
        counts_administrative=False,
        # A debit that came back counts, whatever the reason.
        counts_overall=True,
        action=Action.UNKNOWN_CODE,
        advice="The money is gone all the same: undo the receipt, keep the code as it came and "
        "have a person ask the bank. Send nothing again before that.",
        sources=sources,
        unconfirmed=frozenset(),
    )


@lru_cache(maxsize=256)
def _unknown_change(code: str) -> ChangeCode:
    return ChangeCode(
        code=code,
        status=Status.UNKNOWN,
        title="Unknown change code",
        parts=(),
        action=Action.ASK_PERSON,
        advice="Keep the corrected data as they came and have a person ask the bank.",
        sources=frozenset(),
        unconfirmed=frozenset(),
    )
