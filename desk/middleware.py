"""What every request must be before a view sees it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict

NUL = "\x00"


class NoNul:
    """Keep the character NUL out: no person types it, and PostgreSQL has no place for it.

    A search is read without it; an address or a form that holds it is refused. Without this every
    search box and text field would have to look for it, or end in an error of the database. The
    door of webhooks reads its own body (its view is csrf_exempt).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if NUL in request.path_info:
            return _refused()
        if _holds_nul(request.GET):
            request.GET = _without_nul(request.GET)  # type: ignore[assignment]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Look into a form when it is certain that a form it is."""
        if getattr(view, "csrf_exempt", False) or not _holds_nul(request.POST):
            return None
        return _refused()


def _holds_nul(sent: QueryDict) -> bool:
    return any(NUL in text for name, texts in sent.lists() for text in (name, *texts))


def _without_nul(sent: QueryDict) -> QueryDict:
    clean = QueryDict(mutable=True)
    for name, texts in sent.lists():
        clean.setlist(name.replace(NUL, ""), [text.replace(NUL, "") for text in texts])
    clean._mutable = False
    return clean


def _refused() -> HttpResponse:
    text = "The request holds a character that no text has."
    return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
