"""Let it be another moment: what the feed brings arrives when it really would have."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Within the block `timezone.now()` is the moment (aware). PostgreSQL's clock stays."""
    with patch("django.utils.timezone.now", return_value=moment):
        yield
