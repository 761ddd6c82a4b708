from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"

    def ready(self) -> None:
        """Read the rules once, have bad files told by `check`, and show the page."""
        from compliance import checks
        from desk import navigation
        from desk.roles import Permission

        checks.register_and_warm()
        navigation.add(
            "Company",
            navigation.Entry("State rules", "book", "compliance:rules", Permission.READ_BOOKS),
        )
