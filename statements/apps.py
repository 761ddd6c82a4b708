from django.apps import AppConfig


class StatementsConfig(AppConfig):
    name = "statements"

    def ready(self) -> None:
        """Put the owner statements into the sidebar; the trust reports stand there already."""
        from desk import navigation
        from desk.roles import Permission

        navigation.add(
            "Owners",
            navigation.Entry(
                "Owner statements", "sheet", "statements:owner_statements", Permission.READ_BOOKS
            ),
        )
