"""The schedules in the database are those of proptrust/schedules.py, no more and no less."""

from datetime import time, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from desk.management.commands import sync_schedules
from proptrust.schedules import SCHEDULES, Recurring


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(
        sync_schedules, "SCHEDULES", (Recurring("beat", "desk.tasks.heartbeat", every_minutes=5),)
    )
    return monkeypatch


@pytest.mark.parametrize("recurring", SCHEDULES, ids=lambda recurring: recurring.name)
def test_each_schedule_names_a_function_that_exists(recurring: Recurring) -> None:
    assert callable(import_string(recurring.func))


def test_each_schedule_has_a_name_of_its_own() -> None:
    names = [recurring.name for recurring in SCHEDULES]
    assert len(names) == len(set(names))


@pytest.mark.django_db
def test_the_list_is_written_and_others_are_removed(only: pytest.MonkeyPatch) -> None:
    Schedule.objects.create(name="old", func="desk.tasks.heartbeat")

    call_command("sync_schedules", verbosity=0)

    written = Schedule.objects.get()
    assert (written.name, written.func, written.minutes) == ("beat", "desk.tasks.heartbeat", 5)
    assert (written.schedule_type, written.repeats) == (Schedule.MINUTES, -1)


@pytest.mark.django_db
def test_an_unchanged_schedule_keeps_its_next_run_and_a_changed_one_starts_anew(
    only: pytest.MonkeyPatch,
) -> None:
    call_command("sync_schedules", verbosity=0)
    later = timezone.now() + timedelta(minutes=3)
    Schedule.objects.update(next_run=later)

    call_command("sync_schedules", verbosity=0)
    assert Schedule.objects.get().next_run == later

    changed = (Recurring("beat", "desk.tasks.heartbeat", every_minutes=1),)
    only.setattr(sync_schedules, "SCHEDULES", changed)
    call_command("sync_schedules", verbosity=0)
    assert Schedule.objects.get().next_run < later


@pytest.mark.django_db
def test_a_daily_schedule_next_comes_at_its_time_of_the_local_day(
    only: pytest.MonkeyPatch,
) -> None:
    daily = (Recurring("night", "desk.tasks.heartbeat", daily_at=time(4, 30)),)
    only.setattr(sync_schedules, "SCHEDULES", daily)

    call_command("sync_schedules", verbosity=0)
    call_command("sync_schedules", verbosity=0)

    written = Schedule.objects.get()
    assert timezone.now() < written.next_run <= timezone.now() + timedelta(days=1, hours=1)
    assert timezone.localtime(written.next_run).time() == time(4, 30)


@pytest.mark.django_db
def test_a_schedule_of_a_function_that_is_gone_is_refused_by_name(
    only: pytest.MonkeyPatch,
) -> None:
    gone = (Recurring("lost", "desk.tasks.no_such_task", every_minutes=1),)
    only.setattr(sync_schedules, "SCHEDULES", gone)
    with pytest.raises(CommandError, match="'lost'"):
        call_command("sync_schedules", verbosity=0)


@pytest.mark.parametrize(
    ("every_minutes", "daily_at"), [(None, None), (1, time(1)), (0, None), (-5, None)]
)
def test_a_schedule_says_either_minutes_or_a_time(
    every_minutes: int | None, daily_at: time | None
) -> None:
    with pytest.raises(ValueError, match="'x'"):
        Recurring("x", "desk.tasks.heartbeat", every_minutes=every_minutes, daily_at=daily_at)
