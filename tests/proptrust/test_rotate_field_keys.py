"""Secrets move to a new key, in every encrypted column of every table."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from desk.management.commands import rotate_field_keys
from desk.models import LegalEntity

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def rotate() -> str:
    said = StringIO()
    call_command("rotate_field_keys", stdout=said)
    return said.getvalue()


def stored(entity: LegalEntity) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tax_id FROM desk_legalentity WHERE id = %s", [entity.pk])
        return str(cursor.fetchone()[0])


def make_entity(name: str = "Harbor", tax_id: str = "12-3456789") -> LegalEntity:
    return LegalEntity.objects.create(name=name, state="CA", tax_id=tax_id)


def test_after_the_rotation_the_new_key_alone_reads_every_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_field_keys, "BATCH", 2)
    settings.FIELD_KEYS = [OLD]
    entities = [make_entity(f"Company {n}", f"12-345678{n}") for n in range(5)]
    make_entity("No tax id", "")

    settings.FIELD_KEYS = [NEW, OLD]
    assert "5 secrets" in rotate()
    assert "0 secrets" in rotate()

    settings.FIELD_KEYS = [NEW]
    for number, entity in enumerate(entities):
        entity.refresh_from_db()
        assert entity.tax_id == f"12-345678{number}"
        assert "12-345678" not in stored(entity)
    settings.FIELD_KEYS = [OLD]
    with pytest.raises(ImproperlyConfigured, match="PROPTRUST_FIELD_KEYS"):
        entities[0].refresh_from_db()


def test_a_secret_of_a_lost_key_is_named_and_left_alone(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    entity = make_entity()
    before = stored(entity)

    settings.FIELD_KEYS = [NEW]
    with pytest.raises(CommandError, match=rf"tax_id of row {entity.pk} .*not in PROPTRUST"):
        rotate()
    assert stored(entity) == before


WATCHES = """
    SELECT tgname FROM pg_trigger JOIN pg_attribute ON attrelid = tgrelid AND attname = %s
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = %s::regclass AND NOT tgisinternal
      AND tgtype::int & 16 > 0 -- It fires on UPDATE,
      AND (tgattr = '' OR attnum = ANY (tgattr)) -- of any column or of this one,
      AND prosrc NOT LIKE '%%proptrust.rotates_keys%%' -- and does not let a new key through.
"""


def test_no_trigger_keeps_a_secret_from_being_encrypted_again() -> None:
    """A row that refuses every change must not hold a secret, or its key could never retire."""
    fields = list(rotate_field_keys.encrypted_fields())
    assert fields
    for field in fields:
        with connection.cursor() as cursor:
            cursor.execute(WATCHES, [field.column, field.model._meta.db_table])
            assert cursor.fetchall() == [], f"{field} lies in a row that never changes"
