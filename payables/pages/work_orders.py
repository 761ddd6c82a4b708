"""Work orders: the list, one with its chain, and its steps."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk.roles import Permission
from desk.views import needs
from payables import services
from payables.forms import WorkOrderForm
from payables.models import WorkOrder
from payables.pages.common import REFUSALS, SHOWN, done, may, own, person
from proptrust.lib.money import usd


@needs(Permission.READ_BOOKS)
@require_GET
def work_orders(request: HttpRequest) -> HttpResponse:
    """Work orders, the newest first, by state."""
    allowed = roles.entity_ids(request.user, Permission.READ_BOOKS)
    rows = WorkOrder.objects.filter(entity__in=allowed).select_related("vendor", "property", "unit")
    state = request.GET.get("state", "")
    if state in WorkOrder.State.values:
        rows = rows.filter(state=state)
    found = list(rows.order_by("-id")[: SHOWN + 1])
    context = {
        "title": "Work orders",
        "work_orders": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "states": WorkOrder.State.choices,
        "state": state,
        "may_approve": roles.can(request.user, Permission.APPROVE),
    }
    return render(request, "payables/work_orders.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def work_order(request: HttpRequest, work_order_id: int) -> HttpResponse:
    """One work order: its chain from the request to the bank, and who took it how far."""
    rows = WorkOrder.objects.select_related("vendor", "property", "unit__property", "entity")
    row = own(request, rows, work_order_id)
    context = {
        "title": f"WO-{row.pk}",
        "work_order": row,
        "steps": row.steps.select_related("made_by"),
        "bills": row.bills.select_related("vendor").order_by("id"),
        **may(request, row.entity_id),
    }
    return render(request, "payables/work_order.html", context)


@needs(Permission.APPROVE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask a vendor for work."""
    form = WorkOrderForm(request.POST or None, user=person(request))
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            row = services.create_work_order(
                entity_id=facts["property"].entity_id,
                key=facts["key"],
                property_=facts["property"],
                vendor=facts["vendor"],
                unit=facts["unit"],
                title=facts["title"],
                description=facts["description"],
                estimate=usd(facts["estimate"]) if facts["estimate"] else None,
                actor_id=person(request).pk,
            )
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{row} is made.")
            return redirect("payables:work_order", row.pk)
    context = {"title": "New work order", "form": form, "button": "Make the work order"}
    return render(request, "payables/form.html", context)


@needs(Permission.APPROVE)
@require_POST
def act(request: HttpRequest, work_order_id: int) -> HttpResponse:
    """Take a work order a step on, or cancel it."""
    row = own(request, WorkOrder.objects.all(), work_order_id, Permission.APPROVE)
    actor_id = person(request).pk
    ways = {
        "approve": (lambda: services.approve_work_order(row, actor_id=actor_id), "Approved."),
        "complete": (lambda: services.complete_work_order(row, actor_id=actor_id), "Completed."),
        "cancel": (
            lambda: services.cancel_work_order(
                row, reason=request.POST.get("reason", ""), actor_id=actor_id
            ),
            "Cancelled.",
        ),
    }
    way = ways.get(request.POST.get("do", ""))
    if way is None:
        messages.warning(request, "Choose what to do.")
        return redirect("payables:work_order", row.pk)
    return done(request, way[0], way[1], "payables:work_order", row.pk)
