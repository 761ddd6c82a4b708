"""Queue tasks in the transaction that asks for them: the broker's table lies in the same database.

A task that is lost all the same (a queue emptied by hand) is found by `sweeping.catch_up`.
"""

from django_q.tasks import async_task


def queue(name: str, row_id: int) -> None:
    """Queue `connectors.tasks.<name>` with the id of a row."""
    async_task(f"connectors.tasks.{name}", row_id, group=f"connectors.{name}")
