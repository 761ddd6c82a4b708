"""Housing subsidies: the agencies, what they pay for whom, their transfers and what differs."""

from django.contrib import messages
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from proptrust.lib.money import plain, usd
from receivables import services
from receivables.models import (
    HousingAgency,
    Subsidy,
    SubsidyLine,
    SubsidyRemittance,
    SubsidyVariance,
)
from receivables.rent_forms import AgencyForm, RemittanceForm, SubsidyForm
from receivables.types import NewSubsidyRemittance
from receivables.views import common

SHOWN = 100


@needs(Permission.READ_BOOKS)
@require_GET
def subsidies(request: HttpRequest) -> HttpResponse:
    """A company's agencies, its open differences, the last transfers and who is paid for."""
    entity = common.company_asked(request, Permission.READ_BOOKS)
    differing = SubsidyVariance.objects.filter(
        ~Q(expected=F("paid")), subsidy__agency__entity=entity, explanation=""
    )
    context = {
        "title": "Housing subsidies",
        "entity": entity,
        "companies": common.companies(request, Permission.READ_BOOKS),
        "agencies": HousingAgency.objects.filter(entity=entity),
        "remittances": SubsidyRemittance.objects.filter(entity=entity)
        .select_related("agency", "book")
        .order_by("-arrives_on", "-id")[:SHOWN],
        "subsidies": Subsidy.objects.filter(agency__entity=entity)
        .select_related("agency", "lease__unit__property")
        .order_by("agency__name", "tenant_code", "from_on")[:SHOWN],
        "differing": differing.select_related(
            "subsidy__agency", "subsidy__lease__unit__property"
        ).order_by("-month", "subsidy__tenant_code")[:SHOWN],
        "may_post": roles.can(common.person(request), Permission.POST, entity.pk),
    }
    return render(request, "receivables/subsidies.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def remittance(request: HttpRequest, remittance_id: int) -> HttpResponse:
    """One transfer with its lines: what each lease was paid, and what was taken back."""
    row = (
        SubsidyRemittance.objects.select_related("agency", "book", "made_by")
        .filter(pk=remittance_id)
        .first()
    )
    if row is None:
        raise Http404("There is no such transfer.")
    common.allow(request, row.entity_id, Permission.READ_BOOKS)
    lines = list(row.lines.select_related("lease__unit__property", "receipt").order_by("row"))
    variances = {
        each.subsidy.lease_id: each
        for each in SubsidyVariance.objects.filter(
            subsidy__agency=row.agency_id,
            month=row.month,
            subsidy__lease__in={line.lease_id for line in lines if line.lease_id},
        ).select_related("subsidy")
    }
    context = {
        "title": f"{row.agency} {row.number}",
        "row": row,
        "lines": [(line, variances.get(line.lease_id or 0)) for line in lines],
        "may_post": roles.can(common.person(request), Permission.POST, row.entity_id),
    }
    return render(request, "receivables/remittance.html", context)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def record_remittance(request: HttpRequest) -> HttpResponse:
    """Take an agency's list as a file or typed; it is recorded whole or refused whole."""
    entity = common.company_asked(request, Permission.POST)
    user = common.person(request)
    form = RemittanceForm(request.POST or None, request.FILES or None, entity=entity, user=user)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            row = services.record_subsidies(
                NewSubsidyRemittance(
                    agency_id=facts["agency"].pk,
                    book_id=facts["book"].pk,
                    number=facts["number"],
                    month=facts["month"],
                    arrives_on=facts["arrives_on"],
                    amount=usd(facts["amount"]),
                    lines=facts["lines"],
                ),
                made_by_id=user.pk,
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            if facts["file"]:
                HousingAgency.objects.filter(pk=row.agency_id).update(columns=form.columns())
            messages.success(request, f"{plain(row.amount)} from {row.agency} is recorded.")
            return redirect("rent:remittance", row.pk)
    back = f"{reverse('rent:subsidies')}?entity={entity.pk}"
    return common.form_page(request, "An agency's transfer", form, "Record", back, entity=entity)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def add_agency(request: HttpRequest) -> HttpResponse:
    """Name a housing agency."""
    entity = common.company_asked(request, Permission.POST)
    form = AgencyForm(request.POST or None)
    back = f"{reverse('rent:subsidies')}?entity={entity.pk}"
    if request.method == "POST" and form.is_valid():
        try:
            agency = services.create_agency(entity_id=entity.pk, name=form.cleaned_data["name"])
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{agency} is known now.")
            return redirect(back)
    return common.form_page(request, "A housing agency", form, "Add", back, entity=entity)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def add_subsidy(request: HttpRequest) -> HttpResponse:
    """Record what an agency pays every month for a lease."""
    entity = common.company_asked(request, Permission.POST)
    form = SubsidyForm(request.POST or None, entity=entity)
    back = f"{reverse('rent:subsidies')}?entity={entity.pk}"
    if request.method == "POST" and form.is_valid():
        facts = {**form.cleaned_data, "amount": usd(form.cleaned_data["amount"])}
        try:
            row = services.create_subsidy(**facts)
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            record(
                "add subsidy",
                text=f"{row} from {row.from_on:%b %-d, %Y}",
                subject=row,
                entity_id=entity.pk,
                actor=common.person(request),
            )
            messages.success(request, f"{row} is recorded.")
            return redirect(back)
    return common.form_page(request, "A subsidy", form, "Record", back, entity=entity)


@needs(Permission.POST)
@require_POST
def explain(request: HttpRequest, variance_id: int) -> HttpResponse:
    """Say why an agency paid another amount than was expected."""
    row = SubsidyVariance.objects.select_related("subsidy__agency").filter(pk=variance_id).first()
    if row is None:
        raise Http404("There is no such difference.")
    common.allow(request, row.subsidy.agency.entity_id, Permission.POST)
    try:
        services.explain_variance(
            row,
            explanation=request.POST.get("explanation", ""),
            actor_id=common.person(request).pk,
        )
    except common.REFUSALS as refusal:
        messages.warning(request, common.refusal_text(refusal))
    else:
        messages.success(request, "The difference is explained.")
    return redirect(f"{reverse('rent:subsidies')}?entity={row.subsidy.agency.entity_id}")


@needs(Permission.POST)
@require_POST
def bear(request: HttpRequest, line_id: int) -> HttpResponse:
    """Say who bears money taken back that no receipt answers: the owners or the company."""
    line = SubsidyLine.objects.select_related("remittance").filter(pk=line_id).first()
    if line is None:
        raise Http404("There is no such line.")
    common.allow(request, line.remittance.entity_id, Permission.POST)
    try:
        services.answer_recoupment(
            line,
            is_owners=request.POST.get("who") == "owners",
            on=line.remittance.arrives_on,
            actor_id=common.person(request).pk,
        )
    except common.REFUSALS as refusal:
        messages.warning(request, common.refusal_text(refusal))
    else:
        messages.success(request, "It is posted.")
    return redirect("rent:remittance", line.remittance_id)
