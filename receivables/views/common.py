"""Whose rows a person may open on the rent pages, and where a refused form stands again."""

import secrets
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from desk import roles
from desk.models import LegalEntity, User
from desk.queries import number
from desk.roles import Permission
from leases.errors import LeasesError
from leases.models import Lease
from ledger.errors import LedgerError
from receivables.errors import ReceivablesError
from receivables.models import Charge, Credit, Receipt

REFUSALS = (ReceivablesError, LeasesError, LedgerError)


def person(request: HttpRequest) -> User:
    """Who asks; `needs` has let them in."""
    return cast("User", request.user)


def companies(request: HttpRequest, permission: Permission) -> QuerySet[LegalEntity]:
    """The companies where a person holds a permission."""
    allowed = roles.entity_ids(person(request), permission)
    return LegalEntity.objects.filter(pk__in=allowed).order_by("name", "id")


def company_asked(request: HttpRequest, permission: Permission) -> LegalEntity:
    """The company that an address or a form names, else the person's first. 404 for another's."""
    rows = companies(request, permission)
    text = request.POST.get("entity") or request.GET.get("entity") or ""
    asked = number(text)
    found = rows.filter(pk=asked).first() if asked is not None else None if text else rows.first()
    if found is None:
        raise Http404("There is no such company.")
    return found


def lease_of(request: HttpRequest, lease_id: int, permission: Permission) -> Lease:
    """A lease that the person may see; 404 for another company's."""
    rows = Lease.objects.select_related("entity", "unit__property__rent_book", "deposit", "prepaid")
    row = rows.filter(pk=lease_id).first()
    if row is None:
        raise Http404("There is no such lease.")
    allow(request, row.entity_id, permission)
    return row


def receipt_of(request: HttpRequest, receipt_id: int, permission: Permission) -> Receipt:
    """A receipt that the person may see; 404 for another company's."""
    rows = Receipt.objects.select_related("book", "lease__unit__property", "deposit_slip")
    row = rows.filter(pk=receipt_id).first()
    if row is None:
        raise Http404("There is no such receipt.")
    allow(request, row.entity_id, permission)
    return row


def charge_of(request: HttpRequest, charge_id: int, permission: Permission) -> Charge:
    """A charge that the person may see; 404 for another company's."""
    row = Charge.objects.select_related("lease__unit__property").filter(pk=charge_id).first()
    if row is None:
        raise Http404("There is no such charge.")
    allow(request, row.entity_id, permission)
    return row


def credit_of(request: HttpRequest, credit_id: int, permission: Permission) -> Credit:
    """A credit that the person may see; 404 for another company's."""
    row = Credit.objects.select_related("charge__lease").filter(pk=credit_id).first()
    if row is None:
        raise Http404("There is no such credit.")
    allow(request, row.entity_id, permission)
    return row


def allow(request: HttpRequest, entity_id: int, permission: Permission) -> None:
    """Raise 404 for another company's row, PermissionDenied where the role does not reach."""
    if entity_id not in roles.entity_ids(person(request)):
        raise Http404("There is no such row.")
    if not roles.can(person(request), permission, entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")


def form_page(
    request: HttpRequest, title: str, form: Any, button: str, back: str, **more: Any
) -> HttpResponse:
    """A form of one column; with errors it stands again as it was typed."""
    context = {"title": title, "form": form, "button": button, "back": back, **more}
    return render(request, "receivables/form.html", context, status=422 if form.errors else 200)


def nonce() -> str:
    """What makes a form sent twice one fact: it goes out with the empty form and comes back."""
    return secrets.token_hex(12)


def refusal_text(refusal: Exception) -> str:
    """What a service said no with, as a sentence."""
    said = str(refusal)
    return f"{said[:1].upper()}{said[1:]}."
