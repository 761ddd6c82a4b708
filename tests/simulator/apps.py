from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """The sample company's outside world; installed where there is no production data."""

    name = "tests.simulator"
    label = "simulator"
