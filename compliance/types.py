"""What crosses the border of compliance: rules as frozen facts, each with where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_DOWN, Decimal
from enum import Enum, StrEnum
from typing import Any, Final, NoReturn, Self, TypeVar

from moneyed import Money

from compliance.conditions import Condition
from compliance.errors import MissingFact, RuleUnknown
from proptrust.lib.money import CENT, ZERO, fee_of, usd

Value = TypeVar("Value")


class Unknown(Enum):
    """What was not found or not read. It is not "no rule", and not false."""

    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        """Refuse `if rule.cap:`, which would take "not known" for "yes" or for "none"."""
        raise TypeError("what the law says here is not known: ask `is UNKNOWN` first")

    def __str__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class DayType(StrEnum):
    """What a deadline counts. Business days are those of the Federal Reserve."""

    CALENDAR = "calendar days"
    BUSINESS = "business days"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule stands, and how far it may be trusted.

    citation: the law. url, title: what was read, in the month `read_on`; it may be a summary, as
    `kind` says. is_confirmed: every field was read there.
    unconfirmed: the fields that were recalled, or on which sources disagree; the note keeps both.
    is_row_confirmed: the rest of the fields was read.
    """

    citation: str
    url: str
    kind: str
    read_on: str
    is_row_confirmed: bool
    title: str = ""
    unconfirmed: frozenset[str] = frozenset()
    note: str = ""

    @property
    def is_confirmed(self) -> bool:
        """Whether nothing of the rule is recalled, disputed or unknown."""
        return self.is_row_confirmed and not self.unconfirmed

    def confirms(self, *names: str) -> bool:
        """Whether these fields of the rule were read."""
        return self.is_row_confirmed and self.unconfirmed.isdisjoint(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of a file: what a jurisdiction says on a topic, from when to when, and for whom.

    counts_by: which fact `effective_from` and `effective_to` are compared with, "" for the day
    that is asked about; a cap on deposits counts by the day on which the deposit was taken.
    """

    jurisdiction: str
    source: Source
    variant: str = ""
    when: tuple[Condition, ...] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    counts_by: str = ""

    @classmethod
    def own_fields(cls) -> tuple[str, ...]:
        """The names of the fields that say what the law says."""
        shared = {each.name for each in fields(Rule)}
        return tuple(each.name for each in fields(cls) if each.name not in shared)

    @classmethod
    def unknown(cls, jurisdiction: str, note: str, **selected: Any) -> Self:
        """The answer where no file says anything: every field is UNKNOWN, but those given."""
        source = Source("", "", "not found", "", is_row_confirmed=False, note=note)
        nothing: dict[str, Any] = dict.fromkeys(cls.own_fields(), UNKNOWN)
        return cls(jurisdiction=jurisdiction, source=source, **(nothing | selected))

    @property
    def name(self) -> str:
        """How a message names the rule: CA deposit cap (small landlord)."""
        variant = f" ({self.variant})" if self.variant else ""
        return f"{self.jurisdiction} {TITLES[type(self)].lower()}{variant}"

    def known(self, value: Value | Unknown, what: str) -> Value:
        """A value of this rule that is known. Raises RuleUnknown with what is missing."""
        if isinstance(value, Unknown):
            note = f": {self.source.note}" if self.source.note else ""
            raise RuleUnknown(f"{self.name}: {what} is not known{note}")
        return value


# --- Most that may be asked ------------------------------------------------------------


class Combine(StrEnum):
    """How several limits make one."""

    LESSER = "lesser"
    GREATER = "greater"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Band:
    """A limit for amounts up to one (None: for all above).

    flat: an amount. rate: a share of the amount (of what lies above `rate_above`). daily_flat,
    daily_rate: for each day after `daily_after_days`, together at most `daily_max`. combine: how
    these parts make one limit; None where there is only one.
    """

    up_to: Money | None = None
    flat: Money | None = None
    rate: Decimal | None = None
    rate_above: Money | None = None
    daily_flat: Money | None = None
    daily_rate: Decimal | None = None
    daily_after_days: int = 0
    daily_max: Money | None = None
    combine: Combine | None = None

    def most(self, amount: Money, days: int) -> Decimal:
        """The limit for an amount, `days` after it was due; not rounded."""
        parts = [part for part in self._parts(amount, days) if part is not None]
        if self.combine is Combine.LESSER:
            return min(parts)
        return max(parts) if self.combine is Combine.GREATER else sum(parts, Decimal(0))

    def _parts(self, amount: Money, days: int) -> list[Decimal | None]:
        above = max(amount.amount - (self.rate_above or ZERO).amount, Decimal(0))
        return [
            self.flat.amount if self.flat is not None else None,
            above * self.rate if self.rate is not None else None,
            self._daily(amount, max(0, days - self.daily_after_days)),
        ]

    def _daily(self, amount: Money, days: int) -> Decimal | None:
        if self.daily_flat is None and self.daily_rate is None:
            return None
        flat = self.daily_flat.amount if self.daily_flat is not None else Decimal(0)
        whole = days * (flat + amount.amount * (self.daily_rate or Decimal(0)))
        return min(whole, self.daily_max.amount) if self.daily_max is not None else whole


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be asked, by bands of an amount in rising order."""

    bands: tuple[Band, ...]

    @property
    def needs_amount(self) -> bool:
        """Whether the limit hangs on an amount at all."""
        return len(self.bands) > 1 or any(
            band.rate is not None or band.daily_rate is not None for band in self.bands
        )

    def most(self, amount: Money, *, days: int = 0) -> Money:
        """The limit for an amount, in whole cents.

        It is rounded down: half a cent above a limit of the law is above it.
        """
        band = next(
            each for each in self.bands if each.up_to is None or amount.amount <= each.up_to.amount
        )
        return usd(band.most(amount, days).quantize(CENT, ROUND_DOWN))


# --- Fees ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFeeRule(Rule):
    """What a late fee may be.

    grace_days: days after the due day on which none may be charged; None: the law grants none.
    cap: the most it may be, of the period's rent; None: the law names no figure.
    standard: what the law asks for instead of a figure, or besides it.
    """

    grace_days: int | Unknown | None
    cap: Cap | Unknown | None
    standard: str | Unknown | None
    terms: str | Unknown | None

    def capped(self, fee: Money, *, rent: Money, days_late: int) -> Money:
        """The part of a late fee that the law allows.

        rent: of the period. days_late: counted from the due day, which is day 0. Nothing is
        allowed within the grace days. Raises RuleUnknown where grace or cap is not known.
        """
        grace = self.known(self.grace_days, "the grace period")
        cap = self.known(self.cap, "the cap")
        if days_late <= (grace or 0):
            return ZERO
        return fee if cap is None else min(fee, cap.most(rent, days=days_late))


@dataclass(frozen=True, slots=True, kw_only=True)
class NsfFeeRule(Rule):
    """What a fee for a returned payment may be. first, next: of the payer's first and each
    further returned payment, by its face amount. adds_bank_cost: the bank's charge comes on top."""

    first: Cap | Unknown | None
    next: Cap | Unknown | None
    adds_bank_cost: bool | Unknown

    def capped(
        self,
        fee: Money,
        *,
        face: Money | None = None,
        is_first: bool = True,
        bank_cost: Money = ZERO,
    ) -> Money:
        """The part of a returned-payment fee that the law allows.

        face: the amount that came back; bank_cost: what the bank charged for it. Raises
        RuleUnknown where the limit is not known, MissingFact where it hangs on the face amount.
        """
        cap = self.known(self.first if is_first else self.next, "the cap")
        if cap is None:
            return fee
        if cap.needs_amount and face is None:
            raise MissingFact("face", self.name, "the amount of the returned payment")
        most = cap.most(face or ZERO)
        if self.known(self.adds_bank_cost, "whether the bank's charge comes on top"):
            most += bank_cost
        return min(fee, most)


# --- Security deposits -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositCapRule(Rule):
    """How much may be taken: months of rent; None: no statutory cap. counts: what counts to it."""

    months: Decimal | Unknown | None
    counts: str | Unknown | None

    def most(self, rent: Money) -> Money | None:
        """The largest deposit for a month's rent; None: no cap. Raises RuleUnknown."""
        months = self.known(self.months, "the cap")
        if months is None:
            return None
        return Money((rent.amount * months).quantize(CENT, ROUND_DOWN), rent.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositAccountRule(Rule):
    """Whether a deposit lies in an account apart from other money, and in the state."""

    is_separate: bool | Unknown
    is_in_state: bool | Unknown
    terms: str | Unknown | None


class InterestMethod(StrEnum):
    """Where the rate of a deposit's interest comes from."""

    FIXED = "fixed"
    PUBLISHED = "published"
    BANK_ACTUAL = "bank_actual"


class Cadence(StrEnum):
    """When interest on a deposit is paid or credited."""

    TENANCY_YEAR = "at the end of each year of tenancy"
    YEARLY_AND_END = "at least once a year and at the end of the tenancy"
    YEARLY_OR_HELD = "yearly, or held in trust until repaid or applied to rent"
    AT_END = "with the refund"


class RunsFrom(StrEnum):
    """The day from which interest on a deposit runs."""

    TENANCY_START = "the first day of the tenancy"
    RECEIPT = "the day on which the deposit was received"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestRule(Rule):
    """Interest that a tenant is owed on a deposit.

    method: None: no interest is owed. rate: of a fixed rate, a year, simple. ceiling_rate: actual
    bank interest counts up to it. tenant_share_rate: the tenant's part of the bank's interest.
    admin_fee_rate: what may be kept of the DEPOSIT a year before the rest is the tenant's.
    held_at_least_months: below it nothing is owed. paid_within_days: of the end of the tenancy.
    lost_when: what makes the tenant lose it, in words.
    """

    is_required: bool | Unknown
    method: InterestMethod | Unknown | None
    rate: Decimal | Unknown | None
    ceiling_rate: Decimal | Unknown | None
    tenant_share_rate: Decimal | Unknown | None
    admin_fee_rate: Decimal | Unknown | None
    cadence: Cadence | Unknown | None
    runs_from: RunsFrom | Unknown | None
    held_at_least_months: int | Unknown | None
    paid_within_days: int | Unknown | None
    lost_when: str | Unknown | None


class CountsFrom(StrEnum):
    """The event from which the days of a notice are counted."""

    RECEIPT = "the day the deposit was received"
    BANKING = "the day the deposit was banked"
    START = "the start of the tenancy, or receipt if later"
    SIGNING = "the signing of the lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositNoticeRule(Rule):
    """A paper for the tenant when a deposit is taken. days: None: none is asked for; 0: at once."""

    days: int | Unknown | None
    counts_from: CountsFrom | Unknown | None
    content: str | Unknown | None


class DepositBankNoticeRule(DepositNoticeRule):
    """The notice of where the deposit lies."""

    __slots__ = ()


class DepositReceiptRule(DepositNoticeRule):
    """The receipt for the deposit."""

    __slots__ = ()


class DepositConditionRule(DepositNoticeRule):
    """The statement of the dwelling's condition."""

    __slots__ = ()


class Starts(StrEnum):
    """What starts the clock for giving a deposit back."""

    VACATED = "the tenant moved out"
    ENDED = "the tenancy ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositReturnRule(Rule):
    """By when a deposit goes back: so many `day_type` after `starts`, that day not counted."""

    without_deductions: int | Unknown | None
    with_deductions: int | Unknown | None
    day_type: DayType | Unknown
    starts: Starts | Unknown
    terms: str | Unknown | None

    def within(self, *, has_deductions: bool) -> int | Unknown | None:
        """How many days (months, where `day_type` says so) there are; None: no limit."""
        return self.with_deductions if has_deductions else self.without_deductions


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositClaimRule(Rule):
    """The notice that the landlord claims a part: days for it, days the tenant has to object."""

    days: int | Unknown | None
    objection_days: int | Unknown | None
    balance_days: int | Unknown | None
    content: str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositItemisationRule(Rule):
    """Whether deductions are listed for the tenant, and what the list must have."""

    is_required: bool | Unknown
    content: str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPenaltyRule(Rule):
    """What a breach costs, in words."""

    penalty: str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositStatementRule(Rule):
    """Whether the tenant gets a yearly account of the deposit."""

    is_yearly: bool | Unknown
    content: str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositBondRule(Rule):
    """Whether a surety bond may stand in the place of an account."""

    is_allowed: bool | Unknown
    terms: str | Unknown | None


@dataclass(frozen=True, slots=True)
class DepositRule:
    """Everything a jurisdiction says about one deposit; each part keeps its own source."""

    cap: DepositCapRule
    account: DepositAccountRule
    interest_rule: InterestRule
    bank_notice: DepositBankNoticeRule
    receipt: DepositReceiptRule
    condition_statement: DepositConditionRule
    giving_back: DepositReturnRule
    claim: DepositClaimRule
    itemisation: DepositItemisationRule
    penalty: DepositPenaltyRule
    statement: DepositStatementRule
    bond: DepositBondRule

    @property
    def parts(self) -> tuple[Rule, ...]:
        """The rules of which it is made."""
        return tuple(getattr(self, each.name) for each in fields(self))

    @property
    def source(self) -> Source:
        """All its sources in one; confirmed only where each part is."""
        sources = [part.source for part in self.parts]
        return Source(
            citation="; ".join(dict.fromkeys(each.citation for each in sources if each.citation)),
            url=next((each.url for each in sources if each.url), ""),
            kind="several",
            read_on=min((each.read_on for each in sources if each.read_on), default=""),
            is_row_confirmed=all(each.is_confirmed for each in sources),
            note=" ".join(dict.fromkeys(each.note for each in sources if each.note)),
        )

    @property
    def cap_months(self) -> Decimal | Unknown | None:
        """Months of rent that may be taken; None: no cap."""
        return self.cap.months

    @property
    def separate_account(self) -> bool | Unknown:
        """Whether the deposit lies apart from other money."""
        return self.account.is_separate

    @property
    def interest(self) -> InterestRule | Unknown | None:
        """The rule of its interest; None: none is owed."""
        method = self.interest_rule.method
        return method if isinstance(method, Unknown) else self.interest_rule if method else None

    @property
    def bank_notice_days(self) -> int | Unknown | None:
        """Days for the notice of where it lies; None: no such notice."""
        return self.bank_notice.days

    @property
    def receipt_days(self) -> int | Unknown | None:
        """Days for its receipt; None: no receipt is asked."""
        return self.receipt.days

    @property
    def condition_statement_days(self) -> int | Unknown | None:
        """Days for the statement of condition; None: none is asked."""
        return self.condition_statement.days

    @property
    def claim_notice_days(self) -> int | Unknown | None:
        """Days for the notice of a claim on it; None: no such notice."""
        return self.claim.days

    @property
    def day_type(self) -> DayType | Unknown:
        """What its return counts."""
        return self.giving_back.day_type

    def return_days(self, *, with_deductions: bool) -> int | Unknown | None:
        """Days for giving it back; None: no limit."""
        return self.giving_back.within(has_deductions=with_deductions)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day by which something is done, from which rule, and how it was counted."""

    due_on: date
    rule: Rule
    counted_how: str

    @property
    def source(self) -> Source:
        """Where the rule stands."""
        return self.rule.source


class RateKind(StrEnum):
    """What a published rate is."""

    PUBLISHED = "published"
    FIXED = "fixed"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRate(Rule):
    """A yearly rate of deposit interest that an authority named for a span of days."""

    rate: Decimal
    kind: RateKind


# --- Trust accounts, fees, taxes, unclaimed money --------------------------------------


class Frequency(StrEnum):
    """How often something is done."""

    MONTHLY = "monthly"
    MONTHLY_WHEN_ACTIVE = "monthly, except months without activity"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAccountRule(Rule):
    """How a broker keeps other people's money. None: the rule that was read names no such thing.

    own_funds_max: the company's own money that may lie in a trust account. deposit_within: business
    days from receipt to the bank, 0 for at once.
    """

    is_required: bool | Unknown
    is_in_state: bool | Unknown
    own_funds_max: Money | Unknown | None
    reconciliation: Frequency | Unknown | None
    is_three_way: bool | Unknown | None
    reconciliation_due_days: int | Unknown | None
    deposit_within: int | Unknown | None
    is_overdraft_forbidden: bool | Unknown
    interest: str | Unknown | None
    retention_years: int | Unknown | None
    owner_statement: str | Unknown | None
    records: tuple[str, ...] | Unknown | None
    audit: str | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeDrawRule(Rule):
    """How many days earned fees may stay in a trust account; None: the law names no limit."""

    max_days: int | Unknown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRule(Rule):
    """What a tenant's payment must pay first, in order; None: the agreement decides."""

    first: tuple[str, ...] | Unknown | None


class WithholdingKind(StrEnum):
    """Which tax is held back from an owner or a vendor."""

    BACKUP = "backup"
    FOREIGN = "foreign"
    STATE_NONRESIDENT = "state_nonresident"


class ThresholdIs(StrEnum):
    """When a threshold counts."""

    REACHED = "reached"
    EXCEEDED = "exceeded"


class WithholdingBase(StrEnum):
    """What the rate is taken of."""

    GROSS = "gross"
    NET_OF_MANAGEMENT_FEE = "net_of_management_fee"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdingRule(Rule):
    """Tax held back from payments of rent. rate: None: nothing is held back from rent.

    threshold: what payments of a calendar year to one payee come to before it begins; None: from
    the first dollar. lifted_by: the papers that end it. forms: what is filed.
    """

    kind: WithholdingKind
    rate: Decimal | Unknown | None
    threshold: Money | Unknown | None
    threshold_is: ThresholdIs | Unknown | None
    base: WithholdingBase | Unknown | None
    lifted_by: tuple[str, ...] | Unknown | None
    forms: tuple[str, ...] | Unknown | None

    def applies(self, year_total: Money) -> bool:
        """Whether tax is held back once the payee's payments of a calendar year come to a total.

        year_total: with the payment that is about to be made. Raises RuleUnknown.
        """
        if self.known(self.rate, "the rate") is None:
            return False
        threshold = self.known(self.threshold, "the amount from which it is held back")
        if threshold is None:
            return year_total > ZERO
        if self.known(self.threshold_is, "when the amount counts") is ThresholdIs.REACHED:
            return year_total >= threshold
        return year_total > threshold

    def withheld(self, amount: Money) -> Money:
        """The tax of an amount (of `base`: after the management fee, where the rule says so).

        Rounded half up. Whether it is held back at all is asked of `applies`. Raises RuleUnknown.
        """
        rate = self.known(self.rate, "the rate")
        return fee_of(amount, rate) if rate is not None else ZERO


class UnclaimedKind(StrEnum):
    """What kind of money nobody claims."""

    RENT = "rent"
    SECURITY_DEPOSIT = "security_deposit"
    VENDOR_CHECK = "vendor_check"
    OWNER_DISBURSEMENT = "owner_disbursement"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedRule(Rule):
    """After how many months unclaimed money is reported to the state."""

    kind: UnclaimedKind
    dormancy_months: int | Unknown | None


TITLES: Mapping[type[Rule], str] = {
    LateFeeRule: "Late fee",
    NsfFeeRule: "Returned payment fee",
    DepositCapRule: "Deposit cap",
    DepositAccountRule: "Deposit account",
    InterestRule: "Deposit interest",
    PublishedRate: "Deposit interest rate",
    DepositBankNoticeRule: "Deposit bank notice",
    DepositReceiptRule: "Deposit receipt",
    DepositConditionRule: "Condition statement",
    DepositReturnRule: "Deposit return",
    DepositClaimRule: "Deposit claim notice",
    DepositItemisationRule: "Deposit itemisation",
    DepositPenaltyRule: "Deposit penalty",
    DepositStatementRule: "Deposit yearly statement",
    DepositBondRule: "Deposit surety bond",
    TrustAccountRule: "Trust account",
    FeeDrawRule: "Drawing earned fees",
    AllocationRule: "Order of payment",
    WithholdingRule: "Withholding",
    UnclaimedRule: "Unclaimed money",
}
