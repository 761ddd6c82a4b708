from django.apps import AppConfig


class FeesConfig(AppConfig):
    name = "fees"

    def ready(self) -> None:
        """Register what this app hears, what it finds, what it answers, and its pages."""
        from desk import navigation
        from desk.roles import Permission
        from fees import findings, handlers, queues  # noqa: F401

        findings.register()
        queues.register()
        for title, icon, url_name in (
            ("Revenue", "pulse", "fees:revenue"),
            ("Fees taken", "lines", "fees:list"),
            ("Fee draws", "arrow", "fees:draws"),
            ("Fee audit", "check", "fees:audit"),
        ):
            navigation.add("Fees", navigation.Entry(title, icon, url_name, Permission.READ_BOOKS))
