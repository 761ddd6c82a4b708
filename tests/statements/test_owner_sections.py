"""In which section a line stands: a table of cases."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from disbursements.models import Section
from statements.owners.composing import days, percent
from statements.owners.sections import ORDER, section_of
from statements.owners.types import Moved, Told

FIRST = date(2026, 3, 1)
BEFORE = date(2026, 2, 20)


def line(section: str, **facts: Any) -> Moved:
    """A line of March."""
    fresh: dict[str, Any] = {
        "line_id": 1,
        "entry_id": 1,
        "book_id": 1,
        "beneficiary_id": 1,
        "amount": Decimal("1.00"),
        "dated_on": date(2026, 3, 5),
        "known_at": datetime(2026, 3, 5, tzinfo=UTC),
        "digest": "",
        "section": section,
        "told": Told(),
    }
    return Moved(**{**fresh, **facts})


@pytest.mark.parametrize(
    ("section", "facts", "expected"),
    [
        ("rent", {}, "rent"),
        ("bill", {}, "bill"),
        # What belongs to days before the first one.
        ("rent", {"dated_on": BEFORE}, "adjustment"),
        ("contribution", {"dated_on": BEFORE}, "adjustment"),
        ("rent", {"adjusts_on": date(2026, 2, 1)}, "adjustment"),
        ("rent", {"undoes": (7,), "undoes_on": BEFORE}, "adjustment"),
        ("management_fee", {"undoes": (7,), "undoes_on": BEFORE}, "adjustment"),
        # What takes back something of these days is what it takes back.
        ("rent", {"undoes": (7,), "undoes_on": date(2026, 3, 2)}, "rent"),
        # Money that went out or came back stays what it is.
        ("draw_back", {"pays_draw": True}, "draw"),
        ("draw_back", {"pays_draw": True, "dated_on": BEFORE}, "draw"),
        ("draw_back", {"undoes": (7,), "undoes_on": BEFORE}, "draw_back"),
        ("withheld", {"dated_on": BEFORE}, "withheld"),
        # A run says itself what it posted, on whatever day.
        ("transfer", {"run_id": 4, "dated_on": date(2026, 4, 10)}, "transfer"),
        ("recovery", {"run_id": 4, "adjusts_on": date(2026, 2, 1)}, "recovery"),
    ],
)
def test_the_section_of_a_line(section: str, facts: dict[str, Any], expected: str) -> None:
    assert section_of(line(section, **facts), FIRST) == Section(expected)


def test_every_section_has_its_place() -> None:
    assert sorted(ORDER) == sorted(Section)
    assert len(set(ORDER)) == len(ORDER)


def test_a_whole_month_is_called_by_its_name() -> None:
    assert days(date(2026, 2, 1), date(2026, 2, 28)) == "February 2026"
    assert days(date(2024, 2, 1), date(2024, 2, 28)) == "Feb 1, 2024 to Feb 28, 2024"
    assert days(date(2026, 12, 1), date(2026, 12, 31)) == "December 2026"


@pytest.mark.parametrize(
    ("part", "said"), [("1", "100 %"), ("0.08", "8 %"), ("0.33333333", "33.333333 %")]
)
def test_a_fraction_in_words(part: str, said: str) -> None:
    assert percent(Decimal(part)) == said
