"""Rules in plain words, from the data that the services use, for the page and the console."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from moneyed import Money

from compliance import types
from compliance.choosing import is_in_force
from compliance.conditions import FACTS, said
from compliance.loading import Lawbook
from compliance.schema import TOPICS
from compliance.types import UNKNOWN, Band, Cap, Rule, Source, Unknown
from proptrust.lib.money import plain


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table of rules. is_confirmed: what the sentence says was read."""

    jurisdiction: str
    topic: str
    title: str
    condition: str
    words: str
    source: Source
    is_confirmed: bool
    dates: str

    def as_row(self) -> dict[str, Any]:
        """The line as plain values, for JSON."""
        return {
            "jurisdiction": self.jurisdiction,
            "topic": self.topic,
            "title": self.title,
            "condition": self.condition,
            "rule": self.words,
            "citation": self.source.citation,
            "source": self.source.url or self.source.title,
            "source_kind": self.source.kind,
            "read_on": self.source.read_on,
            "note": self.source.note,
            "is_confirmed": self.is_confirmed,
            "effective": self.dates,
        }


def lines(book: Lawbook, code: str, *, on: date) -> list[Line]:
    """What the file of a jurisdiction says on a day; none without a file.

    A rule that counts by a fact (the day on which the deposit was taken) stands there on any day:
    it still decides over old deposits.
    """
    if code not in book:
        return []
    found: list[Line] = []
    for topic, rows in book[code].rules.items():
        for row in rows:
            if row.counts_by or is_in_force(row, on):
                found.extend(_lines_of(topic, row))
    order = list(TOPICS)
    return sorted(found, key=lambda line: order.index(line.topic))


def _lines_of(topic: str, rule: Rule) -> Iterator[Line]:
    """One line per thing that can be confirmed apart from the others."""
    for names, words in _sentences(rule):
        yield Line(
            jurisdiction=rule.jurisdiction,
            topic=topic,
            title=types.TITLES[type(rule)],
            condition="; ".join(str(each) for each in rule.when),
            words=words,
            source=rule.source,
            is_confirmed=rule.source.confirms(*names),
            dates=_dates(rule),
        )


def _dates(rule: Rule) -> str:
    what = f"by {FACTS[rule.counts_by].meaning}: " if rule.counts_by else ""
    first, last = rule.effective_from, rule.effective_to
    if first and last:
        return f"{what}{said(first)} to {said(last)}"
    if first:
        return f"{what}from {said(first)}"
    if last:
        return f"{what}to {said(last)}"
    return "" if rule.source.kind == "not found" else "long in force"


Sentence = tuple[tuple[str, ...], str]


def _sentences(rule: Rule) -> Iterator[Sentence]:
    """The sentences of a rule, each with the fields that it speaks of."""
    maker: Callable[[Any], Iterator[Sentence]] = _MAKERS[type(rule)]
    yield from maker(rule)


def _value(value: object, *, none: str, text: str = "{}") -> str:
    """A field in words; what is unknown is always said to be so."""
    if isinstance(value, Unknown):
        return "not known"
    if value is None:
        return none
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Money):
        return text.format(plain(value))
    if isinstance(value, tuple):
        return text.format("; ".join(str(each) for each in value))
    return text.format(value)


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def cap_in_words(cap: Cap | Unknown | None, of: str) -> str:
    """A limit: the lesser of 50.00 and 5 % of the rent. of: what a rate is taken of."""
    if isinstance(cap, Unknown):
        return "not known"
    if cap is None:
        return "no figure in the law"
    said_bands = []
    for band in cap.bands:
        begin = f"up to {plain(band.up_to)}: " if band.up_to else ""
        begin = begin or ("above: " if len(cap.bands) > 1 else "")
        said_bands.append(begin + _band_in_words(band, of))
    return "; ".join(said_bands)


def _band_in_words(band: Band, of: str) -> str:
    parts = []
    if band.flat is not None:
        parts.append(plain(band.flat))
    if band.rate is not None:
        above = f" above {plain(band.rate_above)}" if band.rate_above else ""
        parts.append(f"{_percent(band.rate)} of {of}{above}")
    if band.daily_flat is not None or band.daily_rate is not None:
        parts.append(_daily_in_words(band, of))
    if band.combine is None:
        return parts[0]
    if band.combine is types.Combine.SUM:
        return " plus ".join(parts)
    return f"the {band.combine} of {' and '.join(parts)}"


def _daily_in_words(band: Band, of: str) -> str:
    amounts = [plain(band.daily_flat)] if band.daily_flat is not None else []
    amounts += [f"{_percent(band.daily_rate)} of {of}"] if band.daily_rate is not None else []
    after = f" after {band.daily_after_days} days" if band.daily_after_days else ""
    most = f", at most {plain(band.daily_max)}" if band.daily_max is not None else ""
    return f"{' plus '.join(amounts)} a day{after}{most}"


def _late_fee(rule: types.LateFeeRule) -> Iterator[Sentence]:
    yield ("grace_days",), _value(rule.grace_days, none="No grace period", text="{} days of grace")
    yield ("cap",), f"At most: {cap_in_words(rule.cap, 'the rent')}"
    if rule.standard is not None:
        yield ("standard",), _value(rule.standard, none="", text="It must be {}")
    if rule.terms is not None:
        yield ("terms",), _value(rule.terms, none="", text="Terms: {}")


_FACE = "the payment"


def _nsf_fee(rule: types.NsfFeeRule) -> Iterator[Sentence]:
    cost = {True: ", and the bank's charge on top", False: ""}
    on_top = ", bank's charge: not known" if rule.adds_bank_cost is UNKNOWN else ""
    on_top = on_top or cost[rule.adds_bank_cost is True]
    if rule.first == rule.next:
        yield (
            ("first", "next", "adds_bank_cost"),
            f"At most: {cap_in_words(rule.first, _FACE)}{on_top}",
        )
        return
    words = f"First: at most {cap_in_words(rule.first, _FACE)}"
    words += f"; each further: {cap_in_words(rule.next, _FACE)}"
    yield ("first", "next", "adds_bank_cost"), words + on_top


def _deposit_cap(rule: types.DepositCapRule) -> Iterator[Sentence]:
    text = "At most one month's rent" if rule.months == 1 else "At most {} months' rent"
    yield ("months",), _value(rule.months, none="No cap", text=text)
    if rule.counts is not None:
        yield ("counts",), _value(rule.counts, none="", text="What counts: {}")


def _deposit_account(rule: types.DepositAccountRule) -> Iterator[Sentence]:
    yield ("is_separate",), f"Apart from other money: {_value(rule.is_separate, none='')}"
    yield ("is_in_state",), f"In the state: {_value(rule.is_in_state, none='')}"
    if rule.terms is not None:
        yield ("terms",), _value(rule.terms, none="", text="Terms: {}")


def _interest(rule: types.InterestRule) -> Iterator[Sentence]:
    if rule.method is None or isinstance(rule.method, Unknown):
        yield ("method", "is_required"), _value(rule.method, none="No interest is owed")
        return
    names = ("method", "rate", "ceiling_rate", "tenant_share_rate", "admin_fee_rate")
    yield names, _method_in_words(rule)
    yield ("cadence",), f"Paid: {_value(rule.cadence, none='not said')}"
    yield ("runs_from",), f"Runs from: {_value(rule.runs_from, none='not said')}"
    if rule.held_at_least_months is not None:
        text = "Owed once held {} months"
        yield ("held_at_least_months",), _value(rule.held_at_least_months, none="", text=text)
    if rule.paid_within_days is not None:
        text = "At the end within {} days"
        yield ("paid_within_days",), _value(rule.paid_within_days, none="", text=text)
    if rule.lost_when is not None:
        yield ("lost_when",), _value(rule.lost_when, none="", text="Lost when {}")


def _method_in_words(rule: types.InterestRule) -> str:
    if rule.method is types.InterestMethod.FIXED:
        rate = _percent(rule.rate) if isinstance(rule.rate, Decimal) else "a rate that is not known"
        return f"{rate} a year, simple"
    if rule.method is types.InterestMethod.PUBLISHED:
        return "The published rate of each year"
    words = "What the bank paid"
    if isinstance(rule.ceiling_rate, Decimal):
        words += f", up to {_percent(rule.ceiling_rate)} a year"
    if isinstance(rule.tenant_share_rate, Decimal):
        words += f", {_percent(rule.tenant_share_rate)} of it"
    if isinstance(rule.admin_fee_rate, Decimal):
        words += f", less a fee of {_percent(rule.admin_fee_rate)} of the deposit a year"
    return words


def _notice(rule: types.DepositNoticeRule) -> Iterator[Sentence]:
    if rule.days is None or isinstance(rule.days, Unknown):
        yield ("days",), _value(rule.days, none="None is asked for")
        return
    within = "At once" if rule.days == 0 else f"Within {rule.days} days"
    yield ("days", "counts_from"), f"{within} after {_value(rule.counts_from, none='')}"
    if rule.content is not None:
        yield ("content",), _value(rule.content, none="", text="It says: {}")


def _return(rule: types.DepositReturnRule) -> Iterator[Sentence]:
    unit, starts = _value(rule.day_type, none=""), _value(rule.starts, none="")
    without = _value(rule.without_deductions, none="no limit")
    with_list = _value(rule.with_deductions, none="no limit")
    days = without if without == with_list else f"{without}, with deductions {with_list},"
    names = ("without_deductions", "with_deductions", "day_type", "starts")
    yield names, f"{days} {unit} after {starts}"
    if rule.terms is not None:
        yield ("terms",), _value(rule.terms, none="", text="Terms: {}")


def _claim(rule: types.DepositClaimRule) -> Iterator[Sentence]:
    yield ("days",), _value(rule.days, none="No notice is asked for", text="Within {} days")
    if rule.objection_days is not None:
        text = "The tenant has {} days to object"
        yield ("objection_days",), _value(rule.objection_days, none="", text=text)
    if rule.balance_days is not None:
        text = "The balance within {} days of the notice"
        yield ("balance_days",), _value(rule.balance_days, none="", text=text)
    if rule.content is not None:
        yield ("content",), _value(rule.content, none="", text="Terms: {}")


def _itemisation(rule: types.DepositItemisationRule) -> Iterator[Sentence]:
    yield ("is_required",), f"A list is required: {_value(rule.is_required, none='')}"
    if rule.content is not None:
        yield ("content",), _value(rule.content, none="", text="It has: {}")


def _penalty(rule: types.DepositPenaltyRule) -> Iterator[Sentence]:
    yield ("penalty",), _value(rule.penalty, none="None in the law").capitalize()


def _statement(rule: types.DepositStatementRule) -> Iterator[Sentence]:
    content = f" ({rule.content})" if isinstance(rule.content, str) else ""
    yield ("is_yearly", "content"), f"Each year: {_value(rule.is_yearly, none='')}{content}"


def _bond(rule: types.DepositBondRule) -> Iterator[Sentence]:
    terms = f" ({rule.terms})" if isinstance(rule.terms, str) else ""
    yield (
        ("is_allowed", "terms"),
        f"Instead of an account: {_value(rule.is_allowed, none='')}{terms}",
    )


def _rate(rule: types.PublishedRate) -> Iterator[Sentence]:
    yield ("rate", "kind"), f"{_percent(rule.rate)} a year ({rule.kind})"


_SILENT = "not named in the rule"


def _trust_account(rule: types.TrustAccountRule) -> Iterator[Sentence]:
    within = "at once" if rule.deposit_within == 0 else "{} business days after receipt"
    sentences = {
        "is_required": _value(rule.is_required, none="", text="{}"),
        "is_in_state": _value(rule.is_in_state, none="", text="{}"),
        "own_funds_max": _value(rule.own_funds_max, none=_SILENT, text="at most {}"),
        "reconciliation": _value(rule.reconciliation, none=_SILENT),
        "is_three_way": _value(rule.is_three_way, none=_SILENT),
        "reconciliation_due_days": _value(
            rule.reconciliation_due_days, none=_SILENT, text="{} days after the month"
        ),
        "deposit_within": _value(rule.deposit_within, none=_SILENT, text=within),
        "is_overdraft_forbidden": _value(rule.is_overdraft_forbidden, none=""),
        "interest": _value(rule.interest, none=_SILENT),
        "retention_years": _value(rule.retention_years, none=_SILENT, text="{} years"),
        "owner_statement": _value(rule.owner_statement, none=_SILENT),
        "records": _value(rule.records, none=_SILENT),
        "audit": _value(rule.audit, none=_SILENT),
    }
    for name, words in sentences.items():
        yield (name,), f"{_TRUST_WORDS[name]}: {words}"


_TRUST_WORDS: Mapping[str, str] = {
    "is_required": "Trust account required",
    "is_in_state": "In the state",
    "own_funds_max": "The company's own money in it",
    "reconciliation": "Reconciliation",
    "is_three_way": "In three ways",
    "reconciliation_due_days": "Reconciled within",
    "deposit_within": "To the bank",
    "is_overdraft_forbidden": "Nobody may be overdrawn",
    "interest": "Interest",
    "retention_years": "Records are kept",
    "owner_statement": "Owner's statement",
    "records": "Records",
    "audit": "Audit",
}


def _fee_draw(rule: types.FeeDrawRule) -> Iterator[Sentence]:
    text = "Earned fees leave the trust account within {} days"
    yield ("max_days",), _value(rule.max_days, none="No limit", text=text).capitalize()


def _allocation(rule: types.AllocationRule) -> Iterator[Sentence]:
    none = "the agreement decides"
    yield ("first",), f"What is paid first: {_value(rule.first, none=none)}"


_WITHHOLDING: Mapping[types.WithholdingKind, str] = {
    types.WithholdingKind.BACKUP: "Federal backup withholding",
    types.WithholdingKind.FOREIGN: "Federal tax of foreign owners",
    types.WithholdingKind.STATE_NONRESIDENT: "State tax of non-resident owners",
}


def _withholding(rule: types.WithholdingRule) -> Iterator[Sentence]:
    title = _WITHHOLDING[rule.kind]
    if not isinstance(rule.rate, Decimal):
        yield ("rate",), f"{title}: {_value(rule.rate, none='none from rent')}"
        return
    base = "what is left after the management fee"
    of = "the gross" if rule.base is types.WithholdingBase.GROSS else base
    of = "an amount that is not known" if rule.base is UNKNOWN else of
    yield ("rate", "base"), f"{title}: {_percent(rule.rate)} of {of}"
    if rule.threshold is not None:
        verb = "come to" if rule.threshold_is is types.ThresholdIs.REACHED else "are above"
        amount = _value(rule.threshold, none="")
        words = f"{title}: once the payments of a calendar year {verb} {amount}"
        if rule.threshold is UNKNOWN:
            words = f"{title}: from which amount on is not known"
        yield ("threshold", "threshold_is"), words
    if rule.lifted_by is not None:
        yield ("lifted_by",), f"{title}: lifted by {_value(rule.lifted_by, none='')}"
    if rule.forms is not None:
        yield ("forms",), f"{title}: forms {_value(rule.forms, none='')}"


_UNCLAIMED: Mapping[types.UnclaimedKind, str] = {
    types.UnclaimedKind.RENT: "Rent",
    types.UnclaimedKind.SECURITY_DEPOSIT: "Security deposit",
    types.UnclaimedKind.VENDOR_CHECK: "Vendor's check",
    types.UnclaimedKind.OWNER_DISBURSEMENT: "Owner's disbursement",
}


def _unclaimed(rule: types.UnclaimedRule) -> Iterator[Sentence]:
    text = "reported after {} months"
    months = _value(rule.dormancy_months, none="never reported", text=text)
    yield ("dormancy_months",), f"{_UNCLAIMED[rule.kind]}: {months}"


_MAKERS: Mapping[type[Rule], Callable[[Any], Iterator[Sentence]]] = {
    types.LateFeeRule: _late_fee,
    types.NsfFeeRule: _nsf_fee,
    types.DepositCapRule: _deposit_cap,
    types.DepositAccountRule: _deposit_account,
    types.InterestRule: _interest,
    types.DepositBankNoticeRule: _notice,
    types.DepositReceiptRule: _notice,
    types.DepositConditionRule: _notice,
    types.DepositReturnRule: _return,
    types.DepositClaimRule: _claim,
    types.DepositItemisationRule: _itemisation,
    types.DepositPenaltyRule: _penalty,
    types.DepositStatementRule: _statement,
    types.DepositBondRule: _bond,
    types.PublishedRate: _rate,
    types.TrustAccountRule: _trust_account,
    types.FeeDrawRule: _fee_draw,
    types.AllocationRule: _allocation,
    types.WithholdingRule: _withholding,
    types.UnclaimedRule: _unclaimed,
}
