"""On which day the entries of a bulk count: closed periods are asked for once, not by entry."""

from collections.abc import Mapping
from datetime import date

from ledger.models import Book
from ledger.queries import dated_for


class Dating:
    """The books of a company that are closed through some day."""

    def __init__(self, entity_id: int) -> None:
        rows = Book.objects.filter(entity=entity_id, closed_through__isnull=False)
        self._closed: Mapping[int, date | None] = dict(rows.values_list("id", "closed_through"))

    def of(self, book_id: int, day: date) -> tuple[date, int | None]:
        """The day of an entry in a book, and the closed period that it adjusts, if any."""
        closed_through = self._closed.get(book_id)
        if closed_through is None or day > closed_through:
            return day, None
        dated_on, period = dated_for([book_id], day)
        return dated_on, period.pk if period else None
