from django.apps import AppConfig


class PayablesConfig(AppConfig):
    name = "payables"

    def ready(self) -> None:
        """Register what this app hears, finds, answers on the desk, and shows in the sidebar."""
        from desk import navigation
        from desk.roles import Permission
        from payables import findings, handlers, queues  # noqa: F401

        findings.register()
        queues.register()
        for title, icon, url_name, permission in (
            ("Bills to approve", "approve", "payables:approvals", Permission.APPROVE),
            ("Pay bills", "sheet", "payables:pay", Permission.POST),
            ("Bills", "receipt", "payables:bills", Permission.READ_BOOKS),
            ("Work orders", "lines", "payables:work_orders", Permission.READ_BOOKS),
            ("Vendors", "truck", "payables:vendors", Permission.READ_BOOKS),
        ):
            navigation.add("Vendors", navigation.Entry(title, icon, url_name, permission))
