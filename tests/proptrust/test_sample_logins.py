"""The log-ins of the sample: one a role, the same at every start, printed in sample mode only."""

import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from pytest_django import Settings

from desk.models import LegalEntity, Membership, Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(settings: Settings, tmp_path: Path) -> LegalEntity:
    settings.SAMPLE_MODE = True
    settings.VAR_DIR = tmp_path
    return LegalEntity.objects.create(name="Sample Realty", state="CA", is_sample=True)


def log_ins() -> dict[str, str]:
    said = StringIO()
    call_command("sample_logins", stdout=said)
    return {line.split()[-2]: line.split()[-1] for line in said.getvalue().splitlines()}


def test_each_role_can_sign_in_at_each_sample_company_only(sample: LegalEntity) -> None:
    second = LegalEntity.objects.create(name="Sample Two", state="NY", is_sample=True)
    LegalEntity.objects.create(name="Real", state="TX")

    passwords = log_ins()

    assert set(passwords) == set(Role.values)
    for role, password in passwords.items():
        request = RequestFactory().post("/")
        assert authenticate(request, username=role, password=password) is not None
        held = Membership.objects.filter(user__username=role)
        assert set(held.values_list("entity", "role")) == {(sample.pk, role), (second.pk, role)}


def test_a_second_start_prints_the_same_and_an_emptied_database_gets_them_back(
    sample: LegalEntity,
) -> None:
    first = log_ins()
    assert log_ins() == first

    Membership.objects.all().delete()
    User.objects.all().delete()
    assert log_ins() == first
    request = RequestFactory().post("/")
    assert authenticate(request, username="bookkeeper", password=first["bookkeeper"]) is not None


def test_only_the_user_of_the_machine_can_read_the_file(
    sample: LegalEntity, settings: Settings
) -> None:
    log_ins()
    path = settings.VAR_DIR / "sample-logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())) == len(Role)


def test_outside_sample_mode_nothing_is_made(sample: LegalEntity, settings: Settings) -> None:
    settings.SAMPLE_MODE = False
    with pytest.raises(CommandError, match="sample mode only"):
        log_ins()
    assert not User.objects.exists()


def test_without_a_sample_company_it_says_how_to_load_one(settings: Settings) -> None:
    settings.SAMPLE_MODE = True
    with pytest.raises(CommandError, match="load_sample"):
        log_ins()
