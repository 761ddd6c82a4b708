from django.apps import AppConfig


class LeasesConfig(AppConfig):
    name = "leases"

    def ready(self) -> None:
        """Register what this app hears, and show its owners in the sidebar."""
        from desk import navigation
        from desk.roles import Permission
        from leases import handlers  # noqa: F401

        owners = navigation.Entry("Owners", "people", "leases:owners", Permission.READ_BOOKS)
        navigation.add("Books", owners)
