from django.apps import AppConfig


class ReceivablesConfig(AppConfig):
    name = "receivables"

    def ready(self) -> None:
        """Register what this app hears, what it finds and what it answers on the desk."""
        from receivables import (
            cards,
            findings,
            findings_returns,
            findings_subsidies,
            handlers,  # noqa: F401
            handlers_late_fees,  # noqa: F401
            queues,
            queues_moves,
            queues_returns,
        )

        _add_pages()
        findings.register()
        findings_subsidies.register()
        findings_returns.register()
        queues.register()
        queues_moves.register()
        queues_returns.register()
        cards.register()


def _add_pages() -> None:
    """Put the rent pages into the sidebar."""
    from desk.navigation import Entry, add
    from desk.roles import Permission

    read = Permission.READ_BOOKS
    for entry in (
        Entry("Leases", "people", "rent:leases", read, "l"),
        Entry("Monthly charges", "clock", "rent:charges", read),
        Entry("Deposit slips", "receipt", "rent:slips", read),
        Entry("Housing subsidies", "office", "rent:subsidies", read),
    ):
        add("Rent", entry)
