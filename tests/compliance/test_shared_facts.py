"""The figures in the files against the collected tables, where those are at hand."""

import csv
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from compliance import rules
from compliance.conditions import Facts
from compliance.types import UNKNOWN
from proptrust.lib.money import usd

STATES = ["CA", "NY", "MA", "FL"]
TODAY = date(2026, 11, 23)
_BESIDE = Path(__file__).resolve().parents[3] / "shared"
FOLDER = Path(os.environ.get("PROPTRUST_SHARED", _BESIDE)) / "compliance"

# The facts that choose each row of the table of deposits.
DEPOSITS: Mapping[tuple[str, str], Facts] = {
    ("CA", "furnished"): {"deposit_taken_on": date(2024, 6, 30), "is_furnished": True},
    ("CA", "unfurnished"): {"deposit_taken_on": date(2024, 6, 30), "is_furnished": False},
    ("CA", "small landlord"): {
        "deposit_taken_on": date(2024, 7, 1),
        "owner_is_natural_person": True,
        "owner_properties": 2,
        "owner_rental_units": 4,
        "tenant_is_service_member": False,
    },
    ("CA", "standard"): {"deposit_taken_on": date(2024, 7, 1), "owner_properties": 3},
    ("NY", "6 or more"): {
        "units": 6,
        "deposit_taken_on": date(2019, 7, 14),
        "deposit_held_as": "interest account",
    },
    ("NY", "fewer than 6"): {
        "units": 5,
        "deposit_taken_on": date(2019, 7, 14),
        "deposit_held_as": "account",
    },
    ("MA", "standard"): {},
    ("FL", "interest-bearing"): {
        "deposit_held_as": "interest account",
        "interest_election": "fixed rate",
        "landlord_units": 5,
    },
    ("FL", "non-interest-bearing"): {"deposit_held_as": "account", "landlord_units": 5},
    ("FL", "surety bond"): {"deposit_held_as": "bond", "landlord_units": 5},
}


def table(name: str) -> list[dict[str, str]]:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the collected tables are not here: {path}")
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["jurisdiction"] in STATES]


def leading(text: str) -> int | None:
    """The number with which a cell begins; none for an empty one."""
    found = re.match(r"\d+", text)
    return int(found[0]) if found else None


def is_yes(text: str) -> bool:
    return text.startswith("y")


def test_deposits_are_those_of_the_table() -> None:
    rows = table("deposit-rules.csv")
    asked = 0
    for row in rows:
        (key,) = [
            each
            for each in DEPOSITS
            if each[0] == row["jurisdiction"] and row["variant"].startswith(each[1])
        ]
        rule = rules.deposit(row["jurisdiction"], on=TODAY, facts=DEPOSITS[key])
        asked += 1
        assert rule.cap_months == leading(row["deposit_cap_months"]), key
        assert rule.separate_account is is_yes(row["separate_account_required"]), key
        assert rule.account.is_in_state is is_yes(row["in_state_bank_required"]), key
        assert rule.bank_notice_days == leading(row["bank_notice_days"]), key
        assert rule.receipt_days == leading(row["receipt_days"]), key
        assert rule.condition_statement_days == leading(row["condition_statement_days"]), key
        for column, has in (("no_deductions", False), ("with_deductions", True)):
            days = leading(row[f"return_deadline_days_{column}"])
            assert rule.return_days(with_deductions=has) == days, key
        assert str(rule.day_type) == f"{row['return_day_type']} days", key
        assert rule.claim_notice_days == leading(row["claim_notice_days"]), key
        assert rule.itemisation.is_required is is_yes(row["itemisation_required"]), key
        assert rule.statement.is_yearly is is_yes(row["annual_accounting"]), key
    assert asked == len(DEPOSITS)
    for state in STATES:
        # The table says it in the row of the bond; the file says it of the state.
        allowed = [
            is_yes(row["surety_bond_alternative"]) for row in rows if row["jurisdiction"] == state
        ]
        bond = rules.deposit(state, on=TODAY, facts=_some_facts(state)).bond
        assert bond.is_allowed is any(allowed), state


def _some_facts(state: str) -> Facts:
    return next(facts for (of, _), facts in DEPOSITS.items() if of == state)


def test_late_and_returned_payment_fees_are_those_of_the_table() -> None:
    rows = {row["jurisdiction"]: row for row in table("late-fee-and-nsf-rules.csv")}

    for state in STATES:
        late = rules.late_fee(state, on=TODAY)
        assert late.grace_days == leading(rows[state]["grace_period_days"]), state
        has_figure = "%" in rows[state]["late_fee_cap_formula"]
        assert (late.cap is not None) is has_figure, state
        # The first figure of the cell is the cap of the smallest first check.
        cell = rows[state]["nsf_fee_cap"]
        figure = re.search(r": \$(\d+)", cell) or re.search(r"\$(\d+)", cell)
        assert figure is not None
        capped = rules.nsf_fee(state, on=TODAY).capped(usd(9999), face=usd(1))
        assert capped == usd(figure[1]), state


def test_trust_accounts_are_those_of_the_table() -> None:
    rows = {row["jurisdiction"]: row for row in table("trust-account-rules.csv")}

    for state in STATES:
        rule, row = rules.trust_account(state, on=TODAY), rows[state]
        own = leading(row["broker_own_funds_max_usd"])
        assert own is not None
        assert rule.own_funds_max == usd(own), state
        assert rule.retention_years == leading(row["record_retention_years"]), state
        assert rule.is_required is is_yes(row["trust_account_required_rents_deposits"]), state
        assert (rule.reconciliation is None) is (row["reconciliation_frequency"] == "not stated")
        assert rule.reconciliation_due_days is UNKNOWN
        assert row["reconciliation_due_days"] == "unknown"
        within = row["deposit_into_trust_deadline_business_days"]
        assert rule.deposit_within == (0 if within == "immediately" else leading(within)), state


def test_fixed_rates_are_those_of_the_table() -> None:
    for row in table("published-rates.csv"):
        found = rules.published_rate(row["jurisdiction"], TODAY)
        assert found is not None
        assert found.rate * 100 == int(row["rate_percent"])


def test_nothing_recalled_is_called_confirmed() -> None:
    for row in table("late-fee-and-nsf-rules.csv"):
        state, doubt = row["jurisdiction"], row["uncertain_columns"]
        assert rules.late_fee(state, on=TODAY).source.is_confirmed is ("late-fee" not in doubt)
        assert rules.nsf_fee(state, on=TODAY).source.is_confirmed is ("nsf_fee" not in doubt)
    for row in table("trust-account-rules.csv"):
        source = rules.trust_account(row["jurisdiction"], on=TODAY).source
        assert source.confirms("retention_years") is (
            "retention" not in row["uncertain_columns"]
            and "register 10 years" not in row["uncertain_columns"]
        )
