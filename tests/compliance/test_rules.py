"""The questions and their answers, worked by hand for California, New York, Massachusetts and
Florida: caps, deadlines, days before and after a change of the law, facts that are missing."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import loading, rules
from compliance.conditions import Facts
from compliance.errors import AmbiguousRule, MissingFact, NoSuchJurisdiction, RuleUnknown, WrongFact
from compliance.types import (
    UNKNOWN,
    Band,
    Cap,
    Combine,
    DayType,
    InterestMethod,
    Rule,
    WithholdingBase,
)
from proptrust.lib.money import ZERO, from_cents, usd
from tests.compliance.files import LATE_FEE, SOURCE, locality

TODAY = date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of rules with California's file; what a test adds is read at the first question."""
    (tmp_path / "ca.toml").write_text((loading.FOLDER / "ca.toml").read_text())
    monkeypatch.setattr(loading, "FOLDER", tmp_path)
    loading.lawbook.cache_clear()
    yield tmp_path
    loading.lawbook.cache_clear()


# --- Late fees -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rent", "days_late", "allowed"),
    [
        ("1840.00", 5, "0.00"),  # Within the five days of grace.
        ("1840.00", 6, "50.00"),  # 5 % would be 92.00.
        ("1000.00", 6, "50.00"),  # Both are 50.00.
        ("999.90", 6, "49.99"),  # 49.995: half a cent above the cap is above it.
        ("640.00", 90, "32.00"),
    ],
)
def test_new_york_allows_the_lesser_of_fifty_and_five_percent(
    rent: str, days_late: int, allowed: str
) -> None:
    rule = rules.late_fee("NY", on=TODAY)

    assert rule.capped(usd("75.00"), rent=usd(rent), days_late=days_late) == usd(allowed)
    assert rule.source.citation == "N.Y. Real Prop. Law 238-a(2)"
    assert rule.source.is_confirmed


def test_a_smaller_fee_stays_as_it_is() -> None:
    rule = rules.late_fee("NY", on=TODAY)

    assert rule.capped(usd("25.00"), rent=usd("1840.00"), days_late=6) == usd("25.00")


def test_massachusetts_lets_nothing_be_charged_for_thirty_days() -> None:
    rule = rules.late_fee("MA", on=TODAY)

    assert rule.capped(usd("80.00"), rent=usd("2000.00"), days_late=30) == ZERO
    assert rule.capped(usd("80.00"), rent=usd("2000.00"), days_late=31) == usd("80.00")


@pytest.mark.parametrize("state", ["CA", "FL"])
def test_a_state_without_a_figure_leaves_the_fee_and_says_it_must_be_reasonable(state: str) -> None:
    rule = rules.late_fee(state, on=TODAY)

    assert rule.cap is None
    assert rule.grace_days is None
    assert "reasonable" in str(rule.standard)
    assert rule.capped(usd("95.00"), rent=usd("1900.00"), days_late=1) == usd("95.00")
    assert rule.capped(usd("95.00"), rent=usd("1900.00"), days_late=0) == ZERO
    assert rule.source.is_confirmed is (state == "CA")


def test_the_day_before_a_law_began_is_not_known() -> None:
    before = rules.late_fee("NY", on=date(2019, 6, 13))
    first = rules.late_fee("NY", on=date(2019, 6, 14))

    assert before.cap is UNKNOWN
    assert first.grace_days == 5
    with pytest.raises(RuleUnknown, match="no rule of Jun 13, 2019 is on file"):
        before.capped(usd("10.00"), rent=usd("500.00"), days_late=9)


# --- Returned payments -----------------------------------------------------------------


def test_california_takes_more_for_each_further_returned_check() -> None:
    rule = rules.nsf_fee("CA", on=TODAY)

    assert rule.capped(usd("40.00")) == usd("25.00")
    assert rule.capped(usd("40.00"), is_first=False) == usd("35.00")
    assert rule.capped(usd("30.00"), is_first=False) == usd("30.00")


@pytest.mark.parametrize(
    ("face", "allowed"),
    [
        ("50.00", "25.00"),
        ("50.01", "30.00"),
        ("300.00", "30.00"),
        ("300.01", "40.00"),
        ("800.00", "40.00"),
        ("800.20", "40.01"),
        ("1850.55", "92.52"),  # 92.5275, rounded down.
    ],
)
def test_florida_goes_by_the_face_of_the_check(face: str, allowed: str) -> None:
    rule = rules.nsf_fee("FL", on=TODAY)

    assert rule.capped(usd("500.00"), face=usd(face)) == usd(allowed)


def test_florida_asks_for_the_face_amount() -> None:
    with pytest.raises(MissingFact, match="face") as missing:
        rules.nsf_fee("FL", on=TODAY).capped(usd("35.00"))

    assert missing.value.fact == "face"
    assert "FL returned payment fee" in str(missing.value)


def test_massachusetts_adds_the_banks_charge_and_is_not_confirmed() -> None:
    rule = rules.nsf_fee("MA", on=TODAY)

    assert rule.capped(usd("60.00"), bank_cost=usd("12.00")) == usd("37.00")
    assert not rule.source.is_confirmed


def test_new_york_allows_twenty() -> None:
    assert rules.nsf_fee("NY", on=TODAY).capped(usd("35.00"), is_first=False) == usd("20.00")


# --- The arithmetic of caps ------------------------------------------------------------


def test_a_daily_limit_stops_at_its_most() -> None:
    # Connecticut's shape: 5.00 a day, at most 50.00, or 5 % of the rent, whichever is less.
    band = Band(
        rate=Decimal("0.05"),
        daily_flat=usd(5),
        daily_max=usd(50),
        daily_after_days=9,
        combine=Combine.LESSER,
    )
    cap = Cap((band,))

    assert cap.most(usd("2000.00"), days=9) == ZERO
    assert cap.most(usd("2000.00"), days=12) == usd("15.00")
    assert cap.most(usd("2000.00"), days=40) == usd("50.00")
    assert cap.most(usd("800.00"), days=40) == usd("40.00")


def test_a_rate_of_what_is_above_an_amount_adds_to_a_flat_one() -> None:
    # Chicago's shape: 10.00 and 5 % of the rent above 500.00.
    band = Band(flat=usd(10), rate=Decimal("0.05"), rate_above=usd("500.00"), combine=Combine.SUM)

    assert Cap((band,)).most(usd("450.00")) == usd("10.00")
    assert Cap((band,)).most(usd("1500.00")) == usd("60.00")


@given(
    cents=st.integers(0, 5_000_000),
    flat=st.integers(0, 100_000),
    rate=st.decimals("0.001", "1", places=4),
    combine=st.sampled_from(Combine),
)
def test_a_cap_is_never_rounded_above_the_law(
    cents: int, flat: int, rate: Decimal, combine: Combine
) -> None:
    amount = from_cents(cents)
    band = Band(flat=from_cents(flat), rate=rate, combine=combine)

    most = Cap((band,)).most(amount).amount

    assert most <= band.most(amount, 0) < most + Decimal("0.01")


# --- Security deposits -----------------------------------------------------------------


def test_californias_cap_goes_by_the_day_the_deposit_was_taken() -> None:
    def months(taken_on: date, **facts: Any) -> object:
        given_facts = {"deposit_taken_on": taken_on, **facts}
        return rules.deposit_cap("CA", on=TODAY, facts=given_facts).months

    company = {"owner_is_natural_person": False}
    assert months(date(2024, 6, 30), is_furnished=False) == 2
    assert months(date(2024, 6, 30), is_furnished=True) == 3
    assert months(date(2024, 7, 1), **company) == 1
    assert months(date(2024, 7, 1), owner_rental_units=5) == 1


def test_a_small_landlord_in_california_may_take_two_months_but_not_of_a_service_member() -> None:
    small: Facts = {
        "deposit_taken_on": date(2026, 1, 5),
        "owner_is_natural_person": True,
        "owner_properties": 2,
        "owner_rental_units": 4,
    }

    usual = rules.deposit_cap("CA", on=TODAY, facts={**small, "tenant_is_service_member": False})
    member = rules.deposit_cap("CA", on=TODAY, facts={**small, "tenant_is_service_member": True})

    assert usual.months == 2
    assert usual.variant == "small landlord"
    assert not usual.source.is_confirmed
    assert usual.source.confirms("months")
    assert member.months == 1
    assert usual.most(usd("1850.55")) == usd("3701.10")


def test_a_missing_fact_is_named_with_its_rule() -> None:
    with pytest.raises(MissingFact) as missing:
        rules.deposit_cap("CA", on=TODAY, facts={"deposit_taken_on": date(2026, 1, 5)})

    assert missing.value.fact == "owner_is_natural_person"
    assert missing.value.rule == "CA deposit cap (small landlord)"

    with pytest.raises(MissingFact, match="deposit_taken_on"):
        rules.deposit_cap("CA", on=TODAY, facts={"is_furnished": True})


def test_a_fact_that_cannot_change_the_answer_is_not_asked_for() -> None:
    one_unit_too_many: Facts = {"deposit_taken_on": date(2026, 1, 5), "owner_rental_units": 5}

    assert rules.deposit_cap("CA", on=TODAY, facts=one_unit_too_many).months == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"unit": 6},
        {"units": "6"},
        {"units": True},
        {"is_furnished": 1},
        {"deposit_taken_on": "2024-07-01"},
        {"deposit_held_as": "sock"},
        {"deposit": 500},
    ],
)
def test_a_wrong_fact_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(WrongFact, match=next(iter(facts))):
        rules.deposit("MA", on=TODAY, facts=facts)


@pytest.mark.parametrize(
    ("units", "held", "method", "is_required"),
    [
        (6, "interest account", InterestMethod.BANK_ACTUAL, True),
        (5, "interest account", InterestMethod.BANK_ACTUAL, False),
        (5, "account", None, False),
    ],
)
def test_new_york_asks_for_interest_from_six_units_on(
    units: int, held: str, method: InterestMethod | None, is_required: bool
) -> None:
    rule = rules.deposit("NY", on=TODAY, facts=_new_york(units, held))

    assert rule.interest_rule.method is method
    assert rule.interest_rule.is_required is is_required
    assert rule.interest is (None if method is None else rule.interest_rule)
    assert rule.interest_rule.admin_fee_rate == (Decimal("0.01") if method else None)
    assert rule.cap_months == 1
    assert rule.separate_account is True
    assert rule.bank_notice_days == 0
    assert rule.receipt_days is None


def _new_york(units: int, held: str) -> Facts:
    return {"units": units, "deposit_held_as": held, "deposit_taken_on": date(2025, 2, 1)}


def test_new_york_asks_how_many_units_there_are() -> None:
    with pytest.raises(MissingFact, match="dwelling units in the property"):
        rules.deposit_interest("NY", on=TODAY, facts={})


def test_massachusetts_needs_no_fact_at_all() -> None:
    rule = rules.deposit("MA", on=TODAY, facts={})

    assert rule.cap_months == 1
    assert rule.bank_notice_days == 30
    assert rule.receipt_days == 30
    assert rule.condition_statement_days == 10
    assert rule.claim_notice_days is None
    assert rule.day_type is DayType.CALENDAR
    assert rule.return_days(with_deductions=True) == 30
    assert rule.statement.is_yearly is True
    assert rule.interest_rule.ceiling_rate == Decimal("0.05")
    assert rule.interest_rule.held_at_least_months == 12
    assert not rule.condition_statement.source.confirms("days")
    assert not rule.source.is_confirmed
    assert rule.source.citation.startswith("Mass. Gen. Laws ch. 186 s. 15B")


@pytest.mark.parametrize(
    ("held", "election", "method", "separate"),
    [
        ("account", None, None, True),
        ("interest account", "share of account interest", InterestMethod.BANK_ACTUAL, True),
        ("interest account", "fixed rate", InterestMethod.FIXED, True),
        ("bond", None, InterestMethod.FIXED, False),
    ],
)
def test_florida_goes_by_how_the_deposit_is_held(
    held: str, election: str | None, method: InterestMethod | None, separate: bool
) -> None:
    facts: dict[str, Any] = {"deposit_held_as": held, "landlord_units": 5}
    if election:
        facts["interest_election"] = election

    rule = rules.deposit("FL", on=TODAY, facts=facts)

    assert rule.interest_rule.method is method
    assert rule.separate_account is separate
    assert rule.cap_months is None
    assert rule.bank_notice_days == 30
    assert rule.claim_notice_days == 30
    assert rule.bond.is_allowed is True


def test_florida_spares_the_landlord_of_four_units_the_notice() -> None:
    few = rules.deposit_bank_notice("FL", on=TODAY, facts={"landlord_units": 4})

    assert few.days is None
    assert rules.notice_deadline(few, TODAY) is None


# --- Deadlines -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "moved_out_on", "has_deductions", "due_on"),
    [
        ("CA", date(2026, 11, 23), True, date(2026, 12, 14)),
        ("CA", date(2024, 2, 8), False, date(2024, 2, 29)),  # Onto a leap day.
        ("CA", date(2025, 2, 8), False, date(2025, 3, 1)),
        ("NY", date(2026, 11, 30), True, date(2026, 12, 14)),
        ("NY", date(2026, 12, 19), True, date(2027, 1, 2)),  # A Saturday stays the day.
        ("MA", date(2024, 1, 30), True, date(2024, 2, 29)),
        ("MA", date(2026, 1, 30), False, date(2026, 3, 1)),
        ("FL", date(2026, 10, 31), False, date(2026, 11, 15)),  # A Sunday stays the day.
        ("FL", date(2026, 10, 31), True, date(2026, 11, 30)),
    ],
)
def test_deposit_goes_back_in_time(
    state: str, moved_out_on: date, has_deductions: bool, due_on: date
) -> None:
    found = rules.return_deadline(
        state, moved_out_on=moved_out_on, has_deductions=has_deductions, facts={}
    )

    assert found.due_on == due_on
    assert "calendar days after" in found.counted_how
    assert "that day not counted" in found.counted_how
    assert found.source is found.rule.source


def test_new_yorks_deadline_is_not_known_before_its_law_began() -> None:
    first = rules.return_deadline("NY", moved_out_on=date(2019, 7, 14), has_deductions=True)

    assert first.due_on == date(2019, 7, 28)
    with pytest.raises(RuleUnknown, match="NY deposit return"):
        rules.return_deadline("NY", moved_out_on=date(2019, 7, 13), has_deductions=True)


@pytest.mark.parametrize(
    ("start", "number", "day_type", "end"),
    [
        (date(2026, 11, 20), 3, DayType.BUSINESS, date(2026, 11, 25)),  # A Friday.
        (date(2026, 11, 24), 3, DayType.BUSINESS, date(2026, 11, 30)),  # Over Thanksgiving.
        (date(2026, 11, 21), 1, DayType.BUSINESS, date(2026, 11, 23)),  # From a Saturday.
        (date(2026, 7, 2), 1, DayType.BUSINESS, date(2026, 7, 3)),  # July 4 is a Saturday.
        (date(2024, 1, 31), 1, DayType.MONTHS, date(2024, 2, 29)),
        (date(2025, 1, 31), 1, DayType.MONTHS, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, DayType.MONTHS, date(2026, 1, 15)),
        (date(2024, 2, 29), 12, DayType.MONTHS, date(2025, 2, 28)),
        (date(2024, 2, 28), 1, DayType.CALENDAR, date(2024, 2, 29)),
        (date(2026, 11, 23), 0, DayType.CALENDAR, date(2026, 11, 23)),
    ],
)
def test_days_are_counted_by_their_kind(
    start: date, number: int, day_type: DayType, end: date
) -> None:
    assert rules.count(start, number, day_type) == end


def test_trust_money_goes_to_the_bank_in_three_business_days() -> None:
    found = rules.banking_deadline("CA", received_on=date(2026, 11, 24))
    at_once = rules.banking_deadline("MA", received_on=date(2026, 11, 24))

    assert found is not None
    assert found.due_on == date(2026, 11, 30)
    assert at_once is not None
    assert (at_once.due_on, at_once.counted_how) == (date(2026, 11, 24), "at once")


def test_florida_notice_of_a_claim_is_due_in_thirty_days_and_new_york_has_none() -> None:
    found = rules.claim_deadline("FL", moved_out_on=date(2026, 1, 31))

    assert found is not None
    assert found.due_on == date(2026, 3, 2)
    assert rules.claim_deadline("NY", moved_out_on=TODAY) is None


def test_notice_of_the_bank_is_counted_from_its_event() -> None:
    rule = rules.deposit_bank_notice("MA", on=TODAY, facts={})
    found = rules.notice_deadline(rule, date(2026, 2, 1))

    assert found is not None
    assert found.due_on == date(2026, 3, 3)
    assert "the day the deposit was received" in found.counted_how


# --- Trust accounts, fees, taxes, unclaimed money --------------------------------------


@pytest.mark.parametrize(
    ("state", "own", "years"),
    [("CA", "200.00", 3), ("NY", "0.00", 3), ("MA", "0.00", 3), ("FL", "5000.00", 5)],
)
def test_own_money_in_a_trust_account_is_limited(state: str, own: str, years: int) -> None:
    rule = rules.trust_account(state, on=TODAY)

    assert rule.own_funds_max == usd(own)
    assert rule.retention_years == years
    assert rule.reconciliation_due_days is UNKNOWN
    assert rule.source.confirms("own_funds_max")
    assert not rule.source.confirms("reconciliation_due_days")


def test_fees_leave_in_25_days_in_california_and_elsewhere_nobody_knows() -> None:
    assert rules.fee_draw("CA", on=TODAY).max_days == 25
    assert not rules.fee_draw("CA", on=TODAY).source.is_confirmed
    for state in ("NY", "MA", "FL"):
        assert rules.fee_draw(state, on=TODAY).max_days is UNKNOWN


@pytest.mark.parametrize(
    ("on", "threshold"),
    [
        (date(2025, 12, 31), usd("600.00")),
        (date(2026, 1, 1), usd("2000.00")),
        (date(2026, 12, 31), usd("2000.00")),
        (date(2027, 1, 1), UNKNOWN),
    ],
)
def test_backup_withholding_begins_at_the_amount_of_its_year(on: date, threshold: object) -> None:
    rule = rules.withholding("backup", state="CA", on=on)

    assert rule.rate == Decimal("0.24")
    assert rule.threshold == threshold
    assert rule.jurisdiction == "US"
    assert not rule.source.confirms("rate")


def test_a_foreign_owner_is_taxed_on_the_gross_in_every_state() -> None:
    rule = rules.withholding("foreign", state="TX", on=TODAY)

    assert (rule.rate, rule.threshold, rule.base) == (Decimal("0.30"), None, WithholdingBase.GROSS)


def test_california_holds_seven_percent_back_and_new_york_none_from_rent() -> None:
    rule = rules.withholding("state_nonresident", state="CA", on=TODAY)
    none = rules.withholding("state_nonresident", state="NY", on=TODAY)

    assert rule.rate == Decimal("0.07")
    assert rule.threshold == usd("1500.00")
    assert rule.base is WithholdingBase.NET_OF_MANAGEMENT_FEE
    assert none.rate is None
    assert not none.source.is_confirmed
    assert rules.withholding("state_nonresident", state="FL", on=TODAY).rate is UNKNOWN


def test_tax_is_held_back_from_the_amount_on_that_the_law_names() -> None:
    backup = rules.withholding("backup", state="NY", on=TODAY)
    california = rules.withholding("state_nonresident", state="CA", on=TODAY)
    foreign = rules.withholding("foreign", state="CA", on=TODAY)
    later = rules.withholding("backup", state="NY", on=date(2027, 1, 1))

    assert not backup.applies(usd("1999.99"))
    assert backup.applies(usd("2000.00"))  # Reached.
    assert not california.applies(usd("1500.00"))
    assert california.applies(usd("1500.01"))  # Exceeded.
    assert foreign.applies(usd("0.01"))
    assert backup.withheld(usd("1234.56")) == usd("296.29")  # 296.2944
    assert california.withheld(usd("1850.50")) == usd("129.54")  # 129.535
    assert not rules.withholding("state_nonresident", state="NY", on=TODAY).applies(usd("9000.00"))
    with pytest.raises(RuleUnknown, match="the amount from which it is held back"):
        later.applies(usd("5000.00"))
    with pytest.raises(RuleUnknown, match="FL withholding: the rate"):
        rules.withholding("state_nonresident", state="FL", on=TODAY).withheld(usd("5000.00"))


def test_dormancy_is_known_where_it_was_read() -> None:
    assert rules.unclaimed("FL", "vendor_check", on=TODAY).dormancy_months == 60
    assert rules.unclaimed("CA", "rent", on=TODAY).dormancy_months == 36
    assert rules.unclaimed("NY", "security_deposit", on=TODAY).dormancy_months is UNKNOWN
    with pytest.raises(ValueError, match="sock"):
        rules.unclaimed("NY", "sock", on=TODAY)


def test_published_rates_are_given_only_where_one_is_on_file() -> None:
    florida = rules.published_rate("FL", TODAY)

    assert florida is not None
    assert (florida.rate, florida.kind) == (Decimal("0.05"), "fixed")
    assert rules.published_rate("CA", TODAY) is None
    assert rules.published_rate("TX", TODAY) is None


# --- What is not known -----------------------------------------------------------------

QUESTIONS: dict[str, Callable[[str], Rule]] = {
    "late_fee": lambda state: rules.late_fee(state, on=TODAY),
    "nsf_fee": lambda state: rules.nsf_fee(state, on=TODAY),
    "deposit_cap": lambda state: rules.deposit_cap(state, on=TODAY, facts={}),
    "deposit_interest": lambda state: rules.deposit_interest(state, on=TODAY, facts={}),
    "deposit_return": lambda state: rules.deposit_return(state, on=TODAY, facts={}),
    "trust_account": lambda state: rules.trust_account(state, on=TODAY),
    "fee_draw": lambda state: rules.fee_draw(state, on=TODAY),
    "allocation": lambda state: rules.allocation(state, on=TODAY),
    "withholding": lambda s: rules.withholding("state_nonresident", state=s, on=TODAY),
    "unclaimed": lambda state: rules.unclaimed(state, "rent", on=TODAY),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_state_without_a_file_is_unknown_in_everything(question: str) -> None:
    rule = QUESTIONS[question]("TX")

    named = {"kind"} & set(rule.own_fields())
    assert all(getattr(rule, each) is UNKNOWN for each in set(rule.own_fields()) - named)
    assert not rule.source.is_confirmed
    assert "there is no file for TX yet" in rule.source.note


def test_nobody_computes_with_what_is_not_known() -> None:
    with pytest.raises(RuleUnknown, match="TX late fee: the grace period is not known"):
        rules.late_fee("TX", on=TODAY).capped(usd("50.00"), rent=usd("900.00"), days_late=9)
    with pytest.raises(RuleUnknown, match="TX returned payment fee"):
        rules.nsf_fee("TX", on=TODAY).capped(usd("50.00"), face=usd("900.00"))
    with pytest.raises(RuleUnknown, match="TX deposit return"):
        rules.return_deadline("TX", moved_out_on=TODAY, has_deductions=False)
    with pytest.raises(RuleUnknown, match="TX trust account"):
        rules.banking_deadline("TX", received_on=TODAY)
    with pytest.raises(RuleUnknown, match="TX deposit cap"):
        rules.deposit_cap("TX", on=TODAY, facts={}).most(usd("900.00"))


def test_unknown_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="is UNKNOWN"):
        bool(UNKNOWN)
    assert rules.is_unknown(rules.allocation("CA", on=TODAY).first)
    assert not rules.is_unknown(None)


@pytest.mark.parametrize("code", ["ZZ", "ca", "", "CALIFORNIA", "US-NY", "CA-", "ZZ-SF"])
def test_a_code_of_no_state_is_an_error(code: str) -> None:
    with pytest.raises(NoSuchJurisdiction):
        rules.late_fee(code, on=TODAY)


# --- Localities and choosing -----------------------------------------------------------


def test_a_locality_answers_what_it_says_and_its_state_the_rest(folder: Path) -> None:
    locality(folder, LATE_FEE)

    assert rules.late_fee("CA-SF", on=TODAY).grace_days == 5
    assert rules.late_fee("CA-SF", on=TODAY).jurisdiction == "CA-SF"
    assert rules.nsf_fee("CA-SF", on=TODAY).jurisdiction == "CA"
    assert rules.late_fee("CA-LA", on=TODAY).jurisdiction == "CA"
    assert rules.late_fee("CA", on=TODAY).grace_days is None


def test_a_localitys_rate_counts_to_its_last_day(folder: Path) -> None:
    year = "effective_from = 2024-03-01\neffective_to = 2025-02-28\n"
    table = '[[deposit_rate]]\nrate = 0.052\nkind = "published"\n'
    locality(folder, f"{table}{year}{SOURCE}")

    last = rules.published_rate("CA-SF", date(2025, 2, 28))

    assert last is not None
    assert last.rate == Decimal("0.052")
    assert rules.published_rate("CA-SF", date(2025, 3, 1)) is None
    assert rules.published_rate("CA-SF", date(2024, 2, 29)) is None


def test_the_rule_with_more_conditions_wins(folder: Path) -> None:
    special = LATE_FEE.replace("grace_days = 5", "grace_days = 7") + (
        'when = [{ fact = "is_rent_stabilised", is = true }]\n'
    )
    table = "[[deposit_cap]]\nmonths = {months}\ncounts = 'none'\n{when}{source}"
    one = table.format(months=1, when="", source=SOURCE)
    two = table.format(months=2, when='when = [{ fact = "units", at_least = 3 }]\n', source=SOURCE)
    locality(folder, special + one + two)

    def cap(facts: Facts) -> object:
        return rules.deposit_cap("CA-SF", on=TODAY, facts=facts).months

    assert cap({"units": 3}) == 2
    assert cap({"units": 2}) == 1
    with pytest.raises(MissingFact, match="units"):
        cap({})


def test_two_rules_that_fit_alike_are_told(folder: Path) -> None:
    table = "[[deposit_cap]]\nmonths = {}\ncounts = 'none'\nwhen = [{{ {} }}]\n" + SOURCE
    locality(
        folder,
        table.format(1, 'fact = "units", at_least = 3')
        + table.format(2, 'fact = "is_furnished", is = true'),
    )

    with pytest.raises(AmbiguousRule, match="CA-SF deposit cap"):
        rules.deposit_cap("CA-SF", on=TODAY, facts={"units": 3, "is_furnished": True})


@pytest.mark.parametrize(("amount", "fits"), [("49.99", False), ("50.00", True), ("50.01", True)])
def test_an_amount_can_be_a_condition(amount: str, fits: bool, folder: Path) -> None:
    when = 'when = [{ fact = "deposit", at_least = 50.00 }]\n'
    locality(folder, f"[[deposit_cap]]\nmonths = 4\ncounts = 'none'\n{when}{SOURCE}")
    facts: Facts = {
        "deposit": usd(amount),
        "deposit_taken_on": date(2026, 1, 1),
        "owner_rental_units": 9,
    }

    assert rules.deposit_cap("CA-SF", on=TODAY, facts=facts).months == (4 if fits else 1)
