"""Database fields: text and JSON that are encrypted at rest with rotating keys."""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    """The keys of settings.FIELD_KEYS: the first encrypts, all decrypt."""
    return _fernet(tuple(settings.FIELD_KEYS))


def _decrypt(token: str) -> str:
    try:
        return fernet().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "a stored secret was encrypted with a key that is not in PROPTRUST_FIELD_KEYS"
        ) from error


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that the database only sees encrypted; it cannot be searched or ordered."""

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return fernet().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        return _decrypt(value) if value else value


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """A JSON value stored as one encrypted text, keys included."""

    # What may be written and what is read, for django-stubs.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        return fernet().encrypt(json.dumps(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: object) -> Any:
        return json.loads(_decrypt(value)) if value else None

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj))


class EncryptedBytesField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes that the database only sees encrypted: files that hold account numbers."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else fernet().encrypt(bytes(value))

    def from_db_value(self, value: Any, *_: object) -> bytes | None:
        if value is None:
            return None
        try:
            return fernet().decrypt(bytes(value))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "a stored file was encrypted with a key that is not in PROPTRUST_FIELD_KEYS"
            ) from error


def mask(number: str) -> str:
    """An account number as it may be shown: its last four characters."""
    return f"···{number[-4:]}" if number else ""
