"""The property manager's inbox: bills to approve, reject or ask about, one by one or together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from desk import roles
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from leases.models import OwnershipShare
from payables import queries, services
from payables.models import Bill, BillLine
from payables.pages.common import REFUSALS, SHOWN, person
from payables.services.bills import TWICE
from payables.types import LikeBill, OwnerNeed
from proptrust.lib.money import total


@needs(Permission.APPROVE)
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for approval: amount, property, owners, vendor, evidence; the first due on top."""
    found = _waiting(request)
    context = {
        "title": "Bills to approve",
        "rows": _rows(request, found[:SHOWN]),
        "total": total(bill.amount for bill in found if not bill.is_credit),
        "count": len(found),
        "left_out": max(0, len(found) - SHOWN),
    }
    return render(request, "payables/approvals.html", context)


@needs(Permission.APPROVE)
@require_POST
def together(request: HttpRequest) -> HttpResponse:
    """Approve the ticked bills: first what would be done, then, confirmed, each by itself."""
    ticked = {pk for text in request.POST.getlist("tick") if (pk := number(text))}
    chosen = [bill for bill in _waiting(request) if bill.pk in ticked]
    if not chosen:
        messages.warning(request, "Tick the bills first.")
        return redirect("payables:approvals")
    if "confirmed" not in request.POST:
        rows = _rows(request, chosen)
        can = [row for row in rows if not row["why_not"]]
        context = {
            "title": "Approve together",
            "rows": can,
            "left_out": [row for row in rows if row["why_not"]],
            "total": total(row["bill"].amount for row in can if not row["bill"].is_credit),
        }
        return render(request, "payables/together.html", context)
    approved = 0
    for bill in chosen:
        try:
            services.approve_bill(bill, actor_id=person(request).pk)
            approved += 1
        except REFUSALS as refused:
            messages.warning(request, f"{bill}: {refused}")
    if approved:
        messages.success(request, f"{approved} bill{'' if approved == 1 else 's'} approved.")
    return redirect("payables:approvals")


def _waiting(request: HttpRequest) -> list[Bill]:
    lines = BillLine.objects.select_related("property", "unit").order_by("position")
    shares = OwnershipShare.objects.filter(until_on__isnull=True).select_related("owner")
    return list(
        queries.bills_to_decide(
            roles.entity_ids(request.user, Permission.APPROVE)
        ).prefetch_related(
            Prefetch("lines", queryset=lines),
            Prefetch("lines__property__shares", queryset=shares),
            "owner_approvals",
            "releases",
        )
    )


def _rows(request: HttpRequest, bills: list[Bill]) -> list[dict[str, Any]]:
    needs_of: dict[int, list[OwnerNeed]] = defaultdict(list)
    for need in queries.owner_needs([bill.pk for bill in bills]):
        needs_of[need.bill_id].append(need)
    like = queries.like_bills_of(bills)
    return [_row(request, bill, needs_of[bill.pk], like.get(bill.pk, [])) for bill in bills]


def _row(
    request: HttpRequest, bill: Bill, needed: list[OwnerNeed], like: list[LikeBill]
) -> dict[str, Any]:
    lines = list(bill.lines.all())
    owners = dict.fromkeys(
        share.owner.name for line in lines for share in line.property.shares.all()
    )
    released = any(release.kind == TWICE for release in bill.releases.all())
    is_own = bill.made_by_id is not None and bill.made_by_id == person(request).pk
    return {
        "bill": bill,
        "lines": lines,
        "places": list(dict.fromkeys(line.property.name for line in lines)),
        "owners": list(owners),
        "needs": [need for need in needed if not need.is_approved],
        "has_word": any(need.is_approved for need in needed),
        "why_not": "You entered it; another person approves it." if is_own else "",
        "like": [] if released else like,
    }
