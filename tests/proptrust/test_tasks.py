"""The list of finished tasks stays short, and failures stay long enough to be seen."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Task

from proptrust.tasks import forget_finished


def finished(name: str, *, days_ago: int, success: bool) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    Task.objects.create(id=name, name=name, func="f", started=at, stopped=at, success=success)


@pytest.mark.django_db
def test_successes_are_kept_a_week_and_failures_a_quarter() -> None:
    finished("young success", days_ago=6, success=True)
    finished("old success", days_ago=8, success=True)
    finished("young failure", days_ago=89, success=False)
    finished("old failure", days_ago=91, success=False)

    assert forget_finished() == "1 successful and 1 failed tasks forgotten"
    assert forget_finished() == "0 successful and 0 failed tasks forgotten"
    assert set(Task.objects.values_list("id", flat=True)) == {"young success", "young failure"}
