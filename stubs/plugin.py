"""mypy's plugin for Django, with the managers that the models themselves name.

django-money replaces each manager's class by one that it makes inside a function at run time,
where no type checker can name it. The class it was made from can be named.
"""

from mypy.options import Options
from mypy_django_plugin.main import NewSemanalDjangoPlugin


class Plugin(NewSemanalDjangoPlugin):
    """The Django plugin, after django-money's classes were taken off the managers."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        for model in self.django_context.apps_registry.get_models():
            for manager in model._meta.managers:
                while type(manager).__module__ == "djmoney.models.managers":
                    manager.__class__ = type(manager).__bases__[0]


def plugin(version: str) -> type[Plugin]:
    """What mypy calls to load a plugin."""
    return Plugin
