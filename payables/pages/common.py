"""What the pages of layer 4 share: the wall between companies, refusals said, files shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from desk import roles
from desk.errors import Refused
from desk.models import User
from desk.roles import Permission
from leases.errors import LeasesError
from ledger.errors import LedgerError
from payables.errors import PayablesError
from payables.models import Document
from payments.errors import PaymentsError

REFUSALS = (PayablesError, PaymentsError, LeasesError, LedgerError, Refused)
# Rows of a list on a page; what is beyond them is counted.
SHOWN = 200
Row = TypeVar("Row", bound=Model)


def person(request: HttpRequest) -> User:
    """Who is signed in."""
    return cast("User", request.user)


def own(
    request: HttpRequest,
    rows: QuerySet[Row],
    pk: int,
    permission: Permission = Permission.READ_BOOKS,
) -> Row:
    """A row of a company that the person works for; another company's does not exist for them."""
    row = rows.filter(pk=pk, entity__in=roles.entity_ids(request.user)).first()
    if row is None:
        raise Http404("There is no such page.")
    entity_id: int = row.entity_id  # type: ignore[attr-defined]
    if not roles.can(request.user, permission, entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return row


def may(request: HttpRequest, entity_id: int) -> dict[str, bool]:
    """What the person may do at a company, for the buttons of a page."""
    return {
        "may_post": roles.can(request.user, Permission.POST, entity_id),
        "may_approve": roles.can(request.user, Permission.APPROVE, entity_id),
    }


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[None]:
    """Say a refusal of a service on the next page, in its own words."""
    try:
        yield
    except REFUSALS as refused:
        messages.warning(request, str(refused))


def done(
    request: HttpRequest, service: Callable[[], object], said: str, to: str, *args: Any
) -> HttpResponse:
    """Call a service, say how it went, and go to a page."""
    with refusals_told(request):
        service()
        messages.success(request, said)
    return redirect(to, *args)


def shown(document: Document) -> HttpResponse:
    """A file as its bytes say it is; nothing in it may run on this site."""
    answer = HttpResponse(bytes(document.body), content_type=document.content_type)
    name = document.name.replace('"', "").replace("\\", "")
    ascii_name = name.encode("ascii", "replace").decode()
    answer["Content-Disposition"] = f'inline; filename="{ascii_name}"'
    return answer
