"""What a file of rules may hold: every topic, every key, and how each value is read.

A reader takes the value that TOML gave and returns it as the rule keeps it, or raises ValueError
with what is wrong. `"unknown"` is read for every key that `_maybe` wraps, and `"none"` for every
key that `_or_none` wraps: a value is never left out to mean either.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from moneyed import Money

from compliance import types
from compliance.conditions import FACTS, Condition, FactValue, Test, check_fact
from compliance.errors import WrongFact
from compliance.types import UNKNOWN, Band, Cap, Combine, Rule
from proptrust.lib.money import usd

Reader = Callable[[object], Any]
SOURCE_KINDS = frozenset(
    {
        "statute text",
        "statute quote",
        "regulation text",
        "regulator page",
        "secondary",
        "recalled",
        "not found",
    }
)
_READ_ON = re.compile(r"20\d\d-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


def text(value: object) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a text is expected, not {value!r}")
    return value.strip()


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, at least one."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"a list of texts is expected, not {value!r}")
    return tuple(text(each) for each in value)


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {value!r}")
    return value


def count(value: object) -> int:
    """A whole number, zero or above: of days, months or years."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a whole number of zero or above is expected, not {value!r}")
    return value


def number(value: object) -> Decimal:
    """A number above zero, whole or decimal."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"a number is expected, not {value!r}")
    if not (exact := Decimal(value)).is_finite() or exact <= 0:
        raise ValueError(f"a number above zero is expected, not {value}")
    return exact


def rate(value: object) -> Decimal:
    """A fraction above zero, at most one: 0.05 is five percent."""
    fraction = number(value)
    if fraction > 1:
        raise ValueError(f"a rate is a fraction: {fraction} would be {fraction * 100} percent")
    return fraction


def money(value: object) -> Money:
    """An amount of dollars in whole cents, zero or above."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"an amount like 50.00 is expected, not {value!r}")
    amount = Decimal(value)
    if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
        raise ValueError(f"an amount in whole cents, zero or above, is expected, not {value}")
    return usd(amount)


def day(value: object) -> date:
    """A day, written 2024-07-01 without quotes."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"a day like 2024-07-01 without quotes is expected, not {value!r}")
    return value


def one_of(choices: type[StrEnum]) -> Reader:
    """A reader of one value of an enumeration, by its name in small letters."""

    def read(value: object) -> StrEnum:
        by_name = {each.name.lower(): each for each in choices}
        if not isinstance(value, str) or value not in by_name:
            raise ValueError(f"one of {', '.join(by_name)} is expected, not {value!r}")
        return by_name[value]

    return read


_BAND: Mapping[str, Reader] = {
    "up_to": money,
    "flat": money,
    "rate": rate,
    "rate_above": money,
    "daily_flat": money,
    "daily_rate": rate,
    "daily_after_days": count,
    "daily_max": money,
    "combine": one_of(Combine),
}


def cap(value: object) -> Cap:
    """A limit `{ flat = 50.00, rate = 0.05, combine = "lesser" }`, or a list of them by bands."""
    given = value if isinstance(value, list) else [value]
    bands = tuple(_band(each) for each in given)
    limits = [band.up_to.amount if band.up_to else None for band in bands]
    rising = [limit for limit in limits if limit is not None]
    if not bands or limits[-1] is not None or None in limits[:-1] or sorted(set(rising)) != rising:
        raise ValueError("bands rise by up_to, and the last one has none")
    return Cap(bands)


def _band(value: object) -> Band:
    if not isinstance(value, dict):
        raise ValueError(f"a limit like {{ flat = 50.00 }} is expected, not {value!r}")
    read = {}
    for key, given in value.items():
        if key not in _BAND:
            raise ValueError(f"{key!r} is no part of a limit; the parts are {', '.join(_BAND)}")
        try:
            read[key] = _BAND[key](given)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    band = Band(**read)
    is_daily = band.daily_flat is not None or band.daily_rate is not None
    parts = sum((band.flat is not None, band.rate is not None, is_daily))
    if parts == 0:
        raise ValueError("a limit has a flat amount, a rate or a daily amount")
    if (parts > 1) != (band.combine is not None):
        raise ValueError("combine says how several parts make one limit, and stands only there")
    if not is_daily and (band.daily_max is not None or band.daily_after_days):
        raise ValueError("daily_max and daily_after_days need a daily amount")
    if band.rate_above is not None and band.rate is None:
        raise ValueError("rate_above needs a rate")
    return band


def condition(value: object) -> Condition:
    """A condition `{ fact = "units", at_least = 6 }`: one fact, one test."""
    if not isinstance(value, dict) or "fact" not in value:
        raise ValueError(f'a condition like {{ fact = "units", at_least = 6 }}, not {value!r}')
    name, tests = value["fact"], [key for key in value if key != "fact"]
    if name not in FACTS:
        raise ValueError(f"no such fact: {name!r}; the facts are {', '.join(sorted(FACTS))}")
    if len(tests) != 1 or tests[0] not in set(Test):
        raise ValueError(f"a condition has one test of {', '.join(Test)}, not {tests}")
    test, given = Test(tests[0]), value[tests[0]]
    kind = FACTS[name].type
    is_ordered = kind in (int, date, Money)
    if test is not Test.IS and not is_ordered:
        raise ValueError(f"{name} can only be compared by `is`")
    if (test in (Test.BEFORE, Test.FROM)) != (kind is date and test is not Test.IS):
        raise ValueError(f"days are compared by before and from, numbers by the others: {name}")
    asked: FactValue = money(given) if kind is Money else given
    try:
        check_fact(name, asked)
    except WrongFact as error:
        raise ValueError(str(error)) from error
    return Condition(name, test, asked)


def conditions(value: object) -> tuple[Condition, ...]:
    """A list of conditions that must all be met."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"a list of conditions is expected, not {value!r}")
    return tuple(condition(each) for each in value)


def fact_day(value: object) -> str:
    """The name of a fact that is a day."""
    if not isinstance(value, str) or value not in FACTS or FACTS[value].type is not date:
        days = [name for name, fact in FACTS.items() if fact.type is date]
        raise ValueError(f"a fact that is a day is expected ({', '.join(days)}), not {value!r}")
    return value


def read_on(value: object) -> str:
    """A month or day in which a source was read, as a text: "2026-11"."""
    if not isinstance(value, str) or not _READ_ON.fullmatch(value):
        raise ValueError(f'a month or day like "2026-11" is expected, not {value!r}')
    return value


def source_kind(value: object) -> str:
    """One of SOURCE_KINDS."""
    if not isinstance(value, str) or value not in SOURCE_KINDS:
        raise ValueError(f"one of {', '.join(sorted(SOURCE_KINDS))} is expected, not {value!r}")
    return value


def address(value: object) -> str:
    """An address on the web."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\"<>]+", value):
        raise ValueError(f"an address that begins with http is expected, not {value!r}")
    return value


def _maybe(reader: Reader) -> Reader:
    """Read "unknown" too."""

    def read(value: object) -> Any:
        return UNKNOWN if value == "unknown" else reader(value)

    return read


def _or_none(reader: Reader) -> Reader:
    """Read "none" and "unknown" too."""

    def read(value: object) -> Any:
        return None if value == "none" else _maybe(reader)(value)

    return read


# Keys that every table has: for whom and when it counts, and where it stands.
SHARED: Mapping[str, Reader] = {
    "variant": text,
    "when": conditions,
    "effective_from": day,
    "effective_to": day,
    "counts_by": fact_day,
    "citation": text,
    "confirmed": flag,
    "unconfirmed": texts,
    "source_kind": source_kind,
    "source_url": address,
    "source_title": text,
    "read_on": read_on,
    "note": text,
}
REQUIRED_SHARED = ("confirmed", "source_kind")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a file: the rule its tables become, and its keys, all of them required.

    is_everywhere: a state's file must have it, if only to say that the answer is unknown.
    defaults: what keys that may be left out become. selector: the key by which rows of the topic
    are of different kinds.
    """

    rule: type[Rule]
    keys: Mapping[str, Reader]
    is_everywhere: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    selector: str = ""


_NOTICE: Mapping[str, Reader] = {
    "days": _or_none(count),
    "counts_from": _or_none(one_of(types.CountsFrom)),
    "content": _or_none(text),
}
# Where a notice is not asked for, there is nothing to say about it.
_NO_NOTICE: Mapping[str, Any] = {"counts_from": None, "content": None}

TOPICS: Mapping[str, Topic] = {
    "late_fee": Topic(
        types.LateFeeRule,
        {
            "grace_days": _or_none(count),
            "cap": _or_none(cap),
            "standard": _or_none(text),
            "terms": _or_none(text),
        },
    ),
    "nsf_fee": Topic(
        types.NsfFeeRule,
        {"first": _or_none(cap), "next": _or_none(cap), "adds_bank_cost": _maybe(flag)},
    ),
    "deposit_cap": Topic(
        types.DepositCapRule, {"months": _or_none(number), "counts": _or_none(text)}
    ),
    "deposit_account": Topic(
        types.DepositAccountRule,
        {"is_separate": _maybe(flag), "is_in_state": _maybe(flag), "terms": _or_none(text)},
    ),
    "deposit_interest": Topic(
        types.InterestRule,
        {
            "is_required": _maybe(flag),
            "method": _or_none(one_of(types.InterestMethod)),
            "rate": _or_none(rate),
            "ceiling_rate": _or_none(rate),
            "tenant_share_rate": _or_none(rate),
            "admin_fee_rate": _or_none(rate),
            "cadence": _or_none(one_of(types.Cadence)),
            "runs_from": _or_none(one_of(types.RunsFrom)),
            "held_at_least_months": _or_none(count),
            "paid_within_days": _or_none(count),
            "lost_when": _or_none(text),
        },
        defaults=dict.fromkeys(
            (
                "rate",
                "ceiling_rate",
                "tenant_share_rate",
                "admin_fee_rate",
                "cadence",
                "runs_from",
                "held_at_least_months",
                "paid_within_days",
                "lost_when",
            )
        ),
    ),
    "deposit_rate": Topic(
        types.PublishedRate,
        {"rate": rate, "kind": one_of(types.RateKind)},
        is_everywhere=False,
    ),
    "deposit_bank_notice": Topic(types.DepositBankNoticeRule, _NOTICE, defaults=_NO_NOTICE),
    "deposit_receipt": Topic(types.DepositReceiptRule, _NOTICE, defaults=_NO_NOTICE),
    "deposit_condition": Topic(types.DepositConditionRule, _NOTICE, defaults=_NO_NOTICE),
    "deposit_return": Topic(
        types.DepositReturnRule,
        {
            "without_deductions": _or_none(count),
            "with_deductions": _or_none(count),
            "day_type": _maybe(one_of(types.DayType)),
            "starts": _maybe(one_of(types.Starts)),
            "terms": _or_none(text),
        },
    ),
    "deposit_claim": Topic(
        types.DepositClaimRule,
        {
            "days": _or_none(count),
            "objection_days": _or_none(count),
            "balance_days": _or_none(count),
            "content": _or_none(text),
        },
        defaults={"objection_days": None, "balance_days": None, "content": None},
    ),
    "deposit_itemisation": Topic(
        types.DepositItemisationRule,
        {"is_required": _maybe(flag), "content": _or_none(text)},
    ),
    "deposit_penalty": Topic(types.DepositPenaltyRule, {"penalty": _or_none(text)}),
    "deposit_statement": Topic(
        types.DepositStatementRule,
        {"is_yearly": _maybe(flag), "content": _or_none(text)},
        defaults={"content": None},
    ),
    "deposit_bond": Topic(
        types.DepositBondRule,
        {"is_allowed": _maybe(flag), "terms": _or_none(text)},
        defaults={"terms": None},
    ),
    "trust_account": Topic(
        types.TrustAccountRule,
        {
            "is_required": _maybe(flag),
            "is_in_state": _maybe(flag),
            "own_funds_max": _or_none(money),
            "reconciliation": _or_none(one_of(types.Frequency)),
            "is_three_way": _or_none(flag),
            "reconciliation_due_days": _or_none(count),
            "deposit_within": _or_none(count),
            "is_overdraft_forbidden": _maybe(flag),
            "interest": _or_none(text),
            "retention_years": _or_none(count),
            "owner_statement": _or_none(text),
            "records": _or_none(texts),
            "audit": _or_none(text),
        },
    ),
    "fee_draw": Topic(types.FeeDrawRule, {"max_days": _or_none(count)}),
    "allocation": Topic(types.AllocationRule, {"first": _or_none(texts)}),
    "withholding": Topic(
        types.WithholdingRule,
        {
            "kind": one_of(types.WithholdingKind),
            "rate": _or_none(rate),
            "threshold": _or_none(money),
            "threshold_is": _or_none(one_of(types.ThresholdIs)),
            "base": _or_none(one_of(types.WithholdingBase)),
            "lifted_by": _or_none(texts),
            "forms": _or_none(texts),
        },
        selector="kind",
    ),
    "unclaimed": Topic(
        types.UnclaimedRule,
        {"kind": one_of(types.UnclaimedKind), "dormancy_months": _or_none(count)},
        selector="kind",
    ),
}


def problem_of(rule: Rule) -> tuple[str, str] | None:
    """The key and the reason for which the values of a rule do not fit together, if any."""
    if isinstance(rule, types.PublishedRate) and (rule.when or rule.counts_by):
        return "when", "a published rate counts by its days alone"
    if isinstance(rule, types.InterestRule):
        return _problem_of_interest(rule)
    if isinstance(rule, types.DepositReturnRule):
        if (rule.without_deductions is UNKNOWN) != (rule.day_type is UNKNOWN):
            return "day_type", "days and what they count are known together or not at all"
        return None
    if isinstance(rule, types.DepositNoticeRule):
        if isinstance(rule.days, int) and rule.counts_from is None:
            return "counts_from", "says from when the days are counted"
        return None
    if (
        isinstance(rule, types.WithholdingRule)
        and isinstance(rule.threshold, Money)
        and not isinstance(rule.threshold_is, types.ThresholdIs)
    ):
        return "threshold_is", "says whether the threshold counts when reached or when exceeded"
    return None


def _problem_of_interest(rule: types.InterestRule) -> tuple[str, str] | None:
    Method = types.InterestMethod  # noqa: N806
    if rule.method is Method.FIXED and rule.rate is None:
        return "rate", "interest at a fixed rate names the rate"
    if rule.method is not Method.FIXED and isinstance(rule.rate, Decimal):
        return "rate", "stands only where the method is fixed"
    if rule.method is not Method.BANK_ACTUAL:
        for key in ("ceiling_rate", "tenant_share_rate", "admin_fee_rate"):
            if isinstance(getattr(rule, key), Decimal):
                return key, "stands only where the method is bank_actual"
    if rule.method is None and rule.is_required is True:
        return "is_required", "interest that is required has a method"
    if rule.method is not None and rule.method is not UNKNOWN and rule.cadence is None:
        return "cadence", "says when interest is paid"
    return None
