"""What the worker does for the desk (proptrust/schedules.py says when)."""

from desk import services


def detect_all() -> str:
    """Sync every app's findings to work items; safe to stop and to run twice.

    Runs every minute. Returns the sentence that the task list shows. A run in which every detector
    worked is a beat of its own: the dashboard tells when there has been none for a while.
    """
    said = services.run_detectors()
    services.beat("findings")
    return said


def heartbeat() -> str:
    """Say that the worker serves its queue; the dashboard shows the age of the last beat."""
    services.beat("worker")
    return "alive"
