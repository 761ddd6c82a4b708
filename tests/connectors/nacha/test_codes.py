"""The tables of return and change codes."""

import csv
from datetime import date

import pytest

from connectors.nacha.codes import (
    SOURCES,
    Action,
    ChangeCode,
    Retry,
    ReturnCode,
    Status,
    Window,
    change_code,
    change_codes,
    change_deadline,
    corrected_fields,
    return_code,
    return_codes,
)
from tests.connectors.nacha.files import shared


def test_every_number_up_to_r85_is_known_or_known_to_be_free() -> None:
    codes = [code.code for code in return_codes()]

    assert codes == [*(f"R{number:02}" for number in range(1, 86)), "R90"]
    assert {code.code for code in return_codes() if code.status is Status.NOT_ASSIGNED} == {
        *("R48", "R49", "R54", "R55", "R56", "R57", "R58", "R59", "R60"),
        *("R63", "R64", "R65", "R66", "R78", "R79"),
    }


def test_every_change_code_is_known() -> None:
    codes = [code.code for code in change_codes()]

    assert codes == [f"C{number:02}" for number in (*range(1, 15), *range(61, 70))]


def test_every_code_in_use_names_sources_and_says_what_to_do() -> None:
    codes: list[ReturnCode | ChangeCode] = [*return_codes(), *change_codes()]
    for code in codes:
        assert code.sources <= SOURCES.keys()
        if code.status is not Status.NOT_ASSIGNED:
            assert code.sources
            assert code.title
            assert code.advice.endswith(".")


def test_unconfirmed_names_fields_of_the_record() -> None:
    for code in return_codes():
        assert all(hasattr(code, name) for name in code.unconfirmed)


def test_only_insufficient_and_uncollected_funds_are_simply_tried_again() -> None:
    again = [code for code in return_codes() if code.retry is Retry.SAME_ENTRY]

    assert [code.code for code in again] == ["R01", "R09"]
    assert all(code.max_retries == 2 and code.retry_within_days == 180 for code in again)
    assert [code.code for code in return_codes() if code.allows_return_fee] == ["R01", "R09"]


def test_rates_count_the_codes_that_the_network_counts() -> None:
    unauthorized = [code.code for code in return_codes() if code.counts_unauthorized]
    administrative = [code.code for code in return_codes() if code.counts_administrative]

    assert unauthorized == ["R05", "R07", "R10", "R11", "R29", "R51"]
    assert administrative == ["R02", "R03", "R04"]
    assert not return_code("R23").counts_overall
    assert not return_code("R23").is_confirmed("counts_overall")


def test_an_unknown_code_is_kept_and_put_before_a_person() -> None:
    code = return_code("R97")

    assert (code.code, code.status, code.action) == ("R97", Status.UNKNOWN, Action.UNKNOWN_CODE)
    assert not code.is_known
    assert code.counts_overall
    assert change_code("C92").action is Action.ASK_PERSON


def test_two_banking_days_leap_over_thanksgiving() -> None:
    assert return_code("R01").latest_on(date(2026, 11, 25)) == date(2026, 11, 30)


def test_sixty_days_end_with_the_banking_day_behind_them() -> None:
    # Day 60 after 1 September is Saturday 31 October.
    assert return_code("R10").latest_on(date(2026, 9, 1)) == date(2026, 11, 2)
    assert return_code("R31").latest_on(date(2026, 9, 1)) is None


def test_a_change_is_applied_within_six_banking_days() -> None:
    assert change_deadline(date(2026, 11, 20)) == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("code", "data", "fields"),
    [
        ("C01", "1918171614", {"account": "1918171614"}),
        ("C02", "021000021", {"routing_number": "021000021"}),
        ("C03", "021000021   00077", {"routing_number": "021000021", "account": "00077"}),
        ("C03", "021000021 00077", {"routing_number": "021000021", "account": "00077"}),
        ("C05", "32", {"transaction_code": "32"}),
        ("C06", "00077               37", {"account": "00077", "transaction_code": "37"}),
        ("C06", "00077 37", {"account": "00077", "transaction_code": "37"}),
        (
            "C07",
            "02100002100077            37",
            {"routing_number": "021000021", "account": "00077", "transaction_code": "37"},
        ),
        (
            "C07",
            "021000021 00077 37",
            {"routing_number": "021000021", "account": "00077", "transaction_code": "37"},
        ),
        ("C09", "LEASE-18", {"id_number": "LEASE-18"}),
    ],
)
def test_corrected_data_are_cut_at_positions_or_else_at_blanks(
    code: str, data: str, fields: dict[str, str]
) -> None:
    assert corrected_fields(code, data) == fields


@pytest.mark.parametrize(
    ("code", "data"),
    [("C02", "021000022"), ("C05", "99"), ("C03", "021000021"), ("C13", ""), ("C92", "12345")],
)
def test_corrected_data_that_make_no_sense_are_left_to_a_person(code: str, data: str) -> None:
    assert corrected_fields(code, data) is None


_WINDOWS = {
    "2 banking days after settlement": Window.TWO_BANKING_DAYS,
    "60 calendar days": Window.SIXTY_DAYS,
    "next file delivery": Window.NEXT_FILE,
    "not defined": Window.BY_AGREEMENT,
    "promptly after the refusal": Window.AFTER_REFUSAL,
    "5 banking days after settlement of the return": Window.DISHONOR,
    "2 banking days after settlement of the dishonored return": Window.CONTEST,
    "not confirmed": Window.NOT_CONFIRMED,
}
_COLUMNS = {
    "returned_by": "returned_by",
    "time_frame": "window",
    "account_type": "accounts",
    "max_retries": "max_retries",
    "counts_overall_15": "counts_overall",
    "B says": "window",
}


def test_return_codes_agree_with_the_collected_table() -> None:
    with shared("ach-return-codes.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))

    assert [row["code"] for row in rows] == [code.code for code in return_codes()]
    for row in rows:
        code = return_code(row["code"])
        assert code.status.value.replace("_", " ") == row["status"]
        if code.status is Status.NOT_ASSIGNED:
            continue
        wanted = max((text for text in _WINDOWS if row["time_frame"].startswith(text)), key=len)
        tries = row["max_retries"].split(" ")[0]
        assert code.title == row["title"]
        assert code.window is _WINDOWS[wanted], row["code"]
        assert code.action.value == row["action"], row["code"]
        assert code.max_retries == (int(tries) if tries.isdigit() else None), row["code"]
        assert code.needs_statement == (row["written_statement_needed"] == "yes"), row["code"]
        assert code.counts_unauthorized == (row["counts_unauthorized_0.5"] == "yes")
        assert code.counts_administrative == (row["counts_administrative_3"] == "yes")
        assert code.counts_overall == row["counts_overall_15"].startswith("yes"), row["code"]
        assert code.sources == frozenset(row["confirmed_by"].split()), row["code"]
        doubtful = row["unconfirmed_cells"]
        found = {name for text, name in _COLUMNS.items() if text in doubtful}
        assert code.unconfirmed == found, row["code"]


def test_change_codes_agree_with_the_collected_table() -> None:
    with shared("ach-change-codes.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))

    assert [row["code"] for row in rows] == [code.code for code in change_codes()]
    statuses = {"in use": Status.IN_USE, "retired": Status.RETIRED, "no longer": Status.NOT_IN_USE}
    for row in rows:
        code = change_code(row["code"])
        status = next((statuses[text] for text in statuses if row["status"].startswith(text)), None)
        assert code.status is (status or Status.REFUSAL)
        assert code.title == row["title"]
        assert code.sources == frozenset(row["confirmed_by"].split())
        doubtful = row["unconfirmed_cells"]
        assert ("status" in code.unconfirmed) == ("status" in doubtful)
        assert ("positions" in code.unconfirmed) == ("positions" in doubtful or "where" in doubtful)
