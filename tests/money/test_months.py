"""Random months of a small company: whatever happens, every truth of the money holds.

PROPTRUST_MONTHS says how many companies are tried (6 without it).
"""

import os

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.money.months import Event, Months, events

_TRIES = int(os.environ.get("PROPTRUST_MONTHS", "6"))


@pytest.mark.django_db
@settings(max_examples=_TRIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(happens=events, state=st.sampled_from(["NY", "CA"]))
def test_random_months_keep_every_truth(happens: list[Event], state: str) -> None:
    with transaction.atomic():
        months = Months(state)
        for event in happens:
            months.play(event)
            note(f"{months.stage.on} {event}: done {months.done.total()}")
        connection.check_constraints()
        transaction.set_rollback(True)
