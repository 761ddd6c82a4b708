"""What the law says: the questions that every other app asks.

Each answer is a frozen rule with its source. A field is a value, None (the law names no such
thing) or UNKNOWN (not found: nobody may act as if there were no rule). `state` is a state or a
locality (CA-SF); a locality that says nothing on a topic is answered by its state. A state without
a file, and a day before everything in it, are answered with UNKNOWN in every field.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import TypeVar, cast

from compliance import types
from compliance.choosing import choose, is_in_force
from compliance.conditions import Facts, said
from compliance.errors import RuleUnknown
from compliance.jurisdictions import FEDERAL, chain
from compliance.loading import lawbook
from compliance.schema import TOPICS
from compliance.types import (
    UNKNOWN,
    AllocationRule,
    DayType,
    Deadline,
    DepositAccountRule,
    DepositBankNoticeRule,
    DepositBondRule,
    DepositCapRule,
    DepositClaimRule,
    DepositConditionRule,
    DepositItemisationRule,
    DepositNoticeRule,
    DepositPenaltyRule,
    DepositReceiptRule,
    DepositReturnRule,
    DepositRule,
    DepositStatementRule,
    FeeDrawRule,
    InterestRule,
    LateFeeRule,
    NsfFeeRule,
    PublishedRate,
    Rule,
    TrustAccountRule,
    UnclaimedKind,
    UnclaimedRule,
    Unknown,
    WithholdingKind,
    WithholdingRule,
)
from proptrust.lib.banking import add_banking_days

AnyRule = TypeVar("AnyRule", bound=Rule)
_TOPIC_OF = {topic.rule: name for name, topic in TOPICS.items()}
_FEDERAL_KINDS = frozenset({WithholdingKind.BACKUP, WithholdingKind.FOREIGN})
_NO_FACTS: Facts = {}


def late_fee(state: str, *, on: date) -> LateFeeRule:
    """Grace and cap of a late fee charged on a day; `.capped()` gives the fee within the law."""
    return _answer(LateFeeRule, state, on, _NO_FACTS)


def nsf_fee(state: str, *, on: date) -> NsfFeeRule:
    """The cap of a fee for a returned payment; `.capped()` gives the fee within the law."""
    return _answer(NsfFeeRule, state, on, _NO_FACTS)


def deposit(state: str, *, on: date, facts: Facts) -> DepositRule:
    """Everything on one security deposit, as it counts on a day.

    facts: what conditions may ask for, by name (compliance.conditions.FACTS). Raises MissingFact
    for the first that is asked for and not given: whoever needs one part only asks for that part
    (`deposit_cap`, `deposit_interest` ...), with fewer facts.
    """
    return DepositRule(
        cap=deposit_cap(state, on=on, facts=facts),
        account=deposit_account(state, on=on, facts=facts),
        interest_rule=deposit_interest(state, on=on, facts=facts),
        bank_notice=deposit_bank_notice(state, on=on, facts=facts),
        receipt=_answer(DepositReceiptRule, state, on, facts),
        condition_statement=_answer(DepositConditionRule, state, on, facts),
        giving_back=deposit_return(state, on=on, facts=facts),
        claim=deposit_claim(state, on=on, facts=facts),
        itemisation=_answer(DepositItemisationRule, state, on, facts),
        penalty=_answer(DepositPenaltyRule, state, on, facts),
        statement=_answer(DepositStatementRule, state, on, facts),
        bond=_answer(DepositBondRule, state, on, facts),
    )


def deposit_cap(state: str, *, on: date, facts: Facts) -> DepositCapRule:
    """How much may be taken. Raises MissingFact."""
    return _answer(DepositCapRule, state, on, facts)


def deposit_account(state: str, *, on: date, facts: Facts) -> DepositAccountRule:
    """Where a deposit must lie. Raises MissingFact."""
    return _answer(DepositAccountRule, state, on, facts)


def deposit_interest(state: str, *, on: date, facts: Facts) -> InterestRule:
    """The interest of a deposit; its method is None where none is owed. Raises MissingFact."""
    return _answer(InterestRule, state, on, facts)


def deposit_bank_notice(state: str, *, on: date, facts: Facts) -> DepositBankNoticeRule:
    """The notice of where a deposit lies. Raises MissingFact."""
    return _answer(DepositBankNoticeRule, state, on, facts)


def deposit_return(state: str, *, on: date, facts: Facts) -> DepositReturnRule:
    """By when a deposit goes back. Raises MissingFact."""
    return _answer(DepositReturnRule, state, on, facts)


def deposit_claim(state: str, *, on: date, facts: Facts) -> DepositClaimRule:
    """The notice of a claim on a deposit. Raises MissingFact."""
    return _answer(DepositClaimRule, state, on, facts)


def deposit_receipt(state: str, *, on: date, facts: Facts) -> DepositReceiptRule:
    """The receipt for a deposit. Raises MissingFact."""
    return _answer(DepositReceiptRule, state, on, facts)


def deposit_condition(state: str, *, on: date, facts: Facts) -> DepositConditionRule:
    """The statement of the dwelling's condition. Raises MissingFact."""
    return _answer(DepositConditionRule, state, on, facts)


def deposit_statement(state: str, *, on: date, facts: Facts) -> DepositStatementRule:
    """Whether the tenant gets a yearly account of a deposit. Raises MissingFact."""
    return _answer(DepositStatementRule, state, on, facts)


def deposit_itemisation(state: str, *, on: date, facts: Facts) -> DepositItemisationRule:
    """Whether deductions are listed for the tenant, and how. Raises MissingFact."""
    return _answer(DepositItemisationRule, state, on, facts)


def deposit_penalty(state: str, *, on: date, facts: Facts) -> DepositPenaltyRule:
    """What a breach costs, in words. Raises MissingFact."""
    return _answer(DepositPenaltyRule, state, on, facts)


def return_deadline(
    state: str, *, moved_out_on: date, has_deductions: bool, facts: Facts = _NO_FACTS
) -> Deadline:
    """The last day for giving a deposit back, with the list of deductions if there are any.

    Where the end of the tenancy starts the clock, `moved_out_on` is that day. Raises RuleUnknown
    where the state's days are not known or it names none, MissingFact.
    """
    rule = deposit_return(state, on=moved_out_on, facts=facts)
    within = rule.known(rule.within(has_deductions=has_deductions), "the deadline for its return")
    if within is None:
        raise RuleUnknown(f"{rule.name}: the law names no deadline for the return")
    day_type = rule.known(rule.day_type, "what kind of days is counted")
    starts = rule.known(rule.starts, "what starts the clock")
    return _deadline(rule, moved_out_on, within, day_type, f"after {starts}")


def claim_deadline(state: str, *, moved_out_on: date, facts: Facts = _NO_FACTS) -> Deadline | None:
    """The last day for the notice of a claim on a deposit; None where the law asks for none.

    Raises RuleUnknown, MissingFact.
    """
    rule = deposit_claim(state, on=moved_out_on, facts=facts)
    days = rule.known(rule.days, "the days for the notice")
    if days is None:
        return None
    return _deadline(rule, moved_out_on, days, DayType.CALENDAR, "after the tenancy ended")


def notice_deadline(rule: DepositNoticeRule, event_on: date) -> Deadline | None:
    """The last day for a notice, receipt or statement; None where the law asks for none.

    event_on: the day of the event that `rule.counts_from` names. Raises RuleUnknown.
    """
    days = rule.known(rule.days, "the days for it")
    if days is None:
        return None
    start = rule.known(rule.counts_from, "from when its days are counted")
    return _deadline(rule, event_on, days, DayType.CALENDAR, f"after {start}")


def banking_deadline(state: str, *, received_on: date) -> Deadline | None:
    """The last day for bringing trust money to the bank; None where the law names none.

    Raises RuleUnknown.
    """
    rule = trust_account(state, on=received_on)
    days = rule.known(rule.deposit_within, "the deadline for banking")
    if days is None:
        return None
    return _deadline(rule, received_on, days, DayType.BUSINESS, "after receipt")


def count(start: date, number: int, day_type: DayType) -> date:
    """The day that lies so many days or months after one; the first day is not counted.

    A calendar deadline stays on a weekend. A month ends on the same day of a later month, or on
    its last day where it has no such day. Business days are those of the Federal Reserve.
    """
    if day_type is DayType.CALENDAR:
        return start + timedelta(days=number)
    if day_type is DayType.BUSINESS:
        return add_banking_days(start, number)
    year, month = divmod(start.year * 12 + start.month - 1 + number, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def published_rate(jurisdiction: str, on: date) -> PublishedRate | None:
    """The yearly rate of deposit interest that counts on a day; None: a person must enter it."""
    for code in chain(jurisdiction):
        if code in lawbook():
            rows = lawbook()[code].rules.get("deposit_rate", ())
            in_force = [row for row in rows if is_in_force(row, on)]
            if in_force:
                return cast("PublishedRate", in_force[0])
    return None


def trust_account(state: str, *, on: date) -> TrustAccountRule:
    """How other people's money is kept and accounted for."""
    return _answer(TrustAccountRule, state, on, _NO_FACTS)


def fee_draw(state: str, *, on: date) -> FeeDrawRule:
    """How long earned fees may stay in a trust account."""
    return _answer(FeeDrawRule, state, on, _NO_FACTS)


def allocation(state: str, *, on: date) -> AllocationRule:
    """What a tenant's payment must pay first."""
    return _answer(AllocationRule, state, on, _NO_FACTS)


def withholding(kind: WithholdingKind | str, *, state: str, on: date) -> WithholdingRule:
    """Tax held back from payments of rent: federal backup, federal for foreign owners, the state's.

    A federal kind is the same in every state. Raises ValueError for another kind.
    """
    which = WithholdingKind(kind)
    chain(state)  # A wrong code is an error for a federal kind too.
    where = FEDERAL if which in _FEDERAL_KINDS else state
    return _answer(WithholdingRule, where, on, _NO_FACTS, kind=which)


def unclaimed(state: str, kind: UnclaimedKind | str, *, on: date) -> UnclaimedRule:
    """After how many months money that nobody claims is reported. Raises ValueError (kind)."""
    return _answer(UnclaimedRule, state, on, _NO_FACTS, kind=UnclaimedKind(kind))


def _answer(
    rule: type[AnyRule],
    code: str,
    on: date,
    facts: Facts,
    kind: WithholdingKind | UnclaimedKind | None = None,
) -> AnyRule:
    """The row that counts: the locality's, else its state's, else one in which all is UNKNOWN."""
    book = lawbook()
    asked = [each for each in chain(code) if each in book]
    for each in asked:
        rows = cast("tuple[AnyRule, ...]", book[each].rules.get(_TOPIC_OF[rule], ()))
        if kind is not None:
            rows = tuple(row for row in rows if getattr(row, "kind", None) is kind)
        if (found := choose(rows, on=on, facts=facts)) is not None:
            return found
    why = f"no rule of {said(on)} is on file" if asked else f"there is no file for {code} yet"
    return rule.unknown(code, f"{types.TITLES[rule]}: {why}.", **({"kind": kind} if kind else {}))


def _deadline(rule: Rule, start: date, number: int, day_type: DayType, event: str) -> Deadline:
    due_on = count(start, number, day_type)
    how = f"{number} {day_type} {event} on {said(start)}, that day not counted"
    return Deadline(due_on, rule, "at once" if number == 0 else how)


def is_unknown(value: object) -> bool:
    """Whether a field of a rule is UNKNOWN."""
    return isinstance(value, Unknown) and value is UNKNOWN
