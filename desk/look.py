"""Where the files of the look are, for unfold's pages (settings.UNFOLD)."""

from django.http import HttpRequest
from django.templatetags.static import static


def tokens(request: HttpRequest) -> str:
    """Colours and type, light and dark."""
    return static("desk/tokens.css")


def chrome(request: HttpRequest) -> str:
    """The sidebar and what every page shares."""
    return static("desk/chrome.css")


def admin(request: HttpRequest) -> str:
    """What unfold's lists and forms look like here."""
    return static("desk/admin.css")


def chrome_script(request: HttpRequest) -> str:
    """The theme switch and the keys of the sidebar."""
    return static("desk/chrome.js")


def favicon(request: HttpRequest) -> str:
    """The mark of the site."""
    return static("desk/mark.svg")
