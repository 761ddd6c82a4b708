"""What an owner opens by a link from us: one statement, read only. No password."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from statements.errors import LinkRefused, TooMany
from statements.models import OwnerLink
from statements.owners import links
from statements.owners.packet import packet
from statements.owners.showing import view_of
from statements.owners.stored import rows_of
from statements.owners.views import as_file, file_name, paper

_View = Callable[..., HttpResponse]


def _by_link(view: Callable[..., HttpResponse]) -> _View:
    """Give the view the link that the token names, or say why it opens nothing."""

    @wraps(view)
    @never_cache
    @require_GET
    def guarded(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
        try:
            link = links.opened(token, address=request.META.get("REMOTE_ADDR", ""))
        except LinkRefused as refused:
            status = 429 if isinstance(refused, TooMany) else 404
            context = {"title": "Link", "reason": str(refused)}
            return render(request, "statements/owner_closed.html", context, status=status)
        return view(request, link, **kwargs)

    return guarded


@_by_link
def statement(request: HttpRequest, link: OwnerLink) -> HttpResponse:
    """The explained statement."""
    found = link.statement
    context = {
        "title": "Owner statement",
        "statement": found,
        "view": view_of(rows_of(found)),
        "base": request.path,
        "link": link,
        "is_inside": False,
        "is_superseded": type(found).objects.filter(supersedes=found, state="made").exists(),
    }
    return render(request, "statements/owner_public.html", context)


@_by_link
def download(request: HttpRequest, link: OwnerLink) -> HttpResponse:
    """The PDF as it was made."""
    found = link.statement
    return as_file(bytes(found.pdf or b""), file_name(found, "pdf"), "application/pdf")


@_by_link
def download_packet(request: HttpRequest, link: OwnerLink) -> HttpResponse:
    """The statement with the papers behind its lines."""
    found = link.statement
    return as_file(packet(found).body, file_name(found, "packet.pdf"), "application/pdf")


@_by_link
def document(request: HttpRequest, link: OwnerLink, place: int) -> HttpResponse:
    """A paper behind a line."""
    return paper(link.statement, place, is_outside=True)
