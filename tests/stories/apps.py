from django.apps import AppConfig


class StoriesConfig(AppConfig):
    """Worked stories; installed where there is no production data."""

    name = "tests.stories"
    label = "stories"
