"""One log-in per role of the sample company, the same ones at every start."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from desk.models import LegalEntity, Membership, Role, User

FILE_NAME = "sample-logins.json"


class Command(BaseCommand):
    help = "Make one log-in per role for the sample company and print them (sample mode only)."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SAMPLE_MODE:
            raise CommandError("log-ins are printed in sample mode only: PROPTRUST_SAMPLE=1")
        entities = list(LegalEntity.objects.filter(is_sample=True))
        if not entities:
            raise CommandError("there is no sample company: manage.py load_sample")
        kept = _kept_passwords()
        logins = [_log_in(role, kept.get(role.value), entities) for role in Role]
        _keep(logins)
        if options["verbosity"]:
            for login in logins:
                self.stdout.write("{role:<22} {username:<18} {password}".format(**login))


def _log_in(role: Role, kept: str | None, entities: list[LegalEntity]) -> dict[str, str]:
    """The user of one role, with a membership at each sample company."""
    username = role.value
    password = kept or secrets.token_urlsafe(12)
    user, is_new = User.objects.get_or_create(
        username=username,
        defaults={"first_name": "Sample", "last_name": str(role.label), "is_staff": True},
    )
    if is_new or not kept:
        user.set_password(password)
        user.save()
    for entity in entities:
        Membership.objects.get_or_create(user=user, entity=entity, role=role)
    return {"role": str(role.label), "username": username, "password": password}


def _kept_passwords() -> dict[str, str]:
    path = settings.VAR_DIR / FILE_NAME
    if not path.exists():
        return {}
    return {login["username"]: login["password"] for login in json.loads(path.read_text())}


def _keep(logins: list[dict[str, str]]) -> None:
    """Write the log-ins where only this user of the machine can read them."""
    path = settings.VAR_DIR / FILE_NAME
    path.touch(mode=0o600)
    path.write_text(json.dumps(logins, indent=1))
