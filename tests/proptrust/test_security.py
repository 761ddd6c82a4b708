"""What the settings promise: headers, throttled log-in, and a production that refuses to be lax."""

import os
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from desk.models import User

PASSWORD = "a-long-enough-password"


def sign_in(client: Client, password: str) -> int:
    facts = {"username": "kim", "password": password}
    return client.post(reverse("admin:login"), facts).status_code


@pytest.mark.django_db
def test_after_five_wrong_passwords_the_right_one_has_to_wait_too(
    client: Client, settings: Settings
) -> None:
    settings.AXES_ENABLED = True
    User.objects.create_user("kim", password=PASSWORD, is_staff=True)

    answers = [sign_in(client, "wrong") for _ in range(5)]

    assert answers == [200, 200, 200, 200, 429]
    assert sign_in(client, PASSWORD) == 429
    assert not client.session.keys()


@pytest.mark.django_db
def test_every_page_carries_the_security_headers(client: Client) -> None:
    answer = client.get(reverse("admin:login"))

    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "'unsafe" not in answer["Content-Security-Policy"]
    assert answer.cookies["csrftoken"]["samesite"] == "Lax"


GOOD = {
    "PROPTRUST_PRODUCTION": "1",
    "SECRET_KEY": "x7" * 30 + "unguessable",
    "PROPTRUST_FIELD_KEYS": Fernet.generate_key().decode(),
    "ALLOWED_HOSTS": "trust.example.com",
    "DATABASE_URL": "postgresql://localhost/none",
}


def deploy_check(**changes: str | None) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    wanted = {**inherited, **GOOD, **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={name: value for name, value in wanted.items() if value is not None},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_production_site_passes_the_deployment_check() -> None:
    checked = deploy_check()
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("missing", ["SECRET_KEY", "PROPTRUST_FIELD_KEYS", "DATABASE_URL"])
def test_production_names_the_variable_that_is_missing(missing: str) -> None:
    checked = deploy_check(**{missing: None})
    assert checked.returncode != 0
    assert f"{missing} must be set" in checked.stderr
