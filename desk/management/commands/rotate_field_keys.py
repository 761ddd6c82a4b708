"""Encrypt every secret again with the first key of PROPTRUST_FIELD_KEYS."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, models, transaction
from psycopg import sql

from proptrust.lib.fields import EncryptedJSONField, EncryptedTextField, fernet

BATCH = 500
AnyField: TypeAlias = "models.Field[Any, Any]"


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret again with the first key of PROPTRUST_FIELD_KEYS."
        " Put the new key first, restart, run this, then take the old key away."
        " It can be stopped and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        changed = 0
        for field in encrypted_fields():
            changed += sum(_rotate_batch(field, keys) for keys in _batches(field))
        self.stdout.write(f"{changed} secrets encrypted again; the old keys are no longer needed")


def encrypted_fields() -> Iterator[AnyField]:
    """Every encrypted column of every table of the project."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedTextField | EncryptedJSONField):
                yield field


def _batches(field: AnyField) -> Iterator[list[Any]]:
    """The primary keys of the rows that hold a secret, a batch at a time."""
    rows = field.model._base_manager.exclude(**{f"{field.attname}__isnull": True})
    last = None
    while True:
        after = rows if last is None else rows.filter(pk__gt=last)
        keys = list(after.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not keys:
            return
        yield keys
        last = keys[-1]


@transaction.atomic
def _rotate_batch(field: AnyField, keys: list[Any]) -> int:
    """Encrypt the secrets of some rows again; returns how many were not yet on the first key."""
    table = sql.Identifier(field.model._meta.db_table)
    column = sql.Identifier(str(field.column))
    primary = sql.Identifier(str(field.model._meta.pk.column))
    read = sql.SQL("SELECT {}, {} FROM {} WHERE {} = ANY(%s) AND {} <> '' FOR UPDATE").format(
        primary, column, table, primary, column
    )
    write = sql.SQL("UPDATE {} SET {} = %s WHERE {} = %s").format(table, column, primary)
    first = Fernet(settings.FIELD_KEYS[0])
    with connection.cursor() as cursor:
        # Tables whose rows stay let the same secret through under another key.
        cursor.execute("SELECT set_config('proptrust.rotates_keys', 'on', true)")
        cursor.execute(read, [keys])
        stale = [(key, token) for key, token in cursor.fetchall() if not _opens(first, token)]
        for key, token in stale:
            cursor.execute(write, [_rotated(token, field, key), key])
    return len(stale)


def _opens(key: Fernet, token: str) -> bool:
    try:
        key.decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def _rotated(token: str, field: AnyField, key: Any) -> str:
    try:
        return fernet().rotate(token.encode()).decode()
    except InvalidToken as error:
        raise CommandError(
            f"{field} of row {key} was encrypted with a key that is not in PROPTRUST_FIELD_KEYS;"
            " rows before it are done, nothing is lost"
        ) from error
