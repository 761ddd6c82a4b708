"""Money out: one bank payment to one payee, by check, ACH file or platform."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Register what this app hears, what it finds and what it answers on the desk."""
        from desk import navigation
        from desk.roles import Permission
        from payments import findings, handlers, queues  # noqa: F401

        findings.register()
        queues.register()
        navigation.add(
            "Payments",
            navigation.Entry("Payments out", "arrow", "payments:list", Permission.READ_BOOKS, "x"),
        )
