"""The record layouts."""

import pytest

from connectors.nacha import layout


@pytest.mark.parametrize("shape", layout.ALL, ids=lambda shape: shape.name)
def test_each_layout_covers_all_94_positions_once(shape: layout.Layout) -> None:
    covered = [place for field in shape.fields for place in range(field.first, field.last + 1)]

    assert covered == list(range(1, 95))


@pytest.mark.parametrize("shape", layout.ALL, ids=lambda shape: shape.name)
def test_what_is_filled_is_cut_again(shape: layout.Layout) -> None:
    values = {field.name: "7" * field.size for field in shape.fields}

    assert shape.cut(shape.fill(values)) == values


def test_a_value_too_long_for_its_field_is_refused_not_cut() -> None:
    with pytest.raises(ValueError, match=r"account: '1{18}' does not fit in 17"):
        layout.ENTRY.fill({"account": "1" * 18})


def test_a_field_that_the_layout_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="entry has no field amuont"):
        layout.ENTRY.fill({"amuont": 1})
