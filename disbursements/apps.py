from django.apps import AppConfig


class DisbursementsConfig(AppConfig):
    name = "disbursements"

    def ready(self) -> None:
        """Register what this app hears, finds and answers on the desk, and its pages."""
        from desk import navigation
        from desk.roles import Permission
        from disbursements import findings, handlers, queues  # noqa: F401

        findings.register()
        queues.register()
        for title, icon, url_name, key in (
            ("Owner draws", "arrow", "disbursements:runs", "d"),
            ("Recoveries", "back", "disbursements:recoveries", ""),
            ("Contributions", "receipt", "disbursements:contributions", ""),
            ("Tax withheld", "shield", "disbursements:withholding", ""),
        ):
            navigation.add(
                "Owners", navigation.Entry(title, icon, url_name, Permission.READ_BOOKS, key)
            )
