"""Vendors: the list, one of them, and what is changed about them."""

from django.contrib import messages
from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk.roles import Permission
from desk.views import needs
from payables import services
from payables.forms import BankForm, FileForm, VendorForm
from payables.models import Bill, Vendor
from payables.pages.common import REFUSALS, SHOWN, done, may, own, person, refusals_told


@needs(Permission.READ_BOOKS)
@require_GET
def vendors(request: HttpRequest) -> HttpResponse:
    """Every vendor with what is owed to them, and what keeps them from being paid."""
    allowed = roles.entity_ids(request.user, Permission.READ_BOOKS)
    rows = Vendor.objects.filter(entity__in=allowed).order_by("name", "id")
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(Q(name__icontains=text) | Q(code__icontains=text))
    payable = Q(bills__state__in=Bill.PAYABLE, bills__is_credit=False)
    found = list(
        rows.annotate(
            open_bills=Count("bills", filter=payable, distinct=True),
            open_sum=Sum(F("bills__lines__amount") - F("bills__lines__paid"), filter=payable),
        )[: SHOWN + 1]
    )
    context = {
        "title": "Vendors",
        "vendors": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "q": text,
        "today": timezone.localdate(),
        "may_post": roles.can(request.user, Permission.POST),
    }
    return render(request, "payables/vendors.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def vendor(request: HttpRequest, vendor_id: int) -> HttpResponse:
    """One vendor: bills, work orders, where they are paid, and who agreed to it."""
    row = own(request, Vendor.objects.select_related("w9", "entity").defer("w9__body"), vendor_id)
    today = timezone.localdate()
    context = {
        "title": row.name,
        "vendor": row,
        "in_use": services.usable_details([row.pk], today).get(row.pk),
        "changes": row.bank_changes.select_related("asked_by", "decided_by")[:10],
        "bills": row.bills.order_by("-dated_on", "-id")[:30],
        "work_orders": row.work_orders.select_related("property").order_by("-id")[:20],
        "bank_form": BankForm(),
        "file_form": FileForm(),
        "today": today,
        **may(request, row.entity_id),
    }
    return render(request, "payables/vendor.html", context)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add a vendor."""
    form = VendorForm(request.POST or None, user=person(request))
    if request.method == "POST" and form.is_valid():
        facts = form.facts()
        entity = facts.pop("entity")
        try:
            row = services.create_vendor(entity_id=entity.pk, actor_id=person(request).pk, **facts)
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{row} is added. Ask for bank details below, if by ACH.")
            return redirect("payables:vendor", row.pk)
    context = {"title": "New vendor", "form": form, "button": "Add the vendor"}
    return render(request, "payables/form.html", context)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, vendor_id: int) -> HttpResponse:
    """Change what is known of a vendor."""
    row = own(request, Vendor.objects.all(), vendor_id, Permission.POST)
    form = VendorForm(request.POST or None, user=person(request), vendor=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_vendor(row, actor_id=person(request).pk, **form.facts())
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{row} is changed.")
            return redirect("payables:vendor", row.pk)
    context = {"title": f"Change {row}", "form": form, "button": "Save"}
    return render(request, "payables/form.html", context)


@needs(Permission.POST)
@require_POST
def w9(request: HttpRequest, vendor_id: int) -> HttpResponse:
    """Keep a vendor's W-9."""
    row = own(request, Vendor.objects.all(), vendor_id, Permission.POST)
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.warning(request, "Choose the file of the W-9.")
        return redirect("payables:vendor", row.pk)
    name, body = form.cleaned_data["file"]
    with refusals_told(request):
        kept = services.keep_document(
            entity_id=row.entity_id, name=name, body=body, made_by_id=person(request).pk
        )
        services.change_vendor(row, actor_id=person(request).pk, w9=kept)
        messages.success(request, "The W-9 is kept. Say on the vendor that it was looked at.")
    return redirect("payables:vendor", row.pk)


@needs(Permission.POST)
@require_POST
def bank(request: HttpRequest, vendor_id: int) -> HttpResponse:
    """Ask a second person to agree to bank details."""
    row = own(request, Vendor.objects.all(), vendor_id, Permission.POST)
    form = BankForm(request.POST)
    if not form.is_valid():
        messages.warning(request, "Give routing and account number, and the call.")
        return redirect("payables:vendor", row.pk)
    return done(
        request,
        lambda: services.ask_bank_change(row, asked_by=person(request), **form.cleaned_data),
        "A second person is asked to agree; until then nothing changes.",
        "payables:vendor",
        row.pk,
    )
