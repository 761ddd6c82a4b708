"""The door for webhooks: verify, store, answer. Nothing is read here."""

import logging

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from connectors import registry, services
from connectors.errors import Refused
from connectors.models import Connection

log = logging.getLogger(__name__)

BODY_LIMIT = 1024 * 1024  # No platform we know sends more in one webhook.


@csrf_exempt  # The caller is a machine without a session; its signature is checked instead.
@require_POST
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take one webhook in.

    200: stored (also while the connection is paused). 400: refused; the answer does not say why,
    the admin does. 404: no such address. 413: larger than 1 MiB.
    """
    connection = Connection.objects.filter(token=token).first()
    if connection is None or registry.connector_class(connection.slug).is_file_based:
        return _plain("No such address.", 404)
    body = _body(request)
    if body is None:
        return _plain("Too large.", 413)
    try:
        services.receive(connection, body, dict(request.headers.items()))
    except Refused:
        return _plain("Refused.", 400)
    return _plain("Stored.", 200)


def _body(request: HttpRequest) -> bytes | None:
    """The body, or None if it is too large; no more of it is read than that shows."""
    try:
        if int(request.headers.get("content-length") or 0) > BODY_LIMIT:
            return None
        body: bytes = request.read(BODY_LIMIT + 1)
    except (UnreadablePostError, ValueError):
        return b""  # Cut off on its way: its signature cannot fit.
    return body if len(body) <= BODY_LIMIT else None


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
