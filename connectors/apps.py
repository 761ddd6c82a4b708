from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    name = "connectors"

    def ready(self) -> None:
        """Bring the detectors and the handlers of their items to the desk."""
        from connectors import findings, queues  # noqa: F401
