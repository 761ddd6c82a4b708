"""Bills: the list, entering one with its split, one of them, and what is decided about it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from leases.models import Property
from payables import queries, services
from payables.errors import WrongState
from payables.forms import BillForm, EvidenceForm
from payables.models import Bill, Document, OwnerApproval, Vendor, WorkOrder
from payables.pages.common import REFUSALS, SHOWN, done, may, own, person, refusals_told, shown
from payables.types import NewBill

_POSTING = frozenset({"answer", "cancel", "ask_owners", "answer_owner", "link"})


@needs(Permission.READ_BOOKS)
@require_GET
def bills(request: HttpRequest) -> HttpResponse:
    """Bills by state, those due first on top."""
    allowed = roles.entity_ids(request.user, Permission.READ_BOOKS)
    rows = Bill.objects.filter(entity__in=allowed).select_related("vendor", "work_order")
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    if state in Bill.State.values:
        rows = rows.filter(state=state)
    if text:
        rows = rows.filter(number__icontains=text) | rows.filter(vendor__name__icontains=text)
    paid = Sum("lines__paid")
    found = list(rows.annotate(paid_sum=paid).order_by("-dated_on", "-id")[: SHOWN + 1])
    context = {
        "title": "Bills",
        "bills": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "states": Bill.State.choices,
        "state": state,
        "q": text,
        "may_post": roles.can(request.user, Permission.POST),
    }
    return render(request, "payables/bills.html", context)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Enter a bill: its file, its facts, and its split, which can be looked at first."""
    form = BillForm(
        request.POST or None, request.FILES or None, user=person(request), initial=_from(request)
    )
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        return _written(
            request, form, lambda new: services.enter_bill(new, actor_id=person(request).pk)
        )
    return _bill_form(request, form, "New bill")


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, vendor_bill_id: int) -> HttpResponse:
    """Correct a bill that is not approved."""
    row = own(request, Bill.objects.all(), vendor_bill_id, Permission.POST)
    form = BillForm(request.POST or None, request.FILES or None, user=person(request), bill=row)
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        return _written(
            request, form, lambda new: services.change_bill(row, new, actor_id=person(request).pk)
        )
    return _bill_form(request, form, f"Change {row}")


def _from(request: HttpRequest) -> dict[str, object]:
    """What the address says already: the work order that a bill is for, or its vendor."""
    found: dict[str, object] = {}
    work_order_id = number(request.GET.get("work_order", ""))
    order = (
        WorkOrder.objects.filter(
            pk=work_order_id, entity__in=roles.entity_ids(request.user, Permission.POST)
        )
        .select_related("property")
        .first()
        if work_order_id
        else None
    )
    if order is not None:
        found = {"work_order": order.pk, "vendor": order.vendor_id, "rows": order.property.code}
        found |= {"way": "weights", "rows": f"{order.property.code}\t1"}
        if order.estimate is not None:
            found["amount"] = order.estimate.amount
    return found


def _bill_form(request: HttpRequest, form: BillForm, title: str) -> HttpResponse:
    preview = []
    if form.is_bound and form.is_valid():
        lines = form.cleaned_data["lines"]
        names = Property.objects.in_bulk({line.property_id for line in lines})
        preview = [(names[line.property_id], line) for line in lines]
    context = {"title": title, "form": form, "button": "Enter the bill", "preview": preview}
    return render(request, "payables/bill_form.html", context)


def _written(
    request: HttpRequest, form: BillForm, write: Callable[[NewBill], Bill]
) -> HttpResponse:
    try:
        row = write(form.new_bill(_document(request, form)))
    except REFUSALS as refused:
        form.add_error(None, str(refused))
        return _bill_form(request, form, "Bill")
    messages.success(request, f"{row} waits for approval.")
    return redirect("payables:bill", row.pk)


def _document(request: HttpRequest, form: BillForm) -> int | None:
    given = form.cleaned_data["file"]
    if given is None:
        return form.bill.document_id if form.bill else None
    kept = services.keep_document(
        entity_id=form.cleaned_data["vendor"].entity_id,
        name=given[0],
        body=given[1],
        made_by_id=person(request).pk,
    )
    return kept.pk


@needs(Permission.READ_BOOKS)
@require_GET
def bill(request: HttpRequest, vendor_bill_id: int) -> HttpResponse:
    """One bill: its lines with what paid them, the owners' word, its history, what can be done."""
    rows = Bill.objects.select_related(
        "vendor", "entity", "work_order", "document", "made_by", "approved_by"
    ).defer("document__body")
    row = own(request, rows, vendor_bill_id)
    needs_ = queries.owner_needs([row.pk])
    places = Property.objects.in_bulk({need.property_id for need in needs_})
    missing = [need.property_id for need in needs_ if not need.is_approved]
    is_open = row.state in Bill.OPEN_TO_CHANGE
    context = {
        "title": str(row),
        "bill": row,
        "lines": row.lines.select_related("property", "unit").prefetch_related(
            "payments__payment", "payments__credit__bill"
        ),
        "paid": row.lines.aggregate(paid=Sum("paid"))["paid"],
        "needs": [(need, places[need.property_id]) for need in needs_],
        "missing": missing,
        "owner_approvals": row.owner_approvals.select_related(
            "owner", "property", "evidence_file"
        ).defer("evidence_file__body"),
        "like": queries.like_bills(row) if is_open else [],
        "steps": row.steps.select_related("made_by"),
        "is_open": is_open,
        "is_own": row.made_by_id == person(request).pk,
        "evidence_form": EvidenceForm(properties=missing) if missing else None,
        **may(request, row.entity_id),
    }
    return render(request, "payables/bill.html", context)


@needs(Permission.READ_BOOKS)
@require_POST
def act(request: HttpRequest, vendor_bill_id: int) -> HttpResponse:
    """Do one thing with a bill, and go back to where the button was."""
    row = own(request, Bill.objects.select_related("vendor"), vendor_bill_id)
    to, args = (
        ("payables:approvals", ()) if "inbox" in request.POST else ("payables:bill", (row.pk,))
    )
    what = request.POST.get("do", "")
    ways = _ways(request, row)
    if what not in ways:
        messages.warning(request, "Choose what to do.")
        return redirect(to, *args)
    permission = Permission.APPROVE
    if what in _POSTING and roles.can(request.user, Permission.POST, row.entity_id):
        permission = Permission.POST
    if not roles.can(request.user, permission, row.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    service, said = ways[what]
    return done(request, service, said, to, *args)


def _ways(request: HttpRequest, row: Bill) -> dict[str, tuple[Callable[[], object], str]]:
    actor_id, text = person(request).pk, request.POST.get("text", "")
    return {
        "approve": (lambda: services.approve_bill(row, actor_id=actor_id), f"{row} is approved."),
        "reject": (
            lambda: services.reject_bill(row, reason=text, actor_id=actor_id),
            f"{row} is rejected.",
        ),
        "ask": (
            lambda: services.question_bill(row, question=text, actor_id=actor_id),
            f"The question about {row} is asked.",
        ),
        "answer": (
            lambda: services.answer_bill(row, answer=text, actor_id=actor_id),
            f"{row} waits for approval again.",
        ),
        "cancel": (
            lambda: services.cancel_bill(row, reason=text, actor_id=actor_id),
            f"{row} is cancelled.",
        ),
        "ask_owners": (
            lambda: services.ask_owners(row, actor_id=actor_id),
            "The owners are asked by e-mail.",
        ),
        "answer_owner": (
            lambda: services.answer_owner(_asked(row, request), answer=text, actor_id=actor_id),
            "The owner is answered, with a new link.",
        ),
        "emergency": (
            lambda: services.declare_emergency(row, reason=text, actor_id=actor_id),
            "It may be paid before the owner is asked.",
        ),
        "twice": (
            lambda: services.release(
                row, kind="bill_entered_twice", reason=text, actor_id=actor_id
            ),
            "Both bills are owed: it can be approved.",
        ),
        "split": (
            lambda: services.release(
                row, kind="bills_split_below_threshold", reason=text, actor_id=actor_id
            ),
            "It is work of its own: the owner need not be asked.",
        ),
    }


def _asked(row: Bill, request: HttpRequest) -> OwnerApproval:
    pk = number(request.POST.get("owner_approval", "")) or 0
    found = row.owner_approvals.filter(pk=pk).first()
    if found is None:
        raise WrongState("No owner has asked this.")
    return found


@needs(Permission.APPROVE)
@require_POST
def record_owner(request: HttpRequest, vendor_bill_id: int) -> HttpResponse:
    """Record an owner's approval with its evidence; a second person is asked to confirm it."""
    row = own(request, Bill.objects.all(), vendor_bill_id, Permission.APPROVE)
    places = list(row.lines.values_list("property", flat=True))
    form = EvidenceForm(request.POST, request.FILES, properties=places)
    if not form.is_valid():
        messages.warning(request, "Say which owner approved it, when, and how.")
        return redirect("payables:bill", row.pk)
    facts = form.cleaned_data
    with refusals_told(request):
        kept = None
        if facts["file"] is not None:
            name, body = facts["file"]
            kept = services.keep_document(
                entity_id=row.entity_id, name=name, body=body, made_by_id=person(request).pk
            )
        services.record_owner_approval(
            row,
            property_=facts["property"],
            owner=facts["owner"],
            evidence=facts["evidence"],
            evidence_file=kept,
            recorded_by=person(request),
        )
        messages.success(request, "Recorded; a second person is asked to confirm the evidence.")
    return redirect("payables:bill", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def document(request: HttpRequest, document_id: int) -> HttpResponse:
    """A file that somebody gave us; a W-9 only for those who need it to pay."""
    is_w9 = Vendor.objects.filter(w9=document_id).exists()
    permission = Permission.POST if is_w9 else Permission.READ_BOOKS
    return shown(own(request, Document.objects.all(), document_id, permission))
