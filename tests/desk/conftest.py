"""Fixtures of the desk's tests."""

from collections.abc import Iterator

import pytest

from desk.models import LegalEntity
from tests.desk.fakes import FakeBank, fake_bank
from tests.factories.desk import LegalEntityFactory


@pytest.fixture
def bank() -> Iterator[FakeBank]:
    """The fake app with bank lines, registered for one test."""
    with fake_bank() as made:
        yield made


@pytest.fixture
def company(db: None) -> LegalEntity:
    """The company of the test."""
    return LegalEntityFactory.create(name="Saguaro Property Management")
