"""Pay bills: pick them, see what it does to each owner, send."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from desk import roles
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from payables import queries, services
from payables.errors import PayablesError
from payables.models import Bill
from payables.pages.common import REFUSALS, SHOWN, person
from payments.models import Payment
from proptrust.lib.money import plain, usd

_METHODS = [
    ("", "As each vendor is paid"),
    (Payment.Method.CHECK.value, "All by check"),
    (Payment.Method.ACH.value, "All by ACH"),
]


@needs(Permission.POST)
@require_GET
def pay(request: HttpRequest) -> HttpResponse:
    """Approved bills to pick; with some picked, what paying them would do."""
    allowed = roles.entity_ids(request.user, Permission.POST)
    found = list(queries.bills_to_pay(allowed)[: SHOWN + 1])
    picked = [pk for text in request.GET.getlist("bill") if (pk := number(text))]
    on, method = _day(request.GET.get("on", "")), request.GET.get("method", "")
    context = {
        "title": "Pay bills",
        "bills": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "picked": picked,
        "on": on,
        "method": method,
        "methods": _METHODS,
        "today": timezone.localdate(),
    }
    if picked:
        chosen = Bill.objects.filter(pk__in=picked, entity__in=allowed)
        by_entity: dict[int, list[int]] = {}
        for pk, entity_id in chosen.order_by("pk").values_list("pk", "entity_id"):
            by_entity.setdefault(entity_id, []).append(pk)
        try:
            context["plans"] = [
                (entity_id, services.plan_payments(entity_id, ids, on=on, method=method), ids)
                for entity_id, ids in by_entity.items()
            ]
        except REFUSALS as refused:
            messages.warning(request, str(refused))
    return render(request, "payables/pay.html", context)


@needs(Permission.POST)
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Make the payments that were looked at; other figures than those make none."""
    entity_id = number(request.POST.get("entity", "")) or 0
    if not roles.can(request.user, Permission.POST, entity_id):
        raise PermissionDenied(f"Your role does not let you {Permission.POST}.")
    try:
        paid = services.pay_bills(
            entity_id=entity_id,
            bill_ids=[pk for text in request.POST.getlist("bill") if (pk := number(text))],
            on=_day(request.POST.get("on", "")),
            method=request.POST.get("method", ""),
            expected=usd(_figure(request.POST.get("expected", ""))),
            actor_id=person(request).pk,
        )
    except REFUSALS as refused:
        messages.warning(request, str(refused))
        return redirect("payables:pay")
    many = len(paid.payment_ids)
    said = f"{many} payment{'' if many == 1 else 's'} of {plain(paid.total)} made."
    if paid.waiting:
        said += f" {len(paid.waiting)} lines wait."
    messages.success(request, said)
    return redirect("payables:pay")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return timezone.localdate()


def _figure(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise PayablesError("The form is incomplete; look at the payments again.") from None
