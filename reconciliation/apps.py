from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"

    def ready(self) -> None:
        """Register what this app finds, what it answers, and what it shows on the dashboard."""
        from reconciliation import cards, findings, payments, queues

        findings.register()
        queues.register()
        cards.register()
        payments.register()
