"""Run calls at the same moment, as several workers would."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run calls in threads of their own; returns what each returned or raised."""

    def run(call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - The test looks at what it was.
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
