from django.apps import AppConfig


class ReceivablesConfig(AppConfig):
    name = "receivables"

    def ready(self) -> None:
        """Register what this app hears, what it finds and what it answers on the desk."""
        from receivables import findings, handlers, queues  # noqa: F401

        findings.register()
        queues.register()
