"""Payer names: what banks print, and whom it is like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proptrust.lib.names import clean, names_somebody, score


@pytest.mark.parametrize(
    ("printed", "cleaned"),
    [
        ("ZELLE FROM MARIA GARCÍA ON 03/02 REF# 12X", "maria garcia"),
        ("GARCIA,MARIA", "garcia maria"),
        ("O'Brien, D.J.", "obrien dj"),
        ("ACH CREDIT 0042", ""),
        ("", ""),
    ],
)
def test_banks_words_and_numbers_are_left_out_of_a_name(printed: str, cleaned: str) -> None:
    assert clean(printed) == cleaned


@pytest.mark.parametrize(
    ("printed", "is_somebody"),
    [("COUNTER CREDIT", False), ("BRANCH DEPOSIT 0104", False), ("M BRANCH", True), ("", False)],
)
def test_what_a_banks_counter_is_called_names_nobody(printed: str, is_somebody: bool) -> None:
    assert names_somebody(printed) is is_somebody


def test_order_of_the_words_does_not_matter() -> None:
    assert score("GARCIA,MARIA", "Maria García") == 100


def test_one_lost_letter_is_still_alike_and_a_stranger_is_not() -> None:
    assert score("ZELLE JON SMITH", "John Smith") > 90
    assert score("ZELLE JON SMITH", "Maria Garcia") < 50


def test_nothing_left_is_like_nobody() -> None:
    assert score("ACH CREDIT 0042", "ACH CREDIT 0042") == 0


@given(st.text(), st.text())
def test_score_is_a_percentage_and_the_same_both_ways(a: str, b: str) -> None:
    assert 0 <= score(a, b) <= 100
    assert score(a, b) == score(b, a)
    assert clean(clean(a)) == clean(a)
