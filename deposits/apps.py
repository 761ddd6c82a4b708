from django.apps import AppConfig


class DepositsConfig(AppConfig):
    name = "deposits"

    def ready(self) -> None:
        """Register what this app hears, what it finds and answers, and its pages."""
        from deposits import findings, handlers, queues  # noqa: F401
        from desk import navigation
        from desk.roles import Permission

        findings.register()
        queues.register()
        for title, icon, page in (
            ("Deposit accounts", "shield", "accounts"),
            ("Move-outs", "exit", "move_outs"),
            ("Interest on deposits", "pulse", "interest"),
            ("Deposit notices", "sheet", "notices"),
            ("Hand-overs", "people", "hand_overs"),
            ("Escrow funds", "building", "escrows"),
        ):
            entry = navigation.Entry(title, icon, f"deposits:{page}", Permission.READ_BOOKS)
            navigation.add("Deposits & escrow", entry)
