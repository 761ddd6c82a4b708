"""The leases with what they owe, one lease's account, and what people do there."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from leases.models import Lease
from proptrust.lib.money import plain, usd
from receivables import browsing, services
from receivables.models import Charge, Credit, Receipt
from receivables.rent_forms import ChargeForm, CreditForm, MoveForm, ReceiveForm, WhyForm
from receivables.services.credits import credited
from receivables.services.keys import joined
from receivables.types import NewReceipt
from receivables.views import common


@needs(Permission.READ_BOOKS)
@require_GET
def leases(request: HttpRequest) -> HttpResponse:
    """A company's leases by code: what each owes, what it has paid ahead, since when it is late."""
    entity = common.company_asked(request, Permission.READ_BOOKS)
    show = request.GET.get("show", "")
    show = show if show in browsing.SHOWS else "running"
    text = request.GET.get("q", "")[:100]
    page = browsing.lease_page(
        entity.pk,
        show=show,
        text=text,
        after=request.GET.get("after", "")[:40],
        before=request.GET.get("before", "")[:40],
    )
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    base = f"?{query.urlencode()}&" if query else "?"
    context = {
        "title": "Leases",
        "page": page,
        "entity": entity,
        "companies": common.companies(request, Permission.READ_BOOKS),
        "show": show,
        "shows": browsing.SHOWS.items(),
        "text": text,
        "base": base,
        "is_filtered": bool(text) or show != "running",
    }
    return render(request, "receivables/leases.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def account(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Everything that a lease was charged, let off and paid, with the balance after each."""
    lease = common.lease_of(request, lease_id, Permission.READ_BOOKS)
    context = {
        "title": f"Lease {lease.code}",
        "lease": lease,
        "tenancies": list(lease.tenancies.select_related("tenant").order_by("id")),
        "account": browsing.lease_account(lease),
        "may_post": roles.can(common.person(request), Permission.POST, lease.entity_id),
    }
    return render(request, "receivables/account.html", context)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def add_charge(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Charge a lease for something besides its monthly charges."""
    lease = common.lease_of(request, lease_id, Permission.POST)
    form = ChargeForm(request.POST or None, initial={"nonce": common.nonce()})
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            charge = services.add_charge(
                lease=lease,
                kind=facts["kind"],
                amount=usd(facts["amount"]),
                due_on=facts["due_on"],
                key=f"typed:{lease.pk}:{facts['nonce']}",
                memo=facts["memo"],
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            record(
                "add charge",
                text=f"Charged lease {lease.code} {plain(charge.amount)}",
                subject=charge,
                entity_id=lease.entity_id,
                actor=common.person(request),
            )
            messages.success(request, f"{charge} is charged.")
            return _to_account(lease)
    return _form(request, f"Charge lease {lease.code}", form, "Charge", lease)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Record a check, a money order or a wire for a lease."""
    lease = common.lease_of(request, lease_id, Permission.POST)
    form = ReceiveForm(request.POST or None, lease=lease, initial={"nonce": common.nonce()})
    if request.method == "POST" and form.is_valid():
        try:
            receipt = services.record_receipt(
                _new_receipt(lease, form), posted_by_id=common.person(request).pk
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{plain(receipt.gross)} is recorded.")
            return _to_account(lease)
    return _form(request, f"Money for lease {lease.code}", form, "Record", lease)


def _new_receipt(lease: Lease, form: ReceiveForm) -> NewReceipt:
    """The same number from the same payer is the same check; a wire is what one form says once."""
    facts = form.cleaned_data
    book_id, channel = lease.unit.property.rent_book_id, facts["channel"]
    is_wire = channel == Receipt.Channel.WIRE
    payer = " ".join(facts["payer"].lower().split())
    return NewReceipt(
        entity_id=lease.entity_id,
        key=f"wire:typed:{lease.pk}:{facts['nonce']}"
        if is_wire
        else joined(f"{channel}:{book_id}", facts["number"], payer),
        channel=channel,
        into=Receipt.Into.BANK if is_wire else Receipt.Into.UNDEPOSITED,
        gross=usd(facts["amount"]),
        received_on=facts["received_on"],
        book_id=book_id,
        lease_id=lease.pk,
        tenant_id=int(facts["tenant"]) if facts["tenant"] else None,
        payer=facts["payer"],
        number=facts["number"],
        memo=facts["memo"],
        matched_by={"chosen by a person": 0},
    )


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def let_off(request: HttpRequest, charge_id: int) -> HttpResponse:
    """Waive a charge or a part of it, for a reason."""
    charge = common.charge_of(request, charge_id, Permission.POST)
    left = charge.amount - credited(charge)
    form = CreditForm(
        request.POST or None, charge=charge, left=left, initial={"nonce": common.nonce()}
    )
    if request.method == "POST" and form.is_valid():
        try:
            credit = _credit(request, charge, form)
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{credit} is given.")
            return _to_account(charge.lease)
    return _form(request, f"Let off: {charge}", form, "Let off", charge.lease)


def _credit(request: HttpRequest, charge: Charge, form: CreditForm) -> Credit:
    facts = form.cleaned_data
    return services.give_credit(
        charge,
        facts["amount"],
        kind=facts["kind"],
        reason=facts["reason"],
        key=f"typed:{charge.pk}:{facts['nonce']}",
        actor_id=common.person(request).pk,
    )


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def undo_credit(request: HttpRequest, credit_id: int) -> HttpResponse:
    """Take a credit back; the charge is owed again."""
    credit = common.credit_of(request, credit_id, Permission.POST)
    lease = credit.charge.lease
    form = WhyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.undo_credit(
                credit, why=form.cleaned_data["why"], actor_id=common.person(request).pk
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{credit} is taken back.")
            return _to_account(lease)
    return _form(request, f"Take back: {credit}", form, "Take it back", lease)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, receipt_id: int) -> HttpResponse:
    """Take out a receipt that was recorded by mistake."""
    receipt = common.receipt_of(request, receipt_id, Permission.POST)
    form = WhyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.cancel_receipt(
                receipt, why=form.cleaned_data["why"], actor_id=common.person(request).pk
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{receipt} is taken out.")
            return _back(receipt)
    title = f"Recorded by mistake: {receipt}"
    return common.form_page(request, title, form, "Take it out", _back_url(receipt))


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, receipt_id: int) -> HttpResponse:
    """Move a receipt to another lease: first what it would do, then it is done."""
    receipt = common.receipt_of(request, receipt_id, Permission.POST)
    asked = request.POST or (request.GET if "why" in request.GET else None)
    form = MoveForm(asked, entity_id=receipt.entity_id, initial={"to": request.GET.get("to", "")})
    preview, to = None, None
    if asked is not None and form.is_valid():
        to = form.cleaned_data["to"]
        try:
            if request.method == "POST" and _is_as_shown(request, receipt):
                return _moved(request, receipt, to, form.cleaned_data["why"])
            preview = services.preview_move(receipt, to)
            if request.method == "POST":
                form.add_error(None, "Somebody has moved it since: look at what it does now.")
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
    context = {
        "title": f"Move {receipt}",
        "receipt": receipt,
        "form": form,
        "preview": preview,
        "to": to,
        "back": _back_url(receipt),
    }
    status = 422 if form.errors else 200
    return render(request, "receivables/move.html", context, status=status)


def _is_as_shown(request: HttpRequest, receipt: Receipt) -> bool:
    """Whether a receipt is still with the lease that the preview was shown for."""
    return request.POST.get("from", str(receipt.lease_id)) == str(receipt.lease_id)


def _moved(request: HttpRequest, receipt: Receipt, to: Lease, why: str) -> HttpResponse:
    services.move_receipt(receipt, to, why=why, actor_id=common.person(request).pk)
    messages.success(request, f"{plain(receipt.gross)} is moved to lease {to.code}.")
    return _to_account(to)


@needs(Permission.POST)
@require_POST
def name_payer(request: HttpRequest, receipt_id: int) -> HttpResponse:
    """Say which of the roommates paid; empty: none of them in particular."""
    receipt = common.receipt_of(request, receipt_id, Permission.POST)
    chosen = request.POST.get("tenant", "")
    try:
        services.name_payer(receipt, tenant_id=int(chosen) if chosen.isdecimal() else None)
    except common.REFUSALS as refusal:
        messages.warning(request, common.refusal_text(refusal))
    else:
        messages.success(request, "Who paid is noted.")
    return _back(receipt)


def _form(
    request: HttpRequest, title: str, form: object, button: str, lease: Lease
) -> HttpResponse:
    back = reverse("rent:account", args=[lease.pk])
    return common.form_page(request, title, form, button, back)


def _to_account(lease: Lease) -> HttpResponse:
    return redirect("rent:account", lease.pk)


def _back(receipt: Receipt) -> HttpResponse:
    return redirect(_back_url(receipt))


def _back_url(receipt: Receipt) -> str:
    if receipt.lease_id is None:
        return reverse("rent:leases")
    return reverse("rent:account", args=[receipt.lease_id])
