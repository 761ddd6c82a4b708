"""The portfolio: properties, owners and leases, and what a bookkeeper changes about them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from desk import roles
from desk.models import User
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from leases import forms as typed
from leases import services, terms
from leases.errors import LeasesError
from leases.models import Lease, Owner, Property, Tenant
from ledger.errors import LedgerError
from proptrust.lib.fields import mask
from proptrust.lib.money import usd

SHOWN = 200
READ, POST = Permission.READ_BOOKS, Permission.POST
Row = TypeVar("Row", bound=models.Model)


@needs(READ)
@require_GET
def properties(request: HttpRequest) -> HttpResponse:
    """The properties of a person's companies."""
    rows = Property.objects.filter(entity__in=roles.entity_ids(request.user, READ))
    rows = rows.select_related("entity", "rent_book").annotate(unit_count=Count("units"))
    return _list(request, "Portfolio", "leases/properties.html", rows)


@needs(READ)
@require_GET
def owners(request: HttpRequest) -> HttpResponse:
    """The owners of a person's companies."""
    rows = Owner.objects.filter(entity__in=roles.entity_ids(request.user, READ))
    return _list(request, "Owners", "leases/owners.html", rows.select_related("entity"))


@needs(READ)
@require_GET
def property_(request: HttpRequest, property_id: int) -> HttpResponse:
    """One property: who owned it when, on which terms it was managed, its units and leases."""
    rows = Property.objects.select_related("entity", "rent_book", "deposit_book")
    row = _own(request, rows, property_id, READ)
    context = {
        "title": row.name,
        "property": row,
        "shares": row.shares.select_related("owner").order_by("-from_on", "-share"),
        "agreements": row.agreements.order_by("-from_on"),
        "late_fees": row.late_fee_terms.order_by("-from_on"),
        "units": row.units.order_by("code"),
        "leases": Lease.objects.filter(unit__property=row)
        .select_related("unit")
        .order_by("unit__code", "-starts_on")[:SHOWN],
        "may_post": roles.can(request.user, POST, row.entity_id),
    }
    return render(request, "leases/property.html", context)


@needs(READ)
@require_GET
def owner(request: HttpRequest, owner_id: int) -> HttpResponse:
    """One owner: what is known, where draws go and who agreed to it, and what they own."""
    row = _own(request, Owner.objects.select_related("entity"), owner_id, READ)
    context = {
        "title": row.name,
        "owner": row,
        "tax_id": mask(row.tax_id),
        "account": mask(row.payout_account_number),
        "changes": row.bank_changes.select_related("asked_by", "decided_by")[:10],
        "shares": row.shares.select_related("property").order_by("property__name", "-from_on"),
        "may_post": roles.can(request.user, POST, row.entity_id),
    }
    return render(request, "leases/owner.html", context)


@needs(READ)
@require_GET
def lease(request: HttpRequest, lease_id: int) -> HttpResponse:
    """The facts of a lease: its days, its tenants, its own late-fee terms."""
    row = _own(request, Lease.objects.select_related("unit__property"), lease_id, READ)
    context = {
        "title": f"Lease {row.code}",
        "lease": row,
        "tenancies": row.tenancies.select_related("tenant").order_by("id"),
        "late_fees": row.late_fee_terms.order_by("-from_on"),
        "may_post": roles.can(request.user, POST, row.entity_id),
    }
    return render(request, "leases/lease.html", context)


@needs(POST)
@require_http_methods(["GET", "POST"])
def shares(request: HttpRequest, property_id: int) -> HttpResponse:
    """Who owns a property from a day on."""
    row = _own(request, Property.objects.all(), property_id, POST)
    now = row.shares.filter(until_on=None).select_related("owner")
    lines = [
        f"{each.owner.code} {each.share.normalize():f}"
        + (f" {each.tax_share.normalize():f}" if each.tax_share is not None else "")
        for each in now
    ]
    form = typed.SharesForm(request.POST or None, property_=row, initial={"rows": "\n".join(lines)})

    def save() -> None:
        by_owner, taxes = form.cleaned_data["rows"]
        terms.change_shares(
            property_=row,
            from_on=form.cleaned_data["from_on"],
            shares=by_owner,
            tax_shares=taxes,
            actor=_person(request),
        )

    return _form(request, f"Owners of {row}", form, save, reverse("leases:property", args=[row.pk]))


@needs(POST)
@require_http_methods(["GET", "POST"])
def agreement(request: HttpRequest, property_id: int) -> HttpResponse:
    """New terms of management from a day on."""
    row = _own(request, Property.objects.all(), property_id, POST)
    last = row.agreements.order_by("-from_on").first()
    form = typed.AgreementForm(
        request.POST or None, initial=typed.AgreementForm.of(last) if last else {}
    )

    def save() -> None:
        terms.change_agreement(property_=row, actor=_person(request), **form.facts())

    back = reverse("leases:property", args=[row.pk])
    return _form(request, f"New agreement of {row}", form, save, back)


@needs(POST)
@require_http_methods(["GET", "POST"])
def late_fees(request: HttpRequest, property_id: int) -> HttpResponse:
    """Late-fee terms of a property from a day on."""
    row = _own(request, Property.objects.all(), property_id, POST)
    return _late_fees(request, row, reverse("leases:property", args=[row.pk]))


@needs(POST)
@require_http_methods(["GET", "POST"])
def lease_late_fees(request: HttpRequest, lease_id: int) -> HttpResponse:
    """A lease's own late-fee terms from a day on."""
    row = _own(request, Lease.objects.select_related("unit__property"), lease_id, POST)
    return _late_fees(request, row, reverse("leases:lease", args=[row.pk]))


def _late_fees(request: HttpRequest, of: Property | Lease, back: str) -> HttpResponse:
    form = typed.LateFeeForm(request.POST or None)

    def save() -> None:
        terms.change_late_fee_terms(of=of, actor=_person(request), **form.facts())

    return _form(request, f"Late fees of {of}", form, save, back)


@needs(POST)
@require_http_methods(["GET", "POST"])
def new_unit(request: HttpRequest, property_id: int) -> HttpResponse:
    """Add a unit to a property."""
    row = _own(request, Property.objects.all(), property_id, POST)
    form = typed.UnitForm(request.POST or None)

    def save() -> None:
        rent = form.cleaned_data["market_rent"]
        unit = services.create_unit(
            property_=row,
            code=form.cleaned_data["code"],
            market_rent=None if rent is None else usd(rent),
        )
        _noted(request, "add unit", f"Added the unit {unit}", unit, row.entity_id)

    return _form(
        request, f"New unit of {row}", form, save, reverse("leases:property", args=[row.pk])
    )


@needs(POST)
@require_http_methods(["GET", "POST"])
def new_lease(request: HttpRequest, property_id: int) -> HttpResponse:
    """Let a unit of a property."""
    row = _own(request, Property.objects.all(), property_id, POST)
    form = typed.LeaseForm(request.POST or None, property_=row)

    def save() -> None:
        facts = form.cleaned_data
        tenant = facts["tenant"] or services.create_tenant(
            entity_id=row.entity_id, code=facts["tenant_code"], name=facts["tenant_name"]
        )
        made = services.create_lease(
            unit=facts["unit"],
            code=facts["code"],
            starts_on=facts["starts_on"],
            ends_on=facts["ends_on"],
            tenants={tenant: Decimal(1)},
            deposit_agreed=facts["deposit"],
        )
        _noted(request, "add lease", f"Added the lease {made}", made, row.entity_id)

    back = reverse("leases:property", args=[row.pk])
    return _form(request, f"New lease in {row}", form, save, back)


@needs(POST)
@require_http_methods(["GET", "POST"])
def new_owner(request: HttpRequest) -> HttpResponse:
    """Add an owner to the company of the address, else to the person's first."""
    allowed = roles.entity_ids(request.user, POST)
    text = request.GET.get("entity", "")
    asked = int(text) if text.isascii() and text.isdigit() else min(allowed)
    if asked not in allowed:
        raise Http404("There is no such company.")
    form = typed.NewOwnerForm(request.POST or None)

    def save() -> None:
        row = services.create_owner(entity_id=asked, **form.cleaned_data)
        _noted(request, "add owner", f"Added the owner {row}", row, asked)

    return _form(request, "New owner", form, save, reverse("leases:owners"))


@needs(POST)
@require_http_methods(["GET", "POST"])
def change_owner(request: HttpRequest, owner_id: int) -> HttpResponse:
    """Change what is known of an owner."""
    row = _own(request, Owner.objects.all(), owner_id, POST)
    names = [name for name in typed.OwnerForm.base_fields if name != "tax_id"]
    form = typed.OwnerForm(
        request.POST or None, initial={name: getattr(row, name) for name in names}
    )

    def save() -> None:
        terms.change_owner(row, actor=_person(request), **form.facts())

    return _form(request, f"Change {row}", form, save, reverse("leases:owner", args=[row.pk]))


@needs(POST)
@require_http_methods(["GET", "POST"])
def bank(request: HttpRequest, owner_id: int) -> HttpResponse:
    """Ask a second person to agree to where an owner is paid."""
    row = _own(request, Owner.objects.all(), owner_id, POST)
    form = typed.BankForm(request.POST or None)

    def save() -> None:
        terms.ask_owner_bank_change(row, asked_by=_person(request), **form.cleaned_data)

    back = reverse("leases:owner", args=[row.pk])
    said = "A second person is asked to agree; until then nothing changes."
    return _form(request, f"Bank details of {row}", form, save, back, said)


@needs(POST)
@require_http_methods(["GET", "POST"])
def move_out(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Note the day on which the tenants of a lease left."""
    row = _own(request, Lease.objects.all(), lease_id, POST)
    form = typed.MoveOutForm(request.POST or None)

    def save() -> None:
        terms.move_out(row, on=form.cleaned_data["on"], actor=_person(request))

    back = reverse("leases:lease", args=[row.pk])
    return _form(request, f"Move-out of lease {row.code}", form, save, back)


@needs(POST)
@require_http_methods(["GET", "POST"])
def address(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """Note where a tenant's refund goes."""
    row = _own(request, Tenant.objects.all(), tenant_id, POST)
    form = typed.AddressForm(request.POST or None, initial={"address": row.forwarding_address})
    latest = row.tenancies.order_by("-id").first()
    back = reverse("leases:lease", args=[latest.lease_id]) if latest else reverse("rent:leases")

    def save() -> None:
        terms.change_forwarding_address(
            row, address=form.cleaned_data["address"], actor=_person(request)
        )

    return _form(request, f"Address of {row}", form, save, back)


def _list(request: HttpRequest, title: str, template: str, rows: Any) -> HttpResponse:
    text = request.GET.get("q", "")[:100].strip()
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(code__icontains=text))
    found = list(rows.order_by("name", "id")[: SHOWN + 1])
    context = {
        "title": title,
        "rows": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "q": text,
        "may_post": roles.can(request.user, POST),
    }
    return render(request, template, context)


def _form(
    request: HttpRequest,
    title: str,
    form: forms.Form,
    save: Callable[[], None],
    back: str,
    said: str = "It is kept.",
) -> HttpResponse:
    """A form that calls one service; refused, it stands again as typed, with the reason."""
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                save()
        except (LeasesError, LedgerError) as refusal:
            reason = str(refusal)
            form.add_error(None, f"{reason[:1].upper()}{reason[1:]}.")
        else:
            messages.success(request, said)
            return redirect(back)
    context = {"title": title, "form": form, "back": back}
    return render(request, "leases/form.html", context, status=422 if form.errors else 200)


def _own(
    request: HttpRequest, rows: models.QuerySet[Row], row_id: int, permission: Permission
) -> Row:
    """A row of the person's companies; 404 for another's, 403 where the role does not reach."""
    entity_ids = roles.entity_ids(request.user)
    row = rows.filter(pk=row_id, entity__in=entity_ids).first()
    if row is None:
        raise Http404("There is no such row.")
    if not roles.can(request.user, permission, cast("Any", row).entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return row


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _noted(request: HttpRequest, verb: str, text: str, row: models.Model, entity_id: int) -> None:
    record(verb, text=text, subject=row, entity_id=entity_id, actor=_person(request))
